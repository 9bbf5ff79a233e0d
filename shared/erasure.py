"""Taking a person out of what is remembered. Pure.

A row is looked through as the JSON it is stored as, so that an address is found wherever it stands,
also in a field that somebody adds later. Evidence is not touched: it names people by keys, and its
hash must stay (the law, 3). Object ids by which an event is managed and its attendance read stay as
well; they say nothing to anybody outside the customer's directory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from shared import codec
from shared.model import fold
from shared.people import fold_id

V = TypeVar("V")

ERASED = "(erased)"
_PERSON = {"email", "name", "entra_id"}
_COMPONENT = {"id", "componentId"}
"""Under these a component has the LMS's own id. It stays, whatever it holds: with another one it
would be another component, which nobody knows."""


@dataclass(frozen=True, slots=True)
class Whom:
    """A person by everything they are known by: folded addresses, and object ids."""

    addresses: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    @classmethod
    def by(cls, addresses: Iterable[str | None] = (), ids: Iterable[str | None] = ()) -> Whom:
        return cls(
            frozenset(fold(one) for one in addresses if one and "@" in one),
            frozenset(fold_id(one) for one in ids if one),
        )

    def joined_with(self, other: Whom) -> Whom:
        return Whom(self.addresses | other.addresses, self.ids | other.ids)

    def is_any_of(self, addresses: Collection[str | None], ids: Collection[str | None]) -> bool:
        other = Whom.by(addresses, ids)
        return bool(self.addresses & other.addresses or self.ids & other.ids)


def without(kind: type[V], value: V, whom: Whom) -> V:
    """*value*, one of ours, without the person."""
    scrubbed = _scrubbed(codec.plain(value), whom, _mentions(whom))
    return codec.loads(kind, json.dumps(scrubbed))


def known_as(value: Any, whom: Whom) -> Whom:
    """Everything the person is called by in *value*: who is named by an address of theirs may have
    an object id there, and under that another address elsewhere."""
    found = whom
    for person in _people(codec.plain(value)):
        if whom.is_any_of([person["email"]], [person["entra_id"]]):
            found = found.joined_with(Whom.by([person["email"]], [person["entra_id"]]))
    return found


def _people(value: Any) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        if value.keys() >= _PERSON:
            yield value
        for inner in value.values():
            yield from _people(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _people(inner)


def _mentions(whom: Whom) -> re.Pattern[str]:
    """Finds an address of theirs within a longer text, and not within a longer address."""
    longest_first = sorted(whom.addresses, key=len, reverse=True)
    either = "|".join(re.escape(address) for address in longest_first)
    return re.compile(rf"(?<![\w.+-])(?:{either or '(?!)'})(?![\w-]|\.\w)", re.IGNORECASE)


def _scrubbed(value: Any, whom: Whom, mentions: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        if value.keys() >= _PERSON and whom.is_any_of([value["email"]], [value["entra_id"]]):
            return {**value, "email": "", "name": "", "entra_id": None}
        return {
            name: inner if name in _COMPONENT else _scrubbed(inner, whom, mentions)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        kept = [one for one in value if not (isinstance(one, str) and _is_theirs(one, whom))]
        return [_scrubbed(one, whom, mentions) for one in kept]
    if isinstance(value, str):
        return "" if _is_theirs(value, whom) else mentions.sub(ERASED, value)
    return value


def _is_theirs(text: str, whom: Whom) -> bool:
    return "@" in text and fold(text) in whom.addresses
