"""Carrying out plans until there is none left ends with both sides equal, and stays there.

A small Teams (calendars of events, written by the requests we would send), the LMS's saves, and a
record between them. Every combination of what the LMS saved, what the tutor did and what was
agreed before is carried to rest; then random lives of a component are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import agenda
from shared.graph import protocol
from shared.model import Booking, EventId, Flag, Intent, Slot, Snapshot, fold
from shared.record import Record
from shared.scheduling.content import addresses, agenda_digest, changes, invited
from shared.scheduling.noting import after_cancel, after_create, after_find, after_update
from shared.scheduling.planning import plan
from shared.scheduling.saving import late, save
from shared.scheduling.starts import as_carried, frozen
from shared.scheduling.step import Act, Facts, Step
from shared.scheduling.views import Gone, Guest, Seen, Shape, Unknown, View
from tests.build import (
    ELEVEN,
    JOIN_URL,
    NEW_TUTOR,
    NINE,
    NOW,
    OTHER_LEARNER,
    OTHER_URL,
    TEN,
    TUTOR,
    USERS,
    YESTERDAY,
    a_booked,
    a_booking,
    a_problem,
    a_record,
    a_slot,
    a_snapshot,
    a_tenant,
    an_intent,
    an_organizer,
    saved_again,
)

TENANT = a_tenant()
MOST_STEPS = 12
GUEST = "guest@else.example"
LEFT_ALONE = ("series_not_supported", "online_meeting_removed")


# -- a small Teams -------------------------------------------------------------------------


@dataclass
class Event:
    """An event in *owner*'s calendar, with the words Graph uses for it."""

    owner: str
    slot: Slot
    subject: str
    guests: list[str]
    body: str
    join_url: str
    online: bool = True
    shape: Shape = Shape.SINGLE
    version: int = 1

    def write(self, body: dict[str, Any]) -> None:
        """Take in what a create or an update names."""
        self.version += 1
        if "start" in body:
            self.slot = Slot(instant(body["start"]), instant(body["end"]))
        if "subject" in body:
            self.subject = body["subject"]
        if "attendees" in body:
            self.guests = [one["emailAddress"]["address"] for one in body["attendees"]]
        if "body" in body:
            self.body = body["body"]["content"]


def instant(time: dict[str, str]) -> datetime:
    local = datetime.fromisoformat(time["dateTime"])
    return local.replace(tzinfo=ZoneInfo(time["timeZone"])).astimezone(UTC)


def with_block(part: str, link: str) -> str:
    """A body as Exchange makes it: our part, then what keeps the meeting alive."""
    return f'<html><body>{part}<div>{"_" * 80}</div><a href="{link}">Join</a></body></html>'


@dataclass
class Teams:
    """All calendars. *hidden*: nothing can be read now. *writes* counts what changed something.

    *transactions* tells which event a create made, so that repeating it makes no second one.
    """

    events: dict[EventId, Event] = field(default_factory=dict)
    transactions: dict[str, EventId] = field(default_factory=dict)
    hidden: bool = False
    made: int = 1
    writes: int = 0

    def view(self, event: EventId) -> View:
        if self.hidden:
            return Unknown("teams_unavailable")
        found = self.events.get(event)
        if found is None:
            return Gone()
        return Seen(
            event_id=event,
            change_key=f'W/"{found.version}"',
            slot=found.slot,
            subject=found.subject,
            guests=tuple(Guest(one, one, "none") for one in found.guests),
            online=found.online,
            join_url=found.join_url,
            shape=found.shape,
            body=found.body,
        )

    def create(self, owner: str, body: dict[str, Any]) -> Seen | None:
        """The event, the same for the same create; None when that was removed since."""
        if body["transactionId"] in self.transactions:
            return self.made_by(body)
        self.made += 1
        self.writes += 1
        link = JOIN_URL.replace("one", str(self.made))
        event = Event(owner, NINE, "", [], "", link)
        event.write(body)
        event.body = with_block(event.body, link)
        name = EventId(f"event-{self.made}")
        self.events[name] = event
        self.transactions[body["transactionId"]] = name
        return self.shown(name)

    def made_by(self, body: dict[str, Any]) -> Seen | None:
        """What a create made, if it was carried out and its event stands."""
        name = self.transactions.get(body["transactionId"])
        return self.shown(name) if name in self.events else None

    def update(self, name: EventId, body: dict[str, Any]) -> Seen:
        self.writes += 1
        self.events[name].write(body)
        return self.shown(name)

    def cancel(self, name: EventId) -> None:
        self.writes += 1
        self.events.pop(name, None)

    def shown(self, name: EventId) -> Seen:
        hidden, self.hidden = self.hidden, False
        view = self.view(name)
        self.hidden = hidden
        assert isinstance(view, Seen)
        return view


