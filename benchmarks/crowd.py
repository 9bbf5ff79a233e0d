"""Several worker processes at one queue: the app in local hosts, as on as many instances."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from benchmarks.sample import Size
from benchmarks.scene import Scene
from tests.local.hosting import LocalHost

THREADS = "16"  # as the deployment sets it


def sweep_s(scene: Scene, workers: int, size: Size, folder: Path) -> float:
    """Seconds that *workers* processes take for one sweep handed out over the queue."""
    filled = scene.filled(size)
    env = {
        **filled.env,
        "WORK_QUEUE__queueServiceUri": scene.azurite.queue_endpoint,
        "PYTHON_THREADPOOL_THREAD_COUNT": THREADS,
    }
    with contextlib.ExitStack() as stack:
        hosts = [
            stack.enter_context(LocalHost(env, log=folder / f"host{workers}{n}.log").running())
            for n in range(workers)
        ]
        began = time.perf_counter()
        if not hosts[0].run("schedule_timer", timeout_s=600):
            raise RuntimeError(hosts[0].log_text()[-3000:])
        took = time.perf_counter() - began
    done = "".join(host.log_text() for host in hosts).count("tenant_sweep.finished")
    if done != size.tenants:
        raise RuntimeError(f"{done} of {size.tenants} tenants were finished")
    return took
