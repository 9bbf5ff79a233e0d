"""Make LMS and Teams agree: every enabled tenant, everything that is due or still ahead.

A tenant's sweep is cut into bounded pieces by organizer, so that a mailbox is in one piece only;
a piece is the unit of work, whoever does it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schedule_timer.strays import cancel_strays
from shared import brake, hints, runs
from shared.answer import state_of
from shared.calendars import marker_prefix
from shared.deliver import deliver
from shared.each import each_tenant, outcome_of
from shared.model import Tenant
from shared.ports import Ports
from shared.reconcile import Reconciler
from shared.record import Shelf
from shared.store import bucket
from shared.window import window_end
from shared.work import Work

log = logging.getLogger(__name__)

PIECE = 200
GRAPH_S = 90.0
LMS_S = 60.0
RUN_S = 25 * 60.0
FIRST, LAST = "", "~"


@dataclass(frozen=True, slots=True)
class Piece:
    """The components whose owners' buckets lie in low <= bucket < high."""

    low: str = FIRST
    high: str = LAST


def sweep(ports: Ports, wrap: Any = lambda run: run) -> dict[str, Any]:
    """One run of ``schedule_timer``: all enabled tenants, each by itself."""
    run = runs.start(ports, "schedule_timer")
    tenants = [tenant for tenant in ports.store.tenants() if tenant.enabled]
    counts = each_tenant("sweep", tenants, lambda t: sweep_tenant(ports, t), RUN_S, wrap)
    runs.finish(ports, run, outcome_of(counts), counts)
    return counts


def sweep_tenant(ports: Ports, tenant: Tenant) -> dict[str, Any]:
    """All of one tenant, piece by piece."""
    began = time.monotonic()
    total: Counter[str] = Counter()
    for piece in pieces(ports, tenant):
        total.update(sweep_piece(ports, tenant, piece))
    log.info(
        "tenant_sweep.finished",
        extra={"tenant": tenant.id, "counts": dict(total), "duration_s": time.monotonic() - began},
    )
    return dict(total)


def pieces(ports: Ports, tenant: Tenant) -> Iterator[Piece]:
    """Cut a tenant's work into pieces of about ``PIECE`` components, owners kept whole."""
    now = ports.clock()
    sizes: Counter[str] = Counter()
    for which, since, until in _ranges(tenant, now):
        sizes.update(p.bucket for p in ports.store.places(tenant.id, which, since, until))
    low, count = FIRST, 0
    for one in sorted(sizes):
        if count and count + sizes[one] > PIECE:
            yield Piece(low, one)
            low, count = one, 0
        count += sizes[one]
    if count:
        yield Piece(low, LAST)


def _ranges(tenant: Tenant, now: datetime) -> list[tuple[Shelf, datetime | None, datetime | None]]:
    """What a sweep reads: the unfinished, the due, and what is ahead."""
    return [
        (Shelf.OPEN, None, None),
        (Shelf.DUE, None, window_end(tenant.time_zone, tenant.window_days, now)),
        (Shelf.AHEAD, now, None),
    ]


def sweep_piece(ports: Ports, tenant: Tenant, piece: Piece) -> Counter[str]:
    """Gather, decide, do, note, tell: one piece of one tenant."""
    now = ports.clock()
    buckets = None if piece == Piece() else (piece.low, piece.high)
    # By key: one that moves to another shelf between two reads is met twice.
    works = {
        stored.record.key: Work(stored, stored.record)
        for which, since, until in _ranges(tenant, now)
        for stored in ports.store.shelf(tenant.id, which, since, until, buckets)
    }
    counts, done = work_through(ports, tenant, list(works.values()), look_at_all=True)
    _leave_hints(ports, tenant, done)
    return counts


def work_through(
    ports: Ports, tenant: Tenant, works: Sequence[Work], *, look_at_all: bool
) -> tuple[Counter[str], list[Work]]:
    """Take components as far as they go now, and tell the LMS.

    *look_at_all* reads every event in Teams; else only those about to be changed are read.
    """
    now = ports.clock()
    if tenant.mode.value == "preview" or not tenant.enabled:
        return Counter({"preview": len(works)}), []
    graph = ports.graph(tenant)
    before = {work.key: work.record for work in works}
    reconciler = Reconciler(ports, tenant, graph, GRAPH_S)
    if look_at_all:
        ahead = [w for w in works if w.record.booking and w.record.booking.slot.start > now]
        prefix = marker_prefix(ports.deployment, tenant.id)
        strays = ports.calendars.look(graph, prefix, ahead, now, GRAPH_S)
        cancel_strays(ports, tenant, graph, strays)
    done = reconciler.settle(works)
    done = act_on_vanished(ports, tenant, reconciler, done)
    told = deliver(ports, tenant, done, LMS_S)
    counts = Counter({"components": len(done), "told": told.taken, "untold": told.failed})
    counts["unreached"] = int(not told.reached)
    for work in done:
        counts.update(_what_happened(before[work.key].booking, work.record.booking))
        state, code = state_of(work.record, tenant, ports.clock())
        if state.value == "failed":
            counts["failed"] += 1
            log.warning(
                "component.failed",
                extra={"tenant": tenant.id, "component": work.key, "why": code},
            )
    return counts, done


def act_on_vanished(
    ports: Ports, tenant: Tenant, reconciler: Reconciler, works: list[Work]
) -> list[Work]:
    """Ask the brake about events that are gone, and act on those it lets through."""
    gone = [work for work in works if work.vanished]
    if not gone:
        return works
    now = ports.clock()
    found = [
        brake.Vanished(str(work.key), bucket(work.record.saved.owner.key), now) for work in gone
    ]
    allowed = brake.ask(ports, tenant, found)
    going = [work for work in gone if str(work.key) in allowed]
    for work in going:
        work.vanished_may_go = True
    settled = reconciler.settle(going)
    return [*(work for work in works if work not in going), *settled]


def _what_happened(before: Any, after: Any) -> list[str]:
    if before is None and after is None:
        return []
    if before is None:
        return ["created"]
    if after is None:
        return ["cancelled"]
    if before.generation != after.generation:
        return ["created", "cancelled"]
    return ["moved"] if before.slot != after.slot else []


def _leave_hints(ports: Ports, tenant: Tenant, works: Sequence[Work]) -> None:
    """What is left over comes back before the next sweep: few one by one, many as a whole."""
    now = ports.clock()
    left = [w for w in works if unfinished(w)]
    hints.leave_open(ports, tenant.id, (work.record for work in works))
    if len(left) > PIECE:
        hints.leave(ports, [hints.later(hints.SWEEP, tenant.id, "", now)])
    elif left:
        hints.leave(ports, [hints.component_hint(tenant.id, w, now) for w in left])


def unfinished(work: Work) -> bool:
    """Whether it should be tried again soon: it failed in a way that passes."""
    problem = work.record.problem
    waits = problem is not None and not problem.final
    passing = waits and problem is not None and problem.code not in ("start_in_past", "braked")
    return bool(work.record.intent) or (passing and work.record.wants_meeting)
