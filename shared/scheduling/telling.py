"""Queueing events for the LMS, with the change that caused them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from shared.model import JoinUrl, LmsEvent, Slot, Tenant, TenantId
from shared.record import Record
from shared.scheduling.step import Facts
from shared.window import local_iso


def tell(record: Record, type_: str, data: dict[str, Any], facts: Facts) -> Record:
    """Queue an event for the LMS with the change that caused it."""
    if not facts.live:
        return record
    sequence = record.sequence + 1
    event = LmsEvent(
        id=event_id(facts.tenant.id, record, sequence),
        sequence=sequence,
        type=type_,
        at=facts.now,
        data={
            "componentId": record.saved.id,
            "revision": record.saved.revision,
            "sequence": sequence,
            **data,
        },
    )
    return replace(record, sequence=sequence, queue=(*record.queue, event))


def event_id(tenant: TenantId, record: Record, sequence: int) -> str:
    """The ``webhook-id``: the same for the same event, whoever makes it."""
    text = f"{tenant}|{record.saved.id}|{sequence}"
    return "msg_" + hashlib.sha256(text.encode()).hexdigest()[:32]


def tell_scheduled(record: Record, facts: Facts) -> Record:
    booking = record.booking
    if booking is None or not record.wants_meeting:
        return record
    if booking.owner_key != record.saved.owner.key:
        return record  # the next step replaces this event; its link would be stale at once
    data = {
        "joinUrl": booking.join_url,
        "organizer": booking.organizer_address,
        **local_times(booking.slot, facts.tenant),
    }
    return replace(tell(record, "meeting.scheduled", data, facts), told_problem="")


def with_link(record: Record) -> Record:
    booking = record.booking
    if booking is None or not booking.join_url:
        return record
    link = JoinUrl(booking.join_url, booking.organizer)
    if link in record.join_urls:
        return record
    return replace(record, join_urls=(*record.join_urls, link))


def local_times(slot: Slot, tenant: Tenant) -> dict[str, str]:
    return {
        "start": local_iso(slot.start, tenant.time_zone),
        "end": local_iso(slot.end, tenant.time_zone),
        "timeZone": tenant.time_zone,
    }


def slot_json(slot: Slot | None) -> dict[str, str] | None:
    if slot is None:
        return None
    return {"start": local_iso(slot.start, "UTC"), "end": local_iso(slot.end, "UTC")}
