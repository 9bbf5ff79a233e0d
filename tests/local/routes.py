"""Routes of HTTP triggers, matched as the Functions host matches them. Pure.

* Templates are ASP.NET Core's: `tenants/{tenantId}/components/{componentId:length(1,200)}/{tail?}`,
  with constraints, a default (`{page=1}`), an optional last segment and a catch-all (`{*path}`).
  A segment is either text or one parameter.
* Text and names are compared without regard to case, and a trailing slash does not count.
* **There is no precedence.** Routes are tried in the alphabetical order of their functions' names,
  and the first that fits path and method wins, however general.
  https://github.com/Azure/azure-functions-host/issues/9876
* A path with no fitting route *and method* is 404. HEAD goes to the function for GET, and is 405
  where a path has functions but none for GET (`WebScriptHostHttpRoutesManager` of the host).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

Target = TypeVar("Target")

_PARAMETER = re.compile(r"\{(?P<all>\**)(?P<name>\w+)(?P<rest>.*)\}", re.DOTALL)
_CONSTRAINT = re.compile(r":(?P<name>\w+)(?:\((?P<argument>(?:[^()\\]|\\.|\([^()]*\))*)\))?")


def _is(kind: Callable[[str], object]) -> Callable[[str, str], bool]:
    def fits(text: str, _argument: str) -> bool:
        try:
            kind(text)
        except (ValueError, OverflowError):
            return False
        return True

    return fits


def _in_range(text: str, low: str | None, high: str | None) -> bool:
    number = int(text) if re.fullmatch(r"[+-]?\d+", text) else None
    return number is not None and (
        (low is None or number >= int(low)) and (high is None or number <= int(high))
    )


def _bounds(argument: str) -> tuple[int, int]:
    low, _, high = argument.partition(",")
    return int(low), int(high or low)


def _has_length(text: str, argument: str) -> bool:
    low, high = _bounds(argument)
    return low <= len(text) <= high


# https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
_CONSTRAINTS: Mapping[str, Callable[[str, str], bool]] = {
    "alpha": lambda text, _: re.fullmatch("[a-z]*", text, re.IGNORECASE) is not None,
    "bool": lambda text, _: text.lower() in {"true", "false"},
    "decimal": _is(float),
    "double": _is(float),
    "float": _is(float),
    "guid": _is(uuid.UUID),
    "int": lambda text, _: _in_range(text, str(-(2**31)), str(2**31 - 1)),
    "length": _has_length,
    "long": lambda text, _: _in_range(text, str(-(2**63)), str(2**63 - 1)),
    "max": lambda text, argument: _in_range(text, None, argument),
    "maxlength": lambda text, argument: len(text) <= int(argument),
    "min": lambda text, argument: _in_range(text, argument, None),
    "minlength": lambda text, argument: len(text) >= int(argument),
    "range": lambda text, argument: _in_range(text, *argument.split(",")),
    "regex": lambda text, argument: re.search(argument, text, re.IGNORECASE) is not None,
    "required": lambda text, _: text != "",
}


@dataclass(frozen=True, slots=True)
class _Segment:
    """One part of a template: *text*, or the parameter *name*."""

    text: str | None = None
    name: str = ""
    constraints: tuple[tuple[str, str], ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    @classmethod
    def parse(cls, source: str) -> _Segment:
        if "{" not in source and "}" not in source:
            return cls(text=source)
        found = _PARAMETER.fullmatch(source)
        if not found:
            raise ValueError(f"a segment is either text or one parameter, not {source!r}")
        rest = found["rest"]
        optional = rest.endswith("?")
        constraints = []
        rest = rest.removesuffix("?")
        while match := _CONSTRAINT.match(rest):
            if match["name"].lower() not in _CONSTRAINTS:
                raise ValueError(f"unknown constraint {match['name']!r} in {source!r}")
            constraints.append((match["name"].lower(), match["argument"] or ""))
            rest = rest[match.end() :]
        if rest and not re.fullmatch("=[^{}]*", rest):
            raise ValueError(f"cannot read {source!r}")
        return cls(
            name=found["name"],
            constraints=tuple(constraints),
            default=rest[1:] if rest else None,
            optional=optional,
            catch_all=bool(found["all"]),
        )

    def fits(self, value: str) -> bool:
        if self.text is not None:
            return self.text.lower() == value.lower()
        return all(_CONSTRAINTS[name](value, argument) for name, argument in self.constraints)


class Route:
    """A template, ready to be matched."""

    def __init__(self, template: str) -> None:
        """Read *template*.

        Raises:
            ValueError: It is not one, or of a kind that this host does not serve.
        """
        self.template = template.strip("/")
        self._segments = [_Segment.parse(s) for s in self.template.split("/") if s]
        names = [s.name.lower() for s in self._segments if s.text is None]
        if len(names) != len(set(names)):
            raise ValueError(f"{template!r} names a parameter twice")
        if any(s.optional or s.catch_all for s in self._segments[:-1]):
            raise ValueError(f"{template!r}: only the last segment may be optional or catch all")

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The parameters' values if the path's *segments* fit, else None."""
        values: dict[str, str] = {}
        for i, segment in enumerate(self._segments):
            if segment.catch_all:
                value = "/".join(segments[i:])
                values[segment.name] = value or segment.default or ""
                return values if segment.fits(values[segment.name]) else None
            if i >= len(segments):
                if segment.default is None and not segment.optional:
                    return None
                if segment.default is not None:
                    values[segment.name] = segment.default
                continue
            if not segments[i] or not segment.fits(segments[i]):
                return None
            if segment.text is None:
                values[segment.name] = segments[i]
        return values if len(segments) <= len(self._segments) else None

    def overlaps(self, other: Route) -> bool:
        """Whether some path may fit both; constraints are not looked at, except on known text."""
        mine, theirs = self._segments, other._segments
        for i in range(max(len(mine), len(theirs))):
            a = mine[i] if i < len(mine) else None
            b = theirs[i] if i < len(theirs) else None
            if (a and a.catch_all) or (b and b.catch_all):
                return True
            if a is None or b is None:
                rest = a or b
                return rest is not None and (rest.optional or rest.default is not None)
            if a.text is not None and not b.fits(a.text):
                return False
            if b.text is not None and not a.fits(b.text):
                return False
        return True


