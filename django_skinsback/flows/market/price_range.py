"""Converts a range of the site's prices into a range of market prices."""

from collections.abc import Callable
from decimal import Decimal

from ...money import parse_amount

_MICRO = Decimal("0.000001")
_LEAST = 10_000
_MOST = 10**13
"""The market prices that are tried, in millionths of a US dollar: from 0.01 to 10 million US dollars."""

NO_PRICE = Decimal(_MOST)
"""A market price that no item has."""


def market_price_range(
    charge_for: Callable[[Decimal], Decimal], lowest: Decimal | None, highest: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Return the lowest and the highest market price in US dollars whose charge is from ``lowest`` to ``highest``.

    None is no limit. ``charge_for`` must not fall while the market price rises; it is called about 100 times. Raises
    InvalidAmount if a limit is not an amount, and what ``charge_for`` raises.
    """
    first = last = None
    if lowest is not None:
        limit = parse_amount(lowest)
        micros = _first(lambda micros: charge_for(micros * _MICRO) >= limit)
        first = None if micros == _LEAST else NO_PRICE if micros is None else micros * _MICRO
    if highest is not None:
        limit = parse_amount(highest)
        micros = _first(lambda micros: charge_for(micros * _MICRO) > limit)
        last = None if micros is None else Decimal(0) if micros == _LEAST else (micros - 1) * _MICRO
    return first, last


def _first(is_reached: Callable[[int], bool]) -> int | None:
    """Return the lowest price at which ``is_reached`` is True, in millionths. Return None if it is nowhere True.

    Prices far above it are not tried, because their charge may be too large for an amount.
    """
    if is_reached(_LEAST):
        return _LEAST
    below, reached = _LEAST, 2 * _LEAST
    while not is_reached(reached):
        if reached >= _MOST:
            return None
        below, reached = reached, min(2 * reached, _MOST)
    while reached - below > 1:
        middle = (below + reached) // 2
        if is_reached(middle):
            reached = middle
        else:
            below = middle
    return reached
