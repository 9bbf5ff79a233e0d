"""Online meetings and attendance: graph-facts 9, numbers 30 to 38."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.simulators import GraphSimulator
from tests.simulators.graph import people
from tests.simulators.wire import Reply

from .client import LEARNER, MENTOR, TENANT, TUTOR, Client, code, event_path, query

ONE_HOUR = [(0, 60)]


class Lookups:
    """What a client reads of one meeting, the day after."""

    def __init__(self, graph: GraphSimulator, tutor: str = TUTOR) -> None:
        self.graph = graph
        self.base = f"/users/{graph.user(tutor).id}/onlineMeetings"
        made = Client(graph).create()
        self.event = made
        self.url = str(made["onlineMeeting"]["joinUrl"])
        graph.clock.set(graph.events["e1"].end + timedelta(days=1), frozen=True)
        self.client = Client(graph)

    def find(self, url: str | None = None) -> Reply:
        return self.client.get(self.base + query(filter=f"JoinWebUrl eq '{url or self.url}'"))

    @property
    def meeting(self) -> str:
        return f"{self.base}/{quote(self.find().json()['value'][0]['id'], safe='')}"

    def reports(self) -> list[dict[str, Any]]:
        return list(self.client.get(f"{self.meeting}/attendanceReports").json()["value"])

    def records(self, report: str | None = None) -> list[dict[str, Any]]:
        name = report or self.reports()[0]["id"]
        path = f"{self.meeting}/attendanceReports/{name}/attendanceRecords"
        return list(self.client.get(path).json()["value"])


@pytest.fixture
def lookups(graph: GraphSimulator) -> Lookups:
    return Lookups(graph)


def test_a_join_url_finds_exactly_one_meeting(lookups: Lookups) -> None:
    [meeting] = lookups.find().json()["value"]
    assert meeting["joinWebUrl"] == lookups.url
    organizer = meeting["participants"]["organizer"]["identity"]["user"]["id"]
    assert organizer == lookups.graph.user(TUTOR).id


@pytest.mark.parametrize(
    ("mode", "status", "message"),
    [("404", 404, "3004:"), ("400", 400, "1026"), ("empty", 200, None)],
)
def test_an_unknown_join_url_is_answered_by_the_switch(
    lookups: Lookups, mode: Any, status: int, message: str | None
) -> None:
    lookups.graph.switches.unmatched_join_url = mode
    for url in (lookups.url + "x", lookups.url.replace("%3a", ":")):
        reply = lookups.find(url)
        assert reply.status == status
        if message:
            assert reply.json()["error"]["message"].startswith(message)
        else:
            assert reply.json()["value"] == []


def test_without_the_access_policy_nothing_is_read(lookups: Lookups) -> None:
    graph = lookups.graph
    meeting = lookups.meeting
    graph.revoke_policy(TUTOR)
    for reply in (lookups.find(), lookups.client.get(f"{meeting}/attendanceReports")):
        assert (reply.status, code(reply)) == (403, "Forbidden")
        message = reply.json()["error"]["message"]
        assert message.startswith("No application access policy found for this app")
    graph.switches.policy_delay_s = 1800
    graph.grant_policy(TUTOR, at_once=False)
    assert lookups.find().status == 403
    graph.clock.set(graph.clock() + timedelta(minutes=30), frozen=True)
    assert lookups.find().status == 200


def test_only_organizers_look_up_a_meeting(lookups: Lookups) -> None:
    lookups.base = lookups.base.replace(lookups.graph.user(TUTOR).id, lookups.graph.user(MENTOR).id)
    reply = lookups.find()
    assert (reply.status, code(reply)) == (403, "Forbidden")
    assert reply.json()["error"]["message"].startswith("3003:")
    lookups.graph.meetings[lookups.url].co_organizers.add(lookups.graph.user(MENTOR).id)
    assert lookups.find().status == 200


def test_a_user_principal_name_is_not_an_object_id(lookups: Lookups) -> None:
    lookups.base = f"/users/{TUTOR}/onlineMeetings"
    assert lookups.find().status == 404
    lookups.graph.switches.upn_in_online_meetings = True
    assert lookups.find().status == 200


def test_a_cancelled_events_meeting_still_resolves_unless_switched(lookups: Lookups) -> None:
    lookups.graph.tutor.cancels("e1")
    assert lookups.find().status == 200
    lookups.graph.switches.lookup_after_cancel = "gone"
    assert lookups.find().status == 404


def test_a_join_url_can_expire(lookups: Lookups) -> None:
    lookups.graph.switches.lookup_expires_days = 60
    assert lookups.find().status == 200
    lookups.graph.clock.set(lookups.graph.clock() + timedelta(days=60), frozen=True)
    lookups.client = Client(lookups.graph)
    assert lookups.find().status == 404


def test_records_come_only_with_a_single_report(lookups: Lookups) -> None:
    lookups.graph.attendance.hold(lookups.url, [(TUTOR, ONE_HOUR), (LEARNER, [(2, 52)])])
    [report] = lookups.reports()
    assert report["attendanceRecords"] == []
    assert report["totalParticipantCount"] == 2
    path = f"{lookups.meeting}/attendanceReports/{report['id']}"
    assert lookups.client.get(path).json()["attendanceRecords"] == []
    whole = lookups.client.get(path + query(expand="attendanceRecords")).json()
    assert whole["attendanceRecords"] == lookups.records()
    assert [one["totalAttendanceInSeconds"] for one in lookups.records()] == [3600, 3000]


@pytest.mark.parametrize("listed", [50, 10])
def test_only_the_newest_reports_are_listed(lookups: Lookups, listed: int) -> None:
    lookups.graph.switches.reports_listed = listed
    for number in range(52):
        lookups.graph.attendance.hold(lookups.url, [(TUTOR, [(number * 2, number * 2 + 1)])])
    starts = [one["meetingStartDateTime"] for one in lookups.reports()]
    assert len(starts) == listed
    assert starts == sorted(starts, reverse=True)


def test_there_is_no_report_until_everyone_left(lookups: Lookups) -> None:
    attendance = lookups.graph.attendance
    attendance.join(lookups.url, TUTOR, 0)
    guest = attendance.join(lookups.url, {"guest": "Sam"}, 1)
    assert attendance.leave(lookups.url, TUTOR, 60) is None
    assert lookups.reports() == []
    assert attendance.leave(lookups.url, guest, 61) is not None
    assert len(lookups.reports()) == 1


def test_every_session_has_its_report(lookups: Lookups) -> None:
    spells = [(-30, -25), (0, 20), (22, 60), (1440, 1445)]
    lookups.graph.attendance.hold(lookups.url, [(TUTOR, spells), (LEARNER, [(1, 21)])])
    lookups.graph.clock.set(lookups.graph.clock() + timedelta(days=2), frozen=True)
    lookups.client = Client(lookups.graph)
    assert [one["totalParticipantCount"] for one in lookups.reports()] == [1, 1, 2, 1]


def test_reports_are_ready_only_when_the_meeting_is_over(lookups: Lookups) -> None:
    graph = lookups.graph
    graph.switches.report_delay_s = 600
    graph.attendance.hold(lookups.url, [(TUTOR, ONE_HOUR)])
    end = graph.events["e1"].end
    for minutes, count in ((-5, 0), (9, 0), (10, 1)):
        graph.clock.set(end + timedelta(minutes=minutes), frozen=True)
        lookups.client = Client(graph)
        assert len(lookups.reports()) == count


def test_a_new_join_url_has_none_of_the_old_ones_reports(lookups: Lookups) -> None:
    lookups.graph.attendance.hold(lookups.url, [(TUTOR, ONE_HOUR)])
    renewed = lookups.graph.tutor.renews_link("e1").join_url
    assert len(lookups.reports()) == 1
    lookups.url = str(renewed)
    assert lookups.reports() == []


RESOURCE = {"azureCommunicationServicesResourceId": "00000000-0000-0000-0000-000000000007"}


@pytest.mark.parametrize(
    ("person", "email", "kind", "known"),
    [
        pytest.param(TUTOR, TUTOR, "communicationsUserIdentity", {"tenantId": None}, id="own"),
        pytest.param(
            people.foreign("F", "f@x.example", tenant_id="t9"),
            "f@x.example",
            "communicationsUserIdentity",
            {"tenantId": "t9", "displayName": "F"},
            id="foreign",
        ),
        pytest.param(
            people.foreign("F", ""),
            "",
            "communicationsUserIdentity",
            {"displayName": "F"},
            id="foreign without address",
        ),
        pytest.param(
            {"acs": "Bot"}, "", "azureCommunicationServicesUserIdentity", RESOURCE, id="acs"
        ),
        pytest.param(
            {"guest": "Sam"}, "", "communicationsGuestIdentity", {"displayName": "Sam"}, id="guest"
        ),
        pytest.param(
            {"phone": "+441615550123"},
            "",
            "communicationsPhoneIdentity",
            {"displayName": "+44161555****"},
            id="phone",
        ),
    ],
)
def test_participants_are_named_in_many_ways(
    lookups: Lookups, person: Any, email: str, kind: str, known: dict[str, Any]
) -> None:
    lookups.graph.attendance.hold(lookups.url, [(person, ONE_HOUR)])
    [record] = lookups.records()
    assert (record["emailAddress"], record["role"]) == (email, "Presenter")
    identity = record["identity"]
    assert identity["@odata.type"] == f"#microsoft.graph.{kind}"
    assert identity.items() >= known.items()


@pytest.mark.parametrize(
    ("mode", "identity"),
    [
        ("null", None),
        (
            "user_without_id",
            {
                "@odata.type": "#microsoft.graph.communicationsUserIdentity",
                "id": None,
                "displayName": "Sam",
                "tenantId": None,
            },
        ),
    ],
)
def test_how_anonymous_people_look_is_a_switch(
    lookups: Lookups, mode: Any, identity: dict[str, Any] | None
) -> None:
    lookups.graph.switches.anonymous_identity = mode
    lookups.graph.attendance.hold(lookups.url, [({"guest": "Sam"}, ONE_HOUR)])
    assert lookups.records()[0]["identity"] == identity


def test_keys_can_be_missing_or_different(lookups: Lookups) -> None:
    odd = {"guest": "Sam", "without": ["emailAddress", "id"], "overrides": {"role": None}}
    lookups.graph.attendance.hold(lookups.url, [(odd, ONE_HOUR)])
    [record] = lookups.records()
    assert not {"emailAddress", "id"} & set(record)
    assert record["role"] is None


def test_two_devices_overlap_in_one_record_or_have_two(lookups: Lookups) -> None:
    attendance = lookups.graph.attendance
    attendance.join(lookups.url, TUTOR, 0)
    attendance.join(lookups.url, TUTOR, 10, device="phone")
    attendance.leave(lookups.url, TUTOR, 60)
    [record] = lookups.records()
    assert record["totalAttendanceInSeconds"] == 3600 + 3000
    attendance.hold(lookups.url, [(TUTOR, [(70, 80)]), (TUTOR, [(75, 85)])])
    report = lookups.reports()[0]
    names = [one["id"] for one in lookups.records(report["id"])]
    assert len(set(names)) == 2
    assert report["totalParticipantCount"] == 1


@pytest.mark.parametrize("whose", ["tenant", "organizer"])
def test_where_policy_disables_reports_there_are_none(lookups: Lookups, whose: str) -> None:
    user = lookups.graph.user(TUTOR)
    (user.tenant if whose == "tenant" else user).attendance_reports = "Disabled"
    lookups.graph.attendance.hold(lookups.url, [(TUTOR, ONE_HOUR)])
    assert lookups.reports() == []


@pytest.mark.parametrize(
    ("mode", "records", "seconds"),
    [("missing", 1, None), ("nameless", 2, 3600), ("nameless_without_intervals", 2, 0)],
)
def test_who_opted_out_is_counted_but_not_named(
    lookups: Lookups, mode: Any, records: int, seconds: int | None
) -> None:
    lookups.graph.switches.opted_out_record = mode
    hidden = {"user": MENTOR, "optedOut": True}
    lookups.graph.attendance.hold(lookups.url, [(TUTOR, ONE_HOUR), (hidden, ONE_HOUR)])
    assert lookups.reports()[0]["totalParticipantCount"] == 2
    found = lookups.records()
    assert len(found) == records
    if seconds is not None:
        assert found[1]["totalAttendanceInSeconds"] == seconds
        assert found[1]["identity"] is None
        assert found[1]["emailAddress"] is None


def test_after_a_year_a_report_is_gone(lookups: Lookups) -> None:
    lookups.graph.attendance.hold(lookups.url, [(TUTOR, ONE_HOUR)])
    for days, count in ((365, 1), (366, 0)):
        lookups.graph.clock.set(lookups.graph.events["e1"].end + timedelta(days=days), frozen=True)
        lookups.client = Client(lookups.graph)
        assert len(lookups.reports()) == count


def test_records_can_come_in_pages(lookups: Lookups) -> None:
    lookups.graph.switches.attendance_page_size = 2
    crowd = [({"guest": f"G{number}"}, ONE_HOUR) for number in range(5)]
    lookups.graph.attendance.hold(lookups.url, crowd)
    name = lookups.reports()[0]["id"]
    path = f"{lookups.meeting}/attendanceReports/{name}"
    page = lookups.client.get(path + query(expand="attendanceRecords")).json()
    found, link = page["attendanceRecords"], page["attendanceRecords@odata.nextLink"]
    while link:
        page = lookups.client.get(link.partition("/v1.0")[2]).json()
        found, link = found + page["value"], page.get("@odata.nextLink")
    assert len({one["id"] for one in found}) == 5


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("OnlineMeetings.Read.All", ""),
        ("OnlineMeetingArtifact.Read.All", "/attendanceReports"),
    ],
)
def test_meetings_and_attendance_need_their_own_roles(
    lookups: Lookups, role: str, path: str
) -> None:
    meeting = lookups.meeting
    lookups.client = Client(lookups.graph, TENANT, {"Calendars.ReadWrite"})
    assert lookups.client.get(meeting + path).status == 403
    lookups.client = Client(lookups.graph, TENANT, {role})
    assert lookups.client.get(meeting + path).status == 200


def test_the_meeting_follows_the_event(lookups: Lookups) -> None:
    lookups.client.patch(lookups.event["id"], subject="Renamed")
    [meeting] = lookups.find().json()["value"]
    assert meeting["subject"] == "Renamed"
    assert lookups.client.get(event_path(lookups.event["id"])).json()["subject"] == "Renamed"
