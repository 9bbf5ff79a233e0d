"""The LMS stand-in's administrator door, under `/_sim/`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..door import Door, Knock
from .model import Component, LmsTenant
from .outbox import Delivery

if TYPE_CHECKING:
    from .simulator import LmsSimulator

_TENANT = "/_sim/tenants/{tenant}"
_COMPONENT = f"{_TENANT}/components/{{component}}"


def lms_door(lms: LmsSimulator) -> Door:
    door = Door(lms.clock, lms.lock)
    door.add_faults(lms.faults)

    def configure(knock: Knock) -> dict[str, Any]:
        """`{"tenantId", "connectorUrl", "inboundSecret", "outboundSecret", "timeZone"?, "name"?,
        "sendsSeen"?, "savesChanges"?}`; a secret may be a list, newest first."""
        body = knock.body
        tenant = lms.configure(
            body["tenantId"],
            body["connectorUrl"],
            body["inboundSecret"],
            body["outboundSecret"],
            time_zone=body.get("timeZone", "Europe/London"),
            name=body.get("name", ""),
            sends_seen=body.get("sendsSeen", False),
            saves_changes=body.get("savesChanges", True),
        )
        return _tenant(tenant)

    def save(knock: Knock) -> dict[str, Any]:
        changes = dict(knock.body)
        held = changes.pop("held", False)
        return _delivery(lms.save(knock["tenant"], knock["component"], held=held, **changes))

    door.on("POST", "/_sim/tenants", configure)
    door.on("GET", "/_sim/tenants", lambda _: [_tenant(one) for one in lms.tenants.values()])
    door.on("PUT", _COMPONENT, save)
    door.on("POST", f"{_COMPONENT}/silently", lambda knock: _silently(lms, knock))
    door.on(
        "POST",
        f"{_COMPONENT}/cancel",
        lambda knock: _delivery(lms.cancel(knock["tenant"], knock["component"])),
    )
    door.on(
        "POST",
        f"{_COMPONENT}/repeat",
        lambda knock: _delivery(lms.repeat(knock["tenant"], knock["component"])),
    )
    door.on(
        "DELETE",
        _COMPONENT,
        lambda knock: _delivery(lms.delete(knock["tenant"], knock["component"])),
    )
    door.on(
        "GET",
        _COMPONENT,
        lambda knock: _task(lms.component(knock["tenant"], knock["component"])),
    )
    _hang_lists(door, lms)
    _hang_outbox(door, lms)
    return door


def _hang_lists(door: Door, lms: LmsSimulator) -> None:
    def tasks(knock: Knock) -> list[dict[str, Any]]:
        return [_task(one) for one in lms.tenants[knock["tenant"]].components.values()]

    def notes(knock: Knock) -> list[dict[str, Any]]:
        return [{"component": name, **asdict(note)} for name, note in lms.notes(knock["tenant"])]

    def events(knock: Knock) -> list[dict[str, Any]]:
        """Query: `component`, `type`."""
        query = knock.query
        return lms.events(knock["tenant"], query.get("component"), query.get("type"))

    def received(knock: Knock) -> list[dict[str, Any]]:
        """Everything posted to the callback, refused and repeated events too."""
        wanted = knock["tenant"]
        return [asdict(one) for one in lms.received if one.tenant == wanted]

    door.on("GET", f"{_TENANT}/tasks", tasks)
    door.on("GET", f"{_TENANT}/notes", notes)
    door.on("GET", f"{_TENANT}/events", events)
    door.on("GET", f"{_TENANT}/received", received)


def _hang_outbox(door: Door, lms: LmsSimulator) -> None:
    def sent(knock: Knock) -> list[dict[str, Any]]:
        wanted = knock["tenant"]
        return [_delivery(one) for one in lms.outbox.deliveries if one.tenant == wanted]

    def one_sent(knock: Knock) -> dict[str, Any]:
        return _delivery(_find(lms, knock["delivery"]))

    def send_again(knock: Knock) -> dict[str, Any]:
        """A held one for the first time, any other once more."""
        delivery = _find(lms, knock["delivery"])
        lms.outbox.release(delivery)
        return _delivery(delivery)

    def send_list(knock: Knock) -> list[dict[str, Any]]:
        """`{"components"?: [id, …]}`"""
        return [
            _delivery(one) for one in lms.send_list(knock["tenant"], knock.body.get("components"))
        ]

    def send_raw(knock: Knock) -> dict[str, Any]:
        """`{"message": any JSON, "batch"?: bool}`"""
        message, batch = knock.body["message"], knock.body.get("batch", False)
        return _delivery(lms.send_raw(knock["tenant"], message, batch=batch))

    def set_pauses(knock: Knock) -> dict[str, Any]:
        """`{"pauses_s"?: [seconds, …], "timeout_s"?: seconds}`"""
        lms.outbox.pauses_s = tuple(knock.body.get("pauses_s", lms.outbox.pauses_s))
        lms.outbox.timeout_s = float(knock.body.get("timeout_s", lms.outbox.timeout_s))
        return {"pauses_s": lms.outbox.pauses_s, "timeout_s": lms.outbox.timeout_s}

    door.on("GET", f"{_TENANT}/sent", sent)
    door.on("GET", "/_sim/sent/{delivery}", one_sent)
    door.on("POST", "/_sim/sent/{delivery}/send", send_again)
    door.on("POST", f"{_TENANT}/list", send_list)
    door.on("POST", f"{_TENANT}/raw", send_raw)
    door.on("PATCH", "/_sim/outbox", set_pauses)


def _silently(lms: LmsSimulator, knock: Knock) -> dict[str, Any]:
    return _task(lms.put_silently(knock["tenant"], knock["component"], **knock.body))


def _find(lms: LmsSimulator, name: str) -> Delivery:
    for delivery in lms.outbox.deliveries:
        if delivery.id == name:
            return delivery
    raise LookupError(name)


def _tenant(tenant: LmsTenant) -> dict[str, Any]:
    """Without secrets."""
    return {
        "tenantId": tenant.id,
        "name": tenant.name,
        "connectorUrl": tenant.connector_url,
        "timeZone": tenant.time_zone,
        "callbackPath": f"/hooks/teams/{tenant.id}",
        "sendsSeen": tenant.sends_seen,
        "savesChanges": tenant.saves_changes,
        "components": len(tenant.components),
    }


def _task(component: Component) -> dict[str, Any]:
    """The LMS task that stands for a component."""
    return asdict(component) | {"joinUrl": component.join_url}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "tenant": delivery.tenant,
        "path": delivery.path,
        "body": delivery.body.decode(),
        "state": delivery.state,
        "attempts": [asdict(attempt) for attempt in delivery.attempts],
    }
