"""What an LMS does not take is told to whoever looks after the connector."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.world import World


def undelivered(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [
        {"age_hours": record.__dict__["age_hours"], "count": record.__dict__["count"]}
        for record in caplog.records
        if record.message == "lms_event.undelivered"
    ]


def test_each_sweep_tells_how_long_the_oldest_event_has_waited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From an hour on; the alert comes at six."""
    world = World()
    world.lms.faults.add("unavailable", times=None)
    world.save()
    world.save("C-2", start="2026-04-30T14:00:00+01:00", end="2026-04-30T15:00:00+01:00")
    world.sweep()
    assert undelivered(caplog) == [], "a minute's trouble is nobody's business"
    for _ in range(3):
        world.pass_(hours=3)
        world.sweep()
    assert [one["age_hours"] for one in undelivered(caplog)] == [3.0, 6.0, 9.0]
    assert {one["count"] for one in undelivered(caplog)} == {2}


def test_nothing_is_told_once_the_lms_takes_them(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.lms.faults.add("unavailable", times=1)
    world.save()
    world.pass_(hours=7)
    world.sweep()
    assert world.told() == ["meeting.scheduled"]
    assert undelivered(caplog) == []


def test_parked_events_are_told_by_another_name(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.lms.faults.add("answer", status=410, times=None)
    world.save()
    world.pass_(hours=7)
    world.sweep()
    assert undelivered(caplog) == []
    assert [r.message for r in caplog.records if "parked" in r.message] == ["lms_event.parked"]
