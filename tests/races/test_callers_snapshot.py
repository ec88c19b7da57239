"""The caller has a REPEATABLE READ transaction open, and its snapshot is older than what others have committed."""

import threading
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from django_skinsback import purchases
from django_skinsback.flows.purchases import buy as buying
from django_skinsback.models import LedgerEntry, Purchase
from tests.wallet.models import Wallet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.database,
    pytest.mark.skipif(connection.vendor != "mysql", reason="PostgreSQL refuses to read past a snapshot"),
]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def rich(user):
    return Wallet.objects.create(user=user, balance=1000).user


@contextmanager
def repeatable_read():
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    try:
        with transaction.atomic():
            assert Purchase.objects.count() == 0  # the snapshot begins
            yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


def elsewhere(call):
    """Run ``call`` on a connection of its own, to the end."""

    def run():
        try:
            call()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def buy_batch(user):
    items = [{"skin_id": skin, "max_price": "4", "charge": "5", "charge_currency": "usd"} for skin in "123"]
    return purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items, idempotency_key="cart-7")


def buy(user, key="cart-7"):
    return purchases.buy(
        user=user,
        trade_url=TRADE_URL,
        skin_id="1",
        max_price=4,
        charge=5,
        charge_currency="usd",
        idempotency_key=key,
    )


def test_key_of_a_batch_that_another_process_committed_returns_it(rich):
    with repeatable_read():
        elsewhere(lambda: buy_batch(rich))

        again = buy_batch(rich)

    assert [row.pk for row in again] == list(Purchase.objects.order_by("pk").values_list("pk", flat=True))
    assert (len(again), LedgerEntry.objects.count()) == (3, 3)


def test_key_that_another_process_committed_returns_its_row(rich):
    with repeatable_read():
        elsewhere(lambda: buy(rich))

        again = buy(rich)

    assert again == Purchase.objects.get()
    assert LedgerEntry.objects.count() == 1


def test_two_callers_with_different_keys_do_not_deadlock(rich, django_user_model, monkeypatch):
    """A locking read of a key that does not exist would lock the gap where the other's row goes."""
    other = Wallet.objects.create(user=django_user_model.objects.create(username="other"), balance=1000).user
    both_looked, errors, find = threading.Barrier(2, timeout=3), [], buying._find_earlier

    def find_and_wait(rows):
        found = find(rows)
        both_looked.wait()
        return found

    monkeypatch.setattr(buying, "_find_earlier", find_and_wait)

    def run(user, key):
        try:
            with repeatable_read():
                buy(user, key)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in ((rich, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert Purchase.objects.count() == 2
