"""SkinsBack's events by websocket (``/docs/api/v1/api_event_websocket``).

``Conversation`` knows what frames mean and what is to be said when; it has neither socket nor clock. ``listen`` keeps
one connection open around it and opens the next one when that ends. Nothing is replayed after a reconnect, so whoever
listens asks about what he may have missed. The address carries a digest that opens the project's events and passes for
SkinsBack wherever ``X-SIGN`` is believed: it is in no log, no exception and no ``repr``.
"""

import asyncio
import errno
import logging
import os
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial
from typing import Protocol
from urllib.parse import SplitResult, urlencode, urlsplit

from .exceptions import ConfigurationError, UnreadableNotification
from .proxy import LOOPBACK, proxy_for
from .sensitive import hide
from .wire.notifications import Event, parse_event
from .wire.signing import client_digest

PING = "ping"
PING_SECONDS = 25.0
"""SkinsBack wants to hear from a listener every 30 seconds."""

GREETING_SECONDS = 20.0
"""How long the first frame, which says whether the keys are right, is waited for."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
LIVED_SECONDS = 60.0
"""A connection that held this long was a good one: after it the pauses are short again."""

MAX_FRAME_BYTES = 64 * 1024
_OPEN_SECONDS, _CLOSE_SECONDS, _DEAD_SECONDS = 10.0, 3.0, 60


class Address:
    """Where a project's events are heard. Prints itself without the digest; only ``url`` has it."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        allow_plain: bool = False,
        proxy_url: str | None = None,
    ) -> None:
        """``url`` is ``wss://…``; ``ws://…`` only on this machine, or with ``allow_plain``. Else ConfigurationError.

        ``proxy_url`` is an HTTP proxy for an address on another machine.
        """
        client_secret, proxy_url = hide(client_secret), hide(proxy_url)
        host = parts = None
        with suppress(ValueError):
            parts = urlsplit(url)
            host = _host(parts)
        secure = parts is not None and (
            parts.scheme == "wss" or (parts.scheme == "ws" and (host in LOOPBACK or allow_plain))
        )
        if parts is None or not host or not secure or parts.username is not None:
            raise ConfigurationError(
                "SKINSBACK['WEBSOCKET_URL'] must begin with wss://, since the address carries a key; "
                "ws:// is for a sandbox on this machine."
            )
        self.proxy_url = proxy_for(url, proxy_url)
        key = hide(urlencode({"shopid": client_id, "signature": client_digest(client_id, client_secret)}))
        self.shown = parts._replace(query="", fragment="").geturl()
        self.url = hide(parts._replace(query="&".join(filter(None, [parts.query, key])), fragment="").geturl())

    def __repr__(self) -> str:
        return f"<Address {self.shown}>"


def _host(parts: SplitResult) -> str:
    """The host of an address; ValueError where host or port cannot be one."""
    return "" if parts.port == 0 else (parts.hostname or "").encode("idna").decode()


class Stage(Enum):
    GREETING = "waits for the first frame"
    LISTENING = "the keys were taken"
    REFUSED = "the keys were not taken"


class Conversation:
    """One connection's frames, without the connection. Times are seconds of any clock that goes forward."""

    def __init__(self, now: float) -> None:
        self.stage = Stage.GREETING
        self._greet_until = now + GREETING_SECONDS
        self._ping_at = now + PING_SECONDS

    def hear(self, frame: str | bytes) -> Event | None:
        """The event in a frame; None where it has none: the answer to a ping, a greeting, anything that is no JSON."""
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

    def say(self, now: float) -> list[str]:
        """What is to be sent now."""
        if now < self._ping_at:
            return []
        self._ping_at = now + PING_SECONDS
        return [PING]

    def is_ignored(self, now: float) -> bool:
        """Whether SkinsBack took the connection and then never said a word."""
        return self.stage is Stage.GREETING and now >= self._greet_until

    def next_at(self) -> float:
        """When ``say`` and ``is_ignored`` are to be asked again."""
        return min(self._ping_at, self._greet_until) if self.stage is Stage.GREETING else self._ping_at


