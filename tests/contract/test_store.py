"""What the store promises, on the fake table and on the emulator."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Any

import pytest

from shared import codec
from shared.errors import Stale
from shared.graph import protocol
from shared.keys import ComponentKey, component_key, partition
from shared.model import (
    By,
    ComponentId,
    EvidenceId,
    Flag,
    Happening,
    Intent,
    Person,
    PersonKey,
    TenantId,
)
from shared.persons import naming_rows, person_rows
from shared.record import Record, Shelf, latest_start, shelf, with_flag, with_line
from shared.scheduling.step import Act
from shared.store import FEW, Place, Store, Stored, Write, bucket
from shared.table import (
    GROUP_BYTES,
    GROUP_OPERATIONS,
    Insert,
    Op,
    Page,
    Put,
    Row,
    Table,
    check_group,
    op_size,
    rows,
)
from tests.build import (
    ELEVEN,
    LEARNER,
    NEW_TUTOR,
    NINE,
    NOW,
    TEN,
    TUTOR,
    a_booked,
    a_booking,
    a_record,
    a_slot,
    a_snapshot,
    a_tenant,
    an_intent,
    an_lms_event,
    an_organizer,
    at,
)
from tests.fakes import MemoryTable

LAST = "\x7f"


@dataclass
class Watched:
    """A table that notes what is committed to it."""

    table: Table
    groups: list[list[Op]] = field(default_factory=list)

    def get(self, partition: str, key: str) -> Row | None:
        return self.table.get(partition, key)

    def page(self, *range_: Any, **how: Any) -> Page:
        return self.table.page(*range_, **how)

    def commit(self, partition: str, ops: Sequence[Op]) -> list[str]:
        self.groups.append(list(ops))
        return self.table.commit(partition, ops)


@pytest.fixture
def watched(table: Table) -> Watched:
    return Watched(table)


@pytest.fixture
def store(watched: Watched) -> Store:
    return Store(watched)


@pytest.fixture
def tenant() -> TenantId:
    """A tenant whose partition nobody has used."""
    return TenantId(f"t{uuid.uuid4().hex}")


def named(name: str, record: Record | None = None) -> Record:
    record = record or a_record()
    return replace(record, saved=replace(record.saved, id=ComponentId(name)))


def written(store: Store, tenant: TenantId, *writes: Write) -> list[Stored]:
    """Carry out *writes*, none of which may be stale."""
    results = store.write(tenant, writes)
    for result in results:
        assert isinstance(result, Stored), result
    return [result for result in results if isinstance(result, Stored)]


def put(store: Store, tenant: TenantId, *records: Record) -> list[Stored]:
    return written(store, tenant, *(Write(None, record) for record in records))


def copies(store: Store, tenant: TenantId) -> list[Stored]:
    """Every shelf copy of a tenant."""
    return [stored for which in Shelf for stored in store.shelf(tenant, which)]


def months(store: Store, tenant: TenantId, key: ComponentKey) -> list[str]:
    """The months under which a component stands in the index by month."""
    return [month for month, one in store.months_before(tenant, "9999-99") if one == key]


def assert_together(store: Store, tenant: TenantId, record: Record) -> None:
    """The record and its shelf copy, if it is to have one, are alike and alone; and it stands
    once in the index by month, if it is dated."""
    home = store.get(tenant, record.key)
    assert home is not None
    assert home.record == record
    place = shelf(record)
    mine = [one for one in copies(store, tenant) if one.record.key == record.key]
    assert [one.record for one in mine] == ([record] if place else [])
    assert home.on == (f"{place[0].value}|{place[1]}|{record.key}" if place else "")
    if place:
        assert [one.on for one in mine] == [home.on]
    assert months(store, tenant, record.key) == ([home.month] if home.month else [])
    start = latest_start(record)
    if start:
        assert home.month == f"{start:%Y-%m}"


# -- one component -------------------------------------------------------------------------


def test_what_was_never_stored_is_none(store: Store, tenant: TenantId) -> None:
    assert store.get(tenant, component_key(ComponentId("C-1"))) is None
    assert store.components(tenant) == ([], "")
    assert copies(store, tenant) == []


def test_a_component_is_stored_once(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, a_record())
    assert store.get(tenant, stored.record.key) == stored
    (result,) = store.write(tenant, [Write(None, a_record(flags=(Flag.LATE_REPORT,)))])
    assert isinstance(result, Stale)
    assert_together(store, tenant, a_record())


STANDS = {
    "due": a_record(),
    "due, later": a_record(a_snapshot(slot=TEN)),
    "ahead": a_booked(),
    "ahead, later": a_booked(slot=TEN),
    "ahead, new owner": a_booked(a_snapshot(owner=NEW_TUTOR), booking=a_booking()),
    "open": a_record(intent=an_intent(Act.CREATE)),
    "owing": a_booked(queue=(an_lms_event(),)),
    "owing, undated": a_record(a_snapshot(slot=None), queue=(an_lms_event(),)),
    "nowhere": a_record(a_snapshot(cancelled=True)),
}


@pytest.mark.parametrize("read_as", ["home", "shelf"])
@pytest.mark.parametrize("before", STANDS)
def test_record_and_shelf_copy_move_together(
    store: Store, tenant: TenantId, before: str, read_as: str
) -> None:
    """From every place to every other, written by who read the row and by who read the copy."""
    for after, record in STANDS.items():
        start = named(f"{before} to {after}", STANDS[before])
        end = replace(named(f"{before} to {after}", record), flags=(Flag.LATE_REPORT,))
        (seen,) = put(store, tenant, start)
        if read_as == "shelf":
            found = [one for one in copies(store, tenant) if one.record.key == start.key]
            seen = found[0] if found else seen
        (stored,) = written(store, tenant, Write(seen, end))
        assert_together(store, tenant, end)
        written(store, tenant, Write(stored, replace(end, flags=())))
        assert_together(store, tenant, replace(end, flags=()))


@pytest.mark.parametrize("second", ["home", "shelf"])
@pytest.mark.parametrize("first", ["home", "shelf"])
@pytest.mark.parametrize("first_to", ["ahead", "ahead, later", "open", "nowhere"])
@pytest.mark.parametrize("second_to", ["ahead", "ahead, later", "open", "nowhere"])
def test_of_two_who_read_the_same_one_wins_whichever_row_each_read(
    store: Store, tenant: TenantId, first: str, second: str, first_to: str, second_to: str
) -> None:
    record = STANDS["ahead"]
    put(store, tenant, record)

    def read(which: str) -> Stored:
        home = store.get(tenant, record.key)
        (copy,) = copies(store, tenant)
        assert home is not None
        return home if which == "home" else copy

    one, other = read(first), read(second)
    winner = with_flag(STANDS[first_to], Flag.LATE_REPORT)
    written(store, tenant, Write(one, winner))
    (result,) = store.write(tenant, [Write(other, STANDS[second_to])])
    assert isinstance(result, Stale)
    assert_together(store, tenant, winner)


@pytest.mark.parametrize(
    ("record", "rows_"),
    [
        pytest.param(
            a_record(),
            ["component|C-1042", "due|20260430T080000Z|C-1042", "month|2026-04|C-1042"],
            id="due",
        ),
        pytest.param(
            a_booked(attendance_done=True),
            ["component|C-1042", "month|2026-04|C-1042"],
            id="on no shelf",
        ),
        pytest.param(a_record(a_snapshot(slot=None)), ["component|C-1042"], id="not dated"),
    ],
)
def test_a_component_has_these_rows_and_no_other(
    store: Store, tenant: TenantId, record: Record, rows_: list[str]
) -> None:
    (stored,) = put(store, tenant, record)
    assert everything(store, tenant) == rows_
    written(store, tenant, Write(stored, replace(record, generation=7)))
    assert everything(store, tenant) == rows_


def test_a_copy_that_went_and_came_back_is_another_one(store: Store, tenant: TenantId) -> None:
    put(store, tenant, STANDS["ahead"])
    (copy,) = copies(store, tenant)
    home = store.get(tenant, copy.record.key)
    (moved,) = written(store, tenant, Write(home, STANDS["open"]))
    written(store, tenant, Write(moved, STANDS["ahead"]))
    (result,) = store.write(tenant, [Write(copy, STANDS["nowhere"])])
    assert isinstance(result, Stale)


def test_the_result_of_a_write_may_be_written_on(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, a_record())
    for n in range(5):
        (stored,) = written(store, tenant, Write(stored, replace(stored.record, generation=n)))
    assert_together(store, tenant, a_record(generation=4))


def test_tenants_see_nothing_of_each_other(store: Store, tenant: TenantId) -> None:
    put(store, tenant, a_record())
    other = TenantId(f"{tenant}-other")
    assert store.get(other, a_record().key) is None
    assert copies(store, other) == []
    put(store, other, a_record(generation=9))
    assert_together(store, tenant, a_record())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a/b\\c#d?e|f~g'h", id="all that Azure or we refuse in keys"),
        pytest.param("\U0001f600" * 200, id="the longest"),
        pytest.param(" ", id="a space"),
        pytest.param("component|x", id="like a key of ours"),
    ],
)
def test_any_id_can_be_stored_and_found(store: Store, tenant: TenantId, name: str) -> None:
    record = named(name, a_booked())
    put(store, tenant, record)
    assert_together(store, tenant, record)
    (place,) = store.places(tenant, Shelf.AHEAD)
    assert place.key == record.key


# -- many at once --------------------------------------------------------------------------


def test_only_the_loser_of_a_group_is_stale(
    store: Store, watched: Watched, tenant: TenantId
) -> None:
    stored = put(store, tenant, *(named(f"C-{n}") for n in range(10)))
    written(store, tenant, Write(stored[3], replace(stored[3].record, generation=7)))
    watched.groups.clear()
    results = store.write(tenant, [Write(one, replace(one.record, generation=1)) for one in stored])
    assert [type(one) for one in results] == [Stored if n != 3 else Stale for n in range(10)]
    assert len(watched.groups[0]) == 20, "first all together"
    for n, one in enumerate(stored):
        assert_together(store, tenant, replace(one.record, generation=7 if n == 3 else 1))
    for result in results:
        if isinstance(result, Stored):
            written(store, tenant, Write(result, replace(result.record, generation=2)))


def test_results_are_in_the_order_of_the_writes(store: Store, tenant: TenantId) -> None:
    names = [f"C-{n}" for n in (3, 1, 2)]
    stored = put(store, tenant, *map(named, names))
    assert [one.record.saved.id for one in stored] == names


def beside(*people: Person) -> tuple[Op, ...]:
    return person_rows("salt", TenantId("t"), people)


def people(store: Store, tenant: TenantId) -> list[str]:
    found = rows(store.table, partition(tenant), "person|", "person|" + LAST)
    return sorted(row.text for row in found)


def texts(*ops: Op) -> list[str]:
    return sorted({op.row.text for op in ops if isinstance(op, Put)})


def test_a_row_that_several_components_bring_along_alike_is_written_once(
    store: Store, watched: Watched, tenant: TenantId
) -> None:
    writes = [Write(None, named(f"C-{n}"), beside(TUTOR, LEARNER)) for n in range(10)]
    written(store, tenant, *writes)
    assert [len(group) for group in watched.groups] == [32], "one group: 10 of 3 rows, 2 people"
    assert people(store, tenant) == texts(*beside(TUTOR, LEARNER))


def test_rows_that_several_components_bring_along_differently_are_both_written(
    store: Store, tenant: TenantId
) -> None:
    """The same person under another name: the later save's name stands."""
    renamed = Person(LEARNER.email, "L. Other")
    writes = [
        Write(None, named("C-1"), beside(LEARNER)),
        Write(None, named("C-2"), beside(renamed)),
    ]
    written(store, tenant, *writes)
    assert people(store, tenant) == texts(*beside(renamed))


