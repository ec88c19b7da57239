"""Row 35 of the fault model: the lists contain what lost webhooks would have reported."""

from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases
from django_skinsback.client.transport import Transport
from django_skinsback.connection import get_client
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.sandbox import Options
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STEAM_IDS = [str(76561198050648523 + number) for number in range(12)]
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
DEPOSITS = 60
PAGE = 20


@pytest.fixture
def calls(monkeypatch):
    """Number of API calls by method."""
    counted = Counter()
    original = Transport.post

    def count_and_post(transport, request, *arguments, **options):
        counted[request.method] += 1
        return original(transport, request, *arguments, **options)

    monkeypatch.setattr(Transport, "post", count_and_post)
    return counted


@pytest.fixture
def make_users(django_user_model):
    def make(prefix):
        return [django_user_model.objects.create_user(f"{prefix}{number}") for number in range(3)]

    return make


@pytest.fixture(autouse=True)
def small_pages(world):
    world.sandbox.store.options = Options(page_size=PAGE, rate_limit=None, holds="marked")


def create_and_pay(world, users):
    """Create sixty deposits: paid at once, held, declined, or left unpaid."""
    world.sandbox.state.inventories.clear()  # so that each call of this function pays with the same skins
    for number in range(DEPOSITS):
        deposit = deposits.create(users[number % 3], steam_id=STEAM_IDS[number % 12])
        match number % 5:
            case 0 | 1:
                world.sandbox.pay(deposit.order_id, held=False)
            case 2:
                world.sandbox.pay(deposit.order_id, held=True)
            case 3:
                world.sandbox.choose(deposit.order_id)
                world.sandbox.decline(deposit.order_id)
        world.advance(seconds=1)


def outcome(users):
    """Status, amounts and entries of each deposit of these users, and the balance of each user."""
    rows = Deposit.objects.filter(user__in=users).order_by("pk").prefetch_related("entries")
    each = [
        (row.status, row.amount, row.user_amount, row.amount_currency, [(e.kind, e.amount) for e in row.entries.all()])
        for row in rows
    ]
    return each, [Wallet.objects.get(user=user).balance for user in users]


def test_row_35_with_all_webhooks_lost_the_lists_give_the_same_ledger_for_one_call_a_page(world, make_users, calls):
    unlucky, lucky = make_users("unlucky"), make_users("lucky")
    world.sandbox.faults.add("notify_drop", "*", times=None)
    create_and_pay(world, unlucky)
    assert not LedgerEntry.objects.exists()
    calls.clear()

    [result] = reconcile("default", lists=("orders",))

    assert calls == {"orders": DEPOSITS / PAGE}
    assert (result.missed, result.repaired) == (DEPOSITS * 4 // 5, DEPOSITS * 4 // 5)
    lost = outcome(unlucky)

    world.advance(days=8, hours=1)
    calls.clear()
    [result] = reconcile("default", lists=("orders",))
    assert calls == {"orders": DEPOSITS / PAGE}
    assert result.repaired == DEPOSITS // 5  # those that were in hold
    lost_at_the_end = outcome(unlucky)

    world.sandbox.faults.remove()
    create_and_pay(world, lucky)
    world.deliver()
    assert outcome(lucky) == lost
    world.advance(days=8, hours=1)
    assert outcome(lucky) == lost_at_the_end

    assert LedgerEntry.objects.filter(user__in=unlucky).count() == DEPOSITS * 3 // 5
    assert not Discrepancy.objects.open().exists()


def test_row_35_failed_webhooks_cost_one_call_for_each_deposit_that_is_not_final(world, user, calls, monkeypatch):
    """The site was down when the webhooks came. Half of the deposits were polled since."""
    monkeypatch.setattr(world.sandbox.webhook_sender, "_send", lambda *_arguments: 503)
    rows = [deposits.create(user, steam_id=STEAM_IDS[0]) for _ in range(6)]
    for deposit in rows:
        world.sandbox.pay(deposit.order_id, held=False)
    world.deliver()
    for deposit in rows[:3]:
        deposits.refresh(deposit)
    calls.clear()

    [result] = reconcile("default", lists=("callback_error_list",))

    assert calls["orderstatus"] == result.asked == result.repaired == 3
    assert LedgerEntry.objects.count() == 6
    calls.clear()
    reconcile("default", lists=("callback_error_list",))
    assert calls == {"callback_error_list": 1}


def test_purchases_with_lost_events_and_answers_are_found_in_the_history(world, user, calls):
    for name in ("deposit", "event"):
        world.sandbox.faults.add("notify_drop", name, times=None)
    rows = [
        purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name=name, max_price=900, game="cs2")
        for name in [world.sandbox.state.stock[key].market_hash_name for key in list(world.sandbox.state.stock)[:3]]
    ]
    for purchase in rows:
        world.sandbox.lose_answer("market_buy")
        purchases.submit(purchase)
    assert set(Purchase.objects.values_list("status", flat=True)) == {"unknown"}
    world.advance(seconds=60)
    calls.clear()

    [result] = reconcile("default", lists=("market_history",))

    assert calls == {"market_history": 1}
    assert result.repaired == 3
    for purchase in Purchase.objects.all():
        assert purchase.status == "accepted"
        assert purchase.buy_id
        assert purchase.debited_amount == world.sandbox.spent(purchase.custom_id)


@pytest.mark.parametrize(("game", "ahead", "days"), [("rust", timedelta(hours=30), 0), ("cs2", timedelta(days=20), 6)])
def test_row_77_a_rollback_is_found_although_polling_ended_while_the_clock_was_ahead(world, user, game, ahead, days):
    wallet = Wallet.objects.create(user=user, balance=100)
    reconcile()
    cheapest = min(get_client().get_price_list(game, full=True).items, key=lambda item: item.price)
    charge = {"charge": 5, "charge_currency": "usd"}
    purchase = purchases.buy(
        user=user, trade_url=TRADE_URL, skin_id=cheapest.skin_id, game=game, max_price=900, **charge
    )
    purchases.submit(purchase)
    world.sandbox.end_purchase(purchase.custom_id, "accepted")
    world.deliver()
    with time_machine.travel(timezone.now() + ahead, tick=False):
        poll_purchases()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.next_poll_at) == ("accepted", None)

    for _ in range(days):
        world.advance(days=1)
        reconcile()
    world.sandbox.faults.add("notify_drop", "event", times=None)
    world.sandbox.end_purchase(purchase.custom_id, "rollback_supplier")
    world.advance(days=1)
    poll_purchases()
    purchase.refresh_from_db()
    assert purchase.status == "accepted"
    reconcile()

    purchase.refresh_from_db()
    wallet.refresh_from_db()
    assert (purchase.status, wallet.balance) == ("rollback_supplier", 100)


def test_runs_interrupted_by_the_rate_limit_end_with_the_same_ledger(world, make_users):
    world.sandbox.faults.add("notify_drop", "*", times=None)
    create_and_pay(world, make_users("user"))
    whole = DEPOSITS * 4 // 5
    world.sandbox.faults.add("rate_limited", "orders", times=1)

    [first] = reconcile("default", lists=("orders",), since=utc_now() - timedelta(days=1))
    assert "-7" in first.stopped_by
    for _ in range(2):
        [last] = reconcile("default", lists=("orders",))

    assert last.stopped_by == ""
    assert LedgerEntry.objects.count() == DEPOSITS * 2 // 5
    assert Discrepancy.objects.filter(state="repaired").count() == whole
