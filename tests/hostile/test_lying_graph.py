"""A Graph that lies in one answer costs time at most: a sample of all the lies there are.

``python dev.py torture`` tells more of them.
"""

from __future__ import annotations

import functools
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import Broken, RemoteError, Throttled
from shared.graph.client import Graph, MailboxLimits
from shared.graph.protocol import Request
from shared.http import Answer, Call
from tests.flows.world import BASE, TUTOR, World
from tests.hostile.liar import COMPONENTS, STORIES, Honest, Liar, Lie, judge, lies, played

SAMPLE = 25
"""Lies of each story."""


@functools.cache
def honest(name: str) -> Honest:
    return played(name)


@pytest.mark.parametrize("name", STORIES)
def test_a_lie_does_no_harm(name: str) -> None:
    every = list(lies(honest(name).answers))
    assert len(every) > 1000
    for lie in random.Random(name).sample(every, SAMPLE):
        told(name, lie)


def told(name: str, lie: Lie) -> None:
    try:
        judge(name, lie, honest(name))
    except BaseException as error:
        error.add_note(f"{name}: {lie}")
        raise


# -- lists --------------------------------------------------------------------------------

LIST = Request("GET", "/users/u/events", "u")


def graph_of(answer: Callable[[Call], Answer]) -> Graph:
    return Graph(answer, BASE, lambda fresh: "token", MailboxLimits())


def page(link: Any) -> Answer:
    body = {"value": [{"id": "1"}], "@odata.nextLink": link}
    return Answer(200, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v1.0/x", "http://graph.test/v1.0/x", "//graph.test/v1.0/x",
        "https://graph.test.elsewhere.example/v1.0/x", "https://graph.test@elsewhere.example/v1.0/",
        "https://graph.test/v1.0@elsewhere.example/", "https://graph.test/v1.0.elsewhere.example/",
        "https://graph.test:444/v1.0/x", "https://graph.test\\@elsewhere.example/v1.0/x",
        "https://graph.test/v1.0", "https://graph.test/beta/x", "/v1.0/x", "x", "javascript:x",
        " https://graph.test/v1.0/x", "https://graph.test/v1.0/\r\nHost: elsewhere.example",
        "https://graph.test/v1.0/é", "https://graph.test/v1.0/\ud83d",
        "https://graph.test/v1.0/a b",
        "https://graph.test/v1.0/" + "x" * 20_000, ["https://graph.test/v1.0/x"], {"a": 1}, 7, True,
    ],
    ids=lambda link: ascii(link)[:40],
)  # fmt: skip
def test_no_link_takes_our_token_elsewhere(link: Any) -> None:
    asked: list[str] = []

    def answer(call: Call) -> Answer:
        asked.append(call.url)
        return page(link)

    with pytest.raises(Broken) as caught:
        list(graph_of(answer).items(LIST, 5))
    assert caught.value.code == "foreign_next_link"
    assert asked == [BASE + LIST.path]


@pytest.mark.parametrize(
    "following",
    [
        pytest.param(lambda n: f"{BASE}/same", id="to itself"),
        pytest.param(lambda n: f"{BASE}/{n % 2}", id="to and fro"),
        pytest.param(lambda n: f"{BASE}/{n}", id="never the same"),
    ],
)
def test_a_list_that_never_ends_is_none(following: Callable[[int], str]) -> None:
    asked: list[str] = []

    def answer(call: Call) -> Answer:
        asked.append(call.url)
        return page(following(len(asked)))

    with pytest.raises(Broken) as caught:
        list(graph_of(answer).items(LIST, 60))
    assert caught.value.code == "endless_list"
    assert len(asked) == 200


def test_a_list_that_dribbles_ends_with_its_time() -> None:
    def answer(call: Call) -> Answer:
        time.sleep(0.1)
        return page(call.url)

    began = time.monotonic()
    with pytest.raises(RemoteError):
        list(graph_of(answer).items(LIST, 0.5))
    assert time.monotonic() - began < 10, "two hundred pages would take twenty seconds"


