"""Copies the state table into a file, and a file into a table: the backup that Azure has not.

    python infra/copy_table.py backup  --endpoint https://….table.core.windows.net \
        --table connectorstate --file connectorstate.jsonl.gz
    python infra/copy_table.py restore --endpoint … --table … --file …

Signs in as whoever runs it: `az login`, a managed identity or a pipeline's federated identity. A
backup takes the role Storage Table Data Reader on the table, a restore Storage Table Data
Contributor.

The file has a row per line, as JSON, types kept, and ends with a line that counts them: a file
that broke off is refused before anything is written. A restore replaces rows and deletes none, so
that it may be repeated; start with an empty table. Nothing stands still while a copy is made, so it
is not of one moment. The connector copes: what is missing or old is put right by `adopt` and the
next sweep.

Needs azure-data-tables and azure-identity, which the connector's own requirements.txt has.
"""  # noqa: INP001 - a program beside the templates; nothing imports it from here in production

from __future__ import annotations

import argparse
import base64
import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

# What one transaction may hold is 100 rows and 4 MiB; half of that leaves room for how it is sent.
GROUP_ROWS = 100
GROUP_BYTES = 2 * 1024 * 1024

Entity = Mapping[str, Any]


class Table(Protocol):
    """What is used of azure.data.tables.TableClient."""

    def list_entities(self) -> Iterable[Entity]: ...

    def submit_transaction(self, operations: Any) -> Any: ...


class BrokenFileError(Exception):
    """The file is not a whole copy."""


def backup(table: Table, path: Path) -> int:
    """Write every row of *table* to *path*; return how many.

    The file appears under its name only when it is whole.
    """
    partial = path.with_name(path.name + ".partial")
    count = 0
    with gzip.open(partial, "wt", encoding="utf-8") as file:
        for entity in table.list_entities():
            file.write(_line({name: _to_json(value) for name, value in entity.items()}))
            count += 1
        file.write(_line({"rows": count}))
    partial.replace(path)
    return count


def restore(table: Table, path: Path) -> int:
    """Write every row in *path* to *table*, over a row of the same key; return how many.

    Raises:
        BrokenFileError: The file is not a whole copy; nothing was written.
    """
    expected = _check(path)
    count = 0
    for group in _groups(_rows(path)):
        table.submit_transaction([("upsert", entity, {"mode": "replace"}) for entity in group])
        count += len(group)
    if count != expected:
        raise BrokenFileError(f"{path} changed while it was read")
    return count


def _check(path: Path) -> int:
    """The number of rows in *path*, which is read to its end."""
    count, last = 0, None
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                last = json.loads(line)
                count += 1
    except (EOFError, OSError, ValueError) as error:
        raise BrokenFileError(f"{path} cannot be read: {error}") from error
    if last != {"rows": count - 1}:
        raise BrokenFileError(f"{path} is not whole: it does not end with its number of rows")
    return count - 1


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if "PartitionKey" in row:
                yield {name: _from_json(value) for name, value in row.items()}


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in the order given, cut where one transaction must end."""
    for _, same_partition in groupby(rows, key=lambda row: row["PartitionKey"]):
        group: list[dict[str, Any]] = []
        size = 0
        for row in same_partition:
            weight = sum(_weight(name) + _weight(value) for name, value in row.items())
            if group and (len(group) == GROUP_ROWS or size + weight > GROUP_BYTES):
                yield group
                group, size = [], 0
            group.append(row)
            size += weight
        yield group


def _weight(value: object) -> int:
    """Bytes this takes on the way, at most."""
    if isinstance(value, str):
        return 6 * len(value)  # a character that JSON escapes
    if isinstance(value, bytes):
        return 2 * len(value)
    return 64


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


# --- Types. JSON has strings, booleans and numbers of its own; the others are written as
# {"<type>": "<text>"}. No property of a table row is an object, so none can be taken for one. ---


def _to_json(value: object) -> object:
    if isinstance(value, tuple):  # EntityProperty(value, edm_type): how the library reads an Int64
        number, edm_type = value
        if str(getattr(edm_type, "value", edm_type)) != "Edm.Int64":
            raise TypeError(f"unknown type in a row: {edm_type}")
        return {"Edm.Int64": str(number)}
    if isinstance(value, datetime):
        # The library's datetimes carry the service's own text, with its seven digits of a second.
        text = getattr(value, "tables_service_value", None) or value.isoformat()
        return {"Edm.DateTime": text}
    if isinstance(value, UUID):
        return {"Edm.Guid": str(value)}
    if isinstance(value, bytes):
        return {"Edm.Binary": base64.b64encode(value).decode("ascii")}
    if isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"unknown type in a row: {type(value).__name__}")


def _from_json(value: Any) -> Any:
    from azure.data.tables import EdmType, EntityProperty

    if not isinstance(value, dict):
        return value
    [(edm_type, text)] = value.items()
    match edm_type:
        case "Edm.Int64":
            return EntityProperty(int(text), EdmType.INT64)
        case "Edm.DateTime":
            return EntityProperty(text, EdmType.DATETIME)
        case "Edm.Guid":
            return UUID(text)
        case "Edm.Binary":
            return base64.b64decode(text)
    raise TypeError(f"unknown type in the file: {edm_type}")


def main(arguments: list[str] | None = None) -> int:
    """Do as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description="Back up the state table, or restore it.")
    parser.add_argument("action", choices=["backup", "restore"])
    parser.add_argument(
        "--endpoint", required=True, help="https://<account>.table.core.windows.net"
    )
    parser.add_argument("--table", default="connectorstate")
    parser.add_argument("--file", required=True, type=Path, help="a gzip file of JSON lines")
    given = parser.parse_args(arguments)

    from azure.data.tables import TableClient
    from azure.identity import DefaultAzureCredential

    client = TableClient(given.endpoint, given.table, credential=DefaultAzureCredential())
    try:
        if given.action == "backup":
            count = backup(client, given.file)
        else:
            count = restore(client, given.file)
    except BrokenFileError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.action}: {count} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
