"""Approves held deposits before their hold ends."""

from contextlib import suppress
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ... import conf, schedule
from ...connection import get_client
from ...exceptions import AlreadyDecided, InvalidInput, RowDeleted, SkinsBackError, UnknownOutcome
from ...models import Deposit
from ...statuses import DepositStatus
from ..ledger.database import refuse_inside_transaction
from ..ledger.edit import Edit, Source
from ..ledger.record import change
from .refresh import refresh
from .report import APPROVE
from .seen import require_seen
from .seen import seen as token_of


def approve_hold(deposit: Deposit, by: Any = None, seen: str = "") -> Deposit:
    """Approve a held deposit, and return the row. The user is credited now, at the site's own risk.

    ``seen`` is the token of what the person saw (``deposits.seen``). Without ``seen``, the token of the passed row is
    used. An approval cannot be undone. So the row is locked and compared with the token before SkinsBack is called. If
    the row has changed, RowChanged is raised.

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
    record_approval = partial(_record_approval, seen=seen or token_of(deposit))
    approved = change(Deposit, deposit.pk, Source.FLOW, record_approval, by=by)
    if approved is None:
        raise RowDeleted
    try:
        # The hold was decided before, or there is no readable answer. Then refresh() gets the status from orderstatus.
        with suppress(AlreadyDecided, UnknownOutcome):
            get_client(approved.account).approve_hold(order_id=approved.order_id)
        return refresh(approved, by=by)
    except SkinsBackError:
        change(Deposit, approved.pk, Source.FLOW, lambda edit: edit.set(next_poll_at=edit.now))
        raise


def _record_approval(edit: Edit[Deposit], seen: str) -> None:
    """Check that the row is what the person saw. Then add the approval and the approved amount to the history.

    This is done before the call to SkinsBack. If this process dies during the call, the sweep polls the deposit. If
    HOLD_POLICY approves the same amount several times in a row, only the first approval is added to the history.
    """
    deposit = edit.row
    require_seen(edit, seen)
    if deposit.status != DepositStatus.IN_HOLD:
        raise InvalidInput(_("Only a deposit in hold can be approved."))
    shown = {"amount": getattr(deposit, conf.credit_column()), "currency": deposit.amount_currency}
    newest = edit.stored_history().order_by("-pk").first()
    repeated = newest is not None and newest.decision == APPROVE and newest.by_id is None and edit.by is None
    if newest is None or not repeated or (newest.amount, newest.currency) != tuple(shown.values()):
        edit.note(deposit.status, deposit.status, decision=APPROVE, **shown)
    edit.set(next_poll_at=edit.now + schedule.ACCOUNT_ERROR_DELAY)
