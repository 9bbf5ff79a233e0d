"""The LMS's webhook and batch, judged as the law (4.1) has it."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import contract
from shared.contract import Deleted
from shared.errors import Invalid
from shared.model import ComponentId, Kind, Person, Slot, Snapshot, UserId

JSON = "application/json"
# The law's own example.
SAVED: dict[str, Any] = {
    "type": "component.saved",
    "timestamp": "2026-04-01T10:00:00Z",
    "data": {
        "id": "C-1042",
        "revision": 7,
        "kind": "meeting",
        "name": "Data ethics workshop",
        "description": "Bring last month's log.",
        "descriptionFormat": "text",
        "start": "2026-04-30T09:00:00+01:00",
        "end": "2026-04-30T10:00:00+01:00",
        "meetOnline": True,
        "cancelled": False,
        "plannedMinutes": 60,
        "owner": {"email": "tutor@college.example", "name": "T. Utor"},
        "learner": {"email": "learner@work.example", "name": "L. Earner"},
        "employerCanView": False,
        "manager": None,
        "mentor": None,
    },
}
GONE = object()
"""As a value: the member is left out."""


def message(**changes: Any) -> dict[str, Any]:
    """The law's example with *changes* to its data; ``owner__email`` reaches into a member."""
    changed = copy.deepcopy(SAVED)
    for path, value in changes.items():
        *outer, name = path.split("__")
        place = changed["data"]
        for step in outer:
            place = place[step]
        if value is GONE:
            del place[name]
        else:
            place[name] = value
    return changed


def parse(sent: Any) -> Snapshot | Deleted:
    return contract.parse_webhook(json.dumps(sent).encode(), JSON)


def saved(**changes: Any) -> Snapshot:
    read = parse(message(**changes))
    assert isinstance(read, Snapshot)
    return read


