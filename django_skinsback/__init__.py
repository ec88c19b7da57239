"""Payments in Steam skins, and payouts in skins, through SkinsBack."""

__version__ = "0.1.0"
