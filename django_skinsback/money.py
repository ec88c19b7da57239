"""Exact amounts and currency codes from and for the wire; binary floats are refused."""

import re
from decimal import ROUND_DOWN, Context, Decimal

from .exceptions import InvalidAmount, InvalidInput

PLACES = Decimal("0.000001")
MAX_DIGITS = 15
"""Significant digits of an amount, at most."""

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_CURRENCY = re.compile(r"[A-Za-z0-9]{2,8}")
_MAX_CHARACTERS = 32
_TOO_LARGE = Decimal(10) ** 14
# A site may have set a smaller precision for the whole process.
_EXACT = Context(prec=64)


def parse_number(value: str | int | Decimal) -> Decimal:
    """The exact value of a number of zero or more, such as "8.28", "1e-05" or 12.

    Text must be at most 32 ASCII characters without sign, blanks or separators; the value is below 10**14.
    Raises InvalidAmount, for floats, booleans and None too.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidAmount
    if isinstance(value, int) and not 0 <= value < _TOO_LARGE:
        raise InvalidAmount
    text = str(value)
    if len(text) > _MAX_CHARACTERS or not _NUMBER.fullmatch(text):
        raise InvalidAmount
    number = Decimal(text)
    if number >= _TOO_LARGE:
        raise InvalidAmount
    return number


def parse_amount(value: str | int | Decimal) -> Decimal:
    """The exact amount written as text, int or Decimal: zero or more, with at most six decimals.

    Further decimals are cut off, so that no amount ever grows. What remains may have 15 significant digits,
    which every database keeps. Raises InvalidAmount.
    """
    number = parse_number(value)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        number = number.quantize(PLACES, rounding=ROUND_DOWN, context=_EXACT)
    elif isinstance(exponent, int) and exponent > 0:
        number = number.quantize(Decimal(1), context=_EXACT)
    if len(_digits(number)) > MAX_DIGITS:
        raise InvalidAmount
    return number


def parse_currency(text: str) -> str:
    """A currency code of two to eight ASCII letters or digits, in lower case. Raises InvalidInput."""
    if not isinstance(text, str) or not _CURRENCY.fullmatch(text):
        raise InvalidInput('A currency must be a code of two to eight letters or digits, such as "usd".')
    return text.lower()


def wire_amount(value: Decimal) -> str:
    """An amount as plain decimal text for a request: "8.28", never with an exponent. Raises InvalidAmount."""
    return amount_text(parse_amount(value))


def amount_text(value: Decimal) -> str:
    """Any amount as plain decimal text, without exponent and without zeros at the end: "8.28", "-3"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(number: Decimal) -> str:
    return "".join(map(str, number.as_tuple().digits)).strip("0")
