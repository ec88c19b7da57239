"""The signals that the package sends.

``entry_posted(sender=LedgerEntry, entry)`` is sent once for each ledger entry, inside the database transaction that
posts it. The receiver moves the user's money and may change only the database: after a rollback it is called again. If
it raises, the database transaction is rolled back; for a ``charge``, the purchase is vetoed.

The other signals are sent after the commit. An exception of their receivers is logged and undoes nothing:
``deposit_changed(deposit, change)``, ``purchase_changed(purchase, change)``, ``review_needed(row, reason)``,
``notification_refused(account, kind, error)``, ``balance_low(account, balance)`` (US dollars).
"""

from django.dispatch import Signal

__all__ = [
    "balance_low",
    "deposit_changed",
    "entry_posted",
    "notification_refused",
    "purchase_changed",
    "review_needed",
]

entry_posted = Signal()
deposit_changed = Signal()
purchase_changed = Signal()
review_needed = Signal()
notification_refused = Signal()
balance_low = Signal()
