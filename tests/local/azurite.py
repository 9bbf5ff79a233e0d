"""Azurite, Microsoft's emulator of Azure Storage: tables, and queues where they are needed.

    with Azurite().running() as azurite:
        TableServiceClient.from_connection_string(azurite.connection_string)

It answers laxer than Azure in some ways (azure-facts.md 5.4), and it is quick: about half a second
to start. Each service is a process of its own on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.local import environment
from tests.local.children import Child, ChildError, free_port, wait_for_port

# Published by Microsoft for every copy of the emulator: not a secret.
# https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

_DURABLE = Path(__file__).with_name("durable.js")


class Azurite:
    """An emulator that can be started, stopped and started again where it was.

    Attributes:
        table_port, queue_port: Chosen at the first start, and kept; None before, or not served.
    """

    def __init__(
        self,
        *,
        queues: bool = True,
        location: Path | None = None,
        durable: bool = False,
        certificate: tuple[Path, Path] | None = None,
        logs: Path | None = None,
    ) -> None:
        """Prepare one; nothing is started yet.

        Args:
            queues: Serve queues beside tables.
            location: Keep the data in this folder over a stop (written to disk within 5 s, and
                when stopped rather than killed); None: in memory, lost at a stop.
            durable: Of tables kept so, lose nothing that was acknowledged, though killed.
            certificate: PEM files of a certificate and its key: serve https, and take bearer
                tokens too (with audience https://storage.azure.com, an issuer that begins with
                https://sts.windows.net/, and times; any signature).
            logs: Folder for what it prints; None: a temporary one.
        """
        self.location = location
        self.durable = durable
        self.certificate = certificate
        self.table_port: int | None = None
        self.queue_port: int | None = None
        self._services = ["table", "queue"] if queues else ["table"]
        self._logs = logs or Path(tempfile.mkdtemp(prefix="azurite-"))
        self._children: list[Child] = []

    @property
    def table_endpoint(self) -> str:
        return self._endpoint(self.table_port)

    @property
    def queue_endpoint(self) -> str:
        return self._endpoint(self.queue_port)

    @property
    def connection_string(self) -> str:
        """For tables, and for queues where they are served."""
        queues = f"QueueEndpoint={self.queue_endpoint};" if self.queue_port else ""
        return (
            f"DefaultEndpointsProtocol={self._scheme};AccountName={ACCOUNT};"
            f"AccountKey={ACCOUNT_KEY};TableEndpoint={self.table_endpoint};{queues}"
        )

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            ChildError: It does not; the message has the end of its log.
            SetupError: It is not installed.
        """
        kept = self.table_port is not None
        for attempt in range(3):
            ports = self._ports()
            self._children = []
            try:
                self._children = [self._spawn(*service) for service in ports.items()]
                for child, port in zip(self._children, ports.values(), strict=True):
                    wait_for_port(child, port)
            except BaseException as error:
                self.kill()
                # Somebody may have taken a port just before us.
                if isinstance(error, ChildError) and not kept and attempt < 2:
                    continue
                raise
            self.table_port, self.queue_port = ports["table"], ports.get("queue")
            return

    def stop(self) -> None:
        """Stop it, data on disk complete."""
        for child in self._children:
            if self.location:
                child.stop(ask=signal.SIGINT)  # at SIGTERM, tables are not written
            else:
                child.kill()

    def kill(self) -> None:
        """Stop it as a crash would: unless *durable*, the last seconds' writes may be missing."""
        for child in self._children:
            child.kill()

    @contextlib.contextmanager
    def running(self) -> Iterator[Azurite]:
        """Start it; stop it at the end of the block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    @property
    def _scheme(self) -> str:
        return "https" if self.certificate else "http"

    def _endpoint(self, port: int | None) -> str:
        assert port is not None, "not started, or not served"
        return f"{self._scheme}://127.0.0.1:{port}/{ACCOUNT}"

    def _ports(self) -> dict[str, int]:
        """A port for each service: where it was, or a free one."""
        known = {"table": self.table_port, "queue": self.queue_port}
        return {service: known[service] or free_port() for service in self._services}

    def _spawn(self, service: str, port: int) -> Child:
        log = self._logs / f"azurite-{service}.log"
        return Child(f"Azurite ({service})", self._command(service, port), log=log)

    def _command(self, service: str, port: int) -> list[str]:
        main = environment.AZURITE / "node_modules/azurite/dist/src" / service / "main.js"
        durable = ["--require", str(_DURABLE)] if self.durable and service == "table" else []
        command = [environment.node(), *durable, str(main), f"--{service}Port", str(port)]
        # It reports home unless told not to.
        command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        if self.location:
            self.location.mkdir(parents=True, exist_ok=True)
            command += ["--location", str(self.location)]
        else:
            command += ["--inMemoryPersistence"]
        if self.certificate:
            certificate, key = self.certificate
            command += ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
        return command
