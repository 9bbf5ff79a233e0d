"""What Teams shows of an event, in values of ours: no field of Graph's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from shared.model import EventId, Slot


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
