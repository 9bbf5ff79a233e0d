"""The LMS saved a component: believe it only when signed, store it, and do now what is due.

Nothing is tried before the save is stored, and nothing that fails afterwards is the LMS's trouble:
what was stored is answered 200 when done, else 202.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared import contract, hints, signing
from shared.answer import state_json
from shared.deliver import deliver
from shared.errors import ConnectorError, Fault, Unavailable
from shared.keys import component_key
from shared.model import ComponentId, Snapshot, State, Tenant, TenantId
from shared.persons import key_of, named_in, naming_rows, person_rows
from shared.ports import Ports
from shared.reconcile import Reconciler
from shared.record import with_people
from shared.scheduling.saving import late, save
from shared.store import Stored, Write
from shared.telemetry import inherited
from shared.work import Work

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 9.0
GRAPH_S = 6.0
CALLBACK_S = 4.0

Message = Snapshot | contract.Deleted


class Standing(Enum):
    """A message against the row it speaks of."""

    NEW = "new"
    SAME = "same"
    OLDER = "older"
    REUSED = "reused"  # the revision is taken, by another content


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any


def authenticate(ports: Ports, tenant_id: str, headers: Mapping[str, str], body: bytes) -> Tenant:
    """The tenant that signed *body*. Raises BadSignature, for an unknown tenant too."""
    known = TenantId(tenant_id) if contract.is_tenant_id(tenant_id) else None
    now = ports.clock()
    tenant = ports.tenants.get(known) if known else None
    try:
        signing.verify(_secrets(ports, tenant), headers, body, now)
    except signing.BadSignature as error:
        if error.why != "no_match":
            raise  # no secret would help: a stranger's noise costs no reading
        # What is remembered may be older than the last rotation.
        tenant = ports.tenants.get(known, fresh=True) if known else None
        signing.verify(_secrets(ports, tenant), headers, body, now)
    if tenant is None:
        raise AssertionError("a signature without a secret")
    return tenant


def _secrets(ports: Ports, tenant: Tenant | None) -> tuple[str, ...]:
    if tenant is None:
        return ()
    return signing.valid_secrets(
        ports.settings.signing_keys,
        tenant.id,
        signing.Direction.INBOUND,
        tenant.secrets,
        ports.clock(),
    )


def receive(ports: Ports, tenant_id: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """One webhook. Raises Invalid when it is refused, Unavailable when nothing was stored."""
    end = time.monotonic() + ANSWER_WITHIN_S
    contract.check_size(len(body))
    tenant = authenticate(ports, tenant_id, headers, body)
    message = contract.parse_webhook(body, headers.get("content-type"))
    stored = ports.store.get(tenant.id, component_key(message.id))
    standing = standing_of(stored, message)
    if standing is Standing.REUSED:
        raise contract.refusal("revision_reused")
    if stored and standing is not Standing.NEW:
        held = stored if standing is Standing.SAME else _heard_late(ports, tenant, stored, message)
        if held is stored:
            return Reply(200, state_json(stored.record, tenant, ports.clock()))
        work = Work(held, held.record)
    else:
        work = _saved(ports, tenant, stored, message)
    _do_now(ports, tenant, work, message, end)
    now = ports.clock()
    answer = state_json(work.record, tenant, now)
    done = answer["state"] != State.PENDING.value
    return Reply(200 if done else 202, answer)


def standing_of(stored: Stored | None, message: Message) -> Standing:
    """Whether a message is news. Revisions grow with every save in the LMS (the law, 4.1)."""
    if stored is None:
        return Standing.NEW
    saved = stored.record.saved
    if message.revision != saved.revision:
        return Standing.NEW if message.revision > saved.revision else Standing.OLDER
    return Standing.SAME if _snapshot(stored, message).digest == saved.digest else Standing.REUSED


def _heard_late(ports: Ports, tenant: Tenant, stored: Stored, message: Message) -> Stored:
    """The row after a save that is no news, but may tell how the one we hold was meant."""
    for _ in range(5):
        record = late(stored.record, _snapshot(stored, message), ports.clock())
        if record == stored.record:
            return stored
        (result,) = ports.store.write(tenant.id, [Write(stored, record)])
        if isinstance(result, Stored):
            return result
        stored = ports.store.get(tenant.id, stored.record.key) or stored
    raise Unavailable("the row keeps changing")


def _snapshot(stored: Stored | None, message: Message) -> Snapshot:
    if isinstance(message, Snapshot):
        return message
    return contract.tombstone(message, stored.record.saved if stored else None)


def _saved(ports: Ports, tenant: Tenant, stored: Stored | None, message: Message) -> Work:
    """The work of storing a message that is news."""
    snapshot = _snapshot(stored, message)
    former = stored.record if stored else None
    record = save(former, snapshot, ports.clock())
    before = former.saved if former else None
    return _with_people(ports, tenant.id, Work(stored, record), before, snapshot)


def _with_people(
    ports: Ports, tenant: TenantId, work: Work, before: Snapshot | None, saved: Snapshot
) -> Work:
    """The work with rows for the people a save names anew."""
    known = named_in(before) if before else []
    people = named_in(saved)
    new = [person for person in people if person not in known]
    keys = [key_of(ports.deployment, tenant, person) for person in people]
    first = [key for key in keys if key not in work.record.people]
    work.record = with_people(work.record, first)
    work.beside = person_rows(ports.deployment, tenant, new) + naming_rows(work.key, first)
    return work


def _do_now(ports: Ports, tenant: Tenant, work: Work, message: Message, end: float) -> None:
    """Store, schedule if due, tell the LMS. After the row is stored nothing here is an error."""

    def again(lost: Work, stored: Stored) -> Work | None:
        standing = standing_of(stored, message)
        if standing is Standing.NEW:
            return _saved(ports, tenant, stored, message)
        lost.seen, lost.record, lost.beside = stored, stored.record, ()
        return Work(stored, stored.record) if standing is Standing.SAME else None

    # What waited for the LMS before is somebody else's to send, who may be doing so now: this save
    # may be the LMS's answer to it.
    waited = work.seen is not None and work.seen.record.owes
    reconciler = Reconciler(ports, tenant, ports.graph(tenant), GRAPH_S, again)
    try:
        reconciler.settle([work])
        left = end - time.monotonic()
        if left > 1 and not waited and not ports.lms.is_down(tenant.id, ports.clock()):
            deliver(ports, tenant, [work], left, min(CALLBACK_S, left))
        _leave_hints(ports, tenant, work)
    except ConnectorError as error:
        if not _is_stored(work, message):
            raise
        if work.seen:
            work.record = work.seen.record
        log.warning("webhook.unfinished", extra={"tenant": tenant.id, "why": str(error)})


def _is_stored(work: Work, message: Message) -> bool:
    return work.seen is not None and work.seen.record.saved.revision >= message.revision


def _leave_hints(ports: Ports, tenant: Tenant, work: Work) -> None:
    """What this request could not finish is looked at again within minutes."""
    now = ports.clock()
    problem = work.record.problem
    passing = problem is not None and not problem.final and problem.code != "start_in_past"
    left = []
    if work.record.intent or passing or work.vanished:
        left.append(hints.component_hint(tenant.id, work, now))
    if left:
        hints.leave(ports, left)
    hints.leave_open(ports, tenant.id, [work.record])


# -- batches ------------------------------------------------------------------------------


def receive_batch(ports: Ports, tenant_id: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """A list of components, each stored or refused by itself; nothing is scheduled here."""
    contract.check_size(len(body), contract.BATCH_LIMIT)
    tenant = authenticate(ports, tenant_id, headers, body)
    items = contract.parse_batch(body, headers.get("content-type"))
    results: list[dict[str, Any]] = [{} for _ in items]
    for wave in _waves(items):
        _store_wave(ports, tenant, items, wave, results)
    return Reply(200, {"results": results})


def _waves(items: list[contract.BatchItem]) -> list[list[int]]:
    """Places in the list, so cut that an id stands once in each: its saves keep their order."""
    waves: list[list[int]] = []
    met: dict[ComponentId, int] = {}
    for place, item in enumerate(items):
        wave = met.get(item.id, 0) if item.id is not None else 0
        if item.id is not None:
            met[item.id] = wave + 1
        while len(waves) <= wave:
            waves.append([])
        waves[wave].append(place)
    return waves


def _store_wave(
    ports: Ports,
    tenant: Tenant,
    items: list[contract.BatchItem],
    wave: list[int],
    results: list[dict[str, Any]],
) -> None:
    left = [place for place in wave if items[place].snapshot]
    for place in wave:
        if not items[place].snapshot:
            results[place] = _result(items[place], "refused", items[place].faults)
    for _ in range(10):
        if not left:
            return
        writes: list[tuple[int, Write]] = []
        for place, stored in zip(left, _rows(ports, tenant, items, left), strict=True):
            item, message = items[place], _message(items[place])
            match standing_of(stored, message):
                case Standing.NEW:
                    work = _saved(ports, tenant, stored, message)
                    writes.append((place, Write(stored, work.record, work.beside)))
                case Standing.REUSED:
                    results[place] = _result(item, "refused", (_reused(place),))
                case _:
                    results[place] = _result(item, "unchanged")
        outcomes = ports.store.write(tenant.id, [write for _, write in writes])
        left = []
        for (place, _), outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Stored):
                results[place] = _result(items[place], "stored")
            else:
                left.append(place)
    raise Unavailable("the rows keep changing")


def _reused(place: int) -> Fault:
    _, title = contract.REFUSALS["revision_reused"]
    return Fault(f"#/data/{place}/revision", "revision_reused", title)


def _rows(
    ports: Ports, tenant: Tenant, items: list[contract.BatchItem], places: list[int]
) -> list[Stored | None]:
    def read(place: int) -> Stored | None:
        return ports.store.get(tenant.id, component_key(_message(items[place]).id))

    with ThreadPoolExecutor(8, "batch", inherited()) as pool:
        return list(pool.map(read, places))


def _message(item: contract.BatchItem) -> Snapshot:
    if item.snapshot is None:
        raise AssertionError("a refused item has no snapshot")
    return item.snapshot


def _result(item: contract.BatchItem, status: str, faults: tuple[Any, ...] = ()) -> dict[str, Any]:
    return {
        "id": item.id,
        "revision": item.revision,
        "status": status,
        "errors": contract.faults_json(faults),
    }
