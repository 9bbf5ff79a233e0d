"""Reading the directory: `GET /users/{id or upn}` and `GET /users?$filter=`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..wire import Reply
from . import odata
from .call import Call
from .errors import GraphError, bad_request, role_missing
from .model import User
from .views import selection

_FULL_ROLES = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All")
# What User.ReadBasic.All may see. https://learn.microsoft.com/graph/permissions-reference
_BASIC = frozenset({"displayName", "givenName", "id", "mail", "surname", "userPrincipalName"})
_PROPERTIES: dict[str, Callable[[User], Any]] = {
    "businessPhones": lambda user: [],
    "displayName": lambda user: user.display_name,
    "givenName": lambda user: user.display_name.partition(" ")[0] or None,
    "jobTitle": lambda user: None,
    "mail": lambda user: user.mail,
    "mobilePhone": lambda user: None,
    "officeLocation": lambda user: None,
    "preferredLanguage": lambda user: None,
    "surname": lambda user: user.display_name.partition(" ")[2] or None,
    "userPrincipalName": lambda user: user.upn,
    "id": lambda user: user.id,
}
_ON_REQUEST: dict[str, Callable[[User], Any]] = {
    "proxyAddresses": lambda user: user.proxy_addresses,
    "accountEnabled": lambda user: True,
    "userType": lambda user: "Guest" if "#ext#" in user.upn.casefold() else "Member",
}
USER = odata.Entity(
    {
        "mail": odata.Field("text", lambda user: user.mail),
        "userprincipalname": odata.Field("text", lambda user: user.upn),
        "displayname": odata.Field("text", lambda user: user.display_name),
        "id": odata.Field("text", lambda user: user.id),
    },
    {
        "proxyaddresses": (
            lambda user: user.proxy_addresses,
            odata.Entity({"": odata.Field("text", lambda address: address)}),
        )
    },
)


def get_user(call: Call) -> Reply:
    call.principal.require("User.ReadBasic.All", *_FULL_ROLES)
    user = call.principal.tenant.find(call.params["user"])
    if user is None:
        raise GraphError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{call.params['user']}' does not exist or one of its queried "
            "reference-property objects are not present.",
        )
    return call.answer({"@odata.context": call.context("users/$entity"), **_shown(call, user)})


def find_users(call: Call) -> Reply:
    """By mail, userPrincipalName or proxyAddresses. Works without `ConsistencyLevel`."""
    call.principal.require("User.ReadBasic.All", *_FULL_ROLES)
    text = call.query.get("$filter")
    if text is None:
        raise bad_request("This simulator lists users by $filter only.")
    wanted = odata.parse_filter(text, USER)
    if "proxyaddresses" in wanted.names and not call.principal.roles.intersection(_FULL_ROLES):
        raise role_missing()
    users = [user for user in call.principal.tenant.users.values() if wanted.matches(user)]
    size = int(call.query.get("$top", "100"))
    return call.answer(
        {
            "@odata.context": call.context("users"),
            "value": [_shown(call, user) for user in users[:size]],
        }
    )


def _shown(call: Call, user: User) -> dict[str, Any]:
    known = {**_PROPERTIES, **_ON_REQUEST}
    wanted = selection(call.query.get("$select"), known, "user")
    full = bool(call.principal.roles.intersection(_FULL_ROLES))
    return {
        name: read(user) if full or name in _BASIC else None
        for name, read in known.items()
        if (name in wanted if wanted is not None else name in _PROPERTIES)
    }
