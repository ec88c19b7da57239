"""Claims on due rows. A claim ensures that only one sweep polls a row.

A sweep claims rows by setting ``next_poll_at`` to two minutes in the future. The sweep extends the claim between two
calls. No thread extends the claim, because a thread does not have the site's tenant and database connection.

When a claim ends, its rows are due again. This happens if a worker is killed, or if one call takes longer than the
claim. Then a second sweep may poll the same rows. This wastes a call, but money is not moved twice, because every
change is checked under the row lock. No lock is held while SkinsBack is called.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Generic

from django.db import connections
from django.db.models import QuerySet

from ... import schedule
from ...models.fields import utc_now
from ..ledger.database import database, run
from .queue import Row, reschedule


@dataclass
class Claim(Generic[Row]):
    """The rows that a sweep has claimed together. ``until`` is the end of the claim, and identifies the claim."""

    model: type[Row]
    rows: list[Row]
    until: datetime

    def extend(self) -> None:
        """Extend the claim if it ends soon. A sweep calls this method before each call to SkinsBack."""
        now = utc_now()
        if self.until - now < schedule.CLAIM_EXTENDED_BELOW:
            until = _claim_end(now)
            self._still_claimed().update(next_poll_at=until)
            self.until = until

    def reschedule(self, times: Mapping[int, datetime]) -> None:
        """Set the next poll of rows that were polled without a change. Skip rows that are not claimed any more."""
        if times:
            reschedule(self._still_claimed(), times)

    def release(self, next_poll_at: datetime) -> None:
        """End the claim: set the next poll of all rows that are still claimed to ``next_poll_at``."""
        self._still_claimed().update(next_poll_at=next_poll_at)

    def _still_claimed(self) -> QuerySet[Row]:
        rows: QuerySet[Row] = self.model._default_manager.using(database())
        return rows.filter(pk__in=[row.pk for row in self.rows], next_poll_at=self.until)


def claim_due(due: QuerySet[Row], keys: Iterable[int], size: int, now: datetime) -> Iterator[Claim[Row]]:
    """Claim the ``due`` rows with these primary keys in batches of ``size``, and yield the claim of each batch.

    Rows that another sweep has claimed are skipped. ``now`` is the time at which the rows are due.
    """
    walk = iter(keys)
    while some := list(islice(walk, size)):
        until = _claim_end(max(now, utc_now()))
        rows = _claim(due, some, until)
        if rows:
            yield Claim(due.model, rows, until)


def _claim(due: QuerySet[Row], keys: list[int], until: datetime) -> list[Row]:
    chosen = due.filter(pk__in=keys)
    all_rows: QuerySet[Row] = due.model._default_manager.using(database())
    if connections[database()].features.has_select_for_update_skip_locked:

        def block() -> list[Row]:
            rows = list(chosen.order_by("pk").select_for_update(skip_locked=True))
            if rows:
                all_rows.filter(pk__in=[row.pk for row in rows]).update(next_poll_at=until)
            return rows

        return run(block)
    if not chosen.update(next_poll_at=until):
        return []
    return list(all_rows.filter(pk__in=keys, next_poll_at=until).order_by("pk"))


def _claim_end(now: datetime) -> datetime:
    """Return the time at which a claim that begins ``now`` ends.

    The time contains random microseconds, which make the time unique. So the time identifies the claim.
    """
    claim_token = timedelta(microseconds=random.randrange(1_000_000))  # noqa: S311 - not a secret
    return now + schedule.CLAIM - claim_token
