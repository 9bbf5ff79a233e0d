"""Change notifications: graph-facts 9, numbers 24 to 28."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.simulators import GraphSimulator
from tests.simulators.clock import instant_text
from tests.simulators.posting import Posted
from tests.simulators.wire import Reply

from .client import IMMUTABLE, LEARNER, OTHER_TENANT, TENANT, TUTOR, Client, code, event, wait_until

HOOK = "https://connector.example/api/graph/notifications"


def _shake(token: str) -> Posted:
    return Posted(200, {"content-type": "text/plain; charset=utf-8"}, token)


class Hook:
    """An endpoint for notifications that shakes hands properly, unless told otherwise."""

    def __init__(self, graph: GraphSimulator) -> None:
        self.handshakes: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.hand: Callable[[str], Posted] = _shake
        self.status = 202
        graph.subscriptions.notifier.post = self

    def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Posted:
        query = urlsplit(url).query
        if query.startswith("validationToken="):
            self.handshakes.append(url.partition("?")[0])
            assert headers["content-type"].startswith("text/plain")
            assert timeout_s == 10
            return self.hand(unquote(query.removeprefix("validationToken=")))
        self.bodies.append(json.loads(body))
        return Posted(self.status, {}, "")

    def changes(self) -> list[str]:
        return [one["changeType"] for body in self.bodies for one in body["value"]]


@pytest.fixture
def hook(graph: GraphSimulator) -> Hook:
    graph.switches.updates_per_edit = (1, 1)
    return Hook(graph)


def subscription(graph: GraphSimulator, minutes: float = 4200, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "changeType": "created,updated,deleted",
        "notificationUrl": HOOK,
        "resource": f"/users/{graph.user(TUTOR).id}/events",
        "expirationDateTime": instant_text(graph.clock() + timedelta(minutes=minutes)),
        "clientState": "s3cret",
    }
    return body | changes


def subscribe(client: Client, headers: dict[str, str] | None = None, **changes: Any) -> Reply:
    return client.call("POST", "/subscriptions", subscription(client.graph, **changes), headers)


def test_the_handshake_happens_within_the_create_call(client: Client, hook: Hook) -> None:
    reply = subscribe(client, lifecycleNotificationUrl=HOOK + "/lifecycle")
    assert reply.status == 201, reply.text
    assert hook.handshakes == [HOOK, HOOK + "/lifecycle"]


@pytest.mark.parametrize(
    "hand",
    [
        pytest.param(lambda token: Posted(0, {}, "refused"), id="no answer"),
        pytest.param(lambda token: Posted(202, {"content-type": "text/plain"}, token), id="202"),
        pytest.param(lambda token: Posted(200, {"content-type": "text/html"}, token), id="html"),
        pytest.param(lambda token: Posted(200, {"content-type": "text/plain"}, "x"), id="other"),
    ],
)
def test_a_failed_handshake_makes_no_subscription(
    client: Client, hook: Hook, hand: Callable[[str], Posted]
) -> None:
    hook.hand = hand
    reply = subscribe(client)
    assert (reply.status, code(reply)) == (400, "InvalidRequest")
    assert client.get("/subscriptions").json()["value"] == []


def test_notifications_name_the_event_and_the_tenant(
    client: Client, graph: GraphSimulator, hook: Hook
) -> None:
    made = subscribe(client, IMMUTABLE).json()
    client.create()
    assert graph.subscriptions.notifier.flush()
    [body] = hook.bodies
    assert hook.changes() == ["created", "updated"]
    one = body["value"][0]
    created = graph.events["e1"]
    assert one["subscriptionId"] == made["id"]
    assert (one["clientState"], one["tenantId"]) == ("s3cret", TENANT)
    assert one["resourceData"]["id"] == created.immutable_id
    assert one["resource"] == f"Users/{created.user.id}/Events/{created.immutable_id}"
    assert one["resourceData"]["@odata.etag"] == f'W/"{created.change_key}"'


def test_edits_responses_and_removals_are_told(
    client: Client, graph: GraphSimulator, hook: Hook
) -> None:
    subscribe(client)
    client.create()
    graph.subscriptions.notifier.flush()
    hook.bodies.clear()
    graph.tutor.moves("e1", "2026-04-30T15:00:00Z")
    graph.tutor.attendee_responds("e1", LEARNER)
    graph.tutor.cancels("e1")
    graph.subscriptions.notifier.flush()
    assert hook.changes() == ["updated", "updated", "deleted"]


def test_only_wanted_changes_are_told(client: Client, graph: GraphSimulator, hook: Hook) -> None:
    subscribe(client, changeType="deleted")
    client.create()
    graph.tutor.deletes("e1")
    graph.subscriptions.notifier.flush()
    assert hook.changes() == ["deleted"]


def test_noise_can_be_made(client: Client, graph: GraphSimulator, hook: Hook) -> None:
    graph.set_switches(
        updates_per_edit=[3, 3],
        notification_duplicates=1.0,
        notifications_shuffled=True,
        notification_batch=4,
    )
    subscribe(client)
    client.create()
    graph.tutor.retitles("e1", "A")
    graph.subscriptions.notifier.flush()
    assert sorted(hook.changes()) == ["created"] * 2 + ["updated"] * 8
    assert [len(body["value"]) for body in hook.bodies] == [4, 4, 2]


def test_a_batch_mixes_tenants(client: Client, graph: GraphSimulator, hook: Hook) -> None:
    subscribe(client)
    other = Client(graph, OTHER_TENANT)
    south = graph.user("tutor@south.example")
    body = subscription(graph, resource=f"users/{south.id}/events")
    assert other.call("POST", "/subscriptions", body).status == 201
    client.create()
    other.call("POST", f"/users/{south.id}/events", event())
    graph.subscriptions.notifier.flush()
    [mixed] = hook.bodies
    assert {one["tenantId"] for one in mixed["value"]} == {TENANT, OTHER_TENANT}


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize(
    ("most", "minutes", "status", "granted"),
    [
        (10_080, 10_080, 201, 10_080),
        (10_080, 10_090, 400, None),
        (4230, 4230, 201, 4230),
        (4230, 4240, 400, None),
        (10_080, 10, 201, 45),
        (10_080, -1, 400, None),
    ],
)
def test_lifetimes(
    client: Client,
    graph: GraphSimulator,
    most: int,
    minutes: int,
    status: int,
    granted: int | None,
) -> None:
    graph.switches.subscription_max_minutes = most
    reply = subscribe(client, minutes=minutes)
    assert reply.status == status
    if granted:
        [made] = graph.subscriptions.active.values()
        assert made.expires == graph.clock() + timedelta(minutes=granted)


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize(
    "change",
    [
        {"resource": "me/messages"},
        {"changeType": "moved"},
        {"clientState": "x" * 129},
        {"notificationUrl": "http://connector.example/hook"},
        {"expirationDateTime": "soon"},
        {"colour": "red"},
    ],
    ids=str,
)
def test_bad_subscriptions_are_refused(client: Client, change: dict[str, Any]) -> None:
    assert subscribe(client, **change).status == 400


@pytest.mark.usefixtures("hook")
def test_plain_http_is_for_loopback_only(client: Client, graph: GraphSimulator) -> None:
    url = "http://127.0.0.1:7071/api/graph/notifications"
    assert subscribe(client, notificationUrl=url).status == 201
    graph.switches.http_notification_urls = "never"
    assert subscribe(client, notificationUrl=url).status == 400


@pytest.mark.usefixtures("hook")
def test_renewal_expiry_and_deletion(client: Client, graph: GraphSimulator) -> None:
    made = subscribe(client, minutes=60).json()
    path = f"/subscriptions/{made['id']}"
    until = {"expirationDateTime": instant_text(graph.clock() + timedelta(minutes=50))}
    assert client.call("PATCH", path, until).status == 200
    assert client.call("POST", f"{path}/reauthorize").status == 204
    assert len(client.get("/subscriptions").json()["value"]) == 1
    graph.clock.set(graph.clock() + timedelta(minutes=51), frozen=True)
    client.create()
    assert graph.subscriptions.notifier.waiting() == 0  # it expired silently
    assert client.call("PATCH", path, until).status == 404
    again = subscribe(client).json()
    assert client.call("DELETE", f"/subscriptions/{again['id']}").status == 204
    assert client.get(f"/subscriptions/{again['id']}").status == 404


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize("status", [201, 409])
def test_a_second_like_subscription(client: Client, graph: GraphSimulator, status: int) -> None:
    graph.set_switches(duplicate_subscription=status)
    assert [subscribe(client).status for _ in range(2)] == [201, status]


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize(
    ("roles", "switch", "status"),
    [
        ({"Calendars.Read"}, None, 201),
        ({"Calendars.ReadWrite"}, None, 403),
        ({"Calendars.ReadWrite"}, "subscribe_with_readwrite", 201),
        (set(), "subscribe_with_rbac", 201),
    ],
)
def test_which_permission_subscribes(
    graph: GraphSimulator, roles: set[str], switch: str | None, status: int
) -> None:
    if not roles:
        graph.tenants[TENANT].rbac_scope = {graph.user(TUTOR).id}
        assert subscribe(Client(graph, TENANT, roles)).status == 403
    if switch:
        graph.set_switches(**{switch: True})
    assert subscribe(Client(graph, TENANT, roles)).status == status


def test_failed_deliveries_are_repeated_then_dropped_and_missed_is_told(
    client: Client, graph: GraphSimulator, hook: Hook
) -> None:
    graph.set_switches(notification_retry_s=[0.01, 0.01], created_also_updated=False)
    subscribe(client, lifecycleNotificationUrl=HOOK + "/lifecycle")
    hook.status = 503
    client.create()
    wait_until(lambda: graph.subscriptions.notifier.dropped == 1)
    created = [one for body in hook.bodies for one in body["value"] if "changeType" in one]
    assert len(created) == 3
    hook.status = 202
    wait_until(lambda: graph.subscriptions.notifier.waiting() == 0)
    told = [one.get("lifecycleEvent") for body in hook.bodies for one in body["value"]]
    assert told.count("missed") >= 1


@pytest.mark.parametrize("kind", ["reauthorizationRequired", "subscriptionRemoved"])
def test_lifecycle_events_are_sent_on_demand(
    client: Client, graph: GraphSimulator, hook: Hook, kind: Any
) -> None:
    made = subscribe(client, lifecycleNotificationUrl=HOOK + "/lifecycle").json()
    graph.subscriptions.send_lifecycle(made["id"], kind)
    graph.subscriptions.notifier.flush()
    [body] = hook.bodies
    assert body["value"][0]["lifecycleEvent"] == kind
    left = len(client.get("/subscriptions").json()["value"])
    assert left == (0 if kind == "subscriptionRemoved" else 1)
