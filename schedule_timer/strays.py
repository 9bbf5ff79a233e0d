"""Events that carry our marker and that no component expects: cancelled once seen twice.

Exchange should make one event per create; should it make a second, or should a row have been
lost, people are invited to a meeting nobody manages. Two reads ten minutes apart keep an event
that is just being made from being taken for one, and the brake keeps a lost table from emptying
calendars (the law, rule 14).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import brake, hints
from shared.calendars import Stray, marker_parts, marker_prefix
from shared.errors import NotFound, RemoteError
from shared.graph import protocol
from shared.graph.client import Graph
from shared.keys import ComponentKey, partition
from shared.model import Tenant
from shared.ports import Ports

log = logging.getLogger(__name__)

APART = timedelta(minutes=10)
COMMENT = "This invitation was made twice; the other one stands."
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A stray event, and when it was first seen."""

    event_id: str
    organizer: str
    marker: str
    first_seen: datetime


def cancel_strays(ports: Ports, tenant: Tenant, graph: Graph, strays: Sequence[Stray]) -> None:
    """Note new ones; cancel those seen before that the brake lets go."""
    now = ports.clock()
    ripe = []
    for stray in strays:
        if _expected(ports, tenant, stray):
            continue
        if _first_seen(ports, tenant, stray, now) <= now - APART:
            ripe.append(stray)
        else:
            hints.leave(ports, [hints.Hint(hints.SWEEP, tenant.id, "", now + APART)])
    if not ripe:
        return
    found = [brake.Vanished(stray.event_id, stray.organizer, now) for stray in ripe]
    allowed = brake.ask(ports, tenant, found)
    for stray in ripe:
        if stray.event_id in allowed:
            _cancel(ports, tenant, graph, stray)


def _expected(ports: Ports, tenant: Tenant, stray: Stray) -> bool:
    """Whether a component has it after all: booked meanwhile, or about to be noted."""
    parts = marker_parts(stray.marker, marker_prefix(ports.deployment, tenant.id))
    if parts is None:
        return False
    stored = ports.store.get(tenant.id, ComponentKey(parts[0]))
    if stored is None:
        return False
    booking, intent = stored.record.booking, stored.record.intent
    if booking and booking.event_id == stray.event_id:
        return True
    return intent is not None and intent.booking.generation == parts[1]


def _first_seen(ports: Ports, tenant: Tenant, stray: Stray, now: datetime) -> datetime:
    key = f"stray|{hashlib.sha256(stray.event_id.encode()).hexdigest()[:32]}"
    new = Sighting(stray.event_id, stray.organizer, stray.marker, now)
    return ports.store.change(
        partition(tenant.id), key, Sighting, lambda had: had or new
    ).first_seen


def _cancel(ports: Ports, tenant: Tenant, graph: Graph, stray: Stray) -> None:
    request = protocol.cancel_stray(stray.organizer, stray.event_id, COMMENT)
    try:
        graph.one(request, SECONDS)
    except NotFound:
        return
    except RemoteError as error:
        log.warning("stray.kept", extra={"tenant": tenant.id, "why": error.code})
        return
    log.warning("stray.cancelled", extra={"tenant": tenant.id, "marker": stray.marker})
