"""Runs an unpacked package the way Azure does: nothing to import but what it brings and requires.

    python -m tests.local.unpacked DIRECTORY

prints JSON: the app's functions, what `health` answers, and how many paths its API describes. What
this checkout or the development environment has beside that is out of reach, so that a module that
was left out, or an import that only a developer has, shows here and not in Azure.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.abc
import importlib.machinery
import json
import sys
import sysconfig
import uuid
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import Requirement

from tests.local import worker
from tests.local.worker import Function, Message

ROOT = Path(__file__).resolve().parents[2]
_STDLIB = Path(sysconfig.get_paths()["stdlib"]).resolve()


class OnlyRequired(importlib.abc.MetaPathFinder):
    """Finds the app's modules, Python's own and those of the required distributions; no others."""

    def __init__(self, app: Path) -> None:
        self._app = app
        self._files = {
            Path(str(distribution.locate_file(file))).resolve()
            for distribution in required(app / "requirements.txt")
            for file in distribution.files or ()
        }

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or not spec.has_location or spec.origin is None:
            return None  # not there, a namespace or built in: the usual finders' business
        origin = Path(spec.origin).resolve()
        pythons = _STDLIB in origin.parents and "site-packages" not in origin.parts
        if pythons or self._app in origin.parents or origin in self._files:
            return spec
        raise ModuleNotFoundError(f"{fullname} is not required at run time", name=fullname)


def required(requirements: Path) -> Iterator[metadata.Distribution]:
    """The distributions that *requirements* names, and those they need in turn."""
    lines = requirements.read_text("utf-8").splitlines()
    todo = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    met: set[str] = set()
    while todo:
        requirement = todo.pop()
        for extra in ("", *requirement.extras):
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            name = f"{requirement.name.lower()}[{extra}]"
            if not wanted or name in met:
                continue
            met.add(name)
            try:
                distribution = metadata.distribution(requirement.name)
            except metadata.PackageNotFoundError:
                continue
            yield distribution
            needs = [Requirement(text) for text in distribution.requires or ()]
            todo += [n for n in needs if n.marker is None or n.marker.evaluate({"extra": extra})]


async def run(app: Path) -> dict[str, Any]:
    """Index the app, import all of it, and ask it what needs no neighbours."""
    leave_checkout()
    sys.meta_path.insert(0, OnlyRequired(app))
    functions = {function.name: function for function in await worker.load(app)}
    import_all(app)
    return {
        "functions": sorted(functions),
        "health": await ask(functions["health"]),
        "paths": len((await ask(functions["openapi"]))["paths"]),
    }


def leave_checkout() -> None:
    """Nothing is imported from here any more."""
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != ROOT]


def import_all(app: Path) -> None:
    """Import every module of the app, also those that a call would import late.

    Raises:
        ImportError: One cannot be, or comes from elsewhere.
    """
    for name in modules(app):
        found = importlib.import_module(name).__file__
        if found is None or app not in Path(found).resolve().parents:
            raise ImportError(f"{name} is not the package's own: {found}")


def modules(app: Path) -> list[str]:
    """Every module of the app, by the name it is imported by."""
    found = []
    for path in sorted(app.rglob("*.py")):
        parts = path.relative_to(app).with_suffix("").parts
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


async def ask(function: Function) -> Any:
    """What a GET function without parameters answers, as JSON."""
    request = Message(
        method="GET",
        url="http://localhost/",
        headers={},
        query={},
        params={},
        body=Message(bytes=b""),
    )
    outcome = await worker.invoke(function, str(uuid.uuid4()), Message(http=request))
    if outcome.error or outcome.value is None:
        raise RuntimeError(f"{function.name}: {outcome.error}\n{outcome.trace}")
    return json.loads(outcome.value.http.body.bytes)


def main(directory: Path) -> int:
    """Print what `run` finds; 1 and the reason if it does not run."""
    try:
        found = asyncio.run(run(directory.resolve()))
    except (worker.AppError, ImportError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
