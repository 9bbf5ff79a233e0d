"""Values for tests: valid by default, so that a test names only what matters to it.

Everything is built around one meeting: 30 April 2026, 09:00 to 10:00 in London (08:00 UTC), of a
tenant whose window is five days, looked at on the morning of 25 April, when it comes due.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.model import (
    AttendanceSettings,
    Booking,
    ComponentId,
    EventId,
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
    UserId,
    fold,
)
from shared.reasons import sentence
from shared.record import Record
from shared.scheduling.content import addresses, agenda_digest, invited
from shared.scheduling.step import Act, Facts
from shared.scheduling.views import Guest, Seen, View


def at(text: str) -> datetime:
    """An instant: ``at("2026-04-30 08:00")``, in UTC unless the text has an offset."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def a_slot(start: str | datetime = "2026-04-30 08:00", minutes: int = 60) -> Slot:
    begin = at(start) if isinstance(start, str) else start
    return Slot(begin, begin + timedelta(minutes=minutes))


NOW = at("2026-04-25 08:00")
"""The morning of the day on which the meeting's window opens."""
NINE = a_slot("2026-04-30 08:00")
"""09:00 in London: where everything stands unless a test says otherwise."""
TEN = a_slot("2026-04-30 09:00")
ELEVEN = a_slot("2026-04-30 10:00")
YESTERDAY = a_slot("2026-04-24 08:00")
"""A slot that has passed at ``NOW``."""

TUTOR = Person("tutor@college.example", "T. Utor")
NEW_TUTOR = Person("new.tutor@college.example", "N. Tutor")
LEARNER = Person("learner@work.example", "L. Earner")
OTHER_LEARNER = Person("other@work.example", "O. Ther")
MANAGER = Person("manager@work.example", "M. Anager")
MENTOR = Person("mentor@work.example", "M. Entor")

USERS = {
    TUTOR.key: UserId("11111111-0000-4000-8000-000000000001"),
    NEW_TUTOR.key: UserId("22222222-0000-4000-8000-000000000002"),
}
"""Object ids in the customer's directory, by owner key."""

JOIN_URL = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_one%40thread.v2/0?context=%7b%7d"
OTHER_URL = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_two%40thread.v2/0?context=%7b%7d"
)

_SNAPSHOT = Snapshot(
    id=ComponentId("C-1042"),
    revision=1,
    kind=Kind.MEETING,
    name="Data ethics workshop",
    description="Bring last month's log.",
    description_is_html=False,
    slot=NINE,
    online=True,
    cancelled=False,
    deleted=False,
    planned_minutes=60,
    owner=TUTOR,
    learner=LEARNER,
    manager=None,
    mentor=None,
    employer_can_view=False,
    seen=None,
    digest="content-1",
)

_TENANT = Tenant(
    id=TenantId("northern"),
    name="Northern College",
    enabled=True,
    mode=Mode.LIVE,
    entra_tenant_id="8f0c0000-0000-4000-8000-000000000001",
    cloud="global",
    time_zone="Europe/London",
    window_days=5,
    callback_url="https://lms.example/hooks/teams",
    attendance=AttendanceSettings(),
    change_notifications=True,
    retention_years=7,
)


def a_tenant(**changes: Any) -> Tenant:
    return replace(_TENANT, **changes)


def a_snapshot(**changes: Any) -> Snapshot:
    """The first save of a meeting for one learner."""
    return replace(_SNAPSHOT, **changes)


def saved_again(former: Record, **changes: Any) -> Snapshot:
    """The LMS's next save of a component: the last one, with *changes*."""
    revision = former.saved.revision + 1
    changes = {"revision": revision, "digest": f"content-{revision}", "seen": None, **changes}
    return replace(former.saved, **changes)


