"""The product's nouns, as values. No I/O, no clock, no field name of Graph's or the LMS's.

Rules of the house: every instant is an aware datetime in UTC; a local date is a ``date`` beside
the zone it was taken in; durations are ``timedelta``; ids are NewTypes and are never folded
(Graph's are case-sensitive), addresses are compared through ``same_address`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NewType

TenantId = NewType("TenantId", str)
"""A customer, as the LMS's path names it: ``[a-z0-9][a-z0-9-]{0,62}``."""
ComponentId = NewType("ComponentId", str)
"""The LMS's id of a component: 1 to 200 characters, any."""
UserId = NewType("UserId", str)
"""A user's object id in the customer's Entra directory."""
EventId = NewType("EventId", str)
"""Graph's immutable id of a calendar event. Case-sensitive."""
EvidenceId = NewType("EvidenceId", str)
PersonKey = NewType("PersonKey", str)
"""Names a person in evidence without saying who it is."""


def fold(address: str) -> str:
    """The form of an e-mail address that is compared and hashed."""
    return address.strip().casefold()


class Kind(Enum):
    """What the LMS calls the component."""

    MEETING = "meeting"
    REVIEW = "review"


class Mode(Enum):
    """``preview`` plans and shows everything, and writes nothing to Graph or the LMS."""

    LIVE = "live"
    PREVIEW = "preview"


class State(Enum):
    """A component's state as people and the LMS see it (the law, 4.1)."""

    WAITING = "waiting"
    SCHEDULED = "scheduled"
    PENDING = "pending"
    TOO_LATE = "too_late"
    OFFLINE = "offline"
    CANCELLED = "cancelled"
    FAILED = "failed"
    VERIFIED = "verified"


class Flag(Enum):
    """Things worth a person's look that stop nothing. The closed list."""

    IDENTITY_ASSUMED = "identity_assumed"
    UNINVITED_PRESENT = "uninvited_present"
    PLANNED_EXCEEDED = "planned_exceeded"
    EDITED_AFTER_START = "edited_after_start"
    RECORDS_MISSING = "records_missing"
    LATE_REPORT = "late_report"
    OUTSIDE_ORGANIZER_TIME = "outside_organizer_time"
    OLD_EVENT_MAY_REMAIN = "old_event_may_remain"
    AGENDA_NOT_UPDATED = "agenda_not_updated"


class By(Enum):
    """Whose act a line of history tells."""

    LMS = "lms"
    TEAMS = "teams"
    CONNECTOR = "connector"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the LMS names. *email* may be blank; *entra_id* is None where the LMS has none."""

    email: str
    name: str
    entra_id: UserId | None = None

    @property
    def key(self) -> str:
        """What identifies this person best: the object id, else the folded address, else ""."""
        return str(self.entra_id) if self.entra_id else fold(self.email)


@dataclass(frozen=True, slots=True)
class Slot:
    """A scheduled start and end, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One save of a component in the LMS, whole.

    *slot* is None when the component is not dated. *seen* is the highest event sequence the LMS
    had applied when it saved, None if it did not say. *digest* identifies the content, so that a
    revision used twice for different saves is noticed.
    """

    id: ComponentId
    revision: int
    kind: Kind
    name: str
    description: str
    description_is_html: bool
    slot: Slot | None
    online: bool
    cancelled: bool
    deleted: bool
    planned_minutes: int | None
    owner: Person
    learner: Person
    manager: Person | None
    mentor: Person | None
    employer_can_view: bool
    seen: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class AttendanceSettings:
    """A tenant's choices for the hours rules (the law, 3)."""

    unidentified_other: str = "assume_learner"  # or hold
    extra_attendee: str = "whole_meeting"  # or learner_time, hold
    learner_time: str = "own"  # or with_organizer
    reviews_earn_hours: bool = False
    retry_nights: int = 7


