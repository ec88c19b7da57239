"""Notes about passes over due rows: when a process last looked for due rows, and since when passes fail.

The notes are kept in the site's cache. ``health`` and ``skinsback_check`` need them to see an outage in which every
call fails: each pass postpones its rows, so no row is overdue, and no row is flagged. Errors of the cache are ignored.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ... import conf
from ...models.fields import utc_now
from ...ratelimit import SiteCache

FAILURE_KEPT_SECONDS = 1800
"""Longer than the longest delay of a row after an error, so that the next failed pass finds the earlier note."""

MODELS = ("Deposit", "Purchase")

_LAST_LOOK = "skinsback:last_pass"
LAST_PASS_KEPT_SECONDS = 86400 * 30


@dataclass(frozen=True, slots=True)
class FailingPasses:
    """Every pass that had due rows has failed since ``since``. ``error`` is the text of the newest error."""

    since: datetime
    error: str


def note_failed(model: str, account: str, error: str) -> None:
    """Record that an error ended a pass over the rows of this model and account."""
    with suppress(Exception):
        earlier, now = failing_passes(account, (model,)), utc_now()
        since = min(earlier.since, now) if earlier else now  # a wrong clock may have stored a future time
        _cache().set(_key(model, account), (since.timestamp(), error), FAILURE_KEPT_SECONDS)


def note_completed(model: str, account: str) -> None:
    """Delete the stored failure of this model and account. Call this after a pass that polled rows and had no error.
    Never raises.
    """
    with suppress(Exception):
        _cache().delete(_key(model, account))


def failing_passes(account: str, models: Iterable[str] = MODELS) -> FailingPasses | None:
    """Return since when passes of the account have failed, with the error; None if they do not fail.

    If passes fail for several models, the model that has failed for the longest time is returned.
    """
    with suppress(Exception):
        found = _cache().get_many([_key(model, account) for model in models])
        if found:
            since, error = min(found.values())
            return FailingPasses(datetime.fromtimestamp(since, UTC), str(error))
    return None


def note_pass() -> None:
    """Record that a worker or ``skinsback_poll`` has looked for due rows."""
    with suppress(Exception):
        _cache().set(_LAST_LOOK, utc_now().timestamp(), LAST_PASS_KEPT_SECONDS)


def last_pass() -> datetime | None:
    """Return when a process that shares the cache last looked for due rows; None if the cache has no note of it."""
    with suppress(Exception):
        if (time := _cache().get_many([_LAST_LOOK]).get(_LAST_LOOK)) is not None:
            return datetime.fromtimestamp(time, UTC)
    return None


def is_shared() -> bool:
    """Return whether processes share the cache."""
    return not conf.cache_backend().endswith(conf.PER_PROCESS_CACHES)


def _cache() -> SiteCache:
    return SiteCache(conf.get("CACHE"))


def _key(model: str, account: str) -> str:
    return f"skinsback:failing_passes:{model}:{account}"
