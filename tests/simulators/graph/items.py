"""What happens to an event when its organizer writes it: times, body, attendees, mails, copies.

Both doors come through here: Graph's (`calendar`), and the tutor's (`tutor`).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from . import teams_block, zones
from .errors import bad_request, zone_not_supported
from .model import Attendee, Event, Mail, MailKind, Meeting, PropertyId, User, opaque
from .state import State
from .views import ONE_DAY, all_day

_PLAIN = (
    "categories",
    "reminderMinutesBeforeStart",
    "isReminderOn",
    "importance",
    "sensitivity",
    "responseRequested",
    "showAs",
    "allowNewTimeProposals",
    "hideAttendees",
    "location",
    "locations",
)
MAX_ATTENDEES = 500  # graph-facts 1.1


def new_event(state: State, user: User, body: Mapping[str, Any]) -> Event:
    """Carry out a create. *body* has passed the schema. Raises GraphError 400."""
    start, start_zone = read_time(state, body["start"], "start")
    end, end_zone = read_time(state, body["end"], "end")
    _check_order(start, end)
    attendees = read_attendees(body.get("attendees") or [])
    properties = read_properties(body)
    event = state.new_event(user, start, end, time.monotonic())
    event.start_zone, event.end_zone = start_zone, end_zone
    event.subject = body.get("subject") or ""
    event.attendees = attendees
    event.transaction_id = body.get("transactionId")
    event.properties = properties
    event.recurrence = body.get("recurrence")
    _write_plain(event, body)
    if body.get("isAllDay"):
        make_all_day(event)
    content = body.get("body") or {}
    _write_content(event, content.get("content") or "", content.get("contentType") or "text")
    if body.get("isOnlineMeeting"):
        go_online(state, event)
        event.withheld_reads = state.switches.join_url_after_reads
    for attendee in attendees:
        mail(state, event, "invitation", attendee.address)
        _give_copy(state, event, attendee)
    state.touch(event, "created")
    return event


def write(state: State, event: Event, body: Mapping[str, Any]) -> None:
    """Carry out a PATCH in the organizer's mailbox. Raises GraphError 400, then nothing changed."""
    times = _read_times(state, event, body)
    attendees = read_attendees(body["attendees"] or []) if "attendees" in body else None
    properties = read_properties(body)
    before = shown(event)
    (event.start, event.start_zone), (event.end, event.end_zone) = times
    if "isAllDay" in body:
        event.is_all_day = bool(body["isAllDay"])
        if event.is_all_day:
            make_all_day(event)
    if "subject" in body:
        event.subject = body["subject"] or ""
    if "recurrence" in body:
        event.recurrence = body["recurrence"]
    event.properties.update(properties)
    _write_plain(event, body)
    if "body" in body:
        rewrite_body(state, event, body["body"] or {})
    if body.get("isOnlineMeeting") and not event.is_online:
        go_online(state, event)
    # isOnlineMeeting: false and another provider are ignored once online (graph-facts 1.1, 9.16)
    publish(state, event, before, attendees)


def publish(
    state: State, event: Event, before: tuple[Any, ...], attendees: list[Attendee] | None
) -> None:
    """After a write: replace attendees, send what Exchange sends, bring copies up to date.

    Who is mailed (graph-facts 2.1): after a change of attendees only, those who came or went;
    after a change that attendees see, all. There is no way to send none.
    """
    moved = before[:2] != (event.start, event.end)
    changed = before != shown(event) or state.switches.mail_on_equal_patch
    old = {attendee.address.casefold(): attendee for attendee in event.attendees}
    if attendees is not None:  # wholesale: who is not named is out (graph-facts 2.1)
        for attendee in attendees:
            known = old.get(attendee.address.casefold())
            if known is not None:
                attendee.response, attendee.responded_at = known.response, known.responded_at
        event.attendees = attendees
    if moved:  # a new time asks everybody again (graph-facts 2.1)
        for attendee in event.attendees:
            attendee.response, attendee.responded_at = "none", None
    now = {attendee.address.casefold() for attendee in event.attendees}
    for attendee in event.attendees:
        if attendee.address.casefold() not in old:
            mail(state, event, "invitation", attendee.address)
            _give_copy(state, event, attendee)
        elif changed:
            mail(state, event, "update", attendee.address)
    for address, attendee in old.items():
        if address not in now:
            mail(state, event, "cancellation", attendee.address)
            for copy in event.copies:
                if copy.user is event.user.tenant.by_address.get(address):
                    _cancel_copy(state, copy)
    for copy in event.copies:
        if copy.state == "live" and not copy.is_cancelled:
            _fill_copy(event, copy)
            state.touch(copy, "updated")
    if event.meeting is not None:
        event.meeting.start, event.meeting.end = event.start, event.end
        event.meeting.subject = event.subject
    state.touch(event, "updated")


