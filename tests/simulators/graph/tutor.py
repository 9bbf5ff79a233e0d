"""What people do in Outlook and Teams behind the connector's back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from ..clock import parse_instant
from . import items
from .model import Attendee, Event
from .state import State

When = datetime | str


class Tutor:
    """`graph.tutor`: the organizer at work in their own calendar.

    An event is named by its key, either id, its join URL, or the `Event`. Each change gives a new
    change key, mails attendees as Exchange does, and notifies subscribers.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def moves(
        self, event: str | Event, start: When, end: When | None = None, zone: str | None = None
    ) -> Event:
        """To another time; without *end* it stays as long as it is."""
        with self._state.lock:
            moved = self._state.event(event)
            before = items.shown(moved)
            length = moved.end - moved.start
            moved.start = _instant(start)
            moved.end = _instant(end) if end is not None else moved.start + length
            if zone:
                moved.start_zone = moved.end_zone = zone
            items.publish(self._state, moved, before, None)
            return moved

    def cancels(
        self,
        event: str | Event,
        comment: str | None = None,
        *,
        leaves: Literal["gone", "flagged"] = "gone",
    ) -> Event:
        """*flagged*: the item stays in the calendar with isCancelled."""
        with self._state.lock:
            cancelled = self._state.event(event)
            if leaves == "gone":
                items.remove(self._state, cancelled, "cancel", comment)
                return cancelled
            for attendee in cancelled.attendees:
                items.mail(self._state, cancelled, "cancellation", attendee.address, comment)
            cancelled.is_cancelled = True
            self._state.touch(cancelled, "updated")
            return cancelled

    def deletes(self, event: str | Event) -> Event:
        with self._state.lock:
            deleted = self._state.event(event)
            items.remove(self._state, deleted, "delete")
            return deleted

    def retitles(self, event: str | Event, subject: str) -> Event:
        return self._edits(event, subject=subject)

    def rewrites_body(self, event: str | Event, html: str) -> Event:
        """With the Teams block gone unless *html* holds the join link."""
        return self._edits(event, body={"contentType": "html", "content": html})

    def adds_attendee(self, event: str | Event, address: str, name: str | None = None) -> Event:
        with self._state.lock:
            changed = self._state.event(event)
            everybody = [*changed.attendees, Attendee(address, name or address)]
            items.publish(self._state, changed, items.shown(changed), everybody)
            return changed

    def removes_attendee(self, event: str | Event, address: str) -> Event:
        with self._state.lock:
            changed = self._state.event(event)
            gone = address.casefold()
            rest = [a for a in changed.attendees if a.address.casefold() != gone]
            items.publish(self._state, changed, items.shown(changed), rest)
            return changed

    def moves_to_calendar(self, event: str | Event, name: str = "Second calendar") -> Event:
        """Into another of the tutor's calendars: the regular id changes (graph-facts 1.7)."""
        with self._state.lock:
            moved = self._state.event(event)
            moved.calendar = next(
                calendar for calendar in moved.user.calendars.values() if calendar.name == name
            )
            self._state.new_regular_id(moved)
            self._state.touch(moved, "updated")
            return moved

    def makes_all_day(self, event: str | Event) -> Event:
        with self._state.lock:
            changed = self._state.event(event)
            before = items.shown(changed)
            items.make_all_day(changed)
            items.publish(self._state, changed, before, None)
            return changed

    def makes_series(self, event: str | Event, weeks: int = 4) -> Event:
        """Weekly from its own day on; the event becomes the series master."""
        with self._state.lock:
            changed = self._state.event(event)
            day = changed.start.strftime("%A").lower()
            recurrence = {
                "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [day]},
                "range": {
                    "type": "numbered",
                    "startDate": changed.start.date().isoformat(),
                    "numberOfOccurrences": weeks,
                    "recurrenceTimeZone": changed.start_zone,
                },
            }
            return self._edits(changed, recurrence=recurrence)

    def renews_link(self, event: str | Event) -> Event:
        """The online meeting is taken off and put on again: a new join URL."""
        with self._state.lock:
            changed = self._state.event(event)
            before = items.shown(changed)
            changed.meeting, changed.is_online = None, False
            items.go_online(self._state, changed)
            items.publish(self._state, changed, before, None)
            return changed

    def goes_offline(self, event: str | Event) -> Event:
        """The online meeting is taken off."""
        with self._state.lock:
            changed = self._state.event(event)
            before = items.shown(changed)
            changed.meeting, changed.is_online, changed.provider = None, False, "unknown"
            items.publish(self._state, changed, before, None)
            return changed

    def creates(
        self, mailbox: str, subject: str, start: When, end: When, attendees: Sequence[str] = ()
    ) -> Event:
        """A private event of the tutor's own, nothing to do with the connector."""
        with self._state.lock:
            body: dict[str, Any] = {
                "subject": subject,
                "start": {"dateTime": _instant(start).strftime("%Y-%m-%dT%H:%M:%S")},
                "end": {"dateTime": _instant(end).strftime("%Y-%m-%dT%H:%M:%S")},
                "attendees": [{"emailAddress": {"address": address}} for address in attendees],
            }
            return items.new_event(self._state, self._state.user(mailbox), body)

    def attendee_responds(
        self,
        event: str | Event,
        address: str,
        response: Literal["accepted", "tentativelyAccepted", "declined"] = "declined",
    ) -> Event:
        """An attendee answers: a new change key on the organizer's event (graph-facts 9.11)."""
        with self._state.lock:
            answered = self._state.event(event)
            for attendee in answered.attendees:
                if attendee.address.casefold() == address.casefold():
                    attendee.response = response
                    attendee.responded_at = self._state.clock()
                    self._state.touch(answered, "updated")
                    return answered
            raise LookupError(f"{address} is not invited")

    def _edits(self, event: str | Event, **body: Any) -> Event:
        with self._state.lock:
            edited = self._state.event(event)
            items.write(self._state, edited, body)
            return edited


def _instant(when: When) -> datetime:
    return parse_instant(when) if isinstance(when, str) else when.astimezone(UTC)
