"""The callback that long work calls with the number of rows that it has processed."""

from collections.abc import Callable

OnProgress = Callable[[int], object]
"""A callback that gets the number of rows processed since its last call. If it raises an exception, the work ends."""


def no_progress(_rows: int) -> None:
    """Do nothing. This is the default of ``on_progress``."""