def pause_seconds(vain: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """How long to wait after so many connections in a row that did not live: twice as long each time.

    A second is the least and a minute the most; the half of it that is drawn by lot keeps many listeners from coming
    back in the same moment.
    """
    longest = min(LONGEST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS * 2 ** min(vain, 20))
    return uniform(longest / 2, longest)


class State(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the connection. After ``disconnected`` the next one is tried in ``pause_seconds``."""

    state: State
    reason: str = ""
    pause_seconds: float | None = None
    vain: int = 0
    """Connections in a row that did not live, this one included."""


class Socket(Protocol):
    """What is needed of a connection. When it ends, leaving its context raises Lost."""

    async def recv(self) -> str | bytes: ...
    async def send(self, text: str, /) -> None: ...


class Lost(Exception):
    """The connection could not be opened, or is gone; the message says why and quotes nobody."""


Connect = Callable[[str], AbstractAsyncContextManager[Socket]]
Handle = Callable[[Event], Awaitable[object]]


async def listen(
    address: Address,
    handle: Handle,
    tell: Callable[[Change], object],
    *,
    connect: Connect | None = None,
    uniform: Callable[[float, float], float] = random.uniform,
) -> None:
    """Listen until SkinsBack refuses the keys; cancel it to stop. Every other end is followed by a new connection.

    ``handle`` is awaited for one event after the other, while pings go on; ``tell`` hears how the connection fares.
    Without ``connect`` the library websockets is used, through the address's proxy.
    """
    connect = connect or partial(open_socket, proxy_url=address.proxy_url)
    clock = asyncio.get_running_loop().time
    vain = 0
    try:
        while True:
            tell(Change(State.CONNECTING))
            began = clock()
            conversation = Conversation(began)
            reason = ""
            try:
                await _converse(conversation, connect(address.url), handle, tell)
            except Lost as lost:
                reason = str(lost)
            if conversation.stage is Stage.REFUSED:
                tell(Change(State.REFUSED))
                return
            lived = conversation.stage is Stage.LISTENING and clock() - began >= LIVED_SECONDS
            vain = 0 if lived else vain + 1
            pause = pause_seconds(max(vain - 1, 0), uniform)
            tell(Change(State.DISCONNECTED, reason, pause, vain))
            await asyncio.sleep(pause)
    except asyncio.CancelledError:
        tell(Change(State.STOPPED))
        raise


async def _converse(
    conversation: Conversation,
    opening: AbstractAsyncContextManager[Socket],
    handle: Handle,
    tell: Callable[[Change], object],
) -> None:
    """Talk until the keys are refused; Lost when the connection ends."""
    clock = asyncio.get_running_loop().time
    async with opening as connection:
        hearing = asyncio.create_task(_hear(conversation, connection, handle, tell))
        try:
            while not (await asyncio.wait([hearing], timeout=max(conversation.next_at() - clock(), 0)))[0]:
                if conversation.is_ignored(clock()):
                    raise Lost("no greeting came")
                for text in conversation.say(clock()):
                    await connection.send(text)
            hearing.result()
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


async def _hear(
    conversation: Conversation, connection: Socket, handle: Handle, tell: Callable[[Change], object]
) -> None:
    while conversation.stage is not Stage.REFUSED:
        is_greeting = conversation.stage is Stage.GREETING
        event = conversation.hear(await connection.recv())
        if is_greeting and conversation.stage is Stage.LISTENING:
            tell(Change(State.CONNECTED))
        if event is not None:
            await handle(event)


def require_library() -> None:
    """ConfigurationError, which says what to install, where websockets is missing."""
    try:
        import websockets.asyncio.client  # noqa: F401 - whether it is there
    except ImportError:
        raise ConfigurationError("websockets is missing: pip install 'django-skinsback[realtime]'.") from None


@asynccontextmanager
async def open_socket(url: str, proxy_url: str | None = None) -> AsyncIterator[Socket]:
    """A websocket of the library's: bounded, never redirected, and silent about its address and its proxy's.

    The environment chooses no proxy.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import ProxyError, WebSocketException

    class Straight(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    silent = logging.Logger("silent")  # belongs to nobody, so that no level makes it quote the address
    silent.disabled = True
    reason = ""
    try:
        async with Straight(
            url,
            compression=None,
            proxy=proxy_url,  # None means none; left out, the library would look into the environment
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,  # SkinsBack documents a text to be sent, and nothing about ping frames
            max_size=MAX_FRAME_BYTES,
            logger=silent,
        ) as connection:
            _notice_silence(connection.transport.get_extra_info("socket"))
            try:
                yield connection
            finally:
                await connection.close()  # as a normal end; the library takes being stopped for an error
    except ProxyError as error:
        reason = _proxy_reason(error)
    except (OSError, EOFError, WebSocketException) as error:
        reason = _reason(error)
    if reason:  # raised here, so that it does not drag along an error that quotes the address
        raise Lost(reason)


def _notice_silence(connection: socket.socket) -> None:
    """Have the connection break when the other side is gone without a word and pings are not acknowledged."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_SECONDS * 1000)


def _proxy_reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    answer = "did not answer as a proxy" if response is None else f"answered HTTP {response.status_code}"
    return f"the proxy {answer}"


def _reason(error: Exception) -> str:
    response, closed = getattr(error, "response", None), getattr(error, "rcvd", None)
    if response is not None:
        return f"the answer was HTTP {response.status_code}, not a websocket"
    if hasattr(error, "rcvd"):
        return "the connection broke off" if closed is None else f"SkinsBack closed it with code {closed.code}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if not isinstance(error, OSError):
        return f"the answer was not a websocket's ({type(error).__name__})"
    if error.errno and error.errno in errno.errorcode and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    return error.strerror or type(error).__name__
