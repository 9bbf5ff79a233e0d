"""What every table promises: one suite for the fake and for Azure's client on the emulator.

The emulator is laxer than Azure (azure-facts.md 5.4), so limits are tested as ours.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient

from shared.config import Settings
from shared.errors import Stale, Unavailable
from shared.table import (
    GROUP_BYTES,
    GROUP_OPERATIONS,
    PAGE,
    AzureTable,
    Delete,
    Insert,
    Op,
    Put,
    Replace,
    Row,
    Table,
    check_group,
    op_size,
    open_table,
    rows,
)
from tests.contract.conftest import settings
from tests.local.azurite import ACCOUNT, ACCOUNT_KEY
from tests.local.children import free_port as a_free_port

LAST = "\x7f"


def put(table: Table, part: str, *keys: str, **marks: str) -> list[str]:
    """Write a row for each key, its text its own key."""
    etags: list[str] = []
    for n in range(0, len(keys), GROUP_OPERATIONS):
        chunk = keys[n : n + GROUP_OPERATIONS]
        etags += table.commit(part, [Put(Row(key, f"text of {key}", marks)) for key in chunk])
    return etags


def keys(table: Table, part: str, low: str = "", high: str = LAST, where: str = "") -> list[str]:
    return [row.key for row in rows(table, part, low, high, where)]


def text(table: Table, part: str, key: str) -> str | None:
    row = table.get(part, key)
    return row.text if row else None


# -- one row -------------------------------------------------------------------------------


def test_a_row_comes_back_as_it_was_written(table: Table, part: str) -> None:
    row = Row("component|C-1", '{"a":"b"}', {"on": "due|20260430T080000Z|C-1", "bucket": "0a1b"})
    (etag,) = table.commit(part, [Insert(row)])
    found = table.get(part, "component|C-1")
    assert found == Row(row.key, row.text, row.marks, etag)


def test_a_row_that_is_not_there_is_none(table: Table, part: str) -> None:
    assert table.get(part, "nothing") is None


def test_marks_may_be_left_out(table: Table, part: str) -> None:
    table.commit(part, [Put(Row("a", "x"))])
    found = table.get(part, "a")
    assert found is not None
    assert found.marks == {}


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("open|20260430T080000Z|C 1.0_~2f:@+=-", id="every character our keys use"),
        pytest.param("a" * 480, id="longer than the longest of ours"),
        pytest.param(" a ", id="spaces at the ends"),
        pytest.param("..", id="dots"),
    ],
)
def test_any_key_of_ours_names_its_row(table: Table, part: str, key: str) -> None:
    (etag,) = table.commit(part, [Insert(Row(key, "x"))])
    assert text(table, part, key) == "x"
    assert keys(table, part) == [key]
    table.commit(part, [Delete(key, etag)])
    assert table.get(part, key) is None


def test_keys_that_differ_in_case_are_two(table: Table, part: str) -> None:
    put(table, part, "a", "A")
    assert text(table, part, "a") == "text of a"
    assert text(table, part, "A") == "text of A"


def test_partitions_are_apart(table: Table, part: str) -> None:
    put(table, part, "a")
    assert table.get(part + "-other", "a") is None
    assert keys(table, part + "-other") == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="nothing"),
        pytest.param("x" * 32_768, id="exactly one property"),
        pytest.param("x" * 32_769, id="one character more"),
        pytest.param("x" * 200_000, id="many properties"),
        pytest.param("é" * 40_000, id="two bytes each"),
        pytest.param("日" * 40_000, id="three bytes each"),
        pytest.param("\U0001f600" * 40_000, id="astral: two units each"),
        pytest.param("x" + "\U0001f600" * 40_000, id="astral, at odd places"),
        pytest.param('"\\\n\t<&\u2028' * 5_000, id="what JSON and XML escape"),
        pytest.param("0123456789" * 48_000, id="nearly a row's limit"),
    ],
)
def test_a_text_of_any_length_comes_back_whole(table: Table, part: str, content: str) -> None:
    table.commit(part, [Put(Row("a", content))])
    assert text(table, part, "a") == content


def test_a_shorter_text_leaves_nothing_of_the_longer_one(table: Table, part: str) -> None:
    (etag,) = table.commit(part, [Put(Row("a", "x" * 100_000, {"on": "there"}))])
    (etag,) = table.commit(part, [Replace(Row("a", "y" * 20_000, etag=etag))])
    assert text(table, part, "a") == "y" * 20_000
    found = table.get(part, "a")
    assert found is not None
    assert found.marks == {}, "nor of its marks"
    table.commit(part, [Put(Row("a", "z"))])
    assert text(table, part, "a") == "z"


def test_every_write_has_an_etag_of_its_own(table: Table, part: str) -> None:
    seen = set()
    for _ in range(10):
        seen |= set(put(table, part, "a"))
    assert len(seen) == 10


# -- what each operation asks --------------------------------------------------------------


def there(table: Table, part: str) -> str:
    return put(table, part, "a")[0]


def test_an_insert_of_a_row_that_is_there_is_stale(table: Table, part: str) -> None:
    there(table, part)
    with pytest.raises(Stale):
        table.commit(part, [Insert(Row("a", "new"))])
    assert text(table, part, "a") == "text of a"


def test_a_replace_names_the_version_it_saw(table: Table, part: str) -> None:
    first = there(table, part)
    (second,) = table.commit(part, [Replace(Row("a", "second", etag=first))])
    with pytest.raises(Stale):
        table.commit(part, [Replace(Row("a", "third", etag=first))])
    assert text(table, part, "a") == "second"
    table.commit(part, [Replace(Row("a", "third", etag=second))])
    assert text(table, part, "a") == "third"


def test_a_replace_of_a_row_that_is_gone_is_stale(table: Table, part: str) -> None:
    etag = there(table, part)
    table.commit(part, [Delete("a")])
    with pytest.raises(Stale):
        table.commit(part, [Replace(Row("a", "new", etag=etag))])
    assert table.get(part, "a") is None


def test_a_row_deleted_and_made_anew_is_not_the_one_that_was_seen(table: Table, part: str) -> None:
    etag = there(table, part)
    table.commit(part, [Delete("a")])
    there(table, part)
    with pytest.raises(Stale):
        table.commit(part, [Replace(Row("a", "new", etag=etag))])


def test_a_put_asks_nothing(table: Table, part: str) -> None:
    table.commit(part, [Put(Row("a", "first"))])
    table.commit(part, [Put(Row("a", "second"))])
    assert text(table, part, "a") == "second"


@pytest.mark.parametrize("named", [False, True], ids=["whatever is there", "the version seen"])
def test_a_delete_takes_the_row_away(table: Table, part: str, named: bool) -> None:
    etag = there(table, part)
    assert table.commit(part, [Delete("a", etag if named else "")]) == [""]
    assert table.get(part, "a") is None


def test_a_delete_of_another_version_is_stale(table: Table, part: str) -> None:
    etag = there(table, part)
    there(table, part)
    with pytest.raises(Stale):
        table.commit(part, [Delete("a", etag)])
    assert text(table, part, "a") == "text of a"


@pytest.mark.parametrize("etag", ["", "W/\"datetime'2026-04-25T08%3A00%3A00.0000000Z'\""])
def test_a_delete_of_a_row_that_is_not_there_is_stale(table: Table, part: str, etag: str) -> None:
    with pytest.raises(Stale):
        table.commit(part, [Delete("a", etag)])


# -- groups --------------------------------------------------------------------------------


def test_a_group_does_all_it_says_and_gives_each_etag(table: Table, part: str) -> None:
    replaced, deleted = put(table, part, "replaced", "deleted")
    etags = table.commit(
        part,
        [
            Insert(Row("inserted", "1")),
            Replace(Row("replaced", "2", etag=replaced)),
            Put(Row("put", "3")),
            Delete("deleted", deleted),
        ],
    )
    assert keys(table, part) == ["inserted", "put", "replaced"]
    for key, etag in zip(("inserted", "replaced", "put"), etags, strict=False):
        found = table.get(part, key)
        assert found is not None
        assert found.etag == etag
    assert etags[3] == ""


LOSERS: list[Any] = [
    pytest.param(Insert(Row("there", "x")), id="an insert"),
    pytest.param(Replace(Row("there", "x", etag='W/"old"')), id="a replace"),
    pytest.param(Replace(Row("gone", "x", etag='W/"old"')), id="a replace of nothing"),
    pytest.param(Delete("there", 'W/"old"'), id="a delete"),
    pytest.param(Delete("gone"), id="a delete of nothing"),
]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "in the middle", "last"])
@pytest.mark.parametrize("loser", LOSERS)
def test_a_group_that_loses_one_race_changes_nothing(
    table: Table, part: str, loser: Op, place: int
) -> None:
    there_, other = put(table, part, "there", "other")
    if isinstance(loser, Replace | Delete) and "gone" not in str(loser):
        # A version that is real, and no longer the present one.
        put(table, part, "there")
        if isinstance(loser, Replace):
            loser = Replace(Row("there", "x", etag=there_))
        else:
            loser = Delete("there", there_)
    ops: list[Op] = [Insert(Row("new", "x")), Replace(Row("other", "x", etag=other))]
    ops.insert(place, loser)
    with pytest.raises(Stale):
        table.commit(part, ops)
    assert keys(table, part) == ["other", "there"]
    assert text(table, part, "other") == "text of other"


def test_a_hundred_operations_are_one_group(table: Table, part: str) -> None:
    names = [f"{n:03}" for n in range(GROUP_OPERATIONS)]
    etags = table.commit(part, [Insert(Row(name, name)) for name in names])
    assert [(row.key, row.etag) for row in rows(table, part, "", LAST)] == list(
        zip(names, etags, strict=True)
    )


@pytest.mark.parametrize(
    "ops",
    [
        pytest.param([], id="nothing"),
        pytest.param([Put(Row(f"{n:03}", "x")) for n in range(101)], id="101 operations"),
        pytest.param([Put(Row("a", "x")), Put(Row("a", "y"))], id="a row twice"),
        pytest.param([Put(Row("a", "x")), Delete("a")], id="put and deleted"),
        pytest.param([Put(Row("a", "x" * 530_000))], id="a row over 1 MiB"),
        pytest.param([Put(Row("a", "\U0001f600" * 265_000))], id="an astral row over 1 MiB"),
        pytest.param([Put(Row(f"{n}", "x" * 480_000)) for n in range(9)], id="over 4 MiB"),
    ],
)
def test_what_azure_refuses_is_refused_before_it_is_sent(
    table: Table, part: str, ops: Sequence[Op]
) -> None:
    with pytest.raises(ValueError, match=r"group|row"):
        table.commit(part, ops)
    assert keys(table, part) == []


@pytest.mark.parametrize("units", ["x", "é", "日", "\U0001f600", "&", '"', "\\", "\n", "\x01"])
def test_the_fullest_group_we_may_send_is_taken(
    azure_table: AzureTable, part: str, units: str
) -> None:
    """4 MiB is the service's limit for the request as sent, which escapes most of what is not
    ASCII."""
    room = 400_000 // len(units.encode("utf-16-le")) * 2
    row = Row("000", units * (room // 10))
    count = min(GROUP_OPERATIONS, GROUP_BYTES // op_size(Put(row)))
    ops = [Put(Row(f"{n:03}", row.text)) for n in range(count)]
    check_group(ops)
    azure_table.commit(part, ops)
    assert len(keys(azure_table, part)) == count


# -- ranges --------------------------------------------------------------------------------


def test_a_range_includes_its_lower_end_and_not_its_upper(table: Table, part: str) -> None:
    put(table, part, "a", "b", "c", "d")
    assert keys(table, part, "b", "d") == ["b", "c"]
    assert keys(table, part, "", LAST) == ["a", "b", "c", "d"]
    assert keys(table, part, "e", LAST) == []
    assert keys(table, part, "b", "b") == []


def test_rows_come_in_the_order_of_their_code_points(table: Table, part: str) -> None:
    names = [" ", "+", "-", ".", "0", "9", ":", "=", "@", "A", "Z", "_", "a", "b", "z", "|", "~"]
    put(table, part, *reversed(names))
    assert keys(table, part) == names


def test_a_prefix_is_a_range(table: Table, part: str) -> None:
    put(table, part, "due|1|a", "due|2|b", "duet|1", "ahead|1|a", "due")
    assert keys(table, part, "due|", "due|" + LAST) == ["due|1|a", "due|2|b"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        pytest.param("", ["a", "b", "c", "d", "e"], id="none"),
        pytest.param("bucket>=b", ["b", "c", "d"], id="from a value on"),
        pytest.param("bucket<c", ["a", "b"], id="up to a value"),
        pytest.param("bucket>=b and bucket<d", ["b", "c"], id="between two"),
        pytest.param("bucket>=x", [], id="nothing there"),
        pytest.param("bucket>=b and on<z", ["b"], id="two marks"),
    ],
)
def test_a_range_may_be_filtered_by_marks_which_a_row_without_them_never_passes(
    table: Table, part: str, where: str, found: list[str]
) -> None:
    put(table, part, "a", bucket="a")
    put(table, part, "b", bucket="b", on="y")
    put(table, part, "c", bucket="c")
    put(table, part, "d", bucket="d", on="z")
    put(table, part, "e")
    assert keys(table, part, where=where) == found


def test_a_filter_is_not_read_as_code(table: Table, part: str) -> None:
    put(table, part, "a", bucket="it's")
    assert keys(table, part, where="bucket>=it's and bucket<it't") == ["a"]


def test_marks_alone_are_read_without_the_text(table: Table, part: str) -> None:
    put(table, part, "a", bucket="x")
    put(table, part, "b")
    (etag,) = table.commit(part, [Put(Row("c", "z" * 100_000, {"on": "y"}))])
    a, b, c = rows(table, part, "", LAST, marks_only=True)
    assert [row.text for row in (a, b, c)] == ["", "", ""]
    assert (a.marks, b.marks, c.marks) == ({"bucket": "x"}, {}, {"on": "y"})
    assert c.etag == etag


# -- pages ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(azure_table: AzureTable) -> tuple[str, list[str]]:
    """A partition of two full pages and a row, on the emulator."""
    names = [f"{n:05}" for n in range(2 * PAGE + 1)]
    put(azure_table, "full", *names, bucket="b")
    return "full", names


@pytest.fixture
def filled(request: pytest.FixtureRequest, table: Table) -> tuple[str, list[str]]:
    part, names = request.getfixturevalue("full")
    if not isinstance(table, AzureTable):
        put(table, part, *names, bucket="b")
    return part, names


def test_a_long_range_comes_in_pages(table: Table, filled: tuple[str, list[str]]) -> None:
    part, names = filled
    found, after, sizes = [], "", []
    for _ in range(10):
        page = table.page(part, "", LAST, after)
        found += [row.key for row in page.rows]
        sizes.append(len(page.rows))
        after = page.next
        if not after:
            break
    assert found == names
    assert max(sizes) <= PAGE
    assert [row.key for row in rows(table, part, "", LAST)] == names


@pytest.mark.parametrize("last", [PAGE - 1, PAGE, PAGE + 1])
def test_a_range_that_ends_at_a_pages_end(
    table: Table, filled: tuple[str, list[str]], last: int
) -> None:
    part, names = filled
    page = table.page(part, "", f"{last:05}")
    assert [row.key for row in page.rows] == names[: min(last, PAGE)]
    rest = table.page(part, "", f"{last:05}", page.next).rows if page.next else ()
    assert [row.key for row in rest] == names[PAGE:last]


def test_a_page_begins_after_the_last_key_seen_even_when_that_row_is_gone(
    table: Table, part: str
) -> None:
    put(table, part, "a", "c")
    assert [row.key for row in table.page(part, "", LAST, "b").rows] == ["c"]
    assert [row.key for row in table.page(part, "", LAST, "a").rows] == ["c"]
    assert table.page(part, "", LAST, "c").rows == ()


def test_a_filter_reaches_over_pages(table: Table, filled: tuple[str, list[str]]) -> None:
    part, names = filled
    put(table, part, names[-1], bucket="z")
    assert keys(table, part, where="bucket>=y") == [names[-1]]
    put(table, part, names[-1], bucket="b")


# -- races ---------------------------------------------------------------------------------


def race(count: int, table: Table, part: str, op: Any) -> int:
    """How many of *count* simultaneous commits of ``op(n)`` got through."""
    won: list[int] = []
    start = threading.Barrier(count)

    def run(n: int) -> None:
        start.wait()
        try:
            table.commit(part, [op(n), Put(Row(f"winner-{n}", ""))])
            won.append(n)
        except Stale:
            return

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys(table, part, "winner-", "winner-" + LAST)) == len(won), "all or nothing"
    return len(won)


def test_of_many_who_insert_one_wins(table: Table, part: str) -> None:
    assert race(12, table, part, lambda n: Insert(Row("a", str(n)))) == 1


def test_of_many_who_replace_what_they_saw_one_wins(table: Table, part: str) -> None:
    (etag,) = put(table, part, "a")
    assert race(12, table, part, lambda n: Replace(Row("a", str(n), etag=etag))) == 1


# -- a service that misbehaves -------------------------------------------------------------


class EmptyPages:
    """Answers queries with an empty page that is not the last, as Azure may, *left* times."""

    def __init__(self, left: int) -> None:
        self.left = left
        self._real = RequestsTransport()

    def __enter__(self) -> EmptyPages:
        self._real.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._real.__exit__(*error)

    def send(self, request: Any, **options: Any) -> Any:
        # What we made up the service would not know.
        url = urlsplit(request.url)
        query = [(k, v) for k, v in parse_qsl(url.query) if v != "made-up"]
        request.url = url._replace(query=urlencode(query, quote_via=quote)).geturl()
        response = self._real.send(request, **options)
        if self.left:
            self.left -= 1
            response.internal_response._content = b'{"value": []}'
            for name in ("NextPartitionKey", "NextRowKey"):
                response.headers[f"x-ms-continuation-{name}"] = "made-up"
        return response


@pytest.mark.parametrize("empty", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_empty_page_is_not_the_end(
    azurite: str, azure_table: AzureTable, part: str, empty: int, count: int
) -> None:
    names = ["a", "b", "c"][:count]
    if names:
        put(azure_table, part, *names)
    pages = EmptyPages(empty)
    name = azure_table._client.table_name
    with TableClient.from_connection_string(azurite, name, transport=pages) as client:
        assert keys(AzureTable(client), part) == names
    assert pages.left == 0


class Service(BaseHTTPRequestHandler):
    """Gives the answers it was told to, the last of them for ever."""

    server: Scripted

    def do(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        replies = self.server.replies
        status, kind, body = replies.pop(0) if len(replies) > 1 else replies[0]
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Any:
        """``do_GET`` and its like."""
        if name.startswith("do_"):
            return self.do
        raise AttributeError(name)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Quiet."""


