"""Handlers that credit a deposit in wrong ways, to prove that the race tests detect such faults.

Each takes a deposit, the reported status, and a function ``wait``. The handler calls ``wait`` where another connection
may interfere. There both connections wait for each other, so that the race happens each time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest import mock

from django.db import transaction
from django.db.models import F

from django_skinsback.flows.ledger import database, edit
from django_skinsback.models import Deposit, WebhookEvent
from tests.wallet.models import Wallet

Wait = Callable[[], object]
AMOUNT = Decimal("12.6")
CREDITED = ("hold_approved", "success")


def get_check_credit(deposit: Deposit, status: str, wait: Wait) -> None:
    """Read the row, check that it is not credited, credit it."""
    row = Deposit.objects.get(pk=deposit.pk)
    wait()
    if row.status not in CREDITED:
        row.status = status
        row.save()
        _credit(row)


def get_check_credit_in_atomic(deposit: Deposit, status: str, wait: Wait) -> None:
    """The same in a database transaction. It does not stop the other connection from reading the same row."""
    with transaction.atomic():
        get_check_credit(deposit, status, wait)


def check_event_table_first(deposit: Deposit, status: str, wait: Wait) -> None:
    """Check whether the delivery is stored, then store it. There is no unique constraint to stop the second one."""
    with transaction.atomic():
        seen = WebhookEvent.objects.filter(deposit=deposit, error=status).exists()
        wait()
        if seen:
            return
        WebhookEvent.objects.create(deposit=deposit, error=status, body=b"")
        _credit(deposit)


def row_lock_alone(deposit: Deposit, status: str, wait: Wait) -> None:
    """Lock the row and credit if its status changes. No record of the credit is kept."""
    with transaction.atomic():
        row = Deposit.objects.select_for_update().get(pk=deposit.pk)
        if status in CREDITED and row.status != status:
            row.status = status
            row.save()
            _credit(row)


@contextmanager
def waiting_at_the_lock(wait: Wait, *, locked: bool = True) -> Iterator[None]:
    """Make the package's own flow call ``wait`` at the row lock; ``locked=False`` reads the row without a lock."""
    reached = threading.local()

    def lock(model: Any, **ids: Any) -> Any:
        row = None if locked else database.look(model, **ids)
        if not hasattr(reached, "once"):
            reached.once = True
            wait()
        return lock_row(model, **ids) if locked else row

    lock_row = database.lock
    with mock.patch.object(edit, "lock", lock):
        yield


def _credit(deposit: Deposit) -> None:
    Wallet.objects.filter(user=deposit.user).update(balance=F("balance") + AMOUNT)
