"""The sweep of deposits: what is open is asked about, what nobody pays is given up, holds are approved by policy."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.utils.translation import gettext as _

from ... import conf, schedule
from ...connection import get_client, require_answer
from ...exceptions import ACCOUNT_WIDE, APIError, RowChanged, TransactionNotFound, UnknownOutcome
from ...models import Deposit
from ...statuses import DepositStatus
from ...wire.types import DepositReport, Page
from ..deposits.hold import approve_hold
from ..deposits.refresh import ask_status
from ..deposits.report import record_report
from ..ledger.edit import Edit, Source
from ..ledger.record import Outcome, change
from ..ledger.stuck import flag_if_stuck, put_off
from .backlog import Listed
from .changes import is_news_of_deposit
from .claims import Lease
from .queue import DEPOSITS, Advance, Counts, Moment, Sweep, nobody
from .sweep import Work, sweep

logger = logging.getLogger("django_skinsback")

AT_ONCE = 20
"""How many deposits a sweep takes at a time; each is asked about singly."""

BACKLOG = 50
"""From so many due deposits on ``orders`` is read first."""


def poll_deposits(
    account: str | None = None,
    *,
    now: datetime | None = None,
    chance: Callable[[], float] = random.random,
    advance: Advance = nobody,
) -> Counts:
    """Ask about deposits that are due, and give up those nobody pays."""
    listed = Listed(fetch=_orders, take=_take_listed, from_rows=BACKLOG, a_call=2)
    work = Work(DEPOSITS, size=AT_ONCE, ask=_check, listed=listed)
    return sweep(work, account, now=now, chance=chance, advance=advance)


def _check(one: Sweep[Deposit], lease: Lease[Deposit]) -> None:
    times, moment, is_over = {}, one.moment(), False
    try:
        for row in lease.rows:
            lease.extend()
            try:
                time = _check_one(one, row, moment)
                flag_if_stuck(row, moment.now)
            except ACCOUNT_WIDE:
                raise
            except Exception as error:  # noqa: BLE001 - a site's listener may raise anything
                if isinstance(error, UnknownOutcome):
                    require_answer(one.account)
                put_off(row, error, moment.chance)
            else:
                if time is not None:
                    times[row.pk] = time
            if is_over := one.is_over():  # after one at least, or a slow list could keep all from being asked about
                break
    finally:
        lease.reschedule(times)
    if is_over:
        lease.put_off(one.now)


def _check_one(one: Sweep[Deposit], row: Deposit, moment: Moment) -> datetime | None:
    """Ask about a deposit and record the answer, or return when to ask again where it is no news."""
    try:
        report = ask_status(row)
    except TransactionNotFound:
        one.note(row, change(Deposit, row.pk, Source.POLL, partial(_not_found, chance=moment.chance)))
        return None
    time = _next_time(row, report, moment, decisive=True)
    if time is not None:
        return time
    told = record_report(report, Source.POLL, account=row.account, asked=row)
    recorded = None if told.outcome == Outcome.MISMATCHED else told.row  # another deposit's report decides nothing
    if recorded is not None and report.status == recorded.status == DepositStatus.IN_HOLD:
        recorded = _apply_hold_policy(recorded)
    elif recorded is not None and report.status == recorded.status == DepositStatus.PENDING:
        recorded = change(Deposit, recorded.pk, Source.FLOW, _give_up)
    one.note(row, recorded)
    return None


def _next_time(row: Deposit, report: DepositReport, moment: Moment, *, decisive: bool) -> datetime | None:
    """When a deposit is asked about next of which there is no news and about which there is nothing to decide."""
    age = schedule.age_for_waiting(row.created_at, moment.now)
    decided_here = _is_too_old(row, age) or (row.status == DepositStatus.IN_HOLD and _hold_policy() is not None)
    if decided_here or is_news_of_deposit(row, report, decisive=decisive):
        return None
    delay = schedule.next_deposit_poll(row.status, age, row.poll_count + 1)
    return moment.after(delay) if delay else None


def _is_too_old(row: Deposit, age: timedelta) -> bool:
    return row.status == DepositStatus.PENDING and age >= schedule.PAY_LINK_LIFETIME


def _not_found(edit: Edit[Deposit], chance: float) -> None:
    """SkinsBack does not know the order: it never did, or has forgotten it."""
    row, age = edit.row, schedule.age_for_waiting(edit.row.created_at, edit.now)
    edit.set(failing_since=None)
    patience = {
        DepositStatus.CREATED: schedule.CREATE_UNANSWERED,
        DepositStatus.PENDING: schedule.PAY_LINK_LIFETIME,
    }.get(DepositStatus(row.status))
    if patience is not None and age >= patience:
        if row.status == DepositStatus.CREATED:  # it was never opened: the same idempotency key may try again
            edit.set(idempotency_digest=None)
        edit.move(DepositStatus.ABANDONED, note=_("SkinsBack does not know the order."))
        edit.set(poll_count=0, next_poll_at=None)
        return
    delay = schedule.next_deposit_poll(row.status, age, row.poll_count + 1)
    if delay is None and row.poll_count < schedule.WITHHELD_POLLS:
        delay = schedule.backoff(row.poll_count)
    if delay is None or row.status in {DepositStatus.IN_HOLD, DepositStatus.HOLD_APPROVED}:
        edit.flag("deposit_not_known")
    if delay is None:
        edit.set(next_poll_at=None)
        return
    edit.set(poll_count=row.poll_count + 1, next_poll_at=edit.now + schedule.spread(delay, chance))


def _give_up(edit: Edit[Deposit]) -> None:
    """Nobody paid for so long that the link must be dead. A late payment still counts when SkinsBack tells of it."""
    if _is_too_old(edit.row, schedule.age_for_waiting(edit.row.created_at, edit.now)):
        edit.move(DepositStatus.ABANDONED, note=_("Not paid in time."))
        edit.set(poll_count=0, next_poll_at=None)


def _hold_policy() -> Callable[[Deposit], object] | None:
    return conf.callable_setting("HOLD_POLICY")


def _apply_hold_policy(deposit: Deposit) -> Deposit:
    """Ask the site's HOLD_POLICY whether to credit early. An exception means no, and so does a refused approval."""
    policy = _hold_policy()
    if policy is None:
        return deposit
    try:
        approved = policy(deposit) is True
    except Exception:
        logger.exception("skinsback.hold_policy_failed", extra={"order_id": deposit.order_id})
        change(Deposit, deposit.pk, Source.POLL, lambda edit: edit.flag("hold_policy_failed"))
        return deposit
    if not approved:
        return deposit
    try:
        return approve_hold(deposit)
    except ACCOUNT_WIDE:
        raise
    except RowChanged:  # the policy decided about a row that has changed since; the next sweep asks it again
        return deposit
    except APIError as error:
        refused = partial(Edit.flag, code="approval_refused", error=error.message)
        change(Deposit, deposit.pk, Source.POLL, refused)
        put_off(deposit, error)
        return deposit


def _orders(account: str, starting: datetime, ending: datetime, start_from: str | None) -> Page[DepositReport]:
    return get_client(account).list_deposits(starting, ending, start_from)


def _take_listed(one: Sweep[Deposit], row: Deposit, report: DepositReport, moment: Moment) -> datetime | None:
    if is_news_of_deposit(row, report, decisive=False):
        try:
            one.note(row, record_report(report, Source.LIST, account=row.account).row)
        except Exception as error:  # noqa: BLE001 - a site's listener may raise anything
            put_off(row, error, moment.chance)
        return None
    flag_if_stuck(row, moment.now)
    return _next_time(row, report, moment, decisive=False)
