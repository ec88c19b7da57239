"""SkinsBack's market: the import of the price list into ``MarketItem`` rows, pages of these rows, and quotes.

Other code may call ``prices.sync_prices``, ``price_rows.game_of_skins``, and the functions of ``browse`` and
``quotes``.
"""
