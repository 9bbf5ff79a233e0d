"""Every flow, disturbed at each of its effects in turn, then left to the ordinary runs.

Where to disturb is read off the flow's own trace, so a new step is covered by being there.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, cycle, repeat
from typing import Any

from shared.errors import NotAllowed
from shared.http import Answer
from tests.flows.world import TENANT
from tests.simulators.faults import Effect as Effects
from tests.torture.flows import FLOWS, Flow, at
from tests.torture.gate import Effect, Gate, Killed, Twist
from tests.torture.promises import broken_at_rest, broken_now
from tests.torture.rest import come_to_rest
from tests.torture.turns import together
from tests.torture.world import SWITCHES, TortureWorld

Act = Callable[[TortureWorld], object]
Make = Callable[[TortureWorld, Gate], Twist]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to disturb an effect of one of *kinds*.

    *same_end*: whether the world must end as it would have ended undisturbed. *beside*: what
    another process does from there on at the same time, the two of them in turns.
    """

    name: str
    kinds: tuple[str, ...]
    make: Make
    same_end: bool = True
    beside: Act | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """*like*: how the world differs from what it usually is."""

    flow: Flow
    way: Way
    number: int
    what: str
    like: tuple[str, Any] | None = None

    def __str__(self) -> str:
        where = f"{self.flow.name}: {self.way.name} at {self.number} {self.what}"
        return f"{where}, {self.like}" if self.like else where


ITEM_FAULTS: tuple[Effects, ...] = (
    "drop_after", "timeout_after", "throttle", "unavailable", "precondition", "conflict",
    "unauthorized",
)  # fmt: skip
EVERY = ("graph", "lms", "table", "read")
WRITES = ("graph", "lms", "table")
REMOTE = ("graph", "lms")


def _killed(before: bool) -> Make:
    def make(_: TortureWorld, gate: Gate) -> Twist:
        if before:
            return Twist("killed before", before=gate.kill, carried_out=False)
        return Twist("killed after", after=gate.kill)

    return make


def _lost(carried_out: bool) -> Make:
    return lambda *_: Twist("no answer", carried_out=carried_out, lost=True)


def _said(status: int, carried_out: bool = False, code: str = "", **headers: str) -> Make:
    body = b'{"error": {"code": "%s", "message": ""}}' % code.encode() if code else b""
    answer = Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)
    return lambda *_: Twist(f"{status} {code}", carried_out=carried_out, answer=answer)


def _one(effect: Effects, path: str = "", **how: Any) -> Make:
    """One request fails, be it by itself or one of a batch."""

    def make(world: TortureWorld, _: Gate) -> Twist:
        def strike() -> None:
            world.graph.faults.add(effect, path=rf"^(?!.*/\$batch).*{path}", **how)

        return Twist(effect, before=strike)

    return make


def _unseen(status: int, code: str) -> Make:
    """An event that stands cannot be read, nor when it is asked for again."""
    body = {"error": {"code": code, "message": ""}}
    return _one("answer", "/events", method="GET", times=2, status=status, body=body)


def _refused_token(*_: object) -> Twist:
    def refuse() -> None:
        raise NotAllowed("entra", "AADSTS7000229")

    return Twist("token refused", before=refuse)


def _meanwhile(act: Act, *, before: bool) -> Make:
    """Another process, or somebody, does *act* while this one waits."""

    def make(world: TortureWorld, _: Gate) -> Twist:
        def intrude() -> None:
            with world.as_(world.process()):
                act(world)

        if before:
            return Twist("meanwhile", before=intrude)
        return Twist("meanwhile", after=intrude)

    return make


