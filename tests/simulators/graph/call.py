"""One authenticated call to Graph, taken apart: who asks, for what, and how it wants the answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus

from .. import tokens
from ..tokens import BadToken
from ..wire import Reply, Request
from .errors import (
    GraphError,
    access_denied,
    bad_request,
    expired_token,
    invalid_token,
    odata_disabled,
    role_missing,
)
from .journal import Entry
from .model import Tenant, User
from .state import State

_PREFERENCE = re.compile(r'([\w.-]+)\s*=\s*(?:"([^"]*)"|([^\s",;]+))')
_READ = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
_WRITE = frozenset({"Calendars.ReadWrite"})


@dataclass(frozen=True, slots=True)
class Principal:
    """The app behind an access token, in the tenant the token is for."""

    tenant: Tenant
    app: str
    roles: frozenset[str]

    def require(self, *any_of: str) -> None:
        """403 unless the token carries one of these app roles."""
        if not self.roles.intersection(any_of):
            raise role_missing()


@dataclass(slots=True)
class Call:
    """A request on its way to a handler. *params* come from the path."""

    state: State
    request: Request
    entry: Entry
    principal: Principal
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    prefer: dict[str, str] = field(default_factory=dict)

    @property
    def immutable(self) -> bool:
        """`Prefer: IdType="ImmutableId"`, for this request only (graph-facts 1.7)."""
        return self.prefer.get("idtype", "").casefold() == "immutableid"

    def json(self) -> Any:
        """The body as JSON, or GraphError 400."""
        kind = self.request.headers.get("content-type", "")
        if "json" not in kind:
            raise bad_request(f"A Content-Type of application/json is needed, not '{kind}'.")
        try:
            return self.request.json()
        except ValueError as exc:
            raise bad_request("Unable to read JSON request payload.") from exc

    def answer(self, value: Mapping[str, Any], status: int = 200) -> Reply:
        applied = [
            f'{name}="{self.prefer[lower]}"'
            for name, lower in (("outlook.timezone", "outlook.timezone"), ("IdType", "idtype"))
            if lower in self.prefer
        ]
        headers = {"Preference-Applied": ", ".join(applied)} if applied else None
        return Reply.of(value, status, headers)

    def context(self, what: str) -> str:
        return f"{self.request.origin}/v1.0/$metadata#{what}"

    def user(self) -> User:
        """The user in the path, as a mailbox's owner. Raises GraphError 404."""
        user = self.principal.tenant.find(self.params["user"])
        if user is None:
            raise GraphError(
                404,
                "ErrorInvalidUser",
                f"The requested user '{self.params['user']}' is invalid.",
            )
        return user

    def mailbox(self, *, write: bool) -> User:
        """The user in the path, whose mailbox this app may read or write. Raises GraphError."""
        needed = _WRITE if write else _READ
        scope = self.principal.tenant.rbac_scope
        granted = bool(self.principal.roles & needed)
        if not granted and scope is None:
            raise access_denied()
        user = self.user()
        # Grants add up: a role in the token defeats the Exchange scope (graph-facts 1.6).
        if not granted and (scope is None or user.id not in scope):
            raise access_denied()
        match user.mailbox:
            case "missing":
                raise GraphError(  # graph-facts 1.6
                    404,
                    "MailboxNotEnabledForRESTAPI",
                    "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
                )
            case "invalid":
                raise GraphError(
                    404, "ErrorInvalidUser", f"The requested user '{user.upn}' is invalid."
                )
            case "denied":
                raise access_denied()
            case "denied_by_policy":
                raise odata_disabled()
            case "failing":
                raise GraphError(
                    503, "ErrorServerBusy", "The server cannot service this request right now."
                )
        return user


def authenticate(state: State, request: Request) -> Principal:
    """Check the bearer token. Raises GraphError 401."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer" or not text:
        raise invalid_token("Access token is empty.")
    try:
        claims = tokens.read_own(text.strip())
    except BadToken as exc:
        raise invalid_token("CompactToken validation failed: the token is not valid.") from exc
    now = state.clock().timestamp()
    if claims.get("exp", 0) <= now:
        raise expired_token()
    if claims.get("nbf", 0) - 300 > now:
        raise invalid_token("Lifetime validation failed, the token is not yet valid.")
    audience = str(claims.get("aud", "")).rstrip("/")
    if "graph" not in audience and audience != request.origin:
        raise invalid_token("Access token validation failure. Invalid audience.")
    tenant = state.tenants.get(str(claims.get("tid", "")).lower())
    if tenant is None:
        raise invalid_token("The tenant for this token is not known here.")
    return Principal(tenant, str(claims.get("appid")), frozenset(claims.get("roles", ())))


def make_token(state: State, tenant_id: str, roles: frozenset[str], app: str, seconds: int) -> str:
    """A token by the back door, for tests that have no Entra simulator."""
    now = int(state.clock().timestamp())
    return tokens.issue(
        {
            "aud": "https://graph.microsoft.com",
            "iss": f"https://sts.windows.net/{tenant_id}/",
            "iat": now,
            "nbf": now - 300,
            "exp": now + seconds,
            "appid": app,
            "tid": tenant_id,
            "roles": sorted(roles),
            "uti": uuid.uuid4().hex,
        }
    )


def parse_query(text: str, *, plus_is_space: bool) -> dict[str, str]:
    """Query parameters, decoded once. System option names in lower case."""
    decode = unquote_plus if plus_is_space else unquote
    query: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        name = decode(name)
        query[name.lower() if name.startswith("$") else name] = decode(value)
    return query


def parse_prefer(text: str) -> dict[str, str]:
    return {name.lower(): quoted or bare for name, quoted, bare in _PREFERENCE.findall(text)}
