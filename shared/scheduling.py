"""What to do about one component: pure decisions over its record and what Teams shows.

No I/O, no clock, no field of Graph's. ``save`` takes in what the LMS saved, ``plan`` compares
LMS, Teams and last agreed and returns the one next step, the ``after_…`` functions note what came
of it on whatever the record is by then. Carrying out plans until there is no step left ends with
both sides equal; planning then changes nothing (the fixed point the tests hold it to).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from shared import agenda
from shared.errors import (
    Broken,
    Changed,
    NotAllowed,
    NotFound,
    Refused,
    RemoteError,
    Throttled,
)
from shared.model import (
    Booking,
    By,
    EventId,
    Flag,
    Intent,
    JoinUrl,
    Kind,
    LmsEvent,
    Mode,
    Organizer,
    Person,
    Problem,
    Slot,
    Snapshot,
    Tenant,
    TenantId,
    Told,
    fold,
)
from shared.reasons import UNSEEN, needs_a_person, sentence
from shared.record import Record, given_up, with_flag, with_line
from shared.window import in_time, is_open, local_iso

UNKNOWN_FAILS_AFTER = timedelta(hours=24)
OLD_OWNER_UNTIL = timedelta(hours=24)
MAY_STAND_FOR = timedelta(days=7)
"""So long an event that may have been made is looked for in vain, its start being past too."""


# -- what Teams shows ---------------------------------------------------------------------


class Shape(Enum):
    """What became of an event that is not a plain single one any more."""

    SINGLE = "single"
    OTHER = "other"  # a series, an occurrence, or all day


@dataclass(frozen=True, slots=True)
class Guest:
    """An attendee as the event names them. *kind*: required, optional or resource."""

    address: str
    name: str
    response: str
    kind: str = "required"


@dataclass(frozen=True, slots=True)
class Seen:
    """The event as it stands in the organizer's calendar; *body* only where it was asked for."""

    event_id: EventId
    change_key: str
    slot: Slot
    subject: str
    guests: tuple[Guest, ...]
    online: bool
    join_url: str
    shape: Shape = Shape.SINGLE
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The event is not in a mailbox that answers, or is marked cancelled."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """We could not see: never a reason to act, only to say so."""

    code: str


View = Seen | Gone | Unknown


# -- what to do ---------------------------------------------------------------------------


class Act(Enum):
    """The one next step outside the table."""

    READ = "read"  # the event, with its body when the agenda changed
    RESOLVE = "resolve"  # the owner in the directory
    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    REPLAY = "replay"  # the stored request of a lapsed claim


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision is made from beside the record.

    *vanished_may_go* tells that the brake was asked and lets a vanished event count as cancelled.
    """

    now: datetime
    tenant: Tenant
    view: View | None = None
    organizer: Organizer | None = None
    vanished_may_go: bool = False

    @property
    def live(self) -> bool:
        return self.tenant.enabled and self.tenant.mode is Mode.LIVE


@dataclass(frozen=True, slots=True)
class Step:
    """The record as it is to be stored now, and the act that follows; None when there is none.

    *vanished* tells that the event is gone and that the brake must be asked.
    """

    record: Record
    act: Act | None = None
    vanished: bool = False


# -- what the LMS wants -------------------------------------------------------------------


def frozen(record: Record, now: datetime) -> bool:
    """The agreed start has passed: nothing moves any more (the law, rule 15)."""
    return record.booking is not None and record.booking.slot.start <= now


def save(former: Record | None, saved: Snapshot, now: datetime) -> Record:
    """The record after the LMS saved *saved*, which is newer than what it holds.

    Whether the LMS moved or revived the component is judged against its own previous save, unless
    this one has seen our last event (the law, rule 11).
    """
    if former is None:
        record = Record(saved=saved, slot=saved.slot)
        return _asked(with_line(record, now, "saved", "First save.", By.LMS), now)
    if frozen(former, now):
        return _save_after_start(former, saved, now)
    before = former.saved
    record = _merged(former, saved)
    what = "deleted" if saved.deleted and not before.deleted else "saved"
    changed = before.slot != record.slot or before.cancelled != saved.cancelled
    record = with_line(
        record, now, what, "Saved in the LMS.", By.LMS,
        _slot_json(before.slot) if changed else None,
        _slot_json(saved.slot) if changed else None,
    )  # fmt: skip
    return _asked(record, now)


