"""Deposits from the first call to the final status, against the sandbox."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from django_skinsback import deposits
from django_skinsback.exceptions import (
    APIError,
    InsideDatabaseTransaction,
    InvalidInput,
    OrderIdExists,
    RequestNotSent,
    UnknownOutcome,
)
from django_skinsback.flows.market.prices import sync_prices
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit, LedgerEntry
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


def kinds(deposit):
    return list(LedgerEntry.objects.filter(deposit=deposit).order_by("pk").values_list("kind", flat=True))


def test_a_deposit_is_opened_paid_and_credited(world, user):
    deposit = deposits.create(user, trade_url=TRADE_URL, success_url="/thanks/", metadata={"cart": 7})

    assert deposit.status == "pending"
    assert deposit.pay_url.startswith(world.sandbox.url)
    assert deposit.steam_id == "76561198050648523"
    assert deposit.metadata == {"cart": 7}
    opened_at_skinsback = world.sandbox.deposit(deposit.order_id)
    assert opened_at_skinsback.result_url == "https://shop.example/skinsback/result/"
    assert opened_at_skinsback.success_url == "https://shop.example/thanks/"

    world.sandbox.pay(deposit.order_id)
    world.deliver()

    deposit.refresh_from_db()
    assert (deposit.status, deposit.needs_review) == ("success", False)
    assert deposit.skins
    assert Wallet.objects.get(user=user).balance == deposit.user_amount > 0


def pay_with(world, deposit, game):
    """Pay with the most expensive tradable skin of that game, as the user does on the pay page."""
    inventory = world.sandbox.inventory("76561198999000001")
    asset = max((asset for asset in inventory if asset.game == game and asset.tradable), key=lambda asset: asset.price)
    world.sandbox.pay(deposit.order_id, [asset.asset_id], steam_id="76561198999000001", held=False)


@pytest.mark.parametrize("source", ["webhook", "orderstatus"])
@pytest.mark.parametrize("paid", ["cs2", "dota2", "rust"])
@pytest.mark.parametrize("opened", [None, "rust"])
def test_a_deposit_is_stored_with_the_game_of_the_skins_that_paid_it(world, user, opened, paid, source):
    for game in ("cs2", "dota2", "rust"):
        sync_prices(game=game)
    deposit = deposits.create(user, game=opened)
    assert deposit.game == (opened or "cs2")
    pay_with(world, deposit, paid)
    assert world.sandbox.deposit(deposit.order_id).game == paid
    if source == "webhook":
        world.deliver()
    else:
        deposits.refresh(deposit)

    deposit.refresh_from_db()
    assert (deposit.status, deposit.game, kinds(deposit)) == ("success", paid, ["credit"])


def test_a_deposit_of_skins_that_are_not_in_the_price_list_keeps_the_game_it_was_opened_for(world, user):
    sync_prices(game="cs2")
    deposit = deposits.create(user, game="dota2")
    pay_with(world, deposit, "rust")
    world.deliver()

    deposit.refresh_from_db()
    assert (deposit.status, deposit.game) == ("success", "dota2")


def test_a_deposit_with_every_option_is_opened(world, user, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}

    deposit = deposits.create(
        user,
        steam_id="76561198050648523",
        game="rust",
        currency="USD",
        min_amount="2.50",
        max_amount=Decimal(50),
        widget=True,
        success_url="https://shop.example/a/",
        fail_url="/b/",
        custom_multiplier="1.5",
        custom_currency="GEM",
        custom_currency_rate=10,
    )

    assert (deposit.status, deposit.currency, deposit.min_amount) == ("pending", "usd", Decimal("2.5"))
    assert world.sandbox.deposit(deposit.order_id).widget


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_amount": 1}, "currency"),
        ({"currency": "usd", "min_amount": 5, "max_amount": 5}, "max_amount"),
        ({"currency": "usd", "min_amount": 0.5}, "float"),
        ({"game": "chess"}, "game"),
        ({"steam_id": "1"}, "Steam ID"),
        ({"trade_url": "https://example.com/"}, "trade URL"),
        ({"success_url": "https://evil.example/"}, "pages of this site"),
        ({"custom_multiplier": 3}, "custom_multiplier"),
        ({"custom_currency": "GEM", "custom_currency_rate": 10}, "CREDIT"),
        ({"custom_currency_rate": 10}, "together"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_arguments_are_refused_before_anything_is_written(world, user, arguments, message):
    with pytest.raises(InvalidInput, match=message):
        deposits.create(user, **arguments)

    assert not Deposit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_flows_that_call_skinsback_raise_inside_a_database_transaction(world):
    deposit = make_deposit(status="in_hold")
    for flow in (
        deposits.create,
        lambda: deposits.refresh(deposit),
        lambda: deposits.approve_hold(deposit),
        lambda: deposits.create_from_inventory(trade_url=TRADE_URL, item_asset_ids=["1"]),
    ):
        with transaction.atomic(), pytest.raises(InsideDatabaseTransaction, match="non_atomic_requests"):
            flow()

    assert Deposit.objects.count() == 1


def test_a_webhook_before_the_answer_of_create_finds_the_row(world, user, monkeypatch):
    from django_skinsback.client import SkinsBackClient

    answer = SkinsBackClient.create_deposit

    def answer_late(client, order_id, **options):
        link = answer(client, order_id, **options)
        world.sandbox.pay(order_id)
        world.deliver()
        return link

    monkeypatch.setattr(SkinsBackClient, "create_deposit", answer_late)

    deposit = deposits.create(user)

    assert (deposit.status, kinds(deposit)) == ("success", ["credit"])
    assert deposit.pay_url


def test_after_a_lost_answer_of_create_the_sweep_finds_the_deposit(world, user):
    world.sandbox.lose_answer("create")

    with pytest.raises(UnknownOutcome):
        deposits.create(user)

    deposit = Deposit.objects.get()
    assert (deposit.status, deposit.transaction_id) == ("created", None)
    world.advance(minutes=1)
    poll_deposits()
    deposit.refresh_from_db()
    assert deposit.status == "pending"
    assert deposit.transaction_id

    world.sandbox.pay(deposit.order_id)
    world.deliver()
    assert kinds(deposit) == ["credit"]


def test_a_deposit_whose_request_was_lost_is_abandoned_after_ten_minutes_and_never_sent_again(world, user):
    world.sandbox.drop_request("create")

    with pytest.raises(UnknownOutcome):
        deposits.create(user)

    deposit = Deposit.objects.get()
    for _ in range(9):
        world.advance(minutes=1)
        poll_deposits()
    deposit.refresh_from_db()
    assert deposit.status == "created"

    world.advance(minutes=2)
    poll_deposits()
    deposit.refresh_from_db()
    assert (deposit.status, deposit.next_poll_at) == ("abandoned", None)
    assert not world.sandbox.state.deposits


def test_create_retries_an_existing_order_id_once_with_a_new_id(world, user):
    world.sandbox.faults.add("error", "create", value="5 order_id_already_exists")

    deposit = deposits.create(user)

    assert deposit.status == "pending"
    assert list(Deposit.objects.order_by("pk").values_list("status", flat=True)) == ["abandoned", "pending"]

    world.sandbox.faults.add("error", "create", value="5 order_id_already_exists", times=2)
    with pytest.raises(OrderIdExists):
        deposits.create(user)


def test_a_refused_deposit_is_abandoned_and_the_error_is_raised(world, user):
    world.sandbox.faults.add("error", "create", value="15 invalid_game")

    with pytest.raises(APIError, match="invalid_game"):
        deposits.create(user)

    assert Deposit.objects.get().status == "abandoned"


def test_a_deposit_that_could_not_be_sent_is_abandoned(world, user, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "API_URL": "http://127.0.0.1:9/api.php"}

    with pytest.raises(RequestNotSent):
        deposits.create(user)

    assert Deposit.objects.get().status == "abandoned"


def test_the_sweep_credits_when_every_webhook_is_lost(world, user):
    world.sandbox.faults.add("notify_drop", times=None)
    deposit = deposits.create(user)
    world.sandbox.pay(deposit.order_id)
    world.deliver()
    assert kinds(deposit) == []

    world.advance(minutes=2)
    counts = poll_deposits()

    deposit.refresh_from_db()
    assert (counts.asked, counts.changed) == (1, 1)
    assert (deposit.status, kinds(deposit), deposit.next_poll_at) == ("success", ["credit"], None)
    assert poll_deposits().asked == 0


def test_an_unpaid_deposit_is_abandoned_and_a_late_payment_is_credited(world, user):
    deposit = deposits.create(user)
    poll_count = 0
    for _ in range(100):
        world.advance(hours=1)
        poll_count += poll_deposits().asked
    deposit.refresh_from_db()
    assert (deposit.status, deposit.next_poll_at) == ("abandoned", None)
    assert poll_count < 50

    world.sandbox.pay(deposit.order_id)
    world.deliver()

    deposit.refresh_from_db()
    assert (deposit.status, kinds(deposit)) == ("success", ["credit"])


class TestHolds:
    @pytest.fixture
    def held(self, world, user):
        deposit = deposits.create(user)
        world.sandbox.pay(deposit.order_id, held=True)
        world.deliver()
        deposit.refresh_from_db()
        assert (deposit.status, kinds(deposit)) == ("in_hold", [])
        return deposit

    def test_a_hold_that_is_not_returned_is_credited_after_eight_days(self, world, held):
        world.advance(days=8, minutes=1)

        held.refresh_from_db()
        assert (held.status, kinds(held)) == ("success", ["credit"])

    def test_an_approved_hold_is_credited_at_the_approval_and_not_again(self, world, held, operator):
        deposits.approve_hold(held, by=operator)
        assert kinds(held) == ["credit"]

        world.deliver()
        world.advance(days=8, minutes=1)

        held.refresh_from_db()
        assert (held.status, kinds(held)) == ("success", ["credit"])
        assert held.changes.filter(by=operator).exists()

    def test_an_approved_hold_that_is_returned_is_reversed_below_zero(self, world, held, user):
        deposits.approve_hold(held)
        Wallet.objects.filter(user=user).update(balance=0)

        world.sandbox.give_back(held.order_id)
        world.deliver()

        held.refresh_from_db()
        assert (held.status, kinds(held)) == ("hold_returned", ["credit", "reversal"])
        assert Wallet.objects.get(user=user).balance == -held.user_amount

    def test_a_returned_hold_credits_nothing(self, world, held):
        world.sandbox.give_back(held.order_id)
        world.deliver()

        held.refresh_from_db()
        assert (held.status, kinds(held)) == ("fail", [])

    def test_an_approval_whose_answer_is_lost_is_found_by_orderstatus(self, world, held):
        world.sandbox.lose_answer("offer_approve")

        deposits.approve_hold(held)

        assert kinds(held) == ["credit"]

    def test_an_approval_without_any_answer_credits_nothing_and_is_polled(self, world, held):
        world.sandbox.lose_answer("offer_approve")
        world.sandbox.faults.add("lose_answer", "orderstatus", times=None)

        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(held)

        held.refresh_from_db()
        assert kinds(held) == []
        assert held.next_poll_at <= utc_now()
        world.sandbox.faults.remove()
        poll_deposits()
        assert kinds(held) == ["credit"]

    def test_only_a_held_deposit_can_be_approved(self, world, user):
        deposit = deposits.create(user)

        with pytest.raises(InvalidInput, match="in hold"):
            deposits.approve_hold(deposit)


def approve_small(deposit):
    return deposit.user_amount < 100 and bool(deposit.user_risk)


def fail(deposit):
    raise RuntimeError


class TestHoldPolicy:
    def hold(self, world, user, settings, policy):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.{policy.__name__}"}
        deposit = deposits.create(user)
        world.sandbox.pay(deposit.order_id, held=True)
        world.deliver()
        assert kinds(deposit) == []
        poll_deposits()
        deposit.refresh_from_db()
        return deposit

    def test_the_sweep_approves_a_hold_that_the_policy_accepts(self, world, user, settings):
        deposit = self.hold(world, user, settings, approve_small)

        assert (deposit.status, kinds(deposit)) == ("hold_approved", ["credit"])

    def test_a_policy_that_raises_approves_nothing_and_flags_the_deposit(self, world, user, settings):
        deposit = self.hold(world, user, settings, fail)

        assert (deposit.status, deposit.needs_review, kinds(deposit)) == ("in_hold", True, [])


class TestFromInventory:
    def open(self, world, user):
        from django_skinsback.connection import get_client

        inventory = get_client().get_inventory("rust", "76561198050648523", "i1ArBZey")
        chosen = max((item for item in inventory.items if item.tradable), key=lambda item: item.price)
        return deposits.create_from_inventory(user, trade_url=TRADE_URL, item_asset_ids=[chosen.asset_id], game="rust")

    def test_a_deposit_from_inventory_has_a_trade_offer_and_is_credited_when_paid(self, world, user):
        deposit = self.open(world, user)

        assert (deposit.status, deposit.pay_url) == ("pending", "")
        assert deposit.trade_offer_id
        assert deposit.trade_offer_expires_at > utc_now()
        assert deposit.bot_name

        world.sandbox.pay(deposit.order_id)
        world.deliver()
        assert kinds(deposit) == ["credit"]

    def test_after_a_lost_answer_the_sweep_finds_the_deposit_from_inventory(self, world, user):
        world.sandbox.lose_answer("create_from_user_inventory")
        with pytest.raises(UnknownOutcome):
            self.open(world, user)

        world.advance(minutes=1)
        poll_deposits()

        assert Deposit.objects.get().status == "pending"

    def test_create_from_inventory_retries_an_existing_order_id_with_a_new_id(self, world, user):
        world.sandbox.faults.add("error", "create_from_user_inventory", value="7 order_id_already_exists")

        deposit = self.open(world, user)

        abandoned, pending = Deposit.objects.order_by("pk")
        assert (abandoned.status, pending.status) == ("abandoned", "pending")
        assert deposit == pending
        assert abandoned.order_id != pending.order_id
        assert world.sandbox.deposit(pending.order_id).status == "pending"

    def test_an_empty_list_of_items_is_refused(self, world, user):
        with pytest.raises(InvalidInput):
            deposits.create_from_inventory(user, trade_url=TRADE_URL, item_asset_ids=[])
        assert not Deposit.objects.exists()


def test_a_row_that_a_sweep_has_claimed_is_not_polled_again_for_two_minutes(world, user):
    make_deposit(user=user, order_id="a", transaction_id=None, status="created")
    world.sandbox.faults.add("maintenance", times=None)

    counts = poll_deposits()

    assert "under_maintenance" in counts.stopped_by
    assert Deposit.objects.get().next_poll_at - utc_now() >= timedelta(minutes=2)
    assert poll_deposits().asked == 0
