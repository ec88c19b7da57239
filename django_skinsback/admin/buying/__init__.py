"""The admin pages that buy skins: search, cart, confirmation and result.

Other modules of the admin may call ``buy_url``, ``buy_view``, ``result_view`` and ``add_to_cart``.
"""

from .cart import SKINS_AT_ONCE, add_to_cart
from .result import result_view
from .urls import buy_url
from .views import buy_view

__all__ = ["SKINS_AT_ONCE", "add_to_cart", "buy_url", "buy_view", "result_view"]
