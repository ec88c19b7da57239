"""A sweep polls the due rows of one account after the other.

* If an error concerns one row, only that row is postponed.
* If an error concerns the whole account, such as a wrong key, the sweep of the account ends. The claimed rows are
  postponed, and ``ratelimit`` pauses the account's calls in all processes.
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
from ..monitoring import sweeps
from ..progress import OnProgress
from .backlog import read_list
from .claims import Claim, claim_due
from .queue import Row, due_rows

logger = logging.getLogger("django_skinsback")

Report = TypeVar("Report")

LONGEST_SWEEP = schedule.MINUTE
"""After this time, a sweep of one account claims no further rows and ends."""

KEYS_PER_QUERY = 50_000
"""The number of primary keys that one query reads. One query per batch would sort all due rows again and again."""


@dataclass
class Counts:
    """The counts of a sweep. ``asked`` is the number of polled rows. ``changed`` is the number of changed statuses.

    ``stopped_by`` is the error that ended the sweep early, or "".
    """

    asked: int = 0
    changed: int = 0
    stopped_by: str = ""


class Sweep(ABC, Generic[Row, Report]):
    """One sweep over the due rows of one account. A subclass defines how rows are polled.

    A row is due if its next poll is not later than ``now``. ``chance`` returns random numbers from 0 to 1, which spread
    the poll times.
    """

    model: type[Row]
    our_id: str
    """The column with this site's ID of the row: ``order_id`` or ``custom_id``."""

    list_time: str
    """The column whose time is closest to the time by which SkinsBack selects the rows of its list."""

    batch_size: int
    """The number of rows in one claim."""

    rows_per_call: int
    """The approximate number of rows that one call polls if the list is not read."""

    list_from: int
    """If at least this many rows are due, SkinsBack's list is read first."""

    urgent: Mapping[str, Any] = {}
    """The filter of the rows that are polled before the list is read. Empty if there are no such rows."""

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
        """Record the report of a row from the list if the report changes the row.

        If the report does not change the row, return the time of the next poll. Return None if the report was recorded,
        or if ``poll`` must poll the row.
        """

    def after_error(self) -> None:
        """Called after a SkinsBackError has ended the sweep. The default does nothing."""

    def run(self) -> None:
        """Poll the due rows of the account.

        The sweep ends early after a SkinsBackError, or if it takes longer than ``LONGEST_SWEEP``.
        """
        rows, asked = self.model.__name__, self.counts.asked
        try:
            with ratelimit.background():
                self._poll_due()
        except SkinsBackError as error:
            logger.warning(
                "skinsback.sweep_stopped", extra={"rows": rows, "account": self.account, "error": str(error)}
            )
            self.counts.stopped_by = f"{self.account}: {error}"
            sweeps.note_failed(rows, self.account, str(error))
            self.after_error()
        else:
            if self.counts.asked > asked:
                sweeps.note_completed(rows, self.account)

    def due_rows(self) -> QuerySet[Row]:
        """Return a query of the account's rows that are due."""
        return due_rows(self.model, self.account, self.now)

    def is_over(self) -> bool:
        """Return whether the sweep has lasted for ``LONGEST_SWEEP``."""
        return utc_now() >= self._ends_at

    def add_progress(self, rows: int) -> None:
        """Count rows as polled, and call ``on_progress``."""
        self.counts.asked += rows
        self._on_progress(rows)

    def count_change(self, before: Row, after: Row | None) -> None:
        """Count the row if its status has changed. ``after`` is None if the row does not exist any more."""
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
        """Poll all these rows and return True. Return False if the sweep is over before all rows are polled.

        The rows that have been due for the longest time are polled first. In another order, sweeps that reach
        ``LONGEST_SWEEP`` would poll the same rows each time.
        """
        last = 0
        while times := dict(due.filter(pk__gt=last).order_by("pk").values_list("pk", "next_poll_at")[:KEYS_PER_QUERY]):
            keys = sorted(times, key=lambda pk: times[pk] or self.now)
            if not self._poll_keys(due, keys):
                return False
            last = max(keys)
        return True

    def _poll_keys(self, due: QuerySet[Row], keys: list[int]) -> bool:
        """Poll the due rows with these primary keys and return True. Return False if the sweep is over before the end.

        At least one batch is polled.
        """
        for claim in claim_due(due, keys, self.batch_size, self.now):
            try:
                self.add_progress(len(claim.rows))
            except BaseException:  # raised by on_progress: the sweep ends, and the rows are due again now
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
    """Sweep one account, or all accounts if ``account`` is None. Return the counts of all accounts together.

    If the sweep of one account raises an exception, the other accounts are still swept. Then the exception is raised. A
    SkinsBackError is not raised: it is in the counts.
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
