"""Runs the suite: what depends on the database on the servers that answer, then everything on SQLite."""

import os
import subprocess
import sys
from typing import Any

from tests import services

SERVERS = ("postgresql", "mariadb")
OPTIONS = ["-q", "--dist", "loadgroup"]


def pytest(database: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pytest", *OPTIONS, *arguments, *sys.argv[1:]]
    return subprocess.Popen(command, env={**os.environ, "TEST_DATABASE": database}, text=True, **options)


def head(database: str) -> None:
    print(f"── {database} " + "─" * (70 - len(database)), flush=True)


def on_servers(servers: list[str]) -> bool:
    """The servers wait much for their disks: both at once, told one after the other."""
    runs = {
        server: pytest(server, "-m", "database", "-n", "2", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for server in servers
    }
    for server, run in runs.items():
        head(server)
        print(run.communicate()[0], end="", flush=True)
    return not any(run.returncode for run in runs.values())


def main() -> int:
    missing = services.missing()
    if missing and services.REQUIRED:
        print(f"These must answer on 127.0.0.1 and do not: {', '.join(missing)}.")
        return 1
    passed = on_servers([server for server in SERVERS if server not in missing])
    if missing:
        print(f"Not answering here, so what needs them is skipped: {', '.join(missing)}.")
    head("sqlite")
    return 0 if pytest("sqlite", "-n", "3").wait() == 0 and passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
