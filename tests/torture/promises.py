"""The promises (the law, 5) as things that can be seen from outside, after each step and at rest.

Each function returns what is broken, in words; nothing when all holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from shared.answer import state_json
from shared.keys import component_key, partition
from shared.lms.outbox import next_event
from shared.model import TenantId, fold
from shared.record import Record
from shared.store import Store
from tests.flows.world import TENANT
from tests.simulators.graph.model import Event
from tests.simulators.lms.model import Component
from tests.torture.watched import Watched

FINAL_REFUSALS = ("refused", "given_up")


def marker_of(event: Event) -> str:
    return next((v for k, v in event.properties.items() if "Connector" in k.name), "")


def ours(world: Watched, tenant: str = TENANT) -> dict[str, list[Event]]:
    """Every event ever made for each component key, by marker."""
    found: dict[str, list[Event]] = defaultdict(list)
    prefix = f"{world.ports.deployment}/{tenant}/"
    for event in world.graph.events.values():
        mark = marker_of(event)
        if event.is_organizer and mark.startswith(prefix):
            found[mark[len(prefix) :].rpartition("/")[0]].append(event)
    return found


def is_live(event: Event) -> bool:
    return event.state == "live" and not event.is_cancelled


def record_of(world: Watched, component: str, tenant: str = TENANT) -> Record | None:
    held = Store(world.memory).get(TenantId(tenant), component_key(component))
    return held.record if held else None


# -- at any moment ------------------------------------------------------------------------


def broken_now(world: Watched, tenant: str = TENANT) -> list[str]:
    """What must never be, not even between two steps."""
    return [
        *_doubled(world, tenant),
        *_invited_twice(world),
        *_out_of_order(world, tenant),
        *_hours(world, tenant),
        *_cancelled_by_nobody(world, tenant),
        *_shelved(world, tenant),
    ]


def _doubled(world: Watched, tenant: str) -> Iterator[str]:
    for key, events in ours(world, tenant).items():
        seen: dict[str, Event] = {}
        for event in sorted(set(events) - world.planted, key=lambda e: e.created):
            first = seen.setdefault(marker_of(event), event)
            if first is not event and (is_live(first) or event.created < first.modified):
                yield f"two events were made as {marker_of(event)}"
            seen[marker_of(event)] = event
        live = [e for e in events if is_live(e) and e not in world.planted]
        remaining = [e for e in live if e in world.may_remain]
        if len(live) - len(remaining) > 1:
            yield f"{key} has {len(live)} live events: {[marker_of(e) for e in live]}"


def _invited_twice(world: Watched) -> Iterator[str]:
    for event in world.graph.events.values():
        standing: Counter[str] = Counter()
        for mail in event.mails:
            if mail.kind == "invitation":
                standing[fold(mail.to)] += 1
            elif mail.kind == "cancellation":
                standing[fold(mail.to)] -= 1
            if standing[fold(mail.to)] > 1:
                yield f"{mail.to} was invited twice to {event.key} ({marker_of(event)})"


def _out_of_order(world: Watched, tenant: str) -> Iterator[str]:
    heard: dict[str, list[int]] = defaultdict(list)
    bodies: dict[str, str] = {}
    for one in world.lms.received:
        if one.tenant != tenant or one.component is None or one.sequence is None:
            continue
        same = bodies.setdefault(one.webhook_id, one.body) == one.body
        if one.signatures and not same and not world.restored:
            yield f"{one.webhook_id} was sent with two bodies"
        if one.stored:
            heard[one.component].append(one.sequence)
    for component, sequences in heard.items():
        if sequences != list(range(1, len(sequences) + 1)) and not (world.parked or world.restored):
            yield f"{component} heard {sequences}"


def _hours(world: Watched, tenant: str) -> Iterator[str]:
    for component in world.lms.tenants[tenant].components.values():
        if len(component.notes) > 1:
            yield f"{component.id} has {len(component.notes)} notes"
        most = _time_in_reports(world, component.id, tenant)
        for note in component.notes:
            if note.minutes * 60 > most.total_seconds():
                yield f"{component.id}: {note.minutes} minutes posted of {most}"


def _cancelled_by_nobody(world: Watched, tenant: str) -> Iterator[str]:
    """Absence is not cancellation: one is told only of an event that really is gone."""
    told = Counter(
        one.component
        for one in world.lms.received
        if one.tenant == tenant and one.type == "meeting.cancelled" and one.stored
    )
    for component, times in told.items():
        made = ours(world, tenant).get(component_key(component), [])
        if times > sum(not is_live(event) for event in made):
            yield f"{component} was told to be cancelled {times} times, and {len(made)} were made"


def _time_in_reports(world: Watched, component: str, tenant: str) -> timedelta:
    """All that any report of the component's meetings spans."""
    total = timedelta()
    for event in ours(world, tenant).get(component_key(component), []):
        for url in event.join_urls:
            for report in world.graph.meetings[url].reports:
                total += report.ended_at - report.started_at
    return total


def _shelved(world: Watched, tenant: str) -> Iterator[str]:
    """Record and shelf copy are the same, and there is one copy at most."""
    where = partition(TenantId(tenant))
    rows = {key: row for (place, key), row in world.memory._rows.items() if place == where}
    copies: dict[str, list[str]] = defaultdict(list)
    for key in rows:
        if key.startswith(("due|", "ahead|", "open|")):
            copies[key.split("|", 2)[2]].append(key)
    for key, row in rows.items():
        if not key.startswith("component|"):
            continue
        name, on = key.partition("|")[2], row.marks.get("on", "")
        found = copies.pop(name, [])
        if found != ([on] if on else []):
            yield f"{name} stands on {found}, its row says {on!r}"
        elif on and rows[on].text != row.text:
            yield f"the copy of {name} differs from its row"
    for name, found in copies.items():
        yield f"{found} without a row for {name}"


