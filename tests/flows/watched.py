"""A provider's whole life among recognisable people, with everything that leaves the code kept.

The shipped wiring in this process: msal, requests and the Azure SDK speak to the stand-ins over
https and to Azurite, so that what they log on the way is seen too; and functions are called as the
Functions host calls them.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import azure.data.tables
import azure.functions as func
import pytest

import attendance_timer
import component_http
import schedule_timer
from shared import wiring
from shared.config import Settings
from shared.errors import ConnectorError, Unavailable
from shared.table import Delete, Op, Page, Put, Row, Table, open_table, rows
from shared.telemetry import prepare
from tests.flows.needles import Needles
from tests.flows.world import HERE, MORNING, NEVER_S, TENANT, World
from tests.simulators import Simulators
from tests.simulators.posting import Posted
from tests.simulators.webhooks import sign
from tests.simulators.wire import Reply, Request

PLACES = ("tenants", f"tenant|{TENANT}", "runs", "progress", "hints", "deployment")


def a_person(name: str, address: str, **more: str) -> dict[str, str]:
    return {"email": address, "name": name, **more}


TUTOR = a_person("Zoë Nadelöhr-Tutor", "z.nadeloehr@college.example")
TUTOR_UPN = "upn-nadeloehr@college.example"
SECOND = a_person("Ödön Zweitnadel", "o.zweitnadel@college.example")
LEARNER = a_person("Łucja Igłowska", "l.iglowska@work.example")
OTHER_LEARNER = a_person("Ragnheiður Nálardóttir", "r.nalardottir@work.example")
MANAGER = a_person("Señora Aguja-Jefa", "s.aguja@work.example")
MENTOR = a_person("Agulhão Mentorinho", "a.agulhao@work.example")
STRANGER = a_person("Naaldje Vreemdeling", "n.vreemdeling@elsewhere.example")
GUEST, PHONE, IP = "Gäste-Nadelbär", "+4479460958877", "203.0.113.77"
NAMES = ["zwölf Nadeln: Förderplan", "Ütklang nach der Nadelprobe", "Nadelwald-Exkursion"]
AGENDA = "Bitte die Nadelbinderei-Unterlagen vom März mitbringen."
REASON = "Nadelstichprobe ergab Anwesenheit"


class Kept(logging.Handler):
    """Every record that a host is given: as its text, and with all that it carries."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.raw: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.name}: {self.format(record)}")
        self.raw.append(repr(record.__dict__))


