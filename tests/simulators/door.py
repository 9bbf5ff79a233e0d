"""The back door's HTTP side: `/_sim/…`, JSON in and out, no authentication."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .clock import SimClock, parse_instant
from .faults import Faults
from .wire import Reply, Request, Router


@dataclass(frozen=True, slots=True)
class Knock:
    """One call at the door: path parameters, query parameters, JSON body."""

    params: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]

    def __getitem__(self, name: str) -> str:
        return self.params[name]


Opener = Callable[[Knock], Any]


class Door:
    """A table of back-door calls. What a call returns is sent as JSON.

    `LookupError` is answered 404, other unusable input 400, both with `{"error": …}`.
    """

    def __init__(self, clock: SimClock, lock: AbstractContextManager[object]) -> None:
        self._router: Router[Opener] = Router()
        self._lock = lock
        self._clock = clock
        self.on("GET", "/_sim/clock", lambda _: self._time())
        self.on("POST", "/_sim/clock", self._set_clock)

    def on(self, method: str, template: str, opener: Opener) -> None:
        self._router.add(method, template, opener)

    def add_faults(self, faults: Faults) -> None:
        """The same four calls for every simulator that can be made to fail."""
        self.on("GET", "/_sim/faults", lambda _: faults.described())
        self.on("POST", "/_sim/faults", lambda knock: faults.add(**knock.body).described())
        self.on("DELETE", "/_sim/faults", lambda _: faults.clear())
        self.on("POST", "/_sim/faults/random", lambda knock: faults.randomly(**knock.body))

    def answer(self, request: Request) -> Reply | None:
        """None when the request is not for the door."""
        segments = request.segments
        if segments[0] != "_sim":
            return None
        found = self._router.find(request.method, segments)
        if found is None:
            status = 405 if self._router.knows(segments) else 404
            return Reply.of(
                {"error": f"no {request.method} {request.path} behind this door"}, status
            )
        opener, params = found
        try:
            body = request.json() if request.body else {}
            if not isinstance(body, dict):
                raise TypeError("the body must be a JSON object")
            with self._lock:
                value = opener(Knock(params, request.params(), body))
        except LookupError as exc:
            return Reply.of({"error": f"not found: {exc}"}, 404)
        except (ValueError, TypeError, AttributeError) as exc:
            return Reply.of({"error": f"{type(exc).__name__}: {exc}"}, 400)
        if value is None:
            return Reply(204)
        return Reply.of(json.loads(json.dumps(value, default=str)))

    def _time(self) -> dict[str, Any]:
        return {"now": self._clock().isoformat(), "frozen": self._clock.frozen}

    def _set_clock(self, knock: Knock) -> dict[str, Any]:
        """`{"now"?: RFC 3339, "advance"?: seconds, "frozen"?: bool, "reset"?: bool}`"""
        body = knock.body
        if body.get("reset"):
            self._clock.reset()
            return self._time()
        now = parse_instant(body["now"]) if body.get("now") else self._clock()
        now += timedelta(seconds=float(body.get("advance", 0)))
        self._clock.set(now, frozen=bool(body.get("frozen", False)))
        return self._time()
