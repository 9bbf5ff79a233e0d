"""What a meeting costs, counted exactly: requests, transactions, rows, modules. Never seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from attendance_timer.night import night
from benchmarks import sample
from benchmarks.counting import CountedTable, Tally
from benchmarks.scene import fill, fill_past
from component_http.receive import receive
from schedule_timer.catch_up import catch_up
from schedule_timer.sweep import PIECE, sweep
from shared import signing
from shared.model import Tenant, TenantId
from shared.ports import Ports
from tests.fakes import MemoryTable
from tests.flows.world import ENTRA, TENANT, World
from tests.local.hosting import ROOT


class Counted(World):
    """A world whose wires are counted."""

    def __init__(self, organizers: int) -> None:
        self.tally = Tally()
        super().__init__(table=CountedTable(MemoryTable(), self.tally))
        for n in range(organizers):
            self.graph.add_user(ENTRA, sample.owner(n).email)
        self.organizers = organizers

    @property
    def known(self) -> Tenant:
        tenant = self.ports.tenants.get(TenantId(TENANT))
        assert tenant
        return tenant

    def due(self, count: int, first: int = 0) -> None:
        """*count* meetings inside the window, saved and not done yet."""
        start = self.clock() + timedelta(days=3)
        fill(self.ports.store, self.known, count, self.organizers, start, first)

    def cost(self, run: Callable[[Ports], Any]) -> Counter[str]:
        """What *run* takes over the wires."""
        self.tally.clear()
        self.sent.clear()
        before = len(self.lms.received)
        run(self.ports)
        batches = [json.loads(c.body or b"") for c in self.sent if c.url.endswith("$batch")]
        return self.tally.counts + Counter(
            graph_requests=len(self.sent),
            graph_items=sum(len(one["requests"]) for one in batches)
            + len(self.sent) - len(batches),
            callbacks=len(self.lms.received) - before,
        )  # fmt: skip


def test_a_sweep_makes_a_tenth_of_the_requests_and_three_states_of_each_meeting() -> None:
    world = Counted(organizers=20)
    world.due(PIECE)
    cost = world.cost(sweep)
    assert len(world.events()) == PIECE
    assert cost["callbacks"] == PIECE
    # Owners by name and their calendars' providers, one batch each; then the creates.
    assert cost["graph_items"] == 20 + 20 + PIECE
    assert cost["graph_requests"] <= 0.1 * PIECE
    # Claim, note and delivery: 3, 4 and 3 rows less what is shared, 33 meetings a transaction.
    assert 9 * PIECE <= cost["entities_written"] <= 9 * PIECE + 30
    assert cost["transactions"] <= 0.13 * PIECE


def test_a_sweep_that_finds_all_as_it_was_writes_nothing_but_its_run() -> None:
    world = Counted(organizers=10)
    world.due(100)
    world.cost(sweep)
    cost = world.cost(sweep)
    assert cost["callbacks"] == 0
    assert cost["transactions"] == 2, "that it began, and that it ended"
    assert cost["graph_requests"] == 1, "ten lists in one batch"
    assert cost["entities_read"] == 200 + 1, "the places to cut pieces by, the records, the tenant"


@pytest.mark.parametrize("run", [sweep, night])
def test_what_is_stored_costs_nothing(run: Callable[[Ports], Any]) -> None:
    costs = []
    for stored in (0, 2000):
        world = Counted(organizers=10)
        world.due(50)
        sweep(world.ports)
        world.due(50, first=50)
        fill_past(world.ports.store, world.known, stored, 100, world.clock())
        if run is night:
            world.pass_(days=4)
        cost = world.cost(run)
        del cost["graph_requests"]  # how items fall into batches is the threads' affair
        costs.append(cost)
    assert costs[0] == costs[1]
    assert costs[0]["entities_read"]


@pytest.mark.parametrize("tenants", [1, 30])
def test_an_idle_catch_up_reads_one_page(tenants: int) -> None:
    world = Counted(organizers=0)
    for n in range(1, tenants):
        name = TenantId(f"t{n}")
        world.ports.store.insert("tenants", name, replace(world.known, id=name))
    cost = world.cost(catch_up)
    assert (cost["table_reads"], cost["entities_read"]) == (1, 0)
    assert cost["graph_requests"] == 0


def webhook(world: Counted, number: int) -> Callable[[Ports], Any]:
    """The LMS saves a meeting inside the window."""
    (saved,) = sample.snapshots(1, 1, world.clock() + timedelta(days=3), number)
    body = json.dumps(sample.webhook(saved)).encode()
    tenant = world.known
    secret = signing.newest_secret(
        world.ports.settings.signing_keys, tenant.id, signing.Direction.INBOUND, tenant.secrets
    )
    headers = {"content-type": "application/json"}
    headers |= signing.sign([secret], f"msg_{number}", world.clock(), body)

    def call(ports: Ports) -> None:
        assert receive(ports, TENANT, headers, body).status == 200

    return call


def test_a_webhook_inside_the_window_is_one_read_three_transactions_one_create_one_callback() -> (
    None
):
    world = Counted(organizers=1)
    world.cost(webhook(world, 0))  # the owner becomes known
    cost = world.cost(webhook(world, 1))
    assert len(world.events()) == 2
    assert {
        name: cost[name] for name in ("table_reads", "transactions", "graph_requests", "callbacks")
    } == {"table_reads": 1, "transactions": 3, "graph_requests": 1, "callbacks": 1}


# -- what a cold process imports -----------------------------------------------------------

OURS = ("component_http", "schedule_timer", "attendance_timer", "shared")


def imported(*modules: str) -> set[str]:
    """Everything that a new process has after importing *modules*."""
    script = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_starting_imports_hardly_more_than_microsofts_own_module() -> None:
    more = imported("function_app") - imported("azure.functions")
    foreign = {name for name in more if name.partition(".")[0] not in OURS}
    assert len(foreign) <= 5, sorted(foreign)
    assert "shared.wiring" not in more


def test_a_webhook_imports_what_it_needs() -> None:
    """Not the identity that a connection string makes needless, nor what timers do."""
    found = imported("component_http.receive", "shared.wiring")
    needless = {
        *("azure.identity", "azure.data.tables", "msal", "requests", "urllib3", "cryptography"),
        *("schedule_timer.sweep", "attendance_timer.night", "shared.verify"),
    }
    assert found & needless == set(), "each is imported by the call that needs it, if any"
