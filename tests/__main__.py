"""Runs the tests: those marked ``database`` on each server that answers, then all of them on SQLite.

With ``SQLITE_TESTS``, only the tests of these folders are run on SQLite: ``SQLITE_TESTS="tests/races tests/e2e"``.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import services

SERVERS = ("postgresql", "mariadb")
OPTIONS = ["-q", "-n", "3", "--dist", "loadgroup"]


def pytest(database: str, *arguments: str) -> bool:
    print(f"── {database} " + "─" * (70 - len(database)), flush=True)
    command = [sys.executable, "-m", "pytest", *OPTIONS, *arguments, *sys.argv[1:]]
    environment = {**os.environ, "TEST_DATABASE": database}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the tests start hundreds of processes that need compiled modules
    return subprocess.run(command, env=environment, check=False).returncode == 0


def files_marked(mark: str) -> list[str]:
    """Return the test files that contain a mark. Collecting only these files takes half the time."""
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    return [str(file) for file in files if f"mark.{mark}" in file.read_text()]


def main() -> int:
    missing = services.missing()
    if missing and services.REQUIRED:
        print(f"These services are required and do not answer on 127.0.0.1: {', '.join(missing)}.")
        return 1
    passed = [
        pytest(server, "-m", "database", *files_marked("database")) for server in SERVERS if server not in missing
    ]
    if missing:
        print(f"These services do not answer, so the tests that need them are skipped: {', '.join(missing)}.")
    passed.append(pytest("sqlite", *os.environ.get("SQLITE_TESTS", "").split()))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