def late(record: Record, older: Snapshot, now: datetime) -> Record:
    """The record after a save arrived that is older than the one it holds.

    It changes nothing of itself. But where it carried out what we had told, the save we hold was
    made by an LMS that knew of that, and is judged against it anew: what looked like merely
    repeating the old start, or being still not cancelled, was meant (the law, rule 11).
    """
    answered = next((n for n, one in enumerate(record.told) if _carried_out(one, older)), None)
    if answered is None or frozen(record, now):
        return record
    before = replace(record, saved=older, told=record.told[answered + 1 :])
    judged = _merged(before, record.saved)
    if (judged.slot, judged.withdrawn) == (record.slot, record.withdrawn):
        return judged
    return _asked(
        with_line(
            judged, now, "saved", "An earlier save arrived late: this one knew of the tutor's act.",
            By.LMS, _slot_json(record.slot), _slot_json(judged.slot),
        ),
        now,
    )  # fmt: skip


def _carried_out(told: Told, saved: Snapshot) -> bool:
    if saved.revision <= told.revision:
        return False
    return saved.cancelled if told.slot is None else saved.slot == told.slot


def _merged(former: Record, saved: Snapshot) -> Record:
    before, told = former.saved, former.told
    moved = saved.slot != before.slot
    revived = (before.cancelled and not saved.cancelled) or (before.deleted and not saved.deleted)
    record = replace(former, saved=saved)
    known = [one for one in told if saved.seen is not None and one.sequence <= saved.seen]
    if known:
        carried_out = saved.cancelled if known[-1].slot is None else saved.slot == known[-1].slot
        if carried_out and len(known) < len(told):
            return replace(record, told=told[len(known) :])
        # It knew, and so it means what it says; what it did not know of loses to it.
        return replace(record, slot=saved.slot, withdrawn=False, told=())
    answered = next((n for n, one in enumerate(told) if _answers(one, before, saved)), None)
    if answered is not None:
        # The LMS carried out what we told it; what the tutor did since is on its way. Once it has
        # cancelled too, it alone says where the meeting would stand.
        slot = saved.slot if told[answered].slot is None else record.slot
        return replace(record, slot=slot, told=told[answered + 1 :])
    if moved or revived:
        back = revived or saved.slot is not None
        slot = saved.slot if moved else record.slot
        return replace(record, slot=slot, withdrawn=record.withdrawn and not back, told=())
    return record


def _answers(told: Told, before: Snapshot, saved: Snapshot) -> bool:
    if told.slot is None:
        return saved.cancelled and not before.cancelled
    return saved.slot == told.slot and before.slot != saved.slot


def _asked(record: Record, now: datetime) -> Record:
    """When the present start was first wanted, by which the lead time is judged."""
    if not record.wants_meeting or not record.slot or record.slot.start == record.asked_start:
        return record
    record = replace(record, asked_start=record.slot.start, asked_at=now)
    if given_up(record):  # a new start opens again what an old one had closed
        return replace(record, problem=None, told_problem="")
    return record


def _save_after_start(former: Record, saved: Snapshot, now: datetime) -> Record:
    record = replace(former, saved=saved, at_start=former.at_start or former.saved)
    words = {"revision", "name", "description", "description_is_html", "seen", "digest"}
    edited = any(
        getattr(saved, name) != getattr(former.saved, name)
        for name in Snapshot.__slots__
        if name not in words
    )
    if not edited:
        return with_line(record, now, "saved", "Saved after the start.", By.LMS)
    return with_line(
        with_flag(record, Flag.EDITED_AFTER_START), now, "edited_after_start",
        "Saved after the start: recorded, and not carried out.", By.LMS,
        _slot_json(former.saved.slot), _slot_json(saved.slot),
    )  # fmt: skip


# -- what the event should show -----------------------------------------------------------


def invited(saved: Snapshot, organizer_addresses: tuple[str, ...]) -> tuple[Person, ...]:
    """Who is to be invited: each address once, never the organizer (the law, rule 5)."""
    people: list[Person | None] = [saved.learner]
    if saved.kind is Kind.REVIEW and saved.employer_can_view:
        people += [saved.manager, saved.mentor]
    taken = {fold(address) for address in organizer_addresses} | {fold(saved.owner.email), ""}
    chosen = []
    for person in people:
        if person and fold(person.email) not in taken:
            taken.add(fold(person.email))
            chosen.append(person)
    return tuple(chosen)


