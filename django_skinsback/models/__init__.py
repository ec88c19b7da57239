"""The package's tables. A site may read all rows. To change a row, call ``deposits``, ``purchases`` or ``players``."""

from .deposit import Deposit, HoldDecision, HoldGuard
from .desk import DailyFigure, Desk, DigestMail, OwingUser
from .discrepancy import Discrepancy, ListCursor, ListName
from .ledger import LedgerEntry
from .market import BalanceSnapshot, MarketItem, PriceListImport
from .player import Freeze, UserGuard
from .purchase import Purchase
from .quote import Quote
from .status_change import StatusChange
from .steam_profile import SteamProfile
from .webhook_event import WebhookEvent

__all__ = [
    "BalanceSnapshot",
    "DailyFigure",
    "Deposit",
    "Desk",
    "DigestMail",
    "Discrepancy",
    "Freeze",
    "HoldDecision",
    "HoldGuard",
    "LedgerEntry",
    "ListCursor",
    "ListName",
    "MarketItem",
    "OwingUser",
    "PriceListImport",
    "Purchase",
    "Quote",
    "StatusChange",
    "SteamProfile",
    "UserGuard",
    "WebhookEvent",
]
