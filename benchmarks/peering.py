"""The peers' runs: the same meetings, as plain data, in a process of their own environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks import sample
from benchmarks.sample import Size
from benchmarks.scene import Scene
from shared import agenda
from tests.local import environment
from tests.local.hosting import ROOT

VENV = ROOT / ".venv-bench"
PEERS = ("sdk", "o365")
IN_FLIGHT = {"sdk": 64, "o365": 256}
"""As many as paid on two cores; 128 and more made the SDK slower."""


def install() -> None:
    """Make the peers' environment; at once where it is made from today's requirements."""
    wanted = (ROOT / "benchmarks/requirements.txt").read_text()
    stamp = VENV / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("setup: installing the peers' libraries …", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pip = [str(python()), "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(ROOT / "benchmarks/requirements.txt")], check=True)
    stamp.write_text(wanted)


def python() -> Path:
    return VENV / environment.python().relative_to(environment.VENV)


@dataclass(frozen=True, slots=True)
class PeerRun:
    wall_s: float
    cpu_s: float


def run(scene: Scene, peer: str, size: Size, start: datetime) -> PeerRun:
    """Have *peer* create *size* meetings in new mailboxes."""
    tenants = scene.tenants(size)
    facts = scene.stand_ins.facts
    work = {
        "base": facts["graph"],
        "ca": facts["ca"],
        "inFlight": IN_FLIGHT[peer],
        "tokens": [scene.token(tenant) for tenant in tenants],
        "events": [
            event
            for n in range(size.tenants)
            for event in _events(
                n, size.due // size.tenants, size.organizers // size.tenants, start
            )
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "work.json"
        file.write_text(json.dumps(work))
        script = ROOT / "benchmarks/peers" / f"{peer}.py"
        done = subprocess.run(
            [str(python()), str(script), str(file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "REQUESTS_CA_BUNDLE": facts["ca"]},
        )
    if done.returncode:
        raise RuntimeError(f"{peer}: {done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    if told["created"] != size.due:
        raise RuntimeError(f"{peer} made {told['created']} of {size.due}: {done.stderr[-2000:]}")
    return PeerRun(told["wall_s"], told["cpu_s"])


def _events(tenant: int, count: int, organizers: int, start: datetime) -> Sequence[Any]:
    zone = "Europe/London"
    events = []
    for saved in sample.snapshots(count, organizers, start):
        assert saved.slot
        begin = saved.slot.start.astimezone(ZoneInfo(zone))
        events.append(
            {
                "tenant": tenant,
                "user": saved.owner.email,
                "subject": saved.name,
                "html": agenda.marked(saved.description, saved.description_is_html),
                "start": f"{begin:%Y-%m-%dT%H:%M:%S}",
                "end": f"{begin + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",
                "zone": zone,
                "attendees": [[saved.learner.email, saved.learner.name]],
                "transactionId": str(uuid.uuid4()),
            }
        )
    return events
