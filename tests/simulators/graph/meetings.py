"""Graph's online meetings and attendance reports (graph-facts 4 and 5)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from ..wire import Reply
from .call import Call
from .errors import GraphError, bad_request
from .model import Meeting, Report, User
from .odata import invalid_filter
from .people import stamp
from .views import instant

_BY_JOIN_URL = re.compile(r"\s*joinweburl\s+eq\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
_MEETING_ROLES = ("OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All")
_ARTIFACT_ROLE = "OnlineMeetingArtifact.Read.All"


def find_meeting(call: Call) -> Reply:
    """`GET /users/{oid}/onlineMeetings?$filter=JoinWebUrl eq '…'`: exactly one, or an error."""
    call.principal.require(*_MEETING_ROLES)
    user = _covered_user(call)
    text = call.query.get("$filter")
    if text is None:
        raise bad_request("Filter expression expected: JoinWebUrl or VideoTeleconferenceId.")
    found = _BY_JOIN_URL.fullmatch(text)
    if not found:
        raise invalid_filter(text)
    meeting = call.state.meetings.get(found[1].replace("''", "'"))
    context = call.context(f"users('{user.id}')/onlineMeetings")
    if meeting is None or not _resolves(call, meeting):
        if call.state.switches.unmatched_join_url == "empty":
            return call.answer({"@odata.context": context, "value": []})
        raise _unmatched(call)
    _check_organizer(user, meeting)
    return call.answer({"@odata.context": context, "value": [_meeting_json(meeting)]})


def get_meeting(call: Call) -> Reply:
    call.principal.require(*_MEETING_ROLES)
    meeting = _meeting(call)
    context = call.context(f"users('{meeting.organizer.id}')/onlineMeetings/$entity")
    return call.answer({"@odata.context": context, **_meeting_json(meeting)})


def list_reports(call: Call) -> Reply:
    """Newest first, without records whatever is expanded (graph-facts 5.1)."""
    call.principal.require(_ARTIFACT_ROLE)
    meeting = _meeting(call)
    reports = sorted(_reports(call, meeting), key=lambda report: report.ended_at, reverse=True)
    shown = reports[: call.state.switches.reports_listed]
    return call.answer(
        {
            "@odata.context": call.context("attendanceReports"),
            "value": [_report_json(report) | {"attendanceRecords": []} for report in shown],
        }
    )


def get_report(call: Call) -> Reply:
    call.principal.require(_ARTIFACT_ROLE)
    report = _report(call)
    shown = _report_json(report) | {"attendanceRecords": []}
    if call.query.get("$expand", "").casefold() == "attendancerecords":
        page = _page(call, report)
        shown["attendanceRecords"] = page["value"]
        if "@odata.nextLink" in page:
            shown["attendanceRecords@odata.nextLink"] = page["@odata.nextLink"]
    return call.answer({"@odata.context": call.context("attendanceReports/$entity"), **shown})


def list_records(call: Call) -> Reply:
    call.principal.require(_ARTIFACT_ROLE)
    page = _page(call, _report(call))
    return call.answer({"@odata.context": call.context("attendanceRecords"), **page})


def _page(call: Call, report: Report) -> dict[str, Any]:
    """Records, cut into pages when the switch says so (OPEN 8)."""
    size = call.state.switches.attendance_page_size
    if size is None:
        return {"value": report.records}
    token = call.query.get("$skiptoken", "r0")
    if not token[1:].isdecimal():
        raise bad_request("The skip token is not valid.")
    begin = int(token[1:])
    page: dict[str, Any] = {"value": report.records[begin : begin + size]}
    if begin + size < len(report.records):
        path = call.request.path.rstrip("/").removesuffix("/attendanceRecords")
        page["@odata.nextLink"] = (
            f"{call.request.origin}{path}/attendanceRecords?%24skiptoken=r{begin + size}"
        )
    return page


def _covered_user(call: Call) -> User:
    """The user in the path, if the Teams application access policy lets our app near them."""
    name = call.params["user"]
    tenant = call.principal.tenant
    user = tenant.find(name) if call.state.switches.upn_in_online_meetings else None
    user = user or tenant.users.get(name.casefold())
    if user is None:  # Unverified: what a UPN or an unknown id is answered
        raise GraphError(404, "NotFound", f"User {name} not found.")
    since = user.access_policy_since
    delay = timedelta(seconds=call.state.switches.policy_delay_s)
    if since is None or call.state.clock() - since < delay:
        if call.state.switches.policy_text == "old":
            message = f"App {call.principal.app} is not authorized on behalf of user {user.id}."
            raise GraphError(403, "Unauthorized", message)
        raise GraphError(
            403,
            "Forbidden",
            f"No application access policy found for this app {call.principal.app} on the user "
            f"{user.id}",
        )
    return user


def _check_organizer(user: User, meeting: Meeting) -> None:
    """Organizer or co-organizer only (graph-facts 4)."""
    if meeting.organizer is not user and user.id not in meeting.co_organizers:
        raise GraphError(403, "Forbidden", "3003: User does not have access to lookup meeting")


def _resolves(call: Call, meeting: Meeting) -> bool:
    """Does the join URL still lead anywhere, for this tenant?"""
    switches = call.state.switches
    if meeting.organizer.tenant is not call.principal.tenant:
        return False
    if switches.lookup_after_cancel == "gone" and meeting.event and meeting.event.state != "live":
        return False
    days = switches.lookup_expires_days
    return days is None or call.state.clock() - meeting.end < timedelta(days=days)


def _unmatched(call: Call) -> GraphError:
    if call.state.switches.unmatched_join_url == "400":
        return bad_request("1026: Invalid join URL or meeting not found")
    return GraphError(404, "NotFound", "3004: Meeting properties are not found")


def _meeting(call: Call) -> Meeting:
    user = _covered_user(call)
    meeting = call.state.meeting_ids.get(call.params["meeting"])
    if meeting is None or meeting.organizer.tenant is not call.principal.tenant:
        raise GraphError(404, "NotFound", "3004: Meeting properties are not found")
    _check_organizer(user, meeting)
    return meeting


def _reports(call: Call, meeting: Meeting) -> list[Report]:
    """Those that are ready and not yet a year old (graph-facts 5.1, 9.38)."""
    now = call.state.clock()
    oldest = now - timedelta(days=call.state.switches.report_days)
    return [r for r in meeting.reports if r.ready_at <= now and r.ended_at >= oldest]


def _report(call: Call) -> Report:
    for report in _reports(call, _meeting(call)):
        if report.id == call.params["report"]:
            return report
    raise GraphError(404, "NotFound", "Attendance report not found.")


def _report_json(report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "totalParticipantCount": report.total,
        "meetingStartDateTime": stamp(report.started_at, 3),
        "meetingEndDateTime": stamp(report.ended_at, 7),
        "externalEventInformation": None,
    }


def _meeting_json(meeting: Meeting) -> dict[str, Any]:
    organizer = meeting.organizer
    return {
        "id": meeting.id,
        "creationDateTime": instant(meeting.created),
        "startDateTime": instant(meeting.start),
        "endDateTime": instant(meeting.end),
        "joinWebUrl": meeting.join_url,
        "subject": meeting.subject,
        "isBroadcast": False,
        "participants": {
            "organizer": {
                "upn": organizer.upn,
                "role": "presenter",
                "identity": {
                    "user": {
                        "id": organizer.id,
                        "displayName": None,
                        "tenantId": organizer.tenant.id,
                    }
                },
            },
            "attendees": [],
        },
        "chatInfo": {"threadId": meeting.thread_id, "messageId": "0", "replyChainMessageId": None},
    }
