"""The sweep of purchases: what was never sent is sent, what is open is asked about, what is not known is sent again."""

import random
from collections.abc import Callable
from datetime import datetime
from functools import partial

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
from ..ledger.stuck import NOT_SENT, flag_if_stuck, only_waits, put_off
from ..purchases.ask import get_answers, put_off_purchase
from ..purchases.report import next_poll_at, record_report
from ..purchases.send import OPEN, dispatch, resend
from .backlog import Listed
from .changes import is_news_of_purchase
from .claims import Lease
from .queue import PURCHASES, Advance, Counts, Moment, Sweep, nobody
from .sweep import Work, sweep

BACKLOG = 1000
"""From so many due purchases on ``market_history`` is read first."""

UNSENT = {"status": PurchaseStatus.REQUESTED, "attempts": 0}

VAIN = 2
"""So many new purchases in a row without a readable answer end a pass: each is in doubt, whatever else is answered."""


def poll_purchases(
    account: str | None = None,
    *,
    now: datetime | None = None,
    chance: Callable[[], float] = random.random,
    advance: Advance = nobody,
) -> Counts:
    """Send what was never sent, ask about what is due, send again what SkinsBack does not know."""
    size = int(conf.get("POLL_BATCH_SIZE"))
    work = Work(
        PURCHASES,
        size=size,
        ask=_poll,
        listed=Listed(fetch=_history, take=_take_listed, from_rows=BACKLOG, a_call=size),
        first=UNSENT,
        stopped=_review_delayed,
    )
    return sweep(work, account, now=now, chance=chance, advance=advance)


def _poll(one: Sweep[Purchase], lease: Lease[Purchase]) -> None:
    unsent = [row for row in lease.rows if row.status in OPEN and not row.attempts]
    sent = [row for row in lease.rows if row not in unsent]
    all_asked = _ask(one, lease, sent) if sent else True
    _send(one, lease, unsent, dispatch)  # last, since a market that sells nothing may still tell what it sold
    if not all_asked:
        lease.put_off(one.now)


def _ask(one: Sweep[Purchase], lease: Lease[Purchase], sent: list[Purchase]) -> bool:
    """Ask about rows and record the answers; False if the pass was over before all were asked about."""

    def may_call() -> bool:
        lease.extend()
        return not one.is_over()

    answers, moment = get_answers(one.account, sent, may_call), one.moment()
    times, absent = {}, []
    asked = [row for row in sent if row.pk not in answers.unasked]
    for row in asked:
        report = answers.reports.get(row.custom_id)
        if row.pk in answers.failures:
            put_off_purchase(row, answers.failures[row.pk], moment.chance)
        elif report is None:
            absent.append(row)
        elif time := _next_time(row, report, moment):
            times[row.pk] = time
        else:
            _record(one, row, report, Source.POLL)
    lease.reschedule(times)
    for row in asked:
        flag_if_stuck(row, moment.now)
    again = [row for row in absent if _may_be_sent_again(row)]
    for row in absent:
        if row not in again:
            act = partial(_not_known, status=row.status, chance=moment.chance)
            one.note(row, change(Purchase, row.pk, Source.POLL, act))
    _send(one, lease, again, _resend)
    return not answers.unasked


def _next_time(row: Purchase, report: PurchaseReport, moment: Moment) -> datetime | None:
    """When a purchase of which there is no news is asked about next; None if there is, or if it is over."""
    return (
        None if is_news_of_purchase(row, report) else next_poll_at(row, moment.now, row.poll_count + 1, moment.chance)
    )


def _record(one: Sweep[Purchase], row: Purchase, report: PurchaseReport, source: Source) -> None:
    try:
        recorded = record_report(report, source, account=row.account)
    except Exception as error:  # noqa: BLE001 - a site's listener may raise anything
        put_off(row, error)
    else:
        one.note(row, recorded.row)