class Scripted(ThreadingHTTPServer):
    replies: list[tuple[int, str, bytes]]

    def then(self, *replies: tuple[int, str, bytes]) -> None:
        self.replies = list(replies)

    @property
    def connection(self) -> str:
        return connection(self.server_port)


@pytest.fixture(scope="module")
def service() -> Iterator[Scripted]:
    server = Scripted(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def connection(port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"TableEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )


def fault(status: int, code: str) -> tuple[int, str, bytes]:
    message = {"lang": "en-US", "value": "why"}
    body = json.dumps({"odata.error": {"code": code, "message": message}}).encode()
    return status, "application/json", body


THERE = fault(409, "TableAlreadyExists")
BUSY = fault(503, "ServerBusy")


def multipart(*parts: bytes) -> tuple[int, str, bytes]:
    """A group's answer, as Azure sends one."""
    lines = [b"--batchresponse_1", b"Content-Type: multipart/mixed; boundary=changesetresponse_1"]
    for part in parts:
        lines += [b"", b"--changesetresponse_1", b"Content-Type: application/http"]
        lines += [b"Content-Transfer-Encoding: binary", b"", part]
    lines += [b"--changesetresponse_1--", b"--batchresponse_1--", b""]
    return 202, "multipart/mixed; boundary=batchresponse_1", b"\r\n".join(lines)


TAKEN = multipart(
    b"HTTP/1.1 204 No Content\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n"
    b"DataServiceVersion: 1.0;\r\nETag: W/\"datetime'2026-04-25T08%3A00%3A00.1234567Z'\"\r\n\r\n"
)
ONE: list[Op] = [Put(Row("k", "x"))]


def reads(table: Table) -> list[Callable[[], object]]:
    return [
        lambda: table.get("p", "k"),
        lambda: table.page("p", "", LAST),
        lambda: list(rows(table, "p", "", LAST)),
    ]


BUSY_STATUSES = [
    pytest.param(403, id="403: a role that has not reached every front end yet"),
    *(pytest.param(status, id=str(status)) for status in (408, 429, 500, 502, 503, 504)),
]


@pytest.mark.parametrize("status", BUSY_STATUSES)
def test_a_read_of_a_service_that_is_busy_or_broken_is_unavailable(
    service: Scripted, status: int
) -> None:
    for reply in (fault(status, "ServerBusy"), (status, "text/html", b"<html>a proxy's page")):
        service.then(reply)
        with TableClient.from_connection_string(
            service.connection, "state", retry_total=0
        ) as client:
            for read in reads(AzureTable(client)):
                with pytest.raises(Unavailable):
                    read()


@pytest.mark.parametrize("status", BUSY_STATUSES)
def test_a_group_for_a_service_that_is_busy_or_broken_is_unavailable(
    service: Scripted, status: int
) -> None:
    for reply in (fault(status, "ServerBusy"), (status, "text/html", b"<html>a proxy's")):
        with pytest.raises(Unavailable):
            committed(service, reply)


def committed(service: Scripted, reply: tuple[int, str, bytes]) -> list[str]:
    """A group for a service that answers it so, asked once."""
    service.then(reply)
    with TableClient.from_connection_string(service.connection, "state", retry_total=0) as client:
        return AzureTable(client).commit("p", ONE)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        pytest.param(503, "ServerBusy", Unavailable, id="no time for it"),
        pytest.param(500, "OperationTimedOut", Unavailable, id="timed out"),
        pytest.param(409, "EntityAlreadyExists", Stale, id="there already"),
        pytest.param(412, "UpdateConditionNotSatisfied", Stale, id="another version"),
        pytest.param(404, "ResourceNotFound", Stale, id="gone"),
        pytest.param(404, "TableNotFound", Unavailable, id="no table: not a lost race"),
    ],
)
def test_a_group_refused_within_its_answer_is_what_the_answer_says(
    service: Scripted, status: int, code: str, error: type[Exception]
) -> None:
    _, _, body = fault(status, code)
    part = b"HTTP/1.1 %d Reason\r\nContent-Type: application/json\r\n\r\n%s" % (status, body)
    with pytest.raises(error):
        committed(service, multipart(part))


