"""What the promises look at: a world in one process, or one of several real ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from shared.ports import Ports
from tests.fakes import MemoryTable
from tests.simulators.clock import SimClock
from tests.simulators.graph.model import Event
from tests.simulators.graph.simulator import GraphSimulator
from tests.simulators.lms.simulator import LmsSimulator
from tests.torture.gate import Gate


class Watched(Protocol):
    """A world at which the ordinary runs can be made, and looked at; see `world.TortureWorld` for
    what the attributes mean."""

    clock: SimClock
    graph: GraphSimulator
    lms: LmsSimulator
    ports: Ports
    looking: Ports
    planted: set[Event]
    may_remain: set[Event]
    guests: dict[str, set[str]]
    unsent: set[str]
    parked: bool
    restored: bool

    @property
    def memory(self) -> MemoryTable:
        """The table, or what was in it after the last run."""

    @property
    def processes(self) -> Sequence[Gate]:
        """The gates of those processes that have one."""

    def run(self, what: str) -> bool: ...

    def pass_(self, **time: float) -> None: ...

    def rows(self, *without: str) -> Mapping[tuple[str, str], str]: ...

    def writes(self) -> Sequence[str]: ...

    def story(self) -> Collection[str]: ...
