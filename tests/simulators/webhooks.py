"""Standard Webhooks 1.0, symmetric part, written from the specification. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
(azure-facts 7; what-it-does 4.1): signed text is `id.timestamp.body`; `webhook-signature` holds
one or more `v1,<base64 HMAC-SHA256>`, parted by spaces, so that secrets can rotate.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)


class BadSignature(Exception):
    """The message can't be believed; the text says why (for the stand-in's log only)."""


def key_of(secret: str) -> bytes:
    """The bytes behind `whsec_…`. ValueError when it is not base64."""
    text = secret.removeprefix("whsec_")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def sign(secrets: Iterable[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers, with a signature by each secret."""
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def verify(
    secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: datetime
) -> tuple[str, int]:
    """Check a message; *headers* have lower-case names.

    Returns its `webhook-id` and how many of its signatures are by one of *secrets* (at least 1).
    Raises BadSignature.
    """
    message_id, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isdecimal() or "webhook-signature" not in headers:
        raise BadSignature("a header is missing or malformed")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise BadSignature("timestamp outside the tolerance")
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = [hmac.digest(key_of(secret), signed, "sha256") for secret in secrets]
    good = 0
    for entry in headers["webhook-signature"].split(" "):
        version, _, text = entry.partition(",")
        if version != "v1":
            continue
        try:
            signature = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        good += any(hmac.compare_digest(signature, other) for other in expected)
    if not good:
        raise BadSignature("no signature matches")
    return message_id, good
