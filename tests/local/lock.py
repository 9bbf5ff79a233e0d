"""`python dev.py lock`: what ships, to the byte, and by whose leave.

requirements-lock.txt has every package that requirements.txt brings, on any system and Python, with
the hash of each of its files: pip installs nothing else. docs/licences.md has their licences.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "requirements-lock.txt"
LICENCES = ROOT / "docs" / "licences.md"

# It alone resolves for all systems and Pythons at once. Installed for the moment: 25 MB.
RESOLVER = "uv==0.13.9"
OLDEST_PYTHON = "3.11"
LOCKED = "-r requirements-lock.txt"
"""First in requirements.txt: of a package named twice, pip asks the first mention for hashes."""
HEAD = """\
# What requirements.txt brings, with the hash of every file of it. Made by `python dev.py lock`.
"""

ALLOWED = {"Apache-2.0", "BSD", "BSD-3-Clause", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0"}
"""Licences that ask for no more than to be named, or to share changes to their own files."""
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


class Locked(NamedTuple):
    """One line of the lock: *marker* says where it is wanted, "" everywhere."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def main(arguments: Sequence[str]) -> int:
    """Resolve requirements.txt anew, within constraints.txt; list the licences."""
    argparse.ArgumentParser(prog="dev.py lock", description=main.__doc__).parse_args(arguments)
    text = resolved(REQUIREMENTS.read_text("utf-8"))
    LOCK.write_text(HEAD + text, encoding="utf-8", newline="\n")
    LICENCES.write_text(licences_page(), encoding="utf-8", newline="\n")
    packages = list(locked())
    print(f"{LOCK.name}: {len(packages)} packages, {sum(len(p.hashes) for p in packages)} files")
    return 0


def resolved(requirements: str) -> str:
    """The lock's lines for *requirements*, by a resolver that asks pip's own index."""
    with tempfile.TemporaryDirectory(prefix="lock-") as folder:
        pip = [sys.executable, "-m", "pip"]
        install = ["install", "--quiet", "--disable-pip-version-check", "--target", folder]
        subprocess.run([*pip, *install, RESOLVER], check=True)
        asked = [*pip, "config", "get", "global.index-url"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        index = os.environ.get("PIP_INDEX_URL") or told
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--universal"),
            *("--python-version", OLDEST_PYTHON, "--constraints", "constraints.txt"),
            *("--generate-hashes", "--no-annotate", "--no-header", "--system-certs"),
            *(("--default-index", index) if index else ()),
        ]
        answer = subprocess.run(
            command,
            # Without the lock as it stands: what nobody needs any more shall leave it.
            input=requirements.replace(LOCKED, ""),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": folder},
        )
    return answer.stdout


def locked(text: str | None = None) -> Iterator[Locked]:
    """Every package of the lock, or of one with this *text*."""
    whole = LOCK.read_text("utf-8") if text is None else text
    for line in whole.replace("\\\n", " ").splitlines():
        found = re.match(r"([\w.-]+)==([\w.]+)(?: ; ((?:(?! --hash).)*))?", line)
        if found:
            hashes = tuple(re.findall(r"--hash=(sha256:[0-9a-f]{64})(?!\S)", line))
            yield Locked(found[1], found[2], (found[3] or "").strip(), hashes)


def licence(name: str) -> str:
    """What a package's installed metadata says, as SPDX has it; "?" where it says nothing usable.

    Of three places the newest counts: an expression, else a classifier, else words of its own.
    """
    about = metadata.metadata(name)
    if expressions := about.get_all("License-Expression"):
        return " AND ".join(expressions)
    kinds = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if "License" in c]
    said = kinds or about.get_all("License") or []
    short = [_SPDX.get(one, one) for one in said if one and "\n" not in one]
    return " AND ".join(short) or "?"


def is_allowed(expression: str) -> bool:
    """Whether it may ship: of every part of *expression*, one choice is allowed."""
    return all(
        any(choice.strip(" ()") in ALLOWED for choice in part.split(" OR "))
        for part in expression.split(" AND ")
    )


def licences_page() -> str:
    """docs/licences.md as it should be today."""
    versions: dict[str, list[str]] = {}
    for package in locked():
        versions.setdefault(package.name, []).append(package.version)
    rows = [f"| {name} | {', '.join(held)} | {licence(name)} |" for name, held in versions.items()]
    return "\n".join(
        [
            "# Licences of what ships",
            "",
            "What Azure installs beside the app, by each package's own metadata. Made by",
            "`python dev.py lock`; `tests/runtime/test_lock.py` says which licences may ship. Two",
            "versions are for different Pythons.",
            "",
            "| package | version | licence |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
