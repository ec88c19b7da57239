"""Functions that make and compare tokens of deposits. A token is a hash of the values that a person saw.

The token covers columns of the row, the ledger entries, and the credit that could be posted.
"""

import copy
from collections.abc import Iterable
from functools import partial

from ... import conf
from ...exceptions import RowChanged
from ...models import Deposit, LedgerEntry
from ...statuses import EntryKind
from ..ledger.database import lock, run
from ..ledger.edit import Edit
from ..ledger.seen import SHARED_COLUMNS, as_stored, make_token, shown_entries
from .credit import Credit, NothingToCredit, credit_of

_COLUMNS = (
    *SHARED_COLUMNS,
    "transaction_id",
    "payer_steam_id",
    "currency",
    "min_amount",
    "max_amount",
    "amount",
    "amount_currency",
    "user_amount",
    "user_risk",
    "hold_decision",
)


class _Undone(Exception):
    """Raised to roll back a database transaction on purpose. ``credit`` is the credit that was computed in it."""

    def __init__(self, credit: Credit) -> None:
        super().__init__()
        self.credit = credit


def seen(deposit: Deposit) -> str:
    """Return a token for the deposit, as it is in memory, and for its ledger entries.

    Pass the token as ``seen`` to ``settle``, ``approve_hold`` or ``leave_hold``. These functions raise RowChanged if
    the deposit has changed since then.
    """
    return token_and_credit(deposit)[0]


def token_and_credit(deposit: Deposit) -> tuple[str, object]:
    """Return the token of the deposit, and the possible credit as ``require_seen`` returns it."""
    return _token_and_credit(deposit, shown_entries(deposit))


def require_seen(edit: Edit[Deposit], token: str) -> object:
    """Raise RowChanged if the locked deposit is not what the person saw. Otherwise return the possible credit.

    The possible credit is the amount and currency that the decision ``credit`` would post. If nothing could be posted,
    the code of the reason is returned. If the deposit was credited before, None is returned.
    """
    now, credit = _token_and_credit(edit.row, edit.entries().values())
    if now != token:
        raise RowChanged
    return credit


def shown_credit(deposit: Deposit) -> Credit:
    """Return the amount and currency that the decision ``credit`` would post. Nothing is saved.

    A CREDIT function gets a copy of ``deposit``. All changes that the function makes in the database are rolled back.
    Raises the same exceptions as ``credit_of``.
    """
    if conf.callable_setting("CREDIT") is None:
        return credit_of(deposit)
    try:
        run(partial(_compute_and_roll_back, deposit))
    except _Undone as undone:
        return undone.credit
    raise AssertionError("unreachable")


def _compute_and_roll_back(deposit: Deposit) -> None:
    lock(Deposit, pk=deposit.pk)
    raise _Undone(credit_of(copy.copy(deposit)))


def _token_and_credit(deposit: Deposit, entries: Iterable[LedgerEntry]) -> tuple[str, object]:
    deposit, entries = as_stored(deposit, _COLUMNS), list(entries)
    credit: Credit | str | None = None
    if all(entry.kind != EntryKind.CREDIT for entry in entries):
        try:
            credit = shown_credit(deposit)
        except NothingToCredit as error:
            credit = error.code
    return make_token(deposit, _COLUMNS, entries, credit), credit
