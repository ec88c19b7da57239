"""The sweep of purchases: what was never sent is sent, what is open is asked about, what is not known is sent again."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from .. import conf, schedule
from ..client import SkinsBackClient
from ..connection import get_client
from ..exceptions import APIError, InvalidInput, PurchaseNotFound, SkinsBackError, UnknownOutcome
from ..models import Purchase
from ..models.fields import utc_now
from ..statuses import PurchaseStatus
from ..wire.types import Page, PurchaseReport
from .backlog import Listed
from .checking import check_deposits
from .due import PURCHASES, Advance, Counts, Moment, Sweep, nobody, put_off
from .edits import Edit, Source
from .leases import Lease
from .news import is_news_of_purchase
from .purchase_reports import next_poll_at, record_report
from .records import change
from .sending import ACCOUNT_WIDE, OPEN, dispatch, resend
from .sweep import Work, sweep

__all__ = ["Counts", "ask", "check_deposits", "poll_purchases"]

BACKLOG = 1000
"""From so many due purchases on ``market_history`` is read first."""


@dataclass
class Answers:
    """What SkinsBack says about purchases, by custom id; what went wrong with one of them alone, by key."""

    reports: dict[str, PurchaseReport] = field(default_factory=dict)
    failures: dict[int, Exception] = field(default_factory=dict)


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
        first={"status": PurchaseStatus.REQUESTED, "attempts": 0},
    )
    return sweep(work, account, now=now, chance=chance, advance=advance)


def ask(account: str, rows: list[Purchase], source: Source, *, actor: Any = None) -> list[Purchase]:
    """Ask ``market_getinfo`` about rows, record what it says, and return those it does not know.

    Rows of which that failed are put off. Raises what the client raises, and what made the first of them fail after all
    others are recorded.
    """
    absent: list[Purchase] = []
    failures: dict[int, Exception] = {}
    size = int(conf.get("POLL_BATCH_SIZE"))
    for batch in (rows[start : start + size] for start in range(0, len(rows), size)):
        answers = get_answers(account, batch)
        failures |= answers.failures
        for row in batch:
            if row.custom_id in answers.reports:
                try:
                    record_report(answers.reports[row.custom_id], source, account=account, actor=actor)
                except Exception as error:  # noqa: BLE001 - a site's listener may raise anything
                    failures[row.pk] = error
            elif row.pk not in failures:
                absent.append(row)
    for row in rows:
        if row.pk in failures:
            put_off(row, failures[row.pk])
    if failures:
        raise next(iter(failures.values()))
    return absent


def get_answers(account: str, rows: list[Purchase]) -> Answers:
    """Ask about rows all at once; about one that the answer leaves out, by SkinsBack's own id if that is known."""
    client, answers = get_client(account), Answers()
    _halve(client, rows, answers)
    for row in rows:
        if row.buy_id and row.custom_id not in answers.reports and not row.needs_review:
            report = _get_by_buy_id(client, row)
            if report is not None:
                answers.reports[row.custom_id] = report
                answers.failures.pop(row.pk, None)
    return answers


def _halve(client: SkinsBackClient, rows: list[Purchase], answers: Answers) -> None:
    """An odd answer to a list is one odd id's: halve it until that is alone."""
    try:
        found = client.get_purchases(custom_ids=[row.custom_id for row in rows])
        answers.reports |= {report.custom_id: report for report in found}
        return
    except ACCOUNT_WIDE:
        raise
    except PurchaseNotFound:
        if len(rows) == 1:
            return
    except (APIError, InvalidInput, UnknownOutcome) as error:
        if len(rows) == 1:
            answers.failures[rows[0].pk] = error
            return
        if isinstance(error, UnknownOutcome):
            client.get_balance()  # raises if it is SkinsBack that does not answer, and not the list
    middle = len(rows) // 2
    _halve(client, rows[:middle], answers)
    _halve(client, rows[middle:], answers)


def _get_by_buy_id(client: SkinsBackClient, row: Purchase) -> PurchaseReport | None:
    try:
        report = client.get_purchase(buy_id=row.buy_id or "")
    except ACCOUNT_WIDE:
        raise
    except (APIError, InvalidInput, UnknownOutcome):
        return None
    ours = report.custom_id in {"", row.custom_id}
    return msgspec.structs.replace(report, custom_id=row.custom_id) if ours else None


def _poll(one: Sweep[Purchase], lease: Lease[Purchase]) -> None:
    unsent = [row for row in lease.rows if row.status in OPEN and not row.attempts]
    sent = [row for row in lease.rows if row not in unsent]
    if sent:
        _ask(one, lease, sent)
    _send(one, unsent, dispatch)  # last, since a market that sells nothing may still tell what it sold


def _ask(one: Sweep[Purchase], lease: Lease[Purchase], sent: list[Purchase]) -> None:
    answers, moment = get_answers(one.account, sent), one.moment()
    times, absent = {}, []
    for row in sent:
        report = answers.reports.get(row.custom_id)
        if row.pk in answers.failures:
            put_off(row, answers.failures[row.pk], moment.chance)
        elif report is None:
            absent.append(row)
        elif time := _next_time(row, report, moment):
            times[row.pk] = time
        else:
            _record(one, row, report, Source.POLL)
    lease.reschedule(times)
    again = [row for row in absent if row.status in OPEN and _may_be_sent_again(row)]
    for row in absent:
        if row not in again:
            act = partial(_not_known, status=row.status, chance=moment.chance)
            one.note(row, change(Purchase, row.pk, Source.POLL, act))
    _send(one, again, resend)


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


def _send(one: Sweep[Purchase], rows: list[Purchase], send: Callable[[Purchase], SkinsBackError | None]) -> None:
    """Send rows one by one; ends with what the others would only meet again."""
    try:
        for row in rows:
            error = send(row)
            if error is not None:
                raise error
    finally:
        if rows:
            statuses = dict(PURCHASES.rows(pk__in=[row.pk for row in rows]).values_list("pk", "status"))
            one.counts.changed += sum(row.pk in statuses and statuses[row.pk] != row.status for row in rows)


def _may_be_sent_again(row: Purchase) -> bool:
    if row.submitted_at is None or row.buy_id or row.needs_review or row.attempts > schedule.RESEND_ATMOST:
        return False
    decided = Edit(row, utc_now(), Source.POLL).is_settled()
    return not decided and utc_now() - row.submitted_at >= schedule.RESEND_AFTER


def _not_known(edit: Edit[Purchase], status: str, chance: float) -> None:
    """SkinsBack does not know the purchase (yet). That proves nothing: wait, then have it looked at."""
    row = edit.row
    if row.status != status:
        return
    due: datetime | None = edit.now + schedule.spread(schedule.backoff(row.poll_count), chance)
    if row.status == PurchaseStatus.ACCEPTED:
        due = next_poll_at(row, edit.now, row.poll_count + 1, chance)
    if due is None:
        edit.set(finished_at=row.finished_at or edit.now, token="")
    edit.set(poll_count=row.poll_count + 1, next_poll_at=due)
    if row.attempts > schedule.RESEND_ATMOST or row.buy_id:
        edit.flag(_("SkinsBack does not know this purchase any more."))


def _history(account: str, starting: datetime, ending: datetime, start_from: str | None) -> Page[PurchaseReport]:
    return get_client(account).list_purchases(starting, ending, start_from)


def _take_listed(one: Sweep[Purchase], row: Purchase, report: PurchaseReport, moment: Moment) -> datetime | None:
    time = _next_time(row, report, moment)
    if time is None and is_news_of_purchase(row, report):
        _record(one, row, report, Source.LIST)
    return time
