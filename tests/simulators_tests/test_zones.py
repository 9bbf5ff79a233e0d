"""Wall times and instants, both clock changes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.simulators.graph import zones


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        pytest.param("2026-01-15T09:00:00", "Europe/London", "2026-01-15T09:00", id="winter"),
        pytest.param(
            "2026-04-30T09:00:00.0000000", "Europe/London", "2026-04-30T08:00", id="summer"
        ),
        pytest.param(
            "2026-03-29T00:59:00", "Europe/London", "2026-03-29T00:59", id="before the gap"
        ),
        pytest.param("2026-03-29T01:30:00", "Europe/London", "2026-03-29T01:30", id="in the gap"),
        pytest.param(
            "2026-03-29T02:00:00", "Europe/London", "2026-03-29T01:00", id="after the gap"
        ),
        pytest.param("2026-10-25T00:59:00", "Europe/London", "2026-10-24T23:59", id="before"),
        pytest.param(
            "2026-10-25T01:30:00", "Europe/London", "2026-10-25T01:30", id="repeated hour"
        ),
        pytest.param("2026-10-25T00:30:00", "UTC", "2026-10-25T00:30", id="its first half, in UTC"),
        pytest.param("2026-10-25T02:00:00", "Europe/London", "2026-10-25T02:00", id="after"),
        pytest.param("2026-04-30T09:00:00Z", "Europe/London", "2026-04-30T09:00", id="offset wins"),
        pytest.param("2026-04-30T09:00", None, "2026-04-30T09:00", id="no seconds, no zone"),
        pytest.param("2026-04-30", "Asia/Kolkata", "2026-04-29T18:30", id="date only"),
    ],
)
def test_to_instant(text: str, zone: str | None, utc: str) -> None:
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert zones.to_instant(text, zone) == expected


def test_both_halves_of_the_repeated_hour_look_alike_in_the_local_zone() -> None:
    london = ZoneInfo("Europe/London")
    halves = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    assert {zones.to_wire(half, london) for half in halves} == {"2026-10-25T01:30:00.0000000"}


@pytest.mark.parametrize("name", sorted(zones.WINDOWS))
def test_every_windows_name_leads_to_a_zone(name: str) -> None:
    assert isinstance(zones.zone(name), ZoneInfo)


@pytest.mark.parametrize("name", ["", "Europe/Atlantis", "GMT standard time", "../etc"])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(zones.UnknownZone):
        zones.zone(name)
