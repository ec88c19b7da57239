"""The sweep of deposits. It polls open deposits, abandons unpaid deposits, and calls HOLD_POLICY for held deposits."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.utils.translation import gettext as _

from ... import conf, schedule
from ...connection import get_client, require_answer
from ...exceptions import (
    ACCOUNT_WIDE,
    APIError,
    HoldLimitReached,
    RowChanged,
    TransactionNotFound,
    UnknownOutcome,
)
from ...models import Deposit, HoldDecision
from ...models.fields import utc_now
from ...money import amount_text
from ...statuses import DepositStatus
from ...wire.types import DepositReport, Page
from ..deposits.hold import approve_hold
from ..deposits.hold_limits import LIMIT_REACHED
from ..deposits.refresh import ask_status
from ..deposits.report import record_report
from ..ledger.edit import Edit, Source
from ..ledger.record import Outcome, change
from ..ledger.stuck import flag_if_stuck, postpone
from ..progress import OnProgress, no_progress
from .changes import changes_deposit
from .claims import Claim
from .sweep import Counts, Sweep, sweep

logger = logging.getLogger("django_skinsback")


def poll_deposits(
    account: str | None = None,
    *,
    now: datetime | None = None,
    chance: Callable[[], float] = random.random,
    on_progress: OnProgress = no_progress,
) -> Counts:
    """Poll the deposits that are due, and abandon the deposits that were not paid in time.

    Without ``account``, all accounts are swept. Returns the counts of all accounts together.
    """
    return sweep(DepositSweep, account, now=now, chance=chance, on_progress=on_progress)


class DepositSweep(Sweep[Deposit, DepositReport]):
    """The sweep of one account's deposits. Each deposit is polled with one call of ``orderstatus``."""

    model = Deposit
    our_id = "order_id"
    list_time = "created_at"
    batch_size = 20
    rows_per_call = 2
    list_from = 50

    def poll(self, claim: Claim[Deposit]) -> None:
        times, now, chance, is_over = {}, utc_now(), self.chance(), False
        try:
            for row in claim.rows:
                claim.extend()
                try:
                    time = self._poll_one(row, now, chance)
                    flag_if_stuck(row, now)
                except ACCOUNT_WIDE:
                    raise
                except Exception as error:  # noqa: BLE001 - a receiver of the site may raise anything
                    if isinstance(error, UnknownOutcome):
                        require_answer(self.account)
                    postpone(row, error, chance)
                else:
                    if time is not None:
                        times[row.pk] = time
                if is_over := self.is_over():  # checked after the row, so that each sweep polls at least one row
                    break
        finally:
            claim.reschedule(times)
        if is_over:
            claim.release(self.now)

    def _poll_one(self, row: Deposit, now: datetime, chance: float) -> datetime | None:
        """Ask SkinsBack about one deposit and record the answer.

        If the answer changes nothing, return the time of the next poll, which the caller sets. Otherwise return None.
        """
        asked_at = utc_now()
        try:
            report = ask_status(row)
        except TransactionNotFound:
            self.count_change(row, change(Deposit, row.pk, Source.POLL, partial(_record_not_found, chance=chance)))
            return None
        time = _next_poll_if_unchanged(row, report, now, chance, decisive=True)
        if time is not None:
            return time
        result = record_report(report, Source.POLL, account=row.account, asked=row, asked_at=asked_at)
        recorded = None if result.outcome == Outcome.MISMATCHED else result.row  # a report about another deposit
        if recorded is not None and report.status == recorded.status == DepositStatus.IN_HOLD:
            recorded = _apply_hold_policy(recorded)
        elif recorded is not None and report.status == recorded.status == DepositStatus.PENDING:
            recorded = change(Deposit, recorded.pk, Source.FLOW, _abandon_if_unpaid)
        self.count_change(row, recorded)
        return None

    def fetch_page(self, starting: datetime, ending: datetime, start_from: str | None) -> Page[DepositReport]:
        return get_client(self.account).list_deposits(starting, ending, start_from)

    def record_listed(self, row: Deposit, report: DepositReport, now: datetime, chance: float) -> datetime | None:
        if changes_deposit(row, report, decisive=False):
            try:
                self.count_change(row, record_report(report, Source.LIST, account=row.account).row)
            except Exception as error:  # noqa: BLE001 - a receiver of the site may raise anything
                postpone(row, error, chance)
            return None
        flag_if_stuck(row, now)
        return _next_poll_if_unchanged(row, report, now, chance, decisive=False)


