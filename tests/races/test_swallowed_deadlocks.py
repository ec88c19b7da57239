"""A receiver swallows a deadlock. MariaDB has rolled back everything before it; PostgreSQL will not commit."""

import threading
import time
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.signals import post_save
from django.test import Client

from django_skinsback import deposits, purchases
from django_skinsback.exceptions import RolledBack
from django_skinsback.flows.webhooks.replay import apply_again
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent
from django_skinsback.signals import deposit_changed, entry_posted
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport
from tests.wallet.models import Wallet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.database,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock, so no deadlock"),
]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
LOCK_OTHER = "UPDATE wallet_wallet SET balance = balance + 1 WHERE user_id = %s"


def by_orm(user):
    Wallet.objects.filter(user=user).update(balance=F("balance") + 1)


def by_raw_cursor(user):
    with connection.cursor() as cursor:
        cursor.execute(LOCK_OTHER, [user.pk])


class Deadlock:
    """A receiver that provokes a deadlock with a second connection and swallows the error."""

    def __init__(self, statement, other, contend):
        self.statement, self.other, self.contend = statement, other, contend
        self.count = 0
        self._ready = threading.Event()

    def __call__(self, **_arguments):
        second = threading.Thread(target=self._second_connection)
        second.start()
        assert self._ready.wait(10)
        time.sleep(0.3)  # until the second connection waits for our lock
        if connection.vendor == "postgresql":  # the connection that checks first is rolled back
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '10ms'")
        try:
            self.statement(self.other)
        except OperationalError:
            self.count += 1
        self.second = second

    def _second_connection(self):
        try:
            with transaction.atomic():
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute("SET LOCAL deadlock_timeout = '30s'")
                users = get_user_model().objects.bulk_create(  # MariaDB rolls back the connection that wrote less
                    get_user_model()(username=f"second{number}") for number in range(200)
                )
                assert users
                by_raw_cursor(self.other)
                self._ready.set()
                self.contend()
                transaction.set_rollback(True)
        finally:
            connection.close()


@pytest.fixture(params=[by_orm, by_raw_cursor])
def statement(request):
    return request.param


@pytest.fixture
def other(django_user_model):
    other = django_user_model.objects.create_user("other")
    Wallet.objects.create(user=other, balance=0)
    return other


@pytest.fixture(autouse=True)
def wallet(user):
    return Wallet.objects.create(user=user, balance=100)


@contextmanager
def receiving(receiver, signal=entry_posted, **options):
    signal.connect(receiver, **options)
    try:
        yield
    finally:
        signal.disconnect(receiver, **options)


def touch(row):
    """Lock a row."""
    return lambda: type(row).objects.select_for_update().get(pk=row.pk)


def test_a_delivery_is_answered_500_and_applied_later_without_a_deadlock(user, wallet, other, statement):
    deposit, announced = make_deposit(user=user), []
    deadlock = Deadlock(statement, other, touch(wallet))

    def receive(change, **_arguments):
        announced.append(change.to_status)

    with receiving(receive, deposit_changed):
        with receiving(deadlock):
            assert post_notification(Client(), signed_notification(deposit)).status_code == 500
        deadlock.second.join(20)

        assert deadlock.count == 1
        deposit.refresh_from_db()
        assert (deposit.status, LedgerEntry.objects.count(), StatusChange.objects.count()) == ("pending", 0, 0)
        assert (Wallet.objects.get(user=user).balance, announced) == (100, [])
        event = WebhookEvent.objects.get()
        assert event.outcome == "failed"
        assert "transaction.atomic()" in event.error

        assert apply_again(event) == "applied"
    assert (Wallet.objects.get(user=user).balance, announced) == (Decimal("112.6"), ["success"])


