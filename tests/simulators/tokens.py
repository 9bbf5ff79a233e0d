"""JSON Web Tokens: making the simulators' own, reading and checking other people's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

# Entra signs with RSA; nobody but the simulators checks these tokens' signatures (Graph's clients
# must treat them as opaque, Azurite's `--oauth basic` trusts them unseen), so a cheap one will do.
_KEY = b"simulated entra signing key"


class BadToken(Exception):
    """Not a token we can believe."""


@dataclass(frozen=True, slots=True)
class Token:
    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def issue(claims: dict[str, Any]) -> str:
    head = b64(b'{"typ":"JWT","alg":"HS256","kid":"simulator"}')
    body = b64(json.dumps(claims, separators=(",", ":")).encode())
    signed = f"{head}.{body}"
    return f"{signed}.{b64(hmac.digest(_KEY, signed.encode(), 'sha256'))}"


def read(text: str) -> Token:
    """Take *text* apart without judging it. Raises BadToken when it is not a token at all."""
    try:
        head, body, signature = text.split(".")
        token = Token(
            dict(json.loads(unb64(head))),
            dict(json.loads(unb64(body))),
            f"{head}.{body}".encode(),
            unb64(signature),
        )
    except (ValueError, TypeError) as exc:
        raise BadToken("not a JSON Web Token") from exc
    return token


def read_own(text: str) -> dict[str, Any]:
    """The claims of a token that a simulator issued. Raises BadToken for any other."""
    token = read(text)
    if not hmac.compare_digest(hmac.digest(_KEY, token.signed, "sha256"), token.signature):
        raise BadToken("signature not valid")
    return token.claims


def check_signature(token: Token, certificate: x509.Certificate) -> None:
    """RS256 and PS256, the two that msal uses (graph-facts 7). Raises BadToken."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadToken("the registered certificate has no RSA key")
    sha256 = hashes.SHA256()
    ways: dict[str, padding.AsymmetricPadding] = {
        "RS256": padding.PKCS1v15(),
        "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
    }
    way = ways.get(str(token.header.get("alg")))
    if way is None:
        raise BadToken(f"algorithm {token.header.get('alg')!r} not accepted")
    try:
        key.verify(token.signature, token.signed, way, sha256)
    except InvalidSignature as exc:
        raise BadToken("signature not valid") from exc


def thumbprints(certificate: x509.Certificate) -> set[str]:
    """The values a client may put into x5t or x5t#S256 for this certificate."""
    der = certificate.public_bytes(Encoding.DER)
    return {
        b64(hashlib.sha1(der, usedforsecurity=False).digest()),
        b64(hashlib.sha256(der).digest()),
    }
