"""The cache through which the processes of a site share slots and pauses."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

logger = logging.getLogger("django_skinsback")

RETRY_SECONDS = 5.0
"""The seconds after a failure in which the cache is not used.

Each operation on a cache that is down may take several seconds.
"""


class CacheFailed(Exception):
    """The cache has raised an error or given an impossible answer, now or within the last 5 seconds."""


class SiteCache:
    """The cache ``alias`` of the setting CACHES. It has the same methods as Django's cache.

    The cache object is looked up for each operation, because Django has one object for each thread.

    Inside a database transaction, an operation on a database cache raises RuntimeError. Without this error, other
    processes would wait for the end of the transaction, and a rollback would delete slots of calls that were sent.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def __getattr__(self, operation: str) -> Any:
        from django.core.cache import caches
        from django.core.cache.backends.db import BaseDatabaseCache
        from django.db import connections, router

        cache: Any = caches[self._alias]
        if isinstance(cache, BaseDatabaseCache):
            database = router.db_for_write(cache.cache_model_class)
            if connections[database].in_atomic_block:
                raise RuntimeError("A database cache cannot be used inside a database transaction.")
        return getattr(cache, operation)


class SharedCache:
    """A cache whose operations raise only CacheFailed. The start and the end of an outage are each logged once.

    ``cache`` has the methods of a Django cache. Its ``add`` must be atomic. ``incr`` is not used, because ``incr`` is
    not atomic in Django's database and file caches.
    """

    def __init__(self, cache: Any, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._clock = clock
        self._failed_at: float | None = None

    @property
    def has_failed(self) -> bool:
        """True after an operation has failed, until ``add`` succeeds again."""
        return self._failed_at is not None

    def call(self, operation: str, *arguments: Any) -> Any:
        """Call ``add``, ``get_many``, ``set`` or ``delete`` of the cache, and return the result.

        Raise CacheFailed if the operation fails. In the next 5 seconds, raise CacheFailed without an operation.
        """
        if self._failed_at is not None and 0 <= self._clock() - self._failed_at < RETRY_SECONDS:
            raise CacheFailed
        try:
            answer = getattr(self._cache, operation)(*arguments)
        except Exception as error:
            self._fail(type(error).__name__)
            raise CacheFailed from error
        if self._failed_at is not None and operation == "add" and answer:
            self._failed_at = None
            logger.info("skinsback.limit_cache_recovered")
        return answer

    def check_refusal(self, keys: Iterable[str]) -> None:
        """Raise CacheFailed if the cache contains none of these keys. Call it if ``add`` returned False for all keys.

        During an outage, ``add`` of some caches always returns False instead of raising an error.
        """
        if not self.call("get_many", keys):
            self._fail("KeysNotAdded")
            raise CacheFailed

    def _fail(self, error: str) -> None:
        if self._failed_at is None:
            logger.error("skinsback.limit_cache_failed", extra={"error": error})
        self._failed_at = self._clock()
