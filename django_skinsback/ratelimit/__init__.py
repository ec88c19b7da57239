"""The rate limit of API calls. All processes of the site share one limit, through the site's cache.

Sites use ``background()`` and ``pause_until()``. The package also uses ``foreground()``, ``current()`` (the limiter for
a client), ``forget()`` (tests) and ``SiteCache``.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from .. import conf
from . import pauses
from .cache import SiteCache as SiteCache  # for the rest of the package, not for sites
from .limiter import Limiter, in_background
from .slots import Slots

__all__ = ["background", "pause_until"]

_limiters: dict[object, Limiter] = {}


@contextmanager
def background() -> Iterator[None]:
    """Mark the calls inside this block, in this thread, as background calls: no user waits for them.

    A background call that only reads waits up to 30 seconds for the limit. Such calls use at most ``BACKGROUND_SHARE``
    of the limit. Every other call waits up to two seconds and may use the whole limit. While an account is paused, its
    background calls raise RateLimited. Inside ``foreground()``, this block has no effect.
    """
    token = in_background.set(in_background.get() is not False)
    try:
        yield
    finally:
        in_background.reset(token)


@contextmanager
def foreground() -> Iterator[None]:
    """Mark the calls inside this block, in this thread, as a user's calls.

    ``background()`` has no effect inside this block.
    """
    token = in_background.set(False)
    try:
        yield
    finally:
        in_background.reset(token)


def current() -> Limiter | None:
    """Return this process's limiter for the current settings. Return None if ``REQUESTS_PER_MINUTE`` is None."""
    per_minute = conf.get("REQUESTS_PER_MINUTE")
    if per_minute is None:
        return None
    share, alias = conf.get("BACKGROUND_SHARE"), conf.get("CACHE")
    key = (os.getpid(), per_minute, share, alias)  # the process id: a forked process gets its own limiter and lock
    return _limiters.get(key) or _limiters.setdefault(key, Limiter(Slots(per_minute, share), SiteCache(alias)))


def pause_until(account: str = conf.DEFAULT_ACCOUNT) -> datetime | None:
    """Return the UTC time at which the last pause of ``account`` ends. Return None if no pause is running.

    A pause after error -7 stops every call. A pause after -6 (``market_disabled``) stops the account's background calls
    of ``market_*`` methods. A pause after another error stops all background calls of the account.

    If the cache fails, no error is raised. Then only the pauses in the memory of this process are used.
    """
    limiter = current()
    end = limiter.pause_ends(account) if limiter else None
    return None if end is None else datetime.fromtimestamp(end, UTC)


def forget() -> None:
    """Delete all pauses and the limiters of this process, so that one test does not affect the next."""
    if not _limiters:
        return  # this process has sent no call under a limit
    _limiters.clear()
    cache = SiteCache(conf.get("CACHE"))
    for key in {key for account in conf.accounts() for key in pauses.keys(account)}:
        cache.delete(key)