def standing(booking: Booking, saved: Snapshot) -> Teams:
    """Teams with the event of *booking*, exactly as agreed."""
    part = agenda.marked(saved.description, saved.description_is_html)
    event = Event(
        booking.owner_key,
        booking.teams_slot,
        booking.teams_subject,
        list(booking.teams_attendees),
        with_block(part, booking.join_url),
        booking.join_url,
        booking.online,
    )
    return Teams({booking.event_id: event})


# -- carrying out --------------------------------------------------------------------------


def intent_for(act: Act, record: Record, view: View | None, now: datetime = NOW) -> Intent:
    """The write that follows from a decision, as a run makes it."""
    saved = record.saved
    if act is Act.CREATE:
        assert record.slot is not None
        owner = an_organizer(saved.owner)
        people = addresses(invited(saved, owner.addresses))
        booking = replace(
            a_booking(saved, slot=record.slot, join_url="", event_id=EventId("")),
            organizer_addresses=owner.addresses,
            generation=record.generation + 1,
            attendees=people,
            teams_attendees=people,
        )
        request = protocol.create_event(saved, booking, "blue", "t", "C")
        return an_intent(act, booking, request=protocol.stored_form(request))
    assert record.booking is not None
    if act is Act.CANCEL:
        return an_intent(act, record.booking)
    assert isinstance(view, Seen)
    record = as_carried(record, now)
    assert record.slot is not None
    assert record.booking is not None
    named = changes(record, TENANT.time_zone, view)
    booking = replace(
        record.booking,
        slot=record.slot,
        zone=TENANT.time_zone,
        subject=saved.name,
        attendees=addresses(invited(saved, record.booking.organizer_addresses)),
        agenda=agenda_digest(saved),
    )
    wanted = replace(booking, attendees=record.booking.attendees)
    request, _ = protocol.update_event(saved, wanted, named, view)
    return an_intent(act, booking, request=protocol.stored_form(request))


def carried_out(record: Record, intent: Intent, teams: Teams, known: Facts) -> Record:
    """*record* after the write was sent and noted; a replay where it holds the intent already."""
    replayed = record.intent is not None
    record = replace(record, intent=intent)
    known = replace(known, view=None)
    body: dict[str, Any] = intent.request.get("body") or {}
    if intent.act == "create":
        if replayed and not record.wants_meeting:
            made = teams.made_by(body)
            if made:
                return after_find(record, made, known)
        else:
            made = teams.create(intent.booking.owner_key, body)
            if made:
                return after_create(record, made, known, replayed=replayed)
        return replace(record, intent=None, generation=intent.booking.generation)
    if intent.act == "cancel":
        teams.cancel(intent.booking.event_id)
        return after_cancel(record, known)
    name = intent.booking.event_id
    seen = teams.update(name, body) if body else teams.shown(name)
    return after_update(
        record,
        seen,
        known,
        agenda_kept="body" not in body,
        named=protocol.named_in(body),
    )


@dataclass
class Rest:
    """Where a run ended: the record, and what it knew when there was nothing left to do."""

    record: Record
    known: Facts


class Loss(Enum):
    """How a run may end too early: killed before its first write, or before it notes that."""

    NONE = "none"
    WRITE = "write"
    NOTE = "note"


