"""Taking due rows, so that one sweep at a time asks about them: to move the due time in the row is to claim it.

A claim is short and is renewed while its sweep lives, however long SkinsBack or the rate limit keep it waiting. When a
worker is killed, its rows are due again seconds later. Nothing is locked while SkinsBack is called.
"""

import logging
import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Generic, Self

from django.db import Error, connections
from django.db.models import QuerySet

from .. import schedule
from ..models.fields import utc_now
from .database import database, run
from .due import Queue, Row

logger = logging.getLogger("django_skinsback")

RENEW_SECONDS = schedule.CLAIM.total_seconds() / 3


class Lease(Generic[Row]):
    """Rows that were due and are this sweep's while the ``with`` block runs."""

    def __init__(self, queue: Queue[Row], rows: list[Row], until: datetime) -> None:
        self.rows: list[Row] = rows
        self._queue: Queue[Row] = queue
        self._until = until
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._renew, name="skinsback-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def reschedule(self, times: Mapping[int, datetime]) -> None:
        """``Queue.reschedule`` of those rows that nobody has changed since they were taken."""
        with self._turn:
            self._queue.reschedule(times, **{self._queue.due: self._until})

    def put_off(self, until: datetime) -> None:
        """Leave what was not dealt with alone for a while."""
        with self._turn:
            self._held().update(**{self._queue.due: until})

    def _held(self) -> QuerySet[Row]:
        keys = [row.pk for row in self.rows]
        rows: QuerySet[Row] = self._queue.rows(pk__in=keys, **{self._queue.due: self._until})
        return rows

    def _renew(self) -> None:
        renewed = False
        try:
            while not self._over.wait(RENEW_SECONDS):
                renewed, until = True, mark(utc_now() + schedule.CLAIM)
                try:
                    with self._turn:
                        self._held().update(**{self._queue.due: until})
                        self._until = until
                except Error as error:  # the rows are due again when the claim ends, which costs one more call
                    logger.warning("skinsback.lease_not_renewed", extra={"error": type(error).__name__})
                    _disconnect()
        finally:
            if renewed:
                _disconnect()


def _disconnect() -> None:
    """Have this thread connect anew: on a connection that is lost, everything fails."""
    with suppress(Error):
        connections[database()].close()


def take_due(queue: Queue[Row], keys: Iterable[int], size: int, now: datetime) -> Iterator[Lease[Row]]:
    """Take those of these rows that are due ``now`` and nobody else takes, at most ``size`` at a time."""
    walk = iter(keys)
    while some := list(islice(walk, size)):
        until = mark(max(now, utc_now()) + schedule.CLAIM)
        rows = _take(queue, some, now, until)
        if rows:
            yield Lease(queue, rows, until)


def _take(queue: Queue[Row], keys: list[int], now: datetime, until: datetime) -> list[Row]:
    due, claim = queue.rows(pk__in=keys, **{f"{queue.due}__lte": now}), {queue.due: until}
    if connections[database()].features.has_select_for_update_skip_locked:

        def block() -> list[Row]:
            rows = list(due.order_by("pk").select_for_update(skip_locked=True))
            if rows:
                queue.rows(pk__in=[row.pk for row in rows]).update(**claim)
            return rows

        return run(block)
    return list(queue.rows(pk__in=keys, **claim).order_by("pk")) if due.update(**claim) else []


def mark(time: datetime) -> datetime:
    """``time``, less odd microseconds that tell one claim from another made in the same moment."""
    return time - timedelta(microseconds=random.randrange(1_000_000))  # noqa: S311 - marks, guards nothing
