"""Ids and filters that try to reach another component, another kind of row, or another tenant.

The boundary is the partition: every call names its tenant's, made of an id that was checked, and
nothing that comes after it can leave it. Held on the fake and on Azure's client.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from component_http import operate
from component_http.receive import receive_batch
from shared import signing
from shared.errors import Invalid
from shared.keys import component_key, partition
from shared.model import ComponentId, TenantId
from shared.table import Table, open_table, rows
from tests.contract.conftest import settings
from tests.fakes import MemoryTable
from tests.flows.world import ENTRA, LEARNER, TENANT, TUTOR, World

OTHER = "southern"
IDS = [
    "C-1", "c-1", "C-1 ", " C-1", "C\u20111", "С-1", "C-1\0", "C-1\n", "C-1\r\nx: y", "C-1\x7f",
    "C|1", "C~7c1", "C~1", "~~C", "C/1", "C%2F1", "C\\1", "C#1", "C?1", "C%1", "C%251", "C'1",
    "C''1", 'C"1', "C;1", "C&1=2", "C+1", "C,1", "C$1", "C(1)", "C*", "*", "?", ".", "..",
    "../..", "./C-1", "component|C-1", "due|20260430T080000Z|C-1", "ahead|", "open|0",
    "history|C-1|00000000",
    "evidence|C-1|000000", "person|x", "alias|x", "named|x|C-1", "month|2026-04|C-1", "organizer|x",
    "brake", "subscription|x", "stray|x", "tenant|southern", "tenants", "southern", "hints", "runs",
    "' or PartitionKey eq 'tenant|southern", "C-1' and RowKey ne '", "x') or (1 eq 1",
    "\u00e9", "e\u0301", "\U0001f600" * 200, "\U0001f600" * 199 + "x", "x" * 200, "\u202e1-C",
    "somebody@college.example", "SOMEBODY@college.example", "a@b|c", "null", "undefined", "NaN",
    "\ufeffC-1", "\ufffd", "\U0010ffff", "~~" + "0" * 64,
]  # fmt: skip
QUERIES = [
    "' or PartitionKey eq 'tenant|southern", "C-1' or '1' eq '1", "*", "%", "%2A", "component|",
    "tenant|southern", "", " ", "\0", "~", "\x7f",
]  # fmt: skip


@pytest.fixture(scope="module", params=["memory", "azurite"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Two tenants who have stored the same ids, whatever those are."""
    table: Table = MemoryTable()
    if request.param == "azurite":
        azurite: str = request.getfixturevalue("azurite")
        table = open_table(settings(azurite, f"ids{uuid.uuid4().hex[:12]}"))
    world = World(table=table)
    world.add_provider(OTHER, ENTRA)
    for tenant in (TENANT, OTHER):
        assert store(world, tenant, IDS) == ["stored"] * len(IDS)
    yield world
    world.close()


def store(world: World, tenant: str, ids: list[str]) -> list[str]:
    """What became of a batch of components with these ids."""
    data = [
        {
            "id": one, "revision": 1, "kind": "meeting", "name": f"{tenant}'s", "start": None,
            "end": None, "meetOnline": False, "owner": TUTOR, "learner": LEARNER,
        }
        for one in ids
    ]  # fmt: skip
    body = json.dumps({"type": "components.saved", "data": data}).encode()
    known = world.ports.tenants.get(TenantId(tenant))
    assert known
    keys, direction = world.settings.signing_keys, signing.Direction.INBOUND
    secret = signing.newest_secret(keys, known.id, direction, known.secrets)
    headers = signing.sign([secret], "msg_1", world.clock(), body)
    reply = receive_batch(
        world.ports, tenant, {**headers, "content-type": "application/json"}, body
    )
    return [one["status"] for one in reply.body["results"]]


def listed(world: World, **query: str) -> list[str]:
    """The ids that a filter finds, over all pages."""
    found: list[str] = []
    while True:
        body = operate.list_components(world.ports, TENANT, query).body
        found += [item["componentId"] for item in body["items"]]
        if not body["next"]:
            return found
        query["next"] = body["next"]


def test_every_id_is_one_component_and_no_other_is_met_under_it(world: World) -> None:
    assert len(set(IDS)) == len(IDS)
    assert sorted(listed(world)) == sorted(IDS)
    for one in IDS:
        assert listed(world, id=one) == [one]
        assert operate.get_component(world.ports, TENANT, one).body["componentId"] == one


