"""What is wrong with a Microsoft 365 set-up in words, and the very commands that mend it. Pure.

Commands are for PowerShell (``…-Cs…`` with the module MicrosoftTeams, the rest with
ExchangeOnlineManagement) or for the Azure CLI in a Unix shell, with the real ids filled in. They
are the set-up guide's; a test compares the two. Everything that comes from outside is quoted, since
people paste this into a shell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.graph.protocol import CLOUDS

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
ROLES = {
    "OnlineMeetings.Read.All": "c1684f21-1984-47fa-9d61-2dc8c296bb70",
    "OnlineMeetingArtifact.Read.All": "df01ed3b-eb61-4eca-9965-6b3d789751b2",
    "User.ReadBasic.All": "97235f07-e226-4f63-ace3-39588e11d3a1",
    "Calendars.Read": "798ee544-9d2d-430c-a058-570e29e34338",
    "Calendars.ReadWrite": "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
}
"""Microsoft Graph's application permissions; the same in every tenant and cloud
(https://learn.microsoft.com/graph/permissions-reference)."""

_AUDIENCES = {
    "global": "api://AzureADTokenExchange",
    "usgov": "api://AzureADTokenExchangeUSGov",
    "usgov_dod": "api://AzureADTokenExchangeUSGov",
    "china": "api://AzureADTokenExchangeChina",
}
_PLAIN = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+")
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")


@dataclass(frozen=True, slots=True)
class Ids:
    """Whom the commands are about.

    *principal* is the object id of the application in the customer's tenant, "" while no token has
    told it. *tenant* is how we call the customer.
    """

    client: str
    identity: str
    entra_tenant: str
    cloud: str
    tenant: str
    principal: str = ""

    @property
    def sign_in(self) -> str:
        """Of the real cloud, whatever stands in for it: links are opened by people."""
        return CLOUDS[self.cloud][0]


def quoted(text: str) -> str:
    """*text* as one word of PowerShell, which takes typographic quotes for quotes too."""
    return "'" + _QUOTES.sub(lambda found: found.group() * 2, text) + "'"


# -- consent and credentials ---------------------------------------------------------------


def consent(ids: Ids) -> str:
    """What a Global Administrator of the customer opens, reads and accepts."""
    link = f"{ids.sign_in}/{ids.entra_tenant}/adminconsent?client_id={ids.client}"
    return (
        f"# A Global Administrator of the customer opens this, reads it and accepts:\n{link}\n"
        "# A refusal is remembered for a minute; then check again."
    )


def missing_role(ids: Ids, role: str) -> str:
    return (
        "# Once, in your own Entra tenant: have the registration ask for it.\n"
        f"az ad app permission add --id {ids.client} --api {GRAPH_APP} "
        f"--api-permissions {ROLES[role]}=Role\n{consent(ids)}"
    )


def _new_secret(ids: Ids) -> str:
    return (
        "# In your own Entra tenant; the password becomes CONNECTOR_CLIENT_SECRET. Better none at\n"
        "# all: a managed identity (set-up guide, Trust).\n"
        f"az ad app credential reset --id {ids.client} --append --display-name connector --years 1"
    )


def _certificate(ids: Ids) -> str:
    return (
        "# In your own Entra tenant: what is registered; and registering yours, its public part.\n"
        f"az ad app credential list --id {ids.client} --cert\n"
        f"az ad app credential reset --id {ids.client} --append --cert @connector-public.pem"
    )


def federated(ids: Ids, presented: str) -> str:
    """*presented* is what the identity's token said, as JSON; "" when that is not known."""
    said = json.loads(presented) if presented.startswith("{") else {}
    credential = {
        "name": "connector-identity",
        "issuer": said.get("iss") or f"{ids.sign_in}/<id of your own Entra tenant>/v2.0",
        "subject": said.get("sub") or "<principal id of the identity>",
        "audiences": [said.get("aud") or _AUDIENCES[ids.cloud]],
    }
    return (
        "# In your own Entra tenant: what the registration trusts, and trusting the identity.\n"
        f"az ad app federated-credential list --id {ids.client}\n"
        f"az ad app federated-credential create --id {ids.client} "
        f"--parameters '{json.dumps(credential)}'"
    )


def _identity(ids: Ids) -> str:
    return (
        "# The identity must exist, be assigned to the function app, and be the one that\n"
        "# CONNECTOR_IDENTITY_CLIENT_ID names.\n"
        f"az identity list --query \"[?clientId=='{ids.identity}'].id\" --output tsv\n"
        'az functionapp identity show --resource-group "$GROUP" --name "$APP"'
    )


def _tenant_settings(ids: Ids) -> str:
    return (
        "# Whether it is there, in the cloud that the settings name:\n"
        f"curl --fail {ids.sign_in}/{ids.entra_tenant}/v2.0/.well-known/openid-configuration\n"
        f"# Then put it right: PUT /api/tenants/{ids.tenant} with entraTenantId and cloud (now "
        f"{ids.cloud})."
    )


def _conditional_access(ids: Ids) -> str:
    return (
        "# In the customer's tenant: Entra admin center, Conditional Access, the policies for\n"
        f"# workload identities; leave out the application {ids.client}. To find the policy:\n"
        "az rest --method get --url "
        f"'{CLOUDS[ids.cloud][1]}/identity/conditionalAccess/policies?$select=displayName,state'"
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal of Entra's means, in a sentence, and its mend."""

    detail: str
    mend: Callable[[Ids], str]


REFUSALS: dict[str, Refusal] = {
    "AADSTS700016": Refusal(
        "The customer's Entra tenant does not know the application: nobody consented there, or "
        "CONNECTOR_CLIENT_ID is not its id.",
        consent,
    ),
    "AADSTS7000229": Refusal(
        "The application has no service principal in the customer's Entra tenant: nobody consented "
        "to it there, or somebody removed it.",
        consent,
    ),
    "AADSTS65001": Refusal("The customer's administrator has not consented.", consent),
    "AADSTS7000215": Refusal("CONNECTOR_CLIENT_SECRET is not one of the secrets.", _new_secret),
    "AADSTS7000222": Refusal("CONNECTOR_CLIENT_SECRET has expired.", _new_secret),
    "AADSTS7000218": Refusal("The application sent no credential.", _new_secret),
    "AADSTS700027": Refusal(
        "The certificate is not registered with the application, has expired, or does not belong "
        "to the key that signed; or this clock is wrong.",
        _certificate,
    ),
    "AADSTS700213": Refusal(
        "The registration does not trust the managed identity: no federated credential has its "
        "issuer, subject and audience. A wrong one is accepted when it is written down and refused "
        "only here.",
        lambda ids: federated(ids, ""),
    ),
    "AADSTS90002": Refusal(
        "There is no such Entra tenant in this cloud: entraTenantId is mistyped, or the cloud is "
        "another one.",
        _tenant_settings,
    ),
    "AADSTS500011": Refusal(
        "Microsoft Graph is not known in this tenant under this cloud's name: the cloud is another "
        "one.",
        _tenant_settings,
    ),
    "AADSTS900382": Refusal("The Entra tenant belongs to another cloud.", _tenant_settings),
    "AADSTS900432": Refusal("The Entra tenant belongs to another cloud.", _tenant_settings),
    "AADSTS90038": Refusal("The Entra tenant belongs to another cloud.", _tenant_settings),
    "AADSTS53003": Refusal(
        "A Conditional Access policy of the customer blocks the application's sign-in.",
        _conditional_access,
    ),
    "AADSTS50196": Refusal(
        "Entra cut off a loop: the application asked for the same token too often.",
        lambda ids: "# Nothing to do but wait some minutes.",
    ),
    "certificate": Refusal(
        "CONNECTOR_CERTIFICATE_PATH names no file with a certificate and its key that can be read.",
        _certificate,
    ),
    "managed_identity": Refusal(
        "The platform gives no token for the managed identity CONNECTOR_IDENTITY_CLIENT_ID.",
        _identity,
    ),
}


def refusal(code: str) -> Refusal:
    number = code.removeprefix("AADSTS")
    return REFUSALS.get(code) or Refusal(
        f"Microsoft Entra refuses the sign-in ({code}).",
        lambda ids: f"# What the code means: {ids.sign_in}/error?code={number}",
    )


# -- Exchange: whose calendars -------------------------------------------------------------


def exchange_scope(ids: Ids) -> str:
    """Granting the calendars of a group; Exchange's own grants, not Entra's."""
    principal = ids.principal or "<object id: az ad sp show --id " + ids.client + " --query id>"
    return (
        "Connect-ExchangeOnline\n"
        f"New-ServicePrincipal -AppId {quoted(ids.client)} -ObjectId {quoted(principal)} "
        "-DisplayName 'Teams Communications Connector'\n"
        "$group = Get-DistributionGroup -Identity 'Connector tutors'\n"
        "New-ManagementScope -Name 'Connector tutors' -RecipientRestrictionFilter "
        "\"MemberOfGroup -eq '$($group.DistinguishedName)'\"\n"
        f"New-ManagementRoleAssignment -App {quoted(principal)} "
        "-Role 'Application Calendars.ReadWrite' -CustomResourceScope 'Connector tutors'"
    )


def mailbox_in_scope(ids: Ids, mailbox: str) -> str:
    principal = ids.principal or ids.client
    return (
        "Connect-ExchangeOnline\n"
        "# Whose calendars the connector has; InScope must be True:\n"
        f"Test-ServicePrincipalAuthorization -Identity {quoted(principal)} "
        f"-Resource {quoted(mailbox)} | Format-Table\n"
        "# If there is an assignment and they are outside its group:\n"
        "Add-DistributionGroupMember -Identity 'Connector tutors' "
        f"-Member {quoted(mailbox)}\n"
        "# It takes half an hour to two hours. If there is no assignment yet: set-up guide, 6.2."
    )


def legacy_policy(ids: Ids, mailbox: str) -> str:
    return (
        "Connect-ExchangeOnline\n"
        "# An application access policy in Exchange (the older kind) keeps the connector out. It\n"
        "# names a group; the mailbox must be in it:\n"
        f"Get-ApplicationAccessPolicy | Where-Object AppId -eq {quoted(ids.client)} | Format-List\n"
        f"Test-ApplicationAccessPolicy -AppId {quoted(ids.client)} -Identity {quoted(mailbox)}"
    )


def no_mailbox(user: str) -> str:
    return (
        "Connect-ExchangeOnline\n"
        f"Get-EXORecipient -Identity {quoted(user)} | Format-List RecipientTypeDetails\n"
        "# UserMailbox is needed: assign a licence with Exchange Online, or move the mailbox there."
    )


def no_account(address: str) -> str:
    if not _PLAIN.fullmatch(address):
        return "# Look for the person in the Entra admin center, and mend the address in the LMS."
    return (
        f"az ad user list --filter \"mail eq '{address}' or userPrincipalName eq '{address}'\" "
        "--query '[].[id, userPrincipalName, mail]' --output table\n"
        "# Nobody: mend the address in the LMS, and save."
    )


# -- Teams ---------------------------------------------------------------------------------

TWO_POLICIES = (
    "This is the policy of Teams, for meetings and attendance; the grant in Exchange, for "
    "calendars, is another thing, and neither gives what the other does."
)


def no_teams(user: str) -> str:
    return (
        "Connect-MicrosoftTeams\n"
        f"Get-CsOnlineUser -Identity {quoted(user)} | "
        "Select-Object AccountEnabled, TeamsUpgradeEffectiveMode, FeatureTypes\n"
        "# Teams must be among the features: assign a licence with Teams in the Microsoft 365\n"
        "# admin center. It is tried again at the next sweep."
    )


def application_access_policy(ids: Ids, user: str) -> str:
    return (
        "Connect-MicrosoftTeams\n"
        "# Once per customer:\n"
        f"New-CsApplicationAccessPolicy -Identity 'Connector' -AppIds {quoted(ids.client)}\n"
        "# For this user; -Group or -Global in place of -Identity for many:\n"
        f"Grant-CsApplicationAccessPolicy -PolicyName 'Connector' -Identity {quoted(user)}\n"
        "# A user has one such policy. Should another vendor's be theirs, add us to that one:\n"
        f"Get-CsOnlineUser -Identity {quoted(user)} | Select-Object ApplicationAccessPolicy\n"
        "Set-CsApplicationAccessPolicy -Identity '<theirs>' "
        f"-AppIds @{{Add={quoted(ids.client)}}}\n"
        "# It takes up to half an hour, sometimes longer."
    )


def attendance_reports(user: str) -> str:
    return (
        "Connect-MicrosoftTeams\n"
        f"Get-CsOnlineUser -Identity {quoted(user)} | Select-Object TeamsMeetingPolicy\n"
        "Get-CsTeamsMeetingPolicy | Select-Object Identity, AllowEngagementReport\n"
        "# Disabled makes no report, Enabled leaves it to the organiser, ForceEnabled always:\n"
        "Set-CsTeamsMeetingPolicy -Identity 'Global' -AllowEngagementReport 'ForceEnabled'"
    )


# -- the LMS, the clock --------------------------------------------------------------------


def callback(ids: Ids, code: str) -> str:
    if code in ("http_401", "http_403"):
        return (
            "# The LMS must hold this tenant's outboundSecret. New ones, shown once:\n"
            f"POST /api/tenants/{ids.tenant}/rotate"
        )
    if code in ("private_address", "no_address", "http_404", "http_410") or code[:6] == "http_3":
        return f"# Put the address right:\nPUT /api/tenants/{ids.tenant} with callbackUrl"
    if code == "certificate":
        return (
            "# The LMS must send a certificate of a public authority for its name, with the\n"
            "# certificates in between: openssl s_client -connect <host>:443 -servername <host>"
        )
    return "# For the LMS's people: the callback must answer a connector.ping with 2xx within 10 s."


def set_clock(machines: Iterable[str]) -> str:
    return (
        f"# On {' and '.join(machines)}:\n"
        "sudo timedatectl set-ntp true    # Linux\n"
        "w32tm /resync /rediscover        # Windows"
    )
