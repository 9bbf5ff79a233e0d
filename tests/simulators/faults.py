"""Faults: rules that make the nth matching call go wrong, and a seeded die that picks any call.

Which statuses and bodies an effect has is the simulator's business (`replies`); when it strikes
and whether the request was carried out first is decided here.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from .wire import Reply

Effect = Literal[
    "answer",  # status, body, headers instead of handling
    "answer_after",  # the same, but the request was carried out
    "drop",  # the connection closes, nothing was done
    "drop_after",  # the connection closes, the request was carried out
    "timeout_after",  # 504, the request was carried out
    "late",  # 504 at once, the request is carried out `delay_s` later
    "delay",  # `delay_s` of waiting, then as usual
    "throttle",  # 429 with `retry_after` (a number, or None for no header)
    "unauthorized",  # 401 for a token that is good
    "precondition",  # 412 nobody asked for
    "conflict",  # 409
    "unavailable",  # 503 with `retry_after`
    "redirect",  # 302 to `headers["location"]`
    "call",  # run `action`, then as usual: the world changes during the call
]
CARRIED_OUT: frozenset[str] = frozenset({"answer_after", "drop_after", "timeout_after", "late"})


@dataclass(slots=True)
class Fault:
    """What goes wrong, and for which calls. *struck* counts how often it has."""

    effect: Effect
    method: str | None = None
    path: str | None = None
    """A regular expression searched for in the decoded path and query."""
    tenant: str | None = None
    nth: int = 1
    """The first matching call it strikes; earlier ones pass."""
    times: int | None = 1
    """How many calls it strikes from then on; None: all."""
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    retry_after: float | None = None
    code: str | None = None
    """Overrides the error code, where the answer has one."""
    action: Callable[[], object] | None = None
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.effect not in get_args(Effect):
            raise ValueError(f"no effect {self.effect!r}; there are {get_args(Effect)}")
        if self.path is not None:
            re.compile(self.path)

    def strikes(self, method: str, path: str, tenant: str | None) -> bool:
        """Count this call; is it one to fail?"""
        if (self.method and self.method.upper() != method) or (
            self.tenant and self.tenant != tenant
        ):
            return False
        if self.path is not None and not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True

    def described(self) -> dict[str, Any]:
        values = asdict(self)
        del values["action"]
        return values


Replies = Mapping[str, Callable[[Fault], Reply]]


class Faults:
    """The rules in force, in the order they were made; the first that strikes counts."""

    def __init__(self, replies: Replies | None = None) -> None:
        self._lock = threading.Lock()
        self._replies = {**_PLAIN, **(replies or {})}
        self._rules: list[Fault] = []
        self._die: random.Random | None = None
        self._rate = 0.0
        self._effects: Sequence[Effect] = ()
        self._template: dict[str, Any] = {}

    def add(self, effect: Effect, **how: Any) -> Fault:
        """Make a rule; the keywords are `Fault`'s fields."""
        fault = Fault(effect, **how)
        with self._lock:
            self._rules.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self._rules.remove(fault)

    def clear(self) -> None:
        """No rules and no die."""
        with self._lock:
            self._rules.clear()
            self._rate = 0.0

    def randomly(
        self,
        rate: float,
        seed: int = 0,
        effects: Sequence[Effect] = (
            "drop",
            "drop_after",
            "timeout_after",
            "throttle",
            "unavailable",
            "unauthorized",
            "precondition",
        ),
        **how: Any,
    ) -> None:
        """Strike each matching call with probability *rate*. *how* as in `add`."""
        for effect in effects:
            Fault(effect, **how)
        with self._lock:
            self._die, self._rate = random.Random(seed), rate
            self._effects, self._template = tuple(effects), {"times": None, **how}

    def described(self) -> dict[str, Any]:
        with self._lock:
            return {"rules": [rule.described() for rule in self._rules], "rate": self._rate}

    def pick(self, method: str, path: str, tenant: str | None) -> Fault | None:
        """The fault this call shall suffer, if any. Counts the call."""
        if not self._rules and not self._rate:
            return None
        with self._lock:
            for rule in self._rules:
                if rule.strikes(method, path, tenant):
                    return rule
            if self._die and self._rate and self._die.random() < self._rate:
                fault = Fault(self._die.choice(self._effects), **self._template)
                if fault.retry_after is None and self._die.random() < 0.7:
                    fault.retry_after = self._die.choice([1, 2, 1.128])
                return fault if fault.strikes(method, path, tenant) else None
        return None

    async def suffer(self, fault: Fault | None, handle: Callable[[], Awaitable[Reply]]) -> Reply:
        """Handle a request under *fault*."""
        if fault is None:
            return await handle()
        if fault.effect == "late":
            _later(fault.delay_s, handle)
            return self._replies["late"](fault)
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.effect == "call" and fault.action:
            await asyncio.to_thread(fault.action)
        if fault.effect in ("call", "delay"):
            return await handle()
        if fault.effect in CARRIED_OUT:
            await handle()
        return self._replies[fault.effect](fault)


def _later(delay_s: float, handle: Callable[[], Awaitable[Reply]]) -> None:
    async def run() -> None:
        await handle()

    timer = threading.Timer(delay_s, lambda: asyncio.run(run()))
    timer.daemon = True
    timer.start()


def answer(fault: Fault) -> Reply:
    """The status, headers and body that the rule names."""
    if isinstance(fault.body, str):
        return Reply(
            fault.status, fault.body.encode(), {"content-type": "text/plain"} | fault.headers
        )
    if fault.body is None:
        return Reply(fault.status, b"", dict(fault.headers))
    return Reply.of(fault.body, fault.status, fault.headers)


def retry_after_header(fault: Fault) -> dict[str, str]:
    """Retry-After as given, fractional or not (graph-facts 6.2); nothing when None."""
    if fault.retry_after is None:
        return dict(fault.headers)
    return {"Retry-After": f"{fault.retry_after:g}", **fault.headers}


def _plain(status: int) -> Callable[[Fault], Reply]:
    return lambda fault: Reply(status, b"", retry_after_header(fault))


_PLAIN: Replies = {
    "answer": answer,
    "answer_after": answer,
    "drop": lambda fault: Reply(drop=True),
    "drop_after": lambda fault: Reply(drop=True),
    "timeout_after": _plain(504),
    "late": _plain(504),
    "throttle": _plain(429),
    "unauthorized": _plain(401),
    "precondition": _plain(412),
    "conflict": _plain(409),
    "unavailable": _plain(503),
    "redirect": _plain(302),
}
