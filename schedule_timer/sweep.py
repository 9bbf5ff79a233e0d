"""Make LMS and Teams agree: every enabled tenant, everything that is due or still ahead.

A tenant's sweep is cut into bounded pieces by organizer, so that a mailbox is in one piece only;
a piece is the unit of work, whoever does it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from schedule_timer.strays import note_strays, settle_strays
from schedule_timer.turns import settle_and_tell
from schedule_timer.vanished import act_on_vanished, count_vanished, hold, is_held, vanished_in
from shared import brake, hints, runs, subscriptions
from shared.answer import state_of
from shared.brake import Vanished
from shared.calendars import marker_prefix, read_singly
from shared.deliver import Delivered, deliver
from shared.each import each_tenant, outcome_of
from shared.errors import ConnectorError
from shared.fan_out import Job
from shared.hints import Hint
from shared.keys import ComponentKey
from shared.model import Mode, Tenant
from shared.pieces import Piece, Range, cut
from shared.ports import Ports
from shared.reconcile import Reconciler
from shared.record import Shelf
from shared.telemetry import inherited
from shared.window import window_end
from shared.work import Work

log = logging.getLogger(__name__)

PIECE = 200
AT_ONCE = 3
"""Pieces of a tenant: while one waits for Graph, the others' mailboxes need not."""
GRAPH_S = 90.0
LMS_S = 60.0
RUN_S = 25 * 60.0
WAITS_LONG = timedelta(hours=1)
OTHERS_COUNT = timedelta(minutes=2)
"""So long a piece's vanished events wait for the tenant's other pieces to have counted theirs."""


def sweep(ports: Ports, wrap: Any = lambda run: run) -> dict[str, Any]:
    """One run of ``schedule_timer``: all enabled tenants, each by itself."""
    run = runs.start(ports, "schedule_timer")
    counts = each_tenant(
        ports.busy, "sweep", _enabled(ports), lambda t: _sweep_or_soon(ports, t), RUN_S, wrap
    )
    runs.finish(ports, run, outcome_of(counts), counts)
    return counts


def _enabled(ports: Ports) -> list[Tenant]:
    return [tenant for tenant in ports.store.tenants() if tenant.enabled]


def _sweep_or_soon(ports: Ports, tenant: Tenant) -> dict[str, Any]:
    """One tenant's sweep; one that fails is left to a catch-up, not to the next timer."""
    try:
        return sweep_tenant(ports, tenant)
    except Exception:
        with suppress(ConnectorError):
            hints.leave(ports, [hints.later(hints.SWEEP, tenant.id, "", ports.clock())])
        raise


def sweep_tenant(ports: Ports, tenant: Tenant) -> dict[str, Any]:
    """All of one tenant: its pieces, then what needs all of them to have been looked at.

    A piece that fails holds up no other; what it raised is raised when they are done.
    """
    began = time.monotonic()
    total: Counter[str] = Counter()
    vanished: list[Vanished] = []
    failed: list[ConnectorError] = []
    with ThreadPoolExecutor(AT_ONCE, "piece", initializer=inherited()) as pool:
        do = partial(_sweep_piece, ports, tenant)
        for piece in [pool.submit(do, piece) for piece in pieces(ports, tenant)]:
            try:
                counts, gone = piece.result()
            except ConnectorError as error:
                failed.append(error)
                continue
            total.update(counts)
            vanished += gone
    if failed:
        raise failed[0]
    total.update(finish(ports, tenant, vanished))
    log.info(
        "tenant_sweep.finished",
        extra={"tenant": tenant.id, "counts": dict(total), "duration_s": time.monotonic() - began},
    )
    return dict(total)


def finish(ports: Ports, tenant: Tenant, vanished: Sequence[Vanished] = ()) -> Counter[str]:
    """What is left of a tenant's sweep when its pieces have been done.

    *vanished* is what they found gone and counted: none of it is acted on before all of it was
    weighed (the law, rule 14). Where other instances do the pieces, each sees to its own, and this
    is called without any.
    """
    counts: Counter[str] = Counter()
    if tenant.mode is not Mode.LIVE or not tenant.enabled:
        return counts
    for at in range(0, len(vanished), PIECE):
        counts.update(_settle_vanished(ports, tenant, vanished[at : at + PIECE]))
    counts.update(settle_strays(ports, tenant, ports.graph(tenant)))
    counts.update(subscriptions.keep(ports, tenant))
    return counts


def _settle_vanished(ports: Ports, tenant: Tenant, vanished: Sequence[Vanished]) -> Counter[str]:
    """Act on what this sweep found gone, after another read of each."""
    allowed = brake.ask(ports, tenant, vanished)
    found = [ports.store.get(tenant.id, ComponentKey(one.what)) for one in vanished]
    works = [Work(stored, stored.record) for stored in found if stored and stored.record.booking]
    going = [work for work in works if str(work.key) in allowed]
    staying = [work for work in works if str(work.key) not in allowed]
    graph = ports.graph(tenant)
    read_singly(graph, going, GRAPH_S)
    counts, done = work_through(ports, tenant, going, look_at_all=False)
    hold(Reconciler(ports, tenant, graph, GRAPH_S), staying)
    _leave_hints(ports, tenant, done)
    # Their pieces have counted them already.
    return Counter({**counts, "components": 0, "failed": 0, "vanished": 0, "braked": len(staying)})


