"""The sandbox's clock. Tests and the control page can move the clock forward."""

import threading
import time
from collections.abc import Callable


class Clock:
    """A clock that shows the real time plus an offset. With ``frozen=True``, only ``advance`` moves the clock.

    The clock begins at ``start`` (UNIX seconds). If ``start`` is None, the clock begins at the real time.
    """

    def __init__(self, *, start: float | None = None, frozen: bool = False) -> None:
        self._lock = threading.Lock()
        self._frozen_at = (start if start is not None else float(int(time.time()))) if frozen else None
        self._offset = start - time.time() if start is not None and not frozen else 0.0
        self.on_advance: Callable[[], None] | None = None

    @property
    def frozen(self) -> bool:
        """True if only ``advance`` moves the clock."""
        return self._frozen_at is not None

    @property
    def offset(self) -> float:
        """The seconds by which the clock is ahead of the real time. Negative if the clock is behind."""
        return self.now() - time.time()

    def now(self) -> float:
        """Return the sandbox's time in UNIX seconds."""
        with self._lock:
            return self._frozen_at if self._frozen_at is not None else time.time() + self._offset

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> float:
        """Move the clock forward, run the scheduled actions that are due, and return the new time in UNIX seconds.

        Raise ValueError for a negative step and for a step of more than a hundred years.
        """
        step = seconds + 60 * (minutes + 60 * (hours + 24 * days))
        if not 0 <= step <= 100 * 366 * 86400:
            raise ValueError("The sandbox's clock moves forward only, by at most a hundred years.")
        with self._lock:
            if self._frozen_at is not None:
                self._frozen_at += step
            else:
                self._offset += step
        if self.on_advance is not None:
            self.on_advance()
        return self.now()
