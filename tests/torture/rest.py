"""Letting the ordinary runs put things right."""

from __future__ import annotations

from tests.torture.promises import broken_at_rest
from tests.torture.watched import Watched


def come_to_rest(world: Watched, *, nights: int = 0, minutes: int = 1) -> None:
    """Timers at their times, nothing failing any more: a quarter of an hour of catch-ups, a sweep,
    another quarter, the next two sweeps; then *nights* runs of the attendance timer. *minutes* lie
    between two catch-ups."""
    world.graph.faults.clear()
    world.lms.faults.clear()
    for gate in world.processes:
        gate.twist = None
    for _ in range(2):
        for _ in range(15 // minutes):
            world.pass_(minutes=minutes)
            world.run("catch_up")
        world.run("sweep")
    world.pass_(hours=3)
    world.run("catch_up")
    world.run("sweep")
    for _ in range(nights):
        for hours, what in ((3, "sweep"), (9, "sweep"), (12, "night")):
            world.pass_(hours=hours)
            world.run(what)
            world.run("catch_up")
        world.pass_(minutes=2)
        world.run("catch_up")


def assert_at_rest(world: Watched, story: str = "") -> None:
    broken = broken_at_rest(world)
    assert not broken, "\n".join([story, *broken, "", *world.story()])