class Router(Generic[Target]):
    """Which function a request goes to."""

    def __init__(self, routes: Iterable[tuple[str, Route, frozenset[str], Target]]) -> None:
        """Take (function name, route, methods in upper case or none for all, target) rows."""
        self._routes = sorted(routes, key=lambda row: row[0].lower())

    def find(self, method: str, path: str) -> tuple[Target, dict[str, str]] | int:
        """The target and its route values for a request, or the status to refuse it with.

        Args:
            method: In upper case.
            path: As sent, still percent-encoded, without prefix and query.
        """
        segments = path_segments(path)
        has_path = False
        for _, route, methods, target in self._routes:
            values = route.match(segments)
            if values is None:
                continue
            has_path = True
            if not methods or method in methods or (method == "HEAD" and "GET" in methods):
                return target, values
        return 405 if has_path and method == "HEAD" else 404


def path_segments(path: str) -> list[str]:
    """Split and decode a path as Kestrel does: everything but an encoded slash is decoded."""
    parts = path.split("/")[1:] if path.startswith("/") else path.split("/")
    if parts and not parts[-1]:
        parts.pop()
    return ["".join(map(_decoded, _ENCODED_SLASH.split(part))) for part in parts]


_ENCODED_SLASH = re.compile("(%2f)", re.IGNORECASE)


def _decoded(piece: str) -> str:
    return piece if _ENCODED_SLASH.fullmatch(piece) else unquote(piece)