def a_record(saved: Snapshot | None = None, **changes: Any) -> Record:
    """A component that was asked for long ago and has no event yet."""
    saved = saved or _SNAPSHOT
    slot = changes.get("slot", saved.slot)
    return replace(
        Record(
            saved=saved,
            slot=slot,
            asked_start=slot.start if slot else None,
            asked_at=at("2026-04-01 10:00") if slot else None,
        ),
        **changes,
    )


def a_booking(saved: Snapshot | None = None, **changes: Any) -> Booking:
    """The event of *saved* in its owner's calendar, exactly as we wrote it."""
    saved = saved or _SNAPSHOT
    slot = changes.get("slot", saved.slot or NINE)
    known = (saved.owner.email,)
    attendees = addresses(invited(saved, known))
    return replace(
        Booking(
            organizer=USERS[saved.owner.key],
            owner_key=saved.owner.key,
            organizer_addresses=known,
            event_id=EventId("event-1"),
            generation=1,
            slot=slot,
            teams_slot=slot,
            subject=saved.name,
            teams_subject=saved.name,
            attendees=attendees,
            teams_attendees=attendees,
            agenda=agenda_digest(saved),
            zone="Europe/London",
            online=True,
            join_url=JOIN_URL,
            made_at=at("2026-04-25 07:00"),
        ),
        **changes,
    )


def a_booked(saved: Snapshot | None = None, **changes: Any) -> Record:
    """A component at rest: its event stands as agreed, and the LMS was told of it."""
    saved = saved or _SNAPSHOT
    booking = changes.pop("booking", None) or a_booking(saved)
    known = {"booking": booking, "generation": booking.generation, "sequence": 1}
    links = (JoinUrl(booking.join_url, booking.organizer),) if booking.join_url else ()
    return a_record(saved, **{**known, "join_urls": links, **changes})


def a_seen(booking: Booking | None = None, **changes: Any) -> Seen:
    """The event of *booking* as Teams shows it: untouched, read with its body."""
    booking = booking or a_booking()
    return replace(
        Seen(
            event_id=booking.event_id,
            change_key='W/"1"',
            slot=booking.teams_slot,
            subject=booking.teams_subject,
            guests=guests(booking.teams_attendees),
            online=booking.online,
            join_url=booking.join_url,
            body="<html><body>as Teams has it</body></html>",
        ),
        **changes,
    )


def guests(emails: Iterable[str], response: str = "none") -> tuple[Guest, ...]:
    return tuple(Guest(email, email.partition("@")[0], response) for email in emails)


def an_organizer(owner: Person = TUTOR, **changes: Any) -> Organizer:
    """An owner who is in the directory and has Teams."""
    key = owner.key
    known = USERS.get(key, UserId("33333333-0000-4000-8000-000000000003"))
    return replace(Organizer(key, known, (fold(owner.email),), "teamsForBusiness", NOW), **changes)


def an_intent(act: Act, booking: Booking | None = None, **changes: Any) -> Intent:
    """A write that was claimed and is still under way at ``NOW``."""
    until = NOW + timedelta(minutes=2)
    return replace(Intent(act.value, until, {}, booking or a_booking()), **changes)


def a_problem(code: str, *, final: bool = False, since: datetime = NOW) -> Problem:
    return Problem(code, sentence(code), since, final)


def an_lms_event(sequence: int = 1, **changes: Any) -> LmsEvent:
    """An event that waits for its first try."""
    event = LmsEvent(f"msg_{sequence}", sequence, "meeting.rescheduled", NOW, {})
    return replace(event, **changes)


def facts(view: View | None = None, **changes: Any) -> Facts:
    """What is known at ``NOW``; the owner is in the directory and has Teams."""
    return replace(Facts(now=NOW, tenant=_TENANT, view=view, organizer=an_organizer()), **changes)


def told(record: Record) -> list[str]:
    """The types of the events that wait for the LMS, in order."""
    return [event.type for event in record.queue]


def lines(record: Record) -> list[str]:
    """What the history lines that are not stored yet say happened."""
    return [line.what for line in record.fresh]
