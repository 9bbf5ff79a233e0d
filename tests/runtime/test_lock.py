"""requirements-lock.txt and docs/licences.md: nothing ships but what was looked at, to the byte."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.local import lock, unpacked

ROOT = Path(__file__).resolve().parents[2]
HERE = [one for one in lock.locked() if not one.marker or Marker(one.marker).evaluate()]
"""What of the lock is for this system and Python."""


def pinned(name: str) -> dict[str, set[str]]:
    """Package to versions, of a requirements file."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith(("#", "-")):
            requirement = Requirement(line)
            versions = found.setdefault(canonicalize_name(requirement.name), set())
            versions.add(str(requirement.specifier).removeprefix("=="))
    return found


# -- what is locked ------------------------------------------------------------------------


def test_what_is_locked_is_what_the_requirements_bring() -> None:
    brought = {
        canonicalize_name(d.metadata["Name"]): d.version
        for d in unpacked.required(ROOT / "requirements.txt")
    }
    assert {one.name: one.version for one in HERE} == brought


def test_it_has_no_version_of_its_own() -> None:
    """Every one is in requirements.txt, or in constraints.txt, with which all was tested."""
    ours, others = pinned("requirements.txt"), pinned("constraints.txt")
    for one in lock.locked():
        assert one.version in ours.get(one.name, others.get(one.name, set())), one.name
    assert ours.keys() <= {one.name for one in lock.locked()}


def test_every_package_has_the_hashes_of_its_files() -> None:
    assert all(one.hashes for one in lock.locked())
    text = lock.LOCK.read_text()
    assert text.count("--hash=") == sum(len(one.hashes) for one in lock.locked())


# -- that pip goes by it -------------------------------------------------------------------

Install = Callable[[str], "subprocess.CompletedProcess[str]"]
TZDATA = f"tzdata=={pinned('requirements.txt')['tzdata'].pop()}"


def a_wheel(folder: Path, name: str, version: str) -> str:
    """Make a package, tampered with; its hash."""
    path, about = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "tampered = True\n")
        meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{about}/METADATA", meta)
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """pip, as Azure runs it, where nothing is to be had but a false tzdata."""
    a_wheel(tmp_path, *TZDATA.split("=="))

    def run(requirements: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "requirements.txt").write_text(requirements)
        command = [
            *(sys.executable, "-m", "pip", "--isolated", "install", "--no-index"),
            *("--find-links", str(tmp_path), "--target", str(tmp_path / "into")),
            *("-r", str(tmp_path / "requirements.txt")),
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run


def test_the_lock_comes_first() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert next(line for line in lines if not line.startswith("#")) == lock.LOCKED


def test_a_file_of_other_content_is_not_installed(install: Install) -> None:
    whole = lock.LOCK.read_text()
    entry = whole[whole.index("tzdata==") :].partition("\nurllib3")[0]
    refused = install(f"{entry}\n{TZDATA}\n")
    assert refused.returncode
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert install(f"{TZDATA}\n").returncode == 0, "else the refusal proves nothing"


def test_nor_is_what_the_lock_does_not_name(install: Install, tmp_path: Path) -> None:
    """As after a new line in requirements.txt, and no `python dev.py lock`."""
    known = f"known==1 {a_wheel(tmp_path, 'known', '1')}\n"
    refused = install(f"{known}known==1\n{TZDATA}\n")
    assert refused.returncode
    assert "Hashes are required" in refused.stderr
    assert install(f"{known}known==1\n").returncode == 0


# -- licences ------------------------------------------------------------------------------


def test_the_list_of_licences_is_up_to_date() -> None:
    assert lock.LICENCES.read_text("utf-8") == lock.licences_page()
    for one in HERE:
        assert metadata.version(one.name) == one.version, "the licence is of what is installed"


@pytest.mark.parametrize("name", sorted({one.name for one in lock.locked()}))
def test_what_ships_may_be_shipped(name: str) -> None:
    assert lock.is_allowed(lock.licence(name))


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("(GPL-3.0-only OR MIT) AND Apache-2.0", True),
        ("GPL-3.0-only", False),
        ("MIT AND LGPL-2.1-or-later", False),
        ("Proprietary", False),
        ("?", False),
        ("", False),
    ],
)
def test_which_licences_are_allowed(expression: str, allowed: bool) -> None:
    assert lock.is_allowed(expression) is allowed
