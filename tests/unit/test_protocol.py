"""Graph's words: what we send, byte for byte, and what its answers mean.

Property names are checked against Microsoft's published metadata where the project's shared
folder is there (``../shared/graph-metadata``).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import agenda, codec
from shared.errors import (
    Broken,
    Changed,
    NotAllowed,
    NotFound,
    Refused,
    RemoteError,
    Throttled,
)
from shared.graph import protocol
from shared.graph.protocol import Request, decipher
from shared.http import Answer
from shared.model import EventId, Intent, Kind, Slot, UserId
from shared.scheduling.content import Changes
from shared.scheduling.views import Gone, Seen, Shape, Unknown
from tests.build import (
    JOIN_URL,
    MANAGER,
    NINE,
    NOW,
    OTHER_LEARNER,
    TEN,
    TUTOR,
    USERS,
    a_booking,
    a_seen,
    a_slot,
    a_snapshot,
    at,
    guests,
)

unhurried = settings(deadline=None)
"""Machines are busy at times."""

LONDON, KOLKATA = "Europe/London", "Asia/Kolkata"
AWKWARD_USER = UserId("a/b+c=d%e")
AWKWARD_ID = EventId("AAMkAD/+x==?#&'Zz")
NOW_S = NOW.timestamp()


# -- create --------------------------------------------------------------------------------


def create(**changes: Any) -> Request:
    saved = a_snapshot(**changes)
    booking = a_booking(saved, event_id=EventId(""), join_url="", generation=3)
    return protocol.create_event(saved, booking, "blue", "northern", "C-1042")


def test_a_create_is_exactly_this() -> None:
    request = create()
    assert request.method == "POST"
    assert request.path == f"/users/{USERS[TUTOR.key]}/events"
    assert request.mailbox == USERS[TUTOR.key]
    assert request.headers == {"Prefer": 'IdType="ImmutableId"'}
    assert request.body == {
        "subject": "Data ethics workshop",
        "body": {
            "contentType": "html",
            "content": agenda.marked("Bring last month's log.", False),
        },
        "start": {"dateTime": "2026-04-30T09:00:00", "timeZone": "Europe/London"},
        "end": {"dateTime": "2026-04-30T10:00:00", "timeZone": "Europe/London"},
        "attendees": [
            {
                "type": "required",
                "emailAddress": {"address": "learner@work.example", "name": "L. Earner"},
            }
        ],
        "isOnlineMeeting": True,
        "onlineMeetingProvider": "teamsForBusiness",
        "allowNewTimeProposals": False,
        "transactionId": protocol.transaction_id("blue", "northern", "C-1042", 3),
        "singleValueExtendedProperties": [
            {
                "id": "String {6f2b9d1c-2f0e-4b6a-9a57-0d8a4c1e7b35} Name TeamsConnectorComponent",
                "value": "blue/northern/C-1042/3",
            }
        ],
    }


def test_a_review_invites_the_employer_too() -> None:
    body = create(kind=Kind.REVIEW, employer_can_view=True, manager=MANAGER).body
    assert [one["emailAddress"]["address"] for one in body["attendees"]] == [
        "learner@work.example",
        "manager@work.example",
    ]


def test_text_is_escaped() -> None:
    assert "a &lt; b &amp; c" in create(description="a < b & c").body["body"]["content"]


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(("green", "northern", "C-1042", 3), id="another deployment"),
        pytest.param(("blue", "southern", "C-1042", 3), id="another tenant"),
        pytest.param(("blue", "northern", "C-1043", 3), id="another component"),
        pytest.param(("blue", "northern", "C-1042", 4), id="another generation"),
    ],
)
def test_a_transaction_id_is_the_same_for_the_same_create_only(
    others: tuple[str, str, str, int],
) -> None:
    one = protocol.transaction_id("blue", "northern", "C-1042", 3)
    assert one == protocol.transaction_id("blue", "northern", "C-1042", 3)
    assert one != protocol.transaction_id(*others)
    assert protocol.marker("blue", "northern", "C-1042", 3) != protocol.marker(*others)


def test_a_stored_request_is_replayed_byte_for_byte() -> None:
    request = create(name='Zoë\'s "ethics" \u2028 <&>', description="ü" * 50)
    intent = Intent("create", NOW, protocol.stored_form(request), a_booking())
    back = protocol.request_from(codec.loads(Intent, codec.dumps(intent)).request)
    assert back == request
    assert protocol.body_bytes(back.body) == protocol.body_bytes(request.body)


# -- times ---------------------------------------------------------------------------------


def times(slot: Slot, zone: str = LONDON) -> tuple[tuple[str, str], tuple[str, str]]:
    saved = a_snapshot(slot=slot)
    body = protocol.create_event(saved, a_booking(saved, zone=zone), "d", "t", "k").body
    start, end = body["start"], body["end"]
    return (start["dateTime"], start["timeZone"]), (end["dateTime"], end["timeZone"])


@pytest.mark.parametrize(
    ("slot", "zone", "start", "end"),
    [
        pytest.param(
            a_slot("2026-07-01T09:00+01:00"),
            LONDON,
            ("2026-07-01T09:00:00", LONDON),
            ("2026-07-01T10:00:00", LONDON),
            id="09:00 in summer reads 09:00",
        ),
        pytest.param(
            a_slot("2026-01-15T09:00+00:00"),
            LONDON,
            ("2026-01-15T09:00:00", LONDON),
            ("2026-01-15T10:00:00", LONDON),
            id="09:00 in winter too",
        ),
        pytest.param(
            a_slot("2026-04-30T09:00+05:30"),
            KOLKATA,
            ("2026-04-30T09:00:00", KOLKATA),
            ("2026-04-30T10:00:00", KOLKATA),
            id="Kolkata",
        ),
        pytest.param(
            a_slot("2026-10-25T01:30+01:00", 30),
            LONDON,
            ("2026-10-25T00:30:00", "UTC"),
            ("2026-10-25T01:00:00", "UTC"),
            id="the first 01:30 to the second 01:00",
        ),
        pytest.param(
            a_slot("2026-10-25T01:30+00:00"),
            LONDON,
            ("2026-10-25T01:30:00", "UTC"),
            ("2026-10-25T02:30:00", LONDON),
            id="out of the repeated hour",
        ),
        pytest.param(
            a_slot("2026-10-25T00:30+01:00"),
            LONDON,
            ("2026-10-25T00:30:00", LONDON),
            ("2026-10-25T00:30:00", "UTC"),
            id="into the repeated hour",
        ),
        pytest.param(
            a_slot("2026-10-24T23:30+01:00", 210),
            LONDON,
            ("2026-10-24T23:30:00", LONDON),
            ("2026-10-25T02:00:00", LONDON),
            id="all over the repeated hour",
        ),
        pytest.param(
            a_slot("2026-03-29T00:30+00:00"),
            LONDON,
            ("2026-03-29T00:30:00", LONDON),
            ("2026-03-29T02:30:00", LONDON),
            id="over the missing hour",
        ),
    ],
)
def test_times_are_sent_as_people_there_read_them(
    slot: Slot, zone: str, start: tuple[str, str], end: tuple[str, str]
) -> None:
    assert times(slot, zone) == (start, end)


@unhurried
@given(
    apart=st.timedeltas(timedelta(), timedelta(days=4000)),
    zone=st.sampled_from([LONDON, KOLKATA, "America/New_York", "Pacific/Apia", "Africa/Cairo"]),
)
def test_whatever_is_sent_means_the_instant_that_is_meant(apart: timedelta, zone: str) -> None:
    moment = (at("2025-01-01") + apart).replace(microsecond=0)
    for text, name in times(a_slot(moment, 15), zone)[:1]:
        local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(name))
        assert local.astimezone(UTC) == moment
        other = local.replace(fold=1)
        assert other.astimezone(UTC) == moment, "and no other one"


# -- update --------------------------------------------------------------------------------


def body_with_teams_block(part: str, link: str = JOIN_URL) -> str:
    """Our part as Exchange has it, with the block that keeps the meeting alive."""
    return (
        f"<html><body>{part}\r\n<div>{'_' * 80}</div>"
        f'<div class="me-email-text"><a href="{link}">Join</a></div></body></html>'
    )


OUR_PART = agenda.marked("Bring last month's log.", False)


def update(changes: Changes, seen: Seen | None = None, **saved: Any) -> tuple[Request, bool]:
    seen = seen or a_seen(body=body_with_teams_block(OUR_PART))
    return protocol.update_event(a_snapshot(**saved), a_booking(), changes, seen)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        pytest.param(Changes(slot=True), {"start", "end"}, id="time"),
        pytest.param(Changes(subject=True), {"subject"}, id="title"),
        pytest.param(Changes(attendees=True), {"attendees"}, id="people"),
        pytest.param(Changes(agenda=True), {"body"}, id="agenda"),
        pytest.param(
            Changes(slot=True, subject=True, attendees=True, agenda=True),
            {"start", "end", "subject", "attendees", "body"},
            id="everything",
        ),
    ],
)
def test_an_update_names_what_changed_and_nothing_else(changes: Changes, names: set[str]) -> None:
    request, kept = update(changes, name="Renamed")
    assert request.method == "PATCH"
    assert set(request.body) == names
    assert not kept
    assert request.headers == {"Prefer": 'IdType="ImmutableId"', "If-Match": 'W/"1"'}
    assert request.path == f"/users/{USERS[TUTOR.key]}/events/event-1"
    assert request.mailbox == USERS[TUTOR.key]


def test_an_update_never_touches_the_meeting_itself() -> None:
    request, _ = update(Changes(slot=True, subject=True, attendees=True, agenda=True))
    for name in ("isOnlineMeeting", "onlineMeetingProvider", "transactionId", "onlineMeeting"):
        assert name not in request.body


def test_without_a_version_there_is_no_condition() -> None:
    request, _ = update(Changes(subject=True), a_seen(change_key=""))
    assert "If-Match" not in request.headers


def test_an_update_of_times_is_in_the_tenants_zone() -> None:
    booking = a_booking(slot=TEN, zone=KOLKATA)
    request, _ = protocol.update_event(a_snapshot(), booking, Changes(slot=True), a_seen())
    assert request.body["start"] == {"dateTime": "2026-04-30T14:30:00", "timeZone": KOLKATA}


def test_a_new_agenda_replaces_our_part_and_keeps_the_teams_block() -> None:
    request, kept = update(Changes(agenda=True), description="Bring nothing.")
    assert not kept
    assert request.body["body"] == {
        "contentType": "html",
        "content": body_with_teams_block(agenda.marked("Bring nothing.", False)),
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(body_with_teams_block("<p>The tutor wrote it anew.</p>"), id="no marks"),
        pytest.param(body_with_teams_block(OUR_PART + OUR_PART), id="marks twice"),
        pytest.param(f"<html><body>{OUR_PART}</body></html>", id="the Teams block is missing"),
        pytest.param(
            body_with_teams_block(OUR_PART, JOIN_URL.replace("one", "two")),
            id="another meeting",
        ),
        pytest.param("", id="nothing"),
        pytest.param(None, id="not read"),
    ],
)
def test_a_body_that_would_end_the_meeting_is_not_sent(body: str | None) -> None:
    request, kept = update(Changes(agenda=True, subject=True), a_seen(body=body))
    assert kept, "it is flagged"
    assert "body" not in request.body
    assert "subject" in request.body, "and the rest is carried"


def test_a_body_too_long_to_be_stored_with_the_claim_is_not_sent() -> None:
    """The exact request is stored before it is sent, and a row holds 1 MiB (the law, 6)."""
    notes = "<p>" + "The tutor's own notes. " * 40_000 + "</p>"
    body = body_with_teams_block(OUR_PART + notes)
    request, kept = update(Changes(agenda=True), a_seen(body=body), description="Another.")
    assert kept
    assert request.body == {}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(Changes(slot=True), id="time"),
        pytest.param(Changes(subject=True, agenda=True), id="words"),
        pytest.param(Changes(attendees=True), id="people"),
        pytest.param(Changes(), id="nothing"),
    ],
)
def test_what_an_update_names_can_be_read_back_from_it(changes: Changes) -> None:
    assert protocol.named_in(update(changes, name="Renamed")[0].body) == changes


# -- attendees -----------------------------------------------------------------------------


def attendees(seen: Seen, **saved: Any) -> list[str]:
    request, _ = update(Changes(attendees=True), seen, **saved)
    return [one["emailAddress"]["address"] for one in request.body["attendees"]]


@pytest.mark.parametrize(
    ("shown", "saved", "expected"),
    [
        pytest.param(["learner@work.example"], {}, ["learner@work.example"], id="as it was"),
        pytest.param([], {}, ["learner@work.example"], id="taken off: put back"),
        pytest.param(
            ["learner@work.example", "guest@else.example"],
            {},
            ["learner@work.example", "guest@else.example"],
            id="the tutor's guest stays",
        ),
        pytest.param(
            ["learner@work.example"],
            {"learner": OTHER_LEARNER},
            ["other@work.example"],
            id="another learner: the former one is dropped",
        ),
        pytest.param(
            ["LEARNER@Work.example", "guest@else.example"],
            {"learner": OTHER_LEARNER},
            ["other@work.example", "guest@else.example"],
            id="dropped in whatever case it is shown",
        ),
        pytest.param(
            ["Learner@Work.example"], {}, ["learner@work.example"], id="nobody is invited twice"
        ),
        pytest.param(
            ["learner@work.example", "other@work.example"],
            {"learner": OTHER_LEARNER},
            ["other@work.example"],
            id="a guest who becomes the learner is there once",
        ),
    ],
)
def test_who_stays_invited(shown: list[str], saved: dict[str, Any], expected: list[str]) -> None:
    assert attendees(a_seen(guests=guests(shown)), **saved) == expected


def test_a_guest_stays_what_the_tutor_made_them() -> None:
    """A room stays a room, an optional guest optional."""
    event = {
        **EVENT,
        "attendees": [
            {"type": "required", "emailAddress": {"address": "learner@work.example", "name": "L."}},
            {"type": "optional", "emailAddress": {"address": "guest@else.example", "name": "G."}},
            {"type": "resource", "emailAddress": {"address": "room@college.example", "name": "R1"}},
        ],
    }
    seen = protocol.view_of(event)
    assert isinstance(seen, Seen)
    request, _ = update(Changes(attendees=True), seen)
    assert {one["emailAddress"]["address"]: one["type"] for one in request.body["attendees"]} == {
        "learner@work.example": "required",
        "guest@else.example": "optional",
        "room@college.example": "resource",
    }


# -- other requests ------------------------------------------------------------------------


def split(request: Request) -> tuple[str, dict[str, list[str]]]:
    """A request's decoded path segments and query, as a server reads them."""
    parts = urlsplit("https://graph.test" + request.path)
    assert parts.fragment == ""
    return parts.path, parse_qs(
        parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)
    )


