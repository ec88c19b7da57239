"""Public functions about one user of the site: freezes, Steam profiles, inventories, quotes, and buying with a quote.

``docs/reference.md`` describes every function. The modules in ``django_skinsback.flows`` are private.
"""

from .flows.market.quotes import make_quote
from .flows.players.freeze import freeze, is_frozen, unfreeze
from .flows.players.inventory import Inventory, InventorySkin, get_inventory
from .flows.players.steam_profiles import get_profile, set_trade_url
from .flows.purchases.quoted import buy_quote

__all__ = [
    "Inventory",
    "InventorySkin",
    "buy_quote",
    "freeze",
    "get_inventory",
    "get_profile",
    "is_frozen",
    "make_quote",
    "set_trade_url",
    "unfreeze",
]
