"""For the operator and the people who look after the connector (the law, 4.3).

Each function answers one call: values in, a ``Reply`` out. Raises Invalid, Stale or Unavailable.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import unquote

from component_http.adopt import take_over
from component_http.erase import erase
from component_http.lookup import the_tenant
from component_http.receive import Reply
from schedule_timer.sweep import GRAPH_S, LMS_S, unfinished, work_through
from shared import brake, contract, hints, runs, signing
from shared.answer import line_json, state_json
from shared.calendars import read_singly
from shared.deliver import deliver
from shared.errors import Fault, Stale
from shared.keys import component_key, partition
from shared.lms.outbox import redelivered
from shared.model import By, ComponentId, State, Tenant, TenantId
from shared.ports import Ports
from shared.record import Record, Shelf, with_line
from shared.store import Stored, Write
from shared.verification import Decision
from shared.verify import carry_out_decision, evidence_json, scheduled_date, verify
from shared.window import local_date
from shared.work import Work

# -- tenants ------------------------------------------------------------------------------


def put_tenant(ports: Ports, tenant_id: str, body: bytes, content_type: str | None) -> Reply:
    """Create or change a tenant; the secrets are in the answer on creation only."""
    if not contract.is_tenant_id(tenant_id):
        raise contract.refusal(
            "invalid",
            (Fault("#", "bad_tenant_id", "A tenant id matches [a-z0-9][a-z0-9-]{0,62}."),),
        )
    key = TenantId(tenant_id)
    held = ports.store.tenant(key)
    former = held.value if held else None
    tenant = contract.parse_tenant(
        body,
        key,
        former,
        now=ports.clock(),
        allowed_hosts=ports.settings.callback_allowed_hosts,
        content_type=content_type,
    )
    if former and former.entra_tenant_id != tenant.entra_tenant_id and _events_live(ports, key):
        raise contract.refusal("entra_tenant_in_use")
    if held is None:
        ports.store.insert("tenants", key, tenant)
    elif tenant != former:
        ports.store.replace("tenants", key, tenant, held.etag)
    ports.tenants.forget(key)
    answer = contract.tenant_json(tenant)
    if held is None:
        return Reply(201, {**answer, **_secrets(ports, tenant)})
    return Reply(200, answer)


def _events_live(ports: Ports, tenant: TenantId) -> bool:
    now = ports.clock()
    if next(iter(ports.store.places(tenant, Shelf.AHEAD, since=now)), None):
        return True
    return any(
        stored.record.booking or stored.record.intent
        for stored in ports.store.shelf(tenant, Shelf.OPEN)
    )


def _secrets(ports: Ports, tenant: Tenant) -> dict[str, str]:
    keys = ports.settings.signing_keys
    inbound, outbound = signing.Direction.INBOUND, signing.Direction.OUTBOUND
    return {
        "inboundSecret": signing.newest_secret(keys, tenant.id, inbound, tenant.secrets),
        "outboundSecret": signing.newest_secret(keys, tenant.id, outbound, tenant.secrets),
    }


def get_tenants(ports: Ports) -> Reply:
    return Reply(200, {"items": [contract.tenant_json(t) for t in ports.store.tenants()]})


def get_tenant(ports: Ports, tenant_id: str) -> Reply:
    return Reply(200, contract.tenant_json(the_tenant(ports, tenant_id)))


def rotate(ports: Ports, tenant_id: str, _body: bytes) -> Reply:
    """New secrets; the ones they replace stay valid for a day."""
    key = the_tenant(ports, tenant_id).id
    held = ports.store.tenant(key)
    if held is None:
        raise contract.refusal("not_found")
    tenant = replace(held.value, secrets=signing.rotated(held.value.secrets, ports.clock()))
    ports.store.replace("tenants", key, tenant, held.etag)
    ports.tenants.forget(key)
    return Reply(200, {**contract.tenant_json(tenant), **_secrets(ports, tenant)})


def release(ports: Ports, tenant_id: str, _body: bytes) -> Reply:
    """Lift the brake: the next sweep acts on what had vanished by now."""
    tenant, now = the_tenant(ports, tenant_id), ports.clock()
    lifted = ports.store.change(
        partition(tenant.id),
        brake.ROW,
        brake.Brake,
        lambda had: brake.release(had or brake.Brake(), now),
    )
    hints.leave(ports, [hints.Hint(hints.SWEEP, tenant.id, "", now)])
    return Reply(200, {"released": len(lifted.released)})


def adopt(ports: Ports, tenant_id: str, _body: bytes) -> Reply:
    """After a restore: take over every marked event still ahead before anything is created."""
    return Reply(200, take_over(ports, the_tenant(ports, tenant_id)))


# -- components ---------------------------------------------------------------------------

_COMPONENT_ROW = re.compile(r"component\|[ -~]+")


def list_components(ports: Ports, tenant_id: str, query: Mapping[str, str]) -> Reply:
    """A page of components as they stand, filtered."""
    tenant, now = the_tenant(ports, tenant_id), ports.clock()
    wanted = _filter(query)
    if wanted.get("id"):
        stored = ports.store.get(tenant.id, component_key(ComponentId(wanted["id"])))
        found, after = [stored] if stored else [], ""
    else:
        after = _cursor(query.get("next", ""), _COMPONENT_ROW)
        found, after = ports.store.components(tenant.id, after)
    items = [
        state_json(stored.record, tenant, now)
        for stored in found
        if _is_between(stored.record, tenant, wanted)
    ]
    items = [item for item in items if _passes(item, wanted)]
    return Reply(200, {"items": items, "next": _link(after)})


def _filter(query: Mapping[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        name: query[name] for name in ("state", "outcome", "id") if query.get(name)
    }
    faults = []
    if wanted.get("state") and wanted["state"] not in {state.value for state in State}:
        faults.append(Fault("#/state", "unknown_value", "There is no such state."))
    for name in ("from", "to"):
        if query.get(name):
            day = contract.read_date(query[name])
            if day is None:
                faults.append(Fault(f"#/{name}", "not_a_date", "A date: 2026-04-30."))
            wanted[name] = day
    contract.refuse_if_any(faults)
    return wanted


def _is_between(record: Record, tenant: Tenant, wanted: Mapping[str, Any]) -> bool:
    first, last = wanted.get("from"), wanted.get("to")
    if first is None and last is None:
        return True
    slot = record.booking.slot if record.booking else record.slot
    if slot is None:
        return False
    day = local_date(slot.start, tenant.time_zone)
    return bool((first or date.min) <= day <= (last or date.max))


def _passes(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    outcome = (item["attendance"] or {}).get("outcome")
    return bool(
        wanted.get("state", item["state"]) == item["state"]
        and wanted.get("outcome", outcome) == outcome
    )


def _cursor(text: str, form: re.Pattern[str]) -> str:
    """The row key in a ``next`` of ours; "" at the start. Raises Invalid for anything else."""
    try:
        after = base64.b64decode(text.encode(), altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        after = ""
    if text and not form.fullmatch(after):
        fault = Fault("#/next", "bad_cursor", "Hand back what the last answer's next held.")
        raise contract.refusal("invalid", (fault,))
    return after


def _link(after: str) -> str | None:
    """A row key as ``next``; None at the end."""
    return base64.urlsafe_b64encode(after.encode()).decode() if after else None


def get_component(ports: Ports, tenant_id: str, component_id: str) -> Reply:
    """One component with everything that happened to it and every evidence record."""
    tenant = the_tenant(ports, tenant_id)
    stored = _component(ports, tenant, component_id)
    return Reply(200, _whole(ports, tenant, stored.record))


def _whole(ports: Ports, tenant: Tenant, record: Record) -> dict[str, Any]:
    key = record.key
    return {
        **state_json(record, tenant, ports.clock()),
        "history": [line_json(line) for line in ports.store.history(tenant.id, key)],
        "evidence": evidence_json(ports.store.evidence(tenant.id, key)),
    }


def resync(ports: Ports, tenant_id: str, component_id: str, _body: bytes) -> Reply:
    """Make LMS and Teams agree on one component now."""
    tenant = the_tenant(ports, tenant_id)
    stored = _component(ports, tenant, component_id)
    ports.directory.forget(tenant.id, [stored.record.saved.owner.key])
    work = Work(stored, stored.record)
    if stored.record.booking and tenant.mode.value == "live":
        read_singly(ports.graph(tenant), [work], GRAPH_S)
    _, done = work_through(ports, tenant, [work], look_at_all=False)
    left = [w for w in done if unfinished(w)]
    hints.leave(ports, [hints.component_hint(tenant.id, w, ports.clock()) for w in left])
    return Reply(200, _whole(ports, tenant, work.record))


def redeliver(ports: Ports, tenant_id: str, component_id: str, _body: bytes) -> Reply:
    """Send the component's undelivered events again now, the parked ones too."""
    tenant = the_tenant(ports, tenant_id)
    stored = _component(ports, tenant, component_id)
    now = ports.clock()
    record = redelivered(stored.record)
    record = with_line(record, now, "redelivered", "Sent again by a person.", By.PERSON)
    (result,) = ports.store.write(tenant.id, [Write(stored, record)])
    if isinstance(result, Stale):
        raise result
    work = Work(result, result.record)
    deliver(ports, tenant, [work], LMS_S)
    hints.leave_open(ports, tenant.id, [work.record])
    return Reply(200, _whole(ports, tenant, work.record))


