"""A process is killed between two steps of a flow. The next sweep or delivery finishes the work, exactly once."""

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
from .kill_points import TRADE_URL, run_step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def sandbox(settings):
    with Sandbox(manual=True, send=lambda *_message: 200) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}
        yield sandbox


def kill(step, point, pk=0):
    """Run one step in a process of its own and check that it was killed."""
    exit_code, traceback_text = Forked(run_step, step, point, pk).end()
    assert exit_code == -signal.SIGKILL, traceback_text or "the process was not killed"


def sweep(sandbox, traveller, minutes=12):
    """Run the sweep of both queues once a minute, as worker and beat do after a restart."""
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
def test_after_a_worker_is_killed_while_buying_exactly_one_skin_is_bought(sandbox, traveller, point):
    skin = get_client().get_price_list("rust").items[0]
    purchase = make_purchase(game="rust", market_hash_name=skin.market_hash_name, max_price=skin.price)

    kill("submit", point, purchase.pk)
    sweep(sandbox, traveller)

    purchase.refresh_from_db()
    assert purchase.status == "accepted"
    assert sandbox.sold(purchase.custom_id) == 1


def test_after_a_worker_is_killed_while_buying_a_batch_each_skin_is_bought_once(sandbox, traveller, user):
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


@pytest.mark.parametrize("point", ["between answer and record", "between record and commit"])
def test_after_a_worker_is_killed_while_polling_no_status_is_lost(sandbox, traveller, user, point):
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
def test_after_a_process_is_killed_while_creating_a_deposit_its_status_becomes_known(sandbox, traveller, point):
    kill("create", point)
    sweep(sandbox, traveller)

    expected = {
        "before the intent": [],
        "between intent and create": ["abandoned"],
        "between create and record": ["pending"],
    }
    assert list(Deposit.objects.values_list("status", flat=True)) == expected[point]


def test_after_a_process_is_killed_while_creating_from_inventory_the_trade_is_found(sandbox, traveller, user):
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
def test_after_a_process_is_killed_while_crediting_the_next_delivery_credits_once(client, user, point):
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
def test_after_a_process_is_killed_after_the_commit_the_repeat_is_answered_200_and_credits_nothing(client, user, point):
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user)

    kill("notify", point, deposit.pk)
    assert LedgerEntry.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().amount
    assert post_notification(client, signed_notification(deposit)).status_code == 200

    assert LedgerEntry.objects.count() == 1
    assert Wallet.objects.get().balance == LedgerEntry.objects.get().amount


@pytest.mark.parametrize("point", ["before the entry", "between record and commit"])
def test_after_a_process_is_killed_before_the_intent_is_committed_nothing_is_charged(user, point):
    Wallet.objects.create(user=user, balance=5)

    kill("buy", point, user.pk)

    assert not Purchase.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert Wallet.objects.get().balance == 5


@pytest.mark.parametrize("point", ["between intent and approval", "between approval and status"])
def test_after_a_process_is_killed_while_approving_a_hold_the_credit_follows_skinsbacks_status(
    sandbox, traveller, user, point
):
    deposit = deposits.create(user)
    sandbox.pay(deposit.order_id, held=True)
    poll_deposits(now=timezone.now() + schedule.ACCOUNT_ERROR_DELAY)
    deposit.refresh_from_db()
    assert deposit.status == "in_hold"

    kill("approve", point, deposit.pk)
    sweep(sandbox, traveller)

    deposit.refresh_from_db()
    approved = point == "between approval and status"
    assert deposit.status == ("hold_approved" if approved else "in_hold")
    assert LedgerEntry.objects.count() == (1 if approved else 0)
