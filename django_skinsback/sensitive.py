"""Text that no ``repr`` shows: trade URLs, their tokens, addresses that hold a password."""

from typing import TypeVar

T = TypeVar("T")


class SensitiveText(str):
    """A text whose ``repr`` hides it. ``str()`` and formatting give the text itself.

    Debug pages, mails to administrators and error trackers print the local variables of a traceback by ``repr``.
    Django's ``sensitive_variables`` does not hide them while DEBUG is on, and cannot be imported below Django.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"


def hide(value: T) -> T:
    """The same text, hidden; anything else as it is. A function that is given a secret begins with this."""
    return SensitiveText(value) if isinstance(value, str) else value  # type: ignore[return-value] # a text is a text
