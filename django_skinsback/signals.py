"""The signals that the package sends.

``entry_posted(sender=LedgerEntry, entry)`` is sent once for each ledger entry, inside the database transaction that
posts it. The receiver changes the user's balance. It may change only the database, because it is called again after a
rollback. If it raises an exception, the database transaction is rolled back. For a ``charge``, nothing is bought then.

The other signals are sent after the commit. If a receiver raises an exception, it is logged and nothing is rolled back:
``deposit_changed(deposit, change)``, ``purchase_changed(purchase, change)``, ``review_needed(row, reason)``,
``notification_refused(account, kind, error)``, ``balance_low(account, balance)`` (US dollars),
``trade_url_changed(user, profile)``.
"""

from django.dispatch import Signal

__all__ = [
    "balance_low",
    "deposit_changed",
    "entry_posted",
    "notification_refused",
    "purchase_changed",
    "review_needed",
    "trade_url_changed",
]

entry_posted = Signal()
deposit_changed = Signal()
purchase_changed = Signal()
review_needed = Signal()
notification_refused = Signal()
balance_low = Signal()
trade_url_changed = Signal()
