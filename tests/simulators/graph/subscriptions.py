"""Subscriptions (graph-facts 3.1): handshake, lifetime, who hears of which change."""

from __future__ import annotations

import asyncio
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from ..clock import parse_instant
from ..wire import Reply
from . import schema
from .call import Call
from .errors import GraphError, access_denied, bad_request
from .model import Event, User
from .notifications import Notifier
from .state import Change, State
from .views import instant

Lifecycle = Literal["reauthorizationRequired", "subscriptionRemoved", "missed"]
_RESOURCE = re.compile(r"/?users/([^/]+)/events/?", re.IGNORECASE)
_HANDSHAKE_S, _LEAST_MINUTES = 10.0, 45
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(slots=True, eq=False)
class Subscription:
    id: str
    tenant: str
    app: str
    user: User
    resource: str
    changes: frozenset[str]
    notification_url: str
    lifecycle_url: str | None
    client_state: str | None
    expires: datetime
    immutable: bool
    """Made with Prefer: IdType="ImmutableId", so notifications carry immutable ids."""


class Subscriptions:
    """`graph.subscriptions`: who wants to hear of which mailbox, and what they were told."""

    def __init__(self, state: State, seed: int = 0, ca_file: Path | None = None) -> None:
        self._state = state
        self.active: dict[str, Subscription] = {}
        """By id; expired ones too."""
        self.notifier = Notifier(state.clock, state.switches, seed, ca_file)
        state.listeners.append(self._tell)

    # -- Graph's side ---------------------------------------------------------------------------

    async def create(self, call: Call) -> Reply:
        """Checks, shakes hands within the call (graph-facts 9.24), then files it."""
        with self._state.lock:
            wanted = self._read(call, schema.check_body(call.json(), schema.SUBSCRIPTION))
        for url in filter(None, (wanted.notification_url, wanted.lifecycle_url)):
            if not await asyncio.to_thread(self._shakes_hands, url):
                raise GraphError(
                    400,
                    "InvalidRequest",
                    "Subscription validation request failed. Notification endpoint must respond "
                    "with 200 OK to validation request.",
                )
        with self._state.lock:
            self.active[wanted.id] = wanted
        return call.answer({**self._context(call), **_shown(wanted)}, 201)

    def list_mine(self, call: Call) -> Reply:
        mine = [s for s in self.active.values() if self._is_mine(call, s) and self._lives(s)]
        return call.answer({**self._context(call), "value": [_shown(s) for s in mine]})

    def get(self, call: Call) -> Reply:
        return call.answer({**self._context(call), **_shown(self._find(call))})

    def patch(self, call: Call) -> Reply:
        """Only the expiry. On an expired one: 404 (graph-facts 9.26)."""
        found = self._find(call)
        body = schema.check_body(call.json(), schema.SUBSCRIPTION)
        if "expirationDateTime" not in body:
            raise bad_request("expirationDateTime is required.", "InvalidRequest")
        found.expires = self._expiry(body["expirationDateTime"])
        return call.answer({**self._context(call), **_shown(found)})

    def delete(self, call: Call) -> Reply:
        del self.active[self._find(call).id]
        return Reply(204)

    def reauthorize(self, call: Call) -> Reply:
        self._find(call)
        return Reply(204)

    def _read(self, call: Call, body: dict[str, Any]) -> Subscription:
        for needed in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
            if not body.get(needed):
                raise bad_request(f"{needed} is required.", "InvalidRequest")
        found = _RESOURCE.fullmatch(body["resource"])
        if not found:
            raise bad_request("This simulator takes users/{id}/events.", "InvalidRequest")
        call.params["user"] = found[1]
        changes = frozenset(part.strip() for part in body["changeType"].split(","))
        if not changes or not changes <= {"created", "updated", "deleted"}:
            raise bad_request("changeType is not valid.", "InvalidRequest")
        if len(body.get("clientState") or "") > 128:
            raise bad_request("clientState is longer than 128 characters.", "InvalidRequest")
        for url in filter(None, (body["notificationUrl"], body.get("lifecycleNotificationUrl"))):
            self._check_url(url)
        wanted = Subscription(
            str(uuid.uuid4()),
            call.principal.tenant.id,
            call.principal.app,
            self._subscriber_mailbox(call),
            body["resource"],
            changes,
            body["notificationUrl"],
            body.get("lifecycleNotificationUrl"),
            body.get("clientState"),
            self._expiry(body["expirationDateTime"]),
            call.immutable,
        )
        if self._state.switches.duplicate_subscription == 409 and any(
            self._lives(other) and _same(other, wanted) for other in self.active.values()
        ):
            raise GraphError(409, "Conflict", "A subscription with the same properties exists.")
        return wanted

    def _subscriber_mailbox(self, call: Call) -> User:
        """Which permission opens a mailbox to subscribers (graph-facts 3.1, OPEN 6)."""
        switches, roles = self._state.switches, call.principal.roles
        user = call.mailbox(write=False)
        if "Calendars.Read" in roles:
            return user
        if "Calendars.ReadWrite" in roles and switches.subscribe_with_readwrite:
            return user
        if not roles & {"Calendars.ReadWrite"} and switches.subscribe_with_rbac:
            return user
        raise access_denied()

    def _check_url(self, url: str) -> None:
        parts = urlsplit(url)
        loopback = self._state.switches.http_notification_urls == "loopback"
        if parts.scheme != "https" and not (
            parts.scheme == "http" and loopback and parts.hostname in _LOOPBACK
        ):
            raise bad_request("The notification URL must be https.", "InvalidRequest")

    def _expiry(self, text: str) -> datetime:
        """Too far ahead is refused; under 45 minutes is raised to 45 (graph-facts 3.1)."""
        try:
            expires = parse_instant(text)
        except ValueError as exc:
            raise bad_request("expirationDateTime is not valid.", "InvalidRequest") from exc
        now = self._state.clock()
        most = self._state.switches.subscription_max_minutes
        if expires > now + timedelta(minutes=most, seconds=60):
            raise bad_request(
                f"Subscription expiration can only be {most} minutes in the future.",
                "ValidationError",
            )
        if expires <= now:
            raise bad_request("expirationDateTime is in the past.", "ValidationError")
        return max(expires, now + timedelta(minutes=_LEAST_MINUTES))

    def _shakes_hands(self, url: str) -> bool:
        token = f"Validation: Testing client application reachability {uuid.uuid4()} +/%"
        joiner = "&" if "?" in url else "?"
        answer = self.notifier.post(
            f"{url}{joiner}validationToken={quote(token, safe='')}",
            b"",
            {"content-type": "text/plain; charset=utf-8"},
            _HANDSHAKE_S,
        )
        return (
            answer.status == 200
            and answer.headers.get("content-type", "").split(";")[0].strip() == "text/plain"
            and answer.text == token
        )

    def _find(self, call: Call) -> Subscription:
        found = self.active.get(call.params["subscription"])
        if found is None or not self._is_mine(call, found) or not self._lives(found):
            raise GraphError(404, "ResourceNotFound", "The object was not found.")
        return found

    def _is_mine(self, call: Call, found: Subscription) -> bool:
        return (found.tenant, found.app) == (call.principal.tenant.id, call.principal.app)

    def _lives(self, found: Subscription) -> bool:
        return found.expires > self._state.clock()

    def _context(self, call: Call) -> dict[str, str]:
        return {"@odata.context": call.context("subscriptions")}

    # -- what subscribers hear -----------------------------------------------------------------

    def _tell(self, event: Event, change: Change) -> None:
        """A change in a mailbox: what its subscribers will hear (graph-facts 9.25)."""
        if not self.active:
            return
        switches, die = self._state.switches, self._state.random
        changes: list[str] = [change]
        if change == "created" and switches.created_also_updated:
            changes.append("updated")
        if change == "updated":
            changes *= die.randint(*switches.updates_per_edit)
        for subscription in list(self.active.values()):
            if subscription.user is not event.user or not self._lives(subscription):
                continue
            for kind in changes:
                if kind in subscription.changes:
                    notification = _notification(subscription, event, kind)
                    twice = die.random() < switches.notification_duplicates
                    for _ in range(2 if twice else 1):
                        self.notifier.put(
                            notification,
                            subscription.notification_url,
                            partial(self._lifecycle, subscription, "missed"),
                        )

    def send_lifecycle(self, subscription_id: str, kind: Lifecycle) -> None:
        """A lifecycle event; `subscriptionRemoved` also removes it."""
        with self._state.lock:
            subscription = self.active[subscription_id]
            if kind == "subscriptionRemoved":
                del self.active[subscription_id]
            self._lifecycle(subscription, kind)

    def _lifecycle(self, subscription: Subscription, kind: Lifecycle) -> None:
        if subscription.lifecycle_url:
            notification = {
                "subscriptionId": subscription.id,
                "subscriptionExpirationDateTime": instant(subscription.expires),
                "tenantId": subscription.tenant,
                "clientState": subscription.client_state,
                "lifecycleEvent": kind,
            }
            self.notifier.put(notification, subscription.lifecycle_url, lambda: None)


def _notification(subscription: Subscription, event: Event, change: str) -> dict[str, Any]:
    name = event.immutable_id if subscription.immutable else event.id
    resource = f"Users/{event.user.id}/Events/{name}"
    return {
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": instant(subscription.expires),
        "changeType": change,
        "resource": resource,
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.Event",
            "@odata.id": resource,
            "@odata.etag": f'W/"{event.change_key}"',
            "id": name,
        },
        "clientState": subscription.client_state,
        "tenantId": subscription.tenant,
    }


def _same(one: Subscription, other: Subscription) -> bool:
    return (one.tenant, one.app, one.user, one.changes, one.notification_url) == (
        other.tenant,
        other.app,
        other.user,
        other.changes,
        other.notification_url,
    )


def _shown(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": subscription.id,
        "resource": subscription.resource,
        "applicationId": subscription.app,
        "changeType": ",".join(sorted(subscription.changes)),
        "clientState": None,  # never shown again
        "notificationUrl": subscription.notification_url,
        "lifecycleNotificationUrl": subscription.lifecycle_url,
        "expirationDateTime": instant(subscription.expires),
        "creatorId": subscription.app,
        "latestSupportedTlsVersion": "v1_2",
    }
