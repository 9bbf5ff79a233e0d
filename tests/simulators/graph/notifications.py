"""Delivering change notifications (graph-facts 3.1): batches, repeats, giving up."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..clock import Pause, SimClock
from ..posting import HttpPoster, Poster
from .switches import GraphSwitches

_SLOW_S = 3.0
"""An answer that takes longer does not count as one."""
_TIMEOUT_S = 10.0
_LAST_WAIT_S = 2.0


@dataclass(slots=True)
class Delivery:
    """One POST to a notification URL."""

    at: datetime
    url: str
    status: int
    seconds: float
    value: list[dict[str, Any]]


@dataclass(slots=True, eq=False)
class _Pending:
    notification: dict[str, Any]
    url: str
    pause: Pause
    given_up: Callable[[], None]
    attempts: int = 0


class Notifier:
    """Posts notifications from a thread of its own, which starts with the first one."""

    def __init__(
        self, clock: SimClock, switches: GraphSwitches, seed: int, ca_file: Path | None
    ) -> None:
        self._poster = HttpPoster(ca_file)
        self.post: Poster = self._poster
        """Another one may be put in its place."""
        self.deliveries: deque[Delivery] = deque(maxlen=10_000)
        self.dropped = 0
        self._clock = clock
        self._switches = switches
        self._die = random.Random(seed)
        self._changed = threading.Condition()
        self._waiting: list[_Pending] = []
        self._in_hand = 0
        self._at_once = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, notification: dict[str, Any], url: str, given_up: Callable[[], None]) -> None:
        """Queue one; *given_up* is called if it is dropped in the end."""
        pause = Pause(self._clock, self._switches.notification_delay_s)
        with self._changed:
            self._waiting.append(_Pending(notification, url, pause, given_up))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._deliver_for_ever, name="graph-notifications", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Deliver what waits for its first attempt now; True when all of that was attempted."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._at_once = True
            self._changed.notify_all()
            while not self._attempted():
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
            self._at_once = False
            return self._attempted()

    def _attempted(self) -> bool:
        return not self._in_hand and all(pending.attempts for pending in self._waiting)

    def waiting(self) -> int:
        """How many are neither delivered nor dropped yet."""
        with self._changed:
            return len(self._waiting) + self._in_hand

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_LAST_WAIT_S)
        self._poster.close()

    def _deliver_for_ever(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                due = self._take_due()
                if not due:
                    self._changed.wait(0.05 if self._waiting else None)
                    continue
            for batch in self._batches(due):
                self._deliver(batch)
                with self._changed:
                    self._in_hand -= len(batch)
                    self._changed.notify_all()

    def _take_due(self) -> list[_Pending]:
        due: list[_Pending] = []
        later: list[_Pending] = []
        for pending in self._waiting:
            first = self._at_once and not pending.attempts
            (due if first or pending.pause.over() else later).append(pending)
        self._waiting = later
        self._in_hand = len(due)
        return due

    def _batches(self, due: list[_Pending]) -> list[list[_Pending]]:
        """Those for one URL go together, whatever their subscription and tenant."""
        if self._switches.notifications_shuffled:
            self._die.shuffle(due)
        size = max(1, self._switches.notification_batch)
        by_url: dict[str, list[_Pending]] = {}
        for pending in due:
            by_url.setdefault(pending.url, []).append(pending)
        return [
            together[at : at + size]
            for together in by_url.values()
            for at in range(0, len(together), size)
        ]

    def _deliver(self, batch: list[_Pending]) -> None:
        """2xx within 3 s is delivered; anything else is tried again (graph-facts 3.1, 9.28)."""
        value = [pending.notification for pending in batch]
        url = batch[0].url
        began = time.monotonic()
        body = json.dumps({"value": value}).encode()
        answer = self.post(url, body, {"content-type": "application/json"}, _TIMEOUT_S)
        seconds = time.monotonic() - began
        self.deliveries.append(Delivery(self._clock(), url, answer.status, seconds, value))
        if 200 <= answer.status < 300 and seconds <= _SLOW_S:
            return
        pauses = self._switches.notification_retry_s
        for pending in batch:
            pending.attempts += 1
            if pending.attempts <= len(pauses):
                pending.pause = Pause(self._clock, pauses[pending.attempts - 1])
                with self._changed:
                    self._waiting.append(pending)
            else:
                self.dropped += 1
                pending.given_up()
