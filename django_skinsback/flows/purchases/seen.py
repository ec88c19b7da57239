"""Functions that make and compare tokens of purchases. A token is a hash of the values that a person saw.

The token covers columns of the row and the ledger entries.
"""

from collections.abc import Iterable

from ...exceptions import RowChanged
from ...models import LedgerEntry, Purchase
from ..ledger.edit import Edit
from ..ledger.seen import SHARED_COLUMNS, as_stored, make_token, shown_entries

_COLUMNS = (
    *SHARED_COLUMNS,
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


def seen(purchase: Purchase) -> str:
    """Return a token for the purchase, as it is in memory, and for its ledger entries.

    Pass the token as ``seen`` to ``settle`` or ``cancel``. These functions raise RowChanged if the purchase has changed
    since then.
    """
    return _token(purchase, shown_entries(purchase))


def require_seen(edit: Edit[Purchase], token: str) -> None:
    """Raise RowChanged if the locked purchase is not what the person saw."""
    if _token(edit.row, edit.entries().values()) != token:
        raise RowChanged


def _token(purchase: Purchase, entries: Iterable[LedgerEntry]) -> str:
    return make_token(as_stored(purchase, _COLUMNS), _COLUMNS, entries)