CUTS = [
    Way("killed before", WRITES, _killed(before=True)),
    Way("killed after", WRITES, _killed(before=False)),
]
FAULTS = [
    Way("lost before", EVERY, _lost(carried_out=False)),
    Way("lost after", WRITES, _lost(carried_out=True)),
    Way("504 after", REMOTE, _said(504, carried_out=True, code="GatewayTimeout")),
    Way("503", REMOTE, _said(503, code="ServiceUnavailable", retry_after="-5")),
    Way("429 now", REMOTE, _said(429, code="TooManyRequests", retry_after="0.01")),
    Way("429 in a year", REMOTE, _said(429, code="TooManyRequests", retry_after="31536000")),
    Way("401 for a good token", ("graph",), _said(401, code="InvalidAuthenticationToken")),
    Way("412 nobody asked for", ("graph",), _said(412, code="ErrorIrresolvableConflict")),
    Way("409", ("graph",), _said(409, code="ErrorConcurrentSave")),
    Way("500 after", REMOTE, _said(500, carried_out=True, code="InternalServerError")),
    Way("no token", ("token",), _lost(carried_out=False)),
    Way("token refused", ("token",), _refused_token, same_end=False),
    *(Way(f"one {effect}", ("graph",), _one(effect, retry_after=0.01)) for effect in ITEM_FAULTS),
    # A former owner's event that refuses to be read is cancelled all the same: where the tutor had
    # moved it to is not known then.
    Way("no mailbox to read", ("graph",), _unseen(404, "MailboxNotEnabledForRESTAPI"), False),
    Way("no right to read", ("graph",), _unseen(403, "ErrorAccessDenied"), False),
]
SLOW = [Way("429 whenever", REMOTE, _said(429, code="ApplicationThrottled", retry_after="soon"))]
"""Waited out for real, seconds each."""


def _swept(world: TortureWorld) -> None:
    world.run("sweep")


def _caught_up(world: TortureWorld) -> None:
    world.run("catch_up")


def _claims_lapse(world: TortureWorld) -> None:
    """So slow that the claim lapses and another process takes over."""
    world.pass_(minutes=3)
    world.run("sweep")


def _webhook_again(world: TortureWorld) -> None:
    """The last webhooks arrive a second time, or for the first time by another way."""
    for delivery in list(world.lms.outbox.deliveries)[-2:]:
        if delivery.state != "waiting":
            world.lms.outbox.release(delivery)
        if not delivery.in_hand:
            world.hand_over(delivery)


def _lms_saves(**fields: Any) -> Callable[[TortureWorld], None]:
    def save(world: TortureWorld) -> None:
        names = list(world.lms.tenants[TENANT].components)
        for name in names[:2]:
            world.hand_over(world.put(name, **fields))

    return save


def _tutor_moves(world: TortureWorld) -> None:
    for event in world.events()[:2]:
        if event not in world.planted:
            world.graph.tutor.moves(event, at(19))


def _tutor_cancels(world: TortureWorld) -> None:
    for event in world.events()[:1]:
        if event not in world.planted:
            world.graph.tutor.cancels(event)


def _tutor_invites(world: TortureWorld) -> None:
    for event in world.events()[:1]:
        if event not in world.planted:
            world.graph.tutor.adds_attendee(event, "walk.in@elsewhere.example")
            world.guests.setdefault(event.key, set()).add("walk.in@elsewhere.example")


INTRUDERS: list[tuple[str, Act, bool]] = [
    ("another sweep", _swept, True),
    ("another catch-up", _caught_up, True),
    ("a lapse and a sweep", _claims_lapse, True),
    ("the webhook again", _webhook_again, True),
    ("a rename", _lms_saves(name="Renamed meanwhile"), False),
    ("a move by the LMS", _lms_saves(start=at(18), end=at(19)), False),
    ("a cancel by the LMS", _lms_saves(cancelled=True), False),
    ("a move by the tutor", _tutor_moves, False),
    ("a cancel by the tutor", _tutor_cancels, False),
    ("a guest of the tutor", _tutor_invites, False),
]
RACES = [
    Way(f"{name} {when}", EVERY if when == "before" else WRITES,
        _meanwhile(act, before=when == "before"), same)
    for name, act, same in INTRUDERS
    for when in ("before", "after")
]  # fmt: skip
RACES += [
    Way(f"{name} in turns", EVERY, lambda *_: Twist("in turns"), same, beside=act)
    for name, act, same in INTRUDERS
]
CLASSES = {"cuts": CUTS, "faults": [*FAULTS, *SLOW], "races": RACES}


def trace_of(flow: Flow) -> list[Effect]:
    """The effects of the flow's act, undisturbed."""
    world = flow.prepare()
    start = len(world.gate.trace)
    flow.act(world)
    return world.gate.trace[start:]


