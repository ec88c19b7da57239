"""The recurring jobs. They are run by Celery's worker and beat, or by ``skinsback_poll --forever`` in one process."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import close_old_connections

from .. import conf
from ..exceptions import SkinsBackError
from ..steam import GAMES
from . import retention
from .figures import daily_figures, owing
from .market import prices
from .monitoring import balance, digest
from .monitoring.sweeps import note_sweep
from .polling import deposits as deposit_queue
from .polling import purchases as purchase_queue
from .polling.sweep import Counts
from .progress import OnProgress, no_progress
from .reconciliation import run as reconciliation
from .webhooks import replay

logger = logging.getLogger("django_skinsback")

LONGEST_SLEEP_SECONDS = 1.0
"""If no job is due, ``stopped`` is called again after at most this many seconds."""


class Stop(BaseException):
    """Raised by an ``on_progress`` callback to end a sweep between two batches.

    It is a BaseException, because it is not an error and ``except Exception`` must not catch it.
    """


@dataclass(frozen=True)
class Job:
    """A recurring job.

    ``name`` is the name of the Celery task without the prefix. ``seconds`` is the period of the job. None means the
    period of the sweeps. ``run`` runs the job for one account, or for all accounts if the account is None. It returns
    the result of the flow.
    """

    name: str
    seconds: float | None
    run: Callable[[str | None, OnProgress], Any]


def poll_deposits(account: str | None = None, on_progress: OnProgress = no_progress) -> Counts:
    """Apply stored deliveries that failed before, then poll the deposits that are due. Return the polling counts."""
    replay.apply_kept()
    return deposit_queue.poll_deposits(account, on_progress=on_progress)


def sync_prices(account: str | None = None) -> None:
    """Import the price lists of all games."""
    call_for_each(GAMES, lambda game: prices.sync_prices(account or conf.DEFAULT_ACCOUNT, game=game))


def snapshot_balance(account: str | None = None) -> None:
    """Ask SkinsBack for the balance of the account and store it. Without ``account``, do this for every account."""
    call_for_each([account] if account else conf.accounts(), balance.snapshot_balance)


JOBS = (
    Job("poll_deposits", None, poll_deposits),
    Job("poll_purchases", None, lambda account, progress: purchase_queue.poll_purchases(account, on_progress=progress)),
    Job("reconcile", 3600.0, lambda account, _: reconciliation.reconcile(account)),
    Job("sync_prices", 3600.0, lambda account, _: sync_prices(account)),
    Job("snapshot_balance", 900.0, lambda account, _: snapshot_balance(account)),
    Job("send_digest", 3600.0, lambda _account, _: digest.send_digest_if_due()),
    Job("daily_figures", 3600.0, lambda _, progress: daily_figures.write_daily_figures(on_progress=progress)),
    Job("owing_users", 3600.0, lambda _, progress: owing.find_owing_users(on_progress=progress)),
    Job("prune", 86400.0, lambda account, _: retention.prune(account=account)),
)


def call_for_each(names: Iterable[str], flow: Callable[[str], object]) -> None:
    """Call the flow for every name.

    After a SkinsBackError, continue with the other names. At the end, raise the last error.
    """
    failure: SkinsBackError | None = None
    for name in names:
        try:
            flow(name)
        except SkinsBackError as error:
            failure = error
    if failure is not None:
        raise failure


def repeat(
    periods: Mapping[Job, float],
    account: str | None,
    *,
    stopped: Callable[[], bool],
    on_result: Callable[[Job, Any], object],
    on_idle: Callable[[], object],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Run each job now, and then once per period, until ``stopped`` returns True. ``periods`` are in seconds.

    If ``stopped`` returns True during a sweep, the sweep ends after its current batch. Any other job is completed.
    ``on_result`` is called with each job and its result. The result is the return value of the flow, or the exception.
    ``on_idle`` is called about once a second while no job is due.
    """
    due = dict.fromkeys(periods, clock())

    def on_progress(_rows: int) -> None:
        if stopped():
            raise Stop

    while not stopped():
        job = min(due, key=due.__getitem__)
        wait = due[job] - clock()
        if wait > 0:
            on_idle()
            sleep(min(wait, LONGEST_SLEEP_SECONDS))
            continue
        due[job] = max(due[job] + periods[job], clock())
        close_old_connections()
        try:
            on_result(job, job.run(account, on_progress))
            if job.seconds is None:
                note_sweep()
        except Stop:
            return
        except Exception as error:
            logger.exception("skinsback.job_failed", extra={"job": job.name})
            on_result(job, error)
