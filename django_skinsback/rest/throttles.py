"""How often one user may call each kind of address. A site overrides the rates in DRF's DEFAULT_THROTTLE_RATES."""

from typing import Any

from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle

RATES = {
    "skinsback_read": "240/min",
    "skinsback_write": "20/min",
    "skinsback_inventory": "12/min",
    "skinsback_quote": "60/min",
}
"""Scope -> built-in rate. Each user has a rate of its own; a request without a user is counted by its IP address."""


class ScopeThrottle(UserRateThrottle):
    """Limits the requests of one scope. None in DEFAULT_THROTTLE_RATES switches the limit off."""

    scope: str

    def get_rate(self) -> str | None:
        """Return the site's rate of the scope, or else the built-in one. The setting is read at each request."""
        rates: Any = api_settings.DEFAULT_THROTTLE_RATES or {}
        rate: str | None = rates.get(self.scope, RATES[self.scope])
        return rate


class ReadThrottle(ScopeThrottle):
    """Reading rows, lists and settings."""

    scope = "skinsback_read"


class WriteThrottle(ScopeThrottle):
    """Deposits, purchases and the trade URL."""

    scope = "skinsback_write"


class InventoryThrottle(ScopeThrottle):
    """The user's Steam inventory, which SkinsBack is asked for."""

    scope = "skinsback_inventory"


class QuoteThrottle(ScopeThrottle):
    """Quotes, each of which is a row."""

    scope = "skinsback_quote"
