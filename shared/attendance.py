"""What a meeting earns: sessions in, a verdict with its reason out (the law, 3).

No I/O, no clock, no field name of Graph's or the LMS's. ``assemble`` lays out what was read,
``judge`` applies the law's table, ``next_step`` decides what the LMS is told of it and what is
kept, ``decide`` does the same for a person's word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum

from shared.errors import Fault, Invalid
from shared.model import (
    Attendance,
    AttendanceSettings,
    EvidenceId,
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
    Identity,
    Interval,
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


# -- intervals ----------------------------------------------------------------------------

Spells = tuple[Interval, ...]
"""Intervals in order, none touching another, none empty."""


def union(intervals: Iterable[Interval]) -> Spells:
    """The time covered by any of *intervals*: two devices at once count once."""
    merged: list[Interval] = []
    for one in sorted(intervals):
        if one.left_at <= one.joined_at:
            continue
        if merged and one.joined_at <= merged[-1].left_at:
            left_at = max(merged[-1].left_at, one.left_at)
            merged[-1] = Interval(merged[-1].joined_at, left_at)
        else:
            merged.append(one)
    return tuple(merged)


def intersection(some: Iterable[Interval], others: Iterable[Interval]) -> Spells:
    """The time covered by both."""
    right = union(others)
    return union(
        Interval(max(a.joined_at, b.joined_at), min(a.left_at, b.left_at))
        for a in union(some)
        for b in right
        if a.overlaps(b)
    )


def subtraction(some: Iterable[Interval], others: Iterable[Interval]) -> Spells:
    """The time covered by *some* and by none of *others*."""
    left = list(union(some))
    for gone in union(others):
        left = [
            piece
            for one in left
            for piece in (
                Interval(one.joined_at, min(one.left_at, gone.joined_at)),
                Interval(max(one.joined_at, gone.left_at), one.left_at),
            )
            if piece.joined_at < piece.left_at
        ]
    return tuple(left)


def length(intervals: Iterable[Interval]) -> timedelta:
    """How long *intervals* cover together."""
    return sum((one.left_at - one.joined_at for one in union(intervals)), timedelta())


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


# -- nights -------------------------------------------------------------------------------


def last_night(scheduled: date, retry_nights: int) -> date:
    """The last local date on which reports are looked for: the day after, and the retries."""
    return scheduled + timedelta(days=1 + retry_nights)


def is_due(standing: Standing | None, scheduled: date, today: date, retry_nights: int) -> bool:
    """Whether the nightly run is still to look.

    Until the outcome is final, and for late reports until the retry nights are over, counted by
    local dates: running three times in one night is one night.
    """
    if today <= scheduled:
        return False
    final = standing is not None and standing.attendance.final
    return not final or today <= last_night(scheduled, retry_nights)


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


# -- the nightly life ---------------------------------------------------------------------


class Tell(Enum):
    """What the LMS is told."""

    NOTHING = "nothing"
    VERIFIED = "verified"
    NOT_VERIFIED = "not verified"


class Decision(Enum):
    """A person's word on an outcome that needs one."""

    ACCEPT = "accept"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Heard:
    """An outcome the LMS was told."""

    outcome: str
    final: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a component's verification stands between two nights.

    *told* is all the LMS heard, so that nothing is told twice; *read* the digests of every report
    any verification has seen; *decided* a person's word, which no machine overrides.
    """

    attendance: Attendance
    told: tuple[Heard, ...] = ()
    read: tuple[str, ...] = ()
    decided: Decision | None = None

    @property
    def posted(self) -> timedelta | None:
        """The hours the LMS has, None when it has none. They never change."""
        return self.attendance.earned if self.attendance.final else None

    def filed(self, evidence_id: EvidenceId) -> Standing:
        """The same, explained by the evidence record *evidence_id*."""
        return replace(self, attendance=replace(self.attendance, evidence_id=evidence_id))


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a verification: *standing* to store, *tell* the LMS, file *evidence*.

    *message* goes with what is told. *late* tells that the evidence is of a late report. Nothing
    to store, tell or file leaves *standing* as it was.
    """

    standing: Standing
    tell: Tell = Tell.NOTHING
    evidence: bool = False
    late: bool = False
    message: str = ""


