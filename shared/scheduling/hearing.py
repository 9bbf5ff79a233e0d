"""Taking in what Teams shows (the law, rules 9, 11, 12, 14 and 15)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

from shared.model import Booking, By, Flag, Person, Slot, Snapshot, Told, fold
from shared.reasons import UNSEEN, sentence
from shared.record import Record, with_flag, with_line
from shared.scheduling.problems import fail, not_carried, with_problem
from shared.scheduling.step import Facts
from shared.scheduling.telling import local_times, slot_json, tell, tell_scheduled, with_link
from shared.scheduling.views import Gone, Seen, Shape, Unknown

UNKNOWN_FAILS_AFTER = timedelta(hours=24)


def hear(record: Record, facts: Facts) -> tuple[Record, bool]:
    """Take in what Teams shows; True when the event is no longer what was booked."""
    booking, view = record.booking, facts.view
    if booking is None or view is None:
        return record, False
    if isinstance(view, Unknown):
        return _unseen(record, view.code, facts), False
    if isinstance(view, Gone):
        return _heard_gone(record, booking, facts), True
    record = _heard_link(record, booking, view, facts)
    record = _heard_responses(record, view, facts)
    if view.shape is not Shape.SINGLE:
        return record, False  # the times of a series or of whole days are nobody's new start
    return hear_time(record, view, facts), False


def _unseen(record: Record, code: str, facts: Facts) -> Record:
    """The event could not be seen; after a day of it, whatever the reasons, a person must act."""
    problem = record.problem
    if problem and (problem.code == "old_owner_refuses" or problem.final):
        return record
    if problem is None or problem.code not in UNSEEN:
        return with_problem(record, code, facts.now, final=False)
    if problem.code != code:
        problem = replace(problem, code=code, message=sentence(code))
        record = replace(record, problem=problem)
    if facts.now - problem.since >= UNKNOWN_FAILS_AFTER:
        return fail(record, code, facts, final=True)
    return record


def _heard_gone(record: Record, booking: Booking, facts: Facts) -> Record:
    """The tutor cancelled. Where the LMS moved it meanwhile, the LMS wins (the law, rule 12)."""
    before = slot_json(booking.slot)
    if not record.wants_meeting:
        return with_line(
            replace(record, booking=None), facts.now, "cancelled", "Gone from Teams too.",
            By.TEAMS, before,
        )  # fmt: skip
    if record.slot != booking.slot:
        return with_line(
            replace(record, booking=None), facts.now, "conflict",
            "Cancelled in Teams while the LMS moved it: the LMS wins.", By.TEAMS,
            before, slot_json(record.slot),
        )  # fmt: skip
    record = replace(record, booking=None, withdrawn=True, problem=None)
    record = with_line(
        record, facts.now, "cancelled", "Cancelled in Teams by the organiser.", By.TEAMS, before
    )
    reason = "Cancelled in Teams by the organiser."
    record = tell(record, "meeting.cancelled", {"reason": reason}, facts)
    return _awaiting(record, None)


def hear_after_start(record: Record, booking: Booking, facts: Facts) -> Record:
    """What the tutor edits after the start is recorded and changes nothing (the law, rule 15)."""
    if Flag.EDITED_AFTER_START in record.flags:
        return record
    after = None
    if isinstance(facts.view, Seen):
        if facts.view.slot == booking.teams_slot:
            return record
        after = slot_json(facts.view.slot)
    elif not isinstance(facts.view, Gone):
        return record
    return with_line(
        with_flag(record, Flag.EDITED_AFTER_START), facts.now, "edited_after_start",
        "Changed in Teams after the start: recorded, and not carried out.", By.TEAMS,
        slot_json(booking.slot), after,
    )  # fmt: skip


def _heard_link(record: Record, booking: Booking, seen: Seen, facts: Facts) -> Record:
    current = replace(booking, online=seen.online)
    record = replace(record, booking=current)
    if not seen.join_url or seen.join_url == booking.join_url:
        return record
    record = with_link(replace(record, booking=replace(current, join_url=seen.join_url)))
    if booking.join_url:
        record = with_line(
            record, facts.now, "link_changed", "Teams gave the event another join link.", By.TEAMS
        )
    return tell_scheduled(record, facts)


def _heard_responses(record: Record, seen: Seen, facts: Facts) -> Record:
    """Declines change nothing; they are recorded (the law, rule 9).

    Remembered by digests: the tutor may have added people whom the LMS never named, and of those no
    address is kept.
    """
    declined = {_guest_mark(g.address) for g in seen.guests if g.response == "declined"}
    known = set((record.responses or {}).get("declined", ()))
    if declined == known:
        return record
    who = {_guest_mark(p.email): role for role, p in _roles(record.saved) if p}
    for guest in sorted(declined - known):
        record = with_line(
            record, facts.now, "declined", "Declined the invitation.", By.TEAMS,
            None, {"attendee": who.get(guest, "guest")},
        )  # fmt: skip
    return replace(record, responses={"declined": sorted(declined)})


def _guest_mark(address: str) -> str:
    return hashlib.sha256(fold(address).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _roles(saved: Snapshot) -> list[tuple[str, Person | None]]:
    return [("learner", saved.learner), ("manager", saved.manager), ("mentor", saved.mentor)]


def hear_time(record: Record, seen: Seen, facts: Facts) -> Record:
    booking = record.booking
    if booking is None or seen.slot == booking.teams_slot or not record.wants_meeting:
        return record
    before, after = slot_json(booking.slot), slot_json(seen.slot)
    shown = replace(booking, teams_slot=seen.slot)
    ours = record.intent and record.intent.act == "update" and record.intent.booking.slot
    if seen.slot in (record.slot, ours):
        # What we wrote and could not note, or what both sides moved to alike: agreed already.
        return replace(record, booking=replace(shown, slot=seen.slot))
    if record.slot != booking.slot:
        return with_line(
            replace(record, booking=shown), facts.now, "conflict",
            "Moved in Teams while the LMS moved it: the LMS wins.", By.TEAMS,
            after, slot_json(record.slot),
        )  # fmt: skip
    if seen.slot.start <= facts.now:
        return not_carried(replace(record, booking=shown), booking, seen.slot, By.TEAMS, facts)
    record = replace(record, slot=seen.slot, booking=replace(shown, slot=seen.slot), problem=None)
    record = with_line(
        record, facts.now, "rescheduled", "Moved in Teams by the organiser.", By.TEAMS,
        before, after,
    )  # fmt: skip
    record = tell(record, "meeting.rescheduled", local_times(seen.slot, facts.tenant), facts)
    return _awaiting(record, seen.slot)


def _awaiting(record: Record, slot: Slot | None) -> Record:
    """The LMS has yet to save what was told just now."""
    told = Told(record.sequence, slot, record.saved.revision)
    return replace(record, told=(*record.told, told))
