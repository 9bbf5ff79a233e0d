"""What a start that has passed, or is near, keeps from happening."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from shared.model import Booking
from shared.record import Record

OLD_OWNER_UNTIL = timedelta(hours=24)


def frozen(record: Record, now: datetime) -> bool:
    """The agreed start has passed: nothing moves any more (the law, rule 15)."""
    return record.booking is not None and record.booking.slot.start <= now


def is_near(booking: Booking, now: datetime) -> bool:
    """Too near to its start to go on trying a former owner's calendar (the law, rule 13)."""
    return booking.slot.start - now <= OLD_OWNER_UNTIL


def as_carried(record: Record, now: datetime) -> Record:
    """The record as Teams is to show it: a start in the past stays out (the law, rule 4)."""
    booking, slot = record.booking, record.slot
    if booking is None or slot is None or slot == booking.slot or slot.start > now:
        return record
    return replace(record, slot=booking.slot)
