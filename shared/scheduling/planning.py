"""The one next step that brings LMS and Teams together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.model import Booking, By, Flag, Intent, Slot
from shared.reasons import needs_a_person
from shared.record import Record, with_flag, with_line
from shared.scheduling.content import changes
from shared.scheduling.hearing import hear, hear_after_start
from shared.scheduling.problems import fail, not_carried, settled
from shared.scheduling.starts import as_carried, frozen, is_near
from shared.scheduling.step import Act, Facts, Step
from shared.scheduling.telling import slot_json
from shared.scheduling.views import Gone, Seen, Shape, Unknown
from shared.window import in_time, is_open


def plan(record: Record, facts: Facts) -> Step:
    """The one next step that brings LMS and Teams together, and what is known by now."""
    if not facts.live:
        return Step(record)
    if record.intent:
        return _plan_claimed(record, record.intent, facts)
    if record.booking is None:
        return _plan_without_event(record, facts)
    return _plan_with_event(record, record.booking, facts)


def _plan_claimed(record: Record, intent: Intent, facts: Facts) -> Step:
    if intent.until > facts.now:
        return Step(record)
    if intent.act == "update":
        # Whether it arrived shows in the event; replaying it could undo what the tutor did since.
        if facts.view is None:
            return Step(record, Act.READ)
        if isinstance(facts.view, Gone) and not facts.vanished_may_go and record.wants_meeting:
            return Step(record, vanished=True)
        heard, gone = hear(record, facts)
        if isinstance(facts.view, Unknown):
            return Step(heard)
        view = None if gone else facts.view
        return plan(replace(heard, intent=None), replace(facts, view=view))
    return Step(record, Act.REPLAY)


def _plan_without_event(record: Record, facts: Facts) -> Step:
    saved, slot, now = record.saved, record.slot, facts.now
    if not record.wants_meeting or slot is None:
        return Step(replace(settled(record), replaces=False))
    why = blocked(record, slot, now)
    if why:
        return Step(fail(record, why, facts, final=True))
    opened = is_open(slot.start, facts.tenant.time_zone, facts.tenant.window_days, now)
    if not opened and not record.replaces:
        return Step(settled(record))
    owner = facts.organizer
    if owner is None or owner.key != saved.owner.key:
        return Step(record, Act.RESOLVE)
    if owner.problem:
        return Step(fail(record, owner.problem, facts, final=needs_a_person(owner.problem)))
    if owner.id is None:
        return Step(fail(record, "owner_not_found", facts, final=True))
    if not owner.has_teams:
        return Step(fail(record, "owner_without_teams", facts, final=True))
    return Step(record, Act.CREATE)


def blocked(record: Record, slot: Slot, now: datetime) -> str:
    """Why no event may be made whatever Teams says: a reason's code, "" when one may."""
    if not record.replaces and not in_time(slot.start, record.asked_at or now):
        return "too_late"
    if slot.start <= now:
        return "missed"
    if not record.saved.owner.key:
        return "owner_missing"
    if not record.saved.learner.email.strip():
        return "learner_missing"
    return ""


def _plan_with_event(record: Record, booking: Booking, facts: Facts) -> Step:
    if frozen(record, facts.now) and (record.slot is None or record.slot == booking.slot):
        return Step(hear_after_start(record, booking, facts))
    if facts.view is not None:
        if isinstance(facts.view, Gone) and record.wants_meeting:
            if _handed_over(record, booking):
                return _plan_new_owner(record, booking, facts)
            if not facts.vanished_may_go:
                return Step(record, vanished=True)
        record, heard = hear(record, facts)
        if heard or record.booking is None:
            return plan(record, replace(facts, view=None))
        booking = record.booking
    if not record.wants_meeting:
        return Step(record, Act.CANCEL)
    if not booking.join_url and not booking.online:
        return Step(record, Act.CANCEL)  # an event without a meeting helps nobody
    if not booking.join_url and facts.view is None:
        return Step(record, Act.READ)
    return _plan_wanted(record, booking, facts)


def _plan_wanted(record: Record, booking: Booking, facts: Facts) -> Step:
    seen = facts.view if isinstance(facts.view, Seen) else None
    saved, slot = record.saved, record.slot
    if _handed_over(record, booking):
        return _plan_new_owner(record, booking, facts)
    if isinstance(facts.view, Unknown):
        return Step(record)  # already noted
    if seen and seen.shape is not Shape.SINGLE:
        return Step(fail(record, "series_not_supported", facts, final=True))
    if seen and not seen.online:
        return Step(fail(record, "online_meeting_removed", facts, final=True))
    if not saved.owner.key:
        return Step(fail(record, "owner_missing", facts, final=True))
    if not saved.learner.email.strip():
        return Step(fail(record, "learner_missing", facts, final=True))
    if record.problem and record.problem.code in ("owner_missing", "learner_missing"):
        record = replace(record, problem=None)
    carried = as_carried(record, facts.now)
    past = carried.slot != slot
    if slot and past and (seen or not record.problem):
        record = not_carried(record, booking, slot, By.LMS, facts)
    wanted = changes(carried, facts.tenant.time_zone, seen)
    if wanted:
        ready = seen and not (wanted.agenda and seen.body is None)
        return Step(record, Act.UPDATE if ready else Act.READ)
    if not booking.join_url and not past:
        return Step(fail(record, "link_pending", facts, final=False))
    if seen or not record.problem:
        record = settled(record, facts)
    return Step(record)


def _handed_over(record: Record, booking: Booking) -> bool:
    """Whether the LMS names another owner than the one whose calendar holds the event."""
    owner = record.saved.owner.key
    return bool(owner) and owner != booking.owner_key


def _plan_new_owner(record: Record, booking: Booking, facts: Facts) -> Step:
    owner = facts.organizer
    if owner is None or owner.key != record.saved.owner.key:
        return Step(record, Act.RESOLVE)
    if owner.id == booking.organizer:  # the same person under another address
        named = owner.addresses or (record.saved.owner.email,)
        known = replace(booking, owner_key=owner.key, organizer_addresses=named)
        return plan(replace(record, booking=known), facts)
    if isinstance(facts.view, Gone):
        # Cancelled in the former owner's calendar is what we were about to do: no word to the LMS.
        left = replace(record, booking=None, problem=None, replaces=True)
        left = with_line(
            left, facts.now, "owner_changed",
            "Gone from the former owner's calendar; the new owner gets a meeting of their own.",
            By.CONNECTOR, slot_json(booking.slot),
        )  # fmt: skip
        return plan(left, replace(facts, view=None))
    refused = record.problem is not None and record.problem.code == "old_owner_refuses"
    if refused and is_near(booking, facts.now):
        left = replace(record, booking=None, problem=None, replaces=True)
        left = with_flag(left, Flag.OLD_EVENT_MAY_REMAIN)
        left = with_line(
            left, facts.now, "old_event_left",
            "The former owner's event could not be cancelled; it may remain.", By.CONNECTOR,
        )  # fmt: skip
        return plan(left, replace(facts, view=None))
    if facts.view is None:
        return Step(record, Act.READ)  # the tutor may have moved it: that comes along
    passing = isinstance(facts.view, Unknown) and not needs_a_person(facts.view.code)
    if passing and not is_near(booking, facts.now):
        return Step(record)  # what the tutor did there is not known yet
    return Step(record, Act.CANCEL)
