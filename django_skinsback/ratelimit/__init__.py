"""SkinsBack's limit of requests, kept by all processes of the site together through its cache.

Calls somebody waits for go first; those inside ``background()`` use at most ``BACKGROUND_SHARE`` of the limit.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from .. import conf
from . import pauses
from .cache import SiteCache
from .limiter import Limiter, marked
from .slots import Law

__all__ = ["Law", "Limiter", "SiteCache", "background", "current", "foreground", "forget", "pause_until"]

_limiters: dict[object, Limiter] = {}


@contextmanager
def background() -> Iterator[None]:
    """Nobody waits for the calls made inside this block, in this thread.

    They wait longer, leave a part of the limit alone, and stop while their account is paused.
    """
    before = marked.set(marked.get() is not False)
    try:
        yield
    finally:
        marked.reset(before)


@contextmanager
def foreground() -> Iterator[None]:
    """Somebody waits for the calls made inside this block, even if what makes them says ``background()``."""
    before = marked.set(False)
    try:
        yield
    finally:
        marked.reset(before)


def current() -> Limiter | None:
    """This process's limiter under the settings of now; None if they set no limit."""
    per_minute = conf.get("REQUESTS_PER_MINUTE")
    if per_minute is None:
        return None
    share, alias = conf.get("BACKGROUND_SHARE"), conf.get("CACHE")
    recipe = (os.getpid(), per_minute, share, alias)  # a fork inherits no lock that another thread held
    return _limiters.get(recipe) or _limiters.setdefault(recipe, Limiter(Law(per_minute, share), SiteCache(alias)))


def pause_until(account: str = conf.DEFAULT_ACCOUNT) -> datetime | None:
    """When the pause ends that SkinsBack's answers made ``account`` take; None if it takes none.

    After -7 no call is sent until then, after other faults no background call. Never raises.
    """
    limiter = current()
    end = limiter.pause_ends(account) if limiter else None
    return None if end is None else datetime.fromtimestamp(end, UTC)


def forget() -> None:
    """Forget the pauses of every account, and what this process counted: one test's are not the next one's."""
    if not _limiters:
        return  # no call of this process was limited
    _limiters.clear()
    cache = SiteCache(conf.get("CACHE"))
    for key in {key for account in conf.accounts() for key in pauses.keys(account)}:
        cache.delete(key)
