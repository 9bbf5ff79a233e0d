"""A callback goes to the address that was judged, whatever its name says a moment later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from shared.errors import Broken, Refused
from shared.http import Answer, Call, sender
from shared.lms.client import FOUND_FOR, Lms
from shared.signing import Direction, newest_secret
from tests.build import NOW, a_tenant
from tests.local.children import free_port
from tests.simulators.certificates import Certificates
from tests.simulators.lms.simulator import LmsSimulator
from tests.simulators.serve import Served
from tests.simulators.wire import Reply, Request

NAME = "lms.customer.test"
"""A name that no resolver knows (RFC 6761): who reaches it was told the address."""
MASTERS = ("a-signing-key-for-tests-only",)


class Recorder:
    """Answers 204 and keeps what it met."""

    def __init__(self) -> None:
        self.met: list[Request] = []

    async def answer(self, request: Request) -> Reply:
        self.met.append(request)
        return Reply(204)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for certificates of an authority that everybody here trusts."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return tmp_path


def serve(authority: trustme.CA, folder: Path, *names: str) -> tuple[Served, Recorder]:
    """A server at 127.0.0.1 with a certificate for *names*."""
    issued = authority.issue_cert(*names)
    files = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    issued.private_key_pem.write_to_path(files.key)
    files.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    recorder = Recorder()
    return Served(recorder, files), recorder


def connects_to(served: Served, *addresses: str, name: str = NAME) -> tuple[Lms, str]:
    """An LMS client whose look-up answers *addresses*, and the callback's address."""
    send = sender("lms", 4096)
    lms = Lms(send, MASTERS, [name], lambda host: list(addresses))
    return lms, f"https://{name}:{served.port}/hooks"


def test_it_is_sent_to_the_address_that_was_looked_up(authority: trustme.CA, trusted: Path) -> None:
    """Nothing looks the name up again: nobody knows it. Host and certificate are the name's."""
    served, recorder = serve(authority, trusted, NAME)
    lms, url = connects_to(served, "127.0.0.1")
    try:
        answers = [lms.ping(a_tenant(callback_url=url), f"p{n}", NOW) for n in range(2)]
    finally:
        served.stop()
    assert [answer.status for answer in answers] == [204, 204]
    assert [met.headers["host"] for met in recorder.met] == [f"{NAME}:{served.port}"] * 2
    assert [met.path for met in recorder.met] == ["/hooks"] * 2


def test_a_certificate_for_another_name_is_not_taken(authority: trustme.CA, trusted: Path) -> None:
    """Not even one for the very address: the tenant named a name."""
    served, recorder = serve(authority, trusted, "127.0.0.1", "elsewhere.test")
    lms, url = connects_to(served, "127.0.0.1")
    try:
        with pytest.raises(Broken) as caught:
            lms.ping(a_tenant(callback_url=url), "p", NOW)
    finally:
        served.stop()
    assert caught.value.message == "SSLError"
    assert recorder.met == []


def test_an_address_that_cannot_be_reached_gives_way_to_the_next(
    authority: trustme.CA, trusted: Path
) -> None:
    """As when a name has an IPv6 address and we have no IPv6."""
    served, recorder = serve(authority, trusted, NAME)
    lms, url = connects_to(served, "127.0.0.2", "::1", "127.0.0.1")
    try:
        assert lms.ping(a_tenant(callback_url=url), "p", NOW).status == 204
    finally:
        served.stop()
    assert len(recorder.met) == 1


def test_what_was_sent_once_is_not_sent_to_the_next_address(
    authority: trustme.CA, trusted: Path
) -> None:
    """A lost answer may be a delivery: only connecting is tried again."""
    served, recorder = serve(authority, trusted, NAME)
    lms, url = connects_to(served, "127.0.0.1", "127.0.0.1")

    async def hang_up(request: Request) -> Reply:
        recorder.met.append(request)
        return Reply(drop=True)

    recorder.answer = hang_up  # type: ignore[method-assign]
    try:
        with pytest.raises(Broken):
            lms.ping(a_tenant(callback_url=url), "p", NOW)
    finally:
        served.stop()
    assert len(recorder.met) == 1


def test_with_nobody_at_any_address_there_is_no_answer() -> None:
    lms = Lms(sender("lms"), MASTERS, [NAME], lambda host: ["127.0.0.1", "127.0.0.2"])
    url = f"https://{NAME}:{free_port()}/hooks"
    with pytest.raises(Broken) as caught:
        lms.ping(a_tenant(callback_url=url), "p", NOW)
    assert caught.value.code == "no_answer"


