"""Template tags: ``{% load skinsback %}``.

``{% skinsback_price amount currency %}``   an amount such as ``$12.50``; ``signed=True`` adds a plus sign
``{% skinsback_game code %}``               the name of a game, such as ``Counter-Strike 2``
``{% skinsback_assets %}``                  the stylesheet and the scripts of the pages, once per page
"""

from decimal import Decimal
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ..steam import GAMES

register = template.Library()

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
MINUS = "\N{MINUS SIGN}"


def price_text(amount: Decimal | None, currency: str, *, signed: bool = False) -> str:
    """Return ``$12.50`` for ``12.5`` and ``usd``, and ``12.50 UAH`` for a currency without a symbol. "" for None.

    All decimals of the amount are shown, and at least two. ``signed`` adds a plus sign to an amount above zero.
    """
    if amount is None:
        return ""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    number = number_format(abs(amount), decimals, force_grouping=True)
    symbol = SYMBOLS.get(currency.lower())
    text = f"{symbol}{number}" if symbol else f"{number} {currency.upper()}".strip()
    sign = MINUS if amount < 0 else "+" if signed and amount > 0 else ""
    return f"{sign}{text}"


@register.simple_tag
def skinsback_price(amount: Decimal | None, currency: str = "", *, signed: bool = False) -> SafeString | str:
    """Show an amount: ``{% skinsback_price entry.amount entry.currency signed=True %}``."""
    text = price_text(amount, currency, signed=signed)
    return format_html('<span class="skinsback-price">{}</span>', text) if text else ""


@register.filter
def skinsback_amount(amount: Decimal | None, currency: str) -> str:
    """Return an amount as plain text, for use in a sentence: ``{{ amount|skinsback_amount:currency }}``."""
    return price_text(amount, currency)


@register.filter
def skinsback_game(code: str) -> str:
    """Return the name of a game, such as ``Counter-Strike 2`` for ``cs2``. Return an unknown code unchanged."""
    return GAMES[code].name if code in GAMES else code


@register.inclusion_tag("skinsback/_assets.html", takes_context=True)
def skinsback_assets(context: template.Context) -> dict[str, Any]:
    """Include the stylesheet and the scripts of the pages, unless this page has included them already."""
    page = context.get("skinsback")
    is_needed = page is None or not page.are_assets_rendered
    if page is not None:
        page.are_assets_rendered = True
    return {"is_needed": is_needed}
