"""The process's wall clock, real or set: what `time.time` and `datetime` say, and nothing else.

Monotonic clocks, `perf_counter`, sleeps, timeouts and OpenSSL's look at certificates stay real.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import time_machine


class ClockError(ValueError):
    """A time that the clock cannot be put to; the message says why."""


class _Traveller(time_machine.Traveller):
    """Where time-machine asks for the time.

    Its own one changes several attributes when it is moved, and a thread that looks in between
    sees a time that never was. This one holds all it needs in one tuple, replaced at once. It
    ticks by the monotonic clock, so it does not notice when the machine's clock is set.
    """

    def __init__(self, at_ns: int) -> None:
        super().__init__(at_ns, None, tick=True)
        self.set(at_ns, frozen=False)

    def set(self, at_ns: int, *, frozen: bool) -> None:
        self._at = (at_ns, None if frozen else time.monotonic_ns())

    def time_ns(self) -> int:
        at_ns, since_ns = self._at
        return at_ns if since_ns is None else at_ns + time.monotonic_ns() - since_ns


class Clock:
    """This process's clock. Make one, early; give *start* to live at another time from then on."""

    def __init__(self, start: datetime | None = None) -> None:
        self._traveller: _Traveller | None = None
        self._moved = asyncio.Event()
        self.frozen = False
        if start:
            self._traveller = _Traveller(_to_ns(start))
            # Sets the patches up. An integer, because a datetime would set TZ as well.
            time_machine.travel(0).start()
            time_machine.traveller_stack[-1] = self._traveller

    @property
    def is_set(self) -> bool:
        """Whether it was given a time of its own."""
        return self._traveller is not None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def move(self, to: datetime | None, *, frozen: bool) -> None:
        """Go on from *to*, ticking, or stand still there if *frozen*, for all threads at once.

        None as *to* is now: to freeze the clock where it is, or let it tick on from there.

        Raises:
            ClockError: *to* is in the past, or this clock was not set at the start.
        """
        if self._traveller is None:
            raise ClockError("the host runs on real time: start it with --clock to set its clock")
        now_ns = self._traveller.time_ns()
        at_ns = _to_ns(to) if to else now_ns
        if to and at_ns < now_ns:
            raise ClockError(f"{to.isoformat()} is before now, {self.now().isoformat()}")
        self._traveller.set(at_ns, frozen=frozen)
        self.frozen = frozen
        self._moved.set()
        self._moved = asyncio.Event()

    async def reach(self, due: datetime) -> None:
        """Return when this clock says *due* or later, whether it ticks there or is moved there."""
        while (left_s := (due - self.now()).total_seconds()) > 0:
            # Looked at again now and then: the machine may have slept, or its clock been set.
            timeout_s = None if self.frozen else min(left_s, 30.0)
            try:
                await asyncio.wait_for(self._moved.wait(), timeout_s)
            except TimeoutError:
                continue


def parse_instant(text: object) -> datetime:
    """Read an instant such as `2026-04-25T08:00:00Z`.

    Raises:
        ClockError: *text* is not one, or lacks its offset.
    """
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        raise ClockError(f"not an instant such as 2026-04-25T08:00:00Z: {text!r}") from None
    if instant.tzinfo is None:
        raise ClockError(f"an instant needs an offset, such as the Z of {text}Z")
    return instant.astimezone(UTC)


def _to_ns(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
