"""The connector and its neighbours on this machine, each a child process that is ended with us.

Azurite, the stand-ins for Graph, Entra and the LMS, and the function app in the local host:

    with World(clock="2026-04-25T08:00:00Z").running() as world:
        requests.put(f"{world.host.url}/api/tenants/college", json=…)
        world.simulators.post("lms", "/…", {…})
        world.set_clock("2026-04-26T08:00:00Z")
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import requests

from tests.local.azurite import Azurite
from tests.local.children import Child, ChildError, free_port
from tests.local.hosting import ROOT, LocalHost

Which = Literal["graph", "entra", "lms"]

# Stands for the Key Vault secret; protects nothing.
SIGNING_KEY = "local-only-signing-key-that-protects-nothing"


class SimulatorsProcess:
    """`python -m tests.simulators`, with our app registered in its Entra.

    Attributes:
        facts: What it printed when it was ready: addresses, CA file, credentials.
    """

    def __init__(
        self, folder: Path, *, clock: datetime | str | None = None, port_base: int = 0
    ) -> None:
        """Prepare; see `tests/simulators/__main__.py` for what the options do."""
        self.facts: Mapping[str, str] = {}
        self.log = folder / "simulators.log"
        command = [sys.executable, "-m", "tests.simulators", "--register-app"]
        command += ["--folder", str(folder / "certificates"), "--port-base", str(port_base)]
        if clock:
            command += ["--clock", clock if isinstance(clock, str) else clock.isoformat()]
        self._command = command
        self._child: Child | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`

    @property
    def child(self) -> Child:
        assert self._child, "not started"
        return self._child

    def spawn(self) -> None:
        """Start it, without waiting."""
        self._child = Child("simulators", self._command, log=self.log, cwd=ROOT, lines=True)

    def wait(self, timeout_s: float = 30.0) -> None:
        """Wait until it serves.

        Raises:
            ChildError: It does not; the message has the end of its log.
        """
        self.facts = json.loads(self.child.read_line(timeout_s))
        self._session.verify = self.facts["ca"]

    def stop(self) -> None:
        self._session.close()
        if self._child:
            self._child.stop()

    def url(self, which: Which) -> str:
        """Where one of the three answers; Graph's has `/v1.0`."""
        return self.facts[which]

    def get(self, which: Which, path: str) -> Any:
        """What its back door says; *path* comes after `/_sim`."""
        return self._knock("GET", which, path, None)

    def post(self, which: Which, path: str, body: object = None) -> Any:
        """Ask something of its back door; *path* comes after `/_sim`."""
        return self._knock("POST", which, path, body)

    def put(self, which: Which, path: str, body: object) -> Any:
        """Put something behind its back door; *path* comes after `/_sim`."""
        return self._knock("PUT", which, path, body)

    def patch(self, which: Which, path: str, body: object) -> Any:
        """Change something behind its back door; *path* comes after `/_sim`."""
        return self._knock("PATCH", which, path, body)

    def delete(self, which: Which, path: str) -> None:
        """Take something away behind its back door; *path* comes after `/_sim`."""
        self._knock("DELETE", which, path, None)

    def _knock(self, method: str, which: Which, path: str, body: object) -> Any:
        url = self.facts[f"{which}Door"] + path
        answer = self._session.request(method, url, json=body, timeout=30)
        if not answer.ok:
            raise ValueError(f"{method} {url}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


class World:
    """All of it. Parts can be stopped, killed and started again by themselves.

    Attributes:
        folder: Logs, certificates, and Azurite's data if it is kept.
        azurite, simulators, host: The parts.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        clock: datetime | str | None = None,
        timers: bool = False,
        env: Mapping[str, str] | None = None,
        port: int = 0,
        simulators_port: int = 0,
        queues: bool = True,
        on_disk: bool = False,
        app: Path = ROOT,
    ) -> None:
        """Prepare it; nothing is started yet.

        Args:
            folder: None: a temporary one.
            clock: When the connector and the stand-ins live; None: now. Azurite lives now.
            timers: Whether timers fire by themselves.
            env: Settings for the connector, put over those made here.
            port: The host's; 0: a free one.
            simulators_port: Graph's; Entra and the LMS get the next two. 0: free ones.
            queues: Whether there is a work queue; without one the timers do all themselves.
            on_disk: Whether Azurite keeps its data over a stop.
            app: The folder with `function_app.py`.
        """
        self.folder = folder or Path(tempfile.mkdtemp(prefix="world-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        location = self.folder / "azurite" if on_disk else None
        self.azurite = Azurite(queues=queues, location=location, logs=self.folder)
        self.simulators = SimulatorsProcess(self.folder, clock=clock, port_base=simulators_port)
        self.host = LocalHost(
            env or {},
            app=app,
            clock=clock,
            timers=timers,
            port=port or free_port(),  # known beforehand, because the connector is told its own
            log=self.folder / "host.log",
        )
        self._overrides = dict(env or {})
        self._prefix = f"w{uuid.uuid4().hex[:8]}"

    def start(self) -> None:
        """Start all of it and wait until it serves.

        Raises:
            ChildError: A part does not; the message has the end of its log.
        """
        try:
            self.simulators.spawn()
            self.azurite.start()
            self.simulators.wait()
            self.host.env = {**self.settings(), **self._overrides}
            self.host.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all that runs."""
        self.host.stop()
        self.simulators.stop()
        self.azurite.stop()

    @contextlib.contextmanager
    def running(self) -> Iterator[World]:
        """Start it, stop it at the end of the block; a failure in between shows the logs' ends."""
        self.start()
        try:
            yield self
        except Exception as error:
            error.add_note(self.last_words())
            raise
        finally:
            self.stop()

    def settings(self) -> dict[str, str]:
        """The environment of the connector, once Azurite and the stand-ins run."""
        facts = self.simulators.facts
        settings = {
            "STATE_CONNECTION_STRING": self.azurite.connection_string,
            "STATE_TABLE_PREFIX": self._prefix,
            "CONNECTOR_CLIENT_ID": facts["clientId"],
            "CONNECTOR_CLIENT_SECRET": facts["clientSecret"],
            "SIGNING_KEY": SIGNING_KEY,
            "GRAPH_BASE_URL": facts["graph"],
            "ENTRA_AUTHORITY_HOST": facts["entra"],
            "REQUESTS_CA_BUNDLE": facts["ca"],
            "CALLBACK_ALLOWED_HOSTS": "127.0.0.1,localhost",
            "PUBLIC_BASE_URL": self.host.url,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        if self.azurite.queue_port:
            settings["WORK_QUEUE__queueServiceUri"] = self.azurite.queue_endpoint
        return settings

    def set_clock(self, now: datetime | str, *, frozen: bool = False) -> None:
        """Put the connector and the stand-ins to one time, forward only.

        Raises:
            ValueError: It is in the past.
        """
        text = now if isinstance(now, str) else now.isoformat()
        self.simulators.post("graph", "/clock", {"now": text, "frozen": frozen})
        self.host.set_clock(text, frozen=frozen)

    def last_words(self, lines: int = 30) -> str:
        """The ends of all logs, for people."""
        texts = []
        for log in sorted(self.folder.glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            texts.append("\n".join([f"--- {log}", *tail]))
        return "\n".join(texts)


__all__ = ["ChildError", "SimulatorsProcess", "World"]
