"""Django's admin for all models of this package.

Rows are read-only. Each action calls a flow and needs its own permission.
"""

from .balance_snapshot import BalanceSnapshotAdmin
from .customers.links import CustomerLinkMixin
from .deposit import DepositAdmin
from .desk.desk import DeskAdmin
from .discrepancy import DiscrepancyAdmin
from .freeze import FreezeAdmin
from .ledger_entry import LedgerEntryAdmin
from .market_item import MarketItemAdmin
from .purchase import PurchaseAdmin
from .status_change import StatusChangeAdmin
from .steam_profile import SteamProfileAdmin
from .webhook_event import WebhookEventAdmin

__all__ = [
    "BalanceSnapshotAdmin",
    "CustomerLinkMixin",
    "DepositAdmin",
    "DeskAdmin",
    "DiscrepancyAdmin",
    "FreezeAdmin",
    "LedgerEntryAdmin",
    "MarketItemAdmin",
    "PurchaseAdmin",
    "StatusChangeAdmin",
    "SteamProfileAdmin",
    "WebhookEventAdmin",
]
