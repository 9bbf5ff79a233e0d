"""Timers that make LMS and Teams agree: all of it every three hours, the urgent every minute.

Where there is a work queue the timer only cuts the work into pieces, and a function of this
package does each of them, on as many instances as Azure adds. A binding whose connection is missing
keeps the host from starting, so these bindings are there only when the queue's address is set.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, List  # noqa: UP035 - the worker knows no ``list`` of an output

import azure.functions as func

from shared.config import has_work_queue
from shared.telemetry import wordless

if TYPE_CHECKING:
    from shared.fan_out import Job

bp = func.Blueprint()

QUEUE, CONNECTION = "connector-work", "WORK_QUEUE"


@bp.function_name("catch_up_timer")
@bp.timer_trigger(arg_name="timer", schedule="%CATCH_UP_CRON%")
@wordless()
def catch_up_timer(timer: func.TimerRequest, context: func.Context) -> None:
    from schedule_timer.catch_up import catch_up
    from shared.telemetry import carried
    from shared.wiring import ports

    catch_up(ports(), carried(context))


def _job(name: str) -> Job:
    if name == "night":
        from attendance_timer.night import NIGHT

        return NIGHT
    from schedule_timer.sweep import SWEEP

    return SWEEP


if has_work_queue(os.environ):

    @bp.function_name("schedule_timer")
    @bp.timer_trigger(arg_name="timer", schedule="%SCHEDULE_CRON%")
    @bp.queue_output(arg_name="work", queue_name=QUEUE, connection=CONNECTION)
    @wordless()
    def hand_out_sweep(
        timer: func.TimerRequest,
        context: func.Context,
        work: func.Out[List[str]],  # noqa: UP006
    ) -> None:
        from schedule_timer.sweep import SWEEP
        from shared.fan_out import hand_out
        from shared.telemetry import carried
        from shared.wiring import ports

        work.set(hand_out(ports(), SWEEP, carried(context)))

    @bp.function_name("sweep_piece")
    @bp.queue_trigger(arg_name="message", queue_name=QUEUE, connection=CONNECTION)
    @wordless()
    def sweep_piece(message: func.QueueMessage) -> None:
        """One piece of one tenant's sweep or night. What it raises is tried again by the host."""
        from shared.fan_out import carry_out, read
        from shared.wiring import ports

        order = read(message.get_body())
        if order:
            carry_out(ports(), order, _job(order.job))

    @bp.function_name("work_poisoned")
    @bp.queue_trigger(arg_name="message", queue_name=f"{QUEUE}-poison", connection=CONNECTION)
    @wordless()
    def work_poisoned(message: func.QueueMessage) -> None:
        """A piece that the host gave up."""
        from shared.fan_out import give_up, read
        from shared.wiring import ports

        order = read(message.get_body())
        if order:
            give_up(ports(), order, _job(order.job))

else:

    @bp.function_name("schedule_timer")
    @bp.timer_trigger(arg_name="timer", schedule="%SCHEDULE_CRON%")
    @wordless()
    def schedule_timer(timer: func.TimerRequest, context: func.Context) -> None:
        from schedule_timer.sweep import sweep
        from shared.telemetry import carried
        from shared.wiring import ports

        sweep(ports(), carried(context))
