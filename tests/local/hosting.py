"""The local Functions host (`host`) as a process of its own, for tests and for `dev.py run`."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from tests.local.children import Child

ROOT = Path(__file__).resolve().parents[2]


class LocalHost:
    """A function app being served. Started, stopped or killed, and started again at its port."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        app: Path = ROOT,
        clock: datetime | str | None = None,
        timers: bool = False,
        port: int = 0,
        log: Path | None = None,
    ) -> None:
        """Prepare one; nothing is started yet.

        Args:
            env: Settings, put over this process's environment.
            app: The folder with `function_app.py`.
            clock: When the process lives; None: now.
            timers: Whether timers fire by themselves.
            port: 0: a free one.
            log: Where its log goes; None: a temporary file.
        """
        self.env = dict(env)
        self.log = log or Path(tempfile.mkdtemp(prefix="host-")) / "host.log"
        self._app = app
        self._clock = clock
        self._timers = timers
        self._port = port
        self._child: Child | None = None
        self._serves = False
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy between two processes of one machine

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        assert self._port, "not started"
        return f"http://127.0.0.1:{self._port}"

    @property
    def child(self) -> Child:
        """The process, as last started."""
        assert self._child, "not started"
        return self._child

    def start(self, *, clock: datetime | str | None = None, timeout_s: float = 30.0) -> None:
        """Start it and wait until it serves. Give *clock* to live at another time than before.

        Raises:
            ChildError: It does not; the message has the end of its log.
        """
        self.spawn(clock=clock)
        try:
            self.wait(timeout_s)
        except BaseException:
            self.child.kill()
            raise

    def spawn(self, *, clock: datetime | str | None = None) -> None:
        """Start it, without waiting."""
        self._clock = clock or self._clock
        command = [sys.executable, "-m", "tests.local.host", "--port", str(self._port)]
        command += ["--app", str(self._app)] if self._app != ROOT else []
        if self._clock:
            text = self._clock if isinstance(self._clock, str) else self._clock.isoformat()
            command += ["--clock", text]
        if not self._timers:
            command += ["--no-timers"]
        env = {**os.environ, **self.env}
        self._serves = False
        self._child = Child("host", command, log=self.log, env=env, cwd=ROOT, lines=True)

    def wait(self, timeout_s: float = 30.0) -> None:
        """Wait until it serves, if it does not yet.

        Raises:
            ChildError: It does not; the message has the end of its log.
        """
        while not self._serves:
            # What the app prints while it is imported may come first.
            line = self.child.read_line(timeout_s)
            if line.startswith("ready http"):
                self._port, self._serves = int(line.rpartition(":")[2]), True

    def stop(self) -> int:
        """Stop it as Azure does, if it was started; return its exit status."""
        return self._child.stop() if self._child else 0

    def kill(self) -> None:
        """End it as a crash does."""
        self.child.kill()

    @contextlib.contextmanager
    def running(self) -> Iterator[LocalHost]:
        """Start it; stop it at the end of the block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def run(
        self, function: str, text: str = "", *, wait: bool = True, timeout_s: float = 300
    ) -> bool:
        """Run *function* once, with *text* as its input.

        Returns:
            With *wait*: whether it succeeded, once it and the work it queued are over. Else True,
            at once.
        """
        answer = self._http.post(
            f"{self.url}/admin/functions/{function}",
            params={"wait": "1"} if wait else {},
            json={"input": text},
            timeout=timeout_s,
        )
        answer.raise_for_status()
        return answer.headers.get("x-invocation-outcome", "succeeded") == "succeeded"

    def functions(self) -> list[dict[str, Any]]:
        """What the host says of each function."""
        answer = self._http.get(f"{self.url}/admin/functions", timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def now(self) -> datetime:
        """Its clock."""
        answer = self._http.get(f"{self.url}/admin/clock", timeout=10)
        return datetime.fromisoformat(answer.json()["now"])

    def set_clock(self, now: datetime | str, *, frozen: bool = False) -> None:
        """Move its clock forward; see `clock.Clock.move`.

        Raises:
            ValueError: The host refuses; the message is its reason.
        """
        text = now if isinstance(now, str) else now.isoformat()
        wanted = {"now": text, "frozen": frozen}
        answer = self._http.post(f"{self.url}/admin/clock", json=wanted, timeout=10)
        if not answer.ok:
            raise ValueError(answer.json()["error"])

    def log_text(self) -> str:
        """All it has logged so far."""
        return self.log.read_text(errors="replace")
