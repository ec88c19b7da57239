"""One connection of the library websockets, which never shows the address that it goes to, nor its proxy's."""

import errno
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from .exceptions import ConfigurationError

MAX_FRAME_BYTES = 64 * 1024
_OPEN_SECONDS, _CLOSE_SECONDS, _DEAD_SECONDS = 10.0, 3.0, 60


class Socket(Protocol):
    """What is needed of a connection. When it ends, leaving its context raises Lost."""

    async def recv(self) -> str | bytes: ...
    async def send(self, text: str, /) -> None: ...


class Lost(Exception):
    """The connection could not be opened, or is gone; the message says why and quotes no address."""


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

    silent = logging.Logger("silent")  # has no parent and no handler, so that no level makes it log the address
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
    """Have the connection break if the other side is gone and acknowledges no ping."""
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