def settle(
    record: Record, teams: Teams, *, read: bool, now: datetime = NOW, loss: Loss = Loss.NONE
) -> Rest:
    """One run: plan, carry out, note, until there is no act. *read* as a sweep does at first."""
    view = teams.view(record.booking.event_id) if read and record.booking else None
    known = Facts(now, TENANT, view)
    for _ in range(MOST_STEPS):
        step = plan(record, known)
        record = step.record
        if step.vanished:
            known = replace(known, vanished_may_go=True)
            continue
        match step.act:
            case None:
                return Rest(record, known)
            case Act.RESOLVE:
                known = replace(known, organizer=an_organizer(record.saved.owner))
                continue
            case Act.READ:
                assert record.booking is not None
                known = replace(known, view=teams.view(record.booking.event_id))
                continue
            case Act.REPLAY:
                assert record.intent is not None
                intent = record.intent
            case act:
                intent = intent_for(act, record, known.view, now)
        if loss is not Loss.NONE:
            if loss is Loss.NOTE:
                carried_out(record, intent, teams, known)
            return Rest(lapsed(record, intent), known)
        record = carried_out(record, intent, teams, known)
        known = replace(known, view=None)
    raise AssertionError(f"no rest within {MOST_STEPS} steps: {record}")


# -- what must be true at rest -------------------------------------------------------------


def assert_rest(rest: Rest) -> None:
    assert plan(rest.record, rest.known) == Step(rest.record), "planning again changes something"


def assert_told_once(record: Record) -> None:
    said = Counter(
        (event.type, *(str(v) for k, v in sorted(event.data.items()) if k != "sequence"))
        for event in record.queue
    )
    assert max(said.values(), default=1) == 1, said
    types = Counter(event.type for event in record.queue)
    assert types["meeting.cancelled"] <= 1
    links = [e.data["joinUrl"] for e in record.queue if e.type == "meeting.scheduled"]
    assert len(links) == len(set(links)), "a link told twice"


def as_the_lms_will_have_it(record: Record) -> tuple[Slot | None, bool]:
    """The slot, and whether it is cancelled, once the LMS has carried out what it was told."""
    slot, cancelled = record.saved.slot, record.saved.cancelled
    for told in record.told:
        slot, cancelled = (told.slot, cancelled) if told.slot else (slot, True)
    return slot, cancelled


def assert_equal_sides(record: Record, teams: Teams, guests: bool) -> None:
    """LMS and Teams show the same; *guests*: whether the tutor's own guest must be there still."""
    events, saved = list(teams.events.values()), record.saved
    code = record.problem.code if record.problem else ""
    lms_slot, lms_cancelled = as_the_lms_will_have_it(record)
    if not record.wants_meeting:
        assert events == []
        assert lms_cancelled or saved.deleted or not saved.online or lms_slot is None
        return
    assert not lms_cancelled
    if record.booking is None:
        assert events == []
        assert code in ("too_late", "missed")
        return
    if Flag.OLD_EVENT_MAY_REMAIN not in record.flags:
        assert list(teams.events) == [record.booking.event_id], "one event, the one we know of"
    event = teams.events[record.booking.event_id]
    if code in LEFT_ALONE:
        return
    if frozen(record, NOW):  # both sides put it into the past, and so agreed on that
        assert event.slot == record.slot == lms_slot
        return
    assert event.owner == saved.owner.key
    assert event.online
    assert event.subject == saved.name
    wanted = set(addresses(invited(saved, (saved.owner.email,))))
    shown = {fold(one) for one in event.guests}
    assert len(event.guests) == len(shown), "nobody is invited twice"
    assert shown == wanted | ({GUEST} if guests else set())
    assert agenda.marked(saved.description, saved.description_is_html) in event.body
    assert record.slot == lms_slot
    if code != "start_in_past":
        assert event.slot == record.slot == record.booking.slot


def assert_sweeps_find_nothing_to_do(rest: Rest, teams: Teams, now: datetime = NOW) -> Record:
    """The next sweep may hear what was not read before; the one after it changes nothing."""
    first = settle(rest.record, teams, read=True, now=now)
    assert_rest(first)
    writes = teams.writes
    second = settle(first.record, teams, read=True, now=now)
    assert teams.writes == writes, "written again"
    assert second.record == first.record
    third = settle(first.record, teams, read=False, now=now)
    assert third.record == first.record
    assert teams.writes == writes
    return first.record


