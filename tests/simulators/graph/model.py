"""What a simulated Microsoft 365 holds: tenants, users, calendars, events, online meetings.

Plain mutable values; whoever changes them holds the simulator's lock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

MailboxState = Literal[
    "ok",
    "missing",  # 404 MailboxNotEnabledForRESTAPI: unlicensed, on-premises or soft-deleted
    "invalid",  # 404 ErrorInvalidUser
    "denied",  # 403 ErrorAccessDenied "Access is denied…": outside the RBAC scope
    "denied_by_policy",  # 403 ErrorAccessDenied "Access to OData is disabled."
    "failing",  # 503
]
MailKind = Literal["invitation", "update", "cancellation"]
EventState = Literal["live", "cancelled", "deleted"]


@dataclass(slots=True, eq=False)
class Tenant:
    """One customer's Microsoft 365."""

    id: str
    name: str = ""
    users: dict[str, User] = field(default_factory=dict)
    """By object id."""
    by_upn: dict[str, User] = field(default_factory=dict)
    by_address: dict[str, User] = field(default_factory=dict)
    """By mail and every proxy address, case-folded."""
    rbac_scope: set[str] | None = None
    """Object ids that Exchange RBAC for Applications opens to an app whose token has no Calendars
    role (graph-facts 1.6); None: nothing set up."""
    attendance_reports: Literal["Enabled", "Disabled"] = "Enabled"
    """`AllowEngagementReport` (graph-facts 5.4)."""

    def find(self, id_or_upn: str) -> User | None:
        name = id_or_upn.casefold()
        return self.users.get(name) or self.by_upn.get(name)


@dataclass(slots=True, eq=False)
class Calendar:
    id: str
    name: str
    is_default: bool = False


@dataclass(slots=True, eq=False)
class User:
    """A person in a tenant's directory, with the mailbox and Teams settings that matter here."""

    tenant: Tenant
    id: str
    upn: str
    mail: str | None
    display_name: str
    other_addresses: list[str] = field(default_factory=list)
    mailbox: MailboxState = "ok"
    teams: bool = True
    """May this calendar hold Teams meetings (licence and policy)?"""
    access_policy_since: datetime | None = None
    """When our app was granted the Teams application access policy on this user; None: never."""
    attendance_reports: Literal["Enabled", "Disabled"] = "Enabled"
    calendars: dict[str, Calendar] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    """What the calendars show, by key."""
    deleted: dict[str, Event] = field(default_factory=dict)
    """Deleted Items."""
    by_id: dict[str, Event] = field(default_factory=dict)
    """Events by regular and by immutable id, those in Deleted Items too."""
    transactions: dict[str, tuple[Any, Event]] = field(default_factory=dict)
    """transactionId → the body it came with and the event it made."""

    @property
    def address(self) -> str:
        return self.mail or self.upn

    @property
    def default_calendar(self) -> Calendar:
        return next(iter(self.calendars.values()))

    @property
    def proxy_addresses(self) -> list[str]:
        main = [f"SMTP:{self.mail}"] if self.mail else []
        return main + [f"smtp:{address}" for address in self.other_addresses]


@dataclass(slots=True, eq=False)
class Attendee:
    address: str
    name: str
    type: str = "required"
    response: str = "none"
    responded_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Mail:
    """A mail that Exchange sent because of an event."""

    at: datetime
    kind: MailKind
    to: str
    """Address as the event has it."""
    event: str
    """The event's key."""
    tenant: str
    organizer: str
    subject: str
    start: datetime
    comment: str | None = None


