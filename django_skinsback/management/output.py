"""What a command that runs for ever has done, told now and then, and how it is stopped."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TELL_SECONDS, TELL_IDLE_SECONDS = 60.0, 600.0


class Diary:
    """Adds up what jobs did; ``tell`` (text, values) is called once a minute, and every ten if there is no news."""

    def __init__(self, tell: Callable[..., object], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._since = self._clock()
        self._runs: Counter[str] = Counter()
        self._failed: dict[str, str] = {}
        self._asked = self._changed = 0

    def note(self, job: str, result: Any) -> None:
        """Add what came of one job: what its flow returned, or the exception."""
        self._runs[job] += 1
        self._asked += getattr(result, "asked", 0)
        self._changed += getattr(result, "changed", 0)
        problem = result if isinstance(result, Exception) else getattr(result, "stopped_by", "")
        if problem:
            self._failed[job] = str(problem) or type(problem).__name__
        self.tell_if_due()

    def tell_if_due(self) -> None:
        news = self._asked or self._failed
        if self._clock() - self._since >= (TELL_SECONDS if news else TELL_IDLE_SECONDS):
            self.tell()

    def tell(self) -> None:
        """Say what was done since the last time."""
        if not self._runs:
            return
        seconds = round(self._clock() - self._since)
        done = ", ".join(f"{job} {runs}" for job, runs in self._runs.items())
        text = f"in {seconds} s: {self._asked} rows due, {self._changed} changed; done: {done}"
        text += "".join(f"\n  {job} was ended by an error: {error}" for job, error in self._failed.items())
        values = {"seconds": seconds, "asked": self._asked, "changed": self._changed}
        self._tell(text, **values, runs=dict(self._runs), failed=dict(self._failed))
        self._begin()


@contextmanager
def stop_signals(grace_seconds: float | None = None) -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether SIGTERM or Ctrl-C was sent. The second one ends the process at once.

    ``grace_seconds`` after the first one KeyboardInterrupt is raised, where the system has a timer for that.
    """
    heard: list[int] = []
    before: dict[int, Any] = {}
    in_main_thread = threading.current_thread() is threading.main_thread()
    timed = grace_seconds is not None and in_main_thread and hasattr(signal, "setitimer")

    def hear(number: int, _frame: Any) -> None:
        heard.append(number)
        signal.signal(number, before[number])
        if timed:
            signal.setitimer(signal.ITIMER_REAL, grace_seconds or 0)

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    if timed:
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, interrupt)
    if in_main_thread:
        before |= {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(heard)
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
