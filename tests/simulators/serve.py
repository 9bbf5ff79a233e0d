"""Serving the simulators over https, each from a thread with an event loop of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .certificates import Certificates, make_certificates
from .clock import Clock, as_sim_clock
from .entra import CONNECTOR_ROLES, EntraSimulator
from .graph import GraphSimulator, GraphSwitches
from .lms import LmsSimulator
from .wire import Application, asgi

HOST = "127.0.0.1"


class DroppingProtocol(HttpToolsProtocol):
    """Lets an application abort the connection, which ASGI has no message for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"simulator": {"abort": self.transport.abort}}


class _Server(uvicorn.Server):
    """Does not wait for clients that keep their connections open."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, DroppingProtocol):
                connection.transport.abort()
        await super().shutdown(sockets)


class Served:
    """One application on one port, until `stop`."""

    def __init__(
        self, app: Application, certificates: Certificates, *, host: str = HOST, port: int = 0
    ) -> None:
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://{host}:{self.port}"
        config = uvicorn.Config(
            asgi(app),
            http=DroppingProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
            ssl_certfile=str(certificates.chain),
            ssl_keyfile=str(certificates.key),
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=self.url, daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError(f"{self.url} did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(15)
        self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    # Named as TCP, unlike `socket.create_server`'s: asyncio turns Nagle's delay off only then,
    # and each answer would be 40 ms late.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


@dataclass(frozen=True, slots=True)
class Credentials:
    """A registered app and its managed identity, as `Simulators.register_app` made them."""

    client_id: str = "c0000000-0000-4000-8000-000000000001"
    client_secret: str = "simulated-secret"
    identity_client_id: str = "c0000000-0000-4000-8000-000000000002"
    home_tenant: str = "c0000000-0000-4000-8000-00000000000f"


class Simulators:
    """Graph, Entra and the LMS, sharing one clock and one certificate authority.

    Use it as a context manager, or call `start` and `stop`. The objects work without being
    served; only then do the addresses exist.

    Args:
        folder: Where ca.pem, server.pem and server.key are, or are made.
        port_base: Graph gets this port, Entra the next, the LMS the one after; 0: any free ones.
        seed: Of everything random.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock | None = None,
        switches: GraphSwitches | None = None,
        seed: int = 0,
        port_base: int = 0,
        host: str = HOST,
        credentials: Credentials | None = None,
    ) -> None:
        self.clock = as_sim_clock(clock)
        self.certificates = make_certificates(folder)
        self.credentials = credentials or Credentials()
        self.graph = GraphSimulator(
            self.clock, switches=switches, seed=seed, ca_file=self.certificates.ca
        )
        self.entra = EntraSimulator(self.clock, seed)
        self.lms = LmsSimulator(self.clock, ca_file=self.certificates.ca)
        self._apps: dict[str, Application] = {
            "graph": self.graph,
            "entra": self.entra,
            "lms": self.lms,
        }
        self._host = host
        self._ports = {
            name: port_base + number if port_base else 0 for number, name in enumerate(self._apps)
        }
        self._served: dict[str, Served] = {}

    # -- serving --------------------------------------------------------------------------------

    def start(self) -> Self:
        for name in self._apps:
            self.bring_up(name)
        self.entra.resources.add(self._url("graph"))
        return self

    def stop(self) -> None:
        self.graph.close()
        self.lms.close()
        for name in list(self._served):
            self.take_down(name)

    def take_down(self, name: str) -> None:
        """`graph`, `entra` or `lms` refuses connections until it is brought up again."""
        self._served.pop(name).stop()

    def bring_up(self, name: str) -> None:
        """On the port it had before."""
        served = Served(
            self._apps[name], self.certificates, host=self._host, port=self._ports[name]
        )
        self._served[name] = served
        self._ports[name] = served.port

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _url(self, name: str) -> str:
        if not self._ports[name]:
            raise RuntimeError("the simulators have not been served yet")
        return f"https://{self._host}:{self._ports[name]}"

    @property
    def graph_url(self) -> str:
        """With /v1.0."""
        return f"{self._url('graph')}/v1.0"

    @property
    def entra_url(self) -> str:
        return self._url("entra")

    @property
    def lms_url(self) -> str:
        return self._url("lms")

    @property
    def identity_endpoint(self) -> str:
        return f"{self.entra_url}{EntraSimulator.IDENTITY_PATH}"

    def callback_url(self, tenant: str) -> str:
        """Where the connector posts a tenant's events (`callbackUrl`)."""
        return f"{self.lms_url}/hooks/teams/{tenant}"

    def urls(self) -> dict[str, str]:
        return {
            "graph": self.graph_url,
            "graphDoor": f"{self._url('graph')}/_sim",
            "entra": self.entra_url,
            "entraDoor": f"{self.entra_url}/_sim",
            "lms": self.lms_url,
            "lmsDoor": f"{self.lms_url}/_sim",
            "identityEndpoint": self.identity_endpoint,
            "identityHeader": self.entra.identity_header,
            "ca": str(self.certificates.ca),
        }

    def environment(self) -> dict[str, str]:
        """Settings that point the connector here (what-it-does 7); its credential is not among
        them: take one of `credentials`."""
        return {
            "GRAPH_BASE_URL": self.graph_url,
            "ENTRA_AUTHORITY_HOST": self.entra_url,
            "CONNECTOR_CLIENT_ID": self.credentials.client_id,
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": self.entra.identity_header,
            "REQUESTS_CA_BUNDLE": str(self.certificates.ca),
            "CALLBACK_ALLOWED_HOSTS": self._host,
        }

    # -- setting the scene ----------------------------------------------------------------------

    def register_app(self) -> Credentials:
        """Our app with a secret, and a managed identity it is federated with."""
        ours = self.credentials
        self.entra.add_tenant(ours.home_tenant)
        self.entra.add_app(ours.client_id, secrets={ours.client_secret: None})
        self.entra.add_identity(ours.identity_client_id, ours.home_tenant)
        self.entra.federate(ours.client_id, ours.identity_client_id)
        return ours

    def add_tenant(
        self,
        tenant_id: str,
        name: str = "",
        *,
        domains: Iterable[str] = (),
        roles: Iterable[str] | None = CONNECTOR_ROLES,
    ) -> None:
        """A customer in Entra and Graph at once. *roles* None: they never consented.

        Registers the app first when that was not done.
        """
        if self.credentials.client_id not in self.entra.apps:
            self.register_app()
        self.entra.add_tenant(tenant_id, domains)
        self.graph.add_tenant(tenant_id, name)
        if roles is not None:
            self.entra.consent(tenant_id, self.credentials.client_id, roles)
