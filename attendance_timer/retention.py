"""Forget what is older than a tenant keeps: components with their history and evidence, by month.

What is old is found by its month, so that a night costs what it takes away. A component goes whole
in one transaction; before it, people whom no other component names. So much a night at most: what
is left goes the next.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import codec
from shared.errors import Stale
from shared.keys import ComponentKey, partition, person_key
from shared.model import PersonKey, Tenant, fold
from shared.persons import PersonRow, alias_key, named_key, row_key
from shared.ports import Ports
from shared.store import organizer_key
from shared.table import Delete, Row
from shared.window import zone

log = logging.getLogger(__name__)

MOST_A_NIGHT = 2000
SECONDS = 120.0
STRAYS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Of a row of ``schedule_timer.strays``, what tells how old it is."""

    start: datetime
    first_seen: datetime


def oldest_kept(tenant: Tenant, now: datetime) -> str:
    """The first month that is kept: this one, so many years ago."""
    local = now.astimezone(zone(tenant.time_zone))
    return f"{local.year - tenant.retention_years:04d}-{local.month:02d}"


def purge(ports: Ports, tenant: Tenant) -> dict[str, int]:
    """Take away what a tenant keeps no longer; counts of components and people *purged*."""
    end = time.monotonic() + SECONDS
    counts: Counter[str] = Counter()
    _forget_strays(ports, tenant)
    for _, key in ports.store.months_before(tenant.id, oldest_kept(tenant, ports.clock())):
        if counts["purged"] >= MOST_A_NIGHT or time.monotonic() > end:
            counts["purge_cut"] = 1
            break
        counts.update(_purge_one(ports, tenant, key))
    if counts:
        log.info("tenant_purge.finished", extra={"tenant": tenant.id, "counts": dict(counts)})
    return dict(counts)


def _purge_one(ports: Ports, tenant: Tenant, key: ComponentKey) -> Counter[str]:
    stored = ports.store.get(tenant.id, key)
    if stored is None:
        return Counter()
    people = [_forget_unless_named(ports, tenant, one, key) for one in stored.record.people]
    where, table = partition(tenant.id), ports.store.table
    named = (named_key(one, key) for one in stored.record.people)
    try:
        ports.store.remove(tenant.id, stored, [one for one in named if table.get(where, one)])
    except Stale:
        return Counter()  # saved at this very moment; the next night looks again
    return Counter({"purged": 1, "people_purged": sum(people)})


def _forget_unless_named(
    ports: Ports, tenant: Tenant, person: PersonKey, going: ComponentKey
) -> bool:
    """Delete somebody whom no component names but the one that goes."""
    where, table = partition(tenant.id), ports.store.table
    held = table.get(where, row_key(person))
    if held is None or _is_named(ports, tenant, person, going):
        return False
    going_too = _beside(ports, tenant, person, held)
    ops = [Delete(one.key, one.etag) for one in (held, *going_too)]
    try:
        table.commit(where, ops)
    except Stale:
        return False  # a save names them again
    return True


def _is_named(ports: Ports, tenant: Tenant, person: PersonKey, going: ComponentKey) -> bool:
    return any(one != going for one in ports.store.naming(tenant.id, person))


def _beside(ports: Ports, tenant: Tenant, person: PersonKey, held: Row) -> Iterator[Row]:
    """What else is remembered of a person: as whom people know them, what the directory told of
    them as an owner, and the row under their object id."""
    where, table = partition(tenant.id), ports.store.table
    if alias := table.get(where, alias_key(person)):
        yield alias
    known = codec.loads(PersonRow, held.text)
    for owner_key in filter(None, (known.entra_id, fold(known.email))):
        if organizer := table.get(where, organizer_key(owner_key)):
            yield organizer
    if known.entra_id and known.email:
        by_id = person_key(ports.deployment, tenant.id, known.entra_id)
        pointer = table.get(where, row_key(by_id))
        if pointer and codec.loads(PersonRow, pointer.text).same_as == person:
            yield pointer


def _forget_strays(ports: Ports, tenant: Tenant) -> None:
    """Sightings that no run came back to, long after their events are over."""
    oldest = ports.clock() - STRAYS_KEPT
    for key, held in list(ports.store.all(partition(tenant.id), "stray|", Sighting)):
        if max(held.value.first_seen, held.value.start) < oldest:
            with suppress(Stale):
                ports.store.delete(partition(tenant.id), key, held.etag)
