"""Values to JSON and back, by their type hints. No I/O.

Only what our own values hold: dataclasses, enums, NewTypes, tuples, dictionaries of plain JSON,
instants, durations and optional ones of these. A field that holds nothing, as it does by default,
is not written: most do, and rows are paid for by size. Fields that a stored row lacks take their
default, so that a newer version reads what an older one wrote; unknown fields are ignored, so that
an older one reads what a newer one wrote during a rolling update.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
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
    """*value* as dictionaries, lists, strings and numbers, with every field."""
    encode, _ = _turns(type(value), whole=True)
    return encode(value)


def instant(moment: datetime) -> str:
    """An instant in the one form we store: UTC, ``Z``, microseconds only where there are any."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat()[:-6] + "Z"


def _same(value: Any) -> Any:
    return value


def _work_out(kind: Any, *, whole: bool = False) -> tuple[Turn, Turn]:
    """How a value of type *kind* is encoded, *whole* with the fields that hold nothing, and
    decoded; worked out once."""
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
        return _dataclass_turns(kind, whole=whole)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        encode, decode = _turns(args[0], whole=whole)
        return (
            lambda values: [encode(value) for value in values],
            lambda values: tuple(decode(value) for value in values),
        )
    if origin in (typing.Union, types.UnionType):
        (inner,) = (arg for arg in args if arg is not type(None))
        encode, decode = _turns(inner, whole=whole)
        return (
            lambda value: None if value is None else encode(value),
            lambda value: None if value is None else decode(value),
        )
    if origin is dict:
        return _same, _same
    raise TypeError(f"no JSON form for {kind!r}")


def _dataclass_turns(kind: Any, *, whole: bool) -> tuple[Turn, Turn]:
    hints = typing.get_type_hints(kind)
    turns = {f.name: _turns(hints[f.name], whole=whole) for f in dataclasses.fields(kind)}
    # Nothing is None, False, 0, "" or no items; another default may be another one tomorrow.
    nothing = {f.name: f.default for f in dataclasses.fields(kind) if not (f.default or whole)}
    ways = [
        (name, turn, nothing.get(name, dataclasses.MISSING)) for name, (turn, _) in turns.items()
    ]
    decodes = {name: decode for name, (_, decode) in turns.items()}

    def encode(value: Any) -> dict[str, Any]:
        data = {}
        for name, turn, nothing in ways:
            held = getattr(value, name)
            if held is not nothing:
                data[name] = held if turn is _same else turn(held)
        return data

    def decode(data: dict[str, Any]) -> Any:
        return kind(**{name: decodes[name](held) for name, held in data.items() if name in decodes})

    return encode, decode


_turns: Callable[..., tuple[Turn, Turn]] = cache(_work_out)
