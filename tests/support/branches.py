"""Fails where less of the package's branches was run than before; reads what ``pytest --cov`` has written."""

import json
import os
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

LOWEST = 93.6  # per cent, by tests/unit, tests/contracts, tests/integration and tests/core


def main() -> int:
    coverage = Coverage(data_file=os.environ.get("COVERAGE_FILE", ".coverage"))
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        coverage.json_report(outfile=str(report))
        totals = json.loads(report.read_text())["totals"]
    percent = round(100 * totals["covered_branches"] / totals["num_branches"], 1)
    print(f"{percent} % of the branches were run; {LOWEST} % is the least.")
    return int(percent < LOWEST)


if __name__ == "__main__":
    sys.exit(main())
