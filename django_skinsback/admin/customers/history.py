"""A user's history on this site: the numbers of deposits and purchases by status, and the open exposure."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ...flows.ledger.database import database
from ...models import Deposit, LedgerEntry, Purchase
from ...models.fields import utc_now
from ...money import add_to
from ...statuses import DepositStatus, PurchaseStatus

COUNTED_ROWS = 1000
"""Only this many deposits and this many purchases of a user are counted, the newest ones."""

RECENT = timedelta(days=30)
RISK_DEPOSITS = 100
"""SkinsBack's statistics are searched in this many deposits of a user, the newest ones."""

_TRADE_FAILURES = (PurchaseStatus.INVALID_TRADE_TOKEN, PurchaseStatus.USER_NOT_TRADABLE)


@dataclass
class History:
    """How many of a user's newest rows have each status. ``is_cut`` is True if there are older rows.

    ``exposure`` maps currencies to the credits of approved holds, which Steam can still undo. ``failed_trades`` is the
    number of purchases of the last 30 days that failed because of the user's Steam account or trade URL.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False
    exposure: dict[str, Decimal] = field(default_factory=dict)
    failed_trades: int = 0


def deposit_history(user: Any, *, with_exposure: bool) -> History:
    """Return the history of a user's deposits. ``with_exposure`` adds the open exposure, which is read in one query."""
    newest = list(_newest(Deposit, user).values_list("pk", "status")[: COUNTED_ROWS + 1])
    history = History(is_cut=len(newest) > COUNTED_ROWS)
    history.statuses.update(status for _pk, status in newest[:COUNTED_ROWS])
    exposed = [pk for pk, status in newest if status == DepositStatus.HOLD_APPROVED]
    if with_exposure and exposed:
        entries = LedgerEntry.objects.using(database()).filter(deposit__in=exposed)
        for amount, currency in entries.values_list("amount", "currency"):
            add_to(history.exposure, currency, amount)
    return history


def purchase_history(user: Any) -> History:
    """Return the history of a user's purchases."""
    newest = list(_newest(Purchase, user).values_list("status", "created_at")[: COUNTED_ROWS + 1])
    history = History(is_cut=len(newest) > COUNTED_ROWS)
    history.statuses.update(status for status, _time in newest[:COUNTED_ROWS])
    since = utc_now() - RECENT
    history.failed_trades = sum(status in _TRADE_FAILURES and time >= since for status, time in newest)
    return history


def newest_risk(user: Any) -> Any:
    """Return the newest statistics that SkinsBack reported about a user. Return {} if there are none."""
    stored = _newest(Deposit, user).values_list("user_risk", flat=True)[:RISK_DEPOSITS]
    return next((risk for risk in stored if risk), {})


def _newest(model: type[Any], user: Any) -> Any:
    return model._default_manager.using(database()).filter(user_id=user.pk).order_by("-pk")
