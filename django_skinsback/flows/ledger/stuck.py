"""Functions that flag a row for manual review if its polls keep failing, or if its status does not end in time.

Rows are checked when they are polled, so the check needs no extra query. After an operator has settled such a reason,
the row is not flagged again for ``STUCK_AFTER_HOURS``.
"""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ... import conf, schedule
from ...exceptions import SkinsBackError
from ...models import Deposit, Purchase
from ...statuses import DepositStatus, PurchaseStatus
from .edit import Edit, Row, Source
from .record import change

logger = logging.getLogger("django_skinsback")

NOT_SENT, FAILING, STUCK = "not_sent", "failing", "stuck"
"""Codes of review reasons that only mean that something takes too long."""

_HELD = (DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED)

_LONGEST: dict[str, timedelta] = {
    DepositStatus.CREATED: schedule.CREATE_UNANSWERED,
    DepositStatus.PENDING: schedule.PAY_LINK_LIFETIME,
    **dict.fromkeys(_HELD, schedule.HOLD),
    PurchaseStatus.CREATING_TRADE: schedule.OFFER_LIFETIME,
    PurchaseStatus.WAITING_ACCEPT: schedule.OFFER_LIFETIME,
}
"""Status -> how long a row can have this status.

The time is counted from the creation of a deposit, or from the last send of a purchase.
"""


def only_waits(reasons: list[dict[str, Any]]) -> bool:
    """Return True if all reasons only mean that something takes too long. Return False for an empty list."""
    codes = {reason["code"] for reason in reasons}
    return bool(codes) and codes <= {NOT_SENT, FAILING, STUCK}


def note_failure(edit: Edit[Any]) -> None:
    """Store that a poll of the row has failed. Flag the row if its polls fail for longer than ``STUCK_AFTER_HOURS``."""
    silence = conf.stuck_after()
    since = min(edit.row.failing_since or edit.now, edit.now)  # a wrong clock may have stored a time in the future
    edit.set(failing_since=since)
    if edit.now - since > silence:
        edit.flag_for_a_time(FAILING, silence, since=f"{since:%Y-%m-%d %H:%M} UTC")


def flag_if_stuck(row: Row, now: datetime) -> None:
    """Flag a row whose status should have ended more than ``STUCK_AFTER_HOURS`` ago. Call it after polling the row."""
    flagged = row.needs_review and any(reason["code"] == STUCK for reason in row.review_reasons)
    if not flagged and _is_stuck(row, now):
        change(type(row), row.pk, Source.POLL, _flag_stuck)


def _is_stuck(row: Deposit | Purchase, now: datetime) -> bool:
    longest = _LONGEST.get(row.status)
    since = row.created_at if isinstance(row, Deposit) else row.submitted_at
    if longest is None or since is None:
        return False
    return (
        now - since > longest + conf.stuck_after()
    )  # a time in the future, set by a wrong clock, only delays the flag


def _flag_stuck(edit: Edit[Row]) -> None:
    row, silence = edit.row, conf.stuck_after()
    if not _is_stuck(row, edit.now):
        return
    if row.status in _HELD and edit.now - _held_since(edit) <= schedule.HOLD + silence:
        return
    edit.flag_for_a_time(STUCK, silence, status=row.status)


def _held_since(edit: Edit[Any]) -> datetime:
    """Return the time at which the hold of a deposit began.

    If the history does not contain the start of the hold, return the time at which the deposit was created.
    """
    entered = (
        edit.stored_history().filter(to_status__in=_HELD).order_by("pk").values_list("created_at", flat=True).first()
    )
    return entered or edit.row.created_at


def postpone(row: Deposit | Purchase, error: Exception, chance: float = 0.5) -> None:
    """Postpone the next poll of a row after an error that concerns only this row. The delay grows exponentially."""
    expected = isinstance(error, SkinsBackError)
    extra = {"row": type(row).__name__, "row_id": row.pk, "error": str(error) if expected else type(error).__name__}
    logger.warning("skinsback.row_postponed", extra=extra, exc_info=None if expected else error)
    change(type(row), row.pk, Source.POLL, partial(_later, chance=chance))  # type: ignore[type-var] # one of the two, not their union


def _later(edit: Edit[Any], chance: float) -> None:
    row = edit.row
    note_failure(edit)
    if row.next_poll_at is not None:
        delay = schedule.spread(schedule.backoff(row.poll_count), chance)
        edit.set(poll_count=row.poll_count + 1, next_poll_at=edit.now + delay)
