"""One user clicks twice, has two windows open, or is frozen while buying: limits and quotes hold."""

import threading
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from django_skinsback import deposits, players, purchases
from django_skinsback.exceptions import LimitReached, UserFrozen
from django_skinsback.flows.players import guard
from django_skinsback.flows.players.freeze import freeze_as_seen, freeze_token
from django_skinsback.models import (
    Deposit,
    Freeze,
    LedgerEntry,
    MarketItem,
    PriceListImport,
    Purchase,
    Quote,
    UserGuard,
)
from django_skinsback.sandbox import Sandbox
from django_skinsback.signals import entry_posted
from tests.wallet.models import Wallet

from .test_callers_snapshot import elsewhere, repeatable_read
from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def buyer(user):
    Wallet.objects.create(user=user, balance=1000)
    players.set_trade_url(user, TRADE_URL)
    PriceListImport.objects.create(game="cs2", imported_at=timezone.now())
    for name in ("Knife", "Gloves"):
        MarketItem.objects.create(game="cs2", market_hash_name=name, price=Decimal("4.20"), count=3)
    return user


@pytest.fixture
def site(settings):
    def change(**values):
        settings.SKINSBACK = {**settings.SKINSBACK, **values}

    return change


@pytest.fixture
def sandbox(site):
    with Sandbox(manual=True) as sandbox:
        site(**sandbox.credentials(), API_URL=sandbox.api_url, ACCOUNTS={})
        yield sandbox


def buy(user, key=""):
    return purchases.buy(user=user, market_hash_name="Knife", max_price=4, idempotency_key=key)


def names(results):
    """The names of the exceptions, and ``ok`` for a returned row."""
    return sorted(type(each).__name__ if isinstance(each, Exception) else "ok" for each in results)


def test_eight_clicks_on_one_quote_buy_once_and_all_get_the_purchase(buyer):
    for number in range(5):
        quote = players.make_quote(buyer, "cs2", "Knife")

        results = at_once(*[partial(players.buy_quote, buyer, quote.public_id, idempotency_key=f"c{number}")] * 8)

        bought = Quote.objects.get(pk=quote.pk).purchase
        assert [getattr(each, "pk", each) for each in results] == [bought.pk] * 8
    assert Purchase.objects.count() == LedgerEntry.objects.count() == 5
    assert Wallet.objects.get().balance == 1000 - 5 * Decimal("4.20")


def test_a_click_after_the_end_of_a_quote_that_is_buying_gets_its_purchase_and_no_new_price(buyer):
    quote = players.make_quote(buyer, "cs2", "Knife")
    is_buying, has_started, results = threading.Event(), threading.Event(), []

    def click():
        try:
            results.append(players.buy_quote(buyer, quote.public_id))
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            results.append(error)
        finally:
            connection.close()

    first, second = threading.Thread(target=click), threading.Thread(target=click)

    def receiver(**_kwargs):
        if not is_buying.is_set():
            is_buying.set()
            assert has_started.wait(10)
            second.join(0.5)  # it waits for the lock of the quote

    entry_posted.connect(receiver)
    try:
        with time_machine.travel(timezone.now(), tick=True) as clock:
            first.start()
            assert is_buying.wait(10)
            clock.shift(timedelta(seconds=121))
            second.start()
            has_started.set()
            first.join()
            second.join()
    finally:
        entry_posted.disconnect(receiver)

    assert results == [Purchase.objects.get()] * 2


def test_one_key_for_two_quotes_at_once_buys_one(buyer):
    for number in range(5):
        clicks = [
            partial(
                players.buy_quote, buyer, players.make_quote(buyer, "cs2", name).public_id, idempotency_key=f"c{number}"
            )
            for name in ("Knife", "Gloves")
        ]

        assert names(at_once(*clicks)) == ["IdempotencyConflict", "ok"]

    assert Purchase.objects.count() == 5


