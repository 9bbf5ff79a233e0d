"""Logging as events with fields: a fixed name, and everything that varies beside it.

The Functions worker hands records of its own threads to Application Insights with their ``extra``
fields; records of our threads need the invocation's id told to them, which ``carried`` does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")

QUIET = ("azure", "msal", "urllib3")


def quieten() -> None:
    """Libraries log requests line by line; only what goes wrong there is of interest."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def carried(context: Any) -> Callable[[Callable[[], R]], Callable[[], R]]:
    """Wraps work for another thread so that its log records belong to this invocation.

    *context* is the Functions ``Context``; None leaves the work as it is.
    """
    store = getattr(context, "thread_local_storage", None)
    invocation = getattr(context, "invocation_id", None)

    def wrap(work: Callable[[], R]) -> Callable[[], R]:
        def run() -> R:
            if store is not None:
                store.invocation_id = invocation
            return work()

        return run

    return wrap
