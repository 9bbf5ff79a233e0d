"""What is stored comes back as it was, and other versions' rows can be read."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import brake, codec
from shared.hints import Hint
from shared.model import (
    AttendanceSettings,
    Booking,
    EventId,
    Flag,
    Happening,
    Intent,
    LmsEvent,
    Mode,
    Organizer,
    Person,
    Replaced,
    Secrets,
    Snapshot,
    Tenant,
    UserId,
)
from shared.persons import PersonRow
from shared.record import Record
from shared.runs import Run
from shared.verification import Standing
from shared.verify import Aliases
from tests.build import NOW, a_booked, a_record, a_snapshot, a_tenant, at

STORED = [
    Record,
    Tenant,
    Organizer,
    Happening,
    PersonRow,
    Aliases,
    Hint,
    Run,
    brake.Brake,
    Snapshot,
    Booking,
    Intent,
    LmsEvent,
    Standing,
]
"""Every kind of value that a row holds, and the larger ones inside a record."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
instants = st.timedeltas(timedelta(days=-2000), timedelta(days=9000)).map(lambda apart: NOW + apart)
plain_json = st.dictionaries(
    texts,
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | st.lists(texts, max_size=2),
    max_size=2,
)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, worked out here and not by the codec."""
    hint = getattr(hint, "__supertype__", hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        names = [one.name for one in dataclasses.fields(hint)]
        return st.builds(
            typing.cast("type[Any]", hint), **{name: values_of(hints[name]) for name in names}
        )
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values_of, args))
    if origin is tuple:
        return st.lists(values_of(args[0]), max_size=2).map(tuple)
    if origin is dict:
        return plain_json
    leaves: dict[Any, st.SearchStrategy[Any]] = {
        str: texts,
        int: st.integers(-(2**53), 2**53),
        bool: st.booleans(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        datetime: instants,
        date: st.dates(),
        timedelta: st.timedeltas(timedelta(), timedelta(days=60)),
        type(None): st.none(),
        Any: st.none() | texts | plain_json,
    }
    return leaves[hint]


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_stored_comes_back_as_it_was(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(values_of(kind))
    text = codec.dumps(value)
    assert codec.loads(kind, text) == value
    assert codec.dumps(codec.loads(kind, text)) == text


def test_a_plain_text_is_a_value_too() -> None:
    assert codec.loads(str, codec.dumps('a "name"')) == 'a "name"'


# -- instants ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param("2026-04-30T08:00:00+00:00", "2026-04-30T08:00:00Z", id="UTC"),
        pytest.param("2026-04-30T09:00:00+01:00", "2026-04-30T08:00:00Z", id="another offset"),
        pytest.param(
            "2026-04-30T08:00:00.120000+00:00", "2026-04-30T08:00:00.120000Z", id="a fraction"
        ),
    ],
)
def test_an_instant_has_one_form(moment: str, text: str) -> None:
    assert codec.instant(datetime.fromisoformat(moment)) == text


def test_an_instant_comes_back_aware_and_the_same_instant() -> None:
    snapshot = a_snapshot()
    assert snapshot.slot is not None
    back = codec.loads(Snapshot, codec.dumps(snapshot)).slot
    assert back is not None
    assert back.start == at("2026-04-30 08:00")
    assert back.start.utcoffset() == timedelta()


# -- other versions' rows ------------------------------------------------------------------


def without(text: str, *names: str) -> str:
    return json.dumps({k: v for k, v in json.loads(text).items() if k not in names})


def test_a_row_that_lacks_newer_fields_is_read_with_their_defaults() -> None:
    old = without(codec.dumps(a_record()), "flags", "standing", "evidences", "responses", "queue")
    assert codec.loads(Record, old) == a_record()


def test_a_tenant_stored_before_there_was_a_rotation_is_read() -> None:
    rotated = a_tenant(secrets=Secrets(3, (Replaced(2, NOW),)))
    old = without(codec.dumps(rotated), "secrets")
    assert codec.loads(Tenant, old) == a_tenant()


def test_a_field_of_a_newer_version_is_ignored_at_every_depth() -> None:
    row = json.loads(codec.dumps(a_booked()))
    row["since_version_9"] = {"any": ["thing"]}
    row["booking"]["colour"] = "green"
    row["saved"]["owner"]["pronoun"] = "they"
    assert codec.loads(Record, json.dumps(row)) == a_booked()


def test_a_field_without_a_default_must_be_there() -> None:
    with pytest.raises(TypeError):
        codec.loads(Person, without(codec.dumps(Person("a@b.example", "A")), "email"))


def test_a_setting_is_written_though_it_is_the_default_today() -> None:
    """Tomorrow's default may be another one; what the tenant has must not change with it."""
    stored = json.loads(codec.dumps(a_tenant()))
    assert stored["attendance"]["retry_nights"] == AttendanceSettings().retry_nights
    assert stored["attendance"]["learner_time"] == AttendanceSettings().learner_time


# -- forms ---------------------------------------------------------------------------------


def test_texts_beyond_ascii_are_stored_as_they_are() -> None:
    text = codec.dumps(Person("zoë@college.example", "Zoë 🎓"))
    assert "Zoë 🎓" in text
    assert "\\u" not in text


def test_nothing_is_wasted_on_spaces_or_on_fields_that_hold_nothing() -> None:
    assert codec.dumps(PersonRow("A", "a@b.example")) == '{"name":"A","email":"a@b.example"}'


def test_enums_and_ids_are_stored_by_their_value() -> None:
    organizer = Organizer("a@b.example", UserId("U1"), ("a@b.example",), "", NOW)
    assert codec.plain(organizer)["id"] == "U1"
    assert codec.plain(a_tenant(mode=Mode.PREVIEW))["mode"] == "preview"
    assert codec.plain(a_booked(flags=(Flag.LATE_REPORT,)))["flags"] == ["late_report"]


def test_graph_ids_keep_their_case() -> None:
    booked = a_booked()
    assert booked.booking is not None
    record = dataclasses.replace(
        booked, booking=dataclasses.replace(booked.booking, event_id=EventId("AAMkAGI2-xY_="))
    )
    back = codec.loads(Record, codec.dumps(record)).booking
    assert back is not None
    assert back.event_id == "AAMkAGI2-xY_="


def test_a_stored_request_comes_back_byte_for_byte() -> None:
    body = {"z": 1, "a": {"subject": "Zoë \u2028 <&>", "n": 1.5, "none": None, "list": [1, "2"]}}
    booked = a_booked()
    assert booked.booking is not None
    intent = Intent("create", NOW, {"method": "POST", "body": body}, booked.booking)
    back = codec.loads(Intent, codec.dumps(intent))
    assert json.dumps(back.request) == json.dumps(intent.request), "order included"


def test_a_type_without_a_form_is_a_mistake_found_at_once() -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        codec.dumps({1, 2})