def faults(sent: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        parse(sent)
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def test_the_laws_example_is_taken() -> None:
    assert saved() == Snapshot(
        id=ComponentId("C-1042"),
        revision=7,
        kind=Kind.MEETING,
        name="Data ethics workshop",
        description="Bring last month's log.",
        description_is_html=False,
        slot=Slot(datetime(2026, 4, 30, 8, tzinfo=UTC), datetime(2026, 4, 30, 9, tzinfo=UTC)),
        online=True,
        cancelled=False,
        deleted=False,
        planned_minutes=60,
        owner=Person("tutor@college.example", "T. Utor"),
        learner=Person("learner@work.example", "L. Earner"),
        manager=None,
        mentor=None,
        employer_can_view=False,
        seen=None,
        digest=saved().digest,
    )


OPTIONAL = [
    "description", "descriptionFormat", "cancelled", "plannedMinutes", "employerCanView",
    "manager", "mentor",
]  # fmt: skip


@pytest.mark.parametrize("value", [GONE, None], ids=["left out", "null"])
def test_what_is_optional_may_be_absent(value: object) -> None:
    snapshot = saved(**dict.fromkeys(OPTIONAL, value), seen=None, owner__entraId=None)
    assert snapshot.description == ""
    assert not snapshot.description_is_html
    assert not snapshot.cancelled
    assert not snapshot.employer_can_view
    assert snapshot.planned_minutes is None
    assert snapshot.manager is None
    assert snapshot.seen is None
    assert snapshot.owner.entra_id is None


def test_unknown_fields_are_ignored_whatever_they_hold() -> None:
    sent = message(colour={"a": ["\ud800"] * 3}, owner__phone=10**400)
    assert parse(sent | {"specversion": "1.0"}) == saved()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"id": GONE}, [("id", "missing")], id="no id"),
        pytest.param({"id": ""}, [("id", "blank")], id="empty id"),
        pytest.param({"id": "x" * 201}, [("id", "too_long")], id="long id"),
        pytest.param({"id": 1042}, [("id", "wrong_type")], id="numeric id"),
        pytest.param({"id": "a\ud800"}, [("id", "bad_characters")], id="lone surrogate in the id"),
        pytest.param({"revision": GONE}, [("revision", "missing")], id="no revision"),
        pytest.param({"revision": -1}, [("revision", "out_of_range")], id="negative"),
        pytest.param({"revision": 2**53}, [("revision", "out_of_range")], id="2^53"),
        pytest.param({"revision": 10**400}, [("revision", "out_of_range")], id="huge"),
        pytest.param({"revision": 1.5}, [("revision", "wrong_type")], id="fraction"),
        pytest.param({"revision": "7"}, [("revision", "wrong_type")], id="number in a string"),
        pytest.param({"revision": True}, [("revision", "wrong_type")], id="true is no number"),
        pytest.param({"kind": GONE}, [("kind", "missing")], id="no kind"),
        pytest.param({"kind": "Meeting"}, [("kind", "unknown_value")], id="kind in capitals"),
        pytest.param({"kind": "webinar"}, [("kind", "unknown_value")], id="unknown kind"),
        pytest.param({"name": GONE}, [("name", "missing")], id="no name"),
        pytest.param({"name": ""}, [("name", "blank")], id="empty name"),
        pytest.param({"name": " \t"}, [("name", "blank")], id="blank name"),
        pytest.param({"name": "x" * 256}, [("name", "too_long")], id="long name"),
        pytest.param({"name": "a\0"}, [("name", "bad_characters")], id="NUL in the name"),
        pytest.param({"description": 1}, [("description", "wrong_type")], id="description"),
        pytest.param(
            {"description": "x" * 32_001}, [("description", "too_long")], id="long description"
        ),
        pytest.param(
            {"descriptionFormat": "markdown"}, [("descriptionFormat", "unknown_value")], id="format"
        ),
        pytest.param({"start": GONE}, [("start", "missing")], id="no start"),
        pytest.param({"end": GONE}, [("end", "missing")], id="no end"),
        pytest.param({"start": None}, [("start", "one_date_missing")], id="only an end"),
        pytest.param({"end": None}, [("end", "one_date_missing")], id="only a start"),
        pytest.param(
            {"start": "2026-04-30T09:00:00"}, [("start", "not_an_instant")], id="no offset"
        ),
        pytest.param({"start": 1777539600}, [("start", "wrong_type")], id="Unix time"),
        pytest.param({"end": "2026-04-30T09:00:00+01:00"}, [("end", "before_start")], id="no time"),
        pytest.param({"end": "2026-04-30T09:30:00+02:00"}, [("end", "before_start")], id="offsets"),
        pytest.param({"end": "2026-05-01T09:00:01+01:00"}, [("end", "over_24_hours")], id="24 h+"),
        pytest.param({"meetOnline": GONE}, [("meetOnline", "missing")], id="neither flag"),
        pytest.param(
            {"meetOnline": None, "useZoom": None}, [("meetOnline", "missing")], id="both flags null"
        ),
        pytest.param({"meetOnline": 1}, [("meetOnline", "wrong_type")], id="1 is not true"),
        pytest.param({"useZoom": "yes"}, [("useZoom", "wrong_type")], id="yes is not true"),
        pytest.param({"cancelled": "false"}, [("cancelled", "wrong_type")], id="cancelled"),
        pytest.param({"plannedMinutes": -5}, [("plannedMinutes", "out_of_range")], id="minutes"),
        pytest.param({"plannedMinutes": 7.5}, [("plannedMinutes", "wrong_type")], id="half minute"),
        pytest.param({"seen": -1}, [("seen", "out_of_range")], id="seen"),
        pytest.param({"owner": GONE}, [("owner", "missing")], id="no owner"),
        pytest.param({"owner": None}, [("owner", "missing")], id="owner null"),
        pytest.param({"owner": "T. Utor"}, [("owner", "wrong_type")], id="owner in a string"),
        pytest.param({"learner": GONE}, [("learner", "missing")], id="no learner"),
        pytest.param(
            {"owner": {}}, [("owner/email", "missing"), ("owner/name", "missing")], id="nobody"
        ),
        pytest.param({"manager": {"email": "a@b"}}, [("manager/name", "missing")], id="manager"),
        pytest.param({"mentor": []}, [("mentor", "wrong_type")], id="mentor"),
        pytest.param({"owner__email": 5}, [("owner/email", "wrong_type")], id="address"),
        pytest.param({"owner__email": "tutor"}, [("owner/email", "not_an_address")], id="no @"),
        pytest.param({"owner__email": "a@b@c"}, [("owner/email", "not_an_address")], id="two @"),
        pytest.param({"owner__email": "@b"}, [("owner/email", "not_an_address")], id="nobody @"),
        pytest.param({"owner__email": "a b@c"}, [("owner/email", "not_an_address")], id="space"),
        pytest.param({"owner__email": "a@b\r\n"}, [("owner/email", "bad_characters")], id="CR LF"),
        pytest.param({"owner__email": "a\0@b"}, [("owner/email", "bad_characters")], id="NUL"),
        pytest.param({"owner__email": "a@\udfff"}, [("owner/email", "bad_characters")], id="lone"),
        pytest.param({"owner__email": "a@" + "b" * 319}, [("owner/email", "too_long")], id="321"),
        pytest.param({"owner__entraId": "T1"}, [("owner/entraId", "not_a_guid")], id="no GUID"),
        pytest.param({"owner__name": "x" * 256}, [("owner/name", "too_long")], id="person's name"),
    ],
)
def test_a_fault_is_pointed_at(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert faults(message(**changes)) == [(f"#/data/{name}", code) for name, code in expected]


def test_every_fault_is_told_at_once_in_order() -> None:
    assert faults({"type": "component.saved", "timestamp": "today", "data": {"id": ""}}) == [
        ("#/timestamp", "not_an_instant"),
        ("#/data/id", "blank"),
        ("#/data/revision", "missing"),
        ("#/data/kind", "missing"),
        ("#/data/name", "missing"),
        ("#/data/start", "missing"),
        ("#/data/end", "missing"),
        ("#/data/meetOnline", "missing"),
        ("#/data/owner", "missing"),
        ("#/data/learner", "missing"),
    ]


def test_details_are_sentences_that_repeat_nothing_sent() -> None:
    sent = message(name="", owner__email="secret person", kind="private matter")
    with pytest.raises(Invalid) as caught:
        parse(sent)
    for fault in caught.value.faults:
        assert fault.detail.endswith(".")
        assert "secret" not in fault.detail
        assert "private" not in fault.detail


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], [("#", "wrong_type")]),
        ("x", [("#", "wrong_type")]),
        (None, [("#", "wrong_type")]),
        ({}, [("#/type", "missing"), ("#/data", "missing")]),
        ({"type": "component.saved"}, [("#/data", "missing")]),
        ({"type": "component.saved", "data": None}, [("#/data", "missing")]),
        ({"type": "component.saved", "data": [SAVED["data"]]}, [("#/data", "wrong_type")]),
        ({"type": "component.moved", "data": SAVED["data"]}, [("#/type", "unknown_value")]),
        ({"type": ["component.saved"], "data": SAVED["data"]}, [("#/type", "wrong_type")]),
        ({"type": "component.moved", "data": {}},
         [("#/type", "unknown_value"), ("#/data/id", "missing"), ("#/data/revision", "missing")]),
    ],
)  # fmt: skip
def test_the_envelope_is_judged_too(sent: Any, expected: list[tuple[str, str]]) -> None:
    assert faults(sent) == expected