def test_record_report_raises(user, wallet, other, statement):
    deposit = make_deposit(user=user)
    deadlock = Deadlock(statement, other, touch(wallet))
    report = DepositReport(
        status="success", order_id=deposit.order_id, amount=Decimal(5), user_amount=Decimal(6), amount_currency="usd"
    )

    with receiving(deadlock), pytest.raises(RolledBack):
        deposits.record_report(report, "poll")
    deadlock.second.join(20)

    assert deadlock.count == 1
    assert (Deposit.objects.get().status, LedgerEntry.objects.count()) == ("pending", 0)
    assert Wallet.objects.get(user=user).balance == 100


@pytest.mark.parametrize("charge", [{"charge": 5, "charge_currency": "usd"}, {}], ids=["charged", "free"])
def test_buy_raises_and_leaves_no_row(user, wallet, other, statement, charge):
    def contend():
        """Lock the wallet, which a charged purchase has locked."""
        touch(wallet)()

    deadlock = Deadlock(statement, other, contend)

    def lock_wallet_first(**arguments):
        touch(wallet)()
        deadlock(**arguments)

    # A charge entry refers to the purchase row, which is rolled back.
    with receiving(lock_wallet_first, post_save, sender=StatusChange), pytest.raises((RolledBack, IntegrityError)):
        purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="AK-47", max_price=5, **charge)
    deadlock.second.join(20)

    assert deadlock.count == 1
    assert (Purchase.objects.count(), LedgerEntry.objects.count()) == (0, 0)
    assert Wallet.objects.get(user=user).balance == 100


def test_a_decision_without_a_status_change_raises_and_the_row_stays_flagged(user, operator, other, statement):
    """The status is the same before and after, so only ``updated_at`` shows that the change was rolled back."""
    deposit = make_deposit(user=user, needs_review=True)
    deadlock = Deadlock(statement, other, touch(deposit))

    with receiving(deadlock, post_save, sender=StatusChange), pytest.raises(RolledBack):
        deposits.settle(deposit, "keep", operator)
    deadlock.second.join(20)

    assert deadlock.count == 1
    deposit.refresh_from_db()
    assert (deposit.needs_review, StatusChange.objects.count()) == (True, 0)


def test_a_delivery_without_a_matching_row_is_not_lost(user, wallet, other, statement):
    deadlock = Deadlock(statement, other, touch(wallet))

    def lock_wallet_first(**arguments):
        if not deadlock.count:
            touch(wallet)()
            deadlock(**arguments)

    message = signed_notification(Deposit(order_id="elsewhere", account="default"))
    with receiving(lock_wallet_first, post_save, sender=WebhookEvent):
        assert post_notification(Client(), message).status_code == 500
    deadlock.second.join(20)

    assert deadlock.count == 1
    assert WebhookEvent.objects.get().outcome == "failed"


def credit_after_deadlock(deposit):
    """A CREDIT function that swallows a deadlock: on MariaDB the row lock is gone, and another process gets the row."""
    credit_after_deadlock.steps()
    return deposit.user_amount, deposit.amount_currency


@pytest.mark.skipif(connection.vendor != "mysql", reason="PostgreSQL runs no statement after an error")
def test_a_credit_function_that_loses_the_row_lock_credits_nothing(user, other, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_after_deadlock"}
    deposit = make_deposit(user=user, status="in_hold")
    deadlock = Deadlock(by_raw_cursor, other, touch(deposit))  # Django does not see its error

    def return_hold():
        deposits.record_report(DepositReport(status="hold_returned", order_id=deposit.order_id), "webhook")
        connection.close()

    def steps():
        deadlock()
        deadlock.second.join(20)
        faster = threading.Thread(target=return_hold)
        faster.start()
        faster.join(20)

    credit_after_deadlock.steps = steps
    report = DepositReport(
        status="success", order_id=deposit.order_id, amount=Decimal(5), user_amount=Decimal(6), amount_currency="usd"
    )

    with pytest.raises(RolledBack):
        deposits.record_report(report, "webhook")

    assert deadlock.count == 1
    assert (Deposit.objects.get().status, LedgerEntry.objects.count()) == ("hold_returned", 0)
