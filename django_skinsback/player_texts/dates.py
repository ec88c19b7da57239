"""Returns when a hold ends and when a trade offer expires. A time that SkinsBack does not report is estimated."""

from datetime import datetime, timedelta

from django.utils.translation import ngettext

from .. import schedule
from ..models import Deposit, Purchase
from ..models.fields import utc_now
from ..statuses import DepositStatus, PurchaseStatus

TRADE_OFFER_LIFETIME = timedelta(minutes=10)
"""How long a user can accept a trade offer (``/docs/api/v1/market_getinfo``)."""

HELD = (DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED)


def was_held(deposit: Deposit) -> bool:
    """Return whether the deposit is or was in hold under Steam Trade Protection."""
    return deposit.status in HELD or any(change.to_status in HELD for change in deposit.changes.all())


def hold_ends_at(row: Deposit | Purchase, since: datetime | None = None) -> datetime | None:
    """Return the time at which the hold of the row ends; None if the row is not in hold.

    If SkinsBack has not reported this time, it is an estimate: Steam Trade Protection lasts 8 days. ``since`` is the
    time at which the row got its status. Without ``since``, that time is read from the row's ``changes``.
    """
    if isinstance(row, Deposit):
        if row.status not in HELD:
            return None
        return (since or _since(row, *HELD)) + schedule.HOLD
    if row.status != PurchaseStatus.ACCEPTED:
        return None
    accepted_at = row.accepted_at or since or _since(row, PurchaseStatus.ACCEPTED)
    until = schedule.hold_until(row.game, row.in_hold, row.in_hold_until, accepted_at)
    return until if until is not None and until > utc_now() else None


def hold_days_left(row: Deposit | Purchase, since: datetime | None = None) -> int | None:
    """Return how many days the hold of the row still lasts, rounded up; None if the row is not in hold.

    Return 0 if the hold of a deposit should be over, but SkinsBack has not reported its end yet. ``since`` is the
    time at which the row got its status. Without ``since``, that time is read from the row's ``changes``.
    """
    until = hold_ends_at(row, since)
    return None if until is None else max(0, -((utc_now() - until) // timedelta(days=1)))


def hold_duration(row: Deposit | Purchase) -> str:
    """Return how long the hold still lasts, such as “about 6 more days”. The text is empty if no day is left."""
    days = hold_days_left(row)
    if not days:
        return ""
    return ngettext("about %(days)d more day", "about %(days)d more days", days) % {"days": days}


def trade_offer_expires_at(row: Deposit | Purchase, since: datetime | None = None) -> datetime | None:
    """Return the time at which the trade offer of the row expires; None if no trade offer waits for the player.

    For a purchase, the time is an estimate: ten minutes after SkinsBack reported the trade offer. ``since`` is the
    time at which the row got its status. Without ``since``, that time is read from the row's ``changes``.
    """
    if isinstance(row, Deposit):
        waits = row.status in {DepositStatus.CREATED, DepositStatus.PENDING}
        return row.trade_offer_expires_at if waits else None
    if row.status != PurchaseStatus.WAITING_ACCEPT:
        return None
    return (since or _since(row, PurchaseStatus.WAITING_ACCEPT)) + TRADE_OFFER_LIFETIME


def is_trade_offer_over(row: Deposit | Purchase, since: datetime | None = None) -> bool:
    """Return whether the trade offer has expired, but SkinsBack has not reported the outcome of the offer yet."""
    expires_at = trade_offer_expires_at(row, since)
    return expires_at is not None and expires_at <= utc_now()


def _since(row: Deposit | Purchase, *statuses: str) -> datetime:
    """Return the time at which the row first got one of these statuses.

    If the history has none of these statuses, return the time of the row's last change.
    """
    dates = [change.created_at for change in row.changes.all() if change.to_status in statuses]
    return min(dates, default=row.updated_at)
