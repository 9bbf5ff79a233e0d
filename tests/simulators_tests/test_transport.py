"""Tokens, throttling, batches, paging, faults, the log: graph-facts 9, numbers 40 to 46."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.simulators import GraphSimulator
from tests.simulators.wire import Reply, Request

from .client import (
    MENTOR,
    OTHER_TENANT,
    TENANT,
    TUTOR,
    Client,
    code,
    event,
    event_path,
    marked,
    marker,
    query,
)

EVENTS = f"/users/{TUTOR}/events"
CALENDAR = f"/users/{TUTOR}/calendar"


def together(client: Client, requests: list[tuple[str, str]]) -> list[Reply]:
    """Several GETs at once, as (path) from one client."""

    async def all_of_them() -> list[Reply]:
        headers = {"Authorization": f"Bearer {client.token}"}
        sent = [Request.of(method, f"/v1.0{path}", None, headers) for method, path in requests]
        return list(await asyncio.gather(*(client.graph.answer(one) for one in sent)))

    return asyncio.run(all_of_them())


def batch(client: Client, items: list[dict[str, Any]]) -> Reply:
    return client.call("POST", "/$batch", {"requests": items})


def get_item(number: int, url: str = CALENDAR, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": url, **more}


# -- tokens and permissions -----------------------------------------------------------------------


def test_tokens_are_checked(graph: GraphSimulator) -> None:
    cases = {
        "": "Access token is empty.",
        "Bearer nonsense": "CompactToken validation failed: the token is not valid.",
        f"Bearer {graph.token(TENANT, lifetime=timedelta(seconds=-1))}": (
            "Lifetime validation failed, the token is expired."
        ),
        f"Bearer {graph.token('00000000-0000-0000-0000-000000000000')}": (
            "The tenant for this token is not known here."
        ),
    }
    for header, message in cases.items():
        reply = graph.call("GET", f"/v1.0{EVENTS}", None, {"Authorization": header})
        assert (reply.status, code(reply)) == (401, "InvalidAuthenticationToken")
        assert reply.json()["error"]["message"] == message


@pytest.mark.parametrize(
    ("roles", "method", "path", "refusal"),
    [
        (set(), "GET", EVENTS, "ErrorAccessDenied"),
        ({"Calendars.Read"}, "POST", EVENTS, "ErrorAccessDenied"),
        ({"Calendars.ReadWrite"}, "GET", f"/users/{TUTOR}", "Authorization_RequestDenied"),
        ({"Calendars.ReadWrite"}, "GET", EVENTS, None),
        ({"User.ReadBasic.All"}, "GET", f"/users/{TUTOR}", None),
    ],
)
def test_a_missing_role_is_refused(
    graph: GraphSimulator, roles: set[str], method: str, path: str, refusal: str | None
) -> None:
    reply = Client(graph, TENANT, roles).call(method, path, event() if method == "POST" else None)
    if refusal is None:
        assert reply.status == 200
    else:
        assert (reply.status, code(reply)) == (403, refusal)


def test_exchange_rbac_opens_the_mailboxes_in_its_scope(graph: GraphSimulator) -> None:
    graph.tenants[TENANT].rbac_scope = {graph.user(TUTOR).id}
    scoped = Client(graph, TENANT, set())
    assert scoped.get(EVENTS).status == 200
    assert scoped.call("POST", EVENTS, event()).status == 201
    assert scoped.get(f"/users/{MENTOR}/events").status == 403
    assert Client(graph).get(f"/users/{MENTOR}/events").status == 200  # consent defeats the scope


@pytest.mark.parametrize(
    ("state", "status", "name", "text"),
    [
        ("missing", 404, "MailboxNotEnabledForRESTAPI", "inactive"),
        ("invalid", 404, "ErrorInvalidUser", "invalid"),
        ("denied", 403, "ErrorAccessDenied", "Access is denied."),
        ("denied_by_policy", 403, "ErrorAccessDenied", "Access to OData is disabled."),
        ("failing", 503, "ErrorServerBusy", "cannot"),
    ],
)
def test_mailboxes_can_be_in_a_bad_state(
    client: Client, graph: GraphSimulator, state: Any, status: int, name: str, text: str
) -> None:
    graph.user(TUTOR).mailbox = state
    reply = client.get(EVENTS)
    assert (reply.status, code(reply)) == (status, name)
    assert text in reply.json()["error"]["message"]


def test_a_deleted_user_is_gone_with_the_mailbox(client: Client, graph: GraphSimulator) -> None:
    made = client.create()
    graph.delete_user(TUTOR)
    assert code(client.get(event_path(made["id"]))) == "ErrorInvalidUser"
    assert code(client.get(f"/users/{TUTOR}")) == "Request_ResourceNotFound"


def test_tenants_see_nothing_of_each_other(graph: GraphSimulator, client: Client) -> None:
    client.create()
    other = Client(graph, OTHER_TENANT)
    assert other.get(EVENTS).status == 404
    assert other.get("/users/tutor@south.example/events").json()["value"] == []


# -- the directory --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "full", "found"),
    [
        ("mail eq 'TUTOR@college.example'", False, 1),
        ("userPrincipalName eq 'tutor@college.example'", False, 1),
        ("mail eq 'nobody@college.example'", False, 0),
        ("mail eq 'o''brien@college.example' or mail eq 'tutor@college.example'", False, 1),
        ("proxyAddresses/any(p:p eq 'smtp:old.tutor@college.example')", True, 1),
    ],
)
def test_users_are_found_by_filter(
    graph: GraphSimulator, text: str, full: bool, found: int
) -> None:
    graph.user(TUTOR).other_addresses.append("old.tutor@college.example")
    roles = {"User.Read.All"} if full else {"User.ReadBasic.All"}
    users = Client(graph, TENANT, roles).get(f"/users{query(filter=text, select='id,mail')}")
    assert len(users.json()["value"]) == found


def test_basic_reading_shows_basic_properties_only(graph: GraphSimulator) -> None:
    path = f"/users/{TUTOR}{query(select='id,mail,accountEnabled')}"
    basic = Client(graph, TENANT, {"User.ReadBasic.All"}).get(path).json()
    assert (basic["id"], basic["accountEnabled"]) == (graph.user(TUTOR).id, None)
    by_proxy = query(filter="proxyAddresses/any(p:p eq 'smtp:a@b.example')")
    reply = Client(graph, TENANT, {"User.ReadBasic.All"}).get(f"/users{by_proxy}")
    assert (reply.status, code(reply)) == (403, "Authorization_RequestDenied")


# -- throttling -----------------------------------------------------------------------------------


def test_the_fifth_concurrent_request_to_a_mailbox_is_refused(
    client: Client, graph: GraphSimulator
) -> None:
    graph.switches.latency_s = 0.01
    replies = together(client, [("GET", CALENDAR)] * 5)
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 200, 429]
    [refused] = [reply for reply in replies if reply.status == 429]
    assert code(refused) == "ApplicationThrottled"
    assert graph.journal.peaks["connector", graph.user(TUTOR).id] == 5
    replies = together(client, [("GET", CALENDAR)] * 4 + [("GET", f"/users/{MENTOR}/calendar")])
    assert {reply.status for reply in replies} == {200}


def test_too_many_requests_in_ten_minutes_are_refused(
    client: Client, graph: GraphSimulator
) -> None:
    graph.switches.mailbox_requests_per_10_min = 3
    assert [client.get(CALENDAR).status for _ in range(4)] == [200, 200, 200, 429]


def test_meeting_reads_can_have_a_budget(client: Client, graph: GraphSimulator) -> None:
    graph.switches.meeting_requests_per_s = 2
    path = f"/users/{graph.user(TUTOR).id}/onlineMeetings/none"
    assert [client.get(path).status for _ in range(3)] == [404, 404, 429]


@pytest.mark.parametrize(
    ("retry_after", "shown"), [(2.128, "2.128"), (3, "3"), (None, None)], ids=str
)
@pytest.mark.parametrize("name", ["TooManyRequests", "ApplicationThrottled"])
def test_throttling_has_every_kind_of_retry_after(
    client: Client, graph: GraphSimulator, retry_after: float | None, shown: str | None, name: str
) -> None:
    graph.faults.add("throttle", retry_after=retry_after, code=name)
    reply = client.get(EVENTS)
    assert (reply.status, code(reply), reply.headers.get("Retry-After")) == (429, name, shown)
    assert client.get(EVENTS).status == 200


# -- batches --------------------------------------------------------------------------------------


def test_a_batch_answers_each_item_in_any_order(client: Client) -> None:
    made = client.create()
    items = [get_item(number) for number in range(17)]
    items += [get_item(17, EVENTS + "/none"), get_item(18, event_path(made["id"]))]
    items.append(
        {
            "id": "19",
            "method": "POST",
            "url": EVENTS,
            "body": event(),
            "headers": {"Content-Type": "application/json", "Prefer": 'IdType="ImmutableId"'},
        }
    )
    reply = batch(client, items)
    responses = reply.json()["responses"]
    assert reply.status == 200
    assert [one["id"] for one in responses] != sorted((one["id"] for one in responses), key=int)
    statuses = {one["id"]: one["status"] for one in responses}
    assert statuses == {str(n): 200 for n in range(19)} | {"17": 404, "19": 201}


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([get_item(n) for n in range(21)], id="21 items"),
        pytest.param([get_item(1), get_item(1)], id="the same id twice"),
        pytest.param(
            [get_item(1) | {"id": "a"}, get_item(1) | {"id": "A"}], id="the same in another case"
        ),
        pytest.param([{"id": "1", "method": "GET"}], id="no url"),
        pytest.param([], id="nothing"),
        pytest.param([get_item(1, dependsOn=["2"]), get_item(2)], id="depends on a later one"),
    ],
)
def test_bad_batches_are_refused_whole(client: Client, items: list[dict[str, Any]]) -> None:
    assert batch(client, items).status == 400


def test_an_item_with_a_body_needs_a_content_type(client: Client) -> None:
    item = {"id": "1", "method": "POST", "url": EVENTS, "body": event()}
    assert batch(client, [item]).json()["responses"][0]["status"] == 400


def test_what_depends_on_a_failure_fails(client: Client) -> None:
    items = [get_item(1, EVENTS + "/none"), get_item(2, dependsOn=["1"]), get_item(3)]
    statuses = {one["id"]: one["status"] for one in batch(client, items).json()["responses"]}
    assert statuses == {"1": 404, "2": 424, "3": 200}


def test_four_items_at_a_time_do_not_throttle_themselves(
    client: Client, graph: GraphSimulator
) -> None:
    graph.switches.latency_s = 0.002
    responses = batch(client, [get_item(n) for n in range(20)]).json()["responses"]
    assert {one["status"] for one in responses} == {200}
    assert graph.journal.peaks["connector", graph.user(TUTOR).id] == 4


@pytest.mark.parametrize("overall", [200, 424])
def test_or_only_four_items_for_a_mailbox_succeed(
    client: Client, graph: GraphSimulator, overall: int
) -> None:
    graph.set_switches(batch_same_mailbox="first_four_only", batch_throttled_status=overall)
    reply = batch(client, [get_item(n) for n in range(6)])
    assert reply.status == overall
    responses = reply.json()["responses"]
    assert sorted(one["status"] for one in responses) == [200] * 4 + [429] * 2
    assert all("Retry-After" in one["headers"] for one in responses if one["status"] == 429)


def test_faults_strike_items_too(client: Client, graph: GraphSimulator) -> None:
    graph.faults.add("throttle", path="calendar", nth=2, retry_after=1.5)
    graph.faults.add("drop_after", path="/events$")
    items = [get_item(1), get_item(2), get_item(3, EVENTS)]
    statuses = {one["id"]: one["status"] for one in batch(client, items).json()["responses"]}
    assert statuses == {"1": 200, "2": 429, "3": 504}


# -- paging and queries ---------------------------------------------------------------------------


def pages(client: Client, path: str) -> list[list[str]]:
    found: list[list[str]] = []
    while path:
        page = client.get(path).json()
        found.append([one["id"] for one in page["value"]])
        path = page.get("@odata.nextLink", "").partition("/v1.0")[2]
    return found


def test_lists_are_paged_by_ten_with_absolute_links(client: Client) -> None:
    for _ in range(12):
        client.create(singleValueExtendedProperties=marker("a"))
    first = client.get(EVENTS).json()
    assert first["@odata.nextLink"].startswith(f"https://localhost/v1.0{EVENTS}?")
    assert [len(page) for page in pages(client, EVENTS)] == [10, 2]
    wanted = EVENTS + query(filter=marked("ep/value eq 'a'"), top="5", select="id")
    found = pages(client, wanted)
    assert [len(page) for page in found] == [5, 5, 2]
    assert len({name for page in found for name in page}) == 12


@pytest.mark.parametrize(("paging", "missed"), [("offset", 1), ("stable", 0)])
def test_what_vanishes_between_pages_hides_others_unless_switched(
    client: Client, graph: GraphSimulator, paging: Any, missed: int
) -> None:
    graph.switches.paging = paging
    names = [client.create()["id"] for _ in range(12)]
    first = client.get(EVENTS).json()
    graph.tutor.deletes(names[0])
    second = client.get(first["@odata.nextLink"].partition("/v1.0")[2]).json()
    seen = {one["id"] for page in (first, second) for one in page["value"]}
    assert len(set(names) - seen) == missed


def test_start_and_order_can_join_the_marker_filter_or_not(
    client: Client, graph: GraphSimulator
) -> None:
    client.create(singleValueExtendedProperties=marker("a"))
    by_start = query(
        filter=marked("ep/value eq 'a'") + " and start/dateTime ge '2026-04-30T08:00:00'"
    )
    ordered = query(filter=marked("ep/value eq 'a'"), orderby="start/dateTime desc")
    for options in (by_start, ordered):
        assert len(client.get(EVENTS + options).json()["value"]) == 1
    graph.set_switches(marker_filter_with_start="refused", marker_filter_with_orderby="refused")
    for options in (by_start, ordered):
        assert client.get(EVENTS + options).status == 400


def test_a_plus_is_a_plus_unless_switched(client: Client, graph: GraphSimulator) -> None:
    path = f"{EVENTS}?$filter=subject+eq+'Data%20ethics'"
    client.create()
    assert client.get(path).status == 400
    graph.switches.plus_in_query = "space"
    assert len(client.get(path).json()["value"]) == 1


@pytest.mark.parametrize(
    "options",
    ["?$select=colour", "?$filter=colour eq 'red'", "?$top=0", "?$search=a", "?$filter=subject"],
)
def test_queries_graph_does_not_know_are_refused(client: Client, options: str) -> None:
    assert client.get(EVENTS + options).status == 400


def test_calendar_view_shows_what_overlaps(client: Client) -> None:
    client.create()
    window = "?startDateTime=2026-04-30T08:30:00Z&endDateTime=2026-04-30T12:00:00Z"
    assert len(client.get(f"/users/{TUTOR}/calendarView{window}").json()["value"]) == 1
    window = "?startDateTime=2026-04-30T09:00:00Z&endDateTime=2026-04-30T12:00:00Z"
    assert client.get(f"/users/{TUTOR}/calendarView{window}").json()["value"] == []


# -- faults, log, headers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "how", "status", "name"),
    [
        ("unavailable", {"retry_after": 5}, 503, "ServiceUnavailable"),
        ("unauthorized", {}, 401, "InvalidAuthenticationToken"),
        ("conflict", {}, 409, "ErrorConcurrentItemSave"),
        ("answer", {"status": 500, "code": "ErrorInternalServerError"}, 500, None),
        ("answer", {"status": 423, "body": {"error": {"code": "locked"}}}, 423, "locked"),
    ],
)
def test_faults_speak_graphs_language(
    client: Client,
    graph: GraphSimulator,
    effect: Any,
    how: dict[str, Any],
    status: int,
    name: str | None,
) -> None:
    graph.faults.add(effect, **how)
    reply = client.get(EVENTS)
    assert reply.status == status
    assert code(reply) == (name or how["code"])
    assert client.get(EVENTS).status == 200


def test_a_fault_strikes_the_calls_it_names(client: Client, graph: GraphSimulator) -> None:
    fault = graph.faults.add(
        "unavailable", method="GET", path=r"/events\b", tenant=TENANT, nth=2, times=2
    )
    assert client.get(CALENDAR).status == 200
    assert [client.get(EVENTS).status for _ in range(4)] == [200, 503, 503, 200]
    assert fault.struck == 2


def test_the_world_can_change_during_a_call(client: Client, graph: GraphSimulator) -> None:
    made = client.create()
    graph.faults.add(
        "call", method="PATCH", action=lambda: graph.tutor.retitles(made["id"], "Tutor's")
    )
    tag = {"If-Match": made["@odata.etag"]}
    assert client.patch(made["id"], tag, subject="Mine").status == 412


def test_random_faults_repeat_with_their_seed(graph: GraphSimulator, client: Client) -> None:
    def draw() -> list[int]:
        graph.faults.randomly(0.5, seed=7)
        return [client.get(EVENTS).status for _ in range(30)]

    first = draw()
    assert first == draw()
    assert 5 < first.count(200) < 25
    graph.faults.clear()
    assert client.get(EVENTS).status == 200


def test_everything_asked_is_logged_and_counted(client: Client, graph: GraphSimulator) -> None:
    client.create()
    client.get(EVENTS)
    batch(client, [get_item(1), get_item(2)])
    kinds = dict(graph.journal.kinds)
    assert kinds == {"create_event": 1, "list_events": 1, "batch": 1, "get_calendar": 2}
    assert graph.journal.metered == 4
    [entry] = graph.journal.requests(kind="create_event", tenant=TENANT)
    assert (entry.method, entry.path, entry.status) == ("POST", EVENTS, 201)


def test_answers_carry_request_ids(client: Client) -> None:
    mine = {"client-request-id": "c-1", "return-client-request-id": "true"}
    for path in (EVENTS, EVENTS + "/none"):
        reply = client.get(path, mine)
        assert reply.headers["client-request-id"] == "c-1"
        assert reply.headers["request-id"]
    inner = client.get(EVENTS + "/none", mine).json()["error"]["innerError"]
    assert inner["date"] == "2026-04-25T08:00:00"
    assert inner["client-request-id"] == "c-1"


def test_unknown_paths_and_methods(client: Client) -> None:
    assert client.get("/me/events").status == 400
    assert client.call("PUT", EVENTS, {}).status == 405
