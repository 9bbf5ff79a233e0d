"""The brake: when many events vanish at once, nothing vanished is acted on (the law, rule 14).

What vanished within 24 hours is counted in one row of the tenant, whichever way it was noticed,
before any of it is acted on. ``weigh`` is the decision, ``count`` stores what was noticed, ``ask``
counts and decides. A run that looks at a tenant piece by piece counts in every piece and asks when
all have been counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.keys import partition
from shared.model import Tenant, TenantId
from shared.ports import Ports
from shared.record import Shelf

log = logging.getLogger(__name__)

SPAN = timedelta(hours=24)
MANY, SHARE_IN = 5, 5  # five, and one in five
ALL_OF_ONE = 3
ROW = "brake"


@dataclass(frozen=True, slots=True)
class Vanished:
    """*what* names a component or a stray event; *owner* its owner's bucket."""

    what: str
    owner: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Brake:
    """*vanished* within the span, or while the brake holds; *released* may be acted on."""

    vanished: tuple[Vanished, ...] = ()
    pulled_at: datetime | None = None
    released: tuple[str, ...] = ()
    released_at: datetime | None = None


def weigh(
    vanished: Iterable[Vanished],
    future: Mapping[str, str],
    ahead: Container[str] | None = None,
) -> bool:
    """Whether so many are gone that it looks like a fault.

    Args:
        vanished: What vanished within the span.
        future: The tenant's events still ahead a day ago or made since, by name: their owners'
            buckets. Those that vanished count as there.
        ahead: Names of those that are ahead even now, which alone tell whether all of an
            organizer's are gone: the meeting held this morning is no sign of life. None: all.
    """
    gone = {one.what: one.owner for one in vanished}
    there = {**future, **gone}
    if len(gone) >= MANY and len(gone) * SHARE_IN >= len(there):
        return True
    of_owner = Counter(
        owner for what, owner in there.items() if ahead is None or what in ahead or what in gone
    )
    return any(
        count >= ALL_OF_ONE and count == of_owner[owner]
        for owner, count in Counter(gone.values()).items()
    )


def note(brake: Brake, found: Iterable[Vanished], now: datetime) -> Brake:
    """Count what was found now; forget what is older than the span unless the brake holds."""
    if brake.released_at and now - brake.released_at >= SPAN:
        brake = replace(brake, released=())  # acted on long since; what vanishes now is news
    known = {one.what for one in brake.vanished} | set(brake.released)
    kept = tuple(one for one in brake.vanished if brake.pulled_at or now - one.at < SPAN)
    return replace(brake, vanished=kept + tuple(one for one in found if one.what not in known))


def release(brake: Brake, now: datetime) -> Brake:
    """Lift it: what had vanished by now may be acted on, and no longer counts."""
    freed = tuple(dict.fromkeys((*brake.released, *(one.what for one in brake.vanished))))
    return Brake((), None, freed[-5000:], now)


def count(ports: Ports, tenant: Tenant, found: Sequence[Vanished]) -> Brake:
    """Store what was noticed, without deciding yet; the brake as it stands then."""
    now = ports.clock()
    return ports.store.change(
        partition(tenant.id), ROW, Brake, lambda had: note(had or Brake(), found, now)
    )


def ask(ports: Ports, tenant: Tenant, found: Sequence[Vanished]) -> set[str]:
    """Which of *found* may be acted on."""
    if not found:
        return set()
    brake = count(ports, tenant, found)
    if brake.pulled_at is None and brake.vanished and _looks_wrong(ports, tenant.id, brake):
        now = ports.clock()
        brake = ports.store.change(
            partition(tenant.id), ROW, Brake, lambda had: _pulled(had or Brake(), now)
        )
        log.error("tenant.braked", extra={"tenant": tenant.id, "count": len(brake.vanished)})
    return let_go(brake, found)


def let_go(brake: Brake, found: Iterable[Vanished]) -> set[str]:
    """Which of *found* the brake as it stands lets be acted on."""
    names = {one.what for one in found}
    return names & set(brake.released) if brake.pulled_at else names


def _pulled(brake: Brake, now: datetime) -> Brake:
    return brake if brake.pulled_at else replace(brake, pulled_at=now)


def _looks_wrong(ports: Ports, tenant: TenantId, brake: Brake) -> bool:
    now = ports.clock()
    ahead = _places(ports, tenant, now)
    return weigh(brake.vanished, _places(ports, tenant, now - SPAN), ahead.keys())


def _places(ports: Ports, tenant: TenantId, since: datetime) -> dict[str, str]:
    places = (
        place
        for which in (Shelf.AHEAD, Shelf.OPEN)  # an event whose news waits for the LMS is there too
        for place in ports.store.places(tenant, which, since)
    )
    return {str(place.key): place.bucket for place in places}