@pytest.mark.parametrize("loser", [0, 1, 2])
def test_what_a_loser_shared_with_others_is_written_with_them(
    store: Store, tenant: TenantId, loser: int
) -> None:
    stored = put(store, tenant, *(named(f"C-{n}") for n in range(3)))
    one = stored[loser]
    written(store, tenant, Write(one, replace(one.record, generation=7)))
    results = store.write(
        tenant, [Write(one, replace(one.record, generation=1), beside(LEARNER)) for one in stored]
    )
    assert [type(one) for one in results].count(Stale) == 1
    assert people(store, tenant) == texts(*beside(LEARNER))


def test_what_a_loser_brought_alone_is_not_written(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, a_record())
    written(store, tenant, Write(stored, a_record(generation=7)))
    store.write(tenant, [Write(stored, a_record(generation=1), beside(LEARNER))])
    assert people(store, tenant) == []


def test_groups_are_cut_at_a_hundred_operations_and_never_within_a_component(
    store: Store, watched: Watched, tenant: TenantId
) -> None:
    records = [with_line(named(f"C-{n:03}"), NOW, "saved", "", By.LMS) for n in range(70)]
    put(store, tenant, *records)
    assert [len(group) for group in watched.groups] == [100, 100, 80], "four rows each"
    for group in watched.groups:
        homes = [op for op in group if isinstance(op, Insert) and "component|" in op.row.key]
        assert len(group) == 4 * len(homes)
    assert len(store.components(tenant)[0]) == 70


