"""Settings, read from the environment once and checked all together.

The one file that reads the environment. Names are the law's (section 7); what the Functions host
reads for itself (``AzureWebJobsStorage``, ``APPLICATIONINSIGHTS_…``) is not read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from shared.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment is configured with. Secrets do not show in its ``repr``.

    Attributes:
        state_table_endpoint: Table service URL, reached by identity; "" with a connection string.
        state_connection_string: For the emulator; missing tables are then created.
        state_table_prefix: Before the table's name.
        client_id: The multi-tenant app registration.
        identity_client_id: Federated managed identity of that registration; best.
        certificate_path: PEM or PFX with its key; second best.
        client_secret: For development.
        signing_keys: Master keys, newest first.
        graph_base_url: Overrides the cloud's Graph root; no trailing slash. "" for the cloud's.
        entra_authority_host: Overrides the cloud's sign-in host.
        callback_allowed_hosts: Hosts callbacks may name although they are not public.
        public_base_url: Where Graph can reach us; "" for no change notifications.
        deployment_id: Overrides the stored deployment name; "" for the stored one.
        work_queue: Whether the timers hand their pieces to the queue.
    """

    state_table_endpoint: str
    state_connection_string: str = field(repr=False)
    state_table_prefix: str
    client_id: str
    identity_client_id: str
    certificate_path: str
    client_secret: str = field(repr=False)
    signing_keys: tuple[str, ...] = field(repr=False)
    graph_base_url: str
    entra_authority_host: str
    callback_allowed_hosts: tuple[str, ...]
    public_base_url: str
    deployment_id: str
    work_queue: bool

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises ConfigError that names every setting that is missing or wrong."""

        def value(name: str) -> str:
            return env.get(name, "").strip()

        def listed(name: str) -> tuple[str, ...]:
            return tuple(part.strip() for part in value(name).split(",") if part.strip())

        settings = cls(
            state_table_endpoint=value("STATE_TABLE_ENDPOINT"),
            state_connection_string=value("STATE_CONNECTION_STRING"),
            state_table_prefix=value("STATE_TABLE_PREFIX") or "connector",
            client_id=value("CONNECTOR_CLIENT_ID"),
            identity_client_id=value("CONNECTOR_IDENTITY_CLIENT_ID"),
            certificate_path=value("CONNECTOR_CERTIFICATE_PATH"),
            client_secret=value("CONNECTOR_CLIENT_SECRET"),
            signing_keys=listed("SIGNING_KEY"),
            graph_base_url=value("GRAPH_BASE_URL").rstrip("/"),
            entra_authority_host=value("ENTRA_AUTHORITY_HOST").rstrip("/"),
            callback_allowed_hosts=tuple(h.lower() for h in listed("CALLBACK_ALLOWED_HOSTS")),
            public_base_url=value("PUBLIC_BASE_URL").rstrip("/"),
            deployment_id=value("DEPLOYMENT_ID"),
            work_queue=has_work_queue(env),
        )
        faults = settings._faults()
        if faults:
            raise ConfigError("settings: " + "; ".join(faults))
        return settings

    def _faults(self) -> list[str]:
        faults = []
        if bool(self.state_table_endpoint) == bool(self.state_connection_string):
            faults.append("set STATE_TABLE_ENDPOINT or STATE_CONNECTION_STRING, one of them")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,40}", self.state_table_prefix):
            faults.append("STATE_TABLE_PREFIX must be letters and digits, a letter first")
        if not self.client_id:
            faults.append("CONNECTOR_CLIENT_ID is missing")
        if not (self.identity_client_id or self.certificate_path or self.client_secret):
            faults.append(
                "set CONNECTOR_IDENTITY_CLIENT_ID, CONNECTOR_CERTIFICATE_PATH or "
                "CONNECTOR_CLIENT_SECRET"
            )
        if not self.signing_keys:
            faults.append("SIGNING_KEY is missing")
        if any(key.lower().startswith("@microsoft.keyvault(") for key in self.signing_keys):
            # The platform hands over the reference itself when it cannot read the secret: webhooks
            # would be signed with what every deployment's template tells.
            faults.append(
                "SIGNING_KEY is an unresolved Key Vault reference: the secret is missing, or the "
                "app's identity may not read it"
            )
        if any(len(key) < 16 for key in self.signing_keys):
            faults.append("every SIGNING_KEY must have at least 16 characters")
        for name, url in (
            ("GRAPH_BASE_URL", self.graph_base_url),
            ("ENTRA_AUTHORITY_HOST", self.entra_authority_host),
        ):
            if url and not (_parts(url).scheme == "https" and _parts(url).hostname):
                faults.append(f"{name} must be https")
        if self.public_base_url and not _reachable(self.public_base_url):
            faults.append("PUBLIC_BASE_URL must be https, or loopback")
        if self.deployment_id and not re.fullmatch(r"[A-Za-z0-9-]{1,40}", self.deployment_id):
            faults.append("DEPLOYMENT_ID must be letters, digits and hyphens, at most 40")
        return faults


def has_work_queue(env: Mapping[str, str]) -> bool:
    """Whether the timers hand their pieces to the queue. Asked before there are settings, too: when
    the app is indexed."""
    return bool(env.get("WORK_QUEUE__queueServiceUri", "").strip())


def _reachable(url: str) -> bool:
    parts = _parts(url)
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and loopback)
    )


def _parts(url: str) -> SplitResult:
    """The URL's parts, all "" for one that is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
