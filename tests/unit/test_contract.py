"""The door: JSON, instants and refusals, whatever the message."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import contract
from shared.contract import body as door
from shared.errors import Fault, Invalid

JSON = "application/json"


def refused(body: bytes, content_type: str | None = JSON) -> tuple[int, str]:
    with pytest.raises(Invalid) as caught:
        door.read_body(body, content_type)
    return caught.value.status, caught.value.code


# --- the order of refusal -----------------------------------------------------------------------


def test_a_body_of_exactly_the_limit_passes() -> None:
    contract.check_size(256 * 1024)
    contract.check_size(4 * 1024 * 1024, contract.BATCH_LIMIT)
    for length, limit in ((256 * 1024, contract.WEBHOOK_LIMIT), (4 << 20, contract.BATCH_LIMIT)):
        with pytest.raises(Invalid) as caught:
            contract.check_size(length + 1, limit)
        assert (caught.value.status, caught.value.code) == (413, "too_large")


def test_size_comes_before_type_and_type_before_form() -> None:
    assert refused(b"x" * (256 * 1024 + 1), "text/plain") == (413, "too_large")
    assert refused(b"not JSON", "text/plain") == (415, "not_json")
    assert refused(b"not JSON") == (400, "malformed")


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"; x=y',
        "application/cloudevents+json",
    ],
)
def test_json_may_be_announced_as(content_type: str) -> None:
    assert door.read_body(b"{}", content_type) == {}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "text/plain; x=application/json",
    ],
)
def test_anything_else_is_not_json(content_type: str | None) -> None:
    assert refused(b"{}", content_type) == (415, "not_json")


def test_people_may_leave_the_content_type_out_but_not_get_it_wrong() -> None:
    assert contract.parse_email(b'{"email": "a@b"}', None) == "a@b"
    with pytest.raises(Invalid) as caught:
        contract.parse_email(b'{"email": "a@b"}', "text/plain")
    assert caught.value.status == 415


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b'{"a": 1,}', id="trailing comma"),
        pytest.param(b"{} {}", id="two values"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'{"a": Infinity}', id="Infinity"),
        pytest.param(b'{"a": -Infinity}', id="minus Infinity"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a": "é"}'.encode("latin-1"), id="latin-1"),
        pytest.param("{}".encode("utf-16"), id="utf-16"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(b'{"a": "\n"}', id="raw line end in a string"),
        pytest.param(b"[" * 200_000, id="nested deeper than we follow"),
        pytest.param(b'{"a":' * 40_000 + b"1" + b"}" * 40_000, id="deep and closed"),
        pytest.param(b"0123", id="leading zero"),
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    assert refused(body) == (400, "malformed")


def test_of_a_name_given_twice_the_last_counts() -> None:
    assert door.read_body(b'{"a": 1, "a": 2}', JSON) == {"a": 2}


def test_numbers_of_any_size_are_json() -> None:
    """They may stand in fields we don't know."""
    huge = b"9" * 200_000
    assert door.read_body(b'{"a": ' + huge + b', "b": 1e999}', JSON)["a"] == float("inf")
    assert door.read_body(b"9007199254740993", JSON) == 9007199254740993


