"""The local host's log: one line a record, on standard error.

    2026-04-25T08:00:00.004Z INFO schedule_timer 6c1e0f22 shared.sweep: sweep.done {"due": 3}

Time (the process's clock), level, function and start of the invocation's id, logger, message, and
what was given as `extra`, as JSON. A traceback follows its record, indented.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime

from azure_functions_runtime import invocation_id_cv
from azure_functions_runtime.bindings.context import _invocation_id_local

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

_running: dict[str, str] = {}  # invocation id: function name
_current: ContextVar[str | None] = ContextVar("invocation", default=None)


def configure() -> None:
    """Send every logger's records of level INFO and up to standard error, in our form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # The worker's own account of each step, which the real host keeps from the app's log too.
    for name in ("azure.functions", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextlib.contextmanager
def invocation(invocation_id: str, function: str) -> Iterator[None]:
    """Mark what this task and the worker's threads log meanwhile as this invocation's."""
    _running[invocation_id] = function
    token = _current.set(invocation_id)
    try:
        yield
    finally:
        _current.reset(token)
        del _running[invocation_id]


def running() -> list[str]:
    """The functions being run now, once for each invocation."""
    return list(_running.values())


def _invocation_id() -> str | None:
    """Whose record this is: as the worker tells it in its threads, and for threads an app starts
    and marks through `context.thread_local_storage`."""
    worker_id: str | None = _current.get() or invocation_id_cv.get()
    if worker_id or threading.current_thread() is threading.main_thread():
        return worker_id  # the worker leaves the last id it saw in the main thread's storage
    return getattr(_invocation_id_local, "invocation_id", None)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        invocation_id = _invocation_id()
        function = _running.get(invocation_id, "-") if invocation_id else "-"
        message = record.getMessage().replace("\n", "\\n")
        line = (
            f"{at.removesuffix('+00:00')}Z {record.levelname} {function} "
            f"{(invocation_id or '-')[:8]} {record.name}: {message}"
        )
        extra = {k: v for k, v in record.__dict__.items() if k not in _STANDARD}
        if extra:
            line += " " + json.dumps(extra, default=str, ensure_ascii=False)
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line += "".join(f"\n    {text}" for text in trace.splitlines())
        return line
