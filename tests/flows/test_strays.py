"""Events with our marker that no component expects."""

from __future__ import annotations

from datetime import timedelta

import pytest

from component_http import operate
from schedule_timer.catch_up import catch_up
from shared.brake import ROW, Brake
from shared.keys import partition
from shared.table import rows
from tests.flows.world import ENTRA, LEARNER, TENANT, TUTOR, World
from tests.simulators.graph.model import Event

SOON = {"minutes": 10}


def sighted(world: World) -> int:
    """Strays that have been seen and wait for the second look."""
    found = rows(world.table, partition(world.tenant), "stray|", "stray~", marks_only=True)
    return len(list(found))


def made_twice() -> World:
    """Exchange forgets a transaction id: the repeated create makes a second event."""
    world = World()
    world.graph.set_switches(transaction_ids="ignored")
    world.graph.faults.add("drop_after", method="POST", path="/events$")
    world.save()
    assert len(world.events()) == 2
    return world


def a_copy(world: World, of: Event, **changes: str) -> Event:
    """Another event in the same calendar with the same marker; *changes* replaces parts of it."""
    made = world.graph.tutor.creates(of.user.upn, of.subject, of.start, of.end, [LEARNER["email"]])
    made.properties = {name: _replaced(value, changes) for name, value in of.properties.items()}
    return made


def _replaced(marker: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        marker = marker.replace(old, new)
    return marker


def strays_cancelled(world: World) -> list[str]:
    return [
        mail.comment or ""
        for mail in world.graph.journal.mails
        if mail.kind == "cancellation" and mail.to == LEARNER["email"]
    ]


# -- seen twice, ten minutes apart ----------------------------------------------------------


def test_a_second_event_is_cancelled_after_two_reads_ten_minutes_apart() -> None:
    world = made_twice()
    world.sweep()
    assert len(world.events()) == 2, "seen once"
    world.pass_(minutes=9, seconds=59)
    world.catch_up()
    world.sweep()
    assert len(world.events()) == 2, "not ten minutes apart"
    world.pass_(seconds=1)
    world.catch_up()
    assert world.event.join_url == world.task().join_url, "the one that the LMS knows"
    assert strays_cancelled(world) == ["This invitation was made twice; the other one stands."]
    assert sighted(world) == 0
    before = world.writes()
    for _ in range(3):
        world.pass_(hours=3)
        world.sweep()
        world.catch_up()
    assert world.writes() == before
    assert world.told() == ["meeting.scheduled"]


def test_the_next_sweep_is_the_second_read_when_the_hint_was_lost() -> None:
    world = made_twice()
    world.sweep()
    for row in list(rows(world.table, "hints", "", "\x7f")):
        world.ports.store.delete("hints", row.key)
    world.pass_(hours=3)
    world.sweep()
    assert len(world.events()) == 1


def test_the_second_read_needs_no_other_meeting_in_that_calendar() -> None:
    world = made_twice()
    world.sweep()
    world.save(cancelled=True)
    assert len(world.events()) == 1
    world.pass_(**SOON)
    world.catch_up()
    assert world.events() == []
    assert strays_cancelled(world)[-1] == "This meeting is no longer planned."


def test_the_second_read_may_fall_into_the_other_ones_cancelling() -> None:
    world = made_twice()
    world.sweep()
    world.pass_(**SOON)
    world.graph.faults.add(
        "call", method="POST", path="/cancel$", action=lambda: catch_up(world.process())
    )
    world.save(cancelled=True)
    assert world.events() == []


def test_after_a_repeated_create_a_second_event_is_looked_for_by_itself() -> None:
    """No sweep would come by here: there is no other meeting in this calendar any more."""
    world = made_twice()
    world.save(cancelled=True)
    assert len(world.events()) == 1
    world.pass_(**SOON)  # by then any index has it
    world.catch_up()
    assert sighted(world) == 1
    world.pass_(**SOON)
    world.catch_up()
    assert (world.events(), sighted(world)) == ([], 0)


def test_one_that_is_gone_by_itself_is_forgotten() -> None:
    world = made_twice()
    world.sweep()
    (stray,) = [e for e in world.events() if e.join_url != world.task().join_url]
    world.graph.tutor.deletes(stray)
    world.pass_(**SOON)
    world.catch_up()
    assert sighted(world) == 0
    assert world.writes().count("POST cancel_event") == 0


def test_one_whose_time_has_come_is_left() -> None:
    world = made_twice()
    world.clock.set(world.events()[0].start - timedelta(minutes=5), frozen=True)
    world.sweep()
    world.pass_(**SOON)
    world.catch_up()
    assert len(world.events()) == 2, "people are in it"
    assert sighted(world) == 0


def test_one_that_cannot_be_read_is_looked_at_again() -> None:
    world = made_twice()
    world.sweep()
    user = world.graph.user(TUTOR["email"])
    user.mailbox = "denied"
    world.pass_(**SOON)
    world.catch_up()
    assert (len(world.events()), sighted(world)) == (2, 1)
    user.mailbox = "ok"
    world.sweep()
    assert (len(world.events()), sighted(world)) == (1, 0)


def test_one_that_cannot_be_cancelled_now_is_cancelled_later() -> None:
    world = made_twice()
    world.sweep()
    world.graph.faults.add("unavailable", path="/cancel$", times=None)
    world.pass_(**SOON)
    world.catch_up()
    world.graph.faults.clear()
    assert (len(world.events()), sighted(world)) == (2, 1)
    world.sweep()
    assert (len(world.events()), sighted(world)) == (1, 0)


def test_one_that_cannot_be_cancelled_at_all_is_deleted() -> None:
    world = World()
    world.graph.set_switches(cancel_without_attendees="refused")
    world.save()
    stray = a_copy(world, world.event)
    stray.attendees = []
    world.sweep()
    world.pass_(**SOON)
    world.catch_up()
    assert world.writes()[-1] == "DELETE delete_event"
    assert len(world.events()) == 1


# -- what is none ---------------------------------------------------------------------------


def test_an_event_that_is_being_made_is_none() -> None:
    world = World()
    world.save("C-1")

    def look() -> None:
        world.restart()
        world.sweep()

    world.graph.faults.add("drop_after", method="POST", path="/events$")
    world.graph.faults.add("drop", method="POST", path="/events$", times=1)
    world.save("C-2", name="Another")
    assert len(world.events()) == 2
    look()
    assert sighted(world) == 0
    for _ in range(3):
        world.pass_(minutes=10)
        look()
        world.catch_up()
    assert len(world.events()) == 2
    assert world.told("C-2") == ["meeting.scheduled"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"test/": "another/"}, id="another deployment's"),
        pytest.param({"test/": "TEST/"}, id="one whose name differs in case"),
        pytest.param({"northern/": "southern/"}, id="another tenant's"),
        pytest.param({"northern/": "northern-two/"}, id="a tenant whose name begins like ours"),
        pytest.param({"/C-1/1": ""}, id="one that reads like none of ours"),
    ],
)
def test_other_markers_are_left_alone(changes: dict[str, str]) -> None:
    world = World()
    world.save()
    a_copy(world, world.event, **changes)
    for _ in range(4):
        world.sweep()
        world.catch_up()
        world.pass_(hours=3)
    assert len(world.events()) == 2
    assert sighted(world) == 0


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"/C-1/1": "/C-1/0"}, id="an earlier generation"),
        pytest.param({"/C-1/1": "/C-1/7"}, id="a later one"),
        pytest.param({"/C-1/1": "/C-9/1"}, id="of a component nobody knows"),
        pytest.param({}, id="the very same marker"),
    ],
)
def test_ours_that_no_row_expects_are_cancelled(changes: dict[str, str]) -> None:
    world = World()
    world.save()
    stray = a_copy(world, world.event, **changes)
    world.sweep()
    world.pass_(**SOON)
    world.catch_up()
    assert stray.state == "cancelled"
    assert len(world.events()) == 1


