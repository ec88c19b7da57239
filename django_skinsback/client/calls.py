"""A log record of every call at the level DEBUG: which method, how long it took, what came of it."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ..exceptions import APIError

logger = logging.getLogger("django_skinsback")

_NOTHING = nullcontext()


def noted(method: str) -> AbstractContextManager[None]:
    """A context in which one attempt is made; it writes nothing, and costs next to nothing, above DEBUG."""
    return _noted(method) if logger.isEnabledFor(logging.DEBUG) else _NOTHING


@contextmanager
def _noted(method: str, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    start, outcome, code = clock(), "ok", 0
    try:
        yield
    except BaseException as error:
        outcome, code = type(error).__name__, error.code if isinstance(error, APIError) else 0
        raise
    finally:
        seconds = round(clock() - start, 6)
        extra = {"method": method, "seconds": seconds, "outcome": outcome, "code": code}
        logger.debug("skinsback.called", extra=extra)
