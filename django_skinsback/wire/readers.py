"""Functions that read one value of an answer or notification.

SkinsBack may send a number as text, and a list as an object. The functions with the argument ``value`` accept any value
and never raise. If they cannot read the value, they return an empty value or None.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..exceptions import InvalidInput
from ..money import MAX_DIGITS, parse_amount, parse_currency, parse_number
from .fields import UNSTORABLE, Number
from .limits import ID_LENGTH, STEAM_ID_LENGTH, TEXT_LENGTH
from .signing import php_float

_FIRST_YEAR, _LAST_YEAR = 1971, 2100
_UNIX_TIME = re.compile(r"([0-9]{1,11})(?:\.[0-9]+)?")
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLAGS = {"1": True, "true": True, "0": False, "false": False}


def text(value: object, limit: int = TEXT_LENGTH) -> str:
    """Return ``value`` as text if it is text or a whole number.

    Return empty text for a value of another type, for more than ``limit`` characters, and for a character that some
    databases cannot store.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    if isinstance(value, int) and value.bit_length() > 64:
        return ""
    written = str(value)  # turns a Number, a subclass of str, into plain text
    return "" if len(written) > limit or UNSTORABLE.search(written) else written


def identifier(value: object) -> str:
    """Return an ID as text of at most 64 characters. Return empty text for other values."""
    return text(value, ID_LENGTH)


def steam_id(value: object) -> str:
    """Return a Steam ID as text of at most 20 characters. Return empty text for other values."""
    return text(value, STEAM_ID_LENGTH)


def amount(value: object) -> Decimal | None:
    """Return an amount of zero or more, cut off after six decimals. Return None if the value is not an amount."""
    return _decimal(value, parse_amount)


def rate(value: object) -> Decimal | None:
    """Return a rate with all its decimals. Return None if the value is not a number of zero or more."""
    return _decimal(value, parse_number)


def balance(value: object) -> Decimal | None:
    """Return an amount that may be negative. Return None if the value is not an amount."""
    written = _amount_text(value)
    if written.startswith("-"):
        debt = amount(written[1:])
        return None if debt is None else -debt
    return amount(written)


def currency(value: object) -> str:
    """Return a currency code in lower case. Return empty text if the value is not a currency code."""
    try:
        return parse_currency(text(value))
    except InvalidInput:
        return ""


def utc_time(value: object) -> datetime | None:
    """Return an aware time in UTC. ``value`` is UNIX seconds (a number or text) or a text in ISO 8601.

    A text without a time zone is read as UTC. Return None if the value is not a time, or if the time is before 1971 or
    after 2100: calculations with such a time could overflow.
    """
    written = text(value)
    seconds = _UNIX_TIME.fullmatch(written)
    try:
        if seconds:
            parsed = datetime.fromtimestamp(int(seconds[1]), UTC)
        else:
            parsed = datetime.fromisoformat(written)
            parsed = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return parsed if _FIRST_YEAR <= parsed.year <= _LAST_YEAR else None


def flag(value: object) -> bool | None:
    """Return True for true, 1, "1" and "true", False for false, 0, "0" and "false", and None for anything else."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(text(value).lower())


def count(value: object) -> int | None:
    """Return a whole number of zero or more. Return None if the value is not such a number."""
    written = text(value)
    return int(written) if _WHOLE.fullmatch(written) and not written.startswith("-") else None


def error_code(value: object) -> int:
    """Return an error code as int. The value may be a number or text. Return 0 if the value is not a whole number."""
    written = text(value)
    return int(written) if _WHOLE.fullmatch(written) else 0


def mapping(value: object) -> dict[str, Any]:
    """Return ``value`` if it is a dict, otherwise an empty dict. PHP writes an empty object as ``[]``."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list. Other items of the list are skipped. Return an empty list for another value.

    The list may be sent as an object such as ``{"1": ...}``: PHP does so if a key of the list is missing.
    """
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]


def display_data(value: Any) -> Any:
    """Return nested data as JSON data that can be stored and displayed.

    A whole number becomes int. Every other number becomes text.
    """
    if isinstance(value, dict):
        return {storable(str(key)): display_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [display_data(item) for item in value]
    if isinstance(value, Number):
        return int(value) if _WHOLE.fullmatch(value) else number_text(str(value))
    if isinstance(value, int) and value.bit_length() > 63:
        return ""
    return storable(value) if isinstance(value, str) else value


def number_text(lexeme: str) -> str:
    """Return a JSON number with the rounding error of PHP removed. Only for numbers that no signature covers.

    A PHP with ``serialize_precision=17`` sends 40.76 as ``40.759999999999998``. A number with more than 15 significant
    digits is rounded as PHP displays it, in this case to ``40.76``. Every other number is returned unchanged.
    """
    if len(lexeme) <= MAX_DIGITS + 1:  # 15 digits and a decimal point
        return lexeme
    mantissa = lexeme.lower().partition("e")[0]
    digits = mantissa.replace(".", "").lstrip("-").strip("0")
    return php_float(lexeme) if len(digits) > MAX_DIGITS else lexeme


def storable(value: str) -> str:
    """Return the text with NUL and surrogates replaced by U+FFFD, so that every database can store it."""
    return UNSTORABLE.sub("\ufffd", value)


def _decimal(value: object, parse: Callable[[str], Decimal]) -> Decimal | None:
    try:
        return parse(_amount_text(value))
    except InvalidInput:
        return None


def _amount_text(value: object) -> str:
    # Only a JSON number can be a float with too many digits. A number that was sent as text is exact.
    return number_text(text(value)) if isinstance(value, Number) else text(value)
