"""One pass over what is due, account by account; what it asks and what it makes of the answers are its callers'.

A row whose answer cannot be read, or whose news a listener of the site will not take, is put off and keeps no other
row waiting. Only what every call of the account would meet ends its pass early: what was taken then waits for a while,
and ``ratelimit`` keeps all processes from asking meanwhile.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from .. import conf, ratelimit, schedule
from ..exceptions import SkinsBackError
from ..models.fields import utc_now
from .backlog import Listed, read
from .due import Advance, Counts, Queue, Row, Sweep, nobody
from .leases import Lease, take_due

logger = logging.getLogger("django_skinsback")

KEYS_AT_ONCE = 50_000
"""Due rows are found by walking over their keys; asking for them anew for each batch would sort them all each time."""


@dataclass(frozen=True)
class Work(Generic[Row]):
    """What a pass does with rows: ``size`` of them at a time, those that are ``first`` (conditions) before the others.

    Where so many are due that SkinsBack's list tells of them in fewer calls, they are looked for in ``listed`` before.
    """

    queue: Queue[Row]
    size: int
    ask: Callable[[Sweep[Row], Lease[Row]], None]
    listed: Listed[Row, Any]
    first: dict[str, Any] = field(default_factory=dict)


def sweep(
    work: Work[Row],
    account: str | None,
    *,
    now: datetime | None = None,
    chance: Callable[[], float] = random.random,
    advance: Advance = nobody,
) -> Counts:
    """Do what is due of one account, or of all; ``advance`` is told how many rows were taken up."""
    counts = Counts()
    for alias in [account] if account else conf.accounts():
        one = Sweep(work.queue, alias, now or utc_now(), counts, chance, advance)
        try:
            with ratelimit.background():
                _sweep(one, work)
        except SkinsBackError as error:
            extra = {"rows": work.queue.model.__name__, "account": alias, "error": str(error)}
            logger.warning("skinsback.sweep_stopped", extra=extra)
            counts.stopped_by = f"{alias}: {error}"
    return counts


def _sweep(one: Sweep[Row], work: Work[Row]) -> None:
    keys = one.queue.due_keys(one.account, one.now, work.listed.from_rows)
    if len(keys) < work.listed.from_rows:
        _take(one, work, keys)
        return
    if work.first:
        _walk(one, work, **work.first)
    if read(one, work.listed):
        _walk(one, work)


def _walk(one: Sweep[Row], work: Work[Row], **conditions: Any) -> None:
    last = 0
    while keys := one.queue.due_keys(one.account, one.now, KEYS_AT_ONCE, pk__gt=last, **conditions):
        _take(one, work, keys)
        last = keys[-1]


def _take(one: Sweep[Row], work: Work[Row], keys: list[int]) -> None:
    for lease in take_due(one.queue, keys, work.size, one.now):
        one.took(len(lease.rows))
        with lease:
            try:
                work.ask(one, lease)
            except SkinsBackError:
                lease.put_off(utc_now() + schedule.spread(schedule.LEASE, (1 + one.chance()) / 2))
                raise
