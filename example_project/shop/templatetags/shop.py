"""Money and names as the pages show them."""

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
    """``12.5`` and ``usd`` make ``$12.50``; as many decimals as the amount has, two at least."""
    if amount is None:
        return ""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    number = number_format(abs(amount), decimals, force_grouping=True)
    code = currency.lower()
    text = f"{SYMBOLS[code]}{number}" if code in SYMBOLS else f"{number} {currency.upper()}"
    return f"{MINUS}{text}" if amount < 0 else text


@register.filter
def signed_money(amount: Decimal, currency: str) -> str:
    """The same with a plus before what was given."""
    return f"+{money(amount, currency)}" if amount > 0 else money(amount, currency)


@register.filter
def game_name(code: str) -> str:
    """``cs2`` makes ``Counter-Strike 2``."""
    return GAMES[code].name if code in GAMES else code


@register.filter
def skin(market_hash_name: str) -> skin_names.SkinName:
    """The parts of a market hash name."""
    return skin_names.read(market_hash_name)
