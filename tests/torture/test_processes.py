"""A dose of killed processes; ``python dev.py torture`` plays rounds at length."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.torture.processes import TENANTS, TONIGHT, Processes, round_of


def test_a_day_and_a_night_with_hosts_and_storage_killed() -> None:
    figures: Counter[str] = Counter()
    broken = round_of("a dose", figures, by_day=1, by_night=1)
    assert not broken, "\n".join(broken)
    assert figures["kills of hosts"] + figures["kills of Azurite"] == 1 + 1 + 2 * 2
    assert figures["webhooks"]
    assert figures["events made"]
    assert figures["meetings held"]


def test_what_is_broken_would_be_seen(tmp_path: Path) -> None:
    """A save that nobody was told of, an event that stands twice, a webhook that was refused."""
    tenant = TENANTS[0]
    with Processes(tmp_path, "seen", Counter()).running() as world:
        for name in TONIGHT:
            world.lms.save(tenant, name, **world.new(tenant, name, world.die)).wait()
        world.run("sweep")
        assert world.broken() == []

        untold, twice, _ = TONIGHT
        world.lms.put_silently(tenant, untold, name="Renamed in secret")
        event = next(e for e in world.graph.live_events() if e.subject == f"Workshop {twice}")
        twin = world.graph.tutor.creates(event.user.upn, "Twin", event.start, event.end)
        twin.properties.update(event.properties)
        world.lms.send_raw(tenant, {"type": "component.saved", "data": {}}).wait()
        found = "\n".join(world.broken())
        assert f"{untold}: revision 2 in the LMS, 1 here" in found
        assert "has 2 live events" in found
        assert "was answered 422" in found
