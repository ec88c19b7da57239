"""Four processes that share the limit through a real cache, and a clock that moves when all have had their turn."""

import multiprocessing
import time
from contextlib import suppress
from typing import Any

import django

PROCESSES = 4


class NotNow(Exception):
    """The limiter would sleep."""


def take_turns(per_minute: int, seconds: int, cache: dict[str, Any], database: dict[str, Any]) -> list[list[float]]:
    """The times at which each process was let through, when all of them want to go all the time."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(PROCESSES), context.SimpleQueue()
    start = float(int(time.time()))
    arguments = (barrier, answers, start, per_minute, seconds, cache, database)
    workers = [context.Process(target=_work, args=arguments, daemon=True) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
    assert all(worker.exitcode == 0 for worker in workers)
    return [answers.get() for _ in workers]


def _work(barrier, answers, start, per_minute, seconds, cache, database):
    from django.conf import settings

    from tests import settings as site

    site.DATABASES["default"].update(database)
    site.CACHES = {"default": cache}
    settings.configure(**{name: getattr(site, name) for name in dir(site) if name.isupper()})
    django.setup()
    from django_skinsback import ratelimit
    from django_skinsback.ratelimit import Law, Limiter, SiteCache

    def not_now(_seconds):
        raise NotNow

    now = start
    law = Law(per_minute)
    limiter = Limiter(law, SiteCache("default"), clock=lambda: now, sleep=not_now)
    granted = []
    for step in range(int(seconds / law.slot_seconds)):
        now = start + step * law.slot_seconds
        barrier.wait(60)
        with suppress(NotNow), ratelimit.background():
            while True:
                with limiter.call("default", "orderstatus"):
                    granted.append(now)
    answers.put(granted)
