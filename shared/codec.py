"""Values to JSON and back, by their type hints. No I/O.

Only what our own values hold: dataclasses, enums, NewTypes, tuples, dictionaries of plain JSON,
instants, durations and optional ones of these. Fields that a stored row lacks take their default,
so that a newer version reads what an older one wrote; unknown fields are ignored, so that an older
one reads what a newer one wrote during a rolling update.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

T = TypeVar("T")
Turn = Callable[[Any], Any]


def dumps(value: Any) -> str:
    """The compact JSON of one of our values."""
    encode, _ = _turns(type(value))
    return _compact(encode(value))


def loads(kind: type[T], text: str) -> T:
    """The value of type *kind* that ``dumps`` wrote."""
    _, decode = _turns(kind)
    return typing.cast(T, decode(json.loads(text)))


def plain(value: Any) -> Any:
    """*value* as dictionaries, lists, strings and numbers."""
    encode, _ = _turns(type(value))
    return encode(value)


def instant(moment: datetime) -> str:
    """An instant in the one form we store: UTC, ``Z``, microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _same(value: Any) -> Any:
    return value


_known: dict[Any, tuple[Turn, Turn]] = {}


def _turns(kind: Any) -> tuple[Turn, Turn]:
    """How a value of type *kind* is encoded and decoded; worked out once."""
    turns = _known.get(kind)
    if turns is None:
        turns = _known[kind] = _work_out(kind)
    return turns


def _work_out(kind: Any) -> tuple[Turn, Turn]:
    kind = getattr(kind, "__supertype__", kind)
    if kind in (str, int, bool, float, type(None), Any, dict, list):
        return _same, _same
    if kind is datetime:
        return instant, datetime.fromisoformat
    if kind is date:
        return date.isoformat, date.fromisoformat
    if kind is timedelta:
        return timedelta.total_seconds, lambda seconds: timedelta(seconds=seconds)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value.value, kind
    if dataclasses.is_dataclass(kind):
        return _dataclass_turns(kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        encode, decode = _turns(args[0])
        return (
            lambda values: [encode(value) for value in values],
            lambda values: tuple(decode(value) for value in values),
        )
    if origin in (typing.Union, types.UnionType):
        (inner,) = (arg for arg in args if arg is not type(None))
        encode, decode = _turns(inner)
        return (
            lambda value: None if value is None else encode(value),
            lambda value: None if value is None else decode(value),
        )
    if origin is dict:
        return _same, _same
    raise TypeError(f"no JSON form for {kind!r}")


def _dataclass_turns(kind: Any) -> tuple[Turn, Turn]:
    hints = typing.get_type_hints(kind)
    fields = [(f.name, *_turns(hints[f.name])) for f in dataclasses.fields(kind)]

    def encode(value: Any) -> dict[str, Any]:
        return {name: turn(getattr(value, name)) for name, turn, _ in fields}

    def decode(data: dict[str, Any]) -> Any:
        return kind(**{name: turn(data[name]) for name, _, turn in fields if name in data})

    return encode, decode
