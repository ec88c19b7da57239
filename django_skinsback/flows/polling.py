"""The sweep: what is due stands in the rows, and asking SkinsBack settles it.

A row whose answer cannot be read, or whose news a listener of the site will not take, is put off and keeps no other
row waiting. Only what every call of the account would meet ends a pass early.
"""

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from .. import conf, schedule
from ..connection import get_client
from ..exceptions import (
    APIError,
    PurchaseNotFound,
    SkinsBackError,
    TransactionNotFound,
    UnknownOutcome,
)
from ..models import Deposit, Purchase
from ..models.fields import utc_now
from ..statuses import DepositStatus
from ..wire.types import PurchaseReport
from . import deposits
from .database import database
from .purchase_reports import record_report
from .records import Edit, Source, change
from .sending import ACCOUNT_WIDE, OPEN, dispatch, resend

logger = logging.getLogger("django_skinsback")

Row = TypeVar("Row", Deposit, Purchase)


@dataclass
class Counts:
    """What a pass did: rows taken up, rows whose status moved, and the error that ended it early."""

    asked: int = 0
    changed: int = 0
    stopped_by: str = ""


def poll_purchases(account: str | None = None, *, now: datetime | None = None) -> Counts:
    """Send what was never sent, ask about what is due, send again what SkinsBack does not know."""
    size = int(conf.get("POLL_BATCH_SIZE"))
    return _sweep(Purchase, "next_poll_at", _poll, size=size, account=account, now=now)


def check_deposits(account: str | None = None, *, now: datetime | None = None) -> Counts:
    """Ask about deposits that are due, and give up those nobody pays."""
    return _sweep(Deposit, "next_check_at", _check, size=1, account=account, now=now)


def ask(account: str, rows: list[Purchase], source: Source, *, actor: Any = None) -> list[Purchase]:
    """Ask ``market_getinfo`` about rows, record what it says, and return those it does not know.

    Rows of which that failed are put off. Raises what the client raises and, except in the sweep, what made the first
    of them fail, after all others are recorded.
    """
    absent: list[Purchase] = []
    failures: dict[int, Exception] = {}
    size = int(conf.get("POLL_BATCH_SIZE"))
    for batch in (rows[start : start + size] for start in range(0, len(rows), size)):
        reports = _get(account, batch, failures)
        for row in batch:
            if row.pk in failures:
                continue
            if row.custom_id not in reports:
                absent.append(row)
                continue
            try:
                record_report(reports[row.custom_id], source, account=account, actor=actor)
            except Exception as error:  # noqa: BLE001 - a site's listener may raise anything
                failures[row.pk] = error
    for row in rows:
        if row.pk in failures:
            _put_off(row, failures[row.pk])
    if failures and source is not Source.POLL:
        raise next(iter(failures.values()))
    return absent


def _get(account: str, rows: list[Purchase], failures: dict[int, Exception]) -> dict[str, PurchaseReport]:
    """What SkinsBack says, by custom id. An odd answer to a list is one odd id's: halve it until that is alone."""
    client = get_client(account)
    try:
        found = client.get_purchases(custom_ids=[row.custom_id for row in rows])
        return {report.custom_id: report for report in found}
    except ACCOUNT_WIDE:
        raise
    except PurchaseNotFound:
        if len(rows) == 1:
            return {}
    except (APIError, UnknownOutcome) as error:
        if len(rows) == 1:
            failures[rows[0].pk] = error
            return {}
        if isinstance(error, UnknownOutcome):
            client.get_balance()  # raises if it is SkinsBack that does not answer, and not the list
    middle = len(rows) // 2
    return _get(account, rows[:middle], failures) | _get(account, rows[middle:], failures)


def _sweep(
    model: type[Row], column: str, work: Callable[[str, list[Row]], None], *, size: int, account: str | None, now: Any
) -> Counts:
    counts = Counts()
    for alias in [account] if account else conf.accounts():
        try:
            for rows in _take_due(model, column, alias, size, now):
                before = {row.pk: row.status for row in rows}
                counts.asked += len(rows)
                work(alias, rows)
                after = model._default_manager.using(database()).filter(pk__in=before).values_list("pk", "status")
                counts.changed += sum(before[pk] != status for pk, status in after)
        except SkinsBackError as error:
            extra = {"rows": model.__name__, "account": alias, "error": str(error)}
            logger.warning("skinsback.sweep_stopped", extra=extra)
            counts.stopped_by = f"{alias}: {error}"
    return counts


def _alone(row: Deposit | Purchase, act: Callable[[], object]) -> None:
    """Do something about one row; what goes wrong with it alone puts off that row and nothing else."""
    try:
        act()
    except ACCOUNT_WIDE:
        raise
    except Exception as error:  # noqa: BLE001 - a site's listener may raise anything
        _put_off(row, error)


def _put_off(row: Deposit | Purchase, error: Exception) -> None:
    expected = isinstance(error, SkinsBackError)
    extra = {"row": type(row).__name__, "row_id": row.pk, "error": str(error) if expected else type(error).__name__}
    logger.warning("skinsback.row_put_off", extra=extra, exc_info=None if expected else error)
    change(type(row), row.pk, Source.POLL, _later)  # type: ignore[type-var] # one of the two, not their union


