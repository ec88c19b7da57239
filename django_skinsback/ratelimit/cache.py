"""Where slots and pauses are kept: the cache all processes share, and this process's own memory for when it fails."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

logger = logging.getLogger("django_skinsback")

ASKED_AGAIN_AFTER_SECONDS = 5.0


class CacheBroken(Exception):
    """The shared cache does not do what it is asked."""


class Cache(Protocol):
    """The operations that are the same in every cache of Django. Only ``add`` has to be atomic."""

    def add(self, key: str, value: Any, timeout: Any) -> Any: ...
    def get_many(self, keys: Iterable[str]) -> Mapping[str, Any]: ...
    def set(self, key: str, value: Any, timeout: Any) -> Any: ...
    def delete(self, key: str) -> Any: ...


class Shared:
    """The shared cache. Whatever it raises is CacheBroken, and then it is left alone for a few seconds.

    A cache that is down may let each caller wait for seconds, so not every call may try it. An outage is logged once.
    """

    def __init__(self, cache: Cache, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._clock = clock
        self._failed_at: float | None = None
        self._silent = False

    @property
    def is_silent(self) -> bool:
        """Whether it was found to say no and to keep nothing, as some caches do that hide an outage."""
        return self._silent

    def refuse_silence(self, keys: Iterable[str]) -> None:
        """Raise CacheBroken if none of these keys is there, though it would not add them."""
        if not self.get_many(keys):
            self._silent = True
            self._fail("Silence")
            raise CacheBroken

    def add(self, key: str, value: Any, timeout: int) -> bool:
        return bool(self._ask("add", key, value, timeout))

    def get_many(self, keys: Iterable[str]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._ask("get_many", keys)
        return found

    def set(self, key: str, value: Any, timeout: int) -> None:
        self._ask("set", key, value, timeout)

    def delete(self, key: str) -> None:
        self._ask("delete", key)

    def _ask(self, operation: str, *arguments: Any) -> Any:
        failed_at = self._failed_at
        if failed_at is not None and 0 <= self._clock() - failed_at < ASKED_AGAIN_AFTER_SECONDS:
            raise CacheBroken
        try:
            answer = getattr(self._cache, operation)(*arguments)
        except Exception as error:
            self._fail(type(error).__name__)
            raise CacheBroken from error
        if failed_at is not None and (not self._silent or (operation == "add" and answer)):
            self._failed_at, self._silent = None, False
            logger.info("skinsback.limit_cache_back")
        return answer

    def _fail(self, error: str) -> None:
        if self._failed_at is None:
            logger.error("skinsback.limit_cache_broken", extra={"error": error})
        self._failed_at = self._clock()
