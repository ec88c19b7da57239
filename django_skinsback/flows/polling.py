"""The sweep: what is due stands in the rows, and asking SkinsBack settles it."""

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from .. import conf, schedule
from ..connection import get_client
from ..exceptions import (
    AccountFault,
    APIError,
    ConfigurationError,
    PurchaseNotFound,
    RequestNotSent,
    SkinsBackError,
    TemporaryFailure,
    TransactionNotFound,
    UnknownOutcome,
)
from ..models import Deposit, Purchase
from ..models.fields import utc_now
from ..statuses import DepositStatus
from ..wire.types import PurchaseReport
from . import deposits
from .database import database, run
from .purchase_reports import record_report
from .records import Edit, Source, claim
from .sending import OPEN, resend, submit

logger = logging.getLogger("django_skinsback")

LEASE = timedelta(minutes=2)
"""How long a due row belongs to whoever took it; then, should he have died, to the next."""

Row = TypeVar("Row", Deposit, Purchase)


@dataclass
class Counts:
    """What a pass did: rows taken up, rows whose status moved, and the error that ended it early."""

    asked: int = 0
    changed: int = 0
    stopped_by: str = ""


def poll_purchases(account: str | None = None, *, now: datetime | None = None) -> Counts:
    """Send what was never sent, ask about what is due, send again what SkinsBack does not know."""
    counts = Counts()
    for alias in [account] if account else conf.accounts():
        try:
            for rows in _take_due(Purchase, "next_poll_at", alias, int(conf.get("POLL_BATCH_SIZE")), now):
                before = {row.pk: row.status for row in rows}
                counts.asked += len(rows)
                _poll(alias, rows)
                counts.changed += _moved(Purchase, before)
        except (SkinsBackError, ConfigurationError) as error:
            counts.stopped_by = _stopped("poll_purchases", alias, error)
    return counts


def check_deposits(account: str | None = None, *, now: datetime | None = None) -> Counts:
    """Ask about deposits that are due, and give up those nobody pays."""
    counts = Counts()
    for alias in [account] if account else conf.accounts():
        try:
            for rows in _take_due(Deposit, "next_check_at", alias, 1, now):
                before = {row.pk: row.status for row in rows}
                counts.asked += len(rows)
                _check(rows[0])
                counts.changed += _moved(Deposit, before)
        except (SkinsBackError, ConfigurationError) as error:
            counts.stopped_by = _stopped("check_deposits", alias, error)
    return counts


def ask(account: str, rows: list[Purchase], source: Source, *, actor: Any = None) -> list[Purchase]:
    """Ask ``market_getinfo`` about rows, record what it says, and return those it does not know."""
    client = get_client(account)
    reports: dict[str, PurchaseReport] = {}
    try:
        found = client.get_purchases(custom_ids=[row.custom_id for row in rows])
    except PurchaseNotFound:
        found = [] if len(rows) == 1 else [report for row in rows for report in _ask_one(account, row)]
    for report in found:
        reports[report.custom_id] = report
    absent = []
    for row in rows:
        told = reports.get(row.custom_id)
        if told is None:
            absent.append(row)
        else:
            record_report(told, source, account=account, actor=actor)
    return absent


def _ask_one(account: str, row: Purchase) -> list[PurchaseReport]:
    """One purchase by itself: a list with an id SkinsBack does not know may be refused as a whole."""
    try:
        return get_client(account).get_purchases(custom_ids=[row.custom_id])
    except PurchaseNotFound:
        return []


def _poll(account: str, rows: list[Purchase]) -> None:
    fresh = [row for row in rows if row.status in OPEN and not row.attempts]
    for row in fresh:
        submit(row)
    sent = [row for row in rows if row not in fresh]
    for row in ask(account, sent, Source.POLL) if sent else []:
        if row.status in OPEN and _may_be_sent_again(row):
            resend(row)
        else:
            run(partial(_not_known, row))


def _may_be_sent_again(row: Purchase) -> bool:
    waited = row.submitted_at is not None and utc_now() - row.submitted_at >= schedule.RESEND_AFTER
    return waited and row.attempts <= schedule.RESEND_ATMOST and not row.needs_review


