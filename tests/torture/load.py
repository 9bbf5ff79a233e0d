"""Many due meetings of twenty providers in one sweep, ten of them broken in ten ways.

The law, promises 2, 4 and 5: nothing is lost, memory is bounded, and the healthy ones are done
within 15 seconds of when they would have been, were the others healthy too. The stand-ins throttle
at random, and run in processes of their own, as does the sweep:

    python dev.py torture --load DUE --seed SEED
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.sample import Size
from benchmarks.scene import Filled, Scene, fill, open_store, soon
from shared.answer import state_of
from shared.keys import partition
from shared.model import State, Tenant
from shared.record import Record
from shared.store import Store
from shared.table import Put, Row
from tests.local.children import free_port
from tests.local.hosting import ROOT
from tests.local.memory import most_mib

HEALTHY = 10
LATENESS_S = 15.0
"""How much later than beside healthy ones the healthy may be done (the law, promise 5)."""
MORE_MEMORY = 1.25
"""Times what it takes when all are healthy."""
THROTTLED = 0.02
"""The share of requests to Graph that anybody has throttled."""
NEVER_S = 3600.0
LATER_S = 600.0
"""The next sweep: claims of a process that was killed have lapsed by then."""


# -- ways to be broken -----------------------------------------------------------------------

Undo = Callable[[], object]


class Trouble:
    """Breaks a tenant; each way returns what mends it."""

    def __init__(self, scene: Scene, store: Store) -> None:
        self._knock, self._store = scene.stand_ins, store
        self._client = scene.stand_ins.facts["clientId"]

    def no_consent(self, tenant: Tenant) -> Undo:
        consent = {"tenantId": tenant.entra_tenant_id, "clientId": self._client}
        self._knock.delete("entra", f"/consents/{tenant.entra_tenant_id}/{self._client}")
        return lambda: self._knock.post("entra", "/consents", consent)

    def credential_refused(self, tenant: Tenant) -> Undo:
        about = {"id": tenant.entra_tenant_id}
        self._knock.post("entra", "/tenants", {**about, "error": 7000215})
        return lambda: self._knock.post("entra", "/tenants", about)

    def graph_hangs(self, tenant: Tenant) -> Undo:
        return self._graph(tenant, "delay", delay_s=NEVER_S)

    def graph_down(self, tenant: Tenant) -> Undo:
        return self._graph(tenant, "answer", status=503)

    def always_throttled(self, tenant: Tenant) -> Undo:
        return self._graph(tenant, "throttle", retry_after=30)

    def _graph(self, tenant: Tenant, effect: str, **how: Any) -> Undo:
        about = {"effect": effect, "tenant": tenant.entra_tenant_id, "times": None, **how}
        self._knock.post("graph", "/faults", about)
        return lambda: self._knock.delete("graph", "/faults")

    def callback_hangs(self, tenant: Tenant) -> Undo:
        about = {"effect": "delay", "path": f"/{tenant.id}$", "times": None, "delay_s": NEVER_S}
        self._knock.post("lms", "/faults", about)
        return lambda: self._knock.delete("lms", "/faults")

    def callback_dead(self, tenant: Tenant) -> Undo:
        return self._changed(tenant, callback_url=f"https://127.0.0.1:{free_port()}/")

    def disabled(self, tenant: Tenant) -> Undo:
        return self._changed(tenant, enabled=False)

    def _changed(self, tenant: Tenant, **how: Any) -> Undo:
        self._store.put("tenants", [(tenant.id, replace(tenant, **how))])
        return lambda: self._store.put("tenants", [(tenant.id, tenant)])

    def rows_spoiled(self, tenant: Tenant) -> Undo:
        """Every copy of one component is no JSON any more."""
        where, mark = partition(tenant.id), "C-000007"
        page = self._store.table.page(where, "", "\x7f")
        held = [row for row in page.rows if row.text and row.key.endswith(mark)]
        spoiled = [Put(Row(row.key, "{spoiled", row.marks)) for row in held]
        self._store.table.commit(where, spoiled)
        return lambda: self._store.table.commit(where, [Put(row) for row in held])

    def nobody_there(self, tenant: Tenant) -> Undo:
        """The directory is as good as empty: a scene's tenant whose users are made later."""
        upns = {row.record.saved.owner.email for row in every(self._store, tenant)}
        users = [{"tenant": tenant.entra_tenant_id, "upn": upn} for upn in sorted(upns)]
        return lambda: [self._knock.post("graph", "/users", user) for user in users]