def _next_poll_if_unchanged(
    row: Deposit, report: DepositReport, now: datetime, chance: float, *, decisive: bool
) -> datetime | None:
    """Return the time of the next poll if the report does not change the deposit.

    Return None if the report changes the deposit, if the deposit may have to be abandoned, if HOLD_POLICY must be
    called, or if the answer of ``orderstatus`` shows the result of an approval.
    """
    age = schedule.age_for_waiting(row.created_at, now)
    hold_waits = row.status == DepositStatus.IN_HOLD and (row.reserved_at is not None or _policy_decides(row))
    if hold_waits or _is_too_old(row, age) or changes_deposit(row, report, decisive=decisive):
        return None
    delay = schedule.next_deposit_poll(row.status, age, row.poll_count + 1)
    return now + schedule.spread(delay, chance) if delay else None


def _is_too_old(row: Deposit, age: timedelta) -> bool:
    return row.status == DepositStatus.PENDING and age >= schedule.PAY_LINK_LIFETIME


def _record_not_found(edit: Edit[Deposit], chance: float) -> None:
    """Record that SkinsBack does not know the order.

    Abandon the deposit if its time limit is over: it was never created at SkinsBack, or it was not paid in time.
    Otherwise set the next poll. Flag a held deposit, and a final deposit that is not polled any more.
    """
    row, age = edit.row, schedule.age_for_waiting(edit.row.created_at, edit.now)
    edit.set(failing_since=None)
    time_limit = {
        DepositStatus.CREATED: schedule.CREATE_UNANSWERED,
        DepositStatus.PENDING: schedule.PAY_LINK_LIFETIME,
    }.get(DepositStatus(row.status))
    if time_limit is not None and age >= time_limit:
        if row.status == DepositStatus.CREATED:  # never created at SkinsBack, so the idempotency key may be used again
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


def _abandon_if_unpaid(edit: Edit[Deposit]) -> None:
    """Abandon a pending deposit if it is too old. If SkinsBack reports a payment later, the user is still credited."""
    if _is_too_old(edit.row, schedule.age_for_waiting(edit.row.created_at, edit.now)):
        edit.move(DepositStatus.ABANDONED, note=_("Not paid in time."))
        edit.set(poll_count=0, next_poll_at=None)


def _hold_policy() -> Callable[[Deposit], object] | None:
    return conf.callable_setting("HOLD_POLICY")


def _policy_decides(deposit: Deposit) -> bool:
    """Return whether HOLD_POLICY is called for this held deposit. It is not called if a person decides."""
    waits_for_person = deposit.needs_review and any(
        reason["code"] == LIMIT_REACHED for reason in deposit.review_reasons
    )
    return _hold_policy() is not None and deposit.hold_decision != HoldDecision.LEAVE and not waits_for_person


def _apply_hold_policy(deposit: Deposit) -> Deposit:
    """Call the site's HOLD_POLICY, and approve the hold if the result is True. Return the deposit.

    Flag the deposit if HOLD_POLICY raises an exception, if HOLD_APPROVE_MAX does not allow the approval, or if
    SkinsBack refuses it. In these cases, the deposit stays in hold.
    """
    policy = _hold_policy()
    if policy is None or not _policy_decides(deposit):
        return deposit
    try:
        approved = policy(deposit) is True
    except Exception:
        logger.exception("skinsback.hold_policy_failed", extra={"order_id": deposit.order_id})
        change(Deposit, deposit.pk, Source.POLL, lambda edit: edit.flag("hold_policy_failed"))
        return deposit
    try:
        return approve_hold(deposit) if approved else deposit
    except ACCOUNT_WIDE:
        raise
    except RowChanged:  # the row has changed since HOLD_POLICY returned; the next sweep calls HOLD_POLICY again
        pass
    except HoldLimitReached as error:
        credit = f"{amount_text(error.credit[0])} {error.credit[1].upper()}" if error.credit else "?"
        change(Deposit, deposit.pk, Source.POLL, partial(Edit.flag, code=LIMIT_REACHED, credit=credit))
    except APIError as error:
        refused = partial(Edit.flag, code="approval_refused", error=error.message)
        change(Deposit, deposit.pk, Source.POLL, refused)
        postpone(deposit, error)
    return deposit
