"""What anybody may send to the webhooks: answered quickly, without a word too many, or stored."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from component_http import component_batch, component_http, graph_notifications
from component_http.operate import rotate
from shared import signing, wiring
from shared.contract import BATCH_LIMIT, WEBHOOK_LIMIT
from tests.flows.world import LEARNER, TENANT, TUTOR, World

JSON = {"content-type": "application/json"}
AT_ONCE_S = 5.0
"""For what takes milliseconds, on a machine that is busy with other things."""

quickly = settings(deadline=None, derandomize=True, database=None, max_examples=80)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def _process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The triggers find the world's ports as those of their process."""
    monkeypatch.setattr(wiring, "_ports", world.ports)


def secret(world: World) -> str:
    tenant = world.ports.tenants.get(world.tenant, fresh=True)
    assert tenant
    keys = world.settings.signing_keys
    return signing.newest_secret(keys, tenant.id, signing.Direction.INBOUND, tenant.secrets)


def signed(world: World, body: bytes, at: datetime | None = None) -> dict[str, str]:
    headers = signing.sign([secret(world)], "msg_1", at or world.clock(), body)
    return {**JSON, **headers}


def send(
    body: bytes, headers: Mapping[str, str], tenant: str = TENANT, *, batch: bool = False
) -> tuple[int, Any]:
    """The answer of the function itself: status and JSON."""
    request = func.HttpRequest(
        "POST", "/", headers=headers, route_params={"tenantId": tenant}, body=body
    )
    answer = (component_batch if batch else component_http)(request)
    text = answer.get_body()
    for word in (b"Traceback", b"whsec_", b"a-signing-key"):
        assert word not in text
    return answer.status_code, json.loads(text)


def snapshot(**changes: Any) -> dict[str, Any]:
    return {
        "id": "C-1",
        "revision": 1,
        "kind": "meeting",
        "name": "Data ethics workshop",
        "start": None,
        "end": None,
        "meetOnline": False,
        "owner": TUTOR,
        "learner": LEARNER,
        **changes,
    }


def saved(**changes: Any) -> bytes:
    message = {"type": "component.saved", "timestamp": "2026-04-25T08:00:00Z"}
    return json.dumps({**message, "data": snapshot(**changes)}).encode()


def rows(world: World) -> dict[Any, Any]:
    return dict(world.table._rows)  # type: ignore[attr-defined]


# -- bodies -------------------------------------------------------------------------------


