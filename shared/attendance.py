"""What a meeting earns: what was read in, a verdict with its reason out (the law, 3).

No I/O, no clock, no field name of Graph's or the LMS's. ``assemble`` lays out what was read,
``judge`` applies the law's table, ``judge_accepted`` does so once a person has said who the
learner is. Each verdict stands by itself: what came before, what the LMS is told of it and what is
kept is ``shared.verification``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum

from shared.intervals import Spells, intersection, length, subtraction, union
from shared.model import (
    AttendanceSettings,
    Flag,
    JoinUrl,
    Kind,
    Slot,
    Snapshot,
)
from shared.people import (
    Answers,
    Attended,
    Cast,
    Participant,
    Reading,
    Report,
    Stay,
    Who,
    participants,
)
from shared.window import local_date

GIVE_UP_AFTER = timedelta(days=60)
"""How long a reading that Teams refuses is tried, from the scheduled day."""
MINUTE = timedelta(minutes=1)


# -- the case -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a component's meetings.

    *date* is the local day it started on. *entries* records were found where Teams counted
    *participants*.
    """

    report: str
    date: date
    started_at: datetime
    ended_at: datetime
    entries: int
    participants: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A join URL that was asked, and what it gave: each report's id and digest."""

    url: JoinUrl
    refused: bool
    reports: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """All that the hours rule may look at for one component.

    *slot*, *planned_minutes* and the people are as frozen at the start; *date* is the scheduled
    local day. *unplaced* reports tell no time at all, so they belong to no day.
    """

    kind: Kind
    revision: int
    planned_minutes: int | None
    slot: Slot
    zone: str
    date: date
    asked: tuple[Asked, ...]
    sessions: tuple[Session, ...]
    people: tuple[Participant, ...]
    unplaced: int = 0

    @property
    def read(self) -> tuple[str, ...]:
        """The digests of every report, so that a later one is noticed."""
        return tuple(sorted({sha256 for asked in self.asked for _, sha256 in asked.reports}))


def assemble(
    frozen: Snapshot,
    slot: Slot,
    zone: str,
    readings: Iterable[Reading],
    cast: Cast,
    answers: Answers,
) -> Case:
    """Lay out what was read of one component, the same for every order of reading.

    Args:
        frozen: The save that held when the component started.
        slot: The agreed slot, as frozen at its start.
        zone: The tenant's zone, by name.
        readings: What each join URL gave; all the component ever had.
        cast: The component's people.
        answers: Look-ups of all that ``unknown_identities(readings, cast)`` listed.
    """
    read = sorted(readings, key=lambda one: (one.url.organizer, one.url.url))
    reports = _distinct(read)
    sessions = [_session(key, report, zone) for key, (_, report) in reports.items()]
    placed = {session.report for session in sessions if session}
    attended = [
        Attended(key, url.organizer, entry)
        for key, (url, report) in reports.items()
        if key in placed
        for entry in report.entries
    ]
    return Case(
        kind=frozen.kind,
        revision=frozen.revision,
        planned_minutes=frozen.planned_minutes,
        slot=slot,
        zone=zone,
        date=local_date(slot.start, zone),
        asked=tuple(_asked(one) for one in read),
        sessions=tuple(sorted(filter(None, sessions), key=lambda s: (s.started_at, s.report))),
        people=participants(attended, cast, answers),
        unplaced=len(reports) - len(placed),
    )


def _distinct(readings: Iterable[Reading]) -> dict[str, tuple[JoinUrl, Report]]:
    """Each report once, by its name; of two versions the one that shows more is kept."""
    found: dict[str, tuple[JoinUrl, Report]] = {}
    for reading in readings:
        for report in reading.reports:
            key = _name(report)
            had = found.get(key)
            if had is None or _fullness(report) > _fullness(had[1]):
                found[key] = (reading.url, report)
    return found


def _name(report: Report) -> str:
    return report.id or report.sha256


