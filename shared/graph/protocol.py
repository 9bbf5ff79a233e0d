"""Graph's words for what we want, and ours for what it answers. No I/O, no clock.

Every request carries ``Prefer: IdType="ImmutableId"``
(https://learn.microsoft.com/graph/outlook-immutable-id). Times are sent in the tenant's zone and
read in UTC, which Graph answers in unless asked otherwise
(https://learn.microsoft.com/graph/api/user-post-events).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from shared import agenda
from shared.contract.instants import YEARS
from shared.errors import (
    Broken,
    Changed,
    NotAllowed,
    NotFound,
    Refused,
    RemoteError,
    Throttled,
)
from shared.http import Answer, retry_after_s
from shared.model import Booking, EventId, Person, Slot, Snapshot, UserId, fold
from shared.reasons import reason_of
from shared.scheduling.content import Changes, invited
from shared.scheduling.views import Gone, Guest, Seen, Shape, Unknown, View
from shared.window import is_ambiguous, zone

T = TypeVar("T")

MARKER_ID = "String {6f2b9d1c-2f0e-4b6a-9a57-0d8a4c1e7b35} Name TeamsConnectorComponent"
"""The extended property that says an event is ours
(https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get)."""

TRANSACTIONS = uuid.UUID("3d0a2f4e-6c1b-5e0f-9b7e-1f0b7d2c9a11")

CLOUDS = {
    "global": ("https://login.microsoftonline.com", "https://graph.microsoft.com/v1.0"),
    "usgov": ("https://login.microsoftonline.us", "https://graph.microsoft.us/v1.0"),
    "usgov_dod": ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us/v1.0"),
    "china": ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/v1.0"),
}
"""Sign-in host and Graph root by cloud (https://learn.microsoft.com/graph/deployments)."""

LONGEST_BODY = 150_000
"""Characters of a body that are sent back: the row that claims a write holds 1 MiB in all."""

EVENT_FIELDS = "subject,start,end,isCancelled,isOnlineMeeting,onlineMeeting,attendees,type,isAllDay"


@dataclass(frozen=True, slots=True)
class Request:
    """A Graph request: *path* is below the root. *mailbox* is whose limits it counts against."""

    method: str
    path: str
    mailbox: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


def stored_form(request: Request) -> dict[str, Any]:
    """The request as JSON that ``request_from`` turns back into the very same bytes."""
    return {
        "method": request.method,
        "path": request.path,
        "mailbox": request.mailbox,
        "headers": dict(request.headers),
        "body": request.body,
    }


def request_from(stored: dict[str, Any]) -> Request:
    return Request(**stored)


def body_bytes(body: Any) -> bytes:
    """The one serialization, so that a replay is byte for byte what was sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


PREFER = {"Prefer": 'IdType="ImmutableId"'}


def _headers(**more: str) -> dict[str, str]:
    return {**PREFER, **more}


def _path(text: str) -> str:
    return quote(text, safe="")


# -- people -------------------------------------------------------------------------------


def read_user(name: str) -> Request:
    """A user by object id or user principal name."""
    fields = "id,userPrincipalName,mail"
    return Request("GET", f"/users/{_path(name)}?$select={fields}", headers=_headers())


def find_user_by_mail(address: str) -> Request:
    where = quote(f"mail eq '{_literal(address)}'", safe="'")
    fields = "id,userPrincipalName,mail"
    return Request("GET", f"/users?$filter={where}&$select={fields}", headers=_headers())


def read_providers(user: UserId) -> Request:
    """Whether the default calendar allows Teams meetings
    (https://learn.microsoft.com/graph/outlook-calendar-online-meetings)."""
    path = f"/users/{_path(user)}/calendar?$select=allowedOnlineMeetingProviders"
    return Request("GET", path, str(user), _headers())


def user_of(body: Any) -> tuple[UserId, tuple[str, ...]] | None:
    """A user's object id and addresses, from one user or the first of a list; None for an empty
    list. Raises Broken for anything else."""
    with _reading("user"):
        users = _of(body, "value", list, [body])
        if not users:
            return None
        named = [_text(users[0], name) for name in ("mail", "userPrincipalName")]
        return UserId(_id(users[0])), tuple(dict.fromkeys(filter(None, named)))


def providers_of(body: Any) -> str:
    """The allowed providers as one comparable text. Raises Broken when they are not told."""
    with _reading("calendar"):
        allowed = body["allowedOnlineMeetingProviders"]
        if not isinstance(allowed, list):
            raise TypeError("allowedOnlineMeetingProviders")
        return ",".join(sorted(_plain(one) for one in allowed))


_NO_EVENT = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A" + "A" * 83 + "="


def probe_writing(user: UserId) -> Request:
    """Changes nothing in an event that does not exist: 403 tells that this calendar may not be
    written, 404 that it may.

    Unverified: that Exchange judges the right before it looks for the event.
    """
    path = f"/users/{_path(user)}/events/{_path(_NO_EVENT)}"
    return Request("PATCH", path, str(user), _headers(), {})


# -- events -------------------------------------------------------------------------------


def marker(deployment: str, tenant: str, key: str, generation: int) -> str:
    return f"{deployment}/{tenant}/{key}/{generation}"


def transaction_id(deployment: str, tenant: str, key: str, generation: int) -> str:
    """Makes a repeated create the same create
    (https://learn.microsoft.com/graph/api/resources/event)."""
    return str(uuid.uuid5(TRANSACTIONS, marker(deployment, tenant, key, generation)))


def create_event(
    saved: Snapshot, booking: Booking, deployment: str, tenant: str, key: str
) -> Request:
    """The exact create: subject, agenda, times, people, Teams, marker."""
    body = {
        "subject": saved.name,
        "body": {
            "contentType": "html",
            "content": agenda.marked(saved.description, saved.description_is_html),
        },
        "start": _graph_time(booking.slot.start, booking.zone),
        "end": _graph_time(booking.slot.end, booking.zone),
        "attendees": [_attendee(p) for p in invited(saved, booking.organizer_addresses)],
        "isOnlineMeeting": True,
        "onlineMeetingProvider": "teamsForBusiness",
        "allowNewTimeProposals": False,
        "transactionId": transaction_id(deployment, tenant, key, booking.generation),
        "singleValueExtendedProperties": [
            {"id": MARKER_ID, "value": marker(deployment, tenant, key, booking.generation)}
        ],
    }
    path = f"/users/{_path(booking.organizer)}/events"
    return Request("POST", path, str(booking.organizer), _headers(), body)


def read_event(user: UserId, event: EventId, *, with_body: bool = False) -> Request:
    fields = EVENT_FIELDS + (",body" if with_body else "")
    path = f"/users/{_path(user)}/events/{_path(event)}?$select={fields}"
    return Request("GET", path, str(user), _headers())


def update_event(
    saved: Snapshot, booking: Booking, changes: Changes, seen: Seen
) -> tuple[Request, bool]:
    """A PATCH that names only what changed, for the version that was read.

    The second value tells that a new agenda found no place: our marks are not intact, so the body
    is left alone, because a body without the Teams block ends the meeting
    (https://learn.microsoft.com/graph/api/event-update).
    """
    body: dict[str, Any] = {}
    agenda_kept = False
    if changes.subject:
        body["subject"] = saved.name
    if changes.slot:
        body["start"] = _graph_time(booking.slot.start, booking.zone)
        body["end"] = _graph_time(booking.slot.end, booking.zone)
    if changes.attendees:
        body["attendees"] = _attendees(saved, booking, seen)
    if changes.agenda:
        ours = agenda.marked(saved.description, saved.description_is_html)
        content = (
            agenda.replace(seen.body, ours, booking.join_url) if seen.body is not None else None
        )
        agenda_kept = content is None or len(content) > LONGEST_BODY
        if not agenda_kept:
            body["body"] = {"contentType": "html", "content": content}
    headers = _headers(**{"If-Match": seen.change_key}) if seen.change_key else _headers()
    path = f"/users/{_path(booking.organizer)}/events/{_path(booking.event_id)}"
    return Request("PATCH", path, str(booking.organizer), headers, body), agenda_kept


def named_in(body: Mapping[str, Any]) -> Changes:
    """What the body of an ``update_event`` names."""
    return Changes("start" in body, "subject" in body, "attendees" in body, "body" in body)


def _attendees(saved: Snapshot, booking: Booking, seen: Seen) -> list[dict[str, Any]]:
    """Whom we want, and the guests the tutor added; not whom we invited and want no more."""
    wanted = invited(saved, booking.organizer_addresses)
    wanted_addresses = {fold(person.email) for person in wanted}
    ours = set(booking.teams_attendees) | wanted_addresses
    withdrawn = set(seen_ours(booking)) - wanted_addresses
    guests = [
        {"type": g.kind, "emailAddress": {"address": g.address, "name": g.name}}
        for g in seen.guests
        if fold(g.address) not in ours and fold(g.address) not in withdrawn
    ]
    return [*(_attendee(person) for person in wanted), *guests]


def seen_ours(booking: Booking) -> tuple[str, ...]:
    """Addresses we put on the event, as we wrote them and as Teams showed them."""
    return (*booking.teams_attendees, *booking.attendees)


def cancel_event(booking: Booking, comment: str) -> Request:
    """Cancels and tells the attendees (https://learn.microsoft.com/graph/api/event-cancel).

    The parameter is ``Comment`` in the published metadata and ``comment`` in the article's table;
    Graph takes the former.
    """
    return cancel_stray(booking.organizer, booking.event_id, comment)


def cancel_stray(user: UserId, event: EventId, comment: str) -> Request:
    path = f"/users/{_path(user)}/events/{_path(event)}/cancel"
    return Request("POST", path, str(user), _headers(), {"Comment": comment})


def delete_event(booking: Booking) -> Request:
    return delete_stray(booking.organizer, booking.event_id)


def delete_stray(user: UserId, event: EventId) -> Request:
    """Deletes; from an organizer's calendar that tells the attendees as well
    (https://learn.microsoft.com/graph/api/event-delete)."""
    path = f"/users/{_path(user)}/events/{_path(event)}"
    return Request("DELETE", path, str(user), _headers())


def find_by_marker(user: UserId, value: str) -> Request:
    where = (
        f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER_ID}'"
        f" and ep/value eq '{_literal(value)}')"
    )
    return _list(user, where)


def our_events(user: UserId, prefix: str, since: datetime | None, *, ordered: bool) -> Request:
    """Our events of a calendar; only from *since* on, or latest first, where Graph can do that."""
    where = (
        f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER_ID}'"
        f" and startswith(ep/value,'{_literal(prefix)}'))"
    )
    if since and not ordered:
        where += f" and start/dateTime ge '{_utc(since)}'"
    return _list(user, where, "&$orderby=start/dateTime%20desc" if ordered else "")


