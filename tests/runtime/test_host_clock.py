"""The local host's clock, and the timers that go by it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.local.hosting import LocalHost
from tests.runtime.conftest import Serve

START = datetime(2031, 5, 1, 7, 59, 30, tzinfo=UTC)


def times(host: LocalHost) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(f"{host.url}/api/times", timeout=10).json()
    return answer


def events(host: LocalHost, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(
        f"{host.url}/api/events?what={what}", timeout=10
    ).json()
    return found


def wait_for(host: LocalHost, what: str, count: int) -> list[dict[str, Any]]:
    """The events, as soon as there are *count* of them, and a little later."""
    deadline = time.monotonic() + 10
    while len(events(host, what)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    return events(host, what)


def test_the_process_lives_at_that_time_and_ticks(serve: Serve) -> None:
    host = serve(clock=START)
    first = times(host)
    clocks = [first["time"], first["time_ns"], first["datetime"]]
    assert max(clocks) - min(clocks) < 0.1
    assert 0 < first["time"] - START.timestamp() < 10
    assert first["gmtime"].startswith("2031-05-01T07:59:")
    assert times(host)["time"] > first["time"]
    assert 0.05 <= first["slept"] < 0.5  # sleeps and monotonic clocks are real


def test_a_move_reaches_every_thread_at_once(serve: Serve) -> None:
    host = serve(clock=START)
    for hours in range(1, 20):
        there = START + timedelta(hours=hours)
        host.set_clock(there, frozen=hours % 2 == 0)
        assert abs(times(host)["time"] - there.timestamp()) < 5
        assert abs((host.now() - there).total_seconds()) < 5


def test_frozen_it_stands_and_then_ticks_on(serve: Serve) -> None:
    host = serve(clock=START)
    host.set_clock("2031-05-02T00:00:00+02:00", frozen=True)
    assert host.now() == datetime(2031, 5, 1, 22, tzinfo=UTC)
    assert times(host)["time"] == times(host)["datetime"] == host.now().timestamp()
    answer = requests.post(f"{host.url}/admin/clock", json={}, timeout=10).json()
    assert answer["frozen"] is False
    assert host.now() > datetime(2031, 5, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param({"now": "2031-05-01T00:00:00Z"}, "before now", id="backwards"),
        pytest.param({"now": "tomorrow"}, "not an instant", id="not a time"),
        pytest.param({"now": "2031-06-01T00:00:00"}, "offset", id="no offset"),
        pytest.param({"now": 7}, "not an instant", id="a number"),
        pytest.param({"now": "2031-06-01T00:00:00Z", "frozen": "no"}, "frozen", id="not a boolean"),
        pytest.param([], "not a JSON object", id="not an object"),
    ],
)
def test_what_the_clock_refuses(clocked: LocalHost, body: dict[str, Any], reason: str) -> None:
    answer = requests.post(f"{clocked.url}/admin/clock", json=body, timeout=10)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert 0 <= (clocked.now() - START).total_seconds() < 60


@pytest.fixture
def clocked(serve: Serve) -> LocalHost:
    return serve(clock=START)


def test_a_timer_fires_when_the_clock_gets_there(serve: Serve) -> None:
    host = serve({"TINY_CRON": "*/2 * * * * *"}, clock=START, timers=True)
    ticks = wait_for(host, "tick", 2)
    seconds = [datetime.fromisoformat(tick["at"]).second % 2 for tick in ticks[:2]]
    assert seconds == [0, 0]
    assert not any(tick["past_due"] for tick in ticks)


def test_ticks_that_a_jump_passes_come_to_one_run(serve: Serve) -> None:
    """Every three hours; the clock goes on by a day and two hours and stands there."""
    host = serve(clock=START, timers=True)
    assert wait_for(host, "tick", 0) == []
    host.set_clock("2031-05-02T10:00:00Z", frozen=True)
    (tick,) = wait_for(host, "tick", 1)
    assert (tick["at"], tick["past_due"]) == ("2031-05-02T10:00:00+00:00", True)
    assert tick["next"] == "2031-05-02T12:00:00+00:00"
    host.set_clock("2031-05-02T12:00:00Z", frozen=True)
    assert [t["past_due"] for t in wait_for(host, "tick", 2)] == [True, False]


def test_a_timers_runs_do_not_overlap(serve: Serve) -> None:
    """Each minute, taking 0.4 s; the clock goes on by an hour, three times meanwhile."""
    host = serve(clock=START, timers=True)
    for hours in range(1, 4):
        host.set_clock(START + timedelta(hours=hours), frozen=True)
        time.sleep(0.05)
    wait_for(host, "long_tick ends", 2)
    begun = [e["at"][11:16] for e in events(host, "long_tick begins")]
    assert begun == ["08:59", "10:59"]


def test_no_timer_fires_when_told_so(serve: Serve) -> None:
    host = serve({"TINY_CRON": "* * * * * *"}, clock=START, timers=False)
    host.set_clock("2031-06-01T00:00:00Z")
    assert wait_for(host, "tick", 0) == []


def test_a_missing_setting_stops_the_host_with_its_name(serve: Serve) -> None:
    with pytest.raises(Exception, match="nonsense") as refused:
        serve({"TINY_CRON": "nonsense"})
    assert "1 fields, not six" in str(refused.value)
