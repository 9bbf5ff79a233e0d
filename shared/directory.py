"""Who a component's owner is in the customer's directory, and whether they have Teams.

Found by object id, else as user principal name, else by mail (the law, rule 5). What was read
serves for a day; what was not found, or has no Teams, is looked up again by every run, because
somebody may have mended it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.errors import NotFound, Refused, RemoteError
from shared.graph.client import Graph, Outcome
from shared.graph.protocol import (
    find_user_by_mail,
    providers_of,
    read_providers,
    read_user,
    understood,
    user_of,
)
from shared.model import Organizer, Person, TenantId, UserId
from shared.reasons import reason_of
from shared.store import Store

FRESH = timedelta(days=1)


class Directory:
    """Owners, as the table and this process remember them, read from Graph when need be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[TenantId, str], Organizer] = {}

    def known(self, tenant: TenantId, owner_key: str, now: datetime) -> Organizer | None:
        """What this process remembers and may be relied on; no I/O."""
        organizer = self._known.get((tenant, owner_key))
        return organizer if organizer and _serves(organizer, now) else None

    def find(
        self,
        tenant: TenantId,
        graph: Graph,
        owners: Mapping[str, Person],
        now: datetime,
        seconds: float,
    ) -> dict[str, Organizer]:
        """Every owner asked for; one that could not be read carries the reason as *problem*."""
        found: dict[str, Organizer] = {}
        former: dict[str, Organizer] = {}
        # Not from memory: another process may have found out more since.
        for key, organizer in self._store.organizers_among(tenant, owners).items():
            (found if _serves(organizer, now) else former)[key] = organizer
        missing = {key: owner for key, owner in owners.items() if key not in found}
        if missing:
            read = _read(graph, missing, now, seconds)
            for key, organizer in read.items():
                disproved = former[key].disproved if key in former else ""
                if organizer.providers == disproved:
                    read[key] = replace(organizer, disproved=disproved)
            self._store.keep_organizers(
                tenant, [o for o in read.values() if _is_news(o, former.get(o.key), now)]
            )
            found |= read
        self._known |= {(tenant, key): organizer for key, organizer in found.items()}
        return found

    def disprove(self, tenant: TenantId, organizer: Organizer) -> Organizer:
        """An event came out without a meeting: this reading is not believed until it changes."""
        organizer = replace(organizer, disproved=organizer.providers)
        self._store.keep_organizers(tenant, [organizer])
        self._known[tenant, organizer.key] = organizer
        return organizer

    def forget(self, tenant: TenantId, owner_keys: Iterable[str]) -> None:
        """Have them read again before they are next relied on, in this process."""
        for key in owner_keys:
            self._known.pop((tenant, key), None)


def _is_news(read: Organizer, former: Organizer | None, now: datetime) -> bool:
    """Whether a reading is worth a row: one that serves nobody is not, when it says what we had."""
    if read.problem:
        return False
    same = former is not None and replace(read, read_at=former.read_at) == former
    return not same or _serves(read, now)


def _serves(organizer: Organizer, now: datetime) -> bool:
    return (
        organizer.id is not None
        and organizer.has_teams
        and timedelta() <= now - organizer.read_at < FRESH
    )


def _read(
    graph: Graph, owners: Mapping[str, Person], now: datetime, seconds: float
) -> dict[str, Organizer]:
    end = time.monotonic() + seconds
    providers: dict[str, Outcome] = {}
    users = _users(graph, owners, end, providers)
    asked = {
        key: user[0]
        for key, user in users.items()
        if isinstance(user, tuple) and key not in providers
    }
    if asked:
        allowed = graph.run([read_providers(user_id) for user_id in asked.values()], _left(end))
        providers |= zip(asked, allowed, strict=True)
    return {key: _organizer(key, users[key], providers.get(key), now) for key in owners}


def _left(end: float) -> float:
    return max(0.5, end - time.monotonic())


def _organizer(
    key: str,
    user: tuple[UserId, tuple[str, ...]] | RemoteError | None,
    providers: Outcome,
    now: datetime,
) -> Organizer:
    if isinstance(user, RemoteError):
        return Organizer(key, None, (), "", now, problem=reason_of(user)[0])
    if user is None:
        return Organizer(key, None, (), "", now)
    user_id, addresses = user
    if isinstance(providers, NotFound):
        return Organizer(key, user_id, addresses, "", now)  # no mailbox, so no Teams calendar
    allowed = understood(providers, providers_of)
    if isinstance(allowed, RemoteError):
        return Organizer(key, user_id, addresses, "", now, problem=reason_of(allowed)[0])
    return Organizer(key, user_id, addresses, allowed, now)


User = tuple[UserId, tuple[str, ...]]
"""A user's object id and addresses."""


def find_users(
    graph: Graph, people: Mapping[str, Person], seconds: float
) -> dict[str, User | RemoteError | None]:
    """Each person in the directory, None when nobody is found under any name; nothing is kept."""
    return _users(graph, people, time.monotonic() + seconds)


def _users(
    graph: Graph,
    owners: Mapping[str, Person],
    end: float,
    providers: dict[str, Outcome] | None = None,
) -> dict[str, User | RemoteError | None]:
    """Each owner's object id and addresses, None when nobody is found under any name.

    Of those found by a name that Graph takes for the user's, *providers* is told at once what the
    calendar allows, where it is wanted.
    """
    users: dict[str, User | RemoteError | None] = {}
    for name_of, ask in (
        (_object_id, read_user),
        (_address, read_user),
        (_address, find_user_by_mail),
    ):
        left = {k: n for k, o in owners.items() if users.get(k) is None and (n := name_of(o))}
        if not left:
            continue
        beside = left.values() if providers is not None and ask is read_user else ()
        # Not counted for a mailbox: its name may be another one's in another tenant.
        calendars = [replace(read_providers(UserId(name)), mailbox="") for name in beside]
        outcomes = graph.run([*map(ask, left.values()), *calendars], _left(end))
        for at, key in enumerate(left):
            user = understood(outcomes[at], user_of)
            users[key] = None if isinstance(user, NotFound | Refused) else user
            if providers is not None and beside and isinstance(user, tuple):
                providers[key] = outcomes[len(left) + at]
    return {key: users.get(key) for key in owners}


def _object_id(owner: Person) -> str:
    return str(owner.entra_id or "")


def _address(owner: Person) -> str:
    return owner.email.strip()
