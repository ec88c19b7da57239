"""Since when the passes of an account end early, for monitors: what they put off does not look overdue in the rows.

Kept in the site's cache, and forgotten where that forgets: nothing but a reason of ``health`` depends on it.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ... import conf
from ...models.fields import utc_now
from ...ratelimit import SiteCache

KEPT_SECONDS = 1800
"""Longer than any row that waits to be sent or asked about is put off by an error."""

ROWS = ("Deposit", "Purchase")

LOOKED_KEY = "skinsback:looked"
LOOKED_KEPT_SECONDS = 86400 * 30


@dataclass(frozen=True, slots=True)
class Standstill:
    """Every pass that had something to do since then was ended by an error; the last of them."""

    since: datetime
    error: str


def note_stop(rows: str, account: str, error: str) -> None:
    """A pass over these rows of the account was ended by an error. Never raises."""
    with suppress(Exception):
        before = standstill(account, (rows,))
        now = utc_now()
        since = min(before.since, now) if before else now
        _cache().set(_key(rows, account), (since.timestamp(), error), KEPT_SECONDS)


def note_work(rows: str, account: str) -> None:
    """A pass over these rows of the account came to its end. Never raises."""
    with suppress(Exception):
        _cache().delete(_key(rows, account))


def note_pass() -> None:
    """Record in the cache that the worker, or ``skinsback_poll``, has looked for due rows. Never raises."""
    with suppress(Exception):
        _cache().set(LOOKED_KEY, utc_now().timestamp(), LOOKED_KEPT_SECONDS)


def last_pass() -> datetime | None:
    """When due rows were last looked for, by any process that shares the cache; None if no such time is kept."""
    with suppress(Exception):
        if (time := _cache().get_many([LOOKED_KEY]).get(LOOKED_KEY)) is not None:
            return datetime.fromtimestamp(time, UTC)
    return None


def is_shared() -> bool:
    """Whether processes share the cache."""
    return not conf.cache_backend().endswith(conf.PER_PROCESS_CACHES)


def standstill(account: str, rows: Iterable[str] = ROWS) -> Standstill | None:
    """The longest of the account's; None if its passes come to their ends. Never raises."""
    with suppress(Exception):
        found = _cache().get_many([_key(each, account) for each in rows])
        since, error = min(found.values(), default=(None, ""))
        if since is not None:
            return Standstill(datetime.fromtimestamp(since, UTC), str(error))
    return None


def _cache() -> SiteCache:
    return SiteCache(conf.get("CACHE"))


def _key(rows: str, account: str) -> str:
    return f"skinsback:standstill:{rows}:{account}"