@pytest.mark.parametrize(
    ("request_", "segments"),
    [
        pytest.param(
            protocol.read_event(AWKWARD_USER, AWKWARD_ID),
            ["users", AWKWARD_USER, "events", AWKWARD_ID],
            id="read",
        ),
        pytest.param(
            protocol.cancel_event(a_booking(organizer=AWKWARD_USER, event_id=AWKWARD_ID), "Why"),
            ["users", AWKWARD_USER, "events", AWKWARD_ID, "cancel"],
            id="cancel",
        ),
        pytest.param(
            protocol.delete_event(a_booking(organizer=AWKWARD_USER, event_id=AWKWARD_ID)),
            ["users", AWKWARD_USER, "events", AWKWARD_ID],
            id="delete",
        ),
        pytest.param(
            protocol.read_user("o'brien+x/y@college.example"),
            ["users", "o'brien+x/y@college.example"],
            id="a user",
        ),
        pytest.param(
            protocol.list_records(AWKWARD_USER, "MSo1/+==", "r/1"),
            ["users", AWKWARD_USER, "onlineMeetings", "MSo1/+==", "attendanceReports", "r/1",
             "attendanceRecords"],
            id="records",
        ),
    ],
)  # fmt: skip
def test_ids_are_one_segment_of_a_path_whatever_they_hold(
    request_: Request, segments: list[str]
) -> None:
    path, _ = split(request_)
    assert [unquote(one) for one in path.split("/")[1:]] == segments


