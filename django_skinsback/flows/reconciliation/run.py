"""The function ``reconcile``. It compares SkinsBack's lists with the rows here.

A row of a list is a report like any other. A missed report is recorded with ``record_report``, and deposits and
purchases are changed in no other way. Each difference is stored as a ``Discrepancy`` for an operator.
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
from ..pages import PageReader
from ..progress import OnProgress, no_progress
from .compare import DEPOSITS, PURCHASES
from .cursors import ListClaim, Window, next_window, run_at_end
from .discrepancies import DiscrepancyStore, ListResult, OnDiscrepancy
from .failed_webhooks import FailedWebhookReader, is_due
from .match import ListMatcher

logger = logging.getLogger("django_skinsback")

LISTS = (ListName.CALLBACK_ERROR_LIST, ListName.ORDERS, ListName.MARKET_HISTORY)
SPECS = {spec.name: spec for spec in (DEPOSITS, PURCHASES)}


def reconcile(
    account: str | None = None,
    *,
    lists: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    on_discrepancy: OnDiscrepancy | None = None,
    on_progress: OnProgress = no_progress,
    clock: Callable[[], datetime] = utc_now,
) -> list[ListResult]:
    """Compare SkinsBack's lists with the rows here. Return a result for each list of each account.

    * ``account``: the account to compare. None compares all accounts.
    * ``lists``: the names of the lists to compare. None compares all lists, but the list of failed webhooks only once a
      day. If ``lists`` or ``since`` is given, the list of failed webhooks is read now.
    * ``since``, ``until``: aware datetimes of the range to read. Without ``until``, the range ends now. Without
      ``since``, the range begins where the last complete run ended, with an overlap. A run with ``since`` does not
      change where the next run begins.
    * ``on_discrepancy``: called with each stored Discrepancy.
    * ``on_progress``: called with the number of rows of each page.

    An error of SkinsBack ends the reading of the list. An error that concerns the whole account also skips the other
    lists of the account, and ends the run. ``stopped_by`` of the result is the error. Raises InvalidInput for an
    impossible range. Raises InsideDatabaseTransaction inside a database transaction.
    """
    refuse_inside_transaction("reconcile()")
    if until is not None and since is None:
        raise InvalidInput(_("“until” can only be given together with “since”."))
    window = Window(since, until or clock()) if since else None
    if window is not None and window.since >= window.until:
        raise InvalidInput(_("“since” must be a time in the past and before “until”."))
    results = []
    with background():
        for alias in [account] if account else conf.accounts():
            for name in map(ListName, lists or LISTS):
                result = ListResult(alias, name)
                results.append(result)
                if name == ListName.CALLBACK_ERROR_LIST and not (lists or since or is_due(alias, clock())):
                    result.skipped = True
                elif not _ListRun(result, window, on_discrepancy, on_progress, clock).read():
                    break
    return results


class _ListRun:
    """One run through one list of one account."""

    def __init__(
        self,
        result: ListResult,
        requested: Window | None,
        on_discrepancy: OnDiscrepancy | None,
        on_progress: OnProgress,
        clock: Callable[[], datetime],
    ) -> None:
        self._result = result
        self._requested = requested
        self._on_discrepancy = on_discrepancy
        self._on_progress = on_progress
        self._clock = clock

    def read(self) -> bool:
        """Read the list. Return False if an error of the whole account ended the reading. Return True otherwise.

        After such an error, the other lists of the account would fail with the same error.
        """
        result = self._result
        claim = ListClaim.acquire(result.account, result.name, self._clock)
        if claim is None:
            result.stopped_by = _("Another run is reading this list. Try again in a few minutes.")
            return True
        may_continue = True
        with run_at_end(lambda: claim.release(stopped_by=result.stopped_by)):
            try:
                if result.name in SPECS:
                    self._read_windows(claim)
                else:
                    self._read_failed_webhooks(claim)
            except SkinsBackError as error:
                result.stopped_by = str(error)
                may_continue = not isinstance(error, ACCOUNT_WIDE)
        extra = {name: value for name, value in result.as_dict().items() if name not in {"name", "skipped"}}
        logger.log(
            logging.WARNING if result.stopped_by else logging.INFO,
            "skinsback.reconciliation_stopped" if result.stopped_by else "skinsback.list_reconciled",
            extra=extra | {"list": str(result.name)},
        )
        return may_continue

    def _read_failed_webhooks(self, claim: ListClaim) -> None:
        began_at = self._clock()
        reader = FailedWebhookReader(
            self._result, claim, on_discrepancy=self._on_discrepancy, on_progress=self._count_page
        )
        if reader.read() and self._requested is None:
            claim.set(complete_until=began_at)

    def _read_windows(self, claim: ListClaim) -> None:
        """Read the requested window.

        If no window was requested, read the window of the interrupted run, if there is one. Then read the next window.
        """
        if self._requested is not None:
            self._read_window(claim, self._requested)
            return
        window = next_window(claim.cursor, self._clock())
        while self._read_window(claim, window) and window.start_from:
            window = next_window(claim.cursor, self._clock())

    def _read_window(self, claim: ListClaim, window: Window) -> bool:
        """Compare one window. Return whether its last page was reached.

        If the window could not be resumed, or if the list became shorter during reading, read the window once more from
        its start.
        """
        reader = self._compare(claim, window)
        if not reader.complete and window.start_from:
            self._result.notes.append(_("The interrupted list could not be continued. It was read from its start."))
        elif reader.shrank:
            self._result.notes.append(_("The list shrank while it was read. It was read again from its start."))
        else:
            return self._end_window(claim, window, reader)
        self._result.unknown = self._result.differing = self._result.duplicate = self._result.absent = 0
        return self._end_window(claim, window, self._compare(claim, Window(window.since, window.until)))

    def _end_window(self, claim: ListClaim, window: Window, reader: PageReader[Any]) -> bool:
        """Store the error that stopped reading, if any. If the last page was reached, move the cursor."""
        if reader.error:
            self._result.stopped_by = reader.error
        if self._requested is None:
            cursor: dict[str, Any] = {"since": None, "until": None, "start_from": ""}
            if reader.complete:
                cursor["complete_until"] = window.until
            if reader.complete and window.covers_a_hold:
                cursor["looked_back_at"] = window.until
            claim.set(**cursor)
        return reader.complete

    def _compare(self, claim: ListClaim, window: Window) -> PageReader[Any]:
        """Compare the pages of a window. Raises SkinsBackError if a page cannot be fetched."""
        result, spec = self._result, SPECS[self._result.name]
        fetch = getattr(get_client(result.account), spec.client_method)
        reader: PageReader[Any] = PageReader(
            lambda start_from: fetch(window.since, window.until, start_from), spec.ids_of_report, window.start_from
        )
        store = DiscrepancyStore(result, on_discrepancy=self._on_discrepancy)
        matcher = ListMatcher(spec, store, result)
        requested_at = self._clock()
        with run_at_end(store.finish), run_at_end(matcher.record_deferred):
            try:
                for reports in reader:
                    matcher.compare_page(reports, requested_at)
                    self._count_page(len(reports))
                    requested_at = self._clock()
                    claim.set(**self._resume_at(window, reader))
                    claim.extend()
            except SkinsBackError as error:
                claim.set(**self._resume_at(window if _is_resumable(error, reader) else None, reader))
                raise
            if reader.has_all_rows and not window.start_from:
                matcher.add_absent(window)
        return reader

    def _resume_at(self, window: Window | None, reader: PageReader[Any]) -> dict[str, Any]:
        """Return the columns of the cursor that let the next run continue here if this run is interrupted.

        If ``window`` is None, return empty values, so that the next run begins a new window. If a window was requested,
        return no columns, because a requested window is never continued.
        """
        if self._requested is not None:
            return {}
        if window is None:
            return {"since": None, "until": None, "start_from": ""}
        return {"since": window.since, "until": window.until, "start_from": reader.start_from}

    def _count_page(self, rows: int) -> None:
        self._result.pages += 1
        self._result.rows += rows
        self._on_progress(rows)


def _is_resumable(error: SkinsBackError, reader: PageReader[Any]) -> bool:
    """Return whether the next run may fetch the page that failed. Return False if SkinsBack refused ``start_from``."""
    if isinstance(error, InvalidInput):
        return False
    refused = isinstance(error, APIError) and not isinstance(error, ACCOUNT_WIDE)
    return bool(reader.pages) or not refused
