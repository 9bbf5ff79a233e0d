"""A request's bytes → one JSON value, in the order of refusal: 413, (401), 415, 400.

The signature (401) is the caller's: it calls ``check_size`` first, then ``signing.verify``, then
a parser, which goes on with 415, 400 and 422. What is read:

* UTF-8 without a byte order mark. ``NaN`` and ``Infinity`` are not JSON. Nesting deeper than
  Python follows is malformed.
* Of a name given twice in one object the last counts, as in every common reader.
* Numbers may be of any size; whether one fits is judged where it is used.
"""

from __future__ import annotations

import json
import re
from typing import Any, Never

from shared.contract.problem import refusal

WEBHOOK_LIMIT = 256 * 1024
"""Bytes of a webhook, and of every call that is not a batch."""
BATCH_LIMIT = 4 * 1024 * 1024
"""Bytes of a batch."""

_JSON_TYPE = re.compile(r"application/(?:json|[a-z0-9.!#$&^_-]+\+json)")
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s\";]+)")


def check_size(length: int, limit: int = WEBHOOK_LIMIT) -> None:
    """Refuse a body of *length* bytes when that is over *limit* (413); exactly *limit* passes."""
    if length > limit:
        raise refusal("too_large")


def read_body(body: bytes, content_type: str | None, limit: int = WEBHOOK_LIMIT) -> Any:
    """The JSON value in *body*, or the refusal that comes first."""
    check_size(len(body), limit)
    _check_type(content_type)
    return _read_json(body)


def read_call(body: bytes, content_type: str | None) -> Any:
    """As ``read_body``, for people's calls: those may leave the Content-Type out."""
    return read_body(body, content_type or "application/json")


def _check_type(content_type: str | None) -> None:
    media_type, _, parameters = (content_type or "").lower().partition(";")
    charset = _CHARSET.search(parameters)
    if not _JSON_TYPE.fullmatch(media_type.strip()):
        raise refusal("not_json")
    if charset and charset[1] not in ("utf-8", "utf8", "us-ascii"):
        raise refusal("not_json")


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"), parse_int=_whole_number, parse_constant=_not_a_number
        )
    except (ValueError, RecursionError):
        raise refusal("malformed") from None


def _whole_number(digits: str) -> int | float:
    # int() refuses more than 4300 digits and takes quadratic time below that. As a float such a
    # number is merely out of every range.
    return int(digits) if len(digits) <= 300 else float(digits)


def _not_a_number(name: str) -> Never:
    raise ValueError(name)
