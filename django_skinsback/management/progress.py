"""Progress bars. A bar is shown only if standard error is a terminal and tqdm is installed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from ..flows.progress import OnProgress


class Progress:
    """Shows progress bars on standard error, one at a time. With ``wanted=False``, no bar is shown."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted

    @contextmanager
    def bar(
        self, what: str, *, total: int | Callable[[], int] | None = None, unit: str = "rows"
    ) -> Iterator[OnProgress]:
        """Show a bar and yield its progress callback. If no bar is shown, yield a callback that does nothing.

        ``total`` is the number of rows, or a function that returns the number, or None if the number is not known. The
        function is called only if a bar is shown.
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
        """Return a context manager that hides the bar while the block prints lines."""
        tqdm = sys.modules.get("tqdm")  # None if no bar was shown yet
        return tqdm.tqdm.external_write_mode() if tqdm and self._wanted else nullcontext()


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError:  # the extra "cli" is not installed
        return None
    return tqdm