def _not_known(row: Purchase) -> None:
    """SkinsBack does not know the purchase (yet). That proves nothing: wait, then have it looked at."""
    now = utc_now()
    fresh = claim(Purchase, now, pk=row.pk)
    if fresh is None or fresh.status != row.status:
        return
    edit = Edit(fresh, now, Source.POLL)
    edit.set(poll_count=fresh.poll_count + 1, next_poll_at=now + schedule.backoff(fresh.poll_count))
    if fresh.attempts > schedule.RESEND_ATMOST or fresh.buy_id:
        edit.flag(_("SkinsBack does not know this purchase any more."))
    edit.save()


def _check(deposit: Deposit) -> None:
    try:
        deposit = deposits.refresh(deposit, source=Source.POLL)
    except TransactionNotFound:
        run(partial(_no_answer, deposit, abandon_after=schedule.CREATE_UNANSWERED))
    except (TemporaryFailure, AccountFault, RequestNotSent):
        raise  # nobody else can be asked about now either; the lease ends by itself
    except (APIError, UnknownOutcome) as error:
        logger.warning("skinsback.deposit_unreadable", extra={"order_id": deposit.order_id, "error": str(error)})
        run(partial(_no_answer, deposit))
    else:
        if deposit.status == DepositStatus.IN_HOLD:
            _apply_hold_policy(deposit)
        elif deposit.status == DepositStatus.PENDING:
            run(partial(_give_up, deposit))


def _no_answer(deposit: Deposit, abandon_after: timedelta | None = None) -> None:
    now = utc_now()
    row = claim(Deposit, now, pk=deposit.pk)
    if row is None:
        return
    edit = Edit(row, now, Source.POLL)
    age = now - row.created_at
    if abandon_after and row.status == DepositStatus.CREATED and age >= abandon_after:
        edit.move(DepositStatus.ABANDONED, note=_("SkinsBack does not know the order."))
        edit.set(next_check_at=None)
    elif not (abandon_after and age >= schedule.PAY_LINK_LIFETIME and row.status == DepositStatus.PENDING):
        delay = schedule.next_check(row.status, age, row.check_count + 1) or schedule.backoff(row.check_count)
        edit.set(check_count=row.check_count + 1, next_check_at=now + delay)
    else:
        edit.move(DepositStatus.ABANDONED, note=_("SkinsBack does not know the order any more."))
        edit.set(next_check_at=None)
    edit.save()


def _give_up(deposit: Deposit) -> None:
    """Nobody paid for so long that the link must be dead. A late payment still counts when SkinsBack tells of it."""
    now = utc_now()
    if now - deposit.created_at < schedule.PAY_LINK_LIFETIME:
        return
    row = claim(Deposit, now, pk=deposit.pk)
    if row is None or row.status != DepositStatus.PENDING:
        return
    edit = Edit(row, now, Source.FLOW)
    edit.move(DepositStatus.ABANDONED, note=_("Not paid in time."))
    edit.set(next_check_at=None)
    edit.save()


def _apply_hold_policy(deposit: Deposit) -> None:
    """Ask the site's HOLD_POLICY whether to credit early. An exception means no."""
    policy = conf.callable_setting("HOLD_POLICY")
    if policy is None:
        return
    try:
        approved = policy(deposit) is True
    except Exception:
        logger.exception("skinsback.hold_policy_failed", extra={"order_id": deposit.order_id})
        run(partial(_flag, deposit, _("HOLD_POLICY raised an exception; the hold was not approved.")))
        return
    if approved:
        deposits.approve_hold(deposit)


def _flag(deposit: Deposit, reason: str) -> None:
    now = utc_now()
    row = claim(Deposit, now, pk=deposit.pk)
    if row is not None:
        edit = Edit(row, now, Source.POLL)
        edit.flag(reason)
        edit.save()


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
        lease = now + LEASE + timedelta(microseconds=random.randrange(1_000_000))  # noqa: S311 - marks, guards nothing
        if due.filter(pk__in=keys).update(**{column: lease}):
            rows = list(manager.filter(pk__in=keys, **{column: lease}).order_by("pk"))
            if rows:
                yield rows


def _moved(model: type[Row], before: dict[Any, str]) -> int:
    after = model._default_manager.using(database()).filter(pk__in=before).values_list("pk", "status")
    return sum(before[pk] != status for pk, status in after)


def _stopped(flow: str, account: str, error: SkinsBackError) -> str:
    logger.warning("skinsback.sweep_stopped", extra={"flow": flow, "account": account, "error": str(error)})
    return f"{account}: {error}"
