"""How the token endpoint refuses: AADSTS codes, their statuses and texts (graph-facts 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Refusal(NamedTuple):
    """How the token endpoint says one AADSTS code."""

    status: int
    error: str
    text: str


ERRORS: Mapping[int, Refusal] = {
    700016: Refusal(
        400,
        "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This "
        "can happen if the application has not been installed by the administrator of the tenant "
        "or consented to by any user in the tenant.",
    ),
    7000229: Refusal(
        401,
        "invalid_client",
        "The client application {client} is missing service principal in the tenant {tenant}.",
    ),
    7000215: Refusal(
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID, for a secret added to app '{client}'.",
    ),
    7000222: Refusal(
        401,
        "invalid_client",
        "The provided client secret keys for app '{client}' are expired.",
    ),
    7000218: Refusal(
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'.",
    ),
    700027: Refusal(
        401,
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on "
        "application, or the signature, audience or lifetime of the assertion is not valid.",
    ),
    700213: Refusal(
        401,
        "invalid_client",
        "No matching federated identity record found for presented assertion of application "
        "'{client}'. Check your federated identity credential Subject, Audience and Issuer.",
    ),
    90002: Refusal(
        400,
        "invalid_request",
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are "
        "signing into the correct cloud.",
    ),
    500011: Refusal(
        400,
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant}.",
    ),
    70003: Refusal(400, "unsupported_grant_type", "The app requested an unsupported grant type."),
    900144: Refusal(
        400, "invalid_request", "The request body must contain the parameter '{missing}'."
    ),
    50196: Refusal(400, "invalid_grant", "The server terminated an operation in a loop."),
    53003: Refusal(400, "invalid_grant", "Access has been blocked by Conditional Access policies."),
    65001: Refusal(
        400, "invalid_grant", "The administrator has not consented to use the application."
    ),
    900382: Refusal(
        400,
        "invalid_request",
        "Confidential Client is not supported in Cross Cloud request.",
    ),
}


class EntraError(Exception):
    def __init__(self, code: int, **names: str) -> None:
        super().__init__(code)
        self.code = code
        self.names = names
