"""Four processes that share the limit through a real cache, and a clock that moves when all have had their turn."""

import time
from contextlib import suppress
from typing import Any

from django_skinsback import ratelimit
from django_skinsback.ratelimit import Limiter, SiteCache, Slots

from .forked import Forked, context

PROCESSES = 4


class NotNow(Exception):
    """The limiter would sleep."""


def take_turns(per_minute: int, seconds: int, cache: dict[str, Any]) -> list[list[float]]:
    """The times at which each process was let through, when all of them want to go all the time."""
    barrier, answers = context.Barrier(PROCESSES), context.SimpleQueue()
    arguments = (barrier, answers, float(int(time.time())), per_minute, seconds)
    workers = [Forked(_work, *arguments, CACHES={"default": cache}) for _ in range(PROCESSES)]
    for worker in workers:
        exit_code, told = worker.end(100)
        assert exit_code == 0, told
    return [answers.get() for _ in workers]


def _work(barrier, answers, start, per_minute, seconds):
    def not_now(_seconds):
        raise NotNow

    now = start
    slots = Slots(per_minute)
    limiter = Limiter(slots, SiteCache("default"), clock=lambda: now, sleep=not_now)
    granted = []
    for step in range(int(seconds / slots.slot_seconds)):
        now = start + step * slots.slot_seconds
        barrier.wait(60)
        with suppress(NotNow), ratelimit.background():
            while True:
                with limiter.call("default", "orderstatus"):
                    granted.append(now)
    answers.put(granted)
