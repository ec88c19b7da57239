"""Functions that read one value of an answer or notification, where numbers may be text and lists may be objects.

Every function accepts any value and never raises. It returns an empty value or None for what it cannot read.
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
    """Return an ID or word unchanged, as text.

    Empty if it is neither text nor a whole number, is longer than ``limit`` characters, or cannot be stored.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    if isinstance(value, int) and value.bit_length() > 64:
        return ""
    written = str(value)  # turns a Number, a subclass of str, into plain text
    return "" if len(written) > limit or UNSTORABLE.search(written) else written


def identifier(value: object) -> str:
    """Return an ID, ours or SkinsBack's, as text of at most 64 characters."""
    return text(value, ID_LENGTH)


def steam_id(value: object) -> str:
    """Return a Steam ID as text of at most 20 characters."""
    return text(value, STEAM_ID_LENGTH)


def amount(value: object) -> Decimal | None:
    """Return an amount of zero or more, cut to six decimals; None if the value is not an amount."""
    return _decimal(value, parse_amount)


def rate(value: object) -> Decimal | None:
    """Return a rate with all its decimals; None if the value is not a number of zero or more."""
    return _decimal(value, parse_number)


def balance(value: object) -> Decimal | None:
    """Return an amount that may be below zero; None if the value is not an amount."""
    written = _amount_text(value)
    if written.startswith("-"):
        debt = amount(written[1:])
        return None if debt is None else -debt
    return amount(written)


def currency(value: object) -> str:
    """Return a currency code in lower case; empty if the value is not one."""
    try:
        return parse_currency(text(value))
    except InvalidInput:
        return ""


def utc_time(value: object) -> datetime | None:
    """Return an aware UTC time, read from UNIX seconds (number or text) or ISO 8601. Without a time zone it is UTC.

    None if the value is not a time, or is before 1971 or after 2100: callers calculate with every time they get.
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
    """Return a boolean, read from true, 1, "1", "true" and their opposites; None for anything else."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(text(value).lower())


def count(value: object) -> int | None:
    """Return a whole number of zero or more; None if the value is not one."""
    written = text(value)
    return int(written) if _WHOLE.fullmatch(written) and not written.startswith("-") else None


def error_code(value: object) -> int:
    """Return an error code, read from a number or digits; 0 if there is none."""
    written = text(value)
    return int(written) if _WHOLE.fullmatch(written) else 0


def mapping(value: object) -> dict[str, Any]:
    """Return an object as a dict; empty if the value is not one. PHP writes an empty object as ``[]``."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list. PHP writes a list with missing keys as ``{"1": ...}``."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]


def display_data(value: Any) -> Any:
    """Return nested data as plain JSON data for display: whole numbers become int, fractions become exact text."""
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
    """Return a JSON number that no signature covers as text.

    A number with more than 15 significant digits is a binary float that PHP wrote in full
    (``serialize_precision=17``): ``40.759999999999998`` becomes ``40.76``, which PHP displays and signs.
    """
    if len(lexeme) <= MAX_DIGITS + 1:  # the decimal point counts too
        return lexeme
    mantissa = lexeme.lower().partition("e")[0]
    digits = mantissa.replace(".", "").lstrip("-").strip("0")
    return php_float(lexeme) if len(digits) > MAX_DIGITS else lexeme


def storable(value: str) -> str:
    """Return the text with NUL and half characters replaced, so that every database can store it."""
    return UNSTORABLE.sub("\ufffd", value)


def _decimal(value: object, parse: Callable[[str], Decimal]) -> Decimal | None:
    try:
        return parse(_amount_text(value))
    except InvalidInput:
        return None


def _amount_text(value: object) -> str:
    # Only a JSON number can be a float in full length. The digits of a text are exact.
    return number_text(text(value)) if isinstance(value, Number) else text(value)
