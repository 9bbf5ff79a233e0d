"""One component on its way through a run, and what was gathered for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.errors import RemoteError
from shared.graph import protocol
from shared.graph.client import Outcome
from shared.keys import ComponentKey
from shared.model import Booking
from shared.record import Record
from shared.scheduling.views import View
from shared.store import Stored
from shared.table import Op


@dataclass(slots=True)
class Work:
    """One component on its way through a run.

    *seen* is the row as read, None for one never stored; *record* is what it is to become.
    *beside* are rows to be stored with it. *view* is what was gathered for it. *vanished*: its
    event is gone and the brake must be asked; *vanished_may_go* is its answer. *rests*: nothing
    more is tried in this run. *wait* is what Microsoft asked for before the next try.
    """

    seen: Stored | None
    record: Record
    view: View | None = None
    vanished: bool = False
    vanished_may_go: bool = False
    beside: tuple[Op, ...] = ()
    failures: int = 0
    wait: timedelta | None = None
    rests: bool = False

    @property
    def key(self) -> ComponentKey:
        return self.record.key

    @property
    def dirty(self) -> bool:
        return self.seen is None or self.record != self.seen.record

    @property
    def booking(self) -> Booking:
        """The event; only for works that are known to have one."""
        if self.record.booking is None:
            raise AssertionError("no event is booked")
        return self.record.booking


def view_of(outcome: Outcome) -> View:
    """What a read's outcome tells of an event."""
    if isinstance(outcome, RemoteError):
        return protocol.view_of_error(outcome)
    try:
        return protocol.view_of(outcome)
    except RemoteError as error:
        return protocol.view_of_error(error)
