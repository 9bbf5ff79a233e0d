"""Events that carry our marker and that no component expects: cancelled once seen twice.

Exchange should make one event per create; should it make a second, or should a row have been
lost, people are invited to a meeting nobody manages. Two reads ten minutes apart keep an event
that is just being made from being taken for one, and the brake keeps a lost table from emptying
calendars (the law, rule 14). A sighting is a row of its own, so that the second read needs neither
the list that showed the event nor another event in the same mailbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import brake, hints
from shared.calendars import Stray, marker_parts, marker_prefix
from shared.errors import NotFound, Refused, RemoteError, Stale
from shared.graph import protocol
from shared.graph.client import Graph, Outcome
from shared.keys import ComponentKey, partition
from shared.model import EventId, Tenant, UserId
from shared.ports import Ports
from shared.scheduling.views import Gone, Seen, Unknown
from shared.store import bucket
from shared.work import view_of

log = logging.getLogger(__name__)

APART = timedelta(minutes=10)
MADE_TWICE = "This invitation was made twice; the other one stands."
MANAGED_BY_NOBODY = "This meeting is no longer planned."
SECONDS = 30.0
PREFIX = "stray|"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A stray event, and when it was first seen."""

    event_id: EventId
    organizer: UserId
    marker: str
    start: datetime
    first_seen: datetime


def note_strays(ports: Ports, tenant: Tenant, strays: Sequence[Stray]) -> None:
    """The first read: write down those that are new, to be looked at again."""
    now = ports.clock()
    for stray in strays:
        key = _key(stray.event_id)
        seen_before = ports.store.read(partition(tenant.id), key, Sighting)
        if seen_before or _is_expected(ports, tenant, stray.event_id, stray.marker):
            continue
        sighting = Sighting(stray.event_id, stray.organizer, stray.marker, stray.start, now)
        ports.store.put(partition(tenant.id), [(key, sighting)])
        hints.leave(ports, [hints.Hint(hints.STRAYS, tenant.id, "", now + APART)])


def look_for(ports: Ports, tenant: Tenant, graph: Graph, suspects: Iterable[str]) -> None:
    """Look for events that a repeated create may have made besides the one it came back with.

    A sweep would find them too, but only while their calendar holds other meetings of ours.
    *suspects* are what hints of ``repeated_create`` hold.
    """
    found: list[Stray] = []
    for suspect in suspects:
        user, marker = json.loads(suspect)
        try:
            for event in graph.items(protocol.find_by_marker(UserId(user), marker), SECONDS):
                view = view_of(event)
                ours = protocol.marker_of(event) == marker and not protocol.is_a_copy(event)
                if isinstance(view, Seen) and ours:
                    found.append(Stray(UserId(user), view.event_id, marker, view.slot.start))
        except RemoteError as error:
            log.warning("strays.unlooked", extra={"tenant": tenant.id, "why": error.code})
    note_strays(ports, tenant, found)


def settle_strays(ports: Ports, tenant: Tenant, graph: Graph) -> Counter[str]:
    """The second read of those whose time has come: cancel what the brake lets go."""
    now = ports.clock()
    known = ports.store.all(partition(tenant.id), PREFIX, Sighting)
    ripe = [held.value for _, held in known if held.value.first_seen <= now - APART]
    requests = [protocol.read_event(one.organizer, one.event_id) for one in ripe]
    outcomes = graph.run(requests, SECONDS) if requests else []
    there: list[Sighting] = []
    for one, outcome in zip(ripe, outcomes, strict=True):
        view = view_of(outcome)
        if isinstance(view, Unknown):
            continue
        over = isinstance(view, Gone) or view.slot.start <= now
        if over or _is_expected(ports, tenant, one.event_id, one.marker):
            _forget(ports, tenant, one)
        else:
            there.append(one)
    return _cancel(ports, tenant, graph, _let_go(ports, tenant, there))


def _is_expected(ports: Ports, tenant: Tenant, event: EventId, marker: str) -> bool:
    """Whether a component has it after all, or is about to: a create may not be noted yet.

    A marker that does not read like ours is nobody's we know of, and left alone.
    """
    parts = marker_parts(marker, marker_prefix(ports.deployment, tenant.id))
    if parts is None:
        return True
    stored = ports.store.get(tenant.id, ComponentKey(parts[0]))
    if stored is None:
        return False
    booking, intent = stored.record.booking, stored.record.intent
    if booking and booking.event_id == event:
        return True
    if intent is None or intent.act != "create":
        return False
    return intent.booking.generation == parts[1]


def _let_go(ports: Ports, tenant: Tenant, strays: Sequence[Sighting]) -> list[Sighting]:
    """Those that the brake lets be cancelled; each counts as one more of its owner's events."""
    if not strays:
        return []
    owners = {o.id: bucket(key) for key, o in ports.store.organizers(tenant.id).items()}
    now = ports.clock()
    found = [
        brake.Vanished(one.event_id, owners.get(one.organizer, one.organizer), now)
        for one in strays
    ]
    allowed = brake.ask(ports, tenant, found)
    return [one for one in strays if one.event_id in allowed]


def _cancel(ports: Ports, tenant: Tenant, graph: Graph, strays: Sequence[Sighting]) -> Counter[str]:
    counts: Counter[str] = Counter()
    requests = [
        protocol.cancel_stray(one.organizer, one.event_id, _comment(ports, tenant, one))
        for one in strays
    ]
    outcomes = graph.run(requests, SECONDS) if requests else []
    for one, outcome in zip(strays, outcomes, strict=True):
        left = _deleted_instead(graph, one, outcome)
        if isinstance(left, RemoteError) and not isinstance(left, NotFound):
            log.warning("stray.kept", extra={"tenant": tenant.id, "why": left.code})
            counts["strays_kept"] += 1
            continue
        log.warning("stray.cancelled", extra={"tenant": tenant.id, "marker": one.marker})
        counts["strays_cancelled"] += 1
        _forget(ports, tenant, one)
    return counts


def _deleted_instead(graph: Graph, stray: Sighting, outcome: Outcome) -> Outcome:
    """Some events cannot be cancelled, only deleted, which tells the attendees as well."""
    if isinstance(outcome, Refused) and "ErrorInvalidRequest" in outcome.code:
        return graph.run([protocol.delete_stray(stray.organizer, stray.event_id)], SECONDS)[0]
    return outcome


def _comment(ports: Ports, tenant: Tenant, stray: Sighting) -> str:
    parts = marker_parts(stray.marker, marker_prefix(ports.deployment, tenant.id))
    stored = ports.store.get(tenant.id, ComponentKey(parts[0])) if parts else None
    return MADE_TWICE if stored and stored.record.booking else MANAGED_BY_NOBODY


def _forget(ports: Ports, tenant: Tenant, stray: Sighting) -> None:
    with contextlib.suppress(Stale):  # another run was quicker
        ports.store.delete(partition(tenant.id), _key(stray.event_id))


def _key(event: EventId) -> str:
    return PREFIX + hashlib.sha256(event.encode()).hexdigest()[:32]
