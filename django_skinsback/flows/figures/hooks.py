"""Calls of the site's functions that return an amount: ``BALANCE``, ``LIABILITIES`` and ``TO_USD``."""

import logging
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from ... import conf
from ...money import EXACT, PLACES

logger = logging.getLogger("django_skinsback")

_TOO_LARGE = Decimal(10) ** 13
"""A column stores amounts below 10**14. The limit is lower, because some of these amounts are added up."""


def is_set(key: str) -> bool:
    """Return whether the site has set the function ``key``, such as ``LIABILITIES``. The function is not imported."""
    return conf.get(key) is not None


def read_amount(key: str, *arguments: Any) -> Decimal | None:
    """Call the site's function ``key`` and return its amount, rounded down to six decimals.

    Return None if the function is not set, cannot be imported, raises an exception, or returns anything but a finite
    Decimal or int below 10**13. A failure is logged as ``skinsback.amount_unreadable``. Nothing is raised, because a
    page or a task must not fail with the site's function.
    """
    if not is_set(key):
        return None
    try:
        function = conf.callable_setting(key)
        if function is None:
            raise TypeError(f"{key} is not the dotted path of a function")
        return _amount(function(*arguments))
    except Exception:
        logger.exception("skinsback.amount_unreadable", extra={"setting": key})
        return None


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise TypeError(f"a Decimal was expected, not {type(value).__name__}")
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount) >= _TOO_LARGE:
        raise ValueError("the amount is not a finite number below 10**13")
    return amount.quantize(PLACES, rounding=ROUND_FLOOR, context=EXACT)