def test_no_id_makes_a_row_of_another_kind_or_in_another_partition(world: World) -> None:
    for tenant in (TENANT, OTHER):
        found = [row.key for row in rows(world.table, partition(TenantId(tenant)), "", "\x7f")]
        kinds = {key.partition("|")[0] for key in found}
        assert kinds == {"component", "history", "month", "named", "person"}
        assert sum(key.startswith("component|") for key in found) == len(IDS)
        assert sum(key.startswith("history|") for key in found) == len(IDS)
        assert all(key.isascii() and key.isprintable() for key in found)
        assert not any(set(key) & set("/\\#?%'") for key in found)


def test_what_one_tenant_does_the_other_does_not_see(world: World) -> None:
    """The same ids, the same words: each its own."""
    assert store(world, OTHER, ["only-southern"]) == ["stored"]
    assert "only-southern" not in listed(world)
    assert listed(world, id="only-southern") == []
    with pytest.raises(Invalid) as caught:
        operate.get_component(world.ports, TENANT, "only-southern")
    assert caught.value.status == 404
    for name in ("northern", OTHER):
        stored = world.ports.store.get(TenantId(name), component_key(ComponentId("C|1")))
        assert stored
        assert stored.record.saved.name == f"{name}'s"


@pytest.mark.parametrize("text", QUERIES, ids=ascii)
def test_no_filter_finds_more_than_it_names(world: World, text: str) -> None:
    assert sorted(listed(world, id=text)) == sorted(one for one in IDS if text in ("", one))
    if text:
        assert listed(world, outcome=text) == []
        for name in ("state", "from", "to"):
            with pytest.raises(Invalid):
                listed(world, **{name: text})


def forged(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode("utf-8", "surrogatepass")).decode()


@pytest.mark.parametrize(
    "token",
    [
        *(
            forged(key)
            for key in (
                "tenant|southern", "tenants", "component", "component|", "due|", "history|C-1|0",
                "person|", "component|C-1\0", "component|é", "component|\ud83d", "component|\x7f",
                "\x7f", "\0", " ", "evidence|C-1|000000", "organizer|x", "hint|",
            )
        ),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        forged("component|C-1") + "%%",
        "southern", "component|C-1", "%", "A", "=", "====", "\ud83d", "é", "a" * 100_001, "../../",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_forged_next_is_refused(world: World, token: str) -> None:
    for call in (operate.list_components, lambda ports, _, query: operate.list_runs(ports, query)):
        with pytest.raises(Invalid) as caught:
            call(world.ports, TENANT, {"next": token})
        assert caught.value.faults[0].code == "bad_cursor"


@pytest.mark.parametrize(
    "after",
    [
        "component|C-1' or PartitionKey eq 'tenant|southern",
        "component|' or '' eq '",
        "component|~",
        "component|tenant|southern",
        "component|" + "x" * 5_000,
        "component| ",
    ],
    ids=ascii,
)
def test_a_next_in_our_form_goes_on_among_ones_own_at_most(world: World, after: str) -> None:
    """What follows that key in this tenant's components: nothing that was not theirs to see."""
    keys = {f"component|{component_key(ComponentId(one))}": one for one in IDS}
    expected = [keys[key] for key in sorted(keys) if key > after]
    assert listed(world, next=forged(after)) == expected


@pytest.mark.parametrize(
    "tenant",
    [
        "NORTHERN", "northern ", "northern\0", "northern|", "tenant|northern", "northern%00",
        "%6eorthern", "..", "../northern", "northern/../southern", "northern%2F..%2Fsouthern",
        "nоrthern", "ｎorthern", "northern\n", "", "northern' or RowKey ne '", "*",
        "northern\u200b", "-northern", "n" * 64, "tenants", "hints", "runs", "deployment",
    ],
    ids=ascii,
)  # fmt: skip
def test_no_other_spelling_opens_a_tenant(world: World, tenant: str) -> None:
    calls: list[Any] = [
        lambda: operate.get_tenant(world.ports, tenant),
        lambda: operate.list_components(world.ports, tenant, {}),
        lambda: operate.get_component(world.ports, tenant, "C-1"),
        lambda: operate.rotate(world.ports, tenant, b""),
        *(
            lambda act=act: act(world.ports, tenant, "C-1", b"{}")
            for act in operate.COMPONENT_ACTS.values()
        ),
    ]
    for call in calls:
        with pytest.raises(Invalid) as caught:
            call()
        assert caught.value.status in (404, 422)
    body = b'{"name": "x", "entraTenantId": "", "timeZone": "UTC", "callbackUrl": ""}'
    with pytest.raises(Invalid):
        operate.put_tenant(world.ports, tenant, body, "application/json")
    assert {one.id for one in world.ports.store.tenants()} == {TENANT, OTHER}
