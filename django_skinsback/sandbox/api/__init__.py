"""``POST /api.php``: reads a call, runs one API method on the simulation and returns the answer in SkinsBack's format.

``web`` calls ``endpoint.API``. ``webhooks`` uses ``shapes`` and ``php``, because notifications have the same format.
The API methods are in ``deposit_methods`` and ``market_methods``.
"""
