"""Results of the benchmarks: a figure, its target, and tables of them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.timing import Paired


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report. ``target`` begins with ``<=``, ``>=`` or ``=``; it is empty if there is no target."""

    name: str
    value: float
    target: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    samples: int = 1
    about: str = ""
    part: str = ""
    database: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, or "" without a target."""
        if not self.target:
            return ""
        sign, _, bound = self.target.partition(" ")
        value, target = self.value, float(bound)
        met = {"<=": value <= target, ">=": value >= target, "=": value == target}[sign]
        return "met" if met else "missed"

    @property
    def shown(self) -> str:
        """The figure with its unit."""
        return f"{_number(self.value)} {self.unit}".rstrip()

    def of(self, part: str, database: str) -> "Result":
        return replace(self, part=part, database=database)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def of_times(name: str, times: Paired, target: str = "", *, about: str = "") -> Result:
    """Return a result with the time of A as a share of that of B."""
    low, high = times.quartiles
    seconds = f"{_milliseconds(times.a_seconds)} against {_milliseconds(times.b_seconds)} ms"
    about = f"{seconds}; {about}" if about else seconds
    return Result(name, times.ratio, target, "time", low, high, len(times.ratios), about)


def of_throughput(name: str, times: Paired, target: str = "", *, about: str = "") -> Result:
    """Return a result with the throughput of A as a multiple of that of B."""
    inverse = Paired([1 / ratio for ratio in times.ratios], times.a_seconds, times.b_seconds)
    return replace(of_times(name, inverse, target, about=about), unit="throughput")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:.3g}"


HEAD = ("what", "on", "figure", "spread", "target", "verdict", "seen")


def cells(result: Result) -> tuple[str, ...]:
    """Return a result as the columns of ``HEAD``."""
    spread = f"{_number(result.low)} to {_number(result.high)}" if result.low is not None else ""
    return (result.name, result.database, result.shown, spread, result.target, result.verdict, result.about)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 0.1 or value >= 2 else f"{value:.3f}"


def plain_table(results: Iterable[Result]) -> str:
    """Return a table for the terminal."""
    rows = [HEAD, *map(cells, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "─" * min(sum(widths) + 12, 150), *lines[1:]])


def markdown_table(results: Iterable[Result]) -> str:
    """Return a Markdown table for the documentation."""
    rows = [HEAD, ("---",) * len(HEAD), *map(cells, results)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