# -- every combination ---------------------------------------------------------------------

NOT_WANTED: list[dict[str, Any]] = [{"cancelled": True}, {"deleted": True}, {"online": False}]
OTHER_WORDS = {"name": "Renamed", "learner": OTHER_LEARNER, "description": "<b>Another.</b>"}


def lms_sides() -> Iterator[dict[str, Any]]:
    """Everything the LMS's next save may say, but for a start in the past."""
    slots = (NINE, TEN, ELEVEN, None)
    for slot, owner, words in product(slots, (TUTOR, NEW_TUTOR), ({}, OTHER_WORDS)):
        yield {"slot": slot, "owner": owner, **words}
    for state, slot, owner in product(NOT_WANTED, (NINE, TEN), (TUTOR, NEW_TUTOR)):
        yield {"slot": slot, "owner": owner, **state}


def past_sides() -> Iterator[dict[str, Any]]:
    for owner, words in product((TUTOR, NEW_TUTOR), ({}, OTHER_WORDS)):
        yield {"slot": YESTERDAY, "owner": owner, **words}


def changed(**what: Any) -> Callable[[Teams], None]:
    def change(teams: Teams) -> None:
        for event in teams.events.values():
            for name, value in what.items():
                setattr(event, name, value)
            if "join_url" in what:
                event.body = with_block(OUR_PART, what["join_url"])

    return change


def add_guest(teams: Teams) -> None:
    for event in teams.events.values():
        event.guests.append(GUEST)


def all_at_once(teams: Teams) -> None:
    changed(slot=TEN, subject="The tutor's title", guests=[])(teams)
    add_guest(teams)


OUR_PART = agenda.marked("Bring last month's log.", False)
TUTORS: dict[str, Callable[[Teams], None]] = {
    "nothing": lambda teams: None,
    "moved it to 10": changed(slot=TEN),
    "moved it to 11": changed(slot=ELEVEN),
    "moved only its end": changed(slot=Slot(NINE.start, TEN.end)),
    "moved it into the past": changed(slot=YESTERDAY),
    "renamed it": changed(subject="The tutor's title"),
    "took the learner off": changed(guests=[]),
    "added a guest": add_guest,
    "did all of it": all_at_once,
    "cancelled it": lambda teams: teams.events.clear(),
    "made it a series": changed(shape=Shape.OTHER),
    "took Teams out": changed(online=False),
    "got another link": changed(join_url=OTHER_URL),
}


def moved(record: Record, teams: Teams, slot: Slot) -> Record:
    """The tutor had moved the event, and the LMS was told."""
    changed(slot=slot)(teams)
    return settle(record, teams, read=True).record


def at_rest_before() -> tuple[Record, Teams]:
    record = a_booked()
    assert record.booking is not None
    return record, standing(record.booking, record.saved)


def none_yet() -> tuple[Record, Teams]:
    return a_record(), Teams()


def without_a_link() -> tuple[Record, Teams]:
    booking = a_booking(join_url="")
    teams = standing(booking, a_snapshot())
    changed(join_url=JOIN_URL)(teams)
    return a_booked(booking=booking), teams


def moved_before() -> tuple[Record, Teams]:
    record, teams = at_rest_before()
    return moved(record, teams, TEN), teams


def cancelled_before() -> tuple[Record, Teams]:
    record, teams = at_rest_before()
    teams.events.clear()
    return settle(record, teams, read=True).record, teams


def lapsed(record: Record, intent: Intent) -> Record:
    return replace(record, intent=replace(intent, until=NOW))


def update_lost(*, arrived: bool) -> tuple[Record, Teams]:
    """The LMS had moved it to 10:00; the run that carried it out ended before its note."""
    record, teams = at_rest_before()
    record = save(record, saved_again(record, slot=TEN), NOW)
    assert record.booking is not None
    intent = intent_for(Act.UPDATE, record, teams.view(record.booking.event_id))
    if arrived:
        teams.update(record.booking.event_id, intent.request["body"])
    return lapsed(record, intent), teams


