"""Carrying out Graph requests for one tenant: batches, a mailbox's limits, second tries.

At most three requests are in flight per mailbox and process, of the four Exchange allows an app
(https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits): the fourth is left to
another instance's webhook. A throttled request is tried again while its wait fits the deadline;
anything else is the sweep's to retry.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from shared.errors import Broken, NotAllowed, RemoteError, Throttled
from shared.graph.protocol import (
    BATCH,
    PREFER,
    Request,
    batch_answers,
    batch_body,
    body_bytes,
    decipher,
    pages,
)
from shared.http import Answer, Call, Send
from shared.telemetry import inherited

PER_MAILBOX = 3
BATCHES_IN_FLIGHT = 8
"""Per tenant and process, over all its pieces: while one piece writes, another has the lanes."""
TRIES = 4
PAGES = 200
FRESH = True
_LINK = re.compile(r"[\x21-\x7e]{1,16384}")

Outcome = Any
"""What Graph answered as JSON (None for an empty answer), or the RemoteError it meant."""


class MailboxLimits:
    """How many requests are in flight per mailbox, over all runs of this process."""

    def __init__(self) -> None:
        self._flying: Counter[str] = Counter()
        self._held_until: dict[str, float] = {}
        self._changed = threading.Condition()

    def hold(self, mailbox: str, seconds: float) -> None:
        """Exchange asked us to leave a mailbox alone: what is sent sooner counts against us."""
        if mailbox:
            self._held_until[mailbox] = time.monotonic() + seconds

    def held_for(self, mailbox: str) -> float:
        """Seconds for which a mailbox is to be left alone yet."""
        return max(0.0, self._held_until.get(mailbox, 0.0) - time.monotonic())

    def take(self, mailbox: str) -> bool:
        if not mailbox:
            return True
        with self._changed:
            if self._flying[mailbox] >= PER_MAILBOX:
                return False
            self._flying[mailbox] += 1
            return True

    def give_back(self, mailboxes: Sequence[str]) -> None:
        with self._changed:
            for mailbox in filter(None, mailboxes):
                self._flying[mailbox] -= 1
                if self._flying[mailbox] <= 0:
                    del self._flying[mailbox]
            self._changed.notify_all()

    def wait(self) -> None:
        """Until something was given back, or a moment has passed."""
        with self._changed:
            self._changed.wait(0.05)


@dataclass(slots=True)
class _Try:
    """A request on its way, and how often it was throttled or had its token doubted."""

    place: int
    request: Request
    tries: int = 0
    not_before: float = 0.0


class Graph:
    """One tenant's Graph.

    Args:
        send: Transport; answers or raises Broken.
        base: Root, without trailing slash.
        token: ``token(fresh)`` gives a bearer token or raises NotAllowed or Broken.
        limits: Shared by every Graph of the process.
    """

    def __init__(
        self, send: Send, base: str, token: Callable[[bool], str], limits: MailboxLimits
    ) -> None:
        self._send = send
        self._base = base
        self._token = token
        self.limits = limits
        self.lanes = threading.Semaphore(BATCHES_IN_FLIGHT)

    def one(self, request: Request, seconds: float) -> Any:
        """One request's answer. Raises RemoteError."""
        (outcome,) = self.run([request], seconds)
        if isinstance(outcome, RemoteError):
            raise outcome
        return outcome

    def items(self, request: Request, seconds: float) -> Iterator[Any]:
        """Every item of a list, over all its pages. Raises RemoteError.

        A next link is followed only below our own root: it would carry our token elsewhere.
        All pages together may take *seconds*.
        """
        end = time.monotonic() + seconds
        for _ in range(PAGES):
            found, link = pages(self.one(request, end - time.monotonic()))
            yield from found
            if not link:
                return
            request = self.next_page(request, link)
        raise Broken("graph", "endless_list")

    def next_page(self, request: Request, link: str) -> Request:
        """The request of a next link. Raises Broken when it leads elsewhere."""
        if not (link.startswith(self._base + "/") and _LINK.fullmatch(link)):
            raise Broken("graph", "foreign_next_link")
        path = link[len(self._base) :]
        return Request("GET", path, request.mailbox, request.headers)

    def run(self, requests: Sequence[Request], seconds: float) -> list[Outcome]:
        """Every request's outcome, in order; each stands for itself.

        Ends within about *seconds*: what was not sent by then comes back Throttled.
        """
        run = _Run(self, requests, time.monotonic() + seconds)
        if len(requests) == 1:
            run.work()
        else:
            lanes = min(BATCHES_IN_FLIGHT, -(-len(requests) // BATCH) + 1)
            with ThreadPoolExecutor(lanes, "graph", inherited()) as pool:
                for lane in [pool.submit(run.work) for _ in range(lanes)]:
                    lane.result()
        return run.outcomes

    def exchange(self, requests: Sequence[Request], seconds: float) -> list[Answer | RemoteError]:
        """The answers to up to 20 requests; an error that met all of them, for each."""
        try:
            return list(self._sent(requests, seconds, fresh=False))
        except RemoteError as error:
            return [error] * len(requests)

    def renew_token(self) -> str:
        """Forget the token in use for a new one: what was consented to since shows in it.

        Raises NotAllowed or Broken when there is none.
        """
        return self._token(FRESH)

    def _sent(self, requests: Sequence[Request], seconds: float, *, fresh: bool) -> list[Answer]:
        answer = self._send(self._call(requests, seconds, self._token(fresh)))
        if answer.status == 401 and not fresh:
            # Graph has been seen to refuse a valid token once; a new one is asked for, once.
            return self._sent(requests, seconds, fresh=True)
        if len(requests) == 1 or answer.status != HTTPStatus.OK:
            return [answer] * len(requests)
        return batch_answers(answer.json(), len(requests))

    def _call(self, requests: Sequence[Request], seconds: float, token: str) -> Call:
        """One request as it is, several as a batch."""
        if len(requests) == 1:
            method, path = requests[0].method, requests[0].path
            headers, content = requests[0].headers, requests[0].body
        else:
            method, path, headers, content = "POST", "/$batch", PREFER, batch_body(requests)
        return Call(
            method,
            self._base + path,
            {
                "Authorization": f"Bearer {token}",
                "Accept": "application/json",
                "client-request-id": str(uuid.uuid4()),
                **({} if content is None else {"Content-Type": "application/json"}),
                **headers,
            },
            None if content is None else body_bytes(content),
            max(0.5, min(30.0, seconds)),
        )


class _Run:
    """The state that the lanes of one ``Graph.run`` share."""

    def __init__(self, graph: Graph, requests: Sequence[Request], deadline: float) -> None:
        self.outcomes: list[Outcome] = [None] * len(requests)
        self._graph = graph
        self._deadline = deadline
        self._todo = deque(_Try(place, request) for place, request in enumerate(requests))
        self._open = len(requests)
        self._lock = threading.Lock()

    def work(self) -> None:
        """One lane: take what may be sent, send it, note what came back, until all is noted."""
        try:
            while self._open:
                if not self._work_once() and self._open:
                    self._graph.limits.wait()
        except BaseException:
            self._open = 0  # the other lanes must not wait for what this one took
            raise

    def _work_once(self) -> bool:
        """Send what may be sent now; False when there is nothing. One request takes no lane, so
        that a webhook does not queue behind a sweep."""
        lanes, alone = self._graph.lanes, len(self.outcomes) == 1
        left_s = max(0.0, self._deadline - time.monotonic())
        held = alone or lanes.acquire(timeout=left_s)
        try:
            with self._lock:
                batch = self._pick()
            if batch:
                self._carry_out(batch)
        finally:
            if held and not alone:
                lanes.release()
        return bool(batch)

    def _pick(self) -> list[_Try]:
        now = time.monotonic()
        picked: list[_Try] = []
        left: list[_Try] = []
        while self._todo and len(picked) < BATCH:
            one = self._todo.popleft()
            held = self._graph.limits.held_for(one.request.mailbox)
            if now + held >= self._deadline:
                wait = timedelta(seconds=held)
                self._note(one, Throttled("graph", "out_of_time", retry_after=wait))
            elif (
                not held and one.not_before <= now and self._graph.limits.take(one.request.mailbox)
            ):
                picked.append(one)
            else:
                left.append(one)
        self._todo.extendleft(reversed(left))
        return picked

    def _carry_out(self, batch: list[_Try]) -> None:
        try:
            seconds = self._deadline - time.monotonic()
            answers = self._graph.exchange([one.request for one in batch], seconds)
        finally:
            self._graph.limits.give_back([one.request.mailbox for one in batch])
        doubted = []
        with self._lock:
            for one, answer in zip(batch, answers, strict=True):
                outcome = _outcome(answer)
                if _token_doubted(outcome) and len(batch) > 1 and not one.tries:
                    doubted.append(one)
                if not self._again(one, outcome):
                    self._note(one, outcome)
        if doubted:
            try:
                self._graph.renew_token()
            except RemoteError:
                return  # the second try meets the same error and notes it

    def _again(self, one: _Try, outcome: Outcome) -> bool:
        """Whether the request goes back to wait: throttled, or its token doubted in a batch."""
        now = time.monotonic()
        one.tries += 1
        if _token_doubted(outcome) and one.tries == 1 and len(self.outcomes) > 1:
            wait = 0.0
        elif isinstance(outcome, Throttled) and one.tries < TRIES:
            asked = outcome.retry_after
            wait = asked.total_seconds() if asked is not None else float(2**one.tries)
            self._graph.limits.hold(one.request.mailbox, wait)
        else:
            return False
        if now + wait >= self._deadline:
            return False
        one.not_before = now + wait
        self._todo.append(one)
        return True

    def _note(self, one: _Try, outcome: Outcome) -> None:
        self.outcomes[one.place] = outcome
        self._open -= 1


def _outcome(answer: Answer | RemoteError) -> Outcome:
    if isinstance(answer, RemoteError):
        return answer
    try:
        return decipher(answer, time.time())
    except RemoteError as error:
        return error


def _token_doubted(outcome: Outcome) -> bool:
    return isinstance(outcome, NotAllowed) and outcome.code == "InvalidAuthenticationToken"
