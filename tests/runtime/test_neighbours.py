"""Azurite, child processes and the whole world: that they come, hold and go."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.data.tables import TableServiceClient

from tests.local import children
from tests.local.azurite import Azurite
from tests.local.children import Child, ChildError
from tests.local.clock import Clock
from tests.local.world import World
from tests.runtime.conftest import TINY, Serve

ROOT = Path(__file__).resolve().parents[2]

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and groups of POSIX")


def alive(pid: int) -> bool:
    """Whether *pid* runs; one that only waits to be fetched by its parent does not."""
    return not processes().get(pid, "Z").startswith("Z")


def processes() -> dict[int, str]:
    """State and command line of every process, by its id."""
    ps = shutil.which("ps")
    assert ps, "ps is needed to see what was left behind"
    listing = subprocess.run(
        [ps, "-eo", "pid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 1) for line in listing.stdout.splitlines()]
    return {int(pid): rest for pid, rest in rows}


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


# --- Azurite ---------------------------------------------------------------------------------


def test_tables_are_kept_on_disk_over_a_stop(tmp_path: Path) -> None:
    azurite = Azurite(queues=False, location=tmp_path)
    with azurite.running():
        before = azurite.connection_string
        service = TableServiceClient.from_connection_string(before)
        service.create_table("kept").create_entity({"PartitionKey": "p", "RowKey": "r"})
    with azurite.running():
        assert azurite.connection_string == before
        table = TableServiceClient.from_connection_string(before).get_table_client("kept")
        assert table.get_entity("p", "r")["RowKey"] == "r"


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    azurite = Azurite(queues=False, location=tmp_path, durable=True)
    with azurite.running():
        service = TableServiceClient.from_connection_string(azurite.connection_string)
        table = service.create_table("kept")
        table.submit_transaction(
            [("create", {"PartitionKey": "p", "RowKey": f"r{n}"}) for n in range(3)]
        )
        azurite.kill()
        azurite.start()
        assert [row["RowKey"] for row in table.list_entities()] == ["r0", "r1", "r2"]


def test_https_with_bearer_tokens(tmp_path: Path) -> None:
    """A token of the right audience opens it; one for Graph does not."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    files[0].write_bytes(server.cert_chain_pems[0].bytes())
    files[1].write_bytes(server.private_key_pem.bytes())
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    azurite = Azurite(queues=False, certificate=(files[0], files[1]))
    with azurite.running():
        for audience, is_let_in in (("https://storage.azure.com", True), ("https://graph", False)):
            service = TableServiceClient(
                azurite.table_endpoint,
                credential=_Tokens(audience),
                connection_verify=str(tmp_path / "ca.pem"),
                retry_total=0,
            )
            if is_let_in:
                service.create_table("things")
            else:
                with pytest.raises(ClientAuthenticationError):
                    service.create_table("others")


class _Tokens:
    """A credential whose tokens nobody signed."""

    def __init__(self, audience: str) -> None:
        self._audience = audience

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        import jwt

        now = int(time.time())
        issuer = "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/"
        claims = {"aud": self._audience, "iss": issuer, "iat": now, "nbf": now - 60}
        token = jwt.encode({**claims, "exp": now + 600}, "a key of thirty-two characters!!")
        return AccessToken(token, now + 600)


def test_two_run_side_by_side() -> None:
    with Azurite().running() as one, Azurite().running() as other:
        ports = {one.table_port, one.queue_port, other.table_port, other.queue_port}
        assert len(ports) == 4


# --- child processes -------------------------------------------------------------------------


@posix_only
def test_a_stopped_child_takes_its_children_along(tmp_path: Path) -> None:
    """A shell-less tree: Python that starts another and sleeps, ignoring SIGTERM."""
    script = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid,"
        " flush=True)\n"
        "time.sleep(60)\n"
    )
    child = Child("tree", [sys.executable, "-c", script], log=tmp_path / "log", lines=True)
    grandchild = int(child.read_line(10))
    assert child.stop(grace_s=0.2) == -signal.SIGKILL
    assert gone(grandchild)


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    child = Child("failing", [sys.executable, "-c", "1/0"], log=tmp_path / "log", lines=True)
    with pytest.raises(ChildError, match=r"(?s)failing ended with status 1.*ZeroDivisionError"):
        child.read_line(10)
    with pytest.raises(ChildError, match="failing ended"):
        children.wait_for_port(child, children.free_port())


