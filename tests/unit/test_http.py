"""The one file that opens sockets, against a server that misbehaves on request."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import trustme

from shared.errors import Broken
from shared.http import Answer, Call, retry_after_s, sender
from tests.build import NOW

LIMIT = 1000


class Peer(BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"
    met: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []
    release: ClassVar[threading.Event] = threading.Event()

    def do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        headers = {k.lower(): v for k, v in self.headers.items()}
        self.met.append((self.command, self.path, headers, body))
        match self.path.partition("?")[0]:
            case "/ok":
                self._say(200, b'{"a": 1}', {"X-Mixed-Case": "Kept As Is"})
            case "/cookie":
                self._say(200, b"", {"Set-Cookie": "session=theirs; Path=/"})
            case "/moved":
                self._say(302, b"", {"Location": "/ok"})
            case "/big":
                self._say(200, b"x" * (LIMIT + 1))
            case "/just":
                self._say(200, b"x" * LIMIT)
            case "/gzip":
                self._say(200, gzip.compress(b"y" * 500), {"Content-Encoding": "gzip"})
            case "/not-gzip":
                self._say(200, b"not compressed at all", {"Content-Encoding": "gzip"})
            case "/chunks":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in (b"one ", b"two ", b"three"):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            case "/cut":
                self.send_response(200)
                self.send_header("Content-Length", "500")
                self.end_headers()
                self.wfile.write(b"only this")
                self.close_connection = True
            case "/garbage":
                self.wfile.write(b"this is no HTTP\r\n\r\n")
                self.close_connection = True
            case "/closed":
                self.close_connection = True
            case "/slow":
                self.release.wait(5)
                self._say(200, b"")
            case _:
                self._say(404, b"no such page")

    def __getattr__(self, name: str) -> Callable[[], None]:
        """``do_GET`` and its like."""
        if name.startswith("do_"):
            return self.do
        raise AttributeError(name)

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Peer.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


send = sender("graph", LIMIT)


def test_an_answer_is_its_status_headers_and_body(peer: str) -> None:
    answer = send(Call("GET", f"{peer}/ok"))
    assert answer.status == 200
    assert answer.json() == {"a": 1}
    assert answer.headers["x-mixed-case"] == "Kept As Is", "names in lower case, values as sent"


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_the_body_and_headers_go_out_as_given(peer: str, method: str) -> None:
    body = '{"name":"Zoë"}'.encode()
    headers = {"Content-Type": "application/json", "If-Match": 'W/"abc="'}
    send(Call(method, f"{peer}/ok?a=%253a&b='x'", headers, body))
    said, path, got, came = Peer.met[-1]
    assert (said, came) == (method, body)
    assert path == "/ok?a=%253a&b='x'", "the URL is sent as it was built"
    assert got["if-match"] == 'W/"abc="'
    assert got["content-type"] == "application/json"


def test_an_error_status_is_an_answer(peer: str) -> None:
    assert send(Call("GET", f"{peer}/nowhere")).status == 404


def test_a_redirect_is_not_followed(peer: str) -> None:
    answer = send(Call("POST", f"{peer}/moved", body=b"{}"))
    assert answer.status == 302
    assert Peer.met[-1][1] == "/moved"


@pytest.mark.parametrize("path", ["/just", "/big"])
def test_a_body_is_read_up_to_the_limit(peer: str, path: str) -> None:
    assert send(Call("GET", peer + path)).body == b"x" * LIMIT


def test_a_compressed_body_is_unpacked(peer: str) -> None:
    assert send(Call("GET", f"{peer}/gzip")).body == b"y" * 500


def test_a_body_in_chunks_is_put_together(peer: str) -> None:
    assert send(Call("GET", f"{peer}/chunks")).body == b"one two three"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/cut", id="the body ends early"),
        pytest.param("/garbage", id="what comes is no HTTP"),
        pytest.param("/closed", id="the connection is closed without a word"),
        pytest.param("/not-gzip", id="the body is not what its header says"),
    ],
)
def test_half_an_answer_is_none(peer: str, path: str) -> None:
    with pytest.raises(Broken) as caught:
        send(Call("POST", peer + path, body=b"{}"))
    assert caught.value.system == "graph"
    assert caught.value.code == "no_answer"


def test_silence_is_a_timeout(peer: str) -> None:
    with pytest.raises(Broken) as caught:
        send(Call("GET", f"{peer}/slow", timeout_s=0.1))
    assert caught.value.code == "timeout"


def test_nobody_listening_is_no_answer() -> None:
    with socket.socket() as held:  # bound and not listening: connections are refused
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Broken) as caught:
            send(Call("GET", f"http://127.0.0.1:{held.getsockname()[1]}/"))
    assert caught.value.code == "no_answer"


def test_the_error_names_neither_the_url_nor_what_was_sent(peer: str) -> None:
    with pytest.raises(Broken) as caught:
        send(Call("POST", f"{peer}/closed?learner@work.example", body=b"secret"))
    assert "learner" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_many_threads_may_share_one_sender(peer: str) -> None:
    found: list[int] = []

    def ask() -> None:
        found.extend(send(Call("GET", f"{peer}/ok")).status for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 40


@pytest.mark.parametrize("path", ["/ok", "/cookie"])
def test_no_cookie_is_kept(peer: str, path: str) -> None:
    """One tenant's would be sent for another."""
    send(Call("GET", f"{peer}/cookie"))
    send(Call("GET", peer + path))
    assert "cookie" not in Peer.met[-1][2]