CALENDAR_REQUESTS = [
    pytest.param(protocol.read_event(USERS[TUTOR.key], EventId("e")), id="read"),
    pytest.param(create(), id="create"),
    pytest.param(update(Changes(subject=True))[0], id="update"),
    pytest.param(protocol.cancel_event(a_booking(), "Why"), id="cancel"),
    pytest.param(protocol.delete_event(a_booking()), id="delete"),
    pytest.param(protocol.find_by_marker(USERS[TUTOR.key], "m"), id="find"),
    pytest.param(protocol.our_events(USERS[TUTOR.key], "m", NOW, ordered=True), id="list"),
    pytest.param(protocol.read_providers(USERS[TUTOR.key]), id="providers"),
]


@pytest.mark.parametrize("request_", CALENDAR_REQUESTS)
def test_every_calendar_request_counts_against_its_mailbox_and_wants_immutable_ids(
    request_: Request,
) -> None:
    assert request_.mailbox == USERS[TUTOR.key]
    assert request_.headers["Prefer"] == 'IdType="ImmutableId"'


def test_a_read_asks_for_the_body_only_when_told() -> None:
    _, query = split(protocol.read_event(USERS[TUTOR.key], EventId("e")))
    assert "body" not in query["$select"][0].split(",")
    _, query = split(protocol.read_event(USERS[TUTOR.key], EventId("e"), with_body=True))
    assert query["$select"][0].split(",")[-1] == "body"


def test_a_cancellation_carries_its_comment() -> None:
    request = protocol.cancel_event(a_booking(), "Cancelled in the LMS.")
    assert (request.method, request.body) == ("POST", {"Comment": "Cancelled in the LMS."})


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(JOIN_URL, id="as Graph gives it, with percent signs"),
        pytest.param("https://teams.microsoft.com/meet/23?p=a+b&c='d'#e", id="every awkward sign"),
    ],
)
def test_a_meeting_is_looked_up_by_its_link_exactly_as_given(url: str) -> None:
    request = protocol.find_meeting(USERS[TUTOR.key], url)
    path, query = split(request)
    assert path == f"/users/{USERS[TUTOR.key]}/onlineMeetings"
    quoted = url.replace("'", "''")
    assert query == {"$filter": [f"JoinWebUrl eq '{quoted}'"]}
    if "%3a" in url:
        assert "%253a" in request.path, "encoded twice on the wire"


def test_a_user_is_found_by_mail_whatever_its_address() -> None:
    path, query = split(protocol.find_user_by_mail("o'brien+tag&x=1@college.example"))
    assert path == "/users"
    assert query["$filter"] == ["mail eq 'o''brien+tag&x=1@college.example'"]


def test_our_events_are_found_by_the_marker_and_by_nothing_of_the_tutors_own() -> None:
    _, query = split(protocol.find_by_marker(USERS[TUTOR.key], "blue/northern/C'1/3"))
    (where,) = query["$filter"]
    assert where == (
        "singleValueExtendedProperties/Any(ep: ep/id eq "
        "'String {6f2b9d1c-2f0e-4b6a-9a57-0d8a4c1e7b35} Name TeamsConnectorComponent'"
        " and ep/value eq 'blue/northern/C''1/3')"
    )
    (expanded,) = query["$expand"]
    assert expanded == (
        "singleValueExtendedProperties($filter=id eq "
        "'String {6f2b9d1c-2f0e-4b6a-9a57-0d8a4c1e7b35} Name TeamsConnectorComponent')"
    )


def test_a_calendar_may_be_listed_whole() -> None:
    _, query = split(protocol.our_events(USERS[TUTOR.key], "blue/", None, ordered=False))
    assert query["$filter"][0].endswith("startswith(ep/value,'blue/'))")


@pytest.mark.parametrize(
    ("ordered", "more"),
    [
        pytest.param(False, " and start/dateTime ge '2026-04-25T08:00:00Z'", id="by start"),
        pytest.param(True, "", id="latest first"),
    ],
)
def test_a_calendar_is_listed_from_an_instant_on_or_latest_first(ordered: bool, more: str) -> None:
    request = protocol.our_events(USERS[TUTOR.key], "blue/northern/", NOW, ordered=ordered)
    _, query = split(request)
    assert query["$filter"][0].endswith("startswith(ep/value,'blue/northern/'))" + more)
    assert ("$orderby" in query) is ordered
    assert " " not in request.path


# -- the metadata as an oracle -------------------------------------------------------------

METADATA = Path(__file__).parents[2].parent / "shared/graph-metadata/v1.0-subset.csdl.xml"


