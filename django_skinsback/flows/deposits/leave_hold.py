"""Stores a person's decision not to approve a hold early."""

from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ...exceptions import InvalidInput, RowDeleted
from ...models import Deposit, HoldDecision
from ...statuses import DepositStatus
from ..ledger.database import run
from ..ledger.edit import Source, lock_for_edit
from .hold_limits import end_limit_review
from .seen import require_seen
from .seen import seen as token_of


def leave_hold(deposit: Deposit, by: Any = None, note: str = "", seen: str = "") -> Deposit:
    """Leave the hold of a deposit to run out, and return the row. No money is moved, and SkinsBack is not called.

    The user is credited when SkinsBack reports the end of the hold. Until then, the deposit is not in the queue of
    holds that wait for a decision, and HOLD_POLICY is not called for it. A person can still approve the hold.

    ``seen`` is the token of what the person saw (``deposits.seen``). Without ``seen``, the token of the passed row is
    used. The history shows ``by`` and ``note``.

    Raises RowChanged if the row is not what the person saw. Raises InvalidInput if the deposit is not in hold, or if an
    approval of the hold is under way.
    """
    return run(partial(_leave, deposit.pk, by, note, seen or token_of(deposit)))


def _leave(pk: Any, by: Any, note: str, seen: str) -> Deposit:
    edit = lock_for_edit(Deposit, Source.OPERATOR, by=by, pk=pk)
    if edit is None:
        raise RowDeleted
    row = edit.row
    require_seen(edit, seen)
    if row.status != DepositStatus.IN_HOLD:
        raise InvalidInput(_("Only a deposit in hold can be left to run out."))
    if row.reserved_at is not None:
        raise InvalidInput(_("The approval of this hold is under way. Wait for its result."))
    if row.hold_decision != HoldDecision.LEAVE:
        settled = end_limit_review(edit)
        edit.note(row.status, row.status, decision=HoldDecision.LEAVE, note=note, settled_reasons=settled)
        edit.set(hold_decision=HoldDecision.LEAVE)
    edit.save()
    return row
