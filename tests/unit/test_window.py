"""The window counts local calendar days, the lead time hours on the clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.window import (
    day_start,
    in_time,
    is_ambiguous,
    is_open,
    local_date,
    local_iso,
    opens_on,
    window_end,
)
from tests.build import NINE, at

unhurried = settings(deadline=None)
"""Machines are busy at times."""

LONDON, KOLKATA, APIA = "Europe/London", "Asia/Kolkata", "Pacific/Apia"
NEW_YORK, HONOLULU = "America/New_York", "Pacific/Honolulu"
CAIRO, HAVANA = "Africa/Cairo", "America/Havana"  # change their clocks at midnight
ZONES = [LONDON, KOLKATA, APIA, NEW_YORK, HONOLULU, CAIRO, HAVANA, "Australia/Lord_Howe", "UTC"]


# -- the day the window opens --------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "zone", "days", "opens"),
    [
        pytest.param("2026-04-30 08:00", LONDON, 5, date(2026, 4, 25), id="the law's own example"),
        pytest.param("2026-04-30 08:00", LONDON, 0, date(2026, 4, 30), id="on the day itself"),
        pytest.param("2026-04-30 08:00", LONDON, 1, date(2026, 4, 29), id="the day before"),
        pytest.param("2026-03-02 09:00", LONDON, 5, date(2026, 2, 25), id="over a month's end"),
        pytest.param("2028-03-02 09:00", LONDON, 5, date(2028, 2, 26), id="over a leap day"),
        pytest.param("2027-01-03 09:00", LONDON, 5, date(2026, 12, 29), id="over the new year"),
        pytest.param("2026-04-01 08:00", LONDON, 5, date(2026, 3, 27), id="over the spring change"),
        pytest.param("2026-10-28 09:00", LONDON, 5, date(2026, 10, 23), id="over the autumn one"),
        pytest.param(
            "2026-04-29 23:30", LONDON, 5, date(2026, 4, 25), id="00:30 in London is another day"
        ),
        pytest.param(
            "2026-04-29 18:29:59", KOLKATA, 5, date(2026, 4, 24), id="23:59:59 in Kolkata"
        ),
        pytest.param("2026-04-29 18:30", KOLKATA, 5, date(2026, 4, 25), id="midnight in Kolkata"),
        pytest.param("2026-04-29 10:59", APIA, 5, date(2026, 4, 24), id="23:59 in Apia"),
        pytest.param("2026-04-29 11:00", APIA, 5, date(2026, 4, 25), id="midnight in Apia"),
        pytest.param("2026-05-01 03:00", NEW_YORK, 5, date(2026, 4, 25), id="23:00 in New York"),
        pytest.param("2026-05-01 04:00", NEW_YORK, 5, date(2026, 4, 26), id="midnight in New York"),
        pytest.param("2026-05-01 09:59", HONOLULU, 5, date(2026, 4, 25), id="23:59 in Honolulu"),
    ],
)
def test_the_window_opens_that_many_local_days_before(
    start: str, zone: str, days: int, opens: date
) -> None:
    assert opens_on(at(start), zone, days) == opens


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        pytest.param("2026-04-24 22:59:59", LONDON, False, id="a second before midnight in London"),
        pytest.param("2026-04-24 23:00", LONDON, True, id="midnight in London"),
        pytest.param("2026-04-24 23:00:01", LONDON, True, id="a second after it"),
        pytest.param("2026-04-25 12:00", LONDON, True, id="noon of that day"),
        pytest.param("2026-04-30 08:00", LONDON, True, id="at the start"),
        pytest.param("2026-05-02 08:00", LONDON, True, id="after it"),
        pytest.param("2026-04-24 18:29:59", KOLKATA, False, id="before midnight in Kolkata"),
        pytest.param("2026-04-24 18:30", KOLKATA, True, id="midnight in Kolkata"),
        pytest.param("2026-04-24 10:59:59", APIA, False, id="before midnight in Apia"),
        pytest.param("2026-04-24 11:00", APIA, True, id="midnight in Apia"),
        pytest.param("2026-04-25 03:59:59", NEW_YORK, False, id="before midnight in New York"),
        pytest.param("2026-04-25 04:00", NEW_YORK, True, id="midnight in New York"),
        pytest.param("2026-04-25 09:59:59", HONOLULU, False, id="before midnight in Honolulu"),
        pytest.param("2026-04-25 10:00", HONOLULU, True, id="midnight in Honolulu"),
    ],
)
def test_a_meeting_on_30_april_is_open_from_the_local_midnight_of_25_april(
    now: str, zone: str, expected: bool
) -> None:
    start = NINE.start  # 30 April in all of these zones but Honolulu, where it is the 29th
    days = 4 if zone == HONOLULU else 5
    assert is_open(start, zone, days, at(now)) is expected


@pytest.mark.parametrize(
    ("now", "end"),
    [
        pytest.param("2026-04-25 08:00", "2026-04-30 23:00", id="summer"),
        pytest.param("2026-01-25 08:00", "2026-01-31 00:00", id="winter"),
        pytest.param("2026-03-27 08:00", "2026-04-01 23:00", id="over the spring change"),
        pytest.param("2026-10-22 08:00", "2026-10-28 00:00", id="over the autumn change"),
        pytest.param("2026-04-24 22:59:59", "2026-04-29 23:00", id="a second before midnight"),
        pytest.param("2026-04-24 23:00", "2026-04-30 23:00", id="midnight"),
    ],
)
def test_the_windows_end_is_a_local_midnight(now: str, end: str) -> None:
    assert window_end(LONDON, 5, at(now)) == at(end)


moments = st.timedeltas(timedelta(), timedelta(days=10_000)).map(lambda on: at("2011-12-01") + on)
zones = st.sampled_from(ZONES)


@unhurried
@given(start=moments, now=moments, zone=zones, days=st.integers(0, 60))
def test_the_windows_end_and_the_opening_day_say_the_same(
    start: datetime, now: datetime, zone: str, days: int
) -> None:
    assert is_open(start, zone, days, now) == (start < window_end(zone, days, now))


@unhurried
@given(near=st.timedeltas(timedelta(days=-2), timedelta(days=2)), zone=zones)
def test_they_say_the_same_near_every_change_of_clocks(near: timedelta, zone: str) -> None:
    for change in ("2026-03-29 01:00", "2026-10-25 01:00", "2026-04-23 22:00", "2026-11-01 05:00"):
        now, start = at(change), at(change) + near
        assert is_open(start, zone, 1, now) == (start < window_end(zone, 1, now))


# -- the start of a local day --------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        pytest.param(date(2026, 3, 29), LONDON, "2026-03-29 00:00", id="the spring day in London"),
        pytest.param(date(2026, 3, 30), LONDON, "2026-03-29 23:00", id="the day after"),
        pytest.param(date(2026, 10, 25), LONDON, "2026-10-24 23:00", id="the autumn day"),
        pytest.param(date(2026, 10, 26), LONDON, "2026-10-26 00:00", id="the day after that"),
        pytest.param(date(2026, 4, 24), CAIRO, "2026-04-23 22:00", id="midnight does not happen"),
        pytest.param(date(2026, 11, 1), HAVANA, "2026-11-01 04:00", id="midnight happens twice"),
        pytest.param(date(2026, 4, 30), KOLKATA, "2026-04-29 18:30", id="half an hour off"),
        pytest.param(date(2026, 4, 30), APIA, "2026-04-29 11:00", id="ahead of everyone"),
        pytest.param(date(2011, 12, 31), APIA, "2011-12-30 10:00", id="the day Apia left out"),
    ],
)
def test_a_local_day_starts_at_its_first_instant(day: date, zone: str, start: str) -> None:
    first = day_start(day, zone)
    assert first == at(start)
    assert local_date(first, zone) == day
    assert local_date(first - timedelta(seconds=1), zone) < day


@unhurried
@given(moment=moments, zone=zones)
def test_every_instant_lies_in_the_day_it_is_dated(moment: datetime, zone: str) -> None:
    day = local_date(moment, zone)
    assert day_start(day, zone) <= moment < day_start(day + timedelta(days=1), zone)


# -- the lead time -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param("2026-04-30 04:59:59", True, id="three hours and a second"),
        pytest.param("2026-04-30 05:00", True, id="exactly three hours"),
        pytest.param("2026-04-30 05:00:01", False, id="a second short"),
        pytest.param("2026-04-30 05:00:00.999999", True, id="within the exact second"),
        pytest.param("2026-04-01 10:00", True, id="weeks ahead"),
        pytest.param("2026-04-30 08:00", False, id="at the start"),
        pytest.param("2026-04-30 09:00", False, id="after it"),
    ],
)
def test_three_hours_notice_is_enough_and_a_second_less_is_not(asked: str, expected: bool) -> None:
    assert in_time(NINE.start, at(asked)) is expected


@pytest.mark.parametrize(
    ("start", "asked", "expected"),
    [
        pytest.param(
            "2026-03-29T04:00+01:00", "2026-03-29T00:00+00:00", True, id="four by the wall, spring"
        ),
        pytest.param(
            "2026-03-29T03:59+01:00", "2026-03-29T00:00+00:00", False, id="3:59 by the wall, spring"
        ),
        pytest.param(
            "2026-10-25T03:00+00:00", "2026-10-25T01:00+01:00", True, id="two by the wall, autumn"
        ),
        pytest.param(
            "2026-10-25T03:00+00:00", "2026-10-25T01:00+00:00", False, id="the same wall an hour on"
        ),
    ],
)
def test_the_lead_time_is_hours_that_pass_not_hours_on_the_wall(
    start: str, asked: str, expected: bool
) -> None:
    assert in_time(at(start), at(asked)) is expected


# -- local times ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "zone", "text"),
    [
        pytest.param("2026-04-30 08:00", LONDON, "2026-04-30T09:00:00+01:00", id="summer"),
        pytest.param("2026-01-30 09:00", LONDON, "2026-01-30T09:00:00+00:00", id="winter"),
        pytest.param("2026-03-29 00:59", LONDON, "2026-03-29T00:59:00+00:00", id="before the gap"),
        pytest.param("2026-03-29 01:00", LONDON, "2026-03-29T02:00:00+01:00", id="after the gap"),
        pytest.param("2026-10-25 00:30", LONDON, "2026-10-25T01:30:00+01:00", id="the first 01:30"),
        pytest.param("2026-10-25 01:30", LONDON, "2026-10-25T01:30:00+00:00", id="the other 01:30"),
        pytest.param("2026-04-30 03:30", KOLKATA, "2026-04-30T09:00:00+05:30", id="Kolkata"),
        pytest.param("2026-04-29 20:00", APIA, "2026-04-30T09:00:00+13:00", id="Apia"),
        pytest.param("2026-04-30 13:00", NEW_YORK, "2026-04-30T09:00:00-04:00", id="New York"),
        pytest.param("2026-04-30 08:00:00.5", LONDON, "2026-04-30T09:00:00+01:00", id="fractions"),
    ],
)
def test_an_instant_reads_as_people_there_write_it(moment: str, zone: str, text: str) -> None:
    assert local_iso(at(moment), zone) == text


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        pytest.param("2026-10-24 23:59:59", LONDON, False, id="a second before the first hour"),
        pytest.param("2026-10-25 00:00", LONDON, True, id="the first 01:00"),
        pytest.param("2026-10-25 00:59:59", LONDON, True, id="the first 01:59:59"),
        pytest.param("2026-10-25 01:00", LONDON, True, id="the second 01:00"),
        pytest.param("2026-10-25 01:59:59", LONDON, True, id="the second 01:59:59"),
        pytest.param("2026-10-25 02:00", LONDON, False, id="02:00, which is one again"),
        pytest.param("2026-03-29 00:59:59", LONDON, False, id="before the missing hour"),
        pytest.param("2026-03-29 01:00", LONDON, False, id="after the missing hour"),
        pytest.param("2026-10-25 00:30", KOLKATA, False, id="Kolkata never repeats"),
        pytest.param("2026-11-01 05:30", NEW_YORK, True, id="01:30 in New York, in summer time"),
        pytest.param("2026-11-01 07:00", NEW_YORK, False, id="02:00 in New York"),
        pytest.param(
            "2026-04-04 15:00", "Australia/Lord_Howe", True, id="a half hour repeats there"
        ),
        pytest.param("2026-04-04 14:29", "Australia/Lord_Howe", False, id="and only that half"),
    ],
)
def test_only_the_repeated_hour_is_ambiguous(moment: str, zone: str, expected: bool) -> None:
    assert is_ambiguous(at(moment), zone) is expected
