"""Reading one value of SkinsBack's, whose numbers may be text and whose lists may be objects.

Every function here takes anything and never raises: what cannot be read is empty or None.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..exceptions import InvalidInput
from ..money import MAX_DIGITS, parse_amount, parse_currency, parse_number
from .fields import Number
from .signing import php_float

TEXT_LIMIT = 255
URL_LIMIT = 2000
ID_LIMIT = 64
STEAM_ID_LIMIT = 20

_FIRST_YEAR, _LAST_YEAR = 1971, 2100
_UNIX_TIME = re.compile(r"([0-9]{1,11})(?:\.[0-9]+)?")
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FLAGS = {"1": True, "true": True, "0": False, "false": False}


def text(value: object, limit: int = TEXT_LIMIT) -> str:
    """An id or a word, verbatim; empty if it is neither text nor number, too long, or not storable."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    if isinstance(value, int) and value.bit_length() > 64:
        return ""
    # str() of a str subclass: a Number leaves here as plain text.
    words = str(value)
    return "" if len(words) > limit or _UNSTORABLE.search(words) else words


def identifier(value: object) -> str:
    """An id, ours or theirs."""
    return text(value, ID_LIMIT)


def steam_id(value: object) -> str:
    """Somebody's Steam ID."""
    return text(value, STEAM_ID_LIMIT)


def amount(value: object) -> Decimal | None:
    """An amount of zero or more, exact to six decimals; None if it is not written as one."""
    return _amount(value, parse_amount)


def rate(value: object) -> Decimal | None:
    """A rate, with all its decimals."""
    return _amount(value, parse_number)


def balance(value: object) -> Decimal | None:
    """An amount that may be below zero."""
    words = _amount_text(value)
    if words.startswith("-"):
        debt = amount(words[1:])
        return None if debt is None else -debt
    return amount(words)


def currency(value: object) -> str:
    """A currency code in lower case."""
    try:
        return parse_currency(text(value))
    except InvalidInput:
        return ""


def moment(value: object) -> datetime | None:
    """An aware UTC time from UNIX seconds, as number or text, or from ISO 8601; without a zone it is UTC.

    Zero, and years after 2100, are no times: something is reckoned from every time that is read.
    """
    words = text(value)
    seconds = _UNIX_TIME.fullmatch(words)
    try:
        if seconds:
            parsed = datetime.fromtimestamp(int(seconds[1]), UTC)
        else:
            parsed = datetime.fromisoformat(words)
            parsed = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return parsed if _FIRST_YEAR <= parsed.year <= _LAST_YEAR else None


def flag(value: object) -> bool | None:
    """A yes or no: true, 1, "1", "true" and their opposites."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(text(value).lower())


def count(value: object) -> int | None:
    """A whole number of zero or more."""
    words = text(value)
    return int(words) if _WHOLE.fullmatch(words) and not words.startswith("-") else None


def error_code(value: object) -> int:
    """An error code, as number or digits; 0 if there is none."""
    words = text(value)
    return int(words) if _WHOLE.fullmatch(words) else 0


def mapping(value: object) -> dict[str, Any]:
    """An object; PHP writes an empty one as ``[]``."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict[str, Any]]:
    """The objects of a list; PHP writes a list with gaps as ``{"1": ...}``."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]


def shown(value: Any) -> Any:
    """Nested data that is only shown, as plain JSON data: whole numbers as int, fractions as exact text."""
    if isinstance(value, dict):
        return {storable(str(key)): shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, Number):
        return int(value) if _WHOLE.fullmatch(value) else number_text(str(value))
    if isinstance(value, int) and value.bit_length() > 63:
        return ""
    return storable(value) if isinstance(value, str) else value


def number_text(lexeme: str) -> str:
    """A JSON number that no signature spells, as text.

    With more significant digits than an amount may have it is a binary float that PHP wrote in full
    (``serialize_precision=17``): ``40.759999999999998`` stands for the ``40.76`` that PHP shows and signs.
    """
    if len(lexeme) <= MAX_DIGITS + 1:  # with the point
        return lexeme
    mantissa = lexeme.lower().partition("e")[0]
    digits = mantissa.replace(".", "").lstrip("-").strip("0")
    return php_float(lexeme) if len(digits) > MAX_DIGITS else lexeme


def storable(words: str) -> str:
    """Text that every database keeps."""
    return _UNSTORABLE.sub("\ufffd", words)


def _amount(value: object, parse: Callable[[str], Decimal]) -> Decimal | None:
    try:
        return parse(_amount_text(value))
    except InvalidInput:
        return None


def _amount_text(value: object) -> str:
    # Only a number can be a float: the digits of a text were chosen by its writer.
    return number_text(text(value)) if isinstance(value, Number) else text(value)
