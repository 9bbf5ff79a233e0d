"""A Graph that says one strange thing in one of its answers, and is honest before and after.

``stories`` are what the connector does with Graph, each from a fresh world. Played honestly, a
story yields every answer it met; ``lies`` then puts, node by node, a value of another kind in each
place of each answer. Told a lie, the connector may wait and must say why; it may not cancel what
nobody cancelled, tell the LMS what did not happen, or fail in a way nobody foresaw.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from component_http import operate
from component_http.check import check
from shared.http import Answer, Call
from tests.flows.world import ENTRA, LEARNER, TENANT, TUTOR, World

OTHER = {"email": "other.tutor@college.example", "name": "O. Ther"}
COMPONENTS = ("C-1", "C-2")
EARLIER = datetime(2026, 4, 20, 8, 0, tzinfo=UTC)


def _nested(levels: int) -> Any:
    found: Any = "x"
    for _ in range(levels):
        found = [found]
    return found


KINDS: dict[str, Any] = {
    "null": None,
    "list": [],
    "list of text": ["x"],
    "object": {},
    "object with an id": {"id": "x", "value": ["x"]},
    "empty": "",
    "text": "x",
    "half a character": "\ud83d",
    "megabyte": "x" * 1_000_000,
    "zero": 0,
    "negative": -1,
    "fraction": 0.5,
    "huge": 10**400,
    "infinite": float("inf"),
    "true": True,
    "nesting": _nested(400),
}
"""What is put in a node's place, by what it is called."""

FORMS: dict[str, bytes] = {
    "nothing": b"",
    "html": b"<html><body>Service unavailable</body></html>",
    "NaN": b"NaN",
    "bomb": b"[" * 100_000,
    "utf-16": '{"value": []}'.encode("utf-16"),
    "error": b'{"error": {"code": "InternalServerError", "message": "x"}}',
}
"""What is put in a whole answer's place; ``half`` of it comes besides."""


