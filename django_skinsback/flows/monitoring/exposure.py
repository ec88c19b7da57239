"""Money at risk: price caps of purchases without a debit, amounts of holds, and credits of approved holds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, FilteredRelation, Min, Q

from ... import conf, schedule
from ...models import Deposit, Purchase
from ...money import add_to
from ...statuses import DepositStatus, EntryKind, PurchaseStatus
from ..ledger.database import database
from ..ledger.sums import ExactSum


@dataclass(frozen=True, slots=True)
class Reserved:
    """What purchases may still take from the balance, in US dollars: the sum of their price caps.

    ``is_minimum`` is True while the outcome of a purchase is unknown. Such a purchase may have been debited before. So
    the free balance is at least the balance minus ``amount``.
    """

    amount: Decimal = Decimal(0)
    is_minimum: bool = False


@dataclass(slots=True)
class HoldsSummary:
    """Sums of the held deposits of one account. A sum is a dict of currency -> amount.

    * ``waiting``: what users are credited after the hold. The hold was not approved, and nothing was credited yet.
    * ``exposure``: the credits of approved holds. SkinsBack does not pay for them if the trade is rolled back.
    * ``next_release_at``: about when the first waiting hold ends. SkinsBack does not report this time. None if no hold
      waits or its beginning is not known.
    """

    waiting: dict[str, Decimal] = field(default_factory=dict)
    exposure: dict[str, Decimal] = field(default_factory=dict)
    waiting_count: int = 0
    exposure_count: int = 0
    next_release_at: datetime | None = None


def reserved(account: str) -> Reserved:
    """Return what ``requested`` and ``unknown`` purchases of one account may still cost. This takes one query."""
    return reserved_by_account([account])[account]


def reserved_by_account(accounts: Iterable[str]) -> dict[str, Reserved]:
    """Return what ``reserved`` returns for each of the accounts. This takes one query."""
    aliases = list(accounts)
    sums: dict[str, Decimal] = dict.fromkeys(aliases, Decimal(0))
    uncertain = set()
    found = (
        Purchase.objects.using(database())
        .filter(status__in=[PurchaseStatus.REQUESTED, PurchaseStatus.UNKNOWN], account__in=aliases)
        .values_list("account", "status")
        .annotate(total=ExactSum("max_price"))
        .order_by()
    )
    for account, status, total in found:
        sums[account] += total
        if status == PurchaseStatus.UNKNOWN:
            uncertain.add(account)
    return {alias: Reserved(sums[alias], alias in uncertain) for alias in aliases}


def holds_summary(account: str) -> HoldsSummary:
    """Return the sums of the held deposits of one account. This takes one query."""
    return holds_by_account([account])[account]


def holds_by_account(accounts: Iterable[str]) -> dict[str, HoldsSummary]:
    """Return what ``holds_summary`` returns for each of the accounts. This takes one query."""
    summaries = {alias: HoldsSummary() for alias in accounts}
    found = (
        Deposit.objects.using(database())
        .filter(status__in=[DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED], account__in=list(summaries))
        .annotate(
            credit=FilteredRelation("entries", condition=Q(entries__kind=EntryKind.CREDIT)),
            reversal=FilteredRelation("entries", condition=Q(entries__kind=EntryKind.REVERSAL)),
        )
        .filter(reversal__isnull=True)
        .values_list("account", "status", "amount_currency", "credit__currency")
        .annotate(
            amounts=ExactSum(conf.credit_column()),
            credits=ExactSum("credit__amount"),
            number=Count("pk"),
            first=Min("held_since"),
        )
        .order_by()
    )
    starts = defaultdict(list)
    for account, status, currency, credited_in, amounts, credits_, number, first in found:
        summary = summaries[account]
        if status == DepositStatus.IN_HOLD and credited_in is None:
            summary.waiting_count += number
            if amounts:
                add_to(summary.waiting, currency, amounts)
            if first is not None:
                starts[account].append(first)
        elif status == DepositStatus.HOLD_APPROVED and credited_in is not None:
            summary.exposure_count += number
            add_to(summary.exposure, credited_in, credits_)
    for account, times in starts.items():
        summaries[account].next_release_at = min(times) + schedule.HOLD
    return summaries
