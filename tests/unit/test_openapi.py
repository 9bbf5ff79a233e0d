"""The API's description, and whether the door does what it says."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from component_http import operate, receive
from component_http.openapi import document
from shared import callback_address as addresses
from shared import contract, verification
from shared.contract import Deleted, calls, components
from shared.contract import members as members_
from shared.contract import tenants as tenants_
from shared.contract.components import content_digest
from shared.errors import Invalid
from shared.lms.outbox import message as event_message
from shared.model import Flag, LmsEvent, Snapshot, State, TenantId

JSON = "application/json"
DOCUMENT = document()
NOW = datetime(2026, 4, 1, tzinfo=UTC)
METHODS = ("get", "put", "post")


def validator(schema: dict[str, Any]) -> Any:
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def named(name: str) -> Any:
    return validator({"$ref": f"#/components/schemas/{name}"})


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for place in ("paths", "webhooks"):
        for path, item in DOCUMENT[place].items():
            for method in METHODS:
                if method in item:
                    yield f"{method} {path}", item[method]


def media_types(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema with its examples, wherever it stands."""
    if isinstance(node, dict):
        if "schema" in node:
            yield node
        for inner in node.values():
            yield from media_types(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from media_types(inner)


def examples(media_type: dict[str, Any]) -> list[Any]:
    found = [example["value"] for example in media_type.get("examples", {}).values()]
    return [*found, media_type["example"]] if "example" in media_type else found


def request_examples(operation_id: str) -> list[Any]:
    for _, operation in operations():
        if operation["operationId"] == operation_id:
            return examples(operation["requestBody"]["content"][JSON])
    raise AssertionError(operation_id)


# --- the document itself ------------------------------------------------------------------------


def test_it_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_it_is_json() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == document()


def test_it_describes_every_call_of_the_law() -> None:
    tenant, component = "/tenants/{tenantId}", "/tenants/{tenantId}/components/{componentId}"
    assert {name for name, _ in operations()} == {
        f"post {tenant}/components",
        f"post {tenant}/components/batch",
        f"put {tenant}",
        "get /tenants",
        f"get {tenant}",
        f"post {tenant}/rotate",
        f"get {tenant}/check",
        f"post {tenant}/release",
        f"post {tenant}/erase",
        f"post {tenant}/reverify",
        f"post {tenant}/adopt",
        f"get {tenant}/components",
        f"get {component}",
        f"post {component}/resync",
        f"post {component}/reverify",
        f"post {component}/redeliver",
        f"post {component}/decide",
        "get /runs",
        "get /health",
        "get /openapi.json",
        "post /graph/notifications",
        "post meeting.scheduled",
        "post meeting.rescheduled",
        "post meeting.cancelled",
        "post meeting.failed",
        "post hours.verified",
        "post hours.not_verified",
        "post connector.ping",
    }


def test_operations_have_names_of_their_own() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)


def test_only_what_is_signed_or_shows_nothing_goes_without_a_key() -> None:
    without_key = {name for name, operation in operations() if operation.get("security") == []}
    assert {name for name in without_key if "." not in name.removesuffix("openapi.json")} == {
        "post /tenants/{tenantId}/components",
        "post /tenants/{tenantId}/components/batch",
        "get /health",
        "get /openapi.json",
        "post /graph/notifications",
    }
    for name, operation in operations():
        signed = name.endswith(("/components", "/batch")) and name.startswith("post")
        if signed or name.split()[1] in DOCUMENT["webhooks"]:
            assert len(operation["parameters"]) == 3
            assert operation["security"] == []


def test_every_refusal_is_described_and_exampled() -> None:
    for code, (status, title) in contract.REFUSALS.items():
        assert f"| `{code}` | {status}. {title} |" in DOCUMENT["info"]["description"]
        answer = DOCUMENT["components"]["responses"][f"Problem{status}"]
        (media_type,) = answer["content"].values()
        shown = media_type["examples"][code]["value"]
        told = json.loads(contract.problem(contract.refusal(code))[1])
        assert {name: shown[name] for name in told} == told


