"""Deletes old deliveries, balances, closed discrepancies and unused quotes. Rows about money are never deleted."""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db.models import Max, QuerySet

from .. import conf
from ..models import BalanceSnapshot, Discrepancy, Quote, WebhookEvent
from ..models.fields import utc_now
from .ledger.database import database, run
from .ledger.record import Outcome
from .progress import OnProgress, no_progress

logger = logging.getLogger("django_skinsback")

BATCH = 500

UNUSED_QUOTES_KEPT = timedelta(days=1)
"""How long an unused quote is kept after it has expired. A user who buys with it in this time gets a new quote."""


class Pruned(NamedTuple):
    """The numbers of deleted rows."""

    deliveries: int
    balances: int
    discrepancies: int
    quotes: int


def prune(
    days: int | None = None,
    *,
    account: str | None = None,
    now: datetime | None = None,
    on_progress: OnProgress = no_progress,
) -> Pruned:
    """Delete old deliveries, balances and discrepancies, and unused quotes. Return the numbers of deleted rows.

    Deliveries, balances and discrepancies are deleted if they are older than ``days`` (default: ``RETENTION_DAYS``).
    The age is counted from ``received_at``, ``taken_at`` and ``closed_at``. These rows are kept:

    * Deliveries that have failed or will be tried again.
    * The newest balance of each account.
    * Open discrepancies.
    * Discrepancies that an operator has closed. They prevent that the same discrepancy is opened again.

    Deliveries that matched no row, had an unknown status or had contradictory IDs are deleted. If a copy of a deleted
    delivery arrives later, the copy is applied again. The ledger's unique constraints prevent a second entry.

    Unused quotes are deleted one day after they have expired. Used quotes are kept. With ``account``, only rows of this
    account are deleted. Quotes have no account: they are deleted only if ``account`` is None or the default account.

    Each batch has its own database transaction. ``on_progress`` is called with the number of rows of each batch.
    """
    now = now or utc_now()
    before = now - timedelta(days=conf.retention_days() if days is None else days)
    not_pending = WebhookEvent.objects.using(database()).filter(received_at__lt=before, next_try_at=None)
    deliveries = not_pending.exclude(outcome=Outcome.FAILED)
    snapshots = BalanceSnapshot.objects.using(database())
    newest = snapshots.values("account").annotate(newest=Max("pk")).values_list("newest", flat=True)
    balances = snapshots.filter(taken_at__lt=before).exclude(pk__in=list(newest))
    closed = Discrepancy.objects.using(database()).filter(
        state__in=[Discrepancy.State.REPAIRED, Discrepancy.State.RESOLVED], closed_at__lt=before
    )
    unused = Quote.objects.using(database()).filter(purchase=None, expires_at__lt=now - UNUSED_QUOTES_KEPT)
    old: list[QuerySet[Any]] = [deliveries, balances, closed]
    if account is not None:
        old = [rows.filter(account=account) for rows in old]
    old.append(unused if account in {None, conf.DEFAULT_ACCOUNT} else unused.none())
    pruned = Pruned(*(_delete_all(rows, on_progress) for rows in old))
    logger.info("skinsback.rows_pruned", extra=pruned._asdict())
    return pruned


def _delete_all(old: QuerySet[Any], on_progress: OnProgress) -> int:
    pruned = last = 0
    while keys := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = keys[-1]
        pruned += run(partial(_delete_batch, old, keys))
        on_progress(len(keys))
    return pruned


def _delete_batch(old: QuerySet[Any], keys: list[int]) -> int:
    deleted: dict[str, int] = old.filter(pk__in=keys).delete()[1]
    return deleted.get(old.model._meta.label, 0)