def _list(user: UserId, where: str, more: str = "") -> Request:
    expand = quote(f"singleValueExtendedProperties($filter=id eq '{MARKER_ID}')", safe="()$='")
    path = (
        f"/users/{_path(user)}/events?$filter={quote(where, safe=chr(39) + '()/:,')}"
        f"&$select={EVENT_FIELDS},isOrganizer&$expand={expand}&$top=50{more}"
    )
    return Request("GET", path, str(user), _headers())


def marker_of(event: Any) -> str:
    """The marker an expanded event carries, "" for none."""
    expanded = event.get("singleValueExtendedProperties")
    for one in expanded if isinstance(expanded, list) else ():
        if isinstance(one, dict) and one.get("id") == MARKER_ID:
            return _said(one, "value")
    return ""


def is_a_copy(event: Any) -> bool:
    """Whether a listed event is an attendee's copy: somebody else's calendar holds the event."""
    return event.get("isOrganizer") is False


def view_of(event: Any) -> View:
    """An event as Graph tells it, as ours.

    Raises ``Broken`` for one without id or times, or with anything that is not of its kind: half
    understood it would look like the tutor's doing.
    """
    with _reading("event"):
        if _of(event, "isCancelled", bool, False):  # noqa: FBT003 - what counts where it is missing
            return Gone()
        start, end = _instant(event["start"]), _instant(event["end"])
        if end < start:
            raise ValueError("end")
        guests = tuple(_guest(one) for one in _of(event, "attendees", list, []))
        if sum(len(one.address) + len(one.name) for one in guests) > LONGEST_GUESTS:
            raise ValueError("attendees")
        single = _of(event, "type", str, "singleInstance") == "singleInstance"
        all_day = _of(event, "isAllDay", bool, False)  # noqa: FBT003
        body = _of(event, "body", dict, {})
        return Seen(
            event_id=EventId(_id(event)),
            change_key=_tag(event),
            slot=Slot(start, end),
            subject=_text(event, "subject"),
            guests=guests,
            online=_flag(event, "isOnlineMeeting"),
            join_url=_link(_of(event, "onlineMeeting", dict, {})),
            shape=Shape.SINGLE if single and not all_day else Shape.OTHER,
            body=whole(_of(body, "content", str, "")) if "body" in event else None,
        )


