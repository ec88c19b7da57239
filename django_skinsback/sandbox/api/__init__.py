"""``POST /api.php``: read a call, run one API method on the simulation, return the answer in SkinsBack's format.

The package ``web`` calls ``endpoint.API``. The package ``webhooks`` uses ``shapes`` and ``php``, because notifications
have the same format as answers. The API methods are in ``deposit_methods`` and ``market_methods``.
"""
