"""The index by month and what goes for good, on the fake table and on the emulator."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from shared.errors import Stale
from shared.keys import ComponentKey, partition
from shared.model import By, ComponentId, PersonKey, TenantId
from shared.persons import naming_rows
from shared.record import Record, Shelf, with_line
from shared.store import Store, Stored, Write
from shared.table import Insert, Row, Table, rows
from tests.build import NOW, a_booked, a_record, a_slot, a_snapshot, at

WHO = PersonKey("a1b2c3")


@pytest.fixture
def store(table: Table) -> Store:
    return Store(table)


@pytest.fixture
def tenant() -> TenantId:
    return TenantId(f"t{uuid.uuid4().hex}")


def named(name: str, start: str | None = "2026-04-30 08:00") -> Record:
    saved = replace(a_snapshot(), id=ComponentId(name), slot=a_slot(start) if start else None)
    return with_line(a_record(saved, slot=saved.slot), NOW, "saved", "", By.LMS)


def put(store: Store, tenant: TenantId, *writes: Write) -> list[Stored]:
    results = store.write(tenant, writes)
    assert all(isinstance(one, Stored) for one in results)
    return [one for one in results if isinstance(one, Stored)]


def keys(store: Store, tenant: TenantId) -> list[str]:
    return [row.key for row in rows(store.table, partition(tenant), "", "\x7f")]


def months(store: Store, tenant: TenantId, before: str) -> list[tuple[str, str]]:
    return list(store.months_before(tenant, before))


def test_components_are_found_by_the_month_of_their_start(store: Store, tenant: TenantId) -> None:
    starts = {"b": "2026-04-30 23:59", "a": "2026-05-01 00:00", "c": "2025-12-01 09:00"}
    put(store, tenant, *(Write(None, named(name, start)) for name, start in starts.items()))
    assert months(store, tenant, "2026-05") == [("2025-12", "c"), ("2026-04", "b")]
    assert months(store, tenant, "2026-04") == [("2025-12", "c")]
    assert months(store, tenant, "2025-12") == []
    assert len(months(store, tenant, "9999-12")) == 3


def test_what_has_no_start_is_found_by_its_last_line(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, Write(None, named("C-1", None)))
    assert months(store, tenant, "9999") == [("2026-04", "C-1")]
    later = with_line(stored.record, at("2026-07-01 00:00"), "saved", "", By.LMS)
    (stored,) = put(store, tenant, Write(stored, later))
    assert months(store, tenant, "9999") == [("2026-07", "C-1")]
    (stored,) = put(store, tenant, Write(stored, replace(stored.record, generation=3)))
    assert months(store, tenant, "9999") == [("2026-07", "C-1")], "no line, no other month"


def test_it_stands_in_one_month_whichever_row_was_read(store: Store, tenant: TenantId) -> None:
    """Moved by a webhook, which reads the component, and by a sweep, which reads the shelf."""
    (stored,) = put(store, tenant, Write(None, a_booked()))
    key = stored.record.key
    home = store.get(tenant, key)
    assert home is not None
    moved = replace(home.record, slot=a_slot("2026-06-02 08:00"))
    put(store, tenant, Write(home, moved))
    assert months(store, tenant, "9999") == [("2026-06", key)]
    (copy,) = store.shelf(tenant, Shelf(home.on.split("|")[0]))
    back = replace(copy.record, slot=a_slot("2026-08-02 08:00"))
    put(store, tenant, Write(copy, back))
    assert months(store, tenant, "9999") == [("2026-08", key)]


def test_a_component_goes_with_all_that_is_its_own_and_nothing_else(
    store: Store, tenant: TenantId
) -> None:
    beside = (Insert(Row("evidence|C-1|000000", "{}")), *naming_rows(ComponentKey("C-1"), [WHO]))
    put(store, tenant, Write(None, named("C-10")))
    neighbours = keys(store, tenant)
    put(store, tenant, Write(None, named("C-1"), beside))
    stored = store.get(tenant, ComponentKey("C-1"))
    assert stored is not None
    assert list(store.naming(tenant, WHO)) == ["C-1"]
    store.remove(tenant, stored, [f"named|{WHO}|C-1"])
    assert keys(store, tenant) == neighbours


def test_one_with_more_lines_than_a_transaction_holds_goes_too(
    store: Store, tenant: TenantId
) -> None:
    (stored,) = put(store, tenant, Write(None, named("C-1")))
    for n in range(205):
        record = with_line(stored.record, NOW, f"{n}", "", By.LMS)
        (stored,) = put(store, tenant, Write(stored, record))
    stored_now = store.get(tenant, ComponentKey("C-1"))
    assert stored_now is not None
    store.remove(tenant, stored_now)
    assert keys(store, tenant) == []


def test_one_that_was_saved_meanwhile_stands_whole(store: Store, tenant: TenantId) -> None:
    put(store, tenant, Write(None, named("C-1")))
    read = store.get(tenant, ComponentKey("C-1"))
    assert read is not None
    put(store, tenant, Write(read, replace(read.record, generation=9)))
    before = keys(store, tenant)
    with pytest.raises(Stale):
        store.remove(tenant, read)
    assert keys(store, tenant) == before


def test_history_can_be_rewritten_line_by_line(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, Write(None, named("C-1")))
    put(store, tenant, Write(stored, with_line(stored.record, NOW, "x", "secret", By.LMS)))
    turned = store.rewrite_history(
        tenant, ComponentKey("C-1"), lambda line: replace(line, why=line.why.replace("secret", ""))
    )
    assert turned == 1
    lines = store.history(tenant, ComponentKey("C-1"))
    assert [(line.what, line.why) for line in lines] == [("saved", ""), ("x", "")]
