"""`dev.py check`: a tenant's check as text, from a connector that may be far away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.check import lines, main
from tests.simulators.certificates import make_certificates
from tests.simulators.serve import Served
from tests.simulators.wire import Reply, Request

ITEMS: list[dict[str, Any]] = [
    {"item": "token", "status": "ok", "code": None, "detail": "There are tokens.", "mend": None},
    {
        "item": "teams: tutor@college.example",
        "status": "missing",
        "code": "owner_without_teams",
        "detail": "No licence.",
        "mend": "Connect-MicrosoftTeams\nGet-CsOnlineUser -Identity 'x'",
    },
]


class Connector:
    """Answers what it was told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.reply = Reply.of({"items": ITEMS})
        self.asked: list[Request] = []

    async def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.reply


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connector, Served, str]]:
    files = make_certificates(tmp_path_factory.mktemp("certificates"))
    connector = Connector()
    served = Served(connector, files)
    yield connector, served, str(files.ca)
    served.stop()


@pytest.fixture
def connector(
    served: tuple[Connector, Served, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Connector, str]:
    found, server, ca = served
    found.reply = Reply.of({"items": ITEMS})
    found.asked.clear()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca)
    monkeypatch.delenv("CONNECTOR_KEY", raising=False)
    return found, server.url


def test_what_is_missing_is_printed_with_its_mend(
    connector: tuple[Connector, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, url = connector
    assert main([url, "northern"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok        token",
        "          There are tokens.",
        "MISSING   teams: tutor@college.example [owner_without_teams]",
        "          No licence.",
        "          | Connect-MicrosoftTeams",
        "          | Get-CsOnlineUser -Identity 'x'",
        "",
        "1 ok, 0 warning, 1 missing, 0 unknown",
    ]


def test_nothing_missing_is_success(connector: tuple[Connector, str]) -> None:
    found, url = connector
    found.reply = Reply.of({"items": ITEMS[:1]})
    assert main([url, "northern"]) == 0


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/"])
def test_the_address_may_be_given_either_way(connector: tuple[Connector, str], suffix: str) -> None:
    found, url = connector
    main([url + suffix, "northern", "--organizer", "tutor@college.example"])
    assert found.asked[0].path == "/api/tenants/northern/check"
    assert found.asked[0].params() == {"organizer": "tutor@college.example"}


@pytest.mark.parametrize("how", ["option", "environment", "none"])
def test_the_key_goes_in_a_header(
    connector: tuple[Connector, str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, url = connector
    if how == "environment":
        monkeypatch.setenv("CONNECTOR_KEY", "k-1")
    main([url, "northern", *(["--key", "k-1"] if how == "option" else [])])
    assert found.asked[0].headers.get("x-functions-key") == (None if how == "none" else "k-1")
    assert "k-1" not in found.asked[0].query


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(401), "CONNECTOR_KEY"),
        (Reply.of({"title": "There is no such thing here."}, 404), "There is no such thing here."),
        (Reply(302, b"", {"location": "https://elsewhere.example/"}), "302"),
        (Reply(200, b"<html>"), "not in JSON"),
        (Reply.of({"unexpected": 1}), "200"),
        (Reply(drop=True), "does not answer"),
    ],
    ids=["no key", "no tenant", "elsewhere", "no JSON", "no items", "no answer"],
)
def test_a_connector_that_cannot_be_asked_is_told(
    connector: tuple[Connector, str], capsys: pytest.CaptureFixture[str], reply: Reply, said: str
) -> None:
    found, url = connector
    found.reply = reply
    assert main([url, "northern"]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_nothing_that_a_terminal_obeys_is_printed() -> None:
    """Names come from outside."""
    odd = json.loads('{"item": "\\u001b[31mred", "status": "ok", "detail": "a\\u0007b\\u202ec"}')
    assert list(lines([odd]))[:2] == ["ok        ?[31mred", "          a?b?c"]
