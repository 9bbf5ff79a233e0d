"""Requests and replies as plain values, routes, and the ASGI adapter that serves them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

H = TypeVar("H")


@dataclass(slots=True)
class Request:
    """One HTTP request. *path* is still percent-encoded; header names are lower-case."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = "https://localhost"

    @property
    def segments(self) -> list[str]:
        """The path's parts, each decoded by itself: an id may hold an encoded slash."""
        return [unquote(part) for part in self.path.strip("/").split("/")]

    def json(self) -> Any:
        """The body as JSON; ValueError (also for bad UTF-8) when it is not."""
        return json.loads(self.body.decode())

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @classmethod
    def of(
        cls,
        method: str,
        url: str,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Request:
        """A request made in process. *url* may be absolute or begin with a slash."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        if payload is not None and body is None:
            body = json.dumps(payload).encode()
            lower.setdefault("content-type", "application/json")
        origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "https://localhost"
        path = quote(parts.path, safe="/%$:@!&'()*+,;=~-._")
        query = quote(parts.query, safe="/%$:@!&'()*+,;=~-._?")
        return cls(method.upper(), path, query, lower, body or b"", origin)


@dataclass(slots=True)
class Reply:
    """One HTTP answer; with *drop*, the connection is closed instead of answering."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False

    @classmethod
    def of(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        return cls(
            status,
            json.dumps(value, separators=(",", ":")).encode(),
            {"content-type": "application/json; charset=utf-8", **(headers or {})},
        )

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Application(Protocol):
    """What a simulator must offer to be served."""

    async def answer(self, request: Request) -> Reply: ...


class Router(Generic[H]):
    """Finds a handler by method and path; `{name}` in a template takes one segment."""

    def __init__(self, *, ignore_case: bool = False) -> None:
        self._routes: dict[int, list[tuple[str, list[str], H]]] = {}
        self._ignore_case = ignore_case

    def add(self, method: str, template: str, handler: H) -> None:
        parts = template.strip("/").split("/")
        self._routes.setdefault(len(parts), []).append((method, parts, handler))

    def find(self, method: str, segments: list[str]) -> tuple[H, dict[str, str]] | None:
        for wanted, parts, handler in self._routes.get(len(segments), ()):
            if wanted == method and (found := self._match(parts, segments)) is not None:
                return handler, found
        return None

    def knows(self, segments: list[str]) -> bool:
        """Is there such a path, by whatever method?"""
        routes = self._routes.get(len(segments), ())
        return any(self._match(parts, segments) is not None for _, parts, _ in routes)

    def _match(self, parts: list[str], segments: list[str]) -> dict[str, str] | None:
        found: dict[str, str] = {}
        for part, segment in zip(parts, segments, strict=True):
            if part[0] == "{":
                found[part[1:-1]] = segment
            elif part != segment and not (
                self._ignore_case and part.casefold() == segment.casefold()
            ):
                return None
        return found


def call(app: Application, request: Request) -> Reply:
    """Answer in process, from a thread that runs no event loop."""
    return asyncio.run(_answered(app, request))


async def _answered(app: Application, request: Request) -> Reply:
    return await app.answer(request)


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def asgi(app: Application) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The application as ASGI. Dropping needs the protocol class in `serve`."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        request = Request(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            headers,
            body,
            f"{scope['scheme']}://{headers.get('host', 'localhost')}",
        )
        reply = await app.answer(request)
        if reply.drop:
            scope["extensions"]["simulator"]["abort"]()
            await receive()  # returns when the connection is gone
            return
        raw = [(n.lower().encode(), v.encode("latin-1")) for n, v in reply.headers.items()]
        if reply.status != 204:
            raw.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    return serve
