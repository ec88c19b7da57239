"""What a site can listen to.

``entry_posted(sender=LedgerEntry, entry)`` is sent inside the database transaction that posts the entry, once for
each entry. Move the user's money there, and touch only the database: what it does is undone with everything else, and
then it may be called again. An exception undoes everything, and for a ``charge`` vetoes the purchase.

The others are sent after the commit and cannot undo anything: ``deposit_changed(deposit, change)``,
``purchase_changed(purchase, change)``, ``review_needed(row, reason)``, ``notification_refused(account, kind, error)``,
``balance_low(account, balance)`` (US dollars).
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
