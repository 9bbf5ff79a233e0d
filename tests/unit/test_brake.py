"""When many events vanish at once nothing vanished is acted on (the law, rule 14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.brake import ROW, Brake, Vanished, ask, note, release, weigh
from shared.calendars import Calendars
from shared.config import Settings
from shared.directory import Directory
from shared.errors import Stale
from shared.graph.client import Graph
from shared.http import Answer, Call
from shared.keys import partition
from shared.lms.client import Lms
from shared.model import ComponentId, Person, Tenant
from shared.ports import Ports
from shared.record import Record
from shared.store import Store, Write, bucket
from shared.tenants import Tenants
from tests.build import (
    NINE,
    NOW,
    TUTOR,
    a_booked,
    a_booking,
    a_slot,
    a_snapshot,
    a_tenant,
    an_lms_event,
)
from tests.fakes import MemoryTable

TODAY = a_slot(NOW - timedelta(hours=1))
DAY, SECOND = timedelta(hours=24), timedelta(seconds=1)


def gone(count: int, owner: str = "", at: datetime = NOW) -> list[Vanished]:
    """*count* vanished events: of many owners, or of *owner* alone."""
    return [Vanished(f"{owner}-{n}", owner or f"owner-{n}", at) for n in range(count)]


def ahead(count: int, owner: str = "") -> dict[str, str]:
    """*count* events still ahead, the vanished ones of ``gone`` first among them."""
    return {f"{owner}-{n}": owner or f"owner-{n}" for n in range(count)}


# -- the decision --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vanished", "there", "pulled"),
    [
        pytest.param(0, 10, False, id="nothing"),
        pytest.param(1, 100, False, id="one of many"),
        pytest.param(4, 20, False, id="four, though 20 %"),
        pytest.param(4, 5, False, id="four, though 80 %"),
        pytest.param(5, 24, True, id="five, over 20 %"),
        pytest.param(5, 25, True, id="five, exactly 20 %"),
        pytest.param(5, 26, False, id="five, under 20 %"),
        pytest.param(19, 100, False, id="19 %"),
        pytest.param(20, 100, True, id="20 %"),
        pytest.param(21, 100, True, id="21 %"),
        pytest.param(199, 1000, False, id="just under 20 % of many"),
        pytest.param(200, 1000, True, id="20 % of many"),
        pytest.param(5, 5, True, id="all of five"),
    ],
)
def test_a_share_of_a_tenants_events(vanished: int, there: int, pulled: bool) -> None:
    assert weigh(gone(vanished), ahead(there)) is pulled


def test_exactly_a_fifth_is_a_fifth_whatever_the_numbers() -> None:
    for vanished in range(5, 400):
        assert weigh(gone(vanished), ahead(5 * vanished)), vanished
        assert not weigh(gone(vanished), ahead(5 * vanished + 1)), vanished


@pytest.mark.parametrize(
    ("vanished", "there", "pulled"),
    [
        pytest.param(2, 2, False, id="both of two"),
        pytest.param(3, 3, True, id="all three"),
        pytest.param(3, 4, False, id="three of four"),
        pytest.param(4, 4, True, id="all four"),
        pytest.param(4, 5, False, id="all but one"),
    ],
)
def test_all_of_one_organizers_events(vanished: int, there: int, pulled: bool) -> None:
    others = {f"other-{n}": f"owner-{n}" for n in range(100)}
    assert weigh(gone(vanished, "tutor"), {**ahead(there, "tutor"), **others}) is pulled


@pytest.mark.parametrize(
    ("still_ahead", "pulled"),
    [
        pytest.param(["tutor-0", "tutor-1", "tutor-2"], True, id="one was held this morning"),
        pytest.param(["tutor-0", "tutor-1", "tutor-2", "tutor-3"], False, id="one is ahead yet"),
        pytest.param(["tutor-3"], False, id="one is ahead yet, and those gone are listed no more"),
        pytest.param([], True, id="none is ahead any more"),
    ],
)
def test_a_meeting_that_was_held_is_no_sign_of_life(still_ahead: list[str], pulled: bool) -> None:
    others = {f"other-{n}": f"owner-{n}" for n in range(100)}
    there = {**ahead(4, "tutor"), **others}
    assert weigh(gone(3, "tutor"), there, {*others, *still_ahead}) is pulled


def test_two_organizers_two_each_are_nobodys_three() -> None:
    others = {f"other-{n}": f"owner-{n}" for n in range(100)}
    assert not weigh([*gone(2, "one"), *gone(2, "two")], others)


def test_what_vanished_counts_as_there_although_it_is_listed_no_more() -> None:
    assert not weigh(gone(5), {f"left-{n}": "x" for n in range(21)}), "5 of 26"
    assert weigh(gone(5), {f"left-{n}": "x" for n in range(20)}), "5 of 25"


def test_the_same_event_twice_is_one() -> None:
    assert not weigh([*gone(4), *gone(4)], ahead(10))


# -- counting over 24 hours ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "kept"),
    [
        pytest.param(DAY - SECOND, True, id="a second short of 24 hours"),
        pytest.param(DAY, False, id="24 hours"),
        pytest.param(DAY + SECOND, False, id="a second more"),
    ],
)
def test_what_vanished_counts_for_24_hours(ago: timedelta, kept: bool) -> None:
    brake = note(Brake(tuple(gone(1, at=NOW - ago))), gone(1, "new"), NOW)
    assert [one.what for one in brake.vanished] == (["-0", "new-0"] if kept else ["new-0"])


def test_while_it_holds_nothing_is_forgotten() -> None:
    brake = Brake(tuple(gone(5, at=NOW - 3 * DAY)), pulled_at=NOW - 3 * DAY)
    assert len(note(brake, gone(1, "new"), NOW).vanished) == 6


def test_what_is_noticed_twice_counts_once_from_its_first_time() -> None:
    brake = note(note(Brake(), gone(1, at=NOW), NOW), gone(1, at=NOW + SECOND), NOW + SECOND)
    assert brake.vanished == tuple(gone(1, at=NOW))


def test_noting_nothing_new_changes_nothing() -> None:
    brake = note(Brake(), gone(3), NOW)
    assert note(brake, gone(3), NOW) == brake


# -- release -------------------------------------------------------------------------------


def test_what_had_vanished_when_released_may_go_and_counts_no_more() -> None:
    brake = release(Brake(tuple(gone(5)), pulled_at=NOW), NOW + SECOND)
    assert brake.pulled_at is None
    assert brake.vanished == ()
    assert set(brake.released) == {f"-{n}" for n in range(5)}
    assert note(brake, gone(5), NOW + 2 * SECOND).vanished == (), "not counted again"


def test_after_a_release_new_ones_count_from_nought() -> None:
    brake = release(Brake(tuple(gone(5)), pulled_at=NOW), NOW)
    assert len(note(brake, gone(4, "new"), NOW).vanished) == 4


def test_a_component_released_long_ago_counts_again_when_it_vanishes_again() -> None:
    """Its new event is another one than that which the administrator let go."""
    brake = release(Brake(tuple(gone(5)), pulled_at=NOW), NOW)
    later = NOW + 30 * DAY
    assert len(note(brake, gone(5, at=later), later).vanished) == 5


# -- asking --------------------------------------------------------------------------------


def nobody(call: Call) -> Answer:
    raise AssertionError(f"{call.method} {call.url}")


def no_graph(tenant: Tenant) -> Graph:
    raise AssertionError(tenant.id)


class Provider:
    """A tenant with *count* events ahead, each of an owner of its own unless *owner* is given."""

    def __init__(self, count: int, owner: Person | None = None, **changes: object) -> None:
        self.tenant = a_tenant()
        self.now = NOW
        self.store = Store(MemoryTable())
        settings = Settings.from_env(
            {
                "STATE_CONNECTION_STRING": "none",
                "CONNECTOR_CLIENT_ID": "connector",
                "CONNECTOR_CLIENT_SECRET": "secret",
                "SIGNING_KEY": "a-signing-key-for-tests",
            }
        )
        self.ports = Ports(
            settings=settings,
            store=self.store,
            tenants=Tenants(self.store),
            directory=Directory(self.store),
            calendars=Calendars(),
            graph=no_graph,
            lms=Lms(nobody, settings.signing_keys),
            deployment="test",
            clock=lambda: self.now,
        )
        self.records = [self._record(n, owner, changes) for n in range(count)]
        for at in range(0, count, 20):
            writes = [Write(None, record) for record in self.records[at : at + 20]]
            assert Stale not in map(type, self.store.write(self.tenant.id, writes))

    def _record(self, n: int, owner: Person | None, changes: dict[str, object]) -> Record:
        person = owner or Person(f"tutor{n}@college.example", "T.")
        saved = a_snapshot(id=ComponentId(f"C-{n:03}"), owner=person)
        booking = replace(a_booking(), owner_key=person.key)
        return a_booked(saved, booking=booking, **changes)

    def ask(self, which: Iterable[int]) -> set[str]:
        found = [
            Vanished(str(record.key), bucket(record.saved.owner.key), self.now)
            for record in (self.records[n] for n in which)
        ]
        return ask(self.ports, self.tenant, found)

    def brake(self) -> Brake:
        held = self.store.read(partition(self.tenant.id), ROW, Brake)
        assert held is not None
        return held.value

    def release(self) -> None:
        self.store.change(
            partition(self.tenant.id), ROW, Brake, lambda had: release(had or Brake(), self.now)
        )


def names(*which: int) -> set[str]:
    return {f"C-{n:03}" for n in which}


def test_few_may_go_at_once() -> None:
    provider = Provider(30)
    assert provider.ask([1, 2]) == names(1, 2)


def test_nothing_found_asks_nothing() -> None:
    assert Provider(0).ask([]) == set()


def test_many_may_not_go() -> None:
    provider = Provider(25)
    assert provider.ask(range(5)) == set()
    assert provider.brake().pulled_at == NOW


def test_just_under_a_fifth_may_go() -> None:
    assert Provider(26).ask(range(5)) == names(0, 1, 2, 3, 4)


def test_one_by_one_counts_like_all_at_once() -> None:
    """However it is noticed: a sweep, a notification and a webhook count in one place."""
    provider = Provider(25)
    allowed = [provider.ask([n]) for n in range(5)]
    assert allowed[:4] == [names(0), names(1), names(2), names(3)]
    assert allowed[4] == set(), "the fifth makes it a fifth"


def test_while_it_holds_nothing_may_go_however_few() -> None:
    provider = Provider(30)
    provider.ask(range(6))
    provider.now += 3 * DAY
    assert provider.ask([10]) == set()
    assert provider.brake().pulled_at == NOW, "since when is not forgotten"


def test_spread_over_days_it_is_ordinary_life() -> None:
    provider = Provider(25)
    for n in range(10):
        assert provider.ask([n]) == names(n)
        provider.now += timedelta(hours=7)


def test_after_the_release_what_had_vanished_may_go() -> None:
    provider = Provider(25)
    provider.ask(range(5))
    provider.now += timedelta(hours=1)
    provider.release()
    assert provider.ask(range(5)) == names(0, 1, 2, 3, 4)
    assert provider.brake().pulled_at is None, "and does not pull it again"


def test_all_of_one_tutors_three_may_not_go() -> None:
    provider = Provider(3, owner=TUTOR)
    assert provider.ask([0, 1, 2]) == set()


def test_all_that_a_tutor_has_ahead_may_not_go_whatever_was_held_before() -> None:
    provider = Provider(4, owner=TUTOR)
    held = provider.records[0]
    stored = provider.store.get(provider.tenant.id, held.key)
    assert held.booking is not None
    begun = replace(held, slot=TODAY, booking=replace(held.booking, slot=TODAY, teams_slot=TODAY))
    provider.store.write(provider.tenant.id, [Write(stored, begun)])
    assert provider.ask([1, 2, 3]) == set()


def test_all_but_one_of_a_tutors_may_go() -> None:
    provider = Provider(4, owner=TUTOR)
    assert provider.ask([1, 2, 3]) == names(1, 2, 3)


@pytest.mark.parametrize(
    ("after_start", "pulled"),
    [
        pytest.param(DAY - SECOND, False, id="23:59:59 after their start: 5 of 26"),
        pytest.param(DAY, False, id="24 hours after it"),
        pytest.param(DAY + SECOND, True, id="a second later: 5 of 5"),
    ],
)
def test_events_that_were_ahead_24_hours_ago_are_counted_as_there(
    after_start: timedelta, pulled: bool
) -> None:
    provider = Provider(26)
    provider.now = NINE.start + after_start
    assert (provider.ask(range(5)) == set()) is pulled


def test_an_event_whose_news_the_lms_has_not_taken_is_there_all_the_same() -> None:
    """With the LMS down for a day every component waits for it; that is no reason to brake."""
    provider = Provider(100, queue=(an_lms_event(),))
    assert provider.ask(range(5)) == names(0, 1, 2, 3, 4)


def test_one_tenants_brake_is_not_anothers() -> None:
    provider = Provider(25)
    provider.ask(range(5))
    other = replace(provider.tenant, id=type(provider.tenant.id)("southern"))
    found = [Vanished("C-900", "owner", NOW)]
    assert ask(provider.ports, other, found) == {"C-900"}
