"""What becomes of an event that the LMS took, refused, or did not answer (the law, 4.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.lms.outbox import (
    Delivery,
    Fate,
    after_delivery,
    fate_of,
    message,
    next_event,
    pause_after,
    redelivered,
)
from shared.model import LmsEvent
from shared.record import Record, Shelf, shelf
from tests.build import NOW, a_booked, an_lms_event

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


def waiting(*events: LmsEvent) -> Record:
    return a_booked(queue=events)


def refused(status: int, event: str = "msg_1", **more: Any) -> Delivery:
    return Delivery(event, fate_of(status), status, **more)


UNREACHED = Delivery("msg_1", Fate.UNREACHED)


def failing(since: datetime, tries: int = 6) -> LmsEvent:
    return an_lms_event(tries=tries, failed_since=since, next_try=NOW)


def only(record: Record) -> LmsEvent:
    (event,) = record.queue
    return event


# -- what an answer means ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        pytest.param(200, Fate.TAKEN, id="200"),
        pytest.param(202, Fate.TAKEN, id="202"),
        pytest.param(204, Fate.TAKEN, id="204"),
        pytest.param(299, Fate.TAKEN, id="the last of the good ones"),
        pytest.param(300, Fate.UNREACHED, id="the first redirect"),
        pytest.param(302, Fate.UNREACHED, id="a redirect is not followed"),
        pytest.param(399, Fate.UNREACHED, id="the last before 400"),
        pytest.param(400, Fate.REFUSED, id="400"),
        pytest.param(401, Fate.REFUSED, id="401"),
        pytest.param(404, Fate.REFUSED, id="404"),
        pytest.param(407, Fate.REFUSED, id="407"),
        pytest.param(408, Fate.UNREACHED, id="408 is worth repeating"),
        pytest.param(409, Fate.REFUSED, id="409"),
        pytest.param(410, Fate.REFUSED, id="410"),
        pytest.param(424, Fate.REFUSED, id="424"),
        pytest.param(425, Fate.UNREACHED, id="425 is worth repeating"),
        pytest.param(426, Fate.REFUSED, id="426"),
        pytest.param(428, Fate.REFUSED, id="428"),
        pytest.param(429, Fate.UNREACHED, id="429 is worth repeating"),
        pytest.param(430, Fate.REFUSED, id="430"),
        pytest.param(499, Fate.REFUSED, id="the last of the refusals"),
        pytest.param(500, Fate.UNREACHED, id="500"),
        pytest.param(503, Fate.UNREACHED, id="503"),
    ],
)
def test_what_a_status_means(status: int, fate: Fate) -> None:
    assert fate_of(status) is fate


def test_what_was_taken_is_gone_and_the_rest_stays_in_order() -> None:
    record = waiting(an_lms_event(1), an_lms_event(2), an_lms_event(3))
    after = after_delivery(record, Delivery("msg_1", Fate.TAKEN, 200), NOW)
    assert [event.id for event in after.queue] == ["msg_2", "msg_3"]
    assert after == replace(record, queue=record.queue[1:]), "nothing else changes"


def test_a_delivery_of_an_event_that_is_gone_changes_nothing() -> None:
    record = waiting(an_lms_event(2))
    assert after_delivery(record, UNREACHED, NOW) == record
    assert after_delivery(record, Delivery("msg_1", Fate.TAKEN, 200), NOW) == record


# -- pauses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(1, 1), (2, 2), (3, 5), (4, 15), (5, 60), (6, 180), (7, 180), (50, 180)],
)
def test_each_failure_makes_the_pause_longer(failures: int, minutes: int) -> None:
    record = waiting(an_lms_event())
    for _ in range(failures):
        record = after_delivery(record, UNREACHED, NOW)
    assert only(record).next_try == NOW + minutes * MINUTE
    assert only(record).tries == failures
    assert pause_after(failures - 1) == minutes * MINUTE


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        pytest.param(None, 1 * MINUTE, id="nothing asked"),
        pytest.param(30 * SECOND, 1 * MINUTE, id="less than our own pause"),
        pytest.param(10 * MINUTE, 10 * MINUTE, id="more than our own pause"),
    ],
)
def test_retry_after_is_obeyed(asked: timedelta | None, pause: timedelta) -> None:
    record = after_delivery(waiting(an_lms_event()), refused(503, retry_after=asked), NOW)
    assert only(record).next_try == NOW + pause


def test_the_first_failure_is_remembered_over_all_later_ones() -> None:
    record = after_delivery(waiting(an_lms_event()), UNREACHED, NOW)
    record = after_delivery(record, UNREACHED, NOW + HOUR)
    assert only(record).failed_since == NOW


# -- parking -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delivery", "failed_for", "parked"),
    [
        pytest.param(refused(410), None, True, id="410 at its first try"),
        pytest.param(refused(410), 5 * MINUTE, True, id="410 after others"),
        pytest.param(refused(404), None, False, id="404 at its first try"),
        pytest.param(refused(404), DAY - SECOND, False, id="404 a second before 24 hours"),
        pytest.param(refused(404), DAY, True, id="404 at 24 hours"),
        pytest.param(refused(401), DAY + SECOND, True, id="401 a second after 24 hours"),
        pytest.param(refused(408), DAY, False, id="408 at 24 hours"),
        pytest.param(refused(425), DAY, False, id="425 at 24 hours"),
        pytest.param(refused(429), DAY, False, id="429 at 24 hours"),
        pytest.param(refused(302), DAY, False, id="a redirect at 24 hours"),
        pytest.param(refused(500), 3 * DAY - SECOND, False, id="500 a second before 3 days"),
        pytest.param(refused(500), 3 * DAY, True, id="500 at 3 days"),
        pytest.param(refused(429), 3 * DAY, True, id="429 at 3 days"),
        pytest.param(UNREACHED, 3 * DAY - SECOND, False, id="silence a second before 3 days"),
        pytest.param(UNREACHED, 3 * DAY, True, id="silence at 3 days"),
    ],
)
def test_when_an_event_is_parked(
    delivery: Delivery, failed_for: timedelta | None, parked: bool
) -> None:
    event = failing(NOW - failed_for) if failed_for else an_lms_event()
    assert only(after_delivery(waiting(event), delivery, NOW)).parked is parked


def test_an_event_is_tried_at_the_law_s_times_and_then_parked() -> None:
    """Against an LMS that is down: 1, 2, 5, 15, 60 minutes, then every 3 hours for 3 days."""
    record, now, tried = waiting(an_lms_event()), NOW, []
    while next_event(record, now):
        tried.append(now - NOW)
        record = after_delivery(record, UNREACHED, now)
        now = only(record).next_try or now
    assert tried[:6] == [n * MINUTE for n in (0, 1, 3, 8, 23, 83)]
    assert only(record).parked
    assert 3 * DAY <= tried[-1] < 3 * DAY + 3 * HOUR


# -- order ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param((), None, id="nothing waits"),
        pytest.param((an_lms_event(1), an_lms_event(2)), "msg_1", id="the oldest first"),
        pytest.param(
            (an_lms_event(1, next_try=NOW + SECOND), an_lms_event(2)),
            None,
            id="not yet, nor the next",
        ),
        pytest.param((an_lms_event(1, next_try=NOW), an_lms_event(2)), "msg_1", id="just now"),
        pytest.param(
            (an_lms_event(1, parked=True), an_lms_event(2)), "msg_2", id="past a parked one"
        ),
        pytest.param(
            (an_lms_event(1, parked=True), an_lms_event(2, next_try=NOW + SECOND), an_lms_event(3)),
            None,
            id="but not past one that pauses",
        ),
        pytest.param((an_lms_event(1, parked=True),), None, id="only a parked one"),
    ],
)
def test_whose_turn_it_is(events: tuple[LmsEvent, ...], expected: str | None) -> None:
    found = next_event(waiting(*events), NOW)
    assert (found.id if found else None) == expected


def test_a_parked_event_keeps_its_place() -> None:
    record = waiting(an_lms_event(1), an_lms_event(2))
    record = after_delivery(record, refused(410), NOW)
    assert [(event.id, event.parked) for event in record.queue] == [
        ("msg_1", True),
        ("msg_2", False),
    ]


def test_redelivery_sends_everything_again_in_order_at_once() -> None:
    record = waiting(
        an_lms_event(1, parked=True, tries=30, failed_since=NOW - 3 * DAY, next_try=NOW + HOUR),
        an_lms_event(2, tries=2, failed_since=NOW - HOUR, next_try=NOW + HOUR),
    )
    again = redelivered(record)
    found = next_event(again, NOW)
    assert found is not None
    assert found.id == "msg_1", "the oldest first, with the id it always had"
    assert [event.sequence for event in again.queue] == [1, 2]
    failed = after_delivery(again, UNREACHED, NOW)
    assert not failed.queue[0].parked, "its three days begin anew"
    assert failed.queue[0].next_try == NOW + MINUTE


def test_an_event_that_is_owed_keeps_its_component_on_the_open_shelf() -> None:
    place = shelf(waiting(an_lms_event()))
    assert place is not None
    assert place[0] is Shelf.OPEN
    place = shelf(waiting(an_lms_event(parked=True)))
    assert place is not None
    assert place[0] is Shelf.AHEAD


# -- the message ---------------------------------------------------------------------------


def test_a_message_is_the_same_on_every_try() -> None:
    event = an_lms_event(data={"componentId": "C-1", "revision": 7, "sequence": 1})
    first = message(event)
    assert first == {
        "type": "meeting.rescheduled",
        "timestamp": "2026-04-25T08:00:00Z",
        "data": {"componentId": "C-1", "revision": 7, "sequence": 1},
    }
    assert message(only(after_delivery(waiting(event), UNREACHED, NOW + HOUR))) == first
