"""Two calls with one idempotency key at the same moment make one row, one charge and one call to SkinsBack."""

from functools import partial

import pytest

from django_skinsback import deposits, purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.sandbox import Sandbox
from tests.wallet.models import Wallet

from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def rich(user):
    return Wallet.objects.create(user=user, balance=1000).user


def test_eight_purchases_at_once_are_one(rich):
    buy = partial(
        purchases.buy,
        user=rich,
        trade_url=TRADE_URL,
        skin_id="1",
        max_price=4,
        charge=5,
        charge_currency="usd",
        idempotency_key="cart-7",
    )

    results = at_once(*[buy] * 8)

    assert {result.pk for result in results} == {Purchase.objects.get().pk}
    assert LedgerEntry.objects.get().amount == -5
    assert Wallet.objects.get().balance == 995


def test_eight_batches_at_once_are_one(rich):
    items = [{"skin_id": skin, "max_price": 4, "charge": 5, "charge_currency": "usd"} for skin in "312"]
    buy = partial(purchases.buy_batch, user=rich, trade_url=TRADE_URL, items=items, idempotency_key="cart-7")

    results = at_once(*[buy] * 8)

    stored = list(Purchase.objects.order_by("pk"))
    assert results == [stored] * 8
    assert [row.skin_id for row in stored] == ["3", "1", "2"]
    assert Wallet.objects.get().balance == 985


def test_eight_deposits_at_once_are_one(user, settings):
    with Sandbox(manual=True) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}

        results = at_once(*[partial(deposits.create, user, idempotency_key="cart-7")] * 8)

        assert {result.pk for result in results} == {Deposit.objects.get().pk}
        assert len(sandbox.store.state.deposits) == 1
