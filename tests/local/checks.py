"""`python dev.py test`: every check there is, one after another, none left out by a failure."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.local import audit

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] = ()) -> int:
    """Run every check, the tests with pytest's *arguments*; return 0 if all of them passed."""
    os.chdir(ROOT)
    if os.environ.get("CI") == "true":
        os.environ["NO_COLOR"] = "1"
        for name in ("FORCE_COLOR", "PY_COLORS", "MYPY_FORCE_COLOR"):
            os.environ.pop(name, None)
    steps: list[tuple[str, Callable[[], int]]] = [
        ("lint", lambda: _tool("ruff", "check", ".")),
        ("format", lambda: _tool("ruff", "format", "--check", ".")),
        ("types", lambda: _tool("mypy")),
        ("audit", audit.main),
        ("tests", lambda: _tests(arguments)),
    ]
    statuses, lines = [], []
    for name, step in steps:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        status = step()
        sys.stdout.flush()
        statuses.append(status)
        outcome = "passed" if status == 0 else f"FAILED (status {status})"
        lines.append(f"{name:<7} {time.monotonic() - started:6.1f} s  {outcome}")
    print("\n" + "\n".join(lines), flush=True)
    if statuses[-1] == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt  # pytest ended tidily; so shall its caller
    return 1 if any(statuses) else 0


def _tests(arguments: Sequence[str]) -> int:
    """In this process, so that an interrupt is pytest's own and it can put things away."""
    try:
        return int(pytest.main(list(arguments)))
    # What pytest has left to say when it is over, of a thread that failed for instance.
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return 1


def _tool(module: str, *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
