"""The LMS stand-in's doors: the callback, the page, the administrator's calls."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import webhooks
from ..clock import Clock, as_sim_clock, instant_text
from ..door import Door
from ..faults import Fault, Faults
from ..wire import Reply, Request, call
from .door import lms_door
from .model import Component, LmsTenant, Note, Received
from .outbox import Delivery, Outbox
from .page import page

_PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "no-store",
}
BATCH = 500
"""Snapshots in one list (what-it-does 4.1)."""


class LmsSimulator:
    """The LMS of any number of training providers.

    Saving a component raises its revision and sends a signed webhook; events that come back are
    verified, stored, applied. Everything received and sent is kept, in order.

    Args:
        clock: Simulated time; webhook timestamps follow it.
        ca_file: What to trust when sending; None: the usual authorities.
        workers: How many webhooks may be under way at once.
    """

    def __init__(
        self, clock: Clock | None = None, *, ca_file: Path | None = None, workers: int = 4
    ) -> None:
        self.clock = as_sim_clock(clock)
        self.lock = threading.RLock()
        self.tenants: dict[str, LmsTenant] = {}
        self.faults = Faults()
        """For the callback path, `/hooks/teams/{tenant}`."""
        self.received: deque[Received] = deque(maxlen=50_000)
        """Everything posted to the callback, refused and repeated events too."""
        self.outbox = Outbox(self.clock, self.tenants, ca_file, workers)
        self._door: Door = lms_door(self)

    # -- administrator and tutor ----------------------------------------------------------------

    def configure(
        self,
        tenant: str,
        connector_url: str,
        inbound_secret: str | Iterable[str],
        outbound_secret: str | Iterable[str],
        *,
        time_zone: str = "Europe/London",
        name: str = "",
        sends_seen: bool = False,
        saves_changes: bool = True,
    ) -> LmsTenant:
        """Connect a training provider, or change how it is connected; its components stay."""
        with self.lock:
            old = self.tenants.get(tenant)
            made = LmsTenant(
                tenant,
                connector_url,
                _several(inbound_secret),
                _several(outbound_secret),
                time_zone,
                name or tenant,
                sends_seen,
                saves_changes,
            )
            if old is not None:
                made.components, made.stored = old.components, old.stored
            self.tenants[tenant] = made
            return made

    def save(self, tenant: str, component: str, *, held: bool = False, **changes: Any) -> Delivery:
        """Save a component, made if new: revision up, webhook on its way.

        *changes* are `Component`'s fields by either spelling. *held*: the webhook waits for
        `outbox.release`.
        """
        with self.lock:
            account = self.tenants[tenant]
            saved = self._saved(account, component, changes)
            data = saved.snapshot(account.zone, with_seen=account.sends_seen)
            return self._send(account, "component.saved", data, held=held)

    def put_silently(self, tenant: str, component: str, **changes: Any) -> Component:
        """Save without a webhook: as flagged before the connector was switched on, or lost."""
        with self.lock:
            account = self.tenants[tenant]
            return self._saved(account, component, changes)

    def _saved(self, account: LmsTenant, name: str, changes: dict[str, Any]) -> Component:
        """Revision up in the step that saves (4.2); a saved component is not deleted any more."""
        saved = account.components.setdefault(name, Component(name))
        saved.change({"deleted": False, **changes})
        if saved.status in ("cancelled", "deleted") and not saved.cancelled:
            saved.status = "planned"
        saved.revision += 1
        return saved

    def cancel(self, tenant: str, component: str, *, held: bool = False) -> Delivery:
        return self.save(tenant, component, held=held, cancelled=True, status="cancelled")

    def delete(self, tenant: str, component: str, *, held: bool = False) -> Delivery:
        """`component.deleted`, also for one the connector never heard of."""
        with self.lock:
            account = self.tenants[tenant]
            gone = account.components.setdefault(component, Component(component))
            gone.deleted, gone.status = True, "deleted"
            gone.revision += 1
            data = {"id": component, "revision": gone.revision}
            return self._send(account, "component.deleted", data, held=held)

    def repeat(self, tenant: str, component: str) -> Delivery:
        """The present revision again, as a new webhook: reads the state (4.1)."""
        with self.lock:
            account = self.tenants[tenant]
            data = account.components[component].snapshot(
                account.zone, with_seen=account.sends_seen
            )
            return self._send(account, "component.saved", data)

    def send_list(self, tenant: str, components: Iterable[str] | None = None) -> list[Delivery]:
        """All components, or these, as batches of up to 500 (4.1)."""
        with self.lock:
            account = self.tenants[tenant]
            wanted = [
                account.components[name]
                for name in (components if components is not None else account.components)
            ]
            data = [
                one.snapshot(account.zone, with_seen=account.sends_seen)
                for one in wanted
                if not one.deleted
            ]
            return [
                self._send(account, "components.saved", data[at : at + BATCH], path="/batch")
                for at in range(0, len(data), BATCH)
            ]

    def send_raw(self, tenant: str, message: Any, *, batch: bool = False) -> Delivery:
        """Any JSON as a signed webhook."""
        with self.lock:
            account = self.tenants[tenant]
            return self.outbox.send(account, _path(account, "/batch" if batch else ""), message)

    def component(self, tenant: str, component: str) -> Component:
        return self.tenants[tenant].components[component]

    def events(
        self, tenant: str, component: str | None = None, kind: str | None = None
    ) -> list[dict[str, Any]]:
        """Bodies of stored events, oldest first, each once."""
        with self.lock:
            return [
                json.loads(one.body)
                for one in self.tenants[tenant].stored.values()
                if (component is None or one.component == component)
                and (kind is None or one.type == kind)
            ]

    def wait_for(
        self,
        tenant: str,
        component: str | None = None,
        kind: str | None = None,
        *,
        count: int = 1,
        timeout_s: float = 30.0,
    ) -> list[dict[str, Any]]:
        """`events`, once there are *count* of them. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while len(found := self.events(tenant, component, kind)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {count} {kind or 'events'} for {component}")
            time.sleep(0.01)
        return found

    def notes(self, tenant: str) -> list[tuple[str, Note]]:
        """(component id, note) of the whole account."""
        with self.lock:
            return [
                (one.id, note)
                for one in self.tenants[tenant].components.values()
                for note in one.notes
            ]

    def _send(
        self, account: LmsTenant, kind: str, data: Any, *, path: str = "", held: bool = False
    ) -> Delivery:
        message = {"type": kind, "timestamp": instant_text(self.clock()), "data": data}
        return self.outbox.send(account, _path(account, path), message, held=held)

    def call(
        self,
        method: str,
        url: str,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """A request made in process, from a thread that runs no event loop."""
        return call(self, Request.of(method, url, payload, headers, body))

    def close(self) -> None:
        self.outbox.close()

    # -- front door -----------------------------------------------------------------------------

    async def answer(self, request: Request) -> Reply:
        reply = self._door.answer(request)
        if reply is not None:
            return reply
        match request.method, *request.segments:
            case "GET", "":
                with self.lock:
                    html = page(self, request.params())
                return Reply(200, html.encode(), _PAGE_HEADERS)
            case "POST", "hooks", "teams", tenant:
                return await self._callback(request, tenant)
        return Reply.of({"error": "not_found"}, 404)

    async def _callback(self, request: Request, tenant: str) -> Reply:
        fault = self.faults.pick("POST", request.path, tenant)
        handled = False

        async def handle() -> Reply:
            nonlocal handled
            handled = True
            with self.lock:
                return self._receive(request, tenant)

        reply = await self.faults.suffer(fault, handle)
        if fault is not None and not handled:
            self._note_fault(request, tenant, fault, 0 if reply.drop else reply.status)
        return reply

    def _note_fault(self, request: Request, tenant: str, fault: Fault, status: int) -> None:
        message = _message(request.body)
        with self.lock:
            self._keep(request, tenant, message, status, why=f"fault {fault.effect}")

    def _receive(self, request: Request, tenant: str) -> Reply:
        """Verify, store, then answer; a webhook-id seen before is done (4.2)."""
        account = self.tenants.get(tenant)
        message = _message(request.body)
        if account is None:
            self._keep(request, tenant, message, 404, why="no such tenant")
            return Reply.of({"error": "no such tenant"}, 404)
        try:
            webhook_id, good = webhooks.verify(
                account.outbound_secrets, request.headers, request.body, self.clock()
            )
        except webhooks.BadSignature as exc:
            self._keep(request, tenant, message, 401, why=str(exc))
            return Reply.of({"error": "bad signature"}, 401)
        if not message:
            self._keep(request, tenant, message, 400, signatures=good, why="not a JSON object")
            return Reply.of({"error": "not a JSON object"}, 400)
        repeat = webhook_id in account.stored
        try:
            why = "" if repeat else self._apply(account, message)
        except (ValueError, TypeError, AttributeError, LookupError) as exc:  # not what 4.2 promises
            why = f"{type(exc).__name__}: {exc}"
            self._keep(request, tenant, message, 400, signatures=good, why=why)
            return Reply.of({"error": why}, 400)
        received = self._keep(
            request, tenant, message, 204, signatures=good, repeat=repeat, why=why
        )
        if not repeat:
            account.stored[webhook_id] = received
        return Reply(204)

    def _keep(
        self,
        request: Request,
        tenant: str,
        message: dict[str, Any],
        status: int,
        *,
        signatures: int = 0,
        repeat: bool = False,
        why: str = "",
    ) -> Received:
        data = message.get("data")
        data = data if isinstance(data, dict) else {}
        received = Received(
            self.clock(),
            tenant,
            request.headers.get("webhook-id", ""),
            str(message.get("type", "?")),
            data.get("componentId"),
            data.get("sequence"),
            status,
            signatures,
            repeat,
            request.headers,
            request.body.decode(errors="replace"),
            why,
        )
        self.received.append(received)
        return received

    def _apply(self, account: LmsTenant, message: dict[str, Any]) -> str:
        """Let the task show what happened in Teams. Returns why nothing changed, if so."""
        data = message.get("data") or {}
        component = account.components.get(data.get("componentId", ""))
        if message.get("type") == "connector.ping":
            return ""
        if component is None:
            return "no such component"
        sequence: int = data["sequence"]
        if sequence <= component.seen:
            return f"sequence {sequence} is not above {component.seen}"
        component.seen = sequence
        match message.get("type"):
            case "meeting.scheduled":
                component.join_url, component.status = data.get("joinUrl"), "scheduled"
            case "meeting.rescheduled":
                component.status = "rescheduled"
                self._save_so(account, component, start=data.get("start"), end=data.get("end"))
            case "meeting.cancelled":
                component.status, component.join_url = "cancelled", None
                self._save_so(account, component, cancelled=True)
            case "meeting.failed":
                component.status = f"failed: {data.get('code')}"
            case "hours.verified":
                component.status = "verified"
                component.notes.append(_note(self.clock(), data))
            case "hours.not_verified":
                component.status = f"not verified: {data.get('outcome')}"
            case _:
                return "unknown type"
        return ""

    def _save_so(self, account: LmsTenant, component: Component, **changes: Any) -> None:
        if account.saves_changes:
            self.save(account.id, component.id, **changes)


def _note(now: datetime, data: Mapping[str, Any]) -> Note:
    note = data.get("note") or {}
    return Note(
        now,
        str(note.get("title", "")),
        str(note.get("hours", "")),
        int(data.get("minutes") or 0),
        str(data.get("noteKey", "")),
        data.get("date"),
        str(data.get("outcome", "")),
    )


def _message(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body.decode())
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _path(account: LmsTenant, suffix: str) -> str:
    return f"/tenants/{account.id}/components{suffix}"


def _several(secret: str | Iterable[str]) -> list[str]:
    secrets = [secret] if isinstance(secret, str) else list(secret)
    for one in secrets:
        webhooks.key_of(one)
    return secrets
