"""The time a simulator lives at. Real time unless the back door moves it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def real_now() -> datetime:
    return datetime.now(UTC)


class SimClock:
    """A clock that can be put to another time, ticking on from there or frozen.

    Calling it returns an aware `datetime` in UTC. One `SimClock` may be shared by several
    simulators, so that moving it moves them all.
    """

    def __init__(self, source: Clock = real_now) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._offset = timedelta()
        self._frozen_at: datetime | None = None

    def __call__(self) -> datetime:
        with self._lock:
            return self._frozen_at or self._source() + self._offset

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def set(self, now: datetime | None = None, *, frozen: bool = False) -> datetime:
        """Put the clock to *now* (None: leave it where it is); tick on unless *frozen*."""
        now = (now or self()).astimezone(UTC)
        with self._lock:
            self._offset = now - self._source()
            self._frozen_at = now if frozen else None
        return now

    def advance(self, by: timedelta) -> datetime:
        return self.set(self() + by, frozen=self.frozen)

    def reset(self) -> None:
        """Back to real time."""
        with self._lock:
            self._offset = timedelta()
            self._frozen_at = None


def as_sim_clock(clock: Clock | None) -> SimClock:
    """Wrap any clock so that it can be set; a `SimClock` is used as it is."""
    if isinstance(clock, SimClock):
        return clock
    return SimClock(clock or real_now)


class Pause:
    """A wait that is over when its seconds have passed on either clock.

    Simulated time, so that moving the clock on brings what is due; real time, so that a frozen
    clock does not hold things for ever.
    """

    __slots__ = ("_clock", "_due", "_due_real")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._due = clock() + timedelta(seconds=seconds)
        self._due_real = time.monotonic() + seconds

    def over(self) -> bool:
        return time.monotonic() >= self._due_real or self._clock() >= self._due


def parse_instant(text: str) -> datetime:
    """RFC 3339 with an offset or Z, any number of decimals; ValueError when it is not."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """UTC with Z, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
