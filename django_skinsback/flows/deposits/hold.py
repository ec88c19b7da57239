"""Deposits: what a site and its operators can do with one.

When a deposit is credited is decided in ``deposit_reports``; how it is opened, in ``creation``.
"""

from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from ... import schedule
from ...connection import get_client
from ...exceptions import AlreadyDecided, InvalidInput, SkinsBackError, UnknownOutcome
from ...models import Deposit
from ...statuses import DepositStatus
from ...wire.types import DepositReport
from ..ledger.database import refuse_inside_transaction
from ..ledger.edit import Edit, Source
from ..ledger.record import change
from ..ledger.seen import deposit_token, require_seen
from ..ledger.seen import deposit_token as seen
from .create import create_deposit, create_from_inventory
from .credit import basis_of_credit
from .report import APPROVE, record_report
from .settle import settle_deposit as settle

__all__ = [
    "approve_hold",
    "create_deposit",
    "create_from_inventory",
    "record_report",
    "refresh",
    "seen",
    "settle",
]


def ask_status(deposit: Deposit) -> DepositReport:
    """What SkinsBack says about a deposit now (``/docs/api/v1/orderstatus``); UnknownOutcome if it is about another."""
    report = get_client(deposit.account).get_deposit(order_id=deposit.order_id)
    if report.order_id not in {"", deposit.order_id}:
        raise UnknownOutcome("orderstatus: the answer is about another deposit.")
    return msgspec.structs.replace(report, order_id=deposit.order_id)


def refresh(deposit: Deposit, *, actor: Any = None) -> Deposit:
    """Ask SkinsBack about a deposit and record its answer.

    Raises what the client raises; not to be called inside a database transaction.
    """
    refuse_inside_transaction("refresh()")
    report = ask_status(deposit)
    recorded = record_report(report, Source.ANSWER, account=deposit.account, actor=actor, asked=deposit)
    return recorded.row or deposit


def approve_hold(deposit: Deposit, by: Any = None, *, seen: str = "") -> Deposit:
    """Approve a held deposit, so that the user is credited now, at the site's own risk.

    ``seen`` is what the person saw (``seen(deposit)``); without it ``deposit`` as it was passed. It is compared under
    the row lock before SkinsBack is called, because an approval cannot be undone: a difference raises RowChanged.

    SkinsBack's approval carries no amount (``/docs/api/v1/offer_approve``): what credits is the ``orderstatus``
    asked for afterwards. The row is flagged if that amount is not the one that was seen. If the answer cannot be read
    nothing is credited, the error is raised, and the sweep asks again.
    """
    refuse_inside_transaction("approve_hold()")
    if not seen and deposit.status != DepositStatus.IN_HOLD:
        raise InvalidInput(_("Only a deposit in hold can be approved."))
    note = partial(_note_approval, seen=seen or deposit_token(deposit))
    approved = change(Deposit, deposit.pk, Source.FLOW, note, actor=by)
    if approved is None:
        raise InvalidInput(_("The row does not exist any more."))
    try:
        # Decided by an earlier attempt or by the user, or the answer cannot be read: orderstatus says which.
        with suppress(AlreadyDecided, UnknownOutcome):
            get_client(approved.account).approve_hold(order_id=approved.order_id)
        return refresh(approved, actor=by)
    except SkinsBackError:
        change(Deposit, approved.pk, Source.FLOW, lambda edit: edit.set(next_check_at=edit.now))
        raise


def _note_approval(edit: Edit[Deposit], seen: str) -> None:
    """Compare with what was seen, and record the approval and its amount before the call.

    Should this process die in the call, the sweep asks. The sweep's own approvals are recorded once for an amount.
    """
    require_seen(edit, seen)
    deposit = edit.row
    if deposit.status != DepositStatus.IN_HOLD:
        raise InvalidInput(_("Only a deposit in hold can be approved."))
    shown = {"amount": basis_of_credit(deposit), "currency": deposit.amount_currency}
    newest = edit.lines().order_by("-pk").first()
    repeated = newest is not None and newest.decision == APPROVE and newest.actor_id is None and edit.actor is None
    if newest is None or not repeated or (newest.amount, newest.currency) != tuple(shown.values()):
        edit.note(deposit.status, deposit.status, decision=APPROVE, **shown)
    edit.set(next_check_at=edit.now + schedule.LEASE)
