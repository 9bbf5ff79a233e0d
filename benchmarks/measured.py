"""Runs in the measured process: does one thing and prints one line of JSON about it.

python -m benchmarks.measured sweep
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from benchmarks.counting import CountedTable, Tally, counted_graph, counted_lms
from shared import wiring
from shared.config import Settings
from shared.http import Send, sender
from shared.ports import Ports
from shared.table import open_table
from tests.local.memory import most_mib


def counted_ports(tally: Tally) -> Ports:
    """The connector's own wiring, with the three wires counted."""

    def counted_sender(system: str, *limit: int) -> Send:
        send = sender(system, *limit)
        match system:
            case "graph":
                return counted_graph(send, tally)
            case "lms":
                return counted_lms(send, tally)
        return send

    settings = Settings.from_env(os.environ)
    with patch.object(wiring, "sender", counted_sender):
        ports = wiring.make_ports(settings, CountedTable(open_table(settings), tally))
    wiring.spare_the_collector()
    return ports


def _run(tally: Tally, run: Callable[[], Any]) -> dict[str, Any]:
    tally.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    told = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    parts = dict(tally.cpu_s)
    return {
        "told": told,
        "wall_s": wall,
        "cpu_s": {**parts, "ours": cpu - sum(parts.values()), "all": cpu},
        "counts": dict(tally.counts),
        "most_batches": tally.most,
        "rss_mib": most_mib(),
    }


def sweep() -> dict[str, Any]:
    """One sweep of everybody."""
    from schedule_timer.sweep import sweep as run

    tally = Tally()
    ports = counted_ports(tally)
    return _run(tally, lambda: run(ports))


def warm_sweep() -> dict[str, Any]:
    """The same, in a process that knows the organizers and has its connections."""
    from schedule_timer.sweep import sweep as run
    from shared.model import Person

    tally = Tally()
    ports = counted_ports(tally)
    for tenant in ports.store.tenants():
        owners = {
            row.record.saved.owner.key: Person(row.record.saved.owner.email, "")
            for row in ports.store.components(tenant.id)[0]
        }
        ports.directory.find(tenant.id, ports.graph(tenant), owners, datetime.now(UTC), 300)
    return _run(tally, lambda: run(ports))


def catch_up() -> dict[str, Any]:
    """One catch-up that finds nothing to do."""
    from schedule_timer.catch_up import catch_up as run

    tally = Tally()
    ports = counted_ports(tally)
    return _run(tally, lambda: run(ports))


def night() -> dict[str, Any]:
    from attendance_timer.night import night as run

    tally = Tally()
    ports = counted_ports(tally)
    return _run(tally, lambda: run(ports))


def instant(tenant: str, count: str) -> dict[str, Any]:
    """*count* webhooks for new components inside the window, one after the other."""
    from benchmarks import sample
    from benchmarks.scene import secrets, soon
    from component_http.receive import receive
    from shared import signing
    from shared.model import TenantId

    tally = Tally()
    ports = counted_ports(tally)
    known = ports.tenants.get(TenantId(tenant))
    assert known
    inbound, _ = secrets(known)
    overheads, counts = [], []
    for n, saved in enumerate(sample.snapshots(int(count) + 1, 10, soon())):
        body = json.dumps(sample.webhook(saved)).encode()
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            **signing.sign([inbound], f"msg_{n}", now, body),
        }
        ports.tenants.get(TenantId(tenant))  # as within the last seconds
        tally.clear()
        began = time.perf_counter()
        reply = receive(ports, tenant, headers, body)
        took = time.perf_counter() - began
        assert reply.status == 200, reply
        if n:  # the first opens connections and looks the owners up
            overheads.append(took - sum(tally.wall_s.values()))
            counts.append(dict(tally.counts))
    overheads.sort()
    most = {name: max(one.get(name, 0) for one in counts) for name in counts[-1]}
    return {
        "most": most,
        "usual": counts[-1],
        "p50_ms": 1000 * overheads[len(overheads) // 2],
        "p99_ms": 1000 * overheads[int(len(overheads) * 0.99)],
    }


def modules(tenant: str) -> dict[str, Any]:
    """What a process has imported once it answered a webhook."""
    from benchmarks.cold import HEAVY

    told = instant(tenant, "1")
    heavy = [name for name in HEAVY if name in sys.modules]
    return {"modules": len(sys.modules), "heavy": heavy, "instant": told}


WHAT: dict[str, Callable[..., dict[str, Any]]] = {
    "sweep": sweep,
    "warm_sweep": warm_sweep,
    "catch_up": catch_up,
    "night": night,
    "instant": instant,
    "modules": modules,
}

if __name__ == "__main__":
    print(json.dumps(WHAT[sys.argv[1]](*sys.argv[2:])))
