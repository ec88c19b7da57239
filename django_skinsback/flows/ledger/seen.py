"""What a person saw of a row before deciding about it, as a token that is compared again under the row lock.

A token covers the values that the pages show: status, amounts, owner, attempts, ledger entries, review reasons, and
for a deposit what ``credit`` would post. It leaves out ``updated_at``, poll counts and due times, which show no
decision.
"""

import copy
from collections.abc import Iterable

from ...models import Deposit, LedgerEntry, Purchase
from .edit import Row, entries_of
from .idempotency import digest

SHARED_COLUMNS = ("status", "user_id", "steam_id", "trade_offer_id", "needs_review", "review_reasons")
"""Columns of a deposit and of a purchase that a token covers."""


def make_token(row: Deposit | Purchase, names: Iterable[str], entries: Iterable[LedgerEntry], *more: object) -> str:
    """The token of a row with the values of its columns ``names``, its entries and whatever ``more`` was shown."""
    seen = {
        "row": [type(row).__name__, row.pk],
        "entries": sorted([entry.kind, entry.amount, entry.currency] for entry in entries),
        "more": more,
        **{name: getattr(row, name) for name in names},
    }
    return digest(seen)[:32]


def shown_entries(row: Deposit | Purchase) -> Iterable[LedgerEntry]:
    """The entries that were prefetched for a page, else those in the database that is written to."""
    prefetched: Iterable[LedgerEntry] | None = getattr(row, "_prefetched_objects_cache", {}).get("entries")
    return entries_of(row) if prefetched is None else prefetched


def as_stored(row: Row, names: Iterable[str]) -> Row:
    """A copy with each value in the type of its column: an instance that was just made may have ``5`` for an amount."""
    typed = copy.copy(row)
    for name in names:
        setattr(typed, name, row._meta.get_field(name).to_python(getattr(row, name)))  # type: ignore[union-attr]
    return typed
