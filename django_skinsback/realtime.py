"""Receive SkinsBack's events by websocket (``/docs/api/v1/api_event_websocket``).

``listen`` keeps one connection open and reconnects when it ends. ``Conversation`` contains the rules of the protocol,
without socket and clock. SkinsBack does not repeat events after a reconnect: the caller polls what it may have missed.

The address contains a digest of the keys. With it anyone can read the project's events, and forge notifications where
``X-SIGN`` is accepted as a signature. So no log, exception or ``repr`` shows it.
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
"""The time between two pings. SkinsBack requires one every 30 seconds."""

GREETING_SECONDS = 20.0
"""How long to wait for the first frame, which says whether SkinsBack accepts the keys."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
STABLE_SECONDS = 60.0
"""A connection that lasted this long was successful: the next pause is short again."""


class Address:
    """The websocket address of a project. Only ``url`` contains the digest; ``repr`` and ``shown`` do not."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        allow_plain: bool = False,
        proxy_url: str | None = None,
    ) -> None:
        """Raise ConfigurationError unless ``url`` begins with ``wss://``.

        ``ws://`` is allowed on this machine, and elsewhere with ``allow_plain``. ``proxy_url`` is an HTTP proxy, used
        for an address on another machine.
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
    """Return the host of an address, or empty text for port 0. Raises ValueError for an invalid host or port."""
    return "" if parts.port == 0 else (parts.hostname or "").encode("idna").decode()


class Stage(Enum):
    """What SkinsBack has answered so far on one connection."""

    GREETING = "no frame yet"
    LISTENING = "the keys were accepted"
    REFUSED = "the keys were refused"


class Conversation:
    """The protocol of one connection: what received frames mean and when to send. Times are seconds of any clock."""

    def __init__(self, now: float) -> None:
        self.stage = Stage.GREETING
        self._greet_until = now + GREETING_SECONDS
        self._ping_at = now + PING_SECONDS

    def receive(self, frame: str | bytes) -> Event | None:
        """Return the event of a frame, and update ``stage``.

        None for a frame without an event: the answer to a ping, a greeting, anything that is not JSON.
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
        """Return the frames to send now: a ping, if one is due."""
        if now < self._ping_at:
            return []
        self._ping_at = now + PING_SECONDS
        return [PING]

    def is_greeting_overdue(self, now: float) -> bool:
        """Return whether SkinsBack has sent no frame within 20 seconds."""
        return self.stage is Stage.GREETING and now >= self._greet_until

    def next_action_at(self) -> float:
        """Return when to call ``frames_to_send`` and ``is_greeting_overdue`` again."""
        return min(self._ping_at, self._greet_until) if self.stage is Stage.GREETING else self._ping_at


def pause_seconds(failures: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return how many seconds to wait before reconnecting: 1 to 60, doubled for each earlier failure in a row.

    Half of it is random, so that many listeners do not reconnect at the same time.
    """
    longest = min(LONGEST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS * 2 ** min(failures, 20))
    return uniform(longest / 2, longest)


class State(StrEnum):
    """The states of a listener's connection. ``refused`` and ``stopped`` are the last ones."""

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
    """Connections in a row that lasted less than a minute, with this one."""


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
    """Listen until SkinsBack refuses the keys. If the connection ends for another reason, reconnect.

    ``handle`` is called with one event at a time; pings continue meanwhile. ``on_change`` is called with each change of
    the connection. ``connect`` opens a connection. Its default uses the library websockets, and the proxy of
    ``address`` if there is one. To stop listening, cancel the task: ``on_change`` gets ``stopped``.
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
    """Send and receive until the keys are refused. Raises ConnectionLost when the connection ends."""
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
