"""What every run did, for those who look after the connector (``GET /runs``)."""

from __future__ import annotations

import logging
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared import codec
from shared.ports import Ports
from shared.table import GROUP_OPERATIONS, Delete, rows

log = logging.getLogger(__name__)

RUNS = "runs"
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


def finish(ports: Ports, run: Run, outcome: str, tenants: dict[str, Any]) -> Run:
    ended = Run(run.id, run.function, run.started_at, ports.clock(), outcome, tenants)
    ports.store.put(RUNS, [(run_key(ended), ended)])
    log.info(
        "run.finished",
        extra={
            "function": run.function,
            "outcome": outcome,
            "tenants": len(tenants),
            "duration_s": (ports.clock() - run.started_at).total_seconds(),
        },
    )
    return ended


def listed(ports: Ports, after: str) -> tuple[list[Run], str]:
    """A page of runs, latest first."""
    page = ports.store.table.page(RUNS, "", "\x7f", after)
    return [codec.loads(Run, row.text) for row in page.rows], page.next


def purge(ports: Ports, now: datetime) -> int:
    """Forget runs older than a month; returns how many."""
    oldest = Run("", "", now - KEPT, None, "")
    keys = [
        row.key for row in rows(ports.store.table, RUNS, run_key(oldest), "\x7f", marks_only=True)
    ]
    for n in range(0, len(keys), GROUP_OPERATIONS):
        ports.store.table.commit(RUNS, [Delete(key) for key in keys[n : n + GROUP_OPERATIONS]])
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
