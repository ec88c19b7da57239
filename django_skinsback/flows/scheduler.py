"""What has to be done again and again: by Celery's worker and beat, or, without them, by one process for ever."""

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
from .market import prices
from .monitoring import balance
from .monitoring.passes import note_pass
from .polling import deposits as deposit_queue
from .polling import purchases as purchase_queue
from .polling.queue import Advance, Counts, nobody
from .reconciliation import run as reconciliation
from .webhooks import replay

logger = logging.getLogger("django_skinsback")

LONGEST_SLEEP_SECONDS = 1.0
"""How long a signal to stop may wait to be heard."""


class Stop(BaseException):
    """Raised by an ``Advance`` to end a sweep between two batches; no failure, and nobody goes on after it."""


@dataclass(frozen=True)
class Job:
    """One thing to do, for one account or for all (None); ``run`` returns what came of it.

    ``name`` is that of its task, without the prefix; ``seconds`` how often it is done, None: as often as is swept.
    """

    name: str
    seconds: float | None
    run: Callable[[str | None, Advance], Any]


def poll_deposits(account: str | None = None, advance: Advance = nobody) -> Counts:
    """Apply deliveries that were kept, then ask about deposits that are due."""
    replay.apply_kept()
    return deposit_queue.poll_deposits(account, advance=advance)


def sync_prices(account: str | None = None) -> None:
    """Take over the price lists of the games."""
    each(GAMES, lambda game: prices.sync_prices(account or conf.DEFAULT_ACCOUNT, game=game))


def snapshot_balance(account: str | None = None) -> None:
    """Keep the balance of every account."""
    each([account] if account else conf.accounts(), balance.snapshot_balance)


JOBS = (
    Job("poll_deposits", None, poll_deposits),
    Job("poll_purchases", None, lambda account, advance: purchase_queue.poll_purchases(account, advance=advance)),
    Job("reconcile", 3600.0, lambda account, _: reconciliation.reconcile(account)),
    Job("sync_prices", 3600.0, lambda account, _: sync_prices(account)),
    Job("snapshot_balance", 900.0, lambda account, _: snapshot_balance(account)),
    Job("prune", 86400.0, lambda account, _: retention.prune(account=account)),
)


def each(names: Iterable[str], flow: Callable[[str], object]) -> None:
    """Call the flow for every name; one that fails keeps none of the others from it, and is raised afterwards."""
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
    told: Callable[[Job, Any], object],
    idle: Callable[[], object],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Do each job at once and then every so many seconds, until ``stopped`` says so; what is under way is ended first.

    ``told`` hears what came of a job: what its flow returned, or the exception, which ends nothing else. ``idle`` is
    called about once a second while nothing is to be done.
    """
    due = dict.fromkeys(periods, clock())

    def advance(_rows: int) -> None:
        if stopped():
            raise Stop

    while not stopped():
        job = min(due, key=lambda each: due[each])
        wait = due[job] - clock()
        if wait > 0:
            idle()
            sleep(min(wait, LONGEST_SLEEP_SECONDS))
            continue
        due[job] = max(due[job] + periods[job], clock())
        close_old_connections()
        try:
            told(job, job.run(account, advance))
            if job.seconds is None:
                note_pass()
        except Stop:
            return
        except Exception as error:
            logger.exception("skinsback.job_failed", extra={"job": job.name})
            told(job, error)
