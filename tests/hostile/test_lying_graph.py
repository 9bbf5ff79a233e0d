"""A Graph that lies in one answer costs time at most: a sample of all the lies there are.

``python -m tests.hostile`` tells more of them, for as long as it is given.
"""

from __future__ import annotations

import functools
import random

import pytest

from tests.hostile.liar import STORIES, Honest, Lie, judge, lies, played

SAMPLE = 60
"""Lies of each story."""


@functools.cache
def honest(name: str) -> Honest:
    return played(name)


@pytest.mark.parametrize("name", STORIES)
def test_a_lie_does_no_harm(name: str) -> None:
    every = list(lies(honest(name).answers))
    assert len(every) > 1000
    for lie in random.Random(name).sample(every, SAMPLE):
        told(name, lie)


def told(name: str, lie: Lie) -> None:
    try:
        judge(name, lie, honest(name))
    except BaseException as error:
        error.add_note(f"{name}: {lie}")
        raise
