"""Two processes are really at work at the same time, in the order they were told."""

from __future__ import annotations

from itertools import cycle

from tests.torture.cuts import RACES, broken_by, cases
from tests.torture.flows import BY_NAME
from tests.torture.gate import Effect, Twist
from tests.torture.turns import together


def test_they_go_on_effect_by_effect_as_told() -> None:
    world = BY_NAME["sweep of many"].prepare()
    processes, went = [world.ports, world.process()], []
    for me, ports in enumerate(processes):

        def note(_: Effect, me: int = me) -> None:
            went.append(me)

        world.gate_of(ports).twist = note
    together(world, cycle((1, 1, 0)), *((p, lambda: world.run("sweep")) for p in processes))
    assert went[:12] == [1, 0, 1] * 4, "the first turn only leads the other one to its first effect"
    assert {0, 1} <= set(went[12:]), "and neither was over by then"


def test_a_sweep_in_the_middle_of_a_sweep_does_its_work() -> None:
    """What a process remembers of its own runs is not the other's."""
    world = BY_NAME["sweep create"].prepare()
    other, once = world.process(), ["the first page"]

    def intrude() -> None:
        with world.as_(other):
            world.run("sweep")

    def twist(effect: Effect) -> Twist | None:
        if effect.what == "page due" and once:
            return Twist(once.pop(), before=intrude)
        return None

    world.gate.twist = twist
    world.run("sweep")
    assert "POST /users/…/events" in [effect.what for effect in world.gate_of(other).trace]


def test_the_claim_alone_keeps_two_at_once_from_making_two_events() -> None:
    """Even for an Exchange that forgets what makes a repeated create the same create."""
    ways = [way for way in RACES if way.name == "another sweep in turns"]
    for name in ("instant create", "sweep create"):
        for case in cases(BY_NAME[name], ways, ("transaction_ids", "ignored")):
            assert not broken_by(case), case
