"""The narrow places of one process: each effect on the world is numbered, and can be meddled with.

An effect is a Graph request, a token asked for, a table transaction, a callback to the LMS, or a
read of the table.
``Gate.twist`` is asked at each; it may end the process just before or just after the effect, lose
its answer, answer in its place, or let something else happen meanwhile.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast
from urllib.parse import unquote

from shared.errors import Broken, Unavailable
from shared.http import Answer, Call, Send
from shared.table import Delete, Op, Page, Row, Table

V = TypeVar("V")
Kind = Literal["graph", "lms", "table", "read", "token"]


class Killed(BaseException):
    """The process ended here, as by SIGKILL: no handler of errors sees it, nothing follows."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The *number*-th effect of a process; *what* names it for people."""

    number: int
    kind: Kind
    what: str

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.what}"


@dataclass(slots=True)
class Twist:
    """What goes wrong at one effect.

    *before*, *after*: run around the effect; either may raise. *carried_out*: whether
    the effect happens at all. *lost*: its answer never comes. *answer*: what Graph or the LMS says
    in its place.
    """

    name: str
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    carried_out: bool = True
    lost: bool = False
    answer: Answer | None = None


Twister = Callable[[Effect], Twist | None]


@dataclass(slots=True)
class Gate:
    """Everything one process does outside itself passes here.

    *turn* is waited for before each effect.
    """

    trace: list[Effect] = field(default_factory=list)
    twist: Twister | None = None
    turn: Callable[[], None] | None = None
    struck: list[str] = field(default_factory=list)
    dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def kill(self) -> None:
        """From here on nothing this process tries happens. Raises Killed."""
        self.dead = True
        raise Killed

    def passes(self, kind: Kind, what: str, do: Callable[[], V], lost: Exception) -> V:
        """Carry out *do*, unless something is made of it; *lost* is raised for a lost answer."""
        if self.turn:
            self.turn()
        with self._lock:
            self._alive()
            effect = Effect(len(self.trace), kind, what)
            self.trace.append(effect)
        twist = self.twist(effect) if self.twist else None
        if twist is None:
            return do()
        self.struck.append(f"{twist.name} at {effect}")
        if twist.before:
            twist.before()
        self._alive()
        done = [do()] if twist.carried_out else []
        if twist.after:
            twist.after()
        self._alive()
        if twist.answer is not None and kind in ("graph", "lms"):
            return cast(V, twist.answer)
        if twist.lost or not done:
            raise lost
        return done[0]

    def _alive(self) -> None:
        if self.dead:
            raise Killed

    # -- what goes through it --------------------------------------------------------------

    def sending(self, kind: Literal["graph", "lms"], send: Send) -> Send:
        """*send* through this gate."""

        def gated(call: Call) -> Answer:
            return self.passes(kind, _named(call), lambda: send(call), Broken(kind, "no_answer"))

        return gated


class GatedTable:
    """A table through a gate.

    *rows_a_page* cuts what it answers, as Azure may at any time, with empty pages in between.
    """

    def __init__(self, table: Table, gate: Gate, rows_a_page: Callable[[], int | None]) -> None:
        self._table = table
        self._gate = gate
        self._rows_a_page = rows_a_page
        self._empty_next = False

    def get(self, partition: str, key: str) -> Row | None:
        return self._gate.passes(
            "read", f"get {_short(key)}", lambda: self._table.get(partition, key), _unavailable()
        )

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
        def read() -> Page:
            return self._table.page(partition, low, high, after, where, marks_only=marks_only)

        page = self._gate.passes("read", f"page {_short(low)}", read, _unavailable())
        return self._cut(page, after)

    def _cut(self, page: Page, after: str) -> Page:
        most = self._rows_a_page()
        if most is None:
            return page
        self._empty_next = bool(after) and not self._empty_next
        if self._empty_next:
            return Page((), after)
        if len(page.rows) <= most:
            return page
        rows = page.rows[:most]
        return Page(rows, rows[-1].key)

    def commit(self, partition: str, ops: Sequence[Op]) -> list[str]:
        names = [_short(op.key if isinstance(op, Delete) else op.row.key) for op in ops]
        what = f"commit {' '.join(dict.fromkeys(names))}"
        return self._gate.passes(
            "table", what, lambda: self._table.commit(partition, ops), _unavailable()
        )


def _unavailable() -> Exception:
    return Unavailable("the state table does not answer")


def _short(key: str) -> str:
    """What kind of row it is."""
    return key.partition("|")[0] or "all"


_IDS = re.compile(r"(?<=sers/|ents/|ings/|orts/|ions/)[^/?]+")


def _named(call: Call) -> str:
    path = unquote(call.url.partition("/v1.0")[2] or call.url.partition("://")[2])
    return f"{call.method} {_IDS.sub('…', path).partition('?')[0]}"
