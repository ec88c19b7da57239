"""A file that appears under its name only when it is complete."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.management.base import CommandError

from .command import NOT_DONE, USAGE


@contextmanager
def complete_file(name: str) -> Iterator[Callable[[str], bool]]:
    """Yield a function that writes text in UTF-8. At the end of the block, give the file its name.

    Until then, the text is in a temporary file of the same folder. If the block raises an exception, the temporary
    file is deleted, and an earlier file with this name stays as it was. Only the owner may read the file. Raise
    CommandError if the file cannot be written.
    """
    path = Path(name).resolve()
    if path.exists() and not path.is_file():
        raise CommandError(f"{name} is not a file.", returncode=USAGE)
    try:
        number, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}.", returncode=USAGE) from error
    try:
        with open(number, "wb") as file:  # noqa: PTH123 - an open file, not a path

            def write(text: str) -> bool:
                file.write(text.encode())
                return True

            yield write
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}.", returncode=NOT_DONE) from error
    finally:
        with suppress(OSError):  # it has its name already
            Path(temporary).unlink()
