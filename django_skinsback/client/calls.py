"""A log record at level DEBUG for every attempt of a call. The record contains the method, duration and outcome."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ..exceptions import APIError

logger = logging.getLogger("django_skinsback")

_NO_LOG = nullcontext()


def log_call(method: str) -> AbstractContextManager[None]:
    """Return a context manager that logs one attempt. If the log level DEBUG is off, it does nothing."""
    return _log_call(method) if logger.isEnabledFor(logging.DEBUG) else _NO_LOG


@contextmanager
def _log_call(method: str, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    start, outcome, code = clock(), "ok", 0
    try:
        yield
    except BaseException as error:
        outcome, code = type(error).__name__, error.code if isinstance(error, APIError) else 0
        raise
    finally:
        seconds = round(clock() - start, 6)
        extra = {"method": method, "seconds": seconds, "outcome": outcome, "code": code}
        logger.debug("skinsback.call_finished", extra=extra)
