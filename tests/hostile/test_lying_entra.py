"""An Entra, and a Graph, that answer anything at all: a token, a reason, or not now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from shared.errors import Broken, NotAllowed
from shared.graph.tokens import Tokens
from tests.flows.world import ENTRA, settings
from tests.hostile.liar import KINDS
from tests.simulators.certificates import Certificates
from tests.simulators.serve import Served
from tests.simulators.wire import Reply, Request

GOOD = {"token_type": "Bearer", "expires_in": 3599, "access_token": "good.token.x"}


class Entra:
    """Tells where its token endpoint is, and there whatever it is told to say."""

    def __init__(self) -> None:
        self.asked = 0
        self.says: Callable[[], Reply] = lambda: Reply.of(GOOD)
        self.tells: dict[str, Any] = {}

    async def answer(self, request: Request) -> Reply:
        here = f"{request.origin}/{ENTRA}"
        if request.path.endswith("openid-configuration"):
            where = {"authorization_endpoint": f"{here}/a", "token_endpoint": f"{here}/t"}
            return Reply.of({**where, "issuer": here, **self.tells})
        self.asked += 1
        return self.says()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Entra, Path]]:
    folder = tmp_path_factory.mktemp("entra")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    files = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(files.ca)
    issued.private_key_pem.write_to_path(files.key)
    files.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    entra = Entra()
    server = Served(entra, files)
    yield server, entra, folder
    server.stop()


@pytest.fixture
def entra(served: tuple[Served, Entra, Path], monkeypatch: pytest.MonkeyPatch) -> Entra:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(served[2] / "ca.pem"))
    served[1].tells = {}
    return served[1]


@pytest.fixture
def tokens(served: tuple[Served, Entra, Path]) -> Tokens:
    return Tokens(settings(ENTRA_AUTHORITY_HOST=served[0].url))


def got(tokens: Tokens) -> str:
    """The token, or the code of the reason there is none."""
    try:
        return tokens.get(ENTRA, "global")
    except (Broken, NotAllowed) as error:
        return error.code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    ["expires_in", "ext_expires_in", "refresh_in", "token_type", "scope", "error", "id_token"],
)
def test_whatever_stands_beside_a_token(entra: Entra, tokens: Tokens, name: str, kind: str) -> None:
    entra.says = lambda: Reply.of({**GOOD, name: KINDS[kind]})
    assert got(tokens) in ("good.token.x", "no_answer", "unclear")
    entra.says = lambda: Reply.of(GOOD)
    if name != "error":  # which msal keeps for a minute, whatever it says
        assert tokens.get(ENTRA, "global", fresh=True) == "good.token.x", "nothing of it was kept"


@pytest.mark.parametrize(
    "token",
    [*KINDS.values(), "a b", "a\r\nX-Header: y", "é", "\ud83d", "a\0b"],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_no_token_is_not_used_and_not_kept(
    entra: Entra, tokens: Tokens, token: Any
) -> None:
    entra.says = lambda: Reply.of({**GOOD, "access_token": token})
    assert got(tokens) in ("unreadable_token", "no_answer", "unclear", token)
    entra.says = lambda: Reply.of(GOOD)
    if not isinstance(token, str) or not token.isalnum():
        assert got(tokens) == "good.token.x"


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 404, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html><body>Sign in</body></html>", b"null", b"[]", b'"x"', b"{", b"\xff\xfe",
        b"[" * 100_000, b'{"error": ["x"]}', b'{"error": {"code": 1}, "error_description": [1]}',
        b'{"error_description": "AADSTS50034 learner@work.example"}', b"9" * 10_000,
        b"x" * 3_000_000,
    ],
    ids=lambda body: ascii(body[:12]),
)  # fmt: skip
def test_an_answer_that_is_none_is_a_reason(
    entra: Entra, tokens: Tokens, status: int, body: bytes
) -> None:
    headers = {"Content-Type": "text/html", "Location": "https://elsewhere.example/"}
    entra.says = lambda: Reply(status, body, headers)
    assert got(tokens) != "good.token.x"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["token_endpoint", "authorization_endpoint", "issuer"])
def test_whatever_it_says_of_itself(entra: Entra, tokens: Tokens, name: str, kind: str) -> None:
    entra.says = lambda: Reply.of(GOOD)
    entra.tells = {name: KINDS[kind]}
    assert got(tokens) in ("good.token.x", "no_answer", "unclear")


def test_a_token_that_is_over_already_is_asked_for_each_time(entra: Entra, tokens: Tokens) -> None:
    entra.says = lambda: Reply.of({**GOOD, "expires_in": -3600})
    before = entra.asked
    assert [got(tokens) for _ in range(3)] == ["good.token.x"] * 3
    assert entra.asked == before + 3
    began = time.monotonic()
    entra.says = lambda: Reply.of({**GOOD, "expires_in": 10**12})
    assert json.dumps([got(tokens) for _ in range(3)]) == json.dumps(["good.token.x"] * 3)
    assert time.monotonic() - began < 10