def view_of_error(error: RemoteError) -> View:
    """What an answer to a read tells of the event (the law, rule 14)."""
    if isinstance(error, NotFound) and error.code == "ErrorItemNotFound":
        return Gone()
    return Unknown(reason_of(error)[0])


def _guest(one: Any) -> Guest:
    address = _of(one, "emailAddress", dict, {})
    return Guest(
        _text(address, "address"),
        _text(address, "name"),
        _text(_of(one, "status", dict, {}), "response") or "none",
        _text(one, "type") or "required",
    )


def _attendee(person: Person) -> dict[str, Any]:
    return {
        "type": "required",
        "emailAddress": {"address": person.email.strip(), "name": person.name},
    }


def _graph_time(moment: datetime, zone_name: str) -> dict[str, str]:
    """Wall time in the tenant's zone; in the hour that autumn repeats, UTC (the law, rule 7)."""
    if is_ambiguous(moment, zone_name):
        return {"dateTime": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}
    local = moment.astimezone(zone(zone_name))
    return {"dateTime": f"{local:%Y-%m-%dT%H:%M:%S}", "timeZone": zone_name}


_FRACTION = re.compile(r"\.[0-9]*$")


def _instant(when: Any) -> datetime:
    """``{"dateTime": "2019-11-20T13:00:00.0000000", "timeZone": "UTC"}`` as an instant."""
    local = datetime.fromisoformat(_FRACTION.sub("", _text(when, "dateTime").rstrip("Z")))
    if local.tzinfo or local.year not in YEARS:
        raise ValueError("dateTime")
    return local.replace(tzinfo=ZoneInfo(_text(when, "timeZone") or "UTC")).astimezone(UTC)


