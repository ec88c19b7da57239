from decimal import Decimal

import pytest

from django_skinsback import deposits, purchases
from django_skinsback.exceptions import PurchaseVetoed
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from example_project.tests.conftest import TRADE_URL
from example_project.wallet.models import Wallet, balance_of

pytestmark = pytest.mark.django_db


def balance(user):
    return Wallet.objects.get(user=user, currency="usd").balance


def report(deposit, status, amount="12.6"):
    return deposits.DepositReport(
        status=status,
        order_id=deposit.order_id,
        amount=Decimal(amount),
        user_amount=Decimal(amount),
        amount_currency="usd",
    )


def pay(user, *statuses, amount="12.6", order_id="order"):
    deposit, _ = Deposit.objects.get_or_create(
        order_id=order_id, defaults={"user": user, "currency": "usd", "status": "pending"}
    )
    for status in statuses:
        deposits.record_report(report(deposit, status, amount), "webhook")
    return deposit


def buy(user, charge):
    return purchases.buy(
        user=user,
        trade_url=TRADE_URL,
        market_hash_name="AWP",
        game="cs2",
        max_price=Decimal(400),
        charge=Decimal(charge),
        charge_currency="usd",
    )


def test_a_deposit_creates_a_missing_wallet(alice):
    pay(alice, "success")
    assert balance(alice) == Decimal("12.6")


def test_a_deposit_reported_three_times_is_credited_once(alice):
    pay(alice, "hold_approved", "success", "success")
    assert balance(alice) == Decimal("12.6")


def test_a_deposit_taken_back_after_the_money_was_spent_leaves_a_debt(alice):
    deposit = pay(alice, "hold_approved")
    buy(alice, "10")
    deposits.record_report(report(deposit, "hold_returned"), "webhook")
    assert balance(alice) == Decimal(-10)


def test_a_purchase_above_the_balance_saves_nothing(bob):
    with pytest.raises(PurchaseVetoed) as vetoed:
        buy(bob, "100.000001")
    assert vetoed.value.code == "insufficient_balance"
    assert not Purchase.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert balance(bob) == 100


def test_the_last_millionth_can_be_spent(alice):
    for number, amount in enumerate(["0.1", "0.2", "2.01", "0.000001"]):
        pay(alice, "success", amount=amount, order_id=str(number))
    buy(alice, "2.310001")
    assert balance(alice) == 0


def test_a_failed_purchase_is_refunded_once(bob):
    purchase = buy(bob, "40")
    assert balance(bob) == 60
    failed = purchases.PurchaseReport(status="timeout", custom_id=purchase.custom_id)
    purchases.record_report(failed, "webhook")
    purchases.record_report(failed, "poll")
    assert balance(bob) == 100


def test_each_currency_has_its_own_wallet(bob):
    deposit = Deposit.objects.create(user=bob, order_id="order", status="pending")
    deposits.record_report(
        deposits.DepositReport(
            status="success",
            order_id=deposit.order_id,
            user_amount=Decimal(5),
            amount=Decimal(5),
            amount_currency="eur",
        ),
        "webhook",
    )
    assert {wallet.currency: wallet.balance for wallet in bob.wallets.all()} == {"usd": 100, "eur": 5}


def test_a_deposit_without_a_user_changes_no_wallet():
    pay(None, "success")
    assert not Wallet.objects.exists()


def test_the_balance_that_pages_show_is_that_of_one_currency(alice, bob):
    assert balance_of(bob, "usd") == 100
    assert balance_of(bob, "eur") == 0
    assert balance_of(alice, "usd") == 0
