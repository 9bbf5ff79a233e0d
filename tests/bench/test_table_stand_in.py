"""That the table which throughput is measured on behaves as Azurite does, where we use it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import Stale
from shared.table import AzureTable, Delete, Insert, Op, Put, Replace, Row, open_table, rows
from tests.contract.conftest import settings
from tests.local.azurite import ACCOUNT, ACCOUNT_KEY
from tests.local.children import Child, free_port, wait_for_port
from tests.local.hosting import ROOT


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.table_stand_in", str(port), "0"]
    log: Path = tmp_path_factory.mktemp("table") / "log"
    child = Child("table", command, log=log, cwd=ROOT)
    try:
        wait_for_port(child, port)
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"TableEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        )
    finally:
        child.kill()


@pytest.fixture(params=["stand-in", "azurite"])
def table(request: pytest.FixtureRequest) -> AzureTable:
    named = {"stand-in": "stand_in", "azurite": "azurite"}[request.param]
    return open_table(settings(request.getfixturevalue(named), f"b{uuid.uuid4().hex[:12]}"))


ODD = Row("a'b é&|x", 'x"\\ü\n', {"on": "a'b"})


def test_rows_come_back_as_they_were_written(table: AzureTable) -> None:
    etags = table.commit("p", [Insert(ODD), Insert(Row("q", "x" * 40_000))])
    assert len(set(etags)) == 2
    found = table.get("p", ODD.key)
    assert found
    assert (found.text, found.marks, found.etag) == (ODD.text, ODD.marks, etags[0])
    assert table.get("p", "none") is None
    assert table.get("other", "q") is None
    assert table.commit("p", [Delete("q", etags[1])]) == [""]
    assert table.get("p", "q") is None


@pytest.mark.parametrize(
    "op",
    [
        pytest.param(Insert(Row("q", "2")), id="there already"),
        pytest.param(Replace(Row("q", "2", etag='W/"x"')), id="another version"),
        pytest.param(Replace(Row("n", "2", etag='W/"x"')), id="replace what is not there"),
        pytest.param(Delete("n"), id="delete what is not there"),
        pytest.param(Delete("q", 'W/"x"'), id="delete another version"),
    ],
)
def test_a_group_that_loses_changes_nothing(table: AzureTable, op: Op) -> None:
    table.commit("p", [Put(Row("q", "1"))])
    with pytest.raises(Stale):
        table.commit("p", [Put(Row("new", "1")), op])
    assert table.get("p", "new") is None


def test_ranges_pages_and_filters(table: AzureTable) -> None:
    for k in range(12):
        puts = [Put(Row(f"r{k:02}-{n:03}", "t", {"bucket": f"{n:03}"})) for n in range(100)]
        table.commit("p", puts)
    assert len(list(rows(table, "p", "r", "s"))) == 1200
    assert len(list(rows(table, "p", "r", "s", "bucket>=010 and bucket<020"))) == 120
    assert [row.key for row in rows(table, "p", "r03-098", "r04-001")] == [
        "r03-098",
        "r03-099",
        "r04-000",
    ]
    assert {row.text for row in rows(table, "p", "r", "s", marks_only=True)} == {""}
