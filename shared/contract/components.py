"""The LMS's webhook and batch → snapshots (the law, 4.1). No I/O, no clock.

What the law leaves open is decided here:

* ``owner`` and ``learner`` must be objects; their ``email`` and ``name`` may be blank or null. An
  unknown owner is thus ``{"email": "", "name": ""}`` and stored.
* GUIDs are kept in lower case, as Microsoft 365 writes them; addresses are kept trimmed; every
  other string is kept as it was sent.
* The content that a revision stands for is what was understood of it: other spelling of the same
  save (order, spacing, offsets, defaults written out, unknown fields) is the same content.
  ``seen`` is left out: re-sending the list later may honestly have seen more events.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from shared import codec
from shared.contract.body import BATCH_LIMIT, WEBHOOK_LIMIT, read_body
from shared.contract.members import BIGGEST, Members
from shared.contract.problem import refuse_if_any
from shared.errors import Fault
from shared.model import ComponentId, Kind, Person, Slot, Snapshot

SAVED, DELETED, BATCH = "component.saved", "component.deleted", "components.saved"
BATCH_MOST = 500
LONGEST_ID = 200
LONGEST_DESCRIPTION = 32_000
LONGEST_SLOT = timedelta(hours=24)
MOST_PLANNED_MINUTES = 366 * 24 * 60


@dataclass(frozen=True, slots=True)
class Deleted:
    """The LMS deleted a component; ``tombstone`` makes the snapshot to store."""

    id: ComponentId
    revision: int


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One component of a batch, judged by itself: either *snapshot* or *faults*.

    *id* and *revision* are as sent where they could be read, so that a refusal can name them;
    None where not.
    """

    id: ComponentId | None
    revision: int | None
    snapshot: Snapshot | None
    faults: tuple[Fault, ...]


def parse_webhook(body: bytes, content_type: str | None) -> Snapshot | Deleted:
    """What one signed webhook says.

    Raises:
        Invalid: 413, 415, 400, or 422 with every fault.
    """
    faults: list[Fault] = []
    message = Members.of(read_body(body, content_type, WEBHOOK_LIMIT), "#", faults)
    kind = _message_type(message, (SAVED, DELETED))
    data = message.inside("data")
    # Of a message of unknown type only what both types share can be judged.
    read = read_snapshot(data) if kind == SAVED else _read_deleted(data)
    refuse_if_any(faults)
    return read


def parse_batch(body: bytes, content_type: str | None) -> list[BatchItem]:
    """The components of a signed batch, in the order sent.

    Raises:
        Invalid: For what is wrong with the batch as such: 413, 415, 400, or 422. What is wrong
            with one component stands in its item.
    """
    faults: list[Fault] = []
    message = Members.of(read_body(body, content_type, BATCH_LIMIT), "#", faults)
    _message_type(message, (BATCH,))
    items = message.items("data") if message.need("data") else []
    if len(items) > BATCH_MOST:
        message.note("data", "too_many", f"At most {BATCH_MOST} components are taken at once.")
    refuse_if_any(faults)
    return [_batch_item(item, f"#/data/{index}") for index, item in enumerate(items)]


def read_snapshot(data: Members) -> Snapshot:
    """One save, whole; its faults are noted in *data*'s list, and then it is not to be used."""
    deleted = _read_deleted(data)
    kind = Kind(_required_choice(data, "kind", tuple(kind.value for kind in Kind)))
    name = data.words("name")
    description = data.text("description", LONGEST_DESCRIPTION)
    description_format = data.choice("descriptionFormat", ("text", "html"), "text")
    slot = _slot(data)
    snapshot = Snapshot(
        id=deleted.id,
        revision=deleted.revision,
        kind=kind,
        name=name,
        description=description,
        description_is_html=description_format == "html",
        slot=slot,
        online=_online(data),
        cancelled=data.yes_no("cancelled"),
        deleted=False,
        planned_minutes=data.whole("plannedMinutes", MOST_PLANNED_MINUTES),
        owner=data.person("owner"),
        learner=data.person("learner"),
        employer_can_view=data.yes_no("employerCanView"),
        manager=data.person("manager") if data.has("manager") else None,
        mentor=data.person("mentor") if data.has("mentor") else None,
        seen=data.whole("seen", BIGGEST),
        digest="",
    )
    return replace(snapshot, digest=content_digest(snapshot))