def addresses(people: tuple[Person, ...]) -> tuple[str, ...]:
    return tuple(fold(person.email) for person in people)


def agenda_digest(saved: Snapshot) -> str:
    """Of the description as written and, after a point, as the event shows it."""
    shown = agenda.digest(saved.description, saved.description_is_html)
    return f"{_digest_of_words(saved)}.{shown}"


def _digest_of_words(saved: Snapshot) -> str:
    text = f"{saved.description_is_html}|{saved.description}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update must name, and nothing else."""

    slot: bool = False
    subject: bool = False
    attendees: bool = False
    agenda: bool = False

    def __bool__(self) -> bool:
        return self.slot or self.subject or self.attendees or self.agenda


EVERYTHING, NOTHING = Changes(slot=True, subject=True, attendees=True, agenda=True), Changes()


def changes(record: Record, zone_name: str, seen: Seen | None) -> Changes:
    """What the event must be made to show: where we want another thing, or Teams shows one."""
    booking, saved = record.booking, record.saved
    if booking is None or record.slot is None:
        return Changes()
    want = addresses(invited(saved, booking.organizer_addresses))
    shown = tuple(fold(guest.address) for guest in seen.guests) if seen else ()
    removed = seen and any(one not in shown for one in booking.teams_attendees if one in want)
    return Changes(
        slot=record.slot != booking.slot or zone_name != booking.zone,
        subject=saved.name != booking.subject
        or bool(seen and seen.subject != booking.teams_subject),
        attendees=set(want) != set(booking.attendees) or bool(removed),
        agenda=_shows_another_agenda(saved, booking.agenda),
    )


def _shows_another_agenda(saved: Snapshot, written: str) -> bool:
    """Compares what is shown, but only where the words differ: rendering them costs more."""
    words, _, shown = written.partition(".")
    if words == _digest_of_words(saved):
        return False
    return shown != agenda.digest(saved.description, saved.description_is_html)


# -- the decision -------------------------------------------------------------------------


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
        heard, gone = _hear(record, facts)
        if isinstance(facts.view, Unknown):
            return Step(heard)
        view = None if gone else facts.view
        return plan(replace(heard, intent=None), replace(facts, view=view))
    return Step(record, Act.REPLAY)


def _plan_without_event(record: Record, facts: Facts) -> Step:
    saved, slot, now = record.saved, record.slot, facts.now
    if not record.wants_meeting or slot is None:
        return Step(replace(_settled(record), replaces=False))
    why = blocked(record, slot, now)
    if why:
        return Step(fail(record, why, facts, final=True))
    opened = is_open(slot.start, facts.tenant.time_zone, facts.tenant.window_days, now)
    if not opened and not record.replaces:
        return Step(_settled(record))
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
        return Step(_heard_after_start(record, booking, facts))
    if facts.view is not None:
        if isinstance(facts.view, Gone) and record.wants_meeting:
            if _handed_over(record, booking):
                return _plan_new_owner(record, booking, facts)
            if not facts.vanished_may_go:
                return Step(record, vanished=True)
        record, heard = _hear(record, facts)
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
        record = _not_carried(record, booking, slot, By.LMS, facts)
    wanted = changes(carried, facts.tenant.time_zone, seen)
    if wanted:
        ready = seen and not (wanted.agenda and seen.body is None)
        return Step(record, Act.UPDATE if ready else Act.READ)
    if not booking.join_url and not past:
        return Step(fail(record, "link_pending", facts, final=False))
    if seen or not record.problem:
        record = _settled(record, facts)
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
            By.CONNECTOR, _slot_json(booking.slot),
        )  # fmt: skip
        return plan(left, replace(facts, view=None))
    refused = record.problem is not None and record.problem.code == "old_owner_refuses"
    if refused and _is_near(booking, facts.now):
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
    if passing and not _is_near(booking, facts.now):
        return Step(record)  # what the tutor did there is not known yet
    return Step(record, Act.CANCEL)


