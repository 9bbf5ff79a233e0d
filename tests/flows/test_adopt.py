"""After the table was restored from a backup: what stands in the calendars is taken over."""

from __future__ import annotations

from datetime import UTC, datetime

from component_http import operate
from tests.fakes import MemoryTable
from tests.flows.world import TENANT, World

BEFORE_WINDOW = datetime(2026, 4, 24, 12, 0, tzinfo=UTC)


def restored(**since: str) -> World:
    """A meeting was made, *since* saved, and the table put back to before it was made."""
    table = MemoryTable()
    world = World(BEFORE_WINDOW, table)
    world.save()
    backup = dict(table._rows)
    world.pass_(hours=12)
    world.sweep()
    table._rows.clear()
    table._rows.update(backup)
    world.restart()
    if since:
        world.lms.put_silently(TENANT, "C-1", **since)
        world.lms.send_list(TENANT)
        world.settle_mail()
    return world


def adopt(world: World) -> dict[str, int]:
    counts: dict[str, int] = operate.TENANT_ACTS["adopt"](world.ports, TENANT, b"").body
    return counts


def test_the_event_is_taken_over_and_no_second_one_made() -> None:
    world = restored()
    assert adopt(world)["adopted"] == 1
    world.sweep()
    assert world.show()["meeting"]["joinUrl"] == world.event.join_url
    assert adopt(world)["known"] == 1


def test_a_name_that_changed_since_the_backup_reaches_the_event() -> None:
    world = restored(name="Renamed")
    adopt(world)
    world.sweep()
    assert world.event.subject == "Renamed"
