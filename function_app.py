"""The app: three packages, each with its functions."""

import azure.functions as func

from attendance_timer import bp as attendance
from component_http import bp as component
from schedule_timer import bp as schedule
from shared.telemetry import prepare

prepare()
app = func.FunctionApp()
app.register_functions(component)
app.register_functions(schedule)
app.register_functions(attendance)
