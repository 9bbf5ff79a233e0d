"""Updating, cancelling, and what tutors do: graph-facts 9, numbers 14 to 23."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.simulators import GraphSimulator
from tests.simulators.graph import Event

from .client import (
    IMMUTABLE,
    LEARNER,
    MENTOR,
    TUTOR,
    Client,
    at,
    attendees,
    code,
    event_path,
    marked,
    marker,
    query,
)


def moved(hour: int = 14) -> dict[str, Any]:
    return {"start": at(f"2026-04-30T{hour}:00:00"), "end": at(f"2026-04-30T{hour + 1}:00:00")}


def the_event(graph: GraphSimulator) -> Event:
    return graph.events["e1"]


def test_a_move_keeps_the_join_url_and_tells_everybody_once(
    client: Client, graph: GraphSimulator
) -> None:
    made = client.create()
    after = client.patch(made["id"], **moved()).json()
    assert after["onlineMeeting"] == made["onlineMeeting"]
    assert after["start"]["dateTime"] == "2026-04-30T13:00:00.0000000"
    assert the_event(graph).mailed("update") == [LEARNER]


def test_a_body_that_keeps_the_block_keeps_the_link(client: Client) -> None:
    made = client.create()
    content = made["body"]["content"].replace("<body>", "<body><p>New agenda</p>")
    after = client.patch(made["id"], body={"contentType": "html", "content": content}).json()
    assert "New agenda" in after["body"]["content"]
    assert after["onlineMeeting"] == made["onlineMeeting"]


def test_a_body_without_the_block_disables_the_meeting(client: Client) -> None:
    made = client.create()
    after = client.patch(made["id"], body={"contentType": "html", "content": ""}).json()
    assert (after["isOnlineMeeting"], after["onlineMeeting"]) == (False, None)


def test_or_it_makes_a_new_link(client: Client, graph: GraphSimulator) -> None:
    graph.switches.body_without_block = "new_url"
    made = client.create()
    after = client.patch(made["id"], body={"contentType": "text", "content": "Agenda"}).json()
    urls = [one["onlineMeeting"]["joinUrl"] for one in (made, after)]
    assert urls == the_event(graph).join_urls
    assert len(set(urls)) == 2


def test_or_it_alternates(client: Client, graph: GraphSimulator) -> None:
    graph.switches.body_without_block = "alternate"
    made = client.create()
    body = {"contentType": "text", "content": "Agenda"}
    seen = [client.patch(made["id"], body=body).json()["isOnlineMeeting"] for _ in range(4)]
    assert seen == [False, True, False, True]


def test_once_online_neither_flag_nor_provider_can_be_changed(client: Client) -> None:
    made = client.create()
    after = client.patch(made["id"], isOnlineMeeting=False, onlineMeetingProvider="unknown").json()
    assert after["isOnlineMeeting"] is True
    assert after["onlineMeetingProvider"] == "teamsForBusiness"


@pytest.mark.parametrize(("mode", "status"), [("ignored", 200), ("refused", 400)])
def test_the_organizer_cannot_be_changed(
    client: Client, graph: GraphSimulator, mode: Any, status: int
) -> None:
    graph.switches.organizer_patch = mode
    made = client.create()
    reply = client.patch(made["id"], organizer={"emailAddress": {"address": MENTOR}})
    assert reply.status == status
    seen = client.get(event_path(made["id"])).json()
    assert seen["organizer"]["emailAddress"]["address"] == TUTOR


def test_attendees_are_replaced_and_only_the_changed_ones_are_mailed(
    client: Client, graph: GraphSimulator
) -> None:
    made = client.create(attendees=attendees(LEARNER, MENTOR))
    graph.tutor.attendee_responds(made["id"], LEARNER, "accepted")
    after = client.patch(made["id"], attendees=attendees(LEARNER, "new@work.example")).json()
    addresses = [one["emailAddress"]["address"] for one in after["attendees"]]
    assert addresses == [LEARNER, "new@work.example"]
    assert after["attendees"][0]["status"]["response"] == "accepted"
    event = the_event(graph)
    assert event.mailed("invitation") == [LEARNER, MENTOR, "new@work.example"]
    assert event.mailed("cancellation") == [MENTOR]
    assert event.mailed("update") == []


def test_a_new_time_resets_responses(client: Client, graph: GraphSimulator) -> None:
    made = client.create()
    graph.tutor.attendee_responds(made["id"], LEARNER, "accepted")
    after = client.patch(made["id"], **moved()).json()
    assert after["attendees"][0]["status"]["response"] == "none"


def test_an_equal_patch_mails_nobody_unless_switched(client: Client, graph: GraphSimulator) -> None:
    made = client.create()
    client.patch(made["id"], subject=made["subject"])
    assert the_event(graph).mailed("update") == []
    graph.switches.mail_on_equal_patch = True
    client.patch(made["id"], subject=made["subject"])
    assert the_event(graph).mailed("update") == [LEARNER]


def test_cancelling_takes_the_event_away_and_tells_attendees(
    client: Client, graph: GraphSimulator
) -> None:
    made = client.create(attendees=attendees(LEARNER, MENTOR))
    cancelled = client.call("POST", event_path(made["id"]) + "/cancel", {"Comment": "Sorry"})
    assert (cancelled.status, cancelled.body) == (202, b"")
    gone = client.get(event_path(made["id"]))
    assert (gone.status, code(gone)) == (404, "ErrorItemNotFound")
    assert client.call("POST", event_path(made["id"]) + "/cancel").status == 404
    letters = graph.journal.mails_to(LEARNER, "cancellation")
    assert [letter.comment for letter in letters] == ["Sorry"]
    [copy] = client.get(f"/users/{MENTOR}/events").json()["value"]
    assert copy["isCancelled"] is True


def test_a_cancelled_event_can_stay_readable_by_immutable_id(
    client: Client, graph: GraphSimulator
) -> None:
    graph.switches.after_cancel = "flagged"
    made = client.create(IMMUTABLE)
    client.call("POST", event_path(made["id"]) + "/cancel")
    assert client.get(event_path(made["id"]), IMMUTABLE).json()["isCancelled"] is True
    assert client.get(event_path(the_event(graph).id)).status == 404
    assert client.get(f"/users/{TUTOR}/events").json()["value"] == []


def test_only_the_organizer_cancels(client: Client, graph: GraphSimulator) -> None:
    client.create(attendees=attendees(MENTOR))
    copy = the_event(graph).copies[0]
    reply = client.call("POST", event_path(copy.id, MENTOR) + "/cancel")
    assert (reply.status, code(reply)) == (400, "ErrorInvalidRequest")
    assert "need to be an organizer" in reply.json()["error"]["message"]


def test_deleting_twice_is_not_found(client: Client, graph: GraphSimulator) -> None:
    made = client.create()
    assert [client.call("DELETE", event_path(made["id"])).status for _ in range(2)] == [204, 404]
    assert the_event(graph).mailed("cancellation") == [LEARNER]


@pytest.mark.parametrize(("mode", "statuses"), [("enforced", [412, 200]), ("ignored", [200, 200])])
def test_if_match(client: Client, graph: GraphSimulator, mode: Any, statuses: list[int]) -> None:
    graph.switches.if_match = mode
    made = client.create()
    stale = {"If-Match": made["@odata.etag"]}
    graph.tutor.retitles(made["id"], "Other")
    fresh = {"If-Match": client.get(event_path(made["id"])).json()["@odata.etag"]}
    replies = [client.patch(made["id"], stale, subject="A")]
    if mode == "ignored":
        fresh = {"If-Match": "*"}
    replies.append(client.patch(made["id"], fresh, subject="B"))
    assert [reply.status for reply in replies] == statuses


def test_a_412_comes_without_if_match_too(client: Client, graph: GraphSimulator) -> None:
    made = client.create()
    graph.faults.add("precondition", method="GET")
    reply = client.get(event_path(made["id"]))
    assert (reply.status, code(reply)) == (412, "ErrorIrresolvableConflict")
    assert client.get(event_path(made["id"])).status == 200


def test_a_patch_in_an_attendees_mailbox_stays_there(client: Client, graph: GraphSimulator) -> None:
    client.create(attendees=attendees(MENTOR))
    copy = the_event(graph).copies[0]
    reply = client.call("PATCH", event_path(copy.id, MENTOR), moved())
    assert reply.json()["start"]["dateTime"] == "2026-04-30T13:00:00.0000000"
    assert the_event(graph).start.hour == 8
    assert the_event(graph).mailed("update") == []


def test_switches_refuse_odd_writes(client: Client, graph: GraphSimulator) -> None:
    graph.set_switches(cancel_without_attendees="refused", past_event_writes="refused")
    alone = client.create(attendees=[])
    assert client.call("POST", event_path(alone["id"]) + "/cancel").status == 400
    graph.clock.set(graph.clock() + timedelta(days=30), frozen=True)
    later = Client(graph)
    assert later.patch(alone["id"], subject="Late").status == 400


Change = Callable[[GraphSimulator, Event], object]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda graph, event: graph.tutor.moves(event, "2026-04-30T15:00:00Z"),
            {"start": at("2026-04-30T15:00:00.0000000", "UTC")},
            id="moves",
        ),
        pytest.param(
            lambda graph, event: graph.tutor.retitles(event, "Chat"),
            {"subject": "Chat"},
            id="retitles",
        ),
        pytest.param(
            lambda graph, event: graph.tutor.makes_all_day(event),
            {
                "isAllDay": True,
                "start": at("2026-04-30T00:00:00.0000000", "UTC"),
                "end": at("2026-05-01T00:00:00.0000000", "UTC"),
            },
            id="makes it last all day",
        ),
        pytest.param(
            lambda graph, event: graph.tutor.makes_series(event),
            {"type": "seriesMaster"},
            id="makes it a series",
        ),
        pytest.param(
            lambda graph, event: graph.tutor.goes_offline(event),
            {"isOnlineMeeting": False, "onlineMeeting": None},
            id="takes the meeting off",
        ),
        pytest.param(
            lambda graph, event: graph.tutor.cancels(event, leaves="flagged"),
            {"isCancelled": True},
            id="cancels, item stays",
        ),
    ],
)
def test_a_tutor_changes_an_event(
    client: Client, graph: GraphSimulator, change: Change, expected: dict[str, Any]
) -> None:
    made = client.create()
    change(graph, the_event(graph))
    seen = client.get(event_path(made["id"])).json()
    assert {name: seen[name] for name in expected} == expected
    assert seen["changeKey"] != made["changeKey"]


@pytest.mark.parametrize("action", ["cancels", "deletes"])
def test_a_tutor_takes_an_event_away(client: Client, graph: GraphSimulator, action: str) -> None:
    made = client.create()
    getattr(graph.tutor, action)(made["onlineMeeting"]["joinUrl"])
    assert client.get(event_path(made["id"])).status == 404
    assert the_event(graph).mailed("cancellation") == [LEARNER]


def test_a_tutor_invites_and_uninvites(client: Client, graph: GraphSimulator) -> None:
    client.create()
    graph.tutor.adds_attendee("e1", "friend@work.example")
    graph.tutor.removes_attendee("e1", LEARNER)
    event = the_event(graph)
    assert [one.address for one in event.attendees] == ["friend@work.example"]
    assert event.mailed("invitation") == [LEARNER, "friend@work.example"]
    assert event.mailed("cancellation") == [LEARNER]


def test_in_another_calendar_the_regular_id_is_new_and_the_immutable_one_stays(
    client: Client, graph: GraphSimulator
) -> None:
    made = client.create(IMMUTABLE, singleValueExtendedProperties=marker("a"))
    regular = the_event(graph).id
    graph.tutor.moves_to_calendar("e1")
    assert client.get(event_path(regular)).status == 404
    assert client.get(event_path(made["id"])).status == 200
    wanted = f"/users/{TUTOR}/events" + query(filter=marked("ep/value eq 'a'"))
    assert len(client.get(wanted).json()["value"]) == 1
    graph.switches.events_lists = "default_calendar"
    assert client.get(wanted).json()["value"] == []


def test_a_new_link_goes_into_the_history(client: Client, graph: GraphSimulator) -> None:
    made = client.create()
    graph.tutor.renews_link("e1")
    after = client.get(event_path(made["id"])).json()
    assert the_event(graph).join_urls == [
        made["onlineMeeting"]["joinUrl"],
        after["onlineMeeting"]["joinUrl"],
    ]
