"""Telling a tenant's LMS what waits for it, and noting what it took.

One event goes first as a probe; only when the LMS answers do the others follow, several at a time,
each component's in order. An LMS that does not answer ends the run for its tenant: the rest waits
for the next one (the law, 4.2).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.lms.client import TIMEOUT_S
from shared.lms.outbox import Delivery, Fate, after_delivery, next_event
from shared.model import LmsEvent, Tenant
from shared.ports import Ports
from shared.record import Record
from shared.store import Stored, Write
from shared.telemetry import inherited
from shared.work import Work

log = logging.getLogger(__name__)

LANES = 8


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it went: events taken and failed, and whether the LMS answered at all."""

    taken: int = 0
    failed: int = 0
    reached: bool = True


def deliver(
    ports: Ports,
    tenant: Tenant,
    works: Sequence[Work],
    seconds: float,
    timeout_s: float = TIMEOUT_S,
) -> Delivered:
    """Send what waits for the LMS in *works* and store the outcome.

    Starts no call after *seconds*; each call takes at most *timeout_s*.
    """
    run = _Run(ports, tenant, time.monotonic() + seconds, timeout_s)
    now = ports.clock()
    ready = [w for w in works if w.seen and next_event(w.record, now)]
    if not ready or tenant.mode.value != "live" or not tenant.enabled:
        return Delivered()
    ready.sort(key=_first_tries)
    tries: list[tuple[Work, list[Delivery]]] = []
    try:
        probe, rest = ready[0], ready[1:]
        tries.append((probe, run.send_all(probe)))
        if rest and not run.stopped:
            waiting, lanes = deque(rest), min(LANES, len(rest))
            with ThreadPoolExecutor(lanes, "lms", inherited()) as pool:
                for lane in [pool.submit(run.send_each, waiting, tries) for _ in range(lanes)]:
                    lane.result()
    finally:
        _note(ports, tenant, [(work, done) for work, done in tries if done])
    outcomes = [one for _, done in tries for one in done]
    taken = sum(one.fate is Fate.TAKEN for one in outcomes)
    return Delivered(taken, len(outcomes) - taken, not run.stopped)


def _first_tries(work: Work) -> tuple[int, str]:
    """The event that failed least is asked to probe: a single bad one must not stand for all."""
    event = next(one for one in work.record.queue if not one.parked)
    return event.tries, event.at.isoformat()


class _Run:
    """What the lanes of one delivery share."""

    def __init__(self, ports: Ports, tenant: Tenant, end: float, timeout_s: float) -> None:
        self._ports = ports
        self._tenant = tenant
        self._end = end
        self._timeout_s = timeout_s
        self._stop = threading.Event()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def send_each(self, waiting: deque[Work], tries: list[tuple[Work, list[Delivery]]]) -> None:
        """One lane: take what waits, until nothing does."""
        while waiting:
            try:
                work = waiting.popleft()
            except IndexError:  # another lane was quicker
                return
            tries.append((work, self.send_all(work)))

    def send_all(self, work: Work) -> list[Delivery]:
        """A component's events in order, until one fails."""
        done: list[Delivery] = []
        record: Record = work.record
        while not self.stopped and time.monotonic() < self._end:
            now = self._ports.clock()
            event: LmsEvent | None = next_event(record, now)
            if event is None:
                break
            one = self._ports.lms.deliver(self._tenant, event, now, self._timeout_s)
            done.append(one)
            record = after_delivery(record, one, now)
            if one.fate is Fate.UNREACHED:
                self._stop.set()
            if one.fate is not Fate.TAKEN and not _parked(record, event):
                break
        return done


def _parked(record: Record, event: LmsEvent) -> bool:
    return any(one.id == event.id and one.parked for one in record.queue)


def _note(ports: Ports, tenant: Tenant, tries: list[tuple[Work, list[Delivery]]]) -> None:
    """Store what was taken; on the newer row where somebody wrote meanwhile."""
    now = ports.clock()
    left = tries
    for _ in range(10):
        if not left:
            return
        for work, done in left:
            for one in done:
                work.record = after_delivery(work.record, one, now)
        writes = [Write(work.seen, work.record) for work, _ in left]
        beaten = []
        for (work, done), result in zip(left, ports.store.write(tenant.id, writes), strict=True):
            if isinstance(result, Stored):
                _report(tenant, work.record, done)
                work.seen, work.record = result, result.record
                continue
            stored = ports.store.get(tenant.id, work.key)
            if stored:
                work.seen, work.record = stored, stored.record
                beaten.append((work, done))
        left = beaten


def _report(tenant: Tenant, record: Record, done: list[Delivery]) -> None:
    tried = {one.event_id for one in done}
    for event in record.queue:
        if event.id in tried and event.parked:
            log.error(
                "lms_event.parked",
                extra={"tenant": tenant.id, "component": record.key, "type": event.type},
            )
