"""Tokens of what a person saw of a deposit. A token includes what ``settle`` with ``credit`` would post."""

import copy
from collections.abc import Iterable
from decimal import Decimal
from functools import partial

from ... import conf
from ...exceptions import RowChanged
from ...models import Deposit, LedgerEntry
from ...statuses import EntryKind
from ..ledger.database import lock, run
from ..ledger.edit import Edit
from ..ledger.seen import SHARED_COLUMNS, as_stored, make_token, shown_entries
from .credit import NothingToCredit, credit_of

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
)

Credit = tuple[Decimal, str]


class _Undone(Exception):
    """Raised to roll back a database transaction on purpose. ``credit`` is the result."""

    def __init__(self, credit: Credit) -> None:
        super().__init__()
        self.credit = credit


def seen(deposit: Deposit) -> str:
    """Return a token of the deposit as it is in memory, with its ledger entries. Pass it as ``seen`` to a decision."""
    return _token_and_credit(deposit, shown_entries(deposit))[0]


def require_seen(edit: Edit[Deposit], token: str) -> object:
    """Raise RowChanged if the locked deposit is not what the person saw.

    Returns what ``credit`` would post: amount and currency, or the code of the reason why nothing would be posted.
    Returns None if the deposit was credited before.
    """
    now, credit = _token_and_credit(edit.row, edit.entries().values())
    if now != token:
        raise RowChanged
    return credit


def shown_credit(deposit: Deposit) -> Credit:
    """Return the amount and currency that ``credit`` would post. Raises as ``credit_of`` does.

    Nothing is saved: a CREDIT function gets a copy of ``deposit``, and what it writes to the database is rolled back.
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
