"""The world of the flow tests with every narrow place gated, and no thread but the code's own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from attendance_timer.night import night
from component_http import operate
from component_http.receive import receive, receive_batch
from schedule_timer.catch_up import catch_up
from schedule_timer.sweep import sweep
from shared.contract import problem, refusal
from shared.directory import Directory
from shared.errors import Broken, Invalid, RemoteError, Stale, Unavailable
from shared.graph.client import Graph, MailboxLimits
from shared.lms.client import Lms
from shared.model import Tenant
from shared.ports import Ports
from shared.store import Store
from shared.tenants import Tenants
from tests.fakes import MemoryTable
from tests.flows.world import BASE, MORNING, TENANT, TUTOR, Letterbox, World
from tests.simulators.clock import Pause, SimClock
from tests.simulators.graph.model import Event
from tests.simulators.lms.outbox import Delivery, Outbox
from tests.simulators.posting import Posted
from tests.torture.gate import Gate, GatedTable, Killed

SECOND_TUTOR = {"email": "second@college.example", "name": "S. Econd"}
MANAGER = {"email": "manager@work.example", "name": "M. Anager"}
MENTOR = {"email": "mentor@work.example", "name": "M. Entor"}
GUEST = "guest.of.tutor@elsewhere.example"

SWITCHES: dict[str, list[Any]] = {
    "after_cancel": ["gone", "flagged"],
    "duplicate_transaction_status": [400, 409],
    "duplicate_transaction_names_event": [False, True],
    "deletion_frees_transaction_id": [False, True],
    "concurrent_save_every": [0, 3],
    "join_url_after_reads": [0, 1],
    "cancel_without_attendees": ["accepted", "refused"],
    "marker_filter_with_start": ["accepted", "refused"],
    "marker_filter_with_orderby": ["accepted", "refused"],
    "batch_shuffled": [True, False],
    "body_without_block": ["disable", "new_url", "alternate"],
    "paging": ["offset", "stable"],
    "page_size": [10, 2],
    "unmatched_join_url": ["404", "400", "empty"],
    "marker_index_lag_s": [0.0, 600.0],
    "copies_carry_marker": [False, True],
    "block_style": ["classic", "new"],
    "attendance_page_size": [None, 1],
}
"""What Graph may be like; see the simulator's."""

NOT_NOW = (Invalid, Stale, Unavailable, RemoteError)
"""What a call of somebody who looks after the connector may be refused with."""


class HandOutbox(Outbox):
    """The LMS's webhooks, sent one by one in the thread of whoever pumps."""

    def release(self, delivery: Delivery) -> None:
        delivery.state, delivery.pause = "waiting", None
        if delivery not in self._waiting:
            self._waiting.append(delivery)

    def pump(self) -> int:
        """Send all that is to go now; how many attempts that took."""
        attempts = 0
        while (delivery := self._next()) is not None:
            self.attempt(delivery)
            attempts += 1
        return attempts

    def attempt(self, delivery: Delivery) -> None:
        delivery.in_hand = True
        self._attempt(delivery)

    def drain(self, timeout_s: float = 30.0) -> bool:  # noqa: ARG002 - the other's signature
        self.pump()
        return True


class SimulatedLimits(MailboxLimits):
    """A mailbox is left alone until the time has passed on the simulated or the real clock."""

    def __init__(self, clock: SimClock) -> None:
        super().__init__()
        self._clock = clock
        self._pauses: dict[str, Pause] = {}

    def hold(self, mailbox: str, seconds: float) -> None:
        super().hold(mailbox, seconds)
        self._pauses[mailbox] = Pause(self._clock, seconds)

    def held_for(self, mailbox: str) -> float:
        pause = self._pauses.get(mailbox)
        return 0.0 if pause is None or pause.over() else super().held_for(mailbox)