def cancel_lost(*, arrived: bool) -> tuple[Record, Teams]:
    record, teams = at_rest_before()
    record = save(record, saved_again(record, cancelled=True), NOW)
    assert record.booking is not None
    if arrived:
        teams.cancel(record.booking.event_id)
    return lapsed(record, an_intent(Act.CANCEL, record.booking)), teams


def failed_before() -> tuple[Record, Teams]:
    """Nobody could read it for a day, and the LMS knows."""
    record, teams = at_rest_before()
    code = "teams_unreadable"
    return replace(record, problem=a_problem(code, final=True), told_problem=code), teams


BEFORE: dict[str, Callable[[], tuple[Record, Teams]]] = {
    "none": none_yet,
    "at rest": at_rest_before,
    "no link yet": without_a_link,
    "moved by the tutor": moved_before,
    "cancelled by the tutor": cancelled_before,
    "an update lost on its way": lambda: update_lost(arrived=False),
    "an update's answer lost": lambda: update_lost(arrived=True),
    "a cancellation lost on its way": lambda: cancel_lost(arrived=False),
    "a cancellation's answer lost": lambda: cancel_lost(arrived=True),
    "failed": failed_before,
}


def combinations() -> Iterator[Any]:
    for before, (tutor, act) in product(BEFORE, TUTORS.items()):
        if BEFORE[before]()[1].events or tutor == "nothing":
            yield pytest.param(BEFORE[before], act, tutor == "did all of it" or act is add_guest,
                               id=f"{before}, tutor {tutor}")  # fmt: skip


def say(side: dict[str, Any]) -> str:
    return str({name: str(getattr(value, "start", value)) for name, value in side.items()})


def assert_comes_to_rest(
    before: Callable[[], tuple[Record, Teams]],
    tutor: Callable[[Teams], None],
    side: dict[str, Any],
    *,
    guest: bool,
    read: bool,
) -> None:
    record, teams = before()
    tutor(teams)
    seen = record.sequence if side.get("seen") else None
    record = save(record, saved_again(record, **{**side, "seen": seen}), NOW)
    rest = settle(record, teams, read=read)
    assert_rest(rest)
    record = assert_sweeps_find_nothing_to_do(rest, teams)
    assert_equal_sides(record, teams, guest and "event-1" in teams.events)
    assert_told_once(record)


@pytest.mark.parametrize("read", [False, True], ids=["unread", "read"])
@pytest.mark.parametrize(("before", "tutor", "guest"), [*combinations()])
def test_every_combination_comes_to_rest_with_both_sides_equal(
    before: Callable[[], tuple[Record, Teams]],
    tutor: Callable[[Teams], None],
    guest: bool,
    read: bool,
) -> None:
    for side, seen in product(lms_sides(), (False, True)):
        if seen and not before()[0].told:
            continue
        try:
            assert_comes_to_rest(before, tutor, {**side, "seen": seen}, guest=guest, read=read)
        except AssertionError as error:
            raise AssertionError(f"LMS {say({**side, 'seen': seen})}: {error}") from error


@pytest.mark.parametrize("read", [False, True], ids=["unread", "read"])
@pytest.mark.parametrize(("before", "tutor", "guest"), [*combinations()])
def test_with_a_start_in_the_past_all_but_the_time_ends_equal(
    before: Callable[[], tuple[Record, Teams]],
    tutor: Callable[[Teams], None],
    guest: bool,
    read: bool,
) -> None:
    for side in past_sides():
        try:
            assert_comes_to_rest(before, tutor, side, guest=guest, read=read)
        except AssertionError as error:
            raise AssertionError(f"LMS {say(side)}: {error}") from error