def test_every_code_of_a_fault_is_described() -> None:
    """Collected from the sources, so that none is forgotten."""
    judges = (members_, components, tenants_, calls, addresses, verification, operate, receive)
    sources = "".join(map(inspect.getsource, judges))
    raised = re.findall(r'(?:note|Fault)\(\s*[^,()]+,\s*"([a-z0-9_]+)"', sources)
    raised += re.findall(r'_not_accepted\(\s*"([a-z0-9_]+)"', sources)
    assert len(set(raised)) > 25
    table = DOCUMENT["info"]["description"].partition("Codes in `errors`")[2]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(raised)


def test_closed_lists_are_the_models() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    state = schemas["ComponentState"]["properties"]
    assert state["state"]["enum"] == [one.value for one in State]
    assert state["flags"]["items"]["enum"] == [one.value for one in Flag]


def test_every_example_fits_its_schema() -> None:
    checked = 0
    for media_type in media_types([DOCUMENT["paths"], DOCUMENT["webhooks"]]):
        for example in examples(media_type):
            validator(media_type["schema"]).validate(example)
            checked += 1
    for answer in DOCUMENT["components"]["responses"].values():
        for media_type in media_types(answer.get("content", {})):
            for example in examples(media_type):
                validator(media_type["schema"]).validate(example)
                checked += 1
    assert checked >= 40


# --- the door does what it says -----------------------------------------------------------------


def test_every_webhook_example_is_taken() -> None:
    saved, deleted = (
        contract.parse_webhook(json.dumps(example).encode(), JSON)
        for example in request_examples("receiveComponent")
    )
    assert isinstance(saved, Snapshot)
    assert saved.digest == content_digest(saved)
    assert isinstance(deleted, Deleted)


def test_every_other_example_is_taken() -> None:
    for example in request_examples("receiveComponents"):
        items = contract.parse_batch(json.dumps(example).encode(), JSON)
        assert [item.faults for item in items] == [()]
    whole, part = (json.dumps(one).encode() for one in request_examples("putTenant"))
    tenant = contract.parse_tenant(whole, TenantId("t"), None, now=NOW)
    assert contract.parse_tenant(part, TenantId("t"), tenant, now=NOW).window_days == 7
    for operation_id, parse in (
        ("decideComponent", contract.parse_decide),
        ("reverifyMany", contract.parse_range),
        ("erasePerson", contract.parse_email),
    ):
        for example in request_examples(operation_id):
            assert parse(json.dumps(example).encode())


def test_what_we_answer_fits_too() -> None:
    example = json.dumps(request_examples("putTenant")[0]).encode()
    tenant = contract.parse_tenant(example, TenantId("t"), None, now=NOW)
    named("Tenant").validate(contract.tenant_json(tenant))
    for error in (contract.refusal("conflict"), *broken()):
        named("Problem").validate(json.loads(contract.problem(error)[1]))


def test_an_event_for_the_lms_fits_its_schema() -> None:
    data = {"componentId": "C-1", "revision": 1, "sequence": 2, "reason": "Cancelled in Teams."}
    event = LmsEvent("e1", 2, "meeting.cancelled", NOW, data)
    named("MeetingCancelled").validate(event_message(event))
    assert not named("MeetingCancelled").is_valid(event_message(event) | {"data": {}})


# --- schema and parser agree --------------------------------------------------------------------

Made = st.SearchStrategy[dict[str, Any]]
GONE = object()
BROKEN_SAVE: Any = {
    "type": "component.saved",
    "data": {"id": "", "end": 1, "owner": {"email": "x"}},
}


def codes(read: Callable[[], object]) -> set[str]:
    try:
        read()
    except Invalid as error:
        return {fault.code for fault in error.faults}
    return set()