@dataclass(frozen=True, slots=True)
class Replaced:
    """A generation of secrets that is current no more, and stays valid until *until*."""

    generation: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Secrets:
    """Which generations of derived webhook secrets a tenant uses.

    *replaced* are the ones before that may still be valid, latest first: several when it rotated
    more than once within their time.
    """

    current: int = 1
    replaced: tuple[Replaced, ...] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer and the choices made for it."""

    id: TenantId
    name: str
    enabled: bool
    mode: Mode
    entra_tenant_id: str
    cloud: str
    time_zone: str
    window_days: int
    callback_url: str
    attendance: AttendanceSettings
    change_notifications: bool
    retention_years: int
    secrets: Secrets = Secrets()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Organizer:
    """What is known of a component owner in the customer's directory.

    *id* is None when nobody was found; *problem* is a reason's code when we could not find out.
    *providers* are the online meetings the default calendar allows, as read at *read_at*.
    *disproved* is such a reading under which an event still came out without a Teams meeting: it
    is not believed again until it changes.
    """

    key: str
    id: UserId | None
    addresses: tuple[str, ...]
    providers: str
    read_at: datetime
    problem: str = ""
    disproved: str = ""

    @property
    def has_teams(self) -> bool:
        believed = not self.disproved or self.providers != self.disproved
        return "teamsForBusiness" in self.providers.split(",") and believed


@dataclass(frozen=True, slots=True)
class JoinUrl:
    """A link people may have joined by, and the organizer whose meeting it opens."""

    url: str
    organizer: UserId


@dataclass(frozen=True, slots=True)
class Booking:
    """The event in a calendar, and what both sides last agreed it holds.

    *slot*, *subject*, *attendees* and *agenda* (a digest) are what we last wrote; each *teams_…*
    is how Teams showed it afterwards. The LMS changed something when it wants other than the
    first; the tutor did when the event shows other than the second: so a value that Exchange
    writes in its own way is no change of anybody's. *zone* is the one the times were sent in.
    """

    organizer: UserId
    owner_key: str
    organizer_addresses: tuple[str, ...]
    event_id: EventId
    generation: int
    slot: Slot
    teams_slot: Slot
    subject: str
    teams_subject: str
    attendees: tuple[str, ...]
    teams_attendees: tuple[str, ...]
    agenda: str
    zone: str
    online: bool
    join_url: str
    made_at: datetime

    @property
    def organizer_address(self) -> str:
        """The one shown to people; "" after the organizer was erased."""
        return next(iter(self.organizer_addresses), "")


@dataclass(frozen=True, slots=True)
class Intent:
    """A Graph write that was decided and may have been sent.

    Stored before the call and cleared by the note after it. *until* is when the claim lapses and
    anyone may take it over. *request* is the exact request, as ``shared.graph.protocol`` made it.
    """

    act: str  # create, update, cancel
    until: datetime
    request: dict[str, Any]
    booking: Booking


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a component is not where it should be.

    *final* tells ``failed`` (a person must act) from ``pending`` (it will be tried again).
    *since* is when this cause was first met.
    """

    code: str
    message: str
    since: datetime
    final: bool


@dataclass(frozen=True, slots=True)
class LmsEvent:
    """An event for the LMS that has not been taken yet.

    *id* is its ``webhook-id``, the same on every try. *tries* failed so far, the first at
    *failed_since*; not before *next_try*. *parked* events wait for a person.
    """

    id: str
    sequence: int
    type: str
    at: datetime
    data: dict[str, Any]
    tries: int = 0
    failed_since: datetime | None = None
    next_try: datetime | None = None
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A move (*slot*) or cancellation (None) by the tutor that no save of the LMS has answered.

    *revision* is the LMS's save that was known when it was told; only a later one can answer.
    """

    sequence: int
    slot: Slot | None
    revision: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Attendance:
    """How the last verification ended; the record behind it is *evidence_id*.

    *earned* is what was or would be posted, None for no hours. *told* is the last
    ``(outcome, final)`` the LMS heard, so that nothing is told twice.
    """

    outcome: str
    final: bool
    earned: timedelta | None
    date: str
    evidence_id: EvidenceId | None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a component's history.

    *before* and *after* hold what changed, in the words of the contract; None where nothing is
    comparable.
    """

    at: datetime
    what: str
    why: str
    by: By
    revision: int
    before: Any = None
    after: Any = None
