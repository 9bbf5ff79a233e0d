"""HTTP through the local host: routes, requests, responses, its own API."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.local.children import ChildError
from tests.local.hosting import LocalHost


def test_a_request_arrives_as_it_was_sent(tiny: LocalHost) -> None:
    body = bytes(range(256))
    answer = requests.post(
        f"{tiny.url}/api/echo/a%20b%2Fc%25/7?x=1&y=&x=2&X=%26",
        data=body,
        headers={"X-Thing": "v", "content-type": "application/json"},
        timeout=10,
    ).json()
    assert answer["method"] == "POST"
    assert answer["route"] == {"name": "a b%2Fc%", "number": "7"}
    assert answer["query"] == {"x": "1,2,&"}
    assert answer["url"] == f"{tiny.url}/api/echo/a%20b%2Fc%25/7?x=1&y=&x=2&X=%26"
    assert answer["body"] == body.hex()
    assert answer["headers"]["x-thing"] == "v"
    assert answer["headers"]["content-type"] == "application/json"


def test_a_repeated_header_is_joined(tiny: LocalHost) -> None:
    connection = HTTPConnection(urlsplit(tiny.url).netloc, timeout=10)
    connection.putrequest("GET", "/api/echo/n")
    for value in ("one", "two"):
        connection.putheader("x-twice", value)
    connection.endheaders()
    assert b'"x-twice": "one,two"' in connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/api/echo/n", 200, id="found"),
        pytest.param("GET", "/API/eCHO/n/", 200, id="case and trailing slash do not count"),
        pytest.param("GET", "/api/echo/n/seven", 404, id="constraint not met"),
        pytest.param("GET", "/api/echo", 404, id="parameter missing"),
        pytest.param("GET", "/api//n", 404, id="empty segment"),
        pytest.param("PUT", "/api/echo/n", 404, id="another method is not found"),
        pytest.param("HEAD", "/api/echo/n", 200, id="HEAD goes to the function for GET"),
        pytest.param("HEAD", "/api/answer/200", 405, id="HEAD where there is no GET"),
        pytest.param("DELETE", "/api/text", 200, id="no methods named: all"),
        pytest.param("GET", "/text", 404, id="without the prefix"),
        pytest.param("GET", "/", 404, id="root"),
        pytest.param("GET", "/admin", 404, id="no such part"),
    ],
)
def test_routing(tiny: LocalHost, method: str, path: str, status: int) -> None:
    answer = requests.request(method, tiny.url + path, timeout=10)
    assert answer.status_code == status


def test_the_first_function_by_name_wins_however_general(tiny: LocalHost) -> None:
    assert requests.get(f"{tiny.url}/api/thing/particular", timeout=10).text == "general"
    assert requests.post(f"{tiny.url}/api/thing/particular", timeout=10).text == "particular"


def test_a_response_leaves_as_it_was_made(tiny: LocalHost) -> None:
    answer = requests.post(f"{tiny.url}/api/answer/418", data=b"\x00\xff", timeout=10)
    assert (answer.status_code, answer.content) == (418, b"\x00\xff")
    assert answer.headers["x-one"] == "1"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.raw.headers.getlist("set-cookie") == [
        "a=1; HttpOnly; Path=/",
        "b=2; Path=/x; Secure",
    ]


def test_text_for_an_answer(tiny: LocalHost) -> None:
    answer = requests.get(f"{tiny.url}/api/text", timeout=10)
    assert (answer.status_code, answer.text) == (200, "plain")


def test_an_exception_is_500_without_a_body_and_its_traceback_is_logged(tiny: LocalHost) -> None:
    answer = requests.get(f"{tiny.url}/api/boom", timeout=10)
    assert (answer.status_code, answer.content) == (500, b"")
    log = tiny.log_text()
    assert r"ValueError: bang\nover two lines" in log
    assert 'function_app.py", line' in log
    assert requests.get(f"{tiny.url}/api/text", timeout=10).ok


def test_a_log_record_is_one_line_with_its_fields(tiny: LocalHost) -> None:
    requests.get(f"{tiny.url}/api/log", timeout=10)
    invocation = requests.get(f"{tiny.url}/api/aslow?s=0", timeout=10).text
    lines = [line for line in tiny.log_text().splitlines() if " tiny: " in line]
    assert lines[-2].split(" ", 1)[1].startswith("INFO logged ")
    assert lines[-2].endswith('tiny: thing.done {"count": 3, "name_of": "é"}')
    assert f" INFO aslow {invocation[:8]} tiny: aslow.done " in lines[-1]


def test_functions_run_side_by_side(tiny: LocalHost) -> None:
    """Twelve that block for half a second, and twelve that wait: about half a second in all."""
    urls = [f"{tiny.url}/api/{kind}slow?s=0.5" for kind in ("", "a") for _ in range(12)]
    started = time.monotonic()
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda url: requests.get(url, timeout=10), urls))
    assert all(answer.ok for answer in answers)
    assert time.monotonic() - started < 2


def test_the_host_lists_its_functions(tiny: LocalHost) -> None:
    functions = {f["name"]: f for f in tiny.functions()}
    assert functions["echo"]["invoke_url_template"] == "/api/Echo/{name}/{number:int?}"
    assert functions["tick"]["invoke_url_template"] is None
    assert functions["tick"]["config"]["bindings"][0]["schedule"] == "%TINY_CRON%"


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        pytest.param("nobody", b'{"input": ""}', 404, id="unknown"),
        pytest.param("echo", b'{"input": ""}', 400, id="needs a request"),
        pytest.param("tick", b"not json", 400, id="not JSON"),
        pytest.param("tick", b'"text"', 400, id="not an object"),
        pytest.param("TICK", b'{"input": ""}', 202, id="case does not count"),
        pytest.param("tick", b"", 202, id="no body"),
    ],
)
def test_running_a_function_by_name(tiny: LocalHost, name: str, body: bytes, status: int) -> None:
    url = f"{tiny.url}/admin/functions/{name}"
    assert requests.post(url, data=body, timeout=10).status_code == status


def test_a_run_is_accepted_at_once_or_waited_for(tiny: LocalHost) -> None:
    """`long_tick` takes 0.4 s."""
    started = time.monotonic()
    assert tiny.run("long_tick", wait=False)
    assert time.monotonic() - started < 0.3
    assert tiny.run("long_tick")
    assert time.monotonic() - started > 0.4
    assert not tiny.run("failing")


def test_no_clock_to_set_without_one(tiny: LocalHost) -> None:
    with pytest.raises(ValueError, match="--clock"):
        tiny.set_clock("2099-01-01T00:00:00Z")


def test_an_app_elsewhere_does_not_import_what_it_lacks_from_here(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import dev\n")
    host = LocalHost({}, app=tmp_path, log=tmp_path / "log")
    with pytest.raises(ChildError, match="No module named 'dev'"):
        host.start()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(None, "there is no function_app.py", id="no app"),
        pytest.param("1 / 0", "ZeroDivisionError", id="fails at import"),
        pytest.param("import azure.functions as f; app = f.FunctionApp()", "no functions", id="0"),
    ],
)
def test_an_app_that_cannot_be_served(tmp_path: Path, source: str | None, reason: str) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    if source:
        (tmp_path / "function_app.py").write_text(source)
    host = LocalHost({}, app=tmp_path, log=tmp_path / "log")
    with pytest.raises(ChildError, match=reason):
        host.start()


def test_a_port_that_is_taken(tiny: LocalHost, tmp_path: Path) -> None:
    port = urlsplit(tiny.url).port
    assert port
    host = LocalHost(tiny.env, port=port, log=tmp_path / "log")
    with pytest.raises(ChildError, match="cannot be had: Address already in use"):
        host.start()
