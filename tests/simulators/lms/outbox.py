"""The LMS's side of webhook delivery (what-it-does 4.2): signed, retried for three days."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from .. import webhooks
from ..clock import Pause, SimClock
from ..posting import HttpPoster, Poster
from .model import LmsTenant

FINAL = frozenset({400, 401, 409, 413, 415, 422})
"""Answers that are not retried; everything else but 2xx is."""
RETRY_FOR = timedelta(days=3)
_LAST_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Attempt:
    at: datetime
    status: int
    """0: no answer."""
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(slots=True, eq=False)
class Delivery:
    """One webhook on its way to the connector: same id and body each time, a new timestamp."""

    id: str
    tenant: str
    path: str
    body: bytes
    made_at: datetime
    state: Literal["waiting", "delivered", "refused", "given_up", "held"] = "waiting"
    attempts: list[Attempt] = field(default_factory=list)
    pause: Pause | None = None
    in_hand: bool = False
    settled: threading.Event = field(default_factory=threading.Event)
    tried: threading.Event = field(default_factory=threading.Event)

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    def wait(self, timeout_s: float = 30.0) -> Attempt:
        """Wait for the first attempt and return the latest. Raises TimeoutError."""
        if not self.tried.wait(timeout_s):
            raise TimeoutError(f"webhook {self.id} was not attempted within {timeout_s} s")
        return self.attempts[-1]


class Outbox:
    """Sends deliveries from *workers* threads, so in no certain order; retries what failed.

    Pauses pass in simulated or real time, whichever is over first; three days are simulated time.
    """

    def __init__(
        self, clock: SimClock, tenants: dict[str, LmsTenant], ca_file: Path | None, workers: int
    ) -> None:
        self._poster = HttpPoster(ca_file)
        self.post: Poster = self._poster
        """Another one may be put in its place."""
        self.pauses_s: tuple[float, ...] = (1, 5, 30, 120, 600, 1800)
        """The last one repeats."""
        self.timeout_s = 30.0
        self.deliveries: deque[Delivery] = deque(maxlen=50_000)
        self._clock = clock
        self._tenants = tenants
        self._changed = threading.Condition()
        self._waiting: list[Delivery] = []
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._closed = False

    def send(self, tenant: LmsTenant, path: str, message: Any, *, held: bool = False) -> Delivery:
        """Queue a webhook. *held*: not before `release`."""
        delivery = Delivery(
            f"msg_{uuid.uuid4().hex}",
            tenant.id,
            path,
            json.dumps(message, separators=(",", ":")).encode(),
            self._clock(),
        )
        self.deliveries.append(delivery)
        if held:
            delivery.state = "held"
        else:
            self.release(delivery)
        return delivery

    def release(self, delivery: Delivery) -> None:
        """Send now, whatever became of it before: a held one, or a repeat of a delivered one."""
        with self._changed:
            delivery.state = "waiting"
            delivery.pause = None
            if delivery not in self._waiting:
                self._waiting.append(delivery)
            while len(self._threads) < self._workers and not self._closed:
                name = f"lms-outbox-{len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def release_held(self) -> None:
        for delivery in [one for one in self.deliveries if one.state == "held"]:
            self.release(delivery)

    def drain(self, timeout_s: float = 30.0) -> bool:
        """Wait until every webhook that is to go now went; False when time ran out.

        Those that failed and pause before the next attempt are not waited for.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while any(d.in_hand or d.pause is None for d in self._waiting):
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return False
        return True

    def waiting(self) -> int:
        """How many are still to be delivered, retries included."""
        with self._changed:
            return len(self._waiting)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_LAST_WAIT_S)
        self._poster.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                delivery = self._next()
                if delivery is None:
                    retrying = any(not d.in_hand for d in self._waiting)
                    self._changed.wait(0.05 if retrying else None)
                    continue
                delivery.in_hand = True
            self._attempt(delivery)

    def _next(self) -> Delivery | None:
        for delivery in self._waiting:
            if not delivery.in_hand and (delivery.pause is None or delivery.pause.over()):
                return delivery
        return None

    def _attempt(self, delivery: Delivery) -> None:
        tenant = self._tenants[delivery.tenant]
        now = self._clock()
        signed = webhooks.sign(tenant.inbound_secrets, delivery.id, now, delivery.body)
        headers = {"content-type": "application/json", **signed}
        answer = self.post(tenant.api + delivery.path, delivery.body, headers, self.timeout_s)
        with self._changed:
            delivery.in_hand = False
            delivery.attempts.append(Attempt(now, answer.status, answer.text))
            self._judge(delivery, answer.status, answer.headers.get("retry-after"))
            if delivery.state != "waiting":
                self._waiting.remove(delivery)
                delivery.settled.set()
            delivery.tried.set()
            self._changed.notify_all()

    def _judge(self, delivery: Delivery, status: int, retry_after: str | None) -> None:
        if 200 <= status < 300:
            delivery.state = "delivered"
        elif status in FINAL:
            delivery.state = "refused"
        elif self._clock() - delivery.made_at > RETRY_FOR:
            delivery.state = "given_up"
        else:
            number = min(len(delivery.attempts), len(self.pauses_s)) - 1
            seconds = self.pauses_s[number]
            if retry_after is not None and retry_after.isdecimal():
                seconds = max(seconds, float(retry_after))
            delivery.pause = Pause(self._clock, seconds)
