"""A stand-in for Table Storage that takes hardly any CPU: for measuring, not for testing.

Azurite looks through its whole table for every row it writes (0.2 ms a row in a small table, 1.2 ms
in one of 16,000 rows), on the cores that are being measured; Azure's machines are elsewhere. This
one keeps rows in order and answers after a fixed time, like a service near by. What it knows of the
protocol is what ``shared.table`` uses; ``tests/bench`` holds it to the same contract as Azurite.

    python -m benchmarks.table_stand_in PORT LATENCY_S
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
from bisect import bisect_left, insort
from typing import Any
from urllib.parse import parse_qs, unquote

import uvicorn

from tests.simulators.wire import Reply, Request, asgi

_KEYS = re.compile(r"\(PartitionKey='((?:[^']|'')*)',RowKey='((?:[^']|'')*)'\)$")
_TERM = re.compile(r"(\w+) (eq|ge|gt|lt) '((?:[^']|'')*)'")
_PART = re.compile(
    rb"(POST|PUT|DELETE) (\S+) HTTP/1.1\r\n((?s:.*?))\r\n\r\n(\{.*\})?\r\n(?=--changeset)"
)
_MATCH = re.compile(rb"If-Match: ([^\r\n]+)")

Entity = dict[str, Any]


class Partition:
    """Rows by key, and their keys in order."""

    def __init__(self) -> None:
        self.rows: dict[str, Entity] = {}
        self.keys: list[str] = []

    def put(self, key: str, row: Entity) -> None:
        if key not in self.rows:
            insort(self.keys, key)
        self.rows[key] = row

    def drop(self, key: str) -> None:
        del self.rows[key]
        del self.keys[bisect_left(self.keys, key)]


class TableService:
    """Tables of one account, by name and partition."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._tables: dict[str, dict[str, Partition]] = {}
        self._versions = itertools.count(1)

    async def answer(self, request: Request) -> Reply:
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        name = unquote(request.path.rpartition("/")[2])
        if name == "Tables":
            return self._make(str(json.loads(request.body)["TableName"]))
        if name == "$batch":
            return self._group(request.body)
        table = self._tables.get(name.partition("(")[0])
        if table is None:
            return _fault(404, "TableNotFound")
        found = _KEYS.search(name)
        if found:
            where, key = (_plain(text) for text in found.groups())
            row = table[where].rows.get(key) if where in table else None
            return Reply.of(row) if row else _fault(404, "ResourceNotFound")
        return self._query(table, parse_qs(request.query))

    def _make(self, name: str) -> Reply:
        if name in self._tables:
            return _fault(409, "TableAlreadyExists")
        self._tables[name] = {}
        return Reply.of({"TableName": name}, 201)

    def _query(self, table: dict[str, Partition], asked: dict[str, list[str]]) -> Reply:
        terms = [(n, sign, _plain(v)) for n, sign, v in _TERM.findall(asked["$filter"][0])]
        partition = table.get(terms[0][2], Partition())
        low, high = "", "\U0010ffff"
        for name, sign, value in terms[1:]:
            if name == "RowKey" and sign in ("ge", "gt"):
                low = value if sign == "ge" else value + "\0"
            elif name == "RowKey":
                high = value
        low = asked.get("NextRowKey", [low])[0]
        keys, top = partition.keys, int(asked.get("$top", ["1000"])[0])
        begin, end = bisect_left(keys, low), bisect_left(keys, high)
        marks = [term for term in terms if term[0] not in ("PartitionKey", "RowKey")]
        names = asked.get("$select", [""])[0].split(",")
        found: list[Entity] = []
        after = ""
        for key in keys[begin:end]:
            row = partition.rows[key]
            if any(not _passes(row, term) for term in marks):
                continue
            if len(found) == top:
                after = key
                break
            found.append(
                {n: v for n, v in row.items() if n in names or n == "odata.etag"}
                if names != [""]
                else row
            )
        more = (
            {"x-ms-continuation-NextPartitionKey": terms[0][2],
             "x-ms-continuation-NextRowKey": after}
            if after
            else {}
        )  # fmt: skip
        return Reply.of({"value": found}, 200, more)

    def _group(self, body: bytes) -> Reply:
        operations = []
        for method, url, headers, content in _PART.findall(body):
            name = unquote(url.decode().rpartition("/")[2])
            row = json.loads(content) if content else {}
            keys = _KEYS.search(name)
            where, key = (
                (_plain(text) for text in keys.groups())
                if keys
                else (row["PartitionKey"], row["RowKey"])
            )
            match = _MATCH.search(headers)
            etag = match[1].decode() if match else ""
            operations.append((method.decode(), name.partition("(")[0], where, key, etag, row))
        table = self._tables.get(operations[0][1])
        if table is None:
            return _grouped([_refused(404, "TableNotFound")])
        partition = table.setdefault(operations[0][2], Partition())
        for method, _, _, key, etag, _ in operations:
            fault = _loses(partition, method, key, etag)
            if fault:
                return _grouped([_refused(*fault)])
        return _grouped([self._apply(partition, *one) for one in operations])

    def _apply(
        self, partition: Partition, method: str, _: str, _w: str, key: str, _e: str, row: Entity
    ) -> str:
        if method == "DELETE":
            partition.drop(key)
            return "HTTP/1.1 204 No Content\r\n\r\n"
        etag = f"W/\"datetime'{next(self._versions):024}'\""
        partition.put(key, {"odata.etag": etag, **row})
        return f"HTTP/1.1 204 No Content\r\nETag: {etag}\r\n\r\n"


def _plain(literal: str) -> str:
    return literal.replace("''", "'")


def _passes(row: Entity, term: tuple[str, str, str]) -> bool:
    name, sign, value = term
    there = row.get(name)
    return there is not None and (there >= value if sign == "ge" else there < value)


def _loses(partition: Partition, method: str, key: str, etag: str) -> tuple[int, str] | None:
    there = partition.rows.get(key)
    if method == "POST":
        return (409, "EntityAlreadyExists") if there else None
    if not etag:
        return None
    if there is None:
        return 404, "ResourceNotFound"
    return None if etag in ("*", there["odata.etag"]) else (412, "UpdateConditionNotSatisfied")


def _fault(status: int, code: str) -> Reply:
    return Reply.of({"odata.error": {"code": code, "message": {"value": code}}}, status)


def _refused(status: int, code: str) -> str:
    return f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n\r\n" + json.dumps(
        {"odata.error": {"code": code, "message": {"value": code}}}
    )


def _grouped(parts: list[str]) -> Reply:
    answers = "".join(
        "--changesetresponse_1\r\nContent-Type: application/http\r\n"
        f"Content-Transfer-Encoding: binary\r\n\r\n{part}\r\n"
        for part in parts
    )
    text = (
        "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n"
        f"{answers}--changesetresponse_1--\r\n--batchresponse_1--\r\n"
    )
    return Reply(202, text.encode(), {"content-type": "multipart/mixed; boundary=batchresponse_1"})


def main(arguments: list[str]) -> None:
    port, latency_s = int(arguments[0]), float(arguments[1])
    config = uvicorn.Config(
        asgi(TableService(latency_s)),
        host="127.0.0.1",
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1:])
