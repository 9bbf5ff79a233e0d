"""Microsoft Entra stand-in: the token endpoint, discovery, and the Functions identity endpoint.

What it believes of Entra is graph-facts.md section 7; the error table there is `aadsts` here.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509

from . import tokens
from .aadsts import ERRORS, EntraError
from .clock import Clock, as_sim_clock, parse_instant, real_now
from .door import Door, Knock
from .faults import Faults
from .tokens import BadToken
from .wire import Reply, Request, call

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LOGIN = "https://login.microsoftonline.com"
GRAPH_RESOURCES = {  # graph-facts 8
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
}
CONNECTOR_ROLES = frozenset(
    {
        "Calendars.ReadWrite",
        "Calendars.Read",
        "OnlineMeetings.Read.All",
        "OnlineMeetingArtifact.Read.All",
        "User.ReadBasic.All",
    }
)


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """A trust put on an app registration: tokens with exactly these claims."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"


@dataclass(slots=True)
class App:
    """An app registration in its home tenant."""

    client_id: str
    secrets: dict[str, datetime | None] = field(default_factory=dict)
    """Secret → when it expires (None: never)."""
    certificates: list[x509.Certificate] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)


@dataclass(slots=True)
class Identity:
    """A user-assigned managed identity of our own tenant."""

    client_id: str
    principal_id: str
    tenant_id: str


