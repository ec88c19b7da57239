"""The websockets of all accounts, in one thread of their own, which never touches the database.

A thread has neither the site's tenant nor its database router's context, and with a pool of one connection it waits
for ever. So this thread only holds the connections, and puts what happens into a queue.
"""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from .. import realtime
from ..realtime import Address, Change, Connect
from ..wire.notifications import Event

EVENTS_ATMOST = 100
"""Limit of the events that wait to be recorded. At the limit no frame is read, so SkinsBack holds them back."""

FULL_SECONDS = 0.05
"""How long to wait before looking again whether the queue has room."""

END_SECONDS = 5.0
"""How long the connections have to close."""

Item = tuple[str, Event | Change]
"""An account, and what happened to it."""


class WebsocketThread:
    """Listens while the ``with`` block runs; ``get`` takes what happened from the queue.

    Pings go out whatever the other thread does. Changes of a connection do not count for the limit of the queue: they
    are at most three for each connection, and connections are seconds apart.
    """

    def __init__(self, addresses: Mapping[str, Address], connect: Connect | None = None) -> None:
        self.addresses = addresses
        self._connect = connect
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._error: BaseException | None = None
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]] | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="skinsback-websocket", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def get(self, seconds: float) -> Item | None:
        """What happened next; None after so many seconds. Raises the exception that ended the thread."""
        with suppress(Empty):
            return self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
        if self._error is not None and not self._thread.is_alive():
            raise self._error
        return None

    @property
    def has_ended(self) -> bool:
        """Whether no connection is left, and everything was taken from the queue."""
        return not self._thread.is_alive() and self._queue.empty()

    def stop(self) -> None:
        """Close the connections. What is in the queue stays there."""
        if self._running is not None:
            loop, work = self._running
            with suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(work.cancel)
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._listen())
        except BaseException as error:  # noqa: BLE001 - raised by ``get``, in the thread that can do something about it
            self._error = error
        finally:
            self._started.set()

    async def _listen(self) -> None:
        work = asyncio.gather(*(self._listen_for(account) for account in self.addresses))
        self._running = asyncio.get_running_loop(), work
        self._started.set()
        await work

    async def _listen_for(self, account: str) -> None:
        put, note = partial(self._put, account), partial(self._note, account)
        await realtime.listen(self.addresses[account], put, note, connect=self._connect)

    async def _put(self, account: str, event: Event) -> None:
        while self._queue.qsize() >= EVENTS_ATMOST:
            await asyncio.sleep(FULL_SECONDS)
        self._queue.put((account, event))

    def _note(self, account: str, change: Change) -> None:
        self._queue.put((account, change))
