"""``python dev.py torture --minutes N --seed S``: break things until the time is over."""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter
from collections.abc import Callable

from tests.hostile import liar
from tests.torture import cuts, load, machine, processes

Campaign = Callable[[float, int], Counter[str]]
"""Plays until the (monotonic) time is over or a promise was broken, of which it prints the story;
what it played, and ``violations``."""

CAMPAIGNS: list[Campaign] = [
    cuts.campaign,
    machine.campaign,
    processes.campaign,
    load.campaign,
    liar.campaign,
]
LEAST_LOAD = 200


def main(arguments: list[str]) -> int:
    """Each campaign for its share of the time, one line of figures; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="dev.py torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--load", type=int, help="instead: one load of so many due components")
    options = parser.parse_args(arguments)
    if options.load is not None and options.load < LEAST_LOAD:
        parser.error(f"--load: {LEAST_LOAD} at least, ten for each of twenty providers")
    logging.disable()  # what goes wrong here does so on purpose
    if options.load:
        return load.main(options.load, options.seed)
    end = time.monotonic() + 60 * options.minutes
    figures: Counter[str] = Counter()
    for done, campaign in enumerate(CAMPAIGNS):
        share = (end - time.monotonic()) / (len(CAMPAIGNS) - done)
        figures.update(campaign(time.monotonic() + share, options.seed))
    violations = figures.pop("violations", 0)
    counts = ", ".join(f"{name} {count}" for name, count in figures.items())
    print(f"violations {violations}, seed {options.seed}, {counts}")
    return 1 if violations else 0
