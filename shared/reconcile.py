"""Making LMS and Teams agree for some components of one tenant: gather, decide, do, note.

``settle`` goes round until ``planning.plan`` has no step left for any of them. Each round
does the same kind of step for all at once: one table transaction for many rows, one batch for many
requests. A Graph write is stored and claimed before it is sent and noted after it was answered; a
note that loses its race is made on the newer row, because what has happened has happened.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared import hints, subscriptions
from shared.errors import Broken, Changed, NotFound, Refused, RemoteError, Stale
from shared.graph import protocol
from shared.graph.client import Graph, Outcome
from shared.graph.protocol import Request
from shared.hints import Hint
from shared.model import Booking, EventId, Intent, Organizer, Tenant
from shared.ports import Ports
from shared.record import Record
from shared.scheduling import content, noting, planning, starts
from shared.scheduling.step import Act, Facts, Note
from shared.scheduling.views import Gone, Seen, View
from shared.store import Stored, Write
from shared.work import Work, view_of

log = logging.getLogger(__name__)

CLAIM = timedelta(minutes=2)
SOON = timedelta(seconds=20)
ROUNDS = 12
FINDABLE_AFTER = timedelta(minutes=10)
CANCELLED_BY_LMS = "Cancelled in the learning management system."
CANCELLED_FOR_OWNER = "Your tutor has changed; a new invitation follows."


@dataclass(slots=True)
class Reconciler:
    """One run over components of one tenant.

    Args:
        again: For a row that somebody wrote meanwhile: the work to go on with, made from the row
            as it is now; None leaves it to whoever wrote it.
        seconds: How long Graph may take in all.
    """

    ports: Ports
    tenant: Tenant
    graph: Graph
    seconds: float
    again: Callable[[Work, Stored], Work | None] = field(
        default=lambda work, stored: Work(stored, stored.record)
    )
    _end: float = 0.0
    _owners: dict[str, Organizer] = field(default_factory=dict)

    def find_owners(self, works: Iterable[Work]) -> None:
        """Look up all at once the owners that *works* need next."""
        now = self.ports.clock()
        self._end = time.monotonic() + self.seconds
        steps = ((work, planning.plan(work.record, self._facts(work, now))) for work in works)
        self._resolve([work for work, step in steps if step.act is Act.RESOLVE], now)

    def settle(self, works: Sequence[Work]) -> list[Work]:
        """Take every component as far as it goes now; each work's record is then as stored."""
        self._end = time.monotonic() + self.seconds
        at_rest: list[Work] = []
        moving = list(works)
        for _ in range(ROUNDS):
            if not moving:
                break
            moving, resting = self._round(moving)
            at_rest += resting
        return at_rest + moving

    def _round(self, works: list[Work]) -> tuple[list[Work], list[Work]]:
        """One step for each; those that may go further, and those at rest."""
        now = self.ports.clock()
        acts: dict[Act, list[Work]] = {}
        quiet: list[Work] = []
        for work in works:
            step = planning.plan(work.record, self._facts(work, now))
            work.record, work.vanished = step.record, step.vanished
            if step.act:
                acts.setdefault(step.act, []).append(work)
            else:
                quiet.append(work)
        beaten = self._store_first(acts)
        acts = {act: [w for w in those if w not in beaten] for act, those in acts.items()}
        self._resolve(acts.get(Act.RESOLVE, []), now)
        self._read(acts.get(Act.READ, []))
        writing = [
            *((work, self._intent(work, Act.CREATE, now)) for work in acts.get(Act.CREATE, [])),
            *((work, self._intent(work, Act.UPDATE, now)) for work in acts.get(Act.UPDATE, [])),
            *((work, self._intent(work, Act.CANCEL, now)) for work in acts.get(Act.CANCEL, [])),
            *((work, self._reclaim(work, now)) for work in acts.get(Act.REPLAY, [])),
        ]
        moved = self._carry_out(writing)
        again = self._store(quiet)
        going = [*beaten, *acts.get(Act.RESOLVE, []), *acts.get(Act.READ, []), *moved, *again]
        resting = [work for work in quiet if work not in again]
        return [w for w in going if not w.rests], [*resting, *(w for w in going if w.rests)]

    def _facts(self, work: Work, now: datetime) -> Facts:
        owner_key = work.record.saved.owner.key
        owner, problem = self._owners.get(owner_key), work.record.problem
        doubted = problem is not None and problem.code == "owner_without_teams"
        if owner is None and not doubted:
            owner = self.ports.directory.known(self.tenant.id, owner_key, now)
        return Facts(now, self.tenant, work.view, owner, work.vanished_may_go)

    # -- gather ----------------------------------------------------------------------------

    def _resolve(self, works: list[Work], now: datetime) -> None:
        if not works:
            return
        owners = {work.record.saved.owner.key: work.record.saved.owner for work in works}
        found = self.ports.directory.find(self.tenant.id, self.graph, owners, now, self._left())
        self._owners |= found
        if any(owner.read_at == now for owner in found.values()):
            self._subscribe_soon(now)

    def _subscribe_soon(self, now: datetime) -> None:
        """An owner looked up anew may be about to get a first event, in a calendar that nobody
        watches yet."""
        if subscriptions.are_wanted(self.ports, self.tenant):
            soon = Hint(hints.RENEW, self.tenant.id, "", now + SOON)
            hints.leave(self.ports, [soon])

    def _read(self, works: list[Work]) -> None:
        bookings = [booking for work in works if (booking := _event_of(work.record))]
        requests = [protocol.read_event(b.organizer, b.event_id, with_body=True) for b in bookings]
        outcomes = self.graph.run(requests, self._left()) if requests else []
        for work, outcome in zip(works, outcomes, strict=True):
            work.view = view_of(outcome)

    # -- write -----------------------------------------------------------------------------

    def _store_first(self, acts: Mapping[Act, list[Work]]) -> list[Work]:
        """What a webhook brought is stored before anything else is tried; those that were beaten
        to it are planned anew."""
        waiting = [*acts.get(Act.RESOLVE, []), *acts.get(Act.READ, [])]
        return self._store([work for work in waiting if work.seen is None or _news(work)])

    def _store(self, works: Iterable[Work]) -> list[Work]:
        """Write what changed; those whose row changed meanwhile come back to be planned anew."""
        dirty = [work for work in works if work.dirty]
        if not dirty:
            return []
        results = self.ports.store.write(
            self.tenant.id, [Write(work.seen, work.record, work.beside) for work in dirty]
        )
        beaten = []
        for work, result in zip(dirty, results, strict=True):
            if isinstance(result, Stored):
                work.seen, work.record, work.beside = result, result.record, ()
            else:
                self._reload(work)
                beaten.append(work)
        return beaten

    def _reload(self, work: Work) -> None:
        stored = self.ports.store.get(self.tenant.id, work.key)
        fresh = self.again(work, stored) if stored else None
        if fresh is None:
            work.rests = True
            return
        work.seen, work.record, work.beside = fresh.seen, fresh.record, fresh.beside
        work.view = None

    def _intent(self, work: Work, act: Act, now: datetime) -> Intent:
        """The write about to be sent, exactly."""
        record = work.record
        match act:
            case Act.CREATE:
                booking = self._new_booking(work, now)
                request = protocol.create_event(
                    record.saved, booking, self.ports.deployment, self.tenant.id, record.key
                )
            case Act.UPDATE:
                booking, request = self._update(work)
            case _:
                booking = _booked(record)
                other = booking.owner_key != record.saved.owner.key and record.wants_meeting
                comment = CANCELLED_FOR_OWNER if other else CANCELLED_BY_LMS
                request = protocol.cancel_event(booking, comment)
        return Intent(act.value, now + CLAIM, protocol.stored_form(request), booking)

    def _reclaim(self, work: Work, now: datetime) -> Intent:
        intent = work.record.intent
        if intent is None:
            raise AssertionError("a replay without an intent")
        return replace(intent, until=now + CLAIM)

    def _new_booking(self, work: Work, now: datetime) -> Booking:
        record, owner = work.record, self._facts(work, now).organizer
        if owner is None or owner.id is None or record.slot is None:
            raise AssertionError("a create without an owner or a time")
        known = owner.addresses or (record.saved.owner.email,)
        attendees = content.addresses(content.invited(record.saved, known))
        return Booking(
            organizer=owner.id,
            owner_key=owner.key,
            organizer_addresses=known,
            event_id=EventId(""),
            generation=record.generation + 1,
            slot=record.slot,
            teams_slot=record.slot,
            subject=record.saved.name,
            teams_subject=record.saved.name,
            attendees=attendees,
            teams_attendees=attendees,
            agenda=content.agenda_digest(record.saved),
            zone=self.tenant.time_zone,
            online=True,
            join_url="",
            made_at=now,
        )

    def _update(self, work: Work) -> tuple[Booking, Request]:
        record = starts.as_carried(work.record, self.ports.clock())
        booking, seen = _booked(record), work.view
        if not isinstance(seen, Seen) or record.slot is None:
            raise AssertionError("an update without a fresh read")
        named = content.changes(record, self.tenant.time_zone, seen)
        people = content.invited(record.saved, booking.organizer_addresses)
        booking = replace(
            booking,
            slot=record.slot,
            zone=self.tenant.time_zone,
            subject=record.saved.name,
            attendees=content.addresses(people),
            agenda=content.agenda_digest(record.saved),
        )
        wanted = replace(booking, attendees=_booked(record).attendees)
        request, _ = protocol.update_event(record.saved, wanted, named, seen)
        return booking, request

    # -- do, note --------------------------------------------------------------------------

    def _carry_out(self, writing: list[tuple[Work, Intent]]) -> list[Work]:
        """Claim, send, note. Returns those that may go further."""
        if not writing:
            return []
        replays = {work.key for work, _ in writing if work.record.intent}
        for work, intent in writing:
            work.record = replace(work.record, intent=intent)
        beaten = self._store([work for work, _ in writing])
        held = [(work, intent) for work, intent in writing if work not in beaten]
        sent = [(work, intent) for work, intent in held if self._is_to_be_sent(work, intent)]
        requests = [protocol.request_from(intent.request) for _, intent in sent]
        outcomes = dict(
            zip(
                (work.key for work, _ in sent),
                self.graph.run(requests, self._left()) if requests else [],
                strict=True,
            )
        )
        noted = []
        for work, intent in held:
            outcome = outcomes.pop(work.key, None)  # what Graph answered is large: not kept
            _weigh(work, intent, outcome)
            replayed = work.key in replays
            noted.append((work, self._note_of(work, intent, outcome, replayed=replayed)))
        self._note(noted)
        return [*beaten, *(work for work, _ in held)]

    def _is_to_be_sent(self, work: Work, intent: Intent) -> bool:
        """Not when only an agenda changed that finds no place; nor a create that was claimed
        before and is wanted no more or has begun: then the event is looked for, because making it
        now would invite people to nothing."""
        if intent.act != "create":
            return bool(intent.request["body"] != {})
        return work.record.wants_meeting and intent.booking.slot.start > self.ports.clock()

    def _note_of(self, work: Work, intent: Intent, outcome: Outcome, *, replayed: bool) -> Note:
        """What came of a write, as a change to whatever the row is by then."""
        facts = replace(self._facts(work, self.ports.clock()), view=None)
        seen, work.view = work.view, None
        match intent.act:
            case "create":
                return self._note_create(work, intent, outcome, facts, replayed=replayed)
            case "update":
                return self._note_update(intent, outcome, seen, facts)
            case _:
                return self._note_cancel(intent, outcome, facts)

    def _note_create(
        self, work: Work, intent: Intent, outcome: Outcome, facts: Facts, *, replayed: bool
    ) -> Note:
        refused = isinstance(outcome, Refused)
        if outcome is None or (refused and outcome.code == "ErrorDuplicateTransactionId"):
            return self._note_duplicate(work, intent, facts)
        if isinstance(outcome, RemoteError):
            return self._failed(work, outcome, facts, may_stand=replayed)
        view = view_of(outcome)
        if isinstance(view, Gone):
            # Cancelled before we knew that it was made, and nobody had heard of it: as if it never
            # had been. Another one is made.
            return lambda record: replace(record, intent=None, generation=intent.booking.generation)
        if not isinstance(view, Seen):
            return self._failed(work, Broken("graph", "unreadable_event"), facts)
        # Who replays another process's create has not looked the owner up.
        known = facts.organizer or self.ports.store.organizer(
            self.tenant.id, intent.booking.owner_key
        )
        if not view.online and known:
            owner = self.ports.directory.disprove(self.tenant.id, known)
            self._owners[owner.key] = owner
        if replayed:
            mark = self._marker(work, intent.booking)
            user = intent.booking.organizer
            findable = facts.now + FINDABLE_AFTER
            again = hints.repeated_create(self.tenant.id, user, mark, findable)
            hints.leave(self.ports, [again])
        return lambda record: noting.after_create(record, view, facts, replayed=replayed)

    def _note_duplicate(self, work: Work, intent: Intent, facts: Facts) -> Note:
        """The event was made before, by a request whose answer we never saw: the marker finds it.

        What it shows may be what an earlier request said. One that is not found is either too new
        to be, so it is looked for again, or was removed since; then another one is made.
        """
        found = self._find_marked(work, intent.booking)
        if isinstance(found, RemoteError):
            return self._failed(work, found, facts, may_stand=True)
        views = [view_of(event) for event in found]
        seen = next((view for view in views if isinstance(view, Seen)), None)
        if seen:
            return lambda record: noting.after_find(record, seen, facts)
        if not views and facts.now - intent.booking.made_at < FINDABLE_AFTER:
            return self._failed(work, Broken("graph", "not_found_yet"), facts)
        return lambda record: replace(record, intent=None, generation=intent.booking.generation)

    def _find_marked(self, work: Work, booking: Booking) -> list[Outcome] | RemoteError:
        mark = self._marker(work, booking)
        request = protocol.find_by_marker(booking.organizer, mark)
        try:
            events = list(self.graph.items(request, self._left()))
        except RemoteError as error:
            return error
        return [event for event in events if protocol.marker_of(event) == mark]

    def _marker(self, work: Work, booking: Booking) -> str:
        return protocol.marker(self.ports.deployment, self.tenant.id, work.key, booking.generation)

    def _note_update(
        self, intent: Intent, outcome: Outcome, seen: View | None, facts: Facts
    ) -> Note:
        if isinstance(outcome, Changed):
            # Written since we read it, or Graph's spontaneous 412: read again, decide again.
            return lambda record: replace(record, intent=None)
        if isinstance(outcome, NotFound) and outcome.code == "ErrorItemNotFound":
            return lambda record: replace(record, intent=None)
        if isinstance(outcome, RemoteError):
            return lambda record: noting.after_failure(record, outcome, facts)
        shown = view_of(outcome) if outcome is not None else seen
        if not isinstance(shown, Seen):
            return lambda record: replace(record, intent=None)
        body = intent.request["body"]
        kept, named = "body" not in body, protocol.named_in(body)
        return lambda record: noting.after_update(
            record, shown, facts, agenda_kept=kept, named=named
        )

    def _note_cancel(self, intent: Intent, outcome: Outcome, facts: Facts) -> Note:
        if isinstance(outcome, Refused) and "ErrorInvalidRequest" in outcome.code:
            # Some events cannot be cancelled, only deleted, which tells the attendees as well.
            outcome = self.graph.run([protocol.delete_event(intent.booking)], self._left())[0]
        if isinstance(outcome, RemoteError) and not isinstance(outcome, NotFound):
            return lambda record: noting.after_failure(record, outcome, facts)
        return lambda record: noting.after_cancel(record, facts)

    def _failed(
        self, work: Work, error: RemoteError, facts: Facts, *, may_stand: bool = False
    ) -> Note:
        if isinstance(error, NotFound):
            self.ports.directory.forget(self.tenant.id, [work.record.saved.owner.key])
        return lambda record: noting.after_failure(record, error, facts, may_stand=may_stand)

    def _note(self, noted: list[tuple[Work, Note]]) -> None:
        """Store facts; after a lost race, on the newer row."""
        left = noted
        for _ in range(10):
            writes = []
            for work, note in left:
                work.record = note(work.record)
                writes.append(Write(work.seen, work.record))
            results = self.ports.store.write(self.tenant.id, writes)
            beaten = []
            for (work, note), result in zip(left, results, strict=True):
                if isinstance(result, Stored):
                    work.seen, work.record = result, result.record
                    continue
                stored = self.ports.store.get(self.tenant.id, work.key)
                if stored is None:
                    raise result
                work.seen, work.record = stored, stored.record
                beaten.append((work, note))
            left = beaten
            if not left:
                return
        raise Stale(str(left[0][0].key))

    def _left(self) -> float:
        return max(1.0, self._end - time.monotonic())


def _weigh(work: Work, intent: Intent, outcome: Outcome) -> None:
    """Whether a failed write is tried once more in this run: when only its answer may be lost, or
    when the failure itself decides what comes next (a former owner's event near its start, one that
    was cancelled after we read it)."""
    if not isinstance(outcome, RemoteError) or isinstance(outcome, Changed):
        return
    work.failures += 1
    work.wait = getattr(outcome, "retry_after", None)
    gone = intent.act == "update" and isinstance(outcome, NotFound)
    worth_it = isinstance(outcome, Broken) or intent.act == "cancel" or gone
    work.rests = work.failures > 1 or not worth_it


def _booked(record: Record) -> Booking:
    if record.booking is None:
        raise AssertionError("no event is booked")
    return record.booking


def _event_of(record: Record) -> Booking | None:
    """The event a read is about."""
    return record.booking or (record.intent.booking if record.intent else None)


def _news(work: Work) -> bool:
    """Whether the LMS's save is not in the row yet."""
    return work.seen is not None and work.seen.record.saved != work.record.saved
