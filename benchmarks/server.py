"""gunicorn with the site of all contestants, and a load generator with four connections."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.deliveries import VERIFY, Delivery

WORKERS = 2
CONNECTIONS = 4
_START_SECONDS = 30

Address = tuple[str, int]


@contextmanager
def running() -> Iterator[Address]:
    """Run gunicorn; yield its address once it answers, and stop it at the end."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        address: Address = listener.getsockname()
        options = ["-w", str(WORKERS), "--log-level", "critical", "--no-control-socket", "--timeout", "60"]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "-b",
                f"fd://{listener.fileno()}",
                *options,
                "benchmarks.wsgi:application",
            ],
            pass_fds=[listener.fileno()],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"},
        )
        try:
            _wait_for(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(address: Address, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if _status(address, Delivery(VERIFY, b"a=1").http()) == 403:
            return
        time.sleep(0.1)
    raise RuntimeError("gunicorn did not start.")


def load(address: Address, requests: Sequence[bytes]) -> None:
    """Send all HTTP requests over ``CONNECTIONS`` connections; raise AssertionError if an answer is not 200."""
    shares = [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        for statuses in senders.map(lambda share: [_status(address, request) for request in share], shares):
            if set(statuses) - {200}:
                raise AssertionError(f"Answered {sorted(set(statuses))} instead of 200.")


def _status(address: Address, request: bytes) -> int:
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return int(answer.split()[1]) if answer else 0