def test_a_name_that_turned_inward_is_not_connected_to_at_all() -> None:
    """Public when the tenant was saved; the look-up of this delivery says otherwise."""

    def never(call: Call) -> Answer:
        raise AssertionError(f"nothing may be sent: {call}")

    lms = Lms(never, MASTERS, [], lambda host: ["93.184.215.14", "10.0.0.4"])
    with pytest.raises(Refused) as caught:
        lms.ping(a_tenant(callback_url="https://lms.example/hooks"), "p", NOW)
    assert caught.value.code == "private_address"


def test_the_second_look_up_of_a_rebinding_name_is_never_made() -> None:
    """It answers a public address once and ours ever after."""
    answers = iter([["93.184.215.14"]])
    sent: list[Call] = []

    def record(call: Call) -> Answer:
        sent.append(call)
        return Answer(204)

    lms = Lms(record, MASTERS, [], lambda host: next(answers, ["127.0.0.1"]))
    lms.ping(a_tenant(callback_url="https://lms.example/hooks"), "p", NOW)
    assert [call.addresses for call in sent] == [("93.184.215.14",)]


@pytest.mark.parametrize(
    ("later", "looked_up"),
    [
        pytest.param(timedelta(), 1, id="at once"),
        pytest.param(FOUND_FOR - timedelta(microseconds=1), 1, id="just within the time"),
        pytest.param(FOUND_FOR, 2, id="when it is over"),
        pytest.param(-timedelta(microseconds=1), 2, id="by a clock that was set back"),
    ],
)
def test_a_host_is_where_it_was_found_for_half_a_minute(later: timedelta, looked_up: int) -> None:
    """A sweep's hundreds of callbacks are one look-up; each goes to an address that was judged."""
    asked: list[str] = []
    lms = Lms(lambda call: Answer(204), MASTERS, [], looking_up(asked, "93.184.215.14"))
    tenant = a_tenant(callback_url="https://lms.example/hooks")
    for now in (NOW, NOW + later):
        lms.ping(tenant, "p", now)
    lms.ping(a_tenant(callback_url="https://other.example/hooks"), "p", NOW)
    assert asked == ["lms.example"] * looked_up + ["other.example"]


def test_a_host_that_does_not_answer_is_looked_up_anew() -> None:
    asked: list[str] = []

    def silent(call: Call) -> Answer:
        raise Broken("lms", "no_answer", call.method)

    lms = Lms(silent, MASTERS, [], looking_up(asked, "93.184.215.14"))
    for _ in range(2):
        with pytest.raises(Broken):
            lms.ping(a_tenant(callback_url="https://lms.example/hooks"), "p", NOW)
    assert asked == ["lms.example"] * 2


def looking_up(asked: list[str], address: str) -> Callable[[str], list[str]]:
    """A look-up that answers *address* and remembers what it was asked."""

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return [address]

    return look_up


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_listed_host_works_as_it_did(host: str, authority: trustme.CA, trusted: Path) -> None:
    """By the machine's own resolver, IPv6 first or not; and by an address for a name."""
    served, recorder = serve(authority, trusted, host)
    lms = Lms(sender("lms"), MASTERS, [host])
    try:
        lms.ping(a_tenant(callback_url=served.url.replace("127.0.0.1", host)), "p", NOW)
    finally:
        served.stop()
    assert [met.headers["host"] for met in recorder.met] == [f"{host}:{served.port}"]


def test_the_simulated_lms_takes_it(authority: trustme.CA, trusted: Path) -> None:
    """Signature and all."""
    lms_sim = LmsSimulator()
    issued = authority.issue_cert(NAME)
    files = Certificates(trusted / "ca.pem", trusted / "chain.pem", trusted / "key.pem")
    issued.private_key_pem.write_to_path(files.key)
    files.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    served = Served(lms_sim, files)
    tenant = a_tenant(callback_url=f"https://{NAME}:{served.port}/hooks/teams/northern")
    secret = newest_secret(MASTERS, tenant.id, Direction.OUTBOUND, tenant.secrets)
    lms_sim.configure("northern", "https://connector.test/api", "whsec_AAAA", secret)
    lms = Lms(sender("lms"), MASTERS, [NAME], lambda host: ["127.0.0.1"])
    try:
        statuses = [lms.ping(tenant, f"p{n}", lms_sim.clock()).status for n in range(3)]
    finally:
        served.stop()
        lms_sim.close()
    assert statuses == [204] * 3


def test_connections_are_kept(authority: trustme.CA, trusted: Path) -> None:
    """Ten deliveries, one connection: a pool is known by address and name."""
    served, recorder = serve(authority, trusted, NAME)
    lms, url = connects_to(served, "127.0.0.1")
    try:
        for n in range(10):
            lms.ping(a_tenant(callback_url=url), f"p{n}", NOW)
        connections = len(served._server.server_state.connections)
    finally:
        served.stop()
    assert len(recorder.met) == 10
    assert connections == 1
