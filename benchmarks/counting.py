"""Counting and timing at the three places where the connector meets the outside.

Each is one narrow interface of the code (``Table``, ``Send`` to Graph, ``Send`` to the LMS), so
that what is counted is what goes over the wire. CPU is the calling thread's own.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shared.http import Answer, Call, Send
from shared.table import Op, Page, Row, Table

R = TypeVar("R")


@dataclass(slots=True)
class Tally:
    """What went over the wires, and what it took.

    Counts: ``graph_requests`` (HTTP), ``graph_items`` (in batches, or alone), ``callbacks``,
    ``table_reads`` (gets and pages), ``entities_read``, ``transactions``, ``entities_written``.
    *cpu_s* and *wall_s* are by part: ``tables``, ``graph``, ``callbacks``. *most* is how many
    requests to Graph were in flight at once.
    """

    counts: Counter[str] = field(default_factory=Counter)
    cpu_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    wall_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    most: int = 0
    _flying: int = 0
    _lock: Any = field(default_factory=threading.Lock)

    def clear(self) -> None:
        with self._lock:
            self.counts.clear()
            self.cpu_s.clear()
            self.wall_s.clear()
            self.most = 0

    def add(self, **counts: int) -> None:
        with self._lock:
            self.counts.update(counts)

    @contextlib.contextmanager
    def flying(self) -> Iterator[None]:
        with self._lock:
            self._flying += 1
            self.most = max(self.most, self._flying)
        try:
            yield
        finally:
            with self._lock:
                self._flying -= 1

    def timed(self, part: str, call: Callable[[], R]) -> R:
        cpu, wall = time.thread_time(), time.perf_counter()
        try:
            return call()
        finally:
            with self._lock:
                self.cpu_s[part] += time.thread_time() - cpu
                self.wall_s[part] += time.perf_counter() - wall


class CountedTable:
    """A table, counted."""

    def __init__(self, table: Table, tally: Tally) -> None:
        self._table = table
        self._tally = tally

    def get(self, partition: str, key: str) -> Row | None:
        row = self._tally.timed("tables", lambda: self._table.get(partition, key))
        self._tally.add(table_reads=1, entities_read=row is not None)
        return row

    def page(
        self,
        partition: str,
        low: str,
        high: str,
        after: str = "",
        where: str = "",
        *,
        marks_only: bool = False,
    ) -> Page:
        page = self._tally.timed(
            "tables",
            lambda: self._table.page(partition, low, high, after, where, marks_only=marks_only),
        )
        self._tally.add(table_reads=1, entities_read=len(page.rows))
        return page

    def commit(self, partition: str, ops: Sequence[Op]) -> list[str]:
        self._tally.add(transactions=1, entities_written=len(ops))
        return self._tally.timed("tables", lambda: self._table.commit(partition, ops))


def counted_graph(send: Send, tally: Tally) -> Send:
    def counted(call: Call) -> Answer:
        batch = call.url.endswith("/$batch")
        items = len(json.loads(call.body or b"{}")["requests"]) if batch else 1
        tally.add(graph_requests=1, graph_items=items)
        with tally.flying():
            return tally.timed("graph", lambda: send(call))

    return counted


def counted_lms(send: Send, tally: Tally) -> Send:
    def counted(call: Call) -> Answer:
        tally.add(callbacks=1)
        return tally.timed("callbacks", lambda: send(call))

    return counted
