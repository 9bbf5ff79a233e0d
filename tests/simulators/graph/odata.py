"""The part of OData's query language that Graph's event and user lists take. Pure.

A filter is compiled to a predicate. Comparisons follow the field: text without regard to case, as
Exchange and the directory compare; extended-property ids by `PropertyId`; times as instants, UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from .errors import GraphError, bad_request
from .model import PropertyId

Predicate = Callable[[Any], bool]
Kind = Literal["text", "exact", "instant", "boolean", "property"]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<instant>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?)"
    r"|(?P<number>-?\d+)"
    r"|(?P<word>[A-Za-z_@][\w.]*(?:/[A-Za-z_][\w.]*)*)"
    r"|(?P<mark>[(),:]))"
)


@dataclass(frozen=True, slots=True)
class Field:
    """A property that can be filtered and sorted by."""

    kind: Kind
    get: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Entity:
    """What a filter may speak of. Names are lower-case; "" in an element is the element itself."""

    fields: Mapping[str, Field]
    collections: Mapping[str, tuple[Callable[[Any], Iterable[Any]], Entity]] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class Filter:
    matches: Predicate
    names: frozenset[str]
    """Lower-case names of the fields and collections it uses."""


def parse_filter(text: str, entity: Entity) -> Filter:
    """Compile *text*. Raises GraphError 400."""
    parser = _Parser(text, entity)
    predicate = parser.either()
    if parser.peek() is not None:
        raise parser.error()
    return Filter(predicate, frozenset(parser.names))


def parse_order(text: str, entity: Entity) -> list[tuple[Callable[[Any], Any], bool]]:
    """`$orderby` as (key, descending) pairs, most important first. Raises GraphError 400."""
    keys = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        known = entity.fields.get(name.lower())
        if known is None or direction.strip().lower() not in ("", "asc", "desc"):
            raise bad_request(f"Invalid $orderby '{part.strip()}'.", "BadRequest")
        keys.append((known.get, direction.strip().lower() == "desc"))
    return keys


def invalid_filter(text: str) -> GraphError:
    hint = " A '+' in a query stands for itself: encode spaces as %20." if "+" in text else ""
    return bad_request(f"Invalid filter clause: syntax error in '{text}'.{hint}")


class _Parser:
    def __init__(self, text: str, entity: Entity) -> None:
        self.text = text
        self.names: set[str] = set()
        self._tokens = self._split(text)
        self._at = 0
        self._entity = entity
        self._variable = ""

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if not found:
                raise self.error()
            tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        return tokens

    def error(self) -> GraphError:
        return invalid_filter(self.text)

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def take(self, *wanted: str) -> tuple[str, str]:
        """The next token; with *wanted*, it must be one of these words or marks."""
        token = self.peek()
        if token is None or (wanted and token[1].lower() not in wanted):
            raise self.error()
        self._at += 1
        return token

    def skip(self, word: str) -> bool:
        token = self.peek()
        if token is None or token[0] not in ("word", "mark") or token[1].lower() != word:
            return False
        self._at += 1
        return True

    def either(self) -> Predicate:
        parts = [self.both()]
        while self.skip("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda item: any(part(item) for part in parts)

    def both(self) -> Predicate:
        parts = [self.one()]
        while self.skip("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)

    def one(self) -> Predicate:
        if self.skip("not"):
            inner = self.one()
            return lambda item: not inner(item)
        if self.skip("("):
            inside = self.either()
            self.take(")")
            return inside
        kind, word = self.take()
        if kind != "word":
            raise self.error()
        if word.lower() in ("contains", "startswith", "endswith"):
            return self._function(word.lower())
        if word.lower().endswith("/any"):
            return self._any(word[:-4].lower())
        return self._comparison(word)

    def _field(self, word: str) -> Field:
        name = word.lower()
        if self._variable:
            if name != self._variable and not name.startswith(f"{self._variable}/"):
                raise self.error()
            name = name[len(self._variable) + 1 :]
        else:
            self.names.add(name)
        known = self._entity.fields.get(name)
        if known is None:
            raise bad_request(f"Could not find a property named '{word}'.")
        return known

    def _literal(self, kind: Kind) -> Any:
        token, text = self.take()
        if token == "string":
            text = text[1:-1].replace("''", "'")
        try:
            match kind:
                case "boolean":
                    return {"true": True, "false": False}[text.lower()]
                case "instant":
                    moment = datetime.fromisoformat(text)
                    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
                case "property":
                    return PropertyId.parse(text)
                case "text":
                    return text.casefold()
        except (ValueError, KeyError) as exc:
            raise self.error() from exc
        return text

    def _value(self, known: Field) -> Callable[[Any], Any]:
        if known.kind != "text":
            return known.get
        return lambda item: (known.get(item) or "").casefold()

    def _function(self, name: str) -> Predicate:
        self.take("(")
        known = self._field(self.take()[1])
        self.take(",")
        literal = self._literal(known.kind)
        self.take(")")
        if known.kind not in ("text", "exact"):
            raise self.error()
        value = self._value(known)
        match name:
            case "contains":
                return lambda item: literal in value(item)
            case "startswith":
                return lambda item: bool(value(item).startswith(literal))
        return lambda item: bool(value(item).endswith(literal))

    def _comparison(self, word: str) -> Predicate:
        known = self._field(word)
        operator = self.take("eq", "ne", "gt", "ge", "lt", "le")[1].lower()
        literal = self._literal(known.kind)
        value = self._value(known)
        if known.kind == "property" and operator not in ("eq", "ne"):
            raise self.error()
        match operator:
            case "eq":
                return lambda item: bool(value(item) == literal)
            case "ne":
                return lambda item: bool(value(item) != literal)
            case "gt":
                return lambda item: bool(value(item) > literal)
            case "ge":
                return lambda item: bool(value(item) >= literal)
            case "lt":
                return lambda item: bool(value(item) < literal)
        return lambda item: bool(value(item) <= literal)

    def _any(self, name: str) -> Predicate:
        self.names.add(name)
        known = self._entity.collections.get(name)
        if known is None or self._variable:
            raise self.error()
        members, element = known
        self.take("(")
        variable = self.take()[1].lower()
        self.take(":")
        outer, self._entity, self._variable = self._entity, element, variable
        inner = self.either()
        self._entity, self._variable = outer, ""
        self.take(")")
        return lambda item: any(inner(member) for member in members(item))
