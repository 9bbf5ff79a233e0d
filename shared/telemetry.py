"""Logging as events with fields: a fixed name, and everything that varies beside it.

The Functions host forwards the text of a record and nothing else to Application Insights: what was
given as ``extra`` would be lost. So ``prepare`` has our records written as
``noun.verb_past {"field": …}``, which the alerts and saved queries read (``infra/events.bicep``).
The host knows by the worker's threads which invocation a record belongs to; in threads of our own
``carried`` and ``inherited`` tell it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TypeVar

from shared.errors import ConnectorError

R = TypeVar("R")

OURS = ("shared", "component_http", "schedule_timer", "attendance_timer")
"""Packages whose records are events; what others log stays as it is."""
QUIET = ("azure", "msal", "urllib3")
LONGEST = 500

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_ADDRESS = re.compile(r"[^\s@'\"<>{}]+@[^\s@'\"<>{}]+")
_bound: ContextVar[Mapping[str, Any]] = ContextVar("bound", default=MappingProxyType({}))
_invocation: ContextVar[tuple[Any, str] | None] = ContextVar("invocation", default=None)


def prepare() -> None:
    """Have our records carry their fields in their text, and libraries keep quiet. Repeatable.

    A handler that has a form of its own (the local host's) keeps it.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_HELD_DOWN)
        if handler.formatter is None:
            handler.setFormatter(EventFormatter())


class _HeldDown(logging.Filter):
    """Lets libraries say that something went wrong, and not with what.

    They quote addresses of requests, headers, and msal the whole token when it cannot read it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in QUIET:
            return True
        record.args = None
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception):
            told = crash_of(error)
            record.exc_info, record.exc_text = (type(told), told, told.__traceback__), None
        return record.levelno >= logging.WARNING


_HELD_DOWN = _HeldDown()


class EventFormatter(logging.Formatter):
    """A record of ours as its event's name and one JSON object; any other as it is.

    A traceback goes between the two, so that the object ends the text, where queries look for it.
    """

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.name.partition(".")[0] not in OURS:
            return text
        told = fields(record)
        if not told:
            return text
        return f"{text} {json.dumps(told, ensure_ascii=False, separators=(', ', ': '))}"


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says beside its event's name; an address in it is masked, should one be there.

    What ``bound`` binds is among them, unless the record says otherwise.
    """
    given = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
    return {name: _plain(value) for name, value in {**_bound.get(), **given}.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return _ADDRESS.sub("(address)", str(value))[:LONGEST]


@contextlib.contextmanager
def bound(**more: Any) -> Iterator[None]:
    """Fields of every record that is logged meanwhile, in this thread and those that inherit."""
    token = _bound.set({**_bound.get(), **more})
    try:
        yield
    finally:
        _bound.reset(token)


# -- errors that nobody foresaw -------------------------------------------------------------


class Crashed(Exception):
    """An error that nobody foresaw: its kind, and the place by its traceback.

    Not its words: a ``ValueError`` quotes the value, which may be anybody's name.
    """


def crash_of(error: Exception) -> Crashed:
    """What may be told of *error*."""
    if isinstance(error, Crashed):
        return error
    kinds: list[str] = []
    at: BaseException | None = error
    while at is not None:
        kinds.append(type(at).__name__)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return Crashed(" from ".join(kinds)).with_traceback(error.__traceback__)


@contextlib.contextmanager
def wordless() -> Iterator[None]:
    """Raises ``Crashed`` for an error that nobody foresaw: the host logs whatever leaves us."""
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:  # noqa: BLE001 - raised again, in other words
        raise crash_of(error) from None


# -- threads of our own --------------------------------------------------------------------


def carried(context: Any) -> Callable[[Callable[[], R]], Callable[[], R]]:
    """Wraps work for another thread so that its log records belong to this invocation.

    *context* is the Functions ``Context``; None leaves the work as it is.
    """
    store = getattr(context, "thread_local_storage", None)
    invocation = getattr(context, "invocation_id", None)

    def wrap(work: Callable[[], R]) -> Callable[[], R]:
        def run() -> R:
            _belong(None if store is None else (store, str(invocation)), {})
            return work()

        return run

    return wrap


def inherited() -> Callable[[], None]:
    """For a pool's ``initializer``: its threads log for the invocation, and with the bound fields,
    of the thread that makes the pool."""
    invocation, fields_ = _invocation.get(), _bound.get()
    return lambda: _belong(invocation, fields_)


def _belong(invocation: tuple[Any, str] | None, fields_: Mapping[str, Any]) -> None:
    _invocation.set(invocation)
    _bound.set(fields_)
    if invocation is not None:
        store, name = invocation
        store.invocation_id = name