def _is_near(booking: Booking, now: datetime) -> bool:
    """Too near to its start to go on trying a former owner's calendar (the law, rule 13)."""
    return booking.slot.start - now <= OLD_OWNER_UNTIL


def as_carried(record: Record, now: datetime) -> Record:
    """The record as Teams is to show it: a start in the past stays out (the law, rule 4)."""
    booking, slot = record.booking, record.slot
    if booking is None or slot is None or slot == booking.slot or slot.start > now:
        return record
    return replace(record, slot=booking.slot)


def _not_carried(record: Record, booking: Booking, slot: Slot, by: By, facts: Facts) -> Record:
    """A start in the past is written down and goes no further (the law, rule 4)."""
    if record.problem and record.problem.code == "start_in_past" and by is By.LMS:
        return record
    record = with_line(
        record, facts.now, "start_in_past", sentence("start_in_past"), by,
        _slot_json(booking.slot), _slot_json(slot),
    )  # fmt: skip
    problem = Problem("start_in_past", sentence("start_in_past"), facts.now, final=False)
    return replace(record, problem=problem)


# -- hearing Teams ------------------------------------------------------------------------


def _hear(record: Record, facts: Facts) -> tuple[Record, bool]:
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
    return _heard_time(record, view, facts), False


def _unseen(record: Record, code: str, facts: Facts) -> Record:
    """The event could not be seen; after a day of it, whatever the reasons, a person must act."""
    problem = record.problem
    if problem and (problem.code == "old_owner_refuses" or problem.final):
        return record
    if problem is None or problem.code not in UNSEEN:
        return _with_problem(record, code, facts.now, final=False)
    if problem.code != code:
        problem = replace(problem, code=code, message=sentence(code))
        record = replace(record, problem=problem)
    if facts.now - problem.since >= UNKNOWN_FAILS_AFTER:
        return fail(record, code, facts, final=True)
    return record


def _heard_gone(record: Record, booking: Booking, facts: Facts) -> Record:
    """The tutor cancelled. Where the LMS moved it meanwhile, the LMS wins (the law, rule 12)."""
    before = _slot_json(booking.slot)
    if not record.wants_meeting:
        return with_line(
            replace(record, booking=None), facts.now, "cancelled", "Gone from Teams too.",
            By.TEAMS, before,
        )  # fmt: skip
    if record.slot != booking.slot:
        return with_line(
            replace(record, booking=None), facts.now, "conflict",
            "Cancelled in Teams while the LMS moved it: the LMS wins.", By.TEAMS,
            before, _slot_json(record.slot),
        )  # fmt: skip
    record = replace(record, booking=None, withdrawn=True, problem=None)
    record = with_line(
        record, facts.now, "cancelled", "Cancelled in Teams by the organiser.", By.TEAMS, before
    )
    reason = "Cancelled in Teams by the organiser."
    record = tell(record, "meeting.cancelled", {"reason": reason}, facts)
    return _awaiting(record, None)


def _heard_after_start(record: Record, booking: Booking, facts: Facts) -> Record:
    """What the tutor edits after the start is recorded and changes nothing (the law, rule 15)."""
    if Flag.EDITED_AFTER_START in record.flags:
        return record
    after = None
    if isinstance(facts.view, Seen):
        if facts.view.slot == booking.teams_slot:
            return record
        after = _slot_json(facts.view.slot)
    elif not isinstance(facts.view, Gone):
        return record
    return with_line(
        with_flag(record, Flag.EDITED_AFTER_START), facts.now, "edited_after_start",
        "Changed in Teams after the start: recorded, and not carried out.", By.TEAMS,
        _slot_json(booking.slot), after,
    )  # fmt: skip


def _heard_link(record: Record, booking: Booking, seen: Seen, facts: Facts) -> Record:
    current = replace(booking, online=seen.online)
    record = replace(record, booking=current)
    if not seen.join_url or seen.join_url == booking.join_url:
        return record
    record = _with_link(replace(record, booking=replace(current, join_url=seen.join_url)))
    if booking.join_url:
        record = with_line(
            record, facts.now, "link_changed", "Teams gave the event another join link.", By.TEAMS
        )
    return _tell_scheduled(record, facts)


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


