"""Progress bars on a terminal. There is none in a log or a pipe, or without tqdm."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

OnProgress = Callable[[int], object]
"""A progress callback: called with the number of rows that were done since the last call."""


class Progress:
    """Shows progress bars on standard error, one at a time."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted

    @contextmanager
    def bar(
        self, what: str, *, total: int | Callable[[], int] | None = None, unit: str = "rows"
    ) -> Iterator[OnProgress]:
        """Show a bar and yield its progress callback.

        ``total`` can be a function, which is called only if a bar is shown, or None if it is not known.
        """
        tqdm = _tqdm() if self._wanted and sys.stderr is not None and sys.stderr.isatty() else None
        if tqdm is None:
            yield lambda _count: None
            return
        with tqdm(
            desc=what, total=total() if callable(total) else total, unit=f" {unit}", leave=False, dynamic_ncols=True
        ) as bar:
            yield bar.update

    def paused(self) -> Any:
        """Return a context in which the bar is hidden, so that lines can be printed."""
        tqdm = sys.modules.get("tqdm")  # without the import no bar was shown
        return tqdm.tqdm.external_write_mode() if tqdm and self._wanted else nullcontext()


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError:  # the extra "cli" is not installed
        return None
    return tqdm
