"""The limiter of a process: waits until a call may go, and learns from its answer when calls must stop."""

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
from .slots import Law

logger = logging.getLogger("django_skinsback")

USER_PATIENCE_SECONDS = 2.0
BACKGROUND_PATIENCE_SECONDS = 30.0

_CLOCKS_APART_SECONDS = 5
_JITTER_SECONDS = 0.4
_HAIR_SECONDS = 0.001  # so that a clock that is read coarsely has passed the edge that was slept for

marked: ContextVar[bool | None] = ContextVar("skinsback_background", default=None)
"""Whether calls are made in the background; False is somebody's word that they are not, None is nobody's."""


class Limiter:
    """Grants the slots of ``law`` among all processes that share ``cache``.

    ``clock`` gives UNIX seconds, because processes share those; it may jump either way: keys then still count the
    calls of the last seconds, and a jump lets through ``law.burst + 1`` calls more at the most.
    """

    def __init__(
        self,
        law: Law,
        cache: Any,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.law = law
        self._shared = SharedCache(cache, clock)
        self._own: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._next_second = 0.0
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._kept_seconds = ceil(USER_PATIENCE_SECONDS + (law.burst + 1) * law.slot_seconds + _CLOCKS_APART_SECONDS)

    @contextmanager
    def call(self, account: str, method: str) -> Iterator[None]:
        """Around one attempt: entering waits for its turn, or raises RateLimited and nothing may be sent.

        A call somebody waits for waits at most two seconds and is refused at once if they will not do; one inside
        ``background()`` that changes nothing waits up to thirty. What the attempt raises may open a pause.
        """
        call = Call(account, method, in_background=marked.get() is True)
        try:
            found = self._wait_for_slot(call)
        except CacheFailed:
            found = self._wait_for_second(call)
        try:
            yield
        except APIError as error:
            self._learn(call, error, found)
            raise
        self._learn(call, None, found)

    def pause_ends(self, account: str) -> float | None:
        """UNIX seconds at which the last pause that concerns ``account`` ends; None if there is none."""
        return pauses.end_of(pauses.keys(account), self._pauses(account), self._clock())

    # Before

    def _wait_for_slot(self, call: Call) -> Mapping[str, Any]:
        """Take a slot and wait until it begins. Returns the pauses that were found."""
        left = BACKGROUND_PATIENCE_SECONDS if call.can_wait else USER_PATIENCE_SECONDS
        while left > 0:
            now = self._clock()
            slots = self.law.for_background(now) if call.can_wait else self.law.for_user(now, left - _HAIR_SECONDS)
            found = self._check_pauses(call, *map(self._slot_key, slots))
            free = [slot for slot in slots if self._slot_key(slot) not in found]
            taken = next((slot for slot in free if self._add(slot)), None)
            if taken is not None:
                delay = max(0.0, self.law.begins(taken) - self._clock())
                if delay:
                    self._sleep(delay + _HAIR_SECONDS)
                    found = self._check_pauses(call)
                if self.law.is_open(taken, self._clock()):
                    return found
            else:
                jitter = min(3 * self.law.slot_seconds, _JITTER_SECONDS) * self._random()
                delay = self.law.slot_seconds + jitter if call.can_wait else jitter / 3
                is_last = delay > left or not (free or call.can_wait)
                if free and (is_last or self._shared.has_failed):
                    self._shared.check_refusal([self._slot_key(slot) for slot in free])
                if is_last:
                    break
                self._sleep(delay + _HAIR_SECONDS)
            left -= max(delay + _HAIR_SECONDS, self._clock() - now)  # also while the clock stands still
        raise _refusal(call, "no call becomes free in time")

    def _add(self, slot: int) -> bool:
        """Whether no other call took the slot before. A locked database says no too."""
        return bool(self._shared.call("add", self._slot_key(slot), 1, self._kept_seconds))

    def _wait_for_second(self, call: Call) -> Mapping[str, Any]:
        """Without the cache, let one call a second go from this process. Returns the pauses that were found.

        A user's call waits for a second of its own. A background call is refused while another call waits.
        """
        self._refuse_in_pause(call, self._own, self._clock())
        with self._lock:
            now = self._clock()
            wait = max(0.0, self._next_second - now)
            if wait > USER_PATIENCE_SECONDS + 1:  # the clock was put back
                wait = 0.0
            if wait > (1 if call.can_wait else USER_PATIENCE_SECONDS):
                raise _refusal(call, "the cache is broken and other calls wait")
            self._next_second = now + wait + 1
        if wait:
            self._sleep(wait)
        return self._own

    def _check_pauses(self, call: Call, *slot_keys: str) -> Mapping[str, Any]:
        """Read the pauses of the account, and the slots, at once. Raises RateLimited if a pause stops the call."""
        found = self._found(pauses.keys(call.account), *slot_keys)
        self._refuse_in_pause(call, found, self._clock())
        return found

    def _refuse_in_pause(self, call: Call, found: Mapping[str, Any], now: float) -> None:
        end = pauses.end_of(pauses.keys_that_stop(call), found, now)
        if end is not None:
            raise _refusal(call, f"paused for {ceil(end - now)} seconds more")

    # After

    def _learn(self, call: Call, error: APIError | None, found: Mapping[str, Any]) -> None:
        for key in pauses.keys_ended_by(error, call):
            if key in found:
                self._own.pop(key, None)
                with suppress(CacheFailed):
                    self._shared.call("delete", key)
        if error is not None and (key_opened := pauses.key_opened_by(error, call.account)) is not None:
            self._open_pause(key_opened, error, call)

    def _open_pause(self, key: str, error: APIError, call: Call) -> None:
        """Open the pause unless it runs already, because calls were under way when it began."""
        found, now = self._pauses(call.account), self._clock()
        if pauses.end_of([key], found, now) is not None:
            return
        pause = pauses.opened_by(error, found.get(key), now, self._random())
        seconds = pause[0] - now
        is_limit = kept_here = isinstance(error, RateLimited)
        try:
            self._shared.call("set", key, pause, ceil(seconds + pauses.FORGOTTEN_AFTER_SECONDS))
        except CacheFailed:
            kept_here = True
        if kept_here:
            self._own[key] = pause
        extra = {"account": call.account, "method": call.method, "code": error.code, "seconds": round(seconds)}
        level = logging.ERROR if isinstance(error, AccountFault) else logging.WARNING
        logger.log(level, "skinsback.rate_limit_paused" if is_limit else "skinsback.account_paused", extra=extra)

    # Stores

    def _slot_key(self, slot: int) -> str:
        return f"skinsback:slot:{self.law.per_minute}:{slot}"

    def _pauses(self, account: str) -> Mapping[str, Any]:
        try:
            return self._found(pauses.keys(account))
        except CacheFailed:
            return self._own

    def _found(self, pause_keys: list[str], *slot_keys: str) -> Mapping[str, Any]:
        """One question for all. What this process heard itself about the limit holds even if the cache forgot it."""
        heard = self._own.get(pauses.LIMIT_KEY)
        return {pauses.LIMIT_KEY: heard, **self._shared.call("get_many", [*pause_keys, *slot_keys])}


def _refusal(call: Call, why: str) -> RateLimited:
    return RateLimited(call.method, -7, f"held back by this site: {why}")
