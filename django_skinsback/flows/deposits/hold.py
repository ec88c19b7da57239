"""Approves held deposits before their hold ends."""

from contextlib import suppress
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ... import conf, schedule
from ...connection import get_client
from ...exceptions import AlreadyDecided, InvalidInput, RowChanged, RowDeleted, SkinsBackError, UnknownOutcome
from ...models import Deposit, HoldDecision
from ...models.fields import utc_now
from ...statuses import DepositStatus
from ..ledger.database import refuse_inside_transaction, run
from ..ledger.edit import Edit, Source, lock_for_edit
from ..ledger.record import change
from ..ledger.seen import shown_entries
from .credit import Credit
from .hold_limits import check_limit, credit_at_risk, end_limit_review, lock_limit, reserve
from .refresh import refresh
from .report import APPROVE
from .seen import require_seen, token_and_credit


def approve_hold(deposit: Deposit, by: Any = None, seen: str = "", note: str = "") -> Deposit:
    """Approve a held deposit, and return the row. The user is credited now, at the site's own risk.

    ``seen`` is the token of what the person saw (``deposits.seen``). Without ``seen``, the token of the passed row is
    used. An approval cannot be undone. So the row is locked and compared with the token before SkinsBack is called. If
    the row has changed, RowChanged is raised. The history shows ``by`` and ``note``.

    The open credits of approved holds are limited by the setting ``HOLD_APPROVE_MAX``. Before the call, the expected
    credit is reserved. If it would exceed a limit, HoldLimitReached is raised, and SkinsBack is not called. The
    reservation is released when the credit is posted, when the hold ends, or when ``orderstatus`` is asked more than
    four minutes later and still reports the hold.

    The answer to an approval has no amount (``/docs/api/v1/offer_approve``). So ``orderstatus`` is called next, and the
    report of ``orderstatus`` credits the user. If the reported amount is not the amount that the person saw, the row is
    flagged. If ``orderstatus`` has no readable answer, nothing is credited, the error is raised, and the sweep asks
    again.

    Raises InvalidInput if the deposit is not in hold. Raises the exceptions of the client. Raises
    InsideDatabaseTransaction inside a database transaction.
    """
    refuse_inside_transaction("approve_hold()")
    if not seen and deposit.status != DepositStatus.IN_HOLD:
        raise InvalidInput(_("Only a deposit in hold can be approved."))
    token, credit = token_and_credit(deposit)
    at_risk = credit_at_risk(credit, shown_entries(deposit))
    approved = run(partial(_approve, deposit, at_risk, seen or token, by, note))
    try:
        if utc_now() - approved.updated_at > schedule.CALL_START:
            raise RowChanged  # this process was stopped meanwhile, so the reservation may have been released
        # The hold was decided before, or there is no readable answer. Then refresh() gets the status from orderstatus.
        with suppress(AlreadyDecided, UnknownOutcome):
            get_client(approved.account).approve_hold(order_id=approved.order_id)
        return refresh(approved, by=by)
    except SkinsBackError:
        change(Deposit, approved.pk, Source.FLOW, lambda edit: edit.set(next_poll_at=edit.now))
        raise


def _approve(deposit: Deposit, at_risk: Credit | None, seen: str, by: Any, note: str) -> Deposit:
    """Check the limit and what the person saw, store the decision, reserve the credit, and return the row.

    Locks are taken in this order: the HoldGuard of the account and currency, the deposit, its history and entries.

    ``at_risk`` was computed before the locks, because the guard of its currency is locked first. It is computed again
    under the row lock.
    """
    limited = conf.hold_approve_max() is not None
    if limited and at_risk is not None:
        lock_limit(deposit.account, at_risk[1])
    edit = lock_for_edit(Deposit, Source.FLOW, by=by, pk=deposit.pk)
    if edit is None:
        raise RowDeleted
    locked = credit_at_risk(require_seen(edit, seen), edit.entries().values())
    if limited and locked != at_risk:
        raise RowChanged
    if edit.row.status != DepositStatus.IN_HOLD:
        raise InvalidInput(_("Only a deposit in hold can be approved."))
    check_limit(edit.row, locked)
    _record_approval(edit, note)
    reserve(edit, locked)
    edit.save()
    return edit.row


def _record_approval(edit: Edit[Deposit], note: str) -> None:
    """Add the approval and the approved amount to the history.

    This is done before the call to SkinsBack. If this process dies during the call, the sweep polls the deposit. If
    HOLD_POLICY approves the same amount several times in a row, only the first approval is added to the history.
    """
    deposit = edit.row
    shown = {"amount": getattr(deposit, conf.credit_column()), "currency": deposit.amount_currency}
    newest = edit.stored_history().order_by("-pk").first()
    repeated = newest is not None and newest.decision == APPROVE and newest.by_id is None and edit.by is None
    if newest is None or not repeated or note or (newest.amount, newest.currency) != tuple(shown.values()):
        settled = end_limit_review(edit)
        edit.note(deposit.status, deposit.status, decision=APPROVE, note=note, settled_reasons=settled, **shown)
    edit.set(hold_decision=HoldDecision.APPROVE, next_poll_at=edit.now + schedule.ACCOUNT_ERROR_DELAY)
