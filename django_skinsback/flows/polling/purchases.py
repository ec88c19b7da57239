"""The sweep of purchases. It sends new purchases, polls open purchases, and resends purchases unknown to SkinsBack."""

import random
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Q

from ... import conf, schedule
from ...connection import get_client, require_answer
from ...exceptions import SkinsBackError, UnknownOutcome
from ...models import Purchase, StatusChange
from ...models.fields import utc_now
from ...statuses import PURCHASE_FINAL, PurchaseStatus
from ...wire.types import Page, PurchaseReport
from ..ledger.database import database, look
from ..ledger.edit import Edit, Source
from ..ledger.record import change
from ..ledger.stuck import NOT_SENT, flag_if_stuck, only_waits, postpone
from ..progress import OnProgress, no_progress
from ..purchases.ask import get_answers, postpone_purchase
from ..purchases.report import MAY_BE_SENT, next_poll_at, record_report
from ..purchases.send import dispatch, resend
from .changes import changes_purchase
from .claims import Claim
from .sweep import Counts, Sweep, sweep

UNSENT = {"status": PurchaseStatus.REQUESTED, "attempts": 0}

UNKNOWN_IN_A_ROW = 2
"""If this many new purchases in a row got no readable answer, the sweep ends. Each of them may have been bought."""


def poll_purchases(
    account: str | None = None,
    *,
    now: datetime | None = None,
    chance: Callable[[], float] = random.random,
    on_progress: OnProgress = no_progress,
) -> Counts:
    """Send and poll the purchases that are due.

    Without ``account``, all accounts are swept. Returns the counts of all accounts together.
    """
    return sweep(PurchaseSweep, account, now=now, chance=chance, on_progress=on_progress)


class PurchaseSweep(Sweep[Purchase, PurchaseReport]):
    """The sweep of one account's purchases. One call of ``market_getinfo`` polls a batch. Each send is one call."""

    model = Purchase
    our_id = "custom_id"
    list_time = "submitted_at"
    list_from = 1000
    urgent = UNSENT

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.batch_size = self.rows_per_call = int(conf.get("POLL_BATCH_SIZE"))
        self._unknown_in_a_row = 0

    def poll(self, claim: Claim[Purchase]) -> None:
        unsent = [row for row in claim.rows if row.status in MAY_BE_SENT and not row.attempts]
        sent = [row for row in claim.rows if row not in unsent]
        all_polled = self._poll_sent(claim, sent) if sent else True
        if unsent:  # last, because polling may still work while the market is switched off
            self._send(claim, unsent, dispatch)
        if not all_polled:
            claim.release(self.now)

    def _poll_sent(self, claim: Claim[Purchase], sent: list[Purchase]) -> bool:
        """Poll rows that were sent before, and record the answers. Resend rows that SkinsBack does not know.

        Return True if all rows were polled. Return False if the sweep was over before that.
        """

        def may_call() -> bool:
            claim.extend()
            return not self.is_over()

        answers, now, chance = get_answers(self.account, sent, may_call), utc_now(), self.chance()
        times, absent = {}, []
        asked = [row for row in sent if row.pk not in answers.unasked]
        for row in asked:
            report = answers.reports.get(row.custom_id)
            if row.pk in answers.failures:
                postpone_purchase(row, answers.failures[row.pk], chance)
            elif report is None:
                absent.append(row)
            elif time := _next_poll_if_unchanged(row, report, now, chance):
                times[row.pk] = time
            else:
                self._record(row, report, Source.POLL)
        claim.reschedule(times)
        for row in asked:
            flag_if_stuck(row, now)
        again = [row for row in absent if _may_be_sent_again(row)]
        for row in absent:
            if row not in again:
                act = partial(_record_not_found, status=row.status, chance=chance)
                self.count_change(row, change(Purchase, row.pk, Source.POLL, act))
        if again:
            self._send(claim, again, _resend)
        return not answers.unasked

    def _record(self, row: Purchase, report: PurchaseReport, source: Source) -> None:
        try:
            recorded = record_report(report, source, account=row.account)
        except Exception as error:  # noqa: BLE001 - a receiver of the site may raise anything
            postpone(row, error)
        else:
            self.count_change(row, recorded.row)

    def _send(
        self, claim: Claim[Purchase], rows: list[Purchase], send: Callable[[Purchase], SkinsBackError | None]
    ) -> None:
        """Send rows one by one until all are sent or the sweep is over.

        Raise an error that would also occur for the other rows.
        """
        batches = set()
        try:
            for row in rows:
                if row.batch_id in batches:  # sent together with the first row of its batch
                    continue
                claim.extend()
                if not row.attempts and row.batch_id:
                    batches.add(row.batch_id)
                error = send(row)
                unknown = isinstance(error, UnknownOutcome)
                if unknown:
                    require_answer(self.account)
                    self._unknown_in_a_row += not row.attempts
                else:
                    self._unknown_in_a_row = 0
                if error is not None and (self._unknown_in_a_row >= UNKNOWN_IN_A_ROW or not unknown):
                    raise error
                if self.is_over():  # checked after the row, so that at least one row is sent
                    claim.release(self.now)
                    break
        finally:
            stored = Purchase.objects.using(database()).filter(pk__in=[row.pk for row in rows])
            statuses = dict(stored.values_list("pk", "status"))
            self.counts.changed += sum(statuses.get(row.pk, row.status) != row.status for row in rows)

    def after_error(self) -> None:
        """Flag all purchases that were created more than a day ago and were never sent.

        Also flag a purchase with a creation time in the future: a wrong clock has written this time. Skip purchases
        that have this reason already, and purchases for which an operator has settled this reason.
        """
        now = utc_now()
        old = Q(created_at__lt=now - schedule.REVIEW_AFTER) | Q(created_at__gt=now + schedule.CLOCK_SKEW)
        purchases = Purchase.objects.using(database())
        late = purchases.filter(old, account=self.account, next_poll_at__isnull=False, **UNSENT)
        decided = StatusChange.objects.using(database()).filter(source=Source.OPERATOR, purchase__in=late.values("pk"))
        reasons_by_row = [
            *late.filter(needs_review=True).values_list("pk", "review_reasons"),
            *decided.values_list("purchase_id", "settled_reasons"),
        ]
        flagged = {pk for pk, reasons in reasons_by_row if any(reason["code"] == NOT_SENT for reason in reasons)}
        for pk in [pk for pk in late.values_list("pk", flat=True) if pk not in flagged]:
            change(Purchase, pk, Source.POLL, _flag_not_sent)

    def fetch_page(self, starting: datetime, ending: datetime, start_from: str | None) -> Page[PurchaseReport]:
        return get_client(self.account).list_purchases(starting, ending, start_from)

    def record_listed(self, row: Purchase, report: PurchaseReport, now: datetime, chance: float) -> datetime | None:
        time = _next_poll_if_unchanged(row, report, now, chance)
        if time is None and changes_purchase(row, report):
            self._record(row, report, Source.LIST)
        flag_if_stuck(row, now)
        return time


