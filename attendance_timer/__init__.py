"""Timer that turns attendance into hours, every night."""

from __future__ import annotations

import azure.functions as func

bp = func.Blueprint()


@bp.function_name("attendance_timer")
@bp.timer_trigger(arg_name="timer", schedule="%ATTENDANCE_CRON%")
def attendance_timer(timer: func.TimerRequest, context: func.Context) -> None:
    from attendance_timer.night import night
    from shared.telemetry import carried
    from shared.wiring import ports

    night(ports(), carried(context))
