"""The evidence record: why hours were or were not earned, kept longer than Teams keeps it.

No I/O, no clock. A record holds nothing personal (the law, 3): people are named by a key whose
row erasure empties, people nobody identified by a number; no name, address, object id or phone
number. It is enough to judge the case again: ``case_of`` and ``settings_of`` read one back, and
``judge`` must come to the verdict it holds. Records are written once, as ``canonical`` text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shared.attendance import Asked, Case, Session, Verdict, counted, whole_minutes
from shared.codec import instant
from shared.intervals import Interval
from shared.model import (
    AttendanceSettings,
    ComponentId,
    EvidenceId,
    JoinUrl,
    Kind,
    PersonKey,
    Slot,
    TenantId,
    UserId,
)
from shared.people import Participant, Rule, Stay, Who, is_guid
from shared.verification import Decision, Standing, Step

SCHEMA = 1
"""The version of a record's form; raised when a reader must know."""


# -- canonical JSON -----------------------------------------------------------------------


def canonical(value: Any) -> str:
    """The one text of a JSON value: keys sorted, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def sha256(value: Any) -> str:
    """The SHA-256 of a JSON value's canonical text, in hex. A record's ``evidenceSha256``."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


# -- keys ---------------------------------------------------------------------------------


def evidence_id(record: Mapping[str, Any]) -> EvidenceId:
    """A record's id: the same when the same finding is written down again after a crash.

    Everything decides but when it was written and by which version of the product.
    """
    lasting = {key: value for key, value in record.items() if key not in ("at", "version")}
    return EvidenceId(sha256(lasting)[:32])


def note_key(tenant: TenantId, component: ComponentId) -> str:
    """The key of a component's one note. Without a date: hours are posted once, whatever moves."""
    return f"hours-{sha256([tenant, component])[:32]}"


# -- names --------------------------------------------------------------------------------

_KEYED = (Who.ORGANIZER, Who.LEARNER, Who.INVITED, Who.SOMEONE_ELSE)


def wants_key(person: Participant) -> bool:
    """Whether *person* is known, so that evidence names them by a key."""
    return person.who in _KEYED


def names(people: Iterable[Participant], keys: Mapping[str, PersonKey]) -> dict[str, Participant]:
    """Each participant by the name evidence gives them, and by their number (``invited 1``)."""
    found: dict[str, Participant] = {}
    for person in people:
        found.setdefault(_evidence_name(person, keys), person)
        found[person.name] = person
    return found


def _evidence_name(person: Participant, keys: Mapping[str, PersonKey]) -> str:
    return keys.get(person.name, person.name) if wants_key(person) else person.name


# -- the record ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A person's decision as evidence keeps it. *by* names them by a key.

    *reason* is kept as written: the one text of a record that a person chose.
    """

    decision: Decision
    participant: str | None
    by: PersonKey
    reason: str


def evidence_record(
    tenant: TenantId,
    component: ComponentId,
    case: Case,
    verdict: Verdict,
    step: Step,
    settings: AttendanceSettings,
    keys: Mapping[str, PersonKey],
    *,
    at: datetime,
    today: date,
    version: str,
    previous: EvidenceId | None = None,
    word: Word | None = None,
) -> dict[str, Any]:
    """Write a verification down.

    Args:
        tenant: Whose component.
        component: Which.
        case: What was read.
        verdict: What was made of it.
        step: What followed.
        settings: The choices that were applied.
        keys: The key of each participant whom ``wants_key`` asks one for, by ``name``.
        at: When.
        today: The local date the verdict was made on.
        version: The product's.
        previous: The component's record before this one.
        word: The person's decision, when there was one.
    """
    return {
        "schema": SCHEMA,
        "tenant": tenant,
        "component": component,
        "revision": case.revision,
        "kind": case.kind.value,
        "scheduled": _scheduled(case),
        "asked": [_asked(asked) for asked in case.asked],
        "sessions": _sessions(case),
        "unplacedReports": case.unplaced,
        "people": [_person(person, keys) for person in case.people],
        "settings": _settings(settings),
        "today": today.isoformat(),
        "verdict": _verdict(verdict),
        "standing": _standing(step.standing),
        "late": step.late,
        "decision": _word(word) if word else None,
        "at": instant(at),
        "version": version,
        "previous": previous,
    }


def _scheduled(case: Case) -> dict[str, Any]:
    return {
        "date": case.date.isoformat(),
        "start": instant(case.slot.start),
        "end": instant(case.slot.end),
        "timeZone": case.zone,
        "plannedMinutes": case.planned_minutes,
    }


def _asked(asked: Asked) -> dict[str, Any]:
    """The link without its organizer's object id, and the digest of the whole of it."""
    link = asked.url.url
    return {
        "joinUrl": _without(link, asked.url.organizer),
        "joinUrlSha256": hashlib.sha256(link.encode(errors="surrogatepass")).hexdigest(),
        "refused": asked.refused,
        "reports": [{"id": report, "sha256": digest} for report, digest in asked.reports],
    }


