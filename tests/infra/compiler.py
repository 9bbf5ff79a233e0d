"""Finds Microsoft's Bicep compiler, and asks it about a copy of infra/.

A copy, because the compiler writes beside what it reads, and because the Entra file's types are
published in a registry: the copy names the same published types as a file, where there is one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
TOOLS = ROOT.parent / "shared" / "tools"
GRAPH_TYPES = TOOLS / "microsoft-graph-bicep-v1.0-1.0.0.tgz"

# Where things would be deployed. Nothing is.
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
GROUP = "rg-test"
LOCATION = "uksouth"


def find() -> Path | None:
    """The compiler: the setting BICEP, else on PATH, else beside the repository."""
    if named := os.environ.get("BICEP"):
        return Path(named)
    if found := shutil.which("bicep"):
        return Path(found)
    beside = TOOLS / "bicep"
    return beside if beside.is_file() else None


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a parameters file would deploy, expressions evaluated as far as they can be offline.

    Attributes:
        resources: As Resource Manager would be sent them, each with its `id`.
        outputs: By name; what only exists once deployed is left as an expression.
    """

    resources: tuple[dict[str, Any], ...]
    outputs: dict[str, Any]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The resources of one type, as `Microsoft.Web/sites`."""
        return [r for r in self.resources if r["type"].lower() == kind.lower()]

    def one(self, kind: str) -> dict[str, Any]:
        """The only resource of its type."""
        [resource] = self.of(kind)
        return resource


class Bicep:
    """The compiler, with a copy of infra/ to work in."""

    def __init__(self, program: Path, folder: Path) -> None:
        """Copy infra/ to *folder*, which does not exist yet."""
        self.program = program
        self.folder = folder
        self._resolved: dict[tuple[str, ...], Deployment] = {}
        shutil.copytree(
            INFRA, folder, ignore=shutil.ignore_patterns("__pycache__", "*.snapshot.json")
        )
        if GRAPH_TYPES.is_file():
            config = folder / "bicepconfig.json"
            settings = json.loads(config.read_text("utf-8"))
            settings["extensions"]["microsoftGraphV1"] = f"./{GRAPH_TYPES.name}"
            config.write_text(json.dumps(settings), "utf-8")
            shutil.copy(GRAPH_TYPES, folder)

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the compiler in the copy, in an environment that only the test has set."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CONNECTOR_", "AZURE_"))
        }
        return subprocess.run(
            [str(self.program), *arguments],
            cwd=self.folder,
            env={**inherited, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def complaints(self, *arguments: str) -> str:
        """Everything the compiler has to say against the files; empty is a pass.

        Its exit code is no judge: a warning leaves it at 0.
        """
        answer = self.run(*arguments)
        said = answer.stdout + answer.stderr
        return said or ("" if answer.returncode == 0 else f"exit code {answer.returncode}")

    def resolve(self, name: str, **environment: str) -> Deployment:
        """What NAME.bicepparam would deploy with these variables set; asked once for each."""
        key = (name, *sorted(f"{k}={v}" for k, v in environment.items()))
        if key not in self._resolved:
            self._resolved[key] = self._resolve(name, environment)
        return self._resolved[key]

    def _resolve(self, name: str, environment: Mapping[str, str]) -> Deployment:
        path = self.folder / f"{name}.snapshot.json"
        path.unlink(missing_ok=True)
        where = ["--tenant-id", TENANT, "--subscription-id", SUBSCRIPTION, "--location", LOCATION]
        if name != "azd":  # which makes its resource group itself
            where += ["--resource-group", GROUP]
        answer = self.run("snapshot", f"{name}.bicepparam", *where, environment=environment)
        assert path.is_file(), answer.stdout + answer.stderr
        snapshot = json.loads(path.read_text("utf-8"))
        assert snapshot["diagnostics"] == []
        return Deployment(tuple(snapshot["predictedResources"]), snapshot["outputs"])
