"""One of each kind of trigger. What happened is kept in EVENTS, and told by `GET /api/events`."""

# The worker reads these annotations at run time, and knows no `list[str]` for outputs.
import asyncio
import json
import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, List, cast  # noqa: UP035

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
log = logging.getLogger("tiny")

EVENTS: list[dict[str, Any]] = []


def note(what: str, **facts: Any) -> None:
    EVENTS.append({"what": what, "at": datetime.now(UTC).isoformat(), **facts})


def as_json(content: object) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(content), mimetype="application/json")


@app.route(route="events", methods=["GET"])
def events(req: func.HttpRequest) -> func.HttpResponse:
    what = req.params.get("what")
    return as_json([event for event in EVENTS if not what or event["what"] == what])


@app.route(route="Echo/{name}/{number:int?}", methods=["GET", "POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Everything that came with the request."""
    headers: Mapping[str, str] = req.headers
    return as_json(
        {
            "method": req.method,
            "url": req.url,
            "query": dict(req.params),
            "route": dict(req.route_params),
            "headers": dict(headers),
            "body": req.get_body().hex(),
        }
    )


@app.route(route="thing/{anything}", methods=["GET"])
def first_by_name(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("general")


@app.route(route="thing/particular", methods=["GET", "POST"])
def second_by_name(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("particular")


@app.route(route="answer/{status:int}", methods=["POST"])
def answer(req: func.HttpRequest) -> func.HttpResponse:
    """The body sent, with that status, two headers and two cookies."""
    response = func.HttpResponse(
        req.get_body(),
        status_code=int(req.route_params["status"]),
        headers={"x-one": "1", "Content-Type": "application/problem+json"},
    )
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "b=2; Path=/x; Secure")
    return response


@app.route(route="text")
def text(req: func.HttpRequest) -> str:
    return "plain"


@app.route(route="boom")
def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("bang\nover two lines")


@app.route(route="slow")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Blocks a thread for `?s=` seconds; tells how many did so at once."""
    time.sleep(float(req.params["s"]))
    return func.HttpResponse(threading.current_thread().name)


@app.route(route="aslow")
async def aslow(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    await asyncio.sleep(float(req.params["s"]))
    log.info("aslow.done", extra={"who": context.function_name})
    return func.HttpResponse(context.invocation_id)


@app.route(route="times")
def times(req: func.HttpRequest) -> func.HttpResponse:
    started = time.monotonic()
    time.sleep(0.05)
    return as_json(
        {
            "time": time.time(),
            "time_ns": time.time_ns() / 1e9,
            "datetime": datetime.now(UTC).timestamp(),
            "gmtime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "slept": time.monotonic() - started,
        }
    )


@app.route(route="log")
def logged(req: func.HttpRequest) -> func.HttpResponse:
    log.info("thing.done", extra={"count": 3, "name_of": "é"})
    return func.HttpResponse("")


@app.timer_trigger(arg_name="timer", schedule="%TINY_CRON%")
def tick(timer: func.TimerRequest) -> None:
    status = cast("Any", timer).schedule_status  # documented, and not in every SDK's types
    note("tick", past_due=timer.past_due, next=status["Next"])


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def long_tick(timer: func.TimerRequest) -> None:
    note("long_tick begins")
    time.sleep(0.4)
    note("long_tick ends")


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
@app.queue_output(arg_name="work", queue_name="%TINY_QUEUE%", connection="TINY")
def fan_out(timer: func.TimerRequest, work: func.Out[List[str]]) -> None:  # noqa: UP006
    work.set(["one", "two", "fail", "chain"])


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
def failing(timer: func.TimerRequest) -> None:
    raise RuntimeError("not today")


@app.queue_trigger(arg_name="message", queue_name="%TINY_QUEUE%", connection="TINY")
@app.queue_output(arg_name="more", queue_name="%TINY_QUEUE%", connection="TINY")
def work(message: func.QueueMessage, more: func.Out[str]) -> None:
    """Fails on "fail"; on "chain" queues "chained"."""
    content = message.get_body().decode()
    note("work", content=content, count=message.dequeue_count)
    time.sleep(0.05)
    if content == "fail":
        raise RuntimeError("as told")
    if content == "chain":
        more.set("chained")
