"""A component's row: what the LMS wants, what Teams last showed, what both agreed on.

No I/O, no clock. ``shelf`` says where a sweep finds the row; ``shared.scheduling`` changes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from shared.keys import ComponentKey, component_key, stamp
from shared.model import (
    Booking,
    By,
    Flag,
    Happening,
    Intent,
    JoinUrl,
    LmsEvent,
    PersonKey,
    Problem,
    Slot,
    Snapshot,
    Told,
)
from shared.verification import Standing


class Shelf(Enum):
    """Where a component stands in its tenant's index: each run reads only what it serves."""

    DUE = "due"  # wanted, no event yet: read up to the window's end
    AHEAD = "ahead"  # an event stands: read from now on by sweeps, up to now by the nightly run
    OPEN = "open"  # a write not noted, a handover half done, the LMS not told: read whole


@dataclass(frozen=True, slots=True)
class Record:
    """Everything remembered of one component.

    *slot* is what is wanted after the LMS's saves and the tutor's moves are merged; *withdrawn*
    tells that the tutor cancelled in Teams and the LMS has not revived it since.
    *asked_at*/*asked_start*: when a save first wanted it online at that start (the lead time is
    judged by it). *replaces*: its event was taken from a former owner, and is made anew for the
    next one whatever window and notice say. *at_start* is the snapshot as it stood when the meeting
    began, kept once a later save arrives. *told_problem* is the cause last told to the LMS. *queue*
    are events the LMS has not taken, oldest first; *sequence* numbers them. *standing* is how far
    verifying the attendance has come, and *attendance_done* that the nightly run need not look
    again. *people* are the keys of everybody it ever named. *fresh* are history lines not stored
    yet: the store writes them with the row and drops them.
    """

    saved: Snapshot
    slot: Slot | None
    withdrawn: bool = False
    asked_start: datetime | None = None
    asked_at: datetime | None = None
    replaces: bool = False
    at_start: Snapshot | None = None
    booking: Booking | None = None
    generation: int = 0
    intent: Intent | None = None
    join_urls: tuple[JoinUrl, ...] = ()
    told: tuple[Told, ...] = ()
    problem: Problem | None = None
    told_problem: str = ""
    flags: tuple[Flag, ...] = ()
    standing: Standing | None = None
    attendance_done: bool = False
    sequence: int = 0
    queue: tuple[LmsEvent, ...] = ()
    lines: int = 0
    evidences: int = 0
    responses: dict[str, Any] | None = None
    people: tuple[PersonKey, ...] = ()
    fresh: tuple[Happening, ...] = ()

    @property
    def key(self) -> ComponentKey:
        return component_key(self.saved.id)

    @property
    def frozen_snapshot(self) -> Snapshot:
        """The save that held when the meeting began; before that, the last one."""
        return self.at_start or self.saved

    @property
    def owes(self) -> bool:
        """Whether an event waits that is not parked."""
        return any(not event.parked for event in self.queue)

    @property
    def wants_meeting(self) -> bool:
        """Whether an event should stand in the owner's calendar."""
        s = self.saved
        gone = s.deleted or s.cancelled or self.withdrawn
        return s.online and not gone and self.slot is not None


def with_flag(record: Record, flag: Flag) -> Record:
    if flag in record.flags:
        return record
    return replace(record, flags=(*record.flags, flag))


def with_people(record: Record, keys: Iterable[PersonKey]) -> Record:
    people = tuple(dict.fromkeys((*record.people, *keys)))
    return record if people == record.people else replace(record, people=people)


def with_line(
    record: Record,
    at: datetime,
    what: str,
    why: str,
    by: By,
    before: Any = None,
    after: Any = None,
) -> Record:
    line = Happening(at, what, why, by, record.saved.revision, before, after)
    return replace(record, fresh=(*record.fresh, line))


def latest_start(record: Record) -> datetime | None:
    """The last start that is wanted, booked or being written; None for what is not dated."""
    booking, intent = record.booking, record.intent
    slots = (record.slot, booking and booking.slot, intent and intent.booking.slot)
    return max((slot.start for slot in slots if slot), default=None)


def shelf(record: Record) -> tuple[Shelf, str] | None:
    """The shelf a record stands on and the instant it is sorted by; None when nothing is left.

    One at most. Unfinished business comes first: every run reads that shelf whole and then treats
    the component like any other.
    """
    booking, intent = record.booking, record.intent
    start = latest_start(record)
    at = stamp(start) if start else ""
    to_be_made = record.wants_meeting and not booking and not given_up(record)
    if record.owes or intent or (record.replaces and to_be_made):
        return Shelf.OPEN, at
    if booking and not record.attendance_done:
        return Shelf.AHEAD, at
    if to_be_made:
        return Shelf.DUE, at
    return None


def given_up(record: Record) -> bool:
    """Whether the wanted start can no longer be met; only a new start opens the matter again."""
    return record.problem is not None and record.problem.code in ("too_late", "missed")
