"""Where measuring happens: stand-ins for Table Storage, Graph, Entra and the LMS in processes of
their own, and tables filled with components."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from benchmarks import sample
from benchmarks.sample import Size
from shared import signing
from shared.config import Settings
from shared.model import Booking, EventId, Snapshot, Tenant, UserId
from shared.persons import named_in, person_rows
from shared.scheduling.saving import save
from shared.store import Store, Write
from shared.table import open_table
from shared.window import day_start, local_date
from tests.local.azurite import ACCOUNT, ACCOUNT_KEY, Azurite
from tests.local.children import Child, free_port, wait_for_port
from tests.local.hosting import ROOT
from tests.local.world import SIGNING_KEY, SimulatorsProcess

LATENCY_S = 0.15
TABLE_LATENCY_S = 0.01
DEPLOYMENT = "bench"
ZONE = "Europe/London"


@dataclass(frozen=True, slots=True)
class Filled:
    """A connector's state: the settings that lead to it, and whose it is."""

    env: dict[str, str]
    tenants: tuple[Tenant, ...]


class Scene:
    """The neighbours of the process that is measured."""

    def __init__(self, folder: Path) -> None:
        self.azurite = Azurite(logs=folder)
        self.stand_ins = SimulatorsProcess(folder)
        self._folder = folder
        self._table: Child | None = None
        self._table_port = free_port()
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def running(self) -> Iterator[Scene]:
        command = [sys.executable, "-m", "benchmarks.table_stand_in"]
        try:
            self.stand_ins.spawn()
            self._table = Child(
                "table",
                [*command, str(self._table_port), str(TABLE_LATENCY_S)],
                log=self._folder / "table.log",
                cwd=ROOT,
            )
            self.azurite.start()
            self.stand_ins.wait()
            wait_for_port(self._table, self._table_port)
            yield self
        finally:
            self.stand_ins.stop()
            self.azurite.stop()
            if self._table is not None:
                self._table.kill()

    def latency(self, seconds: float) -> None:
        """How long Graph takes for each request or item of a batch, from now on."""
        calm = {"latency_s": seconds, "mailbox_requests_per_10_min": 10**9}
        self.stand_ins.patch("graph", "/switches", calm)

    def tenants(self, size: Size) -> tuple[Tenant, ...]:
        """New customers: consented, with their organizers' mailboxes, and an LMS that listens."""
        return tuple(self._tenant(size.organizers // size.tenants) for _ in range(size.tenants))

    def _tenant(self, organizers: int) -> Tenant:
        name = f"t{next(self._numbers)}"
        facts = self.stand_ins.facts
        tenant = sample.tenant(name, f"{facts['lms']}/hooks/teams/{name}")
        entra = tenant.entra_tenant_id
        consent = {"tenantId": entra, "clientId": facts["clientId"]}
        self.stand_ins.post("entra", "/tenants", {"id": entra})
        self.stand_ins.post("entra", "/consents", consent)
        self.stand_ins.post("graph", "/tenants", {"id": entra})
        for n in range(organizers):
            user = {"tenant": entra, "upn": sample.owner(n).email}
            self.stand_ins.post("graph", "/users", user)
        inbound, outbound = secrets(tenant)
        account = {
            "tenantId": name, "connectorUrl": "https://127.0.0.1:1/api",
            "inboundSecret": inbound, "outboundSecret": outbound,
        }  # fmt: skip
        self.stand_ins.post("lms", "/tenants", account)
        return tenant

    def filled(self, size: Size, *, azurite: bool = False) -> Filled:
        """A new table with *size* meetings that are due."""
        filled = self.empty(self.tenants(size), azurite=azurite)
        store = open_store(filled.env)
        for tenant in filled.tenants:
            count, owners = size.due // size.tenants, size.organizers // size.tenants
            fill(store, tenant, count, owners, soon())
        return filled

    def empty(self, tenants: tuple[Tenant, ...], *, azurite: bool = False) -> Filled:
        """A new table with *tenants* and nothing else."""
        env = self.environment(azurite=azurite)
        store = open_store(env)
        for tenant in tenants:
            store.insert("tenants", tenant.id, tenant)
        return Filled(env, tenants)

    def token(self, tenant: Tenant) -> str:
        """A Graph token, for who brings its own client."""
        facts = self.stand_ins.facts
        answer = requests.post(
            f"{facts['entra']}/{tenant.entra_tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": facts["clientId"],
                "client_secret": facts["clientSecret"],
                "scope": "https://graph.microsoft.com/.default",
            },
            verify=facts["ca"],
            timeout=30,
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def environment(self, *, azurite: bool = False) -> dict[str, str]:
        """Settings of a connector with a table of its own."""
        facts = self.stand_ins.facts
        table = f"http://127.0.0.1:{self._table_port}/{ACCOUNT}"
        stand_in = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"TableEndpoint={table};"
        )
        return {
            "STATE_CONNECTION_STRING": self.azurite.connection_string if azurite else stand_in,
            "STATE_TABLE_PREFIX": f"b{uuid.uuid4().hex[:12]}",
            "CONNECTOR_CLIENT_ID": facts["clientId"],
            "CONNECTOR_CLIENT_SECRET": facts["clientSecret"],
            "SIGNING_KEY": SIGNING_KEY,
            "DEPLOYMENT_ID": DEPLOYMENT,
            "GRAPH_BASE_URL": facts["graph"],
            "ENTRA_AUTHORITY_HOST": facts["entra"],
            "REQUESTS_CA_BUNDLE": facts["ca"],
            "CALLBACK_ALLOWED_HOSTS": "127.0.0.1",
            "NO_PROXY": "127.0.0.1,localhost",
            "WORK_QUEUE__queueServiceUri": "",
            "SCHEDULE_CRON": "0 0 */3 * * *",
            "CATCH_UP_CRON": "0 * * * * *",
            "ATTENDANCE_CRON": "0 0 1 * * *",
        }


def secrets(tenant: Tenant) -> tuple[str, str]:
    """The tenant's inbound and outbound webhook secrets."""
    inbound, outbound = (
        signing.newest_secret([SIGNING_KEY], tenant.id, way, tenant.secrets)
        for way in (signing.Direction.INBOUND, signing.Direction.OUTBOUND)
    )
    return inbound, outbound


def soon() -> datetime:
    """A morning inside everybody's window."""
    return day_start(local_date(datetime.now(UTC), ZONE), ZONE) + timedelta(days=3, hours=8)


def open_store(env: dict[str, str]) -> Store:
    return Store(open_table(Settings.from_env(env)))


def fill(
    store: Store, tenant: Tenant, due: int, organizers: int, start: datetime, first: int = 0
) -> None:
    """Save *due* components as the LMS's list would, a week before they start."""
    now = start - timedelta(days=7)
    writes = []
    for saved in sample.snapshots(due, organizers, start, first):
        people = person_rows(DEPLOYMENT, tenant.id, named_in(saved))
        writes.append(Write(None, save(None, saved, now), people))
    store.write(tenant.id, writes)


def fill_past(
    store: Store, tenant: Tenant, count: int, first: int, now: datetime | None = None
) -> None:
    """Components whose day is over and whose hours are settled: stored, and nobody's business."""
    then = (now or datetime.now(UTC)) - timedelta(days=100)
    for at in range(first, first + count, 1000):
        left = min(1000, first + count - at)
        saved = sample.snapshots(left, 50, then, at)
        writes = [
            Write(None, replace(save(None, one, then), booking=held(one), attendance_done=True))
            for one in saved
        ]
        store.write(tenant.id, writes)


def held(saved: Snapshot) -> Booking:
    """The event of a meeting that took place."""
    assert saved.slot
    return Booking(
        organizer=UserId("11111111-0000-4000-8000-000000000001"),
        owner_key=saved.owner.key,
        organizer_addresses=(saved.owner.email,),
        event_id=EventId(f"past-{saved.id}"),
        generation=1,
        slot=saved.slot,
        teams_slot=saved.slot,
        subject=saved.name,
        teams_subject=saved.name,
        attendees=(),
        teams_attendees=(),
        agenda="",
        zone=ZONE,
        online=True,
        join_url="https://teams.microsoft.com/l/meetup-join/past",
        made_at=saved.slot.start,
    )


def measured(env: dict[str, str], what: str, *arguments: str, timeout_s: float = 900) -> Any:
    """What `benchmarks.measured` tells from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.measured", what, *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **env},
        timeout=timeout_s,
    )
    if done.returncode:
        raise RuntimeError(f"{what}: {done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])
