"""The ports of this process, made when first asked for: no network at import."""

from __future__ import annotations

import gc
import os
import threading
import uuid
from datetime import UTC, datetime
from functools import cache

from shared.calendars import Calendars
from shared.config import Settings
from shared.directory import Directory
from shared.errors import Stale
from shared.graph.client import Graph, MailboxLimits
from shared.graph.protocol import CLOUDS
from shared.graph.tokens import Tokens
from shared.http import sender
from shared.lms.client import ANSWER_LIMIT, Lms
from shared.model import Tenant
from shared.ports import Ports
from shared.store import Store
from shared.table import Table, open_table
from shared.telemetry import prepare
from shared.tenants import Tenants

_lock = threading.Lock()
_ports: Ports | None = None


def ports() -> Ports:
    """Raises ConfigError when the settings cannot be used, Unavailable without a table."""
    global _ports  # noqa: PLW0603 - one set of connections per process is the point
    with _lock:
        if _ports is None:
            prepare()  # again: a worker may add its handler after it imported the app
            _ports = make_ports(Settings.from_env(os.environ))
            spare_the_collector()
        return _ports


def spare_the_collector() -> None:
    """Have Python look for circles among what lives less often.

    By now that is what lives as long as the process, and a sweep's values, hundreds of thousands
    and none in a circle: looking for one at the usual pace takes 6 % of a sweep's CPU.
    """
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def make_ports(settings: Settings, table: Table | None = None) -> Ports:
    """Connects nothing yet but the table; *table* takes the place of the settings' one."""
    store = Store(table or open_table(settings))
    tokens, limits, send = Tokens(settings), MailboxLimits(), sender("graph")

    @cache
    def graph_of(entra_tenant: str, cloud: str) -> Graph:
        return Graph(
            send,
            settings.graph_base_url or CLOUDS[cloud][1],
            lambda fresh: tokens.get(entra_tenant, cloud, fresh=fresh),
            limits,
        )

    def graph(tenant: Tenant) -> Graph:
        return graph_of(tenant.entra_tenant_id, tenant.cloud)

    return Ports(
        settings=settings,
        store=store,
        tenants=Tenants(store),
        directory=Directory(store),
        calendars=Calendars(),
        graph=graph,
        lms=Lms(
            sender("lms", ANSWER_LIMIT), settings.signing_keys, settings.callback_allowed_hosts
        ),
        deployment=settings.deployment_id or deployment_name(store),
        clock=lambda: datetime.now(UTC),
        web=sender("web", ANSWER_LIMIT),
    )


def deployment_name(store: Store) -> str:
    """This deployment's name in markers: made once, stored by insert; who loses the race reads."""
    held = store.read("deployment", "name", str)
    if held:
        return held.value
    name = uuid.uuid4().hex[:12]
    try:
        store.insert("deployment", "name", name)
    except Stale:
        held = store.read("deployment", "name", str)
        return held.value if held else name
    return name
