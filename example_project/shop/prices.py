"""The shop's prices.

The setting ``PRICE_MARKUP`` names ``with_markup``. ``market_range`` is the inverse function, for searches by price.
"""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

MARKUP = Decimal("1.05")
CREDITED = Decimal(1)
"""Price multiplier of the shop's deposits. It must stay below MARKUP: otherwise the shop loses money on every skin
that a user deposits and withdraws again."""

CENT = Decimal("0.01")
SMALLEST = Decimal("0.000001")


def with_markup(price: Decimal) -> Decimal:
    """Return SkinsBack's price plus five percent in US dollars, rounded up to whole cents."""
    return (price * MARKUP).quantize(CENT, rounding=ROUND_UP)


def market_range(lowest: Decimal | None, highest: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Convert a range of shop prices to the range of market prices, in US dollars.

    ``lowest`` and ``highest`` are whole cents. None means no limit, and gives None.
    """
    return (
        None if lowest is None else _without_markup(max(lowest - CENT, Decimal(0))) + (SMALLEST if lowest else 0),
        None if highest is None else _without_markup(highest),
    )


def _without_markup(price: Decimal) -> Decimal:
    return (price / MARKUP).quantize(SMALLEST, rounding=ROUND_DOWN)
