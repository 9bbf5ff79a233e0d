"""Every minute, only what cannot wait: what failed or was throttled, what the LMS has not taken,
what Teams says has changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from schedule_timer.strays import look_for, settle_strays
from schedule_timer.sweep import GRAPH_S, LMS_S, sweep_tenant, unfinished, work_through
from shared import hints, runs, subscriptions
from shared.calendars import read_singly
from shared.deliver import deliver
from shared.each import each_tenant, outcome_of
from shared.hints import Hint
from shared.keys import ComponentKey
from shared.model import Mode, Tenant, TenantId
from shared.pieces import LAST
from shared.ports import Ports
from shared.record import Shelf
from shared.store import Stored, bucket
from shared.verify import verify
from shared.work import Work

RUN_S = 12.0  # others wait for the next minute; who is slow goes on by itself
VERIFIED_AT_ONCE = 100
MAILBOXES_APART = 20
"""So many tutors' rows are asked for one tutor at a time; more, with everybody's at once."""

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
        ports.busy, "catch_up", tenants, lambda t: follow(ports, t, by_tenant[t.id]), RUN_S, wrap
    )
    runs.finish(ports, run, outcome_of(counts), counts)
    return counts


def follow(ports: Ports, tenant: Tenant, taken: Taken) -> dict[str, Any]:
    """Follow one tenant's hints; what failed again is put off for longer."""
    due = [hint for hint, _ in taken]
    # Dropped before another one is left: one that stands is let be.
    opened = [one for one in taken if one[0].kind == hints.OPEN]
    try:
        _verify(ports, tenant, due)
        extra = _renew(ports, tenant, due) + _strays(ports, tenant, due)
        if hints.SWEEP in {hint.kind for hint in due}:
            hints.done(ports, opened)
            extra.update(sweep_tenant(ports, tenant))
            hints.done(ports, taken)
            return dict(extra)
        works = _works(ports, tenant, due)
        counts, done = work_through(ports, tenant, works, look_at_all=False)
        counts.update(extra)
    except Exception:
        for hint, _ in taken:
            hints.put_off(ports, hint, ports.clock())
        raise
    hints.done(ports, opened)
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


def _renew(ports: Ports, tenant: Tenant, due: Sequence[Hint]) -> Counter[str]:
    """Subscriptions that Graph sent word about, or that a new organizer needs."""
    doubted = {hint.what for hint in due if hint.kind == hints.RENEW}
    return subscriptions.keep(ports, tenant, doubted) if doubted else Counter()


def _strays(ports: Ports, tenant: Tenant, due: Sequence[Hint]) -> Counter[str]:
    """Events that nobody expects: those a repeated create may have made, and those seen before."""
    asked = [hint.what for hint in due if hint.kind == hints.STRAYS]
    if not asked or tenant.mode is not Mode.LIVE:
        return Counter()
    graph = ports.graph(tenant)
    look_for(ports, tenant, graph, filter(None, asked))
    return settle_strays(ports, tenant, graph)


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
            works.setdefault(stored.record.key, Work(stored, stored.record))
    changed = [tuple(json.loads(hint.what)) for hint in due if hint.kind == hints.CHANGED]
    found = [
        Work(stored, stored.record)
        for stored in _changed(ports, tenant, {(user.lower(), event) for user, event in changed})
        if stored.record.key not in works
    ]
    read_singly(ports.graph(tenant), found, GRAPH_S)  # a notification is never believed
    return [*works.values(), *found]


def _changed(ports: Ports, tenant: Tenant, changed: set[tuple[str, str]]) -> list[Stored]:
    """The components whose events are named, by mailbox and event id.

    Tutors' private events are notified too, and nothing is read for them but the rows of those
    tutors' own meetings. A component handed over since its event was made stands elsewhere: the
    next step there reads the event anyway.
    """
    users = {user for user, _ in changed}
    owners = ports.store.organizers(tenant.id).items() if changed else ()
    buckets = {bucket(key) for key, owner in owners if (owner.id or "").lower() in users}
    narrow: list[tuple[str, str] | None] = [(one, one + LAST) for one in sorted(buckets)]
    now = ports.clock()
    found = {
        stored.record.key: stored
        for where in (narrow if len(narrow) <= MAILBOXES_APART else [None])
        for which, since in ((Shelf.AHEAD, now), (Shelf.OPEN, None))
        for stored in ports.store.shelf(tenant.id, which, since, buckets=where)
        if (booking := stored.record.booking)
        and (booking.organizer.lower(), booking.event_id) in changed
    }
    return list(found.values())


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
