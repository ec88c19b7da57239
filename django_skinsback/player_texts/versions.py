"""The parts of a row's text that change with time, although the row does not change."""

from datetime import datetime

from ..models import Deposit, Purchase
from ..statuses import PurchaseStatus
from .dates import HELD, hold_days_left, is_trade_offer_over
from .purchases import is_delayed

SINCE_STATUSES: dict[type[Deposit] | type[Purchase], tuple[str, ...]] = {
    Deposit: HELD,
    Purchase: (PurchaseStatus.WAITING_ACCEPT,),
}
"""Model -> statuses whose text depends on the time at which the row first got one of these statuses."""


def timed_parts(row: Deposit | Purchase, since: datetime | None) -> tuple[int | None, bool, bool]:
    """Return the parts of the row's text that change with time. Takes no query.

    If two results, the ``updated_at`` and the ledger entries are equal, the text in one language is equal too.
    ``since`` is the time at which the row first got one of its SINCE_STATUSES; None if the row never got one.
    """
    since = since or row.updated_at
    return (
        hold_days_left(row, since),
        is_trade_offer_over(row, since),
        isinstance(row, Purchase) and is_delayed(row),
    )
