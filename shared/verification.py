"""What follows from a verdict, night after night, and from a person's word (the law, 3).

No I/O, no clock. ``is_due`` says whether to look, ``next_step`` what the LMS is told of a verdict
and what is kept, ``decide`` does the same for a person's word. What a meeting earns is for
``shared.attendance`` to say; ``shared.verify`` reads, stores and sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum

from shared.attendance import (
    Case,
    Outcome,
    Verdict,
    counted,
    judge_accepted,
    last_night,
    whole_minutes,
)
from shared.errors import Fault, Invalid
from shared.model import Attendance, AttendanceSettings, EvidenceId, Flag
from shared.people import Identity, Participant, Who

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


def is_due(standing: Standing | None, scheduled: date, today: date, retry_nights: int) -> bool:
    """Whether the nightly run is still to look.

    Until the outcome is final, and for late reports until the retry nights are over, counted by
    local dates: running three times in one night is one night.
    """
    if today <= scheduled:
        return False
    final = standing is not None and standing.attendance.final
    return not final or today <= last_night(scheduled, retry_nights)


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
    if decision is Decision.REJECT:
        verdict = _rejected(before)
        return Decided(_ended(before, case, verdict, decision), verdict)
    person = _accepted(case, names, participant)
    verdict = judge_accepted(case, settings, person)
    alias = () if person.who in (Who.LEARNER, Who.INVITED) else person.identities
    return Decided(_ended(before, case, verdict, decision), verdict, person, alias)


def _is_open(before: Standing) -> bool:
    decidable = (Outcome.HELD_FOR_REVIEW.value, Outcome.LEARNER_ABSENT.value)
    return before.decided is None and before.attendance.outcome in decidable


def _rejected(before: Standing) -> Verdict:
    return Verdict(
        outcome=Outcome(before.attendance.outcome),
        earned=None,
        final=True,
        flags=before.attendance.flags,
        message="A person decided that no hours are returned.",
        settled="person",
    )


def _ended(before: Standing, case: Case, verdict: Verdict, decision: Decision) -> Step:
    step = _adopted(before, case, verdict)
    return replace(step, standing=replace(step.standing, decided=decision), evidence=True)


def _accepted(case: Case, names: Mapping[str, Participant], participant: str | None) -> Participant:
    sessions = counted(case)
    candidates = [
        person
        for person in case.people
        if person.who in _CANDIDATES and any(person.was_in(s.report) for s in sessions)
    ]
    if participant is not None:
        named = names.get(participant)
        if named is None or named not in candidates:
            raise _not_accepted(
                "unknown_participant",
                "The evidence record names no such participant who could be the learner.",
            )
        return named
    for person in candidates:
        if person.who is Who.LEARNER:
            return person
    possible = [p for p in candidates if p.who in (Who.UNIDENTIFIED, Who.UNNAMED)]
    if len(possible) != 1:
        raise _not_accepted("ambiguous", "Name the participant who is the learner.")
    return possible[0]


_CANDIDATES = (Who.LEARNER, Who.INVITED, Who.SOMEONE_ELSE, Who.UNIDENTIFIED, Who.UNNAMED)


def _not_accepted(code: str, detail: str) -> Invalid:
    fault = Fault("#/participant", code, detail)
    return Invalid(422, "invalid", "The decision cannot be carried out.", (fault,))
