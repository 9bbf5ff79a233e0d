"""`python dev.py package`: dist/connector.zip, what is deployed; and the proof that it runs.

The same commit makes the same bytes, on any machine: files in order, no times, nothing compressed
(compressors differ). What is unpacked from it runs with the runtime's requirements alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "dist" / "connector.zip"

# Azure installs requirements.txt, which takes versions and hashes from requirements-lock.txt.
SHIPS = (
    "attendance_timer",
    "component_http",
    "function_app.py",
    "host.json",
    "requirements-lock.txt",
    "requirements.txt",
    "schedule_timer",
    "shared",
)
AZURE = {"WORK_QUEUE__queueServiceUri": "https://account.queue.core.windows.net"}
"""Settings that decide which functions there are, as a deployment has them."""
_SUFFIXES = {".py", ".json", ".txt"}
# The oldest time a zip can hold: when the package was made is nobody's business.
_WHEN = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_UNIX = 3


class PackageError(Exception):
    """The package cannot be made, or does not run; the message tells why."""


def main(arguments: Sequence[str]) -> int:
    """Build the package, prove that it runs, and say what is in it."""
    parser = argparse.ArgumentParser(prog="dev.py package", description=main.__doc__)
    parser.add_argument("--output", type=Path, default=TARGET, help="where to write it")
    target: Path = parser.parse_args(list(arguments)).output
    try:
        names = build(target)
        proof = prove(target)
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        for name in left_out(ROOT):
            print(f"package: left out, as git does not know it: {name}", file=sys.stderr)
        return 1
    content = target.read_bytes()
    print(f"{target}: {len(names)} files, {len(content):,} bytes")
    print(f"sha256 {hashlib.sha256(content).hexdigest()}")
    print(f"unpacked elsewhere it runs: {len(proof['functions'])} functions")
    return 0


def build(target: Path, root: Path = ROOT) -> list[str]:
    """Write the package of the checkout at *root* to *target*; return its members' names.

    Raises:
        PackageError: Something that must be in it is not there.
    """
    names = sorted(shipped(root))
    missing = [name for name in SHIPS if not any(_is_below(member, name) for member in names)]
    if missing:
        raise PackageError(f"not in this checkout, or not under version control: {missing}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as package:
        for name in names:
            member = zipfile.ZipInfo(name, _WHEN)
            member.create_system, member.external_attr = _UNIX, _READABLE
            # A checkout on Windows may have made other line ends of the same commit.
            content = (root / name).read_bytes().replace(b"\r\n", b"\n")
            package.writestr(member, content)
    part.replace(target)
    return names


def shipped(root: Path) -> Iterator[str]:
    """The names of all that is deployed: files git knows; where there is no git, all there are."""
    for name in _tracked(root) or _all(root):
        if (root / name).is_file() and Path(name).suffix in _SUFFIXES:
            yield name


def left_out(root: Path) -> list[str]:
    """Files beside those that ship that git neither knows nor ignores: forgotten, most likely."""
    return _git_files(root, "--others", "--exclude-standard")


def _tracked(root: Path) -> list[str]:
    """What git knows of it; nothing where there is no git, or it knows nothing yet."""
    names = _git_files(root, "--cached")
    return names if "function_app.py" in names else []


def _git_files(root: Path, *options: str) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", *options, "--", *SHIPS]
    try:
        answer = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return []
    names = answer.stdout.decode("utf-8").split("\0") if answer.returncode == 0 else []
    return [name for name in names if name]


def _all(root: Path) -> list[str]:
    paths = [path for name in SHIPS for path in (root / name, *(root / name).rglob("*"))]
    return [path.relative_to(root).as_posix() for path in paths if "__pycache__" not in path.parts]


def _is_below(member: str, name: str) -> bool:
    return member == name or member.startswith(f"{name}/")


def prove(package: Path) -> dict[str, Any]:
    """Unpack *package* elsewhere, have Microsoft's runtime index it with the requirements of the
    runtime alone, and ask it two things. What `tests.local.unpacked` prints.

    Raises:
        PackageError: It does not run.
    """
    with tempfile.TemporaryDirectory(prefix="connector-") as folder:
        with zipfile.ZipFile(package) as content:
            content.extractall(folder)
        answer = subprocess.run(
            [sys.executable, "-m", "tests.local.unpacked", folder],
            cwd=ROOT,
            env={**os.environ, **AZURE},
            capture_output=True,
            text=True,
            check=False,
        )
    if answer.returncode:
        raise PackageError(f"it does not run unpacked:\n{answer.stderr.strip()}")
    proof: dict[str, Any] = json.loads(answer.stdout)
    return proof


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
