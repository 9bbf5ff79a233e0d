"""That each rule finds what breaks it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.worker import Function
from tests.runtime.rules import app_faults, host_json_faults

SETTINGS = {"CRON": "0 0 * * * *", "BAD_CRON": "0 0 * * *", "QUEUE": "work"}


def http(name: str = "thing", route: str = "things", *methods: str) -> Function:
    return function(name, {"type": "httpTrigger", "route": route, "methods": list(methods)})


def timer(schedule: str = "%CRON%", **more: Any) -> Function:
    return function("ticker", {"type": "timerTrigger", "schedule": schedule, **more})


def queue(name: str = "%QUEUE%", connection: str = "C") -> Function:
    binding = {"type": "queueTrigger", "queueName": name, "connection": connection}
    return function("worker", binding)


def function(name: str, *bindings: dict[str, Any]) -> Function:
    named = tuple({"name": f"b{i}", **binding} for i, binding in enumerate(bindings))
    return Function("id", name, named, None)


@pytest.mark.parametrize(
    "functions",
    [
        pytest.param([], id="none"),
        pytest.param([http(), timer(), queue()], id="one of each"),
        pytest.param([http("a", "x/{id}", "GET"), http("b", "x/{id}", "POST")], id="other methods"),
        pytest.param([http("a", "x/{id:int}"), http("b", "x/new")], id="told apart by constraint"),
        pytest.param([http("a", "x/{id}"), http("b", "x/{id}/y")], id="told apart by length"),
        pytest.param([http("a", "x/{id}"), http("b", "y/{id}")], id="told apart by text"),
    ],
)
def test_an_app_without_fault(functions: list[Function]) -> None:
    assert app_faults(functions, SETTINGS) == []


@pytest.mark.parametrize(
    ("functions", "fault"),
    [
        pytest.param([http("2nd")], "no name for a function", id="name"),
        pytest.param([http("host")], "no name for a function", id="reserved name"),
        pytest.param([http("a", "x"), http("A", "y")], "not the only", id="name twice"),
        pytest.param(
            [function("f", {"type": "blobTrigger", "name": "my_timer"})],
            "no name for a binding: my_timer",
            id="underscore in a binding",
        ),
        pytest.param(
            [function("f", {"type": "httpTrigger", "name": "x"}, {"type": "http", "name": "x"})],
            "two bindings are named x",
            id="binding twice",
        ),
        pytest.param([timer("0 0 * * *")], "not six", id="five fields"),
        pytest.param([timer("%BAD_CRON%")], "not six", id="five fields in a setting"),
        pytest.param([timer("%NOBODY%")], "%NOBODY% is no setting", id="unknown setting"),
        pytest.param([timer(runOnStartup=True)], "runOnStartup", id="at startup"),
        pytest.param([http("a", "x", "FETCH")], "no method: FETCH", id="method"),
        pytest.param([http("a", "x/{id:uuid}")], "unknown constraint", id="constraint"),
        pytest.param([queue("Work_Queue")], "no name for a queue", id="queue's name"),
        pytest.param([queue(connection="")], "names its connection", id="queue's connection"),
        pytest.param(
            [http("a", "x/{id}", "GET"), http("b", "X/new", "GET", "POST")],
            "a, b: x/{id} and X/new overlap for GET",
            id="overlap",
        ),
        pytest.param([http("a", "x/{y?}"), http("b", "x")], "overlap", id="optional segment"),
        pytest.param([http("a", "{*all}"), http("b", "x/y")], "overlap", id="catch-all"),
    ],
)
def test_a_fault_is_found(functions: list[Function], fault: str) -> None:
    assert any(fault in found for found in app_faults(functions, SETTINGS))


GOOD: dict[str, Any] = {"version": "2.0", "extensionBundle": {"version": "[4.*, 5.0.0)"}}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"version": 2}, "version", id="version"),
        pytest.param({"extensionBundle": {"version": "[3.*, 4.0.0)"}}, "range", id="bundle"),
        pytest.param({"functionTimeOut": "00:10:00"}, "unknown key functionTimeOut", id="misspelt"),
        pytest.param({"functionTimeout": "10 min"}, "not a time span", id="timeout"),
        pytest.param({"logging": {"logLevel": {"default": "Info"}}}, "no such level", id="level"),
        pytest.param({"extensions": {"http": {"prefix": ""}}}, "extensions.http.prefix", id="http"),
        pytest.param({"extensions": {"queues": {"batchSize": 64}}}, "batchSize", id="batch"),
        pytest.param({"extensions": {"queues": {"messageEncoding": "b"}}}, "none", id="encoding"),
    ],
)
def test_a_fault_of_host_json_is_found(change: dict[str, Any], fault: str) -> None:
    assert host_json_faults(GOOD) == []
    assert any(fault in found for found in host_json_faults(GOOD | change))
