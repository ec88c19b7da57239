"""Tools for commands that run until they are stopped: a periodic summary, and signals that stop the command."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SUMMARY_SECONDS, IDLE_SUMMARY_SECONDS = 60.0, 600.0
"""Seconds between two summaries. The second number is used if no row was due and no job failed."""


class PeriodicSummary:
    """Adds up the results of jobs and prints a summary every minute. If no row is due, prints it every ten minutes.

    ``print_line`` is called with the text of the summary, and with the values of the summary as keyword arguments.
    """

    def __init__(self, print_line: Callable[..., object], clock: Callable[[], float] = time.monotonic) -> None:
        self._print_line = print_line
        self._clock = clock
        self._reset()

    def _reset(self) -> None:
        self._since = self._clock()
        self._runs: Counter[str] = Counter()
        self._failed: dict[str, str] = {}
        self._due = self._changed = 0

    def add(self, job: str, result: Any) -> None:
        """Add the result of one job, and print the summary if it is due. ``result`` may be an exception."""
        self._runs[job] += 1
        self._due += getattr(result, "asked", 0)
        self._changed += getattr(result, "changed", 0)
        problem = result if isinstance(result, Exception) else getattr(result, "stopped_by", "")
        if problem:
            self._failed[job] = str(problem) or type(problem).__name__
        self.print_if_due()

    def print_if_due(self) -> None:
        """Print the summary if the time since the last summary is long enough."""
        interval = SUMMARY_SECONDS if self._due or self._failed else IDLE_SUMMARY_SECONDS
        if self._clock() - self._since >= interval:
            self.print()

    def print(self) -> None:
        """Print what the jobs did since the last summary. Print nothing if no job has run since then."""
        if not self._runs:
            return
        seconds = round(self._clock() - self._since)
        done = ", ".join(f"{job} {runs}" for job, runs in self._runs.items())
        text = f"in {seconds} s: {self._due} rows due, {self._changed} changed; done: {done}"
        text += "".join(f"\n  {job} failed: {error}" for job, error in self._failed.items())
        values = {"seconds": seconds, "asked": self._due, "changed": self._changed}
        self._print_line(text, **values, runs=dict(self._runs), failed=dict(self._failed))
        self._reset()


@contextmanager
def stop_signals(grace_seconds: float | None = None) -> Iterator[Callable[[], bool]]:
    """Handle SIGTERM and Ctrl-C in this block. Yield a function that returns True after the first signal.

    A second signal ends the process. With ``grace_seconds``, KeyboardInterrupt is raised ``grace_seconds`` after the
    first signal. Windows has no timer for this, so there only a second signal ends the process. In a thread other than
    the main thread, no signal is handled, because Python forbids it.
    """
    received: list[int] = []
    before: dict[int, Any] = {}
    in_main_thread = threading.current_thread() is threading.main_thread()
    timed = grace_seconds is not None and in_main_thread and hasattr(signal, "setitimer")

    def receive(number: int, _frame: Any) -> None:
        received.append(number)
        signal.signal(number, before[number])
        if timed:
            signal.setitimer(signal.ITIMER_REAL, grace_seconds or 0)

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    if timed:
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, interrupt)
    if in_main_thread:
        before |= {number: signal.signal(number, receive) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(received)
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
