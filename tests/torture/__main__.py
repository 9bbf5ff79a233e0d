"""``python dev.py torture --minutes N --seed S``: random histories until the time is over."""

from __future__ import annotations

import argparse
import time

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.torture.machine import Histories, figures

AT_ONCE = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def main(arguments: list[str]) -> int:
    """Play histories, fifty to a seed; one line of figures, and 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="dev.py torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0, help="the first; each fifty has the next")
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    now, violations = options.seed, 0
    while time.monotonic() < end and not violations:
        try:
            run_state_machine_as_test(seed(now)(Histories), settings=AT_ONCE)
        except AssertionError as broken:
            violations += 1
            print(f"seed {now}:\n{broken}")
        now += 1
    counts = ", ".join(f"{name} {count}" for name, count in figures.items())
    print(f"violations {violations}, seeds {options.seed} to {now - 1}, {counts}")
    return 1 if violations else 0