@dataclass(frozen=True, slots=True)
class Lie:
    """What the answer of number *answer* says instead: *kind* at *path*, or a whole *form*."""

    answer: int
    path: tuple[str | int, ...]
    kind: str
    form: str = ""

    def told(self, answer: Answer) -> Answer:
        return Answer(answer.status, answer.headers, self._body(answer.body))

    def _body(self, body: bytes) -> bytes:
        if self.form:
            return FORMS.get(self.form, body[: len(body) // 2])
        said = json.loads(body)
        if not self.path:
            return json.dumps(KINDS[self.kind]).encode()
        holder = said
        for step in self.path[:-1]:
            holder = holder[step]
        holder[self.path[-1]] = KINDS[self.kind]
        return json.dumps(said).encode()


class Liar(World):
    """A world of two tutors whose Graph tells *lie*, once."""

    def __init__(self, lie: Lie | None = None) -> None:
        self.lie = lie
        self.is_lying = False
        self.answers: list[bytes] = []
        super().__init__(EARLIER, reachable=True)
        self.graph.add_user(ENTRA, OTHER["email"])

    def _send_graph(self, call: Call) -> Answer:
        answer = super()._send_graph(call)
        self.answers.append(answer.body)
        due = self.is_lying and self.lie is not None and len(self.answers) - 1 == self.lie.answer
        return self.lie.told(answer) if self.lie and due else answer

    def save_both(self, **more: Any) -> None:
        for component, owner in zip(COMPONENTS, (TUTOR, OTHER), strict=True):
            self.save(component, owner=owner, **more)

    def run(self, run: Callable[[], dict[str, Any]]) -> None:
        """A run; one that crashed for a tenant is no better than one that crashed."""
        counts = run()
        self.settle_mail()
        assert "error" not in counts.get(TENANT, {}), counts

    def days_later(self, days: float) -> None:
        self.pass_(days=days)

    def endings(self) -> list[str]:
        """The requests that took an event away."""
        return [one for one in self.writes() if one in ("POST cancel_event", "DELETE delete_event")]

    def seen(self, component: str) -> tuple[Any, ...]:
        """How a component stands, as far as an honest world can be compared with this one."""
        shown = self.show(component)
        state = "scheduled" if shown["state"] == "verified" else shown["state"]
        meeting = shown["meeting"] and {**shown["meeting"], "joinUrl": bool(shown["meeting"])}
        return state, meeting, len(self.events())

    def minutes(self, component: str) -> int:
        """What the LMS holds of hours for a component."""
        return sum(
            int(h) * 60 + int(m)
            for _, hours in self.hours(component)
            for h, m in [hours.split(":")]
        )


# -- stories ------------------------------------------------------------------------------


def scheduling(world: Liar) -> None:
    """Two are made by a sweep, moved by the LMS, moved by a tutor, and one is cancelled."""
    world.save_both()
    world.days_later(5)
    world.is_lying = True
    world.run(world.sweep)
    for component in COMPONENTS:
        world.save(
            component,
            start="2026-04-30T11:00:00+01:00",
            end="2026-04-30T12:00:00+01:00",
            description="Another agenda",
        )
    world.run(world.sweep)
    event = next(e for e in world.events() if e.user.mail == TUTOR["email"])
    world.graph.tutor.moves(event, event.start.replace(hour=14))
    world.notify()
    world.pass_(minutes=1)
    world.run(world.catch_up)
    world.run(world.sweep)
    world.save("C-2", cancelled=True)


def attendance(world: Liar) -> None:
    """Both are held; their reports are read in the night, and strangers looked up."""
    world.save_both()
    world.days_later(5)
    world.run(world.sweep)
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    learner = ({"foreign": "L", "email": LEARNER["email"]}, [(5, 55)])
    for event, guests in zip(world.events(), ([], [({"guest": "?"}, [(0, 60)])]), strict=True):
        world.graph.attendance.hold(event, [(event.user.mail or "", [(0, 60)]), learner, *guests])
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    world.answers.clear()  # what came before is another story's
    world.is_lying = True
    world.run(world.night)


def looking_after(world: Liar) -> None:
    """People ask what is missing, have one done again, and take over after a restore."""
    world.save_both()
    world.days_later(5)
    world.is_lying = True
    world.run(world.sweep)
    check(world.ports, TENANT, {"organizer": TUTOR["email"]})
    for component in COMPONENTS:
        world.act("resync", component)
    operate.adopt(world.ports, TENANT, b"")


STORIES: dict[str, Callable[[Liar], None]] = {
    "scheduling": scheduling,
    "attendance": attendance,
    "looking after": looking_after,
}


# -- lies ---------------------------------------------------------------------------------


def lies(answers: list[bytes]) -> Iterator[Lie]:
    """Every lie there is about these answers."""
    for number, body in enumerate(answers):
        for form in (*FORMS, "half"):
            yield Lie(number, (), "", form)
        if body:
            for path, value in _nodes(json.loads(body)):
                yield from (
                    Lie(number, path, kind)
                    for kind, other in KINDS.items()
                    if not _is_alike(value, other)
                )


def _nodes(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    yield path, value
    named: Iterable[tuple[Any, Any]] = enumerate(value) if isinstance(value, list) else ()
    for name, child in value.items() if isinstance(value, dict) else named:
        yield from _nodes(child, (*path, name))


def _is_alike(value: Any, other: Any) -> bool:
    """Whether *other* is as good a value: then it is a wrong one, which nobody can tell."""
    if isinstance(value, str) and isinstance(other, str):
        return other == "x"
    if isinstance(value, bool) or isinstance(other, bool):
        return isinstance(value, bool) and isinstance(other, bool)
    return isinstance(value, int) and isinstance(other, int) and 0 <= other < 1000


# -- the judgement ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Honest:
    """A story played without a lie: what it met and where it led."""

    answers: list[bytes]
    seen: list[tuple[Any, ...]]
    told: list[list[str]]
    minutes: list[int]
    endings: list[str]


def recover(world: Liar, hours: int) -> None:
    """Honest runs, until what failed was tried again."""
    for _ in range(hours):
        world.pass_(hours=1)
        world.run(world.catch_up)
    world.run(world.sweep)
    world.run(world.night)


def played(name: str) -> Honest:
    """Play a story as it is."""
    world = Liar()
    try:
        STORIES[name](world)
        answers = list(world.answers)
        recover(world, 2)
        return Honest(
            answers,
            [world.seen(one) for one in COMPONENTS],
            [world.told(one) for one in COMPONENTS],
            [world.minutes(one) for one in COMPONENTS],
            world.endings(),
        )
    finally:
        world.close()


def judge(name: str, lie: Lie, honest: Honest) -> None:
    """Play a story with a lie in it. Raises AssertionError when it did harm.

    A lie about who was there when may cost hours, which a person can see to; it never earns any.
    """
    world = Liar(lie)
    try:
        STORIES[name](world)
        recover(world, 2)
        for one, seen, told, minutes in zip(
            COMPONENTS, honest.seen, honest.told, honest.minutes, strict=True
        ):
            assert world.seen(one) == seen
            assert _of_meetings(world.told(one)) == _of_meetings(told)
            assert world.told(one).count("hours.verified") <= 1
            assert world.minutes(one) <= minutes
        # Asked for again where the answer told nothing: set beside set.
        assert set(world.endings()) == set(honest.endings)
        _is_storable(world)
    finally:
        world.close()


def _of_meetings(told: list[str]) -> list[str]:
    """What the LMS was told of meetings, without what failed for a while and was well again."""
    return sorted({one for one in told if one.startswith("meeting.")} - {"meeting.failed"}) + [
        one for one in told if one == "meeting.cancelled"
    ]


def _is_storable(world: Liar) -> None:
    """The real table takes nothing that has no form in UTF-8."""
    for row in world.table._rows.values():  # type: ignore[attr-defined]
        (row.key + row.text).encode()


def campaign(until: float, seed: int) -> Counter[str]:
    """Lies in an order of *seed*'s until the (monotonic) time is over or one did harm, which is
    printed."""
    honest = {name: played(name) for name in STORIES}
    every = [(name, lie) for name in STORIES for lie in lies(honest[name].answers)]
    random.Random(seed).shuffle(every)
    figures: Counter[str] = Counter()
    for name, lie in every:
        if time.monotonic() >= until:
            break
        figures["lies of Graph's"] += 1
        try:
            judge(name, lie, honest[name])
        except Exception as harm:  # noqa: BLE001 - a crash is harm too
            figures["violations"] += 1
            print(f"{name}: {lie}: {type(harm).__name__}: {harm}")
            break
    return figures
