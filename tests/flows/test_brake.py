"""Absence is not cancellation: what counts as gone, what is unknown, and when too much is gone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from component_http import operate
from schedule_timer.sweep import pieces, sweep_piece
from shared.brake import ROW, Brake
from shared.keys import partition
from tests.flows.world import ENTRA, LEARNER, TENANT, World
from tests.simulators.graph.model import Event

CANCELLED = "meeting.cancelled"
UNKNOWN = [
    pytest.param("missing", "owner_without_teams", id="no such mailbox"),
    pytest.param("invalid", "owner_not_found", id="no such user"),
    pytest.param("denied", "not_permitted", id="access denied"),
    pytest.param("denied_by_policy", "not_permitted", id="denied by a policy"),
    pytest.param("failing", "teams_unavailable", id="failing"),
]


def a_world(count: int, tutors: int | None = None, **more: Any) -> World:
    """*count* meetings, spread over so many tutors; by default each has a tutor of its own."""
    world = World(**more)
    for n in range(count):
        owner = f"tutor{n % (tutors or count)}@college.example"
        if n < (tutors or count):
            world.graph.add_user(ENTRA, owner)
        world.save(f"C-{n:03}", name=f"C {n:03}", owner={"email": owner, "name": "T"})
    assert len(world.events()) == count
    return world


def event(world: World, n: int) -> Event:
    return next(e for e in world.graph.events.values() if e.subject == f"C {n:03}")


def vanish(world: World, which: Iterable[int]) -> None:
    for n in which:
        world.graph.tutor.deletes(event(world, n))


def cancelled(world: World) -> list[int]:
    """Those that the LMS was told are cancelled."""
    tasks = world.lms.tenants[TENANT].components
    return [int(name[2:]) for name in tasks if CANCELLED in world.told(name)]


def braked(world: World) -> bool:
    held = world.ports.store.read(partition(world.tenant), ROW, Brake)
    return bool(held and held.value.pulled_at)


def release(world: World) -> None:
    operate.release(world.ports, TENANT, b"")


# -- how many are too many ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "gone", "holds"),
    [
        pytest.param(20, 4, False, id="four, though a fifth"),
        pytest.param(25, 5, True, id="five, a fifth"),
        pytest.param(26, 5, False, id="five, not quite a fifth"),
        pytest.param(6, 6, True, id="all"),
    ],
)
def test_five_and_a_fifth(there: int, gone: int, holds: bool) -> None:
    world = a_world(there)
    vanish(world, range(gone))
    world.sweep()
    assert braked(world) is holds
    assert cancelled(world) == ([] if holds else list(range(gone)))


@pytest.mark.parametrize(
    ("of_one", "gone", "holds"),
    [
        pytest.param(2, 2, False, id="both of two"),
        pytest.param(3, 3, True, id="all of three"),
        pytest.param(4, 3, False, id="three of four"),
        pytest.param(4, 4, True, id="all of four"),
    ],
)
def test_all_of_one_organizers(of_one: int, gone: int, holds: bool) -> None:
    world = a_world(40)
    for n in range(100, 100 + of_one):
        world.save(f"C-{n}", name=f"C {n}")
    vanish(world, range(100, 100 + gone))
    world.sweep()
    assert braked(world) is holds
    assert cancelled(world) == ([] if holds else list(range(100, 100 + gone)))


def test_a_meeting_held_this_morning_is_no_sign_of_life() -> None:
    world = a_world(40)
    for n in (100, 101, 102):
        world.save(f"C-{n}", name=f"C {n}")
    start = datetime(2026, 4, 26, 8, 0, tzinfo=UTC)
    end = start + timedelta(hours=1)
    world.save("C-103", name="C 103", start=start.isoformat(), end=end.isoformat())
    world.clock.set(end, frozen=True)
    vanish(world, (100, 101, 102))
    world.sweep()
    assert braked(world)


def test_what_the_brake_holds_is_said_and_nothing_else_happens() -> None:
    world = a_world(6)
    vanish(world, range(6))
    for _ in range(3):
        world.sweep()
        world.pass_(hours=3)
        world.catch_up()
    shown = world.show("C-000")
    assert (shown["state"], shown["reason"]["code"]) == ("scheduled", "braked")
    assert [line["what"] for line in shown["history"]] == ["saved", "scheduled", "delayed"]
    assert cancelled(world) == []
    assert world.events() == []


def test_while_the_brake_holds_a_sweep_reads_what_it_holds_once_and_writes_nothing() -> None:
    world = a_world(6)
    vanish(world, range(6))
    assert world.sweep()[TENANT]["braked"] == 6
    before = world.ports.store.read(partition(world.tenant), ROW, Brake)
    world.graph.journal.clear()
    assert world.sweep()[TENANT]["braked"] == 6
    assert world.graph.journal.kinds["get_event"] == 6
    assert world.ports.store.read(partition(world.tenant), ROW, Brake) == before


def test_others_go_on_while_the_brake_holds() -> None:
    world = a_world(12)
    vanish(world, range(6))
    world.sweep()
    world.graph.tutor.moves(event(world, 8), "2026-04-30T15:00:00Z")
    world.save("C-200", name="C 200")
    world.sweep()
    assert world.told("C-008")[-1] == "meeting.rescheduled"
    assert world.show("C-200")["state"] == "scheduled"


def test_an_event_that_is_seen_again_is_well_again() -> None:
    """The fault was Graph's: nobody has to do anything for these."""
    world = a_world(6)
    user_events = [(event(world, n).user, event(world, n)) for n in range(6)]
    for user, one in user_events:
        del user.events[one.key]
        del user.by_id[one.immutable_id]
    world.sweep()
    assert braked(world)
    for user, one in user_events:
        user.events[one.key] = one
        user.by_id[one.immutable_id] = one
    world.sweep()
    assert [world.show(f"C-{n:03}")["reason"] for n in range(6)] == [None] * 6
    assert cancelled(world) == []