# --- instants -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-04-30T09:00:00+01:00", datetime(2026, 4, 30, 8, tzinfo=UTC)),
        ("2026-04-30T09:00:00Z", datetime(2026, 4, 30, 9, tzinfo=UTC)),
        ("2026-04-30t09:00:00z", datetime(2026, 4, 30, 9, tzinfo=UTC)),
        ("2026-04-30T09:00:00-00:00", datetime(2026, 4, 30, 9, tzinfo=UTC)),
        ("2026-04-30T09:00:00.5Z", datetime(2026, 4, 30, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-04-30T09:00:00.0000000Z", datetime(2026, 4, 30, 9, tzinfo=UTC)),
        ("2026-04-30T09:00:00.123456789Z", datetime(2026, 4, 30, 9, 0, 0, 123456, tzinfo=UTC)),
        ("2026-04-30T00:30:00+23:59", datetime(2026, 4, 29, 0, 31, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T00:59:60.25+01:00", datetime(2017, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("1970-01-01T00:00:00+23:59", datetime(1969, 12, 31, 0, 1, tzinfo=UTC)),
        ("2999-12-31T23:59:59-23:59", datetime(3000, 1, 1, 23, 58, 59, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read(text: str, instant: datetime) -> None:
    assert contract.read_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-04-30",
        "2026-04-30T09:00:00",
        "2026-04-30 09:00:00Z",
        "2026-04-30T09:00Z",
        "2026-04-30T09:00:00+0100",
        "2026-04-30T09:00:00+01",
        "2026-04-30T09:00:00+24:00",
        "2026-04-30T09:00:00+01:60",
        "2026-04-30T09:00:00.Z",
        "2026-04-30T09:00:00,5Z",
        "2026-04-30T24:00:00Z",
        "2026-04-30T09:60:00Z",
        "2026-04-30T09:00:60Z",
        "2026-04-30T23:59:60+01:00",
        "2026-04-30T23:59:61Z",
        "2026-02-29T09:00:00Z",
        "2026-13-01T09:00:00Z",
        "2026-00-01T09:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "3000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "26-04-30T09:00:00Z",
        "+2026-04-30T09:00:00Z",
        " 2026-04-30T09:00:00Z",
        "2026-04-30T09:00:00Z\n",
        "2026-W18-4T09:00:00Z",
        "1777539600",
        "２０２６-04-30T09:00:00Z",
        "2026-04-30T09:00:00" + "." + "1" * 10 + "é",
    ],
)
def test_anything_else_is_no_instant(text: str) -> None:
    assert contract.read_instant(text) is None


def test_an_instant_may_have_any_number_of_decimals() -> None:
    text = f"2026-04-30T09:00:00.{'123456' + '9' * 100_000}Z"
    assert contract.read_instant(text) == datetime(2026, 4, 30, 9, 0, 0, 123456, tzinfo=UTC)


@given(
    st.integers(1, 376_000 * 86_400_000_000),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_what_is_written_in_any_offset_is_read_as_the_same_instant(
    microseconds: int, minutes: int
) -> None:
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{local:%Y-%m-%dT%H:%M:%S.%f}{sign}{hours:02}:{rest:02}"
    assert contract.read_instant(text) == local - timedelta(minutes=minutes)


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    contract.read_instant(text)
    contract.read_date(text)


@pytest.mark.parametrize(
    "text", ["", "20260430", "2026-4-30", "2026-02-30", "2026-04-30T00:00:00Z", "1969-01-01", "٢"]
)
def test_what_is_no_date(text: str) -> None:
    assert contract.read_date(text) is None


# --- refusals as the outside sees them ----------------------------------------------------------


def told(error: Invalid) -> dict[str, Any]:
    status, body = contract.problem(error)
    read: dict[str, Any] = json.loads(body)
    assert read["status"] == status
    return read


def test_a_problem_has_exactly_these_members() -> None:
    assert told(contract.refusal("nothing_to_decide")) == {
        "type": "about:blank",
        "title": "Nothing about this component waits for a decision.",
        "status": 409,
        "code": "nothing_to_decide",
    }


def test_faults_stand_in_errors() -> None:
    fault = Fault("#/data/end", "before_start", "The end must be after the start.")
    assert told(contract.refusal("invalid", (fault,)))["errors"] == [
        {
            "pointer": "#/data/end",
            "code": "before_start",
            "detail": "The end must be after the start.",
        }
    ]


def test_every_refusal_is_a_4xx_or_503_with_a_sentence() -> None:
    for code, (status, title) in contract.REFUSALS.items():
        assert 400 <= status < 500 or status == 503
        assert title.endswith(".")
        assert code.islower()


# --- people's calls -----------------------------------------------------------------------------


def faults(error: Invalid) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in error.faults]


def test_a_decision_is_read() -> None:
    body = b'{"decision": "accept", "participant": "unidentified 1", "by": "A", "reason": "saw"}'
    assert contract.parse_decide(body) == contract.Decision(
        accepted=True, participant="unidentified 1", by="A", reason="saw"
    )
    rejected = contract.parse_decide(b'{"decision": "reject", "by": "A", "reason": "no", "x": 1}')
    assert rejected == contract.Decision(accepted=False, participant=None, by="A", reason="no")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", [("#/decision", "missing"), ("#/by", "missing"), ("#/reason", "missing")]),
        (b"[]", [("#", "wrong_type")]),
        (
            b'{"decision": "maybe", "participant": " ", "by": "", "reason": 1}',
            [
                ("#/decision", "unknown_value"),
                ("#/participant", "blank"),
                ("#/by", "blank"),
                ("#/reason", "wrong_type"),
            ],
        ),
        (
            json.dumps({"decision": True, "by": "x" * 256, "reason": "y" * 2001}).encode(),
            [("#/decision", "wrong_type"), ("#/by", "too_long"), ("#/reason", "too_long")],
        ),
    ],
)
def test_every_fault_of_a_decision_is_told(body: bytes, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        contract.parse_decide(body)
    assert faults(caught.value) == expected


def test_a_range_is_read_both_days_included() -> None:
    first, last = contract.parse_range(b'{"from": "2026-04-30", "to": "2026-04-30"}')
    assert first == last == datetime(2026, 4, 30, tzinfo=UTC).date()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", [("#/from", "missing"), ("#/to", "missing")]),
        (b'{"from": "2026-04-30", "to": "2026-04-29"}', [("#/to", "before_from")]),
        (b'{"from": "30/04/2026", "to": 5}', [("#/from", "not_a_date"), ("#/to", "wrong_type")]),
    ],
)
def test_every_fault_of_a_range_is_told(body: bytes, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        contract.parse_range(body)
    assert faults(caught.value) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", [("#/email", "missing")]),
        (b'{"email": null}', [("#/email", "missing")]),
        (b'{"email": "  "}', [("#/email", "missing")]),
        (b'{"email": "nobody"}', [("#/email", "not_an_address")]),
    ],
)
def test_an_address_to_erase_must_be_one(body: bytes, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        contract.parse_email(body)
    assert faults(caught.value) == expected
