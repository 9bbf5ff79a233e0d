"""What is remembered, as rows of one table. Knows our rows; ``shared.table`` knows the service.

Partitions: one per tenant, and ``tenants``, ``hints``, ``runs``, ``deployment`` of their own.
In a tenant's: ``component|<key>`` is the record; beside it at most one copy of the record stands
on a shelf (``due|``, ``ahead|``, ``open|`` then the start, then the key), so that a sweep reads
records in start order without reading what is stored; ``month|<month>|<key>`` by which the purge
finds what is old; ``history|``, ``evidence|``, ``person|``, ``named|``, ``alias|``, ``organizer|``.
Record and shelf copy always change in one group that names the ETag
of whichever of the two was read: so either guards both.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared import codec
from shared.errors import Stale
from shared.keys import ComponentKey, partition, stamp
from shared.model import Happening, Organizer, PersonKey, Tenant, TenantId
from shared.record import Record, Shelf, latest_start, shelf
from shared.table import (
    GROUP_BYTES,
    GROUP_OPERATIONS,
    Delete,
    Insert,
    Op,
    Put,
    Replace,
    Row,
    Table,
    op_size,
    rows,
)

V = TypeVar("V")
log = logging.getLogger(__name__)
FEW = 8
LAST = "\x7f"  # after every character our keys use


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as read. *etag* is that of the row *read_as*, whichever of the two it was."""

    record: Record
    etag: str
    read_as: str
    on: str = ""  # the key of the shelf copy, "" when there is none
    month: str = ""  # under which it stands in the index by month, "" when it does not


@dataclass(frozen=True, slots=True)
class Held(Generic[V]):
    """A value of another kind with the ETag it was read with."""

    value: V
    etag: str


@dataclass(frozen=True, slots=True)
class Write:
    """One component's change, None as *seen* for a new one; *beside* are rows that go with it."""

    seen: Stored | None
    record: Record
    beside: tuple[Op, ...] = field(default=())


