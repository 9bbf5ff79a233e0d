"""Attendance reports as Graph tells them, read into ours. Pure, and total: no JSON raises.

Strings may be "", null or missing, times have three to seven decimals, and several kinds of
identity are nowhere documented. What cannot be understood is kept as a record of nobody, never
dropped, so that the hours rule knows something is missing.
https://learn.microsoft.com/graph/api/resources/attendancerecord
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.contract.instants import read_instant
from shared.evidence import canonical, sha256
from shared.graph.protocol import LONGEST_TEXT, whole
from shared.intervals import Interval
from shared.people import Entry, Joined, Report, is_guid

_TYPES = {
    "communicationsuseridentity": Joined.SIGNED_IN,
    "communicationsguestidentity": Joined.GUEST,
    "communicationsphoneidentity": Joined.PHONE,
    "communicationsapplicationidentity": Joined.APPLICATION,
    "azurecommunicationservicesuseridentity": Joined.SERVICE,
}

_ACCOUNT = "8:orgid:"
# Unverified: Teams' own ids seen in public code; graph-facts.md 5.3 lists the same families.
_FAMILIES = {
    "8:teamsvisitor:": Joined.ANONYMOUS,
    "8:acs:": Joined.SERVICE,
    "4:": Joined.PHONE,
    "28:": Joined.APPLICATION,
}

DEEPEST = 50
"""Levels of an answer that its digest sees."""

_NOBODY = "00000000-0000-0000-0000-000000000000"


def read_report(report: Any, records: Iterable[Any] | None = None) -> Report:
    """One session's report.

    Args:
        report: An item of ``attendanceReports``.
        records: Its ``attendanceRecords`` when they were read by themselves; without them, those
            expanded in *report*.
    """
    item = report if isinstance(report, Mapping) else {}
    found = _once(_items(item.get("attendanceRecords")) if records is None else records)
    entries = tuple(read_record(record) for record in found)
    spells = [interval for entry in entries for interval in entry.intervals]
    return Report(
        id=_text(item.get("id")),
        started_at=_instant(item.get("meetingStartDateTime"))
        or min((spell.joined_at for spell in spells), default=None),
        ended_at=_instant(item.get("meetingEndDateTime"))
        or max((spell.left_at for spell in spells), default=None),
        participants=_count(item.get("totalParticipantCount")),
        entries=entries,
        sha256=_digest(report, found),
    )


def read_record(record: Any) -> Entry:
    """One attendance record. Role and total are not read: neither can be relied on."""
    identity = record.get("identity") if isinstance(record, Mapping) else False
    if identity is not None and not isinstance(identity, Mapping):
        return Entry(Joined.UNREADABLE)
    address = _text(record.get("emailAddress"))
    intervals = _intervals(record.get("attendanceIntervals"))
    if not identity:
        # Unverified: so anonymous people may look; without times it tells nothing at all.
        joined = Joined.ANONYMOUS if address or intervals else Joined.UNREADABLE
        return Entry(joined, "", address, "", intervals)
    return Entry(
        joined=_joined(identity),
        id=_id(identity),
        address=address or _text(identity.get("email")),
        name=_text(identity.get("displayName")),
        intervals=intervals,
    )


def _joined(identity: Mapping[str, Any]) -> Joined:
    """How they came in. Only Graph's word for a user account is a sign-in.

    The family of the id may lower that trust, never raise it: somebody who joined without
    authentication stays a guest whatever their id looks like.
    """
    id_ = _text(identity.get("id"))
    for family, joined in _FAMILIES.items():
        if id_.startswith(family):
            return joined
    name = _text(identity.get("@odata.type")).lstrip("#").rpartition(".")[2].lower()
    if name in _TYPES:
        return _TYPES[name]
    if name not in ("", "identity"):
        return Joined.ANONYMOUS
    if "email" in identity:
        return Joined.GUEST
    return Joined.SIGNED_IN if is_guid(_id(identity)) else Joined.ANONYMOUS


def _id(identity: Mapping[str, Any]) -> str:
    id_ = _text(identity.get("id")).removeprefix(_ACCOUNT)
    return "" if id_ == _NOBODY else id_


def _intervals(value: Any) -> tuple[Interval, ...]:
    read = (_interval(one) for one in _items(value) if isinstance(one, Mapping))
    return tuple(sorted({one for one in read if one}))


def _interval(one: Mapping[str, Any]) -> Interval | None:
    """A join and a leave; where one is missing the duration tells it. None when they contradict."""
    joined_at, left_at = _instant(one.get("joinDateTime")), _instant(one.get("leaveDateTime"))
    lasted = timedelta(seconds=_count(one.get("durationInSeconds")))
    if joined_at and not left_at:
        left_at = joined_at + lasted
    if left_at and not joined_at:
        joined_at = left_at - lasted
    if not joined_at or not left_at or left_at < joined_at:
        return None
    return Interval(joined_at, left_at)


def _once(records: Iterable[Any]) -> list[Any]:
    """Records that a page repeated, once; those without an id are never taken for repeats."""
    kept: dict[str, Any] = {}
    for n, record in enumerate(records):
        named = isinstance(record, Mapping) and _text(record.get("id"))
        kept.setdefault(canonical(_bare(record)) if named else f"#{n}", record)
    return list(kept.values())


def _digest(report: Any, records: Iterable[Any]) -> str:
    """The digest of all that was read but OData's own notes, whatever the order of records."""
    item = report
    if isinstance(report, Mapping):
        item = {key: value for key, value in report.items() if key != "attendanceRecords"}
    return sha256([_bare(item), sorted(canonical(_bare(record)) for record in records)])


def _bare(value: Any, levels: int = DEEPEST) -> Any:
    """*value* without OData's own notes, and without what nobody nests so deep."""
    if not levels:
        return None
    if isinstance(value, Mapping):
        noted = ("@odata.context", "@odata.etag", "@odata.nextLink")
        return {
            key: _bare(one, levels - 1) for key, one in value.items() if not key.endswith(noted)
        }
    return [_bare(one, levels - 1) for one in value] if isinstance(value, list) else value


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    fits = isinstance(value, str) and len(value) <= LONGEST_TEXT
    return whole(value.strip()) if fits else ""


_LONGEST_S = 10 * 24 * 3600


def _count(value: Any) -> int:
    """A count or a number of seconds; 0 for anything else. Bounded, so that sums stay in range."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _LONGEST_S)


def _instant(value: Any) -> datetime | None:
    text = _text(value)
    return read_instant(text) or read_instant(f"{text}Z")
