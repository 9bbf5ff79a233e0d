"""A tenant's work cut into pieces by organizer, so that a mailbox is in one piece only.

A piece is the unit of work whoever does it: the timer itself, or whichever instance takes it from
the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.model import TenantId
from shared.record import Shelf
from shared.store import Store

FIRST, LAST = "", "~"

Range = tuple[Shelf, datetime | None, datetime | None]
"""Part of a shelf: since <= start < until."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The components whose owners' buckets lie in low <= bucket < high."""

    low: str = FIRST
    high: str = LAST

    @property
    def buckets(self) -> tuple[str, str] | None:
        """None for all of them."""
        return None if self == Piece() else (self.low, self.high)


def cut(store: Store, tenant: TenantId, ranges: Iterable[Range], size: int) -> Iterator[Piece]:
    """Pieces of about *size* components that cover *ranges*, owners kept whole."""
    sizes: Counter[str] = Counter()
    for which, since, until in ranges:
        sizes.update(place.bucket for place in store.places(tenant, which, since, until))
    low, count = FIRST, 0
    for one in sorted(sizes):
        if count and count + sizes[one] > size:
            yield Piece(low, one)
            low, count = one, 0
        count += sizes[one]
    if count:
        yield Piece(low, LAST)
