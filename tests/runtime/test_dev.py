"""`dev.py` and the files that it installs from."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import dev
from tests.local import environment

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ["requirements.txt", "requirements-dev.txt", "requirements-worker.txt"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "dev.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param([], 2, id="nothing"),
        pytest.param(["help"], 0, id="help"),
        pytest.param(["--help"], 0, id="--help"),
        pytest.param(["nonsense"], 2, id="nonsense"),
    ],
)
def test_usage(arguments: list[str], status: int) -> None:
    answer = run(*arguments)
    assert answer.returncode == status
    assert "test " in answer.stdout
    for name, (module, _) in dev.COMMANDS.items():
        path = ROOT.joinpath(*module.split("."))
        exists = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        assert (f"\n  {name} " in answer.stdout) is exists, "only what is there is offered"


def test_the_environment_is_found_complete() -> None:
    """Setting up again says nothing, and the command gets its arguments."""
    answer = run("host", "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "--no-timers" in answer.stdout


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        ((3, 10), "too old"),
        ((3, 11), None),
        ((3, 13), None),
        ((3, 14), "too new"),
    ],
)
def test_which_python(version: tuple[int, int], fault: str | None) -> None:
    said = dev._python_fault(version)
    assert said is None if fault is None else fault in str(said)


def test_an_old_python_can_read_dev_py_to_be_told() -> None:
    ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 7))


def test_every_requirement_is_pinned_explained_and_installed() -> None:
    for name in REQUIREMENTS:
        before = ""
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-c ", "-r ")):
                requirement = Requirement(line)
                assert re.fullmatch(r"==\d[\w.]*", str(requirement.specifier)), line
                assert before.startswith("#") or requirement.name in before, f"why {line}?"
                if not requirement.marker or requirement.marker.evaluate():
                    assert metadata.version(requirement.name) in requirement.specifier
            before = line


def test_azurite_comes_from_whatever_registry_npm_is_set_to() -> None:
    lock = json.loads((environment.AZURITE / "package-lock.json").read_text())
    packages = lock["packages"]
    assert packages["node_modules/azurite"]["version"] == "3.35.0"
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert all(package.get("integrity") for name, package in packages.items() if name)


@pytest.mark.skipif(os.name != "posix", reason="a bash script")
def test_ci_has_its_script() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "dev.py test" in script.read_text()
