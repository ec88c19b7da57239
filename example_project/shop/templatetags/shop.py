"""Template filters for amounts, games and skin names."""

from decimal import Decimal

from django import template
from django.utils.formats import number_format

from django_skinsback.steam import GAMES

from .. import skin_names

register = template.Library()

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
MINUS = "\N{MINUS SIGN}"


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    """Format ``12.5`` and ``usd`` as ``$12.50``. Return "" for None.

    All decimals of the amount are shown, and at least two.
    """
    if amount is None:
        return ""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    number = number_format(abs(amount), decimals, force_grouping=True)
    code = currency.lower()
    text = f"{SYMBOLS[code]}{number}" if code in SYMBOLS else f"{number} {currency.upper()}"
    return f"{MINUS}{text}" if amount < 0 else text


@register.filter
def signed_money(amount: Decimal, currency: str) -> str:
    """Format an amount like ``money``, but with a plus sign before a positive amount."""
    return f"+{money(amount, currency)}" if amount > 0 else money(amount, currency)


@register.filter
def game_name(code: str) -> str:
    """Return the name of a game, such as ``Counter-Strike 2`` for ``cs2``. Return an unknown code unchanged."""
    return GAMES[code].name if code in GAMES else code


@register.filter
def skin(market_hash_name: str) -> skin_names.SkinName:
    """Return kind, finish and wear of a market hash name."""
    return skin_names.parse(market_hash_name)
