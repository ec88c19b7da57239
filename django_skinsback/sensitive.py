"""Text whose ``repr`` does not show it: secrets, trade URLs, their tokens, and addresses with a password."""

from typing import TypeVar, overload

T = TypeVar("T")


class SensitiveText(str):
    """Text whose ``repr`` does not show it. ``str()`` and formatting return the text.

    Debug pages, mails to administrators and error trackers show the ``repr`` of local variables. Django's
    ``sensitive_variables`` does not hide them while DEBUG is on. Modules that do not use Django cannot import it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"


@overload
def hide(value: str) -> SensitiveText: ...
@overload
def hide(value: T) -> T: ...
def hide(value: object) -> object:
    """Return text as SensitiveText. Return another value unchanged. A function calls it first for a secret argument."""
    return SensitiveText(value) if isinstance(value, str) else value
