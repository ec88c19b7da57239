"""The price list of SkinsBack's market, imported into ``MarketItem`` rows.

Others may call ``prices.sync_prices`` and ``price_rows.game_of_skins``.
"""