def test_a_copy_in_an_invited_tutors_calendar_is_none() -> None:
    world = World()
    world.graph.set_switches(copies_carry_marker=True)
    other = {"email": "other@college.example", "name": "O. Ther"}
    world.graph.add_user(ENTRA, other["email"])
    world.save("C-1", learner=other)
    world.save("C-2", name="Another", owner=other)
    world.pass_(minutes=2)
    for _ in range(3):
        world.sweep()
        world.catch_up()
        world.pass_(hours=3)
    assert len(world.graph.live_events(other["email"], copies=True)) == 2, "theirs and the copy"
    assert world.told("C-1") == world.told("C-2") == ["meeting.scheduled"]


# -- the brake ------------------------------------------------------------------------------


def brake(world: World) -> Brake | None:
    held = world.ports.store.read(partition(world.tenant), ROW, Brake)
    return held.value if held else None


def test_strays_count_towards_the_brake() -> None:
    """A lost table must not empty calendars: so many that no row expects are a fault of ours."""
    world = World()
    for n in range(10):
        world.save(f"C-{n}", name=f"C {n}")
    for row in list(rows(world.table, partition(world.tenant), "", "\x7f")):
        if any(f"|C-{n}" in row.key for n in range(4, 10)):
            world.ports.store.delete(partition(world.tenant), row.key)
    world.sweep()
    world.pass_(**SOON)
    world.catch_up()
    held = brake(world)
    assert held
    assert held.pulled_at
    assert len(held.vanished) == 6
    assert len(world.events()) == 10
    operate.release(world.ports, TENANT, b"")
    world.sweep()
    assert len(world.events()) == 4


def test_three_strays_of_a_tutor_with_more_meetings_are_not_all_of_them() -> None:
    world = World()
    for n in range(20):
        world.save(f"C-{n}", name=f"C {n}")
    for event in world.events()[:3]:
        a_copy(world, event)
    world.sweep()
    world.pass_(**SOON)
    world.catch_up()
    assert len(world.events()) == 20


def test_preview_leaves_strays_alone() -> None:
    world = made_twice()
    world.sweep()
    world.change_tenant(mode="preview")
    world.pass_(**SOON)
    world.catch_up()
    world.sweep()
    assert len(world.events()) == 2


def test_a_marker_reads_as_it_was_written() -> None:
    """An id with every awkward character comes back from its marker, so that it is expected."""
    world = World()
    name = "a/b|c~d'é\x01 %2F" + "x" * 100
    world.save(name, name="Odd")
    a_copy(world, world.event)
    world.sweep()
    assert sighted(world) == 1, "one of two, so the other was expected"
