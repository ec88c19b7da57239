"""SensitiveText: a str for secrets, trade URLs, trade tokens and addresses with a password. Its ``repr`` is masked."""

import re
from typing import TypeVar, overload

T = TypeVar("T")

KEY = re.compile(r"[\x21-\x7e]+")
"""Matches a valid Client ID or Client Secret: printable ASCII characters without blanks."""


class SensitiveText(str):
    """A str whose ``repr`` is ``'********'``. ``str()`` and formatting return the real text.

    Debug pages, mails to administrators and error trackers show the ``repr`` of local variables. Django's
    ``sensitive_variables`` is not enough. It hides nothing while DEBUG is on, and modules that do not use Django cannot
    import it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"


@overload
def hide(value: str) -> SensitiveText: ...
@overload
def hide(value: T) -> T: ...
def hide(value: object) -> object:
    """Return ``value`` as SensitiveText if it is a str. Return any other value unchanged.

    Call this in the first line of a function that has a secret argument.
    """
    return SensitiveText(value) if isinstance(value, str) else value


def is_key(value: object) -> bool:
    """Return whether ``value`` can be a Client ID or Client Secret."""
    return isinstance(value, str) and KEY.fullmatch(value) is not None
