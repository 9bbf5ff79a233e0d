"""The one command, for people and for CI: makes the environment, then does what was asked.

    python dev.py run                       a tenant's life, played through the connector
    python dev.py test [pytest arguments]   every check there is
    python dev.py host [--help]             the function app alone, as the Functions host serves it

Needs Python 3.11 to 3.13 and nothing else: all it installs goes into `.venv` and
`tests/local/azurite/node_modules`. Python 3.7 can still read this file, to be told that it is too
old.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PYTHONS = ((3, 11), (3, 13))

# command: (module with `main(arguments) -> exit status`, what it does). A command whose module is
# not in this checkout does not exist.
COMMANDS = {
    "run": ("tests.local.story", "play a tenant's life through the connector and stay up"),
    "test": ("tests.local.checks", "run every check there is; arguments go to pytest"),
    "host": ("tests.local.host", "serve the function app alone"),
    "bench": ("benchmarks", "measure"),
    "torture": ("tests.torture", "break things at random and look for broken promises"),
    "package": ("tests.local.package", "build what is deployed, and prove that it runs"),
    "lock": ("tests.local.lock", "pin what ships anew, with hashes, and list its licences"),
    "check": ("tests.local.check", "say what a tenant's set-up lacks: check <url> <tenant>"),
}


def main(arguments: list[str]) -> int:
    """Do what *arguments* ask; return the exit status.

    SIGTERM ends it as Ctrl-C does: children stopped, files closed.
    """
    received = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        status = _obey(arguments)
    except KeyboardInterrupt:
        received.append(signal.SIGINT)
        status = 0
    return 128 + received[0] if received else status


def _obey(arguments: list[str]) -> int:
    commands = _commands()
    name = arguments[0] if arguments else None
    if name not in commands:
        print(_usage(commands))
        return 0 if name in {"help", "-h", "--help"} else 2
    fault = _python_fault(sys.version_info[:2])
    if fault:
        print(fault, file=sys.stderr)
        return 1
    environment = importlib.import_module("tests.local.environment")
    try:
        environment.ensure()
    except environment.SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    if Path(sys.prefix).resolve() != environment.VENV.resolve():
        return _again_in(environment.python(), arguments)
    return int(importlib.import_module(commands[name]).main(arguments[1:]) or 0)


def _commands() -> dict[str, str]:
    """The commands whose module is here, each with the module to import."""
    found = {}
    for name, (module, _) in COMMANDS.items():
        path = ROOT.joinpath(*module.split("."))
        if path.with_suffix(".py").is_file():
            found[name] = module
        elif (path / "__main__.py").is_file():
            found[name] = f"{module}.__main__"
    return found


def _usage(commands: dict[str, str]) -> str:
    lines = ["usage: python dev.py COMMAND [arguments]", ""]
    return "\n".join(lines + [f"  {name:<8}  {COMMANDS[name][1]}" for name in commands])


def _python_fault(version: tuple[int, int]) -> str | None:
    """What is wrong with a Python of this *version*, or None."""
    oldest, newest = PYTHONS
    if oldest <= version <= newest:
        return None
    return (
        f"Python {version[0]}.{version[1]} is too {'old' if version < oldest else 'new'}: the "
        f"connector runs on Python {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}. Where one "
        f"is installed beside it, name it: python{oldest[0]}.{oldest[1]} dev.py …"
    )


def _again_in(python: Path, arguments: list[str]) -> int:
    """Run this same command with the environment's *python*."""
    command = [str(python), str(ROOT / "dev.py"), *arguments]
    if os.name == "posix":
        os.execv(command[0], command)
    # Windows has no exec that keeps the process: wait for the other one, which gets Ctrl-C itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    os.environ["PYTHONUTF8"] = "1"  # for children: the same text everywhere, Windows too
    sys.exit(main(sys.argv[1:]))