def being_made(n: int, description: str) -> Record:
    """A component as large as the contract allows, with the request that makes its event."""
    saved = a_snapshot(id=ComponentId(f"C-{n:03}"), description=description)
    booking = a_booking(saved, join_url="")
    request = protocol.create_event(saved, booking, "blue", "t", "C")
    return a_record(saved, intent=Intent("create", NOW, protocol.stored_form(request), booking))


def edited_after_its_start(n: int, description: str) -> Record:
    """Another that large, twice, and with an event that the LMS has not taken."""
    saved = a_snapshot(id=ComponentId(f"C-{n:03}"), description=description)
    return a_booked(saved, at_start=saved, queue=(an_lms_event(),))


@pytest.mark.parametrize("heavy", [being_made, edited_after_its_start])
@pytest.mark.parametrize(
    "description",
    [
        pytest.param("&<" * 16_000, id="what HTML escapes"),
        pytest.param('"\\' * 16_000, id="what JSON escapes"),
        pytest.param("a\n" * 16_000, id="lines"),
        pytest.param("б" * 32_000, id="Cyrillic"),
        pytest.param("\U0001f600" * 32_000, id="astral"),
        pytest.param("\x01" * 32_000, id="control characters"),
    ],
)
def test_groups_are_cut_before_azures_size_even_with_the_longest_descriptions(
    store: Store,
    watched: Watched,
    tenant: TenantId,
    description: str,
    heavy: Callable[[int, str], Record],
) -> None:
    records = [heavy(n, description) for n in range(12)]
    put(store, tenant, *records)
    assert len(watched.groups) > 1 or sum(map(op_size, watched.groups[0])) < GROUP_BYTES
    for group in watched.groups:
        check_group(group)
        assert sum(map(op_size, group)) <= GROUP_BYTES
        assert len(group) <= GROUP_OPERATIONS
    assert_together(store, tenant, records[0])
    assert [one.record for one in store.shelf(tenant, Shelf.OPEN)] == records


