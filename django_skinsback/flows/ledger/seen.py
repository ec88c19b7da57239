"""What a person saw of a row before deciding about it, as a token that is compared again under the row lock.

A token covers the values that the pages show: status, amounts, owner, attempts, ledger entries, review reasons, and
for a deposit what ``credit`` would post. It leaves out ``updated_at``, poll counts and due times, which show no
decision.
"""

import copy
import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from ... import conf
from ...exceptions import RowChanged
from ...models import Deposit, LedgerEntry, Purchase
from ...money import amount_text
from ...statuses import EntryKind
from ..deposits.credit import NothingToCredit, credit_of
from .database import run
from .edit import Edit, Row, entries_of
from .record import claim

_SHARED = ("status", "user_id", "steam_id", "trade_offer_id", "needs_review", "review_reasons")
_DEPOSIT = (
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
_PURCHASE = (
    "buy_id",
    "attempts",
    "skin_id",
    "market_hash_name",
    "max_price",
    "price",
    "debited_amount",
    "charge_amount",
    "charge_currency",
    "error_code",
    "error_message",
    "error_reason",
    "in_hold",
)


Credit = tuple[Decimal, str]


class _Undone(Exception):
    """Ends a database transaction of which nothing is to stay."""

    def __init__(self, credit: Credit) -> None:
        super().__init__()
        self.credit = credit


def deposit_token(deposit: Deposit) -> str:
    """Token of a deposit as it is in memory, with its ledger entries. Pass it as ``seen`` to a decision."""
    return _deposit(deposit)[0]


def purchase_token(purchase: Purchase) -> str:
    """Token of a purchase as it is in memory, with its ledger entries. Pass it as ``seen`` to a decision."""
    names = (*_SHARED, *_PURCHASE)
    return _token(_as_stored(purchase, names), names, _entries(purchase))


def require_seen(edit: Edit[Any], seen: str) -> object:
    """Raise RowChanged if the locked row is not what the person saw.

    Returns what ``credit`` would post for a deposit, as it was compared.
    """
    row, credit = edit.row, None
    if isinstance(row, Deposit):
        now, credit = _deposit(row)
    else:
        now = purchase_token(row)
    if now != seen:
        raise RowChanged
    return credit


def shown_credit(deposit: Deposit) -> Credit:
    """What ``credit`` would post. Raises as ``credit_of`` does.

    The site's CREDIT may save the deposit that it is given, and lock and write rows of its own. It gets a copy, in a
    database transaction that is undone: the deposit may be older than what is stored, and nothing is decided yet.
    """
    if conf.callable_setting("CREDIT") is None:
        return credit_of(deposit)
    try:
        run(partial(_ask_and_undo, deposit))
    except _Undone as undone:
        return undone.credit
    raise AssertionError("unreachable")


def _ask_and_undo(deposit: Deposit) -> None:
    claim(Deposit, pk=deposit.pk)
    raise _Undone(credit_of(copy.copy(deposit)))


def _deposit(deposit: Deposit) -> tuple[str, object]:
    """The token, and what ``credit`` would post or why it would post nothing. A deposit is credited once."""
    deposit = _as_stored(deposit, (*_SHARED, *_DEPOSIT))
    entries, credit = list(_entries(deposit)), None
    if all(entry.kind != EntryKind.CREDIT for entry in entries):
        credit = _credit(deposit)
    return _token(deposit, (*_SHARED, *_DEPOSIT), entries, credit), credit


def _credit(deposit: Deposit) -> object:
    try:
        return shown_credit(deposit)
    except NothingToCredit as error:
        return error.code


def _token(row: Deposit | Purchase, names: Iterable[str], entries: Iterable[LedgerEntry], *more: object) -> str:
    seen = {
        "row": [type(row).__name__, row.pk],
        "entries": sorted([entry.kind, entry.amount, entry.currency] for entry in entries),
        "more": more,
        **{name: getattr(row, name) for name in names},
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=_text).encode()).hexdigest()[:32]


def _entries(row: Deposit | Purchase) -> Iterable[LedgerEntry]:
    """The entries that were prefetched for a page, else those in the database that is written to."""
    prefetched: Iterable[LedgerEntry] | None = getattr(row, "_prefetched_objects_cache", {}).get("entries")
    return entries_of(row) if prefetched is None else prefetched


def _as_stored(row: Row, names: Iterable[str]) -> Row:
    """A copy with each value in the type of its column: an instance that was just made may have ``5`` for an amount."""
    typed = copy.copy(row)
    for name in names:
        setattr(typed, name, row._meta.get_field(name).to_python(getattr(row, name)))  # type: ignore[union-attr]
    return typed


def _text(value: object) -> str:
    """Amounts are equal however many zeros a database adds to them."""
    return amount_text(value) if isinstance(value, Decimal) else str(value)
