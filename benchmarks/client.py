"""The client's overhead: a call against a bare ``requests.Session`` that posts the same body to the same server."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from benchmarks.results import Result, of_times
from benchmarks.scale import Scale
from benchmarks.timing import paired
from django_skinsback.client import SkinsBackClient

CUSTOM_ID = "0f" * 16

ANSWER = json.dumps(
    {
        "status": "success",
        "items": {
            "1": {
                "balance_debited_sum": "10.5",
                "buy_id": 13,
                "custom_id": CUSTOM_ID,
                "date": 1596999226,
                "item": {"id": "77", "name": "AK-47 | Safari Mesh (Minimal Wear)", "price": "10.5", "classid": "1"},
                "offer_status": "waiting_accept",
                "tradeofferid": "4155",
            }
        },
    }
).encode()
"""An answer of ``market_getinfo`` with one purchase."""

_SERVER = """
import socket, sys, threading

listener = socket.socket(fileno=int(sys.argv[1]))
answer = sys.stdin.buffer.read()
head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
answer = head % len(answer) + answer


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    while data := connection.recv(65536):
        received += data
        top, found, body = received.partition(b"\\r\\n\\r\\n")
        if found and len(body) >= int(top.lower().partition(b"content-length:")[2].split(b"\\r", 1)[0]):
            connection.sendall(answer)
            received = b""


while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
"""


HEADERS = ("Accept", "Content-Type", "User-Agent", "X-CLIENT-ID", "X-CLIENT-SECRET")


def measure(scale: Scale) -> Iterator[Result]:
    """Measure a call that is answered with one purchase; both sides read the JSON of the answer."""
    with serving(ANSWER) as url:
        for authentication in ("headers", "signature"):
            body, headers = sent_request(url, authentication)
            session = requests.Session()
            session.trust_env = False
            with session, SkinsBackClient("1", "secret", api_url=url, authentication=authentication) as client:
                times = paired(
                    lambda ask=client.get_purchases: ask(custom_ids=[CUSTOM_ID]),
                    lambda post=session.post, body=body, headers=headers: post(url, data=body, headers=headers).json(),
                    pairs=scale.calls,
                    warm_up=20,
                )
            yield of_times(f"a call with {authentication}, against requests.Session", times, "<= 1.1")


def sent_request(url: str, authentication: str) -> tuple[bytes | str, dict[str, str]]:
    """Return the body and the headers that the client sends for a call."""
    seen: list[requests.PreparedRequest] = []

    class RecordingSession(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            seen.append(request)
            return super().send(request, **options)

    client = SkinsBackClient("1", "secret", api_url=url, authentication=authentication, session=RecordingSession())
    client.get_purchases(custom_ids=[CUSTOM_ID])
    client.close()
    body = seen[0].body
    assert body is not None
    return body, {name: value for name, value in seen[0].headers.items() if name in HEADERS}


@contextmanager
def serving(answer: bytes) -> Iterator[str]:
    """Run a server process that answers every request with these bytes; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(listener.fileno())], stdin=subprocess.PIPE, pass_fds=[listener.fileno()]
        )
        try:
            assert process.stdin is not None
            process.stdin.write(answer)
            process.stdin.close()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api.php"
        finally:
            process.terminate()
            process.wait(timeout=20)
