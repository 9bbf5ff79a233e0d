"""Bodies of people's calls: decide, reverify, erase (the law, 4.3). No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.contract.body import read_call
from shared.contract.components import LONGEST_ID
from shared.contract.members import Members
from shared.contract.problem import refuse_if_any
from shared.errors import Fault

LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about attendance that was held.

    *participant* is the evidence record's name for the one it is about; None when the call left
    that out. *by* and *reason* are recorded as evidence.
    """

    accepted: bool
    participant: str | None
    by: str
    reason: str


def parse_decide(body: bytes, content_type: str | None = None) -> Decision:
    """The decision in *body*. Raises Invalid (413, 415, 400, 422 with every fault)."""
    faults: list[Fault] = []
    members = Members.of(read_call(body, content_type), "#", faults)
    members.need("decision")
    decision = Decision(
        accepted=members.choice("decision", ("accept", "reject"), "reject") == "accept",
        participant=(
            members.words("participant", LONGEST_ID) if members.has("participant") else None
        ),
        by=members.words("by"),
        reason=members.words("reason", LONGEST_REASON),
    )
    refuse_if_any(faults)
    return decision


def parse_range(body: bytes, content_type: str | None = None) -> tuple[date, date]:
    """``from`` and ``to``: local dates, both included. Raises Invalid as ``parse_decide``."""
    faults: list[Fault] = []
    members = Members.of(read_call(body, content_type), "#", faults)
    first, last = members.local_date("from"), members.local_date("to")
    if not faults and last < first:
        members.note("to", "before_from", "This must not be before the first date.")
    refuse_if_any(faults)
    return first, last


def parse_email(body: bytes, content_type: str | None = None) -> str:
    """The address in ``email``, trimmed and not blank. Raises Invalid as ``parse_decide``."""
    faults: list[Fault] = []
    members = Members.of(read_call(body, content_type), "#", faults)
    address = members.address("email")
    if not address and not faults:
        members.note("email", "missing", "This is required.")
    refuse_if_any(faults)
    return address
