"""The shop's prices. The setting ``PRICE_MARKUP`` names ``with_markup``."""

from decimal import ROUND_UP, Decimal

MARKUP = Decimal("1.05")
"""It must be above the price multiplier of the project at SkinsBack (``demo.py`` sets it to 1). Otherwise the shop
loses money on every skin that a user deposits and withdraws again."""

CENT = Decimal("0.01")


def with_markup(price: Decimal) -> Decimal:
    """Return SkinsBack's price plus five percent in US dollars, rounded up to whole cents."""
    return (price * MARKUP).quantize(CENT, rounding=ROUND_UP)
