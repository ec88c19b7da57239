"""Compare SkinsBack's lists with our rows: record what was missed, store contradictions for an operator.

A listed row is a report like any other and goes through ``record_report``. Nothing here writes to a row about money in
another way. What was found is stored as a ``Discrepancy``.
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
    on_progress: Callable[[int], object] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> list[ListResult]:
    """Compare SkinsBack's lists with our rows, for one account or for all; return a result for each list.

    Without ``lists`` all lists are compared, the list of failed webhooks once a day. With ``lists`` or ``since``
    each list is read now. A run begins where the last complete one ended, with an overlap. With ``since`` (an aware
    datetime) the range from ``since`` to ``until``, or to now, is read. This does not change where the next run begins.

    ``on_discrepancy`` is called with each stored Discrepancy, ``on_progress`` with the number of rows of each page.

    An error of SkinsBack ends the list, and an account-wide error ends the account; ``stopped_by`` says why. Raises
    InvalidInput for an impossible range, and InsideDatabaseTransaction.
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
        on_progress: Callable[[int], object] | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._result = result
        self._requested = requested
        self._on_discrepancy = on_discrepancy
        self._on_progress = on_progress
        self._clock = clock

    def read(self) -> bool:
        """Read the list. Return False if an account-wide error ended it: the other lists would fail in the same way."""
        result = self._result
        claim = ListClaim.acquire(result.account, result.name, self._clock)
        if claim is None:
            result.stopped_by = _("Another run is reading this list; try again in a few minutes.")
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
        """Read the requested window. Without one, read the window of an interrupted run, if any, and the next one."""
        if self._requested is not None:
            self._read_window(claim, self._requested)
            return
        window = next_window(claim.cursor, self._clock())
        while self._read_window(claim, window) and window.start_from:
            window = next_window(claim.cursor, self._clock())

    def _read_window(self, claim: ListClaim, window: Window) -> bool:
        """Compare one window; return whether its last page was reached.

        The window is read once more from its start if it could not be resumed, or if the list shrank meanwhile.
        """
        reader = self._compare(claim, window)
        if not reader.complete and window.start_from:
            self._result.notes.append(_("The list could not be resumed; it was read again from its start."))
        elif reader.shrank:
            self._result.notes.append(_("The list shrank while it was read; it was read again from its start."))
        else:
            return self._end_window(claim, window, reader)
        self._result.unknown = self._result.differing = self._result.duplicate = self._result.absent = 0
        return self._end_window(claim, window, self._compare(claim, Window(window.since, window.until)))

    def _end_window(self, claim: ListClaim, window: Window, reader: PageReader[Any]) -> bool:
        """Store why reading stopped, and move the cursor if the last page was reached."""
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
        """Return the cursor columns with which the next run resumes if this one is interrupted.

        The values are blank without a window. A requested window is not resumed: no columns are returned.
        """
        if self._requested is not None:
            return {}
        if window is None:
            return {"since": None, "until": None, "start_from": ""}
        return {"since": window.since, "until": window.until, "start_from": reader.start_from}

    def _count_page(self, rows: int) -> None:
        self._result.pages += 1
        self._result.rows += rows
        if self._on_progress is not None:
            self._on_progress(rows)


def _is_resumable(error: SkinsBackError, reader: PageReader[Any]) -> bool:
    """Return whether the page may be fetched later: not if SkinsBack refused its ``start_from``."""
    if isinstance(error, InvalidInput):
        return False
    refused = isinstance(error, APIError) and not isinstance(error, ACCOUNT_WIDE)
    return bool(reader.pages) or not refused
