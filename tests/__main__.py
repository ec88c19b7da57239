"""Runs the suite: what depends on the database on each server that answers, then everything on SQLite."""

import os
import subprocess
import sys

from tests.support import services

SERVERS = ("postgresql", "mariadb")
OPTIONS = ["-q", "-n", "3", "--dist", "loadgroup"]


def pytest(database: str, *arguments: str) -> bool:
    print(f"── {database} " + "─" * (70 - len(database)), flush=True)
    command = [sys.executable, "-m", "pytest", *OPTIONS, *arguments, *sys.argv[1:]]
    environment = {**os.environ, "TEST_DATABASE": database}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the suite starts hundreds of processes, and each would compile
    return subprocess.run(command, env=environment, check=False).returncode == 0


def main() -> int:
    missing = services.missing()
    if missing and services.REQUIRED:
        print(f"These must answer on 127.0.0.1 and do not: {', '.join(missing)}.")
        return 1
    passed = [pytest(server, "-m", "database") for server in SERVERS if server not in missing]
    if missing:
        print(f"Not answering here, so what needs them is skipped: {', '.join(missing)}.")
    passed.append(pytest("sqlite"))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
