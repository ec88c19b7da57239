"""Stores the results and writes them into the documentation: ``python -m benchmarks.page``."""

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.results import Result, markdown_table

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: python -m benchmarks.page -->", "<!-- end of results -->"

TITLES = {
    "delivery": "A delivery that credits",
    "refusal": "Forged, repeated and hostile deliveries",
    "polling": "Polling",
    "prices": "Price list",
    "reconciliation": "Reconciliation",
    "client": "Client",
    "imports": "Start and memory",
    "limiter": "Rate limit",
    "admin": "The admin with a million rows",
}
_PACKAGES = ("Django", "psycopg", "dj-stripe", "stripe", "requests", "msgspec", "gunicorn")


def write(results: Sequence[Result]) -> None:
    """Replace the stored results of these parts and databases, and write the page anew."""
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"machine": "", "results": []}
    measured = {(result.part, _server(result.database)) for result in results}
    kept = [row for row in stored["results"] if (row["part"], _server(row["database"])) not in measured]
    content = {"machine": machine(), "results": [*kept, *(result.to_json() for result in results)]}
    RESULTS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(written(PAGE.read_text()))


def written(page: str) -> str:
    """Return the page with the stored results."""
    known = json.loads(RESULTS.read_text())
    results = [Result(**row) for row in known["results"]]
    lines = [f"Measured on {known['machine']}."]
    for part, title in TITLES.items():
        if rows := [result for result in results if result.part == part]:
            lines += ["", f"### {title}", "", markdown_table(rows)]
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, "", *lines, "", END + after])


def _server(database: str) -> str:
    """Return the name of a database server without its version."""
    return database.partition(" ")[0]


def machine() -> str:
    """Describe hardware, system and package versions, without the host name."""
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} {platform.release()}"
    return f"{system}; {platform.python_implementation()} {platform.python_version()}, {packages}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
