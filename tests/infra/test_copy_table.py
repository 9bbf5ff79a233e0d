"""The backup: every row and every type comes back; a broken file is refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from azure.data.tables import EdmType, EntityProperty, TableClient, TableServiceClient

from infra import copy_table
from tests.local.azurite import Azurite


@pytest.fixture(scope="module")
def service() -> Iterator[TableServiceClient]:
    with (
        Azurite(queues=False).running() as azurite,
        TableServiceClient.from_connection_string(azurite.connection_string) as client,
    ):
        yield client


@pytest.fixture
def tables(service: TableServiceClient) -> Iterator[tuple[TableClient, TableClient]]:
    """Two empty tables."""
    suffix = uuid4().hex[:12]
    first, second = (service.create_table(f"t{name}{suffix}") for name in ("from", "to"))
    with first, second:
        yield first, second


def contents(table: TableClient) -> list[dict[str, Any]]:
    return [dict(entity) for entity in table.list_entities()]


def test_every_type_comes_back_as_it_was(
    tables: tuple[TableClient, TableClient], tmp_path: Path
) -> None:
    """What the state could hold, to the last digit: text beyond ASCII, 64 bits, ticks, bytes."""
    source, target = tables
    source.create_entity(
        {
            "PartitionKey": "college",
            "RowKey": "component|C-1042",
            "text": "Frühstück – «9:00» 🎓\n\t",
            "empty": "",
            "yes": True,
            "small": -7,
            "large": EntityProperty(2**53 + 1, EdmType.INT64),
            "fraction": 1.0,
            "at": datetime(2026, 4, 30, 8, 0, 0, 123456, tzinfo=UTC),
            "ticks": EntityProperty("2026-04-30T08:00:00.1234567Z", EdmType.DATETIME),
            "guid": UUID("11111111-2222-3333-4444-555555555555"),
            "blob": b"\x00\xff\x10",
        }
    )
    path = tmp_path / "copy.jsonl.gz"

    assert copy_table.backup(source, path) == 1
    assert copy_table.restore(target, path) == 1

    before, after = contents(source), contents(target)
    assert after == before
    for name, value in before[0].items():
        assert type(after[0][name]) is type(value), name
    ticks = after[0]["ticks"].tables_service_value
    assert ticks == before[0]["ticks"].tables_service_value


def test_many_rows_of_several_partitions_come_back(
    tables: tuple[TableClient, TableClient], tmp_path: Path
) -> None:
    """More than one page to read, more than one transaction to write, and large rows among them."""
    source, target = tables
    for partition in ("alpha", "beta", "gamma"):
        for first in range(0, 350, 50):
            source.submit_transaction(
                [
                    ("upsert", {"PartitionKey": partition, "RowKey": f"{n:05}", "n": n})
                    for n in range(first, first + 50)
                ]
            )
    for n in range(20):
        source.create_entity({"PartitionKey": "large", "RowKey": str(n), "text": "x" * 32_000})
    path = tmp_path / "copy.jsonl.gz"

    assert copy_table.backup(source, path) == 3 * 350 + 20
    assert copy_table.restore(target, path) == 3 * 350 + 20
    assert contents(target) == contents(source)

    assert copy_table.restore(target, path) == 3 * 350 + 20, "a restore may be repeated"
    assert contents(target) == contents(source)


def test_an_empty_table_has_a_backup(
    tables: tuple[TableClient, TableClient], tmp_path: Path
) -> None:
    """Nothing is a content like another."""
    source, target = tables
    path = tmp_path / "copy.jsonl.gz"
    assert copy_table.backup(source, path) == 0
    assert copy_table.restore(target, path) == 0


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda lines: lines[:-1], id="broken off between rows"),
        pytest.param(lambda lines: [*lines[:1], *lines[2:]], id="a row missing"),
        pytest.param(lambda lines: [*lines[:-2], lines[-2][:9]], id="broken off within a row"),
        pytest.param(lambda lines: [], id="empty"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_before_anything_is_written(
    tables: tuple[TableClient, TableClient], tmp_path: Path, spoil: Any
) -> None:
    """Half a backup restored would look like a whole one."""
    source, target = tables
    for n in range(3):
        source.create_entity({"PartitionKey": "p", "RowKey": str(n)})
    path = tmp_path / "copy.jsonl.gz"
    copy_table.backup(source, path)
    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    path.write_bytes(gzip.compress("".join(spoil(lines)).encode()))

    with pytest.raises(copy_table.BrokenFileError):
        copy_table.restore(target, path)
    assert contents(target) == []


def test_a_truncated_archive_is_refused(
    tables: tuple[TableClient, TableClient], tmp_path: Path
) -> None:
    """A copy interrupted on its way: the archive itself breaks off."""
    source, target = tables
    source.create_entity({"PartitionKey": "p", "RowKey": "1", "text": "y" * 5000})
    path = tmp_path / "copy.jsonl.gz"
    copy_table.backup(source, path)
    path.write_bytes(path.read_bytes()[:-12])

    with pytest.raises(copy_table.BrokenFileError):
        copy_table.restore(target, path)
    assert contents(target) == []


def test_an_interrupted_backup_leaves_the_last_one(
    tables: tuple[TableClient, TableClient], tmp_path: Path
) -> None:
    """Yesterday's file is only replaced by a whole one."""
    source, _ = tables
    source.create_entity({"PartitionKey": "p", "RowKey": "1"})
    path = tmp_path / "copy.jsonl.gz"
    copy_table.backup(source, path)
    yesterday = path.read_bytes()

    class Failing:
        def list_entities(self) -> Iterator[dict[str, Any]]:
            yield {"PartitionKey": "p", "RowKey": "1"}
            raise ConnectionError

        def submit_transaction(self, operations: object) -> None:
            raise AssertionError(operations)

    with pytest.raises(ConnectionError):
        copy_table.backup(Failing(), path)
    assert path.read_bytes() == yesterday
