"""What came of a step, noted on whatever the record is by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared.errors import Broken, Refused, RemoteError
from shared.model import Booking, By, Flag, fold
from shared.reasons import reason_of
from shared.record import Record, with_flag, with_line
from shared.scheduling.content import EVERYTHING, NOTHING, Changes
from shared.scheduling.hearing import hear_time
from shared.scheduling.problems import fail, told_well_again, with_problem
from shared.scheduling.starts import is_near
from shared.scheduling.step import Facts
from shared.scheduling.telling import slot_json, tell_scheduled, with_link
from shared.scheduling.views import Seen

MAY_STAND_FOR = timedelta(days=7)
"""So long an event that may have been made is looked for in vain, its start being past too."""


def after_create(record: Record, seen: Seen, facts: Facts, *, replayed: bool = False) -> Record:
    """The event of the intent stands. *replayed*: it may have stood for a while.

    What an event shows right after it was made is Exchange's way of writing what we meant; what it
    shows to a replay may be the tutor's doing since.
    """
    intent = record.intent
    if intent is None:
        return record
    booking = _as_shown(intent.booking, seen, NOTHING if replayed else EVERYTHING)
    # A handover is one entry, which its cancellation wrote (the law, rule 13).
    handed_over = record.replaces and record.problem is None
    record = replace(
        record,
        booking=booking,
        generation=booking.generation,
        intent=None,
        problem=None,
        replaces=False,
    )
    if not handed_over:
        record = with_line(
            record, facts.now, "scheduled", "Created in the owner's calendar.", By.CONNECTOR,
            None, slot_json(booking.slot),
        )  # fmt: skip
    if booking.join_url:
        record = tell_scheduled(with_link(record), facts)
    return hear_time(record, seen, facts)


def after_find(record: Record, seen: Seen, facts: Facts) -> Record:
    """The event of the intent had been made before; what it shows need not be what was meant."""
    intent = record.intent
    if intent is None:
        return record
    shown = {fold(guest.address) for guest in seen.guests}
    booking = replace(
        intent.booking,
        slot=seen.slot,
        subject=seen.subject,
        attendees=tuple(one for one in intent.booking.attendees if one in shown),
        agenda="unknown",
    )
    return after_create(replace(record, intent=replace(intent, booking=booking)), seen, facts)


def after_update(
    record: Record, seen: Seen, facts: Facts, *, agenda_kept: bool, named: Changes = EVERYTHING
) -> Record:
    """The event was changed as the intent says.

    *agenda_kept*: a new agenda found no place. *named* is what the request named: anything else
    that shows otherwise than before is the tutor's doing since the event was read.
    """
    intent = record.intent
    if intent is None:
        return record
    former, problem = record.booking or intent.booking, record.problem
    booking = _as_shown(_with_shown(intent.booking, former), seen, named)
    stays = problem is not None and problem.code == "start_in_past" and not named.slot
    record = replace(record, booking=booking, intent=None, problem=problem if stays else None)
    if booking.slot != former.slot:
        record = with_line(
            record, facts.now, "rescheduled", "Moved in Teams to follow the LMS.", By.CONNECTOR,
            slot_json(former.slot), slot_json(booking.slot),
        )  # fmt: skip
    else:
        record = with_line(
            record, facts.now, "updated", "The Teams event follows the LMS.", By.CONNECTOR
        )
    if booking.agenda != former.agenda:
        flags = tuple(f for f in record.flags if f is not Flag.AGENDA_NOT_UPDATED)
        record = replace(record, flags=flags)
        if agenda_kept:
            record = with_flag(record, Flag.AGENDA_NOT_UPDATED)
    if seen.join_url and seen.join_url != former.join_url:
        record = with_line(
            with_link(record), facts.now, "link_changed",
            "Teams gave the event another join link.", By.TEAMS,
        )  # fmt: skip
        return hear_time(tell_scheduled(record, facts), seen, facts)
    return hear_time(told_well_again(record, facts), seen, facts)


def after_cancel(record: Record, facts: Facts) -> Record:
    """The event of the intent is gone, by us."""
    intent = record.intent
    if intent is None:
        return record
    before = slot_json(intent.booking.slot)
    record = replace(record, booking=None, intent=None)
    if not record.wants_meeting:
        record = replace(record, problem=None, told_problem="")
        why = "Cancelled in Teams, as the LMS no longer wants it."
        return with_line(record, facts.now, "cancelled", why, By.CONNECTOR, before)
    if not intent.booking.join_url and not intent.booking.online:
        record = with_line(
            record, facts.now, "cancelled", "It came out without a Teams meeting.", By.CONNECTOR
        )
        return fail(record, "owner_without_teams", facts, final=True)
    record = replace(record, problem=None)
    if intent.booking.owner_key == record.saved.owner.key:
        why = "Cancelled for the LMS, which wants it again since: a new meeting follows."
        return with_line(record, facts.now, "cancelled", why, By.CONNECTOR, before)
    why = "Cancelled in the former owner's calendar; the new owner gets a meeting of their own."
    record = replace(record, replaces=True)
    return with_line(record, facts.now, "owner_changed", why, By.CONNECTOR, before)


def after_failure(
    record: Record, error: RemoteError, facts: Facts, *, may_stand: bool = False
) -> Record:
    """The write of the intent failed. One that may have arrived keeps its intent, lapsed.

    *may_stand* tells that it was sent before: then what stops us from asking again (a right, a
    mailbox that is missing, throttling) says nothing of what became of it.
    """
    intent = record.intent
    if intent is None:
        return record
    code, final = reason_of(error)
    handed_over = (
        intent.act == "cancel"
        and record.wants_meeting
        and intent.booking.owner_key != record.saved.owner.key
    )
    given_up_next = handed_over and is_near(intent.booking, facts.now)
    since = max(intent.booking.slot.start, record.problem.since if record.problem else facts.now)
    over = facts.now - since >= MAY_STAND_FOR
    open_still = isinstance(error, Broken) or (
        may_stand and not isinstance(error, Refused) and not over
    )
    if open_still and not given_up_next:
        record = replace(record, intent=replace(intent, until=facts.now))
    else:
        record = replace(record, intent=None)
    if handed_over:
        return with_problem(record, "old_owner_refuses", facts.now, final=False)
    return fail(record, code, facts, final=final)


def _as_shown(booking: Booking, seen: Seen, ours: Changes) -> Booking:
    """The booking with what Teams made of what we wrote; *ours* is what we just wrote."""
    shown = tuple(fold(guest.address) for guest in seen.guests)
    invited_and_shown = tuple(one for one in booking.attendees if one in shown)
    return replace(
        booking,
        event_id=seen.event_id,
        teams_slot=seen.slot if ours.slot else booking.teams_slot,
        teams_subject=seen.subject if ours.subject else booking.teams_subject,
        teams_attendees=invited_and_shown if ours.attendees else booking.teams_attendees,
        online=seen.online,
        join_url=seen.join_url or booking.join_url,
    )


def _with_shown(booking: Booking, former: Booking) -> Booking:
    """*booking* with what Teams last showed according to *former*."""
    return replace(
        booking,
        teams_slot=former.teams_slot,
        teams_subject=former.teams_subject,
        teams_attendees=former.teams_attendees,
    )
