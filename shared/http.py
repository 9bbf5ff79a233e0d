"""Sending HTTP requests: the one file that names requests and opens sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from shared.errors import Broken


@dataclass(frozen=True, slots=True)
class Call:
    """A request not yet sent. *timeout_s* bounds the connecting and each wait for bytes."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """*headers* have lower-case names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


Send = Callable[[Call], Answer]
"""Raises ``Broken`` when no answer came; it may have been carried out."""

ANSWER_LIMIT = 64 * 1024 * 1024


def sender(system: str, answer_limit: int = ANSWER_LIMIT) -> Send:
    """A ``Send`` over one pool of connections, safe to share between threads.

    Certificates are verified (``REQUESTS_CA_BUNDLE`` is honoured), redirects are never followed,
    and an answer's body is cut at *answer_limit* bytes.
    """
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.mount("https://", HTTPAdapter(pool_connections=64, pool_maxsize=64))

    def send(call: Call) -> Answer:
        try:
            with session.request(
                call.method,
                call.url,
                data=call.body,
                headers=dict(call.headers),
                timeout=call.timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = response.raw.read(answer_limit, decode_content=True)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body)
        except (requests.RequestException, OSError) as error:
            kind = "timeout" if isinstance(error, requests.Timeout) else "no_answer"
            raise Broken(system, kind, type(error).__name__) from error
        except Exception as error:
            # urllib3 raises its own while a body is read; no answer is no answer.
            if type(error).__module__.startswith("urllib3"):
                raise Broken(system, "no_answer", type(error).__name__) from error
            raise

    return send


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """What ``Retry-After`` asks for, in seconds: whole, fractional or a date; None if unusable.

    Never more than an hour: a sweep comes by then anyway, and a peer that says a year is wrong.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(seconds, 3600.0) if 0 <= seconds < float("inf") else None
