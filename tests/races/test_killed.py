"""A process is really killed between two steps; what is started afterwards finishes the job, once."""

import signal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases, schedule
from django_skinsback.connection import get_client
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from tests.wallet.models import Wallet

from .forked import Forked
from .kill_points import TRADE_URL, do

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def sandbox(settings):
    with Sandbox(manual=True, send=lambda *_message: 200) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}
        yield sandbox


def kill(step, point, pk=0):
    """Run one step in a process of its own and see it killed."""
    exit_code, told = Forked(do, step, point, pk).end()
    assert exit_code == -signal.SIGKILL, told or "it was not killed"


def sweep(sandbox, traveller, minutes=12):
    """What worker and beat do once they are back."""
    for _ in range(minutes):
        traveller.shift(60)
        sandbox.clock.advance(minutes=1)
        poll_deposits()
        poll_purchases()


@pytest.fixture
def traveller():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize(
    "point",
    [
        "before the claim",
        "between claim and call",
        "between call and record",
        "between record and commit",
    ],
)
def test_a_worker_killed_while_it_buys_has_bought_one_skin_in_the_end(sandbox, traveller, point):
    skin = get_client().get_price_list("rust").items[0]
    purchase = make_purchase(game="rust", market_hash_name=skin.market_hash_name, max_price=skin.price)

    kill("submit", point, purchase.pk)
    sweep(sandbox, traveller)

    purchase.refresh_from_db()
    assert purchase.status == "accepted"
    assert sandbox.sold(purchase.custom_id) == 1


def test_a_worker_killed_while_it_buys_a_batch_has_bought_each_skin_once_in_the_end(sandbox, traveller, user):
    Wallet.objects.create(user=user, balance=9)
    skins = sorted(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)[:3]
    items = [
        {"skin_id": each.skin_id, "max_price": each.price, "charge": 3, "charge_currency": "usd"} for each in skins
    ]
    rows = purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items, game="rust")

    kill("submit", "between call and record", rows[0].pk)
    assert [sandbox.sold(row.custom_id) for row in rows] == [1, 1, 1]
    assert set(Purchase.objects.values_list("status", "buy_id")) == {("requested", None)}
    sweep(sandbox, traveller)

    assert list(Purchase.objects.values_list("status", flat=True)) == ["accepted"] * 3
    assert [sandbox.sold(row.custom_id) for row in rows] == [1, 1, 1]
    assert len(sandbox.state.purchases) == 3
    assert Wallet.objects.get().balance == 0


@pytest.mark.parametrize("point", ["between ask and record", "between record and commit"])
def test_a_worker_killed_while_it_polls_loses_no_news(sandbox, traveller, user, point):
    skin = get_client().get_price_list("rust").items[0]
    Wallet.objects.create(user=user, balance=5)
    purchase = purchases.buy(
        user=user,
        trade_url=TRADE_URL,
        market_hash_name=skin.market_hash_name,
        game="rust",
        max_price=skin.price,
        charge=5,
        charge_currency="usd",
    )
    purchases.submit(purchase)
    sandbox.end_purchase(purchase.custom_id, "canceled")
    Purchase.objects.update(next_poll_at=timezone.now())

    kill("poll", point)
    assert Wallet.objects.get().balance == 0
    sweep(sandbox, traveller)

    purchase.refresh_from_db()
    assert purchase.status == "canceled"
    assert list(LedgerEntry.objects.order_by("pk").values_list("kind", flat=True)) == ["charge", "refund"]
    assert Wallet.objects.get().balance == 5


@pytest.mark.parametrize("point", ["before the intent", "between intent and create", "between create and record"])
def test_a_process_killed_while_it_opens_a_deposit_leaves_nothing_undecided(sandbox, traveller, point):
    kill("create", point)
    sweep(sandbox, traveller)

    expected = {
        "before the intent": [],
        "between intent and create": ["abandoned"],
        "between create and record": ["pending"],
    }
    assert list(Deposit.objects.values_list("status", flat=True)) == expected[point]


def test_a_process_killed_while_it_opens_a_deposit_of_chosen_items_finds_its_trade_again(sandbox, traveller, user):
    kill("create from inventory", "between create and record", user.pk)
    deposit = Deposit.objects.get()
    assert (deposit.status, deposit.transaction_id) == ("created", None)
    sweep(sandbox, traveller, minutes=2)
    deposit.refresh_from_db()
    assert deposit.status == "pending"

    sandbox.pay(deposit.order_id)
    sweep(sandbox, traveller)

    assert len(sandbox.state.deposits) == 1
    assert Deposit.objects.get().status == "success"
    assert LedgerEntry.objects.get().user == user


@pytest.mark.parametrize("point", ["before the entry", "between entry and commit", "between record and commit"])
def test_a_process_killed_while_it_credits_has_credited_once_after_the_next_delivery(client, user, point):
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user)

    kill("notify", point, deposit.pk)
    assert not LedgerEntry.objects.exists()
    assert not WebhookEvent.objects.exists()
    for _ in range(2):
        assert post_notification(client, signed_notification(deposit)).status_code == 200

    assert LedgerEntry.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().amount


@pytest.mark.parametrize("point", ["between commit and hooks", "between commit and answer"])
def test_a_process_killed_after_the_commit_has_credited_and_the_repeat_is_answered_200(client, user, point):
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user)

    kill("notify", point, deposit.pk)
    assert LedgerEntry.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().amount
    assert post_notification(client, signed_notification(deposit)).status_code == 200

    assert LedgerEntry.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().amount


@pytest.mark.parametrize("point", ["before the entry", "between record and commit"])
def test_a_process_killed_before_the_intent_is_committed_owes_nothing(user, point):
    Wallet.objects.create(user=user, balance=5)

    kill("buy", point, user.pk)

    assert not Purchase.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert Wallet.objects.get().balance == 5


@pytest.mark.parametrize("point", ["between note and approval", "between approval and status"])
def test_a_process_killed_while_it_approves_a_hold_credits_what_skinsback_approved(sandbox, traveller, user, point):
    deposit = deposits.create(user)
    sandbox.pay(deposit.order_id, held=True)
    poll_deposits(now=timezone.now() + schedule.LEASE)
    deposit.refresh_from_db()
    assert deposit.status == "in_hold"

    kill("approve", point, deposit.pk)
    sweep(sandbox, traveller)

    deposit.refresh_from_db()
    approved = point == "between approval and status"
    assert deposit.status == ("hold_approved" if approved else "in_hold")
    assert LedgerEntry.objects.count() == (1 if approved else 0)
