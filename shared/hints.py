"""What cannot wait for the next sweep, in one small partition that the catch-up reads whole.

A hint only says where to look; losing one costs time, never work. Each thing has one row at most,
so that an idle catch-up reads one page however many tenants there are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared import codec
from shared.errors import Stale
from shared.lms.outbox import pause_after
from shared.model import TenantId
from shared.ports import Ports
from shared.record import Record
from shared.table import GROUP_OPERATIONS, Delete, Op, Replace, rows
from shared.work import Work

HINTS = "hints"
LEASE = timedelta(minutes=2)
COMPONENT, OPEN, SWEEP, CHANGED, VERIFY = "component", "open", "sweep", "changed", "verify"
STRAYS, RENEW = "strays", "renew"


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at *what* of *tenant* from *at* on.

    *kind*: ``component`` (a key), ``open`` (the tenant's unfinished business), ``sweep`` (all of
    the tenant), ``changed`` (an event that Graph says changed: mailbox and event id), ``verify``
    (a key, because a person asked), ``strays`` (events seen that nobody expects; a mailbox and a
    marker of which there may be two), ``renew`` (the tenant's subscriptions to changes; the id of
    one that is in doubt).
    """

    kind: str
    tenant: TenantId
    what: str
    at: datetime
    tries: int = 0

    @property
    def key(self) -> str:
        what = hashlib.sha256(self.what.encode()).hexdigest()[:32] if self.what else ""
        return f"{self.kind}|{self.tenant}|{what}"


def leave(ports: Ports, hints: Iterable[Hint]) -> None:
    """Write hints; one that stands already is put anew."""
    unique = {hint.key: hint for hint in hints}
    ports.store.put(HINTS, list(unique.items()))


def later(
    kind: str,
    tenant: TenantId,
    what: str,
    now: datetime,
    tries: int = 0,
    least: timedelta | None = None,
) -> Hint:
    """A hint for after the pause that *tries* failures call for, a little sooner by jitter, and
    never sooner than *least*."""
    jitter = random.uniform(0.9, 1.0)  # noqa: S311 - spreads load, guards nothing
    pause = max(pause_after(tries) * jitter, least or timedelta())
    return Hint(kind, tenant, what, now + pause, tries)


def leave_open(
    ports: Ports, tenant: TenantId, records: Iterable[Record], tries: int | None = None
) -> None:
    """A hint for when the first event that waits for the LMS may be tried again, if any does.

    There is one per tenant, timed by the events' own pauses, so nothing needs spreading. *tries*
    tells how often the LMS was asked in vain by catch-ups: then one event asks after the pause
    that calls for, and the rest waits. Without it a hint that stands already is let be, because a
    new event must not shorten the pauses of an LMS that is down.
    """
    now = ports.clock()
    turns = [
        next((event.next_try or now + pause_after(0)) for event in record.queue if not event.parked)
        for record in records
        if record.owes
    ]
    if not turns:
        return
    if tries is not None:
        leave(ports, [Hint(OPEN, tenant, "", now + pause_after(tries), tries)])
        return
    hint = Hint(OPEN, tenant, "", min(turns))
    with contextlib.suppress(Stale):
        ports.store.insert(HINTS, hint.key, hint)


def component_hint(tenant: TenantId, work: Work, now: datetime, tries: int = 0) -> Hint:
    """A hint to take one component further, once Microsoft lets us."""
    return later(COMPONENT, tenant, str(work.key), now, tries, work.wait)


def repeated_create(tenant: TenantId, user: str, marker: str, at: datetime) -> Hint:
    """A create whose first answer was lost succeeded: Exchange should have made one event."""
    return Hint(STRAYS, tenant, json.dumps([user, marker]), at)


def take_due(ports: Ports, now: datetime) -> list[tuple[Hint, str]]:
    """Hints whose time has come, each put off by a lease so that no other run takes it too."""
    due = [
        (hint, row)
        for row in rows(ports.store.table, HINTS, "", "\x7f")
        if (hint := codec.loads(Hint, row.text)).at <= now
    ]
    leases: list[Op] = [
        Replace(replace(row, text=codec.dumps(replace(hint, at=now + LEASE)))) for hint, row in due
    ]
    etags = _each(ports, leases)
    return [(hint, etag) for (hint, _), etag in zip(due, etags, strict=True) if etag is not None]


def done(ports: Ports, taken: Iterable[tuple[Hint, str]]) -> None:
    """Drop hints that were followed, but for those put anew meanwhile."""
    _each(ports, [Delete(hint.key, etag) for hint, etag in taken])


def _each(ports: Ports, ops: Sequence[Op]) -> list[str | None]:
    """Carry out every operation for itself, though many to a transaction; each one's new ETag, and
    None for one that lost its race. A notification of many changes leaves many hints."""
    etags: list[str | None] = []
    for at in range(0, len(ops), GROUP_OPERATIONS):
        group = ops[at : at + GROUP_OPERATIONS]
        try:
            etags += ports.store.table.commit(HINTS, group)
        except Stale:
            etags += [_alone(ports, op) for op in group]
    return etags


def _alone(ports: Ports, op: Op) -> str | None:
    try:
        return ports.store.table.commit(HINTS, [op])[0]
    except Stale:
        return None


def put_off(ports: Ports, hint: Hint, now: datetime) -> None:
    """Look again after the next longer pause."""
    leave(ports, [later(hint.kind, hint.tenant, hint.what, now, hint.tries + 1)])