def tombstone(deleted: Deleted, former: Snapshot | None) -> Snapshot:
    """What to store for a deleted component: what it was, marked deleted.

    An unknown one gets a blank snapshot, so that an older save that arrives later is known to be
    older.
    """
    base = former or _BLANK
    gone = replace(base, id=deleted.id, revision=deleted.revision, deleted=True, seen=None)
    return replace(gone, digest=_digest({"deleted": deleted.id}))


def content_digest(snapshot: Snapshot) -> str:
    """Identifies what a save says, apart from its revision and from what it has seen."""
    slot = snapshot.slot
    return _digest(
        {
            "id": snapshot.id,
            "kind": snapshot.kind.value,
            "name": snapshot.name,
            "description": [snapshot.description, snapshot.description_is_html],
            "slot": slot and [codec.instant(slot.start), codec.instant(slot.end)],
            "online": snapshot.online,
            "cancelled": snapshot.cancelled,
            "plannedMinutes": snapshot.planned_minutes,
            "owner": _person_content(snapshot.owner),
            "learner": _person_content(snapshot.learner),
            "manager": _person_content(snapshot.manager),
            "mentor": _person_content(snapshot.mentor),
            "employerCanView": snapshot.employer_can_view,
        }
    )


_NOBODY = Person(email="", name="")
_BLANK = Snapshot(
    id=ComponentId("?"),
    revision=0,
    kind=Kind.MEETING,
    name="",
    description="",
    description_is_html=False,
    slot=None,
    online=False,
    cancelled=False,
    deleted=True,
    planned_minutes=None,
    owner=_NOBODY,
    learner=_NOBODY,
    manager=None,
    mentor=None,
    employer_can_view=False,
    seen=None,
    digest="",
)


def _message_type(message: Members, types: tuple[str, ...]) -> str:
    name = message.choice("type", types, "") if message.need("type") else ""
    message.instant("timestamp")  # unused, but a wrong one is a fault of the sender's
    return name


def _batch_item(item: Any, pointer: str) -> BatchItem:
    faults: list[Fault] = []
    snapshot = read_snapshot(Members.of(item, pointer, faults))
    if not faults:
        return BatchItem(snapshot.id, snapshot.revision, snapshot, ())
    id_faults = {fault.pointer for fault in faults}
    named = isinstance(item, dict)
    return BatchItem(
        snapshot.id if named and f"{pointer}/id" not in id_faults else None,
        snapshot.revision if named and f"{pointer}/revision" not in id_faults else None,
        None,
        tuple(faults),
    )


def _read_deleted(data: Members) -> Deleted:
    component_id = ComponentId(data.identifier("id", LONGEST_ID))
    revision = data.whole("revision", BIGGEST) if data.need("revision") else 0
    return Deleted(component_id, revision or 0)


def _slot(data: Members) -> Slot | None:
    """Start and end; None when the component is not dated, that is, when both are null."""
    ends = ("start", "end")
    for name in ends:
        if not data.mentions(name):
            data.note(name, "missing", "This is required; it is null for what is not dated.")
        elif not data.has(name) and any(data.has(other) for other in ends):
            data.note(name, "one_date_missing", "Start and end are both given, or both null.")
    start, end = data.instant("start"), data.instant("end")
    if start is None or end is None:
        return None
    if end <= start:
        data.note("end", "before_start", "The end must be after the start.")
    elif end - start > LONGEST_SLOT:
        data.note("end", "over_24_hours", "The end must be at most 24 hours after the start.")
    return Slot(start, end)


def _online(data: Members) -> bool:
    """Whether either of the two flags says so; one of them must be there."""
    if not data.has("useZoom"):
        data.need("meetOnline")
    meet_online, use_zoom = data.yes_no("meetOnline"), data.yes_no("useZoom")
    return meet_online or use_zoom


def _required_choice(data: Members, name: str, choices: tuple[str, ...]) -> str:
    data.need(name)
    return data.choice(name, choices, choices[0])


def _person_content(person: Person | None) -> list[str | None] | None:
    return None if person is None else [person.email, person.name, person.entra_id]


def _digest(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
