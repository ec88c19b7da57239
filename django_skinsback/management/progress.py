"""A progress bar for a person at a terminal; nothing in a log, in a pipe, or where tqdm is not installed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

Advance = Callable[[int], object]


class Progress:
    """Shows bars on standard error, one at a time, and makes room for what is printed meanwhile."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted

    @contextmanager
    def bar(self, what: str, *, total: int | Callable[[], int] | None = None, unit: str = "rows") -> Iterator[Advance]:
        """A bar that moves by what the yielded function is told.

        ``total`` may be a function, called only where there is a bar; it is left out where nobody knows it.
        """
        tqdm = _tqdm() if self._wanted and sys.stderr is not None and sys.stderr.isatty() else None
        if tqdm is None:
            yield lambda _count: None
            return
        with tqdm(
            desc=what, total=total() if callable(total) else total, unit=f" {unit}", leave=False, dynamic_ncols=True
        ) as bar:
            yield bar.update

    def room(self) -> Any:
        """A context in which lines can be printed without running into a bar."""
        tqdm = sys.modules.get("tqdm")  # no bar was ever shown where it was not imported
        return tqdm.tqdm.external_write_mode() if tqdm and self._wanted else nullcontext()


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError:  # the extra "cli" is not installed
        return None
    return tqdm
