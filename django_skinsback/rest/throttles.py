"""Limits how often a user may call each kind of address. DRF's DEFAULT_THROTTLE_RATES can replace the rates."""

from typing import Any

from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle

RATES = {
    "skinsback_read": "240/min",
    "skinsback_write": "20/min",
    "skinsback_inventory": "12/min",
    "skinsback_quote": "60/min",
}
"""Scope -> built-in rate. Requests are counted for each user. Without a user, they are counted for each IP address."""


class ScopeThrottle(UserRateThrottle):
    """Limits the requests of one scope. If DEFAULT_THROTTLE_RATES has None for the scope, there is no limit."""

    scope: str

    def get_rate(self) -> str | None:
        """Return the site's rate of the scope. If the site has set no rate, return the built-in rate.

        The setting is read at each request.
        """
        rates: Any = api_settings.DEFAULT_THROTTLE_RATES or {}
        rate: str | None = rates.get(self.scope, RATES[self.scope])
        return rate


class ReadThrottle(ScopeThrottle):
    """Limits requests that read rows, lists and settings."""

    scope = "skinsback_read"


class WriteThrottle(ScopeThrottle):
    """Limits requests that start a deposit or a purchase, or set the trade URL."""

    scope = "skinsback_write"


class InventoryThrottle(ScopeThrottle):
    """Limits requests for the user's Steam inventory, because each of them may call SkinsBack."""

    scope = "skinsback_inventory"


class QuoteThrottle(ScopeThrottle):
    """Limits requests for quotes, because each of them inserts a row."""

    scope = "skinsback_quote"
