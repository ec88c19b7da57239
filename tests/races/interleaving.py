"""Four processes that share the rate limit through a real cache. The clock moves after each has made its calls."""

import time
from contextlib import suppress
from typing import Any

from django_skinsback import ratelimit
from django_skinsback.ratelimit import Limiter, SiteCache, Slots

from .forked import Forked, context

PROCESSES = 4


class WouldSleep(Exception):
    """Raised instead of sleeping."""


def grant_times(per_minute: int, seconds: int, cache: dict[str, Any]) -> list[list[float]]:
    """Return the times at which each process was allowed to call, while all of them call as often as they can."""
    barrier, answers = context.Barrier(PROCESSES), context.SimpleQueue()
    arguments = (barrier, answers, float(int(time.time())), per_minute, seconds)
    workers = [Forked(_work, *arguments, CACHES={"default": cache}) for _ in range(PROCESSES)]
    for worker in workers:
        exit_code, traceback_text = worker.end(100)
        assert exit_code == 0, traceback_text
    return [answers.get() for _ in workers]


def _work(barrier, answers, start, per_minute, seconds):
    def refuse(_seconds):
        raise WouldSleep

    now = start
    slots = Slots(per_minute)
    limiter = Limiter(slots, SiteCache("default"), clock=lambda: now, sleep=refuse)
    granted = []
    for step in range(int(seconds / slots.slot_seconds)):
        now = start + step * slots.slot_seconds
        barrier.wait(60)
        with suppress(WouldSleep), ratelimit.background():
            while True:
                with limiter.call("default", "orderstatus"):
                    granted.append(now)
    answers.put(granted)