def reverify(ports: Ports, tenant_id: str, component_id: str, _body: bytes) -> Reply:
    """Verify one component's attendance now; before its day is over there is nothing to verify."""
    tenant = the_tenant(ports, tenant_id)
    work = _work(_component(ports, tenant, component_id))
    if _day_is_over(ports, tenant, work.record):
        verify(ports, tenant, [work], asked=True)
        deliver(ports, tenant, [work], LMS_S)
    hints.leave_open(ports, tenant.id, [work.record])
    return Reply(200, _whole(ports, tenant, work.record))


def reverify_many(ports: Ports, tenant_id: str, body: bytes) -> Reply:
    """Have the catch-up verify every component of these local dates again."""
    tenant = the_tenant(ports, tenant_id)
    first, last = contract.parse_range(body)
    now, after, asked = ports.clock(), "", 0
    while True:
        page, after = ports.store.components(tenant.id, after)
        keys = [
            stored.record.key
            for stored in page
            if (day := scheduled_date(stored.record, tenant)) and first <= day <= last
            if _day_is_over(ports, tenant, stored.record)
        ]
        hints.leave(ports, [hints.Hint(hints.VERIFY, tenant.id, str(key), now) for key in keys])
        asked += len(keys)
        if not after:
            return Reply(200, {"components": asked})


