"""Tokens of what a person saw of a row before deciding about it. The token is compared again under the row lock.

A token covers the values that the pages show: status, amounts, owner, attempts, ledger entries, review reasons, and
for a deposit what ``credit`` would post. It leaves out ``updated_at``, poll counts and due times, because no
decision depends on them.
"""

import copy
from collections.abc import Iterable

from ...models import Deposit, LedgerEntry, Purchase
from .edit import Row, entries_of
from .idempotency import digest

SHARED_COLUMNS = ("status", "user_id", "steam_id", "trade_offer_id", "needs_review", "review_reasons")
"""Columns of a deposit and of a purchase that a token covers."""


def make_token(row: Deposit | Purchase, names: Iterable[str], entries: Iterable[LedgerEntry], *more: object) -> str:
    """Return the token of a row: the values of its columns ``names``, its entries, and ``more`` values of the page."""
    seen = {
        "row": [type(row).__name__, row.pk],
        "entries": sorted([entry.kind, entry.amount, entry.currency] for entry in entries),
        "more": more,
        **{name: getattr(row, name) for name in names},
    }
    return digest(seen)[:32]


def shown_entries(row: Deposit | Purchase) -> Iterable[LedgerEntry]:
    """Return the entries that were prefetched for a page. If none were, read them from the database for writes."""
    prefetched: Iterable[LedgerEntry] | None = getattr(row, "_prefetched_objects_cache", {}).get("entries")
    return entries_of(row) if prefetched is None else prefetched


def as_stored(row: Row, names: Iterable[str]) -> Row:
    """Return a copy whose values have the types of their columns.

    So a new instance, which may have an int as its amount, gets the same token as the row read from the database.
    """
    typed = copy.copy(row)
    for name in names:
        setattr(typed, name, row._meta.get_field(name).to_python(getattr(row, name)))  # type: ignore[union-attr]
    return typed