@dataclass(slots=True)
class EntraTenant:
    """A customer's directory, as far as tokens go."""

    id: str
    domains: set[str] = field(default_factory=set)
    consents: dict[str, set[str]] = field(default_factory=dict)
    """Client id → app roles granted. An app that is missing here has no service principal."""
    error: int | None = None
    """Answer every token request with this AADSTS code."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    at: datetime
    tenant: str
    client_id: str
    how: str
    """secret, certificate, federated, identity or none"""
    error: int | None


class EntraSimulator:
    """Issues tokens. Attributes are the back door; the same is under `/_sim/`.

    Args:
        clock: Simulated time; token lifetimes follow it.
        seed: Of the random 60 to 90 minutes a token lives (graph-facts 7).
        identity_header: What callers of the identity endpoint must send as X-IDENTITY-HEADER.
    """

    IDENTITY_PATH = "/msi/token"

    def __init__(
        self, clock: Clock | None = None, seed: int = 0, identity_header: str = "simulated"
    ) -> None:
        self.clock = as_sim_clock(clock)
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.identity_header = identity_header
        self.tenants: dict[str, EntraTenant] = {}
        self.apps: dict[str, App] = {}
        self.identities: dict[str, Identity] = {}
        self.resources = set(GRAPH_RESOURCES)
        self.requests: deque[TokenRequest] = deque(maxlen=10_000)
        self.faults = Faults()
        self.token_lifetime_s: tuple[int, int] = (3600, 5400)
        self._door = Door(self.clock, self.lock)
        self._hang_door()

    # -- back door ------------------------------------------------------------------------------

    def add_tenant(self, tenant_id: str, domains: Iterable[str] = ()) -> EntraTenant:
        tenant = EntraTenant(tenant_id.lower(), {domain.lower() for domain in domains})
        self.tenants[tenant.id] = tenant
        return tenant

    def add_app(
        self,
        client_id: str,
        *,
        secrets: Mapping[str, datetime | None] | None = None,
        certificates: Iterable[bytes] = (),
        federated: Iterable[FederatedCredential] = (),
    ) -> App:
        """Register an app. *certificates* are public, PEM."""
        app = App(
            client_id.lower(),
            dict(secrets or {}),
            [x509.load_pem_x509_certificate(pem) for pem in certificates],
            list(federated),
        )
        self.apps[app.client_id] = app
        return app

    def consent(
        self, tenant_id: str, client_id: str, roles: Iterable[str] = CONNECTOR_ROLES
    ) -> None:
        """The customer's administrator consents; *roles* replace what was granted."""
        self.tenants[tenant_id.lower()].consents[client_id.lower()] = set(roles)

    def withdraw(self, tenant_id: str, client_id: str) -> None:
        """The service principal is deleted: 7000229 from now on."""
        self.tenants[tenant_id.lower()].consents.pop(client_id.lower(), None)

    def add_identity(
        self, client_id: str, tenant_id: str, principal_id: str | None = None
    ) -> Identity:
        """A user-assigned managed identity that the identity endpoint knows."""
        identity = Identity(client_id.lower(), principal_id or str(uuid.uuid4()), tenant_id.lower())
        self.identities[identity.client_id] = identity
        return identity

    def federate(self, client_id: str, identity_client_id: str) -> FederatedCredential:
        """Let the app be used with a managed identity's token (graph-facts 7, FIC)."""
        identity = self.identities[identity_client_id.lower()]
        credential = FederatedCredential(
            f"{LOGIN}/{identity.tenant_id}/v2.0", identity.principal_id
        )
        self.apps[client_id.lower()].federated.append(credential)
        return credential

    def call(
        self,
        method: str,
        url: str,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """A request made in process."""
        return call(self, Request.of(method, url, payload, headers, body))

    # -- front door -----------------------------------------------------------------------------

    async def answer(self, request: Request) -> Reply:
        reply = self._door.answer(request)
        if reply is not None:
            return reply
        segments = request.segments
        fault = self.faults.pick(request.method, request.path, segments[0])

        async def handle() -> Reply:
            with self.lock:
                return self._handle(request, segments)

        return await self.faults.suffer(fault, handle)

    def _handle(self, request: Request, segments: list[str]) -> Reply:
        match request.method, *segments:
            case "GET", tenant, "v2.0", ".well-known", "openid-configuration":
                return self._openid(request, tenant)
            case "GET", _, "discovery", "instance":
                return self._instances(request)
            case "GET", _, "discovery", "v2.0", "keys":
                return Reply.of({"keys": []})
            case "POST", tenant, "oauth2", "v2.0", "token":
                return self._token(request, tenant)
            case "GET", "msi", "token":
                return self._identity_token(request)
        return Reply.of({"error": "not_found"}, 404)

    def _openid(self, request: Request, name: str) -> Reply:
        tenant = self._tenant(name)
        if tenant is None:
            return self._refusal(EntraError(90002, tenant=name))
        base = f"{request.origin}/{tenant.id}"
        return Reply.of(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "issuer": f"{base}/v2.0",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
            }
        )

    def _instances(self, request: Request) -> Reply:
        host = request.origin.split("://", 1)[1]
        metadata = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
        asked = request.params().get("authorization_endpoint", "")
        tenant = asked.split("://", 1)[-1].split("/", 2)[1:2] or ["common"]
        return Reply.of(
            {
                "tenant_discovery_endpoint": (
                    f"{request.origin}/{tenant[0]}/v2.0/.well-known/openid-configuration"
                ),
                "api-version": "1.1",
                "metadata": [metadata],
            }
        )

    def _token(self, request: Request, name: str) -> Reply:
        form = request.form()
        client_id = form.get("client_id", "").lower()
        how = "none"
        try:
            tenant = self._tenant(name)
            if tenant is None:
                raise EntraError(90002, tenant=name)
            for missing in ("grant_type", "client_id", "scope"):
                if not form.get(missing):
                    raise EntraError(900144, missing=missing)
            if form["grant_type"] != "client_credentials":
                raise EntraError(70003)
            if tenant.error:
                raise EntraError(tenant.error)
            app = self.apps.get(client_id)
            if app is None:
                raise EntraError(700016)
            how = self._check_credential(app, form, request)
            if client_id not in tenant.consents:
                raise EntraError(7000229)
            resource = form["scope"].removesuffix("/.default").rstrip("/")
            if not form["scope"].endswith("/.default") or resource not in self.resources:
                raise EntraError(500011, resource=resource)
        except EntraError as exc:
            exc.names.setdefault("tenant", name)
            exc.names.setdefault("client", client_id)
            self.requests.append(TokenRequest(self.clock(), name, client_id, how, exc.code))
            return self._refusal(exc)
        self.requests.append(TokenRequest(self.clock(), tenant.id, client_id, how, None))
        lifetime = self.random.randint(*self.token_lifetime_s)
        token = self.issue(
            tenant.id, client_id, tenant.consents[client_id], resource, timedelta(seconds=lifetime)
        )
        return Reply.of(
            {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token,
            }
        )

    def issue(
        self,
        tenant_id: str,
        client_id: str,
        roles: Iterable[str],
        resource: str = "https://graph.microsoft.com",
        lifetime: timedelta = timedelta(hours=1),
    ) -> str:
        """An app-only access token. Without roles there is no `roles` claim (graph-facts 7)."""
        now = int(self.clock().timestamp())
        claims: dict[str, Any] = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{tenant_id}/",
            "iat": now,
            "nbf": now - 300,
            "exp": now + int(lifetime.total_seconds()),
            "appid": client_id,
            "idtyp": "app",
            "oid": str(uuid.uuid5(uuid.UUID(int=0), f"{tenant_id}/{client_id}")),
            "tid": tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        if granted := sorted(roles):
            claims["roles"] = granted
        return tokens.issue(claims)

    def _check_credential(self, app: App, form: Mapping[str, str], request: Request) -> str:
        """Which credential proved the app; EntraError when none did."""
        if secret := form.get("client_secret"):
            if secret not in app.secrets:
                raise EntraError(7000215)
            expiry = app.secrets[secret]
            if expiry is not None and expiry <= self.clock():
                raise EntraError(7000222)
            return "secret"
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
            raise EntraError(7000218)
        try:
            assertion = tokens.read(form["client_assertion"])
            self._check_lifetime(assertion.claims)
            if assertion.claims.get("iss") == app.client_id:
                self._check_certificate(app, assertion, request)
                return "certificate"
            claims = tokens.read_own(form["client_assertion"])
        except BadToken as exc:
            raise EntraError(700027) from exc
        presented = (claims.get("iss"), claims.get("sub"), claims.get("aud"))
        if not any((f.issuer, f.subject, f.audience) == presented for f in app.federated):
            raise EntraError(700213)
        return "federated"

    def _check_lifetime(self, claims: Mapping[str, Any]) -> None:
        now, skew = self.clock().timestamp(), 300
        # A NumericDate may have a fraction (RFC 7519, 2), and msal's has.
        if not isinstance(claims.get("exp"), int | float) or claims["exp"] + skew <= now:
            raise BadToken("expired")
        if claims.get("nbf", 0) - skew > now:
            raise BadToken("not valid yet")

    def _check_certificate(self, app: App, assertion: tokens.Token, request: Request) -> None:
        """The assertion's certificate is registered, signed it, and it was meant for us."""
        claims, header = assertion.claims, assertion.header
        if claims.get("sub") != app.client_id:
            raise BadToken("subject is not the client")
        if claims.get("aud") != f"{request.origin}{request.path}":
            raise BadToken("audience is not this token endpoint")
        # msal leaves the padding on, and the real one takes it.
        named = {str(header[x]).rstrip("=") for x in ("x5t", "x5t#S256") if header.get(x)}
        for certificate in app.certificates:
            if not named or named & tokens.thumbprints(certificate):
                tokens.check_signature(assertion, certificate)
                return
        raise BadToken("certificate not registered")

    def _identity_token(self, request: Request) -> Reply:
        """Functions' IDENTITY_ENDPOINT, api-version 2019-08-01 (graph-facts 7)."""
        query = request.params()
        if request.headers.get("x-identity-header") != self.identity_header:
            return Reply.of({"statusCode": 401, "message": "Unauthorized"}, 401)
        resource = query.get("resource", "").rstrip("/")
        if query.get("api-version") != "2019-08-01" or not resource:
            return Reply.of({"statusCode": 400, "message": "Bad api-version or resource."}, 400)
        identity = self.identities.get(query.get("client_id", "").lower())
        if identity is None:
            message = "No User Assigned or Delegated Managed Identity found for specified ClientId."
            return Reply.of({"statusCode": 400, "message": message}, 400)
        self.requests.append(
            TokenRequest(self.clock(), identity.tenant_id, identity.client_id, "identity", None)
        )
        expires_on = int(self.clock().timestamp()) + 86_400
        return Reply.of(
            {
                "access_token": tokens.issue(self._identity_claims(identity, resource)),
                "expires_on": str(expires_on),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.client_id,
            }
        )

    def _identity_claims(self, identity: Identity, resource: str) -> dict[str, Any]:
        # Azurite (`--oauth basic`) checks nbf and exp against the real clock, whatever time the
        # app lives at (azure-facts 5.2): so the token is good on both clocks.
        times = (self.clock().timestamp(), real_now().timestamp())
        exchange = resource.startswith("api://")
        issuer = (
            f"{LOGIN}/{identity.tenant_id}/v2.0"
            if exchange
            else f"https://sts.windows.net/{identity.tenant_id}/"
        )
        return {
            "aud": resource,
            "iss": issuer,
            "iat": int(min(times)),
            "nbf": int(min(times)) - 300,
            "exp": int(max(times)) + 86_400,
            "appid": identity.client_id,
            "oid": identity.principal_id,
            "sub": identity.principal_id,
            "tid": identity.tenant_id,
            "ver": "2.0" if exchange else "1.0",
        }

    def _tenant(self, name: str) -> EntraTenant | None:
        name = name.lower()
        if name in self.tenants:
            return self.tenants[name]
        return next((t for t in self.tenants.values() if name in t.domains), None)

    def _refusal(self, error: EntraError) -> Reply:
        refusal = ERRORS[error.code]
        names = {"tenant": "", "client": "", "resource": "", "missing": "", **error.names}
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = self.clock().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return Reply.of(
            {
                "error": refusal.error,
                "error_description": (
                    f"AADSTS{error.code}: {refusal.text.format(**names)} Trace ID: {trace} "
                    f"Correlation ID: {correlation} Timestamp: {stamp}"
                ),
                "error_codes": [error.code],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"{LOGIN}/error?code={error.code}",
            },
            refusal.status,
        )

    # -- back door over HTTP --------------------------------------------------------------------

    def _hang_door(self) -> None:
        door = self._door
        door.on("POST", "/_sim/tenants", self._open_tenant)
        door.on("POST", "/_sim/apps", self._open_app)
        door.on("POST", "/_sim/identities", self._open_identity)
        door.on("POST", "/_sim/consents", self._open_consent)
        door.on(
            "DELETE",
            "/_sim/consents/{tenant}/{client}",
            lambda knock: self.withdraw(knock["tenant"], knock["client"]),
        )
        door.on("GET", "/_sim/requests", lambda _: [asdict(entry) for entry in self.requests])
        door.add_faults(self.faults)

    def _open_tenant(self, knock: Knock) -> dict[str, Any]:
        tenant = self.tenants.get(knock.body["id"].lower()) or self.add_tenant(knock.body["id"])
        tenant.domains |= {domain.lower() for domain in knock.body.get("domains", ())}
        tenant.error = knock.body.get("error")
        if tenant.error is not None and tenant.error not in ERRORS:
            raise ValueError(f"no AADSTS{tenant.error} here; there are {sorted(ERRORS)}")
        return {"id": tenant.id, "domains": sorted(tenant.domains), "error": tenant.error}

    def _open_app(self, knock: Knock) -> dict[str, Any]:
        secrets = {
            secret: parse_instant(expiry) if expiry else None
            for secret, expiry in knock.body.get("secrets", {}).items()
        }
        certificates = [pem.encode() for pem in knock.body.get("certificates", ())]
        app = self.add_app(knock.body["clientId"], secrets=secrets, certificates=certificates)
        for identity in knock.body.get("identities", ()):
            self.federate(app.client_id, identity)
        return {"clientId": app.client_id}

    def _open_identity(self, knock: Knock) -> dict[str, Any]:
        identity = self.add_identity(
            knock.body["clientId"], knock.body["tenantId"], knock.body.get("principalId")
        )
        return {"clientId": identity.client_id, "principalId": identity.principal_id}

    def _open_consent(self, knock: Knock) -> None:
        roles = knock.body.get("roles", CONNECTOR_ROLES)
        self.consent(knock.body["tenantId"], knock.body["clientId"], roles)
