"""Rows of the market and receivers for the tests of the withdraw pages."""

import html
import re
from contextlib import contextmanager
from decimal import Decimal

from django_skinsback.models import MarketItem, PriceListImport
from django_skinsback.models.fields import utc_now
from django_skinsback.signals import entry_posted

MARKET = "/skins/withdraw/"
CART, ADD, REMOVE = f"{MARKET}cart/", f"{MARKET}cart/add/", f"{MARKET}cart/remove/"
QUOTES, CONFIRM, ORDER = f"{MARKET}quotes/", f"{MARKET}confirm/", f"{MARKET}order/"

AK = "AK-47 | Copper Tide (Minimal Wear)"
GLOCK = "Glock-18 | Tin Roof (Field-Tested)"
KNIFE = "★ Karambit | Lantern Moth (Factory New)"


def put_up(prices, *, game="cs2", age=None):
    """Import a price list: market hash name -> market price in US dollars. ``age`` is a timedelta."""
    imported_at = utc_now() - age if age else utc_now()
    PriceListImport.objects.update_or_create(game=game, defaults={"imported_at": imported_at})
    for name, price in prices.items():
        MarketItem.objects.update_or_create(
            game=game, market_hash_name=name, defaults={"price": Decimal(price), "count": 3, "available": True}
        )


def quote_ids(url_or_page):
    """Return the IDs of the quotes in an address or in the forms of a page, each once."""
    found = re.findall(r"quote(?:=|\" value=\")([0-9a-f]{32})", url_or_page)
    return list(dict.fromkeys(found))


def text_of(page):
    """Return the text of a page without tags, with single spaces."""
    body = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@contextmanager
def charges(refuse):
    """Call ``refuse(entry)`` for every charge. What it raises refuses the charge."""

    def receiver(entry, **_kwargs):
        if entry.kind == "charge":
            refuse(entry)

    entry_posted.connect(receiver)
    try:
        yield
    finally:
        entry_posted.disconnect(receiver)
