"""Whether a weakness is known in what ships: pip-audit over requirements-lock.txt.

It asks a database on the internet. Where that cannot be reached, or does not know our packages,
nothing was checked: that is said, and is no failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from tests.local.lock import LOCK

ROOT = Path(__file__).resolve().parents[2]
AUDITOR = "pip-audit==2.10.1"
# An environment of its own: it brings thirty packages and pins of its own along.
FOLDER = ROOT / ".venv-audit"
PATIENCE_S = 60


def main() -> int:
    """Look, and say what was found; 1 when something that ships has a known weakness."""
    program = auditor()
    output = "" if program is None else _told_by(program)
    faults, unchecked = judged(output)
    for line in faults:
        print(line)
    if unchecked:
        print(f"NOTICE: not checked for known weaknesses: {unchecked}")
    elif not faults:
        print("no known weakness in what ships")
    return 1 if faults else 0


def judged(output: str) -> tuple[list[str], str]:
    """What pip-audit's JSON says: known weaknesses, and what went unchecked ("" for nothing).

    It ends well, with "no known vulnerabilities", also when it could look nothing up.
    """
    try:
        found: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [], "all of it; pip-audit or its database is out of reach"
    faults = [
        f"{one['name']} {one['version']}: {weakness['id']}, "
        f"mended in {', '.join(weakness.get('fix_versions', ())) or 'no version yet'}"
        for one in found
        for weakness in one.get("vulns", ())
    ]
    unknown = [one["name"] for one in found if "skip_reason" in one]
    if len(unknown) == len(found):
        return faults, "all of it; the database in reach knows none of these packages"
    return faults, ", ".join(unknown)


def auditor() -> Path | None:
    """pip-audit, installed once for a checkout; None where there is no registry to ask."""
    scripts = FOLDER / ("Scripts" if os.name == "nt" else "bin")
    program = scripts / ("pip-audit.exe" if os.name == "nt" else "pip-audit")
    stamp = FOLDER / "stamp"
    if stamp.is_file() and stamp.read_text() == AUDITOR:
        return program
    try:
        venv.create(FOLDER, with_pip=True, clear=True)
        pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet"]
        hasty = ["--disable-pip-version-check", "--retries", "0", "--timeout", "5"]
        command = [*pip, *hasty, AUDITOR]
        subprocess.run(command, check=True, capture_output=True, timeout=2 * PATIENCE_S)
        stamp.write_text(AUDITOR)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(FOLDER, ignore_errors=True)
        return None
    return program


def _told_by(program: Path) -> str:
    command = [
        *(str(program), "--requirement", str(LOCK), "--no-deps", "--disable-pip"),
        *("--format", "json", "--progress-spinner", "off", "--timeout", "5"),
    ]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