def _literal(text: str) -> str:
    """A string inside an OData literal: quotes are doubled."""
    return text.replace("'", "''")


# -- online meetings ----------------------------------------------------------------------


def find_meeting(user: UserId, join_url: str) -> Request:
    """The online meeting behind a link, quoted exactly as Graph gave it
    (https://learn.microsoft.com/graph/api/onlinemeeting-get)."""
    where = quote(f"JoinWebUrl eq '{_literal(join_url)}'", safe="'")
    path = f"/users/{_path(user)}/onlineMeetings?$filter={where}"
    return Request("GET", path, headers=_headers())


def list_reports(user: UserId, meeting: str) -> Request:
    """One report per session; their records are not in the list
    (https://learn.microsoft.com/graph/api/meetingattendancereport-list)."""
    path = f"/users/{_path(user)}/onlineMeetings/{_path(meeting)}/attendanceReports"
    return Request("GET", path, headers=_headers())


def list_records(user: UserId, meeting: str, report: str) -> Request:
    path = f"{list_reports(user, meeting).path}/{_path(report)}/attendanceRecords"
    return Request("GET", path, headers=_headers())


def no_such_meeting(error: RemoteError) -> bool:
    """Whether a look-up by link found no meeting. The codes are the same for other things, so
    the messages' numbers tell: 3004 app-only, 1026 as seen with delegated access."""
    return isinstance(error, NotFound) or (
        isinstance(error, Refused) and error.message.startswith("1026")
    )


