"""After the table was restored from a backup: the calendars know what the table forgot.

Every event ahead that carries this deployment's marker is given back to its component, so that the
next sweep finds it booked instead of making a second one; where it stands at another time than the
table says, that sweep hears of a move like any other. Every component's events are numbered on
from well beyond the backup: the LMS would take a number it has seen for a repeat, and miss it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schedule_timer.sweep import GRAPH_S
from shared.calendars import marker_parts, marker_prefix
from shared.errors import RemoteError, Stale
from shared.graph import protocol
from shared.graph.client import Graph
from shared.keys import ComponentKey
from shared.model import Booking, By, JoinUrl, Organizer, Person, Tenant
from shared.ports import Ports
from shared.record import Record, with_line
from shared.scheduling import content
from shared.scheduling.views import Seen
from shared.store import Stored, Write
from shared.work import view_of

BEYOND = 1000
"""More events than one component has had since any backup."""


def take_over(ports: Ports, tenant: Tenant) -> dict[str, Any]:
    """Counts of events *adopted*, of those *known* already, and of those no component claims."""
    graph = ports.graph(tenant)
    counts = {"adopted": 0, "known": 0, "unclaimed": 0, "unread": 0}
    owners = _owners(ports, tenant)
    found = ports.directory.find(tenant.id, graph, owners, ports.clock(), GRAPH_S)
    for organizer in {o.id: o for o in found.values() if o.id}.values():
        try:
            for event in _marked(ports, tenant, graph, organizer):
                counts[_take(ports, tenant, organizer, event)] += 1
        except RemoteError:
            counts["unread"] += 1
    return counts


def _owners(ports: Ports, tenant: Tenant) -> dict[str, Person]:
    owners: dict[str, Person] = {}
    after = ""
    while True:
        page, after = ports.store.components(tenant.id, after)
        for stored in page:
            owner = stored.record.saved.owner
            if owner.key:
                owners.setdefault(owner.key, owner)
        _number_on(ports, tenant, page)
        if not after:
            return owners


def _number_on(ports: Ports, tenant: Tenant, page: list[Stored]) -> None:
    left = page
    for _ in range(10):
        results = ports.store.write(
            tenant.id,
            [Write(s, replace(s.record, sequence=s.record.sequence + BEYOND)) for s in left],
        )
        beaten = [s for s, result in zip(left, results, strict=True) if isinstance(result, Stale)]
        again = (ports.store.get(tenant.id, s.record.key) for s in beaten)
        left = [stored for stored in again if stored]


def _marked(ports: Ports, tenant: Tenant, graph: Graph, organizer: Organizer) -> list[Any]:
    if organizer.id is None:
        return []
    prefix = marker_prefix(ports.deployment, tenant.id)
    request = protocol.our_events(organizer.id, prefix, None, ordered=False)
    now = ports.clock()
    found = []
    for event in graph.items(request, GRAPH_S):
        view = view_of(event)
        if isinstance(view, Seen) and view.slot.start > now:
            found.append(event)
    return found


def _take(ports: Ports, tenant: Tenant, organizer: Organizer, event: Any) -> str:
    """Give one event back to its component; what that came to."""
    parts = marker_parts(protocol.marker_of(event), marker_prefix(ports.deployment, tenant.id))
    seen = view_of(event)
    stored = ports.store.get(tenant.id, ComponentKey(parts[0])) if parts else None
    if parts is None or stored is None or not isinstance(seen, Seen):
        return "unclaimed"
    booking = stored.record.booking
    if booking and (booking.event_id == seen.event_id or booking.generation > parts[1]):
        return "known"
    record = _with_event(ports, tenant, stored.record, organizer, seen, parts[1])
    (result,) = ports.store.write(tenant.id, [Write(stored, record)])
    return "adopted" if isinstance(result, Stored) else "unread"


def _with_event(
    ports: Ports,
    tenant: Tenant,
    record: Record,
    organizer: Organizer,
    seen: Seen,
    generation: int,
) -> Record:
    """The record as it would be had it never forgotten the event."""
    saved, now = record.saved, ports.clock()
    if organizer.id is None:
        raise AssertionError("an event of nobody")
    slot = record.slot if record.slot and record.slot.start > now else seen.slot
    people = content.addresses(content.invited(saved, organizer.addresses))
    shown = tuple(guest.address.casefold() for guest in seen.guests)
    booking = Booking(
        organizer=organizer.id,
        owner_key=organizer.key,
        organizer_addresses=organizer.addresses or (saved.owner.email,),
        event_id=seen.event_id,
        generation=generation,
        slot=slot,
        teams_slot=slot,
        subject=seen.subject,
        teams_subject=seen.subject,
        attendees=tuple(one for one in people if one in shown),
        teams_attendees=tuple(one for one in people if one in shown),
        agenda=content.agenda_digest(saved),
        zone=tenant.time_zone,
        online=seen.online,
        join_url=seen.join_url,
        made_at=now,
    )
    link = JoinUrl(seen.join_url, organizer.id)
    links = record.join_urls if link in record.join_urls else (*record.join_urls, link)
    record = replace(
        record,
        slot=slot if record.slot else None,
        booking=booking,
        intent=None,
        generation=max(record.generation, generation),
        join_urls=links if seen.join_url else record.join_urls,
        problem=None,
    )
    return with_line(record, now, "adopted", "Taken over from the calendar.", By.PERSON)
