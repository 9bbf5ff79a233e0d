"""Creating and reading events: graph-facts 9, numbers 1 to 13."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators import GraphSimulator
from tests.simulators.wire import Reply

from .client import (
    IMMUTABLE,
    LEARNER,
    MARKER,
    MENTOR,
    TUTOR,
    Client,
    at,
    attendees,
    code,
    event,
    event_path,
    marked,
    marker,
    query,
    wait_until,
)

EVENTS = f"/users/{TUTOR}/events"


def post(client: Client, body: Any, headers: dict[str, str] | None = None) -> Reply:
    return client.call("POST", EVENTS, body, headers)


def test_the_same_body_and_transaction_id_make_one_event(
    client: Client, graph: GraphSimulator
) -> None:
    first, second = (client.create(transactionId="t1") for _ in range(2))
    assert first["id"] == second["id"]
    assert len(graph.live_events(TUTOR)) == 1
    assert [mail.to for mail in graph.journal.mails] == [LEARNER]


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("names_event", [False, True])
def test_the_same_transaction_id_with_another_body_is_refused(
    client: Client, graph: GraphSimulator, status: int, names_event: bool
) -> None:
    graph.set_switches(
        duplicate_transaction_status=status, duplicate_transaction_names_event=names_event
    )
    made = client.create(transactionId="t1")
    reply = post(client, event(transactionId="t1", subject="Other"))
    assert (reply.status, code(reply)) == (status, "ErrorDuplicateTransactionId")
    named = reply.json()["error"].get("@event.existingEventId")
    assert named == (made["id"] if names_event else None)


@pytest.mark.parametrize(("frees", "status"), [(False, 400), (True, 201)])
def test_whether_deleting_frees_the_transaction_id_is_a_switch(
    client: Client, graph: GraphSimulator, frees: bool, status: int
) -> None:
    graph.switches.deletion_frees_transaction_id = frees
    made = client.create(transactionId="t1")
    assert client.call("DELETE", event_path(made["id"])).status == 204
    assert post(client, event(transactionId="t1")).status == status


def test_transaction_ids_can_be_ignored(client: Client, graph: GraphSimulator) -> None:
    graph.switches.transaction_ids = "ignored"
    client.create(transactionId="t1")
    client.create(transactionId="t1")
    assert len(graph.live_events(TUTOR)) == 2


@pytest.mark.parametrize("effect", ["drop_after", "timeout_after", "late"])
def test_an_answer_can_get_lost_after_the_event_was_made(
    client: Client, graph: GraphSimulator, effect: Any
) -> None:
    graph.faults.add(effect, method="POST")
    lost = post(client, event(transactionId="t1"))
    assert lost.drop or lost.status == 504
    wait_until(lambda: bool(graph.live_events(TUTOR)))  # `late` is carried out by a timer
    client.create(transactionId="t1")
    assert len(graph.live_events(TUTOR)) == 1


def test_dropping_before_handling_makes_nothing(client: Client, graph: GraphSimulator) -> None:
    graph.faults.add("drop", method="POST")
    assert post(client, event()).drop
    assert not graph.events


def test_a_calendar_without_teams_gives_an_event_without_a_meeting(
    client: Client, graph: GraphSimulator
) -> None:
    graph.user(TUTOR).teams = False
    made = client.create()
    shown = [made["isOnlineMeeting"], made["onlineMeetingProvider"], made["onlineMeeting"]]
    assert shown == [False, "unknown", None]
    wanted = query(select="allowedOnlineMeetingProviders,defaultOnlineMeetingProvider")
    calendar = client.get(f"/users/{TUTOR}/calendar{wanted}").json()
    assert calendar["allowedOnlineMeetingProviders"] == []
    assert calendar["defaultOnlineMeetingProvider"] == "unknown"


def test_the_join_url_can_come_late(client: Client, graph: GraphSimulator) -> None:
    graph.switches.join_url_after_reads = 2
    made = client.create()
    assert made["isOnlineMeeting"] is True
    seen = [made, *(client.get(event_path(made["id"])).json() for _ in range(2))]
    assert [bool(one["onlineMeeting"]) for one in seen] == [False, False, True]


@pytest.mark.parametrize("style", ["classic", "new"])
def test_the_teams_block_is_appended_and_online_meeting_url_is_null(
    client: Client, graph: GraphSimulator, style: Any
) -> None:
    graph.switches.block_style = style
    made = client.create(body={"contentType": "text", "content": "Bring <logs>\n& pens"})
    content = made["body"]["content"]
    assert content.startswith("<html>")
    assert "Bring &lt;logs&gt;<br>" in content
    assert content.index("Bring") < content.index(made["onlineMeeting"]["joinUrl"])
    assert made["body"]["contentType"] == "html"
    assert "____" in made["bodyPreview"]
    assert made["onlineMeetingUrl"] is None


@pytest.mark.parametrize(
    ("prefer", "start", "zone"),
    [
        ("", "2026-04-30T08:00:00.0000000", "UTC"),
        ('outlook.timezone="Europe/London"', "2026-04-30T09:00:00.0000000", "Europe/London"),
        (
            'outlook.timezone="Tokyo Standard Time", IdType="ImmutableId"',
            "2026-04-30T17:00:00.0000000",
            "Tokyo Standard Time",
        ),
    ],
)
def test_times_are_answered_in_utc_or_the_preferred_zone(
    client: Client, prefer: str, start: str, zone: str
) -> None:
    made = client.create({"Prefer": prefer})
    assert made["start"] == {"dateTime": start, "timeZone": zone}
    assert made["originalStartTimeZone"] == "Europe/London"


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("GMT Standard Time", "2026-04-30T08:00:00.0000000"),
        ("Europe/Berlin", "2026-04-30T07:00:00.0000000"),
        ("UTC", "2026-04-30T09:00:00.0000000"),
        (None, "2026-04-30T09:00:00.0000000"),
    ],
)
def test_windows_and_iana_zones_are_taken(client: Client, zone: str | None, utc: str) -> None:
    made = client.create(start=at("2026-04-30T09:00:00", zone), end=at("2026-04-30T19:00:00", zone))
    assert made["start"]["dateTime"] == utc


@pytest.mark.parametrize("prefer", [False, True])
def test_an_unknown_zone_is_refused(client: Client, prefer: bool) -> None:
    zone = "Mars/Olympus"
    headers = {"Prefer": f'outlook.timezone="{zone}"'} if prefer else {}
    body = event() if prefer else event(start=at("2026-04-30T09:00:00", zone))
    reply = post(client, body, headers)
    assert (reply.status, code(reply)) == (400, "TimeZoneNotSupportedException")


def test_markers_are_found_by_filter_and_shown_only_when_expanded(client: Client) -> None:
    made = client.create(singleValueExtendedProperties=marker("Dep/T/C-1/1"))
    client.create(singleValueExtendedProperties=marker("other/T/C-1/1"))
    assert "singleValueExtendedProperties" not in made
    for condition in (
        "ep/value eq 'dep/t/c-1/1'",
        "startswith(ep/value,'DEP/')",
        "startswith(ep/value, 'Dep/') and contains(ep/value,'C-1')",
    ):
        found = client.get(EVENTS + query(filter=marked(condition))).json()["value"]
        assert [one["id"] for one in found] == [made["id"]], condition
    expand = f"singleValueExtendedProperties($filter=id eq '{MARKER}')"
    wanted = query(filter=marked("ep/value eq 'Dep/T/C-1/1'"), expand=expand, select="subject")
    [found] = client.get(EVENTS + wanted).json()["value"]
    assert found["singleValueExtendedProperties"] == marker("Dep/T/C-1/1")
    assert set(found) == {"@odata.etag", "id", "subject", "singleValueExtendedProperties"}


def test_the_name_in_a_property_id_is_case_sensitive(client: Client) -> None:
    client.create(singleValueExtendedProperties=marker("a"))
    other = marked("ep/value eq 'a'").replace("ConnectorMarker", "connectormarker")
    guid = marked("ep/value eq 'a'").replace("66f5a359", "66F5A359")
    assert client.get(EVENTS + query(filter=other)).json()["value"] == []
    assert len(client.get(EVENTS + query(filter=guid)).json()["value"]) == 1


def test_the_property_index_can_lag(client: Client, graph: GraphSimulator) -> None:
    graph.switches.marker_index_lag_s = 60
    client.create(singleValueExtendedProperties=marker("a"))
    wanted = EVENTS + query(filter=marked("ep/value eq 'a'"))
    assert client.get(wanted).json()["value"] == []
    assert len(client.get(EVENTS).json()["value"]) == 1
    graph.clock.set(graph.clock().replace(minute=59), frozen=True)
    assert len(client.get(wanted).json()["value"]) == 1


def test_ids_differ_by_preference_and_may_differ_only_in_case(client: Client) -> None:
    regular = [client.create() for _ in range(4)]
    immutable = [client.get(event_path(one["id"]), IMMUTABLE).json() for one in regular]
    assert all(a["id"] != b["id"] for a, b in zip(regular, immutable, strict=True))
    assert client.get(event_path(immutable[0]["id"])).json()["id"] == regular[0]["id"]
    ids = [one["id"] for one in immutable]
    assert len(set(ids)) == 4
    assert len({name.casefold() for name in ids}) < 4
    assert client.get(event_path(ids[1].swapcase())).status == 404


def test_every_write_and_every_response_give_a_new_etag(
    client: Client, graph: GraphSimulator
) -> None:
    made = client.create()
    tags = [made["@odata.etag"], client.patch(made["id"], subject="New").json()["@odata.etag"]]
    graph.tutor.attendee_responds(made["id"], LEARNER, "declined")
    seen = client.get(event_path(made["id"]) + query(select="changeKey,attendees")).json()
    assert seen["@odata.etag"] == f'W/"{seen["changeKey"]}"'
    assert seen["attendees"][0]["status"]["response"] == "declined"
    assert len({*tags, seen["@odata.etag"]}) == 3


def test_saves_can_collide(client: Client, graph: GraphSimulator) -> None:
    graph.switches.concurrent_save_every = 2
    assert [post(client, event()).status for _ in range(4)] == [201, 409, 201, 409]


@pytest.mark.parametrize(
    ("select", "shown"),
    [("id,onlineMeeting", False), ("onlineMeeting,isOnlineMeeting", True), (None, True)],
)
def test_lists_show_the_join_url_only_beside_is_online_meeting(
    client: Client, select: str | None, shown: bool
) -> None:
    made = client.create()
    options = query(select=select) if select else ""
    [found] = client.get(EVENTS + options).json()["value"]
    assert bool(found["onlineMeeting"]) is shown
    alone = client.get(event_path(made["id"]) + query(select="onlineMeeting")).json()
    assert alone["onlineMeeting"]["joinUrl"] == made["onlineMeeting"]["joinUrl"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"colour": "red"}, id="unknown property"),
        pytest.param({"isOnlineMeeting": "yes"}, id="text for a boolean"),
        pytest.param({"subject": True}, id="boolean for text"),
        pytest.param({"reminderMinutesBeforeStart": True}, id="boolean for a number"),
        pytest.param({"onlineMeetingProvider": "zoom"}, id="unknown enum member"),
        pytest.param({"attendees": [{"email": "a@b.example"}]}, id="unknown in a collection"),
        pytest.param({"attendees": {"emailAddress": {}}}, id="no collection"),
        pytest.param({"start": {"timeZone": "UTC"}}, id="no dateTime"),
        pytest.param({"start": {"dateTime": None, "timeZone": "UTC"}}, id="null dateTime"),
        pytest.param({"start": None}, id="no start"),
        pytest.param({"start": at("30 April 2026")}, id="not a date"),
        pytest.param({"start": at("2026-04-30T11:00:00")}, id="ends before it starts"),
        pytest.param({"attendees": attendees("")}, id="blank address"),
        pytest.param(
            {"attendees": attendees(*(f"a{n}@b.example" for n in range(501)))}, id="501 attendees"
        ),
        pytest.param(
            {"singleValueExtendedProperties": [{"id": "Marker", "value": "a"}]}, id="property id"
        ),
    ],
)
def test_bodies_that_graph_cannot_take_are_refused(
    client: Client, graph: GraphSimulator, change: dict[str, Any]
) -> None:
    assert post(client, event(**change)).status == 400
    assert not graph.events


def test_enum_members_may_have_any_case(client: Client) -> None:
    made = client.create(attendees=[{"type": "Optional", "emailAddress": {"address": LEARNER}}])
    assert made["attendees"][0]["type"] == "optional"


def test_invitees_with_a_mailbox_get_a_copy_without_the_marker(
    client: Client, graph: GraphSimulator
) -> None:
    client.create(attendees=attendees(LEARNER, MENTOR), singleValueExtendedProperties=marker("a"))
    path = f"/users/{MENTOR}/events"
    [copy] = client.get(path).json()["value"]
    assert copy["isOrganizer"] is False
    assert copy["organizer"]["emailAddress"]["address"] == TUTOR
    assert client.get(path + query(filter=marked("ep/value eq 'a'"))).json()["value"] == []
    assert len(graph.live_events()) == 1