def _send(
    one: Sweep[Purchase],
    lease: Lease[Purchase],
    rows: list[Purchase],
    send: Callable[[Purchase], SkinsBackError | None],
) -> None:
    """Send rows one by one; ends with what the others would only meet again, and with the time of the pass."""
    batches = set()
    try:
        for row in rows:
            if row.batch_id in batches:  # sent with the first of them
                continue
            lease.extend()
            if not row.attempts and row.batch_id:
                batches.add(row.batch_id)
            error = send(row)
            unread = isinstance(error, UnknownOutcome)
            if unread:
                require_answer(one.account)
                if not row.attempts:
                    one.in_vain.append(row.pk)
            else:
                one.in_vain.clear()
            if error is not None and (len(one.in_vain) >= VAIN or not unread):
                raise error
            if one.is_over():  # after one at least, or what comes before could keep all from being sent
                lease.put_off(one.now)
                break
    finally:
        statuses = dict(PURCHASES.rows(pk__in=[row.pk for row in rows]).values_list("pk", "status"))
        one.counts.changed += sum(row.pk in statuses and statuses[row.pk] != row.status for row in rows)


def _resend(row: Purchase) -> SkinsBackError | None:
    """Send it again if it may still be: others were sent since it was asked about."""
    fresh = look(Purchase, pk=row.pk)
    return resend(fresh) if fresh is not None and _may_be_sent_again(fresh) else None


def _may_be_sent_again(row: Purchase) -> bool:
    """Whether a purchase that SkinsBack does not know is sent once more now."""
    sent = row.submitted_at
    rested = sent is not None and schedule.age_for_waiting(sent, utc_now()) >= schedule.RESEND_AFTER
    return rested and _is_repeatable(row) and not _is_decided(row)


def _is_repeatable(row: Purchase) -> bool:
    """Whether nothing in the row speaks against it; a review of what merely kept it waiting does not."""
    doubtful = row.needs_review and not only_waits(row.review_reasons)
    sent = row.submitted_at is not None and row.attempts <= schedule.RESEND_ATMOST
    return row.status in OPEN and sent and not row.buy_id and not doubtful


def _is_decided(row: Purchase) -> bool:
    """Whether an operator has decided about the row since it was last sent, and not only that it may wait."""
    lines = StatusChange.objects.using(database()).filter(purchase=row, source=Source.OPERATOR)
    since = row.submitted_at or row.created_at
    if since <= utc_now() + schedule.CLOCK_SKEW:  # else a wrong clock dated it, and any decision may be later
        lines = lines.filter(created_at__gte=since)
    return not all(only_waits(reasons) for reasons in lines.values_list("settled_reasons", flat=True))


def _review_delayed(account: str) -> None:
    """Have an operator look at what could not be sent for more than a day, though this pass did not come to it."""
    now = utc_now()
    old = Q(created_at__lt=now - schedule.REVIEW_AFTER) | Q(created_at__gt=now + schedule.CLOCK_SKEW)
    late = PURCHASES.rows(old, account=account, next_poll_at__isnull=False, **UNSENT)
    decided = StatusChange.objects.using(database()).filter(source=Source.OPERATOR, purchase__in=late.values("pk"))
    known = [
        *late.filter(needs_review=True).values_list("pk", "review_reasons"),
        *decided.values_list("purchase_id", "settled_reasons"),
    ]
    silent = {pk for pk, reasons in known if any(reason["code"] == NOT_SENT for reason in reasons)}

    def act(edit: Edit[Purchase]) -> None:
        if edit.row.status == PurchaseStatus.REQUESTED and not edit.row.attempts:
            edit.flag(NOT_SENT)

    for pk in [pk for pk in late.values_list("pk", flat=True) if pk not in silent]:
        change(Purchase, pk, Source.POLL, act)


def _not_known(edit: Edit[Purchase], status: str, chance: float) -> None:
    """SkinsBack does not know the purchase (yet). That proves nothing: wait, then have it looked at."""
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
    stuck = row.status in OPEN and row.attempts and not _is_repeatable(row)
    if row.buy_id or (stuck and not _is_decided(row)):
        edit.flag("purchase_not_known")


def _history(account: str, starting: datetime, ending: datetime, start_from: str | None) -> Page[PurchaseReport]:
    return get_client(account).list_purchases(starting, ending, start_from)


def _take_listed(one: Sweep[Purchase], row: Purchase, report: PurchaseReport, moment: Moment) -> datetime | None:
    time = _next_time(row, report, moment)
    if time is None and is_news_of_purchase(row, report):
        _record(one, row, report, Source.LIST)
    flag_if_stuck(row, moment.now)
    return time
