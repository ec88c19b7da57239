"""Applies a person's decision about a deposit, where the rules and SkinsBack's answers cannot decide.

A decision is valid only for what the person saw. So the row is locked and compared with the token ``seen``. If the row
has changed, RowChanged is raised and nothing is written. Without ``seen``, the token of the passed row is used.
"""

from enum import StrEnum
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from ...exceptions import InvalidInput, RowChanged, RowDeleted
from ...models import Deposit
from ...statuses import EntryKind
from ..ledger.database import run
from ..ledger.edit import Source, lock_for_edit
from .credit import NothingToCredit, credit_of
from .hold_limits import is_refused, release_after_review
from .seen import require_seen
from .seen import seen as token_of


class Decision(StrEnum):
    """What ``settle`` does with a deposit."""

    KEEP = "keep"
    CREDIT = "credit"
    REVERSE = "reverse"


def settle(deposit: Deposit, decision: Decision | str, by: Any = None, note: str = "", seen: str = "") -> Deposit:
    """Apply a person's decision about a deposit, end its review, and return the row.

    * ``keep`` moves no money.
    * ``credit`` posts a credit. The ``CREDIT`` setting calculates the credit from the amounts of the row.
    * ``reverse`` posts a reversal of the whole credit.

    A deposit has at most one credit and one reversal, so ``credit`` and ``reverse`` cannot be repeated. ``by`` is the
    person who decides. The history shows this person.

    Raises RowChanged if the row is not what the person saw. Raises InvalidInput if the decision is not possible, for
    example if the deposit was credited before or has no amount, or if ``HOLD_APPROVE_MAX`` did not allow its hold. If
    the user was deleted, ``credit`` raises InvalidInput, and the row is flagged for this reason.
    """
    refused = run(partial(_settle, deposit.pk, decision, by, note, seen or token_of(deposit)))
    if isinstance(refused, InvalidInput):
        raise refused
    return refused


def _settle(pk: Any, decision: str, by: Any, note: str, seen: str) -> Deposit | InvalidInput:
    edit = lock_for_edit(Deposit, Source.OPERATOR, by=by, pk=pk)
    if edit is None:
        raise RowDeleted
    row, shown = edit.row, require_seen(edit, seen)
    entries = edit.entries()
    credit, reversal = entries.get(EntryKind.CREDIT), entries.get(EntryKind.REVERSAL)
    if decision == Decision.CREDIT and credit is None and row.is_owner_gone:
        edit.flag("owner_gone")
        edit.save()
        return NothingToCredit("owner_gone")
    if decision == Decision.CREDIT and credit is None and is_refused(row):
        raise InvalidInput(
            _("HOLD_APPROVE_MAX did not allow this hold. Leave it to run out, or approve the hold later.")
        )
    release_after_review(edit)
    edit.settle(decision, note)
    match decision:
        case Decision.KEEP:
            pass
        case Decision.CREDIT if credit is None:
            due = credit_of(row)
            if due != shown:  # the result of a CREDIT function can depend on more than the deposit
                raise RowChanged
            edit.post(EntryKind.CREDIT, *due, user_id=row.user_id)
        case Decision.REVERSE if credit is not None and reversal is None:
            edit.undo(EntryKind.REVERSAL, credit)
        case Decision.CREDIT:
            raise InvalidInput(_("This deposit was credited already."))
        case Decision.REVERSE:
            raise InvalidInput(_("This deposit has no credit that could be reversed."))
        case _:
            raise InvalidInput(_("Choose one of keep, credit, reverse."))
    edit.save()
    return row
