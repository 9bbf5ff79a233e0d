"""The guide for administrators: its commands run, and name what is really there.

Every shell block of docs/set-up.md is run, in order and as one script, with stand-ins for the
programs that would need Azure. What the stand-ins were told is then compared with the templates,
with dev.py and with the standard's own library for webhooks.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

import dev
from tests.infra.compiler import INFRA, ROOT

GUIDE = ROOT / "docs" / "set-up.md"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()

# Every command of the Azure CLI that the guide uses, with the options it gives. Read by the CLI's
# own parser (azure-cli 2.91.0); what is added to the guide is read by it again and added here.
AZURE_CLI = {
    "account set": {"--subscription"},
    "account show": {"--query", "--output"},
    "ad app create": {
        "--display-name",
        "--sign-in-audience",
        "--web-redirect-uris",
        "--required-resource-accesses",
        "--query",
        "--output",
    },
    "ad app delete": {"--id"},
    "ad app federated-credential create": {"--id", "--parameters"},
    "ad sp create": {"--id"},
    "ad sp show": {"--id", "--query", "--output"},
    "bicep upgrade": set(),
    "deployment group create": {"--resource-group", "--name", "--parameters"},
    "deployment group show": {"--resource-group", "--name", "--query", "--output"},
    "deployment group what-if": {"--resource-group", "--parameters"},
    "functionapp config appsettings set": {"--resource-group", "--name", "--settings", "--output"},
    "functionapp deployment source config-zip": {
        "--resource-group",
        "--name",
        "--src",
        "--build-remote",
    },
    "functionapp keys list": {"--resource-group", "--name", "--query", "--output"},
    "functionapp list-flexconsumption-locations": {"--output"},
    "functionapp restart": {"--resource-group", "--name"},
    "functionapp show": {"--resource-group", "--name", "--query", "--output"},
    "functionapp start": {"--resource-group", "--name"},
    "functionapp stop": {"--resource-group", "--name"},
    "group create": {"--name", "--location"},
    "group delete": {"--name"},
    "keyvault secret show": {"--vault-name", "--name", "--query", "--output"},
    "lock delete": {"--name", "--resource-group", "--resource-type", "--resource"},
    "login": {"--tenant", "--allow-no-subscriptions"},
    "provider register": {"--namespace", "--wait"},
    "rest": {"--method", "--url", "--query", "--output"},
    "role assignment create": {
        "--role",
        "--assignee-object-id",
        "--assignee-principal-type",
        "--scope",
    },
    "storage account show": {"--name", "--query", "--output"},
    "storage blob upload": {
        "--auth-mode",
        "--account-name",
        "--container-name",
        "--file",
        "--name",
    },
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of the guide's commands.

    Attributes:
        calls: (program, arguments) of each stand-in that was called, in order.
        folder: Where it ran, with the files it wrote.
    """

    calls: tuple[tuple[str, list[str]], ...]
    folder: Path

    def of(self, program: str) -> list[list[str]]:
        return [arguments for name, arguments in self.calls if name == program]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The guide's shell blocks, run."""
    bash = shutil.which("bash")
    if bash is None or shutil.which("openssl") is None:
        pytest.skip("The guide's commands are for a Unix shell with openssl; not run here.")
    folder = tmp_path_factory.mktemp("guide")
    programs = folder / "bin"
    programs.mkdir()
    log = folder / "calls"
    for name in ("az", "azd", "curl", "git", "pip", "python"):
        stand_in = programs / name
        # Arguments hold no control characters; those separate them, and the calls, in the log.
        stand_in.write_text(
            f'#!/bin/sh\n{{ printf "{name}"; for a; do printf "\\037%s" "$a"; done; '
            f'printf "\\036"; }} >> "{log}"\n[ {name} = az ] && echo "value-of-$2-$3"\nexit 0\n',
            "utf-8",
        )
        stand_in.chmod(0o755)
    script = "set -euo pipefail\n" + "\n".join(blocks("bash")).replace("<inboundSecret>", SECRET)
    answer = subprocess.run(
        [bash, "-c", script],
        cwd=folder,
        env={"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert not answer.stderr, answer.stderr
    calls = [call.split("\x1f") for call in log.read_text("utf-8").split("\x1e") if call]
    return Ran(tuple((call[0], call[1:]) for call in calls), folder)


def blocks(language: str) -> list[str]:
    """The guide's code blocks in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def azure_calls(ran: Ran) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Each call of `az`: its command, and the values of each option."""
    for arguments in ran.of("az"):
        start = next((i for i, a in enumerate(arguments) if a.startswith("-")), len(arguments))
        options: dict[str, list[str]] = {}
        for word in arguments[start:]:
            if word.startswith("--"):
                options[word] = []
            else:
                options[list(options)[-1]].append(word)
        yield " ".join(arguments[:start]), options


def test_every_azure_command_is_one_that_the_cli_knows(ran: Ran) -> None:
    """Command and options, against what the CLI's own parser accepted."""
    used: dict[str, set[str]] = {}
    for command, options in azure_calls(ran):
        used.setdefault(command, set()).update(options)
    assert used == AZURE_CLI


def test_deployments_name_files_that_are_there(ran: Ran) -> None:
    """And those the templates of the same name are used by."""
    files = {
        value
        for command, options in azure_calls(ran)
        if command.startswith("deployment group")
        for value in options.get("--parameters", [])
    }
    assert files == {"infra/main.bicepparam", "infra/entra.bicepparam"}
    assert all((ROOT / name).is_file() for name in files)


def test_outputs_asked_for_are_outputs_of_the_templates(
    ran: Ran, templates: dict[str, dict[str, Any]]
) -> None:
    """`properties.outputs.<name>.value`, in the deployment it is asked of."""
    asked = set()
    for command, options in azure_calls(ran):
        if command == "deployment group show":
            [query], [deployment] = options["--query"], options["--name"]
            [output] = re.findall(r"properties\.outputs\.(\w+)\.value", query)
            asked.add(("entra" if deployment == "entra" else "main", output))
    assert len(asked) >= 6
    for template, output in asked:
        assert output in templates[f"{template}.bicep"]["outputs"]


def test_the_permissions_by_hand_are_those_of_the_template(ran: Ran) -> None:
    """The command line asks for what entra.bicep asks for."""
    [resource] = json.loads((ran.folder / "permissions.json").read_text("utf-8"))
    text = (INFRA / "entra.bicep").read_text("utf-8")
    assert resource["resourceAppId"] in text
    always = re.findall(r"^  (?:online|user)\w+: '([0-9a-f-]{36})'", text, re.MULTILINE)
    assert {a["id"] for a in resource["resourceAccess"]} == set(always)
    calendars = re.findall(r"^  calendars\w+: '([0-9a-f-]{36})'", text, re.MULTILINE)
    assert all(identifier in GUIDE.read_text("utf-8") for identifier in calendars)


def test_the_credential_by_hand_is_that_of_the_template(ran: Ran) -> None:
    """The same name, audience and form of the issuer."""
    credential = json.loads((ran.folder / "credential.json").read_text("utf-8"))
    assert set(credential) == {"name", "issuer", "subject", "audiences"}
    text = (INFRA / "entra.bicep").read_text("utf-8")
    assert f"/{credential['name']}'" in text
    assert credential["audiences"] == ["api://AzureADTokenExchange"]
    assert credential["issuer"].startswith("https://login.microsoftonline.com/")
    assert credential["issuer"].endswith("/v2.0")


def test_the_signature_by_hand_is_a_good_one(ran: Ran) -> None:
    """The webhook of part 7, exactly as curl would send it, read by the standard's own library."""
    [call] = [c for c in ran.of("curl") if any(a.endswith("/components") for a in c)]
    headers = dict(
        call[i + 1].split(": ", 1) for i, argument in enumerate(call) if argument == "--header"
    )
    body = Webhook(SECRET).verify(call[call.index("--data") + 1], headers)
    assert body["type"] == "component.saved"


def test_the_tenant_in_the_guide_is_one_the_api_takes(ran: Ran) -> None:
    """Members that the law knows, and no others."""
    tenant = json.loads((ran.folder / "tenant.json").read_text("utf-8"))
    assert set(tenant) <= {
        "name",
        "enabled",
        "mode",
        "entraTenantId",
        "cloud",
        "timeZone",
        "windowDays",
        "callbackUrl",
        "attendance",
        "changeNotifications",
        "retentionYears",
    }
    assert tenant["mode"] == "preview", "the first tenant starts without writing anywhere"


def test_commands_of_the_repository_exist(ran: Ran) -> None:
    """`python dev.py …` and the backup."""
    programs = {call[0] for call in ran.of("python")}
    assert programs == {"dev.py", "infra/copy_table.py"}
    assert {call[1] for call in ran.of("python") if call[0] == "dev.py"} <= set(dev.COMMANDS)
    assert {call[1] for call in ran.of("python") if call[0] == "infra/copy_table.py"} == {
        "backup",
        "restore",
    }
    for name in re.findall(r"python dev\.py (\w+)", GUIDE.read_text("utf-8")):
        assert name in dev.COMMANDS


def test_parameters_in_the_guide_are_parameters_of_the_template(
    templates: dict[str, dict[str, Any]],
) -> None:
    """Those of the table, and those set in prose."""
    text = GUIDE.read_text("utf-8")
    named = set(re.findall(r"`param (\w+) =", text))
    table = text.split("| parameter | default | |")[1].split("\n\n")[0]
    for row in table.splitlines()[2:]:
        named |= set(re.findall(r"`(\w+)`", row.split("|")[1]))
    assert len(named) >= 9
    assert named <= set(templates["main.bicep"]["parameters"]) | {"name"}


def test_environment_variables_in_the_guide_are_read_by_a_parameters_file() -> None:
    """A variable that nobody reads would be forgotten without a word."""
    text = GUIDE.read_text("utf-8")
    set_in_guide = set(re.findall(r"(?:export|azd env set) (CONNECTOR_\w+)", text))
    read = {
        name
        for path in INFRA.glob("*.bicepparam")
        for name in re.findall(r"readEnvironmentVariable\(\s*'(\w+)'", path.read_text("utf-8"))
    }
    assert set_in_guide <= read


@pytest.mark.parametrize("name", ["set-up.md", "alerts.md"])
def test_links_lead_somewhere(name: str) -> None:
    """To a heading in the same file, or to a file beside it."""
    path = ROOT / "docs" / name
    text = path.read_text("utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert (path.parent / target).is_file(), target
