"""The function app as the Azure Functions host serves it, on this machine alone.

    python dev.py host [--port 7071] [--clock 2026-04-25T08:00:00Z] [--no-timers] [--app DIRECTORY]

Microsoft's own worker indexes and runs the app (`worker`); this module is the host around it: HTTP
routes, timers, queues, and the host's own API under `/admin`. It asks for no keys, as Core Tools
do. What it does not imitate is in docs/local-host.md. Prints one line on standard output,
`ready http://127.0.0.1:PORT`, when it serves; logs go to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.local import logs, worker
from tests.local.clock import Clock, ClockError, parse_instant
from tests.local.ncrontab import Schedule
from tests.local.routes import Route, Router
from tests.local.timers import fire, timer_data
from tests.local.worker import Function, Message, Outcome

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tests.local.queues import Queues

log = logging.getLogger("host")

ROOT = Path(__file__).resolve().parents[2]

# Settings that a deployment gives the app, for those the environment does not.
DEFAULT_SETTINGS = {
    "SCHEDULE_CRON": "0 0 */3 * * *",
    "CATCH_UP_CRON": "0 * * * * *",
    "ATTENDANCE_CRON": "0 30 2 * * *",
    worker.THREADS_SETTING: "16",
    # As Core Tools say that an app runs on a developer's machine.
    "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
}

# What stopping may take in all; then what still runs is abandoned, as a crash would.
STOP_WITHIN_S = 4.5
_GRACE_FOR_REQUESTS_S = 3
_LARGEST_BODY = 100 * 1024 * 1024  # the host's own limit


class HostFault(Exception):
    """The app or host.json asks for something that the host refuses; the message says what."""


@dataclass(frozen=True, slots=True)
class HostJson:
    """What this host reads of host.json, with the real host's defaults."""

    route_prefix: str = "api"
    queues: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, path: Path) -> HostJson:
        """Read the file.

        Raises:
            HostFault: It is missing or not JSON.
        """
        try:
            extensions = json.loads(path.read_text()).get("extensions", {})
        except (OSError, ValueError) as error:
            raise HostFault(f"host.json: {error}") from error
        prefix = str(extensions.get("http", {}).get("routePrefix", "api"))
        return cls(route_prefix=prefix.strip("/"), queues=extensions.get("queues", {}))


