"""Microsoft Graph says that something changed: note where to look, believe nothing, answer at once.

A notification proves whose it is by its client state, and then leaves a hint: the next catch-up
reads the event itself. So a forged, doubled, late or invented one costs a look at most, and a lost
one costs the time until the next sweep.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime

from shared import contract, hints
from shared.contract.body import read_body
from shared.graph.protocol import Notice, notices_of
from shared.hints import Hint
from shared.model import TenantId
from shared.ports import Ports
from shared.subscriptions import tenant_of

log = logging.getLogger(__name__)

LIMIT = 1024 * 1024
"""Bytes of one POST: a thousand notifications and more."""


def take(ports: Ports, body: bytes, content_type: str | None) -> None:
    """Leave a hint for each notification that is ours; the others are passed over.

    Raises Invalid for what is no collection of notifications, Unavailable when nothing could be
    noted: then Graph sends it again.
    """
    notices = notices_of(read_body(body, content_type, LIMIT))
    if notices is None:
        raise contract.refusal("malformed")
    now = ports.clock()
    noted: list[Hint] = []
    foreign = 0
    for notice in notices:
        tenant = tenant_of(ports.settings.signing_keys, notice.state, notice.user)
        if tenant is None:
            foreign += 1
        else:
            noted += _hints(tenant, notice, now)
    if foreign:
        log.warning("notifications.ignored", extra={"count": foreign})
    hints.leave(ports, noted)


def _hints(tenant: TenantId, notice: Notice, now: datetime) -> Iterator[Hint]:
    """Where to look (https://learn.microsoft.com/graph/change-notifications-lifecycle-events)."""
    match notice.lifecycle:
        case "":
            if notice.user and notice.event:
                what = json.dumps([notice.user, notice.event])
                yield Hint(hints.CHANGED, tenant, what, now)
        case "reauthorizationRequired":
            yield Hint(hints.RENEW, tenant, notice.subscription, now)
        case "subscriptionRemoved":
            yield Hint(hints.RENEW, tenant, notice.subscription, now)
            yield Hint(hints.SWEEP, tenant, "", now)
        case "missed":
            yield Hint(hints.SWEEP, tenant, "", now)
