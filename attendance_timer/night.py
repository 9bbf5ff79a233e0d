"""Return the hours of days that are over: every enabled tenant, in bounded pieces."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from attendance_timer.retention import purge
from shared import hints, runs
from shared.deliver import deliver
from shared.each import each_tenant, outcome_of
from shared.model import Mode, Tenant
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
    everyone = ports.store.tenants()
    tenants = [t for t in everyone if t.enabled and t.mode is Mode.LIVE]
    counts = each_tenant("night", tenants, lambda t: night_tenant(ports, t), RUN_S, wrap)
    # What a tenant keeps no longer goes whether it is enabled or not.
    purged = each_tenant("purge", everyone, lambda t: purge(ports, t), PURGE_S, wrap)
    counts |= {name: {**counts.get(name, {}), **one} for name, one in purged.items() if one}
    runs.purge(ports, ports.clock())
    runs.finish(ports, run, outcome_of(counts), counts)
    return counts


def night_tenant(ports: Ports, tenant: Tenant) -> dict[str, Any]:
    """Verify all of one tenant that is due, and tell its LMS."""
    began = time.monotonic()
    total: Counter[str] = Counter()
    reached = True
    for piece in _pieces(_due(ports, tenant)):
        works = [Work(stored, stored.record) for stored in piece]
        total.update(verify(ports, tenant, works))
        if reached:
            told = deliver(ports, tenant, works, LMS_S)
            reached = told.reached
            total["told"] += told.taken
        hints.leave_open(ports, tenant.id, (work.record for work in works))
    log.info(
        "tenant_night.finished",
        extra={"tenant": tenant.id, "counts": dict(total), "duration_s": time.monotonic() - began},
    )
    return dict(total)


def _due(ports: Ports, tenant: Tenant) -> Iterator[Stored]:
    """Components whose local day is over and whose attendance is not done with."""
    today = local_date(ports.clock(), tenant.time_zone)
    midnight = day_start(today, tenant.time_zone)
    met = set()
    # Read before anything is written: verifying moves components from one shelf to the other.
    owing = list(ports.store.shelf(tenant.id, Shelf.OPEN, until=midnight))
    for source in (owing, ports.store.shelf(tenant.id, Shelf.AHEAD, until=midnight)):
        for stored in source:
            record = stored.record
            due = not record.attendance_done and wants_verifying(record, tenant, today)
            if due and record.key not in met:
                met.add(record.key)
                yield stored


def _pieces(found: Iterable[Stored]) -> Iterator[list[Stored]]:
    source = iter(found)
    while piece := list(islice(source, PIECE)):
        yield piece