class Host:
    """An ASGI application: the app's functions, and the host's API under `/admin`."""

    def __init__(self, functions: Sequence[Function], settings: HostJson, clock: Clock) -> None:
        """Take an indexed app.

        Raises:
            HostFault: A function's route, schedule or trigger cannot be served.
        """
        self.clock = clock
        self._functions = {function.name.lower(): function for function in functions}
        self._settings = settings
        self._router = Router(_http_rows(functions))
        self._schedules = {f.name: _schedule(f) for f in functions if f.kind == "timertrigger"}
        self._queues: Queues | None = None
        self._timers: list[asyncio.Task[None]] = []
        self._invocations: set[asyncio.Task[Outcome]] = set()
        for function in functions:
            if function.kind not in {"httptrigger", "timertrigger", "queuetrigger"}:
                raise HostFault(f"{function.name}: this host serves no {function.trigger['type']}")

    def start(self, *, timers: bool) -> None:
        """Begin with what nobody has to ask for: queues, and timers if so told."""
        for function in self._functions.values():
            if timers and function.kind == "timertrigger":
                self._timers.append(asyncio.create_task(self._fire(function)))
        if any(_is_queue(b) for f in self._functions.values() for b in f.bindings):
            self._serve_queues()

    async def stop(self) -> None:
        """Start nothing more, and wait for what runs to end."""
        for timer in self._timers:
            timer.cancel()
        if self._queues:
            await self._queues.close()
        await asyncio.gather(*self._timers, *self._invocations, return_exceptions=True)

    # --- HTTP ---------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except HTTPException as refused:
            response = JSONResponse({"error": refused.detail}, refused.status_code)
        except asyncio.CancelledError:  # the host is being stopped, and this took too long
            response = Response(status_code=503)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        if path == "/admin" or path.startswith("/admin/"):
            return await self._administer(request, path.removeprefix("/admin").strip("/"))
        prefix = f"/{self._settings.route_prefix}" if self._settings.route_prefix else ""
        if not path.lower().startswith(f"{prefix}/".lower()):
            return Response(status_code=404)
        found = self._router.find(request.method, path[len(prefix) :])
        if isinstance(found, int):
            return Response(status_code=found)
        function, parameters = found
        data = _http_data(request, path, parameters, await _body(request))
        # What was begun goes on, whoever waits for it.
        return _http_response(await asyncio.shield(self._start_invocation(function, data)))

    async def _administer(self, request: Request, path: str) -> Response:
        match request.method, path.split("/"):
            case "GET", ["functions"]:
                return JSONResponse([self._describe(f) for f in self._functions.values()])
            case "POST", ["functions", name]:
                return await self._run_once(request, name)
            case "GET", ["clock"]:
                return self._clock_state()
            case "POST", ["clock"]:
                return await self._set_clock(request)
        raise HTTPException(404, "no such part of the host's API")

    def _describe(self, function: Function) -> dict[str, Any]:
        route = _route(function) if function.kind == "httptrigger" else None
        prefix = self._settings.route_prefix
        return {
            "name": function.name,
            "language": "python",
            "invoke_url_template": f"/{prefix}/{route}".replace("//", "/") if route else None,
            "config": {"bindings": [dict(binding) for binding in function.bindings]},
        }

    async def _run_once(self, request: Request, name: str) -> Response:
        """Start a function that needs no request; wait for its end, and its work's, if asked."""
        function = self._functions.get(name.lower())
        if not function:
            raise HTTPException(404, f"there is no function {name!r}")
        if function.kind == "httptrigger":
            raise HTTPException(400, f"{function.name} is started by a request to its route")
        given = (await _json_object(request)).get("input", "")
        text = given if isinstance(given, str) else json.dumps(given)
        if function.kind == "timertrigger":
            data = timer_data(self.clock, self._schedules[function.name])
        else:
            data = Message(string=text)
        run = self._start_invocation(function, data)
        if request.query_params.get("wait", "0") in {"", "0", "false"}:
            return Response(status_code=202)
        outcome = await asyncio.shield(run)
        await self._drained()
        ended = "failed" if outcome.error else "succeeded"
        return Response(status_code=204, headers={"x-invocation-outcome": ended})

    async def _drained(self) -> None:
        if self._queues:
            from azure.core.exceptions import AzureError

            try:
                await self._queues.drained()
            except AzureError as error:
                raise HTTPException(503, f"a queue cannot be reached: {error}") from error

    def _clock_state(self) -> Response:
        now = self.clock.now().isoformat().replace("+00:00", "Z")
        return JSONResponse({"now": now, "frozen": self.clock.frozen, "set": self.clock.is_set})

    async def _set_clock(self, request: Request) -> Response:
        wanted = await _json_object(request)
        frozen = wanted.get("frozen", False)
        if not isinstance(frozen, bool):
            raise HTTPException(400, f"frozen is true or false, not {frozen!r}")
        try:
            now = parse_instant(wanted["now"]) if "now" in wanted else None
            self.clock.move(now, frozen=frozen)
        except ClockError as error:
            raise HTTPException(400, str(error)) from error
        return self._clock_state()

    # --- running functions --------------------------------------------------------------------

    async def _invoke(
        self, function: Function, data: Message, metadata: Mapping[str, Message] | None = None
    ) -> Outcome:
        """Run a function, send what it put into its output bindings, log how it went."""
        invocation_id = str(uuid.uuid4())
        started = time.perf_counter()
        with logs.invocation(invocation_id, function.name):
            outcome = await worker.invoke(function, invocation_id, data, metadata)
            if not outcome.error:
                try:
                    await self._send_outputs(function, outcome)
                except Exception as error:
                    log.exception("output not sent")
                    outcome = Outcome(error=f"output not sent: {error}")
            facts = {"ms": round((time.perf_counter() - started) * 1000)}
            if outcome.error:
                log.error("failed: %s", outcome.error, extra=facts)
                sys.stderr.write(outcome.trace)
                sys.stderr.flush()
            else:
                log.info("succeeded", extra=facts)
        return outcome

    async def _send_outputs(self, function: Function, outcome: Outcome) -> None:
        for binding in function.bindings:
            if str(binding["type"]).lower() == "queue":
                is_return = binding["name"] == "$return"
                data = outcome.value if is_return else outcome.outputs.get(binding["name"])
                if data is not None and self._queues:
                    await self._queues.send(_resolved(binding), data)

    async def _fire(self, function: Function) -> None:
        async def run(data: Message) -> None:
            # The host's stop ends the timer, not the invocation.
            await asyncio.shield(self._start_invocation(function, data))

        on_startup = bool(function.trigger.get("runOnStartup"))
        await fire(self.clock, self._schedules[function.name], run, on_startup=on_startup)

    def _start_invocation(self, function: Function, data: Message) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(self._invoke(function, data))
        self._invocations.add(task)
        task.add_done_callback(self._invocations.discard)
        return task

    def _serve_queues(self) -> None:
        # Imported for apps with queues only: the SDK takes longer to load than all the rest.
        from tests.local.queues import ConnectionFault, QueueOptions, Queues

        self._queues = Queues(QueueOptions.parse(self._settings.queues or {}), os.environ)
        for function in self._functions.values():
            if function.kind == "queuetrigger":
                try:
                    self._queues.serve(_resolved(function.trigger), self._queue_run(function))
                except (HostFault, ConnectionFault) as fault:
                    # As the real host: this function is in error, the others run.
                    log.error("%s is not served: %s", function.name, fault)

    def _queue_run(
        self, function: Function
    ) -> Callable[[Message, Mapping[str, Message]], Awaitable[bool]]:
        async def run(data: Message, metadata: Mapping[str, Message]) -> bool:
            return not (await self._invoke(function, data, metadata)).error

        return run


