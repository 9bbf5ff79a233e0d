"""Every minute, only what cannot wait: what failed or was throttled, what the LMS has not taken,
what Teams says has changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from schedule_timer.sweep import GRAPH_S, LMS_S, sweep_tenant, unfinished, work_through
from shared import hints, runs
from shared.calendars import read_singly
from shared.deliver import deliver
from shared.each import each_tenant, outcome_of
from shared.hints import Hint
from shared.keys import ComponentKey
from shared.model import Tenant, TenantId
from shared.ports import Ports
from shared.record import Shelf
from shared.verify import verify
from shared.work import Work

RUN_S = 12.0  # others wait for the next minute; who is slow goes on by itself
VERIFIED_AT_ONCE = 100

Taken = list[tuple[Hint, str]]


def catch_up(ports: Ports, wrap: Any = lambda run: run) -> dict[str, Any]:
    """One run of ``catch_up_timer``: follow the hints whose time has come."""
    run = runs.start(ports, "catch_up_timer", shown=False)
    by_tenant: dict[TenantId, Taken] = {}
    for hint, etag in hints.take_due(ports, ports.clock()):
        by_tenant.setdefault(hint.tenant, []).append((hint, etag))
    tenants = []
    for tenant_id, taken in by_tenant.items():
        tenant = ports.tenants.get(tenant_id, fresh=True)
        if tenant and tenant.enabled:
            tenants.append(tenant)
        else:
            hints.done(ports, taken)
    counts = each_tenant(
        "catch_up", tenants, lambda t: follow(ports, t, by_tenant[t.id]), RUN_S, wrap
    )
    runs.finish(ports, run, outcome_of(counts), counts)
    return counts


def follow(ports: Ports, tenant: Tenant, taken: Taken) -> dict[str, Any]:
    """Follow one tenant's hints; what failed again is put off for longer."""
    kinds = {hint.kind for hint, _ in taken}
    try:
        if hints.SWEEP in kinds:
            total = sweep_tenant(ports, tenant)
            hints.done(ports, taken)
            return total
        _verify(ports, tenant, [hint for hint, _ in taken])
        works = _works(ports, tenant, [hint for hint, _ in taken])
        counts, done = work_through(ports, tenant, works, look_at_all=False)
    except Exception:
        for hint, _ in taken:
            hints.put_off(ports, hint, ports.clock())
        raise
    _put_off(ports, tenant, taken, done, reached=not counts["unreached"])
    hints.done(ports, taken)  # but for those just put off: their rows are newer
    return dict(counts)


def _verify(ports: Ports, tenant: Tenant, due: Sequence[Hint]) -> None:
    """Attendance that a person asked to be verified again; what it tells goes out with the rest."""
    keys = [ComponentKey(hint.what) for hint in due if hint.kind == hints.VERIFY]
    for at in range(0, len(keys), VERIFIED_AT_ONCE):
        found = (ports.store.get(tenant.id, key) for key in keys[at : at + VERIFIED_AT_ONCE])
        works = [Work(stored, stored.record) for stored in found if stored]
        verify(ports, tenant, works, asked=True)
        deliver(ports, tenant, works, LMS_S)


def _works(ports: Ports, tenant: Tenant, due: Sequence[Hint]) -> list[Work]:
    """Every component the hints speak of, once; those that Teams says changed with their view."""
    works: dict[ComponentKey, Work] = {}
    for hint in due:
        if hint.kind == hints.COMPONENT:
            stored = ports.store.get(tenant.id, ComponentKey(hint.what))
            if stored:
                works[stored.record.key] = Work(stored, stored.record)
    # What could not be seen last time may be seen now.
    read_singly(ports.graph(tenant), [w for w in works.values() if w.record.booking], GRAPH_S)
    if any(hint.kind == hints.OPEN for hint in due):
        for stored in ports.store.shelf(tenant.id, Shelf.OPEN):
            works[stored.record.key] = Work(stored, stored.record)
    changed = {tuple(json.loads(hint.what)) for hint in due if hint.kind == hints.CHANGED}
    if changed:
        for work in _changed(ports, tenant, changed):
            works[work.key] = work
    return list(works.values())


def _changed(ports: Ports, tenant: Tenant, changed: set[Any]) -> list[Work]:
    """The components whose events are named, each with a fresh read: a notice is never believed."""
    now = ports.clock()
    works = [
        Work(stored, stored.record)
        for which, since in ((Shelf.AHEAD, now), (Shelf.OPEN, None))
        for stored in ports.store.shelf(tenant.id, which, since)
        if stored.record.booking
        and (stored.record.booking.organizer, stored.record.booking.event_id) in changed
    ]
    read_singly(ports.graph(tenant), works, GRAPH_S)
    return works


def _put_off(
    ports: Ports, tenant: Tenant, taken: Taken, works: Sequence[Work], *, reached: bool
) -> None:
    now = ports.clock()
    tries = {hint.key: hint.tries for hint, _ in taken}
    again = []
    for work in works:
        if unfinished(work):
            key = Hint(hints.COMPONENT, tenant.id, str(work.key), now).key
            again.append(hints.component_hint(tenant.id, work, now, tries.get(key, -1) + 1))
    hints.leave(ports, again)
    vain = tries.get(Hint(hints.OPEN, tenant.id, "", now).key, -1) + 1
    records = [work.record for work in works]
    hints.leave_open(ports, tenant.id, records, None if reached else vain)