class Schema(HTMLParser):
    """Types, their properties, and enumerations of a CSDL file."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.types: dict[str, dict[str, str]] = {}
        self.bases: dict[str, str] = {}
        self.enums: dict[str, set[str]] = {}
        self.actions: dict[str, dict[str, str]] = {}
        self._now: dict[str, str] = {}
        self._members: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        match tag:
            case "entitytype" | "complextype":
                self._now = self.types[f"graph.{name}"] = {}
                self.bases[f"graph.{name}"] = given.get("basetype", "")
            case "action":
                self._now = self.actions[name] = {}
            case "property" | "navigationproperty" | "parameter":
                self._now[name] = given["type"]
            case "enumtype":
                self._members = self.enums[f"graph.{name}"] = set()
            case "member":
                self._members.add(name)

    def properties(self, kind: str) -> dict[str, str]:
        found: dict[str, str] = {}
        while kind:
            found = {**self.types[kind], **found}
            kind = self.bases[kind]
        return found

    def faults(self, value: Any, kind: str, where: str = "") -> Iterator[str]:
        """What of *value* is not as the metadata has it."""
        if kind.startswith("Collection("):
            if not isinstance(value, list):
                yield f"{where} is no list"
                return
            for n, one in enumerate(value):
                yield from self.faults(one, kind[11:-1], f"{where}[{n}]")
        elif kind in self.enums:
            if value not in self.enums[kind]:
                yield f"{where}: {value!r} is none of {kind}"
        elif kind in self.types:
            if not isinstance(value, Mapping):
                yield f"{where} is no object"
                return
            known = self.properties(kind)
            for name, inner in value.items():
                if name not in known:
                    yield f"{where}.{name} is unknown to {kind}"
                else:
                    yield from self.faults(inner, known[name], f"{where}.{name}")
        elif not isinstance(value, {"Edm.String": str, "Edm.Boolean": bool}.get(kind, object)):
            yield f"{where} is no {kind}"


@pytest.fixture(scope="module")
def schema() -> Schema:
    if not METADATA.exists():
        pytest.skip(f"PROPERTY NAMES UNCHECKED: Microsoft's metadata is not at {METADATA}")
    return Schema(METADATA.read_text())


def test_the_oracle_knows_right_from_wrong(schema: Schema) -> None:
    event = "graph.event"
    assert list(schema.faults({"subject": "x", "attendees": []}, event)) == []
    wrongs: list[dict[str, Any]] = [
        {"Subject": "x"},
        {"onlineMeetingProvider": "teams"},
        {"attendees": [{"type": "required", "mail": "x"}]},
        {"attendees": {}},
        {"start": {"datetime": "x"}},
        {"isOnlineMeeting": "true"},
    ]
    for wrong in wrongs:
        assert list(schema.faults(wrong, event)), wrong


def test_a_create_is_an_event_to_microsofts_metadata(schema: Schema) -> None:
    assert list(schema.faults(create().body, "graph.event")) == []


def test_an_update_is_an_event_to_microsofts_metadata(schema: Schema) -> None:
    everything = Changes(slot=True, subject=True, attendees=True, agenda=True)
    assert list(schema.faults(update(everything)[0].body, "graph.event")) == []


def test_a_cancellation_is_the_action_of_microsofts_metadata(schema: Schema) -> None:
    named = set(protocol.cancel_event(a_booking(), "x").body)
    assert named <= set(schema.actions["cancel"]) - {"bindingParameter"}


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        pytest.param(
            protocol.read_event(UserId("u"), EventId("e"), with_body=True),
            "graph.event",
            id="event",
        ),
        pytest.param(protocol.find_by_marker(UserId("u"), "m"), "graph.event", id="many"),
        pytest.param(protocol.read_providers(UserId("u")), "graph.calendar", id="calendar"),
    ],
)
def test_the_fields_we_select_exist(schema: Schema, request_: Request, kind: str) -> None:
    _, query = split(request_)
    assert set(query["$select"][0].split(",")) <= set(schema.properties(kind))


def test_what_we_read_of_an_event_exists(schema: Schema) -> None:
    event = {name: value for name, value in EVENT.items() if not name.startswith("@")}
    assert list(schema.faults(event, "graph.event")) == []


# -- events as Graph tells them ------------------------------------------------------------

EVENT: dict[str, Any] = {
    "@odata.etag": 'W/"abc=="',
    "id": "AAMkAGI2-_xY=",
    "subject": "Data ethics workshop",
    "isAllDay": False,
    "isCancelled": False,
    "isOnlineMeeting": True,
    "type": "singleInstance",
    "start": {"dateTime": "2026-04-30T08:00:00.0000000", "timeZone": "UTC"},
    "end": {"dateTime": "2026-04-30T09:00:00.0000000", "timeZone": "UTC"},
    "attendees": [
        {
            "type": "required",
            "status": {"response": "declined", "time": "2026-04-26T08:00:00Z"},
            "emailAddress": {"name": "L. Earner", "address": "Learner@Work.example"},
        }
    ],
    "onlineMeeting": {"joinUrl": JOIN_URL},
    "body": {"contentType": "html", "content": "<p>x</p>"},
}


GUEST = {"emailAddress": {"address": "guest@elsewhere.example", "name": "G. Uest"}}


def when(local: str, zone: str = "UTC") -> dict[str, str]:
    return {"dateTime": local, "timeZone": zone}


def view(**changes: Any) -> Any:
    event = {**EVENT, **changes}
    return protocol.view_of({name: value for name, value in event.items() if value != "absent"})


def test_an_event_is_read_whole() -> None:
    seen = view()
    assert isinstance(seen, Seen)
    assert seen.event_id == "AAMkAGI2-_xY=", "case kept"
    assert seen.change_key == 'W/"abc=="'
    assert seen.slot == NINE
    assert seen.subject == "Data ethics workshop"
    assert [(g.address, g.name, g.response) for g in seen.guests] == [
        ("Learner@Work.example", "L. Earner", "declined")
    ]
    assert seen.online
    assert seen.join_url == JOIN_URL
    assert seen.shape is Shape.SINGLE
    assert seen.body == "<p>x</p>"


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        pytest.param({"onlineMeeting": None}, "join_url", "", id="no link yet"),
        pytest.param({"onlineMeeting": "absent"}, "join_url", "", id="nothing online"),
        pytest.param({"onlineMeeting": {"joinUrl": None}}, "join_url", "", id="a null link"),
        pytest.param({"isOnlineMeeting": False}, "online", False, id="not online"),
        pytest.param({"body": "absent"}, "body", None, id="body not asked for"),
        pytest.param({"body": {"content": None}}, "body", "", id="an empty body"),
        pytest.param({"subject": None}, "subject", "", id="no subject"),
        pytest.param({"attendees": []}, "guests", (), id="nobody invited"),
        pytest.param({"attendees": None}, "guests", (), id="null instead of a list"),
        pytest.param({"@odata.etag": "absent"}, "change_key", "", id="no version"),
        pytest.param({"type": "occurrence"}, "shape", Shape.OTHER, id="an occurrence"),
        pytest.param({"type": "seriesMaster"}, "shape", Shape.OTHER, id="a series"),
        pytest.param({"type": "exception"}, "shape", Shape.OTHER, id="an exception"),
        pytest.param({"isAllDay": True}, "shape", Shape.OTHER, id="all day"),
        pytest.param({"type": "absent"}, "shape", Shape.SINGLE, id="no type told"),
    ],
)
def test_what_an_event_may_lack_or_show(changes: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(view(**changes), name) == value


@pytest.mark.parametrize(
    ("when", "instant"),
    [
        pytest.param(("2026-04-30T08:00:00.0000000", "UTC"), "2026-04-30 08:00", id="Graph's own"),
        pytest.param(("2026-04-30T08:00:00", "UTC"), "2026-04-30 08:00", id="no fraction"),
        pytest.param(("2026-04-30T08:00:00Z", "UTC"), "2026-04-30 08:00", id="a Z"),
        pytest.param(("2026-04-30T09:00:00.0000000", LONDON), "2026-04-30 08:00", id="another"),
        pytest.param(("2026-04-30T08:00:00.9999999", "UTC"), "2026-04-30 08:00", id="a fraction"),
    ],
)
def test_an_instant_is_read_in_its_zone(when: tuple[str, str], instant: str) -> None:
    seen = view(start={"dateTime": when[0], "timeZone": when[1]})
    assert seen.slot.start == at(instant)


def test_an_instant_without_a_zone_is_utc_as_graph_answers_unless_asked() -> None:
    for zone in (None, "absent"):
        start = {"dateTime": "2026-04-30T08:00:00.0000000", "timeZone": zone}
        if zone == "absent":
            del start["timeZone"]
        assert view(start=start).slot.start == NINE.start


def test_a_cancelled_event_is_gone() -> None:
    assert view(isCancelled=True) == Gone()


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({**EVENT, "id": None} | {"start": None}, id="no start"),
        pytest.param({name: EVENT[name] for name in EVENT if name != "id"}, id="no id"),
        pytest.param({**EVENT, "end": {"dateTime": "tomorrow", "timeZone": "UTC"}}, id="no time"),
        pytest.param(
            {**EVENT, "end": {"dateTime": "2026-04-30T09:00:00", "timeZone": "Mars"}}, id="no zone"
        ),
        pytest.param({**EVENT, "attendees": ["x"]}, id="attendees of another kind"),
        pytest.param({**EVENT, "attendees": {}}, id="no list of attendees"),
        pytest.param({**EVENT, "attendees": [{"emailAddress": "x"}]}, id="an address in a text"),
        pytest.param({**EVENT, "isCancelled": "no"}, id="cancelled in a word"),
        pytest.param({**EVENT, "isCancelled": 1}, id="cancelled in a number"),
        pytest.param({**EVENT, "isOnlineMeeting": None}, id="online or not is not told"),
        pytest.param({**EVENT, "onlineMeeting": "https://x"}, id="a link in the wrong place"),
        pytest.param({**EVENT, "subject": ["x"]}, id="a subject of another kind"),
        pytest.param({**EVENT, "subject": "x" * 4097}, id="a subject nobody can have written"),
        pytest.param({**EVENT, "type": 7}, id="a type of another kind"),
        pytest.param({**EVENT, "isAllDay": "x"}, id="all day in a word"),
        pytest.param({**EVENT, "body": "x"}, id="a body of another kind"),
        pytest.param({**EVENT, "id": {"a": 1}}, id="an id of another kind"),
        pytest.param({**EVENT, "id": ".."}, id="an id that is a step in a path"),
        pytest.param({**EVENT, "id": "x" * 4097}, id="an id of pages"),
        pytest.param({**EVENT, "id": "AAMk\ud83d"}, id="an id with half a character"),
        pytest.param({**EVENT, "@odata.etag": "a\r\nb: c"}, id="a version of two headers"),
        pytest.param({**EVENT, "@odata.etag": "\u0416"}, id="a version no header can hold"),
        pytest.param(
            {**EVENT, "onlineMeeting": {"joinUrl": "javascript:x"}}, id="a link that runs"
        ),
        pytest.param({**EVENT, "start": when("9999-12-31T23:59:59", "Etc/GMT+12")}, id="no more"),
        pytest.param({**EVENT, "start": when("0001-01-01T00:00:00", "Etc/GMT-14")}, id="before"),
        pytest.param({**EVENT, "end": when("2026-04-30T07:59:59")}, id="an end before the start"),
        pytest.param({**EVENT, "end": when("2026-04-30T09:00:00+05:00")}, id="an offset as well"),
        pytest.param({**EVENT, "end": when("2026-04-30T09:00:00", "Europe")}, id="a folder's name"),
        pytest.param({**EVENT, "end": when("2026-04-30T09:00:00", "x" * 999)}, id="a long zone"),
        pytest.param({**EVENT, "end": when("2026-04-30T09:00:00", "../UTC")}, id="a path for zone"),
        pytest.param({**EVENT, "end": when("2026-04-30T09:00:00", "U\0TC")}, id="a zone with NUL"),
        pytest.param({**EVENT, "attendees": [GUEST] * 4000}, id="attendees beyond reason"),
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
        pytest.param("text", id="a text"),
    ],
)
def test_an_event_we_cannot_read_is_no_answer(event: Any) -> None:
    with pytest.raises(Broken):
        protocol.view_of(event)


def test_half_an_emoji_in_a_text_is_replaced() -> None:
    """Where a subject was cut: nothing could store it, or send it on."""
    assert view(subject="Review \ud83d").subject == "Review \ufffd"
    assert view(subject="Review \ud83d\ude00").subject == "Review \U0001f600"
    (guest,) = view(attendees=[{"emailAddress": {"name": "\udc00G", "address": "g@x"}}]).guests
    assert guest.name == "\ufffdG"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(NotFound("graph", "ErrorItemNotFound"), Gone(), id="the event is gone"),
        pytest.param(
            NotFound("graph", "MailboxNotEnabledForRESTAPI"),
            Unknown("owner_without_teams"),
            id="mailbox",
        ),
        pytest.param(
            NotFound("graph", "Request_ResourceNotFound"), Unknown("owner_not_found"), id="user"
        ),
        pytest.param(NotFound("graph", "http_404"), Unknown("owner_not_found"), id="a bare 404"),
        pytest.param(
            NotAllowed("graph", "ErrorAccessDenied"), Unknown("not_permitted"), id="not allowed"
        ),
        pytest.param(Throttled("graph", "429"), Unknown("throttled"), id="throttled"),
        pytest.param(Broken("graph", "timeout"), Unknown("teams_unavailable"), id="no answer"),
        pytest.param(
            Refused("graph", "ErrorItemNotFound"), Unknown("teams_refused"), id="400 with that code"
        ),
    ],
)
def test_absence_is_not_cancellation(error: RemoteError, expected: object) -> None:
    assert protocol.view_of_error(error) == expected


def test_a_marker_is_found_among_other_properties() -> None:
    mine = {"id": protocol.MARKER_ID, "value": "blue/northern/C-1/1"}
    other = {"id": "String {00000000-0000-0000-0000-000000000000} Name Other", "value": "x"}
    assert protocol.marker_of({"singleValueExtendedProperties": [other, mine]}) == mine["value"]
    assert protocol.marker_of({"singleValueExtendedProperties": [other]}) == ""
    assert protocol.marker_of({"singleValueExtendedProperties": None}) == ""
    empty = {"id": protocol.MARKER_ID, "value": None}
    assert protocol.marker_of({"singleValueExtendedProperties": [empty]}) == ""
    strange: Any
    for strange in (7, "x", {}, [None], ["x"], [[]], [{"id": protocol.MARKER_ID, "value": [1]}]):
        assert protocol.marker_of({"singleValueExtendedProperties": strange}) == ""
    assert protocol.marker_of({}) == ""


@pytest.mark.parametrize(
    ("event", "copy"),
    [
        pytest.param({"isOrganizer": False}, True, id="an attendee's"),
        pytest.param({"isOrganizer": True}, False, id="the organizer's"),
        pytest.param({"isOrganizer": None}, False, id="null"),
        pytest.param({}, False, id="not told"),
    ],
)
def test_a_copy_in_an_attendees_calendar_is_told_apart(event: Any, copy: bool) -> None:
    assert protocol.is_a_copy(event) is copy


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param({}, ("", "", "none", "required"), id="nothing"),
        pytest.param(
            {"emailAddress": None, "status": None, "type": None},
            ("", "", "none", "required"),
            id="nulls",
        ),
        pytest.param(
            {"emailAddress": {"address": None, "name": None}, "status": {"response": None}},
            ("", "", "none", "required"),
            id="nulls within",
        ),
        pytest.param({"type": "optional"}, ("", "", "none", "optional"), id="an optional one"),
    ],
)
def test_an_attendee_may_lack_anything(one: Any, expected: tuple[str, str, str, str]) -> None:
    (guest,) = view(attendees=[one]).guests
    assert (guest.address, guest.name, guest.response, guest.kind) == expected


# -- people --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {"id": "U", "mail": "a@x.example", "userPrincipalName": "b@x.example"},
            ("U", ("a@x.example", "b@x.example")),
            id="a user",
        ),
        pytest.param(
            {"id": "U", "mail": "a@x.example", "userPrincipalName": "a@x.example"},
            ("U", ("a@x.example",)),
            id="both addresses alike",
        ),
        pytest.param({"id": "U", "mail": None}, ("U", ()), id="no address"),
        pytest.param({"value": [{"id": "U"}]}, ("U", ()), id="the first of a list"),
        pytest.param({"value": []}, None, id="an empty list"),
    ],
)
def test_a_users_id_and_addresses(body: Any, expected: Any) -> None:
    assert protocol.user_of(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="nobody"),
        pytest.param([], id="a list"),
        pytest.param({"value": {}}, id="no list"),
        pytest.param({"value": [None]}, id="a list of nobody"),
        pytest.param({"id": 7}, id="a number for an id"),
        pytest.param({"id": ".."}, id="an id that is a step in a path"),
        pytest.param({"id": "U", "mail": ["a@x.example"]}, id="addresses"),
    ],
)
def test_a_user_we_cannot_read_is_not_nobody(body: Any) -> None:
    """Nobody would be told to the LMS as an owner who does not exist."""
    with pytest.raises(Broken):
        protocol.user_of(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {"allowedOnlineMeetingProviders": ["teamsForBusiness", "skypeForBusiness"]},
            "skypeForBusiness,teamsForBusiness",
            id="in one order",
        ),
        pytest.param({"allowedOnlineMeetingProviders": []}, "", id="none"),
    ],
)
def test_the_providers_a_calendar_allows(body: Any, expected: str) -> None:
    assert protocol.providers_of(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"allowedOnlineMeetingProviders": None}, id="null"),
        pytest.param({"allowedOnlineMeetingProviders": "teamsForBusiness"}, id="a text"),
        pytest.param({"allowedOnlineMeetingProviders": [None]}, id="a list of nothing"),
        pytest.param({}, id="not told"),
        pytest.param(None, id="nothing"),
    ],
)
def test_providers_that_are_not_told_are_not_none(body: Any) -> None:
    """None would be told to the LMS as an owner without Teams."""
    with pytest.raises(Broken):
        protocol.providers_of(body)


# -- change notifications ------------------------------------------------------------------

USER, SUBSCRIPTION = "11111111-0000-4000-8000-000000000001", "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"


def test_a_subscription_is_exactly_this() -> None:
    request = protocol.create_subscription(
        UserId(USER), "https://connector.example/api/graph/notifications", "proof", NOW
    )
    assert (request.method, request.path) == ("POST", "/subscriptions")
    assert request.headers["Prefer"] == 'IdType="ImmutableId"', "else notifications name others"
    assert request.body == {
        "changeType": "updated,deleted",
        "notificationUrl": "https://connector.example/api/graph/notifications",
        "lifecycleNotificationUrl": "https://connector.example/api/graph/notifications",
        "resource": f"/users/{USER}/events",
        "expirationDateTime": "2026-04-25T08:00:00Z",
        "clientState": "proof",
    }


def test_a_subscription_is_one_to_microsofts_metadata(schema: Schema) -> None:
    new = protocol.create_subscription(UserId(USER), "https://x.example", "proof", NOW)
    renewed = protocol.renew_subscription(SUBSCRIPTION, NOW)
    for body in (new.body, renewed.body):
        assert list(schema.faults(body, "graph.subscription")) == []


def test_subscriptions_are_renewed_listed_and_ended() -> None:
    renewed = protocol.renew_subscription(SUBSCRIPTION, NOW)
    assert (renewed.method, renewed.path) == ("PATCH", f"/subscriptions/{SUBSCRIPTION}")
    assert renewed.body == {"expirationDateTime": "2026-04-25T08:00:00Z"}
    ended = protocol.delete_subscription("a/b")
    assert (ended.method, ended.path) == ("DELETE", "/subscriptions/a%2Fb")
    listed = protocol.list_subscriptions()
    assert (listed.method, listed.path) == ("GET", "/subscriptions")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, (USER, "https://x.example", "2026-05-01 08:00"), id="as it was made"),
        pytest.param(
            {"resource": f"Users/{USER}/Events"},
            (USER, "https://x.example", "2026-05-01 08:00"),
            id="in other case, without the slash",
        ),
        pytest.param(
            {"resource": "/users/a%2Fb/events"},
            ("a/b", "https://x.example", "2026-05-01 08:00"),
            id="a user's name in escapes",
        ),
        pytest.param(
            {"resource": "/communications/callRecords"},
            ("", "https://x.example", "2026-05-01 08:00"),
            id="of another kind",
        ),
        pytest.param({"resource": None}, ("", "https://x.example", "2026-05-01 08:00"), id="none"),
        pytest.param({"notificationUrl": None}, (USER, "", "2026-05-01 08:00"), id="no address"),
        pytest.param(
            {"expirationDateTime": "2026-05-01T08:00:00.1234567Z"},
            (USER, "https://x.example", "2026-05-01 08:00"),
            id="seven decimals",
        ),
        pytest.param(
            {"expirationDateTime": "2026-05-01T09:00:00+01:00"},
            (USER, "https://x.example", "2026-05-01 08:00"),
            id="an offset",
        ),
        pytest.param(
            {"expirationDateTime": "2026-05-01T08:00:00"},
            (USER, "https://x.example", "2026-05-01 08:00"),
            id="no offset",
        ),
    ],
)
def test_a_subscription_as_graph_tells_it(
    changes: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    body = {
        "id": SUBSCRIPTION,
        "resource": f"/users/{USER}/events",
        "notificationUrl": "https://x.example",
        "expirationDateTime": "2026-05-01T08:00:00Z",
        **changes,
    }
    found = protocol.subscribed_of(body)
    assert found.id == SUBSCRIPTION
    assert (found.user, found.url, found.expires) == (*expected[:2], at(expected[2]))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"expirationDateTime": "2026-05-01T08:00:00Z"}, id="no id"),
        pytest.param({"id": "x"}, id="no expiry"),
        pytest.param({"id": "x", "expirationDateTime": "soon"}, id="no time"),
        pytest.param({"id": "x", "expirationDateTime": "9999-12-31T23:59:59-12:00"}, id="never"),
        pytest.param({"id": "..", "expirationDateTime": "2026-05-01T08:00:00Z"}, id="a step"),
        pytest.param({"id": "x", "expirationDateTime": 7}, id="a number for a time"),
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
    ],
)
def test_a_subscription_we_cannot_read_is_no_answer(body: Any) -> None:
    with pytest.raises(Broken):
        protocol.subscribed_of(body)


def test_notifications_of_graph_are_read_one_by_one() -> None:
    body = {
        "value": [
            {
                "subscriptionId": SUBSCRIPTION,
                "clientState": "proof",
                "changeType": "updated",
                "resource": f"Users/{USER}/Events/AAMk%2Fx",
                "resourceData": {"@odata.type": "#Microsoft.Graph.Event", "id": "AAMk/x"},
            },
            {
                "subscriptionId": SUBSCRIPTION,
                "clientState": "proof",
                "lifecycleEvent": "reauthorizationRequired",
                "resource": f"Users/{USER}/Events",
            },
        ]
    }
    assert protocol.notices_of(body) == [
        protocol.Notice("proof", SUBSCRIPTION, USER, "AAMk/x"),
        protocol.Notice("proof", SUBSCRIPTION, USER, "", "reauthorizationRequired"),
    ]


@pytest.mark.parametrize(
    ("item", "user", "event"),
    [
        pytest.param({"resource": f"Users/{USER}/Events/AAMk%2Fx"}, USER, "AAMk/x", id="by path"),
        pytest.param({"resource": f"Users/{USER}/Events"}, USER, "", id="no event"),
        pytest.param({"resourceData": {"id": "AAMk/x"}}, "", "AAMk/x", id="no path"),
        pytest.param({"resource": "Users/x/Messages/y"}, "", "", id="another resource"),
        pytest.param({"resource": 7, "resourceData": [1]}, "", "", id="other types"),
        pytest.param({"resource": None, "resourceData": {"id": 7}}, "", "", id="nulls"),
        pytest.param({}, "", "", id="nothing"),
        pytest.param("text", "", "", id="no object"),
    ],
)
def test_a_notification_is_a_claim_that_may_lack_anything(item: Any, user: str, event: str) -> None:
    assert protocol.notices_of({"value": [item]}) == [protocol.Notice("", "", user, event)]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"value": None}, {"value": {}}])
def test_what_is_no_list_of_notifications_is_none(body: Any) -> None:
    assert protocol.notices_of(body) is None


def test_whether_a_calendar_may_be_written_is_asked_without_writing() -> None:
    request = protocol.probe_writing(USERS[TUTOR.key])
    assert request.method == "PATCH"
    assert request.body == {}
    assert request.mailbox == USERS[TUTOR.key]


# -- answers -------------------------------------------------------------------------------


def answer(status: int, code: str = "", message: str = "", **headers: str) -> Answer:
    body = b""
    if code:
        inner = {"request-id": "inner-id"}
        error = {"code": code, "message": message, "innerError": inner}
        body = json.dumps({"error": error}).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        pytest.param(400, "ErrorInvalidRequest", Refused, "ErrorInvalidRequest", id="400"),
        pytest.param(401, "InvalidAuthenticationToken", NotAllowed, "InvalidAuthenticationToken",
                     id="401"),
        pytest.param(403, "ErrorAccessDenied", NotAllowed, "ErrorAccessDenied", id="403"),
        pytest.param(404, "ErrorItemNotFound", NotFound, "ErrorItemNotFound", id="404"),
        pytest.param(404, "", NotFound, "http_404", id="404 without a word"),
        pytest.param(405, "", Refused, "http_405", id="405"),
        pytest.param(408, "", Broken, "http_408", id="408"),
        pytest.param(409, "ErrorConcurrent", Broken, "ErrorConcurrent", id="409"),
        pytest.param(410, "", NotFound, "http_410", id="410"),
        pytest.param(412, "ErrorIrresolvableConflict", Changed, "ErrorIrresolvableConflict",
                     id="412"),
        pytest.param(413, "", Refused, "http_413", id="413"),
        pytest.param(423, "", Broken, "http_423", id="locked"),
        pytest.param(424, "", Throttled, "http_424", id="a throttled batch"),
        pytest.param(429, "TooManyRequests", Throttled, "TooManyRequests", id="429"),
        pytest.param(400, "ErrorDuplicateTransactionId", Refused, "ErrorDuplicateTransactionId",
                     id="made before, as 400"),
        pytest.param(409, "ErrorDuplicateTransactionId", Refused, "ErrorDuplicateTransactionId",
                     id="made before, as 409"),
        pytest.param(302, "", Broken, "http_302", id="a redirect"),
        pytest.param(304, "", Broken, "http_304", id="not modified"),
        pytest.param(500, "ErrorInternalServerError", Broken, "ErrorInternalServerError", id="500"),
        pytest.param(502, "", Broken, "http_502", id="502"),
        pytest.param(503, "", Broken, "http_503", id="503"),
        pytest.param(504, "", Broken, "http_504", id="504"),
        pytest.param(507, "", Broken, "http_507", id="507"),
        pytest.param(509, "", Broken, "http_509", id="509"),
    ],
)  # fmt: skip
def test_what_an_error_means(status: int, code: str, kind: type[RemoteError], told: str) -> None:
    with pytest.raises(RemoteError) as caught:
        decipher(answer(status, code), NOW_S)
    assert type(caught.value) is kind
    assert caught.value.code == told
    assert caught.value.system == "graph"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_good_answer_is_its_json(status: int) -> None:
    assert decipher(Answer(status, {}, b'{"id": "1"}'), NOW_S) == {"id": "1"}
    assert decipher(Answer(status), NOW_S) is None


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("text", "wait"),
    [
        pytest.param("2.128", timedelta(seconds=2.128), id="fractional, as Graph sends it"),
        pytest.param("120", timedelta(minutes=2), id="whole"),
        pytest.param("", None, id="not told"),
    ],
)
def test_how_long_to_wait(status: int, text: str, wait: timedelta | None) -> None:
    with pytest.raises(RemoteError) as caught:
        decipher(answer(status, retry_after=text), NOW_S)
    assert isinstance(caught.value, Throttled | Broken)
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"x"',
        b'{"error": "x"}',
        b'{"error": {}}',
        b'{"error": {"code": null}}',
    ],
)
def test_an_error_in_any_form_is_an_error(body: bytes) -> None:
    with pytest.raises(Broken) as caught:
        decipher(Answer(500, {}, body), NOW_S)
    assert caught.value.code == "http_500"


def test_the_request_id_is_kept_for_microsofts_support() -> None:
    with pytest.raises(RemoteError) as caught:
        decipher(answer(500, "x", request_id="header-id"), NOW_S)
    assert caught.value.request_id == "header-id"
    with pytest.raises(RemoteError) as caught:
        decipher(answer(500, "x"), NOW_S)
    assert caught.value.request_id == "inner-id"


def test_an_error_with_a_good_status_is_no_answer() -> None:
    """As a gateway gives it: a cancellation would be taken for carried out."""
    with pytest.raises(Broken):
        decipher(Answer(200, {}, b'{"error": {"code": "InternalServerError"}}'), NOW_S)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param({"code": {"a": 1}, "message": ["x"]}, id="other kinds"),
        pytest.param({"code": "learner@work.example said no"}, id="a code that names somebody"),
        pytest.param({"code": "x" * 101}, id="a long code"),
        pytest.param({"code": "a\nb"}, id="a code of two lines"),
        pytest.param({"innerError": "x", "message": 7}, id="no inner error"),
    ],
)
def test_what_a_strange_error_says_is_not_repeated(error: dict[str, Any]) -> None:
    with pytest.raises(Broken) as caught:
        decipher(Answer(500, {}, json.dumps({"error": error}).encode()), NOW_S)
    assert (caught.value.code, caught.value.message) == ("http_500", "")


@pytest.mark.parametrize("message", ["x" * 5_000_000, "a@" * 2_000_000, "@a " * 1_000_000])
def test_a_message_of_megabytes_takes_no_time(message: str) -> None:
    body = json.dumps({"error": {"code": "x", "message": message}}).encode()
    began = time.process_time()
    with pytest.raises(Broken) as caught:
        decipher(Answer(500, {}, body), NOW_S)
    assert len(caught.value.message) <= 200
    assert time.process_time() - began < 3


def test_a_message_is_short_and_without_addresses() -> None:
    long = "User learner@work.example in 'tutor@college.example' " + "x" * 500
    with pytest.raises(RemoteError) as caught:
        decipher(answer(400, "x", long), NOW_S)
    assert "@" not in str(caught.value)
    assert len(caught.value.message) <= 200


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(NotFound("graph", "NotFound", "3004: Meeting …"), True, id="app-only"),
        pytest.param(Refused("graph", "BadRequest", "1026: …"), True, id="delegated"),
        pytest.param(Refused("graph", "BadRequest", "Something else"), False, id="another refusal"),
        pytest.param(NotAllowed("graph", "Forbidden", "3003: …"), False, id="not allowed"),
        pytest.param(NotAllowed("graph", "Forbidden", "1026: …"), False, id="not allowed either"),
        pytest.param(Broken("graph", "http_500"), False, id="no answer"),
    ],
)
def test_whether_a_link_leads_to_no_meeting(error: RemoteError, expected: bool) -> None:
    assert protocol.no_such_meeting(error) is expected


# -- pages ---------------------------------------------------------------------------------


def test_a_page_and_where_the_next_one_is() -> None:
    link = "https://graph.test/v1.0/users?$skiptoken=x"
    items = [{"id": "1"}, {"id": "2"}]
    assert protocol.pages({"value": items, "@odata.nextLink": link}) == (items, link)
    assert protocol.pages({"value": []}) == ([], "")


@pytest.mark.parametrize(
    "body", [None, [], {}, {"value": None}, {"value": {}}, {"value": [{}, None]}, "x"]
)
def test_a_list_that_is_none_is_no_answer(body: Any) -> None:
    with pytest.raises(Broken):
        protocol.pages(body)


# -- batches -------------------------------------------------------------------------------


def test_a_batch_is_exactly_this() -> None:
    read = protocol.read_event(UserId("u"), EventId("e"))
    cancel = protocol.cancel_event(a_booking(organizer=UserId("u"), event_id=EventId("e")), "Why")
    assert protocol.batch_body([read, cancel]) == {
        "requests": [
            {
                "id": "1",
                "method": "GET",
                "url": read.path,
                "headers": {"Prefer": 'IdType="ImmutableId"'},
            },
            {
                "id": "2",
                "method": "POST",
                "url": "/users/u/events/e/cancel",
                "headers": {"Prefer": 'IdType="ImmutableId"', "Content-Type": "application/json"},
                "body": {"Comment": "Why"},
            },
        ]
    }


def test_a_batch_leaves_its_requests_as_they_were() -> None:
    request = create()
    before = protocol.stored_form(request)
    protocol.batch_body([request])
    assert protocol.stored_form(request) == before


def item(n: int, status: int = 200, **more: Any) -> dict[str, Any]:
    return {"id": str(n), "status": status, "headers": {}, "body": {"n": n}, **more}


@unhurried
@given(st.permutations(range(1, 21)), st.sets(st.integers(1, 20)))
def test_answers_are_in_the_order_asked_whatever_order_they_come_in(
    order: list[int], missing: set[int]
) -> None:
    responses = [item(n) for n in order if n not in missing]
    answers = protocol.batch_answers({"responses": responses}, 20)
    for n, found in enumerate(answers, 1):
        if n in missing:
            assert found.status == 504, "may have been carried out"
        else:
            assert found.json() == {"n": n}


def test_each_item_has_a_status_and_headers_of_its_own() -> None:
    responses = [
        item(2, 429, headers={"Retry-After": "7"}),
        item(1, 201),
        item(3, 204, body=None),
    ]
    random.Random(1).shuffle(responses)
    one, two, three = protocol.batch_answers({"responses": responses}, 3)
    assert (one.status, two.status, three.status) == (201, 429, 204)
    with pytest.raises(Throttled) as caught:
        decipher(two, NOW_S)
    assert caught.value.retry_after == timedelta(seconds=7)
    assert decipher(three, NOW_S) is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="no responses"),
        pytest.param({"responses": None}, id="null"),
        pytest.param({"responses": [{"status": 200}]}, id="no id"),
        pytest.param({"responses": [{"id": "x", "status": 200}]}, id="an id that we did not give"),
        pytest.param({"responses": [item(0), item(3)]}, id="numbers that we did not give"),
        pytest.param({"responses": [{"id": "1"}, {"id": "2"}]}, id="no status"),
        pytest.param({"responses": ["x", None]}, id="no objects"),
        pytest.param({"responses": 7}, id="a number"),
        pytest.param({"responses": [item(1), item(2), item(1, 404), item(2)]}, id="all twice"),
        pytest.param({"responses": [item(1, id=1), item(2, id=2.0)]}, id="numbers for ids"),
        pytest.param({"responses": [item(1, id=" 1"), item(2, id="02")]}, id="ids like ours"),
        pytest.param({"responses": [item(1, id=[1]), item(2, id={})]}, id="ids of other kinds"),
        pytest.param(
            {"responses": [item(1) | {"status": "200"}, item(2) | {"status": True}]},
            id="statuses in words",
        ),
        pytest.param({"responses": [item(1, 0), item(2, 10**400)]}, id="no such statuses"),
        pytest.param(
            {"responses": [item(1) | {"status": 1e999}, item(2) | {"status": 200.5}]},
            id="statuses that are no whole numbers",
        ),
        pytest.param({"responses": [item(1, headers="x"), item(2, headers=7)]}, id="no headers"),
        pytest.param([], id="a list"),
    ],
)
def test_a_batch_we_cannot_read_answers_nothing(body: Any) -> None:
    assert [one.status for one in protocol.batch_answers(body, 2)] == [504, 504]
