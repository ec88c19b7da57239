"""A sweep polls the due rows of one account after the other.

* An error that concerns one row postpones only that row.
* An account-wide error would make every other call of the account fail too. It ends the sweep of that account. The
  claimed rows are postponed, and ``ratelimit`` pauses the account's calls in all processes.
* After ``LONGEST_SWEEP`` a sweep ends between two calls, so that the process can do other work. The next sweep polls
  the remaining rows.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet

from ... import conf, ratelimit, schedule
from ...exceptions import SkinsBackError
from ...models.fields import utc_now
from ...wire.types import Page
from ..monitoring import passes
from .backlog import read_list
from .claims import Claim, claim_due
from .queue import Row, due_rows

logger = logging.getLogger("django_skinsback")

Report = TypeVar("Report")

LONGEST_SWEEP = schedule.MINUTE
"""How long a sweep of one account claims further rows."""

KEYS_PER_QUERY = 50_000
"""Number of primary keys that one query reads. A query for each batch would sort all due rows each time."""

OnProgress = Callable[[int], object]
"""Called with the number of rows that were claimed since the last call. An exception from it ends the sweep."""


def no_progress(_rows: int) -> None:
    """Do nothing. This is the default of ``on_progress``."""


@dataclass
class Counts:
    """What a sweep did: rows polled, rows whose status changed, and the error that ended it early."""

    asked: int = 0
    changed: int = 0
    stopped_by: str = ""


class Sweep(ABC, Generic[Row, Report]):
    """One sweep over the due rows of one account. A subclass says how rows are polled.

    ``now`` decides which rows are due. ``chance`` returns numbers from 0 to 1, which spread the poll times.
    """

    model: type[Row]
    our_id: str
    """The column with the ID that we gave the row."""

    list_time: str
    """The column that is closest to the time by which SkinsBack's list is limited."""

    batch_size: int
    """How many rows are claimed at a time."""

    rows_per_call: int
    """About how many rows one call covers if the list is not read."""

    list_from: int
    """If at least this many rows are due, SkinsBack's list is read first."""

    urgent: Mapping[str, Any] = {}
    """Conditions of rows that are polled before the list is read."""

    def __init__(
        self, account: str, counts: Counts, now: datetime | None, chance: Callable[[], float], on_progress: OnProgress
    ) -> None:
        began_at = utc_now()
        self.account = account
        self.counts = counts
        self.now = now or began_at
        self.chance = chance
        self._on_progress = on_progress
        self._ends_at = began_at + LONGEST_SWEEP

    @abstractmethod
    def poll(self, claim: Claim[Row]) -> None:
        """Ask SkinsBack about the rows of a claim, record the answers and set the next polls."""

    @abstractmethod
    def fetch_page(self, starting: datetime, ending: datetime, start_from: str | None) -> Page[Report]:
        """Read one page of SkinsBack's list of this kind of row."""

    @abstractmethod
    def record_listed(self, row: Row, report: Report, now: datetime, chance: float) -> datetime | None:
        """Record what the list says about a row if that changes it.

        Returns the time of the next poll of a row without a change; None leaves the row to ``poll``.
        """

    def after_error(self) -> None:
        """Do more work after a SkinsBackError has ended the sweep. The default does nothing."""

    def run(self) -> None:
        """Poll all due rows of the account, until a SkinsBackError or ``LONGEST_SWEEP`` ends the sweep."""
        rows, asked = self.model.__name__, self.counts.asked
        try:
            with ratelimit.background():
                self._poll_due()
        except SkinsBackError as error:
            logger.warning(
                "skinsback.sweep_stopped", extra={"rows": rows, "account": self.account, "error": str(error)}
            )
            self.counts.stopped_by = f"{self.account}: {error}"
            passes.note_failed(rows, self.account, str(error))
            self.after_error()
        else:
            if self.counts.asked > asked:
                passes.note_completed(rows, self.account)

    def due_rows(self) -> QuerySet[Row]:
        """Return the rows of the account that are due."""
        return due_rows(self.model, self.account, self.now)

    def is_over(self) -> bool:
        """Return whether the sweep has lasted for ``LONGEST_SWEEP``."""
        return utc_now() >= self._ends_at

    def add_progress(self, rows: int) -> None:
        """Count rows as polled, and call ``on_progress``."""
        self.counts.asked += rows
        self._on_progress(rows)

    def count_change(self, before: Row, after: Row | None) -> None:
        """Count a row if its status has changed."""
        self.counts.changed += after is not None and after.status != before.status

    def _poll_due(self) -> None:
        due = self.due_rows()
        keys = list(due.order_by("next_poll_at", "pk").values_list("pk", flat=True)[: self.list_from])
        if len(keys) < self.list_from:
            self._poll_keys(due, keys)
            return
        if self.urgent and not self._poll_all(due.filter(**self.urgent)):
            return
        read_list(self)
        self._ends_at = utc_now() + LONGEST_SWEEP  # reading the list may have taken long
        self._poll_all(due)

    def _poll_all(self, due: QuerySet[Row]) -> bool:
        """Poll all these rows; return False if the sweep is over before that.

        Rows that have been due for the longest are polled first. In another order, sweeps that reach ``LONGEST_SWEEP``
        would always poll the same rows.
        """
        last = 0
        while times := dict(due.filter(pk__gt=last).order_by("pk").values_list("pk", "next_poll_at")[:KEYS_PER_QUERY]):
            keys = sorted(times, key=lambda pk: times[pk] or self.now)
            if not self._poll_keys(due, keys):
                return False
            last = max(keys)
        return True

    def _poll_keys(self, due: QuerySet[Row], keys: list[int]) -> bool:
        """Poll the due rows with these keys, at least one batch; return False if the sweep is over before that."""
        for claim in claim_due(due, keys, self.batch_size, self.now):
            try:
                self.add_progress(len(claim.rows))
            except BaseException:  # on_progress ends the sweep: the rows are due again at once
                claim.release(self.now)
                raise
            try:
                self.poll(claim)
            except SkinsBackError:
                delay = schedule.spread(schedule.ACCOUNT_ERROR_DELAY, (1 + self.chance()) / 2)
                claim.release(utc_now() + delay)
                raise
            if self.is_over():
                return False
        return True


def sweep(
    kind: type[Sweep[Row, Any]],
    account: str | None,
    *,
    now: datetime | None,
    chance: Callable[[], float],
    on_progress: OnProgress,
) -> Counts:
    """Sweep one account, or all of them if ``account`` is None. Returns the counts of all accounts together.

    If one account fails, the others are still swept. An exception that is not a SkinsBackError is raised at the end.
    """
    counts, failure = Counts(), None
    for alias in [account] if account else conf.accounts():
        try:
            kind(alias, counts, now, chance, on_progress).run()
        except Exception as error:
            logger.exception("skinsback.sweep_failed", extra={"rows": kind.model.__name__, "account": alias})
            failure = error
    if failure is not None:
        raise failure
    return counts