@pytest.mark.parametrize("limit", [{"count": 1}, {"sum": {"usd": Decimal(5)}}])
def test_two_quotes_at_once_against_a_limit_for_one_buy_one(buyer, site, limit):
    ids = [players.make_quote(buyer, "cs2", name).public_id for name in ("Knife", "Gloves")]
    site(LIMITS={"purchases": limit})

    assert names(at_once(*[partial(players.buy_quote, buyer, public_id) for public_id in ids])) == [
        "LimitReached",
        "ok",
    ]

    assert Purchase.objects.count() == 1
    assert Wallet.objects.get().balance == Decimal("995.8")


def test_ten_purchases_of_one_user_at_once_keep_a_limit(buyer, site):
    site(LIMITS={"purchases": {"count": 3}})

    results = at_once(*[partial(buy, buyer)] * 10)

    assert names(results) == ["LimitReached"] * 7 + ["ok"] * 3
    assert Purchase.objects.count() == 3


def test_first_purchases_of_many_users_at_once_have_no_error(buyer, django_user_model):
    users = [django_user_model.objects.create(username=f"user{number}") for number in range(8)]
    for user in users:
        players.set_trade_url(user, TRADE_URL)

    assert names(at_once(*[partial(buy, user) for user in users])) == ["ok"] * 8


def test_a_freeze_waits_for_a_purchase_that_is_being_saved_and_the_next_purchase_sees_it(buyer, monkeypatch):
    has_lock, frozen = threading.Event(), threading.Event()
    lock_user = guard.lock_user

    def lock_and_wait(user):
        lock_user(user)
        if threading.current_thread().name == "buyer":
            has_lock.set()
            assert not frozen.wait(0.5)  # the freeze waits for this lock

    monkeypatch.setattr(guard, "lock_user", lock_and_wait)
    results = []

    def first():
        try:
            results.append(buy(buyer))
        finally:
            connection.close()

    thread = threading.Thread(target=first, name="buyer")
    thread.start()
    assert has_lock.wait(10)
    players.freeze(buyer, None, "chargeback")
    frozen.set()
    thread.join()

    assert results == [Purchase.objects.get()]
    with pytest.raises(UserFrozen):
        buy(buyer)


def test_a_freeze_and_purchases_at_once_leave_no_purchase_after_the_freeze(buyer):
    for _ in range(5):
        results = at_once(*[partial(buy, buyer)] * 3, partial(players.freeze, buyer, None, "chargeback"))

        assert set(names(results)) <= {"ok", "UserFrozen"}
        assert isinstance(results[3], Freeze)
        count = Purchase.objects.count()
        with pytest.raises(UserFrozen):
            buy(buyer)
        assert Purchase.objects.count() == count
        players.unfreeze(buyer)


def test_two_freezes_at_once_are_one_row_and_no_error(user):
    results = at_once(*[partial(players.freeze, user, None, "chargeback")] * 4)

    assert names(results) == ["ok"] * 4
    assert Freeze.objects.count() == UserGuard.objects.count() == 1


def test_the_first_trade_url_four_times_at_once_is_one_profile_and_no_error(user):
    assert names(at_once(*[partial(players.set_trade_url, user, TRADE_URL)] * 4)) == ["ok"] * 4


def test_one_purchase_key_at_once_returns_one_row_although_the_limit_is_one(buyer, site):
    site(LIMITS={"purchases": {"count": 1}})

    results = at_once(*[partial(buy, buyer, "cart-7")] * 4)

    assert [getattr(each, "pk", each) for each in results] == [Purchase.objects.get().pk] * 4


def test_one_deposit_key_at_once_returns_one_row_although_the_limit_is_one(user, site, sandbox):
    site(LIMITS={"deposits": {"count": 1}})

    results = at_once(*[partial(deposits.create, user, idempotency_key="cart-7")] * 4)

    assert [getattr(each, "pk", each) for each in results] == [Deposit.objects.get().pk] * 4
    assert len(sandbox.store.state.deposits) == 1


