"""Commands that people paste into a shell: real ones, the guide's own, and safe to paste."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from component_http import mends
from component_http.mends import Ids, quoted

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "set-up.md").read_text("utf-8")
CLIENT = "c0000000-0000-4000-8000-000000000001"
IDENTITY = "c0000000-0000-4000-8000-000000000002"
ENTRA = "8f0c1a52-7d3e-4b0a-9c64-2f5e8d1b7a90"
PRINCIPAL = "11111111-2222-4333-8444-555555555555"
USER = "22222222-2222-4333-8444-555555555555"
IDS = Ids(CLIENT, IDENTITY, ENTRA, "global", "northern", PRINCIPAL)

EVERY = {
    **{code: refusal.mend(IDS) for code, refusal in mends.REFUSALS.items()},
    **{role: mends.missing_role(IDS, role) for role in mends.ROLES},
    "an unknown refusal": mends.refusal("AADSTS123").mend(IDS),
    "federated": mends.federated(IDS, json.dumps({"iss": "i", "sub": "s", "aud": "a"})),
    "exchange_scope": mends.exchange_scope(IDS),
    "mailbox_in_scope": mends.mailbox_in_scope(IDS, "tutor@college.example"),
    "legacy_policy": mends.legacy_policy(IDS, "tutor@college.example"),
    "no_mailbox": mends.no_mailbox(USER),
    "no_account": mends.no_account("tutor@college.example"),
    "no_teams": mends.no_teams(USER),
    "policy": mends.application_access_policy(IDS, USER),
    "reports": mends.attendance_reports(USER),
    "clock": mends.set_clock(["the LMS"]),
}

# Each command of the Azure CLI with the options used here, as its own help lists them
# (azure-cli 2.91.0).
AZURE_CLI = {
    "ad app credential list": {"--id", "--cert"},
    "ad app credential reset": {"--id", "--append", "--display-name", "--years", "--cert"},
    "ad app federated-credential create": {"--id", "--parameters"},
    "ad app federated-credential list": {"--id"},
    "ad app permission add": {"--id", "--api", "--api-permissions"},
    "ad user list": {"--filter", "--query", "--output"},
    "functionapp identity show": {"--resource-group", "--name"},
    "identity list": {"--query", "--output"},
    "rest": {"--method", "--url"},
}

# Each cmdlet with the parameters used here, as Microsoft's reference has them.
CMDLETS = {
    "Add-DistributionGroupMember": {"Identity", "Member"},
    "Connect-ExchangeOnline": set[str](),
    "Connect-MicrosoftTeams": set[str](),
    "Format-List": set[str](),
    "Format-Table": set[str](),
    "Get-ApplicationAccessPolicy": set[str](),
    "Get-CsOnlineUser": {"Identity"},
    "Get-CsTeamsMeetingPolicy": set[str](),
    "Get-DistributionGroup": {"Identity"},
    "Get-EXORecipient": {"Identity"},
    "Grant-CsApplicationAccessPolicy": {"PolicyName", "Identity"},
    "New-CsApplicationAccessPolicy": {"Identity", "AppIds"},
    "New-ManagementRoleAssignment": {"App", "Role", "CustomResourceScope"},
    "New-ManagementScope": {"Name", "RecipientRestrictionFilter"},
    "New-ServicePrincipal": {"AppId", "ObjectId", "DisplayName"},
    "Select-Object": set[str](),
    "Set-CsApplicationAccessPolicy": {"Identity", "AppIds"},
    "Set-CsTeamsMeetingPolicy": {"Identity", "AllowEngagementReport"},
    "Test-ApplicationAccessPolicy": {"AppId", "Identity"},
    "Test-ServicePrincipalAuthorization": {"Identity", "Resource"},
    "Where-Object": {"eq"},
}


def commands(mend: str) -> list[str]:
    return [line for line in mend.splitlines() if not line.startswith("#")]


def test_every_command_of_the_azure_cli_is_one_it_knows() -> None:
    used: dict[str, set[str]] = {}
    for mend in EVERY.values():
        for line in commands(mend):
            if line.startswith("az "):
                words = shlex.split(line)
                start = next(n for n, word in enumerate(words) if word.startswith("--"))
                options = {word for word in words if word.startswith("--")}
                used.setdefault(" ".join(words[1:start]), set()).update(options)
    assert used == AZURE_CLI


def test_every_cmdlet_is_one_that_microsoft_has() -> None:
    used: dict[str, set[str]] = {}
    for mend in EVERY.values():
        for line in commands(mend):
            if line.startswith(("az ", "curl ", "http", "sudo ", "w32tm ", "POST ")):
                continue
            bare = re.sub(r"'[^']*'", "''", line)
            for step in re.split(r"\s*\|\s*|^\$group = ", re.sub(r'"[^"]*"', '""', bare)):
                if not step:
                    continue
                cmdlet = step.split()[0]
                parameters = set(re.findall(r"\s-(\w+)", step))
                used.setdefault(cmdlet, set()).update(parameters)
    assert used == CMDLETS


def test_what_the_guide_says_is_what_is_said_here() -> None:
    """The names that the guide's commands give: group, scope, role, policy."""
    for name in ("Connector tutors", "Application Calendars.ReadWrite", "Connector"):
        assert f'"{name}"' in GUIDE
    for cmdlet in CMDLETS:
        known = cmdlet in GUIDE or cmdlet in {"Format-List", "Where-Object"}
        assert known or cmdlet in {"Get-EXORecipient", "Test-ApplicationAccessPolicy"}, cmdlet


