"""Where a component stands in its tenant's index, and what is noted on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.keys import stamp
from shared.model import By, Flag, Slot
from shared.record import Record, Shelf, shelf, with_flag, with_line
from shared.scheduling.planning import plan
from shared.scheduling.saving import save
from shared.scheduling.step import Act
from tests.build import (
    ELEVEN,
    NINE,
    NOW,
    TEN,
    a_booked,
    a_booking,
    a_problem,
    a_record,
    a_slot,
    a_snapshot,
    a_tenant,
    an_intent,
    an_lms_event,
    facts,
    saved_again,
)

FAR = a_slot("2026-07-01 08:00")
"""Beyond the window: a sweep reads no further on the shelf of what is due."""


@pytest.mark.parametrize(
    ("record", "place"),
    [
        pytest.param(a_record(), (Shelf.DUE, NINE), id="wanted, no event yet"),
        pytest.param(a_booked(), (Shelf.AHEAD, NINE), id="its event stands"),
        pytest.param(a_booked(slot=TEN), (Shelf.AHEAD, TEN), id="moved later in the LMS"),
        pytest.param(
            a_booked(slot=a_slot("2026-04-29 08:00")), (Shelf.AHEAD, NINE), id="moved earlier"
        ),
        pytest.param(
            a_booked(a_snapshot(cancelled=True)),
            (Shelf.AHEAD, NINE),
            id="cancelled, not in Teams yet",
        ),
        pytest.param(
            a_booked(a_snapshot(slot=None), booking=a_booking()), (Shelf.AHEAD, NINE), id="undated"
        ),
        pytest.param(a_booked(attendance_done=True), None, id="over, and its hours are settled"),
        pytest.param(a_record(intent=an_intent(Act.CREATE)), (Shelf.OPEN, NINE), id="being made"),
        pytest.param(
            a_record(slot=ELEVEN, intent=an_intent(Act.CREATE)),
            (Shelf.OPEN, ELEVEN),
            id="being made while it moves",
        ),
        pytest.param(
            a_booked(intent=an_intent(Act.UPDATE, a_booking(slot=TEN))),
            (Shelf.OPEN, TEN),
            id="moving",
        ),
        pytest.param(a_booked(queue=(an_lms_event(),)), (Shelf.OPEN, NINE), id="the LMS is owed"),
        pytest.param(
            a_booked(attendance_done=True, queue=(an_lms_event(),)),
            (Shelf.OPEN, NINE),
            id="owed hours",
        ),
        pytest.param(
            a_booked(queue=(an_lms_event(parked=True),)),
            (Shelf.AHEAD, NINE),
            id="only a parked one",
        ),
        pytest.param(
            a_record(a_snapshot(slot=FAR), replaces=True),
            (Shelf.OPEN, FAR),
            id="handed over",
        ),
        pytest.param(
            a_record(a_snapshot(cancelled=True), replaces=True), None, id="and cancelled since"
        ),
        pytest.param(
            a_record(replaces=True, problem=a_problem("missed", final=True)), None, id="and missed"
        ),
        pytest.param(a_record(a_snapshot(cancelled=True)), None, id="cancelled"),
        pytest.param(a_record(a_snapshot(deleted=True)), None, id="deleted"),
        pytest.param(a_record(a_snapshot(online=False)), None, id="not Meet Online"),
        pytest.param(a_record(a_snapshot(slot=None)), None, id="undated from the start"),
        pytest.param(a_record(withdrawn=True), None, id="cancelled in Teams"),
        pytest.param(a_record(problem=a_problem("too_late", final=True)), None, id="too late"),
        pytest.param(a_record(problem=a_problem("missed", final=True)), None, id="missed"),
        pytest.param(
            a_record(problem=a_problem("owner_without_teams", final=True)),
            (Shelf.DUE, NINE),
            id="what somebody may mend is looked at again",
        ),
    ],
)
def test_where_a_sweep_finds_it(record: Record, place: tuple[Shelf, Slot] | None) -> None:
    expected = (place[0], stamp(place[1].start)) if place else None
    assert shelf(record) == expected


def test_an_undated_component_that_owes_an_event_is_found_all_the_same() -> None:
    place = shelf(a_record(a_snapshot(slot=None), queue=(an_lms_event(),)))
    assert place == (Shelf.OPEN, "")


@pytest.mark.parametrize("code", ["too_late", "missed"])
@pytest.mark.parametrize(
    "tenant",
    [
        pytest.param(a_tenant(), id="enabled"),
        pytest.param(a_tenant(enabled=False), id="disabled"),
    ],
)
def test_a_new_start_opens_the_matter_again_even_when_nothing_is_done_at_once(
    code: str, tenant: object
) -> None:
    """A batch only stores, and a disabled tenant's save waits: a later sweep must find both."""
    given_up = a_record(problem=a_problem(code, final=True), told_problem=code)
    saved = save(given_up, saved_again(given_up, slot=a_slot("2026-05-20 08:00")), NOW)
    step = plan(saved, facts(tenant=tenant, organizer=None))
    for record in (saved, step.record):
        place = shelf(record)
        assert place is not None
        assert place[0] is Shelf.DUE