def test_two_deposits_at_once_against_a_limit_for_one_open_one(user, site, sandbox):
    site(LIMITS={"deposits": {"count": 1}})

    assert names(at_once(*[partial(deposits.create, user)] * 2)) == ["LimitReached", "ok"]

    assert len(sandbox.store.state.deposits) == 1


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no rows")
@pytest.mark.parametrize(
    "callers",
    [
        nullcontext,
        pytest.param(
            transaction.atomic,
            marks=pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB needs a row lock for this"),
        ),
    ],
    ids=["no transaction of the caller", "inside a transaction of the caller"],
)
def test_a_limit_is_checked_although_a_delivery_has_locked_an_earlier_purchase(buyer, site, callers):
    """If the check waited for the row lock, and the delivery for the wallet that the caller has locked: a deadlock."""
    site(LIMITS={"purchases": {"count": 5}})
    purchase, is_locked, has_bought, waited = buy(buyer), threading.Event(), threading.Event(), []

    def deliver():
        try:
            with transaction.atomic():
                Purchase.objects.select_for_update().get(pk=purchase.pk)
                is_locked.set()
                waited.append(not has_bought.wait(3))
        finally:
            connection.close()

    thread = threading.Thread(target=deliver)
    thread.start()
    assert is_locked.wait(10)
    with callers():
        buy(buyer)
    has_bought.set()
    thread.join()

    assert waited == [False]
    assert Purchase.objects.count() == 2


needs_repeatable_read = pytest.mark.skipif(
    connection.vendor != "mysql", reason="PostgreSQL refuses to read past a snapshot"
)


@needs_repeatable_read
def test_a_freeze_that_the_callers_snapshot_does_not_show_is_seen(buyer):
    with repeatable_read():
        elsewhere(lambda: players.freeze(buyer, None, "chargeback"))
        with pytest.raises(UserFrozen):
            buy(buyer)


@needs_repeatable_read
def test_a_purchase_that_the_callers_snapshot_does_not_show_counts(buyer, site):
    site(LIMITS={"purchases": {"count": 1}})
    with repeatable_read():
        elsewhere(lambda: buy(buyer))
        with pytest.raises(LimitReached):
            buy(buyer)


@needs_repeatable_read
def test_charges_that_the_callers_snapshot_does_not_show_count(buyer, site):
    quote = players.make_quote(buyer, "cs2", "Knife")
    site(LIMITS={"purchases": {"sum": {"usd": Decimal(5)}}})
    with repeatable_read():
        elsewhere(lambda: players.buy_quote(buyer, quote.public_id))
        with pytest.raises(LimitReached):
            purchases.buy(user=buyer, market_hash_name="Knife", max_price=4, charge=1, charge_currency="usd")


@needs_repeatable_read
def test_a_purchase_by_the_same_quote_that_the_callers_snapshot_does_not_show_is_returned(buyer):
    quote = players.make_quote(buyer, "cs2", "Knife")
    with repeatable_read():
        elsewhere(lambda: players.buy_quote(buyer, quote.public_id))
        again = players.buy_quote(buyer, quote.public_id)

    assert again == Purchase.objects.get()


def test_a_callers_database_transaction_that_rolls_back_undoes_the_purchase_and_the_quote_can_buy(buyer):
    quote = players.make_quote(buyer, "cs2", "Knife")
    with transaction.atomic():
        players.buy_quote(buyer, quote.public_id)
        transaction.set_rollback(True)

    assert Quote.objects.get().purchase is None
    assert players.buy_quote(buyer, quote.public_id).pk


def test_two_operators_who_confirm_a_freeze_at_once_do_not_overwrite_each_other(user, operator, django_user_model):
    second = django_user_model.objects.create_user("second")
    seen = freeze_token(user)

    results = at_once(
        partial(freeze_as_seen, user, operator, "first reason", seen),
        partial(freeze_as_seen, user, second, "second reason", seen),
    )

    assert names(results) == ["RowChanged", "ok"]
    frozen = next(each for each in results if not isinstance(each, Exception))
    assert Freeze.objects.get().by_id == frozen.by_id
