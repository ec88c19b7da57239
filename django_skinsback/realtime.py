"""Receive SkinsBack's events by websocket (``/docs/api/v1/api_event_websocket``).

``listen`` opens a connection, and reconnects when the connection ends. ``Conversation`` contains the rules of the
protocol and uses no socket and no clock. SkinsBack does not send missed events again after a reconnect. The caller must
poll the rows that may have changed.

The address contains a digest of the keys. Anyone who has the digest can read the project's events, and can forge
notifications for a site that accepts ``X-SIGN`` as a signature. So no log, exception or ``repr`` shows the address.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial
from urllib.parse import SplitResult, urlencode, urlsplit

from .exceptions import ConfigurationError, UnreadableNotification
from .loopback import is_loopback
from .proxy import proxy_for
from .sensitive import hide
from .websocket import ConnectionLost, Socket, open_socket
from .wire.notifications import Event, parse_event
from .wire.signing import client_digest

PING = "ping"
PING_SECONDS = 25.0
"""The seconds between two pings. SkinsBack requires a ping at least every 30 seconds."""

GREETING_SECONDS = 20.0
"""The seconds to wait for the first frame. The first frame says whether SkinsBack accepts the keys."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
STABLE_SECONDS = 60.0
"""If a connection lasted at least this many seconds, the count of failures is reset to zero."""


class Address:
    """The websocket address of a project.

    ``url`` contains the digest of the keys. ``shown`` is the address without the digest, for logs and ``repr``.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        allow_plain: bool = False,
        proxy_url: str | None = None,
    ) -> None:
        """Raise ConfigurationError if ``url`` or ``proxy_url`` cannot be used.

        ``url`` must begin with ``wss://``. ``ws://`` is also accepted if the host is this machine or ``allow_plain`` is
        True. ``proxy_url`` is an HTTP proxy. No proxy is used for an address on this machine.
        """
        client_secret, proxy_url = hide(client_secret), hide(proxy_url)
        host = parts = None
        with suppress(ValueError):
            parts = urlsplit(url)
            host = _host(parts)
        secure = parts is not None and (
            parts.scheme == "wss" or (parts.scheme == "ws" and (is_loopback(host) or allow_plain))
        )
        if parts is None or not host or not secure or parts.username is not None:
            raise ConfigurationError(
                "SKINSBACK['WEBSOCKET_URL'] must begin with wss://, because the address contains a key; "
                "ws:// is for a sandbox on this machine."
            )
        self.proxy_url = proxy_for(url, proxy_url)
        key = hide(urlencode({"shopid": client_id, "signature": client_digest(client_id, client_secret)}))
        self.shown = parts._replace(query="", fragment="").geturl()
        self.url = hide(parts._replace(query="&".join(filter(None, [parts.query, key])), fragment="").geturl())

    def __repr__(self) -> str:
        return f"<Address {self.shown}>"


def _host(parts: SplitResult) -> str:
    """Return the host of an address. Return empty text for port 0. Raise ValueError for an invalid host or port."""
    return "" if parts.port == 0 else (parts.hostname or "").encode("idna").decode()


class Stage(Enum):
    """The stage of one connection: no answer yet, keys accepted, or keys refused."""

    GREETING = "no frame yet"
    LISTENING = "the keys were accepted"
    REFUSED = "the keys were refused"


class Conversation:
    """The protocol of one connection. It reads received frames and returns when the next ping is due.

    Every ``now`` and every returned time is in seconds of the caller's clock.
    """

    def __init__(self, now: float) -> None:
        self.stage = Stage.GREETING
        self._greet_until = now + GREETING_SECONDS
        self._ping_at = now + PING_SECONDS

    def receive(self, frame: str | bytes) -> Event | None:
        """Update ``stage`` and return the event in a received frame.

        Return None for a frame without an event: the answer to a ping, the answer about the keys, or invalid JSON.
        """
        body = frame if isinstance(frame, bytes) else frame.encode(errors="replace")
        if not body.lstrip().startswith(b"{"):
            return None
        try:
            event = parse_event(body, "application/json")
        except UnreadableNotification:
            return None
        if event.name == "auth_failed":
            self.stage = Stage.REFUSED
            return None
        self.stage = Stage.LISTENING
        return None if event.name == "auth_success" else event

    def frames_to_send(self, now: float) -> list[str]:
        """Return a list with a ping if a ping is due at ``now``. Return an empty list otherwise."""
        if now < self._ping_at:
            return []
        self._ping_at = now + PING_SECONDS
        return [PING]

    def is_greeting_overdue(self, now: float) -> bool:
        """Return True if 20 seconds have passed without an answer of SkinsBack about the keys."""
        return self.stage is Stage.GREETING and now >= self._greet_until

    def next_action_at(self) -> float:
        """Return the time at which to call ``frames_to_send`` and ``is_greeting_overdue`` again."""
        return min(self._ping_at, self._greet_until) if self.stage is Stage.GREETING else self._ping_at


def pause_seconds(failures: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return the seconds to wait before reconnecting, from 1 to 60.

    ``failures`` is the number of earlier failures in a row. Each failure doubles the time. Up to half of the time is
    random, so that many listeners do not reconnect at the same time.
    """
    longest = min(LONGEST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS * 2 ** min(failures, 20))
    return uniform(longest / 2, longest)


