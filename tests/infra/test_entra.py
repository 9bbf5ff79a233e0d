"""The app registration: what it asks for, whom it trusts, and that it grants nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.compiler import Bicep, Deployment
from tests.infra.conftest import PRINCIPAL_ID

pytestmark = pytest.mark.usefixtures("templates")  # skips where Graph's types cannot be had

# Microsoft Graph's application permissions, copied from Microsoft's list, not from the template.
# https://learn.microsoft.com/graph/permissions-reference
GRAPH = "00000003-0000-0000-c000-000000000000"
PERMISSIONS = {
    "c1684f21-1984-47fa-9d61-2dc8c296bb70": "OnlineMeetings.Read.All",
    "df01ed3b-eb61-4eca-9965-6b3d789751b2": "OnlineMeetingArtifact.Read.All",
    "97235f07-e226-4f63-ace3-39588e11d3a1": "User.ReadBasic.All",
    "798ee544-9d2d-430c-a058-570e29e34338": "Calendars.Read",
    "ef54d2bf-783f-4e0f-bca1-3210c0444d99": "Calendars.ReadWrite",
}
ALWAYS = {"OnlineMeetings.Read.All", "OnlineMeetingArtifact.Read.All", "User.ReadBasic.All"}

APPLICATION = "Microsoft.Graph/applications@v1.0"
CREDENTIAL = "Microsoft.Graph/applications/federatedIdentityCredentials@v1.0"


def asked(deployment: Deployment) -> set[str]:
    """The permissions on the consent page."""
    [resource] = deployment.one(APPLICATION)["properties"]["requiredResourceAccess"]
    assert resource["resourceAppId"] == GRAPH
    assert {access["type"] for access in resource["resourceAccess"]} == {"Role"}
    return {PERMISSIONS[access["id"]] for access in resource["resourceAccess"]}


@pytest.mark.parametrize(
    ("calendars", "more"),
    [
        pytest.param("none", set(), id="granted in Exchange"),
        pytest.param("read", {"Calendars.Read"}, id="read for change notifications"),
        pytest.param("readWrite", {"Calendars.Read", "Calendars.ReadWrite"}, id="one click"),
    ],
)
def test_the_consent_page_asks_for_no_more_than_chosen(
    bicep: Bicep, calendars: str, more: set[str]
) -> None:
    """A right on every calendar is asked for only by name."""
    assert asked(bicep.resolve("entra", CONNECTOR_CALENDARS_IN_ENTRA=calendars)) == ALWAYS | more


def test_by_default_no_calendar_is_asked_for(bicep: Bicep) -> None:
    """What the consent page asks for cannot be narrowed in Exchange afterwards."""
    assert asked(bicep.resolve("entra")) == ALWAYS


def test_customers_can_consent_and_nobody_can_add_a_secret_there(bicep: Bicep) -> None:
    """Multi-tenant, and locked in the customers' tenants."""
    application = bicep.resolve("entra").one(APPLICATION)["properties"]
    assert application["signInAudience"] == "AzureADMultipleOrgs"
    assert application["servicePrincipalLockConfiguration"] == {
        "isEnabled": True,
        "allProperties": True,
    }
    assert not {"passwordCredentials", "keyCredentials"} & set(application)


def test_it_trusts_the_apps_identity_once_that_exists(bicep: Bicep) -> None:
    """The first deployment has no credential at all, the second the federated one."""
    assert bicep.resolve("entra").of(CREDENTIAL) == []

    deployment = bicep.resolve("entra", CONNECTOR_IDENTITY_PRINCIPAL_ID=PRINCIPAL_ID)
    credential: dict[str, Any] = deployment.one(CREDENTIAL)["properties"]
    assert credential["subject"] == PRINCIPAL_ID
    assert "/v2.0" in credential["issuer"]
    assert "environment().authentication.loginEndpoint" in credential["issuer"]
    [audience] = credential["audiences"]
    assert "'AzureCloud', 'api://AzureADTokenExchange'" in audience


def test_it_grants_nothing(bicep: Bicep) -> None:
    """Consent is the customer's act: no assignment of a role to the application."""
    deployment = bicep.resolve("entra", CONNECTOR_CALENDARS_IN_ENTRA="readWrite")
    assert {r["type"] for r in deployment.resources} == {
        APPLICATION,
        "Microsoft.Graph/servicePrincipals@v1.0",
    }


def test_its_output_is_what_the_other_template_asks_for(
    bicep: Bicep, templates: dict[str, dict[str, Any]]
) -> None:
    """The client id goes from one to the other."""
    assert "connectorClientId" in bicep.resolve("entra").outputs
    assert "connectorClientId" in templates["main.bicep"]["parameters"]
    assert "secret" not in json.dumps(bicep.resolve("entra").outputs).lower()
