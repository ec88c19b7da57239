"""What the shop asks for a skin."""

from decimal import ROUND_UP, Decimal

from django_skinsback.models import MarketItem

MARKUP = Decimal("1.05")
CENT = Decimal("0.01")


def with_markup(price: Decimal) -> Decimal:
    """SkinsBack's price and five percent, in whole cents, rounded in the shop's favour; US dollars."""
    return (price * MARKUP).quantize(CENT, rounding=ROUND_UP)


def shop_price(item: MarketItem) -> Decimal:
    """US dollars."""
    return with_markup(item.price)