def _without(link: str, user: UserId) -> str:
    return re.sub(re.escape(user), "*", link, flags=re.IGNORECASE) if is_guid(user) else link


def _sessions(case: Case) -> list[dict[str, Any]]:
    reports = {session.report for session in counted(case)}
    return [
        {
            "report": session.report,
            "date": session.date.isoformat(),
            "start": instant(session.started_at),
            "end": instant(session.ended_at),
            "records": session.entries,
            "participants": session.participants,
            "counted": session.report in reports,
        }
        for session in case.sessions
    ]


def _person(person: Participant, keys: Mapping[str, PersonKey]) -> dict[str, Any]:
    return {
        "person": _evidence_name(person, keys),
        "who": person.who.value,
        "rule": person.rule.name.lower(),
        "why": person.rule.value,
        "rejoined": person.rejoined,
        "stays": _stays(person.stays),
    }


def _stays(stays: Iterable[Stay]) -> list[dict[str, Any]]:
    return [
        {"report": stay.session, "intervals": [_interval(one) for one in stay.intervals]}
        for stay in stays
    ]


def _interval(interval: Interval) -> dict[str, str]:
    return {"join": instant(interval.joined_at), "leave": instant(interval.left_at)}


def _settings(settings: AttendanceSettings) -> dict[str, Any]:
    return {
        "unidentifiedOther": settings.unidentified_other,
        "extraAttendee": settings.extra_attendee,
        "learnerTime": settings.learner_time,
        "reviewsEarnHours": settings.reviews_earn_hours,
        "retryNights": settings.retry_nights,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome.value,
        "message": verdict.message,
        **_hours(verdict.earned),
        "final": verdict.final,
        "settledBy": verdict.settled,
        "flags": [flag.value for flag in verdict.flags],
        "counted": _stays(verdict.counted),
    }


def _standing(standing: Standing) -> dict[str, Any]:
    """What the component is left with, which a late report does not change."""
    attendance = standing.attendance
    return {
        "outcome": attendance.outcome,
        **_hours(attendance.earned),
        "final": attendance.final,
        "flags": [flag.value for flag in attendance.flags],
    }


def _hours(earned: timedelta | None) -> dict[str, int | None]:
    if earned is None:
        return {"seconds": None, "minutes": None}
    return {"seconds": earned // timedelta(seconds=1), "minutes": whole_minutes(earned)}


def _word(word: Word) -> dict[str, Any]:
    return {
        "decision": word.decision.value,
        "participant": word.participant,
        "by": word.by,
        "reason": word.reason,
    }


# -- and back -----------------------------------------------------------------------------


def case_of(record: Mapping[str, Any]) -> Case:
    """The case a record was made from, with evidence's names for people and no identities."""
    scheduled = record["scheduled"]
    return Case(
        kind=Kind(record["kind"]),
        revision=record["revision"],
        planned_minutes=scheduled["plannedMinutes"],
        slot=Slot(_instant(scheduled["start"]), _instant(scheduled["end"])),
        zone=scheduled["timeZone"],
        date=date.fromisoformat(scheduled["date"]),
        asked=tuple(_asked_of(asked) for asked in record["asked"]),
        sessions=tuple(_session_of(session) for session in record["sessions"]),
        people=tuple(_person_of(person) for person in record["people"]),
        unplaced=record["unplacedReports"],
    )


def settings_of(record: Mapping[str, Any]) -> AttendanceSettings:
    """The settings a record was made under."""
    settings = record["settings"]
    return AttendanceSettings(
        unidentified_other=settings["unidentifiedOther"],
        extra_attendee=settings["extraAttendee"],
        learner_time=settings["learnerTime"],
        reviews_earn_hours=settings["reviewsEarnHours"],
        retry_nights=settings["retryNights"],
    )


def _asked_of(asked: Mapping[str, Any]) -> Asked:
    reports = tuple((report["id"], report["sha256"]) for report in asked["reports"])
    return Asked(JoinUrl(asked["joinUrl"], UserId("")), asked["refused"], reports)


def _session_of(session: Mapping[str, Any]) -> Session:
    return Session(
        report=session["report"],
        date=date.fromisoformat(session["date"]),
        started_at=_instant(session["start"]),
        ended_at=_instant(session["end"]),
        entries=session["records"],
        participants=session["participants"],
    )


def _person_of(person: Mapping[str, Any]) -> Participant:
    return Participant(
        name=person["person"],
        who=Who(person["who"]),
        rule=Rule[person["rule"].upper()],
        stays=tuple(_stay_of(stay) for stay in person["stays"]),
        rejoined=person["rejoined"],
    )


def _stay_of(stay: Mapping[str, Any]) -> Stay:
    intervals = (
        Interval(_instant(one["join"]), _instant(one["leave"])) for one in stay["intervals"]
    )
    return Stay(stay["report"], tuple(intervals))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