def webhook_faults(sent: Any) -> set[str]:
    return codes(lambda: contract.parse_webhook(json.dumps(sent).encode(), JSON))


def tenant_faults(sent: Any) -> set[str]:
    example = json.dumps(request_examples("putTenant")[0]).encode()
    before = contract.parse_tenant(example, TenantId("t"), None, now=NOW)
    body = json.dumps(sent).encode()
    return codes(lambda: contract.parse_tenant(body, TenantId("t"), before, now=NOW))


def broken() -> Iterator[Invalid]:
    sent: Any
    for sent in (BROKEN_SAVE, [], {}):
        with pytest.raises(Invalid) as caught:
            contract.parse_webhook(json.dumps(sent).encode(), JSON)
        yield caught.value


ODD: list[Any] = [
    *(None, True, 0, 5, -1, 2.5, 7.0, 1e300, "", " ", "\0", "a\0b", "é", "x" * 40_000, [], {}, GONE)
]


def members(good: dict[str, list[Any]], doubtful: dict[str, list[Any]]) -> Made:
    """Objects whose members are good but for at most two, which are doubtful, odd or left out."""
    changes = st.lists(
        st.sampled_from([*good]).flatmap(
            lambda name: st.tuples(
                st.just(name),
                st.sampled_from([*doubtful.get(name, []), *ODD]) | st.text(max_size=4),
            )
        ),
        max_size=2,
    )
    return st.builds(
        lambda made, odd: {
            name: value for name, value in {**made, **dict(odd)}.items() if value is not GONE
        },
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in good.items()}),
        changes,
    )


GUIDS = ["8f0c1a52-7d3e-4b0a-9c64-2f5e8d1b7a90", "8F0C1A52-7D3E-4B0A-9C64-2F5E8D1B7A90"]
NO_GUIDS = ["8f0c1a52", GUIDS[0] + "\n", "{" + GUIDS[0] + "}"]
people = members(
    {
        "email": ["a@b.example", " a@b ", "", None],
        "name": ["T. Utor", "", None, "x" * 255],
        "entraId": [*GUIDS, " ", None],
    },
    {
        "email": ["a@b\n", "\x85", "a b@c", "@", "a@", "a@b@c", "x" * 318 + "@b", "x" * 319 + "@b"],
        "name": ["x" * 256],
        "entraId": NO_GUIDS,
    },
)
NO_INSTANTS = [
    *("2026-04-30", "2026-04-30T09:00:00", "2026-04-31T09:00:00Z", "2026-04-30T09:00:60Z"),
    *("1969-12-31T00:00:00Z", "3000-01-01T00:00:00Z", None, "2026-04-30T10:00:00.1234567Z"),
]
START, END = "2026-04-30T09:00:00+01:00", "2026-04-30T10:00:00+01:00"
saves = st.builds(
    lambda dates, save: dates | save,
    st.sampled_from([{"start": START, "end": END}] * 3 + [{"start": None, "end": None}]),
    members(
        {
            "id": ["C-1", "x" * 200, "\0", " "],
            "revision": [0, 7, 7.0, 2**53 - 1],
            "kind": ["meeting", "review"],
            "name": ["Workshop", " a\n", "x" * 255],
            "description": ["", "x" * 32_000, None],
            "descriptionFormat": ["text", "html", None],
            "start": [START],
            "end": [END],
            "meetOnline": [True, False],
            "useZoom": [True, False, None],
            "cancelled": [True, False, None],
            "plannedMinutes": [0, 60, 60.0, None],
            "employerCanView": [True, False, None],
            "seen": [0, 12, None],
        },
        {
            "id": ["x" * 201],
            "revision": [2**53],
            "kind": ["Meeting"],
            "name": ["x" * 256],
            "description": ["x" * 32_001],
            "start": NO_INSTANTS,
            "end": NO_INSTANTS,
        },
    ),
)
snapshots = st.builds(
    lambda save, people: save | people,
    saves,
    st.fixed_dictionaries(
        {"owner": people, "learner": people},
        optional={name: st.none() | people for name in ("manager", "mentor")},
    ),
)
only_saves = st.builds(
    lambda name, data, more: {"type": name, "data": data} | more,
    st.sampled_from(["component.saved"] * 8 + ["component.deleted", "component.moved", None]),
    snapshots | st.sampled_from([None, [], "x"]),
    st.sampled_from([{}, {"timestamp": None}, {"timestamp": "2026-04-01T00:00:00Z"}, {"x": 1}]),
)

