"""``python dev.py lies --minutes N --seed S``: lies of Graph's, until the time is over."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time

from tests.hostile.liar import STORIES, judge, lies, played


def main(arguments: list[str]) -> int:
    """Tell lies in an order of the seed's; one line of figures, and 1 when one did harm."""
    parser = argparse.ArgumentParser(prog="dev.py lies", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # thousands of lies are as many warnings
    honest = {name: played(name) for name in STORIES}
    every = [(name, lie) for name in STORIES for lie in lies(honest[name].answers)]
    random.Random(options.seed).shuffle(every)
    end, told, harmful = time.monotonic() + 60 * options.minutes, 0, 0
    for name, lie in every:
        if time.monotonic() >= end:
            break
        told += 1
        try:
            judge(name, lie, honest[name])
        except Exception as harm:  # noqa: BLE001 - a crash is harm too
            harmful += 1
            print(f"{name}: {lie}: {type(harm).__name__}: {harm}")
    print(f"harmful {harmful} of {told} lies told, {len(every)} there are, seed {options.seed}")
    return 1 if harmful else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
