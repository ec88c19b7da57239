"""The cache in which the processes of a site share slots and pauses."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

logger = logging.getLogger("django_skinsback")

RETRY_SECONDS = 5.0
"""After a failure the cache is not used for this long, because each call to a cache that is down may take seconds."""


class CacheFailed(Exception):
    """The cache raised an error, or an answer that cannot be true."""


class SiteCache:
    """Django's cache ``alias``, looked up for each operation, because Django keeps one object for each thread.

    A database cache raises RuntimeError inside a database transaction: other processes would wait for the end of the
    transaction, and a rollback would forget calls that were made.
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
    """A cache that raises CacheFailed and nothing else. The beginning and the end of an outage are logged once.

    ``cache`` has the methods of Django's caches. Only ``add`` has to be atomic: the ``incr`` of Django's database and
    file caches is not.
    """

    def __init__(self, cache: Any, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._clock = clock
        self._failed_at: float | None = None

    @property
    def has_failed(self) -> bool:
        """Whether no key could be added since the last failure."""
        return self._failed_at is not None

    def call(self, operation: str, *arguments: Any) -> Any:
        """Call ``add``, ``get_many``, ``set`` or ``delete``. Raises CacheFailed on an error and for 5 seconds after."""
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
        """Raise CacheFailed if ``add`` refused these keys though the cache has none of them.

        Some caches answer like that to hide an outage.
        """
        if not self.call("get_many", keys):
            self._fail("KeysNotAdded")
            raise CacheFailed

    def _fail(self, error: str) -> None:
        if self._failed_at is None:
            logger.error("skinsback.limit_cache_failed", extra={"error": error})
        self._failed_at = self._clock()