def next_step(
    before: Standing | None, case: Case, verdict: Verdict, *, asked: bool = False
) -> Step:
    """What to do about *verdict*; the same verdict again never leads to anything.

    Until the outcome is final each no-hours outcome is told once; hours, only when they settle.
    What is final stays: a later report that would change it is kept as evidence and flagged, and
    nothing is told. Only a person's ``reverify`` may turn a final outcome into another, never
    when hours were posted or a person has decided.

    Args:
        before: Where it stood; None before the first verification.
        case: What was read.
        verdict: What ``judge`` made of it.
        asked: A person asked for this verification (``reverify``).
    """
    if before is None or not before.attendance.final:
        return _adopted(before, case, verdict)
    news = set(case.read) - set(before.read)
    open_again = asked and before.posted is None and before.decided is None and verdict.final
    if open_again and (verdict.outcome.earns or (news and _differs(before, verdict))):
        return _adopted(before, case, verdict)
    if news and verdict.outcome is not Outcome.NOT_PERMITTED and _differs(before, verdict):
        return _late(before, case, verdict)
    return Step(before)


def _adopted(before: Standing | None, case: Case, verdict: Verdict) -> Step:
    attendance = Attendance(
        outcome=verdict.outcome.value,
        final=verdict.final,
        earned=verdict.earned,
        date=case.date.isoformat(),
        evidence_id=before.attendance.evidence_id if before else None,
        flags=verdict.flags,
    )
    told = before.told if before else ()
    tell = _to_tell(told, verdict)
    if tell is not Tell.NOTHING:
        told = (*told, Heard(verdict.outcome.value, verdict.final))
    standing = Standing(
        attendance, told, _all_read(before, case), before.decided if before else None
    )
    if standing == before:
        return Step(before)
    return Step(standing, tell, evidence=True, message=verdict.message)


def _to_tell(told: Sequence[Heard], verdict: Verdict) -> Tell:
    outcome = verdict.outcome
    if outcome.earns:
        return Tell.VERIFIED if verdict.final else Tell.NOTHING
    if outcome is Outcome.AWAITING_REPORT:
        return Tell.NOTHING
    if outcome is Outcome.NOT_PERMITTED:
        again = any(heard.outcome == outcome.value for heard in told)
    else:
        again = Heard(outcome.value, verdict.final) in told
    return Tell.NOTHING if again else Tell.NOT_VERIFIED


def _all_read(before: Standing | None, case: Case) -> tuple[str, ...]:
    return tuple(sorted({*case.read, *(before.read if before else ())}))


def _differs(before: Standing, verdict: Verdict) -> bool:
    """Whether the LMS would have been told something else."""
    posted, earned = before.posted, verdict.earned
    if posted is not None:
        return earned is None or whole_minutes(earned) != whole_minutes(posted)
    return verdict.outcome.value != before.attendance.outcome


def _late(before: Standing, case: Case, verdict: Verdict) -> Step:
    had = {*before.attendance.flags, Flag.LATE_REPORT}
    attendance = replace(before.attendance, flags=tuple(flag for flag in Flag if flag in had))
    standing = replace(before, attendance=attendance, read=_all_read(before, case))
    return Step(standing, evidence=True, late=True, message=verdict.message)


