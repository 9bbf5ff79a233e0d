"""Indexes an app in a process of its own, for it can be done once per process.

    python -m tests.runtime.indexed DIRECTORY

prints JSON: its functions, and every blueprint that some module of it defines.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import azure.functions as func

from tests.local import worker
from tests.local.worker import Function

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class IndexedApp:
    """What the worker makes of an app.

    Attributes:
        blueprints: The names of its functions for every `module.name` that is a blueprint.
    """

    functions: tuple[Function, ...]
    blueprints: dict[str, list[str]]


def index(directory: Path, **env: str) -> IndexedApp:
    """Index the app in *directory*, with *env* among its settings.

    Raises:
        AssertionError: The worker refuses it; the message is the worker's.
    """
    command = [sys.executable, "-m", "tests.runtime.indexed", str(directory)]
    settings = {**os.environ, **env}
    answer = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, check=False, env=settings
    )
    assert answer.returncode == 0, answer.stderr
    content = json.loads(answer.stdout)
    functions = [
        Function(f["name"], f["name"], tuple(f["bindings"]), f["retry"])
        for f in content["functions"]
    ]
    return IndexedApp(tuple(functions), content["blueprints"])


def main(directory: Path) -> int:
    """Print what `index` reads."""
    try:
        functions = asyncio.run(worker.load(directory))
    except worker.AppError as error:
        print(error, file=sys.stderr)
        return 1
    listing = [{"name": f.name, "bindings": f.bindings, "retry": f.retry} for f in functions]
    print(json.dumps({"functions": listing, "blueprints": _blueprints(directory)}))
    return 0


def _blueprints(directory: Path) -> dict[str, list[str]]:
    """Found in the app's packages, whether anyone imported them or not."""
    found = {}
    for package in [init.parent for init in directory.glob("*/__init__.py")]:
        if package.name in {"tests", "benchmarks"}:
            continue
        names = [package.name]
        names += [m.name for m in pkgutil.walk_packages([str(package)], f"{package.name}.")]
        for name in names:
            for attribute, value in vars(importlib.import_module(name)).items():
                if isinstance(value, func.Blueprint):
                    builders = value._function_builders
                    functions = [str(b._function.get_function_name()) for b in builders]
                    found[f"{name}.{attribute}"] = functions
    return found


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
