"""Timers that make LMS and Teams agree: all of it every three hours, the urgent every minute."""

from __future__ import annotations

import azure.functions as func

bp = func.Blueprint()


@bp.function_name("schedule_timer")
@bp.timer_trigger(arg_name="timer", schedule="%SCHEDULE_CRON%")
def schedule_timer(timer: func.TimerRequest, context: func.Context) -> None:
    from schedule_timer.sweep import sweep
    from shared.telemetry import carried
    from shared.wiring import ports

    sweep(ports(), carried(context))


@bp.function_name("catch_up_timer")
@bp.timer_trigger(arg_name="timer", schedule="%CATCH_UP_CRON%")
def catch_up_timer(timer: func.TimerRequest, context: func.Context) -> None:
    from schedule_timer.catch_up import catch_up
    from shared.telemetry import carried
    from shared.wiring import ports

    catch_up(ports(), carried(context))
