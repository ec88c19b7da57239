"""Runs histories from a seed. The same seed gives the same histories."""

from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .history import History, tally

STEPS = 30


def run(number: int, *, histories: int, steps: int = STEPS, shrink: bool = True) -> Counter[str]:
    """Run ``histories`` histories of seed ``number`` and return what they contained, as counts.

    Raises the error of the shortest history that fails; with ``shrink=False``, of the first one.
    """
    before = tally.copy()

    class Seeded(History):
        pass

    run_state_machine_as_test(
        seed(number)(Seeded),
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            database=None,
            deadline=None,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
    return tally - before
