"""Queues through the local host, on a real Azurite."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueClient

from tests.local.azurite import Azurite
from tests.local.hosting import LocalHost
from tests.local.queues import ConnectionFault, QueueOptions, connection_string
from tests.runtime.conftest import Serve


def work(host: LocalHost) -> list[tuple[str, int | None]]:
    """What the queue's function was given, in order: (content, dequeue count)."""
    events: list[dict[str, Any]] = requests.get(
        f"{host.url}/api/events?what=work", timeout=10
    ).json()
    return [(event["content"], event["count"]) for event in events]


def queue_of(host: LocalHost, suffix: str = "") -> QueueClient:
    return QueueClient.from_connection_string(host.env["TINY"], host.env["TINY_QUEUE"] + suffix)


def test_waiting_for_a_run_waits_for_what_it_queued(serve: Serve) -> None:
    """Four messages; one queues a fifth, one fails three times and is poison."""
    host = serve()
    assert host.run("fan_out")
    assert sorted(work(host)) == [
        ("chain", 1),
        ("chained", 1),
        ("fail", 1),
        ("fail", 2),
        ("fail", 3),
        ("one", 1),
        ("two", 1),
    ]
    assert queue_of(host).get_queue_properties().approximate_message_count == 0
    (poison,) = queue_of(host, "-poison").peek_messages(max_messages=5)
    assert host.log_text().count("message is poison") == 1
    assert QueueOptions().decode(poison.content) == "fail"


def test_a_message_from_elsewhere_is_received(serve: Serve) -> None:
    host = serve()
    queue = queue_of(host)
    queue.create_queue()
    queue.send_message(QueueOptions().encode("héllo"))
    queue.send_message("not base64!")
    deadline = time.monotonic() + 10
    while not work(host) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert work(host) == [("héllo", 1)]
    assert host.run("tick")  # and so drains
    assert "undecodable message is poison" in host.log_text()


def test_a_run_waits_for_work_that_another_host_took(serve: Serve) -> None:
    """Two hosts on one queue: whoever was asked answers when all is done."""
    hosts = [serve(), serve()]
    assert hosts[0].run("fan_out")
    done = [entry for host in hosts for entry in work(host)]
    assert sorted(done) == sorted(set(done)), "nothing is done twice"
    assert {content for content, _ in done} == {"one", "two", "fail", "chain", "chained"}


def test_a_queue_function_run_by_name_gets_the_input(serve: Serve) -> None:
    host = serve()
    assert host.run("work", "by hand")
    assert work(host) == [("by hand", None)]


def test_a_function_whose_queue_is_unknown_is_left_out(serve: Serve) -> None:
    host = serve({"TINY": ""})
    assert "work is not served: set TINY or TINY__queueServiceUri" in host.log_text()
    assert not host.run("fan_out"), "what it puts out cannot be sent"
    assert host.run("tick")


def test_an_outage_of_the_queue_is_survived(serve: Serve) -> None:
    emulator = Azurite()
    with emulator.running():
        host = serve({"TINY": emulator.connection_string})
        assert host.run("fan_out")
        emulator.kill()
        with pytest.raises(requests.HTTPError, match="503"):
            host.run("fan_out")
    emulator.start()
    try:
        assert host.run("fan_out")
        assert work(host).count(("one", 1)) == 2
    finally:
        emulator.stop()


@pytest.mark.parametrize(
    ("name", "environ", "expected"),
    [
        pytest.param("W", {"W": "text"}, "text", id="a connection string"),
        pytest.param("W", {"AzureWebJobsW": "text"}, "text", id="with the host's prefix"),
        pytest.param(None, {"AzureWebJobsStorage": "text"}, "text", id="no connection named"),
        pytest.param(
            "W",
            {"W__queueServiceUri": "http://127.0.0.1:7/devstoreaccount1"},
            "QueueEndpoint=http://127.0.0.1:7/devstoreaccount1;",
            id="an address",
        ),
        pytest.param(
            "W", {"W": "UseDevelopmentStorage=true"}, "http://127.0.0.1:10001/", id="the emulator"
        ),
    ],
)
def test_where_a_connection_is(name: str | None, environ: dict[str, str], expected: str) -> None:
    assert expected in connection_string(name, environ)


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"AzureWebJobsStorage": "text"}, id="another connection"),
        pytest.param({"W__queueServiceUri": "https://x.queue.example"}, id="not of this machine"),
    ],
)
def test_a_connection_that_cannot_be_found(environ: dict[str, str]) -> None:
    with pytest.raises(ConnectionFault):
        connection_string("W", environ)