def with_member(text: bytes) -> bytes:
    """A good save, and one member more."""
    return saved()[:-2] + b', "more": ' + text + b"}}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(with_member(b"[" * 100_000 + b"]" * 100_000), 400, id="a deep list"),
        pytest.param(with_member(b'{"a":' * 40_000 + b"1" + b"}" * 40_000), 400, id="deep objects"),
        pytest.param(with_member(b"[" * 100_000), 400, id="a list that never ends"),
        pytest.param(with_member(b"9" * 250_000), 200, id="250,000 digits"),
        pytest.param(with_member(b"-" + b"9" * 250_000), 200, id="as many below nothing"),
        pytest.param(with_member(b"0." + b"9" * 250_000), 200, id="as many decimals"),
        pytest.param(with_member(b"1e999999999999"), 200, id="infinite by its exponent"),
        pytest.param(with_member(b"1e-999999999999"), 200, id="nothing by its exponent"),
        pytest.param(with_member(b"NaN"), 400, id="NaN"),
        pytest.param(with_member(b"-Infinity"), 400, id="minus infinity"),
        pytest.param(with_member(b'"\\ud83d"'), 200, id="half a character nobody reads"),
        pytest.param(saved(name="\ud83d"), 422, id="half a character in the name"),
        pytest.param(saved(id="\ud83d"), 422, id="half a character in the id"),
        pytest.param(saved(name="a\0b"), 422, id="NUL in the name"),
        pytest.param(saved(revision=10**300), 422, id="a revision of 300 digits"),
        pytest.param(saved().replace(b'"revision": 1', b'"revision": 1e999'), 422, id="1e999"),
        pytest.param(
            saved().replace(b'"revision": 1', b'"revision": ' + b"9" * 200_000), 422, id="digits"
        ),
        pytest.param(with_member(b'1, "revision": 2, "revision": 1'), 200, id="names given twice"),
        pytest.param(with_member(b'"' + b"\\u0000" * 40_000 + b'"'), 200, id="escapes"),
        pytest.param(with_member(b"{" + b'"":1,' * 50_000 + b'"":1}'), 200, id="one name, often"),
        pytest.param(b"\xef\xbb\xbf" + saved(), 400, id="a byte order mark"),
        pytest.param(saved().decode().encode("utf-16"), 400, id="UTF-16"),
        pytest.param(saved().decode().encode("utf-32"), 400, id="UTF-32"),
        pytest.param(saved() + b"\0", 400, id="NUL after it"),
        pytest.param(b"\0" * WEBHOOK_LIMIT, 400, id="nothing but NUL"),
        pytest.param(b"\xff" * WEBHOOK_LIMIT, 400, id="no UTF-8"),
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"null", 422, id="null"),
        pytest.param(b'"' + b"a" * 200_000 + b'"', 422, id="one long text"),
    ],
)
def test_a_signed_bomb_goes_off_nowhere(world: World, body: bytes, status: int) -> None:
    before = rows(world)
    began = time.process_time()
    found, _ = send(body, signed(world, body))
    assert (found, time.process_time() - began < AT_ONCE_S) == (status, True)
    if status >= 400:
        assert rows(world) == before


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["component.saved", "2026-04-30T09:00:00+01:00", "a@b", "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@quickly
@given(field=st.sampled_from([*snapshot(), "description", "mentor", "seen"]), value=json_values)
def test_whatever_stands_in_a_field_is_taken_or_told(world: World, field: str, value: Any) -> None:
    body = saved(**{field: value})
    before = rows(world)
    status, answer = send(body, signed(world, body))
    assert status in (200, 202, 400, 409, 422)
    if status == 422:
        assert all(fault["pointer"].startswith("#/") for fault in answer["errors"])
    if status >= 400:
        assert rows(world) == before


@quickly
@given(st.binary(max_size=200))
def test_whatever_is_signed_is_taken_or_refused(world: World, body: bytes) -> None:
    for batch in (False, True):
        status, _ = send(body, signed(world, body), batch=batch)
        assert status in (400, 422)


# -- sizes --------------------------------------------------------------------------------


def padded(body: bytes, size: int) -> bytes:
    return body + b" " * (size - len(body))


@pytest.mark.parametrize(
    ("batch", "limit"),
    [
        pytest.param(False, WEBHOOK_LIMIT, id="a webhook of 256 KiB"),
        pytest.param(True, BATCH_LIMIT, id="a batch of 4 MiB"),
    ],
)
def test_the_last_byte_that_is_taken_and_the_first_that_is_not(
    world: World, batch: bool, limit: int
) -> None:
    good = b'{"type": "components.saved", "data": []}' if batch else saved()
    for size, status in ((limit - 1, 200), (limit, 200), (limit + 1, 413)):
        body = padded(good, size)
        assert send(body, signed(world, body), batch=batch)[0] == status
    # Size comes first: nobody's megabytes are hashed.
    assert send(b"x" * (limit + 1), {}, batch=batch)[0] == 413


@pytest.mark.parametrize(("count", "status"), [(499, 200), (500, 200), (501, 422)])
def test_500_components_are_a_batch_and_one_more_is_not(
    world: World, count: int, status: int
) -> None:
    items = [snapshot(id=f"B-{n % 100}", revision=n) for n in range(count)]
    body = json.dumps({"type": "components.saved", "data": items}).encode()
    before = rows(world)
    found, answer = send(body, signed(world, body), batch=True)
    assert found == status
    if status == 200:
        assert len(answer["results"]) == count
    else:
        assert answer["errors"][0]["code"] == "too_many"
        assert rows(world) == before


@settings(quickly, max_examples=25)
@given(st.lists(json_values | st.builds(snapshot, id=st.text(max_size=3)), max_size=5))
def test_each_of_a_batch_stands_for_itself(world: World, items: list[Any]) -> None:
    body = json.dumps({"type": "components.saved", "data": items}).encode()
    status, answer = send(body, signed(world, body), batch=True)
    assert status == 200
    assert [one["status"] in ("stored", "unchanged", "refused") for one in answer["results"]] == [
        True
    ] * len(items)


# -- signatures ---------------------------------------------------------------------------


def test_a_signature_counts_for_five_minutes_either_way_to_the_second(world: World) -> None:
    body = saved()
    for off in (-301, -300, -299, 0, 299, 300, 301):
        at = world.clock() + timedelta(seconds=off)
        status = 401 if abs(off) > 300 else 200
        assert send(body, signed(world, body, at))[0] == status, off


def test_every_secret_that_is_valid_signs_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rotations within a day: three are good, until each one's day is over."""
    other, body = World(), saved()
    secrets = [secret(other)]
    for _ in range(2):
        rotate(other.ports, TENANT, b"")
        secrets.append(secret(other))
        other.pass_(hours=1)
    monkeypatch.setattr(wiring, "_ports", other.ports)

    def answers() -> list[int]:
        return [
            send(body, {**JSON, **signing.sign([one], "msg_1", other.clock(), body)})[0]
            for one in secrets
        ]

    assert answers() == [200, 200, 200]
    other.pass_(hours=22)
    assert answers() == [401, 200, 200]
    other.pass_(hours=1)
    assert answers() == [401, 401, 200]
    other.close()


def test_a_signature_is_one_tenants_only(world: World) -> None:
    world.add_provider("southern")
    body = saved()
    headers = signed(world, body)
    assert send(body, headers)[0] == 200
    before = rows(world)
    assert send(body, headers, "southern")[0] == 401
    assert rows(world) == before


NOBODYS = [
    "unknown", "NORTHERN", "Northern", "northern ", " northern", "northern/", "../northern",
    "northern%2F..", "%6eorthern", "tenant|northern", "nоrthern", "ｎorthern", "northern\0",
    "northern\n", "", ".", "..", "a" * 5000, "\ud83d", "' or PartitionKey ne '",
]  # fmt: skip


@pytest.mark.parametrize("tenant", NOBODYS, ids=ascii)
def test_no_other_spelling_of_a_tenant_is_that_tenant(world: World, tenant: str) -> None:
    """Capitals, look-alikes, escapes and steps: all of them are nobody, and told the same."""
    body = saved()
    before = rows(world)
    expected = send(body, signed(world, body), "somebody")
    assert expected[0] == 401
    for batch in (False, True):
        assert send(body, signed(world, body), tenant, batch=batch) == expected
    assert rows(world) == before


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"webhook-signature": "v1," + "A" * 10_000}, id="a long signature"),
        pytest.param({"webhook-signature": ("v1," + "A" * 43 + "= ") * 600}, id="600 of them"),
        pytest.param({"webhook-signature": "v1a,x v2,y whsec_z"}, id="other versions"),
        pytest.param({"webhook-signature": "v1,ﬀ", "webhook-id": "é"}, id="letters of others"),
        pytest.param({"webhook-id": "x" * 10_000}, id="an id of 10 kB"),
        pytest.param({"webhook-id": "a b"}, id="an id of two words"),
        pytest.param({"webhook-id": "a\r\nb: c"}, id="an id with a header in it"),
        pytest.param({"webhook-timestamp": "٣"}, id="digits of another script"),
        pytest.param({"webhook-timestamp": "1e9"}, id="a time in powers of ten"),
        pytest.param({"webhook-timestamp": "9" * 5000}, id="a time of 5,000 digits"),
        pytest.param({"webhook-timestamp": "-1"}, id="before 1970"),
        pytest.param({"x-" + "y" * 10_000: "z" * 30_000}, id="headers beyond reason"),
    ],
)
def test_no_header_does_more_than_be_refused(world: World, changes: dict[str, str]) -> None:
    body = saved()
    unsigned = {**JSON, **signing.sign(["whsec_AAAA"], "m", world.clock(), body), **changes}
    before = rows(world)
    assert send(body, unsigned)[0] == 401
    assert rows(world) == before


