"""The API as it is served, held to its own description by requests that schemathesis invents."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from component_http.openapi import document
from shared import signing
from shared.keys import partition
from shared.model import TenantId
from shared.table import AzureTable, open_table, rows
from tests.contract.conftest import settings as table_settings
from tests.local.children import free_port
from tests.local.hosting import LocalHost

TENANT = "northern"
KEY = "the-signing-key-that-must-not-be-told"
HELD = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
"""Not held: what only keys and other hosts decide (ignored_auth, unsupported_method), and what is
taken, which test_openapi.py compares exactly."""

SIGNED = ["receiveComponent", "receiveComponents"]
DONE_WITH = ["checkTenant", "adoptEvents"]  # each tries Graph, which is not there, for seconds

Case = schemathesis.Case[Any]

api = schemathesis.openapi.from_dict(document())
# Its boundary cases are those of test_openapi.py, and take minutes over HTTP.
api.config.phases.coverage.enabled = False

few = settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Served:
    """The connector with one tenant in it, and what stands in its table."""

    def __init__(self, url: str, table: AzureTable) -> None:
        self.url = f"{url}/api"
        self._table = table
        self._http = requests.Session()
        self._http.trust_env = False
        settings = {
            "name": "Northern College",
            "entraTenantId": str(uuid.UUID(int=1)),
            "timeZone": "Europe/London",
            "callbackUrl": "https://127.0.0.1:9/hooks",
        }
        self.put(TENANT, settings)
        self.secret = self.put(f"{TENANT}-2", settings)["inboundSecret"]
        self.secret = self.post(f"tenants/{TENANT}/rotate")["inboundSecret"]

    def put(self, tenant: str, settings: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.put(f"{self.url}/tenants/{tenant}", json=settings, timeout=30)
        found: dict[str, Any] = answer.json()
        return found

    def post(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._http.post(f"{self.url}/{path}", timeout=30).json()
        return found

    def send(self, case: Case, *, signed: bool) -> requests.Response:
        """Send a case as it is; *signed*, with headers that are right for its body."""
        request = requests.Request(**case.as_transport_kwargs(base_url=self.url)).prepare()
        if signed:
            body = request.body or b""
            body = body.encode() if isinstance(body, str) else body
            now = datetime.now(UTC)
            request.headers.update(signing.sign([self.secret], f"msg_{uuid.uuid4()}", now, body))
        return self._http.send(request, timeout=60)

    def stored(self) -> dict[str, str]:
        """Every row of the tenant, by its version."""
        found = rows(self._table, partition(TenantId(TENANT)), "", "\x7f", marks_only=True)
        return {row.key: row.etag for row in found}


@pytest.fixture(scope="module")
def served(azurite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    prefix = f"h{uuid.uuid4().hex[:8]}"
    nowhere = f"https://127.0.0.1:{free_port()}"
    env = {
        "STATE_CONNECTION_STRING": azurite,
        "STATE_TABLE_PREFIX": prefix,
        "CONNECTOR_CLIENT_ID": "connector",
        "CONNECTOR_CLIENT_SECRET": "the-client-secret-that-must-not-be-told",
        "SIGNING_KEY": KEY,
        "GRAPH_BASE_URL": f"{nowhere}/v1.0",
        "ENTRA_AUTHORITY_HOST": nowhere,
        "CALLBACK_ALLOWED_HOSTS": "127.0.0.1",
    }
    log: Path = tmp_path_factory.mktemp("api") / "host.log"
    with LocalHost(env, log=log).running() as host:
        yield Served(host.url, open_table(table_settings(azurite, prefix)))


def judge(case: Case, answer: requests.Response) -> None:
    case.validate_response(answer, checks=HELD)
    for secret in ("Traceback", 'File "', "must-not-be-told", "AccountKey"):
        assert secret not in answer.text


def at_home(case: Case) -> None:
    """Half of the cases speak of a tenant that is there; settings change another one."""
    if "tenantId" in case.path_parameters and len(case.path_parameters["tenantId"]) % 2:
        changes = case.operation.definition.raw["operationId"] in ("putTenant", "rotateSecrets")
        case.path_parameters["tenantId"] = f"{TENANT}-2" if changes else TENANT


@api.exclude(operation_id=DONE_WITH).parametrize()
@few
def test_whatever_is_asked_the_answer_is_as_described(case: Case, served: Served) -> None:
    at_home(case)
    judge(case, served.send(case, signed=False))


@api.include(operation_id=SIGNED).parametrize()
@few
def test_a_webhook_that_is_not_signed_changes_nothing(case: Case, served: Served) -> None:
    case.path_parameters["tenantId"] = TENANT
    before = served.stored()
    answer = served.send(case, signed=False)
    judge(case, answer)
    assert answer.status_code in (401, 413)
    assert served.stored() == before


@api.include(operation_id=SIGNED).parametrize()
@settings(few, max_examples=25)
def test_a_webhook_that_is_signed_is_taken_or_changes_nothing(case: Case, served: Served) -> None:
    case.path_parameters["tenantId"] = TENANT
    before = served.stored()
    answer = served.send(case, signed=True)
    judge(case, answer)
    assert answer.status_code != 401
    if answer.status_code >= 400:
        assert served.stored() == before


def test_the_description_is_the_one_that_is_served(served: Served) -> None:
    answer = requests.get(f"{served.url}/openapi.json", timeout=30)
    assert answer.json() == json.loads(json.dumps(document()))


PARTS = [
    "%00", "%ED%A0%80", "%FF%FE", "%2F..%2F", "..%2F..%2Ftenants", "%252F", "C%7C1", "%23", "%3F",
    "%5C", "%0D%0AX-Header:%20y", "%E2%80%AE", "%F0%9F%98%80", "%", "%zz", "%u0041", "'",
    "%27%20or", "a" * 201, "%F0%9F%98%80" * 200, "a" * 8_000, "component%7Cx", "~7c", ";x=1",
    "{componentId}",
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part[:20])
@pytest.mark.parametrize(
    "path",
    ["tenants/{}", f"tenants/{TENANT}/components/{{}}", f"tenants/{TENANT}/components?id={{}}"],
)
def test_nothing_in_an_address_reaches_more_than_it_names(
    served: Served, path: str, part: str
) -> None:
    before = served.stored()
    connection = HTTPConnection(urlsplit(served.url).netloc, timeout=30)
    connection.request("GET", "/api/" + path.replace("{}", part))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if "?id=" in path and answer.status == 200:
        assert json.loads(text) == {"items": [], "next": None}
    else:
        assert answer.status in (400, 404, 422)
    assert part.casefold() not in text.casefold() or len(part) < 5
    assert served.stored() == before


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("Content-Length: 5", id="a length too short"),
        pytest.param("Content-Length: 5\r\nContent-Length: 50", id="two lengths"),
        pytest.param("Content-Length: -1", id="a length below nothing"),
        pytest.param("Content-Length: 1e3", id="a length in powers of ten"),
        pytest.param("Content-Length: 5\r\nTransfer-Encoding: chunked", id="a length and chunks"),
        pytest.param("Transfer-Encoding: chunked", id="chunks that are none"),
        pytest.param("Content-Length: 99999999999999999999", id="a length beyond reason"),
        pytest.param("X-Header: " + "x" * 200_000, id="a header of 200 kB"),
        pytest.param("\r\n".join(f"X-{n}: y" for n in range(5_000)), id="5,000 headers"),
        pytest.param("webhook-id: a\r\nwebhook-id: b\r\nContent-Length: 5", id="a header twice"),
        pytest.param("X-Header: \xff\x00", id="no text in a header"),
    ],
)
def test_no_framing_of_a_request_gets_past_the_signature(served: Served, head: str) -> None:
    """Whatever the host makes of it; and the next request is answered as ever."""
    before = served.stored()
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        start = f"POST /api/tenants/{TENANT}/components HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n"
        with suppress(OSError):  # closed while we are still talking
            connection.sendall(start.encode("latin-1") + b'{"type": "component.saved"}')
            connection.shutdown(socket.SHUT_WR)
            status = connection.recv(65536).partition(b"\r\n")[0]
            assert status == b"" or b" 4" in status
    assert requests.get(f"{served.url}/health", timeout=30).json() == {"status": "ok"}
    assert served.stored() == before
