"""Microsoft Graph v1.0 stand-in: the front door, and the objects behind the back one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from ..clock import Clock, SimClock
from ..faults import Faults
from ..wire import Reply, Request, Router, call
from . import calendar, graph_faults, meetings, users
from .attendance import Attendance, Held
from .batch import answer_batch
from .call import Call, Principal, authenticate, make_token, parse_prefer, parse_query
from .door import graph_door
from .errors import GraphError, bad_request
from .journal import Entry, Journal
from .model import Event, Meeting, Report, Tenant, User
from .state import EVER, State
from .subscriptions import Subscriptions
from .switches import GraphSwitches
from .throttle import Throttle
from .tutor import Tutor

Handler = Callable[[Call], Reply]
_MAILBOX_PATHS = frozenset({"events", "calendar", "calendars", "calendarview"})
ALL_ROLES = frozenset(
    {
        "Calendars.ReadWrite",
        "Calendars.Read",
        "OnlineMeetings.Read.All",
        "OnlineMeetingArtifact.Read.All",
        "User.ReadBasic.All",
    }
)


class GraphSimulator:
    """Graph, and the Microsoft 365 behind it, for any number of tenants.

    Args:
        clock: Simulated time; a plain callable is wrapped so that it can be set.
        switches: What is not settled about Graph; also to be changed later, as `switches`.
        seed: Of everything random: shuffled batches, Retry-After, numbers of notifications.
        ca_file: What to trust when delivering notifications; None: the usual authorities.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        switches: GraphSwitches | None = None,
        seed: int = 0,
        ca_file: Path | None = None,
    ) -> None:
        self.state = State(clock, switches, seed)
        self.faults = Faults(graph_faults.replies(self.state))
        self.tutor = Tutor(self.state)
        self.attendance = Attendance(self.state)
        self.subscriptions = Subscriptions(self.state, seed, ca_file)
        self._throttle = Throttle(self.state)
        self._routes = _routes(self.subscriptions)
        self._door = graph_door(self)

    # -- back door ------------------------------------------------------------------------------

    @property
    def clock(self) -> SimClock:
        return self.state.clock

    @property
    def lock(self) -> threading.RLock:
        """Hold it while looking at several things that must fit together."""
        return self.state.lock

    @property
    def switches(self) -> GraphSwitches:
        return self.state.switches

    @property
    def journal(self) -> Journal:
        return self.state.journal

    @property
    def tenants(self) -> dict[str, Tenant]:
        return self.state.tenants

    @property
    def events(self) -> dict[str, Event]:
        """Every event ever made, by key; attendees' copies too."""
        return self.state.events

    @property
    def meetings(self) -> dict[str, Meeting]:
        """Every online meeting ever made, by join URL."""
        return self.state.meetings

    def add_tenant(self, tenant_id: str, name: str = "") -> Tenant:
        with self.lock:
            return self.state.add_tenant(tenant_id, name)

    def add_user(self, tenant_id: str, upn: str, **how: Any) -> User:
        """See `State.add_user`: object_id, mail, display_name, other_addresses, access_policy,
        mailbox, teams, attendance_reports."""
        with self.lock:
            return self.state.add_user(tenant_id, upn, **how)

    def delete_user(self, user: str | User) -> None:
        with self.lock:
            self.state.delete_user(self.state.user(user))

    def user(self, name: str, tenant_id: str | None = None) -> User:
        """By object id, UPN or address. Raises LookupError."""
        with self.lock:
            return self.state.user(name, tenant_id)

    def event(self, name: str) -> Event:
        """By key, regular or immutable id, or join URL. Raises LookupError."""
        with self.lock:
            return self.state.event(name)

    def live_events(
        self, mailbox: str | User | None = None, *, copies: bool = False
    ) -> list[Event]:
        """Events that calendars show, oldest first; organizers' own unless *copies*."""
        with self.lock:
            owner = self.state.user(mailbox) if mailbox is not None else None
            return [
                event
                for event in self.events.values()
                if event.state == "live"
                and not event.is_cancelled
                and (owner is None or event.user is owner)
                and (copies or event.is_organizer)
            ]

    def grant_policy(self, user: str | User, *, at_once: bool = True) -> None:
        """The Teams application access policy; with *at_once* False it takes `policy_delay_s`."""
        with self.lock:
            self.state.user(user).access_policy_since = EVER if at_once else self.clock()

    def revoke_policy(self, user: str | User) -> None:
        with self.lock:
            self.state.user(user).access_policy_since = None

    def hold_meeting(
        self,
        meeting: str | Event | Meeting,
        people: Iterable[Held],
        *,
        split: bool = True,
        total: int | None = None,
    ) -> list[Report]:
        """See `Attendance.hold`."""
        return self.attendance.hold(meeting, people, split=split, total=total)

    def token(
        self,
        tenant_id: str,
        roles: Iterable[str] = ALL_ROLES,
        *,
        app: str = "connector",
        lifetime: timedelta = timedelta(hours=1),
    ) -> str:
        """An access token without asking Entra."""
        seconds = int(lifetime.total_seconds())
        return make_token(self.state, tenant_id.lower(), frozenset(roles), app, seconds)

    def call(
        self,
        method: str,
        url: str,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """A request made in process, from a thread that runs no event loop."""
        return call(self, Request.of(method, url, payload, headers, body))

    def set_switches(self, **values: Any) -> None:
        """By name; ValueError for one that does not exist."""
        known = {switch.name for switch in fields(GraphSwitches)}
        if unknown := set(values) - known:
            raise ValueError(f"no switch {sorted(unknown)}")
        for name, value in values.items():
            old = getattr(self.switches, name)
            setattr(
                self.switches, name, type(old)(value) if isinstance(old, set | tuple) else value
            )

    def close(self) -> None:
        """Stop delivering notifications."""
        self.subscriptions.notifier.close()

    # -- front door -----------------------------------------------------------------------------

    async def answer(self, request: Request) -> Reply:
        reply = self._door.answer(request)
        if reply is None:
            reply = await self._answer_graph(request, in_batch=False)
        return reply

    async def _answer_graph(self, request: Request, *, in_batch: bool) -> Reply:
        """One request or one item of a batch: logged, then answered, errors in Graph's envelope."""
        entry = self._enter(request, in_batch=in_batch)
        try:
            reply = await self._admit(request, entry)
        except GraphError as exc:
            reply = exc.reply(self.clock(), entry.client_request_id)
        if in_batch and reply.drop:  # inside a batch there is no connection to drop
            reply = GraphError(504, "UnknownError", "").reply(self.clock(), None)
        with self.lock:
            self.journal.finish(entry, 0 if reply.drop else reply.status)
        return self._signed(reply, entry)

    def _enter(self, request: Request, *, in_batch: bool) -> Entry:
        path = unquote(request.path.removeprefix("/v1.0"))
        if request.query:
            path = f"{path}?{unquote(request.query)}"
        entry = Entry(
            self.clock(),
            request.method,
            path,
            in_batch=in_batch,
            prefer=request.headers.get("prefer", ""),
            client_request_id=request.headers.get("client-request-id"),
        )
        with self.lock:
            self.journal.entries.append(entry)
        return entry

    async def _admit(self, request: Request, entry: Entry) -> Reply:
        """Route, authenticate, meter, and let faults have their way."""
        segments = request.segments
        if segments[0] != "v1.0":
            raise bad_request(f"Invalid version: {segments[0]}.")
        segments = segments[1:]
        found = self._routes.find(request.method, segments)
        if found is not None:
            entry.kind = found[0][0]
        principal = authenticate(self.state, request)
        entry.tenant, entry.app = principal.tenant.id, principal.app
        fault = self.faults.pick(request.method, entry.path, principal.tenant.id)
        entry.fault = fault.effect if fault else None
        if found is None:
            raise self._no_route(segments)
        (kind, handler), params = found

        async def handle() -> Reply:
            return await self._handle(request, entry, principal, handler, params)

        if kind == "batch":
            return await self.faults.suffer(fault, handle)
        mailbox = self._metered_mailbox(principal, segments)
        if mailbox is None:
            return await self.faults.suffer(fault, handle)
        with self.lock:
            refusal = self._throttle.enter(principal.app, mailbox)
        try:
            if refusal is not None:
                raise refusal
            return await self.faults.suffer(fault, handle)
        finally:
            with self.lock:
                self._throttle.leave(principal.app, mailbox)

    async def _handle(
        self,
        request: Request,
        entry: Entry,
        principal: Principal,
        handler: Handler | None,
        params: dict[str, str],
    ) -> Reply:
        switches = self.switches
        made = Call(
            self.state,
            request,
            entry,
            principal,
            params,
            parse_query(request.query, plus_is_space=switches.plus_in_query == "space"),
            parse_prefer(request.headers.get("prefer", "")),
        )
        if entry.kind == "batch":

            async def run(item: Request) -> Reply:
                return await self._answer_graph(item, in_batch=True)

            return await answer_batch(self.state, request, made.json(), run)
        if switches.latency_s:
            await asyncio.sleep(switches.latency_s)
        if handler is None:  # the one that talks to the outside while it is answered
            return await self.subscriptions.create(made)
        with self.lock:
            if "onlinemeetings" in request.path.casefold():
                refusal = self._throttle.spend_meeting_read(principal.tenant.id)
                if refusal is not None:
                    raise refusal
            return handler(made)

    def _metered_mailbox(self, principal: Principal, segments: list[str]) -> str | None:
        """The object id whose limits this request falls under."""
        if len(segments) < 3 or segments[2].casefold() not in _MAILBOX_PATHS:
            return None
        user = principal.tenant.find(segments[1])
        return user.id if user else None

    def _no_route(self, segments: list[str]) -> GraphError:
        if self._routes.knows(segments):
            return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed.")
        return bad_request(f"Resource not found for the segment '{segments[-1]}'.")

    def _signed(self, reply: Reply, entry: Entry) -> Reply:
        """The headers every answer has (graph-facts 6.4, 9.46)."""
        headers = reply.headers
        if "request-id" not in headers:
            headers["request-id"] = str(uuid4())
        headers["client-request-id"] = entry.client_request_id or headers["request-id"]
        headers["x-ms-ags-diagnostic"] = '{"ServerInfo":{"DataCenter":"Simulated"}}'
        headers["Date"] = self.clock().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return reply


def _routes(subscriptions: Subscriptions) -> Router[tuple[str, Handler | None]]:
    """Method, path → kind, handler. Literal segments match in any case."""
    router: Router[tuple[str, Handler | None]] = Router(ignore_case=True)

    def add(method: str, path: str, kind: str, handler: Handler | None) -> None:
        router.add(method, path, (kind, handler))

    add("POST", "/$batch", "batch", None)
    add("GET", "/users", "find_users", users.find_users)
    add("GET", "/users/{user}", "get_user", users.get_user)
    for base in ("/users/{user}", "/users/{user}/calendar", "/users/{user}/calendars/{calendar}"):
        listing = "list_events" if base == "/users/{user}" else "list_calendar_events"
        add("POST", f"{base}/events", "create_event", calendar.create_event)
        add("GET", f"{base}/events", listing, calendar.list_events)
        add("GET", f"{base}/events/{{event}}", "get_event", calendar.get_event)
        add("PATCH", f"{base}/events/{{event}}", "patch_event", calendar.patch_event)
        add("DELETE", f"{base}/events/{{event}}", "delete_event", calendar.delete_event)
        add("POST", f"{base}/events/{{event}}/cancel", "cancel_event", calendar.cancel_event)
    add("GET", "/users/{user}/calendarView", "calendar_view", calendar.calendar_view)
    add("GET", "/users/{user}/calendar", "get_calendar", calendar.get_calendar)
    add("GET", "/users/{user}/calendars", "list_calendars", calendar.list_calendars)
    add("GET", "/users/{user}/calendars/{calendar}", "get_calendar", calendar.get_calendar)
    online = "/users/{user}/onlineMeetings"
    one_report = f"{online}/{{meeting}}/attendanceReports/{{report}}"
    add("GET", online, "find_meeting", meetings.find_meeting)
    add("GET", f"{online}/{{meeting}}", "get_meeting", meetings.get_meeting)
    add("GET", f"{online}/{{meeting}}/attendanceReports", "list_reports", meetings.list_reports)
    add("GET", one_report, "get_report", meetings.get_report)
    add("GET", f"{one_report}/attendanceRecords", "list_records", meetings.list_records)
    add("POST", "/subscriptions", "create_subscription", None)
    add("GET", "/subscriptions", "list_subscriptions", subscriptions.list_mine)
    one_subscription = "/subscriptions/{subscription}"
    add("GET", one_subscription, "get_subscription", subscriptions.get)
    add("PATCH", one_subscription, "renew_subscription", subscriptions.patch)
    add("DELETE", one_subscription, "delete_subscription", subscriptions.delete)
    add("POST", f"{one_subscription}/reauthorize", "reauthorize", subscriptions.reauthorize)
    return router
