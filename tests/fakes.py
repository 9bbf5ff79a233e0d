"""Stand-ins without a service, held to the same contract as the real thing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from shared.errors import Stale
from shared.table import PAGE, Delete, Insert, Op, Page, Replace, Row, check_group


class MemoryTable:
    """The same promises without a service: for tests, under the same contract as the real one."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._lock = threading.Lock()
        self._count = 0

    def get(self, partition: str, key: str) -> Row | None:
        return self._rows.get((partition, key))

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
        with self._lock:
            found = sorted(
                (
                    row
                    for (part, key), row in self._rows.items()
                    if part == partition and low <= key < high and key > after
                ),
                key=lambda row: row.key,
            )
        chunk = tuple(row for row in found[:PAGE] if _passes(row, where))
        if marks_only:
            chunk = tuple(replace(row, text="") for row in chunk)
        return Page(chunk, found[PAGE - 1].key if len(found) > PAGE else "")

    def commit(self, partition: str, ops: Sequence[Op]) -> list[str]:
        check_group(ops)
        with self._lock:
            for op in ops:
                key = op.key if isinstance(op, Delete) else op.row.key
                there = self._rows.get((partition, key))
                if _loses(op, there):
                    raise Stale(key)
            return [self._apply(partition, op) for op in ops]

    def _apply(self, partition: str, op: Op) -> str:
        if isinstance(op, Delete):
            self._rows.pop((partition, op.key), None)
            return ""
        self._count += 1
        etag = f'W/"{self._count}"'
        self._rows[partition, op.row.key] = replace(op.row, etag=etag)
        return etag


def _loses(op: Op, there: Row | None) -> bool:
    match op:
        case Insert():
            return there is not None
        case Replace(row):
            return there is None or there.etag != row.etag
        case Delete(_, etag):
            return there is None or etag not in ("", there.etag)
    return False


def _passes(row: Row, where: str) -> bool:
    for term in filter(None, where.split(" and ")):
        if ">=" in term:
            name, value = term.split(">=")
            if not (name in row.marks and row.marks[name] >= value):
                return False
        else:
            name, value = term.split("<")
            if not (name in row.marks and row.marks[name] < value):
                return False
    return True
