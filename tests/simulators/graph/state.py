"""The simulator's memory: tenants, events, meetings, and the few things all parts share."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ..clock import Clock, SimClock, as_sim_clock
from ..tokens import b64
from .journal import Journal
from .model import Calendar, Event, Meeting, Tenant, User, opaque
from .switches import GraphSwitches

Change = Literal["created", "updated", "deleted"]
EVER = datetime(1, 1, 1, tzinfo=UTC)

# The constant head of immutable and regular ids; both have `-` and `=` in them somewhere
# (graph-facts 9.10).
_IMMUTABLE, _REGULAR = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A", "AAMkADlj"


class State:
    """Whoever reads or writes it holds `lock`."""

    def __init__(
        self, clock: Clock | None = None, switches: GraphSwitches | None = None, seed: int = 0
    ) -> None:
        self.clock: SimClock = as_sim_clock(clock)
        self.lock = threading.RLock()
        self.switches = switches or GraphSwitches()
        self.random = random.Random(seed)
        self.tenants: dict[str, Tenant] = {}
        self.events: dict[str, Event] = {}
        """Every event ever made, by key, attendees' copies too."""
        self.meetings: dict[str, Meeting] = {}
        """By join URL."""
        self.meeting_ids: dict[str, Meeting] = {}
        self.journal = Journal()
        self.listeners: list[Callable[[Event, Change], None]] = []
        self.creates = 0
        self._events_made = 0
        self._changes = 0
        self._urls_made = 0

    # -- directory ------------------------------------------------------------------------------

    def add_tenant(self, tenant_id: str, name: str = "") -> Tenant:
        tenant = Tenant(tenant_id.lower(), name)
        self.tenants[tenant.id] = tenant
        return tenant

    def add_user(
        self,
        tenant_id: str,
        upn: str,
        *,
        object_id: str | None = None,
        mail: str | None = "",
        display_name: str | None = None,
        other_addresses: Iterable[str] = (),
        access_policy: bool = True,
        **settings: Any,
    ) -> User:
        """A user with a mailbox, Teams and our access policy, unless *settings* say otherwise.

        Args:
            object_id: Made from the tenant and the UPN when not given.
            mail: None for no address; by default the same as the UPN.
            access_policy: Granted long ago, or not at all.
            settings: `mailbox`, `teams`, `attendance_reports` as in `User`.
        """
        tenant = self.tenants[tenant_id.lower()]
        user = User(
            tenant,
            (
                object_id or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{tenant.id}/{upn.casefold()}"))
            ).lower(),
            upn,
            upn if mail == "" else mail,
            display_name or upn.partition("@")[0],
            list(other_addresses),
            access_policy_since=EVER if access_policy else None,
            **settings,
        )
        for number, name in enumerate(("Calendar", "Second calendar")):
            calendar = Calendar(
                f"AAMkADcal-{b64(opaque(user.id, number))}=", name, is_default=number == 0
            )
            user.calendars[calendar.id] = calendar
        self.index_user(user)
        return user

    def index_user(self, user: User) -> None:
        """File the user under its names; again after they changed."""
        tenant = user.tenant
        self._forget(user)
        tenant.users[user.id] = user
        tenant.by_upn[user.upn.casefold()] = user
        for address in (user.mail, *user.other_addresses):
            if address:
                tenant.by_address[address.casefold()] = user

    def delete_user(self, user: User) -> None:
        """The account is gone, and its mailbox with it; its meetings keep their reports."""
        self._forget(user)

    def _forget(self, user: User) -> None:
        tenant = user.tenant
        tenant.users.pop(user.id, None)
        for index in (tenant.by_upn, tenant.by_address):
            for name in [name for name, other in index.items() if other is user]:
                del index[name]

    # -- events ---------------------------------------------------------------------------------

    def new_event(self, user: User, start: datetime, end: datetime, real_now: float) -> Event:
        """An empty event, filed in the user's default calendar."""
        self._events_made += 1
        number = self._events_made
        now = self.clock()
        event = Event(
            key=f"e{number}",
            user=user,
            calendar=user.default_calendar,
            id="",
            immutable_id=_IMMUTABLE + self._core("immutable", number),
            change_key=self.new_change_key(),
            ical_uid=f"040000008200E00074C5B7101A82E008{opaque(number).hex().upper()[:32]}",
            created=now,
            modified=now,
            created_real=real_now,
            start=start,
            end=end,
        )
        user.by_id[event.immutable_id] = event
        self.new_regular_id(event)
        user.events[event.key] = event
        self.events[event.key] = event
        return event

    def new_regular_id(self, event: Event) -> None:
        """Regular ids change when an item moves; immutable ones stay (graph-facts 1.7)."""
        event.user.by_id.pop(event.id, None)
        self._changes += 1
        salt = self._changes if event.id else ""
        event.id = f"{_REGULAR}{self._core('regular', event.key[1:], salt)}AAA="
        event.user.by_id[event.id] = event

    def _core(self, kind: str, number: int | str, salt: int | str = "") -> str:
        """Characters of an id. Twins, two ids in a row, differ only in the case of one letter."""
        if not self.switches.case_twins or salt:
            return b64(opaque(kind, number, salt))
        core = b64(opaque(kind, int(number) // 2))
        at = next(i for i, letter in enumerate(core) if letter.isalpha())
        letter = core[at].upper() if int(number) % 2 else core[at].lower()
        return core[:at] + letter + core[at + 1 :]

    def new_change_key(self) -> str:
        self._changes += 1
        return f"DwAAABYAAAB{b64(self._changes.to_bytes(9, 'big'))}=="

    def touch(self, event: Event, change: Change) -> None:
        """A write: new change key and time stamp; subscribers are told."""
        event.change_key = self.new_change_key()
        event.modified = self.clock()
        for listener in self.listeners:
            listener(event, change)

    def url_number(self) -> int:
        self._urls_made += 1
        return self._urls_made

    def event(self, name: str | Event) -> Event:
        """By key, by either id, or by join URL. Raises LookupError."""
        if isinstance(name, Event):
            return name
        if name in self.events:
            return self.events[name]
        meeting = self.meetings.get(name)
        if meeting is not None and meeting.event is not None:
            return meeting.event
        for tenant in self.tenants.values():
            for user in tenant.users.values():
                if name in user.by_id:
                    return user.by_id[name]
        raise LookupError(name)

    def user(self, name: str | User, tenant_id: str | None = None) -> User:
        """By object id, UPN or address, in one tenant or any. Raises LookupError."""
        if isinstance(name, User):
            return name
        tenants = [self.tenants[tenant_id.lower()]] if tenant_id else self.tenants.values()
        for tenant in tenants:
            user = tenant.find(name) or tenant.by_address.get(name.casefold())
            if user is not None:
                return user
        raise LookupError(name)

    def is_fresh(self, event: Event, real_now: float) -> bool:
        """Not in the property index yet (switch `marker_index_lag_s`)."""
        lag = self.switches.marker_index_lag_s
        return (
            lag > 0
            and real_now - event.created_real < lag
            and self.clock() - event.created < timedelta(seconds=lag)
        )
