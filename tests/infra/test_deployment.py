"""What would be deployed, resource by resource: the resolved deployment, not the text."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import dev
from tests.infra.compiler import ROOT, Bicep, Deployment
from tests.infra.conftest import SIGNING_KEY

# Azure's built-in roles, copied from Microsoft's list and not from the template: one digit wrong
# there would hand out another role, and no compiler would see it.
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
}

# What the identity may do, and where: this and nothing else.
GRANTED = {
    ("Storage Blob Data Owner", "storageAccounts/host"),
    ("Storage Queue Data Contributor", "storageAccounts/host/queues/connector-work"),
    ("Storage Queue Data Contributor", "storageAccounts/host/queues/connector-work-poison"),
    ("Storage Table Data Contributor", "storageAccounts/state/tables/connectorstate"),
    ("Monitoring Metrics Publisher", "components"),
    ("Key Vault Secrets User", "vaults"),
}

# What Flex Consumption ignores or is broken by.
# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
NOT_ON_FLEX = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_DYNAMIC_CONCURRENCY_ENABLED",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_DNS_SERVER",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_SKIP_CONTENTSHARE_VALIDATION",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_USE_PLACEHOLDER",
    "WEBSITE_VNET_ROUTE_ALL",
}


def account(deployment: Deployment, name: str) -> dict[str, Any]:
    """The storage account whose name begins so."""
    [found] = [
        r
        for r in deployment.of("Microsoft.Storage/storageAccounts")
        if r["name"].startswith(f"st{name}")
    ]
    return found


# --- the app ---


def test_the_app_runs_on_flex_consumption(deployment: Deployment) -> None:
    """FC1 on Linux, its package fetched by the identity."""
    plan = deployment.one("Microsoft.Web/serverfarms")
    assert plan["sku"] == {"tier": "FlexConsumption", "name": "FC1"}
    assert plan["properties"]["reserved"] is True

    app = deployment.one("Microsoft.Web/sites")
    assert app["kind"] == "functionapp,linux"
    assert app["identity"]["type"] == "UserAssigned"
    [identity_id] = app["identity"]["userAssignedIdentities"]
    assert identity_id == deployment.one("Microsoft.ManagedIdentity/userAssignedIdentities")["id"]
    assert app["properties"]["keyVaultReferenceIdentity"] == identity_id

    storage = app["properties"]["functionAppConfig"]["deployment"]["storage"]
    assert storage["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": identity_id,
    }
    [container] = deployment.of("Microsoft.Storage/storageAccounts/blobServices/containers")
    assert container["properties"]["publicAccess"] == "None"


def test_the_python_version_is_one_the_tests_run_on(
    deployment: Deployment, templates: dict[str, dict[str, Any]]
) -> None:
    """The parameter offers exactly what dev.py accepts."""
    runtime = deployment.one("Microsoft.Web/sites")["properties"]["functionAppConfig"]["runtime"]
    assert runtime == {"name": "python", "version": "3.11"}

    oldest, newest = dev.PYTHONS
    offered = templates["main.bicep"]["parameters"]["pythonVersion"]["allowedValues"]
    assert offered == [f"3.{minor}" for minor in range(oldest[1], newest[1] + 1)]


def test_the_app_takes_only_https_and_no_publishing_password(deployment: Deployment) -> None:
    """The edges of the app."""
    site = deployment.one("Microsoft.Web/sites")["properties"]
    assert site["httpsOnly"] is True
    assert site["siteConfig"]["minTlsVersion"] == "1.2"
    assert site["siteConfig"]["scmMinTlsVersion"] == "1.2"
    policy = deployment.one("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert (policy["name"].split("/")[-1], policy["properties"]) == ("scm", {"allow": False})


def test_the_site_names_no_property_that_flex_refuses(deployment: Deployment) -> None:
    """Resource Manager answers 51021 to ftpsState, alwaysOn, linuxFxVersion and their kin."""
    site = deployment.one("Microsoft.Web/sites")["properties"]
    assert set(site["siteConfig"]) == {"minTlsVersion", "scmMinTlsVersion", "http20Enabled"}


def test_scale_is_bounded_and_nothing_is_kept_warm_unless_asked(deployment: Deployment) -> None:
    """The default costs nothing while nothing happens."""
    scale = deployment.one("Microsoft.Web/sites")["properties"]["functionAppConfig"][
        "scaleAndConcurrency"
    ]
    assert scale["alwaysReady"] == []
    assert scale["maximumInstanceCount"] == 40
    assert scale["instanceMemoryMB"] == 2048


def test_one_instance_serves_as_many_requests_as_its_worker_has_threads(
    deployment: Deployment, settings: dict[str, str]
) -> None:
    """More would wait inside the worker while other instances stand idle."""
    scale = deployment.one("Microsoft.Web/sites")["properties"]["functionAppConfig"][
        "scaleAndConcurrency"
    ]
    threads = int(settings["PYTHON_THREADPOOL_THREAD_COUNT"])
    assert scale["triggers"]["http"]["perInstanceConcurrency"] == threads
    queues = json.loads((ROOT / "host.json").read_text("utf-8"))["extensions"]["queues"]
    assert queues["batchSize"] + queues["newBatchThreshold"] <= threads


def test_no_setting_is_of_another_plan(settings: dict[str, str]) -> None:
    """The compiler takes them, the portal shows them, and the app does not start."""
    assert not NOT_ON_FLEX & set(settings)


def test_no_setting_holds_a_key(settings: dict[str, str]) -> None:
    """Storage, queue, vault and telemetry by identity; the signing key by reference."""
    for name, value in settings.items():
        assert not re.search(r"AccountKey=|SharedAccess|sig=|DefaultEndpointsProtocol", value), name
        assert SIGNING_KEY not in value, name
    assert settings["AzureWebJobsStorage__credential"] == "managedidentity"
    assert settings["WORK_QUEUE__credential"] == "managedidentity"
    assert "Authorization=AAD" in settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]
    client_ids = {
        settings["AzureWebJobsStorage__clientId"],
        settings["WORK_QUEUE__clientId"],
        settings["CONNECTOR_IDENTITY_CLIENT_ID"],
    }
    assert len(client_ids) == 1


def test_the_signing_key_is_referred_to_where_it_is_stored(
    deployment: Deployment, settings: dict[str, str]
) -> None:
    """The reference names the vault and the secret that this deployment makes."""
    vault, secret = deployment.one("Microsoft.KeyVault/vaults/secrets")["name"].split("/")
    assert settings["SIGNING_KEY"] == f"@Microsoft.KeyVault(VaultName={vault};SecretName={secret})"


# --- the signing key ---


def test_the_signing_key_goes_into_the_vault_and_nowhere_else(deployment: Deployment) -> None:
    """Not into a tag, a setting, an output or a name: it stays a parameter until it is stored."""
    secret = deployment.one("Microsoft.KeyVault/vaults/secrets")
    assert secret["properties"]["value"] == "[parameters('signingKey')]"
    users = [r["type"] for r in deployment.resources if "signingKey" in json.dumps(r)]
    assert users == ["Microsoft.KeyVault/vaults/secrets"]
    everything = json.dumps([deployment.resources, deployment.outputs])
    assert SIGNING_KEY not in everything
    assert "signingKey" not in json.dumps(deployment.outputs)


def test_without_a_key_the_vaults_own_is_left_alone(deployment: Deployment) -> None:
    """Every later deployment: no new key, or every LMS would need new secrets."""
    secret = deployment.one("Microsoft.KeyVault/vaults/secrets")
    assert secret["condition"] == "[not(empty(parameters('signingKey')))]"


def test_the_vault_keeps_what_it_holds(deployment: Deployment) -> None:
    """Roles instead of access policies; deleted is not gone."""
    vault = deployment.one("Microsoft.KeyVault/vaults")["properties"]
    assert vault["enableRbacAuthorization"] is True
    assert vault["enablePurgeProtection"] is True
    assert vault["softDeleteRetentionInDays"] == 90


# --- storage ---


@pytest.mark.parametrize("name", ["host", "state"])
def test_storage_has_no_keys_and_nothing_public(deployment: Deployment, name: str) -> None:
    """Both accounts."""
    properties = account(deployment, name)["properties"]
    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert properties["allowCrossTenantReplication"] is False
    assert properties["supportsHttpsTrafficOnly"] is True
    assert properties["minimumTlsVersion"] == "TLS1_2"


def test_tables_and_queues_are_made_by_the_deployment(deployment: Deployment) -> None:
    """The app's roles do not let it make them."""
    [table] = deployment.of("Microsoft.Storage/storageAccounts/tableServices/tables")
    assert table["name"].split("/")[0] == account(deployment, "state")["name"]
    assert table["name"].split("/")[-1] == "connectorstate"
    queues = deployment.of("Microsoft.Storage/storageAccounts/queueServices/queues")
    assert {q["name"].split("/")[0] for q in queues} == {account(deployment, "host")["name"]}
    assert {q["name"].split("/")[-1] for q in queues} == {
        "connector-work",
        "connector-work-poison",
    }


