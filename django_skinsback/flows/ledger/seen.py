"""Tokens of the values that a person saw before deciding about a row. The token is compared under the row lock.

A token covers the values that the pages show: status, amounts, owner, attempts, ledger entries and review reasons. For
a deposit, it also covers the amount that the decision ``credit`` would post. It does not cover ``updated_at``, poll
counts and due times, because no decision depends on them.
"""

import copy
from collections.abc import Iterable
from typing import Any

from ...models import Deposit, LedgerEntry, Purchase
from .edit import Row, entries_of
from .idempotency import digest

SHARED_COLUMNS = ("status", "user_id", "steam_id", "trade_offer_id", "needs_review", "review_reasons")
"""The columns that are covered by the token of a deposit and also by the token of a purchase."""


def make_token(row: Deposit | Purchase, names: Iterable[str], entries: Iterable[LedgerEntry], *more: object) -> str:
    """Return the token of a row: 32 hex digits of a hash.

    The hash covers the columns ``names``, the ledger entries, and ``more`` values that the page shows.
    """
    seen = {
        "row": [type(row).__name__, row.pk],
        "entries": sorted([entry.kind, entry.amount, entry.currency] for entry in entries),
        "more": more,
        **{name: getattr(row, name) for name in names},
    }
    return digest(seen)[:32]


def shown_entries(row: Deposit | Purchase) -> Iterable[LedgerEntry]:
    """Return the prefetched ledger entries of a row. If they were not prefetched, query the ledger's database."""
    prefetched: Iterable[LedgerEntry] | None = getattr(row, "_prefetched_objects_cache", {}).get("entries")
    return entries_of(row) if prefetched is None else prefetched


def as_stored(row: Row, names: Iterable[str]) -> Row:
    """Return a copy of the row in which the columns ``names`` have the Python types of their fields.

    A new instance may have an int as its amount. With this function, the instance gets the same token as the row that
    is read from the database.
    """
    typed = copy.copy(row)
    for name in names:
        column: Any = row._meta.get_field(name)
        setattr(typed, name, column.to_python(getattr(row, name)))
    return typed