def _fullness(report: Report) -> tuple[int, str]:
    return len(report.entries), report.sha256


def _session(key: str, report: Report, zone: str) -> Session | None:
    if report.started_at is None:
        return None
    return Session(
        report=key,
        date=local_date(report.started_at, zone),
        started_at=report.started_at,
        ended_at=report.ended_at or report.started_at,
        entries=len(report.entries),
        participants=report.participants,
    )


def _asked(reading: Reading) -> Asked:
    reports = sorted((_name(report), report.sha256) for report in reading.reports)
    return Asked(reading.url, reading.refused, tuple(reports))


def on_the_day(case: Case) -> tuple[Session, ...]:
    """The sessions that started on the scheduled local date, whenever they ended."""
    return tuple(session for session in case.sessions if session.date == case.date)


def counted(case: Case) -> tuple[Session, ...]:
    """The sessions that count: of the day, and the organizer joined."""
    organizers = [person for person in case.people if person.who is Who.ORGANIZER]
    return tuple(
        session
        for session in on_the_day(case)
        if any(person.was_in(session.report) for person in organizers)
    )


def _overlaps(session: Session, slot: Slot) -> bool:
    return session.started_at < slot.end and slot.start < session.ended_at


# -- outcomes -----------------------------------------------------------------------------


class Outcome(Enum):
    """Every way a verification can turn out (the law, 3)."""

    NOT_PERMITTED = "not_permitted"
    AWAITING_REPORT = "awaiting_report"
    NO_REPORT = "no_report"
    DIFFERENT_DAY = "different_day"
    ORGANIZER_ABSENT = "organizer_absent"
    LEARNER_ABSENT = "learner_absent"
    NO_PLANNED_HOURS = "no_planned_hours"
    REVIEW = "review"
    HELD_FOR_REVIEW = "held_for_review"
    LEARNER_TIME = "learner_time"
    ASSUMED_LEARNER = "assumed_learner"
    WHOLE_MEETING = "whole_meeting"
    UNDER_A_MINUTE = "under_a_minute"

    @property
    def earns(self) -> bool:
        """Whether hours go with it."""
        return self in _EARNING


_EARNING = {Outcome.LEARNER_TIME, Outcome.ASSUMED_LEARNER, Outcome.WHOLE_MEETING}

MESSAGES = {
    Outcome.NOT_PERMITTED: (
        "Teams does not let the connector read this meeting's attendance report; an administrator"
        " must give it the permission and the access policy for this organiser."
    ),
    Outcome.AWAITING_REPORT: "Teams has not published an attendance report yet.",
    Outcome.NO_REPORT: (
        "Teams has published no attendance report: nobody joined, or the report is switched off."
    ),
    Outcome.DIFFERENT_DAY: "The meeting was held on another day than the one it was scheduled for.",
    Outcome.ORGANIZER_ABSENT: "The organiser did not join the meeting on the scheduled day.",
    Outcome.LEARNER_ABSENT: "The organiser joined, but the learner did not.",
    Outcome.NO_PLANNED_HOURS: "The component has no planned time, so no hours are returned.",
    Outcome.REVIEW: "A review does not earn off-the-job hours.",
    Outcome.HELD_FOR_REVIEW: "A person must decide whether hours are returned.",
    Outcome.LEARNER_TIME: "The learner's own time in the meeting.",
    Outcome.ASSUMED_LEARNER: (
        "The only participant Teams could not identify was taken for the learner."
    ),
    Outcome.WHOLE_MEETING: (
        "People who were not invited, or could not be identified, were present, so the whole"
        " meeting counts."
    ),
    Outcome.UNDER_A_MINUTE: "Teams shows less than one minute to count, or no times at all.",
}
"""What each outcome means, in a sentence for a tutor."""

