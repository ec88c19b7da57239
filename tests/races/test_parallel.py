"""Several connections do the same thing, or opposite things, at once."""

import random
import threading
from collections import Counter
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection, transaction
from django.test import Client

from django_skinsback import purchases
from django_skinsback.connection import get_client
from django_skinsback.exceptions import InvalidInput, RowChanged
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def at_once(*calls):
    """Run each call on its own thread and connection, all at once. Returns what each returned or raised."""
    start, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(position, call):
        try:
            start.wait(timeout=20)
            results[position] = call()
        except Exception as error:  # noqa: BLE001 - returned to the test
            results[position] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def deliver(message):
    return lambda: post_notification(Client(), message).status_code


@pytest.fixture
def sandbox(settings):
    with Sandbox(manual=True) as sandbox:
        settings.SKINSBACK = {
            **settings.SKINSBACK,
            **sandbox.credentials(),
            "API_URL": sandbox.api_url,
            "ACCOUNTS": {},
        }
        yield sandbox


def test_one_delivery_eight_times_at_once_is_one_credit_and_no_error(user):
    Wallet.objects.create(user=user)
    for _ in range(10):
        deposit = make_deposit(user=user)

        assert at_once(*[deliver(signed_notification(deposit))] * 8) == [200] * 8

        assert LedgerEntry.objects.filter(deposit=deposit).count() == 1
        assert WebhookEvent.objects.get(deposit=deposit).deliveries == 8
    assert Wallet.objects.get().balance == Decimal("12.6") * 10


def test_deliveries_inside_database_transactions_of_the_site_do_not_block_each_other(user):
    Wallet.objects.create(user=user)
    deposits = [make_deposit(user=user) for _ in range(8)]

    def wrapped(deposit):
        return transaction.atomic(deliver(signed_notification(deposit)))

    assert at_once(*map(wrapped, deposits)) == [200] * 8
    assert LedgerEntry.objects.count() == 8


def test_one_status_in_different_bytes_at_once_is_one_credit(user):
    Wallet.objects.create(user=user)
    for _ in range(10):
        deposit = make_deposit(user=user)
        messages = [signed_notification(deposit, status) for status in ("in_hold", "hold_approved", "success")]
        messages += [signed_notification(deposit, "success", offer_date=str(number)) for number in range(5)]

        assert at_once(*map(deliver, messages)) == [200] * 8

        deposit.refresh_from_db()
        assert deposit.status == "success"
        assert [entry.kind for entry in LedgerEntry.objects.filter(deposit=deposit)] == ["credit"]


def test_opposite_statuses_at_once_leave_one_consistent_result(user):
    Wallet.objects.create(user=user)
    for first, second in [("success", "fail"), ("hold_approved", "hold_returned")] * 5:
        deposit = make_deposit(user=user)

        assert at_once(deliver(signed_notification(deposit, first)), deliver(signed_notification(deposit, second))) == [
            200,
            200,
        ]

        deposit.refresh_from_db()
        balance = sum(entry.amount for entry in LedgerEntry.objects.filter(deposit=deposit))
        assert balance == (Decimal("12.6") if deposit.status == "success" else 0)
        assert deposit.needs_review or deposit.status == "hold_returned"


def test_a_purchase_submitted_by_eight_workers_at_once_is_sent_once(sandbox):
    skin = get_client().get_price_list("rust").items[0]
    purchase = make_purchase(game="rust", market_hash_name=skin.market_hash_name, max_price=skin.price)

    results = at_once(*[lambda: purchases.submit(purchase)] * 8)

    assert not [result for result in results if isinstance(result, Exception)]
    purchase.refresh_from_db()
    assert (purchase.status, purchase.attempts) == ("creating_trade", 1)
    assert sandbox.sold(purchase.custom_id) == 1


def test_when_a_purchase_is_cancelled_and_sent_at_once_only_one_happens(sandbox, user, operator):
    """The purchase is either refunded and never bought, or bought once and charged."""
    skins = sorted(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)[:4]
    Wallet.objects.create(user=user, balance=5 * len(skins))
    ends = Counter()
    for skin, cancelling in zip(skins, [8, 8, 14, 2], strict=True):
        purchase = purchases.buy(
            user=user,
            trade_url="https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
            skin_id=skin.skin_id,
            game="rust",
            max_price=skin.price,
            charge=5,
            charge_currency="usd",
        )
        cancel, submit = partial(purchases.cancel, purchase, by=operator), partial(purchases.submit, purchase)
        calls = [cancel] * cancelling + [submit] * (16 - cancelling)
        random.shuffle(calls)
        results = at_once(*calls)

        assert {type(result) for result in results} <= {Purchase, InvalidInput, RowChanged}
        purchase.refresh_from_db()
        kinds = list(purchase.entries.order_by("pk").values_list("kind", flat=True))
        ends[purchase.status, sandbox.sold(purchase.custom_id), *kinds] += 1

    cancelled, bought = ("refused", 0, "charge", "refund"), ("creating_trade", 1, "charge")
    assert ends.keys() <= {cancelled, bought}
    assert Wallet.objects.get().balance == 5 * ends[cancelled]


def test_two_sweeps_at_once_send_each_purchase_once(sandbox):
    skins = sorted(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)[:6]
    for skin in skins:
        make_purchase(game="rust", market_hash_name="", skin_id=skin.skin_id, max_price=skin.price)

    results = at_once(poll_purchases, poll_purchases, poll_deposits)

    assert not [result for result in results if isinstance(result, Exception)]
    assert Counter(Purchase.objects.values_list("status", flat=True)) == {"creating_trade": 6}
    assert {sandbox.sold(row.custom_id) for row in Purchase.objects.all()} == {1}


def test_decisions_and_a_delivery_at_once_credit_once(user, operator):
    from django_skinsback import deposits

    Wallet.objects.create(user=user)
    for _ in range(5):
        deposit = make_deposit(
            user=user, amount=Decimal("10.5"), user_amount=Decimal("12.6"), amount_currency="usd", needs_review=True
        )

        results = at_once(
            deliver(signed_notification(deposit)),
            lambda row=deposit: deposits.settle(row, "credit", by=operator),
            lambda row=deposit: deposits.settle(row, "credit", by=operator),
        )

        assert results[0] == 200
        assert all(isinstance(result, int | Deposit | InvalidInput | RowChanged) for result in results)
        assert LedgerEntry.objects.filter(deposit=deposit).count() == 1
    assert Wallet.objects.get().balance == Decimal("12.6") * 5
