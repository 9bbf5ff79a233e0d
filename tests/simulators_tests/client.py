"""A tiny client for tests, and builders of request bodies. Valid by default."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.simulators import GraphSimulator
from tests.simulators.graph import ALL_ROLES
from tests.simulators.wire import Reply

TENANT = "11111111-2222-4333-8444-555555555555"
OTHER_TENANT = "99999999-2222-4333-8444-555555555555"
TUTOR = "tutor@college.example"
MENTOR = "mentor@college.example"
LEARNER = "learner@work.example"
MARKER = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name ConnectorMarker"
NOW = datetime(2026, 4, 25, 8, 0, tzinfo=UTC)
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


class Client:
    """Calls one simulator in process, as one tenant's app."""

    def __init__(self, graph: GraphSimulator, tenant: str = TENANT, roles: Any = ALL_ROLES) -> None:
        self.graph = graph
        self.token = graph.token(tenant, roles)

    def call(
        self,
        method: str,
        path: str,
        payload: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.graph.call(method, f"/v1.0{path}", payload, sent)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        return self.call("GET", path, None, headers)

    def create(self, headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        reply = self.call("POST", f"/users/{TUTOR}/events", event(**changes), headers)
        assert reply.status == 201, reply.text
        return dict(reply.json())

    def patch(self, name: str, headers: dict[str, str] | None = None, **changes: Any) -> Reply:
        return self.call("PATCH", event_path(name), changes, headers)


def event_path(name: str, mailbox: str = TUTOR) -> str:
    return f"/users/{mailbox}/events/{quote(name, safe='')}"


def at(text: str, zone: str | None = "Europe/London") -> dict[str, Any]:
    return {"dateTime": text, "timeZone": zone}


def event(**changes: Any) -> dict[str, Any]:
    """A create body: an online meeting on 30 April 2026, 9 to 10 in London, one learner."""
    body: dict[str, Any] = {
        "subject": "Data ethics",
        "start": at("2026-04-30T09:00:00"),
        "end": at("2026-04-30T10:00:00"),
        "isOnlineMeeting": True,
        "onlineMeetingProvider": "teamsForBusiness",
        "attendees": attendees(LEARNER),
    }
    return body | changes


def attendees(*addresses: str) -> list[dict[str, Any]]:
    return [{"type": "required", "emailAddress": {"address": address}} for address in addresses]


def marker(value: str) -> list[dict[str, str]]:
    return [{"id": MARKER, "value": value}]


def query(**options: str) -> str:
    """System query options, values encoded with %20 for spaces."""
    return "?" + "&".join(f"${name}={quote(value, safe='')}" for name, value in options.items())


def marked(condition: str) -> str:
    return f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER}' and {condition})"


def code(reply: Reply) -> str:
    return str(reply.json()["error"]["code"])


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """For what happens on another thread."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
