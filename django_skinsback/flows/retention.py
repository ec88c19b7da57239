"""Deletes old deliveries, balances and closed discrepancies. Rows about money are never deleted."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db.models import Max, QuerySet

from .. import conf
from ..models import BalanceSnapshot, Discrepancy, WebhookEvent
from ..models.fields import utc_now
from .ledger.database import database, run
from .ledger.record import Outcome

logger = logging.getLogger("django_skinsback")

BATCH = 500


class Pruned(NamedTuple):
    """How many rows were deleted."""

    deliveries: int
    balances: int
    discrepancies: int


def prune(
    days: int | None = None,
    *,
    account: str | None = None,
    now: datetime | None = None,
    on_progress: Callable[[int], object] | None = None,
) -> Pruned:
    """Delete deliveries, balances and discrepancies that are older than ``days`` (default: ``RETENTION_DAYS``).

    Return the numbers of deleted rows. The age is counted from ``received_at``, ``taken_at`` and ``closed_at``. These
    rows are kept:

    * deliveries that failed or are to be retried
    * the newest balance of each account
    * discrepancies that are open, and those that an operator closed: they prevent the same discrepancy from being
      opened again

    Deliveries that matched no row, had an unknown status or contradictory ids are deleted. A copy of a deleted delivery
    that arrives later is applied again; the ledger's unique constraints prevent a second entry.

    Each batch has its own database transaction. ``on_progress`` is called with the number of rows of each batch.
    """
    before = (now or utc_now()) - timedelta(days=conf.retention_days() if days is None else days)
    not_pending = WebhookEvent.objects.using(database()).filter(received_at__lt=before, next_try_at=None)
    deliveries = not_pending.exclude(outcome=Outcome.FAILED)
    snapshots = BalanceSnapshot.objects.using(database())
    newest = snapshots.values("account").annotate(newest=Max("pk")).values_list("newest", flat=True)
    balances = snapshots.filter(taken_at__lt=before).exclude(pk__in=list(newest))
    closed = Discrepancy.objects.using(database()).filter(
        state__in=[Discrepancy.State.REPAIRED, Discrepancy.State.RESOLVED], closed_at__lt=before
    )
    old: list[QuerySet[Any]] = [deliveries, balances, closed]
    pruned = Pruned(
        *(_delete_all(rows if account is None else rows.filter(account=account), on_progress) for rows in old)
    )
    logger.info("skinsback.rows_pruned", extra=pruned._asdict())
    return pruned


def _delete_all(old: QuerySet[Any], on_progress: Callable[[int], object] | None) -> int:
    pruned = last = 0
    while keys := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = keys[-1]
        pruned += run(partial(_delete_batch, old, keys))
        if on_progress is not None:
            on_progress(len(keys))
    return pruned


def _delete_batch(old: QuerySet[Any], keys: list[int]) -> int:
    deleted: dict[str, int] = old.filter(pk__in=keys).delete()[1]
    return deleted.get(old.model._meta.label, 0)
