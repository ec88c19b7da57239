"""The sandbox's own time, so that an eight-day hold passes at once."""

import threading
import time
from collections.abc import Callable


class Clock:
    """Real time plus an offset, or, when ``frozen``, a time that moves only by ``advance``.

    ``start`` (UNIX seconds) sets the time to begin at. Time never goes back: state that was saved
    by an earlier run must not lie in the future.
    """

    def __init__(self, *, start: float | None = None, frozen: bool = False) -> None:
        self._lock = threading.Lock()
        self._frozen_at = (start if start is not None else float(int(time.time()))) if frozen else None
        self._offset = start - time.time() if start is not None and not frozen else 0.0
        self.on_advance: Callable[[], None] | None = None

    @property
    def frozen(self) -> bool:
        """Whether only ``advance`` moves the time."""
        return self._frozen_at is not None

    @property
    def offset(self) -> float:
        """Seconds the sandbox is ahead of real time (negative: behind)."""
        return self.now() - time.time()

    def now(self) -> float:
        """UNIX seconds in the sandbox."""
        with self._lock:
            return self._frozen_at if self._frozen_at is not None else time.time() + self._offset

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> float:
        """Move the time forward; whatever fell due happens before this returns. Answers the new time."""
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
