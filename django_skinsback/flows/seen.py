"""What a person saw of a row before deciding about it, as a token that is compared again under the row lock.

A token covers the values that the pages show: status, amounts, owner, attempts, ledger entries, review reasons, and
for a deposit what ``credit`` would post. It leaves out ``updated_at``, poll counts and due times, which show no
decision.
"""

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ..exceptions import RowChanged
from ..models import Deposit, LedgerEntry, Purchase
from ..money import amount_text
from .crediting import NothingToCredit, credit_of
from .edits import Edit, entries_of

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


def deposit_token(deposit: Deposit) -> str:
    """Token of a deposit as it is in memory, with its ledger entries. Pass it as ``seen`` to a decision."""
    return _token(deposit, (*_SHARED, *_DEPOSIT), _credit(deposit))


def purchase_token(purchase: Purchase) -> str:
    """Token of a purchase as it is in memory, with its ledger entries. Pass it as ``seen`` to a decision."""
    return _token(purchase, (*_SHARED, *_PURCHASE))


def require_seen(edit: Edit[Any], seen: str) -> None:
    """Raise RowChanged if the locked row is not what the person saw."""
    row = edit.row
    now = deposit_token(row) if isinstance(row, Deposit) else purchase_token(row)
    if now != seen:
        raise RowChanged


def _credit(deposit: Deposit) -> object:
    """What ``credit`` would post, or why it would post nothing."""
    try:
        return credit_of(deposit)
    except NothingToCredit as error:
        return error.code


def _token(row: Deposit | Purchase, names: Iterable[str], *more: object) -> str:
    seen = {
        "row": [type(row).__name__, row.pk],
        "entries": sorted([entry.kind, entry.amount, entry.currency] for entry in _entries(row)),
        "more": more,
        **{name: getattr(row, name) for name in names},
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=_text).encode()).hexdigest()[:32]


def _entries(row: Deposit | Purchase) -> Iterable[LedgerEntry]:
    """The entries that were prefetched for a page, else those in the database that is written to."""
    prefetched: Iterable[LedgerEntry] | None = getattr(row, "_prefetched_objects_cache", {}).get("entries")
    return entries_of(row) if prefetched is None else prefetched


def _text(value: object) -> str:
    """Amounts are equal however many zeros a database adds to them."""
    return amount_text(value) if isinstance(value, Decimal) else str(value)
