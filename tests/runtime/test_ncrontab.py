"""Cron expressions, against croniter as a second opinion."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from tests.local.ncrontab import Schedule

FRIDAY = datetime(2026, 4, 24, 22, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        pytest.param("0 0 */3 * * *", FRIDAY, datetime(2026, 4, 25, 0, tzinfo=UTC), id="3 hours"),
        pytest.param("0 * * * * *", FRIDAY, datetime(2026, 4, 24, 23, tzinfo=UTC), id="minutes"),
        pytest.param("0 30 2 * * *", FRIDAY, datetime(2026, 4, 25, 2, 30, tzinfo=UTC), id="nights"),
        pytest.param(
            "59 59 22 * * *",
            FRIDAY,
            datetime(2026, 4, 25, 22, 59, 59, tzinfo=UTC),
            id="now is not after now",
        ),
        pytest.param("0 0 9 * * Mon-fri", FRIDAY, datetime(2026, 4, 27, 9, tzinfo=UTC), id="names"),
        pytest.param("0 0 0 13 * 5", FRIDAY, datetime(2026, 11, 13, tzinfo=UTC), id="both days"),
        pytest.param("0 0 0 29 feb *", FRIDAY, datetime(2028, 2, 29, tzinfo=UTC), id="leap day"),
        pytest.param("0 0 0 29 2 4", FRIDAY, datetime(2052, 2, 29, tzinfo=UTC), id="far ahead"),
        pytest.param("5/20 0 0 1 1 *", FRIDAY, datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC), id="a/b"),
    ],
)
def test_next_after(expression: str, after: datetime, expected: datetime) -> None:
    assert Schedule.parse(expression).next_after(after) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * * *",
        "* * * * * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "* * * * * noday",
        "* * * L * *",
        "* 5-1 * * * *",
        "*/0 * * * * *",
        "*/x * * * * *",
        "1,,2 * * * * *",
        "-1 * * * * *",
        "? * * * * *",
        "0 0 0 31 2 *",
        "00:30:00",
    ],
)
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(ValueError, match=r"fields|cannot read|is not in|no day fits"):
        Schedule.parse(expression)


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    # Not a-a, which croniter takes for every day of the week.
    pair = st.lists(number, min_size=2, max_size=2, unique=True).map(sorted)
    part = st.one_of(
        st.just("*"),
        number.map(str),
        pair.map(lambda p: f"{p[0]}-{p[1]}"),
        st.integers(1, 7).map(lambda n: f"*/{n}"),
        st.tuples(pair, st.integers(1, 4)).map(lambda t: f"{t[0][0]}-{t[0][1]}/{t[1]}"),
    )
    return st.lists(part, min_size=1, max_size=2).map(",".join)


@given(
    st.tuples(
        fields(0, 59), fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 6)
    ).map(" ".join),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  made aware below
)
def test_croniter_agrees(expression: str, moment: datetime) -> None:
    after = moment.replace(tzinfo=UTC, microsecond=0)
    theirs = croniter(
        expression, after, second_at_beginning=True, day_or=False, max_years_between_matches=41
    )
    assert Schedule.parse(expression).next_after(after) == theirs.get_next(datetime)
