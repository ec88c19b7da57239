"""Open a websocket with the library websockets. No log or exception shows the websocket's or the proxy's address."""

import errno
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Protocol

from .exceptions import ConfigurationError

MAX_FRAME_BYTES = 64 * 1024
_OPEN_SECONDS, _CLOSE_SECONDS, _DEAD_SECONDS = 10.0, 3.0, 60


class Socket(Protocol):
    """The methods of an open connection. ``open_socket`` raises ConnectionLost when the connection ends."""

    async def recv(self) -> str | bytes: ...
    async def send(self, text: str, /) -> None: ...


class ConnectionLost(Exception):
    """The connection could not be opened, or has ended. The message is the reason and contains no address."""


def require_library() -> None:
    """Raise ConfigurationError if the library websockets is not installed. The message says what to install."""
    try:
        import_module("websockets.asyncio.client")
    except ImportError:
        raise ConfigurationError("websockets is missing: pip install 'django-skinsback[realtime]'.") from None


@asynccontextmanager
async def open_socket(url: str, proxy_url: str | None = None) -> AsyncIterator[Socket]:
    """Open a websocket, yield it and close it.

    Raise ConnectionLost if the websocket cannot be opened or the connection ends. The message of ConnectionLost
    contains no address. Redirects are not followed. A frame of more than 64 KiB ends the connection. Proxies from
    environment variables are ignored: only ``proxy_url`` sets a proxy.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import ProxyError, WebSocketException

    class ConnectWithoutRedirect(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    # The library logs the address at DEBUG. This logger has no parent and no handlers.
    silent = logging.Logger("silent")
    silent.disabled = True
    reason = ""
    try:
        async with ConnectWithoutRedirect(
            url,
            compression=None,
            proxy=proxy_url,  # None means no proxy; without this argument, the library reads the environment
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,  # SkinsBack documents a text as its ping, and no ping frames
            max_size=MAX_FRAME_BYTES,
            logger=silent,
        ) as connection:
            _set_dead_timeout(connection.transport.get_extra_info("socket"))
            try:
                yield connection
            finally:
                await connection.close()  # closes normally; without it, a cancelled task would close with an error
    except ProxyError as error:
        reason = _proxy_reason(error)
    except (OSError, EOFError, WebSocketException) as error:
        reason = _loss_reason(error)
    if reason:  # raised outside except, because the caught error contains the address
        raise ConnectionLost(reason)


def _set_dead_timeout(connection: socket.socket) -> None:
    """Let the system end the connection if sent data is not acknowledged within 60 seconds.

    Does nothing on a system without ``TCP_USER_TIMEOUT``.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_SECONDS * 1000)


def _proxy_reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    answer = "did not answer as a proxy" if response is None else f"answered HTTP {response.status_code}"
    return f"the proxy {answer}"


def _loss_reason(error: Exception) -> str:
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