class KeptTable:
    """A table, and every row that was ever written to it.

    After *commits_left* more it takes nothing; None: never.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.commits_left: int | None = None
        self.written: list[tuple[str, Row]] = []

    def get(self, partition: str, key: str) -> Row | None:
        return self.table.get(partition, key)

    def page(self, *arguments: Any, **more: Any) -> Page:
        return self.table.page(*arguments, **more)

    def commit(self, partition: str, ops: Sequence[Op]) -> list[str]:
        if self.commits_left is not None:
            self.commits_left -= 1
            if self.commits_left < 0:
                raise Unavailable("the state table does not answer")
        self.written += [(partition, op.row) for op in ops if not isinstance(op, Delete)]
        return self.table.commit(partition, ops)


class WatchedWorld(World):
    """A world over https whose every word is kept.

    Attributes:
        needles: What must not be where it has no business.
        answers: Bodies of answers, by the function that gave them and their status.
        errors: Every error of ours that was made.
        crashes: What the Functions host is told of what a function raises.
        printed: What went to standard output and error.
        orders: What was put into the queue.
    """

    def __init__(self, simulators: Simulators, connection: str) -> None:
        self.simulators, self.clock = simulators, simulators.clock
        self.clock.set(MORNING, frozen=True)
        self.graph, self.lms = simulators.graph, simulators.lms
        self.needles, self.log = Needles(), Kept()
        self.answers: list[tuple[str, int, str]] = []
        self.errors: list[ConnectorError] = []
        self.crashes: list[str] = []
        self.printed = io.StringIO()
        self.orders: list[str] = []
        self.lms.outbox.post = self._post
        self.graph.subscriptions.notifier.post = self._hear
        self.graph.set_switches(notification_delay_s=NEVER_S, notification_retry_s=())
        self.settings = Settings.from_env(
            {
                **simulators.environment(),
                "STATE_CONNECTION_STRING": connection,
                "STATE_TABLE_PREFIX": "needles",
                "SIGNING_KEY": "nadel-signing-key-0123456789",
                "PUBLIC_BASE_URL": HERE,
                "CONNECTOR_CLIENT_SECRET": simulators.credentials.client_secret,
            }
        )
        self.kept = KeptTable(open_table(self.settings))
        self.table = self.kept
        self._know()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what is logged at a host's loudest, printed, raised, and signed for storage."""
        make, sas = ConnectorError.__new__, azure.data.tables.generate_account_sas
        root = logging.getLogger()
        level = root.level

        def noted(kind: type[ConnectorError], *_: Any, **__: Any) -> ConnectorError:
            error: ConnectorError = make(kind)
            self.errors.append(error)
            return error

        def signed(*arguments: Any, **more: Any) -> str:
            address = sas(*arguments, **more)
            self.needles.add("secret", *parse_qs(address)["sig"])
            return address

        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.simulators.environment().items():
                patch.setenv(name, value)
            patch.setattr(ConnectorError, "__new__", noted)
            patch.setattr(azure.data.tables, "generate_account_sas", signed)
            root.addHandler(self.log)
            root.setLevel(logging.DEBUG)
            prepare()
            try:
                with (
                    contextlib.redirect_stdout(self.printed),
                    contextlib.redirect_stderr(self.printed),
                ):
                    self.restart()
                    yield
            finally:
                root.removeHandler(self.log)
                root.setLevel(level)
                wiring._ports = None

    def _know(self) -> None:
        """Everything there is to be recognised."""
        add = self.needles.add
        for kind, person in (
            ("tutor", TUTOR), ("second", SECOND), ("learner", LEARNER), ("other", OTHER_LEARNER),
            ("manager", MANAGER), ("mentor", MENTOR), ("stranger", STRANGER),
        ):  # fmt: skip
            add(kind, *person.values())
        add("tutor", TUTOR_UPN)
        add("unidentified", GUEST, PHONE, PHONE[1:], PHONE[:-4] + "****", IP)
        add("names", *NAMES)
        add("agenda", AGENDA)
        add("reason", REASON)
        add("secret", self.settings.client_secret, *self.settings.signing_keys)
        add("secret", re.findall("AccountKey=([^;]+)", self.settings.state_connection_string)[0])
        add("secret", self.simulators.entra.identity_header)
        answer = self.simulators.entra.answer

        async def overheard(request: Request) -> Reply:
            form = parse_qs(request.body.decode())
            for name in ("client_secret", "client_assertion"):
                for value in form.get(name, ()):
                    add("secret", value)
            reply = await answer(request)
            with suppress(ValueError, AttributeError):
                add("secret", str(reply.json().get("access_token", "")))
            return reply

        # The served application asks it by this name.
        self.simulators.entra.answer = overheard  # type: ignore[method-assign]

    def restart(self) -> None:
        self.ports = replace(wiring.make_ports(self.settings, self.table), clock=self.clock)
        wiring._ports = self.ports

    def restart_with(self, **credential: str) -> None:
        """As a process with another credential."""
        none: Any = {"client_secret": "", "certificate_path": "", "identity_client_id": ""}
        self.settings = replace(self.settings, **{**none, **credential})
        self.restart()

    # -- as the host calls ---------------------------------------------------------------------

    def call(
        self,
        name: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        **route: str,
    ) -> tuple[int, Any]:
        """A function's answer; 500 for an error that nobody foresaw, as the host gives."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        method = "GET" if body is None else "PUT" if name == "tenant" else "POST"
        request = func.HttpRequest(
            method,
            f"{HERE}/api",
            headers=dict(headers or {"content-type": "application/json"}),
            params=dict(params or {}),
            route_params=route,
            body=raw,
        )
        handler: Callable[[func.HttpRequest], func.HttpResponse] = getattr(component_http, name)
        answer = self.host(lambda: handler(request))
        if answer is None:
            return 500, None
        text = answer.get_body().decode()
        self.answers.append((name, answer.status_code, text))
        with suppress(ValueError):
            return answer.status_code, json.loads(text)
        return answer.status_code, text

    def host(self, run: Callable[[], Any]) -> Any:
        """*run* as the Functions worker runs it: it tells the host of what is raised."""
        try:
            return run()
        except Exception as error:  # noqa: BLE001 - the worker's own way
            frames = "".join(traceback.format_tb(error.__traceback__))
            self.crashes.append(f"{type(error).__name__}: {error}\n{frames}")
            return None

    def signed(self, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers by which the LMS would send *body*."""
        secrets = self.lms.tenants[TENANT].inbound_secrets
        return {**headers, **sign(secrets, f"msg_{len(self.answers)}", self.clock(), body)}

    @contextlib.contextmanager
    def spoiled(self, component: str, text: str) -> Iterator[None]:
        """Meanwhile *text* stands where the component's rows hold an instant."""
        held = [(place, row) for place, row in self.rows() if row.key.endswith(f"|{component}")]
        said = f'"start":{json.dumps(text)}'
        for place, row in held:
            bad = re.sub(r'"start": ?"[^"]*"', lambda _: said, row.text)
            self.kept.table.commit(place, [Put(replace(row, text=bad))])
        yield
        for place, row in held:
            self.kept.table.commit(place, [Put(row)])

    def timer(self, package: Any, name: str) -> None:
        self.host(lambda: getattr(package, name)(None, None))
        self.settle_mail()

    def sweep(self) -> dict[str, Any]:
        self.timer(schedule_timer, "schedule_timer")
        return {}

    def catch_up(self) -> dict[str, Any]:
        self.timer(schedule_timer, "catch_up_timer")
        return {}

    def night(self) -> dict[str, Any]:
        self.timer(attendance_timer, "attendance_timer")
        return {}

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> Posted:
        tenant = url.partition("/tenants/")[2].partition("/")[0]
        name = "component_batch" if url.endswith("/batch") else "component_http"
        status, answer = self.call(name, body, headers, tenantId=tenant)
        return Posted(status, {}, json.dumps(answer))

    def _hear(self, url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> Posted:
        params = dict(parse_qsl(url.partition("?")[2]))
        status, answer = self.call("graph_notifications", body, headers, params)
        kind = {"content-type": "text/plain" if params else "application/json"}
        return Posted(status, kind, answer if params else json.dumps(answer))

    def rows(self) -> list[tuple[str, Row]]:
        """Every row there is now, with its partition."""
        return [(place, row) for place in PLACES for row in rows(self.table, place, "", "\x7f")]