def test_calendars_that_never_end_are_read_event_by_event() -> None:
    """Nothing is cancelled for it, and nothing waits."""

    class Endless(Liar):
        def _send_graph(self, call: Call) -> Answer:
            answer = super()._send_graph(call)
            if "/events?$filter" not in call.url and b"/events?$filter" not in (call.body or b""):
                return answer
            said = json.loads(answer.body)
            for one in [r["body"] for r in said["responses"]] if "responses" in said else [said]:
                one["@odata.nextLink"] = call.url if call.method == "GET" else f"{BASE}/users/x"
            return Answer(answer.status, answer.headers, json.dumps(said).encode())

    world = Endless()
    world.save_both()
    world.days_later(5)
    for _ in range(2):
        world.run(world.sweep)
    assert [world.show(one)["state"] for one in COMPONENTS] == ["scheduled"] * 2
    assert world.endings() == []
    world.close()


# -- waiting ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "-1", "31536000", "9" * 4000, "1e400", "nan", "inf", "-inf", "soon", "0x10", "1,5", "1 000",
        "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "31 Dec 9999", "\0", "é",
        "Fri, 31 Dec 2026 23:59:59 +9999999999",
    ],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
def test_no_wait_is_longer_than_a_run_or_an_hour(status: int, text: str) -> None:
    graph = graph_of(lambda call: Answer(status, {"retry-after": text}))
    began = time.monotonic()
    (outcome,) = graph.run([LIST], 0.5)
    assert time.monotonic() - began < 10
    assert isinstance(outcome, Throttled | Broken)
    assert outcome.retry_after is None or timedelta() <= outcome.retry_after <= timedelta(hours=1)
    assert graph.limits.held_for("u") <= 3600


# -- sizes --------------------------------------------------------------------------------


def test_a_meeting_of_thousands_holds_up_nobody_elses_hours() -> None:
    """More than an evidence record holds: that one is not read, and the log says so."""
    world = Liar()
    world.save_both()
    world.days_later(5)
    world.run(world.sweep)
    world.clock.set(datetime(2026, 4, 30, 12, 0, tzinfo=UTC), frozen=True)
    for event, crowd in zip(world.events(), (0, 2_000), strict=True):
        guests = [({"guest": f"G. {n}"}, [(0, 50)]) for n in range(crowd)] or [
            ({"guest": "G. Uest"}, [(0, 50)])
        ]
        world.graph.attendance.hold(event, [(event.user.mail or "", [(0, 60)]), *guests])
    world.clock.set(datetime(2026, 5, 1, 2, 30, tzinfo=UTC), frozen=True)
    counts = world.night()
    world.close()
    assert counts == {"northern": {"assumed_learner": 1, "unread": 1, "told": 1}}


def test_a_redirect_of_graphs_is_no_answer() -> None:
    asked: list[str] = []

    def answer(call: Call) -> Answer:
        asked.append(call.url)
        return Answer(302, {"location": "https://elsewhere.example/v1.0/users/u/events"})

    (outcome,) = graph_of(answer).run([LIST], 5)
    assert isinstance(outcome, Broken)
    assert asked == [BASE + LIST.path]


def test_whoever_a_mailbox_names_its_requests_stay_in_the_path() -> None:
    """An owner's address is anybody's text."""
    world = World()
    for n, name in enumerate(("../../x@y", "a/b@c", "x?$filter=@y", "x#@y", "%2e%2e@y", "a'b@c")):
        world.save(f"C-{n}", owner={**TUTOR, "email": name})
    world.close()
    for call in world.sent:
        path = call.url.removeprefix(BASE)
        assert path.startswith(("/users/", "/users?$filter=", "/$batch"))
        assert "/../" not in path
        assert path.count("?") <= 1
        assert "#" not in path
