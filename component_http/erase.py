"""``POST …/erase``: forget a person, as far as we are the ones who remember.

What goes: their name, address and object id in every component that names or named them (shelf
copies, queued events and history with it), what was accepted as their other identities, what the
directory told of them as an owner; their own row is emptied, because evidence names them by its
key. Evidence stays byte for byte. A report read later does not bring them back; a save does: the
LMS is the source.

Components still ahead are no exception. Their events stay in Teams as they are, and the component
says ``learner_missing`` or ``owner_missing``, which the LMS is told: it cancels, or saves again
whom it wants there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from component_http.lookup import the_tenant
from component_http.receive import Reply
from shared import contract, erasure
from shared.erasure import Whom
from shared.keys import ComponentKey, partition, person_key
from shared.model import By, Happening, Organizer, PersonKey, Tenant
from shared.persons import NOBODY, PersonRow, alias_key, row_key
from shared.ports import Ports
from shared.record import Record, with_line
from shared.store import Stored, Write
from shared.telemetry import inherited
from shared.verify import Aliases

SECONDS = 150.0
PIECE = 100
TRIES = 5
COUNTED = (
    "people", "components", "ahead", "events", "history", "aliases", "organizers", "left",
)  # fmt: skip
"""Rows of people emptied; components cleared, and how many of them lie ahead; events for the LMS
and lines of history that named the person; accepted identities; directory readings; components
left."""


def erase(ports: Ports, tenant_id: str, body: bytes) -> Reply:
    """Counts of what was cleared. 202 when components are *left*: call again.

    Those are being written to Teams at this moment, or there were more than one call can do.
    """
    tenant = the_tenant(ports, tenant_id)
    counts = _Erasure(ports, tenant).run(contract.parse_email(body))
    return Reply(202 if counts["left"] else 200, dict(counts))


class _Erasure:
    """One person's, of one tenant."""

    def __init__(self, ports: Ports, tenant: Tenant) -> None:
        self._ports = ports
        self._tenant = tenant
        self._where = partition(tenant.id)
        self._now = ports.clock()
        self._end = time.monotonic() + SECONDS
        self._counts: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))

    def run(self, address: str) -> Counter[str]:
        whom = self._known_as(Whom.by([address]))
        keys = sorted(self._components(whom))
        pieces = iter(keys)
        while (piece := list(islice(pieces, PIECE))) and time.monotonic() < self._end:
            self._clear(piece, whom)
            keys = keys[len(piece) :]
        self._counts["left"] += len(keys)
        if not self._counts["left"]:
            # Last: by these rows a second call finds what the first could not finish.
            self._forget_organizers(whom)
            self._empty_people(whom)
        return self._counts

    # -- who it is -----------------------------------------------------------------------

    def _known_as(self, whom: Whom) -> Whom:
        """The person by everything that leads from one to another: rows, owners, components."""
        met: set[ComponentKey] = set()
        while True:
            found = whom
            for row in self._rows(whom):
                found = found.joined_with(Whom.by([row.email], [row.entra_id]))
            for organizer in self._ports.store.organizers(self._tenant.id).values():
                if _is_owner(organizer, whom):
                    known = Whom.by([organizer.key, *organizer.addresses], [organizer.id])
                    found = found.joined_with(known)
            for aliases in self._aliases(whom):
                names = [(one.address, one.id) for one in aliases.identities]
                found = found.joined_with(Whom.by(*zip(*names, strict=True)) if names else Whom())
            new = self._components(whom) - met
            for stored in self._read(new):
                found = erasure.known_as(stored.record, found)
            met |= new
            if found == whom:
                return whom
            whom = found

    def _keys(self, whom: Whom) -> list[PersonKey]:
        names = sorted(whom.addresses | whom.ids)
        return [person_key(self._ports.deployment, self._tenant.id, name) for name in names]

    def _rows(self, whom: Whom) -> Iterator[PersonRow]:
        """The person's rows, and those these point to."""
        for key in self._keys(whom):
            row = self._row(key)
            if row:
                yield row
                pointed = self._row(PersonKey(row.same_as)) if row.same_as else None
                yield from [pointed] if pointed else []

    def _row(self, key: PersonKey) -> PersonRow | None:
        held = self._ports.store.read(self._where, row_key(key), PersonRow)
        return held.value if held else None

    def _aliases(self, whom: Whom) -> Iterator[Aliases]:
        for key in self._keys(whom):
            held = self._ports.store.read(self._where, alias_key(key), Aliases)
            if held:
                yield held.value

    def _components(self, whom: Whom) -> set[ComponentKey]:
        naming = self._ports.store.naming
        return {one for key in self._keys(whom) for one in naming(self._tenant.id, key)}

    # -- what is remembered of them ------------------------------------------------------

    def _read(self, keys: Iterable[ComponentKey]) -> list[Stored]:
        def read(key: ComponentKey) -> Stored | None:
            return self._ports.store.get(self._tenant.id, key)

        with ThreadPoolExecutor(8, "erase", inherited()) as pool:
            return [stored for stored in pool.map(read, keys) if stored]

    def _clear(self, keys: Iterable[ComponentKey], whom: Whom) -> None:
        left = list(keys)
        self._counts["history"] += self._clear_history(left, whom)
        for _ in range(TRIES):
            writes = []
            for stored in self._read(left):
                record = self._cleared(stored.record, whom)
                if record != stored.record and stored.record.intent:
                    # Exactly that request may be on its way, and must be repeated as it is.
                    self._counts["left"] += 1
                elif record != stored.record:
                    writes.append(Write(stored, record))
            results = self._ports.store.write(self._tenant.id, writes)
            left = []
            for write, result in zip(writes, results, strict=True):
                if isinstance(result, Stored):
                    self._count(write)
                else:
                    left.append(write.record.key)
            if not left:
                break
        self._counts["left"] += len(left)

    def _clear_history(self, keys: Iterable[ComponentKey], whom: Whom) -> int:
        def clear(key: ComponentKey) -> int:
            return self._ports.store.rewrite_history(
                self._tenant.id, key, lambda line: erasure.without(Happening, line, whom)
            )

        with ThreadPoolExecutor(8, "erase", inherited()) as pool:
            return sum(pool.map(clear, keys))

    def _cleared(self, record: Record, whom: Whom) -> Record:
        cleared = erasure.without(Record, record, whom)
        if cleared == record:
            return record
        return with_line(cleared, self._now, "erased", "A person's data were erased.", By.PERSON)

    def _count(self, write: Write) -> None:
        before = write.seen.record if write.seen else write.record
        self._counts["components"] += 1
        changed = zip(before.queue, write.record.queue, strict=True)
        self._counts["events"] += sum(one != other for one, other in changed)
        slot = before.booking.slot if before.booking else before.slot
        self._counts["ahead"] += bool(
            before.wants_meeting and slot is not None and slot.start > self._now
        )

    def _forget_organizers(self, whom: Whom) -> None:
        organizers = self._ports.store.organizers(self._tenant.id)
        theirs = [key for key, organizer in organizers.items() if _is_owner(organizer, whom)]
        self._ports.store.drop_organizers(self._tenant.id, theirs)
        self._ports.directory.forget(self._tenant.id, theirs)
        self._counts["organizers"] += len(theirs)

    def _empty_people(self, whom: Whom) -> None:
        store = self._ports.store
        deciders = [
            person_key(self._ports.deployment, self._tenant.id, f"by|{address}")
            for address in whom.addresses
        ]
        emptied = [
            row_key(key)
            for key in (*self._keys(whom), *deciders)
            if (self._row(key) or NOBODY) != NOBODY
        ]
        store.put(self._where, [(key, NOBODY) for key in emptied])
        self._counts["people"] += len(emptied)
        mine = {alias_key(key) for key in self._keys(whom)}
        for key, held in list(store.all(self._where, "alias|", Aliases)):
            kept = tuple(
                one
                for one in held.value.identities
                if key not in mine and not whom.is_any_of([one.address], [one.id])
            )
            if kept != held.value.identities:
                store.put(self._where, [(key, Aliases(kept))])
                self._counts["aliases"] += len(held.value.identities) - len(kept)


def _is_owner(organizer: Organizer, whom: Whom) -> bool:
    return whom.is_any_of([organizer.key, *organizer.addresses], [organizer.key, organizer.id])
