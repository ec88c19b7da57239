"""Forgetting raw deliveries, old balances and settled discrepancies; never money, nor what is still to be applied."""

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
    """How many rows were forgotten."""

    deliveries: int
    balances: int
    discrepancies: int


def prune(
    days: int | None = None,
    *,
    account: str | None = None,
    now: datetime | None = None,
    report: Callable[[int], object] | None = None,
) -> Pruned:
    """Delete deliveries received, balances taken and discrepancies ended more than ``days`` ago (``RETENTION_DAYS``).

    In short database transactions, a batch each. ``report`` is told how many went with every batch.

    Deliveries that failed stay, and so do those still to be tried; those of which nothing could be made (no such row
    here, a status not known, ids that do not belong together) go like any other. A copy of an old delivery that
    arrives later is applied anew and finds its deposit final: once is the ledger's promise, not this table's. The
    newest balance of an account stays however old it is, and so does a discrepancy that is open or that an operator
    has closed, because a closed one keeps the same from being opened again.
    """
    before = (now or utc_now()) - timedelta(days=conf.retention_days() if days is None else days)
    tried = WebhookEvent.objects.using(database()).filter(received_at__lt=before, next_try_at=None)
    deliveries = tried.exclude(outcome=Outcome.FAILED)
    snapshots = BalanceSnapshot.objects.using(database())
    newest = snapshots.values("account").annotate(newest=Max("pk")).values_list("newest", flat=True)
    balances = snapshots.filter(taken_at__lt=before).exclude(pk__in=list(newest))
    ended = Discrepancy.objects.using(database()).filter(
        state__in=[Discrepancy.State.REPAIRED, Discrepancy.State.RESOLVED], closed_at__lt=before
    )
    old: list[QuerySet[Any]] = [deliveries, balances, ended]
    pruned = Pruned(*(_forget(rows if account is None else rows.filter(account=account), report) for rows in old))
    logger.info("skinsback.pruned", extra=pruned._asdict())
    return pruned


def _forget(old: QuerySet[Any], report: Callable[[int], object] | None) -> int:
    pruned = last = 0
    while keys := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = keys[-1]
        pruned += run(partial(_delete, old, keys))
        if report is not None:
            report(len(keys))
    return pruned


def _delete(old: QuerySet[Any], keys: list[int]) -> int:
    deleted: dict[str, int] = old.filter(pk__in=keys).delete()[1]
    return deleted.get(old.model._meta.label, 0)
