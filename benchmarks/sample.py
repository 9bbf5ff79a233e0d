"""Components as a provider's LMS would have them, for measuring."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.model import (
    AttendanceSettings,
    ComponentId,
    Kind,
    Mode,
    Person,
    Slot,
    Snapshot,
    Tenant,
    TenantId,
)

DOMAIN = "college.example"
AGENDA = (
    "We look at what was agreed last time, at the evidence in the log since, and at what stands in "
    "the way. Please bring last month's log, the questions it left open, and the two pieces of "
    "work you would like to have looked at. The last ten minutes are for planning the next month."
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much work there is, in all."""

    due: int
    tenants: int = 4
    organizers: int = 200


def tenant(name: str, callback_url: str) -> Tenant:
    """A provider whose Entra tenant is its own."""
    return Tenant(
        id=TenantId(name),
        name=name,
        enabled=True,
        mode=Mode.LIVE,
        entra_tenant_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        cloud="global",
        time_zone="Europe/London",
        window_days=5,
        callback_url=callback_url,
        attendance=AttendanceSettings(),
        change_notifications=False,
        retention_years=7,
    )


def owner(number: int) -> Person:
    return Person(f"tutor{number}@{DOMAIN}", f"T. Utor {number}")


def snapshots(count: int, organizers: int, start: datetime, first: int = 0) -> Iterator[Snapshot]:
    """*count* meetings of an hour from *start* on, a minute apart, dealt to the organizers."""
    for n in range(first, first + count):
        begin = start + timedelta(minutes=n % 600)
        yield Snapshot(
            id=ComponentId(f"C-{n:06}"),
            revision=1,
            kind=Kind.MEETING,
            name=f"Progress and portfolio {n}",
            description=AGENDA,
            description_is_html=False,
            slot=Slot(begin, begin + timedelta(hours=1)),
            online=True,
            cancelled=False,
            deleted=False,
            planned_minutes=60,
            owner=owner(n % organizers),
            learner=Person(f"learner{n}@work.example", f"L. Earner {n}"),
            manager=None,
            mentor=None,
            employer_can_view=False,
            seen=None,
            digest=f"{n:016x}",
        )


def webhook(saved: Snapshot) -> dict[str, Any]:
    """The message by which the LMS says so."""
    assert saved.slot
    return {
        "type": "component.saved",
        "timestamp": saved.slot.start.isoformat(),
        "data": {
            "id": saved.id,
            "revision": saved.revision,
            "kind": "meeting",
            "name": saved.name,
            "description": saved.description,
            "start": saved.slot.start.isoformat(),
            "end": saved.slot.end.isoformat(),
            "meetOnline": True,
            "plannedMinutes": 60,
            "owner": {"email": saved.owner.email, "name": saved.owner.name},
            "learner": {"email": saved.learner.email, "name": saved.learner.name},
        },
    }
