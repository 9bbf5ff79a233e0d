"""Standard Webhooks 1.0: derive secrets, sign, verify. No I/O, no clock; bodies are bytes.

Rules of the house:

* A secret is derived when it is needed and stored nowhere. It depends on a master key (one entry
  of ``SIGNING_KEY``), the tenant, the direction and a generation number; rotating a tenant's
  secrets is using the next number.
* ``SIGNING_KEY`` lists master keys, newest first. New secrets are shown from the newest. Until an
  older key is taken off the list, what it derives stays good: a signature by it is accepted, and
  our events carry one by it too, because the LMS may still hold only that. So a master key is
  changed in three steps: put the new key in front; rotate every tenant and hand the new secrets
  to its LMS; a day after the last rotation, take the old key off. Taking it off at once ends
  everything it derived, which is what to do when it has leaked.
* A hostile header is a bad signature and nothing else: one error type leaves ``verify``.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache

from shared.errors import Invalid
from shared.model import Replaced, Secrets, TenantId

TOLERANCE = timedelta(minutes=5)
"""How far a signature's time may be from ours, either way; exactly this far passes."""
OVERLAP = timedelta(hours=24)
"""How long a secret stays valid after it was replaced."""

_PURPOSE = b"teams-connector webhook secret 1"
_WEBHOOK_ID = re.compile(r"[\x21-\x7e]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Direction(Enum):
    """Who signs: the LMS (``inbound``), or we (``outbound``)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class BadSignature(Invalid):
    """A request that nobody we know has signed: 401, and the same answer whatever was wrong.

    Attributes:
        why: What was wrong, for our own log: ``header_missing``, ``header_unreadable``,
            ``too_old``, ``too_new`` or ``no_match``. Never told to the outside.
    """

    def __init__(self, why: str) -> None:
        super().__init__(401, "bad_signature", "The request carries no valid signature.")
        self.why = why


@lru_cache(1024)  # asked for with every message
def derive(master: str, tenant: TenantId, direction: Direction, generation: int) -> str:
    """The webhook secret (``whsec_`` and 32 bytes in base64) of one generation, always the same.

    HKDF-SHA256 (RFC 5869) with one block of output; tenant ids hold no NUL, so no two sets of
    arguments share their info.
    """
    info = "\0".join((tenant, direction.value, str(generation))).encode()
    extracted = _hmac(_PURPOSE, master.encode())
    return "whsec_" + base64.b64encode(_hmac(extracted, info + b"\x01")).decode("ascii")


def newest_secret(
    masters: Sequence[str], tenant: TenantId, direction: Direction, secrets: Secrets
) -> str:
    """The secret to show: the current generation's, from the newest master key."""
    return derive(masters[0], tenant, direction, secrets.current)


def valid_secrets(
    masters: Sequence[str],
    tenant: TenantId,
    direction: Direction,
    secrets: Secrets,
    now: datetime,
) -> tuple[str, ...]:
    """Every secret that counts at *now*: current generation first, newest master key first.

    Inbound, a signature by any of them is good; outbound, we sign with each.
    """
    return tuple(
        derive(master, tenant, direction, generation)
        for generation in valid_generations(secrets, now)
        for master in masters
    )


def valid_generations(secrets: Secrets, now: datetime) -> tuple[int, ...]:
    """The current generation, and each replaced one until its time is over, latest first."""
    return (secrets.current, *(old.generation for old in secrets.replaced if now < old.until))


def rotated(secrets: Secrets, now: datetime) -> Secrets:
    """The next generation; the one it replaces stays valid for ``OVERLAP`` from *now*.

    Those replaced before keep the time they had: an LMS that missed the last rotation is not
    locked out by the next.
    """
    left = tuple(old for old in secrets.replaced if now < old.until)
    replaced = Replaced(secrets.current, now + OVERLAP)
    return Secrets(current=secrets.current + 1, replaced=(replaced, *left))


def sign(secrets: Sequence[str], webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers for *body*, sent at *at*, with one signature by each of *secrets*."""
    seconds = str(math.floor(at.timestamp()))
    signatures = (_signature(secret, webhook_id, seconds, body) for secret in secrets)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(
            "v1," + base64.b64encode(signature).decode("ascii") for signature in signatures
        ),
    }


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The ``webhook-id`` of a request that one of *secrets* signed within the last 5 minutes.

    Args:
        secrets: What ``valid_secrets`` gives for ``INBOUND``; none for an unknown tenant.
        headers: As received; names in any case.

    Raises:
        BadSignature: For everything else, however odd the headers are.
    """
    webhook_id = _header(headers, "webhook-id", _WEBHOOK_ID)
    seconds = _header(headers, "webhook-timestamp", _SECONDS)
    offered = _offered(_header(headers, "webhook-signature"))
    # Whole seconds on both sides: the header has no smaller part, and "5 minutes" means 300.
    age = timedelta(seconds=math.floor(now.timestamp()) - int(seconds))
    if age > TOLERANCE:
        raise BadSignature("too_old")
    if age < -TOLERANCE:
        raise BadSignature("too_new")
    # One digest of the body a secret, however many signatures a stranger sends along.
    ours = [_signature(secret, webhook_id, seconds, body) for secret in secrets]
    matches = [hmac.compare_digest(own, other) for own in ours for other in offered]
    if not any(matches):
        raise BadSignature("no_match")
    return webhook_id


def _header(headers: Mapping[str, str], name: str, form: re.Pattern[str] | None = None) -> str:
    found = [value for key, value in headers.items() if str(key).lower() == name]
    if not found:
        raise BadSignature("header_missing")
    # Two different values leave open which one the body's signature speaks of.
    if len(found) > 1 or not isinstance(found[0], str):
        raise BadSignature("header_unreadable")
    if form is not None and not form.fullmatch(found[0]):
        raise BadSignature("header_unreadable")
    return found[0]


def _offered(header: str) -> list[bytes]:
    """The ``v1`` signatures in *header*; other versions and what cannot be one are passed over."""
    signatures = []
    for versioned in header.split():
        version, _, encoded = versioned.partition(",")
        if version == "v1" and len(encoded) == 44:  # 32 bytes in base64
            try:
                signatures.append(base64.b64decode(encoded, validate=True))
            except ValueError:
                continue
    return signatures


def _signature(secret: str, webhook_id: str, seconds: str, body: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return _hmac(key, f"{webhook_id}.{seconds}.".encode() + body)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)
