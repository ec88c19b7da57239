"""Streams for standard output and standard error of a command. If a write fails, no exception is raised."""

import os
import sys
from contextlib import suppress
from typing import Any


def in_ascii(text: str) -> str:
    """Return the text in ASCII, with backslash escapes for other characters. Every terminal can print it."""
    return text.encode("ascii", "backslashreplace").decode()


class Stream:
    """A stream that flushes each write and never raises an exception. So a bought purchase is always printed.

    Characters that the encoding does not contain are escaped. A write fails if the stream is closed or broken, or if
    the disk is full. Then ``failed`` becomes True. The text that was not written and all later texts are written to
    ``fallback``, in ASCII.
    """

    def __init__(self, out: Any, fallback: "Stream | None" = None) -> None:
        self.failed = False
        self._out = out  # None if the process was started without this stream
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

    def write_data(self, text: str) -> bool:
        """Write a part of a file in UTF-8. Return False if it cannot be written. It is not written to ``fallback``."""
        if not self.failed:
            try:
                binary = getattr(self._out, "buffer", None)
                if binary is None:
                    self._out.write(text)
                else:
                    binary.write(text.encode())
                self._out.flush()
            except (OSError, ValueError, AttributeError):
                self.failed = True
                self._discard()
        return not self.failed

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
        except UnicodeEncodeError:
            self._out.write(in_ascii(text))
        self._out.flush()

    def flush(self) -> None:
        """Do nothing. Each write is flushed already."""

    def isatty(self) -> bool:
        return not self.failed and hasattr(self._out, "isatty") and bool(self._out.isatty())

    def _discard(self) -> None:
        """Redirect the failed stream to the null device.

        Without this, Python flushes the stream again at exit, fails, and ends with exit code 120.
        """
        if self._out is None or not (self._out is sys.stdout or self._out is sys.stderr):
            return
        with suppress(Exception), open(os.devnull, "wb") as null:  # noqa: PTH123 - os.devnull is no path of a file
            os.dup2(null.fileno(), self._out.fileno())
