"""The table of a run, its JSON, and the README's chart drawn from that."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from tests.local.hosting import ROOT

RESULTS = ROOT / "benchmarks" / "results"
CHART = ROOT / "docs" / "bench.svg"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure beside what it is compared with.

    *values* are of each run of the benchmark: a ratio, or a count. *goal* is a text; *met* is None
    where there is nothing to meet.
    """

    name: str
    values: tuple[float, ...]
    unit: str
    beside: str
    goal: str = ""
    met: bool | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def at_most(name: str, values: Sequence[float], unit: str, beside: str, limit: float) -> Line:
    met = statistics.median(values) <= limit
    return Line(name, tuple(values), unit, beside, f"≤ {limit:g}", met)


def at_least(name: str, values: Sequence[float], unit: str, beside: str, limit: float) -> Line:
    met = statistics.median(values) >= limit
    return Line(name, tuple(values), unit, beside, f"≥ {limit:g}", met)


def told(name: str, values: Sequence[float], unit: str, beside: str = "") -> Line:
    return Line(name, tuple(values), unit, beside)


def table(lines: Sequence[Line]) -> str:
    """For people: name, median, spread, beside what, goal."""
    rows = [("", "median", "spread", "beside", "goal")]
    for line in lines:
        low, high = min(line.values), max(line.values)
        spread = f"{low:.3g} … {high:.3g}" if len(line.values) > 1 else ""
        sign = {True: "  ✓", False: "  ✗", None: ""}[line.met]
        median = f"{line.median:.3g} {line.unit}".strip()
        rows.append((line.name, median, spread, line.beside, line.goal + sign))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    )


def save(lines: Sequence[Line], details: dict[str, Any], arguments: Sequence[str]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "latest.json"
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "arguments": list(arguments),
        "lines": [{**asdict(line), "median": line.median} for line in lines],
        "details": details,
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return file


# -- the chart -----------------------------------------------------------------------------

_WIDTH, _ROW, _LEFT, _BAR = 760, 26, 230, 400
_COLOURS = {"connector": "#2f6fb3", "O365, threads": "#9a9a9a", "Microsoft's SDK, async": "#bdbdbd"}


def draw(details: dict[str, Any]) -> None:
    """Bars for each of the figures in *details*' ``chart``."""
    parts: list[str] = []
    y = 20
    for title, bars in details["chart"].items():
        parts.append(f'<text x="10" y="{y}" class="title">{escape(title)}</text>')
        y += 10
        most = max(bars.values())
        for name, value in bars.items():
            width = max(2.0, _BAR * value / most)
            parts.append(f'<text x="{_LEFT - 10}" y="{y + 16}" class="name">{escape(name)}</text>')
            parts.append(
                f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="18" '
                f'fill="{_COLOURS[name]}"/>'
            )
            parts.append(f'<text x="{_LEFT + width + 8:.1f}" y="{y + 16}">{value:.3g}</text>')
            y += _ROW
        y += 26
    style = (
        "text{font:13px system-ui,sans-serif;fill:#555}"
        ".title{font-weight:600}.name{text-anchor:end}"
    )
    CHART.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y - 20}" role="img">'
        f"<title>The connector beside its peers</title><style>{style}</style>"
        f"{''.join(parts)}</svg>\n"
    )
