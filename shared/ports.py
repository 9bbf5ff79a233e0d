"""What a run works with, made once per process by ``shared.wiring`` or by a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from shared.calendars import Calendars
from shared.config import Settings
from shared.directory import Directory
from shared.each import Busy
from shared.errors import Broken
from shared.graph.client import Graph
from shared.http import Answer, Call, Send
from shared.lms.client import Lms
from shared.model import Tenant
from shared.store import Store
from shared.tenants import Tenants


def _unplugged(call: Call) -> Answer:
    raise Broken("web", "unplugged", call.method)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that a run may touch.

    *clock* gives the present instant, aware, UTC. *graph* gives a tenant's Graph.
    *deployment* is this deployment's name in markers, *busy* what the process is at.
    *web* asks without a token or a signature.
    """

    settings: Settings
    store: Store
    tenants: Tenants
    directory: Directory
    calendars: Calendars
    graph: Callable[[Tenant], Graph]
    lms: Lms
    deployment: str
    clock: Callable[[], datetime]
    web: Send = _unplugged
    busy: Busy = field(default_factory=set)