def test_a_service_that_has_no_time_is_asked_again(service: Scripted) -> None:
    service.then(THERE)
    table = open_table(settings(service.connection, "again"))
    service.then(BUSY, TAKEN)
    assert table.commit("p", ONE) == ["W/\"datetime'2026-04-25T08%3A00%3A00.1234567Z'\""]
    service.then(BUSY)
    with pytest.raises(Unavailable):
        table.commit("p", ONE)


def test_a_connection_closed_without_a_word_is_unavailable(service: Scripted) -> None:
    service.then(THERE)
    table = open_table(settings(service.connection, "closed"))
    service.then((0, "", b""))
    with pytest.raises(Unavailable):
        table.commit("p", ONE)
    with TableClient.from_connection_string(service.connection, "state", retry_total=0) as client:
        for read in reads(AzureTable(client)):
            with pytest.raises(Unavailable):
                read()


def test_nobody_listening_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        open_table(settings(connection(a_free_port()), "connector"))


def test_an_identity_that_gives_no_token_is_unavailable(
    service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was stored, and the LMS is to try again: 503, not 500."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{service.server_port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "as on Azure")
    service.then((400, "application/json", b'{"statusCode": 400, "message": "no such identity"}'))
    env = {
        "STATE_TABLE_ENDPOINT": "https://account.table.test",
        "CONNECTOR_CLIENT_ID": "connector",
        "CONNECTOR_IDENTITY_CLIENT_ID": "identity",
        "SIGNING_KEY": "a-signing-key-for-tests",
    }
    table = open_table(Settings.from_env(env))
    calls: list[Callable[[], object]] = [*reads(table), lambda: table.commit("p", ONE)]
    for call in calls:
        with pytest.raises(Unavailable):
            call()


# -- opening -------------------------------------------------------------------------------


def test_a_missing_table_is_made_on_the_emulator_once(azurite: str, part: str) -> None:
    prefix = "p" + part[-12:]
    put(open_table(settings(azurite, prefix)), part, "a")
    assert keys(open_table(settings(azurite, prefix)), part) == ["a"], "and found again"
