"""Spells of time, and what they cover together: union, intersection, subtraction, length.

No I/O, no clock. Nothing here knows whose time it is, or of meetings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """One join-to-leave spell, UTC. Nothing happens in one that ends where it begins."""

    joined_at: datetime
    left_at: datetime

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share any time; touching is not sharing."""
        return self.joined_at < other.left_at and other.joined_at < self.left_at


Spells = tuple[Interval, ...]
"""Intervals in order, none touching another, none empty."""


def union(intervals: Iterable[Interval]) -> Spells:
    """The time covered by any of *intervals*: two devices at once count once."""
    merged: list[Interval] = []
    for one in sorted(intervals):
        if one.left_at <= one.joined_at:
            continue
        if merged and one.joined_at <= merged[-1].left_at:
            left_at = max(merged[-1].left_at, one.left_at)
            merged[-1] = Interval(merged[-1].joined_at, left_at)
        else:
            merged.append(one)
    return tuple(merged)


def intersection(some: Iterable[Interval], others: Iterable[Interval]) -> Spells:
    """The time covered by both."""
    right = union(others)
    return union(
        Interval(max(a.joined_at, b.joined_at), min(a.left_at, b.left_at))
        for a in union(some)
        for b in right
        if a.overlaps(b)
    )


def subtraction(some: Iterable[Interval], others: Iterable[Interval]) -> Spells:
    """The time covered by *some* and by none of *others*."""
    left = list(union(some))
    for gone in union(others):
        left = [
            piece
            for one in left
            for piece in (
                Interval(one.joined_at, min(one.left_at, gone.joined_at)),
                Interval(max(one.joined_at, gone.left_at), one.left_at),
            )
            if piece.joined_at < piece.left_at
        ]
    return tuple(left)


def length(intervals: Iterable[Interval]) -> timedelta:
    """How long *intervals* cover together."""
    return sum((one.left_at - one.joined_at for one in union(intervals)), timedelta())