def test_only_what_another_secret_might_have_signed_costs_a_look_at_the_table(
    world: World, mocker: MockerFixture
) -> None:
    body = saved()
    good = signed(world, body)
    spy = mocker.spy(world.table, "get")
    for headers in ({}, good | {"webhook-timestamp": "1"}, good | {"webhook-id": ""}):
        assert send(body, headers)[0] == 401
    assert spy.call_count == 0
    assert send(body, good | {"webhook-id": "msg_2"})[0] == 401
    assert spy.call_count == 1


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_sent_twice_is_no_header(world: World, name: str) -> None:
    """The host joins them with a comma; what they would mean apart is not asked."""
    body = saved()
    headers = signed(world, body)
    headers[name] = f"{headers[name]},{headers[name]}"
    assert send(body, headers)[0] == 401


def test_one_good_signature_after_one_by_a_comma_counts_as_the_specification_has_it(
    world: World,
) -> None:
    """Signatures are apart by spaces; that is how two secrets sign one message."""
    body = saved()
    headers = signed(world, body)
    bad = "v1," + "A" * 43 + "="
    headers["webhook-signature"] = f"{bad} {headers['webhook-signature']} {bad}"
    assert send(body, headers)[0] == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200), ("Application/JSON; Charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200), ("application/cloudevents+json", 200),
        ("text/plain", 415), ("application/json, text/html", 415), ("application/jsonx", 415),
        ("application/json; charset=utf-16", 415), ("application/json; charset=utf-7", 415),
        ("multipart/form-data; boundary=x", 415), ("", 415), ("x" * 20_000, 415),
        ("application/" + "a" * 20_000 + "+json", 200), ("application/+json", 415),
        ("application/json;" + "charset" * 5_000, 200), ("é", 415),
    ],
)  # fmt: skip
def test_a_content_type_is_json_or_refused(world: World, kind: str, status: int) -> None:
    body = saved()
    headers = {**signed(world, body), "content-type": kind}
    began = time.process_time()
    assert send(body, headers)[0] == status
    assert time.process_time() - began < AT_ONCE_S


