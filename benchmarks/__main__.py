"""``python dev.py bench``: measure all of it, or the parts that are named.

python dev.py bench [--quick] [--runs 3] [sweep flat instant cold memory steady crowd]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import cold, crowd, peering, report
from benchmarks.report import Line, at_least, at_most, told
from benchmarks.sample import Size
from benchmarks.scene import LATENCY_S, Scene, fill, fill_past, measured, open_store, soon


class Bench:
    """One run of the benchmarks.

    Attributes:
        lines: What was found, for the table.
        details: All that was measured, for the JSON.
    """

    def __init__(self, scene: Scene, folder: Path, runs: int, *, quick: bool) -> None:
        self.scene = scene
        self.folder = folder
        self.runs = runs
        self.quick = quick
        self.lines: list[Line] = []
        self.details: dict[str, Any] = {}

    def sweep(self) -> None:
        """2,000 meetings of 4 tenants and 200 organizers, beside the peers."""
        size = Size(400, 4, 40) if self.quick else Size(2000, 4, 200)
        self.scene.latency(LATENCY_S)
        ours: list[dict[str, Any]] = []
        peers: dict[str, list[peering.PeerRun]] = {peer: [] for peer in peering.PEERS}
        for _ in range(self.runs):
            ours.append(measured(self.scene.filled(size).env, "sweep"))
            for peer, runs in peers.items():
                runs.append(peering.run(self.scene, peer, size, soon()))
        per = [{name: n / size.due for name, n in run["counts"].items()} for run in ours]
        better = [min(runs[n].wall_s for runs in peers.values()) for n in range(self.runs)]
        names = {"sdk": "Microsoft's SDK, async", "o365": "O365, threads"}
        self.lines += [
            at_least(
                f"sweep: speed, {names[peer]}",
                [run.wall_s / mine["wall_s"] for run, mine in zip(runs, ours, strict=True)],
                "×",
                f"{peering.IN_FLIGHT[peer]} in flight, events only",
                1,
            )
            for peer, runs in peers.items()
        ]
        self.lines += [
            at_least(
                "sweep: speed, the better peer",
                [theirs / mine["wall_s"] for theirs, mine in zip(better, ours, strict=True)],
                "×", "in the same run", 1,
            ),
            at_most("sweep: HTTP requests to Graph per meeting",
                    [one["graph_requests"] for one in per], "", "a peer: 1", 0.1),
            at_most("sweep: table transactions per meeting",
                    [one["transactions"] for one in per], "", "3 states each", 0.2),
            told("sweep: table rows written per meeting",
                 [one["entities_written"] for one in per], ""),
        ]  # fmt: skip
        for part in ("all", "tables", "graph", "callbacks", "ours"):
            cpu = [1000 * run["cpu_s"][part] / size.due for run in ours]
            self.lines.append(told(f"sweep: client CPU per meeting, {part}", cpu, "ms"))
        for peer, runs in peers.items():
            cpu = [1000 * run.cpu_s / size.due for run in runs]
            self.lines.append(told(f"sweep: client CPU per event, {names[peer]}", cpu, "ms"))
        azurite = measured(self.scene.filled(size, azurite=True).env, "sweep")
        slow = azurite["wall_s"] / statistics.median(run["wall_s"] for run in ours)
        self.lines.append(told("sweep: on Azurite, time", [slow], "×", "the table stand-in"))
        median = statistics.median
        self.details["sweep"] = {"size": str(size), "ours": ours, "azurite": azurite} | {
            peer: [{"wall_s": run.wall_s, "cpu_s": run.cpu_s} for run in runs]
            for peer, runs in peers.items()
        }
        chart: dict[str, dict[str, float]] = {
            "Meetings a second, best run": {
                "connector": size.due / min(run["wall_s"] for run in ours)
            },
            "HTTP requests to Graph per meeting": {
                "connector": median(one["graph_requests"] for one in per)
            },
            "Client CPU per meeting, ms": {
                "connector": median(1000 * run["cpu_s"]["all"] / size.due for run in ours)
            },
        }
        speed, requests, cpu_ms = chart.values()
        for peer, name in reversed(names.items()):
            speed[name] = size.due / min(run.wall_s for run in peers[peer])
            requests[name] = 1.0
            cpu_ms[name] = median(1000 * run.cpu_s / size.due for run in peers[peer])
        self.details["chart"] = chart

    def steady(self) -> None:
        """Latency raised until one worker hardly uses its core: are the lanes kept full?"""
        latency_s, size = (0.5, Size(800, 1, 100)) if self.quick else (1.0, Size(2400, 1, 240))
        self.scene.latency(0)
        filled = self.scene.filled(size)
        self.scene.latency(latency_s)
        run = measured(filled.env, "warm_sweep")
        best = run["most_batches"] * 20 / (5 * latency_s)
        share = size.due / run["wall_s"] / best
        busy = run["cpu_s"]["all"] / run["wall_s"]
        self.lines += [
            at_least("steady: of batches in flight × 20 ÷ batch time", [share], "",
                     f"{run['most_batches']} in flight, {5 * latency_s:g} s each", 0.8),
            at_most("steady: share of a core used", [busy], "", "", 0.2),
        ]  # fmt: skip
        self.details["steady"] = run

    def flat(self) -> None:
        """500 due and 500 ahead among many stored or few."""
        many = 10_000 if self.quick else 100_000
        self.scene.latency(0)
        runs = {}
        for stored in (1000, many):
            (tenant,) = self.scene.tenants(Size(500, 1, 50))
            filled = self.scene.empty((tenant,))
            store = open_store(filled.env)
            fill(store, tenant, 500, 50, soon())
            measured(filled.env, "sweep")
            fill(store, tenant, 500, 50, soon(), first=500)
            fill_past(store, tenant, stored - 1000, 1000)
            runs[stored] = [measured(filled.env, what)["counts"] for what in ("sweep", "night")]
        for n, name in enumerate(("sweep", "night")):
            few, more = runs[1000][n], runs[many][n]
            for count in ("entities_read", "transactions"):
                ratio = more.get(count, 0) / max(1, few.get(count, 0))
                line = at_most(f"flat: {name}, {count.replace('_', ' ')}", [ratio], "×",
                               f"{many:,} stored beside 1,000", 1.05)  # fmt: skip
                self.lines.append(line)
        crowds = [self.scene.empty(self.scene.tenants(Size(0, n, 0))) for n in (1, 100)]
        pages = [measured(one.env, "catch_up")["counts"]["table_reads"] for one in crowds]
        self.lines.append(
            at_most("flat: pages an idle catch-up reads", pages, "", "1 and 100 tenants", 1)
        )
        self.details["flat"] = {"runs": runs, "idle": pages}

    def instant(self) -> None:
        """A webhook inside the window."""
        self.scene.latency(LATENCY_S)
        filled = self.scene.empty(self.scene.tenants(Size(10, 1, 10)))
        count = "50" if self.quick else "200"
        runs = [measured(filled.env, "instant", filled.tenants[0].id, count)]
        usual, first = runs[0]["usual"], runs[0]["most"]
        for name, limit in (
            ("table_reads", 1), ("transactions", 3), ("graph_requests", 1), ("callbacks", 1),
        ):  # fmt: skip
            beside = f"owner never met before: {first[name]}"
            line = at_most(f"instant: {name.replace('_', ' ')}", [usual[name]], "", beside, limit)
            self.lines.append(line)
        self.lines += [
            told("instant: overhead beside the calls, median", [runs[0]["p50_ms"]], "ms"),
            told("instant: overhead beside the calls, p99", [runs[0]["p99_ms"]], "ms"),
        ]
        self.details["instant"] = runs[0]

    def cold(self) -> None:
        """Importing the app, and what a webhook needs."""
        rounds = 3 if self.quick else 9
        cold.imported("function_app")  # byte code is there
        pairs = [
            (cold.imported("function_app"), cold.imported("azure.functions")) for _ in range(rounds)
        ]
        times = [ours["s"] / alone["s"] for ours, alone in pairs]
        modules = pairs[0][0]["modules"] / pairs[0][1]["modules"]
        self.lines += [
            at_most("cold: time to import function_app", times, "×", "azure.functions alone", 2),
            at_most("cold: modules", [modules], "×", "azure.functions alone", 2),
        ]
        filled = self.scene.empty(self.scene.tenants(Size(10, 1, 10)))
        webhook = measured(filled.env, "modules", filled.tenants[0].id)
        unwanted = [name for name in webhook["heavy"] if name == "azure.identity"]
        self.lines.append(
            at_most("cold: needless modules in a webhook", [len(unwanted)], "",
                    f"it has {', '.join(webhook['heavy'])}", 0)
        )  # fmt: skip
        self.details["cold"] = {"app": pairs[0], "webhook": webhook}

    def memory(self) -> None:
        """Peak resident size of a small sweep and a large one, of one tenant each."""
        self.scene.latency(0.01)
        sizes = (1000, 5000 if self.quick else 20_000)
        peaks = []
        for due in sizes:
            filled = self.scene.filled(Size(due, 1, due // 10))
            peaks.append(measured(filled.env, "sweep")["rss_mib"])
        self.lines.append(
            at_most("memory: peak of a large sweep", [peaks[1] / peaks[0]], "×",
                    f"{sizes[1]:,} due beside {sizes[0]:,}", 1.25)
        )  # fmt: skip
        self.details["memory"] = dict(zip(map(str, sizes), peaks, strict=True))

    def crowd(self) -> None:
        """1, 2 and 4 worker processes at one queue."""
        self.scene.latency(0.5 if self.quick else 1.0)
        size = Size(48 * 20, 48, 48 * 5) if self.quick else Size(96 * 20, 96, 96 * 5)
        took = {n: crowd.sweep_s(self.scene, n, size, self.folder) for n in (1, 2, 4)}
        for workers, goal in ((2, 1.8), (4, 3.4)):
            line = at_least(f"crowd: speed of {workers} workers", [took[1] / took[workers]], "×",
                            "one worker", goal)  # fmt: skip
            self.lines.append(line)
        self.details["crowd"] = {str(n): seconds for n, seconds in took.items()}


def main(arguments: list[str]) -> int:
    """Measure, print, save."""
    parts: dict[str, Callable[[Bench], None]] = {
        "sweep": Bench.sweep, "steady": Bench.steady, "flat": Bench.flat,
        "instant": Bench.instant, "cold": Bench.cold, "memory": Bench.memory,
        "crowd": Bench.crowd,
    }  # fmt: skip
    parser = argparse.ArgumentParser(prog="dev.py bench", description=main.__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; all without any")
    parser.add_argument("--quick", action="store_true", help="small sizes: minutes, not exact")
    parser.add_argument("--runs", type=int, default=3, help="of the sweep and its peers")
    options = parser.parse_args(arguments)
    wanted = options.parts or list(parts)
    if unknown := set(wanted) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if "sweep" in wanted:
        peering.install()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        scene = Scene(Path(folder))
        with scene.running():
            bench = Bench(scene, Path(folder), options.runs, quick=options.quick)
            for name in wanted:
                began = time.monotonic()
                parts[name](bench)
                print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print("\n" + report.table(bench.lines))
    if not options.quick:
        print(f"\nsaved in {report.save(bench.lines, bench.details, arguments)}")
        if "chart" in bench.details:
            report.draw(bench.details)
    return 0


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
