"""Standard output and standard error of a command. A failed write never ends the command."""

import os
import sys
from contextlib import suppress
from typing import Any


def in_ascii(text: str) -> str:
    """Return the text in ASCII, with backslash escapes, which every terminal can print."""
    return text.encode("ascii", "backslashreplace").decode()


class Stream:
    """A stream that flushes each write and never raises: a purchase must be printed on any terminal.

    Characters that the encoding lacks are escaped. After a failed write (closed, broken or full), ``failed`` is True
    and the output goes to ``fallback``, in ASCII.
    """

    def __init__(self, out: Any, fallback: "Stream | None" = None) -> None:
        self.failed = False
        self._out = out  # None if the process was started without it
        self._fallback = fallback

    def write(self, text: str) -> None:
        if not self.failed:
            try:
                self._write(text)
            except (OSError, ValueError, AttributeError):
                self.failed = True
                self._discard()
            else:
                return
        if self._fallback is not None:
            self._fallback.write(in_ascii(text))

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
        except UnicodeEncodeError:
            self._out.write(in_ascii(text))
        self._out.flush()

    def flush(self) -> None:
        """Do nothing: each write is flushed."""

    def isatty(self) -> bool:
        return not self.failed and hasattr(self._out, "isatty") and bool(self._out.isatty())

    def _discard(self) -> None:
        """Redirect to the null device: Python flushes its streams at exit, and exits with 120 if that fails."""
        if self._out is None or not (self._out is sys.stdout or self._out is sys.stderr):
            return
        with suppress(Exception), open(os.devnull, "wb") as null:  # noqa: PTH123 - os.devnull is no path of a file
            os.dup2(null.fileno(), self._out.fileno())
