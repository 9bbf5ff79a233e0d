"""Microsoft's compiler and linter have nothing to say, and every file reads as it should."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.infra.compiler import INFRA, Bicep

Templates = dict[str, dict[str, Any]]


def test_every_template_compiles_without_a_warning(templates: Templates) -> None:
    """All of them by themselves, the Entra file and the modules too."""
    assert set(templates) == {path.relative_to(INFRA).as_posix() for path in INFRA.rglob("*.bicep")}


@pytest.mark.usefixtures("templates")
def test_the_linter_has_nothing_to_say(bicep: Bicep) -> None:
    """With its rules as bicepconfig.json sets them: errors."""
    assert bicep.complaints("lint", "--pattern", "**/*.bicep") == ""


@pytest.mark.usefixtures("templates")
def test_every_parameters_file_fits_its_template(bicep: Bicep) -> None:
    """Without a variable set: whoever opens the repository can compile all of it."""
    assert bicep.complaints("build-params", "--pattern", "*.bicepparam") == ""


@pytest.mark.usefixtures("templates")
def test_the_files_are_formatted(bicep: Bicep) -> None:
    """As `bicep format` would write them."""
    assert bicep.complaints("format", "--pattern", "**/*.bicep*") == ""
    for path in sorted([*INFRA.rglob("*.bicep"), *INFRA.rglob("*.bicepparam")]):
        formatted = (bicep.folder / path.relative_to(INFRA)).read_text("utf-8")
        assert path.read_text("utf-8") == formatted, f"{path.name} is not formatted"


def test_the_linters_rules_are_errors() -> None:
    """A warning would leave the exit code at 0, and people to overlook it."""
    rules = json.loads((INFRA / "bicepconfig.json").read_text("utf-8"))["analyzers"]["core"][
        "rules"
    ]
    assert len(rules) > 30
    assert {rule["level"] for rule in rules.values()} == {"error"}
    # Judges by the calendar, so that a template that passed fails a year later.
    assert "use-recent-api-versions" not in rules


def test_the_graph_types_come_from_microsofts_own_artifact() -> None:
    """In production; only the tests' copy names a file."""
    extensions = json.loads((INFRA / "bicepconfig.json").read_text("utf-8"))["extensions"]
    assert extensions == {
        "microsoftGraphV1": "br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0"
    }


def test_every_parameter_and_output_is_described(templates: Templates) -> None:
    """Administrators read the descriptions in the portal and in what-if."""
    for name, template in templates.items():
        for part in ("parameters", "outputs"):
            for key, declared in template.get(part, {}).items():
                description = declared.get("metadata", {}).get("description", "")
                assert len(description) >= 7, f"{name}: {part[:-1]} {key} is not described"
                assert description.endswith((".", ")")) or "GUID" in description, f"{name}: {key}"


def test_only_the_client_id_has_to_be_given(templates: Templates) -> None:
    """The simple case is one parameter."""
    for name in ("main.bicep", "entra.bicep"):
        needed = [k for k, p in templates[name]["parameters"].items() if "defaultValue" not in p]
        assert needed == (["connectorClientId"] if name == "main.bicep" else [])


def test_parameters_are_validated(templates: Templates) -> None:
    """Numbers have bounds, text has a length or a list of values; yes or no needs neither."""
    free = {
        # Empty says "none" or "the default", and anything longer is the owner's choice.
        ("main.bicep", "signingKey"),
        ("main.bicep", "publicBaseUrl"),
        ("azd.bicep", "signingKey"),
        ("entra.bicep", "identityPrincipalId"),
    }
    for name in ("main.bicep", "azd.bicep", "entra.bicep"):
        for key, parameter in templates[name]["parameters"].items():
            kind = parameter.get("type", "")
            bounds = {"allowedValues", "minLength", "maxLength", "minValue"} & set(parameter)
            if kind == "int":
                assert "allowedValues" in parameter or {"minValue", "maxValue"} <= set(parameter), (
                    key
                )
            elif kind in ("string", "securestring") and (name, key) not in free:
                assert bounds, f"{name}: {key}"


def test_secrets_are_secure_parameters_without_a_value(templates: Templates) -> None:
    """What is called a key or a secret is one; its default says nothing."""
    found = 0
    for name, template in templates.items():
        for key, parameter in template.get("parameters", {}).items():
            if re.search(r"signingkey|password|token|connectionstring", key, re.IGNORECASE):
                found += 1
                assert parameter["type"] == "securestring", f"{name}: {key}"
                assert parameter.get("defaultValue", "") == "", f"{name}: {key}"
    assert found == 3  # main, azd, and the module of the vault


def test_outputs_carry_no_secret(templates: Templates) -> None:
    """Outputs are kept in the deployment's history, where many can read them."""
    for name, template in templates.items():
        for key, output in template.get("outputs", {}).items():
            text = json.dumps(output["value"])
            assert output["type"] != "securestring", f"{name}: {key}"
            for forbidden in (
                "listKeys",
                "listSecrets",
                "signingKey",
                "SharedAccess",
                "accountKey",
            ):
                assert forbidden.lower() not in text.lower(), f"{name}: {key}"
    # Telemetry's address goes from one module to another and not out of the deployment.
    assert "ConnectionString" not in json.dumps(templates["main.bicep"]["outputs"])


def test_no_template_asks_azure_for_a_key(templates: Templates) -> None:
    """`listKeys` and its kin: everything works by identity."""
    for name, template in templates.items():
        assert not re.search(r"\blist[A-Z]\w*\(", json.dumps(template["resources"])), name


def test_names_of_role_assignments_are_known_before_deployment(templates: Templates) -> None:
    """A name made of what only exists afterwards cannot be compiled by Resource Manager."""
    for name, template in templates.items():
        for resource in _resources(template):
            if resource.get("type") == "Microsoft.Authorization/roleAssignments":
                assert "reference(" not in resource["name"], name


def _resources(template: dict[str, Any]) -> list[dict[str, Any]]:
    resources = template["resources"]
    return list(resources.values()) if isinstance(resources, dict) else resources
