"""Announces that a row has entered a queue of the operator's desk: a log event and the signal ``queue_entered``."""

import logging
from collections.abc import Iterable
from typing import Any

from ... import conf
from ...models import Deposit, Discrepancy, Purchase, WebhookEvent
from ...signals import queue_entered
from ...statuses import DepositStatus, Queue
from .database import after_commit, log_after_commit

_COLUMNS_OF_HOLDS = {"status", "needs_review", "hold_decision"}


def queue_entered_by(row: Deposit | Purchase, changed: Iterable[str]) -> Queue | None:
    """Return the queue that the row enters because these columns have changed. Return None if it enters no queue."""
    if row.needs_review:
        return Queue.REVIEW if "needs_review" in changed else None
    waits = isinstance(row, Deposit) and row.status == DepositStatus.IN_HOLD and not row.hold_decision
    if not waits or _COLUMNS_OF_HOLDS.isdisjoint(changed) or conf.callable_setting("HOLD_POLICY"):
        return None
    return Queue.HOLDS


def announce_queue_entered(row: Deposit | Purchase | WebhookEvent | Discrepancy, queue: Queue) -> None:
    """After the commit, log ``skinsback.queue_entered`` and send the signal ``queue_entered``."""
    about: dict[str, Any] = {"account": row.account, "row": type(row).__name__, "row_id": row.pk, "queue": str(queue)}
    log_after_commit(logging.INFO, "skinsback.queue_entered", **about)
    after_commit(queue_entered, sender=type(row), row=row, queue=queue)