class State(StrEnum):
    """The states of a listener's connection. ``refused`` and ``stopped`` are final: the listener has ended."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Change:
    """A new state of the connection. After ``disconnected`` the listener reconnects in ``pause_seconds``."""

    state: State
    reason: str = ""
    pause_seconds: float | None = None
    failures: int = 0
    """The number of connections in a row that lasted less than a minute, including this one."""


Connect = Callable[[str], AbstractAsyncContextManager[Socket]]
Handle = Callable[[Event], Awaitable[object]]


async def listen(
    address: Address,
    handle: Handle,
    on_change: Callable[[Change], object],
    *,
    connect: Connect | None = None,
    uniform: Callable[[float, float], float] = random.uniform,
) -> None:
    """Receive events and reconnect after each lost connection. Return only if SkinsBack refuses the keys.

    ``handle`` is called with one event at a time. Pings are also sent while ``handle`` runs. ``on_change`` is called
    with each Change of the connection's state. ``connect`` opens a connection to a URL. The default uses the library
    websockets and the proxy of ``address``. To stop listening, cancel the task. Then ``on_change`` is called with the
    state ``stopped``.
    """
    connect = connect or partial(open_socket, proxy_url=address.proxy_url)
    clock = asyncio.get_running_loop().time
    failures = 0
    try:
        while True:
            on_change(Change(State.CONNECTING))
            began = clock()
            conversation = Conversation(began)
            reason = ""
            try:
                await _converse(conversation, connect(address.url), handle, on_change)
            except ConnectionLost as lost:
                reason = str(lost)
            if conversation.stage is Stage.REFUSED:
                on_change(Change(State.REFUSED))
                return
            was_stable = conversation.stage is Stage.LISTENING and clock() - began >= STABLE_SECONDS
            failures = 0 if was_stable else failures + 1
            pause = pause_seconds(max(failures - 1, 0), uniform)
            on_change(Change(State.DISCONNECTED, reason, pause, failures))
            await asyncio.sleep(pause)
    except asyncio.CancelledError:
        on_change(Change(State.STOPPED))
        raise


async def _converse(
    conversation: Conversation,
    opening: AbstractAsyncContextManager[Socket],
    handle: Handle,
    on_change: Callable[[Change], object],
) -> None:
    """Send pings and receive frames. Return if the keys are refused. Raise ConnectionLost if the connection ends."""
    clock = asyncio.get_running_loop().time
    async with opening as connection:
        receiving = asyncio.create_task(_receive_frames(conversation, connection, handle, on_change))
        try:
            while not (await asyncio.wait([receiving], timeout=max(conversation.next_action_at() - clock(), 0)))[0]:
                if conversation.is_greeting_overdue(clock()):
                    raise ConnectionLost("SkinsBack sent no first frame")
                for text in conversation.frames_to_send(clock()):
                    await connection.send(text)
            receiving.result()
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)


async def _receive_frames(
    conversation: Conversation, connection: Socket, handle: Handle, on_change: Callable[[Change], object]
) -> None:
    while conversation.stage is not Stage.REFUSED:
        is_greeting = conversation.stage is Stage.GREETING
        event = conversation.receive(await connection.recv())
        if is_greeting and conversation.stage is Stage.LISTENING:
            on_change(Change(State.CONNECTED))
        if event is not None:
            await handle(event)
