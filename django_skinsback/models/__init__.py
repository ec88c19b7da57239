"""The package's tables. A site may read them. To change a row, call ``deposits`` or ``purchases``."""

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
