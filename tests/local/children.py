"""Child processes that never outlive us: each in a group of its own, ended with its offspring.

Standard library only: `dev.py` uses it before anything is installed.

On Linux a child is also told to end when the *thread* that started it does, which covers our being
killed outright; so start children from a thread that lasts, such as the main one.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_LAUNCH = Path(__file__).with_name("launch.py")
_NEW_GROUP: dict[str, Any] = (
    {"start_new_session": True}
    if os.name == "posix"
    else {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP
)


class ChildError(Exception):
    """A child that ended, or did not become ready; the message has the end of its log."""


class Child:
    """A running process; what it prints goes to *log*."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        lines: bool = False,
    ) -> None:
        """Start it.

        Args:
            name: For messages to people.
            command: The program and its arguments; no shell.
            log: Appended to.
            env: Its whole environment; None: ours.
            cwd: Where it runs; None: where we do.
            lines: Let `read_line` have its standard output, line by line, beside the log.
        """
        self.name = name
        self.log = log
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                _dying_with_us(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if lines else file,
                stderr=file,
                env=env,
                cwd=cwd,
                **_NEW_GROUP,
            )
        if lines:
            threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs, minus the signal's number if one ended it."""
        return self._process.poll()

    def send(self, number: int) -> None:
        """Send one signal to the process itself, as `kill` does."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float) -> int:
        """Wait for it to end by itself; return its exit status."""
        return self._process.wait(timeout_s)

    def stop(self, grace_s: float = 6.0, ask: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, insist after *grace_s*; return its exit status.

        Windows cannot ask: there it is ended at once.
        """
        if self._process.poll() is None:
            self._process.send_signal(ask if os.name == "posix" else signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        return self.kill()

    def kill(self) -> int:
        """End it and all it started, at once; return its exit status."""
        if os.name == "posix":
            # None may be left; macOS says "permission" where only a zombie is.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        elif self._process.poll() is None:
            self._process.kill()
        return self._process.wait()

    def read_line(self, timeout_s: float) -> str:
        """The next line of its standard output, without its end.

        Raises:
            ChildError: It ended without one, or took longer.
        """
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise self.fail(f"printed nothing for {timeout_s:.0f} s") from None
        if not line:
            raise self.fail(f"ended with status {self._process.wait()}")
        return line.rstrip()

    def _read(self) -> None:
        """Copy its output to the log, so that it never has to wait for us; "" says its end."""
        assert self._process.stdout is not None
        with self.log.open("ab") as file, self._process.stdout as output:
            for line in output:
                file.write(line)
                file.flush()
                self._lines.put(line.decode(errors="replace"))
        self._lines.put("")

    def fail(self, why: str) -> ChildError:
        """An error about this child, with the end of what it wrote."""
        lines = self.log.read_text(errors="replace").splitlines()[-30:]
        return ChildError("\n".join([f"{self.name} {why} (log: {self.log})", *lines]))


def run(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run *command* to its end; return its exit status. If we are interrupted, it is ended too."""
    child = Child(Path(command[0]).name, command, log=log, cwd=cwd, env=env)
    try:
        while True:
            try:
                return child.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
    finally:
        child.kill()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on. Somebody else may take it before you do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(child: Child, port: int, timeout_s: float = 20.0) -> None:
    """Return when *child* accepts connections on *port*.

    Raises:
        ChildError: It ended instead, or did not get there in time.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if child.status is not None:
            raise child.fail(f"ended with status {child.status}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise child.fail(f"does not listen on port {port} after {timeout_s:.0f} s")


def _dying_with_us(command: Sequence[str]) -> list[str]:
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *command]
