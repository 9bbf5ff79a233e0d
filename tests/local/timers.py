"""Timer triggers, fired by the process's clock as the Functions host fires them.

A function's scheduled runs never overlap: ticks that pass meanwhile, or while the clock jumps, come
to one run, at once. Nothing is remembered over a restart (the real host keeps that in a blob).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from tests.local.clock import Clock
from tests.local.ncrontab import Schedule
from tests.local.worker import Message

log = logging.getLogger("host.timers")

# Later than this after its time, a run is told that it is past due.
_PAST_DUE = timedelta(minutes=1)


def timer_data(clock: Clock, schedule: Schedule, *, past_due: bool = False) -> Message:
    """What a timer trigger is given."""
    now = clock.now()
    status = {
        "Last": now.isoformat(),
        "Next": schedule.next_after(now).isoformat(),
        "LastUpdated": now.isoformat(),
    }
    return Message(
        json=json.dumps(
            {
                "Schedule": {"AdjustForDST": True},
                "ScheduleStatus": status,
                "IsPastDue": past_due,
            }
        )
    )


async def fire(
    clock: Clock,
    schedule: Schedule,
    run: Callable[[Message], Awaitable[object]],
    *,
    on_startup: bool = False,
) -> None:
    """Run by *schedule* for ever, the first time at its first instant from now on."""
    due: datetime = clock.now() if on_startup else schedule.next_after(clock.now())
    while True:
        await clock.reach(due)
        started = clock.now()
        try:
            await run(timer_data(clock, schedule, past_due=started - due > _PAST_DUE))
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("run not carried out")
        due = schedule.next_after(started)
