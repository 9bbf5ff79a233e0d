"""A whole world in one process: the real code, simulators and a table, at any time we like."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func

from attendance_timer.night import night
from component_http import graph_notifications, operate
from component_http.notify import take as take_notifications
from component_http.operate import put_tenant
from component_http.receive import receive, receive_batch
from schedule_timer.catch_up import catch_up
from schedule_timer.sweep import sweep
from shared.calendars import Calendars
from shared.config import Settings
from shared.contract import problem, refusal
from shared.directory import Directory
from shared.errors import Broken, Invalid, Unavailable
from shared.graph.client import Graph, MailboxLimits
from shared.http import Answer, Call
from shared.lms.client import Lms
from shared.model import Tenant, TenantId
from shared.ports import Ports
from shared.store import Store
from shared.table import Table
from shared.tenants import Tenants
from tests.fakes import MemoryTable
from tests.simulators.clock import SimClock
from tests.simulators.graph.model import Event
from tests.simulators.graph.notifications import Notifier
from tests.simulators.graph.simulator import GraphSimulator
from tests.simulators.lms.model import Component
from tests.simulators.lms.simulator import LmsSimulator
from tests.simulators.posting import Posted

TENANT = "northern"
ENTRA = "8f0c0000-0000-4000-8000-000000000001"
BASE = "https://graph.test/v1.0"
HERE = "https://connector.test"
NEVER_S = 1e9
TUTOR = {"email": "tutor@college.example", "name": "T. Utor"}
LEARNER = {"email": "learner@work.example", "name": "L. Earner"}
MORNING = datetime(2026, 4, 25, 8, 0, tzinfo=UTC)
"""The day a meeting on 30 April comes into a window of five days."""


def settings(**more: Any) -> Settings:
    env = {
        "STATE_CONNECTION_STRING": "none",
        "CONNECTOR_CLIENT_ID": "connector",
        "CONNECTOR_CLIENT_SECRET": "not-so-secret",
        "SIGNING_KEY": "a-signing-key-for-tests-only",
        "GRAPH_BASE_URL": BASE,
        "ENTRA_AUTHORITY_HOST": "https://entra.test",
        "CALLBACK_ALLOWED_HOSTS": "lms.test",
        "DEPLOYMENT_ID": "test",
        **more,
    }
    return Settings.from_env(env)


class World:
    """One provider with one tutor, and ways to make things happen.

    Attributes:
        now: Simulated time, frozen; ``pass_`` moves it.
        graph, lms: The simulators, with their back doors.
        deaf: Notifications are answered as usual, and nothing is made of them.
        ports: What the connector works with.
    """

    lms_kind: type[LmsSimulator] = LmsSimulator

    def __init__(
        self, now: datetime = MORNING, table: Table | None = None, *, reachable: bool = False
    ) -> None:
        """*reachable*: Graph can send change notifications; they wait for ``notify``."""
        self.settings = settings(**({"PUBLIC_BASE_URL": HERE} if reachable else {}))
        self.deaf = False
        self.clock = SimClock()
        self.clock.set(now, frozen=True)
        self.graph = GraphSimulator(self.clock)
        self.lms = self.lms_kind(self.clock, workers=1)
        self.lms.outbox.post = self._post
        self.graph.subscriptions.notifier.post = self._hear
        self.graph.set_switches(notification_delay_s=NEVER_S, notification_retry_s=())
        self.table = table or MemoryTable()
        self.sent: list[Call] = []
        self.ports = self.process()
        self.graph.add_tenant(ENTRA)
        self.graph.add_user(ENTRA, TUTOR["email"])
        self.add_provider()

    def process(self) -> Ports:
        """The ports of a process that has just started."""
        store, limits = Store(self.table), MailboxLimits()

        def graph(tenant: Tenant) -> Graph:
            return Graph(
                self._send_graph,
                BASE,
                lambda fresh: self.graph.token(tenant.entra_tenant_id),
                limits,
            )

        made = self.settings
        return Ports(
            settings=made,
            store=store,
            tenants=Tenants(store),
            directory=Directory(store),
            calendars=Calendars(),
            graph=graph,
            lms=Lms(
                self._send_lms,
                made.signing_keys,
                made.callback_allowed_hosts,
                lambda host: ["127.0.0.1"],
            ),
            deployment=made.deployment_id,
            clock=self.clock,
        )

    def restart(self) -> None:
        """As if the process had ended: nothing is remembered but the table."""
        self.ports = self.process()

    # -- the wires -------------------------------------------------------------------------

    def _send_graph(self, call: Call) -> Answer:
        self.sent.append(call)
        reply = self.graph.call(call.method, call.url, None, call.headers, call.body)
        if reply.drop:
            raise Broken("graph", "no_answer")
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status, headers, reply.body)

    def _send_lms(self, call: Call) -> Answer:
        url = call.url.removeprefix("https://lms.test")
        reply = self.lms.call(call.method, url, None, call.headers, call.body)
        if reply.drop:
            raise Broken("lms", "no_answer")
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status, headers, reply.body)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> Posted:
        tenant = url.partition("/tenants/")[2].partition("/")[0]
        lower = {name.lower(): value for name, value in headers.items()}
        take = receive_batch if url.endswith("/batch") else receive
        try:
            reply = take(self.ports, tenant, lower, body)
        except Invalid as error:
            status, text = problem(error)
            return Posted(status, {}, text.decode())
        except Unavailable:
            status, text = problem(refusal("unavailable"))
            return Posted(status, {}, text.decode())
        return Posted(reply.status, {}, json.dumps(reply.body))

    def _hear(self, url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> Posted:
        """Graph calls our notification address."""
        path, _, query = url.removeprefix(HERE).partition("?")
        assert path == "/api/graph/notifications"
        if query:
            params = dict(parse_qsl(query))
            request = func.HttpRequest("POST", url, headers=headers, params=params, body=body)
            answer = graph_notifications(request)
            kind = {"content-type": answer.mimetype}
            return Posted(answer.status_code, kind, answer.get_body().decode())
        if self.deaf:
            return Posted(202, {}, "")
        try:
            take_notifications(self.ports, body, headers.get("content-type"))
        except Invalid as error:
            status, text = problem(error)
            return Posted(status, {}, text.decode())
        return Posted(202, {}, "")

    # -- setting up ------------------------------------------------------------------------

    def add_provider(self, tenant: str = TENANT, entra: str = ENTRA, **more: Any) -> None:
        """Create a tenant in the connector and connect its LMS."""
        body = {
            "name": tenant,
            "entraTenantId": entra,
            "timeZone": "Europe/London",
            "callbackUrl": f"https://lms.test/hooks/teams/{tenant}",
            **more,
        }
        reply = put_tenant(self.ports, tenant, json.dumps(body).encode(), "application/json")
        self.lms.configure(
            tenant,
            "https://connector.test/api",
            reply.body["inboundSecret"],
            reply.body["outboundSecret"],
            time_zone=body["timeZone"],
        )

    def change_tenant(self, tenant: str = TENANT, **more: Any) -> None:
        put_tenant(self.ports, tenant, json.dumps(more).encode(), "application/json")

    # -- what people do --------------------------------------------------------------------

    def save(self, component: str = "C-1", tenant: str = TENANT, **more: Any) -> dict[str, Any]:
        """The LMS saves a component; the connector's answer."""
        fields: dict[str, Any] = more
        if component not in self.lms.tenants[tenant].components:
            fields = {
                "name": "Data ethics workshop",
                "owner": TUTOR,
                "learner": LEARNER,
                "start": "2026-04-30T09:00:00+01:00",
                "end": "2026-04-30T10:00:00+01:00",
                **more,
            }
        delivery = self.lms.save(tenant, component, **fields)
        answer: dict[str, Any] = delivery.wait().json()
        self.settle_mail()
        return answer

    def settle_mail(self) -> None:
        """Until the LMS has sent all it has to send."""
        self.lms.outbox.drain()

    def notify(self) -> None:
        """Graph delivers the change notifications that wait."""
        assert self.graph.subscriptions.notifier.flush()

    def close(self) -> None:
        """End the simulators' threads."""
        self.graph.close()
        self.lms.close()

    def pass_(self, **time: float) -> None:
        self.clock.advance(timedelta(**time))

    def sweep(self) -> dict[str, Any]:
        counts = sweep(self.ports)
        self.settle_mail()
        return counts

    def catch_up(self) -> dict[str, Any]:
        counts = catch_up(self.ports)
        self.settle_mail()
        return counts

    def night(self) -> dict[str, Any]:
        counts = night(self.ports)
        self.settle_mail()
        return counts

    def act(self, act: str, component: str = "C-1", **body: Any) -> dict[str, Any]:
        """A call of somebody who looks after the connector; its answer."""
        call = operate.COMPONENT_ACTS[act]
        answer: dict[str, Any] = call(self.ports, TENANT, component, json.dumps(body).encode()).body
        self.settle_mail()
        return answer

    # -- what can be seen ------------------------------------------------------------------

    def events(self) -> list[Event]:
        return self.graph.live_events()

    def show(self, component: str = "C-1", tenant: str = TENANT) -> dict[str, Any]:
        """The component as an administrator sees it."""
        answer: dict[str, Any] = operate.get_component(self.ports, tenant, component).body
        return answer

    @property
    def event(self) -> Event:
        """The only live event."""
        (event,) = self.events()
        return event

    def hours(self, component: str = "C-1") -> list[tuple[str, str]]:
        """Title and hours of every note of a component."""
        return [(note.title, note.hours) for note in self.task(component).notes]

    def task(self, component: str = "C-1", tenant: str = TENANT) -> Component:
        return self.lms.component(tenant, component)

    def told(self, component: str = "C-1", tenant: str = TENANT) -> list[str]:
        """The types of the events the LMS stored, in order."""
        return [one["type"] for one in self.lms.events(tenant, component)]

    def writes(self) -> list[str]:
        """Graph requests that change something, as ``METHOD kind``."""
        return [
            f"{entry.method} {entry.kind}"
            for entry in self.graph.journal.entries
            if entry.method != "GET" and entry.kind != "batch"
        ]

    @property
    def tenant(self) -> TenantId:
        return TenantId(TENANT)


class Letterbox(Notifier):
    """Graph's change notifications, which wait here until somebody delivers or loses them."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, world.graph.switches, 0, None)
        self.post = world._hear
        self.letters: list[dict[str, Any]] = []

    def put(self, notification: dict[str, Any], _url: str, _given_up: Callable[[], None]) -> None:
        self.letters.append(notification)
