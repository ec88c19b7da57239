"""Notifications that this site did not take: each deposit that is not finished here is asked about singly.

The list carries no status (``/docs/api/v1/callback_errors``) and may grow for ever, so it is gone on with where it was
left: the last page is read again, and the rows on it that were dealt with are known by a digest of them. Where they
are not there any more, or the list shrank, the place means nothing and the list is read once from its start.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ...connection import get_client
from ...exceptions import ACCOUNT_WIDE, SkinsBackError, UnknownOutcome
from ...models import Deposit, Discrepancy, ListName
from ...statuses import DEPOSIT_FINAL
from ...wire.types import DepositReport, FailedNotification
from ..deposits.refresh import ask_status
from ..deposits.report import record_report
from ..ledger.database import database, look
from ..ledger.edit import Source
from ..ledger.record import Outcome
from ..pages import Reading
from .compare import DEPOSITS, Compared
from .cursors import Lease, afterwards
from .discrepancies import Book, Counts, Difference, Kind, State, Told

logger = logging.getLogger("django_skinsback")


class Moved(Exception):
    """The list is not the one any more that was read up to here."""


@dataclass
class Place:
    """How many rows of a page have been dealt with."""

    lease: Lease
    rows: Sequence[FailedNotification]
    reading: Reading[FailedNotification]
    done: int

    def note(self) -> None:
        """Keep it for the next run."""
        self.lease.note(
            start_from=self.reading.start_from,
            rows_read=self.done,
            digest=_digest(self.rows[: self.done]),
            total_count=self.reading.total_count,
        )


class Follower:
    """Follows the list of one account from where the last run left it; ``afresh`` from its start."""

    def __init__(
        self, counts: Counts, lease: Lease, *, told: Told | None, page: Callable[[int], object], afresh: bool
    ) -> None:
        self._counts = counts
        self._lease = lease
        self._page = page
        self._afresh = afresh
        self._client = get_client(counts.account)
        self._book = Book(counts.account, ListName.CALLBACK_ERROR_LIST, told=told)
        self._seen: set[str] = set()

    def go(self) -> None:
        """Read to the end of the list."""
        self._end_finished()
        cursor = self._lease.cursor
        with afterwards(self._book.close):
            try:
                self._follow("" if self._afresh else cursor.start_from, 0 if self._afresh else cursor.rows_read)
            except Moved:
                self._counts.notes.append(_("The list is not the one it was; it was read again from its start."))
                self._follow("", 0)

    def _follow(self, start_from: str, done: int) -> None:
        cursor, resumed = self._lease.cursor, bool(start_from or done)
        total_before = cursor.total_count
        reading = Reading(self._client.list_failed_notifications, _ids, start_from)
        new = 0
        for rows in reading:
            if resumed and reading.pages == 1:
                shrank = reading.total_count is not None and reading.total_count < (total_before or 0)
                if shrank or _digest(rows[:done]) != cursor.digest:
                    raise Moved
            new += len(rows) - done
            self._deal_with(rows, done, reading)
            self._page(len(rows) - done)
            done = 0
        if reading.stuck:
            self._counts.stopped_by = reading.stuck
        if resumed and (reading.shrank or reading.stuck or self._grew_elsewhere(reading, total_before, new)):
            self._counts.stopped_by = ""
            raise Moved

    @staticmethod
    def _grew_elsewhere(reading: Reading[FailedNotification], total_before: int | None, new: int) -> bool:
        """Whether more was added than came after the place where it was left: newest first, for example."""
        if total_before is None or reading.total_count is None:
            return False
        return reading.total_count - total_before > new

    def _deal_with(self, rows: Sequence[FailedNotification], done: int, reading: Reading[FailedNotification]) -> None:
        """Take up the rows of a page after the first ``done``, and keep how far it came."""
        known = self._rows(rows[done:])
        kept = Place(self._lease, rows, reading, done)
        with afterwards(kept.note if not self._afresh else bool):
            for row in rows[done:]:
                self._take_up(row, known.get(row.order_id or row.transaction_id))
                kept.done += 1
                if not self._lease.keep():
                    raise SkinsBackError(_("Another run has taken this list over."))

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
            self._seen.discard(key)
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


def _digest(rows: Sequence[FailedNotification]) -> str:
    return hashlib.sha256(repr([_ids(row) for row in rows]).encode()).hexdigest()