# -- change notifications -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription as Graph tells it. *user* is its mailbox, "" when it has another resource."""

    id: str
    user: UserId
    url: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notification claims: a changed event, or, with a *lifecycle* event, a subscription.

    Each part is "" where it does not say. *state* is the client state that must prove it.
    """

    state: str
    subscription: str
    user: str = ""
    event: str = ""
    lifecycle: str = ""


def create_subscription(user: UserId, url: str, state: str, until: datetime) -> Request:
    """Asks to hear of changes in a calendar
    (https://learn.microsoft.com/graph/api/subscription-post-subscriptions).

    Not of new events: ours we know of, and others are none of our business. The kind of ids in
    notifications is settled here, by the header.
    """
    body = {
        "changeType": "updated,deleted",
        "notificationUrl": url,
        "lifecycleNotificationUrl": url,
        "resource": f"/users/{_path(user)}/events",
        "expirationDateTime": _utc(until),
        "clientState": state,
    }
    return Request("POST", "/subscriptions", headers=_headers(), body=body)


def renew_subscription(subscription: str, until: datetime) -> Request:
    """Also gives it the new authorization that a lifecycle event asks for
    (https://learn.microsoft.com/graph/change-notifications-lifecycle-events)."""
    path = f"/subscriptions/{_path(subscription)}"
    return Request("PATCH", path, headers=_headers(), body={"expirationDateTime": _utc(until)})


def delete_subscription(subscription: str) -> Request:
    return Request("DELETE", f"/subscriptions/{_path(subscription)}", headers=_headers())


def list_subscriptions() -> Request:
    """All of this app's in the customer's directory."""
    return Request("GET", "/subscriptions", headers=_headers())


_CALENDAR = re.compile(r"/?users/([^/]+)/events(?:/([^/]+))?/?", re.IGNORECASE)


def subscribed_of(body: Any) -> Subscribed:
    """Raises Broken for one without id or expiry."""
    with _reading("subscription"):
        about = _CALENDAR.fullmatch(_text(body, "resource"))
        return Subscribed(
            _id(body),
            UserId(unquote(about[1])) if about else UserId(""),
            _text(body, "notificationUrl"),
            _moment(_text(body, "expirationDateTime")),
        )


def notices_of(body: Any) -> list[Notice] | None:
    """Every notification in a POST of Graph's; None for what is none of these
    (https://learn.microsoft.com/graph/change-notifications-delivery-webhooks)."""
    items = body.get("value") if isinstance(body, dict) else None
    if not isinstance(items, list):
        return None
    return [_notice(item if isinstance(item, dict) else {}) for item in items]


def _notice(item: Mapping[str, Any]) -> Notice:
    about = _CALENDAR.fullmatch(_said(item, "resource"))
    data = item.get("resourceData")
    event = _said(data, "id") if isinstance(data, dict) else ""
    return Notice(
        state=_said(item, "clientState"),
        subscription=_said(item, "subscriptionId"),
        user=unquote(about[1]) if about else "",
        event=event or (unquote(about[2]) if about and about[2] else ""),
        lifecycle=_said(item, "lifecycleEvent"),
    )


def _said(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _moment(text: str) -> datetime:
    """RFC 3339 with any number of decimals; to the second, and UTC where no offset is given."""
    moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


# -- answers ------------------------------------------------------------------------------


def decipher(answer: Answer, now_s: float) -> Any:
    """The answer's JSON, or the error it means.

    Branches on status and ``error.code``, never on messages
    (https://learn.microsoft.com/graph/errors).
    """
    if 200 <= answer.status < 300:
        body = answer.json()
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            raise Broken("graph", "error_with_good_status", _error(answer)[0])
        return body
    code, message, request_id = _error(answer)
    wait_s = retry_after_s(answer.headers, now_s)
    wait = None if wait_s is None else timedelta(seconds=wait_s)
    status = answer.status
    if status in (429, 424):  # a throttled batch has been seen to answer 424
        raise Throttled("graph", code, message, request_id, wait)
    if status in (401, 403):
        raise NotAllowed("graph", code, message, request_id)
    if status in (404, 410):
        raise NotFound("graph", code, message, request_id)
    if status == 412:
        raise Changed("graph", code, message, request_id)
    if "DuplicateTransactionId" in code:
        raise Refused("graph", "ErrorDuplicateTransactionId", message, request_id)
    if status >= 500 or status in (408, 409, 423) or status < 400:
        raise Broken("graph", code, message, request_id, wait)
    raise Refused("graph", code, message, request_id)


def _error(answer: Answer) -> tuple[str, str, str]:
    body = answer.json()
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    inner = error.get("innerError") or error.get("innererror")
    named = _said(inner, "request-id") if isinstance(inner, dict) else ""
    code = _said(error, "code")
    return (
        code if _CODE.fullmatch(code) else f"http_{answer.status}",
        _short(_said(error, "message")),
        (answer.headers.get("request-id") or named)[:100],
    )


_CODE = re.compile(r"[A-Za-z0-9_.:, -]{1,100}")
# Possessive, and from a word's beginning only: a message of megabytes takes no longer for it.
_ADDRESS = re.compile(r"(?<![^\s@'\"<>])[^\s@'\"<>]++@[^\s@'\"<>]++")


def _short(message: str) -> str:
    """A message fit for a log: short, and without addresses."""
    return _ADDRESS.sub("(address)", message)[:200]


def pages(body: Any) -> tuple[list[Any], str]:
    """A list answer's items, which are objects, and where the next page is ("" at the end)."""
    items = body.get("value") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Broken("graph", "unreadable_list")
    return items, str(body.get("@odata.nextLink") or "")


def id_of(item: Any) -> str:
    """The id of a listed item. Raises Broken when it has none that can stand in a path."""
    with _reading("item"):
        return _id(item)


def understood(outcome: Any, reader: Callable[[Any], T]) -> T | RemoteError:
    """What *reader* makes of an outcome; the error it is, or the one *reader* raises."""
    if isinstance(outcome, RemoteError):
        return outcome
    try:
        return reader(outcome)
    except RemoteError as error:
        return error


# -- members ------------------------------------------------------------------------------

LONGEST_TEXT = 4096
"""Characters of any one text we take, but for bodies: Exchange and Teams have none as long."""
LONGEST_GUESTS = 100_000
"""Characters of all attendees' addresses and names: they stand in the row that claims a write."""


_HEADER = re.compile(r"[\x20-\x7e]*")


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Turns whatever a strange *what* does to its reader into ``Broken``."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
        # OSError: time zones are files, and their names come from outside.
        raise Broken("graph", f"unreadable_{what}", type(error).__name__) from error


def _of(item: Any, name: str, kind: type[T], default: T) -> T:
    """A member of *item*; *default* where it is missing or null."""
    value = item.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise TypeError(name)
    return value


def _flag(item: Any, name: str) -> bool:
    """A member that must be there: what is not told is not false."""
    if not isinstance(item[name], bool):
        raise TypeError(name)
    return bool(item[name])


def _text(item: Any, name: str) -> str:
    return _plain(_of(item, name, str, ""))


def _plain(text: Any) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise ValueError("text")
    return whole(text)


def whole(text: str) -> str:
    """*text*, with half characters replaced: a cut emoji leaves one, and nothing can send it on."""
    return (
        text
        if text.isascii()
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _id(item: Any) -> str:
    found = _plain(item["id"])
    # Dots alone would be steps in a path; an id that had to be mended names nothing.
    if found in ("", ".", "..") or found != item["id"]:
        raise ValueError("id")
    return found


def _tag(item: Any) -> str:
    """An item's version, which goes back in a header."""
    found = _text(item, "@odata.etag")
    if not _HEADER.fullmatch(found):
        raise ValueError("@odata.etag")
    return found


def _link(meeting: Any) -> str:
    """The link that people will follow, in whatever the LMS shows it with; "" for none yet."""
    found = _text(meeting, "joinUrl")
    if found and not found.startswith("https://"):
        raise ValueError("joinUrl")
    return found


# -- batches ------------------------------------------------------------------------------

BATCH = 20
"""https://learn.microsoft.com/graph/json-batching"""
STATUSES = range(100, 600)


def batch_body(requests: Iterable[Request]) -> Any:
    items = []
    for n, request in enumerate(requests):
        item: dict[str, Any] = {
            "id": str(n + 1),
            "method": request.method,
            "url": request.path,
            "headers": dict(request.headers),
        }
        if request.body is not None:
            item["body"] = request.body
            item["headers"]["Content-Type"] = "application/json"
        items.append(item)
    return {"requests": items}


def batch_answers(body: Any, count: int) -> list[Answer]:
    """The items' answers in the order they were asked, whatever order Graph gave them in.

    An item that is not answered, or twice, or in no form we know, counts as no answer: 504, which
    may have been carried out.
    """
    found: dict[str, list[Answer]] = {}
    items = body.get("responses") if isinstance(body, dict) else None
    for item in items if isinstance(items, list) else ():
        with suppress(LookupError, ValueError, TypeError, AttributeError, RecursionError):
            found.setdefault(item["id"], []).append(_item_answer(item))
    lost = [Answer(504)]
    each = (found.get(str(n + 1), lost) for n in range(count))
    return [answers[0] if len(answers) == 1 else lost[0] for answers in each]


def _item_answer(item: Any) -> Answer:
    status = item["status"]
    if type(status) is not int or status not in STATUSES:
        raise ValueError("status")
    given = item.get("headers") or {}
    headers = {str(k).lower(): str(v) for k, v in given.items() if isinstance(v, str | int | float)}
    content = item.get("body")
    return Answer(status, headers, b"" if content is None else json.dumps(content).encode())