# --- what is taken, and as what -----------------------------------------------------------------


@pytest.mark.parametrize(
    "component_id",
    ["x" * 200, "C/1042?x#y%2F", "..", " ", "\0\x1f\x7f", "é漢😀", "😀" * 200, "\\'\"\r\n"],
)
def test_an_id_may_be_anything_and_is_kept(component_id: str) -> None:
    assert saved(id=component_id).id == component_id


@pytest.mark.parametrize("revision", [0, 2**53 - 1, 7.0, 1e15])
def test_a_revision_is_a_whole_number_however_it_is_written(revision: float) -> None:
    assert saved(revision=revision).revision == int(revision)
    assert isinstance(saved(revision=revision).revision, int)


def test_a_name_is_kept_as_it_was_sent() -> None:
    assert saved(name="  Ethics\n 101 ").name == "  Ethics\n 101 "
    assert saved(name="😀" * 255).name == "😀" * 255


@pytest.mark.parametrize("email", ["", "  ", None])
def test_a_blank_address_is_stored_as_blank(email: str | None) -> None:
    assert saved(owner__email=email).owner == Person("", "T. Utor")


def test_an_address_is_trimmed_and_keeps_its_case() -> None:
    assert saved(owner__email=" T.Utor@College.example ").owner.email == "T.Utor@College.example"
    assert saved(owner__email="Ü.tör+x@bücher.example").owner.email == "Ü.tör+x@bücher.example"


