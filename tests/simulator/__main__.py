"""``python -m tests.simulator --histories 10000 --seed 1`` runs many histories on the database of ``TEST_DATABASE``."""

import argparse
import logging
import os
import sys
import time

import django

CHUNK = 250
"""Histories per seed. All histories of a seed must run again to reproduce a failure."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000, help="number of histories")
    parser.add_argument("--seed", type=int, default=1, help="first seed; the same seed runs the same histories")
    parser.add_argument("--steps", type=int, default=30, help="maximum number of steps in a history")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    logging.disable(logging.CRITICAL)

    from django.db import connection
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    from django_skinsback.testing import allow_sandbox_secret

    allow_sandbox_secret()
    setup_test_environment(debug=False)
    databases = setup_databases(verbosity=0, interactive=False)
    print(f"{arguments.histories} histories from seed {arguments.seed} on {connection.display_name}", flush=True)
    try:
        return run_all(arguments)
    finally:
        teardown_databases(databases, verbosity=0)


def run_all(arguments: argparse.Namespace) -> int:
    from .history import tally
    from .running import run

    begin, done = time.monotonic(), 0
    for seed in range(arguments.seed, sys.maxsize):
        histories = min(CHUNK, arguments.histories - done)
        if histories <= 0:
            break
        try:
            run(seed, histories=histories, steps=arguments.steps)
        except BaseException:
            replay = f"python -m tests.simulator --seed {seed} --histories {histories} --steps {arguments.steps}"
            print(f"seed {seed} failed; run it again with: {replay}", flush=True)
            raise
        done += histories
        print(f"  seed {seed}: {done} histories, {time.monotonic() - begin:.0f} s", flush=True)
    print(", ".join(f"{count} {name}" for name, count in sorted(tally.items())))
    print(f"{done} histories in {time.monotonic() - begin:.0f} s: no money lost, none doubled")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
