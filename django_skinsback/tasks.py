"""Celery tasks. Each task calls a flow.

The work to do is stored in the database, not in the messages. So a lost message only delays the work.
"""

from typing import Any

try:
    from celery import shared_task
except ImportError as missing:
    raise ImportError(
        f"django_skinsback.tasks needs {missing.name}: pip install 'django-skinsback[celery]'"
    ) from missing

from .flows import retention, scheduler
from .flows.figures import daily_figures as written_figures
from .flows.figures import owing
from .flows.ledger.database import database
from .flows.monitoring import digest
from .flows.monitoring.sweeps import note_sweep
from .flows.polling import purchases as purchase_queue
from .flows.purchases.send import submit
from .flows.reconciliation import run as reconciliation
from .models import Purchase

__all__ = [
    "beat_schedule",
    "daily_figures",
    "owing_users",
    "poll_deposits",
    "poll_purchases",
    "prune",
    "reconcile",
    "send_digest",
    "snapshot_balance",
    "submit_purchase",
    "sync_prices",
]

_OPTIONS: dict[str, Any] = {"ignore_result": True, "acks_late": True, "reject_on_worker_lost": True}


@shared_task(name="skinsback.submit_purchase", **_OPTIONS)
def submit_purchase(purchase_id: int) -> None:
    """Send a purchase to SkinsBack now instead of in the next sweep. Do nothing if the purchase was deleted."""
    purchase = Purchase.objects.using(database()).filter(pk=purchase_id).first()
    if purchase is not None:
        submit(purchase)


@shared_task(name="skinsback.poll_purchases", **_OPTIONS)
def poll_purchases() -> None:
    """Send and poll the purchases that are due."""
    purchase_queue.poll_purchases()
    note_sweep()


@shared_task(name="skinsback.poll_deposits", **_OPTIONS)
def poll_deposits() -> None:
    """Apply stored deliveries that failed before, then poll the deposits that are due."""
    scheduler.poll_deposits()
    note_sweep()


@shared_task(name="skinsback.sync_prices", **_OPTIONS)
def sync_prices() -> None:
    """Import the price lists of all games."""
    scheduler.sync_prices()


@shared_task(name="skinsback.reconcile", **_OPTIONS)
def reconcile() -> None:
    """Compare SkinsBack's lists with the stored rows."""
    reconciliation.reconcile()


@shared_task(name="skinsback.prune", **_OPTIONS)
def prune() -> None:
    """Delete deliveries, balance snapshots and closed discrepancies that are older than ``RETENTION_DAYS``.

    Some of these old rows are kept. ``flows.retention.prune`` lists them.
    """
    retention.prune()


@shared_task(name="skinsback.snapshot_balance", **_OPTIONS)
def snapshot_balance() -> None:
    """Ask SkinsBack for the balance of every account and store the balances."""
    scheduler.snapshot_balance()


@shared_task(name="skinsback.send_digest", **_OPTIONS)
def send_digest() -> None:
    """Mail the daily digest to ``DIGEST_RECIPIENTS``, if it is after 7 o'clock and today's digest was not mailed."""
    digest.send_digest_if_due()


@shared_task(name="skinsback.daily_figures", **_OPTIONS)
def daily_figures() -> None:
    """Write the figures of closed days for the operator's desk. Days that are missing or may have changed are written.

    If ``LIABILITIES`` is set, the present solvency is also stored.
    """
    written_figures.write_daily_figures()


@shared_task(name="skinsback.owing_users", **_OPTIONS)
def owing_users() -> None:
    """Ask ``BALANCE`` for users with a reversal in the last 90 days, and store those whose balance is below zero."""
    owing.find_owing_users()


def beat_schedule(sweep_seconds: float = 10.0) -> dict[str, dict[str, Any]]:
    """Return the schedule of all tasks for Celery's beat: ``app.conf.beat_schedule = beat_schedule()``.

    ``sweep_seconds`` is the period of the tasks ``poll_deposits`` and ``poll_purchases``. These tasks poll only rows
    that are due. A message expires if no worker takes the message within the task's period. The next message does the
    same work.
    """

    def every(seconds: float, task: Any) -> dict[str, Any]:
        return {"task": task.name, "schedule": seconds, "options": {"expires": seconds}}

    return {
        "skinsback-poll-purchases": every(sweep_seconds, poll_purchases),
        "skinsback-poll-deposits": every(sweep_seconds, poll_deposits),
        "skinsback-reconcile": every(3600.0, reconcile),
        "skinsback-sync-prices": every(3600.0, sync_prices),
        "skinsback-snapshot-balance": every(900.0, snapshot_balance),
        "skinsback-send-digest": every(3600.0, send_digest),
        "skinsback-daily-figures": every(3600.0, daily_figures),
        "skinsback-owing-users": every(3600.0, owing_users),
        "skinsback-prune": every(86400.0, prune),
    }
