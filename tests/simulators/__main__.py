"""`python -m tests.simulators`: serve all three until told to stop.

Prints one line of JSON with the addresses, then waits for SIGTERM, SIGINT, or, with `--stdin`, the
end of its standard input.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from .clock import SimClock, parse_instant
from .serve import HOST, Simulators


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the certificates")
    parser.add_argument("--port-base", type=int, default=0, help="0: any free ports")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--clock", help="RFC 3339: begin at this time, ticking on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--register-app", action="store_true", help="with a secret and an identity")
    parser.add_argument("--stdin", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(arguments)
    clock = SimClock()
    if options.clock:
        clock.set(parse_instant(options.clock))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    simulators = Simulators(
        options.folder,
        clock=clock,
        seed=options.seed,
        port_base=options.port_base,
        host=options.host,
    )
    with simulators:
        facts = simulators.urls()
        if options.register_app:
            ours = simulators.register_app()
            facts |= {
                "clientId": ours.client_id,
                "clientSecret": ours.client_secret,
                "identityClientId": ours.identity_client_id,
            }
        print(json.dumps(facts), flush=True)
        if options.stdin:
            sys.stdin.read()
        else:
            stop.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