def test_the_roles_are_the_registrations() -> None:
    text = (ROOT / "infra" / "entra.bicep").read_text("utf-8")
    asked = dict(re.findall(r"^  (\w+): '([0-9a-f-]{36})'", text, re.MULTILINE))
    ours = {name[0].lower() + name[1:].replace(".", ""): guid for name, guid in mends.ROLES.items()}
    assert ours == {name: guid for name, guid in asked.items() if name in ours}
    assert f"graphAppId = '{mends.GRAPH_APP}'" in text


@pytest.mark.parametrize("name", EVERY, ids=str)
def test_every_mend_has_the_real_ids_and_no_holes(name: str) -> None:
    mend = EVERY[name]
    assert "None" not in mend
    assert commands(mend) or mend.startswith("# ")
    assert max(map(len, mend.splitlines())) < 300
    left_open = set(re.findall(r"<[^>]+>", mend)) - {"<theirs>"}
    if name != "AADSTS700213":  # made of what the identity presented, where that is known
        assert left_open == set()


def test_a_federated_credential_is_the_one_that_was_presented() -> None:
    text = shlex.split(commands(EVERY["federated"])[1])[-1]
    assert json.loads(text) == {
        "name": "connector-identity", "issuer": "i", "subject": "s", "audiences": ["a"],
    }  # fmt: skip


@pytest.mark.parametrize("presented", ["", "no JSON", "{}"])
def test_one_that_is_not_known_leaves_the_command_whole(presented: str) -> None:
    command = commands(mends.federated(IDS, presented))[1]
    credential = json.loads(shlex.split(command)[-1])
    assert set(credential) == {"name", "issuer", "subject", "audiences"}


def test_other_clouds_have_their_own_addresses() -> None:
    china = Ids(CLIENT, IDENTITY, ENTRA, "china", "northern")
    assert mends.consent(china).count("https://login.chinacloudapi.cn/") == 1
    assert "AzureADTokenExchangeChina" in mends.federated(china, "")


QUOTES = set("'‘’‚‛")


# -- safe to paste -------------------------------------------------------------------------


@given(st.text(max_size=30))
def test_a_quoted_word_is_one_word_of_powershell(text: str) -> None:
    """Between single quotes only a quote means something, and of two the first is itself
    (https://github.com/PowerShell/PowerShell, tokenizer.cs, ScanStringLiteral)."""
    word, read, at = quoted(text), [], 1
    assert word[0] == "'"
    while word[at] not in QUOTES or word[at + 1 : at + 2] in QUOTES:
        read.append(word[at])
        at += 2 if word[at] in QUOTES else 1
    assert "".join(read) == text
    assert at == len(word) - 1, "nothing comes after it"


@pytest.mark.parametrize(
    "address", ["$(calc)@a.example", "`x`@a.example", "a'b@c.example", 'a"b@c.example', "a;b@c"]
)
def test_an_odd_address_is_in_no_command_of_a_unix_shell(address: str) -> None:
    assert commands(mends.no_account(address)) == []
