"""Ways to credit a deposit that look right and are not, kept so that the races are seen to catch them.

Each takes a deposit, the status told about it, and a function that is called where another connection may come in
between: there the race waits for the other, so that it is one each time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest import mock

from django.db import transaction
from django.db.models import F

from django_skinsback.flows.ledger import record
from django_skinsback.models import Deposit, WebhookEvent
from tests.wallet.models import Wallet

Meet = Callable[[], object]
AMOUNT = Decimal("12.6")
CREDITED = ("hold_approved", "success")


def get_check_credit(deposit: Deposit, status: str, meet: Meet) -> None:
    """Read the row, see that it is not credited yet, credit it."""
    row = Deposit.objects.get(pk=deposit.pk)
    meet()
    if row.status not in CREDITED:
        row.status = status
        row.save()
        _credit(row)


def get_check_credit_in_atomic(deposit: Deposit, status: str, meet: Meet) -> None:
    """The same in a database transaction, which hinders nobody from reading the same."""
    with transaction.atomic():
        get_check_credit(deposit, status, meet)


def event_table_asked_first(deposit: Deposit, status: str, meet: Meet) -> None:
    """Look whether the delivery was seen before, then keep it: nothing unique stops the second."""
    with transaction.atomic():
        seen = WebhookEvent.objects.filter(deposit=deposit, error=status).exists()
        meet()
        if seen:
            return
        WebhookEvent.objects.create(deposit=deposit, error=status, body=b"")
        _credit(deposit)


def row_lock_alone(deposit: Deposit, status: str, meet: Meet) -> None:
    """Lock the row and credit what differs from its last status; what was credited is kept nowhere."""
    with transaction.atomic():
        row = Deposit.objects.select_for_update().get(pk=deposit.pk)
        if status in CREDITED and row.status != status:
            row.status = status
            row.save()
            _credit(row)


@contextmanager
def meeting_at_the_lock(meet: Meet, *, locked: bool = True) -> Iterator[None]:
    """Our own flow, in which both arrive at the lock of the row together. Unless ``locked``, the row is only read."""
    arrived = threading.local()

    def lock(model: Any, **ids: Any) -> Any:
        row = None if locked else record.look(model, **ids)
        if not hasattr(arrived, "once"):
            arrived.once = True
            meet()
        return lock_row(model, **ids) if locked else row

    lock_row = record.lock
    with mock.patch.object(record, "lock", lock):
        yield


def _credit(deposit: Deposit) -> None:
    Wallet.objects.filter(user=deposit.user).update(balance=F("balance") + AMOUNT)
