"""An LMS that answers wrongly on purpose holds nobody up, fills no memory and leads nowhere."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from datetime import timedelta

import pytest

from shared.http import ANSWER_LIMIT as GRAPH_LIMIT
from shared.http import Call, sender
from shared.lms.client import ANSWER_LIMIT, Lms
from shared.lms.outbox import Fate
from tests.build import NOW, a_tenant, an_lms_event
from tests.hostile.peer import Script, dripping, endless, once, speaking

NAME = "lms.customer.test"
TIMEOUT_S = 0.4
IN_TIME_S = 5.0
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b"\0" * 64 * 1024 * 1024)
UNPACK = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)


def delivery(script: Script) -> tuple[Fate, timedelta | None, int]:
    """What came of one event that was sent to such an LMS, and how many times it was sent."""
    with speaking(script) as (port, heard):
        lms = Lms(sender("lms", ANSWER_LIMIT), ("masters",), [NAME], lambda host: ["127.0.0.1"])
        tenant = a_tenant(callback_url=f"http://{NAME}:{port}/hooks")
        done = lms.deliver(tenant, an_lms_event(), NOW, TIMEOUT_S)
    return done.fate, done.retry_after, len(heard)


@pytest.mark.parametrize(
    ("script", "fate"),
    [
        pytest.param(dripping(OK + b"Content-Length: 999\r\n\r\n"), Fate.UNREACHED, id="a body"),
        pytest.param(dripping(OK + b"\r\n"), Fate.UNREACHED, id="a body without a length"),
        pytest.param(dripping(OK + b"X-Header: "), Fate.UNREACHED, id="a header"),
        pytest.param(dripping(b"HTTP/1.1 200 "), Fate.UNREACHED, id="a status"),
        pytest.param(dripping(CHUNKED + b"1;"), Fate.UNREACHED, id="a chunk's length"),
        pytest.param(
            dripping(byte=b"HTTP/1.1 100 Continue\r\n\r\n"), Fate.UNREACHED, id="that it goes on"
        ),
        pytest.param(dripping(CHUNKED, byte=b"1\r\nx\r\n"), Fate.UNREACHED, id="chunks of a byte"),
        pytest.param(once(silent_s=2 * TIMEOUT_S), Fate.UNREACHED, id="nothing at all"),
    ],
)
def test_what_drips_is_not_waited_for(script: Script, fate: Fate) -> None:
    """Each byte comes in time; all of them never do."""
    began = time.monotonic()
    assert delivery(script) == (fate, None, 1)
    assert time.monotonic() - began < IN_TIME_S


@pytest.mark.parametrize(
    ("script", "fate"),
    [
        pytest.param(endless(OK + b"\r\n", again=b"x" * 65536), Fate.TAKEN, id="body"),
        pytest.param(
            endless(CHUNKED, again=b"1000\r\n" + b"x" * 4096 + b"\r\n"), Fate.TAKEN, id="chunks"
        ),
        pytest.param(once(UNPACK, BOMB), Fate.TAKEN, id="a body that unpacks to 64 MiB"),
        pytest.param(endless(OK, again=b"X-Header: x\r\n"), Fate.UNREACHED, id="headers"),
        pytest.param(endless(OK + b"X-H: ", again=b"x" * 4096), Fate.UNREACHED, id="one header"),
        pytest.param(endless(again=b"x" * 4096), Fate.UNREACHED, id="a status"),
        pytest.param(
            endless(again=b"HTTP/1.1 100 Continue\r\n\r\n"), Fate.UNREACHED, id="that it goes on"
        ),
        pytest.param(endless(CHUNKED, again=b"f" * 4096), Fate.UNREACHED, id="a chunk's length"),
    ],
)
def test_what_never_ends_is_cut(script: Script, fate: Fate) -> None:
    """2xx is an answer whatever follows it; a head that does not end is none."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        assert delivery(script) == (fate, None, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < IN_TIME_S
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        pytest.param(OK + b"Content-Length: 0\r\n\r\n", Fate.TAKEN, id="only a head"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", Fate.TAKEN, id="no content"),
        pytest.param(
            b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", Fate.TAKEN, id="some"
        ),
        pytest.param(OK + b"Content-Length: -5\r\n\r\nx", Fate.TAKEN, id="a length below nothing"),
        pytest.param(OK + b"Content-Length: 9\r\n\r\nx", Fate.UNREACHED, id="half of a body"),
        pytest.param(CHUNKED + b"-1\r\n\r\n", Fate.UNREACHED, id="a chunk below nothing"),
        pytest.param(CHUNKED + b"zz\r\n\r\n", Fate.UNREACHED, id="a chunk without a length"),
        pytest.param(OK + b"Content-Encoding: gzip\r\n\r\nno", Fate.UNREACHED, id="no gzip"),
        pytest.param(b"HTTP/1.1 999 What\r\n\r\n", Fate.UNREACHED, id="a status nobody has"),
        pytest.param(b"HTTP/1.1 -1 What\r\n\r\n", Fate.UNREACHED, id="a status below nothing"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\n", Fate.UNREACHED, id="a status in words"),
        pytest.param(b"HTTP/9.9 200 OK\r\n\r\n", Fate.UNREACHED, id="a protocol to come"),
        pytest.param(b"\0\xff\xfe" * 99, Fate.UNREACHED, id="noise"),
        pytest.param(
            OK + b"\xff\xfe: \xff\r\nContent-Length: 0\r\n\r\n", Fate.TAKEN, id="noise within"
        ),
        pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Fate.TAKEN, id="bare line ends"),
    ],
)
def test_what_is_no_answer_is_tried_again(answer: bytes, fate: Fate) -> None:
    assert delivery(once(answer)) == (fate, None, 1)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/metadata/identity/oauth2/token",
        "http://127.0.0.1/",
        "https://elsewhere.example/",
        "//[::1]/",
        "file:///etc/passwd",
        "javascript:x",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int, location: str) -> None:
    """Nobody checked where it leads. The one request goes where the tenant's callback is."""
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    assert delivery(once(head.encode())) == (Fate.UNREACHED, None, 1)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        pytest.param("-1", None, id="negative"),
        pytest.param("31536000", timedelta(hours=1), id="a year"),
        pytest.param("9" * 4000, None, id="for ever"),
        pytest.param("1e9", timedelta(hours=1), id="in thousands"),
        pytest.param("nan", None, id="no number"),
        pytest.param("soon", None, id="a word"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", None, id="long ago"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=1), id="in 8,000 years"),
        pytest.param("Fri, 31 Dec 99999 23:59:59 GMT", None, id="in no year there is"),
        pytest.param("Fri, 31 Dec 2026 23:59:59 +9999999999", None, id="in no zone there is"),
    ],
)
def test_no_pause_it_asks_for_is_longer_than_an_hour(text: str, wait: timedelta | None) -> None:
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n"
    assert delivery(once(head.encode())) == (Fate.UNREACHED, wait, 1)


def test_graphs_answers_are_cut_too() -> None:
    """A larger one than any is, yet bounded."""
    with speaking(endless(OK + b"\r\n", again=b" " * 1024 * 1024)) as (port, _):
        answer = sender("graph")(Call("GET", f"http://127.0.0.1:{port}/", timeout_s=20))
    assert len(answer.body) == GRAPH_LIMIT