# -- at rest ------------------------------------------------------------------------------


def broken_at_rest(world: Watched, tenant: str = TENANT) -> list[str]:
    """What must hold once the ordinary runs had time, with nothing failing any more."""
    world.run("sweep")  # time went by since the last one
    found = broken_now(world, tenant)
    found += _unheard(world, tenant)
    for component in world.lms.tenants[tenant].components.values():
        found += [f"{component.id}: {one}" for one in _unmet(world, component, tenant)]
    for event in world.planted:
        if is_live(event):
            found.append(f"the stray {event.key} still stands")
    return [*found, *_restless(world)]


def _unheard(world: Watched, tenant: str) -> Iterator[str]:
    """Every webhook was taken, or refused for good; and what was taken is stored."""
    for delivery in world.lms.outbox.deliveries:
        if delivery.tenant == tenant and delivery.state == "waiting":
            yield f"webhook {delivery.id} was never taken: {delivery.attempts[-1:]}"


def _unmet(world: Watched, component: Component, tenant: str) -> Iterator[str]:
    record = record_of(world, component.id, tenant)
    if record is None:
        if any(
            component.id in d.body.decode() and d.state == "delivered"
            for d in world.lms.outbox.deliveries
        ):
            yield "was taken and is not stored"
        return
    known = world.looking.tenants.get(TenantId(tenant), fresh=True)
    assert known is not None
    shown = state_json(record, known, world.clock())
    if component.revision != record.saved.revision and component.id not in world.unsent:
        yield f"revision {component.revision} in the LMS, {record.saved.revision} here"
        return
    if record.intent:
        yield f"a {record.intent.act} was never noted"
    if record.owes and next_event(record, world.clock()):
        yield f"events wait for the LMS: {[e.type for e in record.queue]}"
    booking = record.booking
    if booking and booking.slot.start <= world.clock():
        return  # frozen: nothing moves any more
    live = [
        event
        for event in ours(world, tenant).get(record.key, [])
        if is_live(event) and event not in world.planted and event not in world.may_remain
        if event.start > world.clock() or (booking and booking.event_id == event.immutable_id)
    ]
    if [event.immutable_id for event in live] != ([str(booking.event_id)] if booking else []):
        yield f"booked {booking and booking.event_id}, live {[e.immutable_id for e in live]}"
        return
    wanted = _wanted(component)
    if not wanted:
        if live:
            yield "is not wanted, and its event stands"
        return
    if shown["state"] == "scheduled" and not shown["reason"]:
        yield from _unlike(world, component, record, live)
    elif shown["state"] == "pending" and not _holds(shown):
        yield f"still pending: {shown['reason']}"
    elif shown["state"] in ("cancelled", "offline"):
        yield f"is wanted by the LMS and shown as {shown['state']}"


def _wanted(component: Component) -> bool:
    online = component.meet_online if component.meet_online is not None else component.use_zoom
    gone = component.cancelled or component.deleted
    return bool(online) and not gone and component.start is not None


def _holds(shown: dict[str, Any]) -> bool:
    """A reason that lasts until somebody does something about it."""
    return (shown["reason"] or {}).get("code") in ("preview", "tenant_disabled", "braked")


def _unlike(
    world: Watched, component: Component, record: Record, live: list[Event]
) -> Iterator[str]:
    """How Teams differs from what the LMS wants."""
    if len(live) != 1:
        yield f"scheduled, with {len(live)} events"
        return
    (event,) = live
    if (event.start, event.end) != (component.start, component.end):
        yield f"{component.start} in the LMS, {event.start} in Teams"
    if event.subject != component.name:
        yield f"{component.name!r} in the LMS, {event.subject!r} in Teams"
    if component.join_url != event.join_url and not _passed_over(world, component):
        yield f"the LMS links to {component.join_url}, Teams to {event.join_url}"
    owner = component.owner["email"]
    if fold(event.user.upn) != fold(owner):
        yield f"in {event.user.upn}'s calendar, owned by {owner}"
    people = [component.learner]
    if component.kind == "review" and component.employer_can_view:
        people += [p for p in (component.manager, component.mentor) if p]
    wanted = {fold(p["email"]) for p in people} - {fold(owner), ""}
    guests = {fold(address) for address in world.guests.get(event.key, ())}
    there = {fold(attendee.address) for attendee in event.attendees}
    if wanted - there:
        yield f"not invited: {wanted - there}"
    if there - wanted - guests:
        yield f"still invited: {there - wanted - guests}"
    if guests - there:
        yield f"the tutor's guests are gone: {guests - there}"
    kept = any(flag.value == "agenda_not_updated" for flag in record.flags)
    text = component.description or ""
    if text and component.description_format == "text" and not kept and text not in event.content:
        yield f"the agenda is not {text!r}"


def _passed_over(world: Watched, component: Component) -> bool:
    """Whether the link was parked, overtaken, sent again, and is older news than the LMS has."""
    return world.parked and any(
        one.component == component.id and one.type == "meeting.scheduled" and "not above" in one.why
        for one in world.lms.received
    )


def _restless(world: Watched) -> Iterator[str]:
    """A sweep of a settled world writes nothing but its run."""
    before, said = world.rows("runs"), len(world.lms.received)
    written = len(world.writes())
    world.run("sweep")
    after = world.rows("runs")
    for place in sorted(before.keys() | after.keys()):
        if before.get(place) != after.get(place):
            yield f"a sweep at rest writes {place[1]}"
    if len(world.writes()) != written:
        yield f"a sweep at rest asks Graph to {world.writes()[written:]}"
    if len(world.lms.received) != said:
        yield f"a sweep at rest tells the LMS {world.lms.received[-1].type}"
