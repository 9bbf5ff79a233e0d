"""Subscriptions to changes in the calendars that hold our meetings.

One per organizer with meetings ahead, for tenants that want it and only where Graph can reach us.
They make a tutor's move known within a minute; without them every sweep finds it all the same, so
nothing here may disturb one. A row per mailbox remembers the subscription; what proves that a
notification is ours is stored nowhere, because it is derived from the signing key.

https://learn.microsoft.com/graph/change-notifications-overview
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from shared.errors import ConnectorError, NotAllowed, NotFound, Refused, RemoteError, Stale
from shared.graph import protocol
from shared.graph.client import Graph, Outcome
from shared.graph.protocol import Request, Subscribed
from shared.keys import component_key, partition
from shared.model import ComponentId, Mode, Tenant, TenantId, UserId
from shared.ports import Ports
from shared.record import Shelf
from shared.store import bucket

log = logging.getLogger(__name__)

T = TypeVar("T")

PATH = "/api/graph/notifications"
LONGEST, SHORTER = timedelta(minutes=10_000), timedelta(minutes=4_200)
"""Lifetimes asked for: just under the seven days of Graph's present text, and what every cloud has
always given (https://learn.microsoft.com/graph/api/resources/subscription)."""
RENEWED_EVERY = timedelta(days=1)
YOUNG = timedelta(minutes=15)
"""A subscription without a row that is younger may be another run's, just being noted."""
SECONDS = 60.0
AT_ONCE = 20
PREFIX = "subscription|"
STATE_LENGTHS = (12, 43)
"""Characters of a client state's mailbox and proof."""
_PURPOSE = b"teams-connector notification state 1"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What we remember of one.

    *state* is a digest of the address and client state it was made with: when our address or the
    signing key has changed since, another one is due.
    """

    user: UserId
    id: str
    expires: datetime
    renewed_at: datetime
    state: str


# -- whose a notification is ----------------------------------------------------------------


def client_state(master: str, tenant: TenantId, user: UserId) -> str:
    """What Graph repeats in every notification about this mailbox: whose it is, and the proof.

    ``<tenant>.<mailbox>.<proof>``, at most 120 of the 128 characters allowed. The mailbox stands
    there as a digest, which fits whatever form its id has.
    """
    mailbox = _digest(user.lower())
    return f"{tenant}.{mailbox}.{_proof(master, tenant, mailbox)}"


def tenant_of(masters: Sequence[str], state: str, user: str = "") -> TenantId | None:
    """The tenant whose notification carries *state*; None when it is not ours.

    *user* is the mailbox the notification speaks of; "" where it does not say. Every comparison is
    made, and takes the same time wherever the difference is.
    """
    tenant, _, rest = state.partition(".")
    mailbox, _, proof = rest.partition(".")
    if (len(mailbox), len(proof)) != STATE_LENGTHS:
        return None  # a stranger's thousands of nothing are not worth a digest each
    proofs = [_proof(master, TenantId(tenant), mailbox) for master in masters]
    is_ours = any([_same(one, proof) for one in proofs])  # noqa: C419 - not only up to a match
    return (
        TenantId(tenant)
        if is_ours and (not user or _same(_digest(user.lower()), mailbox))
        else None
    )


def _proof(master: str, tenant: TenantId, mailbox: str) -> str:
    key = hmac.digest(_PURPOSE, master.encode(), hashlib.sha256)
    said = f"{tenant}\0{mailbox}".encode("utf-8", "surrogatepass")
    return _text(hmac.digest(key, said, hashlib.sha256))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )


def _digest(text: str) -> str:
    """72 bits of a text's digest."""
    return _text(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())[:12]


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


# -- keeping them ---------------------------------------------------------------------------


def are_wanted(ports: Ports, tenant: Tenant) -> bool:
    """Whether this tenant's calendars are to be subscribed to at all."""
    live = tenant.enabled and tenant.mode is Mode.LIVE
    return live and tenant.change_notifications and bool(ports.settings.public_base_url)


def keep(ports: Ports, tenant: Tenant, doubted: Collection[str] = ()) -> Counter[str]:
    """Make, renew and drop subscriptions, so that each mailbox with meetings ahead has one.

    *doubted* are ids that Graph sent word about: those are renewed now. What fails is counted and
    logged, and left to the next sweep. Graph is asked nothing while there is nothing to do.
    """
    counts: Counter[str] = Counter()
    if not tenant.enabled or tenant.mode is not Mode.LIVE:
        return counts
    try:
        _Round(ports, tenant, counts).run(doubted)
    except ConnectorError as error:
        counts["subscriptions_failed"] += 1
        log.warning("subscriptions.failed", extra={"tenant": tenant.id, "why": str(error)})
    return counts


class _Round:
    """One round for one tenant."""

    def __init__(self, ports: Ports, tenant: Tenant, counts: Counter[str]) -> None:
        self._ports = ports
        self._tenant = tenant
        self._counts = counts
        self._graph: Graph = ports.graph(tenant)
        self._now = ports.clock()
        self._end = time.monotonic() + SECONDS
        self._url = ports.settings.public_base_url + PATH
        self._lifetime = LONGEST
        self._why: Counter[str] = Counter()

    def run(self, doubted: Collection[str]) -> None:
        try:
            self._all_steps(doubted)
        finally:
            for why, count in self._why.items():
                log.warning(
                    "subscriptions.failed",
                    extra={"tenant": self._tenant.id, "why": why, "count": count},
                )

    def _all_steps(self, doubted: Collection[str]) -> None:
        rows = _rows(self._ports, self._tenant.id)
        wanted = self._wanted()
        kept = {row.user: row for row in rows if row.user in wanted and self._is_as_made(row)}
        dropped = [row for row in rows if row.user not in kept]
        renewed = [row for row in kept.values() if self._is_due(row) or row.id in doubted]
        if not (dropped or renewed or len(kept) < len(wanted)):
            return
        there = self._there(rows) if wanted else None
        self._drop(dropped)
        lost = [row for row in kept.values() if there is not None and row.id not in there]
        lost += self._renew([row for row in renewed if row not in lost])
        for row in lost:
            self._forget(row)
        missing = wanted - kept.keys() | {row.user for row in lost}
        self._make(sorted(missing))

    def _wanted(self) -> set[UserId]:
        """The mailboxes that hold an event of ours still ahead."""
        if not are_wanted(self._ports, self._tenant):
            return set()
        store, tenant = self._ports.store, self._tenant.id
        ahead = {
            place.bucket
            for which in (Shelf.AHEAD, Shelf.OPEN)
            for place in store.places(tenant, which, self._now)
        }
        owners = store.organizers(tenant).items() if ahead else ()
        return {owner.id for key, owner in owners if owner.id and bucket(key) in ahead}

    def _is_as_made(self, row: Subscription) -> bool:
        return row.state == self._state(row.user)

    def _is_due(self, row: Subscription) -> bool:
        return self._now - row.renewed_at >= RENEWED_EVERY or row.expires <= self._now

    def _client_state(self, user: UserId) -> str:
        return client_state(self._ports.settings.signing_keys[0], self._tenant.id, user)

    def _state(self, user: UserId) -> str:
        return _digest(f"{self._url} {self._client_state(user)}")

    # -- steps ---------------------------------------------------------------------------------

    def _there(self, rows: Sequence[Subscription]) -> set[str] | None:
        """Ids of the subscriptions Graph has for us, without the duplicates it had: a create may
        make a second one, or have been answered to nobody. None when it does not say."""
        try:
            listed = [
                protocol.subscribed_of(item)
                for item in self._graph.items(protocol.list_subscriptions(), self._left())
            ]
        except RemoteError as error:
            self._failed(error)
            return None
        known = {row.id for row in rows} | self._neighbours()
        twice = [one for one in listed if self._is_ours(one) and one.id not in known]
        old = [one for one in twice if not self._is_young(one)]
        outcomes = self._run([protocol.delete_subscription(one.id) for one in old])
        self._counts["subscriptions_twice"] += sum(
            not isinstance(outcome, RemoteError) for outcome in outcomes
        )
        return {one.id for one in listed}

    def _neighbours(self) -> set[str]:
        """Ids of other tenants' subscriptions in the same directory."""
        mine = self._tenant
        others = [
            one.id
            for one in self._ports.store.tenants()
            if one.id != mine.id and one.entra_tenant_id == mine.entra_tenant_id
        ]
        return {row.id for one in others for row in _rows(self._ports, one)}

    def _is_ours(self, one: Subscribed) -> bool:
        return one.url == self._url and bool(one.user)

    def _is_young(self, one: Subscribed) -> bool:
        full = (self._now + lifetime for lifetime in (LONGEST, SHORTER))
        return any(abs(one.expires - end) < YOUNG for end in full)

    def _drop(self, rows: Sequence[Subscription]) -> None:
        outcomes = self._run([protocol.delete_subscription(row.id) for row in rows])
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, RemoteError) and not isinstance(outcome, NotFound):
                self._failed(outcome)
                if row.expires > self._now:
                    continue  # tried again by the next round
            self._forget(row)
            self._counts["unsubscribed"] += 1

    def _renew(self, rows: Sequence[Subscription]) -> list[Subscription]:
        """Those that are gone come back, to be made again."""
        lost = []
        renewals = self._lasting(
            rows, lambda row, until: protocol.renew_subscription(row.id, until)
        )
        for row, outcome in renewals:
            if isinstance(outcome, NotFound):
                lost.append(row)
            elif isinstance(outcome, RemoteError):
                self._failed(outcome)
            else:
                renewed = self._row(row.user, protocol.subscribed_of(outcome))
                self._ports.store.put(partition(self._tenant.id), [(_key(row.user), renewed)])
                self._counts["resubscribed"] += 1
        return lost

    def _make(self, users: Sequence[UserId]) -> None:
        def request(user: UserId, until: datetime) -> Request:
            return protocol.create_subscription(user, self._url, self._client_state(user), until)

        for user, outcome in self._lasting(users, request):
            if isinstance(outcome, RemoteError):
                self._failed(outcome)
                continue
            made = self._row(user, protocol.subscribed_of(outcome))
            try:
                self._ports.store.insert(partition(self._tenant.id), _key(user), made)
            except Stale:  # another run made one too, and was quicker
                self._run([protocol.delete_subscription(made.id)])
                continue
            self._counts["subscribed"] += 1

    def _lasting(
        self, things: Sequence[T], request: Callable[[T, datetime], Request]
    ) -> Iterator[tuple[T, Outcome]]:
        """Each thing's outcome, asked for with a shorter lifetime where the longest is refused.

        Ends early when all of a slice is refused: that is not the mailboxes', and asking for
        hundreds more would not mend it.
        """
        for at in range(0, len(things), AT_ONCE):
            some = things[at : at + AT_ONCE]
            outcomes = self._run([request(one, self._now + self._lifetime) for one in some])
            again = [n for n, one in enumerate(outcomes) if isinstance(one, Refused)]
            if again and self._lifetime != SHORTER:
                shorter = self._run([request(some[n], self._now + SHORTER) for n in again])
                for n, outcome in zip(again, shorter, strict=True):
                    outcomes[n] = outcome
                    if not isinstance(outcome, RemoteError):
                        self._lifetime = SHORTER
            yield from zip(some, outcomes, strict=True)
            if all(isinstance(outcome, NotAllowed | Refused) for outcome in outcomes):
                return

    # -- small parts -----------------------------------------------------------------------

    def _row(self, user: UserId, one: Subscribed) -> Subscription:
        return Subscription(user, one.id, one.expires, self._now, self._state(user))

    def _forget(self, row: Subscription) -> None:
        with contextlib.suppress(Stale):
            self._ports.store.delete(partition(self._tenant.id), _key(row.user))

    def _failed(self, error: RemoteError) -> None:
        self._counts["subscriptions_failed"] += 1
        self._why[error.code] += 1

    def _run(self, requests: Sequence[Request]) -> list[Outcome]:
        return self._graph.run(requests, self._left()) if requests else []

    def _left(self) -> float:
        return max(1.0, self._end - time.monotonic())


def _rows(ports: Ports, tenant: TenantId) -> list[Subscription]:
    found = ports.store.all(partition(tenant), PREFIX, Subscription)
    return [held.value for _, held in found]


def _key(user: UserId) -> str:
    return PREFIX + component_key(ComponentId(user))  # whatever the directory's ids hold
