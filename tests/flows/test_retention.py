"""What is older than a tenant keeps goes, by month, with the people nobody needs any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attendance_timer import retention
from attendance_timer.retention import oldest_kept, purge
from schedule_timer.strays import Sighting
from shared import runs
from shared.keys import ComponentKey, partition
from shared.model import EventId, TenantId, UserId
from shared.store import Stored
from shared.table import rows
from tests.build import a_tenant, at
from tests.fakes import MemoryTable
from tests.flows.world import LEARNER, TENANT, TUTOR, World

OTHER = {"email": "other@work.example", "name": "O. Ther"}


def kinds(world: World, component: str = "") -> set[str]:
    """The kinds of rows that a tenant has, or one component of it."""
    found = rows(world.table, partition(world.tenant), "", "\x7f")
    keys = [row.key.split("|") for row in found]
    return {key[0] for key in keys if not component or component in key}


def held(world: World, component: str = "C-1", **more: Any) -> None:
    """A meeting of today, held and verified tonight."""
    start = world.clock().replace(hour=12, minute=0, second=0, microsecond=0)
    end = start + timedelta(hours=1)
    world.save(component, start=start.isoformat(), end=end.isoformat(), **more)
    world.clock.set(start, frozen=True)
    (event,) = [e for e in world.events() if e.start == start]
    learner = {"foreign": "L", "email": more.get("learner", LEARNER)["email"]}
    people: list[Any] = [(TUTOR["email"], [(0, 60)]), (learner, [(0, 60)])]
    world.clock.set(end + timedelta(hours=1), frozen=True)
    world.graph.attendance.hold(event, people)
    world.clock.set(start + timedelta(hours=15), frozen=True)
    world.night()


def years_later(world: World, years: int = 7, months: int = 1) -> None:
    now = world.clock()
    month = now.month - 1 + months
    world.clock.set(
        now.replace(year=now.year + years + month // 12, month=month % 12 + 1, day=1), frozen=True
    )


@pytest.mark.parametrize(
    ("now", "zone", "years", "month"),
    [
        pytest.param("2026-05-01 00:00", "UTC", 7, "2019-05", id="the first of a month"),
        pytest.param("2026-04-30 23:59", "UTC", 7, "2019-04", id="the last of one"),
        pytest.param("2026-04-30 23:30", "Europe/London", 7, "2019-05", id="in the tenant's zone"),
        pytest.param("2026-01-15 12:00", "UTC", 1, "2025-01", id="a year"),
        pytest.param("2026-01-15 12:00", "UTC", 99, "1927-01", id="for ever, almost"),
    ],
)
def test_a_month_is_kept_until_the_same_one_years_later_begins(
    now: str, zone: str, years: int, month: str
) -> None:
    assert oldest_kept(a_tenant(time_zone=zone, retention_years=years), at(now)) == month


def test_a_component_goes_whole_when_its_month_is_over() -> None:
    world = World()
    held(world)
    of_its_own = {"component", "ahead", "month", "history", "evidence", "named"}
    assert kinds(world, "C-1") == of_its_own
    years_later(world, months=0)
    world.night()
    assert "component" in kinds(world), "its month is not over"
    years_later(world, years=0)
    assert world.night()[TENANT] == {"purged": 1, "people_purged": 2}
    assert kinds(world) == set()


def test_nothing_goes_before_its_time() -> None:
    world = World()
    held(world)
    before = kinds(world)
    world.clock.set(world.clock().replace(year=2033), frozen=True)
    assert "purged" not in world.night()[TENANT]
    assert kinds(world) == before


def test_people_stay_while_another_component_names_them() -> None:
    world = World()
    held(world)
    years_later(world, months=0)
    held(world, "C-2", learner=OTHER)
    years_later(world, years=0)
    assert purge(world.ports, tenant(world)) == {"purged": 1, "people_purged": 1}
    people = rows(world.table, partition(world.tenant), "person|", "person~")
    known = " ".join(row.text for row in people)
    assert TUTOR["email"] in known
    assert LEARNER["email"] not in known


def tenant(world: World) -> Any:
    found = world.ports.tenants.get(TenantId(TENANT), fresh=True)
    assert found
    return found


def test_what_was_accepted_as_a_persons_goes_with_them() -> None:
    world = World()
    world.save()
    key = f"alias|{world.ports.store.components(world.tenant)[0][0].record.people[1]}"
    world.ports.store.put(partition(world.tenant), [(key, {"identities": []})])
    years_later(world)
    world.night()
    assert "alias" not in kinds(world)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"start": None, "end": None}, id="never dated"),
        pytest.param({"meetOnline": False}, id="never online"),
        pytest.param({"cancelled": True}, id="cancelled"),
    ],
)
def test_what_never_became_a_meeting_goes_too(more: dict[str, Any]) -> None:
    """Undated ones when nobody has touched them for so long."""
    world = World()
    world.save(**more)
    years_later(world, months=0)
    world.night()
    assert "component" in kinds(world)
    years_later(world, years=0)
    world.night()
    assert "component" not in kinds(world)


def test_a_meeting_that_moved_is_kept_by_its_new_month() -> None:
    world = World()
    world.save()
    world.save(start="2027-01-20T09:00:00+00:00", end="2027-01-20T10:00:00+00:00")
    years_later(world)  # seven years after its first month
    assert purge(world.ports, tenant(world)) == {}
    months = [row.key for row in rows(world.table, partition(world.tenant), "month|", "month~")]
    assert months == ["month|2027-01|C-1"]


def test_a_disabled_tenants_data_go_as_well() -> None:
    """Whoever switches a tenant off does not keep its people's data for ever."""
    world = World()
    held(world)
    world.change_tenant(enabled=False)
    years_later(world)
    assert world.night() == {TENANT: {"purged": 1, "people_purged": 2}}