def cases(flow: Flow, ways: list[Way], like: tuple[str, Any] | None = None) -> Iterator[Case]:
    trace = trace_of(flow)
    for way in ways:
        for number, effect in enumerate(trace):
            if effect.kind in way.kinds:
                yield Case(flow, way, number, f"{effect.kind} {effect.what}", like)


def play(case: Case) -> TortureWorld:
    """The flow, disturbed there."""
    world = case.flow.prepare()
    act, beside = partial(case.flow.act, world), case.way.beside
    if beside:
        order = chain(repeat(0, case.number), cycle((1, 0)))
        together(world, order, (world.ports, act), (world.process(), partial(beside, world)))
        return world
    gate = world.gate
    at_number = len(gate.trace) + case.number
    twist = case.way.make(world, gate)
    gate.twist = lambda effect: twist if effect.number == at_number else None
    with contextlib.suppress(Killed):
        act()
    if gate.dead:
        world.restart()
    gate.twist = None
    return world


def broken_by(case: Case) -> list[str]:
    """The promises that do not hold when *case* is played and the ordinary runs came."""
    TortureWorld.like = dict([case.like] if case.like else [])
    try:
        return _broken_by(case)
    finally:
        TortureWorld.like = {}


def _broken_by(case: Case) -> list[str]:
    world = play(case)
    found = broken_now(world)
    if case.flow.again:
        come_to_rest(world)
        case.flow.act(world)
    come_to_rest(world, nights=case.flow.nights)
    found += broken_at_rest(world)
    if case.way.same_end and case.flow.same_end:
        found += unlike(case.flow, end_of(world))
    return [*found, *world.story()] if found else []


def end_of(world: TortureWorld) -> dict[str, Any]:
    """What people see in the end, without ids and instants of ours."""
    account = world.lms.tenants[TENANT]
    invitations = Counter(
        (mail.to, mail.kind)
        for mail in world.graph.journal.mails
        if mail.kind in ("invitation", "cancellation")
    )
    return {
        "events": sorted(
            (
                e.user.upn,
                e.start.isoformat(),
                e.subject,
                tuple(sorted(a.address for a in e.attendees)),
            )
            for e in world.events()
        ),
        "tasks": {
            c.id: (c.status, str(c.start), c.cancelled, bool(c.join_url))
            for c in account.components.values()
        },
        "told": {c: world.told(c) for c in account.components},
        "notes": {c.id: [(n.title, n.hours) for n in c.notes] for c in account.components.values()},
        "mails": dict(sorted(invitations.items())),
    }


WORLDS = [
    None,
    ("rows_a_page", 1),
    ("rows_a_page", 2),
    *((name, value) for name, values in SWITCHES.items() for value in values),
]


def campaign(until: float, seed: int) -> Counter[str]:
    """All cases in an order of *seed*'s, each in a world of its choice, until the (monotonic)
    time is over or one is broken: its story is printed."""
    die = random.Random(seed)
    every = [
        (kind, replace(case, like=die.choice(WORLDS)))
        for kind, ways in CLASSES.items()
        for flow in FLOWS
        for case in cases(flow, ways)
    ]
    die.shuffle(every)
    figures: Counter[str] = Counter({"cases": len(every)})
    for kind, case in every:
        if time.monotonic() >= until:
            break
        figures[f"{kind} played"] += 1
        if kind == "faults":
            figures[f"fault {case.way.name}"] += 1
        broken = broken_by(case)
        if broken:
            print("\n".join([str(case), *broken]))
            figures["violations"] += 1
            break
    return figures


_ENDS: dict[tuple[str, str], dict[str, Any]] = {}


def unlike(flow: Flow, end: dict[str, Any]) -> list[str]:
    """How an end differs from that of the undisturbed flow."""
    key = flow.name, str(TortureWorld.like)
    if key not in _ENDS:
        world = flow.prepare()
        flow.act(world)
        come_to_rest(world, nights=flow.nights)
        _ENDS[key] = end_of(world)
    whole = _ENDS[key]
    return [
        f"{name}: {end[name]} instead of {whole[name]}"
        for name in whole
        if end[name] != whole[name]
    ]
