"""Tokens for Graph, one msal client per tenant for the process's life: the one file naming msal.

The credential, best first: a managed identity that the app registration trusts (a federated
credential, https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity),
a certificate, a secret.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.config import Settings
from shared.errors import Broken, NotAllowed, RemoteError
from shared.graph.protocol import CLOUDS
from shared.http import session_within

_AUDIENCES = {
    "global": "api://AzureADTokenExchange",
    "usgov": "api://AzureADTokenExchangeUSGov",
    "usgov_dod": "api://AzureADTokenExchangeUSGov",
    "china": "api://AzureADTokenExchangeChina",
}
_CODE = re.compile(r"AADSTS\d+")
_PASSING = {
    "AADSTS50196",  # too many like requests: a loop, cut off for minutes
    "AADSTS90006", "AADSTS90012", "AADSTS90024", "AADSTS90033", "AADSTS90055",
}  # fmt: skip
"""Refusals that time mends (https://learn.microsoft.com/entra/identity-platform/reference-error-codes)."""
TIMEOUT_S = 4.0  # twice at most (discovery, token): a webhook is to be answered within 10


class Tokens:
    """Gives Graph tokens for any customer's tenant; msal keeps them until they near their end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._identity: Any = None
        self._presented = ""

    def get(self, entra_tenant: str, cloud: str, *, fresh: bool = False) -> str:
        """A token for the tenant's Graph.

        *fresh* forgets the kept one first: Graph has been seen to refuse valid tokens.
        Raises NotAllowed when Entra says no (``code`` is its AADSTS code) or our credential cannot
        be used (``certificate``, ``managed_identity``), Broken when it does not answer properly.
        """
        # An override of the endpoints replaces where requests go, not what they are for.
        parts = urlsplit(CLOUDS[cloud][1])
        scope = f"{parts.scheme}://{parts.netloc}/.default"
        try:
            client = self._client(entra_tenant, cloud)
            if fresh:
                client.remove_tokens_for_client()
            result = client.acquire_token_for_client(scopes=[scope])
        except RemoteError:
            raise
        except ValueError as error:
            # msal says so when the tenant's OpenID configuration is refused, and why behind that.
            raise _refusal(f"{error} {error.__context__}") from None
        except Exception as error:
            raise Broken("entra", "no_answer", type(error).__name__) from error
        if "access_token" in result:
            return _readable(client, result["access_token"])
        described = str(result.get("error_description") or "")
        if result.get("error") in ("temporarily_unavailable", "server_error"):
            raise Broken("entra", str(result["error"]))
        raise self._refused(described or str(result.get("error") or ""))

    def _refused(self, described: str) -> NotAllowed | Broken:
        """The refusal; with what our managed identity presented, where nobody trusts that."""
        error = _refusal(described)
        if error.code != "AADSTS700213":
            return error
        said = claims_of(self._presented)
        shown = {name: said.get(name) for name in ("iss", "sub", "aud")}
        return NotAllowed("entra", error.code, json.dumps(shown))

    def _client(self, entra_tenant: str, cloud: str) -> Any:
        with self._lock:
            known = self._clients.get((entra_tenant, cloud))
        if known:
            return known
        import msal

        host = self._settings.entra_authority_host or CLOUDS[cloud][0]
        client = msal.ConfidentialClientApplication(
            self._settings.client_id,
            authority=f"{host}/{entra_tenant}",
            client_credential=self._credential(cloud),
            instance_discovery=False if self._settings.entra_authority_host else None,
            http_client=session_within(TIMEOUT_S),
        )
        with self._lock:
            return self._clients.setdefault((entra_tenant, cloud), client)

    def _credential(self, cloud: str) -> Any:
        settings = self._settings
        if settings.identity_client_id:
            return {"client_assertion": lambda: self._assertion(_AUDIENCES[cloud])}
        if settings.certificate_path:
            return _certificate(Path(settings.certificate_path))
        return settings.client_secret

    def _assertion(self, audience: str) -> str:
        """The managed identity's own token, by which it speaks for the app registration."""
        import msal

        with self._lock:
            if self._identity is None:
                self._identity = msal.ManagedIdentityClient(
                    msal.UserAssignedManagedIdentity(client_id=self._settings.identity_client_id),
                    http_client=session_within(TIMEOUT_S),
                )
        result = self._identity.acquire_token_for_client(resource=audience)
        if "access_token" in result:
            self._presented = str(result["access_token"])
            return self._presented
        # msal tells the endpoint's status in words: "400, No User Assigned … Identity found".
        described = str(result.get("error_description") or "")
        if re.match(r"4(?!08|29)\d\d\b", described):
            raise NotAllowed("entra", "managed_identity", described[:80])
        raise Broken("entra", "managed_identity", described[:80])


_BEARER = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""What stands behind ``Bearer`` (RFC 6750)."""


def _readable(client: Any, token: Any) -> str:
    """Raises Broken for what is no token; msal must not keep it."""
    if isinstance(token, str) and _BEARER.fullmatch(token):
        return token
    client.remove_tokens_for_client()
    raise Broken("entra", "unreadable_token")


def claims_of(token: str) -> dict[str, Any]:
    """What a token says of itself, believed by nobody; {} when it cannot be read."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _certificate(path: Path) -> dict[str, Any]:
    """Raises NotAllowed when there is no certificate with its key to be read."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
    from cryptography.x509 import load_pem_x509_certificate

    try:
        content = path.read_bytes()
        if path.suffix.lower() in (".pfx", ".p12"):
            pkcs12.load_key_and_certificates(content, None)
            return {"private_key_pfx_path": str(path)}
        load_pem_private_key(content, None)
        load_pem_x509_certificate(content)
        pem = content.decode("ascii")
    except (OSError, ValueError, TypeError) as error:
        raise NotAllowed("entra", "certificate", type(error).__name__) from None
    return {"private_key": pem, "public_certificate": pem}


def _refusal(described: str) -> NotAllowed | Broken:
    found = _CODE.search(described)
    if found and found.group() in _PASSING:
        return Broken("entra", found.group())
    if found:
        return NotAllowed("entra", found.group())
    return Broken("entra", "unclear", described[:80])
