"""What was asked of the simulator: a bounded log, counters by kind, mails sent, peaks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from .model import Mail


@dataclass(slots=True)
class Entry:
    """One request. An item of a batch has an entry of its own, and so has the batch."""

    at: datetime
    method: str
    path: str
    """Decoded, with the query, without /v1.0."""
    kind: str = "other"
    """The operation's name, such as `create_event`."""
    tenant: str | None = None
    app: str | None = None
    status: int | None = None
    """None: still going on. 0: the connection was dropped."""
    in_batch: bool = False
    prefer: str = ""
    client_request_id: str | None = None
    fault: str | None = None
    """The effect of the fault it suffered."""


@dataclass(slots=True)
class Journal:
    """Read it from tests; the simulator writes it under its lock."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=50_000))
    kinds: Counter[str] = field(default_factory=Counter)
    """Requests by kind since the last `clear`."""
    kinds_of_tenant: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by (tenant, kind)."""
    statuses: Counter[int] = field(default_factory=Counter)
    mails: deque[Mail] = field(default_factory=lambda: deque(maxlen=200_000))
    peaks: dict[tuple[str, str], int] = field(default_factory=dict)
    """Most requests ever in flight at once by (app, mailbox's object id), refused ones counted."""
    metered: int = 0
    """Requests that count against limits: single ones and items, not batches."""

    def finish(self, entry: Entry, status: int) -> None:
        entry.status = status
        self.statuses[status] += 1
        self.kinds[entry.kind] += 1
        if entry.tenant:
            self.kinds_of_tenant[entry.tenant, entry.kind] += 1
        if entry.kind != "batch":
            self.metered += 1

    def requests(
        self,
        kind: str | None = None,
        tenant: str | None = None,
        method: str | None = None,
        path: str | None = None,
    ) -> list[Entry]:
        """Entries that match all that is given; *path* is looked for anywhere in theirs."""
        return list(self._matching(kind, tenant, method, path))

    def _matching(
        self, kind: str | None, tenant: str | None, method: str | None, path: str | None
    ) -> Iterator[Entry]:
        for entry in self.entries:
            if (
                (kind is None or entry.kind == kind)
                and (tenant is None or entry.tenant == tenant)
                and (method is None or entry.method == method)
                and (path is None or path in entry.path)
            ):
                yield entry

    def mails_to(self, address: str, kind: str | None = None) -> list[Mail]:
        """Mails to one person, oldest first."""
        wanted = address.casefold()
        return [
            mail
            for mail in self.mails
            if mail.to.casefold() == wanted and (kind is None or mail.kind == kind)
        ]

    def clear(self) -> None:
        """Forget requests and counters; mails stay."""
        self.entries.clear()
        self.kinds.clear()
        self.kinds_of_tenant.clear()
        self.statuses.clear()
        self.peaks.clear()
        self.metered = 0
