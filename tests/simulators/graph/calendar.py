"""Calendar operations of Graph: create, read, update, cancel, delete, list."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .. import tokens
from ..clock import parse_instant
from ..wire import Reply
from . import items, odata, schema, zones
from .call import Call
from .errors import (
    GraphError,
    bad_request,
    change_key_conflict,
    concurrent_save,
    item_not_found,
)
from .model import Calendar, Event, User
from .views import View, event_json, selection, view_of

_SYSTEM_OPTIONS = frozenset(
    {"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$skiptoken"}
)
_MAX_PAGE = 1000
_CALENDAR_PROPERTIES = (
    "id",
    "name",
    "color",
    "hexColor",
    "isDefaultCalendar",
    "changeKey",
    "canShare",
    "canViewPrivateItems",
    "canEdit",
    "allowedOnlineMeetingProviders",
    "defaultOnlineMeetingProvider",
    "isTallyingResponses",
    "isRemovable",
    "owner",
)

EVENT = odata.Entity(
    {
        "id": odata.Field("exact", lambda event: event.id),
        "subject": odata.Field("text", lambda event: event.subject),
        "start/datetime": odata.Field("instant", lambda event: event.start),
        "end/datetime": odata.Field("instant", lambda event: event.end),
        "createddatetime": odata.Field("instant", lambda event: event.created),
        "lastmodifieddatetime": odata.Field("instant", lambda event: event.modified),
        "iscancelled": odata.Field("boolean", lambda event: event.is_cancelled),
        "isorganizer": odata.Field("boolean", lambda event: event.is_organizer),
        "isonlinemeeting": odata.Field("boolean", lambda event: event.is_online),
        "isallday": odata.Field("boolean", lambda event: event.is_all_day),
        "icaluid": odata.Field("exact", lambda event: event.ical_uid),
    },
    {
        "singlevalueextendedproperties": (
            lambda event: event.properties.items(),
            odata.Entity(
                {
                    "id": odata.Field("property", lambda entry: entry[0]),
                    "value": odata.Field("text", lambda entry: entry[1]),
                }
            ),
        )
    },
)
_MARKER = "singlevalueextendedproperties"


def create_event(call: Call) -> Reply:
    state = call.state
    user = call.mailbox(write=True)
    body = schema.check_body(call.json(), schema.EVENT)
    view = view_of(call)
    for needed in ("start", "end"):
        if not body.get(needed):
            raise bad_request(f"The property '{needed}' is required.", "RequestBodyRead")
    calendar = _calendar(call, user)
    transaction = body.get("transactionId")
    if transaction and state.switches.transaction_ids == "kept":
        known = user.transactions.get(transaction)
        if known is not None and (repeated := _repeated(call, known, body)) is not None:
            return call.answer(_whole(call, repeated, view), 201)
    state.creates += 1
    every = state.switches.concurrent_save_every
    if every and state.creates % every == 0:
        raise concurrent_save()
    event = items.new_event(state, user, body)
    event.calendar = calendar
    if transaction:
        user.transactions[transaction] = (body, event)
    return call.answer(_whole(call, event, view), 201)


def _repeated(call: Call, known: tuple[Any, Event], body: Any) -> Event | None:
    """A transactionId seen before (graph-facts 1.3): the event it made, or the refusal.

    None when the id is free again.
    """
    switches = call.state.switches
    payload, event = known
    if event.state != "live" and switches.deletion_frees_transaction_id:
        return None
    if event.state == "live" and payload == body:
        return event
    extra = None
    if switches.duplicate_transaction_names_event:
        extra = {"@event.existingEventId": event.immutable_id if call.immutable else event.id}
    raise GraphError(
        switches.duplicate_transaction_status,
        "ErrorDuplicateTransactionId",
        "Your request can't be completed. The TransactionId specified in the request has already "
        "been used to create a different event.",
        extra=extra,
    )


def get_event(call: Call) -> Reply:
    user = call.mailbox(write=False)
    view = view_of(call)
    name = call.params["event"]
    event = user.by_id.get(name)
    kept = (
        event is not None
        and event.state != "live"
        and call.state.switches.after_cancel == "flagged"
        and name == event.immutable_id
    )
    if event is None or (event.state != "live" and not kept):
        raise item_not_found()
    return call.answer(_whole(call, event, view))


def patch_event(call: Call) -> Reply:
    event = _writable(call)
    body = schema.check_body(call.json(), schema.EVENT)
    view = view_of(call)
    if "organizer" in body and call.state.switches.organizer_patch == "refused":
        raise bad_request("The property 'organizer' is read-only.", "ErrorInvalidRequest")
    if body.get("transactionId", event.transaction_id) != event.transaction_id:
        # "cannot be changed later" (graph-facts 1.3). Unverified: refused or ignored.
        raise bad_request("The property 'transactionId' cannot be changed.", "ErrorInvalidRequest")
    if event.is_organizer:
        items.write(call.state, event, body)
    else:  # only this mailbox's copy changes, nobody is told (graph-facts 2.1, 9.22)
        start, end = body.get("start"), body.get("end")
        if start:
            event.start, event.start_zone = items.read_time(call.state, start, "start")
        if end:
            event.end, event.end_zone = items.read_time(call.state, end, "end")
        event.subject = body.get("subject") or event.subject
        call.state.touch(event, "updated")
    return call.answer(_whole(call, event, view))


def cancel_event(call: Call) -> Reply:
    event = _writable(call)
    body: dict[str, Any] = {}
    if call.request.body:
        body = schema.check_body(call.json(), schema.CANCEL)
    if not event.is_organizer:  # graph-facts 2.4
        raise bad_request(
            "Your request can't be completed. You need to be an organizer to cancel a meeting.",
            "ErrorInvalidRequest",
        )
    if not event.attendees and call.state.switches.cancel_without_attendees == "refused":
        # Unverified: text (graph-facts 2.4, OPEN 4)
        raise bad_request(
            "Your request can't be completed. The event has no attendees.", "ErrorInvalidRequest"
        )
    items.remove(call.state, event, "cancel", body.get("Comment") or body.get("comment"))
    return Reply(202)


def delete_event(call: Call) -> Reply:
    event = _writable(call)
    if event.is_organizer:
        items.remove(call.state, event, "delete")
    else:
        items.remove_copy(call.state, event)
    return Reply(204)


def list_events(call: Call) -> Reply:
    """`GET /users/{id}/events`, `…/calendar/events`, `…/calendars/{id}/events`."""
    user = call.mailbox(write=False)
    if call.state.switches.events_lists == "mailbox" and call.entry.kind == "list_events":
        return _list(call, user.events.values())
    calendar = _calendar(call, user)
    return _list(call, [event for event in user.events.values() if event.calendar is calendar])


def calendar_view(call: Call) -> Reply:
    """Events of the default calendar that overlap a window. Series are not expanded."""
    user = call.mailbox(write=False)
    try:
        begin = _query_instant(call.query["startDateTime"])
        end = _query_instant(call.query["endDateTime"])
    except (KeyError, ValueError) as exc:
        raise bad_request("startDateTime and endDateTime are required.") from exc
    rows = [
        event
        for event in user.events.values()
        if event.calendar is user.default_calendar and event.start < end and event.end > begin
    ]
    return _list(call, rows)


def get_calendar(call: Call) -> Reply:
    user = call.mailbox(write=False)
    return call.answer(
        {
            "@odata.context": call.context(f"users('{user.id}')/calendar/$entity"),
            **_calendar_json(call, user, _calendar(call, user)),
        }
    )


def list_calendars(call: Call) -> Reply:
    user = call.mailbox(write=False)
    return call.answer(
        {
            "@odata.context": call.context(f"users('{user.id}')/calendars"),
            "value": [_calendar_json(call, user, found) for found in user.calendars.values()],
        }
    )


def _calendar_json(call: Call, user: User, calendar: Calendar) -> dict[str, Any]:
    providers = ["teamsForBusiness"] if user.teams else []
    shown = {
        "id": calendar.id,
        "name": calendar.name,
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": calendar.is_default,
        "changeKey": "DwAAABYAAAA=",
        "canShare": True,
        "canViewPrivateItems": True,
        "canEdit": True,
        "allowedOnlineMeetingProviders": providers,
        "defaultOnlineMeetingProvider": providers[0] if providers else "unknown",
        "isTallyingResponses": True,
        "isRemovable": not calendar.is_default,
        "owner": {"name": user.display_name, "address": user.address},
    }
    wanted = selection(call.query.get("$select"), _CALENDAR_PROPERTIES, "calendar")
    return {
        name: value
        for name, value in shown.items()
        if wanted is None or name in wanted or name == "id"
    }


def _calendar(call: Call, user: User) -> Calendar:
    name = call.params.get("calendar")
    if name is None:
        return user.default_calendar
    if name not in user.calendars:
        raise item_not_found()
    return user.calendars[name]


def _writable(call: Call) -> Event:
    """The live event in the path, If-Match and age checked. Raises GraphError."""
    user = call.mailbox(write=True)
    event = user.by_id.get(call.params["event"])
    if event is None or event.state != "live":
        raise item_not_found()
    if_match = call.request.headers.get("if-match", "*").strip()
    if call.state.switches.if_match == "enforced" and if_match not in (
        "*",
        f'W/"{event.change_key}"',
    ):
        raise change_key_conflict()
    if call.state.switches.past_event_writes == "refused" and event.end < call.state.clock():
        raise bad_request("The event is in the past.", "ErrorInvalidRequest")  # Unverified
    return event


def _whole(call: Call, event: Event, view: View) -> dict[str, Any]:
    context = call.context(f"users('{event.user.id}')/events/$entity")
    return {"@odata.context": context, **event_json(event, view)}


def _query_instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError:
        return zones.to_instant(text, "UTC")


# -- lists ----------------------------------------------------------------------------------------


def _list(call: Call, rows: Iterable[Event]) -> Reply:
    """Filter, sort, cut a page. A skip token carries the options of the first request."""
    position: dict[str, Any] = {}
    options = call.query
    if "$skiptoken" in options:
        options, position = _read_skip_token(options["$skiptoken"])
        call.query = options
    for name in options:
        if name.startswith("$") and name not in _SYSTEM_OPTIONS:
            raise bad_request(f"Query option '{name}' is not allowed.")
    view = view_of(call, listing=True)
    found = _sorted(call, _filtered(call, rows))
    total = len(found)
    size = _page_size(call)
    if "after" in position and call.state.switches.paging == "stable":
        keys = [event.key for event in found]
        begin = keys.index(position["after"]) + 1 if position["after"] in keys else position["skip"]
    else:
        begin = position.get("skip", _number(options.get("$skip", "0"), "$skip"))
    page = found[begin : begin + size]
    answer: dict[str, Any] = {
        "@odata.context": call.context(f"users('{call.params['user']}')/events")
    }
    if options.get("$count", "").casefold() == "true":
        answer["@odata.count"] = total
    answer["value"] = [event_json(event, view) for event in page]
    if begin + size < total:  # absolute and opaque (graph-facts 9.44)
        token = _skip_token(options, {"skip": begin + size, "after": page[-1].key})
        answer["@odata.nextLink"] = f"{call.request.origin}{call.request.path}?%24skiptoken={token}"
    return call.answer(answer)


def _filtered(call: Call, rows: Iterable[Event]) -> list[Event]:
    text = call.query.get("$filter")
    if text is None:
        return list(rows)
    wanted = odata.parse_filter(text, EVENT)
    switches = call.state.switches
    if _MARKER in wanted.names:
        times = {"start/datetime", "end/datetime"} & wanted.names
        if (times and switches.marker_filter_with_start == "refused") or (
            "$orderby" in call.query and switches.marker_filter_with_orderby == "refused"
        ):
            raise bad_request(  # graph-facts 3.3, OPEN 5
                "The restriction or sort order is too complex for this operation.",
                "InefficientFilter",
            )
        if switches.marker_index_lag_s:
            now = time.monotonic()
            rows = [event for event in rows if not call.state.is_fresh(event, now)]
    return [event for event in rows if wanted.matches(event)]


def _sorted(call: Call, rows: list[Event]) -> list[Event]:
    order = call.query.get("$orderby")
    if order:
        for key, descending in reversed(odata.parse_order(order, EVENT)):
            rows.sort(key=key, reverse=descending)
    return rows


def _page_size(call: Call) -> int:
    size = call.query.get("$top") or call.prefer.get("odata.maxpagesize")
    if size is None:
        return call.state.switches.page_size
    count = _number(size, "$top")
    if count < 1:
        raise bad_request(f"Invalid value '{size}' for $top.")
    return min(count, _MAX_PAGE)


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise bad_request(f"Invalid value '{text}' for {name}.")
    return int(text)


def _skip_token(options: dict[str, str], position: dict[str, Any]) -> str:
    return tokens.b64(json.dumps([options, position], separators=(",", ":")).encode())


def _read_skip_token(text: str) -> tuple[dict[str, str], dict[str, Any]]:
    try:
        options, position = json.loads(tokens.unb64(text))
    except ValueError as exc:
        raise bad_request("The skip token is not valid.") from exc
    return dict(options), dict(position)