class TortureWorld(World):
    """One provider with two tutors. Processes come and go; the table and the neighbours stay.

    Attributes:
        ports: The present process's; a thread may be another process than the rest (``as_``).
        gate: What the present process does outside itself.
        processes: Every gate there ever was.
        rows_a_page: How many rows the table gives at once, with empty pages in between; None: all.
        tokens_fail: What Entra says instead of giving a token.
        looking: Ports that nothing meddles with, for looking at what there is.
        planted: Events that carry our marker and that Exchange, not we, made.
        may_remain: Events of former owners that could not be cancelled.
        guests: Whom the tutor added, by event key.
        unsent: Components saved without a webhook.
        parked: Whether the LMS is expected to have missed events.
        restored: Whether the table was put back, so that numbers are used again.
    """

    like: ClassVar[dict[str, Any]] = {}
    """How each world from now on differs from what it usually is: Graph's switches, and
    ``rows_a_page``."""

    def __init__(
        self,
        now: datetime = MORNING,
        table: MemoryTable | None = None,
        *,
        reachable: bool = False,
    ) -> None:
        self._here = threading.local()
        self.processes: list[Gate] = []
        self._gates: dict[int, tuple[Ports, Gate]] = {}
        self.rows_a_page: int | None = self.like.get("rows_a_page")
        self.tokens_fail: RemoteError | None = None
        self.memory = table or MemoryTable()
        self.planted: set[Event] = set()
        self.may_remain: set[Event] = set()
        self.guests: dict[str, set[str]] = {}
        self.unsent: set[str] = set()
        self.parked = self.restored = False
        super().__init__(now, self.memory, reachable=reachable)
        self.looking = World.process(self)
        self.letterbox = Letterbox(self)
        self.graph.subscriptions.notifier = self.letterbox
        switches = {name: value for name, value in self.like.items() if name != "rows_a_page"}
        self.graph.set_switches(retry_after="none", **switches)
        self.lms.outbox = HandOutbox(self.lms.clock, self.lms.tenants, None, 0)
        self.lms.outbox.post = self._post
        self.lms.outbox.pauses_s = (60, 120, 300, 900, 3600)
        self.graph.add_user(self.graph.user(TUTOR["email"]).tenant.id, SECOND_TUTOR["email"])

    # -- processes -------------------------------------------------------------------------

    @property
    def ports(self) -> Ports:
        here: Ports = getattr(self._here, "ports", self._ports)
        return here

    @ports.setter
    def ports(self, ports: Ports) -> None:
        if hasattr(self._here, "ports"):
            self._here.ports = ports
        else:
            self._ports = ports

    @contextlib.contextmanager
    def as_(self, ports: Ports) -> Iterator[None]:
        """What this thread does meanwhile, that process does."""
        before = getattr(self._here, "ports", None)
        self._here.ports = ports
        try:
            yield
        finally:
            if before is None:
                del self._here.ports
            else:
                self._here.ports = before

    @property
    def gate(self) -> Gate:
        """The present process's."""
        return self.gate_of(self.ports)

    def gate_of(self, ports: Ports) -> Gate:
        return self._gates[id(ports)][1]

    def process(self) -> Ports:
        """The ports of a process that has just started, behind a gate of its own."""
        ports, gate = super().process(), Gate()
        self.processes.append(gate)
        table = GatedTable(self.table, gate, lambda: self.rows_a_page)
        store, limits = Store(table), SimulatedLimits(self.clock)
        send = gate.sending("graph", self._send_graph)
        no_token = Broken("entra", "no_answer")

        def graph(tenant: Tenant) -> Graph:
            def token(_fresh: bool) -> str:
                return gate.passes("token", "token", lambda: self.token(tenant), no_token)

            return Graph(send, BASE, token, limits)

        made = replace(
            ports,
            store=store,
            tenants=Tenants(store),
            directory=Directory(store),
            graph=graph,
            lms=Lms(
                gate.sending("lms", self._send_lms),
                ports.settings.signing_keys,
                ports.settings.callback_allowed_hosts,
                lambda host: ["127.0.0.1"],
            ),
        )
        self._gates[id(made)] = made, gate
        return made

    def token(self, tenant: Tenant) -> str:
        if self.tokens_fail:
            raise self.tokens_fail
        return self.graph.token(tenant.entra_tenant_id)

    def restart(self) -> None:
        """The present process is gone; another one begins with the table alone."""
        self.gate.dead = True
        super().restart()

    # -- the LMS ---------------------------------------------------------------------------

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> Posted:
        return self.post_to(self.ports, url, body, headers)

    def post_to(self, ports: Ports, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """A webhook as the function app answers it; no answer when the process is killed."""
        tenant = url.partition("/tenants/")[2].partition("/")[0]
        lower = {name.lower(): value for name, value in headers.items()}
        take = receive_batch if url.endswith("/batch") else receive
        try:
            reply = take(ports, tenant, lower, body)
        except Invalid as error:
            status, text = problem(error)
            return Posted(status, {}, text.decode())
        except Stale:
            status, text = problem(refusal("conflict"))
            return Posted(status, {}, text.decode())
        except (Unavailable, RemoteError):
            status, text = problem(refusal("unavailable"))
            return Posted(status, {"retry-after": "30"}, text.decode())
        except Killed:
            return Posted(0, {}, "killed")
        return Posted(reply.status, {}, json.dumps(reply.body))

    def save(self, component: str = "C-1", tenant: str = TENANT, **more: Any) -> dict[str, Any]:
        """The LMS saves a component; the connector's answer, {} for none."""
        delivery = self.put(component, tenant, **more)
        self.settle_mail()
        last = delivery.last
        answer: dict[str, Any] = last.json() if last and last.status else {}
        return answer

    def put(
        self, component: str = "C-1", tenant: str = TENANT, *, held: bool = False, **more: Any
    ) -> Delivery:
        """The LMS saves a component; its webhook is not sent yet."""
        fields: dict[str, Any] = more
        if component not in self.lms.tenants[tenant].components:
            fields = {**NEW, **more}
        return self.lms.save(tenant, component, held=held, **fields)

    def hand_over(self, delivery: Delivery) -> None:
        """Send one webhook now, whatever else waits."""
        assert isinstance(self.lms.outbox, HandOutbox)
        self.lms.outbox.attempt(delivery)

    # -- runs ------------------------------------------------------------------------------

    def run(self, what: str) -> bool:
        """One run of a timer to its end; False when the process was killed in it."""
        runs = {"sweep": sweep, "catch_up": catch_up, "night": night}
        try:
            runs[what](self.ports)
        except Killed:
            return False
        except Unavailable:
            pass  # the platform records it; the next run does the work
        self.settle_mail()
        return True

    def ask(self, act: str, component: str = "C-1", **body: Any) -> Any:
        """A person's call; what it answered, None when it was refused, could not be, or died."""
        raw = json.dumps(body).encode()
        try:
            if act in operate.COMPONENT_ACTS:
                return operate.COMPONENT_ACTS[act](self.ports, TENANT, component, raw).body
            return operate.TENANT_ACTS[act](self.ports, TENANT, raw).body
        except NOT_NOW:
            return None

    def story(self) -> list[str]:
        """What happened, for people."""
        lines = [f"now {self.clock():%d %b %H:%M:%S}"]
        for gate in self.processes:
            lines += gate.struck
        for name in self.lms.tenants[TENANT].components:
            with contextlib.suppress(Invalid):
                shown = operate.get_component(self.looking, TENANT, name).body
                lines += [
                    f"{name} {line['at'][5:19]} {line['by']}: {line['what']} {line['why']}"
                    for line in shown["history"]
                ]
        lines += [
            f"lms {one.at:%d %H:%M:%S} {one.type} {one.sequence} → {one.status} {one.why}"
            for one in self.lms.received
        ]
        lines += [
            f"graph {e.at:%d %H:%M:%S} {e.method} {e.kind} → {e.status} {e.fault or ''}"
            for e in self.graph.journal.entries
            if e.method != "GET" or e.fault
        ]
        return lines

    def rows(self, *without: str) -> dict[tuple[str, str], str]:
        """Every row's text, but for partitions named."""
        return {
            place: row.text + row.etag
            for place, row in self.memory._rows.items()
            if place[0] not in without
        }


NEW: dict[str, Any] = {
    "name": "Data ethics workshop",
    "description": "Bring last month's log.",
    "owner": TUTOR,
    "learner": {"email": "learner@work.example", "name": "L. Earner"},
    "start": "2026-04-30T09:00:00+01:00",
    "end": "2026-04-30T10:00:00+01:00",
}
