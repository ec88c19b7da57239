"""Claims on due rows: one sweep at a time asks SkinsBack about a row.

A sweep claims rows by moving their due time two minutes ahead. It extends the claim itself, between two calls; no
thread does, because a thread has neither the site's tenant nor its database connection. If a worker is killed, or one
call outlives the claim, the rows are due again. Then a second sweep may ask about them: one more call, and no money
moves, because every change is checked against the row. No lock is held while SkinsBack is called.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Generic

from django.db import connections
from django.db.models import Q, QuerySet

from ... import schedule
from ...models.fields import utc_now
from ..ledger.database import database, run
from .queue import Queue, Row, is_due


@dataclass
class Lease(Generic[Row]):
    """Rows that a sweep has claimed ``until`` a time, which also identifies the claim."""

    queue: Queue[Row]
    rows: list[Row]
    until: datetime

    def extend(self) -> None:
        """Extend the claim if it ends soon; called between two calls. Only rows that are still claimed are extended."""
        now = utc_now()
        if self.until - now >= schedule.CLAIM_EXTENDED_BELOW:
            return
        until = claim_until(now)
        self._claimed().update(**{self.queue.due: until})
        self.until = until

    def reschedule(self, times: Mapping[int, datetime]) -> None:
        """``Queue.reschedule`` of those rows that are still claimed."""
        self.queue.reschedule(times, Q(**{self.queue.due: self.until}))

    def put_off(self, until: datetime) -> None:
        """Set the due time of all rows that are still claimed."""
        self._claimed().update(**{self.queue.due: until})

    def _claimed(self) -> QuerySet[Row]:
        return self.queue.rows(pk__in=[row.pk for row in self.rows], **{self.queue.due: self.until})


def take_due(queue: Queue[Row], keys: Iterable[int], size: int, now: datetime) -> Iterator[Lease[Row]]:
    """Claim those of these rows that are due ``now``, at most ``size`` at a time. Others' claims are left alone."""
    walk = iter(keys)
    while some := list(islice(walk, size)):
        until = claim_until(max(now, utc_now()))
        rows = _take(queue, some, now, until)
        if rows:
            yield Lease(queue, rows, until)


def _take(queue: Queue[Row], keys: list[int], now: datetime, until: datetime) -> list[Row]:
    due, claim = queue.rows(is_due(queue.due, now), pk__in=keys), {queue.due: until}
    if connections[database()].features.has_select_for_update_skip_locked:

        def block() -> list[Row]:
            rows = list(due.order_by("pk").select_for_update(skip_locked=True))
            if rows:
                queue.rows(pk__in=[row.pk for row in rows]).update(**claim)
            return rows

        return run(block)
    return list(queue.rows(pk__in=keys, **claim).order_by("pk")) if due.update(**claim) else []


def claim_until(now: datetime) -> datetime:
    """When a claim made ``now`` ends, less random microseconds, so that two claims of one moment differ."""
    return now + schedule.CLAIM - timedelta(microseconds=random.randrange(1_000_000))  # noqa: S311 - no secret
