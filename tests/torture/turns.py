"""Processes at work at the same time, one effect at a time, in an order that can be repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from shared.ports import Ports
from tests.torture.world import TortureWorld

PATIENCE_S = 60.0


class Turns:
    """Whose turn it is: a process keeps it from one effect of its own to just before its next.

    *order* names the process that goes on each time one comes to an effect; when it ends, or names
    one that is done, whoever is at it goes on.
    """

    def __init__(self, order: Iterable[int], processes: int) -> None:
        self._order = iter(order)
        self._turn = 0
        self._working = set(range(processes))
        self._changed = threading.Condition()

    def take(self, me: int) -> None:
        """Wait, before an effect of *me*, until it may be carried out."""
        with self._changed:
            if self._turn == me:
                self._pass_on(next(self._order, me))
            self._wait(me)

    def work(self, me: int, act: Callable[[], object]) -> None:
        """All that *me* does, from its first turn on."""
        with self._changed:
            self._wait(me)
        try:
            act()
        finally:
            with self._changed:
                self._working.discard(me)
                if self._turn == me:
                    self._pass_on(next(self._order, me))

    def _pass_on(self, to: int) -> None:
        self._turn = to if to in self._working else min(self._working, default=to)
        self._changed.notify_all()

    def _wait(self, me: int) -> None:
        if not self._changed.wait_for(lambda: self._turn == me, PATIENCE_S):
            raise AssertionError(f"process {me} waits for process {self._turn}")


def together(
    world: TortureWorld, order: Iterable[int], *works: tuple[Ports, Callable[[], object]]
) -> None:
    """Each process does its work in a thread of its own; raises what one of them raises."""
    turns = Turns(order, len(works))

    def work(me: int, ports: Ports, act: Callable[[], object]) -> None:
        gate = world.gate_of(ports)
        gate.turn = partial(turns.take, me)
        with world.as_(ports):
            turns.work(me, act)
        gate.turn = None

    with ThreadPoolExecutor(len(works), "process") as pool:
        for done in [pool.submit(work, me, *one) for me, one in enumerate(works)]:
            done.result()