WORDS_ONLY = {"before_start", "over_24_hours"}
"""Faults that no schema can express."""
WEBHOOK = validator(
    {
        "oneOf": [
            {"$ref": "#/components/schemas/ComponentSaved"},
            {"$ref": "#/components/schemas/ComponentDeleted"},
        ]
    }
)


@given(only_saves)
def test_a_webhook_is_taken_exactly_when_the_schema_allows_it(sent: Any) -> None:
    assert WEBHOOK.is_valid(sent) == (not webhook_faults(sent) - WORDS_ONLY)


tenants = members(
    {
        "name": ["Northern College"],
        "enabled": [True, False],
        "mode": ["live", "preview"],
        "entraTenantId": GUIDS,
        "cloud": ["global", "usgov", "usgov_dod", "china"],
        "timeZone": ["Europe/London", "UTC"],
        "windowDays": [0, 5, 365],
        "callbackUrl": [
            "https://lms.example/",
            "HTTPS://lms.example:8443/x",
            "http://lms.example/",
        ],
        "changeNotifications": [True, False],
        "retentionYears": [1, 7, 99],
    },
    {
        "name": ["x" * 256],
        "entraTenantId": NO_GUIDS,
        "timeZone": ["Mars/Olympus", "x" * 101],
        "windowDays": [366],
        "callbackUrl": ["http://lms.example/"],
        "retentionYears": [100],
    },
)
choices = members(
    {
        "unidentifiedOther": ["assume_learner", "hold"],
        "extraAttendee": ["whole_meeting", "learner_time", "hold"],
        "learnerTime": ["own", "with_organizer"],
        "reviewsEarnHours": [True, False],
        "retryNights": [0, 7, 60],
    },
    {"retryNights": [61]},
)


@given(tenants, choices | st.none())
def test_settings_are_taken_exactly_when_the_schema_allows_them(
    settings: dict[str, Any], attendance: Any
) -> None:
    sent = settings | {"attendance": attendance}
    assert named("TenantSettings").is_valid(sent) == (
        not tenant_faults(sent) - {"unknown_time_zone"}
    )


@given(
    members(
        {
            "decision": ["accept", "reject"],
            "participant": ["unidentified 1", None],
            "by": ["M. Anager"],
            "reason": ["Saw it.", "x" * 2000],
        },
        {"reason": ["x" * 2001], "by": ["x" * 256], "participant": ["x" * 201]},
    )
)
def test_a_decision_is_taken_exactly_when_the_schema_allows_it(sent: dict[str, Any]) -> None:
    faults = codes(lambda: contract.parse_decide(json.dumps(sent).encode()))
    assert named("Decision").is_valid(sent) == (not faults)


@given(
    members(
        {
            "from": ["2026-04-01", "2026-04-30"],
            "to": ["2026-04-30"],
            "email": ["a@b", " a@b "],
        },
        {"from": ["2026-02-29", "1969-12-31", "2026-4-1"], "email": ["ab", "a@b\n"]},
    )
)
def test_a_range_and_an_address_too(sent: dict[str, Any]) -> None:
    body = json.dumps(sent).encode()
    faults = codes(lambda: contract.parse_range(body))
    assert named("DateRange").is_valid(sent) == (not faults - {"before_from"})
    assert named("Email").is_valid(sent) == (not codes(lambda: contract.parse_email(body)))