def test_an_entra_id_is_kept_in_lower_case() -> None:
    assert saved(owner__entraId="8F0C1A52-0000-4000-8000-00000000ABCD").owner.entra_id == UserId(
        "8f0c1a52-0000-4000-8000-00000000abcd"
    )
    assert saved(owner__entraId=" ").owner.entra_id is None


@pytest.mark.parametrize(
    ("flags", "online"),
    [
        ({"meetOnline": True}, True),
        ({"meetOnline": False}, False),
        ({"meetOnline": GONE, "useZoom": True}, True),
        ({"meetOnline": GONE, "useZoom": False}, False),
        ({"meetOnline": None, "useZoom": True}, True),
        ({"meetOnline": False, "useZoom": True}, True),
        ({"meetOnline": True, "useZoom": False}, True),
        ({"meetOnline": False, "useZoom": False}, False),
    ],
)
def test_either_flag_makes_it_online(flags: dict[str, Any], online: bool) -> None:
    assert saved(**flags).online is online


def test_a_component_without_dates_is_taken() -> None:
    assert saved(start=None, end=None).slot is None


def test_exactly_24_hours_are_taken() -> None:
    slot = saved(end="2026-05-01T09:00:00+01:00").slot
    assert slot is not None
    assert (slot.end - slot.start).total_seconds() == 24 * 3600


def test_a_deletion_needs_only_id_and_revision() -> None:
    sent = {"type": "component.deleted", "data": {"id": "C-1042", "revision": 8, "kind": 5}}
    assert parse(sent) == Deleted(ComponentId("C-1042"), 8)
    assert faults({"type": "component.deleted", "data": {}}) == [
        ("#/data/id", "missing"),
        ("#/data/revision", "missing"),
    ]


def test_a_tombstone_keeps_what_the_component_was() -> None:
    stone = contract.tombstone(Deleted(ComponentId("C-1042"), 8), saved(seen=3))
    assert stone.deleted
    assert (stone.revision, stone.name, stone.seen) == (8, "Data ethics workshop", None)
    assert stone.slot == saved().slot


def test_an_unknown_component_has_a_tombstone_too() -> None:
    stone = contract.tombstone(Deleted(ComponentId("C-9"), 8), None)
    assert (stone.id, stone.revision, stone.deleted, stone.online) == ("C-9", 8, True, False)


def test_repeated_deletions_are_the_same_content_and_no_save_is() -> None:
    deleted = Deleted(ComponentId("C-1042"), 7)
    stone = contract.tombstone(deleted, saved())
    assert stone.digest == contract.tombstone(deleted, None).digest
    assert stone.digest == contract.tombstone(deleted, stone).digest
    assert stone.digest != saved().digest


# --- content: what makes a revision reused ------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"start": "2026-04-30T08:00:00.000Z"}, id="the same start elsewhere"),
        pytest.param({"seen": 12}, id="more events seen"),
        pytest.param({"revision": 8}, id="another revision"),
        pytest.param({"colour": "red"}, id="unknown field"),
        pytest.param({"employerCanView": GONE, "manager": GONE}, id="defaults left out"),
        pytest.param({"useZoom": False}, id="the older flag added"),
        pytest.param({"owner__email": " tutor@college.example"}, id="space trimmed"),
        pytest.param({"plannedMinutes": 60.0}, id="number written otherwise"),
    ],
)
def test_the_same_save_in_other_words_is_the_same_content(changes: dict[str, Any]) -> None:
    assert saved(**changes).digest == saved().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "C-1043"},
        {"kind": "review"},
        {"name": "Data ethics"},
        {"description": ""},
        {"descriptionFormat": "html"},
        {"start": "2026-04-30T09:00:01+01:00"},
        {"end": "2026-04-30T10:00:01+01:00"},
        {"start": None, "end": None},
        {"meetOnline": False},
        {"cancelled": True},
        {"plannedMinutes": None},
        {"plannedMinutes": 0},
        {"owner__name": "T."},
        {"owner__email": "TUTOR@college.example"},
        {"owner__entraId": "8f0c1a52-0000-4000-8000-00000000abcd"},
        {"learner__email": ""},
        {"employerCanView": True},
        {"manager": {"email": "", "name": ""}},
        {"mentor": {"email": "m@x", "name": ""}},
    ],
    ids="+".join,
)
def test_another_save_is_other_content(changes: dict[str, Any]) -> None:
    assert saved(**changes).digest != saved().digest