def _heard_time(record: Record, seen: Seen, facts: Facts) -> Record:
    booking = record.booking
    if booking is None or seen.slot == booking.teams_slot or not record.wants_meeting:
        return record
    before, after = _slot_json(booking.slot), _slot_json(seen.slot)
    shown = replace(booking, teams_slot=seen.slot)
    ours = record.intent and record.intent.act == "update" and record.intent.booking.slot
    if seen.slot in (record.slot, ours):
        # What we wrote and could not note, or what both sides moved to alike: agreed already.
        return replace(record, booking=replace(shown, slot=seen.slot))
    if record.slot != booking.slot:
        return with_line(
            replace(record, booking=shown), facts.now, "conflict",
            "Moved in Teams while the LMS moved it: the LMS wins.", By.TEAMS,
            after, _slot_json(record.slot),
        )  # fmt: skip
    if seen.slot.start <= facts.now:
        return _not_carried(replace(record, booking=shown), booking, seen.slot, By.TEAMS, facts)
    record = replace(record, slot=seen.slot, booking=replace(shown, slot=seen.slot), problem=None)
    record = with_line(
        record, facts.now, "rescheduled", "Moved in Teams by the organiser.", By.TEAMS,
        before, after,
    )  # fmt: skip
    record = tell(record, "meeting.rescheduled", _times(seen.slot, facts.tenant), facts)
    return _awaiting(record, seen.slot)


def _awaiting(record: Record, slot: Slot | None) -> Record:
    """The LMS has yet to save what was told just now."""
    told = Told(record.sequence, slot, record.saved.revision)
    return replace(record, told=(*record.told, told))


# -- noting what was done -----------------------------------------------------------------


def after_create(record: Record, seen: Seen, facts: Facts, *, replayed: bool = False) -> Record:
    """The event of the intent stands. *replayed*: it may have stood for a while.

    What an event shows right after it was made is Exchange's way of writing what we meant; what it
    shows to a replay may be the tutor's doing since.
    """
    intent = record.intent
    if intent is None:
        return record
    booking = _as_shown(intent.booking, seen, NOTHING if replayed else EVERYTHING)
    record = replace(
        record,
        booking=booking,
        generation=booking.generation,
        intent=None,
        problem=None,
        replaces=False,
    )
    record = with_line(
        record, facts.now, "scheduled", "Created in the owner's calendar.", By.CONNECTOR,
        None, _slot_json(booking.slot),
    )  # fmt: skip
    if booking.join_url:
        record = _tell_scheduled(_with_link(record), facts)
    return _heard_time(record, seen, facts)


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
            _slot_json(former.slot), _slot_json(booking.slot),
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
            _with_link(record), facts.now, "link_changed",
            "Teams gave the event another join link.", By.TEAMS,
        )  # fmt: skip
        return _heard_time(_tell_scheduled(record, facts), seen, facts)
    return _heard_time(_told_well_again(record, facts), seen, facts)


def after_cancel(record: Record, facts: Facts) -> Record:
    """The event of the intent is gone, by us."""
    intent = record.intent
    if intent is None:
        return record
    before = _slot_json(intent.booking.slot)
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
    given_up_next = handed_over and _is_near(intent.booking, facts.now)
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
        return _with_problem(record, "old_owner_refuses", facts.now, final=False)
    return fail(record, code, facts, final=final)


def reason_of(error: RemoteError) -> tuple[str, bool]:
    """A reason's code for an error, and whether a person must act on it."""
    if error.system == "entra":
        codes = {
            "AADSTS700016": "not_consented", "AADSTS7000229": "not_consented",
            "AADSTS65001": "not_consented", "AADSTS500011": "wrong_cloud",
            "AADSTS900382": "wrong_cloud", "AADSTS900432": "wrong_cloud",
            "AADSTS90038": "wrong_cloud",
            "AADSTS7000215": "credential_rejected", "AADSTS700027": "credential_rejected",
            "AADSTS700213": "credential_rejected", "AADSTS7000222": "credential_expired",
            "AADSTS90002": "entra_tenant_not_found", "AADSTS53003": "sign_in_blocked",
        }  # fmt: skip
        code = codes.get(error.code, "")
        if code:
            return code, True
        return ("credential_rejected", True) if isinstance(error, NotAllowed) else (
            "entra_unavailable", False,
        )  # fmt: skip
    if isinstance(error, Throttled):
        return "throttled", False
    if isinstance(error, NotAllowed):
        return "not_permitted", True
    if isinstance(error, NotFound):
        return "owner_without_teams" if "Mailbox" in error.code else "owner_not_found", True
    if isinstance(error, Broken | Changed):  # Graph answers 412 now and then for no reason at all
        return "teams_unavailable", False
    return "teams_refused", True


