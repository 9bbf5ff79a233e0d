"""Every error raised on purpose, divided by what the caller must do next.

ConnectorError
├── Invalid           the caller sent what we cannot take (.code, .faults) -> 4xx, nothing stored
├── Stale             someone wrote the row first -> reload, decide again
├── ConfigError       settings are wrong; every fault at once -> the process does not serve
├── Unavailable       the store cannot be reached now -> 503 with Retry-After, the sweep
└── RemoteError       Graph, Entra or the LMS (.system, .code, .request_id)
    ├── Throttled     .retry_after -> leave it for later, slow this tenant down
    ├── Broken        5xx, time-out, no answer: it may have happened -> replay
    ├── Refused       4xx: repeating it unchanged cannot help -> a person
    ├── NotFound      404: the thing, the mailbox or the user (.code says which)
    ├── Changed       412: somebody wrote it after we read it -> read again, decide again
    └── NotAllowed    401/403: consent, policy, secret -> a person, once
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta


class ConnectorError(Exception):
    """Base of every error the connector raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request.

    *pointer* is a JSON pointer as a URI fragment (``#/data/end``); *code* is stable, *detail* is
    for people.
    """

    pointer: str
    code: str
    detail: str


class Invalid(ConnectorError):
    """A request that is refused whole; nothing was stored.

    Attributes:
        status: HTTP status to answer with.
        code: Stable machine name.
        title: One sentence for people.
        faults: Every fault found, in document order.
    """

    def __init__(self, status: int, code: str, title: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.faults = faults


class Stale(ConnectorError):
    """The row changed after it was read."""


class ConfigError(ConnectorError):
    """The settings cannot be used; the message lists every fault."""


class Unavailable(ConnectorError):
    """The store did not answer; nothing is known to have been written."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


class RemoteError(ConnectorError):
    """Another system answered with an error, or not at all.

    Attributes:
        system: ``graph``, ``entra`` or ``lms``.
        code: The system's own error code, or ours where it has none (``timeout``).
        message: The other side's words, which may repeat what it was asked: whose address, which
            subject. So they are no part of what the error prints as.
        request_id: The other side's id for the request, where it gave one.
    """

    def __init__(self, system: str, code: str, message: str = "", request_id: str = "") -> None:
        # Anything may stand where a name should.
        self.code = code if _NAME.fullmatch(code) else "unclear"
        self.request_id = request_id if _NAME.fullmatch(request_id) else ""
        super().__init__(f"{system}: {self.code} (request-id {self.request_id or 'none'})")
        self.system = system
        self.message = message


class Throttled(RemoteError):
    """Too many requests; *retry_after* is what the other side asked for, None if it did not say."""

    def __init__(
        self,
        system: str,
        code: str,
        message: str = "",
        request_id: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(system, code, message, request_id)
        self.retry_after = retry_after


class Broken(RemoteError):
    """No usable answer. The request may have been carried out."""

    def __init__(
        self,
        system: str,
        code: str,
        message: str = "",
        request_id: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(system, code, message, request_id)
        self.retry_after = retry_after


class Refused(RemoteError):
    """A 4xx that repeating unchanged cannot mend."""


class NotFound(RemoteError):
    """404 (or 410): *code* tells the event, the mailbox and the user apart."""


class Changed(RemoteError):
    """412: the thing was written after we read it."""


class NotAllowed(RemoteError):
    """401 or 403: a right is missing, and a person must give it."""