# -- shelves -------------------------------------------------------------------------------


def at_start(name: str, start: datetime, owner: Person = TUTOR) -> Record:
    return a_booked(a_snapshot(id=ComponentId(name), slot=a_slot(start), owner=owner),
                    booking=a_booking(slot=a_slot(start)))  # fmt: skip


def ids(found: Any) -> list[str]:
    return [one.record.saved.id for one in found]


def test_a_shelf_is_read_in_start_order(store: Store, tenant: TenantId) -> None:
    put(
        store,
        tenant,
        at_start("z", TEN.start),
        at_start("b", ELEVEN.start),
        at_start("a", ELEVEN.start),
        at_start("m", NINE.start),
        named("due", a_record()),
    )
    assert ids(store.shelf(tenant, Shelf.AHEAD)) == ["m", "z", "a", "b"]
    assert ids(store.shelf(tenant, Shelf.DUE)) == ["due"]
    assert ids(store.shelf(tenant, Shelf.OPEN)) == []


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        pytest.param(None, None, ["nine", "ten", "eleven"], id="all"),
        pytest.param(TEN.start, None, ["ten", "eleven"], id="from a start on, itself included"),
        pytest.param(TEN.start + timedelta(seconds=1), None, ["eleven"], id="a second later"),
        pytest.param(None, TEN.start, ["nine"], id="up to a start, itself not"),
        pytest.param(None, TEN.start + timedelta(seconds=1), ["nine", "ten"], id="and a second"),
        pytest.param(TEN.start, ELEVEN.start, ["ten"], id="between"),
        pytest.param(ELEVEN.start, TEN.start, [], id="the wrong way round"),
    ],
)
def test_a_shelf_is_read_between_instants(
    store: Store,
    tenant: TenantId,
    since: datetime | None,
    until: datetime | None,
    found: list[str],
) -> None:
    put(
        store,
        tenant,
        *(
            at_start(name, slot.start)
            for name, slot in (("eleven", ELEVEN), ("nine", NINE), ("ten", TEN))
        ),
    )
    assert ids(store.shelf(tenant, Shelf.AHEAD, since, until)) == found
    places = list(store.places(tenant, Shelf.AHEAD, since, until))
    assert places == [Place(ComponentKey(name), bucket(TUTOR.key)) for name in found]