def _later(edit: Edit[Any]) -> None:
    row = edit.row
    if isinstance(row, Deposit) and row.next_check_at is not None:
        delay = schedule.backoff(row.check_count)
        edit.set(check_count=row.check_count + 1, next_check_at=edit.now + delay)
    elif isinstance(row, Purchase) and row.next_poll_at is not None:
        delay = schedule.backoff(row.poll_count)
        edit.set(poll_count=row.poll_count + 1, next_poll_at=edit.now + delay)


def _poll(account: str, rows: list[Purchase]) -> None:
    sent = [row for row in rows if row.status not in OPEN or row.attempts]
    for row in rows:
        if row not in sent:
            _stop_if_account_wide(dispatch(row))
    for row in ask(account, sent, Source.POLL):
        if row.status in OPEN and _may_be_sent_again(row):
            _stop_if_account_wide(resend(row))
        else:
            change(Purchase, row.pk, Source.POLL, partial(_not_known, status=row.status))


def _stop_if_account_wide(error: SkinsBackError | None) -> None:
    """The other rows would only meet it again; their leases end by themselves."""
    if error is not None:
        raise error


def _may_be_sent_again(row: Purchase) -> bool:
    if row.submitted_at is None or row.buy_id or row.needs_review or row.attempts > schedule.RESEND_ATMOST:
        return False
    decided = Edit(row, utc_now(), Source.POLL).is_settled()
    return not decided and utc_now() - row.submitted_at >= schedule.RESEND_AFTER


def _not_known(edit: Edit[Purchase], status: str) -> None:
    """SkinsBack does not know the purchase (yet). That proves nothing: wait, then have it looked at."""
    row = edit.row
    if row.status != status:
        return
    edit.set(poll_count=row.poll_count + 1, next_poll_at=edit.now + schedule.backoff(row.poll_count))
    if row.attempts > schedule.RESEND_ATMOST or row.buy_id:
        edit.flag(_("SkinsBack does not know this purchase any more."))


def _check(account: str, rows: list[Deposit]) -> None:
    for row in rows:
        _alone(row, partial(_check_one, row))


def _check_one(deposit: Deposit) -> None:
    try:
        report = deposits.ask_status(deposit)
    except TransactionNotFound:
        change(Deposit, deposit.pk, Source.POLL, _not_found)
        return
    row = deposits.record_report(report, Source.POLL, account=deposit.account).row
    if row is None:
        return
    if report.status == row.status == DepositStatus.IN_HOLD:
        _apply_hold_policy(row)
    elif report.status == row.status == DepositStatus.PENDING:
        change(Deposit, row.pk, Source.FLOW, _give_up)


def _not_found(edit: Edit[Deposit]) -> None:
    """SkinsBack does not know the order: it never did, or has forgotten it."""
    row, age = edit.row, edit.now - edit.row.created_at
    patience = {
        DepositStatus.CREATED: schedule.CREATE_UNANSWERED,
        DepositStatus.PENDING: schedule.PAY_LINK_LIFETIME,
    }.get(DepositStatus(row.status))
    if patience is not None and age >= patience:
        edit.move(DepositStatus.ABANDONED, note=_("SkinsBack does not know the order."))
        edit.set(next_check_at=None)
        return
    delay = schedule.next_check(row.status, age, row.check_count + 1) or schedule.backoff(row.check_count)
    edit.set(check_count=row.check_count + 1, next_check_at=edit.now + delay)


def _give_up(edit: Edit[Deposit]) -> None:
    """Nobody paid for so long that the link must be dead. A late payment still counts when SkinsBack tells of it."""
    row = edit.row
    if row.status == DepositStatus.PENDING and edit.now - row.created_at >= schedule.PAY_LINK_LIFETIME:
        edit.move(DepositStatus.ABANDONED, note=_("Not paid in time."))
        edit.set(next_check_at=None)


def _apply_hold_policy(deposit: Deposit) -> None:
    """Ask the site's HOLD_POLICY whether to credit early. An exception means no, and so does a refused approval."""
    policy = conf.callable_setting("HOLD_POLICY")
    if policy is None:
        return
    try:
        approved = policy(deposit) is True
    except Exception:
        logger.exception("skinsback.hold_policy_failed", extra={"order_id": deposit.order_id})
        reason = _("HOLD_POLICY raised an exception; the hold was not approved.")
        change(Deposit, deposit.pk, Source.POLL, lambda edit: edit.flag(reason))
        return
    if not approved:
        return
    try:
        deposits.approve_hold(deposit)
    except ACCOUNT_WIDE:
        raise
    except APIError as error:
        reason = _("SkinsBack refused to approve the hold: %(error)s") % {"error": error.message}
        change(Deposit, deposit.pk, Source.POLL, lambda edit: edit.flag(reason))
        _put_off(deposit, error)


def _take_due(model: type[Row], column: str, account: str, size: int, now: datetime | None) -> Iterator[list[Row]]:
    """Walk the due rows by key, a batch at a time, each batch leased to us by moving its due time.

    The lease's own odd microseconds tell our rows from those another worker took in the same moment.
    """
    manager = model._default_manager.using(database())
    now = now or utc_now()
    last = 0
    while True:
        due = manager.filter(account=account, **{f"{column}__lte": now})
        keys = list(due.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:size])
        if not keys:
            return
        last = keys[-1]
        odd = timedelta(microseconds=random.randrange(1_000_000))  # noqa: S311 - marks, guards nothing
        lease = now + schedule.LEASE + odd
        if due.filter(pk__in=keys).update(**{column: lease}):
            rows = list(manager.filter(pk__in=keys, **{column: lease}).order_by("pk"))
            if rows:
                yield rows
