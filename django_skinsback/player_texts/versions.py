"""What makes the text of a row change although the row does not: time, and ledger entries."""

from datetime import datetime

from ..models import Deposit, Purchase
from ..statuses import PurchaseStatus
from .dates import HELD, hold_days_left, is_trade_offer_over
from .purchases import is_delayed

SINCE_STATUSES: dict[type[Deposit] | type[Purchase], tuple[str, ...]] = {
    Deposit: HELD,
    Purchase: (PurchaseStatus.WAITING_ACCEPT,),
}
"""Model -> the statuses whose text depends on when the row got the first of them."""


def timed_parts(row: Deposit | Purchase, since: datetime | None) -> tuple[int | None, bool, bool]:
    """Return the parts of the row's text that depend on the time, without a query.

    Two equal results, with the same ``updated_at`` and the same ledger entries, mean the same text in one language.
    ``since`` is when the row got the first of its SINCE_STATUSES; None if it never got one.
    """
    since = since or row.updated_at
    return (
        hold_days_left(row, since),
        is_trade_offer_over(row, since),
        isinstance(row, Purchase) and is_delayed(row),
    )