WAYS: dict[str, Callable[[Trouble, Tenant], Undo]] = {
    "no consent": Trouble.no_consent,
    "credential refused": Trouble.credential_refused,
    "Graph hangs": Trouble.graph_hangs,
    "Graph is down": Trouble.graph_down,
    "always throttled": Trouble.always_throttled,
    "callback hangs": Trouble.callback_hangs,
    "callback dead": Trouble.callback_dead,
    "rows spoiled": Trouble.rows_spoiled,
    "disabled": Trouble.disabled,
    "directory empty": Trouble.nobody_there,
}


# -- a round -------------------------------------------------------------------------------


@dataclass(slots=True)
class Swept:
    """What a sweep's process told. *done_s*: when each tenant was, from the start of the sweep."""

    done_s: dict[str, float]
    told: dict[str, dict[str, Any]]
    rss_mib: float


@dataclass(slots=True)
class Figures:
    """What a round found.

    Attributes:
        whole_s, beside_s: When the last of ten tenants was done, beside ten healthy or broken.
        whole_mib, beside_mib: Most memory that the sweep's process had.
        sweeps: How many it took, everything mended, until all was done.
        violations: Broken promises, in words.
    """

    due: int
    whole_s: float = 0.0
    beside_s: float = 0.0
    whole_mib: float = 0.0
    beside_mib: float = 0.0
    sweeps: int = 0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.due:,} due: ten providers done after {self.beside_s:.1f} s, "
            f"{self.beside_mib:.0f} MiB beside ten broken; {self.whole_s:.1f} s, "
            f"{self.whole_mib:.0f} MiB beside ten healthy; all mended, all done "
            f"{self.sweeps} sweeps later; {len(self.violations)} violations"
        )