@pytest.mark.skipif(sys.platform != "linux", reason="told by the kernel on Linux only")
def test_a_child_ends_when_we_are_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tests.local.children import Child\n"
        f"child = Child('c', ['sleep', '60'], log=Path({str(tmp_path / 'log')!r}))\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    us = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert us.stdout
    pid = int(us.stdout.readline())
    assert alive(pid)
    us.kill()
    us.communicate()
    assert gone(pid)


def test_an_interrupted_command_is_ended(tmp_path: Path) -> None:
    """`dev.py`'s way with pip and npm."""
    seconds = f"60.{os.getpid()}"  # to be told from anybody else's sleep
    script = (
        "import signal, sys; from pathlib import Path; from tests.local import children\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "print('ready', flush=True)\n"
        f"children.run(['sleep', '{seconds}'], log=Path({str(tmp_path / 'log')!r}))"
    )
    command = [sys.executable, "-c", script]
    us = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert us.stdout
    us.stdout.readline()
    time.sleep(0.3)
    us.terminate()
    us.communicate(timeout=10)
    assert not [line for line in processes().values() if line.endswith(f"sleep {seconds}")]


# --- the host's end --------------------------------------------------------------------------


@posix_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_host_ends_soon_whatever_runs(serve: Serve, number: signal.Signals) -> None:
    """One request blocks a thread for a minute, and one run is waited for."""
    host = serve()
    busy = subprocess.Popen(
        [sys.executable, "-c", f"import requests; requests.get('{host.url}/api/slow?s=60')"],
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1)  # for the request to arrive
    started = time.monotonic()
    host.child.send(number)
    assert host.child.wait(5) == 0
    assert time.monotonic() - started < 5
    assert "stopped before these had ended: slow" in host.log_text()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{host.url}/api/text", timeout=1)
    busy.wait(10)


@posix_only
def test_an_idle_host_ends_at_once_and_lets_a_run_end(serve: Serve) -> None:
    host = serve()
    host.run("long_tick", wait=False)
    started = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - started < 2
    assert " INFO long_tick " in host.log_text()


# --- libraries under a set clock -------------------------------------------------------------


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An https server whose certificate is good for an hour of real time: URL and CA file."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    certificate = authority.issue_cert("127.0.0.1", not_after=until)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    script = (
        "import http.server, ssl, sys\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
        "context.load_cert_chain(sys.argv[1])\n"
        "server.socket = context.wrap_socket(server.socket, server_side=True)\n"
        "print(server.server_address[1], flush=True)\n"
        "server.serve_forever()\n"
    )
    server = Child(
        "tls",
        [sys.executable, "-c", script, str(folder / "server.pem")],
        log=folder / "log",
        cwd=folder,
        lines=True,
    )
    try:
        yield f"https://127.0.0.1:{server.read_line(10)}/", folder / "ca.pem"
    finally:
        server.kill()


def test_libraries_work_years_ahead(azurite: str, short_lived: tuple[str, Path]) -> None:
    """TLS with a certificate that expired long ago by that clock; tables; waits; threads."""
    url, ca = short_lived
    answer = subprocess.run(
        [sys.executable, "-m", "tests.runtime.years_ahead", url, str(ca), azurite],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def test_a_clock_that_was_not_set_is_real() -> None:
    clock = Clock()
    assert not clock.is_set
    assert abs(clock.now().timestamp() - time.time()) < 1


# --- the world -------------------------------------------------------------------------------


def test_a_world_starts_shares_a_clock_and_leaves_nothing(tmp_path: Path) -> None:
    env = {"TINY_CRON": "0 0 0 * * *", "TINY_QUEUE": "work", "TINY": ""}
    world = World(tmp_path, app=TINY, clock="2031-04-25T08:00:00Z", env=env)
    with world.running():
        pids = [world.host.child.pid, world.simulators.child.pid]
        world.set_clock("2031-04-26T08:00:00Z", frozen=True)
        assert world.host.now().isoformat() == "2031-04-26T08:00:00+00:00"
        assert world.simulators.get("lms", "/clock")["now"].startswith("2031-04-26T08:00:00")
        with pytest.raises(ValueError, match="before now"):
            world.host.set_clock("2031-04-26T07:00:00Z")
        for setting in ("STATE_CONNECTION_STRING", "GRAPH_BASE_URL", "WORK_QUEUE__queueServiceUri"):
            assert world.host.env[setting]
    assert all(gone(pid) for pid in pids)
    assert "ready http" in world.last_words()


def test_a_world_that_fails_shows_the_logs(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"(?s)host ended with status 1.*TINY_CRON"):
        World(tmp_path, app=TINY, queues=False).start()