# -- on every path, over 24 hours -----------------------------------------------------------


def test_one_notification_at_a_time_counts_like_all_at_once() -> None:
    world = a_world(25, reachable=True)
    world.sweep()
    world.notify()
    world.catch_up()
    for n in range(6):
        vanish(world, [n])
        world.notify()
        world.catch_up()
        world.pass_(minutes=10)
    assert cancelled(world) == [0, 1, 2, 3]
    assert braked(world)


def test_notifications_that_come_together_are_counted_together() -> None:
    world = a_world(25, reachable=True)
    world.sweep()
    world.notify()
    world.catch_up()
    vanish(world, range(6))
    world.notify()
    world.catch_up()
    assert cancelled(world) == []


def test_sweep_after_sweep_counts_for_24_hours() -> None:
    world = a_world(25)
    for n in range(8):
        vanish(world, [n])
        world.sweep()
        world.pass_(hours=6)
    assert cancelled(world) == list(range(8)), "four a day is ordinary life"
    for n in range(10, 16):
        vanish(world, [n])
        world.sweep()
        world.pass_(hours=1)
    assert cancelled(world) == [*range(8), 10]


def test_a_resync_by_a_person_counts_too() -> None:
    world = a_world(25)
    for n in range(6):
        vanish(world, [n])
        world.act("resync", f"C-{n:03}")
    assert cancelled(world) == [0, 1, 2, 3]


def test_a_webhook_that_meets_a_vanished_event_counts_too() -> None:
    world = a_world(25)
    for n in range(6):
        vanish(world, [n])
        world.save(f"C-{n:03}", plannedMinutes=90, description="Another.")
        world.pass_(minutes=3)
        world.catch_up()
    assert cancelled(world) == [0, 1, 2, 3]


# -- piece by piece -------------------------------------------------------------------------


def a_large_world() -> World:
    """230 meetings, five of each of 46 tutors: more than one piece."""
    world = World()
    for n in range(230):
        owner = f"tutor{n % 46}@college.example"
        if n < 46:
            world.graph.add_user(ENTRA, owner)
        world.lms.put_silently(
            TENANT, f"C-{n:03}", name=f"C {n:03}", owner={"email": owner, "name": "T"},
            learner=LEARNER, start="2026-04-30T09:00:00+01:00", end="2026-04-30T10:00:00+01:00",
        )  # fmt: skip
    world.lms.send_list(TENANT)
    world.settle_mail()
    world.sweep()
    assert len(world.events()) == 230
    return world