@pytest.mark.parametrize(("before", "tutor", "guest"), [*combinations()])
def test_what_cannot_be_read_waits_and_then_comes_to_the_same_rest(
    before: Callable[[], tuple[Record, Teams]],
    tutor: Callable[[Teams], None],
    guest: bool,
) -> None:
    for side in lms_sides():
        try:
            record, teams = before()
            tutor(teams)
            record = save(record, saved_again(record, **side), NOW)
            teams.hidden = True
            events = {name: replace(event) for name, event in teams.events.items()}
            blind = settle(record, teams, read=True)
            assert_rest(blind)
            if blind.record.wants_meeting and record.intent is None:
                assert teams.events == events or not events, "acted on what it could not see"
            teams.hidden = False
            rest = settle(blind.record, teams, read=True)
            record = assert_sweeps_find_nothing_to_do(rest, teams)
            assert_equal_sides(record, teams, guest and "event-1" in teams.events)
            assert_told_once(record)
        except AssertionError as error:
            raise AssertionError(f"LMS {say(side)}: {error}") from error


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(timedelta(hours=3), id="three hours before"),
        pytest.param(timedelta(minutes=1), id="a minute before"),
        pytest.param(timedelta(), id="at the start"),
        pytest.param(timedelta(hours=1), id="an hour before"),
    ],
)
@pytest.mark.parametrize("tutor", TUTORS)
def test_near_the_start_everything_comes_to_rest_too(left: timedelta, tutor: str) -> None:
    now = NINE.start - left
    for side, read in product(lms_sides(), (False, True)):
        record, teams = at_rest_before()
        TUTORS[tutor](teams)
        record = save(record, saved_again(record, **side), now)
        before = teams.writes
        rest = settle(record, teams, read=read, now=now)
        assert_rest(rest)
        record = assert_sweeps_find_nothing_to_do(rest, teams, now)
        assert_told_once(record)
        if not left:
            assert teams.writes == before, "after the start nothing moves"
            assert record.queue == (), "and nothing is told"
        elif record.wants_meeting and not (record.problem or record.booking is None):
            assert len(teams.events) == 1


# -- lives ---------------------------------------------------------------------------------


@dataclass
class Lms:
    """An LMS with one task. It saves what people do, and what our events say, when it gets there.

    *task* is the LMS's own last save; *webhooks* are saves on their way, which arrive at once
    unless they are *stuck*. *tells_seen*: whether saves say which of our events the LMS knows of.
    """

    tells_seen: bool
    record: Record
    teams: Teams
    task: Snapshot
    seen: int = 0
    inbox: list[Any] = field(default_factory=list)
    webhooks: list[Snapshot] = field(default_factory=list)
    stuck: bool = False

    def save(self, *, do: bool = True, **changes_: Any) -> None:
        """Save the task; *do* False: the connector only stores what comes."""
        seen = self.seen if self.tells_seen else None
        revision = self.task.revision + 1
        news = {"revision": revision, "digest": f"content-{revision}", "seen": seen, **changes_}
        self.task = replace(self.task, **news)
        self.webhooks.append(self.task)
        if not self.stuck:
            self.arrive(do=do)

    def arrive(self, *, backwards: bool = False, do: bool = True) -> None:
        """What is on its way arrives."""
        self.stuck = False
        for saved in sorted(self.webhooks, key=lambda one: one.revision, reverse=backwards):
            if saved.revision > self.record.saved.revision:
                self.record = save(self.record, saved, NOW)
            else:
                self.record = late(self.record, saved, NOW)
            if do:
                self.record = settle(self.record, self.teams, read=False).record
        self.webhooks.clear()

    def jam(self) -> None:
        self.stuck = True

    def sweep(self, loss: Loss = Loss.NONE) -> None:
        self.record = settle(self.record, self.teams, read=True, loss=loss).record

    def take(self) -> None:
        """Our oldest event is delivered and stored."""
        if self.record.queue:
            self.inbox.append(self.record.queue[0])
            self.record = replace(self.record, queue=self.record.queue[1:], fresh=())

    def apply(self) -> None:
        """The oldest event stored is carried out, in a save of its own."""
        if not self.inbox:
            return
        event = self.inbox.pop(0)
        self.seen = event.sequence
        if event.type == "meeting.rescheduled":
            start, end = (datetime.fromisoformat(event.data[name]) for name in ("start", "end"))
            self.save(slot=Slot(start.astimezone(UTC), end.astimezone(UTC)))
        elif event.type == "meeting.cancelled":
            self.save(cancelled=True)

    def finish(self) -> None:
        """Everybody does what is left to do."""
        for _ in range(20):
            self.arrive()
            self.sweep()
            if not self.record.queue and not self.inbox:
                return
            while self.record.queue:
                self.take()
            while self.inbox:
                self.apply()
        raise AssertionError("they go on telling each other")


