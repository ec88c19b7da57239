"""Servers on 127.0.0.1 that answer, or break the connection, as a test requires."""

import base64
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

Reaction = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), strict_parsing=True))


def http(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return a complete HTTP answer."""
    head = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def hang_up(connection: socket.socket) -> None:
    """Close without an answer."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """Break the connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait(connection: socket.socket) -> None:
    """Send nothing until the other side closes the connection."""
    while connection.recv(1 << 16):
        pass


class Listener:
    """Listens on a port of this machine inside a ``with`` block; serves each connection in a thread of its own."""

    def __init__(self) -> None:
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class Server(Listener):
    """Answers each request with the next of ``answers``, and repeats the last. A function may break the connection.

    ``greet`` is called for each connection before anything is read. It returns the socket to use.
    """

    def __init__(
        self, *answers: bytes | Reaction, greet: Callable[[socket.socket], socket.socket | None] | None = None
    ):
        self.answers = list(answers)
        self.greet = greet
        self.requests: list[Received] = []
        super().__init__()

    @property
    def url(self) -> str:
        return f"http://{self.address}/api.php"

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            greeted = self.greet(connection) if self.greet else connection
            if greeted is None:
                return
            self._open.append(greeted)
            while (received := _receive(greeted)) is not None:
                self.requests.append(received)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    answer(greeted)
                    greeted.close()
                    return
                greeted.sendall(answer)


class Proxy(Listener):
    """An HTTP proxy that connects every host to ``target``. With a password it requires authentication.

    ``asked`` holds the first line of each request for another host.
    """

    def __init__(self, target: str, *, user: str = "", password: str = "", answer: bytes | None = None) -> None:
        self.target = target
        self.asked: list[str] = []
        self._answer = answer
        self._credentials = base64.b64encode(f"{user}:{password}".encode()).decode() if password else ""
        super().__init__()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            data = b""
            while b"\r\n\r\n" not in data:
                arrived = connection.recv(1 << 16)
                if not arrived:
                    return
                data += arrived
            head, _, rest = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            self.asked.append(first)
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            if self._answer is not None:
                connection.sendall(self._answer)
                return
            if self._credentials and headers.get("proxy-authorization") != f"Basic {self._credentials}":
                connection.sendall(
                    http(b"authentication required", "407 Proxy Authentication Required", Connection="close")
                )
                return
            host, _, port = self.target.partition(":")
            upstream = socket.create_connection((host, int(port)))
            self._open.append(upstream)
            if first.startswith("CONNECT "):
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                upstream.sendall(rest)
            else:
                upstream.sendall(data)
            threading.Thread(target=_pump, args=(upstream, connection), daemon=True).start()
            _pump(connection, upstream)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _receive(connection: socket.socket) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        arrived = connection.recv(1 << 16)
        if not arrived:
            return None
        data += arrived
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")[1:]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(1 << 16)
    return Received(headers, body)