def test_a_shelf_may_be_read_for_some_owners_only(store: Store, tenant: TenantId) -> None:
    owners = [Person(f"tutor{n}@college.example", "T.") for n in range(12)]
    put(store, tenant, *(at_start(owner.key, NINE.start, owner) for owner in owners))
    cuts = ["", "4", "a", "~"]
    found = [
        ids(store.shelf(tenant, Shelf.AHEAD, buckets=(low, high))) for low, high in pairwise(cuts)
    ]
    assert sorted(chain(*found)) == sorted(owner.key for owner in owners), "each in one piece"
    for part, (low, high) in zip(found, pairwise(cuts), strict=True):
        assert all(low <= bucket(key) < high for key in part)


def test_places_say_which_owners_pieces_components_belong_to(
    store: Store, tenant: TenantId
) -> None:
    (stored,) = put(store, tenant, named("C-1", a_booked()))
    assert list(store.places(tenant, Shelf.AHEAD)) == [
        Place(ComponentKey("C-1"), bucket(TUTOR.key))
    ]
    owned = replace(stored.record, saved=replace(stored.record.saved, owner=NEW_TUTOR))
    written(store, tenant, Write(stored, owned))
    (place,) = store.places(tenant, Shelf.AHEAD)
    assert place.bucket == bucket(NEW_TUTOR.key), "an owner's change moves it"


def test_what_is_owed_stands_on_the_open_shelf_even_without_a_start(
    store: Store, tenant: TenantId
) -> None:
    put(store, tenant, named("dated", STANDS["owing"]), named("undated", STANDS["owing, undated"]))
    assert sorted(ids(store.shelf(tenant, Shelf.OPEN))) == ["dated", "undated"]
    assert len(list(store.places(tenant, Shelf.OPEN))) == 2


def test_all_components_come_in_pages_of_keys(store: Store, tenant: TenantId) -> None:
    put(store, tenant, *(named(name) for name in ("b", "a", "c")))
    page, following = store.components(tenant)
    assert ids(page) == ["a", "b", "c"]
    assert following == ""
    page, _ = store.components(tenant, "component|a")
    assert ids(page) == ["b", "c"]


# -- the index by month --------------------------------------------------------------------


def test_a_component_stands_under_the_month_of_its_start(store: Store, tenant: TenantId) -> None:
    for name, start in (
        ("april", "2026-04-30 23:59:59"),
        ("may", "2026-05-01 00:00"),
        ("last year", "2025-12-31 08:00"),
    ):
        put(store, tenant, at_start(name, at(start)))
    found = list(store.months_before(tenant, "9999-99"))
    assert found == [("2025-12", "last year"), ("2026-04", "april"), ("2026-05", "may")]
    assert list(store.months_before(tenant, "2026-05")) == found[:2], "that month not included"
    assert list(store.months_before(tenant, "2025-12")) == []


