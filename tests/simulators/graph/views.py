"""Events as Graph shows them (graph-facts 1.2, 1.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from . import teams_block, zones
from .call import Call
from .errors import GraphError, bad_request, zone_not_supported
from .model import Event, PropertyId, User

_NEVER = "0001-01-01T00:00:00Z"
_EMPTY_LOCATION = {"displayName": "", "locationType": "default", "uniqueIdType": "unknown"}
_PLAIN_DEFAULTS: dict[str, Any] = {
    "categories": [],
    "hasAttachments": False,
    "reminderMinutesBeforeStart": 15,
    "isReminderOn": True,
    "importance": "normal",
    "sensitivity": "normal",
    "responseRequested": True,
    "showAs": "busy",
    "allowNewTimeProposals": True,
    "hideAttendees": False,
    "location": _EMPTY_LOCATION,
    "locations": [],
}


@dataclass(slots=True)
class View:
    """How one request wants its events."""

    zone_name: str
    zone: ZoneInfo
    immutable: bool
    select: frozenset[str] | None
    """None: everything."""
    expand: frozenset[PropertyId] | None
    """Extended properties to show; None: none, and no list for them."""
    listing: bool = False
    text_body: bool = False


def view_of(call: Call, *, listing: bool = False) -> View:
    """From `Prefer`, `$select` and `$expand`. Raises GraphError 400."""
    name = call.prefer.get("outlook.timezone", "UTC")
    if name in call.state.switches.refused_zones:
        raise zone_not_supported(name)
    try:
        zone = zones.zone(name)
    except zones.UnknownZone as exc:
        raise zone_not_supported(name) from exc
    return View(
        name,
        zone,
        call.immutable,
        _selected(call.query.get("$select")),
        _expanded(call.query.get("$expand")),
        listing,
        call.prefer.get("outlook.body-content-type") == "text",
    )


def event_json(event: Event, view: View) -> dict[str, Any]:
    """One event. `@odata.etag` and `id` come whatever is selected (graph-facts 1.9)."""
    shown: dict[str, Any] = {
        "@odata.etag": f'W/"{event.change_key}"',
        "id": event.immutable_id if view.immutable else event.id,
    }
    for name in PROPERTIES if view.select is None else sorted(view.select):
        if name != "id":
            shown[name] = PROPERTIES[name](event, view)
    if view.expand is not None:
        found = [
            {"id": str(wanted), "value": event.properties[wanted]}
            for wanted in view.expand
            if wanted in event.properties
        ]
        if found:
            shown["singleValueExtendedProperties"] = found
    return shown


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def recipient(user: User) -> dict[str, Any]:
    return {"emailAddress": {"name": user.display_name, "address": user.address}}


def _time(event: Event, moment: datetime, view: View) -> dict[str, str]:
    if event.is_all_day:  # a floating date: midnight in whatever zone it is looked at
        return {
            "dateTime": moment.strftime("%Y-%m-%dT00:00:00.0000000"),
            "timeZone": view.zone_name,
        }
    return {"dateTime": zones.to_wire(moment, view.zone), "timeZone": view.zone_name}


def _attendees(event: Event) -> list[dict[str, Any]]:
    return [
        {
            "type": attendee.type,
            "status": {
                "response": attendee.response,
                "time": instant(attendee.responded_at) if attendee.responded_at else _NEVER,
            },
            "emailAddress": {"name": attendee.name, "address": attendee.address},
        }
        for attendee in event.attendees
    ]


def _online_meeting(event: Event, view: View) -> dict[str, Any] | None:
    """Null in lists unless isOnlineMeeting is selected too (graph-facts 1.4, 9.13)."""
    if event.meeting is None or not event.is_online:
        return None
    if view.listing and view.select is not None and "isOnlineMeeting" not in view.select:
        return None
    if event.withheld_reads > 0:
        event.withheld_reads -= 1
        return None
    return {
        "joinUrl": event.meeting.join_url,
        "conferenceId": event.meeting.conference_id,
        "tollNumber": "+44 20 5550 0100",
    }


def _response_status(event: Event) -> dict[str, str]:
    return {"response": "organizer" if event.is_organizer else "notResponded", "time": _NEVER}


def _body(event: Event, view: View) -> dict[str, str]:
    if view.text_body:
        return {"contentType": "text", "content": teams_block.text_of(event.content)}
    return {"contentType": "html", "content": event.content}


def _plain(name: str) -> Callable[[Event, View], Any]:
    default = _PLAIN_DEFAULTS[name]
    return lambda event, view: event.plain.get(name, default)


PROPERTIES: dict[str, Callable[[Event, View], Any]] = {
    "id": lambda event, view: event.immutable_id if view.immutable else event.id,
    "createdDateTime": lambda event, view: instant(event.created),
    "lastModifiedDateTime": lambda event, view: instant(event.modified),
    "changeKey": lambda event, view: event.change_key,
    "categories": _plain("categories"),
    "transactionId": lambda event, view: event.transaction_id,
    "originalStartTimeZone": lambda event, view: event.start_zone,
    "originalEndTimeZone": lambda event, view: event.end_zone,
    "iCalUId": lambda event, view: event.ical_uid,
    "reminderMinutesBeforeStart": _plain("reminderMinutesBeforeStart"),
    "isReminderOn": _plain("isReminderOn"),
    "hasAttachments": _plain("hasAttachments"),
    "subject": lambda event, view: event.subject,
    "bodyPreview": lambda event, view: event.preview,
    "importance": _plain("importance"),
    "sensitivity": _plain("sensitivity"),
    "isAllDay": lambda event, view: event.is_all_day,
    "isCancelled": lambda event, view: event.is_cancelled,
    "isOrganizer": lambda event, view: event.is_organizer,
    "responseRequested": _plain("responseRequested"),
    "seriesMasterId": lambda event, view: None,
    "showAs": _plain("showAs"),
    "type": lambda event, view: "seriesMaster" if event.recurrence else "singleInstance",
    "webLink": lambda event, view: f"https://outlook.office365.com/owa/?itemid={event.key}",
    "onlineMeetingUrl": lambda event, view: None,  # always, for Teams (graph-facts 1.4, 9.5)
    "isOnlineMeeting": lambda event, view: event.is_online,
    "onlineMeetingProvider": lambda event, view: event.provider,
    "allowNewTimeProposals": _plain("allowNewTimeProposals"),
    "hideAttendees": _plain("hideAttendees"),
    "isDraft": lambda event, view: False,
    "recurrence": lambda event, view: event.recurrence,
    "responseStatus": lambda event, view: _response_status(event),
    "body": _body,
    "start": lambda event, view: _time(event, event.start, view),
    "end": lambda event, view: _time(event, event.end, view),
    "location": _plain("location"),
    "locations": _plain("locations"),
    "attendees": lambda event, view: _attendees(event),
    "organizer": lambda event, view: recipient(event.organizer),
    "onlineMeeting": _online_meeting,
}


def _selected(text: str | None) -> frozenset[str] | None:
    return selection(text, PROPERTIES, "event")


def selection(text: str | None, known: Iterable[str], kind: str) -> frozenset[str] | None:
    """`$select`'s names as the metadata spells them. Raises GraphError 400."""
    if text is None or text.strip() == "*":
        return None
    spelled = {name.casefold(): name for name in known}
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    for name in wanted:
        if name.casefold() not in spelled:
            raise GraphError(
                400,
                "BadRequest",
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' "
                f"on type 'microsoft.graph.{kind}'.",
            )
    return frozenset(spelled[name.casefold()] for name in wanted)


def _expanded(text: str | None) -> frozenset[PropertyId] | None:
    """Only `singleValueExtendedProperties($filter=id eq '…'[ or id eq '…'])`."""
    if text is None:
        return None
    name, _, rest = text.strip().partition("(")
    clause = rest.removesuffix(")").strip()
    if name.casefold() != "singlevalueextendedproperties" or not clause.startswith("$filter="):
        raise bad_request(f"Invalid $expand '{text}'.")
    wanted = set()
    for part in clause.removeprefix("$filter=").split(" or "):
        key, _, literal = part.strip().partition(" eq ")
        try:
            if key.strip() not in ("id", "Id"):
                raise ValueError(part)
            wanted.add(PropertyId.parse(literal.strip().strip("'")))
        except ValueError as exc:
            raise bad_request(f"Invalid $expand '{text}'.") from exc
    return frozenset(wanted)


def all_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """Midnight of the local day, written as if UTC: how all-day events are kept here."""
    local = moment.astimezone(zone)
    return moment.replace(
        year=local.year, month=local.month, day=local.day, hour=0, minute=0, second=0, microsecond=0
    )


ONE_DAY = timedelta(days=1)