def test_the_callers_authorization_is_the_only_one(
    peer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    send(Call("GET", f"{peer}/ok", {"Authorization": "Bearer ours"}))
    assert Peer.met[-1][2]["authorization"] == "Bearer ours"
    send(Call("GET", f"{peer}/ok"))
    assert "authorization" not in Peer.met[-1][2]


def test_what_the_environment_names_as_proxy_is_asked(
    peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", peer.replace("//", "//us:word@"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    send(Call("GET", "http://graph.test/ok?a=1"))
    said, path, headers, _ = Peer.met[-1]
    assert (said, path) == ("GET", "http://graph.test/ok?a=1")
    assert headers["proxy-authorization"] == "Basic dXM6d29yZA=="
    assert headers["host"] == "graph.test"


# -- a call that says where to connect -----------------------------------------------------

ELSEWHERE = "127.0.0.2"
"""A loopback address at which nobody listens."""


def port_of(peer: str) -> str:
    return peer.rpartition(":")[2]


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(("127.0.0.1",), id="the address"),
        pytest.param((ELSEWHERE, "127.0.0.1"), id="the first refuses"),
        pytest.param((ELSEWHERE, ELSEWHERE, ELSEWHERE, "127.0.0.1"), id="all but the last refuse"),
    ],
)
def test_a_call_connects_where_it_says_under_the_name_it_has(
    peer: str, addresses: tuple[str, ...]
) -> None:
    host = f"lms.test:{port_of(peer)}"
    answer = send(Call("POST", f"http://{host}/ok?a=1", body=b"x", addresses=addresses))
    assert answer.status == 200
    said, path, headers, body = Peer.met[-1]
    assert (said, path, body) == ("POST", "/ok?a=1", b"x")
    assert headers["host"] == host


def test_where_nobody_lets_us_connect_there_is_no_answer(peer: str) -> None:
    with pytest.raises(Broken) as caught:
        send(Call("GET", f"http://lms.test:{port_of(peer)}/ok", addresses=(ELSEWHERE, ELSEWHERE)))
    assert caught.value.code == "no_answer"


def test_what_was_sent_once_is_not_sent_to_another_address(peer: str) -> None:
    Peer.met.clear()
    url = f"http://lms.test:{port_of(peer)}/closed"
    with pytest.raises(Broken):
        send(Call("POST", url, body=b"x", addresses=("127.0.0.1", "127.0.0.1")))
    assert len(Peer.met) == 1


# -- certificates --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> Iterator[str]:
    """The port of a peer over https whose certificate is for ``lms.test``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("lms.test").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield str(server.server_port)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("name", "trusted", "answered"),
    [
        pytest.param("lms.test", True, True, id="the name it is for"),
        pytest.param("other.test", True, False, id="another name"),
        pytest.param("lms.test", False, False, id="an authority nobody trusts"),
    ],
)
def test_a_certificate_is_verified_for_the_name_although_the_address_is_given(
    secure: str,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    trusted: bool,
    answered: bool,
) -> None:
    bundle = tmp_path / "ca.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    call = Call("GET", f"https://{name}:{secure}/ok", addresses=("127.0.0.1",))
    if answered:
        assert sender("lms")(call).json() == {"a": 1}
    else:
        with pytest.raises(Broken):
            sender("lms")(call)


# -- Answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b'{"a": [1]}', {"a": [1]}, id="an object"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"<html>", None, id="not JSON"),
        pytest.param(b"\xff\xfe\xfa", None, id="not text"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, None, id="nested deeper than we follow"),
        pytest.param(b'{"a": ' + b"9" * 1_000_000 + b"}", None, id="a million digits"),
    ],
)
def test_a_body_that_is_no_json_is_none(body: bytes, value: object) -> None:
    assert Answer(200, {}, body).json() == value


# -- Retry-After ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("120", 120.0, id="whole"),
        pytest.param("2.128", 2.128, id="fractional, as Graph sends it"),
        pytest.param(" 5 ", 5.0, id="spaces"),
        pytest.param("0", 0.0, id="at once"),
        pytest.param("3600", 3600.0, id="an hour"),
        pytest.param("3601", 3600.0, id="more than an hour is an hour"),
        pytest.param("999999999999", 3600.0, id="a year and more"),
        pytest.param("-1", None, id="negative"),
        pytest.param("nan", None, id="no number"),
        pytest.param("inf", None, id="for ever"),
        pytest.param("soon", None, id="a word"),
        pytest.param("", None, id="blank"),
        pytest.param("Sat, 25 Apr 2026 08:01:30 GMT", 90.0, id="a date"),
        pytest.param("Sat, 25 Apr 2026 07:59:00 GMT", None, id="a date that has passed"),
        pytest.param("Sat, 99 Apr 2026 08:01:30 GMT", None, id="no such day"),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": text}, NOW.timestamp()) == seconds


def test_without_the_header_there_is_nothing_to_obey() -> None:
    assert retry_after_s({}, NOW.timestamp()) is None


def test_the_date_in_these_rows_is_the_builders_now() -> None:
    assert format_datetime(NOW, usegmt=True) == "Sat, 25 Apr 2026 08:00:00 GMT"
