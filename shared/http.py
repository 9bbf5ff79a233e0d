"""Sending HTTP requests: the one file that names requests and opens sockets."""

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
from socket import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.errors import Broken

if TYPE_CHECKING:
    from requests import Response, Session
    from requests.adapters import HTTPAdapter

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


def sender(system: str, answer_limit: int = ANSWER_LIMIT) -> Send:
    """A ``Send`` over one pool of connections, safe to share between threads.

    Certificates are verified (``REQUESTS_CA_BUNDLE`` is honoured), redirects are never followed,
    and an answer's body is cut at *answer_limit* bytes.
    """
    import requests

    # One pool for both schemes. No session: its cookies, its ~/.netrc and what it merges into each
    # request are wanted by nobody here, and cost as much as the sending.
    adapter = _adapter()(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS)

    def send(call: Call) -> Answer:
        try:
            with _answered(adapter, call) as response:
                body = response.raw.read(answer_limit, decode_content=True)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body)
        except (requests.RequestException, OSError, UnicodeError) as error:
            # UnicodeError: a token or an address from outside that no header can hold.
            kind = "timeout" if isinstance(error, requests.Timeout) else "no_answer"
            raise Broken(system, kind, type(error).__name__) from error
        except Exception as error:
            # urllib3 raises its own while a body is read; no answer is no answer.
            if type(error).__module__.startswith("urllib3"):
                raise Broken(system, "no_answer", type(error).__name__) from error
            raise

    return send


def session_for_others() -> Session:
    """For a library that sends by itself: connections enough for all our threads, no retries."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(CONNECTIONS, CONNECTIONS))
    return session


def session_within(timeout_s: float) -> Session:
    """For a library that sends by itself; *timeout_s* bounds its answers as that of a ``Call``."""
    import requests

    session = requests.Session()
    session.request = partial(session.request, timeout=timeout_s)  # type: ignore[method-assign]
    for scheme in ("https://", "http://"):
        session.mount(scheme, _adapter()(max_retries=1))
    return session


def _answered(adapter: HTTPAdapter, call: Call) -> Response:
    """The answer by the first of the call's addresses that can be connected to."""
    if not call.addresses:
        return _sent(adapter, call, "", call.timeout_s)
    addresses = call.addresses[:MOST_ADDRESSES]
    # Together no longer than one connecting may take.
    share_s = call.timeout_s / len(addresses)
    for address in addresses[:-1]:
        try:
            return _sent(adapter, call, address, share_s)
        except OSError as error:
            if not _never_connected(error):
                raise
    return _sent(adapter, call, addresses[-1], share_s)


def _sent(adapter: HTTPAdapter, call: Call, address: str, connect_s: float) -> Response:
    import requests

    request = requests.PreparedRequest()
    request.prepare(call.method, call.url, {**USUAL, **call.headers}, data=call.body)
    # The adapter below reads it; requests itself has no word for it.
    request.pinned_to = address  # type: ignore[attr-defined]
    proxies, bundle = _surroundings(call.url)
    timeout_s = (connect_s, call.timeout_s)
    return adapter.send(request, timeout=timeout_s, verify=bundle or True, proxies=proxies)


def _surroundings(url: str) -> tuple[dict[str, str], str]:
    """Proxies and certificate authorities as the environment names them for *url*."""
    scheme, host = urlsplit(url)[:2]
    return _proxies(f"{scheme}://{host}"), os.environ.get("REQUESTS_CA_BUNDLE", "")


@lru_cache(1024)
def _proxies(origin: str) -> dict[str, str]:
    from requests.utils import get_environ_proxies

    return get_environ_proxies(origin)


def _never_connected(error: OSError) -> bool:
    """Whether nothing was sent yet, so that another address may be tried."""
    import requests
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


@cache
def _adapter() -> type[HTTPAdapter]:
    """An adapter that connects where a request is pinned to, and waits for no dripping answer.

    Its connections are pooled by address and name, so none is shared with another name or with an
    address nobody checked.
    """
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

    class Pinning(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}

        def build_connection_pool_key_attributes(
            self, request: Any, verify: Any, cert: Any = None
        ) -> Any:
            pool: Any = super().build_connection_pool_key_attributes(request, verify, cert)
            where, tls = pool
            address = getattr(request, "pinned_to", "")
            if not address:
                return where, tls
            # Else it would be the address: that is where urllib3 connects to.
            request.headers["Host"] = urlsplit(request.url).netloc
            # The name is shown to the server (SNI), and its certificate must be for it.
            tls = {**tls, "server_hostname": str(where["host"]).strip("[]")}
            return {**where, "host": f"[{address}]" if ":" in address else address}, tls

    return Pinning


class _Arriving(RawIOBase):
    """The bytes of one answer, all of which must come within the socket's timeout.

    The timeout by itself begins anew with every byte.
    """

    def __init__(self, raw: RawIOBase, sock: socket) -> None:
        self._raw = raw
        self._socket = sock
        self._timeout_s = sock.gettimeout()
        self._end = time.monotonic() + (self._timeout_s or inf)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer takes too long")
        self._socket.settimeout(None if left_s == inf else left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            with suppress(OSError):  # it may be closed already; else it may serve another request
                self._socket.settimeout(self._timeout_s)
            self._raw.close()
        super().close()


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
