"""Forgetting raw deliveries. Rows about money are never forgotten, nor is what could not be applied."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from .. import conf
from ..models import WebhookEvent
from ..models.fields import utc_now
from .database import database, run
from .records import Outcome

BATCH = 500


def prune(days: int | None = None, *, now: datetime | None = None, report: Callable[[int], None] | None = None) -> int:
    """Delete deliveries received more than ``days`` ago (``RETENTION_DAYS``); returns how many went.

    In short database transactions, a batch each. ``report`` is told how many went with every batch. A copy of an old
    delivery that arrives later is applied anew and finds its deposit final: once is the ledger's promise, not this
    table's.
    """
    before = (now or utc_now()) - timedelta(days=conf.retention_days() if days is None else days)
    old = WebhookEvent.objects.using(database()).filter(received_at__lt=before).exclude(outcome=Outcome.FAILED)
    pruned = last = 0
    while keys := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = keys[-1]
        pruned += run(partial(_delete, keys))
        if report is not None:
            report(len(keys))
    return pruned


def _delete(keys: list[int]) -> int:
    return WebhookEvent.objects.using(database()).filter(pk__in=keys).delete()[1].get("skinsback.WebhookEvent", 0)
