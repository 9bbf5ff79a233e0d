"""Where measuring happens: Azurite, the stand-ins for Graph, Entra and the LMS in a process of
their own, and a table filled with components that are due."""

from __future__ import annotations

import contextlib
import itertools
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import sample
from benchmarks.sample import Size
from shared import signing
from shared.config import Settings
from shared.keys import partition
from shared.model import Tenant
from shared.persons import named_in, person_rows
from shared.scheduling import save
from shared.store import Store, Write
from shared.table import open_table
from shared.window import day_start, local_date
from tests.local.azurite import Azurite
from tests.local.world import SIGNING_KEY, SimulatorsProcess

LATENCY_S = 0.15
DEPLOYMENT = "bench"


@dataclass(frozen=True, slots=True)
class Filled:
    """A connector's state: where it is, and whose."""

    env: dict[str, str]
    tenants: tuple[Tenant, ...]


class Scene:
    """The neighbours of the process that is measured."""

    def __init__(self, folder: Path, *, queues: bool = False) -> None:
        self.azurite = Azurite(queues=queues, logs=folder)
        self.stand_ins = SimulatorsProcess(folder)
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def running(self) -> Iterator[Scene]:
        try:
            self.stand_ins.spawn()
            self.azurite.start()
            self.stand_ins.wait()
            yield self
        finally:
            self.stand_ins.stop()
            self.azurite.stop()

    def latency(self, seconds: float) -> None:
        """How long Graph takes for each request or item of a batch, from now on."""
        self.stand_ins.patch(
            "graph",
            "/switches",
            {"latency_s": seconds, "mailbox_requests_per_10_min": 10**9},
        )

    def tenants(self, size: Size) -> tuple[Tenant, ...]:
        """New customers: consented, with their organizers' mailboxes, and an LMS that listens."""
        made = []
        for _ in range(size.tenants):
            name = f"t{next(self._numbers)}"
            url = f"{self.stand_ins.facts['lms']}/hooks/teams/{name}"
            tenant = sample.tenant(name, url)
            entra = tenant.entra_tenant_id
            self.stand_ins.post("entra", "/tenants", {"id": entra})
            self.stand_ins.post(
                "entra",
                "/consents",
                {"tenantId": entra, "clientId": self.stand_ins.facts["clientId"]},
            )
            self.stand_ins.post("graph", "/tenants", {"id": entra})
            for n in range(size.organizers // size.tenants):
                upn = sample.owner(n).email
                self.stand_ins.post("graph", "/users", {"tenant": entra, "upn": upn})
            inbound, outbound = (
                signing.newest_secret([SIGNING_KEY], tenant.id, way, tenant.secrets)
                for way in (signing.Direction.INBOUND, signing.Direction.OUTBOUND)
            )
            self.stand_ins.post(
                "lms",
                "/tenants",
                {
                    "tenantId": name,
                    "connectorUrl": "https://127.0.0.1:1/api",
                    "inboundSecret": inbound,
                    "outboundSecret": outbound,
                },
            )
            made.append(tenant)
        return tuple(made)

    def filled(self, size: Size) -> Filled:
        """A new table with *size* meetings that are due."""
        tenants = self.tenants(size)
        env = self.environment()
        store = open_store(env)
        soon = day_start(local_date(datetime.now(UTC), "Europe/London"), "Europe/London")
        for tenant in tenants:
            store.insert("tenants", tenant.id, tenant)
            fill(store, tenant, size.due // size.tenants, size.organizers // size.tenants,
                 soon + timedelta(days=3, hours=8))  # fmt: skip
        return Filled(env, tenants)

    def environment(self) -> dict[str, str]:
        """Settings of a connector with a table of its own."""
        facts = self.stand_ins.facts
        return {
            "STATE_CONNECTION_STRING": self.azurite.connection_string,
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
            "SCHEDULE_CRON": "0 0 */3 * * *",
            "CATCH_UP_CRON": "0 * * * * *",
            "ATTENDANCE_CRON": "0 0 1 * * *",
        }


def open_store(env: dict[str, str]) -> Store:
    return Store(open_table(Settings.from_env(env)))


def fill(store: Store, tenant: Tenant, due: int, organizers: int, start: datetime) -> None:
    """Save *due* components as the LMS's list would."""
    now = datetime.now(UTC)
    writes = []
    for saved in sample.snapshots(due, organizers, start):
        people = person_rows(DEPLOYMENT, tenant.id, named_in(saved))
        writes.append(Write(None, save(None, saved, now), people))
    store.write(tenant.id, writes)
