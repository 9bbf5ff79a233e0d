"""What becomes of an event that the LMS took, refused, or did not answer. No I/O, no clock.

Events of a component go out in order; a parked one lets later ones pass, and waits for a person
(the law, 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from shared import codec
from shared.model import LmsEvent
from shared.record import Record

PAUSES = tuple(timedelta(minutes=m) for m in (1, 2, 5, 15, 60, 180))
"""After each failure, the last one for ever after (the law, rule 3)."""
REFUSED_FOR = timedelta(hours=24)
FAILED_FOR = timedelta(days=3)
WORTH_REPEATING = (408, 425, 429)


class Fate(Enum):
    """How a delivery went."""

    TAKEN = "taken"
    REFUSED = "refused"  # this event, by an LMS that is up
    UNREACHED = "unreached"  # no answer, or none that means anything


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try of one event. *status* is None when nothing was answered."""

    event_id: str
    fate: Fate
    status: int | None = None
    retry_after: timedelta | None = None


def fate_of(status: int) -> Fate:
    """2xx is taken; a redirect is a failure like any other (Standard Webhooks)."""
    if 200 <= status < 300:
        return Fate.TAKEN
    if 400 <= status < 500 and status not in WORTH_REPEATING:
        return Fate.REFUSED
    return Fate.UNREACHED


def next_event(record: Record, now: datetime) -> LmsEvent | None:
    """The event whose turn it is; None when nothing waits or its pause is not over."""
    for event in record.queue:
        if not event.parked:
            return event if event.next_try is None or event.next_try <= now else None
    return None


def message(event: LmsEvent) -> dict[str, Any]:
    return {"type": event.type, "timestamp": codec.instant(event.at), "data": event.data}


def after_delivery(record: Record, delivery: Delivery, now: datetime) -> Record:
    """The queue with the event gone, parked, or waiting for its next try."""
    queue = []
    for event in record.queue:
        if event.id != delivery.event_id:
            queue.append(event)
        elif delivery.fate is not Fate.TAKEN:
            queue.append(_failed(event, delivery, now))
    return replace(record, queue=tuple(queue))


def _failed(event: LmsEvent, delivery: Delivery, now: datetime) -> LmsEvent:
    since = event.failed_since or now
    patience = REFUSED_FOR if delivery.fate is Fate.REFUSED else FAILED_FOR
    parked = delivery.status == 410 or now - since >= patience
    pause = max(pause_after(event.tries), delivery.retry_after or timedelta())
    return replace(
        event, tries=event.tries + 1, failed_since=since, next_try=now + pause, parked=parked
    )


def pause_after(tries: int) -> timedelta:
    """How long to wait after that many failures before the one just met."""
    return PAUSES[min(tries, len(PAUSES) - 1)]


def redelivered(record: Record) -> Record:
    """Every event of the queue goes out again now, the parked ones too."""
    queue = tuple(
        replace(event, parked=False, tries=0, failed_since=None, next_try=None)
        for event in record.queue
    )
    return replace(record, queue=queue)
