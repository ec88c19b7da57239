"""What the shop asks for a skin: the function that ``PRICE_MARKUP`` names, and the way back."""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

MARKUP = Decimal("1.05")
CREDITED = Decimal(1)
"""The price multiplier of the shop's deposits. Above MARKUP, each skin that is paid in and bought again would cost the
shop money, whatever multiplier the project has."""

CENT = Decimal("0.01")
SMALLEST = Decimal("0.000001")


def with_markup(price: Decimal) -> Decimal:
    """SkinsBack's price and five percent, in whole cents, rounded in the shop's favour; US dollars."""
    return (price * MARKUP).quantize(CENT, rounding=ROUND_UP)


def market_range(lowest: Decimal | None, highest: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """The market prices for which the shop asks from ``lowest`` to ``highest`` dollars, given in whole cents."""
    return (
        None if lowest is None else _without_markup(max(lowest - CENT, Decimal(0))) + (SMALLEST if lowest else 0),
        None if highest is None else _without_markup(highest),
    )


def _without_markup(price: Decimal) -> Decimal:
    return (price / MARKUP).quantize(SMALLEST, rounding=ROUND_DOWN)
