"""Runs one part on one database in a process of its own and prints a line of JSON for each result."""

import argparse
import importlib
import json
import os
import signal
import sys

from benchmarks import database
from benchmarks.scale import SCALES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part")
    parser.add_argument("--database", default="")
    parser.add_argument("--scale", choices=SCALES, default="full")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the database is dropped
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    if options.part == "delivery":
        os.environ["BENCH_STRIPE"] = "1"
    if options.part == "admin":
        os.environ["BENCH_ADMIN"] = "1"
    if options.database:
        database.prepare(options.database)
    import django

    django.setup()
    if options.database:
        with database.created():
            run(options)
    else:
        run(options)
    return 0


def run(options: argparse.Namespace) -> None:
    """Measure, and print each result as soon as it is known."""
    part = importlib.import_module(f"benchmarks.{options.part}")
    server = database.version() if options.database else ""
    for result in part.measure(SCALES[options.scale]):
        print(json.dumps(result.of(options.part, server).to_json()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
