"""Virtual time for many simulated processes in one real process."""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable


class Clock:
    """A clock in UNIX seconds that advances by ``sleep``."""

    def __init__(self, now: float = 1_800_000_000.0):
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Cache:
    """A cache that all simulated processes share. Its keys expire by the virtual clock."""

    def __init__(self, clock: Callable[[], float], pause: Callable[[], object] = lambda: None):
        self._clock = clock
        self._pause = pause
        self.kept: dict[str, tuple[float, object]] = {}
        self.operations = 0

    def _begin(self):
        self.operations += 1
        self._pause()

    def add(self, key: str, value: object, timeout: int) -> bool:
        self._begin()
        if self._get(key) is not None:
            return False
        self.kept[key] = (self._clock() + timeout, value)
        return True

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        self._begin()
        return {key: value for key in keys if (value := self._get(key)) is not None}

    def set(self, key: str, value: object, timeout: int) -> None:
        self._begin()
        self.kept[key] = (self._clock() + timeout, value)

    def delete(self, key: str) -> None:
        self._begin()
        self.kept.pop(key, None)

    def _get(self, key: str) -> object:
        end, value = self.kept.get(key, (0, None))
        return value if self._clock() < end else None


class Simulation:
    """Runs simulated processes one at a time until each sleeps; then time jumps to the next one that wakes."""

    def __init__(self, start: float = 1_800_000_000.0):
        self._now = start
        self._waking: list[tuple[float, int, threading.Semaphore]] = []
        self._order = itertools.count()
        self._mine = threading.local()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []

    def now(self) -> float:
        """UNIX seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Sleep; called by a simulated process."""
        self._wake_at(self._now + seconds, self._mine.turn)
        self._idle.release()
        self._mine.turn.acquire()

    def start(self, work: Callable[[], object]) -> None:
        turn = threading.Semaphore(0)

        def live():
            self._mine.turn = turn
            turn.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised in the test
                self.errors.append(error)
            finally:
                self._idle.release()

        thread = threading.Thread(target=live, daemon=True)
        self._threads.append(thread)
        self._wake_at(self._now, turn)
        thread.start()

    def run(self) -> None:
        """Run until every process has ended."""
        while self._waking:
            self._now, _, turn = heapq.heappop(self._waking)
            turn.release()
            self._idle.acquire()
        for thread in self._threads:
            thread.join(timeout=10)
        for error in self.errors:
            raise error

    def _wake_at(self, moment: float, turn: threading.Semaphore) -> None:
        heapq.heappush(self._waking, (moment, next(self._order), turn))
