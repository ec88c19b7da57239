"""The signals that the package sends.

``entry_posted(sender=LedgerEntry, entry)`` is sent once for each ledger entry, inside the database transaction that
posts the entry. The receiver changes the user's balance. The receiver must change nothing but the database: after a
rollback the transaction may be repeated, and then the signal is sent again. If the receiver raises an exception, the
transaction is rolled back. If the entry is a ``charge``, nothing is bought in this case.

The other signals are sent after the commit. If a receiver of these signals raises an exception, the exception is
logged, and nothing is rolled back:

* ``deposit_changed(deposit, change)``
* ``purchase_changed(purchase, change)``
* ``review_needed(row, reason)``
* ``queue_entered(row, queue)``, where ``queue`` is a ``statuses.Queue``
* ``notification_refused(account, kind, error)``, which is sent before anything is written
* ``balance_low(account, balance)``, where ``balance`` is in US dollars
* ``trade_url_changed(user, profile)``
"""

from django.dispatch import Signal

__all__ = [
    "balance_low",
    "deposit_changed",
    "entry_posted",
    "notification_refused",
    "purchase_changed",
    "queue_entered",
    "review_needed",
    "trade_url_changed",
]

entry_posted = Signal()
deposit_changed = Signal()
purchase_changed = Signal()
review_needed = Signal()
queue_entered = Signal()
notification_refused = Signal()
balance_low = Signal()
trade_url_changed = Signal()
