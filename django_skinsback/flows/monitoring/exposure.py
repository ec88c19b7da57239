"""What approved holds may still take back, and what unfinished purchases may still cost."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ...models import LedgerEntry, Purchase
from ...statuses import DepositStatus, EntryKind, PurchaseStatus
from ..ledger.database import database


@dataclass(frozen=True, slots=True)
class Reserved:
    """US dollars that unfinished purchases may still cost. ``is_minimum``: a purchase with unknown outcome exists."""

    amount: Decimal = Decimal(0)
    is_minimum: bool = False


@dataclass(slots=True)
class HoldsSummary:
    """The holds of one account. ``waiting`` and ``exposure`` are sums by currency."""

    waiting: dict[str, Decimal] = field(default_factory=dict)
    exposure: dict[str, Decimal] = field(default_factory=dict)
    waiting_count: int = 0
    next_release_at: datetime | None = None


def holds_by_account(accounts: Iterable[str]) -> dict[str, HoldsSummary]:
    """Return the exposure of each account: the credits of approved holds. This takes one query."""
    summaries = {alias: HoldsSummary() for alias in accounts}
    approved = LedgerEntry.objects.using(database()).filter(
        deposit__account__in=list(summaries), deposit__status=DepositStatus.HOLD_APPROVED, kind=EntryKind.CREDIT
    )
    for account, currency, amount in approved.values_list("deposit__account", "currency", "amount"):
        sums = summaries[account].exposure
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return summaries


def reserved_by_account(accounts: Iterable[str]) -> dict[str, Reserved]:
    """Return the sum of ``max_price`` of each account's purchases that are not bought for certain. One query."""
    found = dict.fromkeys(accounts, Reserved())
    rows = Purchase.objects.using(database()).filter(
        account__in=list(found), status__in=[PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN]
    )
    for account, status, price in rows.values_list("account", "status", "max_price"):
        before = found[account]
        is_minimum = before.is_minimum or status == PurchaseStatus.UNKNOWN
        found[account] = Reserved(before.amount + price, is_minimum)
    return found
