"""Programs of others that judge the deployment: where each is found, and what is lost without it.

Only the compiler is needed for most tests. Each of the three may be absent, and then says so at the
end of the tests' output.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path

from tests.infra import compiler
from tests.infra.compiler import ROOT
from tests.local import environment

CHECKOV = "3.3.30"


def checkov() -> Path | None:
    """checkov: the setting CHECKOV, else on PATH, else in its own environment beside ours.

    Its own, because it brings 290 MB and pins of its own along.
    """
    if named := os.environ.get("CHECKOV") or shutil.which("checkov"):
        return Path(named)
    beside = ROOT / ".venv-checkov" / ("Scripts/checkov.exe" if os.name == "nt" else "bin/checkov")
    return beside if beside.is_file() else None


def install_checkov() -> Path | None:
    """Make that environment, once for a checkout; None where there is no registry to ask."""
    folder = ROOT / ".venv-checkov"
    try:
        venv.create(folder, with_pip=True, clear=True)
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        command = [str(python), "-m", "pip", "install", "--quiet", f"checkov=={CHECKOV}"]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(folder, ignore_errors=True)
    return checkov()


def kusto() -> Path | None:
    """The folder of Microsoft's Kusto parser: the setting KUSTO_LANGUAGE, else beside Azurite."""
    named = os.environ.get("KUSTO_LANGUAGE")
    folder = environment.AZURITE / "node_modules" / "@kusto" / "language-service-next"
    found = Path(named) if named else folder
    return found if found.is_dir() else None


def absent() -> dict[str, str]:
    """What was not there, and what it means; empty where everything was judged."""
    notices = {}
    if compiler.find() is None:
        notices["no Bicep compiler"] = (
            "The templates in infra/ were not compiled, and most of what is to be known about them "
            "was not checked. Set BICEP to the compiler, or put `bicep` on PATH: "
            "https://learn.microsoft.com/azure/azure-resource-manager/bicep/install"
        )
    if checkov() is None:
        notices["no checkov"] = (
            "The templates had one judge instead of two. Set CHECKOV to it, put it on PATH, or: "
            "python -m venv .venv-checkov && .venv-checkov/bin/pip install checkov"
        )
    if kusto() is None:
        notices["no Kusto parser"] = (
            "The queries of alerts and workbook were not parsed. Install the npm package "
            "@kusto/language-service-next beside Azurite, or set KUSTO_LANGUAGE to its folder."
        )
    return notices
