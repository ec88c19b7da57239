"""The share of SkinsBack's rate limit that four processes together can use, in real time."""

import multiprocessing
import time
from collections.abc import Iterator

import django
from django.core.management import call_command
from django.db import connection

from benchmarks.results import Result
from benchmarks.scale import Scale
from tests.support.services import answers

PER_MINUTE = 480
PROCESSES = 4
_SETTLED_SECONDS = 3
"""Seconds before counting starts, because the unused slots of the past second are granted at once."""


def measure(scale: Scale) -> Iterator[Result]:
    """Measure the database cache, and Redis once, because it does not depend on the database."""
    call_command("createcachetable", verbosity=0)
    caches = ["database"]
    if connection.vendor == "postgresql" and answers("redis"):
        caches.append("redis")
    for cache in caches:
        granted = grant(cache, scale.limiter_seconds)
        total = sum(granted)
        share = total / (PER_MINUTE * scale.limiter_seconds / 60)
        about = f"{total} calls in {scale.limiter_seconds:g} s, by process {', '.join(map(str, sorted(granted)))}"
        yield Result(f"calls granted through {cache}, of the limit", share, ">= 0.98", about=about)
        yield Result(f"calls granted through {cache}, never above the limit", share, "<= 1", about=about)


def grant(cache: str, seconds: float) -> list[int]:
    """Return the number of calls granted to each process while all of them call as often as they can."""
    context = multiprocessing.get_context("spawn")
    answered = context.SimpleQueue()
    begin = time.time() + 5
    workers = [
        context.Process(target=_work, args=(answered, cache, begin, seconds), daemon=True) for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 60)
        if worker.exitcode:
            raise RuntimeError("A process that asks the limiter has failed.")
    return [answered.get() for _ in workers]


def _work(answered: "multiprocessing.SimpleQueue[int]", cache: str, begin: float, seconds: float) -> None:
    django.setup()
    from django_skinsback.ratelimit import Limiter, SiteCache, Slots, background

    limiter, granted = Limiter(Slots(PER_MINUTE), SiteCache(cache)), 0
    time.sleep(max(0.0, begin - time.time()))
    counted_from = begin + _SETTLED_SECONDS
    while (now := time.time()) < counted_from + seconds:
        with background(), limiter.call("default", "orderstatus"):
            now = time.time()
        granted += counted_from <= now < counted_from + seconds
    answered.put(granted)