def test_a_component_that_moves_to_another_month_stands_there_alone(
    store: Store, tenant: TenantId
) -> None:
    (stored,) = put(store, tenant, a_record())
    moved = a_record(a_snapshot(slot=a_slot("2026-06-30 08:00")))
    (stored,) = written(store, tenant, Write(stored, moved))
    assert months(store, tenant, moved.key) == ["2026-06"]
    (copy,) = copies(store, tenant)
    written(store, tenant, Write(copy, a_record()))
    assert months(store, tenant, moved.key) == ["2026-04"], "whichever row was read"


def test_a_component_without_a_start_stands_under_the_month_it_was_last_written_about(
    store: Store, tenant: TenantId
) -> None:
    undated = a_record(a_snapshot(slot=None))
    (stored,) = put(store, tenant, with_line(undated, NOW, "saved", "", By.LMS))
    assert months(store, tenant, undated.key) == ["2026-04"]
    (stored,) = written(store, tenant, Write(stored, replace(stored.record, generation=1)))
    assert months(store, tenant, undated.key) == ["2026-04"], "it does not get lost"
    later = with_line(stored.record, at("2026-07-01 08:00"), "saved", "", By.LMS)
    written(store, tenant, Write(stored, later))
    assert months(store, tenant, undated.key) == ["2026-07"]


# -- removal -------------------------------------------------------------------------------


def everything(store: Store, tenant: TenantId) -> list[str]:
    return [row.key for row in rows(store.table, partition(tenant), "", LAST)]


@pytest.mark.parametrize("lines", [1, 150], ids=["few lines", "more lines than one group takes"])
def test_a_removed_component_leaves_nothing_and_its_neighbours_everything(
    store: Store, tenant: TenantId, lines: int
) -> None:
    for name in ("C", "C-1", "C 1"):
        (stored,) = put(store, tenant, with_line(named(name, a_booked()), NOW, "0", "", By.LMS))
        evidence = Insert(Row(f"evidence|{stored.record.key}|1", "{}"))
        (stored,) = written(store, tenant, Write(stored, stored.record, (evidence,)))
    before = everything(store, tenant)
    (gone,) = put(store, tenant, named("C-", a_booked()))
    history = [Insert(Row(f"history|C-|{n:08}", '{"lines":[]}')) for n in range(2, lines + 2)]
    for n in range(0, lines, 90):
        store.table.commit(partition(tenant), history[n : n + 90])
    store.put(partition(tenant), [("beside|C-", "x")])
    found = store.get(tenant, gone.record.key)
    assert found is not None
    store.remove(tenant, found, ["beside|C-"])
    assert everything(store, tenant) == before


def test_a_component_that_was_written_since_is_not_removed(store: Store, tenant: TenantId) -> None:
    (first,) = put(store, tenant, with_line(a_booked(), NOW, "saved", "", By.LMS))
    (second,) = written(store, tenant, Write(first, replace(first.record, generation=2)))
    with pytest.raises(Stale):
        store.remove(tenant, first)
    assert_together(store, tenant, second.record)
    assert len(store.history(tenant, second.record.key)) == 1


def test_who_is_named_where_is_found_by_person(store: Store, tenant: TenantId) -> None:
    tutor, learner = PersonKey("aa"), PersonKey("ab")
    for name, people_ in (("C-1", [tutor, learner]), ("C-2", [tutor]), ("C-3", [learner])):
        record = named(name)
        written(store, tenant, Write(None, record, naming_rows(record.key, people_)))
    assert list(store.naming(tenant, tutor)) == ["C-1", "C-2"]
    assert list(store.naming(tenant, learner)) == ["C-1", "C-3"]
    assert list(store.naming(tenant, PersonKey("a"))) == []


def test_lines_of_history_may_be_rewritten(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, with_line(a_record(), NOW, "kept", "", By.LMS))
    line = with_line(stored.record, NOW, "named", "L. Earner declined.", By.TEAMS)
    (stored,) = written(store, tenant, Write(stored, line))

    def nameless(line: Happening) -> Happening:
        return replace(line, why=line.why.replace("L. Earner", "somebody"))

    key = stored.record.key
    assert store.rewrite_history(tenant, key, nameless) == 1
    assert [line.why for line in store.history(tenant, key)] == ["", "somebody declined."]
    assert store.rewrite_history(tenant, key, nameless) == 0
    assert_together(store, tenant, stored.record)


