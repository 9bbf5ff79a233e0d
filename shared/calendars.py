"""What Teams shows for many components: our own events of each organizer, nobody's private ones.

Per organizer one list filtered by our marker and by start. Nobody has tried with every Exchange
whether that combination is taken, so when it is refused the list is asked for latest first and
read as far as needed, and when that is refused too each event is read by itself, in batches; what
was found out serves for the process's life.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.errors import Broken, NotAllowed, NotFound, Refused, RemoteError, Throttled
from shared.graph import protocol
from shared.graph.client import Graph, Outcome
from shared.graph.protocol import Request
from shared.model import EventId, TenantId, UserId
from shared.reasons import reason_of
from shared.scheduling.views import Seen, Unknown
from shared.work import Work, view_of

FILTERED, ORDERED, SINGLE = range(3)


@dataclass(frozen=True, slots=True)
class Stray:
    """A marked event that none of the components asked about has booked."""

    organizer: UserId
    event_id: EventId
    marker: str
    start: datetime


@dataclass(slots=True)
class Calendars:
    """Reads calendars; one for the process, so that what a Graph refuses is asked for once."""

    _way: dict[str, int] = field(default_factory=dict)

    def look(
        self, graph: Graph, prefix: str, works: Sequence[Work], since: datetime, seconds: float
    ) -> list[Stray]:
        """Give each of *works* that has an event its view; returns what else carries our marker.

        *prefix* is what this deployment's markers of the tenant start with.
        """
        booked = {w.record.booking.event_id: w for w in works if w.record.booking}
        if not booked:
            return []
        by_user: dict[UserId, list[Work]] = {}
        for work in booked.values():
            by_user.setdefault(work.booking.organizer, []).append(work)
        strays: list[Stray] = []
        for user, found in self._lists(graph, prefix, list(by_user), since, seconds).items():
            if isinstance(found, NotAllowed | NotFound | Throttled):
                # What keeps the mailbox from us keeps every event in it from us: nothing is gone.
                for work in by_user[user]:
                    work.view = Unknown(reason_of(found)[0])
                continue
            if isinstance(found, RemoteError):
                continue  # each event is asked for by itself: the answers tell why
            for event in found:
                view, event_id = view_of(event), event.get("id")
                if isinstance(event_id, str) and event_id in booked:
                    # A list may lag behind our own last write: a move is believed when the event
                    # itself shows it.
                    work = booked[EventId(event_id)]
                    shown = isinstance(view, Seen) and view.slot
                    if shown == work.booking.teams_slot:
                        work.view = view
                elif isinstance(view, Seen) and not protocol.is_a_copy(event):
                    marker = protocol.marker_of(event)
                    strays.append(Stray(user, view.event_id, marker, view.slot.start))
        read_singly(graph, [work for work in booked.values() if work.view is None], seconds)
        return [stray for stray in strays if stray.marker.startswith(prefix)]

    def _lists(
        self,
        graph: Graph,
        prefix: str,
        users: Sequence[UserId],
        since: datetime,
        seconds: float,
    ) -> dict[UserId, list[Any] | RemoteError]:
        way = self._way.get(prefix, FILTERED)
        while way != SINGLE:
            found = _list_all(graph, prefix, users, since, seconds, ordered=way == ORDERED)
            refused = any(isinstance(one, Refused) for one in found.values())
            # One mailbox's refusal is its own; where no list is given it is the list that is.
            if not refused or any(isinstance(one, list) for one in found.values()):
                return found
            way += 1
            self._way[prefix] = way
        return {user: Refused("graph", "lists_refused") for user in users}


def _list_all(
    graph: Graph,
    prefix: str,
    users: Sequence[UserId],
    since: datetime,
    seconds: float,
    *,
    ordered: bool,
) -> dict[UserId, list[Any] | RemoteError]:
    """Every user's list, page by page for all of them at once."""
    lists: dict[UserId, list[Any] | RemoteError] = {user: [] for user in users}
    asking: dict[UserId, Request] = {
        user: protocol.our_events(user, prefix, since, ordered=ordered) for user in users
    }
    end = time.monotonic() + seconds
    for _ in range(100):
        if not asking:
            break
        outcomes = graph.run(list(asking.values()), end - time.monotonic())
        following: dict[UserId, Request] = {}
        for (user, request), outcome in zip(asking.items(), outcomes, strict=True):
            try:
                events, link = _page(outcome)
                so_far = lists[user]
                if isinstance(so_far, list):
                    so_far += events
                if link and not (ordered and _all_before(events, since)):
                    following[user] = graph.next_page(request, link)
            except RemoteError as error:
                lists[user] = error
        asking = following
    for user in asking:
        lists[user] = Broken("graph", "endless_list")
    return lists


def _page(outcome: Outcome) -> tuple[list[Any], str]:
    if isinstance(outcome, RemoteError):
        raise outcome
    return protocol.pages(outcome)


def _all_before(events: Sequence[Any], since: datetime) -> bool:
    """Whether the last event of a page that is ordered latest first lies before *since*."""
    view = view_of(events[-1]) if events else None
    return isinstance(view, Seen) and view.slot.start < since


def read_singly(graph: Graph, works: Sequence[Work], seconds: float) -> None:
    """Give each of *works* the view of its own event."""
    bookings = [work.booking for work in works]
    requests = [protocol.read_event(b.organizer, b.event_id) for b in bookings]
    outcomes = graph.run(requests, seconds) if requests else []
    for work, outcome in zip(works, outcomes, strict=True):
        work.view = view_of(outcome)


def marker_prefix(deployment: str, tenant: TenantId) -> str:
    return f"{deployment}/{tenant}/"


_GENERATION = re.compile(r"[0-9]{1,9}")


def marker_parts(marker: str, prefix: str) -> tuple[str, int] | None:
    """A marker's component key and generation."""
    key, _, generation = marker[len(prefix) :].rpartition("/")
    return (key, int(generation)) if key and _GENERATION.fullmatch(generation) else None