def _next_poll_if_unchanged(row: Purchase, report: PurchaseReport, now: datetime, chance: float) -> datetime | None:
    """Return the time of the next poll if the report does not change the purchase.

    Return None if the report changes the purchase, or if the purchase is not polled any more.
    """
    return None if changes_purchase(row, report) else next_poll_at(row, now, row.poll_count + 1, chance)


def _flag_not_sent(edit: Edit[Purchase]) -> None:
    if edit.row.status == PurchaseStatus.REQUESTED and not edit.row.attempts:
        edit.flag(NOT_SENT)


def _resend(row: Purchase) -> SkinsBackError | None:
    """Read the row again, and resend it if it may still be sent again. Return the error of the send, or None.

    The row may have changed while other rows were sent.
    """
    fresh = look(Purchase, pk=row.pk)
    return resend(fresh) if fresh is not None and _may_be_sent_again(fresh) else None


def _may_be_sent_again(row: Purchase) -> bool:
    """Return whether a purchase that SkinsBack does not know may be sent again now, with the same ``custom_id``."""
    sent = row.submitted_at
    waited = sent is not None and schedule.age_for_waiting(sent, utc_now()) >= schedule.RESEND_AFTER
    return waited and _is_repeatable(row) and not _is_decided(row)


def _is_repeatable(row: Purchase) -> bool:
    """Return whether the row may be sent again, now or later.

    A row that needs review is not sent again, unless all reasons only mean that something takes too long.
    """
    in_doubt = row.needs_review and not only_waits(row.review_reasons)
    sent = row.submitted_at is not None and row.attempts <= schedule.MAX_RESENDS
    return row.status in MAY_BE_SENT and sent and not row.buy_id and not in_doubt


def _is_decided(row: Purchase) -> bool:
    """Return whether an operator has made a decision about the purchase since it was last sent.

    A decision does not count if all reasons that it settled only mean that something takes too long.
    """
    lines = StatusChange.objects.using(database()).filter(purchase=row, source=Source.OPERATOR)
    since = row.submitted_at or row.created_at
    if since <= utc_now() + schedule.CLOCK_SKEW:  # a later time comes from a wrong clock; then all decisions count
        lines = lines.filter(created_at__gte=since)
    return not all(only_waits(reasons) for reasons in lines.values_list("settled_reasons", flat=True))


def _record_not_found(edit: Edit[Purchase], status: str, chance: float) -> None:
    """Record that SkinsBack does not know the purchase, and set the next poll. The skin may have been bought anyway.

    Flag the purchase if it has a ``buy_id``, or if it was sent and must not be sent again. ``status`` is the status at
    the time of the call. If the status has changed since the call, change nothing.
    """
    row = edit.row
    if row.status != status:
        return
    edit.set(failing_since=None)
    if row.status in PURCHASE_FINAL:
        edit.set(next_poll_at=None)
        return
    due: datetime | None = edit.now + schedule.spread(schedule.backoff(row.poll_count), chance)
    if row.status == PurchaseStatus.ACCEPTED:
        due = next_poll_at(row, edit.now, row.poll_count + 1, chance)
    if due is None:
        edit.set(finished_at=row.finished_at or edit.now, token="")
    edit.set(poll_count=row.poll_count + 1, next_poll_at=due)
    stuck = row.status in MAY_BE_SENT and row.attempts and not _is_repeatable(row)
    if row.buy_id or (stuck and not _is_decided(row)):
        edit.flag("purchase_not_known")