def test_the_queue_is_the_one_the_code_reads_and_writes() -> None:
    """A queue of another name would be a queue that nobody reads."""
    named = {
        found
        for path in sources()
        for found in re.findall(r'queue_name="([^"]+)"', path.read_text("utf-8"))
    } | {
        found
        for path in sources()
        for found in re.findall(r'QUEUE\w*\s*(?::.*)?=\s*"([^"]+)"', path.read_text("utf-8"))
    }
    assert named <= {"connector-work", "connector-work-poison"}
    assert "connector-work" in named


def test_the_state_is_replicated_and_locked(
    deployment: Deployment, private_deployment: Deployment
) -> None:
    """Evidence is claimed on for years, and Table Storage has no undelete."""
    state = account(deployment, "state")
    assert state["sku"]["name"] == "Standard_GRS"
    for each in (deployment, private_deployment):
        lock = each.one("Microsoft.Authorization/locks")
        assert lock["properties"]["level"] == "CanNotDelete"
        assert account(each, "state")["id"] in lock["id"]


# --- who may do what ---


def test_the_identity_is_granted_this_and_nothing_more(
    deployment: Deployment, private_deployment: Deployment
) -> None:
    """Least privilege, on the narrowest scope that works; the same with private networking."""
    for each in (deployment, private_deployment):
        granted = set()
        for assignment in each.of("Microsoft.Authorization/roleAssignments"):
            properties = assignment["properties"]
            role = ROLES[properties["roleDefinitionId"].split("/")[-1]]
            assert properties["principalType"] == "ServicePrincipal"
            assert "id-connector-" in properties["principalId"]
            granted.add((role, scope(assignment["id"])))
        assert granted == GRANTED


