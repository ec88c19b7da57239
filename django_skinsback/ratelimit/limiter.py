"""The limiter of one process. Before a call, it waits for a slot. After the call, it opens and ends pauses."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import ceil
from typing import Any

from ..exceptions import AccountFault, APIError, RateLimited
from . import pauses
from .cache import CacheFailed, SharedCache
from .pauses import Call
from .slots import Slots

logger = logging.getLogger("django_skinsback")

USER_PATIENCE_SECONDS = 2.0
BACKGROUND_PATIENCE_SECONDS = 30.0

_CLOCK_DIFFERENCE_SECONDS = 5  # largest expected difference between the clocks of the site's machines
_JITTER_SECONDS = 0.4
_MARGIN_SECONDS = 0.001  # added to each wait, because a clock with coarse steps may be slightly behind

in_background: ContextVar[bool | None] = ContextVar("skinsback_in_background", default=None)
"""True inside ``background()``, False inside ``foreground()``, None outside both."""


class Limiter:
    """Gives each call one of the ``slots``. All processes that use the same ``cache`` share the slots.

    ``cache`` has the methods of a Django cache. ``clock`` returns UNIX seconds, which are the same in all processes. If
    the clock jumps forward or back, at most ``slots.burst + 1`` more calls are sent than the limit allows.
    """

    def __init__(
        self,
        slots: Slots,
        cache: Any,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.slots = slots
        self._cache = SharedCache(cache, clock)
        self._pauses_here: dict[str, pauses.Pause] = {}  # pauses after -7, and pauses that the cache could not store
        self._lock = threading.Lock()
        self._next_second = 0.0
        self._clock = clock
        self._sleep = sleep
        self._random = random
        kept_seconds = USER_PATIENCE_SECONDS + (slots.burst + 1) * slots.slot_seconds + _CLOCK_DIFFERENCE_SECONDS
        self._kept_seconds = ceil(kept_seconds)

    @contextmanager
    def call(self, account: str, method: str) -> Iterator[None]:
        """Return a context manager for one attempt to send a call. Raise RateLimited if the call must not be sent.

        A call inside ``background()`` that only reads waits at most 30 seconds for a slot. Every other call waits at
        most two seconds. If all slots of the next two seconds are taken, such a call is refused without waiting.

        An APIError inside the block may open a pause. The APIError is raised again.
        """
        call = Call(account, method, in_background=in_background.get() is True)
        try:
            found = self._wait_for_slot(call)
        except CacheFailed:
            found = self._wait_for_second(call)
        try:
            yield
        except APIError as error:
            self._update_pauses(call, error, found)
            raise
        self._update_pauses(call, None, found)

    def pause_ends(self, account: str) -> float | None:
        """Return the UNIX seconds at which the last pause of ``account`` ends. Return None if no pause is running."""
        return pauses.end_of(pauses.keys(account), self._read_pauses(account), self._clock())

    # Before the call

    def _wait_for_slot(self, call: Call) -> Mapping[str, Any]:
        """Take a slot and wait until it begins. Return the cached pauses. Raise RateLimited or CacheFailed."""
        left = BACKGROUND_PATIENCE_SECONDS if call.can_wait else USER_PATIENCE_SECONDS
        while left > 0:
            now = self._clock()
            wanted = (
                self.slots.for_background(now) if call.can_wait else self.slots.for_user(now, left - _MARGIN_SECONDS)
            )
            found = self._check_pauses(call, wanted)
            free = [slot for slot in wanted if self._slot_key(slot) not in found]
            taken = next((slot for slot in free if self._take(slot)), None)
            if taken is not None:
                delay = max(0.0, self.slots.begins(taken) - self._clock())
                if delay:
                    self._sleep(delay + _MARGIN_SECONDS)
                    found = self._check_pauses(call)
                if self.slots.is_usable(taken, self._clock()):
                    return found
            else:
                jitter = min(3 * self.slots.slot_seconds, _JITTER_SECONDS) * self._random()
                delay = self.slots.slot_seconds + jitter if call.can_wait else jitter / 3
                is_last = delay > left or not (free or call.can_wait)
                if free and (is_last or self._cache.has_failed):
                    self._cache.check_refusal([self._slot_key(slot) for slot in free])
                if is_last:
                    break
                self._sleep(delay + _MARGIN_SECONDS)
            left -= max(delay + _MARGIN_SECONDS, self._clock() - now)  # at least the delay, even if the clock stops
        raise _refusal(call, "no slot becomes free in time")

    def _take(self, slot: int) -> bool:
        """Take a slot in the cache and return True. Return False if another call has the slot.

        A database cache that is locked returns False too.
        """
        return bool(self._cache.call("add", self._slot_key(slot), 1, self._kept_seconds))

    def _wait_for_second(self, call: Call) -> Mapping[str, Any]:
        """Wait until this process may send its next call: one call per second. Used while the cache fails.

        Return the pauses in the memory of this process. A background call that only reads waits at most one second.
        Every other call waits at most two seconds. Raise RateLimited if the wait would be longer, or if one of these
        pauses stops the call.
        """
        self._refuse_in_pause(call, self._pauses_here)
        with self._lock:
            now = self._clock()
            wait = max(0.0, self._next_second - now)
            if wait > USER_PATIENCE_SECONDS + 1:  # only possible if the clock was set back
                wait = 0.0
            if wait > (1 if call.can_wait else USER_PATIENCE_SECONDS):
                raise _refusal(call, "the cache fails and other calls wait")
            self._next_second = now + wait + 1
        if wait:
            self._sleep(wait)
            self._refuse_in_pause(call, self._pauses_here)
        return self._pauses_here

    def _check_pauses(self, call: Call, slots: list[int] | None = None) -> Mapping[str, Any]:
        """Return the pauses and ``slots`` found in the cache. Raise RateLimited if a pause stops the call."""
        found = self._read(call.account, slots or [])
        self._refuse_in_pause(call, found)
        return found

    def _refuse_in_pause(self, call: Call, found: Mapping[str, Any]) -> None:
        now = self._clock()
        end = pauses.end_of(pauses.keys_that_stop(call), found, now)
        if end is not None:
            raise _refusal(call, f"paused for {ceil(end - now)} seconds more")

    # After the call

    def _update_pauses(self, call: Call, error: APIError | None, found: Mapping[str, Any]) -> None:
        """End and open pauses after the call. ``error`` is None after a success.

        ``found`` contains the pauses that were read before the call, by cache key.
        """
        for key in pauses.keys_ended_by(error, call):
            if key in found:
                self._pauses_here.pop(key, None)
                with suppress(CacheFailed):
                    self._cache.call("delete", key)
        if error is not None and (key_opened := pauses.key_opened_by(error, call.account)) is not None:
            self._open_pause(key_opened, error, call)

    def _open_pause(self, key: str, error: APIError, call: Call) -> None:
        """Open a pause and log it. Do nothing if the pause is already running.

        The pause is already running if two calls were sent at the same time and both failed.
        """
        found, now = self._read_pauses(call.account), self._clock()
        if pauses.end_of([key], found, now) is not None:
            return
        pause = pauses.opened_by(error, found.get(key), now, self._random())
        seconds = pause[0] - now
        is_limit = kept_here = isinstance(error, RateLimited)
        try:
            self._cache.call("set", key, pause, ceil(seconds + pauses.FORGOTTEN_AFTER_SECONDS))
        except CacheFailed:
            kept_here = True
        if kept_here:
            self._pauses_here[key] = pause
        extra = {"account": call.account, "method": call.method, "code": error.code, "seconds": round(seconds)}
        level = logging.ERROR if isinstance(error, AccountFault) else logging.WARNING
        logger.log(level, "skinsback.rate_limit_paused" if is_limit else "skinsback.account_paused", extra=extra)

    # What the cache keeps

    def _slot_key(self, slot: int) -> str:
        return f"skinsback:slot:{self.slots.per_minute}:{slot}"

    def _read_pauses(self, account: str) -> Mapping[str, Any]:
        try:
            return self._read(account, [])
        except CacheFailed:
            return self._pauses_here

    def _read(self, account: str, slots: list[int]) -> Mapping[str, Any]:
        """Read pauses and slots with one cache operation, and return the found values by cache key.

        If the pause after -7 is missing in the cache, the copy of this process is returned.
        """
        keys = [*pauses.keys(account), *map(self._slot_key, slots)]
        return {pauses.LIMIT_KEY: self._pauses_here.get(pauses.LIMIT_KEY), **self._cache.call("get_many", keys)}


def _refusal(call: Call, why: str) -> RateLimited:
    return RateLimited(call.method, -7, f"held back by this site: {why}")
