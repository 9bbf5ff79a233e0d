"""How much memory this process has taken at most."""

from __future__ import annotations

import sys
from pathlib import Path


def most_mib() -> float:
    """The peak resident size in MiB; 0 where the system does not tell.

    Not ``ru_maxrss`` where the kernel says better: on Linux that counts what the process was before
    it became this program, so a child of a large parent begins with the parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(one for one in status.read_text("ascii").splitlines() if "VmHWM" in one)
        return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
