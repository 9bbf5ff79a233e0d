"""Limits per app and mailbox, and the budget of meeting reads (graph-facts 6.1)."""

from __future__ import annotations

import time
from collections import deque

from .errors import GraphError, application_throttled, too_many_requests
from .state import State

_WINDOW_S = 600.0


class Throttle:
    """Counts in real time: what is limited is what the client really does at once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._in_flight: dict[tuple[str, str], int] = {}
        self._recent: dict[tuple[str, str], deque[float]] = {}
        self._meeting_reads: dict[str, deque[float]] = {}

    def enter(self, app: str, mailbox: str) -> GraphError | None:
        """Take a slot, to be given back by `leave` in any case; the refusal if there was none."""
        switches, key = self._state.switches, (app, mailbox)
        count = self._in_flight.get(key, 0) + 1
        self._in_flight[key] = count
        peaks = self._state.journal.peaks
        peaks[key] = max(peaks.get(key, 0), count)
        now = time.monotonic()
        recent = self._recent.setdefault(key, deque())
        recent.append(now)  # every request while throttled still counts (graph-facts 6.2)
        while recent and recent[0] < now - _WINDOW_S:
            recent.popleft()
        if count > switches.mailbox_concurrency:
            return application_throttled(self.retry_after())
        if len(recent) > switches.mailbox_requests_per_10_min:
            return too_many_requests(self.retry_after())
        return None

    def leave(self, app: str, mailbox: str) -> None:
        key = (app, mailbox)
        self._in_flight[key] -= 1
        if not self._in_flight[key]:
            del self._in_flight[key]

    def spend_meeting_read(self, tenant: str) -> GraphError | None:
        """One read of an online meeting or of attendance; the refusal if there were too many."""
        limit = self._state.switches.meeting_requests_per_s
        if limit is None:
            return None
        now = time.monotonic()
        reads = self._meeting_reads.setdefault(tenant, deque())
        while reads and reads[0] < now - 1.0:
            reads.popleft()
        reads.append(now)
        return too_many_requests(self.retry_after()) if len(reads) > limit else None

    def retry_after(self) -> str | None:
        """Fractional, whole or no header (graph-facts 6.2, 9.40)."""
        die = self._state.random
        kind = self._state.switches.retry_after
        if kind == "mixed":
            kind = die.choice(["fractional", "integer", "none"])
        if kind == "none":
            return None
        return str(die.randint(1, 2)) if kind == "integer" else f"{die.uniform(0.1, 2.5):.3f}"
