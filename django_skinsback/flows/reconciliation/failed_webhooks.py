"""Notifications that this site did not take: each deposit that is not finished here is asked about singly.

The list contains no statuses (``/docs/api/v1/callback_errors``), and it may grow without end. It is read from its
start, at most PAGES_ATMOST pages, once a day. A deposit that is final here costs no call. Deposits behind the last page
that is read are found by polling and in the list of deposits.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from ... import schedule
from ...connection import get_client
from ...exceptions import ACCOUNT_WIDE, SkinsBackError, UnknownOutcome
from ...models import Deposit, Discrepancy, ListCursor, ListName
from ...statuses import DEPOSIT_FINAL
from ...wire.types import DepositReport, FailedNotification
from ..deposits.refresh import ask_status
from ..deposits.report import record_report
from ..ledger.database import database
from ..ledger.edit import Source
from ..ledger.record import Outcome, look
from ..pages import Reading
from .compare import DEPOSITS, Compared
from .cursors import Lease, afterwards
from .discrepancies import Book, Counts, Difference, Kind, State, Told

logger = logging.getLogger("django_skinsback")


PAGES_ATMOST = 20
READ_EVERY = schedule.DAY


def is_due(account: str, now: datetime) -> bool:
    """Whether the list was last read ``READ_EVERY`` ago or earlier. A time in the future is a wrong clock's."""
    cursors = ListCursor.objects.using(database()).filter(account=account, name=ListName.CALLBACK_ERROR_LIST)
    read_at = cursors.values_list("complete_until", flat=True).first()
    return read_at is None or not now - READ_EVERY < read_at <= now


class Follower:
    """Reads the list of one account from its start."""

    def __init__(self, counts: Counts, lease: Lease, *, told: Told | None, page: Callable[[int], object]) -> None:
        self._counts = counts
        self._lease = lease
        self._page = page
        self._client = get_client(counts.account)
        self._book = Book(counts.account, ListName.CALLBACK_ERROR_LIST, told=told)
        self._seen: set[str] = set()

    def go(self) -> bool:
        """Read the list; whether that succeeded, up to its end or to PAGES_ATMOST."""
        self._end_finished()
        reading = Reading(self._client.list_failed_notifications, _ids, pages_atmost=PAGES_ATMOST)
        with afterwards(self._book.close):
            for rows in reading:
                known = self._rows(rows)
                for row in rows:
                    self._take_up(row, known.get(row.order_id or row.transaction_id))
                    if not self._lease.keep():
                        raise SkinsBackError(_("Another run has taken this list over."))
                self._page(len(rows))
        if reading.cut_off:
            text = _(
                "Only the first %(pages)s pages were read. The client's list_failed_notifications(%(next)r) returns "
                "the next one. Polling and the list of deposits find the deposits on the other pages."
            )
            self._counts.notes.append(text % {"pages": reading.pages, "next": reading.start_from})
            return True
        self._counts.stopped_by = reading.stuck
        return reading.complete

    def _rows(self, rows: Sequence[FailedNotification]) -> dict[str, tuple[int, str, Compared]]:
        """Our deposits by the id that the list gives: key, our id, and what is shown of them."""
        found: dict[str, tuple[int, str, Compared]] = {}
        columns = ("pk", "order_id", *DEPOSITS.columns)  # the transaction ID is the first of the columns compared
        manager = Deposit.objects.using(database()).filter(account=self._counts.account)
        for column, values in (
            ("order_id", [row.order_id for row in rows if row.order_id]),
            ("transaction_id", [row.transaction_id for row in rows if not row.order_id and row.transaction_id]),
        ):
            if values:
                for pk, our_id, *compared in manager.filter(**{f"{column}__in": values}).values_list(*columns):
                    key = our_id if column == "order_id" else compared[0]
                    found[key] = pk, our_id, tuple(compared)
        return found

    def _take_up(self, row: FailedNotification, ours: tuple[int, str, Compared] | None) -> None:
        """Ask about one deposit, unless it is finished here or was asked about already."""
        key = row.order_id or row.transaction_id
        if not key or key in self._seen:
            return
        self._seen.add(key)
        told = {"http_code": row.http_code} if row.http_code else {}
        if ours is None:
            self._counts.unknown += 1
            self._book.add(Difference(Kind.UNKNOWN, row.order_id, row.transaction_id, theirs=told))
            return
        pk, order_id, compared = ours
        if compared[1] in DEPOSIT_FINAL:
            return
        found = Difference(
            Kind.MISSED,
            order_id,
            row.transaction_id,
            DEPOSITS.shown(compared),
            told,
            model=Deposit,
            row_id=pk,
        )
        self._counts.asked += 1
        asked = look(Deposit, pk=pk)
        if asked is None:
            return
        try:
            report = ask_status(asked)
        except ACCOUNT_WIDE:
            raise
        except SkinsBackError as error:
            if isinstance(error, UnknownOutcome):
                self._client.get_balance()  # raises if it is not this deposit alone: the next run goes on with it
            found.note = _("SkinsBack was asked and gave no answer that helps: %s.") % error
            self._add(found)
            return
        self._record(found, report, compared[1], asked)

    def _record(self, found: Difference, report: DepositReport, before: str, asked: Deposit) -> None:
        found.theirs |= DEPOSITS.shown(DEPOSITS.theirs(report))
        try:
            recorded = record_report(report, Source.POLL, account=self._counts.account, asked=asked)
        except Exception as error:  # a site's listener may raise anything, and the other rows must not wait for it
            logger.exception("skinsback.reconciliation_failed", extra={"row": "Deposit", "row_id": found.row_id})
            found.outcome, found.note = Outcome.FAILED, _("It could not be recorded: %s.") % type(error).__name__
            self._add(found)
            return
        if recorded.outcome in {Outcome.REPEAT, Outcome.STALE}:
            return  # nothing was missed: it says what is known here
        found.outcome = recorded.outcome
        if recorded.outcome == Outcome.APPLIED:
            found.repaired = True
            found.note = _("Repaired: %(before)s → %(after)s.") % {"before": before, "after": report.status}
        self._add(found)

    def _add(self, found: Difference) -> None:
        self._counts.missed += 1
        self._counts.repaired += found.repaired
        self._book.add(found)

    def _end_finished(self) -> None:
        """What could not be repaired when it was found, and is finished by now."""
        ended = Discrepancy.objects.using(database()).filter(
            account=self._counts.account, found_in=ListName.CALLBACK_ERROR_LIST, kind=Kind.MISSED, state=State.OPEN
        )
        pks = list(ended.filter(deposit__status__in=DEPOSIT_FINAL).values_list("pk", flat=True))
        if pks:
            ended.filter(pk__in=pks).update(state=State.RESOLVED, closed_at=self._lease.now())


def _ids(row: FailedNotification) -> tuple[str, str, str]:
    return row.order_id, row.transaction_id, row.http_code