def test_order_and_spacing_do_not_matter() -> None:
    reversed_data = dict(reversed(SAVED["data"].items()))
    sent = json.dumps(SAVED | {"data": reversed_data}, indent=4).encode()
    assert contract.parse_webhook(sent, JSON) == saved()


# --- batches ------------------------------------------------------------------------------------


def batch(*data: Any) -> list[contract.BatchItem]:
    sent = {"type": "components.saved", "data": list(data)}
    return contract.parse_batch(json.dumps(sent).encode(), JSON)


def test_each_component_of_a_batch_is_judged_by_itself_in_order() -> None:
    good = SAVED["data"]
    items = batch(good, good | {"id": "", "name": ""}, "x", good | {"revision": "8"}, good)
    assert items[0].snapshot == items[4].snapshot == saved()
    assert (items[0].id, items[0].revision, items[0].faults) == ("C-1042", 7, ())
    assert [item.snapshot is None for item in items] == [False, True, True, True, False]
    assert [[(f.pointer, f.code) for f in item.faults] for item in items[1:4]] == [
        [("#/data/1/id", "blank"), ("#/data/1/name", "blank")],
        [("#/data/2", "wrong_type")],
        [("#/data/3/revision", "wrong_type")],
    ]


def test_a_refused_component_is_named_as_far_as_it_can_be() -> None:
    good = SAVED["data"]
    named, without_id, nothing = batch(good | {"kind": 1}, good | {"id": 1}, 1)
    assert (named.id, named.revision) == ("C-1042", 7)
    assert (without_id.id, without_id.revision) == (None, 7)
    assert (nothing.id, nothing.revision) == (None, None)


def test_a_batch_holds_up_to_500() -> None:
    assert len(batch(*[SAVED["data"]] * 500)) == 500
    assert batch() == []
    with pytest.raises(Invalid) as caught:
        batch(*[SAVED["data"]] * 501)
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("#/data", "too_many")]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, [("#/type", "missing"), ("#/data", "missing")]),
        ({"type": "component.saved", "data": []}, [("#/type", "unknown_value")]),
        ({"type": "components.saved", "data": {}}, [("#/data", "wrong_type")]),
        ([], [("#", "wrong_type")]),
    ],
)
def test_a_bad_envelope_refuses_the_batch_whole(sent: Any, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        contract.parse_batch(json.dumps(sent).encode(), JSON)
    assert [(f.pointer, f.code) for f in caught.value.faults] == expected


def test_a_batch_may_be_larger_than_a_webhook() -> None:
    sent = {"type": "components.saved", "data": [SAVED["data"]], "x": "y" * 300_000}
    assert contract.parse_batch(json.dumps(sent).encode(), JSON)[0].snapshot == saved()


# --- whatever comes -----------------------------------------------------------------------------

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def refusal_of(sent: Any) -> Invalid | None:
    try:
        parse(sent)
    except Invalid as error:
        return error
    return None


@given(st.dictionaries(st.sampled_from([*SAVED["data"], "useZoom", "seen"]), json_values))
def test_whatever_the_members_hold_is_taken_or_refused(changes: dict[str, Any]) -> None:
    data = SAVED["data"] | changes
    (item,) = batch(data)
    refusal = refusal_of(SAVED | {"data": data})
    if refusal is None:
        assert parse(SAVED | {"data": data}) == item.snapshot
    else:
        assert (refusal.status, item.snapshot) == (422, None)
        assert [fault.code for fault in refusal.faults] == [fault.code for fault in item.faults]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_door(body: bytes) -> None:
    with pytest.raises(Invalid):
        contract.parse_webhook(body, JSON)
