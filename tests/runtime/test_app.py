"""That Microsoft's runtime indexes the connector, as exactly these functions, and Azure takes them.

A new function gets a row here: routes and auth levels are public, so they change on purpose.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.indexed import ROOT, IndexedApp, index
from tests.runtime.rules import app_faults, host_json_faults

TENANT = "tenants/{tenantId}"
COMPONENT = f"{TENANT}/components/{{componentId}}"

# Methods, auth level and route of each.
HTTP = {
    "component_act": ("POST", "FUNCTION", f"{COMPONENT}/{{act}}"),
    "component_batch": ("POST", "ANONYMOUS", f"{TENANT}/components/batch"),
    "component_http": ("POST", "ANONYMOUS", f"{TENANT}/components"),
    "component": ("GET", "FUNCTION", COMPONENT),
    "components": ("GET", "FUNCTION", f"{TENANT}/components"),
    "graph_notifications": ("POST", "ANONYMOUS", "graph/notifications"),
    "health": ("GET", "ANONYMOUS", "health"),
    "openapi": ("GET", "ANONYMOUS", "openapi.json"),
    "runs": ("GET", "FUNCTION", "runs"),
    "tenant_adopt": ("POST", "FUNCTION", f"{TENANT}/adopt"),
    "tenant_check": ("GET", "FUNCTION", f"{TENANT}/check"),
    "tenant_erase": ("POST", "FUNCTION", f"{TENANT}/erase"),
    "tenant_release": ("POST", "FUNCTION", f"{TENANT}/release"),
    "tenant_reverify": ("POST", "FUNCTION", f"{TENANT}/reverify"),
    "tenant_rotate": ("POST", "FUNCTION", f"{TENANT}/rotate"),
    "tenant": ("GET PUT", "FUNCTION", TENANT),
    "tenants": ("GET", "FUNCTION", "tenants"),
}

# The schedule of each.
TIMERS = {
    "attendance_timer": "%ATTENDANCE_CRON%",
    "catch_up_timer": "%CATCH_UP_CRON%",
    "schedule_timer": "%SCHEDULE_CRON%",
}

# Queue and connection of each; there where the work queue is.
QUEUES = {
    "sweep_piece": ("connector-work", "WORK_QUEUE"),
    "work_poisoned": ("connector-work-poison", "WORK_QUEUE"),
}

# What some have then beside their trigger.
ORDERS = {
    "direction": "OUT",
    "name": "work",
    "type": "queue",
    "queueName": "connector-work",
    "connection": "WORK_QUEUE",
}
MORE = {"attendance_timer": [ORDERS], "schedule_timer": [ORDERS]}

ADDRESS = "https://account.queue.core.windows.net"


def expected_bindings(*, queue: bool) -> dict[str, list[dict[str, Any]]]:
    """Every function's bindings, in the form the host gets them."""
    expected: dict[str, list[dict[str, Any]]] = {}
    for name, (methods, level, route) in HTTP.items():
        trigger = {"authLevel": level, "methods": methods.split(), "route": route}
        answer = {"direction": "OUT", "name": "$return", "type": "http"}
        expected[name] = [_trigger("httpTrigger", "req", **trigger), answer]
    for name, schedule in TIMERS.items():
        expected[name] = [_trigger("timerTrigger", "timer", schedule=schedule)]
    if not queue:
        return expected
    for name, (where, connection) in QUEUES.items():
        names = {"queueName": where, "connection": connection}
        expected[name] = [_trigger("queueTrigger", "message", **names)]
    return {name: bindings + MORE.get(name, []) for name, bindings in expected.items()}


def _trigger(kind: str, name: str, **more: object) -> dict[str, Any]:
    return {"direction": "IN", "name": name, "type": kind, **more}


@pytest.fixture(scope="module", params=["", ADDRESS], ids=["without a queue", "with a queue"])
def app(request: pytest.FixtureRequest) -> IndexedApp:
    """As the settings of a deployment have it: with a work queue, or without."""
    return index(ROOT, WORK_QUEUE__queueServiceUri=request.param)


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Those that the documentation's example sets."""
    content = json.loads((ROOT / "local.settings.example.json").read_text())
    values: dict[str, str] = content["Values"]
    return values


def test_the_functions_are_exactly_these(app: IndexedApp) -> None:
    found = {f.name: [dict(binding) for binding in f.bindings] for f in app.functions}
    expected = expected_bindings(queue="sweep_piece" in found)
    assert sorted(found) == sorted(expected)
    for name, bindings in expected.items():
        assert _ordered(found[name]) == _ordered(bindings), name


def test_the_queue_is_used_where_there_is_one() -> None:
    """A trigger whose connection is missing keeps the host from starting."""
    names = [
        {function.name for function in index(ROOT, WORK_QUEUE__queueServiceUri=address).functions}
        for address in ("", ADDRESS)
    ]
    assert names[1] - names[0] == set(QUEUES)
    assert names[0] < names[1]


def _ordered(bindings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The order of decorators does not matter."""
    return sorted(bindings, key=lambda binding: str(binding["name"]))


def test_no_function_is_retried_by_the_host(app: IndexedApp) -> None:
    """The next sweep is the retry."""
    assert [f.name for f in app.functions if f.retry] == []


def test_the_host_has_nothing_against_them(app: IndexedApp, settings: dict[str, str]) -> None:
    assert app_faults(app.functions, settings) == []


def test_every_blueprint_is_registered(app: IndexedApp) -> None:
    names = {function.name for function in app.functions}
    assert app.blueprints, "there are blueprints to look at"
    for blueprint, functions in app.blueprints.items():
        assert set(functions) <= names, f"{blueprint} is not registered"


def test_host_json_means_what_it_says() -> None:
    assert host_json_faults(json.loads((ROOT / "host.json").read_text())) == []
