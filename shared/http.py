"""Sending HTTP requests: the one file that names requests and its urllib3, and opens sockets."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache, partial
from io import BufferedReader, RawIOBase
from math import inf
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

from shared.errors import Broken

if TYPE_CHECKING:
    from ssl import SSLContext

    from requests import PreparedRequest, Session
    from requests.adapters import HTTPAdapter
    from urllib3.response import BaseHTTPResponse
    from urllib3.util import Url

MOST_ADDRESSES = 4
USUAL = {"User-Agent": "teams-communications-connector", "Accept-Encoding": "gzip, deflate"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request not yet sent. *timeout_s* bounds the connecting, and then the answer as a whole.

    *addresses* are where to connect, the first that lets us, whatever the host's name leads to by
    then; certificate and ``Host`` are the name's all the same. Empty: the name is looked up.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 30.0
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """*headers* have lower-case names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON, None when it is none or nested deeper than Python follows."""
        try:
            return json.loads(self.body) if self.body else None
        except (ValueError, RecursionError):
            return None


Send = Callable[[Call], Answer]
"""Raises ``Broken`` when no answer came; it may have been carried out."""

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of an answer: as JSON of little things they take twenty times as much memory."""
CONNECTIONS = 64
SLACK_S = 0.05
"""By so much an answer may outstay its time: telling the socket each time costs more than most
reads."""


def sender(system: str, answer_limit: int = ANSWER_LIMIT) -> Send:
    """A ``Send`` over one pool of connections, safe to share between threads.

    Certificates are verified (``REQUESTS_CA_BUNDLE`` is honoured), redirects are never followed,
    and an answer's body is cut at *answer_limit* bytes.
    """
    from urllib3 import exceptions

    # Its pools and its proxies, and nothing else: a session's cookies, its ~/.netrc and all that
    # requests makes of a request before it goes out are wanted by nobody here, and cost as much
    # as the sending.
    adapter = _adapter()(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS)

    def send(call: Call) -> Answer:
        try:
            response = _answered(adapter, call)
            try:
                body = response.read(answer_limit, decode_content=True)
            finally:
                response.close()  # what is left of a body that was cut must not be read as another
        except (exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: a token or an address from outside that no header can hold.
            late = isinstance(error, exceptions.TimeoutError)
            refused = isinstance(error, exceptions.NewConnectionError)  # a timeout to urllib3
            kind = "timeout" if late and not refused else "no_answer"
            raise Broken(system, kind, type(error).__name__) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, body)

    return send


def session_for_others() -> Session:
    """For a library that sends by itself: connections enough for all our threads, no retries."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.auth = _as_it_is  # else ~/.netrc is looked for with every request
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(CONNECTIONS, CONNECTIONS))
    return session


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request


def session_within(timeout_s: float) -> Session:
    """For a library that sends by itself; *timeout_s* bounds its answers as that of a ``Call``."""
    import requests

    session = requests.Session()
    session.request = partial(session.request, timeout=timeout_s)  # type: ignore[method-assign]
    for scheme in ("https://", "http://"):
        session.mount(scheme, _adapter()(max_retries=1))
    return session


def _answered(adapter: HTTPAdapter, call: Call) -> BaseHTTPResponse:
    """The answer by the first of the call's addresses that can be connected to."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    *first, last = call.addresses[:MOST_ADDRESSES] or ("",)
    # Together no longer than one connecting may take.
    share_s = call.timeout_s / (len(first) + 1)
    for address in first:
        try:
            return _sent(adapter, call, address, share_s)
        except (ConnectTimeoutError, NewConnectionError):
            continue  # nothing was sent yet
    return _sent(adapter, call, last, share_s)


def _sent(adapter: HTTPAdapter, call: Call, address: str, connect_s: float) -> BaseHTTPResponse:
    """The answer, whose body is still to come.

    Connections are pooled by address and name, so none is shared with another name or with an
    address nobody checked.
    """
    from urllib3.util import Timeout

    url = _parsed(call.url)
    host, proxy = url.host or "", _proxy(f"{url.scheme}://{url.netloc}")
    headers, target = {**USUAL, **call.headers}, url.request_uri
    if address:
        headers["Host"] = url.netloc or ""  # else it would be the address
    if proxy and url.scheme == "http":
        target = url.url
        headers |= adapter.proxy_headers(proxy)
    tls = {
        "ssl_context": _trusting(os.environ.get("REQUESTS_CA_BUNDLE", "")),
        # The name is shown to the server (SNI), and its certificate must be for it.
        "server_hostname": host.strip("[]"),
    }
    pools = adapter.proxy_manager_for(proxy) if proxy else adapter.poolmanager
    pool = pools.connection_from_host(
        (f"[{address}]" if ":" in address else address) or host,
        url.port,
        url.scheme,
        tls if url.scheme == "https" else None,
    )
    response: BaseHTTPResponse = pool.urlopen(
        call.method,
        target,
        call.body,
        headers,
        retries=False,
        redirect=False,
        assert_same_host=False,
        timeout=Timeout(connect_s, call.timeout_s),
        preload_content=False,
        decode_content=False,
    )
    return response


@lru_cache(1024)
def _parsed(url: str) -> Url:
    from urllib3.util import parse_url

    return parse_url(url)


@lru_cache(1024)
def _proxy(origin: str) -> str:
    """The proxy that the environment names for *origin*, "" for none."""
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(origin, get_environ_proxies(origin)) or ""


@lru_cache(4)
def _trusting(bundle: str) -> SSLContext:
    """TLS that trusts the authorities in *bundle*, or those requests does; read once, not for each
    connection."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    authorities = Path(bundle or DEFAULT_CA_BUNDLE_PATH)
    if authorities.is_dir():
        context.load_verify_locations(capath=authorities)
    else:
        context.load_verify_locations(authorities)
    return context


@cache
def _adapter() -> type[HTTPAdapter]:
    """An adapter that waits for no dripping answer."""
    from http.client import HTTPResponse

    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Response(HTTPResponse):
        def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp = BufferedReader(_Arriving(self.fp.detach(), sock))

    class Connection(HTTPConnection):
        response_class = Response

    class SecureConnection(HTTPSConnection):
        response_class = Response

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    classes = {"http": Pool, "https": SecurePool}

    class Bounded(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = classes

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = classes
            return manager

    return Bounded


class _Arriving(RawIOBase):
    """The bytes of one answer, all of which must come within the socket's timeout.

    The timeout by itself begins anew with every byte.
    """

    def __init__(self, raw: RawIOBase, sock: socket) -> None:
        self._raw = raw
        self._socket = sock
        self._timeout_s = sock.gettimeout()
        self._end = time.monotonic() + (self._timeout_s or inf)
        self._allowed_s = self._timeout_s or inf

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer takes too long")
        if self._allowed_s - left_s > SLACK_S:
            self._allow(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            if self._allowed_s != (self._timeout_s or inf):
                with suppress(OSError):  # closed already; else it may serve another request
                    self._allow(self._timeout_s or inf)
            self._raw.close()
        super().close()

    def _allow(self, seconds: float) -> None:
        self._socket.settimeout(None if seconds == inf else seconds)
        self._allowed_s = seconds


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """What ``Retry-After`` asks for, in seconds: whole, fractional or a date; None if unusable.

    Never more than an hour: a sweep comes by then anyway, and a peer that says a year is wrong.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(seconds, 3600.0) if 0 <= seconds < float("inf") else None