@quickly
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "Webhook-Id"]
        ),
        st.text(max_size=60),
    ),
    tenant=st.sampled_from([TENANT, "unknown"]) | st.text(max_size=20),
)
def test_who_cannot_sign_gets_one_answer(
    world: World, headers: dict[str, str], tenant: str
) -> None:
    before = rows(world)
    status, answer = send(saved(), headers, tenant)
    assert (status, answer["code"]) == (401, "bad_signature")
    assert rows(world) == before


# -- notifications ------------------------------------------------------------------------


def notify(body: bytes) -> int:
    request = func.HttpRequest("POST", "/", headers=JSON, params={}, body=body)
    return int(graph_notifications(request).status_code)


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([{}] * 300_000, id="300,000 of nothing"),
        pytest.param([{"clientState": f"{n}"} for n in range(20_000)], id="20,000 guesses"),
        pytest.param([{"clientState": "northern.x.y"}] * 10_000, id="10,000 of one guess"),
    ],
)
def test_notifications_nobody_asked_for_cost_no_more_than_reading_them(
    world: World, items: list[Any], mocker: MockerFixture
) -> None:
    """No digest: a megabyte of them, which anybody may send, took seconds."""
    spy = mocker.spy(hmac, "digest")
    body = json.dumps({"value": items}, separators=(",", ":")).encode()
    before = rows(world)
    began = time.process_time()
    assert notify(body) == 202
    assert time.process_time() - began < AT_ONCE_S
    assert spy.call_count == 0
    assert rows(world) == before


@quickly
@given(json_values)
def test_no_notification_does_harm(world: World, value: Any) -> None:
    before = rows(world)
    for body in (value, {"value": value}, {"value": [value]}, {"value": [{"clientState": value}]}):
        assert notify(json.dumps(body).encode()) in (202, 400)
    assert rows(world) == before


def test_the_clock_of_these_tests_stands() -> None:
    assert World().clock() == datetime(2026, 4, 25, 8, 0, tzinfo=UTC)