_HELD_UNIDENTIFIED = (
    "One participant could not be identified; a person must decide whether it was the learner."
)
_HELD_EXTRA = "People who were not invited were present; a person must decide what counts."
_HELD_NO_LEARNER = (
    "Several participants could not be identified; a person must decide which was the learner."
)
_HELD_MISSING = (
    "The learner does not appear, but Teams withheld some of those who were there; a person must"
    " decide."
)
_ACCEPTED = "A person recognised the learner; this is the learner's own time in the meeting."


@dataclass(frozen=True, slots=True)
class Verdict:
    """*earned*, in whole seconds, is what is or would be posted; None for no hours.

    *final* tells that it settled. *counted* are the spells that earned it, by session. *settled*
    says by what it settled: ``session``, ``nights``, ``given up``, ``person``, or "" for not yet.
    """

    outcome: Outcome
    earned: timedelta | None
    final: bool
    flags: tuple[Flag, ...]
    message: str
    counted: tuple[Stay, ...] = ()
    settled: str = ""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rows of the table ask."""

    case: Case
    settings: AttendanceSettings
    nights_over: bool
    day: tuple[Session, ...]
    counted: tuple[Session, ...]
    learner: Participant | None
    unidentified: tuple[Participant, ...]
    others: tuple[Participant, ...]

    @property
    def settled(self) -> bool:
        return any(_overlaps(session, self.case.slot) for session in self.counted)

    @property
    def missing(self) -> bool:
        """Whether Teams counted more than it shows, or hid who somebody was."""
        short = any(session.participants > session.entries for session in self.day)
        return short or bool(self.case.unplaced or _present(self.case, self.day, Who.UNNAMED))

    @property
    def uninvited(self) -> bool:
        """Whether somebody was there beside the organizer, the learner and the invited."""
        alone = 0 if self.learner else 1
        return bool(self.others) or len(self.unidentified) > alone


def _facts(case: Case, settings: AttendanceSettings, *, nights_over: bool) -> _Facts:
    there = counted(case)
    learners = _present(case, there, Who.LEARNER)
    return _Facts(
        case=case,
        settings=settings,
        nights_over=nights_over,
        day=on_the_day(case),
        counted=there,
        learner=learners[0] if learners else None,
        unidentified=_present(case, there, Who.UNIDENTIFIED),
        others=_present(case, there, Who.SOMEONE_ELSE),
    )


def _present(case: Case, sessions: Iterable[Session], who: Who) -> tuple[Participant, ...]:
    reports = [session.report for session in sessions]
    return tuple(p for p in case.people if p.who is who and any(map(p.was_in, reports)))


# -- time ---------------------------------------------------------------------------------


def _own(person: Participant, sessions: Iterable[Session]) -> tuple[Stay, ...]:
    """A person's time: the union of their intervals, session by session."""
    return tuple(Stay(s.report, union(person.intervals_in(s.report))) for s in sessions)


def _of(case: Case, session: str, *roles: Who) -> Spells:
    people = (person for person in case.people if person.who in roles)
    return union(interval for person in people for interval in person.intervals_in(session))


def _with_organizer(case: Case, stays: Iterable[Stay]) -> tuple[Stay, ...]:
    return tuple(
        Stay(s.session, intersection(s.intervals, _of(case, s.session, Who.ORGANIZER)))
        for s in stays
    )


def _whole(case: Case, sessions: Iterable[Session]) -> tuple[Stay, ...]:
    """First join to last leave without the time when neither organizer nor learner was there.

    Which is the time when either was: nobody is there before the first join or after the last
    leave.
    """
    return tuple(Stay(s.report, _of(case, s.report, Who.ORGANIZER, Who.LEARNER)) for s in sessions)


