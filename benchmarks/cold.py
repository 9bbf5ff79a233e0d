"""What a cold process imports before it can answer: time and modules, beside the SDK's alone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.local.hosting import ROOT

HEAVY = ("azure.identity", "azure.data.tables", "msal", "requests", "cryptography", "zoneinfo")
_SCRIPT = """
import sys, time, json
began = time.perf_counter()
import {module}
took = time.perf_counter() - began
heavy = [name for name in {heavy} if name in sys.modules]
print(json.dumps({{"s": took, "modules": len(sys.modules), "heavy": heavy}}))
"""


def imported(module: str) -> dict[str, Any]:
    """Importing *module* in a new process: ``s``, ``modules`` in all, ``heavy`` ones by name."""
    script = _SCRIPT.format(module=module, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told