def test_a_save_with_the_same_start_leaves_a_given_up_component_given_up() -> None:
    given_up = a_record(problem=a_problem("too_late", final=True))
    assert shelf(save(given_up, saved_again(given_up, name="Another name"), NOW)) is None


# -- what is wanted ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        pytest.param(a_record(), True, id="online and dated"),
        pytest.param(a_record(a_snapshot(online=False)), False, id="not online"),
        pytest.param(a_record(a_snapshot(cancelled=True)), False, id="cancelled"),
        pytest.param(a_record(a_snapshot(deleted=True)), False, id="deleted"),
        pytest.param(a_record(a_snapshot(slot=None)), False, id="not dated"),
        pytest.param(a_record(withdrawn=True), False, id="cancelled by the tutor"),
    ],
)
def test_whether_an_event_should_stand(record: Record, wanted: bool) -> None:
    assert record.wants_meeting is wanted


def test_what_counts_as_the_save_at_the_start() -> None:
    first, later = a_snapshot(), a_snapshot(revision=2, name="Renamed")
    assert a_record(later).frozen_snapshot == later
    assert replace(a_record(later), at_start=first).frozen_snapshot == first


@pytest.mark.parametrize(
    ("parked", "owes"),
    [
        pytest.param([], False, id="none"),
        pytest.param([True], False, id="parked"),
        pytest.param([True, False], True, id="one waits behind a parked one"),
    ],
)
def test_whether_the_lms_is_owed_anything(parked: list[bool], owes: bool) -> None:
    queue = tuple(an_lms_event(n, parked=one) for n, one in enumerate(parked, 1))
    assert a_record(queue=queue).owes is owes


# -- noting --------------------------------------------------------------------------------


def test_a_flag_is_raised_once() -> None:
    record = with_flag(a_record(), Flag.LATE_REPORT)
    assert with_flag(record, Flag.LATE_REPORT) == record
    both = with_flag(record, Flag.EDITED_AFTER_START)
    assert both.flags == (Flag.LATE_REPORT, Flag.EDITED_AFTER_START)


def test_a_line_of_history_names_the_revision_it_was_written_under() -> None:
    record = a_record(a_snapshot(revision=7))
    record = with_line(record, NOW, "saved", "First save.", By.LMS)
    record = with_line(record, NOW + timedelta(hours=1), "moved", "Moved.", By.TEAMS, "a", "b")
    assert [(line.what, line.revision) for line in record.fresh] == [("saved", 7), ("moved", 7)]
    assert record.fresh[1].before == "a"
    assert record.fresh[1].after == "b"