def _day_is_over(ports: Ports, tenant: Tenant, record: Record) -> bool:
    day = scheduled_date(record, tenant)
    return day is not None and day < local_date(ports.clock(), tenant.time_zone)


def decide(ports: Ports, tenant_id: str, component_id: str, body: bytes) -> Reply:
    """A person's word on attendance that waits for one."""
    tenant = the_tenant(ports, tenant_id)
    said = contract.parse_decide(body)
    work = _work(_component(ports, tenant, component_id))
    decision = Decision.ACCEPT if said.accepted else Decision.REJECT
    carry_out_decision(ports, tenant, work, decision, said.participant, said.by, said.reason)
    deliver(ports, tenant, [work], LMS_S)
    hints.leave_open(ports, tenant.id, [work.record])
    return Reply(200, _whole(ports, tenant, work.record))


def _work(stored: Stored) -> Work:
    return Work(stored, stored.record)


# -- runs ---------------------------------------------------------------------------------


def list_runs(ports: Ports, query: Mapping[str, str]) -> Reply:
    found, more = runs.listed(ports, _cursor(query.get("next", ""), runs.KEY))
    return Reply(200, {"items": [runs.run_json(run) for run in found], "next": _link(more)})


# -- looking up ---------------------------------------------------------------------------


def _component(ports: Ports, tenant: Tenant, component_id: str) -> Stored:
    if not 1 <= len(component_id) <= 200:
        raise contract.refusal("not_found")
    # A slash in an id reaches us escaped: servers do not unescape it within a path.
    for name in dict.fromkeys((component_id, unquote(component_id))):
        stored = ports.store.get(tenant.id, component_key(ComponentId(name)))
        if stored:
            return stored
    raise contract.refusal("not_found")


TENANT_ACTS = {
    "erase": erase,
    "rotate": rotate,
    "release": release,
    "reverify": reverify_many,
    "adopt": adopt,
}
COMPONENT_ACTS = {
    "resync": resync,
    "reverify": reverify,
    "redeliver": redeliver,
    "decide": decide,
}
