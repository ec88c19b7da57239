"""One pass over what is due, account by account; what it asks and what it makes of the answers are its callers'.

A row whose answer cannot be read, or whose news a listener of the site will not take, is put off and keeps no other
row waiting. Only what every call of the account would meet ends its pass early: what was taken then waits for a while,
and ``ratelimit`` keeps all processes from asking meanwhile. A pass also ends, between two calls, when it has lasted for
``PASS``: what it did not come to stays due for the next one, and the process is free for other work between the two.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic

from ... import conf, ratelimit, schedule
from ...exceptions import SkinsBackError
from ...models.fields import utc_now
from ..monitoring import passes
from .backlog import Listed, read
from .claims import Lease, take_due
from .queue import Advance, Counts, Queue, Row, Sweep, nobody

logger = logging.getLogger("django_skinsback")

PASS = schedule.MINUTE
"""After how long a pass over the rows of one account takes up no more of them."""

KEYS_AT_ONCE = 50_000
"""Due rows are found by walking over their keys; asking for them anew for each batch would sort them all each time."""


def nothing_more(_account: str) -> None:
    """What is done after a pass that was stopped, where nothing is."""


@dataclass(frozen=True)
class Work(Generic[Row]):
    """What a pass does with rows: ``size`` of them at a time, those that are ``first`` (conditions) before the others.

    Where so many are due that SkinsBack's list tells of them in fewer calls, they are looked for in ``listed`` before.
    ``stopped`` is called with the account after a pass that an error of SkinsBack's has ended.
    """

    queue: Queue[Row]
    size: int
    ask: Callable[[Sweep[Row], Lease[Row]], None]
    listed: Listed[Row, Any]
    first: dict[str, Any] = field(default_factory=dict)
    stopped: Callable[[str], object] = nothing_more


def sweep(
    work: Work[Row],
    account: str | None,
    *,
    now: datetime | None = None,
    chance: Callable[[], float] = random.random,
    advance: Advance = nobody,
) -> Counts:
    """Do what is due of one account, or of all; ``advance`` is told how many rows were taken up.

    Whatever ends the pass of one account, the others have theirs; what is no error of SkinsBack's is raised afterwards.
    """
    counts, failure = Counts(), None
    for alias in [account] if account else conf.accounts():
        one = Sweep(work.queue, alias, now or utc_now(), counts, chance, advance, until=utc_now() + PASS)
        try:
            _pass(one, work)
        except Exception as error:
            logger.exception("skinsback.sweep_failed", extra={"rows": work.queue.model.__name__, "account": alias})
            failure = error
    if failure is not None:
        raise failure
    return counts


def _pass(one: Sweep[Row], work: Work[Row]) -> None:
    rows, asked = work.queue.model.__name__, one.counts.asked
    try:
        with ratelimit.background():
            _sweep(one, work)
    except SkinsBackError as error:
        logger.warning("skinsback.sweep_stopped", extra={"rows": rows, "account": one.account, "error": str(error)})
        one.counts.stopped_by = f"{one.account}: {error}"
        passes.note_failed(rows, one.account, str(error))
        work.stopped(one.account)
    else:
        if one.counts.asked > asked:
            passes.note_completed(rows, one.account)


def _sweep(one: Sweep[Row], work: Work[Row]) -> None:
    due = one.queue.due_rows(one.account, one.now).order_by(one.queue.due, "pk")
    keys = list(due.values_list("pk", flat=True)[: work.listed.from_rows])
    if len(keys) < work.listed.from_rows:
        _take(one, work, keys)
        return
    if work.first and not _walk(one, work, **work.first):
        return
    if read(one, work.listed):
        _walk(replace(one, until=utc_now() + PASS), work)  # the list may have taken long


def _walk(one: Sweep[Row], work: Work[Row], **conditions: Any) -> bool:
    """Take all that is due; False if the time was over before."""
    last = 0
    while keys := one.queue.due_keys(one.account, one.now, KEYS_AT_ONCE, pk__gt=last, **conditions):
        if not _take(one, work, _longest_due_first(one, keys)):
            return False
        last = keys[-1]
    return True


def _take(one: Sweep[Row], work: Work[Row], keys: list[int]) -> bool:
    """Take these rows, at least some of them; False if the time was over before."""
    for lease in take_due(one.queue, keys, work.size, one.now):
        try:
            one.took(len(lease.rows))
        except BaseException:  # it ends the pass: nobody asks about them, so they are due again at once
            lease.put_off(one.now)
            raise
        try:
            work.ask(one, lease)
        except SkinsBackError:
            lease.put_off(utc_now() + schedule.spread(schedule.LEASE, (1 + one.chance()) / 2))
            raise
        if one.is_over():
            return False
    return True


def _longest_due_first(one: Sweep[Row], keys: list[int]) -> list[int]:
    """Passes that end with their time would else ask about the first rows again and again, and never about others."""
    due = one.queue.due_rows(one.account, one.now).filter(pk__range=(keys[0], keys[-1]))
    times = dict(due.order_by("pk").values_list("pk", one.queue.due))
    return sorted(filter(times.__contains__, keys), key=times.__getitem__)
