"""Measures two contestants in turns, so that noise of the machine affects both equally."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Paired:
    """Ratios of A's time to B's for each pair, and the median time of each in seconds."""

    ratios: Sequence[float]
    a_seconds: float
    b_seconds: float

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.ratios) < 2:
            return self.ratios[0], self.ratios[0]
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high


def paired(
    a: Run, b: Run, *, pairs: int, each: int = 1, warm_up: int = 3, clock: Callable[[], float] = time.perf_counter
) -> Paired:
    """Run ``a`` and ``b`` in turns, ``each`` times for a sample; the order changes with every pair."""
    for _ in range(warm_up):
        a()
        b()
    a_times, b_times = [], []
    for number in range(pairs):
        order = ((a, a_times), (b, b_times))
        for run, times in order if number % 2 else order[::-1]:
            start = clock()
            for _ in range(each):
                run()
            times.append((clock() - start) / each)
    return Paired(
        [mine / theirs for mine, theirs in zip(a_times, b_times, strict=True)],
        statistics.median(a_times),
        statistics.median(b_times),
    )
