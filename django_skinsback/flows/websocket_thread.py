"""One separate thread for the websockets of all accounts. This thread never uses the database.

A new thread has neither the site's tenant nor the context of the database router. If the database's connection pool has
only one connection, the thread would wait for it forever. So this thread only receives events and connection changes
and puts them into a queue.
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

MAX_WAITING_EVENTS = 100
"""The maximum number of events in the queue. If the queue is full, no frame is read: frames wait in the socket."""

FULL_QUEUE_SECONDS = 0.05
"""The seconds to wait before the length of a full queue is checked again."""

CLOSE_SECONDS = 5.0
"""The seconds that ``stop`` waits for the connections to close."""

Item = tuple[str, Event | Change]
"""A pair: the alias of an account, and an event or a connection change of this account."""


class WebsocketThread:
    """Receives events while the ``with`` block runs. ``get`` takes events and connection changes from the queue.

    Pings are sent even while the other thread is busy. A connection change is put into the queue even if the queue is
    full. The queue stays short: a connection has at most three changes, and connections are seconds apart.
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
        """Take the next item from the queue and return it. Return None if no item arrives within ``seconds``.

        If the queue is empty and an exception has ended the thread, raise this exception.
        """
        with suppress(Empty):
            return self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
        if self._error is not None and not self._thread.is_alive():
            raise self._error
        return None

    @property
    def has_ended(self) -> bool:
        """True if all connections have ended and the queue is empty."""
        return not self._thread.is_alive() and self._queue.empty()

    def stop(self) -> None:
        """Close the connections, and wait at most ``CLOSE_SECONDS`` until they are closed. The queue is not emptied."""
        if self._running is not None:
            loop, work = self._running
            with suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(work.cancel)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._listen())
        except BaseException as error:  # noqa: BLE001 - raised by ``get``, in the thread that called ``listen``
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
        while self._queue.qsize() >= MAX_WAITING_EVENTS:
            await asyncio.sleep(FULL_QUEUE_SECONDS)
        self._queue.put((account, event))

    def _note(self, account: str, change: Change) -> None:
        self._queue.put((account, change))
