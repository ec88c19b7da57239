"""The websocket: the events of the event webhook, sent to whoever listens now. Nothing is kept for those who do not."""

import logging
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress

from werkzeug.exceptions import BadRequest, Forbidden, ServiceUnavailable
from werkzeug.wrappers import Request, Response

from django_skinsback.wire.signing import client_digest

from ..api import php
from ..api.endpoint import Hangup
from ..keys import SECRETS
from ..simulation.store import World

logger = logging.getLogger("django_skinsback.sandbox")

PATH = "/ws/"
MAX_FRAME_BYTES = 64 * 1024
STOP_SECONDS = 2.0
UNRESPONSIVE_SECONDS = 10.0
HANDSHAKE = ("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")

GOING_AWAY, POLICY = 1001, 1008
DROP = -1
"""In place of a close code: the connection breaks off without a close frame."""


def address(public_url: str) -> str:
    """What ``SKINSBACK["WEBSOCKET_URL"]`` should be for a sandbox at ``public_url``."""
    return f"ws{public_url.removeprefix('http')}{PATH}"


class Sockets:
    """Everybody who listens, by project."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._changed = threading.Condition()
        self._lines: list[_Line] = []
        self._stopped = False

    def answer(self, request: Request) -> Response:
        """Talk until the connection ends, then raise Hangup; a response only for what is no websocket."""
        connection: socket.socket | None = request.environ.get("werkzeug.socket")
        origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
        if connection is None:
            raise BadRequest("A websocket needs a socket: start the sandbox.")
        if origin not in (None, f"http://{host}"):
            raise Forbidden("Other sites' pages may not listen to the sandbox.")
        try:
            import websockets  # noqa: F401 - whether it is there
        except ImportError:
            raise ServiceUnavailable("websockets is missing: pip install 'django-skinsback[sandbox]'") from None
        client_id, signature = request.args.get("shopid", ""), request.args.get("signature", "")
        known = client_id in SECRETS and signature == client_digest(client_id, SECRETS[client_id])
        line = _Line(connection, client_id, self.world)
        try:
            if line.shake_hands(request):
                self._greet(line, known=known)
                line.talk()
        finally:
            line.close()
            with self._changed:
                if line in self._lines:
                    self._lines.remove(line)
                self._changed.notify_all()
        raise Hangup

    def _greet(self, line: "_Line", *, known: bool) -> None:
        known = known and not self.world.faults.take("ws_auth_failed", "auth")
        greeting = "auth_success" if known else "auth_failed"
        logger.info("websocket %s: %s", line.client_id if known else "(unknown)", greeting)
        if self.world.faults.take("ws_garbage", "auth"):
            line.say("hello, this is no JSON")
        if not self.world.faults.take("ws_silent", "auth"):
            line.say(php.json_text({"event": greeting}))
        if not known:
            line.hang_up(POLICY)
            return
        with self._changed:
            self._lines.append(line)
            if self._stopped:
                line.hang_up(GOING_AWAY)

    def tell(self, client_id: str, body: str) -> None:
        """Send an event to everybody who listens to the project. Never waits: the lines send by themselves."""
        with self._changed:
            lines = [line for line in self._lines if line.client_id == client_id]
        if not lines:
            return
        faults = self.world.faults
        garbage = faults.take("ws_garbage", "event")
        silent = faults.take("ws_silent", "event")
        twice = None if silent else faults.take("ws_twice", "event")
        drop = faults.take("ws_drop", "event")
        for line in lines:
            if garbage:
                line.say("<html>502 Bad Gateway</html>")
            for _ in range(0 if silent else 2 if twice else 1):
                line.say(body)
            if drop:
                line.hang_up(DROP)

    def count(self, client_id: str) -> int:
        """How many listen to the project now."""
        with self._changed:
            return sum(line.client_id == client_id for line in self._lines)

    def stop(self) -> None:
        """Close every connection; one that does not answer is not waited for longer than a moment."""
        with self._changed:
            self._stopped = True
            for line in self._lines:
                line.hang_up(GOING_AWAY)
            self._changed.wait_for(lambda: not self._lines, STOP_SECONDS)


class _Line:
    """One connection, served by the thread that took it. ``say`` and ``hang_up`` may be called from any other."""

    def __init__(self, connection: socket.socket, client_id: str, world: World) -> None:
        from websockets.server import ServerProtocol

        self.client_id = client_id
        self._connection = connection
        self._faults, self._ping_within = world.faults, world.options.ping_within
        self._outbox: deque[str | int] = deque()
        self._bell, self._ringer = socket.socketpair()
        self._ringer.setblocking(False)
        silent = logging.Logger("silent")
        silent.disabled = True
        self._protocol = ServerProtocol(max_size=MAX_FRAME_BYTES, logger=silent)

    def shake_hands(self, request: Request) -> bool:
        """Answer the request for an upgrade; False if it was refused."""
        from websockets.http11 import Request as Handshake

        lines = [f"GET {PATH} HTTP/1.1", *(f"{name}: {request.headers.get(name, '')}" for name in HANDSHAKE), "", ""]
        self._protocol.receive_data("\r\n".join(lines).encode("latin-1", "replace"))
        wanted = [event for event in self._protocol.events_received() if isinstance(event, Handshake)]
        if not wanted:
            return False
        response = self._protocol.accept(wanted[0])
        self._protocol.send_response(response)
        self._connection.settimeout(UNRESPONSIVE_SECONDS)
        return self._flush() and response.status_code == 101

    def say(self, text: str) -> None:
        """Have a text frame sent."""
        self._put(text)

    def hang_up(self, code: int) -> None:
        """Have the connection closed after what was said so far."""
        self._put(code)

    def _put(self, item: str | int) -> None:
        self._outbox.append(item)
        with suppress(OSError):  # it has rung often enough, or nobody is there any more
            self._ringer.send(b"!")

    def close(self) -> None:
        """Give up what was needed to talk; the connection itself is the server's."""
        self._bell.close()
        self._ringer.close()

    def talk(self) -> None:
        """Send what is said, hear pings, until either side ends it."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._connection, selectors.EVENT_READ)
            ready.register(self._bell, selectors.EVENT_READ)
            until = time.monotonic() + self._ping_within
            while self._send_outbox():
                if self._is_closing:
                    until = min(until, time.monotonic() + STOP_SECONDS)
                keys = {key.fileobj for key, _ in ready.select(max(until - time.monotonic(), 0))}
                if self._bell in keys:
                    self._bell.recv(4096)
                if self._connection in keys:
                    if not self._receive():
                        return
                    if self._heard_ping():
                        until = time.monotonic() + self._ping_within
                if time.monotonic() >= until:
                    if self._is_closing:
                        return
                    self.hang_up(POLICY)
                    until += STOP_SECONDS

    @property
    def _is_closing(self) -> bool:
        return self._protocol.state.name != "OPEN"

    def _send_outbox(self) -> bool:
        while self._outbox:
            item = self._outbox.popleft()
            if item == DROP:
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

    def _heard_ping(self) -> bool:
        """Whether a ping was among the received frames. No answer is documented, so only the fault sends one."""
        texts = [bytes(getattr(event, "data", b"")) for event in self._protocol.events_received()]
        if b"ping" not in texts:
            return False
        if self._faults.take("ws_pong", "ping"):
            self.say("pong")
        return True

    def _flush(self) -> bool:
        """Send what the protocol has to say; False when nothing more can be."""
        try:
            for data in self._protocol.data_to_send():
                if not data:
                    return False
                self._connection.sendall(data)
        except OSError:
            return False
        return True
