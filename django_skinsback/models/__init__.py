"""Rows about money. Read them freely; change them through ``django_skinsback.flows`` alone."""

from .deposit import Deposit
from .discrepancy import Discrepancy, ListCursor, ListName
from .ledger import LedgerEntry
from .market import BalanceSnapshot, MarketItem
from .purchase import Purchase
from .status_change import StatusChange
from .webhook_event import WebhookEvent

__all__ = [
    "BalanceSnapshot",
    "Deposit",
    "Discrepancy",
    "LedgerEntry",
    "ListCursor",
    "ListName",
    "MarketItem",
    "Purchase",
    "StatusChange",
    "WebhookEvent",
]
