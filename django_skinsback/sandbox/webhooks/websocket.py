"""The websocket. It sends the same events as the event webhook. Only clients that are connected get an event."""

import logging
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from importlib import import_module

from werkzeug.exceptions import BadRequest, Forbidden, ServiceUnavailable
from werkzeug.wrappers import Request, Response

from django_skinsback.wire.signing import client_digest

from ..api import php
from ..api.endpoint import CloseConnection
from ..keys import SECRETS
from ..simulation.store import Store

logger = logging.getLogger("django_skinsback.sandbox")

PATH = "/ws/"
_MAX_FRAME_BYTES = 64 * 1024
_CLOSE_SECONDS = 2.0
_SEND_TIMEOUT_SECONDS = 10.0
_HANDSHAKE_HEADERS = ("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")

_GOING_AWAY, _POLICY_VIOLATION = 1001, 1008
"""Close codes of the websocket protocol."""

_NO_CLOSE_FRAME = -1
"""A value in the queue that closes the connection without a close frame."""


def websocket_url(public_url: str) -> str:
    """Return the value of the setting ``SKINSBACK["WEBSOCKET_URL"]`` for a sandbox at ``public_url``."""
    return f"ws{public_url.removeprefix('http')}{PATH}"


class WebsocketServer:
    """Accepts websocket clients, and sends events to the connected clients of all projects."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._changed = threading.Condition()
        self._connections: list[_Connection] = []
        self._stopped = False

    def answer(self, request: Request) -> Response:
        """Serve the connection until it ends. Then raise CloseConnection.

        Raise an HTTPException if no websocket can be opened. This happens for a page of another site, without a running
        server, and without the library ``websockets``.
        """
        connection: socket.socket | None = request.environ.get("werkzeug.socket")
        origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
        if connection is None:
            raise BadRequest("A websocket needs a running server: start the sandbox.")
        if origin not in (None, f"http://{host}"):
            raise Forbidden("Pages of other sites may not connect to the sandbox's websocket.")
        try:
            import_module("websockets")
        except ModuleNotFoundError:
            raise ServiceUnavailable("websockets is missing: pip install 'django-skinsback[sandbox]'") from None
        client_id, signature = request.args.get("shopid", ""), request.args.get("signature", "")
        known = client_id in SECRETS and signature == client_digest(client_id, SECRETS[client_id])
        client = _Connection(connection, client_id, self.store)
        try:
            if client.handshake(request):
                self._authenticate(client, known=known)
                client.serve()
        finally:
            client.release()
            with self._changed:
                if client in self._connections:
                    self._connections.remove(client)
                self._changed.notify_all()
        raise CloseConnection

    def _authenticate(self, client: "_Connection", *, known: bool) -> None:
        """If the keys are known, send ``auth_success`` and add the client.

        Otherwise send ``auth_failed`` and close the connection.
        """
        consume = self.store.faults.consume
        known = known and not consume("ws_auth_failed", "auth")
        event = "auth_success" if known else "auth_failed"
        logger.info("websocket %s: %s", client.client_id if known else "(unknown)", event)
        if consume("ws_garbage", "auth"):
            client.send_text("hello, this is no JSON")
        if not consume("ws_silent", "auth"):
            client.send_text(php.json_text({"event": event}))
        if not known:
            client.close(_POLICY_VIOLATION)
            return
        with self._changed:
            self._connections.append(client)
            if self._stopped:
                client.close(_GOING_AWAY)

    def broadcast(self, client_id: str, body: str) -> None:
        """Queue an event for every connected client of the project, and return without waiting.

        The thread of each connection sends the event.
        """
        with self._changed:
            clients = [client for client in self._connections if client.client_id == client_id]
        if not clients:
            return
        consume = self.store.faults.consume
        garbage = consume("ws_garbage", "event")
        silent = consume("ws_silent", "event")
        twice = None if silent else consume("ws_twice", "event")
        drop = consume("ws_drop", "event")
        for client in clients:
            if garbage:
                client.send_text("<html>502 Bad Gateway</html>")
            for _ in range(0 if silent else 2 if twice else 1):
                client.send_text(body)
            if drop:
                client.close(_NO_CLOSE_FRAME)

    def count(self, client_id: str) -> int:
        """Return how many clients of the project are connected."""
        with self._changed:
            return sum(client.client_id == client_id for client in self._connections)

    def stop(self) -> None:
        """Close all connections, and wait up to two seconds until they have ended."""
        with self._changed:
            self._stopped = True
            for client in self._connections:
                client.close(_GOING_AWAY)
            self._changed.wait_for(lambda: not self._connections, _CLOSE_SECONDS)


class _Connection:
    """The connection of one client. The thread of its HTTP request calls ``serve``.

    Any thread may call ``send_text`` and ``close``.
    """

    def __init__(self, connection: socket.socket, client_id: str, store: Store) -> None:
        from websockets.server import ServerProtocol

        self.client_id = client_id
        self._connection = connection
        self._faults, self._ping_within = store.faults, store.options.ping_within
        self._outbox: deque[str | int] = deque()
        self._wakeup_receiver, self._wakeup_sender = socket.socketpair()
        self._wakeup_sender.setblocking(False)
        silent = logging.Logger("silent")
        silent.disabled = True
        self._protocol = ServerProtocol(max_size=_MAX_FRAME_BYTES, logger=silent)

    def handshake(self, request: Request) -> bool:
        """Send the response to the upgrade request. Return True if the websocket is open, otherwise False."""
        from websockets.http11 import Request as UpgradeRequest

        lines = [
            f"GET {PATH} HTTP/1.1",
            *(f"{name}: {request.headers.get(name, '')}" for name in _HANDSHAKE_HEADERS),
            "",
            "",
        ]
        self._protocol.receive_data("\r\n".join(lines).encode("latin-1", "replace"))
        requests = [event for event in self._protocol.events_received() if isinstance(event, UpgradeRequest)]
        if not requests:
            return False
        response = self._protocol.accept(requests[0])
        self._protocol.send_response(response)
        self._connection.settimeout(_SEND_TIMEOUT_SECONDS)
        return self._flush() and response.status_code == 101

    def send_text(self, text: str) -> None:
        """Queue a text frame."""
        self._put(text)

    def close(self, code: int) -> None:
        """Queue the close code. The connection is closed after all frames that were queued before are sent."""
        self._put(code)

    def _put(self, item: str | int) -> None:
        self._outbox.append(item)
        with suppress(OSError):  # raised if the wake-up buffer is full or the connection was released
            self._wakeup_sender.send(b"!")

    def release(self) -> None:
        """Close the wake-up sockets. The connection itself is closed by the HTTP server."""
        self._wakeup_receiver.close()
        self._wakeup_sender.close()

    def serve(self) -> None:
        """Send queued frames and read pings until the client or the sandbox closes the connection."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._connection, selectors.EVENT_READ)
            ready.register(self._wakeup_receiver, selectors.EVENT_READ)
            deadline = time.monotonic() + self._ping_within
            while self._send_outbox():
                if self._is_closing:
                    deadline = min(deadline, time.monotonic() + _CLOSE_SECONDS)
                keys = {key.fileobj for key, _ in ready.select(max(deadline - time.monotonic(), 0))}
                if self._wakeup_receiver in keys:
                    self._wakeup_receiver.recv(4096)
                if self._connection in keys:
                    if not self._receive():
                        return
                    if self._received_ping():
                        deadline = time.monotonic() + self._ping_within
                if time.monotonic() >= deadline:
                    if self._is_closing:
                        return
                    self.close(_POLICY_VIOLATION)
                    deadline += _CLOSE_SECONDS

    @property
    def _is_closing(self) -> bool:
        return self._protocol.state.name != "OPEN"

    def _send_outbox(self) -> bool:
        while self._outbox:
            item = self._outbox.popleft()
            if item == _NO_CLOSE_FRAME:
                self._flush()
                return False
            if self._is_closing:
                continue
            if isinstance(item, int):
                self._protocol.send_close(item)
            else:
                self._protocol.send_text(item.encode())
        return self._flush()

    def _receive(self) -> bool:
        try:
            data = self._connection.recv(65536)
        except OSError:
            return False
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        return bool(data) and self._flush()

    def _received_ping(self) -> bool:
        """Return whether a ping was received.

        SkinsBack documents no answer to a ping, so an answer is sent only if the fault ``ws_pong`` is active.
        """
        texts = [bytes(getattr(event, "data", b"")) for event in self._protocol.events_received()]
        if b"ping" not in texts:
            return False
        if self._faults.consume("ws_pong", "ping"):
            self.send_text("pong")
        return True

    def _flush(self) -> bool:
        """Send the pending bytes of the protocol and return True. Return False if the connection is closed."""
        try:
            for data in self._protocol.data_to_send():
                if not data:
                    return False
                self._connection.sendall(data)
        except OSError:
            return False
        return True
