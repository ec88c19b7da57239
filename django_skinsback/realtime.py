"""SkinsBack's events by websocket (``/docs/api/v1/api_event_websocket``).

``Conversation`` knows what frames mean and what is to be said when; it has neither socket nor clock. ``listen`` keeps
one connection open around it and opens the next one when that ends. Nothing is replayed after a reconnect, so whoever
listens asks about what he may have missed. The address carries a digest that opens the project's events and passes for
SkinsBack wherever ``X-SIGN`` is believed: it is in no log, no exception and no ``repr``.
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
from .websocket import Lost, Socket, open_socket
from .websocket import require_library as require_library  # noqa: PLC0414 - flows ask for it here
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
            parts.scheme == "wss" or (parts.scheme == "ws" and (is_loopback(host) or allow_plain))
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
