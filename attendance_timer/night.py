"""Return the hours of days that are over: every enabled tenant, in bounded pieces."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from attendance_timer.retention import purge
from shared import hints, runs
from shared.deliver import deliver
from shared.each import each_tenant, outcome_of
from shared.fan_out import Job
from shared.model import Mode, Tenant
from shared.pieces import Piece, Range, cut
from shared.ports import Ports
from shared.record import Shelf
from shared.store import Stored
from shared.verify import verify, wants_verifying
from shared.window import day_start, local_date
from shared.work import Work

log = logging.getLogger(__name__)

PIECE = 100
RUN_S = 25 * 60.0
LMS_S = 60.0
PURGE_S = 150.0


def night(ports: Ports, wrap: Any = lambda run: run) -> dict[str, Any]:
    """One run of ``attendance_timer``."""
    run = runs.start(ports, "attendance_timer")
    everyone = _everyone(ports)
    tenants = [tenant for tenant in everyone if _works(tenant)]
    counts = each_tenant(
        ports.busy, "night", tenants, lambda t: night_tenant(ports, t), RUN_S, wrap
    )
    # What a tenant keeps no longer goes whether it is enabled or not.
    purged = each_tenant(ports.busy, "purge", everyone, lambda t: purge(ports, t), PURGE_S, wrap)
    counts |= {name: {**counts.get(name, {}), **one} for name, one in purged.items() if one}
    runs.purge(ports, ports.clock())
    runs.finish(ports, run, outcome_of(counts), counts)
    return counts


def _everyone(ports: Ports) -> list[Tenant]:
    return ports.store.tenants()


def night_tenant(ports: Ports, tenant: Tenant) -> dict[str, Any]:
    """Verify all of one tenant that is due, and tell its LMS."""
    began = time.monotonic()
    total: Counter[str] = Counter()
    for piece in pieces(ports, tenant):
        total.update(night_piece(ports, tenant, piece))
    log.info(
        "tenant_night.finished",
        extra={"tenant": tenant.id, "counts": dict(total), "duration_s": time.monotonic() - began},
    )
    return dict(total)


def pieces(ports: Ports, tenant: Tenant) -> Iterator[Piece]:
    """What of a tenant may have to be verified, in pieces of about ``PIECE`` components."""
    if not _works(tenant):
        return iter(())
    return cut(ports.store, tenant.id, _ranges(tenant, ports.clock()), PIECE)


def night_piece(ports: Ports, tenant: Tenant, piece: Piece) -> Counter[str]:
    """Verify one piece of a tenant, and tell its LMS."""
    if not _works(tenant):
        return Counter()
    works = [Work(stored, stored.record) for stored in _due(ports, tenant, piece)]
    if not works:
        return Counter()
    counts = Counter(verify(ports, tenant, works))
    if not ports.lms.is_down(tenant.id, ports.clock()):  # as the piece before found out
        counts["told"] += deliver(ports, tenant, works, LMS_S).taken
    hints.leave_open(ports, tenant.id, (work.record for work in works))
    return counts


def _works(tenant: Tenant) -> bool:
    return tenant.enabled and tenant.mode is Mode.LIVE


def _ranges(tenant: Tenant, now: datetime) -> list[Range]:
    midnight = day_start(local_date(now, tenant.time_zone), tenant.time_zone)
    return [(Shelf.OPEN, None, midnight), (Shelf.AHEAD, None, midnight)]


def _due(ports: Ports, tenant: Tenant, piece: Piece) -> list[Stored]:
    """Components whose local day is over and whose attendance is not done with."""
    now = ports.clock()
    today = local_date(now, tenant.time_zone)
    # By key: one that moves to another shelf between two reads is met twice.
    found = {
        stored.record.key: stored
        for which, since, until in _ranges(tenant, now)
        for stored in ports.store.shelf(tenant.id, which, since, until, piece.buckets)
    }
    return [
        stored
        for stored in found.values()
        if not stored.record.attendance_done and wants_verifying(stored.record, tenant, today)
    ]


NIGHT = Job(
    name="night",
    function="attendance_timer",
    finished="tenant_night.finished",
    tenants=_everyone,
    pieces=pieces,
    do=night_piece,
    finish=lambda ports, tenant: Counter(purge(ports, tenant)),
)
