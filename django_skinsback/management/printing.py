"""Standard output and standard error of a command. A failed write never ends the command."""

import os
import sys
from contextlib import suppress
from typing import Any


def in_ascii(text: str) -> str:
    """The text with backslash escapes for what is not ASCII, which every terminal prints."""
    return text.encode("ascii", "backslashreplace").decode()


class Stream:
    """A stream that flushes what it writes and never raises, so that no terminal hides a purchase.

    Characters that its encoding lacks are escaped. If it is closed, gone or full, ``failed`` is True, and the rest goes
    to ``instead``, in ASCII.
    """

    def __init__(self, out: Any, instead: "Stream | None" = None) -> None:
        self.failed = False
        self._out = out  # None where the process was started without it
        self._instead = instead

    def write(self, text: str) -> None:
        if not self.failed:
            try:
                self._write(text)
            except (OSError, ValueError, AttributeError):
                self.failed = True
                self._discard()
            else:
                return
        if self._instead is not None:
            self._instead.write(in_ascii(text))

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
        except UnicodeEncodeError:
            self._out.write(in_ascii(text))
        self._out.flush()

    def flush(self) -> None:
        """Nothing is left to flush."""

    def isatty(self) -> bool:
        return not self.failed and hasattr(self._out, "isatty") and bool(self._out.isatty())

    def _discard(self) -> None:
        """Throw away what is left: Python flushes its own streams when it ends, and ends with 120 if it cannot."""
        if self._out is None or not (self._out is sys.stdout or self._out is sys.stderr):
            return
        with suppress(Exception), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a number is wanted, not a path
            os.dup2(nowhere.fileno(), self._out.fileno())