def _earned(stays: Iterable[Stay]) -> timedelta:
    """Whole seconds. Sessions that ran at the same time count once, so nothing counts double."""
    total = length(interval for stay in stays for interval in stay.intervals)
    return timedelta(seconds=total // timedelta(seconds=1))


def _persons_time(facts: _Facts, person: Participant) -> tuple[Stay, ...]:
    """By the setting; of somebody who may be two people never more than the whole meeting."""
    own = _own(person, facts.counted)
    if facts.settings.learner_time == "with_organizer" or person.rejoined:
        return _with_organizer(facts.case, own)
    return own


# -- the table ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What a row says. *stays* is the time that counts; None where none does."""

    outcome: Outcome
    stays: tuple[Stay, ...] | None = None
    message: str = ""


def _refused(facts: _Facts) -> _Ruling | None:
    """A link nobody needs any more may be refused: what settles elsewhere stands."""
    refused = any(asked.refused for asked in facts.case.asked)
    return _Ruling(Outcome.NOT_PERMITTED) if refused and not facts.settled else None


def _no_report(facts: _Facts) -> _Ruling | None:
    if facts.case.sessions:
        return None
    return _Ruling(Outcome.NO_REPORT if facts.nights_over else Outcome.AWAITING_REPORT)


def _different_day(facts: _Facts) -> _Ruling | None:
    return None if facts.day else _Ruling(Outcome.DIFFERENT_DAY)


def _organizer_absent(facts: _Facts) -> _Ruling | None:
    return None if facts.counted else _Ruling(Outcome.ORGANIZER_ABSENT)


def _learner_absent(facts: _Facts) -> _Ruling | None:
    if facts.learner or facts.unidentified:
        return None
    if facts.missing:
        return _Ruling(Outcome.HELD_FOR_REVIEW, message=_HELD_MISSING)
    return _Ruling(Outcome.LEARNER_ABSENT)


def _no_planned_hours(facts: _Facts) -> _Ruling | None:
    planned = facts.case.planned_minutes or 0
    return None if planned > 0 else _Ruling(Outcome.NO_PLANNED_HOURS)


def _review(facts: _Facts) -> _Ruling | None:
    gated = facts.case.kind is Kind.REVIEW and not facts.settings.reviews_earn_hours
    return _Ruling(Outcome.REVIEW) if gated else None


def _held(facts: _Facts) -> _Ruling | None:
    message = ""
    if facts.learner:
        if facts.uninvited and facts.settings.extra_attendee == "hold":
            message = _HELD_EXTRA
    elif len(facts.unidentified) == 1:
        if facts.settings.unidentified_other == "hold":
            message = _HELD_UNIDENTIFIED
    elif facts.settings.extra_attendee in ("hold", "learner_time"):
        message = _HELD_NO_LEARNER
    return _Ruling(Outcome.HELD_FOR_REVIEW, message=message) if message else None


def _learner_time(facts: _Facts) -> _Ruling | None:
    alone = not facts.uninvited or facts.settings.extra_attendee == "learner_time"
    if facts.learner and alone:
        return _Ruling(Outcome.LEARNER_TIME, _persons_time(facts, facts.learner))
    return None


def _assumed_learner(facts: _Facts) -> _Ruling | None:
    if not facts.learner and len(facts.unidentified) == 1:
        return _Ruling(Outcome.ASSUMED_LEARNER, _persons_time(facts, facts.unidentified[0]))
    return None


def _whole_meeting(facts: _Facts) -> _Ruling:
    return _Ruling(Outcome.WHOLE_MEETING, _whole(facts.case, facts.counted))


_GATES = (_no_planned_hours, _review)
_TABLE: tuple[Callable[[_Facts], _Ruling | None], ...] = (
    _refused,
    _no_report,
    _different_day,
    _organizer_absent,
    _learner_absent,
    *_GATES,
    _held,
    _learner_time,
    _assumed_learner,
    _whole_meeting,
)
"""The law's table: the first row that applies is the outcome."""


def last_night(scheduled: date, retry_nights: int) -> date:
    """The last local date on which reports are looked for: the day after, and the retries."""
    return scheduled + timedelta(days=1 + retry_nights)


def judge(case: Case, settings: AttendanceSettings, today: date) -> Verdict:
    """Apply the hours rule (the law, 3).

    Args:
        case: What was read.
        settings: The tenant's choices.
        today: The local date of this run in the tenant's zone. Nothing settles before the
            scheduled day is over.
    """
    nights_over = today >= last_night(case.date, settings.retry_nights)
    facts = _facts(case, settings, nights_over=nights_over)
    ruling = next(ruling for row in _TABLE if (ruling := row(facts)))
    return _verdict(facts, ruling, _settled(facts, ruling, today))


def judge_accepted(case: Case, settings: AttendanceSettings, learner: Participant) -> Verdict:
    """Apply the rule again, now that a person has said who the learner is; that is final.

    Nothing is held and the learner's own time counts, whoever else was there. The gates for
    planned time and reviews, and the minute, still hold.

    Args:
        case: What was read.
        settings: The tenant's choices.
        learner: Who was accepted, one of the case's people.
    """
    facts = _facts(case, settings, nights_over=True)
    facts = replace(
        facts,
        learner=replace(learner, rejoined=False),  # the person's word makes them one
        unidentified=tuple(p for p in facts.unidentified if p != learner),
        others=tuple(p for p in facts.others if p != learner),
        settings=replace(facts.settings, extra_attendee="learner_time"),
    )
    ruling = next(ruling for row in (*_GATES, _learner_time) if (ruling := row(facts)))
    if ruling.outcome is Outcome.LEARNER_TIME:
        ruling = replace(ruling, message=_ACCEPTED)
    return _verdict(facts, ruling, "person")


def _settled(facts: _Facts, ruling: _Ruling, today: date) -> str:
    if today <= facts.case.date or ruling.outcome is Outcome.AWAITING_REPORT:
        return ""
    if ruling.outcome is Outcome.NOT_PERMITTED:
        return "given up" if today >= facts.case.date + GIVE_UP_AFTER else ""
    if facts.settled:
        return "session"
    return "nights" if facts.nights_over else ""


def _verdict(facts: _Facts, ruling: _Ruling, settled: str) -> Verdict:
    earned = None if ruling.stays is None else _earned(ruling.stays)
    outcome, message = ruling.outcome, ruling.message
    if earned is not None and earned < MINUTE:
        outcome, message, earned = Outcome.UNDER_A_MINUTE, "", None
    return Verdict(
        outcome=outcome,
        earned=earned,
        final=bool(settled),
        flags=_flags(facts, ruling, earned),
        message=message or MESSAGES[outcome],
        counted=tuple(stay for stay in ruling.stays or () if stay.intervals),
        settled=settled,
    )


def _flags(facts: _Facts, ruling: _Ruling, earned: timedelta | None) -> tuple[Flag, ...]:
    """In the order of the closed list."""
    planned = facts.case.planned_minutes or 0
    outside = any(
        subtraction(stay.intervals, _of(facts.case, stay.session, Who.ORGANIZER))
        for stay in ruling.stays or ()
    )
    true = {
        Flag.IDENTITY_ASSUMED: ruling.outcome is Outcome.ASSUMED_LEARNER,
        Flag.UNINVITED_PRESENT: facts.uninvited,
        Flag.PLANNED_EXCEEDED: earned is not None and whole_minutes(earned) > planned,
        Flag.RECORDS_MISSING: facts.missing,
        Flag.OUTSIDE_ORGANIZER_TIME: outside,
    }
    return tuple(flag for flag in Flag if true.get(flag))


# -- as the LMS reads it ------------------------------------------------------------------


def whole_minutes(earned: timedelta) -> int:
    """Minutes to post, rounded down."""
    return earned // MINUTE


def hours_text(earned: timedelta) -> str:
    """``h:mm``, as the LMS takes hours: ``0:50``, ``10:05``."""
    hours, minutes = divmod(whole_minutes(earned), 60)
    return f"{hours}:{minutes:02d}"


def note_title(component_name: str) -> str:
    """The note's title: the name exactly as last saved."""
    return f"{component_name} hours verified"
