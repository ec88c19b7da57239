"""What SkinsBack is told when a deposit is opened, and what is kept of its answer."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import APIError, OrderIdExists
from django_skinsback.models import Deposit
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositLink, InventoryDeposit

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
PAYER = "76561198050648523"


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


@pytest.fixture
def told(monkeypatch, now):
    """What SkinsBack was told, call by call; ``told.meanwhile`` happens while it answers."""

    class Told(list):
        errors = ()
        transaction_id = "13"

        def meanwhile(self, order_id):
            self.due = Deposit.objects.get(order_id=order_id).next_poll_at

        def take(self, order_id, given):
            self.append(given)
            self.meanwhile(order_id)
            if len(self) <= len(self.errors):
                raise self.errors[len(self) - 1]

    calls = Told()

    def create_deposit(_client, order_id, **given):
        calls.take(order_id, given)
        return DepositLink(pay_url="https://pay.example/1", transaction_id=calls.transaction_id)

    def create_from_inventory(_client, order_id, **given):
        calls.take(order_id, given)
        bot = {"bot_name": "Bot 7", "bot_steam_id": "76561198000000007"}
        return InventoryDeposit(
            transaction_id=calls.transaction_id,
            trade_offer_id="77",
            trade_offer_expires_at=now + timedelta(minutes=10),
            **bot,
        )

    monkeypatch.setattr(SkinsBackClient, "create_deposit", create_deposit)
    monkeypatch.setattr(SkinsBackClient, "create_deposit_from_inventory", create_from_inventory)
    return calls


def from_inventory(user=None, **options):
    return deposits.create_from_inventory(user, trade_url=TRADE_URL, item_asset_ids=["1"], **options)


@pytest.fixture(params=[deposits.create, from_inventory], ids=["by pay page", "from inventory"])
def create(request):
    return request.param


class TestTheRow:
    def test_keeps_what_the_site_said(self, told, create, user):
        deposit = create(user, account="second", currency="USD", game="rust", metadata={"cart": 7})

        assert (deposit.user, deposit.account, deposit.currency, deposit.game) == (user, "second", "usd", "rust")
        assert deposit.metadata["cart"] == 7

    def test_is_due_within_a_minute_should_the_answer_not_come(self, told, create, now):
        create()

        assert told.due == now + timedelta(minutes=1)

    def test_learns_what_was_answered_and_is_asked_about_like_a_new_one(self, told, create, now):
        deposit = create()

        assert (deposit.status, deposit.transaction_id) == ("pending", "13")
        assert deposit.next_poll_at == now + schedule.next_deposit_poll("pending", timedelta(0), 0)

    def test_keeps_the_bot_of_a_trade_offer(self, told):
        deposit = from_inventory()

        assert (deposit.trade_offer_id, deposit.trade_offer_expires_at) == (
            "77",
            timezone.now() + timedelta(minutes=10),
        )
        assert (deposit.bot_name, deposit.bot_steam_id) == ("Bot 7", "76561198000000007")

    def test_has_an_answer_about_another_deposit_reviewed(self, told, create):
        make_deposit(transaction_id="13")

        deposit = create()

        assert (deposit.status, deposit.transaction_id) == ("pending", None)
        assert deposit.review_reasons == [{"code": "other_transaction_id", "data": {"id": "13"}}]

    def test_says_why_nothing_was_opened(self, told, create):
        told.errors = [APIError.for_answer("create", 3, "wrong currency")]

        with pytest.raises(APIError):
            create()

        deposit = Deposit.objects.get()
        assert (deposit.status, deposit.next_poll_at) == ("abandoned", None)
        assert "wrong currency" in deposit.changes.get().note

    def test_says_why_it_was_given_up_for_another(self, told, create):
        told.errors = [OrderIdExists("create", 5, "order_id_already_exists")]

        pending = create()

        abandoned = Deposit.objects.exclude(pk=pending.pk).get()
        assert "order_id_already_exists" in abandoned.changes.get().note
        assert pending.public_id != abandoned.public_id

    def test_is_given_up_twice_at_most(self, told, create):
        told.errors = [OrderIdExists("create", 5, "order_id_already_exists")] * 2

        with pytest.raises(OrderIdExists):
            create()

        assert list(Deposit.objects.values_list("status", flat=True)) == ["abandoned"] * 2


class TestWhatSkinsBackIsTold:
    def test_the_addresses_are_those_of_the_request_where_the_site_has_no_other(self, told, create, rf, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": None}
        settings.ALLOWED_HOSTS = ["other.example"]

        create(request=rf.get("/", headers={"host": "other.example"}, secure=True))

        assert told[0]["result_url"] == "https://other.example/skinsback/result/"

    def test_the_pages_are_on_the_site_of_the_request(self, told, rf, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": None}
        settings.ALLOWED_HOSTS = ["other.example"]
        request = rf.get("/", headers={"host": "other.example"}, secure=True)

        deposits.create(request=request, success_url="/a/", fail_url="/b/")

        pages = (told[0]["success_url"], told[0]["fail_url"])
        assert pages == ("https://other.example/a/", "https://other.example/b/")

    def test_a_payer_by_his_trade_url(self, told, create):
        create(**({} if create is from_inventory else {"trade_url": TRADE_URL}))

        assert (told[0]["steam_id"], told[0]["trade_token"]) == (PAYER, "i1ArBZey")

    def test_nothing_that_the_site_has_not_said(self, told, settings):
        deposits.create()

        assert told == [{"game": "cs2", "result_url": "https://shop.example/skinsback/result/", "widget": False}]
