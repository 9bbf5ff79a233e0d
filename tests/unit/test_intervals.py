"""The algebra of spells, in minutes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intervals import Interval, intersection, length, subtraction, union
from tests.meetings import pairs, spell, spells


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        pytest.param(spell(0, 10), False, id="touching before"),
        pytest.param(spell(0, 10.1), True, id="just into it"),
        pytest.param(spell(12, 15), True, id="within"),
        pytest.param(spell(19.9, 30), True, id="just before its end"),
        pytest.param(spell(20, 30), False, id="touching after"),
    ],
)
def test_touching_is_not_overlapping(other: Interval, overlaps: bool) -> None:
    one = spell(10, 20)
    assert (one.overlaps(other), other.overlaps(one)) == (overlaps, overlaps)


@pytest.mark.parametrize(
    ("some", "covered"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(0, 10), (20, 30)], [(0, 10), (20, 30)], id="apart"),
        pytest.param([(0, 10), (10, 30)], [(0, 30)], id="touching"),
        pytest.param([(5, 30), (0, 10)], [(0, 30)], id="overlapping, out of order"),
        pytest.param([(0, 30), (10, 20)], [(0, 30)], id="one within the other"),
        pytest.param([(5, 5), (10, 20)], [(10, 20)], id="an empty one"),
        pytest.param([(9, 3)], [], id="one that ends before it begins"),
    ],
)
def test_union(some: list[tuple[float, float]], covered: list[tuple[float, float]]) -> None:
    assert union(spells(*some)) == spells(*covered)


@pytest.mark.parametrize(
    ("some", "others", "both", "left"),
    [
        pytest.param([(0, 10)], [], [], [(0, 10)], id="nothing"),
        pytest.param([(0, 10)], [(10, 20)], [], [(0, 10)], id="touching"),
        pytest.param([(0, 10)], [(5, 20)], [(5, 10)], [(0, 5)], id="overlapping"),
        pytest.param([(0, 30)], [(10, 20)], [(10, 20)], [(0, 10), (20, 30)], id="within"),
        pytest.param([(10, 20)], [(0, 30)], [(10, 20)], [], id="covered"),
        pytest.param(
            [(0, 10), (20, 30)], [(5, 25)], [(5, 10), (20, 25)], [(0, 5), (25, 30)], id="a bridge"
        ),
    ],
)
def test_intersection_and_subtraction(
    some: list[tuple[float, float]],
    others: list[tuple[float, float]],
    both: list[tuple[float, float]],
    left: list[tuple[float, float]],
) -> None:
    assert intersection(spells(*some), spells(*others)) == spells(*both)
    assert subtraction(spells(*some), spells(*others)) == spells(*left)


sets = st.lists(pairs, max_size=5).map(lambda found: spells(*found))


@given(sets, sets)
def test_intersection_and_subtraction_part_a_set(some: Any, others: Any) -> None:
    both, left = intersection(some, others), subtraction(some, others)
    assert length(both) + length(left) == length(some)
    assert union((*both, *left)) == union(some)
    assert intersection(left, others) == ()


@given(sets)
def test_union_never_exceeds_wall_time(some: tuple[Interval, ...]) -> None:
    if some:
        wall = max(i.left_at for i in some) - min(i.joined_at for i in some)
        assert length(some) <= wall
    assert union(union(some)) == union(some)