def fail(record: Record, code: str, facts: Facts, *, final: bool) -> Record:
    """Note a cause; when a person must act, the LMS hears of it once."""
    record = _with_problem(record, code, facts.now, final=final)
    if not final or record.told_problem == code or not facts.live:
        return record
    data = {"code": code, "message": sentence(code)}
    return replace(tell(record, "meeting.failed", data, facts), told_problem=code)


def braked(record: Record, now: datetime) -> Record:
    """The event is gone, and so are too many others for that to be believed."""
    return _with_problem(record, "braked", now, final=False)


def _with_problem(record: Record, code: str, now: datetime, *, final: bool) -> Record:
    had = record.problem
    if had and had.code == code and had.final == final:
        return record
    since = had.since if had and had.code == code else now
    problem = Problem(code, sentence(code), since, final)
    if had and had.code == code:
        return replace(record, problem=problem)
    record = replace(record, problem=problem)
    return with_line(record, now, "failed" if final else "delayed", problem.message, By.CONNECTOR)


def _settled(record: Record, facts: Facts | None = None) -> Record:
    """Nothing is wrong (any more)."""
    if record.booking and record.problem and record.problem.code == "start_in_past":
        stands = record.slot == record.booking.slot == record.booking.teams_slot
        if not stands:
            return record
    if record.problem:
        record = replace(record, problem=None)
    if record.booking and facts:
        return _told_well_again(record, facts)
    return replace(record, told_problem="") if record.told_problem else record


def _told_well_again(record: Record, facts: Facts) -> Record:
    """After a ``meeting.failed``, success is told by ``meeting.scheduled``."""
    return _tell_scheduled(record, facts) if record.told_problem else record


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


def _with_link(record: Record) -> Record:
    booking = record.booking
    if booking is None or not booking.join_url:
        return record
    link = JoinUrl(booking.join_url, booking.organizer)
    if link in record.join_urls:
        return record
    return replace(record, join_urls=(*record.join_urls, link))


# -- telling the LMS ----------------------------------------------------------------------


def tell(record: Record, type_: str, data: dict[str, Any], facts: Facts) -> Record:
    """Queue an event for the LMS with the change that caused it."""
    if not facts.live:
        return record
    sequence = record.sequence + 1
    event = LmsEvent(
        id=event_id(facts.tenant.id, record, sequence),
        sequence=sequence,
        type=type_,
        at=facts.now,
        data={
            "componentId": record.saved.id,
            "revision": record.saved.revision,
            "sequence": sequence,
            **data,
        },
    )
    return replace(record, sequence=sequence, queue=(*record.queue, event))


def event_id(tenant: TenantId, record: Record, sequence: int) -> str:
    """The ``webhook-id``: the same for the same event, whoever makes it."""
    text = f"{tenant}|{record.saved.id}|{sequence}"
    return "msg_" + hashlib.sha256(text.encode()).hexdigest()[:32]


def _tell_scheduled(record: Record, facts: Facts) -> Record:
    booking = record.booking
    if booking is None or not record.wants_meeting:
        return record
    if booking.owner_key != record.saved.owner.key:
        return record  # the next step replaces this event; its link would be stale at once
    data = {
        "joinUrl": booking.join_url,
        "organizer": booking.organizer_address,
        **_times(booking.slot, facts.tenant),
    }
    return replace(tell(record, "meeting.scheduled", data, facts), told_problem="")


def _times(slot: Slot, tenant: Tenant) -> dict[str, str]:
    return {
        "start": local_iso(slot.start, tenant.time_zone),
        "end": local_iso(slot.end, tenant.time_zone),
        "timeZone": tenant.time_zone,
    }


def _slot_json(slot: Slot | None) -> dict[str, str] | None:
    if slot is None:
        return None
    return {"start": local_iso(slot.start, "UTC"), "end": local_iso(slot.end, "UTC")}


Note = Callable[[Record], Record]
"""A fact as a change to whatever the record is by then."""
