"""What every run did, for those who look after the connector (``GET /runs``)."""

from __future__ import annotations

import logging
import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared import codec
from shared.each import outcome_of
from shared.errors import Stale
from shared.model import TenantId
from shared.ports import Ports
from shared.table import GROUP_OPERATIONS, Delete, rows

log = logging.getLogger(__name__)

RUNS, PROGRESS = "runs", "progress"
KEY = re.compile(r"[0-9]{11}\|[0-9a-f]{32}")
"""What a run's row key looks like."""
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a function. *outcome*: ``running``, ``done``, ``partial`` or ``failed``."""

    id: str
    function: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    tenants: dict[str, Any] = field(default_factory=dict)


def run_key(run: Run) -> str:
    """Latest first: the seconds left until the calendar's end, then the id."""
    left = 99_999_999_999 - int(run.started_at.timestamp())
    return f"{left:011d}|{run.id}"


def start(ports: Ports, function: str, *, shown: bool = True) -> Run:
    """*shown* False keeps a run that starts every minute from being written twice."""
    run = Run(uuid.uuid4().hex, function, ports.clock(), None, "running")
    if shown:
        ports.store.put(RUNS, [(run_key(run), run)])
    return run


def expect(ports: Ports, run: Run, tenants: dict[str, Any]) -> None:
    """Say of a run that others do for which tenants it is; it has ended when none is unfinished."""
    ports.store.put(RUNS, [(run_key(run), replace(run, tenants=tenants))])
    if not _waits(tenants):
        finish(ports, run, outcome_of(tenants), tenants)


def _waits(tenants: dict[str, Any]) -> bool:
    return any("unfinished" in one for one in tenants.values())


def tenant_done(ports: Ports, key: str, tenant: TenantId, counts: dict[str, Any]) -> None:
    """Note a tenant's counts in the run with *key*; the last one ends it. Raises Stale without."""
    ends = False

    def with_this(run: Run | None) -> Run:
        nonlocal ends
        if run is None:
            raise Stale(key)
        tenants = {**run.tenants, tenant: counts}
        ends = not _waits(tenants) and run.ended_at is None
        if not ends:
            return replace(run, tenants=tenants)
        return replace(run, tenants=tenants, ended_at=ports.clock(), outcome=outcome_of(tenants))

    run = ports.store.change(RUNS, key, Run, with_this)
    if ends:
        _report(run)


def finish(ports: Ports, run: Run, outcome: str, tenants: dict[str, Any]) -> Run:
    ended = Run(run.id, run.function, run.started_at, ports.clock(), outcome, tenants)
    ports.store.put(RUNS, [(run_key(ended), ended)])
    _report(ended)
    return ended


def _report(run: Run) -> None:
    ended_at = run.ended_at or run.started_at
    log.info(
        "run.finished",
        extra={
            "function": run.function,
            "outcome": run.outcome,
            "tenants": len(run.tenants),
            "duration_s": (ended_at - run.started_at).total_seconds(),
        },
    )


def listed(ports: Ports, after: str) -> tuple[list[Run], str]:
    """A page of runs, latest first."""
    page = ports.store.table.page(RUNS, "", "\x7f", after)
    return [codec.loads(Run, row.text) for row in page.rows], page.next


def purge(ports: Ports, now: datetime) -> int:
    """Forget runs older than a month; returns how many."""
    oldest = run_key(Run("", "", now - KEPT, None, ""))
    _purge(ports, PROGRESS, oldest)
    return _purge(ports, RUNS, oldest)


def _purge(ports: Ports, where: str, oldest: str) -> int:
    table = ports.store.table
    keys = [row.key for row in rows(table, where, oldest, "\x7f", marks_only=True)]
    for n in range(0, len(keys), GROUP_OPERATIONS):
        table.commit(where, [Delete(key) for key in keys[n : n + GROUP_OPERATIONS]])
    return len(keys)


def run_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "function": run.function,
        "startedAt": codec.instant(run.started_at),
        "endedAt": codec.instant(run.ended_at) if run.ended_at else None,
        "outcome": run.outcome,
        "tenants": run.tenants,
    }
