"""Ways to credit a deposit that look right and are not, kept so that the races are seen to catch them.

Each takes a deposit, the status told about it, and a function that is called where another connection may come in
between: there the race waits for the other, so that it is one each time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest import mock

from django.db import transaction
from django.db.models import F

from django_skinsback.flows.ledger.edit import Edit
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
def meeting_before_the_write(meet: Meet, *, guarded: bool = True) -> Iterator[None]:
    """Our own flow; unless ``guarded``, the write does not ask whether the row is still what was read."""
    save_row = Edit.save_row

    def save(edit: Any) -> None:
        if not edit.locked:
            meet()
        if not guarded:
            edit._as_read = {}
        save_row(edit)

    with mock.patch.object(Edit, "save_row", save):
        yield


def _credit(deposit: Deposit) -> None:
    Wallet.objects.filter(user=deposit.user).update(balance=F("balance") + AMOUNT)
