"""Sizes of the benchmarks: full, quick, and tiny for the tests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of pairs, of requests in a burst, of calls and starts, and of rows for the small and large cases."""

    deliveries: int
    bursts: int
    burst: int
    calls: int
    starts: int
    purchases: tuple[int, int]
    items: tuple[int, int]
    deposits: int
    rounds: int
    limiter_seconds: float
    admin_rows: tuple[int, int]
    admin_runs: int


FULL = Scale(
    deliveries=800,
    bursts=40,
    burst=60,
    calls=800,
    starts=40,
    purchases=(1000, 100_000),
    items=(20_000, 200_000),
    deposits=20_000,
    rounds=3,
    limiter_seconds=60,
    admin_rows=(1000, 1_000_000),
    admin_runs=25,
)
QUICK = Scale(
    deliveries=200,
    bursts=5,
    burst=30,
    calls=300,
    starts=5,
    purchases=(1000, 5000),
    items=(5000, 20_000),
    deposits=3000,
    rounds=2,
    limiter_seconds=20,
    admin_rows=(1000, 50_000),
    admin_runs=10,
)
TINY = Scale(
    deliveries=4,
    bursts=2,
    burst=4,
    calls=4,
    starts=2,
    purchases=(20, 100),
    items=(50, 100),
    deposits=50,
    rounds=1,
    limiter_seconds=1,
    admin_rows=(900, 1000),
    admin_runs=1,
)
SCALES = {"full": FULL, "quick": QUICK, "tiny": TINY}