def play(scene: Scene, due: int, seed: int, patience_s: float) -> Figures:
    """A sweep of twenty healthy providers, one with ten of them broken, and then all mended.

    *patience_s*: how long the broken ones may go on when the healthy are done; then the process is
    killed, wherever it is.
    """
    figures, each = Figures(due), due // (HEALTHY + len(WAYS))
    organizers = max(1, each // 10)
    throttle = {"rate": THROTTLED, "seed": seed, "effects": ["throttle"], "retry_after": 1}
    scene.stand_ins.post("graph", "/faults/random", throttle)
    count = HEALTHY + len(WAYS)
    whole = filled(scene, scene.tenants(Size(0, count, count * organizers)), each, organizers)
    first = swept(whole, whole.tenants, patience_s)
    # As with the others below, those that come last in the list.
    figures.whole_s = max(first.done_s[one.id] for one in whole.tenants[-HEALTHY:])
    figures.whole_mib = first.rss_mib

    # The broken first: who waited for one another would wait for them.
    bad = list(scene.tenants(Size(0, len(WAYS) - 1, (len(WAYS) - 1) * organizers)))
    random.Random(seed).shuffle(bad)
    bad.append(scene.tenants(Size(0, 1, 0))[0])
    good = scene.tenants(Size(0, HEALTHY, HEALTHY * organizers))
    both = filled(scene, (*bad, *good), each, organizers)
    store = open_store(both.env)
    trouble = Trouble(scene, store)
    undo = [break_(trouble, tenant) for break_, tenant in zip(WAYS.values(), bad, strict=True)]
    second = swept(both, good, patience_s)
    figures.beside_s = max(second.done_s.get(one.id, float("inf")) for one in good)
    figures.beside_mib = second.rss_mib

    if figures.beside_s - figures.whole_s > LATENESS_S:
        figures.violations.append(f"the healthy were late: {figures}")
    if figures.beside_mib > MORE_MEMORY * figures.whole_mib:
        figures.violations.append(f"memory grew: {figures}")
    for tenant in good:
        figures.violations += lost(store, tenant, each)
    for mend in undo:
        mend()
    for way, tenant in zip(WAYS, bad, strict=True):
        figures.violations += [f"{way}: {line}" for line in lost(store, tenant, each)]
    while figures.sweeps < 3:
        figures.sweeps += 1
        scene.stand_ins.post("graph", "/clock", {"advance": LATER_S})  # it is everybody's
        swept(both, both.tenants, NEVER_S, LATER_S * figures.sweeps)
        left = [line for one in both.tenants for line in not_done(scene, store, one, each)]
        if not left:
            break
    figures.violations += [f"mended, but {line}" for line in left]
    return figures


def filled(scene: Scene, tenants: Sequence[Tenant], each: int, organizers: int) -> Filled:
    """A new table with *each* due meetings of every tenant."""
    made = scene.empty(tuple(tenants))
    store = open_store(made.env)
    for tenant in tenants:
        fill(store, tenant, each, organizers, soon())
    return made


def every(store: Store, tenant: Tenant) -> Iterator[Any]:
    """All its components."""
    after = ""
    while True:
        page, after = store.components(tenant.id, after)
        yield from page
        if not after:
            return


def lost(store: Store, tenant: Tenant, each: int) -> Iterator[str]:
    """Components of *tenant* that are gone, or are not done without saying why."""
    records: list[Record] = [stored.record for stored in every(store, tenant)]
    if len(records) != each:
        yield f"{len(records)} of {each} components are stored"
    for record in records:
        state, code = state_of(record, tenant, datetime.now(UTC))
        if state is not State.SCHEDULED and not code:
            yield f"{record.key} is {state.value}, for no reason"


def not_done(scene: Scene, store: Store, tenant: Tenant, each: int) -> Iterator[str]:
    """What *tenant* lacks: every component one event, its link, and the LMS told once."""
    knock = scene.stand_ins
    live = knock.get("graph", f"/events?tenant={tenant.entra_tenant_id}")
    events = Counter(event["subject"] for event in live)
    told = Counter(
        event["data"]["componentId"]
        for event in knock.get("lms", f"/tenants/{tenant.id}/events?type=meeting.scheduled")
    )
    records: list[Record] = [stored.record for stored in every(store, tenant)]
    if not len(records) == len(events) == len(told) == each:
        yield f"{tenant.id}: {len(records)} stored, {len(events)} events, {len(told)} told: {each}"
    for record in records:
        saved = record.saved
        state, code = state_of(record, tenant, datetime.now(UTC))
        if (state, code, events[saved.name], told[saved.id]) != (State.SCHEDULED, None, 1, 1):
            yield (
                f"{tenant.id} {saved.id}: {state.value} {code}, {events[saved.name]} events, "
                f"told {told[saved.id]} times"
            )
        if record.queue:
            yield f"{tenant.id} {saved.id}: {len(record.queue)} events wait"


# -- the sweep's process -------------------------------------------------------------------


def swept(
    filled: Filled, waited_for: Sequence[Tenant], patience_s: float, later_s: float = 0.0
) -> Swept:
    """One sweep of everybody, in a process of its own that lives *later_s* from now."""
    order = {"for": [one.id for one in waited_for], "patience_s": patience_s, "later_s": later_s}
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.load", json.dumps(order)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **filled.env},
        timeout=1800,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return Swept(**json.loads(done.stdout.splitlines()[-1]))


class _Finishing(logging.Handler):
    """When each tenant was done."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.done_s: dict[str, float] = {}
        self.changed = threading.Condition()
        self._began = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "tenant_sweep.finished":
            with self.changed:
                self.done_s[str(vars(record)["tenant"])] = time.monotonic() - self._began
                self.changed.notify_all()


def _sweep(order: dict[str, Any]) -> None:
    """Sweep until those waited for are done, and some patience more; then die as one killed."""
    from schedule_timer.sweep import sweep
    from shared.config import Settings
    from shared.wiring import make_ports

    later = timedelta(seconds=order["later_s"])
    ports = make_ports(Settings.from_env(os.environ))
    ports = replace(ports, clock=lambda: datetime.now(UTC) + later)
    finishing, told = _Finishing(), {}
    logging.getLogger("schedule_timer").addHandler(finishing)
    logging.getLogger("schedule_timer").setLevel(logging.INFO)

    def run() -> None:
        told.update(sweep(ports))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    with finishing.changed:
        finishing.changed.wait_for(
            lambda: set(order["for"]) <= finishing.done_s.keys() or not thread.is_alive(), NEVER_S
        )
    thread.join(order["patience_s"])
    answer = {"done_s": finishing.done_s, "told": told, "rss_mib": most_mib()}
    print(json.dumps(answer), flush=True)
    os._exit(0)


# -- at length -----------------------------------------------------------------------------


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="load-") as folder, Scene(Path(folder)).running() as it:
        it.latency(0.05)
        yield it


def campaign(until: float, seed: int) -> Counter[str]:
    """Rounds of some hundred meetings until the time is over; a broken promise is printed."""
    figures: Counter[str] = Counter()
    while time.monotonic() < until and not figures["violations"]:
        with scene() as neighbours:
            found = play(neighbours, 400, seed + figures["loads"], patience_s=5)
        figures.update({"loads": 1, "violations": len(found.violations)})
        for line in found.violations[:20]:
            print(line)
    return figures


def main(due: int, seed: int) -> int:
    with scene() as neighbours:
        found = play(neighbours, due, seed, patience_s=120)
    print(found, *found.violations[:20], sep="\n")
    return 1 if found.violations else 0


if __name__ == "__main__":  # the connector's process
    _sweep(json.loads(sys.argv[1]))
