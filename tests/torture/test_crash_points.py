"""Each flow cut at each of its effects; a sample of everything else that can happen there.

All of the rest are some fifteen thousand cases; a larger ``SAMPLE`` plays more of them.
"""

from __future__ import annotations

import random

import pytest

from tests.torture.cuts import CUTS, FAULTS, RACES, Case, Way, broken_by, cases, end_of, unlike
from tests.torture.flows import BY_NAME, FLOWS, Flow
from tests.torture.gate import Twist
from tests.torture.promises import broken_now
from tests.torture.rest import come_to_rest

SAMPLE = 3


def assert_kept(case: Case) -> None:
    broken = broken_by(case)
    assert not broken, "\n".join([str(case), *broken])


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_killed_anywhere_the_next_runs_put_it_right(flow: Flow) -> None:
    played = 0
    for case in cases(flow, CUTS):
        assert_kept(case)
        played += 1
    assert played >= 6, "a flow without effects proves nothing"


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_some_faults_and_races(flow: Flow) -> None:
    die = random.Random(flow.name)
    for ways in (FAULTS, RACES):
        for case in die.sample(list(cases(flow, ways)), SAMPLE):
            assert_kept(case)


def test_every_flow_undisturbed_ends_the_same_twice() -> None:
    for flow in FLOWS:
        world = flow.prepare()
        flow.act(world)
        come_to_rest(world, nights=flow.nights)
        assert not unlike(flow, end_of(world)), flow.name


def test_a_broken_promise_would_be_seen() -> None:
    """Without what makes a repeated create the same create, the cuts find two events."""

    def killed_while_exchange_forgets(world: object, gate: object) -> Twist:
        world.graph.switches.transaction_ids = "ignored"  # type: ignore[attr-defined]
        return Twist("killed after", after=gate.kill)  # type: ignore[attr-defined]

    flow = BY_NAME["instant create"]
    way = Way("forgotten", ("graph",), killed_while_exchange_forgets)
    found = [line for case in cases(flow, [way]) for line in broken_by(case)]
    assert any("two events were made as" in line for line in found)


def test_nothing_is_broken_before_anything_happened() -> None:
    assert broken_now(BY_NAME["instant create"].prepare()) == []
