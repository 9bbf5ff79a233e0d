"""Graph's and Entra's back doors over HTTP, and the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.simulators import EntraSimulator, GraphSimulator, SimClock

from .client import LEARNER, NOW, TENANT, TUTOR, Client, event_path


def door(graph: GraphSimulator, method: str, path: str, body: Any = None) -> Any:
    reply = graph.call(method, f"/_sim/{path}", body)
    assert reply.status in (200, 204), reply.text
    return reply.json() if reply.body else None


def test_clocks_tick_freeze_and_jump() -> None:
    clock = SimClock()
    assert abs(clock() - datetime.now(UTC)) < timedelta(minutes=1)
    assert clock.set(NOW, frozen=True) == NOW == clock() == clock()
    clock.advance(timedelta(hours=1))
    assert clock() == NOW + timedelta(hours=1)
    clock.set(NOW)
    assert NOW <= clock() < NOW + timedelta(minutes=1)


def test_the_clock_is_set_by_the_door(graph: GraphSimulator) -> None:
    body = {"now": "2026-05-01T00:00:00+01:00", "frozen": True}
    assert door(graph, "POST", "clock", body) == {
        "now": "2026-04-30T23:00:00+00:00",
        "frozen": True,
    }
    door(graph, "POST", "clock", {"advance": 60, "frozen": True})
    assert graph.clock() == datetime(2026, 4, 30, 23, 1, tzinfo=UTC)
    assert door(graph, "POST", "clock", {"reset": True})["frozen"] is False


@pytest.mark.parametrize(
    ("action", "body", "shown"),
    [
        ("moves", {"start": "2026-04-30T15:00:00Z"}, {"start": "2026-04-30T15:00:00+00:00"}),
        ("retitles", {"subject": "A"}, {"subject": "A"}),
        ("adds-attendee", {"address": "x@y.example"}, {}),
        ("removes-attendee", {"address": LEARNER}, {"attendees": []}),
        ("attendee-responds", {"address": LEARNER}, {}),
        ("moves-to-calendar", {}, {"calendar": "Second calendar"}),
        ("makes-all-day", {}, {"isAllDay": True}),
        ("makes-series", {}, {"isSeries": True}),
        ("rewrites-body", {"html": "x"}, {"isOnline": False}),
        ("renews-link", {}, {"isOnline": True}),
        ("goes-offline", {}, {"joinUrl": None}),
        ("cancels", {"comment": "c", "leaves": "flagged"}, {"isCancelled": True}),
        ("deletes", {}, {"state": "deleted"}),
    ],
)
def test_every_tutor_action_has_its_path(
    client: Client,
    graph: GraphSimulator,
    action: str,
    body: dict[str, Any],
    shown: dict[str, Any],
) -> None:
    made = client.create()
    answer = door(graph, "POST", f"events/e1/{action}", body)
    assert {name: answer[name] for name in shown} == shown
    assert answer["changeKey"] != made["changeKey"]
    assert door(graph, "GET", "events?state=all")[0]["key"] == "e1"


def test_people_switches_and_counters(client: Client, graph: GraphSimulator) -> None:
    user = door(graph, "POST", "users", {"tenant": TENANT, "upn": "new@college.example"})
    path = f"users/{user['id']}"
    changed = door(graph, "PATCH", path, {"mailbox": "missing", "access_policy": False})
    assert (changed["mailbox"], changed["access_policy"]) == ("missing", False)
    assert graph.call("PATCH", f"/_sim/{path}", {"mailbox": "odd"}).status == 400
    door(graph, "DELETE", path)
    assert door(graph, "PATCH", "switches", {"page_size": 3, "refused_zones": ["Asia/Tokyo"]})[
        "refused_zones"
    ] == ["Asia/Tokyo"]
    assert graph.call("PATCH", "/_sim/switches", {"colour": 1}).status == 400
    client.create()
    assert door(graph, "GET", "counters")["kinds"] == {"create_event": 1}
    assert len(door(graph, "GET", "requests?kind=create_event")) == 1
    assert [one["kind"] for one in door(graph, "GET", f"mails?to={LEARNER}")] == ["invitation"]
    door(graph, "DELETE", "requests")
    assert door(graph, "GET", "counters")["kinds"] == {}


def test_meetings_are_held_by_the_door(client: Client, graph: GraphSimulator) -> None:
    url = client.create()["onlineMeeting"]["joinUrl"]
    people = [[TUTOR, [[0, 60]]], [{"guest": "Sam"}, [["2026-04-30T08:10:00Z", 55]]]]
    [report] = door(graph, "POST", "meetings/hold", {"meeting": url, "people": people})
    assert (report["total"], len(report["records"])) == (2, 2)
    record = door(graph, "POST", "meetings/join", {"meeting": url, "person": TUTOR, "at": 70})
    left = door(
        graph, "POST", "meetings/leave", {"meeting": url, "who": record["record"], "at": 80}
    )
    assert left["report"]["total"] == 1
    door(graph, "POST", "meetings/join", {"meeting": "e1", "person": TUTOR, "at": 90})
    assert door(graph, "POST", "meetings/end", {"meeting": "e1", "at": 95})["report"]
    raw = {
        "meeting": url,
        "startedAt": "2026-05-01T08:00:00Z",
        "endedAt": "2026-05-01T08:10:00Z",
        "records": [{"identity": None}],
    }
    assert door(graph, "POST", "meetings/report", raw)["records"] == [{"identity": None}]


def test_faults_by_the_door(client: Client, graph: GraphSimulator) -> None:
    door(graph, "POST", "faults", {"effect": "unavailable", "path": "events", "times": None})
    assert client.get(f"/users/{TUTOR}/events").status == 503
    assert door(graph, "GET", "faults")["rules"][0]["struck"] == 1
    door(graph, "DELETE", "faults")
    assert client.get(f"/users/{TUTOR}/events").status == 200
    assert graph.call("POST", "/_sim/faults", {"effect": "explode"}).status == 400
    door(graph, "POST", "faults/random", {"rate": 1.0, "seed": 1, "effects": ["conflict"]})
    assert client.get(event_path("none")).status == 409


def test_the_door_says_what_is_wrong(graph: GraphSimulator) -> None:
    assert graph.call("GET", "/_sim/nothing").status == 404
    assert graph.call("PUT", "/_sim/clock").status == 405
    assert graph.call("GET", "/_sim/events/none").status == 404
    assert graph.call("POST", "/_sim/clock", {"now": "yesterday"}).status == 400
    assert graph.call("POST", "/_sim/clock", [1]).status == 400


def test_entras_door() -> None:
    entra = EntraSimulator()
    calls: list[tuple[str, dict[str, Any]]] = [
        ("tenants", {"id": TENANT, "domains": ["college.example"]}),
        ("tenants", {"id": "home"}),
        ("identities", {"clientId": "mi", "tenantId": "home"}),
        ("apps", {"clientId": "app", "secrets": {"s": None}, "identities": ["mi"]}),
        ("consents", {"tenantId": TENANT, "clientId": "app", "roles": ["Calendars.Read"]}),
    ]
    for path, body in calls:
        assert entra.call("POST", f"/_sim/{path}", body).status in (200, 204)
    form = (
        b"grant_type=client_credentials&client_id=app&client_secret=s"
        b"&scope=https://graph.microsoft.com/.default"
    )
    path = f"/{TENANT}/oauth2/v2.0/token"
    assert entra.call("POST", path, body=form).status == 200
    assert entra.call("DELETE", f"/_sim/consents/{TENANT}/app").status == 204
    assert entra.call("POST", path, body=form).json()["error_codes"] == [7000229]
    assert len(entra.call("GET", "/_sim/requests").json()) == 2
    assert entra.call("POST", "/_sim/tenants", {"id": TENANT, "error": 1}).status == 400