def test_a_tenant_that_keeps_less_forgets_from_the_next_night_on() -> None:
    world = World()
    held(world)
    years_later(world, years=1)
    world.change_tenant(retentionYears=1)
    world.night()
    assert "component" not in kinds(world)


def test_a_night_takes_away_so_much_and_the_next_ones_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    for n in range(7):
        world.save(f"C-{n}", start=None, end=None)
    years_later(world)
    monkeypatch.setattr(retention, "MOST_A_NIGHT", 3)
    assert [world.night().get(TENANT, {}).get("purged", 0) for _ in range(4)] == [3, 3, 1, 0]


class Counting(MemoryTable):
    """Counts how many rows are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def page(self, *args: Any, **more: Any) -> Any:
        page = super().page(*args, **more)
        self.read += len(page.rows)
        return page


def test_it_costs_what_it_takes_away_and_not_what_is_stored() -> None:
    table = Counting()
    world = World(table=table)
    for n in range(300):
        world.save(f"C-{n}", start=None, end=None)
    table.read = 0
    assert purge(world.ports, tenant(world)) == {}
    assert table.read == 0


def test_a_component_saved_at_that_very_moment_stays_whole() -> None:
    world = World()
    held(world)
    years_later(world)
    store, before = world.ports.store, kinds(world, "C-1")
    get = store.get

    def saved_meanwhile(tenant: TenantId, key: ComponentKey) -> Stored | None:
        store.get = get  # type: ignore[method-assign]
        found = get(tenant, key)
        world.save(name="Renamed")
        return found

    store.get = saved_meanwhile  # type: ignore[method-assign]
    assert purge(world.ports, tenant(world)) == {}
    assert kinds(world, "C-1") == before


def test_one_with_more_history_than_a_transaction_holds_goes_too() -> None:
    world = World()
    for n in range(230):
        world.save(name=f"n{n}")
    years_later(world)
    world.night()
    assert kinds(world, "C-1") == set()


def test_runs_and_sightings_of_long_ago_go() -> None:
    world = World()
    old = world.clock() - timedelta(days=31)
    fresh = world.clock() - timedelta(days=29)
    for name, first in (("old", old), ("fresh", fresh)):
        sighting = Sighting(EventId(name), UserId("u"), "m", first, first)
        world.ports.store.put(partition(world.tenant), [(f"stray|{name}", sighting)])
    world.clock.set(old - timedelta(hours=1), frozen=True)
    for _ in range(250):
        runs.finish(world.ports, runs.start(world.ports, "catch_up_timer"), "done", {})
    world.clock.set(datetime(2026, 4, 25, 8, tzinfo=UTC), frozen=True)
    world.night()
    found = list(rows(world.table, partition(world.tenant), "stray|", "stray~"))
    assert [row.key for row in found] == ["stray|fresh"]
    assert [run.function for run in runs.listed(world.ports, "")[0]] == ["attendance_timer"]