def pieces(ports: Ports, tenant: Tenant) -> Iterator[Piece]:
    """A tenant's work in pieces of about ``PIECE`` components."""
    return cut(ports.store, tenant.id, _ranges(tenant, ports.clock()), PIECE)


def _ranges(tenant: Tenant, now: datetime) -> list[Range]:
    """What a sweep reads: the unfinished, the due, and what is ahead."""
    return [
        (Shelf.OPEN, None, None),
        (Shelf.DUE, None, window_end(tenant.time_zone, tenant.window_days, now)),
        (Shelf.AHEAD, now, None),
    ]


def sweep_piece(ports: Ports, tenant: Tenant, piece: Piece) -> Counter[str]:
    """One piece by itself, wherever the tenant's others are done.

    What vanished is counted now and acted on by a catch-up, when the others have counted theirs.
    """
    counts, vanished = _sweep_piece(ports, tenant, piece)
    at = ports.clock() + OTHERS_COUNT
    hints.leave(ports, [Hint(hints.COMPONENT, tenant.id, one.what, at) for one in vanished])
    return counts


def _sweep_piece(ports: Ports, tenant: Tenant, piece: Piece) -> tuple[Counter[str], list[Vanished]]:
    """Gather, decide, do, note, tell: one piece of one tenant, and what it found gone."""
    now = ports.clock()
    # By key: one that moves to another shelf between two reads is met twice.
    works = {
        stored.record.key: Work(stored, stored.record)
        for which, since, until in _ranges(tenant, now)
        for stored in ports.store.shelf(tenant.id, which, since, until, piece.buckets)
    }
    counts, done = work_through(ports, tenant, list(works.values()), look_at_all=True)
    _leave_hints(ports, tenant, done)
    _report_undelivered(tenant, done, ports.clock())
    return counts, vanished_in(done, now)


def work_through(
    ports: Ports, tenant: Tenant, works: Sequence[Work], *, look_at_all: bool
) -> tuple[Counter[str], list[Work]]:
    """Take components as far as they go now, and tell the LMS.

    *look_at_all* reads every event in Teams, as a piece of a sweep does, and only counts what has
    vanished; else only those about to be changed are read, and what has vanished is acted on.
    """
    now = ports.clock()
    if tenant.mode is not Mode.LIVE or not tenant.enabled:
        return Counter({"preview": len(works)}), []
    graph = ports.graph(tenant)
    before = {work.key: work.record for work in works}
    reconciler = Reconciler(ports, tenant, graph, GRAPH_S)
    if look_at_all:
        ahead = [w for w in works if w.record.booking and w.record.booking.slot.start > now]
        prefix = marker_prefix(ports.deployment, tenant.id)
        strays = ports.calendars.look(graph, prefix, ahead, now, GRAPH_S)
        note_strays(ports, tenant, strays)
    reconciler.find_owners(works)
    told: list[Delivered] = []

    def tell(some: Sequence[Work]) -> None:
        if all(one.reached for one in told):  # else the rest waits for the next run
            told.append(deliver(ports, tenant, some, LMS_S))

    settled = settle_and_tell(works, lambda some: replace(reconciler).settle(some), tell)
    see_to = count_vanished if look_at_all else act_on_vanished
    done = see_to(ports, tenant, reconciler, settled)
    tell(done)
    counts = Counter({"components": len(done)})
    counts["told"] = sum(one.taken for one in told)
    counts["untold"] = sum(one.failed for one in told)
    counts["unreached"] = int(not all(one.reached for one in told))
    counts["vanished"] = sum(work.vanished for work in done)
    counts["braked"] = sum(is_held(work) for work in done)
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


def _report_undelivered(tenant: Tenant, works: Sequence[Work], now: datetime) -> None:
    """How long the oldest event has waited that the LMS should have taken by now.

    An alert waits for this (``infra/events.bicep``); parked ones have an event of their own.
    """
    waiting = [event.at for work in works for event in work.record.queue if not event.parked]
    if waiting and now - min(waiting) >= WAITS_LONG:
        hours = (now - min(waiting)) / timedelta(hours=1)
        log.warning(
            "lms_event.undelivered",
            extra={"tenant": tenant.id, "count": len(waiting), "age_hours": round(hours, 2)},
        )


def unfinished(work: Work) -> bool:
    """Whether it should be tried again soon: it failed in a way that passes."""
    problem = work.record.problem
    waits = problem is not None and not problem.final
    passing = waits and problem is not None and problem.code not in ("start_in_past", "braked")
    return bool(work.record.intent) or (passing and work.record.wants_meeting)


SWEEP = Job(
    name="sweep",
    function="schedule_timer",
    finished="tenant_sweep.finished",
    tenants=_enabled,
    pieces=pieces,
    do=sweep_piece,
    finish=finish,
)
