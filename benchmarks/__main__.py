"""``python -m benchmarks [--quick] [part ...]`` measures, prints ratios, and writes them to the documentation."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

from benchmarks import page
from benchmarks.results import Result, plain_table
from tests.support.services import answers

PARTS = {
    "delivery": ("sqlite", "postgresql"),
    "refusal": ("sqlite", "postgresql"),
    "polling": ("sqlite", "postgresql"),
    "prices": ("sqlite", "postgresql"),
    "reconciliation": ("sqlite", "postgresql"),
    "limiter": ("sqlite", "postgresql"),
    "client": ("",),
    "imports": ("",),
    "admin": ("sqlite", "postgresql"),
}
"""The databases on which each part is measured."""

ONLY_IF_NAMED = {"admin"}
"""Parts that are not measured by default, because their tables have millions of rows."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure and compare with targets.")
    about = f"one of {', '.join(PARTS)}; default: all but {', '.join(ONLY_IF_NAMED)}"
    parser.add_argument("parts", nargs="*", metavar="part", help=about)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, a few minutes; results are not written")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    scale = "tiny" if options.tiny else "quick" if options.quick else "full"
    chosen = options.parts or [part for part in PARTS if part not in ONLY_IF_NAMED]
    runs = [(part, server) for part in chosen for server in PARTS[part]]
    started, results, failed = time.monotonic(), [], []
    for number, (part, server) in enumerate(runs, 1):
        title = f"{part} on {server}" if server else part
        if server == "postgresql" and not answers(server):
            print(f"{title} is skipped: PostgreSQL does not answer on port 5432 of this machine.")
            continue
        print(f"── {number}/{len(runs)} {title} " + "─" * (60 - len(title)), flush=True)
        seen, code = measure(part, server, scale)
        results += seen
        if code:
            failed.append(title)
        elif scale == "full":
            page.write(seen)
    print(f"\n{plain_table(results)}\n\nTook {(time.monotonic() - started) / 60:.0f} minutes.")
    missed = sum(result.verdict == "missed" for result in results)
    if missed:
        print(f"{missed} targets were missed.")
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    if scale == "full":
        print(f"The results are written to {page.RESULTS.name} and {page.PAGE.name}.")
    return 1 if failed else 0


def measure(part: str, server: str, scale: str) -> tuple[list[Result], int]:
    """Run one part in a process of its own and print its results as they arrive."""
    command = [sys.executable, "-m", "benchmarks.part", part, "--scale", scale]
    if server:
        command += ["--database", server]
    results = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                result = Result(**json.loads(line))
                results.append(result)
                print(f"   {result.name}: {result.shown} {result.target and f'({result.target}: {result.verdict})'}")
                sys.stdout.flush()
        except BaseException:
            process.terminate()
            raise
    return results, process.returncode


if __name__ == "__main__":
    sys.exit(main())