OF_230 = [
    pytest.param(46, True, id="one of each tutor's: a fifth"),
    pytest.param(45, False, id="one fewer"),
]


@pytest.mark.parametrize(("gone", "holds"), OF_230)
def test_all_pieces_are_counted_before_any_is_acted_on(gone: int, holds: bool) -> None:
    world = a_large_world()
    vanish(world, range(gone))
    counts = world.sweep()[TENANT]
    assert braked(world) is holds
    assert cancelled(world) == ([] if holds else list(range(gone)))
    assert (counts["components"], counts["vanished"]) == (230, gone)


@pytest.mark.parametrize(("gone", "holds"), OF_230)
def test_pieces_done_elsewhere_count_first_and_act_by_the_catch_up(gone: int, holds: bool) -> None:
    """As a queue hands them out: each in a process of its own, in any order."""
    world = a_large_world()
    vanish(world, range(gone))
    (tenant,) = world.ports.store.tenants()
    cut = list(pieces(world.ports, tenant))
    assert len(cut) == 2
    for piece in reversed(cut):
        world.restart()
        sweep_piece(world.ports, tenant, piece)
        assert cancelled(world) == []
        world.pass_(seconds=50)
    for _ in range(3):
        world.pass_(minutes=1)
        world.catch_up()
    assert braked(world) is holds
    assert cancelled(world) == ([] if holds else list(range(gone)))


# -- release --------------------------------------------------------------------------------


def test_after_the_release_what_had_vanished_is_acted_on_by_the_next_sweep() -> None:
    world = a_world(12)
    vanish(world, range(6))
    world.sweep()
    world.pass_(days=3)
    release(world)
    assert cancelled(world) == []
    world.sweep()
    assert cancelled(world) == list(range(6))
    assert not braked(world)
    world.sweep()
    assert cancelled(world) == list(range(6))


def test_a_release_is_followed_by_the_next_catch_up() -> None:
    world = a_world(12)
    vanish(world, range(6))
    world.sweep()
    release(world)
    world.catch_up()
    assert cancelled(world) == list(range(6))


def test_what_vanishes_after_the_release_counts_from_nought() -> None:
    world = a_world(30)
    vanish(world, range(6))
    world.sweep()
    release(world)
    world.sweep()
    vanish(world, range(6, 10))
    world.sweep()
    assert cancelled(world) == list(range(10))
    vanish(world, range(10, 12))
    world.sweep()
    assert braked(world)
    assert cancelled(world) == list(range(10))


def test_what_was_held_and_is_wanted_no_more_goes_without_release() -> None:
    world = a_world(6)
    vanish(world, range(6))
    world.sweep()
    world.save("C-000", cancelled=True)
    world.sweep()
    assert world.show("C-000")["state"] == "cancelled"
    assert cancelled(world) == []


# -- unknown --------------------------------------------------------------------------------


@pytest.mark.parametrize(("mailbox", "code"), UNKNOWN)
@pytest.mark.parametrize("way", ["sweep", "notification"])
def test_what_cannot_be_seen_is_not_gone(mailbox: Any, code: str, way: str) -> None:
    world = a_world(3, tutors=1, reachable=True)
    world.sweep()
    world.notify()
    world.catch_up()
    vanish(world, [0])
    world.graph.user("tutor0@college.example").mailbox = mailbox
    if way == "sweep":
        world.sweep()
    else:
        world.notify()
        world.catch_up()
    shown = world.show("C-000")
    assert (shown["state"], shown["reason"]["code"]) == ("scheduled", code)
    assert cancelled(world) == []
    assert world.ports.store.read(partition(world.tenant), ROW, Brake) is None
    world.graph.user("tutor0@college.example").mailbox = "ok"
    world.sweep()
    assert cancelled(world) == [0]
    assert world.show("C-001")["reason"] is None