# --- bindings ---------------------------------------------------------------------------------


def resolve(text: str, environ: Mapping[str, str]) -> str:
    """Put settings in the place of `%NAME%`.

    Raises:
        HostFault: One is not set.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise HostFault(f"'%{found[1]}%' does not resolve: the setting is missing")
        return environ[found[1]]

    return re.sub(r"%([^%]+)%", value, text)


def _resolved(binding: Mapping[str, Any]) -> dict[str, Any]:
    return {k: resolve(v, os.environ) if isinstance(v, str) else v for k, v in binding.items()}


def _is_queue(binding: Mapping[str, Any]) -> bool:
    return str(binding["type"]).lower() in {"queue", "queuetrigger"}


def _schedule(function: Function) -> Schedule:
    try:
        return Schedule.parse(resolve(str(function.trigger["schedule"]), os.environ))
    except ValueError as error:
        raise HostFault(f"{function.name}: {error}") from error


def _route(function: Function) -> str:
    return str(function.trigger.get("route") or function.name)


def _http_rows(
    functions: Sequence[Function],
) -> Iterator[tuple[str, Route, frozenset[str], Function]]:
    for function in functions:
        if function.kind == "httptrigger":
            methods = frozenset(str(m).upper() for m in function.trigger.get("methods") or ())
            try:
                yield function.name, Route(_route(function)), methods, function
            except ValueError as error:
                raise HostFault(f"{function.name}: {error}") from error


# --- requests and responses -------------------------------------------------------------------


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise HTTPException(413, "the host takes bodies up to 100 MiB")
        parts.append(part)
    return b"".join(parts)


async def _json_object(request: Request) -> dict[str, Any]:
    body = await _body(request)
    try:
        content = json.loads(body or b"{}")
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return content


def _http_data(request: Request, path: str, parameters: Mapping[str, str], body: bytes) -> Message:
    """A request as the host hands it to the worker: one text per name, several joined by a comma.
    Headers are in lower case; an empty query value is left out; the body is the bytes as sent.
    """
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query: dict[str, str] = {}
    names: dict[str, str] = {}  # as first spelled: the host tells no case apart
    for name, value in request.query_params.multi_items():
        key = names.setdefault(name.lower(), name)
        query[key] = f"{query[key]},{value}" if key in query else value
    search = request.scope["query_string"].decode("latin-1")
    url = f"{request.url.scheme}://{headers.get('host', '127.0.0.1')}{path}"
    return Message(
        http=Message(
            method=request.method,
            url=f"{url}?{search}" if search else url,
            headers=headers,
            query={name: value for name, value in query.items() if value},
            params=dict(parameters),
            body=Message(bytes=body),
        )
    )


_SAME_SITE: Mapping[int, Literal["lax", "strict", "none"]] = {1: "lax", 2: "strict", 3: "none"}


def _http_response(outcome: Outcome) -> Response:
    if outcome.error:
        return Response(status_code=500)
    if outcome.value is None:
        return Response(status_code=204)
    answer = outcome.value.http
    if answer is None:  # a function that returns text rather than a response
        return Response(outcome.value.string, media_type="text/plain")
    response = Response(answer.body.bytes, int(answer.status_code))
    for name, value in answer.headers.items():
        if name.lower() not in {"content-length", "transfer-encoding"}:
            response.headers[name] = value
    for cookie in answer.cookies or ():
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=int(cookie.max_age.value) if cookie.max_age else None,
            path=cookie.path.value if cookie.path else None,
            secure=bool(cookie.secure and cookie.secure.value),
            httponly=bool(cookie.http_only and cookie.http_only.value),
            samesite=_SAME_SITE.get(cookie.same_site),
        )
    return response


# --- the process ------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """Uvicorn, telling when it serves, with its signals left to `_stop_on_signals`."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        port = sockets[0].getsockname()[1] if sockets else self.config.port
        print(f"ready http://127.0.0.1:{port}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _stop_on_signals(server: uvicorn.Server, loop: asyncio.AbstractEventLoop) -> None:
    """End within STOP_WITHIN_S of SIGINT or SIGTERM, whatever functions do; at a second: now."""

    def give_up() -> None:
        log.warning("stopped before these had ended: %s", ", ".join(logs.running()) or "-")
        _exit(0)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if server.should_exit:
            os._exit(1)
        server.should_exit = True
        watch = threading.Timer(STOP_WITHIN_S, give_up)
        watch.daemon = True
        watch.start()
        loop.call_soon_threadsafe(lambda: None)  # wake a loop that waits

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _exit(status: int) -> None:
    """End now: the worker's threads may still run a function, and would be waited for."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _listen(port: int) -> socket.socket:
    # The protocol is named because asyncio sends small packets at once only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere it would let two processes share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise HostFault(f"port {port} of 127.0.0.1 cannot be had: {error.strerror}") from error
    return listener


async def _serve(directory: Path, port: int, clock: Clock, *, timers: bool) -> None:
    listener = _listen(port)
    functions = await worker.load(directory)
    if not functions:
        raise HostFault(f"{directory / 'function_app.py'} has no functions")
    host = Host(functions, HostJson.read(directory / "host.json"), clock)
    server = _Server(
        uvicorn.Config(
            host,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            # As Kestrel: a client that keeps a connection should find it open.
            timeout_keep_alive=130,
            timeout_graceful_shutdown=_GRACE_FOR_REQUESTS_S,
        )
    )
    _stop_on_signals(server, asyncio.get_running_loop())
    host.start(timers=timers)
    await server.serve(sockets=[listener])
    await host.stop()  # cut short by `give_up`, where it takes too long


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; return 0 then, 1 with the reason if it cannot be served."""
    parser = argparse.ArgumentParser(prog="dev.py host", description="Serve the function app.")
    parser.add_argument("--port", type=int, default=7071, help="0: a free one (default: 7071)")
    parser.add_argument("--clock", metavar="INSTANT", help="live at this time, ticking on")
    parser.add_argument("--no-timers", action="store_true", help="fire no timer by itself")
    parser.add_argument("--app", metavar="DIRECTORY", type=Path, default=ROOT, help="another app")
    options = parser.parse_args(arguments)
    try:
        clock = Clock(parse_instant(options.clock) if options.clock else None)
    except ClockError as error:
        parser.error(f"argument --clock: {error}")
    logs.configure()
    for name, value in DEFAULT_SETTINGS.items():
        os.environ.setdefault(name, value)
    _import_app_from(options.app)
    try:
        asyncio.run(_serve(options.app, options.port, clock, timers=not options.no_timers))
    except (HostFault, worker.AppError) as error:
        print(f"host: {error}", file=sys.stderr)
        return 1
    _exit(0)
    return 0


def _import_app_from(directory: Path) -> None:
    """Let an app elsewhere import from there only: not from this repository what it lacks."""
    if directory.resolve() != ROOT:
        import tests.local.queues  # noqa: F401  while it can be found

        sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
