"""SkinsBack's lists against our rows: what never reached us is made up for, what cannot be right is shown.

A row of a list is a report like any other and goes through ``record_report``; nothing here writes a row about money
itself. What is found is kept as a ``Discrepancy``.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from ... import conf
from ...connection import get_client
from ...exceptions import ACCOUNT_WIDE, APIError, InvalidInput, SkinsBackError
from ...models import ListName
from ...models.fields import utc_now
from ...ratelimit import background
from ..ledger.database import refuse_inside_transaction
from ..pages import Reading
from .compare import DEPOSITS, PURCHASES
from .cursors import Lease, Window, afterwards, next_window
from .discrepancies import Book, Counts, Told
from .failed_webhooks import Follower, is_due
from .match import Matcher

logger = logging.getLogger("django_skinsback")

LISTS = (ListName.CALLBACK_ERROR_LIST, ListName.ORDERS, ListName.MARKET_HISTORY)
SUBJECTS = {subject.list_name: subject for subject in (DEPOSITS, PURCHASES)}


def reconcile(
    account: str | None = None,
    *,
    lists: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    told: Told | None = None,
    report: Callable[[int], object] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> list[Counts]:
    """Compare the ``lists`` of SkinsBack with our rows; of all accounts, if none is named.

    Without ``lists`` all lists are compared, the list of failed notifications once a day. With ``lists`` or ``since``
    each list is read now.

    Each run begins where the last complete one ended, with an overlap. With ``since`` (aware) just this range is read,
    up to ``until`` or now, and the place where the next run begins stays. ``told`` is called with each Discrepancy,
    ``report`` with the number of rows of each page.
    An error ends a list, or with what every call would meet the account, and stands in ``stopped_by``.
    Not to be called inside a database transaction.
    """
    refuse_inside_transaction("reconcile()")
    if until is not None and since is None:
        raise InvalidInput(_("until needs since."))
    wanted = Window(since, until or clock(), "") if since else None
    if wanted is not None and wanted.since >= wanted.until:
        raise InvalidInput(_("since must lie in the past, and before until."))
    results = []
    with background():
        for alias in [account] if account else conf.accounts():
            for name in map(ListName, lists or LISTS):
                counts = Counts(alias, name)
                results.append(counts)
                if name == ListName.CALLBACK_ERROR_LIST and not (lists or since or is_due(alias, clock())):
                    counts.skipped = True
                elif not _Run(counts, wanted, told, report, clock).go():
                    break
    return results


class _Run:
    """One list of one account."""

    def __init__(
        self,
        counts: Counts,
        wanted: Window | None,
        told: Told | None,
        report: Callable[[int], object] | None,
        clock: Callable[[], datetime],
    ) -> None:
        self.counts = counts
        self._wanted = wanted
        self._told = told
        self._report = report
        self._clock = clock
        self._name = ListName(counts.name)

    def go(self) -> bool:
        """Read the list as far as it goes; False if the account's other lists would meet the same error."""
        counts = self.counts
        lease = Lease.take(counts.account, self._name, self._clock)
        if lease is None:
            counts.stopped_by = _("Another run reads this list; look at it again in a few minutes.")
            return True
        go_on = True
        with afterwards(lambda: lease.release(stopped_by=counts.stopped_by)):
            try:
                if self._name in SUBJECTS:
                    self._read_windows(lease)
                else:
                    self._follow(lease)
            except SkinsBackError as error:
                counts.stopped_by = str(error)
                go_on = not isinstance(error, ACCOUNT_WIDE)
        extra = {name: value for name, value in counts.as_dict().items() if name not in {"name", "skipped"}} | {
            "list": counts.name
        }
        logger.log(
            logging.WARNING if counts.stopped_by else logging.INFO,
            "skinsback.reconciliation_stopped" if counts.stopped_by else "skinsback.reconciled",
            extra=extra,
        )
        return go_on

    def _follow(self, lease: Lease) -> None:
        began_at = self._clock()
        done = Follower(self.counts, lease, told=self._told, page=self._count).go()
        if done and self._wanted is None:
            lease.note(complete_until=began_at)

    def _read_windows(self, lease: Lease) -> None:
        """The range that was broken off, if one was, and then what has come since."""
        if self._wanted is not None:
            self._read(lease, self._wanted)
            return
        window = next_window(lease.cursor, self._clock())
        while self._read(lease, window) and window.start_from:
            window = next_window(lease.cursor, self._clock())

    def _read(self, lease: Lease, window: Window) -> bool:
        """Compare one range of time; whether it was read to its end.

        Where the pages led nowhere after a resumption, or rows left the list meanwhile, it is read once more from its
        start.
        """
        readable = self._compare(lease, window)
        if not readable.complete and window.start_from:
            self.counts.notes.append(_("The list could not be gone on with; it was read again from its start."))
        elif readable.shrank:
            self.counts.notes.append(_("The list shrank while it was read; it was read again from its start."))
        else:
            return self._ended(lease, window, readable)
        self.counts.unknown = self.counts.differing = self.counts.doubled = self.counts.absent = 0
        return self._ended(lease, window, self._compare(lease, Window(window.since, window.until)))

    def _ended(self, lease: Lease, window: Window, reading: Reading[Any]) -> bool:
        if reading.stuck:
            self.counts.stopped_by = reading.stuck
        if self._wanted is None:
            place: dict[str, Any] = {"since": None, "until": None, "start_from": ""}
            if reading.complete:
                place["complete_until"] = window.until
            if reading.complete and window.reaches_far_back:
                place["looked_back_at"] = window.until
            lease.note(**place)
        return reading.complete

    def _compare(self, lease: Lease, window: Window) -> Reading[Any]:
        counts, subject = self.counts, SUBJECTS[self._name]
        client = get_client(counts.account)
        fetch = getattr(client, subject.method)
        reading: Reading[Any] = Reading(
            lambda start_from: fetch(window.since, window.until, start_from), subject.ids, window.start_from
        )
        book = Book(counts.account, self._name, told=self._told)
        matcher = Matcher(subject, book, counts)
        asked_at = self._clock()
        with afterwards(book.close), afterwards(matcher.finish):
            try:
                for reports in reading:
                    matcher.match(reports, asked_at)
                    self._count(len(reports))
                    asked_at = self._clock()
                    lease.note(**self._place(window, reading))
                    if not lease.keep():
                        raise SkinsBackError(_("Another run has taken this list over."))
            except SkinsBackError as error:
                lease.note(**self._place(window, reading, of_use=_may_go_on(error, reading)))
                raise
            if reading.whole and not window.start_from:
                matcher.look_for_absent(window)
        return reading

    def _place(self, window: Window, reading: Reading[Any], *, of_use: bool = True) -> dict[str, Any]:
        """Where to go on should this run break off."""
        if self._wanted is not None:
            return {}
        return {
            "since": window.since if of_use else None,
            "until": window.until if of_use else None,
            "start_from": reading.start_from if of_use else "",
        }

    def _count(self, rows: int) -> None:
        self.counts.pages += 1
        self.counts.rows += rows
        if self._report is not None:
            self._report(rows)


def _may_go_on(error: SkinsBackError, reading: Reading[Any]) -> bool:
    """Whether the page that did not come may come another time; not if it is its number that is refused."""
    if isinstance(error, InvalidInput):
        return False
    refused = isinstance(error, APIError) and not isinstance(error, ACCOUNT_WIDE)
    return bool(reading.pages) or not refused
