"""Opening a deposit: what is sent to SkinsBack, and what is stored of its answer."""

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
def requests(monkeypatch, now):
    """The options of each call to SkinsBack. ``requests.meanwhile`` runs before SkinsBack answers."""

    class Requests(list):
        errors = ()
        transaction_id = "13"

        def meanwhile(self, order_id):
            self.due = Deposit.objects.get(order_id=order_id).next_poll_at

        def add(self, order_id, options):
            self.append(options)
            self.meanwhile(order_id)
            if len(self) <= len(self.errors):
                raise self.errors[len(self) - 1]

    calls = Requests()

    def create_deposit(_client, order_id, **options):
        calls.add(order_id, options)
        return DepositLink(pay_url="https://pay.example/1", transaction_id=calls.transaction_id)

    def create_from_inventory(_client, order_id, **options):
        calls.add(order_id, options)
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


class TestRow:
    def test_the_arguments_of_create_are_stored(self, requests, create, user):
        deposit = create(user, account="second", currency="USD", game="rust", metadata={"cart": 7})

        assert (deposit.user, deposit.account, deposit.currency, deposit.game) == (user, "second", "usd", "rust")
        assert deposit.metadata["cart"] == 7

    def test_without_a_key_each_call_opens_a_deposit(self, requests, create, user):
        requests.transaction_id = ""

        assert create(user).pk != create(user).pk
        assert len(requests) == 2

    def test_a_deposit_is_due_a_minute_later_while_create_is_not_answered(self, requests, create, now):
        create()

        assert requests.due == now + timedelta(minutes=1)

    def test_the_answer_is_stored_and_the_deposit_is_polled_like_a_new_one(self, requests, create, now):
        deposit = create()

        assert (deposit.status, deposit.transaction_id) == ("pending", "13")
        assert deposit.next_poll_at == now + schedule.next_deposit_poll("pending", timedelta(0), 0)

    def test_the_bot_of_a_trade_offer_is_stored(self, requests):
        deposit = from_inventory()

        assert (deposit.trade_offer_id, deposit.trade_offer_expires_at) == (
            "77",
            timezone.now() + timedelta(minutes=10),
        )
        assert (deposit.bot_name, deposit.bot_steam_id) == ("Bot 7", "76561198000000007")

    def test_a_transaction_id_of_another_deposit_is_not_stored_and_is_flagged(self, requests, create):
        make_deposit(transaction_id="13")

        deposit = create()

        assert (deposit.status, deposit.transaction_id) == ("pending", None)
        assert deposit.review_reasons == [{"code": "other_transaction_id", "data": {"id": "13"}}]

    def test_a_refused_deposit_is_abandoned_and_its_history_has_the_error(self, requests, create):
        requests.errors = [APIError.for_answer("create", 3, "wrong currency")]

        with pytest.raises(APIError):
            create()

        deposit = Deposit.objects.get()
        assert (deposit.status, deposit.next_poll_at) == ("abandoned", None)
        assert "wrong currency" in deposit.changes.get().note

    def test_an_existing_order_id_is_retried_with_a_new_row_and_the_history_has_the_error(self, requests, create):
        requests.errors = [OrderIdExists("create", 5, "order_id_already_exists")]

        pending = create()

        abandoned = Deposit.objects.exclude(pk=pending.pk).get()
        assert "order_id_already_exists" in abandoned.changes.get().note
        assert pending.public_id != abandoned.public_id

    def test_an_existing_order_id_is_retried_only_once(self, requests, create):
        requests.errors = [OrderIdExists("create", 5, "order_id_already_exists")] * 2

        with pytest.raises(OrderIdExists):
            create()

        assert list(Deposit.objects.values_list("status", flat=True)) == ["abandoned"] * 2


class TestRequests:
    def test_without_site_url_the_webhook_address_has_the_host_of_the_request(self, requests, create, rf, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": None}
        settings.ALLOWED_HOSTS = ["other.example"]

        create(request=rf.get("/", headers={"host": "other.example"}, secure=True))

        assert requests[0]["result_url"] == "https://other.example/skinsback/result/"

    def test_without_site_url_and_without_a_request_no_webhook_address_is_sent(self, requests, create, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": None}

        create()

        assert requests[0].get("result_url", "") == ""

    def test_without_site_url_the_pages_have_the_host_of_the_request(self, requests, rf, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": None}
        settings.ALLOWED_HOSTS = ["other.example"]
        request = rf.get("/", headers={"host": "other.example"}, secure=True)

        deposits.create(request=request, success_url="/a/", fail_url="/b/")

        pages = (requests[0]["success_url"], requests[0]["fail_url"])
        assert pages == ("https://other.example/a/", "https://other.example/b/")

    def test_the_trade_url_is_sent_as_steam_id_and_trade_token(self, requests, create):
        create(**({} if create is from_inventory else {"trade_url": TRADE_URL}))

        assert (requests[0]["steam_id"], requests[0]["trade_token"]) == (PAYER, "i1ArBZey")

    def test_options_that_were_not_passed_are_not_sent(self, requests, settings):
        deposits.create()

        assert requests == [{"game": "cs2", "result_url": "https://shop.example/skinsback/result/", "widget": False}]