def tutor_moves(slot: Slot) -> Callable[[Lms], None]:
    return lambda lms: changed(slot=slot)(lms.teams)


DEEDS: dict[str, Callable[[Lms], None]] = {
    "the tutor moves it to 9": tutor_moves(NINE),
    "the tutor moves it to 10": tutor_moves(TEN),
    "the tutor moves it to 11": tutor_moves(ELEVEN),
    "the tutor cancels it": lambda lms: lms.teams.events.clear(),
    "the LMS moves it to 9": lambda lms: lms.save(slot=NINE),
    "the LMS moves it to 10": lambda lms: lms.save(slot=TEN),
    "the LMS moves it to noon": lambda lms: lms.save(slot=a_slot("2026-04-30 11:00")),
    "the LMS renames it": lambda lms: lms.save(name=f"Name {lms.task.revision}"),
    "the LMS cancels it": lambda lms: lms.save(cancelled=True),
    "the LMS revives it": lambda lms: lms.save(cancelled=False),
    "the LMS cancels it at 11": lambda lms: lms.save(cancelled=True, slot=ELEVEN),
    "the LMS revives it at 9": lambda lms: lms.save(cancelled=False, slot=NINE),
    "the LMS deletes it": lambda lms: lms.save(deleted=True),
    "the LMS saves it again": lambda lms: lms.save(deleted=False),
    "the LMS unticks it": lambda lms: lms.save(online=False),
    "the LMS ticks it": lambda lms: lms.save(online=True),
    "the LMS hands it over": lambda lms: lms.save(owner=NEW_TUTOR),
    "the LMS hands it back": lambda lms: lms.save(owner=TUTOR),
    "the LMS undates it": lambda lms: lms.save(slot=None),
    "the LMS moves it to 11 and nothing is done": lambda lms: lms.save(do=False, slot=ELEVEN),
    "the LMS cancels it and nothing is done": lambda lms: lms.save(do=False, cancelled=True),
    "webhooks get stuck": Lms.jam,
    "webhooks arrive in order": Lms.arrive,
    "webhooks arrive backwards": lambda lms: lms.arrive(backwards=True),
    "a sweep": Lms.sweep,
    "a sweep is killed before its write": lambda lms: lms.sweep(Loss.WRITE),
    "a sweep is killed before its note": lambda lms: lms.sweep(Loss.NOTE),
    "an event arrives": Lms.take,
    "an event is carried out": Lms.apply,
}


@settings(max_examples=400, deadline=None)
@given(
    tells_seen=st.booleans(),
    deeds=st.lists(st.sampled_from(sorted(DEEDS)), min_size=3, max_size=16),
)
def test_whatever_happens_in_whatever_order_both_sides_end_equal(
    tells_seen: bool, deeds: list[str]
) -> None:
    record, teams = at_rest_before()
    lms = Lms(tells_seen, record, teams, record.saved)
    for deed in deeds:
        DEEDS[deed](lms)
    lms.finish()
    record, task = lms.record, lms.task
    assert record.saved == task
    wanted = task.online and not task.cancelled and not task.deleted and task.slot is not None
    assert record.wants_meeting == wanted, "the LMS shows what is"
    assert record.slot == task.slot or not wanted
    assert_equal_sides(record, teams, guests=False)
    rest = Rest(record, Facts(NOW, TENANT))
    assert assert_sweeps_find_nothing_to_do(rest, teams) == record
    assert len({*record.join_urls}) == len(record.join_urls)
    assert all(link.organizer in USERS.values() for link in record.join_urls)
