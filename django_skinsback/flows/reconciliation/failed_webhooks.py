"""Read SkinsBack's list of failed webhooks, and ask SkinsBack about the deposits in it that are not final here.

The list contains no statuses (``/docs/api/v1/callback_errors``). So SkinsBack must be asked about each deposit. A
deposit that is final here needs no call. The list may grow without limit. So at most MAX_PAGES pages are read once a
day, from the start of the list. Polling and the list of deposits find the deposits on the other pages.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.utils.translation import gettext as _

from ... import schedule
from ...connection import get_client
from ...exceptions import ACCOUNT_WIDE, SkinsBackError, UnknownOutcome
from ...models import Deposit, Discrepancy, ListCursor, ListName
from ...models.fields import utc_now
from ...statuses import DEPOSIT_FINAL
from ...wire.types import FailedNotification
from ..deposits.refresh import ask_status
from ..deposits.report import record_report
from ..ledger.database import database, look
from ..ledger.edit import Source
from ..ledger.record import Outcome
from ..pages import PageReader
from ..progress import OnProgress
from .compare import DEPOSITS, Values
from .cursors import ListClaim, run_at_end
from .discrepancies import DiscrepancyStore, FoundDiscrepancy, Kind, ListResult, OnDiscrepancy, State

MAX_PAGES = 20
READ_EVERY = schedule.DAY


class OurDeposit(NamedTuple):
    pk: int
    order_id: str
    values: Values
    """The values of ``DEPOSITS.columns``, in the same order: SkinsBack's ID, the status, and so on."""


def is_due(account: str, now: datetime) -> bool:
    """Return True if the list was not read within the last ``READ_EVERY``. A stored time in the future is ignored."""
    cursors = ListCursor.objects.using(database()).filter(account=account, name=ListName.CALLBACK_ERROR_LIST)
    read_at = cursors.values_list("complete_until", flat=True).first()
    return read_at is None or not now - READ_EVERY < read_at <= now


class FailedWebhookReader:
    """Reads the list of one account from its start."""

    def __init__(
        self,
        result: ListResult,
        claim: ListClaim,
        *,
        on_discrepancy: OnDiscrepancy | None,
        on_progress: OnProgress,
    ) -> None:
        self._result = result
        self._claim = claim
        self._on_progress = on_progress
        self._client = get_client(result.account)
        self._store = DiscrepancyStore(result, on_discrepancy=on_discrepancy)
        self._seen: set[str] = set()

    def read(self) -> bool:
        """Read the list. Return True if the end of the list or MAX_PAGES was reached. Return False after an error."""
        self._resolve_final()
        reader = PageReader(self._client.list_failed_notifications, _ids, max_pages=MAX_PAGES)
        with run_at_end(self._store.finish):
            for rows in reader:
                self._check_page(rows)
                self._on_progress(len(rows))
        if reader.reached_limit:
            text = _(
                "Only the first %(pages)s pages were read. The client's list_failed_notifications(%(next)r) returns "
                "the next page. Polling and the list of deposits find the deposits on the other pages."
            )
            self._result.notes.append(text % {"pages": reader.pages, "next": reader.start_from})
            return True
        self._result.stopped_by = reader.error
        return reader.complete

    def _check_page(self, rows: Sequence[FailedNotification]) -> None:
        deposits = self._find_deposits(rows)
        for row in rows:
            key = row.order_id or row.transaction_id
            if key and key not in self._seen:
                self._seen.add(key)
                self._check_row(row, deposits.get(key))
                self._claim.extend()

    def _find_deposits(self, rows: Sequence[FailedNotification]) -> dict[str, OurDeposit]:
        """Return the deposits here as a dict: ID in the list -> deposit.

        The ID in the list is ``order_id``, or ``transaction_id`` if ``order_id`` is missing.
        """
        found: dict[str, OurDeposit] = {}
        columns = ("pk", "order_id", *DEPOSITS.columns)  # transaction_id is the first of DEPOSITS.columns
        manager = Deposit.objects.using(database()).filter(account=self._result.account)
        for column, ids in (
            ("order_id", [row.order_id for row in rows if row.order_id]),
            ("transaction_id", [row.transaction_id for row in rows if not row.order_id and row.transaction_id]),
        ):
            if ids:
                for pk, order_id, *values in manager.filter(**{f"{column}__in": ids}).values_list(*columns):
                    key = order_id if column == "order_id" else values[0]
                    found[key] = OurDeposit(pk, order_id, tuple(values))
        return found

    def _check_row(self, row: FailedNotification, ours: OurDeposit | None) -> None:
        """Handle one failed webhook.

        If the deposit has no row here, add an UNKNOWN discrepancy. If the row has a final status, do nothing. Otherwise
        ask SkinsBack for the status and record the answer. If the outcome is not REPEAT or STALE, add a MISSED
        discrepancy.
        """
        theirs = {"http_code": row.http_code} if row.http_code else {}
        if ours is None:
            self._store.add(FoundDiscrepancy(Kind.UNKNOWN, row.order_id, row.transaction_id, theirs=theirs))
            return
        status = ours.values[1]
        deposit = look(Deposit, pk=ours.pk) if status not in DEPOSIT_FINAL else None
        if deposit is None:
            return
        found = FoundDiscrepancy(
            Kind.MISSED,
            ours.order_id,
            row.transaction_id,
            DEPOSITS.as_text(ours.values),
            theirs,
            model=Deposit,
            row_id=ours.pk,
        )
        self._result.asked += 1
        try:
            report = ask_status(deposit)
        except ACCOUNT_WIDE:
            raise
        except SkinsBackError as error:
            if isinstance(error, UnknownOutcome):
                self._client.get_balance()  # if SkinsBack answers no call at all, this raises and ends the run
            found.note = _("SkinsBack gave no usable answer about this deposit: %s.") % error
            self._store.add(found)
            return
        found.theirs |= DEPOSITS.as_text(DEPOSITS.values_of_report(report))
        recorded = found.record(
            partial(record_report, report, Source.POLL, account=self._result.account, asked=deposit)
        )
        if recorded is not None and recorded.outcome in {Outcome.REPEAT, Outcome.STALE}:
            return  # the report of the failed webhook had arrived here in another way
        if recorded is not None and recorded.outcome == Outcome.APPLIED:
            found.mark_repaired(from_status=status, to_status=report.status)
        self._store.add(found)

    def _resolve_final(self) -> None:
        """Resolve the open discrepancies of earlier runs if their deposits are final now."""
        unresolved = Discrepancy.objects.using(database()).filter(
            account=self._result.account, found_in=ListName.CALLBACK_ERROR_LIST, kind=Kind.MISSED, state=State.OPEN
        )
        pks = list(unresolved.filter(deposit__status__in=DEPOSIT_FINAL).values_list("pk", flat=True))
        if pks:
            unresolved.filter(pk__in=pks).update(state=State.RESOLVED, closed_at=utc_now())


def _ids(row: FailedNotification) -> tuple[str, str, str]:
    return row.order_id, row.transaction_id, row.http_code
