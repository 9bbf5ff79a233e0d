"""Alerts and saved queries: they ask for what is logged, can be asked, and are in the guide."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infra import judges
from tests.infra.compiler import INFRA, ROOT, Deployment
from tests.infra.test_deployment import sources
from tests.local import environment

RULE = "Microsoft.Insights/scheduledQueryRules"

# What is asked at all, and at what cost to somebody's night.
SEVERITIES = {
    "sweep-overdue": 1,
    "attendance-overdue": 1,
    "lms-events-undelivered": 2,
    "lms-events-parked": 2,
    "components-failed": 3,
    "tenant-braked": 1,
    "work-poisoned": 2,
    "exceptions": 2,
    "server-errors": 1,
    "telemetry-capped": 2,
}


def rules(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """The alert rules' properties, by the name people know them by."""
    return {
        rule["properties"]["displayName"].removeprefix("Connector: "): rule["properties"]
        for rule in deployment.of(RULE)
    }


def query_of(rule: dict[str, Any]) -> str:
    [criterion] = rule["criteria"]["allOf"]
    query: str = criterion["query"]
    return query


def saved_queries(deployment: Deployment) -> dict[str, str]:
    """The workbook's queries by name."""
    workbook = json.loads(
        deployment.one("Microsoft.Insights/workbooks")["properties"]["serializedData"]
    )
    return {i["name"]: i["content"]["query"] for i in workbook["items"] if i["type"] == 3}


def every_query(deployment: Deployment) -> dict[str, str]:
    alerts = {f"alert {name}": query_of(rule) for name, rule in rules(deployment).items()}
    return alerts | {f"workbook {k}": v for k, v in saved_queries(deployment).items()}


def declared(part: str) -> set[str]:
    """The values of one object in infra/events.bicep."""
    text = (INFRA / "events.bicep").read_text("utf-8")
    [body] = re.findall(rf"^var {part} = \{{\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    return set(re.findall(r": '([^']+)'", body))


# --- what they ask for ---


def test_every_event_asked_for_is_one_the_code_logs() -> None:
    """An alert on an event that nobody writes is silence that looks like peace."""
    code = "\n".join(path.read_text("utf-8") for path in sources())
    never_logged = {event for event in declared("events") if f'"{event}"' not in code}
    assert never_logged == set()


def test_every_field_asked_for_is_one_the_code_writes() -> None:
    """A misnamed field is empty in every row."""
    code = "\n".join(path.read_text("utf-8") for path in sources())
    assert {field for field in declared("fields") if not re.search(rf"\b{field}\b", code)} == set()


def test_queries_name_no_event_but_those_declared(deployment: Deployment) -> None:
    """So that the comparison above covers all of them; and none is declared for nothing."""
    queries = "\n".join(every_query(deployment).values())
    assert set(re.findall(r'message == "([^"]+)"', queries)) == declared("events")
    asked = set(re.findall(r'customDimensions\["([^"]+)"\]', queries))
    assert asked == declared("fields")


# --- that they can be asked ---


def test_the_queries_are_sound(deployment: Deployment) -> None:
    """Microsoft's own parser finds every name, and no reserved word used as one.

    Azure is told not to validate them, since on the first day the tables are empty.
    """
    read = read_queries({"broken": "traces | where nosuch == 1", **every_query(deployment)})
    assert read.pop("broken")["complaints"], "the parser finds nothing wrong with anything"
    assert {name: each["complaints"] for name, each in read.items() if each["complaints"]} == {}


def test_alerts_by_tenant_answer_with_a_tenant(deployment: Deployment) -> None:
    """The column they are split by is in the answer."""
    by_tenant = {
        name: query_of(rule)
        for name, rule in rules(deployment).items()
        if rule["criteria"]["allOf"][0]["dimensions"]
    }
    assert len(by_tenant) == 7
    for name, each in read_queries(by_tenant).items():
        assert "tenant" in each["columns"], name


def read_queries(queries: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """What Microsoft's parser says; skips the test where the parser is not installed."""
    folder = judges.kusto()
    if folder is None:
        pytest.skip("no Kusto parser: see the notice")
    script = Path(__file__).with_name("read_queries.js")
    answer = subprocess.run(
        [environment.node(), str(script), str(folder)],
        input=json.dumps(queries),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    read: dict[str, dict[str, list[str]]] = json.loads(answer.stdout)
    return read


# --- how they alert ---


def test_these_are_the_alerts(deployment: Deployment) -> None:
    """Each with its severity; one that is added is added here and to the guide."""
    assert {name: rule["severity"] for name, rule in rules(deployment).items()} == SEVERITIES


def test_the_longest_silences_are_those_promised(deployment: Deployment) -> None:
    """4 hours without a finished sweep, 26 without a finished night, 6 for an LMS event."""
    found = rules(deployment)
    assert "last_seen < ago(4h)" in query_of(found["sweep-overdue"])
    assert "last_seen < ago(26h)" in query_of(found["attendance-overdue"])
    assert "age_hours > 6" in query_of(found["lms-events-undelivered"])


def test_data_is_read_as_far_back_as_a_query_looks(deployment: Deployment) -> None:
    """A query that looks back further than its window sees only the window."""
    hours = {"PT15M": 0.25, "PT30M": 0.5, "PT1H": 1, "PT4H": 4, "P1D": 24, "P2D": 48}
    for name, rule in rules(deployment).items():
        available = hours[rule["overrideQueryTimeRange"] or rule["windowSize"]]
        for number, unit in re.findall(r"ago\((\d+)([mhd])\)", query_of(rule)):
            wanted = int(number) * {"m": 1 / 60, "h": 1, "d": 24}[unit]
            assert wanted <= available, name
        assert hours[rule["evaluationFrequency"]] <= hours[rule["windowSize"]], name


def test_every_alert_tells_somebody(deployment: Deployment) -> None:
    """The action group, with the addresses given."""
    group = deployment.one("Microsoft.Insights/actionGroups")
    receivers = group["properties"]["emailReceivers"]
    assert [r["emailAddress"] for r in receivers] == ["it@college.example", "ops@college.example"]
    assert len(group["properties"]["groupShortName"]) <= 12
    for rule in rules(deployment).values():
        assert rule["actions"]["actionGroups"] == [group["id"]]
        assert rule["enabled"] is True
        assert rule["autoMitigate"] is True


def test_alerts_ask_this_deployment_only(deployment: Deployment) -> None:
    """Its own component, and its own workspace for the cap."""
    insights = deployment.one("Microsoft.Insights/components")["id"]
    workspace = deployment.one("Microsoft.OperationalInsights/workspaces")["id"]
    for name, rule in rules(deployment).items():
        assert rule["scopes"] == [workspace if name == "telemetry-capped" else insights], name


# --- that people know them ---


def test_every_alert_has_its_place_in_the_guide(deployment: Deployment) -> None:
    """docs/alerts.md: a heading each, and no heading for one that is gone."""
    text = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    headings = set(re.findall(r"^### `([a-z-]+)`", text, re.MULTILINE))
    assert headings == set(rules(deployment))


def test_the_workbook_answers_the_questions_people_ask(deployment: Deployment) -> None:
    """What failed last night, who lacks a policy, how long did sweeps take."""
    assert {"failed", "policy", "sweeps", "nights", "undelivered"} <= set(saved_queries(deployment))
    workbook = deployment.one("Microsoft.Insights/workbooks")["properties"]
    insights = deployment.one("Microsoft.Insights/components")["id"]
    assert workbook["sourceId"] == insights
    assert json.loads(workbook["serializedData"])["fallbackResourceIds"] == [insights]
