"""A component as people and the LMS see it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared import codec
from shared.attendance import whole_minutes
from shared.model import Flag, Happening, Mode, State, Tenant
from shared.reasons import sentence
from shared.record import Record
from shared.scheduling.content import changes
from shared.scheduling.planning import blocked
from shared.scheduling.starts import frozen
from shared.window import is_open, local_iso, opens_on


def state_of(record: Record, tenant: Tenant, now: datetime) -> tuple[State, str | None]:
    """The state, and the code of its reason where there is one to give."""
    if record.standing and record.standing.attendance.final:
        return State.VERIFIED, None
    if record.booking and frozen(record, now):
        return State.SCHEDULED, None
    if not record.wants_meeting:
        return _unwanted(record, tenant)
    held = _held(tenant)
    problem = record.problem
    if record.booking is None:
        return _not_made(record, tenant, now)
    if problem and problem.final:
        return State.FAILED, problem.code
    behind = record.intent or changes(record, tenant.time_zone, None)
    moved_back = problem and problem.code == "start_in_past"
    if (behind or record.booking.owner_key != record.saved.owner.key) and not moved_back:
        return State.PENDING, held or (problem.code if problem else "updating")
    if not record.booking.join_url:
        return State.PENDING, held or "link_pending"
    return State.SCHEDULED, problem.code if problem else None


def _unwanted(record: Record, tenant: Tenant) -> tuple[State, str | None]:
    if record.booking or record.intent:
        if record.problem and record.problem.final:
            return State.FAILED, record.problem.code
        code = record.problem.code if record.problem else "cancelling"
        return State.PENDING, _held(tenant) or code
    saved = record.saved
    if saved.cancelled or saved.deleted or record.withdrawn:
        return State.CANCELLED, None
    return State.OFFLINE, None


def _not_made(record: Record, tenant: Tenant, now: datetime) -> tuple[State, str | None]:
    slot, problem = record.slot, record.problem
    if not tenant.enabled:
        return State.PENDING, "tenant_disabled"
    why = blocked(record, slot, now) if slot else ""
    if why == "too_late":
        return State.TOO_LATE, why
    if why and not record.intent:
        return State.FAILED, why
    if problem and problem.final:
        return State.FAILED, problem.code
    opened = slot and is_open(slot.start, tenant.time_zone, tenant.window_days, now)
    if not opened and not record.intent and not record.replaces:
        return State.WAITING, None
    code = problem.code if problem else ("claimed" if record.intent else "due")
    return State.PENDING, _held(tenant) or code


def _held(tenant: Tenant) -> str | None:
    if not tenant.enabled:
        return "tenant_disabled"
    return "preview" if tenant.mode is Mode.PREVIEW else None


def state_json(record: Record, tenant: Tenant, now: datetime) -> dict[str, Any]:
    """The component's state as the contract has it (the law, 4.1)."""
    state, code = state_of(record, tenant, now)
    zone, slot = tenant.time_zone, record.slot
    answer: dict[str, Any] = {
        "componentId": record.saved.id,
        "revision": record.saved.revision,
        "state": state.value,
        "reason": {"code": code, "message": sentence(code)} if code else None,
        "opensOn": opens_on(slot.start, zone, tenant.window_days).isoformat() if slot else None,
        "flags": sorted({flag.value for flag in _flags(record)}),
        "meeting": _meeting(record, zone),
        "attendance": _attendance(record),
        "undelivered": [
            {"id": event.id, "type": event.type, "parked": event.parked} for event in record.queue
        ],
    }
    return answer


def _flags(record: Record) -> tuple[Flag, ...]:
    return (*record.flags, *(record.standing.attendance.flags if record.standing else ()))


def _meeting(record: Record, zone: str) -> dict[str, Any] | None:
    booking = record.booking
    if booking is None:
        return None
    return {
        "joinUrl": booking.join_url or None,
        "organizer": booking.organizer_address or None,
        "start": local_iso(booking.slot.start, zone),
        "end": local_iso(booking.slot.end, zone),
        "timeZone": zone,
    }


def _attendance(record: Record) -> dict[str, Any] | None:
    if record.standing is None:
        return None
    attendance = record.standing.attendance
    earned = attendance.earned
    return {
        "outcome": attendance.outcome,
        "final": attendance.final,
        "minutes": None if earned is None else whole_minutes(earned),
        "date": attendance.date,
        "evidenceId": attendance.evidence_id,
        "flags": sorted(flag.value for flag in attendance.flags),
    }


def line_json(line: Happening) -> dict[str, Any]:
    return {
        "at": codec.instant(line.at),
        "what": line.what,
        "why": line.why,
        "by": line.by.value,
        "revision": line.revision,
        "from": line.before,
        "to": line.after,
    }
