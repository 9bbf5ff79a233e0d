"""When a component may be scheduled: the window, the lead time, local dates and times.

No I/O, no clock. The window counts local calendar days, the lead time counts hours on the clock
(the law, rules 2 and 4): on the days the clocks change these differ.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

LEAD_TIME = timedelta(hours=3)


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local_date(moment: datetime, zone_name: str) -> date:
    """The calendar day on which *moment* falls in the zone."""
    return moment.astimezone(zone(zone_name)).date()


def local_iso(moment: datetime, zone_name: str) -> str:
    """RFC 3339 as people in the zone would write it: ``2026-04-30T09:00:00+01:00``."""
    return moment.astimezone(zone(zone_name)).isoformat(timespec="seconds")


def opens_on(start: datetime, zone_name: str, days: int) -> date:
    """The local day from which a meeting at *start* may be created."""
    return local_date(start, zone_name) - timedelta(days=days)


def is_open(start: datetime, zone_name: str, days: int, now: datetime) -> bool:
    return opens_on(start, zone_name, days) <= local_date(now, zone_name)


def window_end(zone_name: str, days: int, now: datetime) -> datetime:
    """The instant before which every start is inside the window: a local midnight, in UTC."""
    last = local_date(now, zone_name) + timedelta(days=days + 1)
    return day_start(last, zone_name)


def day_start(day: date, zone_name: str) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time(), zone(zone_name)).astimezone(UTC)


def in_time(start: datetime, asked_at: datetime) -> bool:
    """Whether the notice was long enough; exactly the lead time is. Judged on whole seconds."""
    return start - asked_at.replace(microsecond=0) >= LEAD_TIME


def is_ambiguous(moment: datetime, zone_name: str) -> bool:
    """Whether the local time of *moment* happens twice: the hour that autumn repeats."""
    local = moment.astimezone(zone(zone_name))
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
