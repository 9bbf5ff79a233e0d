"""`POST /$batch` (graph-facts 6.3): up to 20 requests in one, each metered by itself."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..wire import Reply, Request
from .errors import GraphError, application_throttled, bad_request
from .state import State

MAX_ITEMS = 20
AT_ONCE = 4
"""Graph forwards so many items of an unordered batch at a time."""


@dataclass(slots=True)
class Item:
    id: str
    request: Request
    depends_on: list[str]
    has_body: bool


Run = Callable[[Request], Awaitable[Reply]]


async def answer_batch(state: State, request: Request, body: Any, run: Run) -> Reply:
    """Run the items by *run* and gather their answers. Raises GraphError 400 for a bad batch."""
    items = _read(request, body)
    answers: dict[str, Reply] = {}
    if any(item.depends_on for item in items):
        for item in items:  # "fully sequential or fully parallel"
            failed = [name for name in item.depends_on if not _went_well(answers, name)]
            answers[item.id] = _failed_dependency(state) if failed else await _run(item, run)
    else:
        over = _over_the_mailbox(state, items)
        for item in over:
            error = application_throttled(_retry_after(state))
            answers[item.id] = error.reply(state.clock(), None)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(item: Item) -> None:
            async with gate:
                answers[item.id] = await _run(item, run)

        await asyncio.gather(*(one(item) for item in items if item.id not in answers))
    responses = [_response(item.id, answers[item.id]) for item in items]
    throttled = any(response["status"] == 429 for response in responses)
    with state.lock:
        if state.switches.batch_shuffled:
            state.random.shuffle(responses)
        status = state.switches.batch_throttled_status if throttled else 200
    return Reply.of({"responses": responses}, status)


async def _run(item: Item, run: Run) -> Reply:
    if item.has_body and "json" not in item.request.headers.get("content-type", ""):
        error = bad_request(
            "Write request id : " + item.id + " does not contain Content-Type header"
        )
        return Reply.of({"error": {"code": error.code, "message": error.message}}, 400)
    return await run(item.request)


def _read(request: Request, body: Any) -> list[Item]:
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests:
        raise bad_request("Invalid batch payload format.")
    if len(requests) > MAX_ITEMS:
        raise bad_request(
            f"Number of batch request steps exceeds the maximum value of {MAX_ITEMS}."
        )
    items: list[Item] = []
    seen: set[str] = set()
    for value in requests:
        item = _read_item(request, value)
        if item.id.casefold() in seen:
            raise bad_request(f"Duplicate request id: {item.id}")
        if any(name.casefold() not in seen for name in item.depends_on):
            raise bad_request(f"Request {item.id} depends on a request that does not precede it.")
        seen.add(item.id.casefold())
        items.append(item)
    return items


def _read_item(request: Request, value: Any) -> Item:
    if not isinstance(value, dict) or not all(value.get(n) for n in ("id", "method", "url")):
        raise bad_request("Invalid batch payload format: id, method and url are required.")
    headers = {str(k).lower(): str(v) for k, v in (value.get("headers") or {}).items()}
    headers.setdefault("authorization", request.headers.get("authorization", ""))
    body = value.get("body")
    url = "/" + str(value["url"]).lstrip("/")
    inner = Request.of(str(value["method"]), f"{request.origin}/v1.0{url}", None, headers)
    if body is not None:
        inner.body = json.dumps(body).encode()
    return Item(str(value["id"]), inner, list(value.get("dependsOn") or ()), body is not None)


def _went_well(answers: dict[str, Reply], name: str) -> bool:
    for known, reply in answers.items():
        if known.casefold() == name.casefold():
            return reply.status < 400
    return False


def _failed_dependency(state: State) -> Reply:
    error = GraphError(424, "FailedDependency", "A request this one depends on has failed.")
    return error.reply(state.clock(), None)


def _over_the_mailbox(state: State, items: list[Item]) -> list[Item]:
    """Users report that only four items for one mailbox succeed (graph-facts 6.3)."""
    if state.switches.batch_same_mailbox == "four_at_a_time":
        return []
    counts: Counter[str] = Counter()
    over = []
    for item in items:
        segments = item.request.segments
        mailbox = segments[2].casefold() if len(segments) > 2 else ""
        counts[mailbox] += 1
        if counts[mailbox] > AT_ONCE:
            over.append(item)
    return over


def _retry_after(state: State) -> str:
    with state.lock:
        return str(state.random.randint(1, 2))


def _response(name: str, reply: Reply) -> dict[str, Any]:
    response: dict[str, Any] = {"id": name, "status": reply.status, "headers": reply.headers}
    if reply.body:
        response["body"] = json.loads(reply.body)
    return response
