"""A run whose pieces are done wherever there is room: what the queue carries, and what came of it.

An order holds keys only, and is a hint: lost, the next run does the work; twice, late or out of
order, it does no harm. What the pieces counted is gathered in one row per run and tenant; whoever
completes it finishes the tenant, and whoever completes the last tenant ends the run.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared import codec, runs
from shared.each import each_tenant
from shared.model import Tenant, TenantId
from shared.pieces import Piece
from shared.ports import Ports
from shared.telemetry import bound

log = logging.getLogger(__name__)

OUTDATED = timedelta(hours=3)
"""After this the next run has ordered the same anew: a queue that fell behind catches up."""
HAND_OUT_S = 10 * 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of run. *do* is for one piece, *finish* for what is left when all are done."""

    name: str
    function: str
    finished: str  # the event that tells that a tenant is done
    tenants: Callable[[Ports], list[Tenant]]
    pieces: Callable[[Ports, Tenant], Iterable[Piece]]
    do: Callable[[Ports, Tenant, Piece], Counter[str]]
    finish: Callable[[Ports, Tenant], Counter[str]]


@dataclass(frozen=True, slots=True)
class Order:
    """One piece to be done: *of* so many of its tenant in the run whose row is *run*."""

    job: str
    tenant: TenantId
    low: str
    high: str
    of: int
    run: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """What a tenant's pieces counted, by where they begin."""

    done: dict[str, Any] = field(default_factory=dict)
    finished: bool = False


def read(message: bytes) -> Order | None:
    """The order in a message; None for what nobody here can have written, which is dropped."""
    try:
        return codec.loads(Order, message.decode())
    except (ValueError, TypeError, KeyError):
        log.error("work.unreadable", extra={"bytes": len(message)})
        return None


def hand_out(ports: Ports, job: Job, wrap: Any = lambda run: run) -> list[str]:
    """Start a run of *job*: the orders to be put into the queue."""
    run = runs.start(ports, job.function)
    key = runs.run_key(run)

    def cut(tenant: Tenant) -> dict[str, Any]:
        # One at least: somebody has to finish the tenant.
        return {"pieces": list(job.pieces(ports, tenant)) or [Piece()]}

    found = each_tenant(ports.busy, f"{job.name}_cut", job.tenants(ports), cut, HAND_OUT_S, wrap)
    orders = [
        Order(
            job.name,
            TenantId(tenant),
            piece.low,
            piece.high,
            len(one["pieces"]),
            key,
            run.started_at,
        )
        for tenant, one in found.items()
        for piece in one.get("pieces", ())
    ]
    expected = {
        tenant: {"unfinished": True, "pieces": len(one["pieces"])}
        if "pieces" in one
        else {"error": str(one.get("error", "not_cut"))}
        for tenant, one in found.items()
    }
    runs.expect(ports, run, expected)
    return [codec.dumps(order) for order in orders]


def carry_out(ports: Ports, order: Order, job: Job) -> None:
    """Do one piece and note what it counted; what it raises has the queue try it again."""
    with bound(tenant=order.tenant):
        tenant = ports.tenants.get(order.tenant, fresh=True)
        counts: dict[str, Any] = {}
        if ports.clock() - order.at > OUTDATED:
            counts = {"outdated": 1}
        elif tenant is not None:
            counts = dict(job.do(ports, tenant, Piece(order.low, order.high)))
        _note(ports, order, job, tenant, counts)


def give_up(ports: Ports, order: Order, job: Job) -> None:
    """A piece that failed time and again: the run shows it, and the next one tries again."""
    with bound(tenant=order.tenant):
        log.error("work.poisoned", extra={"tenant": order.tenant, "function": job.function})
        tenant = ports.tenants.get(order.tenant, fresh=True)
        _note(ports, order, job, tenant, {"error": "poisoned"})


def _note(
    ports: Ports, order: Order, job: Job, tenant: Tenant | None, counts: dict[str, Any]
) -> None:
    def with_this(had: Progress | None) -> Progress:
        before = had or Progress()
        return replace(before, done={order.low: counts, **before.done})

    key = f"{order.run}|{order.tenant}"
    progress = ports.store.change(runs.PROGRESS, key, Progress, with_this)
    if progress.finished or len(progress.done) < order.of:
        return
    total: Counter[str] = Counter()
    for one in progress.done.values():
        total.update({name: n for name, n in one.items() if name != "error"})
    if tenant is not None:
        total.update(job.finish(ports, tenant))
    failed = {"error": "poisoned"} if any("error" in c for c in progress.done.values()) else {}
    if not failed:
        duration_s = (ports.clock() - order.at).total_seconds()
        log.info(
            job.finished,
            extra={"tenant": order.tenant, "counts": dict(total), "duration_s": duration_s},
        )
    runs.tenant_done(ports, order.run, order.tenant, {**total, **failed})
    # Last, so that who dies before it is followed by another try of the same order.
    ports.store.change(
        runs.PROGRESS, key, Progress, lambda had: replace(had or progress, finished=True)
    )
