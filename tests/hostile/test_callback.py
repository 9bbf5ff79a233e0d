"""A callback's address as a way into our own network: tried on the sending side, by the machine's
own resolver and over real sockets, as if the address had been stored before anybody judged it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from shared.errors import Broken, Refused, RemoteError
from shared.http import sender
from shared.lms.client import Lms
from shared.lms.outbox import Fate
from tests.build import NOW, a_tenant, an_lms_event
from tests.hostile.peer import once, speaking

EVERYWHERE = "0.0.0.0"  # noqa: S104 - all ways in are the point
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
MASTERS = ("a-signing-key-for-tests-only",)


@pytest.fixture(scope="module")
def inside() -> Iterator[tuple[int, list[bytes]]]:
    """A service of our own network: its port, at every address here, and what it heard."""
    with speaking(once(OK), host=EVERYWHERE) as service:
        yield service


HERE = [
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0177.0.0.1", "0x7f.1", "0x7f000001",
    "2130706433", "017700000001", "127.0.0.0x1", "127.000.000.001", "0", EVERYWHERE, "0x0",
    "localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[::ffff:0:127.0.0.1]", "[fe80::1]", "[fe80::1%25lo]",
    "[::1%25lo]", "lms.example@127.0.0.1", "lms.example:443@127.0.0.1", "user:pass@localhost",
    "lms.example\\@127.0.0.1", "lms.example%40127.0.0.1", "127.0.0.1%00.lms.example",
    "１２７.０.０.１", "127。0。0。1", "①②⑦.⓪.⓪.①", "ⓛocalhost", "loc\u00adalhost",
    "127.0.0.1\t", " 127.0.0.1", "localhost\u200b", "xn--localhost", "%6cocalhost", "",
]  # fmt: skip
ELSEWHERE = [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]",
    "168.63.129.16", "10.0.0.4", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1",
    "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "[ff02::1]", "[fc00::1]",
    "[2001:db8::1]", "[3fff::1]", "[100::1]", "[2001::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", [*HERE, *ELSEWHERE], ids=ascii)
def test_nothing_inside_is_connected_to(host: str, inside: tuple[int, list[bytes]]) -> None:
    port, heard = inside
    heard.clear()
    lms = Lms(sender("lms"), MASTERS)
    for url in (f"http://{host}:{port}/hooks", f"https://{host}:{port}/hooks"):
        with pytest.raises((Refused, Broken)) as caught:
            lms.ping(a_tenant(callback_url=url), "p", NOW)
        assert caught.value.code in ("private_address", "no_address"), "before any connecting"
        done = lms.deliver(a_tenant(callback_url=url), an_lms_event(), NOW)
        assert done.fate is Fate.UNREACHED
    assert heard == []


def test_where_it_may_be_connected_to_it_is(inside: tuple[int, list[bytes]]) -> None:
    """Else the test above would prove nothing."""
    port, heard = inside
    heard.clear()
    for host in ("127.0.0.1", "localhost"):
        lms = Lms(sender("lms"), MASTERS, [host])
        url = f"http://{host}:{port}/hooks"
        assert lms.deliver(a_tenant(callback_url=url), an_lms_event(), NOW).fate is Fate.TAKEN
    assert len(heard) == 2


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(["127.0.0.1"], id="loopback"),
        pytest.param(["93.184.215.14", "127.0.0.1"], id="one public, one not"),
        pytest.param(["::ffff:127.0.0.1"], id="mapped"),
        pytest.param(["64:ff9b::7f00:1"], id="NAT64"),
        pytest.param(["fe80::1%lo"], id="link-local with its zone"),
        pytest.param(["2001:db8::1"], id="nobody's"),
        pytest.param(["not an address"], id="no address"),
        pytest.param([""], id="blank"),
    ],
)
@pytest.mark.parametrize("host", ["lms.example", "LMS.Example", "xn--lms-9la.example"])
def test_a_public_name_that_leads_inside_is_not_followed(
    host: str, found: list[str], inside: tuple[int, list[bytes]]
) -> None:
    port, heard = inside
    heard.clear()
    lms = Lms(sender("lms"), MASTERS, lookup=lambda name: found)
    with pytest.raises(Refused):
        lms.ping(a_tenant(callback_url=f"http://{host}:{port}/"), "p", NOW)
    assert heard == []


def test_a_name_is_looked_up_once_for_each_try_and_connected_to_there(
    inside: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public when it is judged, ours a moment later: who connects asks nobody again."""
    port, heard = inside
    heard.clear()
    asked: list[str] = []

    def rebinding(host: str, *_args: object, **_kwargs: object) -> list[object]:
        asked.append(host)
        address = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        if host != "lms.example":
            raise OSError("unreachable, as a public address is from here")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    lms = Lms(sender("lms"), MASTERS)
    with pytest.raises(RemoteError):
        lms.ping(a_tenant(callback_url=f"http://lms.example:{port}/"), "p", NOW)
    # The second question is urllib3's, and about the address that was judged.
    assert asked == ["lms.example", "93.184.215.14"]
    assert heard == []