# -- history and evidence ------------------------------------------------------------------


def test_lines_are_stored_with_the_change_they_tell_and_read_in_order(
    store: Store, tenant: TenantId
) -> None:
    record = with_line(with_line(a_record(), NOW, "0a", "", By.LMS), NOW, "0b", "", By.TEAMS)
    (stored,) = put(store, tenant, record)
    assert stored.record.fresh == ()
    for n in range(1, 12):
        line = with_line(stored.record, NOW + timedelta(minutes=n), str(n), "", By.LMS, {"a": n})
        (stored,) = written(store, tenant, Write(stored, line))
    told = store.history(tenant, stored.record.key)
    assert [line.what for line in told] == ["0a", "0b", *map(str, range(1, 12))]
    assert told[-1].before == {"a": 11}
    assert_together(store, tenant, stored.record)


def test_a_write_without_lines_leaves_none(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, a_record())
    written(store, tenant, Write(stored, replace(stored.record, generation=1)))
    assert store.history(tenant, stored.record.key) == []


def test_a_lost_race_leaves_no_line(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, a_record())
    written(store, tenant, Write(stored, with_line(stored.record, NOW, "won", "", By.LMS)))
    store.write(tenant, [Write(stored, with_line(stored.record, NOW, "lost", "", By.LMS))])
    assert [line.what for line in store.history(tenant, stored.record.key)] == ["won"]


def test_a_components_history_is_not_its_neighbours(store: Store, tenant: TenantId) -> None:
    for name in ("C", "C-1", "C|1", "C 1"):
        put(store, tenant, with_line(named(name), NOW, name, "", By.LMS))
    for name in ("C", "C-1", "C|1", "C 1"):
        key = component_key(ComponentId(name))
        assert [line.what for line in store.history(tenant, key)] == [name]


def test_evidence_comes_back_byte_for_byte_and_in_order(store: Store, tenant: TenantId) -> None:
    contents = ['{"b": 1,  "a": "Zoë"}', '{"x":' + " " * 70_000 + "1}"]
    (stored,) = put(store, tenant, a_record())
    for n, content in enumerate(contents, 1):
        row = Row(f"evidence|{stored.record.key}|{n:08d}", content)
        (stored,) = written(store, tenant, Write(stored, stored.record, (Insert(row),)))
    assert store.evidence(tenant, stored.record.key) == contents


# -- other values --------------------------------------------------------------------------


def test_a_value_is_inserted_read_replaced_and_deleted(store: Store, tenant: TenantId) -> None:
    where = partition(tenant)
    assert store.read(where, "name", str) is None
    etag = store.insert(where, "name", "first")
    held = store.read(where, "name", str)
    assert held is not None
    assert (held.value, held.etag) == ("first", etag)
    with pytest.raises(Stale):
        store.insert(where, "name", "second")
    newer = store.replace(where, "name", "second", etag)
    with pytest.raises(Stale):
        store.replace(where, "name", "third", etag)
    with pytest.raises(Stale):
        store.delete(where, "name", etag)
    store.delete(where, "name", newer)
    assert store.read(where, "name", str) is None
    with pytest.raises(Stale):
        store.delete(where, "name")


def test_many_values_are_put_and_found_by_their_prefix(store: Store, tenant: TenantId) -> None:
    where = partition(tenant)
    store.put(where, [(f"a|{n:03}", str(n)) for n in range(250)])
    store.put(where, [("b|1", "other")])
    store.put(where, [])
    found = list(store.all(where, "a|", str))
    assert [key for key, _ in found] == [f"a|{n:03}" for n in range(250)]
    assert [held.value for _, held in found] == [str(n) for n in range(250)]


def test_a_change_sees_what_is_there_and_leaves_it_when_nothing_changes(
    store: Store, watched: Watched, tenant: TenantId
) -> None:
    where = partition(tenant)
    assert store.change(where, "n", str, lambda had: (had or "") + "a") == "a"
    assert store.change(where, "n", str, lambda had: (had or "") + "b") == "ab"
    watched.groups.clear()
    assert store.change(where, "n", str, lambda had: had or "") == "ab"
    assert watched.groups == []