# -- a person's word ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person's word leads to.

    *participant* is the accepted person and *alias* the identities to remember as the learner's:
    empty for somebody who did not sign in, whom nothing would identify the next time, and for the
    invited, whom the LMS names as other people.
    """

    step: Step
    verdict: Verdict
    participant: Participant | None = None
    alias: tuple[Identity, ...] = ()


def decide(
    before: Standing | None,
    case: Case,
    names: Mapping[str, Participant],
    settings: AttendanceSettings,
    decision: Decision,
    participant: str | None = None,
) -> Decided:
    """Carry out a person's decision on ``held_for_review`` or ``learner_absent``, once.

    Accepting takes *participant* for the learner and returns that person's own time; the gates
    for planned time and reviews, and the minute, still hold. Without *participant* the learner is
    taken if identified, else the only person who could be them: the one unidentified or unnamed
    participant. People known to be somebody else must be named.

    Args:
        before: Where the verification stands.
        case: What it was judged by, read again or taken from the evidence record.
        names: Each participant by the name the evidence record gives them.
        settings: The tenant's choices.
        decision: Accept or reject.
        participant: Whom to accept, by that name.

    Raises:
        Invalid: 409 ``nothing_to_decide`` when the outcome needs no decision or was decided
            before; 422 when *participant* is nobody, or nobody in particular.
    """
    if before is None or not _is_open(before):
        raise Invalid(409, "nothing_to_decide", "There is nothing to decide about this component.")
    facts = _facts(case, settings, nights_over=True)
    if decision is Decision.REJECT:
        verdict = _rejected(before)
        return Decided(_ended(before, case, verdict, decision), verdict)
    person = _accepted(facts, names, participant)
    verdict = _accepting(facts, person)
    alias = () if person.who in (Who.LEARNER, Who.INVITED) else person.identities
    return Decided(_ended(before, case, verdict, decision), verdict, person, alias)


def _is_open(before: Standing) -> bool:
    decidable = (Outcome.HELD_FOR_REVIEW.value, Outcome.LEARNER_ABSENT.value)
    return before.decided is None and before.attendance.outcome in decidable


_ACCEPTED = "A person recognised the learner; this is the learner's own time in the meeting."


def _rejected(before: Standing) -> Verdict:
    return Verdict(
        outcome=Outcome(before.attendance.outcome),
        earned=None,
        final=True,
        flags=before.attendance.flags,
        message="A person decided that no hours are returned.",
        settled="person",
    )


def _accepting(facts: _Facts, person: Participant) -> Verdict:
    """The table again, now that the learner is known and nothing is held."""
    facts = replace(
        facts,
        learner=replace(person, rejoined=False),  # the person's word makes them one
        unidentified=tuple(p for p in facts.unidentified if p != person),
        others=tuple(p for p in facts.others if p != person),
        settings=replace(facts.settings, extra_attendee="learner_time"),
    )
    ruling = next(ruling for row in (*_GATES, _learner_time) if (ruling := row(facts)))
    if ruling.outcome is Outcome.LEARNER_TIME:
        ruling = replace(ruling, message=_ACCEPTED)
    return _verdict(facts, ruling, "person")


def _ended(before: Standing, case: Case, verdict: Verdict, decision: Decision) -> Step:
    step = _adopted(before, case, verdict)
    return replace(step, standing=replace(step.standing, decided=decision), evidence=True)


def _accepted(
    facts: _Facts, names: Mapping[str, Participant], participant: str | None
) -> Participant:
    candidates = [
        person
        for person in facts.case.people
        if person.who in _CANDIDATES and any(person.was_in(s.report) for s in facts.counted)
    ]
    if participant is not None:
        named = names.get(participant)
        if named is None or named not in candidates:
            raise _not_accepted(
                "unknown_participant",
                "The evidence record names no such participant who could be the learner.",
            )
        return named
    if facts.learner:
        return facts.learner
    possible = [p for p in candidates if p.who in (Who.UNIDENTIFIED, Who.UNNAMED)]
    if len(possible) != 1:
        raise _not_accepted("ambiguous", "Name the participant who is the learner.")
    return possible[0]


_CANDIDATES = (Who.LEARNER, Who.INVITED, Who.SOMEONE_ELSE, Who.UNIDENTIFIED, Who.UNNAMED)


def _not_accepted(code: str, detail: str) -> Invalid:
    fault = Fault("#/participant", code, detail)
    return Invalid(422, "invalid", "The decision cannot be carried out.", (fault,))