def bucket(owner_key: str) -> str:
    """Where an owner's components fall when a sweep is cut into pieces: a mailbox is in one."""
    return hashlib.sha256(owner_key.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Place:
    """A component on a shelf without its record: its key and its owner's bucket."""

    key: ComponentKey
    bucket: str


class Store:
    """Reads and writes of one deployment's state."""

    def __init__(self, table: Table) -> None:
        self.table = table

    # -- components ------------------------------------------------------------------------

    def get(self, tenant: TenantId, key: ComponentKey) -> Stored | None:
        row = self.table.get(partition(tenant), f"component|{key}")
        return _stored(row) if row else None

    def shelf(
        self,
        tenant: TenantId,
        which: Shelf,
        since: datetime | None = None,
        until: datetime | None = None,
        buckets: tuple[str, str] | None = None,
    ) -> Iterator[Stored]:
        """Records of a shelf with since <= start < until, soonest first.

        One that cannot be read is left out and told as failed: it must not hold up the others.
        """
        low, high = _range(which, since, until)
        where = f"bucket>={buckets[0]} and bucket<{buckets[1]}" if buckets else ""
        for row in rows(self.table, partition(tenant), low, high, where):
            try:
                stored = _stored(row)
            except (ValueError, TypeError, LookupError, AttributeError):
                key = row.key.split("|", 2)[2]
                log.warning(
                    "component.failed",
                    extra={"tenant": tenant, "component": key, "why": "row_unreadable"},
                )
                continue
            yield stored

    def places(
        self,
        tenant: TenantId,
        which: Shelf,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Place]:
        """The same range as ``shelf``, without reading the records."""
        low, high = _range(which, since, until)
        for row in rows(self.table, partition(tenant), low, high, marks_only=True):
            yield Place(ComponentKey(row.key.split("|", 2)[2]), row.marks["bucket"])

    def components(self, tenant: TenantId, after: str = "") -> tuple[list[Stored], str]:
        """A page of all components in key order, and where the next one starts ("" at the end)."""
        page = self.table.page(partition(tenant), "component|", f"component|{LAST}", after)
        return [_stored(row) for row in page.rows], page.next

    def write(self, tenant: TenantId, writes: Sequence[Write]) -> list[Stored | Stale]:
        """Carry out each change, many to a transaction; one that lost its race is a ``Stale``.

        A component stands in *writes* once. A group that loses is carried out again one by one,
        so that a race over one component holds up no other.
        """
        done: list[Stored | Stale] = []
        # One group's rows at a time: their texts are most of the memory that a sweep takes.
        for group in _groups(_change(write) for write in writes):
            try:
                done += self._commit(tenant, group)
            except Stale as stale:
                if len(group) == 1:
                    done.append(stale)
                else:
                    done += [self._alone(tenant, one) for one in group]
        return done

    def _alone(self, tenant: TenantId, one: _Change) -> Stored | Stale:
        try:
            return self._commit(tenant, [one])[0]
        except Stale as stale:
            return stale

    def _commit(self, tenant: TenantId, group: list[_Change]) -> list[Stored]:
        ops = {_name(op): op for one in group for op in one.ops}
        etags = dict(zip(ops, self.table.commit(partition(tenant), [*ops.values()]), strict=True))
        return [Stored(one.record, etags[one.home], one.home, one.on, one.month) for one in group]

    def months_before(self, tenant: TenantId, month: str) -> Iterator[tuple[str, ComponentKey]]:
        """Month and key of the components before *month* (``2026-04``), oldest first."""
        where, high = partition(tenant), f"month|{month}"
        for row in rows(self.table, where, "month|", high, marks_only=True):
            _, at, key = row.key.split("|", 2)
            yield at, ComponentKey(key)

    def naming(self, tenant: TenantId, person: PersonKey) -> Iterator[ComponentKey]:
        """Components that name a person, or once did."""
        prefix = f"named|{person}|"
        for row in rows(self.table, partition(tenant), prefix, prefix + LAST, marks_only=True):
            yield ComponentKey(row.key.removeprefix(prefix))

    def remove(self, tenant: TenantId, stored: Stored, beside: Sequence[str] = ()) -> None:
        """Delete a component, its history and its evidence for good, with the rows *beside* names.

        *stored* is as ``get`` gave it. Raises Stale when somebody wrote it since: then it stands.
        Only of one with more rows than fit a transaction the oldest lines may be gone.
        """
        where, key = partition(tenant), stored.record.key
        own = [Delete(stored.read_as, stored.etag)]
        own += [Delete(one) for one in (stored.on, *beside) if one]
        own += [Delete(month_key(stored.month, key))] if stored.month else []
        lines = [
            row.key
            for prefix in (f"history|{key}|", f"evidence|{key}|")
            for row in rows(self.table, where, prefix, prefix + LAST, marks_only=True)
        ]
        spare = max(0, len(lines) + len(own) - GROUP_OPERATIONS)
        for n in range(0, spare, GROUP_OPERATIONS):
            chunk = lines[n : min(n + GROUP_OPERATIONS, spare)]
            self.table.commit(where, [Delete(one) for one in chunk])
        self.table.commit(where, [*own, *(Delete(one) for one in lines[spare:])])

    def history(self, tenant: TenantId, key: ComponentKey) -> list[Happening]:
        """Every line, oldest first."""
        lines: list[Happening] = []
        prefix = f"history|{key}|"
        for row in rows(self.table, partition(tenant), prefix, prefix + LAST):
            lines += codec.loads(_Lines, row.text).lines
        return lines

    def rewrite_history(
        self, tenant: TenantId, key: ComponentKey, turn: Callable[[Happening], Happening]
    ) -> int:
        """Turn each line; how many changed. Nobody else ever writes one a second time."""
        prefix, changed = f"history|{key}|", 0
        for row in list(rows(self.table, partition(tenant), prefix, prefix + LAST)):
            lines = codec.loads(_Lines, row.text).lines
            turned = tuple(turn(line) for line in lines)
            if turned != lines:
                new = Row(row.key, codec.dumps(_Lines(turned)), etag=row.etag)
                self.table.commit(partition(tenant), [Replace(new)])
                changed += sum(one != other for one, other in zip(lines, turned, strict=True))
        return changed

    def evidence(self, tenant: TenantId, key: ComponentKey) -> list[str]:
        """Every evidence record's JSON, oldest first, byte for byte as it was written."""
        prefix = f"evidence|{key}|"
        return [row.text for row in rows(self.table, partition(tenant), prefix, prefix + LAST)]

    # -- values of other kinds -------------------------------------------------------------

    def read(self, where: str, key: str, kind: type[V]) -> Held[V] | None:
        row = self.table.get(where, key)
        return Held(codec.loads(kind, row.text), row.etag) if row else None

    def all(self, where: str, prefix: str, kind: type[V]) -> Iterator[tuple[str, Held[V]]]:
        """Every value of a kind with its key, in key order."""
        for row in rows(self.table, where, prefix, prefix + LAST):
            yield row.key, Held(codec.loads(kind, row.text), row.etag)

    def insert(self, where: str, key: str, value: Any) -> str:
        """Raises Stale when it is there already."""
        return self.table.commit(where, [Insert(Row(key, codec.dumps(value)))])[0]

    def replace(self, where: str, key: str, value: Any, etag: str) -> str:
        """Raises Stale when it is not what was read."""
        return self.table.commit(where, [Replace(Row(key, codec.dumps(value), etag=etag))])[0]

    def put(self, where: str, values: Iterable[tuple[str, Any]]) -> None:
        """For what may be overwritten blindly: caches, hints and run records."""
        puts = [Put(Row(key, codec.dumps(value))) for key, value in values]
        for n in range(0, len(puts), GROUP_OPERATIONS):
            self.table.commit(where, puts[n : n + GROUP_OPERATIONS])

    def delete(self, where: str, key: str, etag: str = "") -> None:
        """Raises Stale when it changed meanwhile, or is gone."""
        self.table.commit(where, [Delete(key, etag)])

    def change(self, where: str, key: str, kind: type[V], turn: Callable[[V | None], V]) -> V:
        """Read, turn and write back, again from the start after each lost race."""
        for lost in range(50):
            held = self.read(where, key, kind)
            value = turn(held.value if held else None)
            if held and value == held.value:
                return value
            try:
                if held:
                    self.replace(where, key, value, held.etag)
                else:
                    self.insert(where, key, value)
            except Stale:
                time.sleep(random.uniform(0, 0.002 * lost))  # noqa: S311 - so that not all meet again
                continue
            return value
        raise Stale(key)

    # -- tenants ---------------------------------------------------------------------------

    def tenant(self, tenant: TenantId) -> Held[Tenant] | None:
        return self.read("tenants", tenant, Tenant)

    def tenants(self) -> list[Tenant]:
        return [held.value for _, held in self.all("tenants", "", Tenant)]

    def organizers(self, tenant: TenantId) -> dict[str, Organizer]:
        """What is known of every owner, by owner key."""
        found = self.all(partition(tenant), "organizer|", Organizer)
        return {held.value.key: held.value for _, held in found}

    def organizer(self, tenant: TenantId, owner_key: str) -> Organizer | None:
        held = self.read(partition(tenant), organizer_key(owner_key), Organizer)
        return held.value if held else None

    def organizers_among(self, tenant: TenantId, owner_keys: Iterable[str]) -> dict[str, Organizer]:
        """What is known of some owners, by owner key.

        A few are read each by itself; of many, a page of all that lie between them costs less, as
        long as it holds some of them.
        """
        where, asked = partition(tenant), {*map(organizer_key, owner_keys)}
        left, dense, found = sorted(asked), True, list[Row]()
        while len(left) > FEW and dense:
            page = self.table.page(where, left[0], left[-1] + LAST)
            found += page.rows
            beyond = [key for key in left if page.next and key > page.next]
            left, dense = beyond, len(left) - len(beyond) >= FEW
        found += filter(None, (self.table.get(where, key) for key in left))
        organizers = (codec.loads(Organizer, row.text) for row in found if row.key in asked)
        return {organizer.key: organizer for organizer in organizers}

    def drop_organizers(self, tenant: TenantId, owner_keys: Iterable[str]) -> None:
        """For owners that are known; no harm to those that are not."""
        for key in owner_keys:
            with suppress(Stale):
                self.delete(partition(tenant), organizer_key(key))

    def keep_organizers(self, tenant: TenantId, organizers: Iterable[Organizer]) -> None:
        self.put(partition(tenant), [(organizer_key(o.key), o) for o in organizers])


def _range(which: Shelf, since: datetime | None, until: datetime | None) -> tuple[str, str]:
    low = f"{which.value}|{stamp(since) if since else ''}"
    return low, f"{which.value}|{stamp(until) if until else LAST}"


def organizer_key(owner_key: str) -> str:
    return f"organizer|{hashlib.sha256(owner_key.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class _Lines:
    lines: tuple[Happening, ...]


def _stored(row: Row) -> Stored:
    record = codec.loads(Record, row.text)
    on = row.marks.get("on", "") if row.key.startswith("component|") else row.key
    return Stored(record, row.etag, row.key, on, row.marks.get("month", ""))


def _shelf_key(record: Record) -> str:
    place = shelf(record)
    return f"{place[0].value}|{place[1]}|{record.key}" if place else ""


def _month(write: Write) -> str:
    """The month that decides how long a component is kept: its start's, in UTC; that of its last
    line of history while it has no start."""
    start = latest_start(write.record)
    if start is None and write.record.fresh:
        start = write.record.fresh[-1].at
    if start is None:
        return write.seen.month if write.seen else ""
    return f"{start:%Y-%m}"


def month_key(month: str, key: ComponentKey) -> str:
    return f"month|{month}|{key}"


@dataclass(frozen=True, slots=True)
class _Change:
    """The operations of one write, and what is stored by them."""

    ops: list[Op]
    record: Record
    home: str
    on: str
    month: str


def _change(write: Write) -> _Change:
    seen, fresh = write.seen, write.record.fresh
    # New history lines stand in a row of their own.
    lines = write.record.lines + (1 if fresh else 0)
    record = replace(write.record, fresh=(), lines=lines) if fresh else write.record
    key, on, month = record.key, _shelf_key(record), _month(write)
    text = codec.dumps(record)
    home, was = f"component|{key}", seen.on if seen else ""
    etags = {seen.read_as: seen.etag} if seen else {}
    row = Row(home, text, {"on": on, "month": month}, etags.get(home, ""))
    marks = {"bucket": bucket(record.saved.owner.key), "month": month}
    ops: list[Op] = [Insert(row) if seen is None else Replace(row) if row.etag else Put(row)]
    guard = etags.get(was, "")
    if was and was == on:
        copy = Row(on, text, marks, guard)
        ops.append(Replace(copy) if guard else Put(copy))
    else:
        if was:
            ops.append(Delete(was, guard))
        if on:
            ops.append(Put(Row(on, text, marks)))
    if fresh:
        ops.append(Insert(Row(f"history|{key}|{lines:08d}", codec.dumps(_Lines(fresh)))))
    if seen and seen.month and seen.month != month:
        ops.append(Delete(month_key(seen.month, key)))
    if month and not (seen and seen.month == month):
        ops.append(Put(Row(month_key(month, key), "")))
    return _Change([*ops, *write.beside], record, home, on, month)


def _groups(changes: Iterable[_Change]) -> Iterator[list[_Change]]:
    """Cut where a transaction would be too long or too large; a component is never cut.

    A row that several components bring along alike (a person they share) counts, and is written,
    once; each keeps it, in case the group loses and is split.
    """
    group: list[_Change] = []
    held: dict[str, Op] = {}
    size = 0
    for change in changes:
        named = {_name(op): op for op in change.ops}
        new = {name: op for name, op in named.items() if held.get(name) != op}
        weight = sum(map(op_size, new.values()))
        full = len(held) + len(new) > GROUP_OPERATIONS or size + weight > GROUP_BYTES
        if group and (full or new.keys() & held.keys()):
            yield group
            group, held, size = [], {}, 0
            weight = sum(map(op_size, named.values()))
        group.append(change)
        held |= named
        size += weight
    if group:
        yield group


def _name(op: Op) -> str:
    return op.key if isinstance(op, Delete) else op.row.key