def test_changes_by_many_at_once_are_all_made(store: Store, tenant: TenantId) -> None:
    where = partition(tenant)
    failed: list[BaseException] = []

    def add() -> None:
        try:
            for _ in range(10):
                store.change(where, "count", int, lambda had: (had or 0) + 1)
        except Stale as error:
            failed.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    held = store.read(where, "count", int)
    assert held is not None
    assert held.value == 80


def test_notes_of_one_component_by_many_at_once_are_all_kept(
    store: Store, tenant: TenantId
) -> None:
    """As runs do it: a note that loses its race is made on the newer row."""
    (first,) = put(store, tenant, a_booked())

    def note(n: int) -> None:
        seen: Stored | None = first
        while seen:
            record = replace(seen.record, evidences=seen.record.evidences + 1)
            record = with_line(record, NOW, str(n), "", By.CONNECTOR)
            (result,) = store.write(tenant, [Write(seen, record)])
            if isinstance(result, Stored):
                return
            seen = store.get(tenant, first.record.key)

    threads = [threading.Thread(target=note, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = store.get(tenant, first.record.key)
    assert stored is not None
    assert stored.record.evidences == 8
    assert_together(store, tenant, stored.record)
    told = store.history(tenant, first.record.key)
    assert sorted(line.what for line in told) == [str(n) for n in range(8)]


def test_tenants_are_found_by_id_and_all_together(store: Store, tenant: TenantId) -> None:
    for name in (tenant, TenantId(f"{tenant}2")):
        store.insert("tenants", name, a_tenant(id=name))
    held = store.tenant(tenant)
    assert held is not None
    assert held.value == a_tenant(id=tenant)
    assert {tenant, f"{tenant}2"} <= {one.id for one in store.tenants()}
    assert store.tenant(TenantId("nobody")) is None


def test_organizers_are_kept_by_owner(store: Store, tenant: TenantId) -> None:
    owner, other = an_organizer(), an_organizer(NEW_TUTOR)
    store.keep_organizers(tenant, [owner, other])
    changed = replace(owner, providers="skypeForBusiness")
    store.keep_organizers(tenant, [changed])
    assert store.organizer(tenant, owner.key) == changed
    assert store.organizer(tenant, "nobody@college.example") is None
    assert store.organizers(tenant) == {owner.key: changed, other.key: other}


@pytest.mark.parametrize("asked", [1, FEW, FEW + 1, 30])
def test_some_organizers_are_found_among_others(store: Store, tenant: TenantId, asked: int) -> None:
    known = [an_organizer(key=f"tutor{n}@college.example") for n in range(60)]
    store.keep_organizers(tenant, known)
    wanted = {one.key: one for one in known[:asked]}
    unknown = [f"nobody{n}@college.example" for n in range(5)]
    assert store.organizers_among(tenant, [*wanted, *unknown]) == wanted


def test_many_organizers_are_found_among_more_than_a_page_holds(tenant: TenantId) -> None:
    """However dense they lie: each page holds many of them, then hardly any."""
    store = Store(MemoryTable())
    known = [an_organizer(key=f"tutor{n}@college.example") for n in range(2500)]
    store.keep_organizers(tenant, known)
    for some in (known[::5], known[::200]):
        wanted = {one.key: one for one in some}
        assert store.organizers_among(tenant, wanted) == wanted


def test_organizers_may_be_dropped_whether_they_are_known_or_not(
    store: Store, tenant: TenantId
) -> None:
    owner, other = an_organizer(), an_organizer(NEW_TUTOR)
    store.keep_organizers(tenant, [owner, other])
    store.drop_organizers(tenant, ["nobody@college.example", owner.key])
    assert store.organizers(tenant) == {other.key: other}


def test_what_is_stored_is_what_the_codec_says(store: Store, tenant: TenantId) -> None:
    (stored,) = put(store, tenant, a_booked())
    row = store.table.get(partition(tenant), f"component|{stored.record.key}")
    assert row is not None
    assert codec.loads(Record, row.text) == stored.record
    assert row.text == codec.dumps(stored.record)
    assert EvidenceId("") not in row.marks
