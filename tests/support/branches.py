"""Fails if branch coverage is below LOWEST. Reads the data file of ``pytest --cov``."""

import json
import os
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

LOWEST = 93.6  # percent, with tests/unit, tests/contracts, tests/integration and tests/core


def main() -> int:
    coverage = Coverage(data_file=os.environ.get("COVERAGE_FILE", ".coverage"))
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        coverage.json_report(outfile=str(report))
        totals = json.loads(report.read_text())["totals"]
    percent = round(100 * totals["covered_branches"] / totals["num_branches"], 1)
    print(f"{percent} % of the branches were run; at least {LOWEST} % are required.")
    return int(percent < LOWEST)


if __name__ == "__main__":
    sys.exit(main())
