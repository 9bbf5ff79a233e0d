"""Taking a person out of a value, wherever they stand in it, and nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import codec
from shared.erasure import ERASED, Whom, known_as, without
from shared.model import By, Happening, LmsEvent, Person, UserId
from shared.record import Record
from tests.build import LEARNER, MANAGER, NOW, TUTOR, a_booked, a_record, a_snapshot

OID = UserId("11111111-0000-4000-8000-0000000000aa")
HER = Whom.by([LEARNER.email])


def cleared(record: Record, whom: Whom = HER) -> Record:
    return without(Record, record, whom)


def test_a_person_becomes_nobody_in_every_save_that_is_kept() -> None:
    saved = a_snapshot(learner=Person(LEARNER.email, "L. Earner", OID))
    record = replace(a_record(saved), at_start=saved)
    found = cleared(record)
    assert found.saved.learner == Person("", "", None)
    assert found.at_start == found.saved
    assert found.saved.owner == record.saved.owner


def test_an_address_in_capitals_or_with_spaces_is_hers_too() -> None:
    saved = a_snapshot(learner=Person(" Learner@WORK.example ", "L. Earner"))
    assert cleared(a_record(saved)).saved.learner == Person("", "")


def test_known_by_an_object_id_alone_she_is_found_as_well() -> None:
    saved = a_snapshot(learner=Person("", "L. Earner", OID))
    assert cleared(a_record(saved), Whom.by([], [OID.upper()])).saved.learner == Person("", "")


def test_the_event_stays_with_its_ids_and_loses_the_addresses() -> None:
    record = a_booked()
    booking = record.booking
    assert booking is not None
    found = cleared(record, Whom.by([TUTOR.email, LEARNER.email], [booking.organizer])).booking
    assert found is not None
    assert (found.attendees, found.organizer_addresses, found.owner_key) == ((), (), "")
    assert (found.organizer, found.event_id) == (booking.organizer, booking.event_id)
    assert found.join_url == booking.join_url


def test_queued_events_and_history_lose_her_and_keep_the_rest() -> None:
    data = {"componentId": "C-1", "organizer": LEARNER.email, "sequence": 1}
    event = LmsEvent("e", 1, "meeting.scheduled", NOW, data)
    found = cleared(a_record(queue=(event,))).queue[0]
    assert found.data == {"componentId": "C-1", "organizer": "", "sequence": 1}
    line = Happening(NOW, "x", f"Asked {LEARNER.email}.", By.PERSON, 1, {"to": [LEARNER.email]})
    told = without(Happening, line, HER)
    assert (told.why, told.before) == (f"Asked {ERASED}.", {"to": []})


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("Write to learner@work.example.", f"Write to {ERASED}.", id="in a sentence"),
        pytest.param("'mailto:Learner@Work.example'", f"'mailto:{ERASED}'", id="a link"),
        pytest.param("other.learner@work.example", None, id="the end of a longer address"),
        pytest.param("learner@work.example.org", None, id="the beginning of another"),
        pytest.param("learner@work.example-two.org", None, id="and of this"),
        pytest.param("The learner works.", None, id="words"),
    ],
)  # fmt: skip
def test_an_address_within_a_text_is_found_whole_or_not_at_all(text: str, left: str | None) -> None:
    saved = replace(a_snapshot(), description=text)
    expected = text if left is None else left
    assert cleared(a_record(saved)).saved.description == expected


def test_nobody_else_is_touched() -> None:
    record = a_booked(a_snapshot(manager=MANAGER))
    assert cleared(record, Whom.by(["stranger@work.example"], [OID])) == record
    assert cleared(record, Whom()) == record


def test_doing_it_twice_changes_nothing_more() -> None:
    once = cleared(a_booked())
    assert cleared(once) == once


def test_what_leads_from_one_name_to_another_is_followed() -> None:
    """The same object id under another address is the same person."""
    saved = a_snapshot(
        learner=Person("new@work.example", "L. Earner", OID),
        manager=Person(LEARNER.email, "L. Earner", OID),
    )
    assert known_as(a_record(saved), HER) == Whom.by([LEARNER.email], [OID])
    assert known_as(a_record(saved), Whom.by([LEARNER.email], [OID])) == Whom.by(
        [LEARNER.email, "new@work.example"], [OID]
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.sampled_from([LEARNER.email, LEARNER.email.upper(), f"({LEARNER.email})"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)  # fmt: skip


@given(JSON, JSON)
def test_wherever_an_address_stands_it_goes(before: Any, data: Any) -> None:
    """Also in a field that somebody adds tomorrow."""
    line = Happening(NOW, "x", "y", By.LMS, 1, before, {"deep": [data]})
    found = without(Happening, line, HER)
    assert LEARNER.email not in json.dumps(codec.plain(found)).casefold()
    assert (found.at, found.what, found.why) == (line.at, line.what, line.why)