def scope(identifier: str) -> str:
    """What a role assignment's id is on, without what differs from deployment to deployment."""
    path = identifier.rsplit("/providers/Microsoft.Authorization/", 1)[0]
    words = path.split("/providers/")[-1].split("/")[1:]
    if words[0] != "storageAccounts":
        return words[0]
    account_name = re.sub(r"^st(host|state).*", r"\1", words[1])
    return "/".join(["storageAccounts", account_name, *words[4:]])


# --- who watches ---


def test_telemetry_takes_no_key_and_is_capped(deployment: Deployment) -> None:
    """A runaway log costs a day's cap, not a month's salary."""
    insights = deployment.one("Microsoft.Insights/components")["properties"]
    workspace = deployment.one("Microsoft.OperationalInsights/workspaces")["properties"]
    assert insights["DisableLocalAuth"] is True
    assert workspace["features"]["disableLocalAuth"] is True
    assert workspace["workspaceCapping"] == {"dailyQuotaGb": 0.5}
    assert workspace["retentionInDays"] == 90


def test_writes_to_the_state_and_readers_of_the_key_are_audited(deployment: Deployment) -> None:
    """Diagnostic settings, on the tables and on the vault."""
    audited = {
        scope_of["id"].split("/providers/Microsoft.Insights/")[0].split("/")[-2]: [
            log.get("category") or log["categoryGroup"] for log in scope_of["properties"]["logs"]
        ]
        for scope_of in deployment.of("Microsoft.Insights/diagnosticSettings")
    }
    assert audited == {"tableServices": ["StorageWrite", "StorageDelete"], "vaults": ["audit"]}