@dataclass(slots=True, eq=False)
class Event:
    """A calendar item. Times are instants; the zone they were given in stands beside them."""

    key: str
    """Our own name for it, for the back door; never on the wire."""
    user: User
    calendar: Calendar
    id: str
    immutable_id: str
    change_key: str
    ical_uid: str
    created: datetime
    modified: datetime
    created_real: float
    """Monotonic seconds, for the index lag."""
    start: datetime
    end: datetime
    start_zone: str = "UTC"
    end_zone: str = "UTC"
    subject: str = ""
    content: str = ""
    """Whole HTML document, Teams block included."""
    preview: str = ""
    attendees: list[Attendee] = field(default_factory=list)
    is_online: bool = False
    provider: str = "unknown"
    meeting: Meeting | None = None
    join_urls: list[str] = field(default_factory=list)
    """Every join URL it ever had, oldest first."""
    withheld_reads: int = 0
    """Answers still to be given without the join URL (switch `join_url_after_reads`)."""
    is_all_day: bool = False
    recurrence: dict[str, Any] | None = None
    transaction_id: str | None = None
    properties: dict[PropertyId, str] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)
    """Properties kept as sent: importance, showAs, location, …"""
    state: EventState = "live"
    is_cancelled: bool = False
    original: Event | None = None
    """For an attendee's copy: the organizer's event."""
    copies: list[Event] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    alternation: bool = False
    """Mode C of the body pitfall: the link is away at present (graph-facts 2.2)."""

    @property
    def is_organizer(self) -> bool:
        return self.original is None

    @property
    def organizer(self) -> User:
        return self.original.user if self.original else self.user

    @property
    def join_url(self) -> str | None:
        return self.meeting.join_url if self.meeting else None

    def mailed(self, kind: MailKind) -> list[str]:
        """Addresses that got this kind of mail about the event, in order, repeats included."""
        return [mail.to for mail in self.mails if mail.kind == kind]


@dataclass(frozen=True, slots=True)
class PropertyId:
    """A single-value extended property's id. The name is case-sensitive (graph-facts 1.8)."""

    type: str
    guid: str
    name: str

    @classmethod
    def parse(cls, text: str) -> PropertyId:
        """`String {GUID} Name X`; ValueError when it is not of that form."""
        kind, _, rest = text.partition(" {")
        guid, _, name = rest.partition("} Name ")
        if not kind or len(guid) != 36 or not name:
            raise ValueError(text)
        return cls(kind.capitalize(), guid.lower(), name)

    def __str__(self) -> str:
        return f"{self.type} {{{self.guid}}} Name {self.name}"


@dataclass(slots=True, eq=False)
class Meeting:
    """An online meeting: what a join URL leads to. Outlives its event."""

    id: str
    join_url: str
    thread_id: str
    conference_id: str
    organizer: User
    event: Event | None
    subject: str
    created: datetime
    start: datetime
    end: datetime
    co_organizers: set[str] = field(default_factory=set)
    """Object ids."""
    session: Session | None = None
    """The session going on, if any."""
    reports: list[Report] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who takes part in online meetings, and how an attendance record names them."""

    kind: Literal["user", "foreign", "guest", "phone", "acs"]
    name: str | None
    email: str | None = ""
    id: str | None = None
    """Entra object id, `8:acs:…` or `4:+…`; of guests None: new at each join."""
    tenant_id: str | None = None
    role: str = "Presenter"
    """Learners are often Presenter (graph-facts 5.3, 9.36)."""
    opted_out: bool = False
    without: frozenset[str] = frozenset()
    """Keys that are missing from the record altogether."""
    overrides: tuple[tuple[str, Any], ...] = ()
    """Keys of the record with another value, such as ("identity", None)."""


@dataclass(slots=True, eq=False)
class Presence:
    """One participant's record in one session, made as they come and go."""

    person: Person
    record_id: str
    open: dict[str, datetime] = field(default_factory=dict)
    """Device → since when it is in the meeting."""
    intervals: list[tuple[datetime, datetime]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Session:
    started_at: datetime
    presences: dict[str, Presence] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Report:
    """One ended session (graph-facts 5.2)."""

    id: str
    started_at: datetime
    ended_at: datetime
    ready_at: datetime
    total: int
    records: list[dict[str, Any]]


def opaque(*parts: object) -> bytes:
    """Bytes that look random and are the same for the same parts."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()
