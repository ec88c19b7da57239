"""Notes about sweeps: the time of the last sweep, and the time since which sweeps fail.

The notes are stored in the site's cache. ``health`` and ``skinsback_check`` read them. Without the notes, an outage in
which every call fails would be invisible: each sweep postpones its rows, so no row is overdue, and no row is flagged.
Errors of the cache are ignored.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ... import conf
from ...models.fields import utc_now
from ...ratelimit import SiteCache

FAILURE_KEPT_SECONDS = 1800
"""The seconds for which the cache keeps the note of a failed sweep.

This is longer than the longest delay of a row after an error. So the next failed sweep finds the note.
"""

MODELS = ("Deposit", "Purchase")

_LAST_SWEEP = "skinsback:last_sweep"
LAST_SWEEP_KEPT_SECONDS = 86400 * 30


@dataclass(frozen=True, slots=True)
class FailingSweeps:
    """Every sweep with due rows has failed since the time ``since``. ``error`` is the text of the newest error."""

    since: datetime
    error: str


def note_failed(model: str, account: str, error: str) -> None:
    """Store that an error ended a sweep of this model and account. Never raises."""
    with suppress(Exception):
        earlier, now = failing_sweeps(account, (model,)), utc_now()
        since = min(earlier.since, now) if earlier else now  # a wrong clock may have stored a future time
        _cache().set(_key(model, account), (since.timestamp(), error), FAILURE_KEPT_SECONDS)


def note_completed(model: str, account: str) -> None:
    """Delete the note of failed sweeps of this model and account. Never raises.

    Call this after a sweep that polled rows without an error.
    """
    with suppress(Exception):
        _cache().delete(_key(model, account))


def failing_sweeps(account: str, models: Iterable[str] = MODELS) -> FailingSweeps | None:
    """Return the note about failing sweeps of the account. Return None if sweeps do not fail.

    If the sweeps of several models fail, return the note of the model whose sweeps have failed for the longest time.
    """
    with suppress(Exception):
        found = _cache().get_many([_key(model, account) for model in models])
        if found:
            since, error = min(found.values())
            return FailingSweeps(datetime.fromtimestamp(since, UTC), str(error))
    return None


def note_sweep() -> None:
    """Store that a worker or ``skinsback_poll`` has swept the due rows now. Never raises."""
    with suppress(Exception):
        _cache().set(_LAST_SWEEP, utc_now().timestamp(), LAST_SWEEP_KEPT_SECONDS)


def last_sweep() -> datetime | None:
    """Return the time of the last sweep by a process that shares the cache. Return None if the cache has no note."""
    with suppress(Exception):
        if (time := _cache().get_many([_LAST_SWEEP]).get(_LAST_SWEEP)) is not None:
            return datetime.fromtimestamp(time, UTC)
    return None


def is_shared() -> bool:
    """Return whether all processes of the site share the cache."""
    return not conf.cache_backend().endswith(conf.PER_PROCESS_CACHES)


def _cache() -> SiteCache:
    return SiteCache(conf.get("CACHE"))


def _key(model: str, account: str) -> str:
    return f"skinsback:failing_sweeps:{model}:{account}"
