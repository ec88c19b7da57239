"""The address of a trade offer on Steam."""

import re

from ..models import Deposit, Purchase

_ID = re.compile(r"[0-9]+", re.ASCII)


def trade_offer_url(row: Deposit | Purchase) -> str:
    """Return the address of the row's trade offer on Steam; empty if SkinsBack has not reported a valid ID."""
    return f"https://steamcommunity.com/tradeoffer/{row.trade_offer_id}/" if _ID.fullmatch(row.trade_offer_id) else ""
