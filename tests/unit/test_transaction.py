"""A group's bytes say what the SDK's say, and its answers are read as Microsoft documents them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline.transport import HttpTransport
from azure.data.tables import TableClient
from hypothesis import given
from hypothesis import strategies as st

from shared.transaction import GroupRefused, Operation, etags, group

ENDPOINT = "https://account.table.core.windows.net"
SEEN = "W/\"datetime'2026-04-25T08%3A00%3A00.0000000Z'\""
Part = tuple[str, str, str, dict[str, str]]


class Kept(Exception):
    """The request, in place of its being sent."""


class Keeping(HttpTransport[Any, Any]):
    """Sends nothing."""

    def send(self, request: Any, **_: Any) -> Any:
        raise Kept(request.body if isinstance(request.body, bytes) else request.data)

    def open(self) -> None: ...

    def close(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def by_sdk(partition: str, operations: list[Operation]) -> bytes:
    """What the SDK sends for the same."""
    told: list[Any] = []
    for one in operations:
        entity = {"PartitionKey": partition, "RowKey": one.key, **one.properties}
        guard = {"etag": one.etag, "match_condition": MatchConditions.IfNotModified}
        match one.method, one.etag:
            case "POST", _:
                told.append(("create", entity))
            case "PUT", "":
                told.append(("upsert", entity, {"mode": "replace"}))
            case "PUT", _:
                told.append(("update", entity, {"mode": "replace", **guard}))
            case "DELETE", "":
                told.append(("delete", entity))
            case _:
                told.append(("delete", entity, guard))
    key = AzureNamedKeyCredential("account", "a2V5")
    with TableClient(ENDPOINT, "state", credential=key, transport=Keeping()) as client:
        try:
            client.submit_transaction(told)
        except Kept as kept:
            return bytes(kept.args[0])
    raise AssertionError("nothing was sent")


def parts_of(body: bytes) -> list[Part]:
    """Method, address, guard and properties of each operation."""
    found: list[Part] = []
    mark = re.search(rb"boundary=(changeset_[^\r\n]+)", body)
    assert mark
    for text in body.split(b"\r\n--" + mark[1])[1:-1]:
        request = text.split(b"\r\n\r\n", 1)[1]
        head, _, content = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, address, version = first.split(" ")
        assert version == "HTTP/1.1"
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        if "content-length" in headers:
            assert len(content.strip()) == int(headers["content-length"])
        properties = json.loads(content) if content.strip() else {}
        # The SDK says of every text what JSON says already: that it is one.
        typed = [name for name in properties if name.endswith("@odata.type")]
        assert {properties.pop(name) for name in typed} <= {"Edm.String"}
        found.append((method, address, headers.get("if-match", ""), properties))
    return found


EVERY_KIND = [
    Operation("POST", "component|C-1", "", {"t00": "{}"}),
    Operation("PUT", "due|20260430T080000Z|C-1", SEEN, {"bucket": "0a1b", "t00": '{"ä": "日"}'}),
    Operation("PUT", "person|x", "", {"t00": "a\r\nb", "t01": "\U0001f600"}),
    Operation("DELETE", "open|20260430T080000Z|C 1'~+=@", SEEN),
    Operation("DELETE", "month|2026-04|C-1"),
]


def test_a_group_says_what_the_sdk_would_have_said() -> None:
    _, body = group(f"{ENDPOINT}/state", "t|college", EVERY_KIND)
    assert parts_of(body) == parts_of(by_sdk("t|college", EVERY_KIND))


keys = st.text(st.characters(codec="utf-8", exclude_characters="/\\#?\x7f", min_codepoint=32))


@given(keys, st.dictionaries(st.sampled_from(["t00", "t01", "bucket", "on"]), st.text()))
def test_whatever_the_key_and_the_text(key: str, properties: dict[str, str]) -> None:
    try:
        json.dumps(properties, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # the SDK cannot send a lone surrogate at all
    put = [Operation("PUT", key or "k", "", properties)]
    _, body = group(f"{ENDPOINT}/state", "t|college", put)
    assert parts_of(body) == parts_of(by_sdk("t|college", put))


def test_a_lone_surrogate_is_sent_as_json_escapes_it() -> None:
    _, body = group(f"{ENDPOINT}/state", "p", [Operation("PUT", "k", "", {"t00": "\ud83d"})])
    assert rb"\ud83d" in body


def test_nobody_can_put_an_operation_into_a_text() -> None:
    text = "\r\n--changeset_x\r\n\r\nDELETE https://account/state HTTP/1.1\r\n\r\n"
    one = Operation("PUT", f"k{text}", "", {"t00": text})
    _, body = group(f"{ENDPOINT}/state", "p", [one])
    assert len(parts_of(body)) == 1


# The documented answer, with the blank lines that the service and its emulator put differently:
# https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
ANSWER = b"""--batchresponse_1\r
Content-Type: multipart/mixed; boundary=changesetresponse_1\r
\r
--changesetresponse_1\r
Content-Type: application/http\r
Content-Transfer-Encoding: binary\r
\r
HTTP/1.1 204 No Content\r
Content-ID: 1\r
ETag: W/"datetime'2026-04-25T08%3A00%3A00.1Z'"\r
DataServiceVersion: 1.0;\r
\r
\r
--changesetresponse_1\r
Content-Type: application/http\r
Content-Transfer-Encoding: binary\r
\r
HTTP/1.1 204 No Content\r
Content-ID: 2\r
\r
\r
--changesetresponse_1--\r
--batchresponse_1--\r
"""
REFUSAL = b"""--batchresponse_1\r
Content-Type: multipart/mixed; boundary=changesetresponse_1\r
\r
--changesetresponse_1\r
Content-Type: application/http\r
Content-Transfer-Encoding: binary\r
\r
HTTP/1.1 412 Precondition Failed\r
Content-ID: 1\r
Content-Type: application/json;odata=minimalmetadata\r
\r
{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"0:The"}}}\r
--changesetresponse_1--\r
--batchresponse_1--\r
"""


def test_each_operation_has_its_etag_and_a_delete_has_none() -> None:
    assert etags(202, ANSWER, 2) == ["W/\"datetime'2026-04-25T08%3A00%3A00.1Z'\"", ""]


def test_one_refusal_is_the_groups() -> None:
    with pytest.raises(GroupRefused) as refused:
        etags(202, REFUSAL, 3)
    assert (refused.value.status, refused.value.code) == (412, "UpdateConditionNotSatisfied")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (403, b'{"odata.error": {"code": "AuthorizationFailure"}}', "AuthorizationFailure"),
        (503, b"<html>a proxy's</html>", ""),
        (400, b"", ""),
        (400, b"{not json}", ""),
        (400, b'{"odata.error": null}', ""),
    ],
)
def test_a_group_refused_as_a_whole(status: int, body: bytes, code: str) -> None:
    with pytest.raises(GroupRefused) as refused:
        etags(status, body, 1)
    assert (refused.value.status, refused.value.code) == (status, code)


@pytest.mark.parametrize("answer", [b"", b"<html>", ANSWER])
def test_an_answer_that_says_nothing_of_some_operation_is_none(answer: bytes) -> None:
    with pytest.raises(GroupRefused) as refused:
        etags(202, answer, 3)
    assert refused.value.status == 502