@pytest.mark.parametrize("mailbox", ["missing", "denied"])
def test_a_mailbox_that_only_answers_that_the_event_is_not_there_does_not_count(
    mailbox: Any,
) -> None:
    """The law: gone is what is not found in a mailbox that otherwise answers."""
    world = a_world(2, tutors=1, reachable=True)
    world.sweep()
    world.notify()
    world.catch_up()
    vanish(world, [0])
    world.notify()
    not_found = {"error": {"code": "ErrorItemNotFound", "message": "Not found."}}
    world.graph.faults.add("answer", method="GET", path="/events/", status=404, body=not_found)
    world.graph.user("tutor0@college.example").mailbox = mailbox
    world.catch_up()
    assert cancelled(world) == []
    assert world.show("C-000")["state"] == "scheduled"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"effect": "unavailable"}, id="503"),
        pytest.param({"effect": "drop"}, id="no answer"),
        pytest.param({"effect": "answer", "status": 500}, id="500"),
        pytest.param({"effect": "answer", "status": 404, "code": "Unknown"}, id="another 404"),
        pytest.param({"effect": "answer", "status": 410}, id="410"),
        pytest.param({"effect": "unauthorized"}, id="401"),
        pytest.param({"effect": "precondition"}, id="412 of its own accord"),
        pytest.param({"effect": "answer", "status": 200, "body": {}}, id="nonsense"),
        pytest.param(
            {"effect": "answer", "status": 200, "body": {"value": []}}, id="an empty list"
        ),
        pytest.param({"effect": "redirect", "headers": {"location": "/"}}, id="a redirect"),
    ],
)
def test_no_answer_to_a_read_cancels_anything(trouble: dict[str, Any]) -> None:
    world = a_world(3)
    world.graph.faults.add(method="GET", path="/events", times=None, **trouble)
    for _ in range(3):
        world.sweep()
        world.pass_(minutes=5)
        world.catch_up()
    assert cancelled(world) == []
    world.graph.faults.clear()
    world.pass_(hours=3)
    world.sweep()
    assert cancelled(world) == []
    assert [world.show(f"C-{n:03}")["reason"] for n in range(3)] == [None] * 3


def test_throttling_is_not_absence() -> None:
    world = a_world(3)
    world.graph.faults.add("throttle", method="GET", path="/events", times=None, retry_after=600)
    world.sweep()
    assert cancelled(world) == []
    assert world.show("C-000")["reason"]["code"] == "throttled"


@pytest.mark.parametrize(("mailbox", "code"), UNKNOWN)
def test_after_24_hours_of_it_a_person_must_act(mailbox: Any, code: str) -> None:
    world = a_world(1)
    world.graph.user("tutor0@college.example").mailbox = mailbox
    for _ in range(8):
        world.sweep()
        assert world.show("C-000")["state"] == "scheduled"
        world.pass_(hours=3)
    world.sweep()
    shown = world.show("C-000")
    assert (shown["state"], shown["reason"]["code"]) == ("failed", code)
    assert world.told("C-000") == ["meeting.scheduled", "meeting.failed"]
    world.graph.user("tutor0@college.example").mailbox = "ok"
    world.sweep()
    assert world.told("C-000") == ["meeting.scheduled", "meeting.failed", "meeting.scheduled"]
    assert world.show("C-000")["state"] == "scheduled"


def test_an_unreadable_mailbox_is_asked_once_not_once_per_event() -> None:
    world = a_world(30, tutors=1)
    world.graph.user("tutor0@college.example").mailbox = "denied"
    world.graph.journal.clear()
    world.sweep()
    assert world.graph.journal.kinds["list_events"] == 1
    assert world.graph.journal.kinds["get_event"] == 0


def test_one_tutors_trouble_is_not_anothers() -> None:
    world = a_world(2)
    world.graph.user("tutor0@college.example").mailbox = "denied"
    vanish(world, [1])
    world.sweep()
    assert cancelled(world) == [1]
    assert world.show("C-000")["state"] == "scheduled"


def test_one_tenants_brake_is_not_anothers() -> None:
    world = a_world(6)
    world.add_provider("southern")
    world.save("S-1", tenant="southern", name="Southern")
    vanish(world, range(6))
    world.graph.tutor.deletes(next(e for e in world.events() if e.subject == "Southern"))
    world.sweep()
    assert cancelled(world) == []
    assert world.told("S-1", "southern")[-1] == CANCELLED
