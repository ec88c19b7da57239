"""Functions that read and write amounts and currency codes. Amounts are exact Decimals. Floats raise InvalidAmount."""

import re
from collections.abc import Hashable, Iterable, MutableMapping
from decimal import ROUND_DOWN, Context, Decimal
from functools import reduce
from typing import TypeVar

from .exceptions import InvalidAmount, InvalidInput

_Key = TypeVar("_Key", bound=Hashable)

PLACES = Decimal("0.000001")
MAX_DIGITS = 15
"""The largest number of significant digits of an amount. SQLite cannot store more digits exactly."""

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_CURRENCY = re.compile(r"[A-Za-z0-9]{2,8}")
_MAX_CHARACTERS = 32
_TOO_LARGE = Decimal(10) ** 14
EXACT = Context(prec=64)
"""The decimal context of every calculation with amounts. The process's own context may have a small precision."""


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts. The precision of the process's own decimal context does not matter."""
    return reduce(EXACT.add, amounts, Decimal(0))


def add_to(sums: MutableMapping[_Key, Decimal], key: _Key, amount: Decimal) -> None:
    """Add an amount to the sum of this key, exactly. A key that has no sum yet has the sum 0."""
    sums[key] = EXACT.add(sums.get(key, Decimal(0)), amount)


def parse_number(value: str | int | Decimal) -> Decimal:
    """Return the exact value of a number such as "8.28", "1e-05" or 12 as a Decimal of zero or more.

    Raises InvalidAmount for anything else: a float, a boolean, None, text with a sign, a blank or a thousands
    separator, text of more than 32 characters, or a number of 10**14 or more.
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
    """Return an amount as a Decimal of zero or more with at most six decimals. Further decimals are cut off.

    Raises InvalidAmount in the cases of ``parse_number``, and if the amount has more than 15 significant digits.
    """
    number = parse_number(value)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        number = number.quantize(PLACES, rounding=ROUND_DOWN, context=EXACT)
    elif isinstance(exponent, int) and exponent > 0:
        number = number.quantize(Decimal(1), context=EXACT)
    if len(_digits(number)) > MAX_DIGITS:
        raise InvalidAmount
    return number


def parse_currency(text: str) -> str:
    """Return a currency code in lower case. Raises InvalidInput if it is not two to eight ASCII letters or digits."""
    if not isinstance(text, str) or not _CURRENCY.fullmatch(text):
        raise InvalidInput('A currency must be a code of two to eight letters or digits, such as "usd".')
    return text.lower()


def wire_amount(value: Decimal) -> str:
    """Return an amount as decimal text for a request, such as "8.28".

    Raises InvalidAmount in the same cases as ``parse_amount``.
    """
    return amount_text(parse_amount(value))


def amount_text(value: Decimal) -> str:
    """Return any amount as decimal text without exponent and without zeros at the end, such as "8.28" or "-3"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(number: Decimal) -> str:
    return "".join(map(str, number.as_tuple().digits)).strip("0")