def remove(state: State, event: Event, how: str, comment: str | None = None) -> None:
    """Cancel or delete in the organizer's mailbox: attendees are told, the item leaves the
    calendar for Deleted Items (graph-facts 2.4). Deleting does the same, without a comment."""
    for attendee in event.attendees:
        mail(state, event, "cancellation", attendee.address, comment)
    for copy in event.copies:
        _cancel_copy(state, copy)
    event.state = "cancelled" if how == "cancel" else "deleted"
    event.is_cancelled = True
    event.user.events.pop(event.key, None)
    event.user.deleted[event.key] = event
    state.touch(event, "deleted")


def remove_copy(state: State, copy: Event) -> None:
    """Delete in somebody else's mailbox: only their copy goes."""
    copy.state = "deleted"
    copy.user.events.pop(copy.key, None)
    copy.user.deleted[copy.key] = copy
    state.touch(copy, "deleted")


# -- times ----------------------------------------------------------------------------------------


def read_time(state: State, value: Mapping[str, Any], name: str) -> tuple[datetime, str]:
    """A `dateTimeTimeZone` as an instant and the zone's name as sent."""
    zone = value.get("timeZone") or "UTC"
    if zone in state.switches.refused_zones:
        raise zone_not_supported(zone)
    try:
        return zones.to_instant(value["dateTime"], zone), zone
    except zones.UnknownZone as exc:
        raise zone_not_supported(zone) from exc
    except ValueError as exc:
        raise bad_request(
            f"The value '{value['dateTime']}' of '{name}' is not a valid date and time.",
            "ErrorInvalidParameter",
        ) from exc


def _read_times(
    state: State, event: Event, body: Mapping[str, Any]
) -> tuple[tuple[datetime, str], tuple[datetime, str]]:
    start = (event.start, event.start_zone)
    end = (event.end, event.end_zone)
    if body.get("start"):
        start = read_time(state, body["start"], "start")
    if body.get("end"):
        end = read_time(state, body["end"], "end")
    _check_order(start[0], end[0])
    return start, end


def _check_order(start: datetime, end: datetime) -> None:
    if end < start:  # Unverified: code and text
        raise bad_request(
            "The start date of the item must be before its end date.",
            "ErrorPropertyValidationFailure",
        )


def make_all_day(event: Event) -> None:
    """From the local day it starts on to the next midnight, or as many days as it touches."""
    zone = zones.zone(event.start_zone)
    start, end = all_day(event.start, zone), all_day(event.end, zone)
    event.is_all_day = True
    event.start, event.end = start, max(end, start + ONE_DAY)


# -- body and online meeting ----------------------------------------------------------------------


def go_online(state: State, event: Event) -> None:
    """Make it a Teams meeting with a new join URL; silently not, where the calendar may not have
    Teams (graph-facts 1.4, 9.4)."""
    if not event.organizer.teams:
        return
    event.is_online, event.provider = True, "teamsForBusiness"
    event.meeting = _new_meeting(state, event)
    event.join_urls.append(event.meeting.join_url)
    block = teams_block.block(
        event.meeting.join_url, event.meeting.conference_id, state.switches.block_style
    )
    event.content = teams_block.document(event.content, "html", block)
    event.preview = teams_block.preview(event.content)


def _new_meeting(state: State, event: Event) -> Meeting:
    number = state.url_number()
    user = event.organizer
    token = opaque("thread", event.key, number).hex()[:32]
    thread = f"19:meeting_{token}@thread.v2"
    url = teams_block.make_join_url(thread, user.tenant.id, user.id)
    meeting = Meeting(
        id=online_meeting_id(user.id, thread),
        join_url=url,
        thread_id=thread,
        conference_id=str(100_000_000 + number),
        organizer=user,
        event=event,
        subject=event.subject,
        created=state.clock(),
        start=event.start,
        end=event.end,
    )
    state.meetings[url] = meeting
    state.meeting_ids[meeting.id] = meeting
    return meeting


def online_meeting_id(organizer_id: str, thread_id: str) -> str:
    """An online meeting's id: base64 of `1*<organizer>*0**<thread>` (graph-facts 4)."""
    return base64.b64encode(f"1*{organizer_id}*0**{thread_id}".encode()).decode()


def _write_content(event: Event, content: str, content_type: str) -> None:
    event.content = teams_block.document(content, content_type)
    event.preview = teams_block.preview(event.content)


