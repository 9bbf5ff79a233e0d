"""The second judge: checkov, over the resolved deployment, with and without private networking."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra import judges
from tests.infra.compiler import INFRA, Deployment

Findings = dict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def findings(
    deployment: Deployment, private_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Findings:
    """{"public" or "private": {"passed" or "failed": check ids}}, nothing skipped."""
    program = judges.checkov() or judges.install_checkov()
    if program is None:
        pytest.skip("no checkov: see the notice")
    folder = tmp_path_factory.mktemp("checkov")
    for name, each in (("public", deployment), ("private", private_deployment)):
        # The resolved deployment as a template: checkov reads neither Bicep's newer syntax nor
        # templates with symbolic names, and then says nothing and passes.
        resources = [{k: v for k, v in r.items() if k != "id"} for r in each.resources]
        template = {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/"
            "deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": resources,
        }
        (folder / f"{name}.json").write_text(json.dumps(template), "utf-8")
    answer = subprocess.run(
        [str(program), "--framework", "arm", "--skip-download", "-o", "json", "-d", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(answer.stdout)
    assert report["summary"]["parsing_errors"] == 0
    found: Findings = {
        name: {outcome: set() for outcome in ("passed", "failed")} for name in ("public", "private")
    }
    for outcome in ("passed", "failed"):
        for check in report["results"][f"{outcome}_checks"]:
            found[Path(check["file_path"]).stem][outcome].add(check["check_id"])
    return found


def reasons() -> tuple[set[str], set[str]]:
    """Check ids in checkov.yaml: those switched off anyhow, and only without private networking."""
    text = (INFRA / "checkov.yaml").read_text("utf-8")
    always, public = text.split("# --- only without privateNetworking ---")
    ids = [set(re.findall(r"^  - (CKV\w+)$", part, re.MULTILINE)) for part in (always, public)]
    return ids[0], ids[1]


def test_checks_did_run(findings: Findings) -> None:
    """A scanner that cannot read its input reports nothing, and passes."""
    assert len(findings["public"]["passed"]) >= 20
    assert len(findings["private"]["passed"]) >= 30


def test_every_finding_is_mended_or_has_its_reason(findings: Findings) -> None:
    """And no reason stays whose finding is gone."""
    always, public = reasons()
    assert findings["public"]["failed"] == always | public


def test_private_networking_leaves_no_finding_about_networks(findings: Findings) -> None:
    """The four that come from the missing network go with it."""
    always, _ = reasons()
    assert findings["private"]["failed"] == always


def test_every_reason_is_written_down() -> None:
    """Each id, or group of them, stands under a comment."""
    lines = (INFRA / "checkov.yaml").read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("  - CKV"):
            above = next(x for x in reversed(lines[:number]) if not x.startswith("  - CKV"))
            assert above.startswith("  # "), line
