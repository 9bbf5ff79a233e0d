"""Telling the LMS: signed, over https, to a public address, with a deadline."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from shared import codec, signing
from shared.callback_address import resolve_public
from shared.errors import Broken, Refused
from shared.http import Answer, Call, Send, retry_after_s
from shared.lms.outbox import Delivery, Fate, fate_of, message
from shared.model import LmsEvent, Tenant, TenantId

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
ANSWER_LIMIT = 4096
DOWN_FOR = timedelta(minutes=1)
FOUND_FOR = timedelta(seconds=30)
"""So long a host is taken to be where it was: a sweep tells an LMS hundreds of things."""


def look_up(host: str) -> list[str]:
    """A host's addresses, as the machine resolves them. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]


class Lms:
    """Sends events to tenants' callbacks.

    Args:
        send: Transport; answers or raises Broken.
        masters: Signing keys, newest first.
        allowed_hosts: Callback hosts that need not be public.
        lookup: Host name to addresses.
    """

    def __init__(
        self,
        send: Send,
        masters: Sequence[str],
        allowed_hosts: Sequence[str] = (),
        lookup: Callable[[str], list[str]] = look_up,
    ) -> None:
        self._send = send
        self._masters = masters
        self._allowed = allowed_hosts
        self._lookup = lookup
        self._down_since: dict[TenantId, datetime] = {}
        self._found: dict[str, tuple[datetime, tuple[str, ...]]] = {}

    def is_down(self, tenant: TenantId, now: datetime) -> bool:
        """Whether the tenant's LMS left this process without an answer within the last minute.

        Then a webhook does not wait for it too: the catch-up's probe finds out when it is back.
        """
        since = self._down_since.get(tenant)
        return since is not None and timedelta() <= now - since < DOWN_FOR

    def deliver(
        self, tenant: Tenant, event: LmsEvent, now: datetime, timeout_s: float = TIMEOUT_S
    ) -> Delivery:
        """Try one event once."""
        try:
            answer = self.post(tenant, event.id, message(event), now, timeout_s)
        except (Broken, Refused) as error:
            log.warning(
                "lms_event.unreached",
                extra={"tenant": tenant.id, "type": event.type, "why": error.code},
            )
            self._down_since[tenant.id] = now
            return Delivery(event.id, Fate.UNREACHED)
        fate = fate_of(answer.status)
        if fate is Fate.UNREACHED:
            self._down_since[tenant.id] = now
        else:
            self._down_since.pop(tenant.id, None)
        if fate is not Fate.TAKEN:
            log.warning(
                "lms_event.refused",
                extra={"tenant": tenant.id, "type": event.type, "status": answer.status},
            )
        wait_s = retry_after_s(answer.headers, now.timestamp())
        wait = None if wait_s is None else timedelta(seconds=wait_s)
        return Delivery(event.id, fate, answer.status, wait)

    def ping(self, tenant: Tenant, ping_id: str, now: datetime) -> Answer:
        """Send ``connector.ping``. Raises Broken, or Refused when the address is not public."""
        ping = {"type": "connector.ping", "timestamp": codec.instant(now), "data": {}}
        return self.post(tenant, ping_id, ping, now, TIMEOUT_S)

    def post(
        self, tenant: Tenant, webhook_id: str, content: Any, now: datetime, timeout_s: float
    ) -> Answer:
        """Post signed JSON to the tenant's callback.

        Raises Broken when nothing was answered, Refused when the address is not public.
        """
        host = urlsplit(tenant.callback_url).hostname or ""
        addresses = self._addresses(host, now)
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        secrets = signing.valid_secrets(
            self._masters, tenant.id, signing.Direction.OUTBOUND, tenant.secrets, now
        )
        headers = {
            "Content-Type": "application/json",
            **signing.sign(secrets, webhook_id, now, body),
        }
        try:
            return self._send(
                Call("POST", tenant.callback_url, headers, body, timeout_s, addresses)
            )
        except Broken:
            self._found.pop(host, None)  # it may have moved
            raise

    def _addresses(self, host: str, now: datetime) -> tuple[str, ...]:
        """Where *host* is: public, and connected to as it was looked up here, since another look-up
        may answer otherwise."""
        at, found = self._found.get(host, (now, ()))
        if not found or not timedelta() <= now - at < FOUND_FOR:
            found = resolve_public(host, self._allowed, self._lookup)
            self._found[host] = now, found
        return found