def test_everything_that_can_be_tagged_is(deployment: Deployment) -> None:
    """For whoever reads the bill."""
    for resource in deployment.resources:
        top_level = resource["type"].count("/") == 1
        untagged = {"roleAssignments", "locks", "diagnosticSettings"}
        if top_level and resource["type"].split("/")[1] not in untagged:
            assert resource["tags"]["application"] == "teams-communications-connector", resource[
                "id"
            ]
            assert resource["tags"]["azd-env-name"] == "production", resource["id"]


# --- private networking ---


def test_one_parameter_takes_storage_and_vault_off_the_internet(
    deployment: Deployment, private_deployment: Deployment
) -> None:
    """All of it, or none of it."""
    assert deployment.of("Microsoft.Network/virtualNetworks") == []
    assert deployment.one("Microsoft.Web/sites")["properties"]["virtualNetworkSubnetId"] is None

    for kind in ("Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"):
        for resource in private_deployment.of(kind):
            assert resource["properties"]["publicNetworkAccess"] == "Disabled"
            assert resource["properties"]["networkAcls"]["defaultAction"] == "Deny"

    faces = {
        tuple(connection["properties"]["groupIds"])
        for endpoint in private_deployment.of("Microsoft.Network/privateEndpoints")
        for connection in endpoint["properties"]["privateLinkServiceConnections"]
    }
    assert faces == {("blob",), ("queue",), ("table",), ("vault",)}
    assert len(private_deployment.of("Microsoft.Network/privateDnsZones")) == 4
    assert len(private_deployment.of("Microsoft.Network/privateDnsZones/virtualNetworkLinks")) == 4


def test_the_network_has_room_for_the_app(private_deployment: Deployment) -> None:
    """A subnet of its own, handed to Flex Consumption, and one for the endpoints."""
    network = private_deployment.one("Microsoft.Network/virtualNetworks")["properties"]
    subnets = {s["name"]: s["properties"] for s in network["subnets"]}
    assert network["addressSpace"]["addressPrefixes"] == ["10.42.0.0/24"]
    assert subnets["app"]["addressPrefix"] == "10.42.0.0/25"
    assert subnets["endpoints"]["addressPrefix"] == "10.42.0.128/27"
    [delegation] = subnets["app"]["delegations"]
    assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"
    assert all("networkSecurityGroup" in subnet for subnet in subnets.values())


# --- azd ---


def test_azd_makes_the_group_and_the_same_in_it(bicep: Bicep, deployment: Deployment) -> None:
    """The wrapper adds a resource group and nothing else."""
    by_azd = bicep.resolve("azd", AZURE_ENV_NAME="trial", AZURE_LOCATION="ukwest")
    group = by_azd.one("Microsoft.Resources/resourceGroups")
    assert group["tags"] == {"azd-env-name": "trial"}
    assert group["location"] == "ukwest"

    here = sorted(r["type"] for r in deployment.resources)
    assert sorted(r["type"] for r in by_azd.resources if r is not group) == here


def test_azd_finds_the_app_by_the_name_of_its_service(deployment: Deployment) -> None:
    """The tag on the app is the service's name in azure.yaml."""
    text = (ROOT / "azure.yaml").read_text("utf-8")
    [service] = re.findall(r"^services:\n(?:  #.*\n)*  (\w+):$", text, re.MULTILINE)
    assert deployment.one("Microsoft.Web/sites")["tags"]["azd-service-name"] == service
    [module] = re.findall(r"^  module: (\w+)$", text, re.MULTILINE)
    assert (ROOT / "infra" / f"{module}.bicep").is_file()


def sources() -> list[Any]:
    """The Python files that ship."""
    folders = ("shared", "component_http", "schedule_timer", "attendance_timer")
    return [ROOT / "function_app.py"] * (ROOT / "function_app.py").is_file() + [
        path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))
    ]
