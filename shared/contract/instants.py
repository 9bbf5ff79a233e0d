"""RFC 3339 instants and local dates → aware datetimes and dates. No clock.

An offset is required; ``t`` and ``z`` may be lower case; any number of decimals is taken, and
what is finer than a microsecond is cut off. A leap second is the first moment of the next minute:
no library here can hold it, and Teams has none.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

YEARS = range(1970, 3000)
"""Years as written. Far enough from the ends of the calendar for any sum of days or offset."""

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_instant(text: str) -> datetime | None:
    """*text* as an instant in UTC; None when it is none, or outside ``YEARS``."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    offset = _offset(match)
    if year not in YEARS or second > 60 or offset is None:
        return None
    try:
        base = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=offset)
    except ValueError:
        return None
    instant = base.astimezone(UTC)
    if second == 60:
        if (instant.hour, instant.minute) != (23, 59):
            return None
        instant += timedelta(seconds=1)
    return instant.replace(microsecond=int((match[7] or "0")[:6].ljust(6, "0")))


def read_date(text: str) -> date | None:
    """*text* as a date (``2026-04-30``); None when it is none, or outside ``YEARS``."""
    if not _DATE.fullmatch(text):
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def _offset(match: re.Match[str]) -> tzinfo | None:
    if match[8] is None:
        return UTC
    hours, minutes = int(match[9]), int(match[10])
    if hours > 23 or minutes > 59:
        return None
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if match[8] == "-" else distance)