def rewrite_body(state: State, event: Event, body: Mapping[str, Any]) -> None:
    """A body written over that of an online meeting (graph-facts 2.2, 9.15).

    With the join link in it, all stays. With another Teams link, that one is taken over. Without
    any, what happens depends on the switch `body_without_block`.
    """
    meeting = event.meeting
    _write_content(event, body.get("content") or "", body.get("contentType") or "text")
    if meeting is None:
        return
    links = teams_block.join_urls_in(event.content)
    mode = state.switches.body_without_block
    if meeting.join_url in links:
        event.is_online, event.provider = True, "teamsForBusiness"
        event.alternation = False
    elif links and links[0] in state.meetings:
        event.meeting = state.meetings[links[0]]
        event.join_urls.append(links[0])
    elif mode == "new_url":
        event.meeting = None
        go_online(state, event)
    elif mode == "alternate":
        event.alternation = not event.alternation
        event.is_online = not event.alternation
        event.provider = "teamsForBusiness" if event.is_online else "unknown"
    else:
        event.is_online, event.provider, event.meeting = False, "unknown", None


# -- attendees, mails, copies ---------------------------------------------------------------------


def read_attendees(values: list[Any]) -> list[Attendee]:
    """Raises GraphError 400 for an entry without an address and for too many."""
    if len(values) > MAX_ATTENDEES:
        raise bad_request("Too many attendees.", "ErrorInvalidRecipients")
    attendees: dict[str, Attendee] = {}
    for value in values:
        email = (value or {}).get("emailAddress") or {}
        address = (email.get("address") or "").strip()
        if "@" not in address:  # Unverified: code
            raise bad_request("At least one recipient isn't valid.", "ErrorInvalidRecipients")
        kind = (value.get("type") or "required").lower()
        attendees.setdefault(
            address.casefold(), Attendee(address, email.get("name") or address, kind)
        )
    return list(attendees.values())


def read_properties(body: Mapping[str, Any]) -> dict[PropertyId, str]:
    try:
        return {
            PropertyId.parse(entry["id"]): entry.get("value") or ""
            for entry in body.get("singleValueExtendedProperties") or []
        }
    except (ValueError, KeyError) as exc:
        raise bad_request("Extended property id is not valid.", "ErrorInvalidProperty") from exc


def mail(
    state: State, event: Event, kind: MailKind, address: str, comment: str | None = None
) -> None:
    """Exchange sends a mail. Never to the organizer."""
    if address.casefold() == event.user.address.casefold():
        return
    letter = Mail(
        state.clock(),
        kind,
        address,
        event.key,
        event.user.tenant.id,
        event.user.address,
        event.subject,
        event.start,
        comment,
    )
    event.mails.append(letter)
    state.journal.mails.append(letter)


def _give_copy(state: State, event: Event, attendee: Attendee) -> None:
    """An invitation puts the meeting into the invitee's calendar, where there is one here."""
    user = event.user.tenant.by_address.get(attendee.address.casefold())
    if not state.switches.attendee_copies or user is None or user is event.user:
        return
    if user.mailbox == "missing":
        return
    copy = state.new_event(user, event.start, event.end, time.monotonic())
    copy.original = event
    copy.ical_uid = event.ical_uid
    if state.switches.copies_carry_marker:
        copy.properties = dict(event.properties)
    _fill_copy(event, copy)
    event.copies.append(copy)
    state.touch(copy, "created")


def _fill_copy(event: Event, copy: Event) -> None:
    for name in (
        "start",
        "end",
        "start_zone",
        "end_zone",
        "subject",
        "content",
        "preview",
        "attendees",
        "is_online",
        "provider",
        "meeting",
        "is_all_day",
        "recurrence",
    ):
        setattr(copy, name, getattr(event, name))
    if "location" in event.plain:
        copy.plain["location"] = event.plain["location"]


def _cancel_copy(state: State, copy: Event) -> None:
    """The invitee's copy stays, struck through."""
    if copy.state == "live" and not copy.is_cancelled:
        copy.is_cancelled = True
        copy.subject = f"Canceled: {copy.subject}"
        state.touch(copy, "updated")


def _write_plain(event: Event, body: Mapping[str, Any]) -> None:
    for name in _PLAIN:
        if name in body and body[name] is not None:
            event.plain[name] = body[name]
    if "location" in body:  # graph-facts 2.1: it overwrites `locations`
        event.plain["locations"] = [body["location"]] if body["location"] else []


def shown(event: Event) -> tuple[Any, ...]:
    """What attendees see of an event; take it before a write, hand it to `publish` after."""
    return (
        event.start,
        event.end,
        event.subject,
        event.content,
        event.plain.get("location"),
        event.is_all_day,
        event.recurrence,
        event.join_url,
    )
