"""An idempotency key: a repeated call returns the purchases made before and charges once."""

import pytest

from django_skinsback import purchases
from django_skinsback.exceptions import IdempotencyConflict, InvalidTradeURL, TradeURLMissing
from django_skinsback.models import LedgerEntry, Purchase
from tests.wallet.models import Wallet

from ...support.meanwhile import after_first_search_by

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def funded_user(user):
    return Wallet.objects.create(user=user, balance=1000).user


def buy(user, **options):
    charge = {} if user is None else {"charge": "5", "charge_currency": "usd"}
    options = {
        "trade_url": TRADE_URL,
        "skin_id": "1",
        "max_price": "4",
        "idempotency_key": "cart-7",
        **charge,
        **options,
    }
    return purchases.buy(user=user, **options)


def test_the_same_key_returns_the_same_purchase_and_charges_once(funded_user):
    first = buy(funded_user)

    again = buy(funded_user, max_price=4, charge=5)

    assert again.pk == first.pk
    assert LedgerEntry.objects.count() == 1
    assert Wallet.objects.get().balance == 995


@pytest.mark.parametrize(
    "other",
    [
        {"max_price": "4.01"},
        {"charge": "6"},
        {"skin_id": "2"},
        {"trade_url": TRADE_URL.replace("i1Ar", "i2Ar")},
        {"metadata": {"cart": 8}},
    ],
    ids=str,
)
def test_the_same_key_with_other_parameters_is_a_conflict(funded_user, other):
    buy(funded_user)

    with pytest.raises(IdempotencyConflict):
        buy(funded_user, **other)

    assert (Purchase.objects.count(), Wallet.objects.get().balance) == (1, 995)


def test_a_refused_purchase_holds_its_key(funded_user, operator):
    purchases.cancel(buy(funded_user), operator)

    assert buy(funded_user).status == "refused"
    assert Wallet.objects.get().balance == 1000


def test_a_key_is_unique_per_user_and_per_operator_if_there_is_no_user(funded_user, operator):
    for_user = buy(funded_user, by=operator)

    assert buy(funded_user).pk == for_user.pk
    by_operator = buy(None, by=operator)
    assert by_operator.pk != for_user.pk
    assert buy(None, by=operator).pk == by_operator.pk
    assert buy(None).pk != by_operator.pk


def test_another_account_may_use_the_same_key(funded_user):
    rows = [buy(funded_user), buy(funded_user, account="second")]

    assert [row.account for row in rows] == ["default", "second"]
    assert Wallet.objects.get().balance == 990


def buy_batch(user, *skin_ids, **options):
    items = [{"skin_id": skin_id, "max_price": 4, "charge": 5, "charge_currency": "usd"} for skin_id in skin_ids]
    options = {"trade_url": TRADE_URL, "idempotency_key": "cart-7", **options}
    return purchases.buy_batch(user=user, items=items, **options)


def test_the_same_key_returns_the_whole_batch_in_its_order(funded_user):
    first = buy_batch(funded_user, "3", "1", "2")

    assert [row.pk for row in buy_batch(funded_user, "3", "1", "2")] == [row.pk for row in first]
    assert Wallet.objects.get().balance == 985
    assert len({row.idempotency_digest for row in first}) == 3


def test_a_repeated_batch_contains_no_other_purchase_of_the_user(funded_user):
    buy_batch(funded_user, "1", "2", idempotency_key="cart-6")
    buy(funded_user, idempotency_key="cart-8")
    first = buy_batch(funded_user, "3", "4")
    buy_batch(funded_user, "5", idempotency_key="cart-9")

    assert buy_batch(funded_user, "3", "4") == first


@pytest.mark.parametrize("limits", [{}, {"purchases": {"count": 2}}], ids=["unique key", "limit"])
def test_if_another_process_uses_the_key_meanwhile_its_whole_batch_is_returned(funded_user, settings, limits):
    settings.SKINSBACK = {**settings.SKINSBACK, "LIMITS": limits}

    with after_first_search_by("idempotency_digest", lambda: buy_batch(funded_user, "2", "1")):
        rows = buy_batch(funded_user, "2", "1")

    assert rows == list(Purchase.objects.order_by("pk"))
    assert [row.skin_id for row in rows] == ["2", "1"]
    assert Wallet.objects.get().balance == 990


@pytest.mark.parametrize("skin_ids", [("1",), ("1", "2", "3"), ("2", "1")], ids=str)
def test_another_batch_with_the_same_key_is_a_conflict(funded_user, skin_ids):
    buy_batch(funded_user, "1", "2")

    with pytest.raises(IdempotencyConflict):
        buy_batch(funded_user, *skin_ids)

    assert Purchase.objects.count() == 2


def test_a_purchase_and_a_batch_do_not_share_a_key(funded_user):
    buy(funded_user)

    with pytest.raises(IdempotencyConflict):
        buy_batch(funded_user, "1")


def test_buying_without_a_trade_url_raises_and_writes_nothing(user):
    with pytest.raises(TradeURLMissing):  # the user has no Steam profile
        purchases.buy(user=user, skin_id="1", max_price=1)
    with pytest.raises(InvalidTradeURL):
        purchases.buy(skin_id="1", max_price=1)

    assert not Purchase.objects.exists()
