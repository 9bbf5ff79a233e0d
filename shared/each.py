"""Doing something for every tenant so that none waits for another's trouble."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from shared.errors import ConnectorError
from shared.model import Tenant, TenantId
from shared.telemetry import bound, crash_of

log = logging.getLogger(__name__)

AT_ONCE = 24
Busy = set[tuple[str, TenantId]]
"""What a process is at, for whom."""
_lock = threading.Lock()


def each_tenant(
    busy: Busy,
    what: str,
    tenants: Sequence[Tenant],
    work: Callable[[Tenant], dict[str, Any]],
    wait_s: float,
    wrap: Callable[[Callable[[], None]], Callable[[], None]] = lambda run: run,
) -> dict[str, dict[str, Any]]:
    """*work*'s counts by tenant. A tenant that fails has an ``error``, and stops no other.

    Waits *wait_s* at most: who takes longer goes on in a thread of its own, has ``unfinished``
    here, and is passed over by the next run of *what* in this process, whose *busy* it is in, while
    it does.
    """
    counts: dict[str, dict[str, Any]] = {}
    turns = threading.Semaphore(AT_ONCE)
    futures: dict[TenantId, Future[dict[str, Any]]] = {}
    for tenant in tenants:
        with _lock:
            if (what, tenant.id) in busy:
                counts[tenant.id] = {"busy": True}
                continue
            busy.add((what, tenant.id))
        future: Future[dict[str, Any]] = Future()
        futures[tenant.id] = future
        run = wrap(partial(_run, busy, what, tenant, work, future, turns))
        threading.Thread(target=run, name=f"{what}-{tenant.id}", daemon=True).start()
    end = time.monotonic() + wait_s
    for tenant_id, future in futures.items():
        try:
            counts[tenant_id] = future.result(timeout=max(0.0, end - time.monotonic()))
        except TimeoutError:
            counts[tenant_id] = {"unfinished": True}
    return counts


def _run(
    busy: Busy,
    what: str,
    tenant: Tenant,
    work: Callable[[Tenant], dict[str, Any]],
    future: Future[dict[str, Any]],
    turns: threading.Semaphore,
) -> None:
    try:
        with bound(tenant=tenant.id), turns:
            future.set_result(work(tenant))
    except ConnectorError as error:
        log.warning(
            "tenant_run.failed", extra={"tenant": tenant.id, "run": what, "why": str(error)}
        )
        future.set_result({"error": type(error).__name__})
    except Exception as error:
        log.error(
            "tenant_run.crashed",
            exc_info=crash_of(error),
            extra={"tenant": tenant.id, "run": what},
        )
        future.set_result({"error": type(error).__name__})
    except BaseException as error:  # noqa: BLE001 - raised where the run waits, not swallowed
        future.set_exception(error)
    finally:
        with _lock:
            busy.discard((what, tenant.id))


def outcome_of(counts: dict[str, dict[str, Any]]) -> str:
    """A run's outcome from its tenants' counts."""
    bad = [one for one in counts.values() if one.keys() & {"error", "unfinished", "busy"}]
    if not bad:
        return "done"
    return "partial" if len(bad) < len(counts) else "failed"
