"""A person is forgotten: everywhere but in Teams and the LMS, and the evidence stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from component_http import operate
from component_http.erase import COUNTED
from shared import evidence
from shared.errors import Invalid
from shared.keys import component_key, partition
from shared.model import ComponentId
from shared.persons import PersonRow
from shared.table import Row, rows
from tests.flows.world import ENTRA, LEARNER, TENANT, TUTOR, World

MANAGER = {"email": "manager@work.example", "name": "M. Anager"}


def erase(world: World, address: str) -> dict[str, Any]:
    reply = operate.TENANT_ACTS["erase"](
        world.ports, TENANT, json.dumps({"email": address}).encode()
    )
    assert reply.status == (202 if reply.body["left"] else 200)
    assert list(reply.body) == list(COUNTED)
    body: dict[str, Any] = reply.body
    return body


def stored(world: World) -> list[Row]:
    return list(rows(world.table, partition(world.tenant), "", "\x7f"))


def mentions(world: World, *texts: str) -> list[str]:
    """Keys of the rows in which one of *texts* stands."""
    return [
        row.key
        for row in stored(world)
        if any(text.casefold() in (row.key + row.text).casefold() for text in texts)
    ]


def verified(**component: Any) -> World:
    """A world on the morning after a meeting that everybody came to."""
    world = World()
    world.save(**component)
    hold(world)
    world.night()
    return world


def hold(world: World, learner: str = LEARNER["email"]) -> None:
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    people: list[Any] = [
        (TUTOR["email"], [(0, 60)]),
        ({"foreign": "L", "email": learner}, [(0, 60)]),
    ]
    world.graph.attendance.hold(world.event, people)
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)


def texts_of_evidence(world: World) -> list[str]:
    return world.ports.store.evidence(world.tenant, component_key(ComponentId("C-1")))


def test_before_anybody_is_erased_only_a_few_kinds_of_rows_name_them() -> None:
    """And no row key does, nor any line of history or evidence."""
    world = verified(kind="review", employerCanView=True, manager=MANAGER)
    kinds = {key.split("|")[0] for key in mentions(world, LEARNER["email"], TUTOR["email"])}
    assert kinds <= {"component", "ahead", "open", "due", "person", "organizer"}
    assert not [row.key for row in stored(world) if "@" in row.key]


def test_a_learner_whose_meeting_is_over_is_forgotten_and_the_evidence_stands() -> None:
    world = verified()
    before, digest = texts_of_evidence(world), world.show()["evidence"][-1]["sha256"]
    hours = world.hours()
    counts = erase(world, LEARNER["email"])
    assert (counts["people"], counts["components"], counts["ahead"]) == (1, 1, 0)
    assert mentions(world, LEARNER["email"], LEARNER["name"]) == []
    assert texts_of_evidence(world) == before
    assert world.show()["evidence"][-1]["sha256"] == digest
    assert evidence.sha256(json.loads(before[-1])) == digest
    assert world.show()["state"] == "verified"
    assert world.show()["history"][-1]["what"] == "erased"
    assert world.hours() == hours


def test_the_row_that_evidence_names_is_emptied_and_stays() -> None:
    world = verified()
    (key,) = [k for k in mentions(world, LEARNER["email"]) if k.startswith("person|")]
    assert key.removeprefix("person|") in texts_of_evidence(world)[-1]
    erase(world, LEARNER["email"])
    held = world.ports.store.read(partition(world.tenant), key, PersonRow)
    assert held is not None
    assert held.value == PersonRow()


def test_the_address_may_be_given_in_any_case() -> None:
    world = verified()
    erase(world, f" {LEARNER['email'].upper()} ")
    assert mentions(world, LEARNER["email"]) == []


def test_an_owner_is_forgotten_under_all_their_names() -> None:
    """The directory knows them by another address than the LMS does; that one goes too."""
    world = World()
    world.graph.add_user(ENTRA, "new.tutor@college.example", mail="n.tutor@college.example")
    world.save(owner={"email": "n.tutor@college.example", "name": "N. Tutor"})
    assert mentions(world, "new.tutor@college.example")
    counts = erase(world, "new.tutor@college.example")
    assert counts["organizers"] == 1
    assert mentions(world, "new.tutor@", "n.tutor@", "N. Tutor") == []


def test_object_ids_lead_from_one_address_to_another() -> None:
    oid = "11111111-0000-4000-8000-0000000000aa"
    world = World()
    world.save("C-1", learner={**LEARNER, "entraId": oid})
    world.save("C-2", learner={"email": "married@work.example", "name": "L. Other", "entraId": oid})
    world.save("C-3", learner={"email": "somebody@work.example", "name": "S. Else"})
    counts = erase(world, LEARNER["email"])
    assert counts["components"] == 2
    assert mentions(world, LEARNER["email"], "married@", "L. Other", oid) == []
    assert mentions(world, "somebody@work.example")


def test_events_that_wait_for_the_lms_go_out_without_the_person() -> None:
    world = World()
    world.lms.faults.add("unavailable", times=None)
    world.save()
    assert erase(world, TUTOR["email"])["events"] == 1
    world.lms.faults.clear()
    world.pass_(minutes=30)
    world.sweep()
    told = world.lms.events(TENANT, "C-1")
    assert told[0]["type"] == "meeting.scheduled"
    assert told[0]["data"]["organizer"] == ""
    assert told[0]["data"]["joinUrl"]


def test_what_people_took_for_a_learner_is_forgotten_too() -> None:
    world = World()
    world.change_tenant(attendance={"unidentifiedOther": "hold"})
    world.save()
    hold(world, "private@mail.example")
    world.night()
    unidentified = world.show()["evidence"][-1]["people"][-1]["person"]
    world.act("decide", decision="accept", participant=unidentified, by="A. Dmin", reason="Her.")
    assert mentions(world, "private@mail.example")
    counts = erase(world, LEARNER["email"])
    assert counts["aliases"] == 1
    assert mentions(world, LEARNER["email"], "private@mail.example") == []


# -- components still ahead ----------------------------------------------------------------


def test_a_meeting_ahead_stands_in_teams_and_the_lms_is_told_to_say_who_comes() -> None:
    world = World()
    world.save()
    event = world.event
    counts = erase(world, LEARNER["email"])
    assert counts["ahead"] == 1
    assert mentions(world, LEARNER["email"], LEARNER["name"]) == []
    world.sweep()
    assert world.event is event
    assert [a.address for a in event.attendees] == [LEARNER["email"]]
    assert world.show()["reason"]["code"] == "learner_missing"
    assert world.told() == ["meeting.scheduled", "meeting.failed"]
    assert mentions(world, LEARNER["email"]) == []


def test_a_later_save_that_names_them_again_is_kept() -> None:
    """The LMS is the source. Nobody is invited a second time."""
    world = World()
    world.save()
    erase(world, LEARNER["email"])
    world.sweep()
    mails = len(world.graph.journal.mails)
    assert world.save(name="Data ethics workshop")["state"] == "scheduled"
    assert world.event.attendees[0].address == LEARNER["email"]
    assert len(world.graph.journal.mails) == mails
    assert {key.split("|")[0] for key in mentions(world, LEARNER["email"])} >= {
        "component",
        "person",
    }
    hold(world)
    world.night()
    assert world.hours() == [("Data ethics workshop hours verified", "1:00")]


def test_a_meeting_whose_owner_is_forgotten_is_theirs_again_when_the_lms_says_so() -> None:
    world = World()
    world.save()
    event = world.event
    erase(world, TUTOR["email"])
    world.sweep()
    assert world.show()["reason"]["code"] == "owner_missing"
    assert mentions(world, TUTOR["email"], TUTOR["name"]) == []
    assert world.save(name="Data ethics workshop")["state"] == "scheduled"
    assert world.event is event
    world.sweep()
    assert world.events() == [event]


def test_the_lms_can_still_take_the_meeting_back() -> None:
    world = World()
    world.save()
    erase(world, LEARNER["email"])
    world.save(cancelled=True)
    world.sweep()
    assert world.events() == []


def test_a_component_in_the_middle_of_a_write_is_left_for_a_second_call() -> None:
    """Exactly that request may have arrived, and must be repeated as it was."""
    world = World()
    world.graph.faults.add("timeout_after", method="POST", path="/events$", times=None)
    world.save()
    assert erase(world, LEARNER["email"])["left"] == 1
    assert mentions(world, LEARNER["email"])
    world.graph.faults.clear()
    world.pass_(minutes=10)
    world.catch_up()
    assert len(world.events()) == 1
    assert erase(world, LEARNER["email"])["left"] == 0
    assert mentions(world, LEARNER["email"]) == []


def test_a_report_read_later_does_not_bring_anybody_back() -> None:
    world = World()
    world.graph.add_user(ENTRA, LEARNER["email"])
    world.save()
    hold_signed_in(world)
    erase(world, LEARNER["email"])
    world.night()
    assert mentions(world, LEARNER["email"]) == []
    assert world.hours() == [], "nobody knows whose they would be"


def hold_signed_in(world: World) -> None:
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    people = [(TUTOR["email"], [(0, 60)]), (LEARNER["email"], [(0, 60)])]
    world.graph.attendance.hold(world.event, people)
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)


# -- the call ------------------------------------------------------------------------------


def test_erasing_twice_finds_nothing_the_second_time() -> None:
    world = verified()
    erase(world, LEARNER["email"])
    before = stored(world)
    assert set(erase(world, LEARNER["email"]).values()) == {0}
    assert stored(world) == before


def test_somebody_unknown_is_nothing_to_erase() -> None:
    world = verified()
    before = stored(world)
    assert set(erase(world, "stranger@elsewhere.example").values()) == {0}
    assert stored(world) == before


def test_another_tenants_people_are_not_touched() -> None:
    world = World()
    world.add_provider("southern", ENTRA)
    world.save()
    world.save("C-1", "southern")
    erase(world, LEARNER["email"])
    assert world.show("C-1", "southern")["state"] == "scheduled"


def test_many_components_are_cleared_in_one_call() -> None:
    world = World()
    for n in range(130):
        world.lms.save(
            TENANT, f"C-{n}", name="n", owner=TUTOR, learner=LEARNER,
            start="2026-06-30T09:00:00+01:00", end="2026-06-30T10:00:00+01:00",
        )  # fmt: skip
    world.settle_mail()
    assert erase(world, LEARNER["email"])["components"] == 130
    assert mentions(world, LEARNER["email"]) == []


@pytest.mark.parametrize("body", [{}, {"email": " "}, {"email": "nobody"}])
def test_an_address_is_needed(body: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        operate.TENANT_ACTS["erase"](World().ports, TENANT, json.dumps(body).encode())
    assert caught.value.status == 422


def test_an_unknown_tenant_is_not_found() -> None:
    with pytest.raises(Invalid) as caught:
        operate.TENANT_ACTS["erase"](World().ports, "nowhere", b'{"email": "a@b.example"}')
    assert caught.value.status == 404


@pytest.mark.parametrize("component", [LEARNER["email"], f"review of {LEARNER['email']}"])
def test_a_component_keeps_its_id_whatever_it_holds(component: str) -> None:
    """The LMS names it by that, and so do we: another one would be another component."""
    world = World()
    world.lms.faults.add("unavailable", times=None)
    world.save(component)
    counts = erase(world, LEARNER["email"])
    assert (counts["components"], counts["left"]) == (1, 0)
    assert world.show(component)["componentId"] == component
    assert LEARNER["name"] not in json.dumps([row.text for row in stored(world)])
    keys = [row.key for row in stored(world) if row.key.startswith("component|")]
    assert keys == [f"component|{component_key(ComponentId(component))}"]
    world.lms.faults.clear()
    world.pass_(minutes=5)
    world.catch_up()
    assert "meeting.scheduled" in world.told(component)
