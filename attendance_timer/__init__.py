"""Timer that turns attendance into hours, every night.

Where there is a work queue it only cuts the work into pieces; ``schedule_timer`` has the function
that does them.
"""

from __future__ import annotations

import os
from typing import List  # noqa: UP035 - the worker knows no ``list`` of an output

import azure.functions as func

from shared.config import has_work_queue
from shared.telemetry import wordless

bp = func.Blueprint()

if has_work_queue(os.environ):

    @bp.function_name("attendance_timer")
    @bp.timer_trigger(arg_name="timer", schedule="%ATTENDANCE_CRON%")
    @bp.queue_output(arg_name="work", queue_name="connector-work", connection="WORK_QUEUE")
    @wordless()
    def hand_out_night(
        timer: func.TimerRequest,
        context: func.Context,
        work: func.Out[List[str]],  # noqa: UP006
    ) -> None:
        from attendance_timer.night import NIGHT
        from shared import runs
        from shared.fan_out import hand_out
        from shared.telemetry import carried
        from shared.wiring import ports

        connector = ports()
        runs.purge(connector, connector.clock())
        work.set(hand_out(connector, NIGHT, carried(context)))

else:

    @bp.function_name("attendance_timer")
    @bp.timer_trigger(arg_name="timer", schedule="%ATTENDANCE_CRON%")
    @wordless()
    def attendance_timer(timer: func.TimerRequest, context: func.Context) -> None:
        from attendance_timer.night import night
        from shared.telemetry import carried
        from shared.wiring import ports

        night(ports(), carried(context))
