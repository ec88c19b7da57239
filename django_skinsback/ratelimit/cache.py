"""The cache in which the processes of a site share slots and pauses."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

logger = logging.getLogger("django_skinsback")

RETRY_SECONDS = 5.0
"""The cache is not used for this long after a failure. Each operation on a cache that is down may take seconds."""


class CacheFailed(Exception):
    """The cache raised an error or gave an impossible answer, now or in the last 5 seconds."""


class SiteCache:
    """Django's cache ``alias``. It is looked up for each operation, because Django keeps one object for each thread.

    A database cache raises RuntimeError inside a database transaction. Otherwise other processes would wait for the
    end of the transaction, and a rollback would delete the slots of calls that were sent.
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
    """A cache that raises only CacheFailed. It logs the beginning and the end of an outage, each once.

    ``cache`` has the methods of Django's caches. Only ``add`` has to be atomic. ``incr`` is not used, because it is not
    atomic in Django's database and file caches.
    """

    def __init__(self, cache: Any, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._clock = clock
        self._failed_at: float | None = None

    @property
    def has_failed(self) -> bool:
        """Whether an operation failed and no key was added since."""
        return self._failed_at is not None

    def call(self, operation: str, *arguments: Any) -> Any:
        """Call ``add``, ``get_many``, ``set`` or ``delete``. Raise CacheFailed on an error and for 5 seconds after."""
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
        """Raise CacheFailed if the cache contains none of these keys. Call this after ``add`` refused all of them.

        Some caches refuse every ``add`` during an outage instead of raising an error.
        """
        if not self.call("get_many", keys):
            self._fail("KeysNotAdded")
            raise CacheFailed

    def _fail(self, error: str) -> None:
        if self._failed_at is None:
            logger.error("skinsback.limit_cache_failed", extra={"error": error})
        self._failed_at = self._clock()
