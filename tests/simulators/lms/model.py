"""What the LMS holds: components with revisions, tasks, notes, and every event it was sent."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ..clock import parse_instant

Person = dict[str, Any]
"""`email`, `name`, optionally `entraId` (what-it-does 4.1)."""

_SPELLED = {
    "description_format": "descriptionFormat",
    "meet_online": "meetOnline",
    "use_zoom": "useZoom",
    "planned_minutes": "plannedMinutes",
    "employer_can_view": "employerCanView",
}
_FIELDS = {spelled: name for name, spelled in _SPELLED.items()}


@dataclass(slots=True)
class Component:
    """A learning-plan component as the LMS has it now. Field names on the wire are camelCase."""

    id: str
    kind: Literal["meeting", "review"] = "meeting"
    name: str = "Meeting"
    description: str | None = None
    description_format: Literal["text", "html"] = "text"
    start: datetime | None = None
    end: datetime | None = None
    meet_online: bool | None = True
    use_zoom: bool | None = None
    cancelled: bool = False
    planned_minutes: int | None = 60
    owner: Person = field(default_factory=dict)
    learner: Person = field(default_factory=dict)
    employer_can_view: bool = False
    manager: Person | None = None
    mentor: Person | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """More members of the snapshot, as they stand: unknown fields, wrong types."""
    revision: int = 0
    deleted: bool = False
    seen: int = 0
    """Highest `sequence` of an event applied."""
    join_url: str | None = None
    """The task's link, from `meeting.scheduled`."""
    status: str = "planned"
    """What the task says: planned, scheduled, rescheduled, cancelled, failed: …, verified."""
    notes: list[Note] = field(default_factory=list)

    def change(self, changes: dict[str, Any]) -> None:
        """Set fields, by Python or wire name; times may be RFC 3339 text. TypeError if unknown."""
        known = {item.name for item in fields(Component)} - {"id", "revision", "extra", "notes"}
        for spelled, value in changes.items():
            name = _FIELDS.get(spelled, spelled)
            if name == "extra":
                self.extra.update(value)
                continue
            if name not in known:
                raise TypeError(f"a component has no {spelled!r}")
            is_time = name in ("start", "end") and isinstance(value, str)
            setattr(self, name, parse_instant(value) if is_time else value)

    def snapshot(self, zone: ZoneInfo, *, with_seen: bool) -> dict[str, Any]:
        """`data` of `component.saved`; times with the tenant's offset."""
        data: dict[str, Any] = {"id": self.id, "revision": self.revision}
        for name in (
            "kind",
            "name",
            "description",
            "description_format",
            "start",
            "end",
            "meet_online",
            "use_zoom",
            "cancelled",
            "planned_minutes",
            "owner",
            "learner",
            "employer_can_view",
            "manager",
            "mentor",
        ):
            value = getattr(self, name)
            if name in ("meet_online", "use_zoom") and value is None:
                continue
            told = value.astimezone(zone).isoformat() if isinstance(value, datetime) else value
            data[_SPELLED.get(name, name)] = told
        if with_seen:
            data["seen"] = self.seen
        return data | self.extra


@dataclass(frozen=True, slots=True)
class Note:
    """An evidence note with hours."""

    at: datetime
    title: str
    hours: str
    minutes: int
    key: str
    date: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Received:
    """One event the connector posted, accepted or not."""

    at: datetime
    tenant: str
    webhook_id: str
    type: str
    component: str | None
    sequence: int | None
    status: int
    """What it was answered, unless a fault lost the answer; 0: dropped before it was read."""
    signatures: int
    """How many of its signatures were good."""
    repeat: bool
    """Its webhook-id had been stored before."""
    headers: dict[str, str]
    body: str
    why: str = ""
    """Why it was refused, or what it did not change."""

    @property
    def stored(self) -> bool:
        return self.status < 300 and self.signatures > 0 and not self.repeat


@dataclass(slots=True, eq=False)
class LmsTenant:
    """One training provider's account in the LMS."""

    id: str
    connector_url: str
    """The connector's base address; `/api` is added when it is missing."""
    inbound_secrets: list[str]
    """We sign with each (the connector's `inboundSecret`), newest first."""
    outbound_secrets: list[str]
    """The connector signs with these (`outboundSecret`)."""
    time_zone: str = "Europe/London"
    name: str = ""
    sends_seen: bool = False
    """Put `seen` into every snapshot (what-it-does 4.1)."""
    saves_changes: bool = True
    """Answer meeting.rescheduled and meeting.cancelled by saving the component so (4.2)."""
    components: dict[str, Component] = field(default_factory=dict)
    stored: dict[str, Received] = field(default_factory=dict)
    """Events stored, by webhook-id, in the order they came."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def api(self) -> str:
        base = self.connector_url.rstrip("/")
        return base if base.endswith("/api") else f"{base}/api"
