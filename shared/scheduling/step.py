"""What a decision is made from, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from shared.model import Mode, Organizer, Tenant
from shared.record import Record
from shared.scheduling.views import View


class Act(Enum):
    """The one next step outside the table."""

    READ = "read"  # the event, with its body when the agenda changed
    RESOLVE = "resolve"  # the owner in the directory
    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    REPLAY = "replay"  # the stored request of a lapsed claim


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision is made from beside the record.

    *vanished_may_go* tells that the brake was asked and lets a vanished event count as cancelled.
    """

    now: datetime
    tenant: Tenant
    view: View | None = None
    organizer: Organizer | None = None
    vanished_may_go: bool = False

    @property
    def live(self) -> bool:
        return self.tenant.enabled and self.tenant.mode is Mode.LIVE


@dataclass(frozen=True, slots=True)
class Step:
    """The record as it is to be stored now, and the act that follows; None when there is none.

    *vanished* tells that the event is gone and that the brake must be asked.
    """

    record: Record
    act: Act | None = None
    vanished: bool = False


Note = Callable[[Record], Record]
"""A fact as a change to whatever the record is by then."""
