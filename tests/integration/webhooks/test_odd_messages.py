"""Odd things that SkinsBack, a site or its users may say: each is taken for what it is worth, and loses nothing."""

import json
import socket
from decimal import Decimal

import pytest
import requests

from django_skinsback import conf, deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import InvalidInput, UnknownOutcome
from django_skinsback.flows.monitoring import balance
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.webhooks.receive import receive
from django_skinsback.flows.webhooks.replay import apply_again
from django_skinsback.models import BalanceSnapshot, Deposit, Purchase, WebhookEvent
from django_skinsback.signals import balance_low
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.signing import event_signature
from django_skinsback.wire.types import DepositReport, PurchaseReport

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


class TestDeliveries:
    @pytest.mark.parametrize("field", ["trade_offer_id", "steam_id", "reason", "skins", "something_new"])
    def test_a_text_longer_than_its_column_costs_no_credit(self, client, user, field):
        deposit = make_deposit(user=user)

        answer = post_notification(client, signed_notification(deposit, **{field: "9" * 1000}))

        assert (answer.status_code, deposit.entries.count()) == (200, 1)

    def test_a_status_longer_than_its_column_is_kept_as_far_as_it_goes(self, client, user):
        deposit = make_deposit(user=user)

        assert post_notification(client, signed_notification(deposit, "x" * 200)).status_code == 200

        assert deposit.changes.get().to_status == "x" * 64
        deposit.refresh_from_db()
        assert deposit.needs_review

    def test_no_address_in_one_is_ever_fetched(self, client, user, monkeypatch, django_capture_on_commit_callbacks):
        connected = []

        def refuse(*arguments, **_options):
            connected.append(arguments)
            raise AssertionError("something was fetched")

        for owner, name in [(socket.socket, "connect"), (socket, "getaddrinfo"), (requests.Session, "send")]:
            monkeypatch.setattr(owner, name, refuse)
        url = "http://169.254.169.254/latest/"
        deposit, purchase = make_deposit(user=user), make_purchase(status="creating_trade")
        names = ["reason", "trade_offer_id", "result_url", "success_url", "fail_url", "callback", "user_inventory"]
        skin = dict.fromkeys(["name", "image", "icon", "price", "inspect_link"], url)
        message = signed_notification(deposit, **dict.fromkeys(names, url))
        told = dict.fromkeys(["error_reason", "tradeofferid", "result_url", "webhook", "image"], url)
        ids = {"custom_id": purchase.custom_id, "buy_id": purchase.buy_id, "offer_status": "accepted"}
        event = {"event": "status_change", "url": url, "data": {**told, **ids, "item": {**skin, "id": url}}}
        body = json.dumps(event).encode()
        signature = {"Signature": event_signature(body, "123")}

        with django_capture_on_commit_callbacks(execute=True):
            answers = [
                post_notification(client, {**message, "skins": [skin], "user_risk": {"link": url}}),
                client.post("/skinsback/events/", body, content_type="application/json", headers=signature),
            ]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert (deposit.entries.count(), purchase.changes.get().to_status) == (1, "accepted")
        assert connected == []

    def test_one_that_was_applied_brings_no_older_amount_back(self, client, user):
        deposit = make_deposit(user=user)
        for amount in ("12.6", "8.4"):
            post_notification(client, signed_notification(deposit, "in_hold", user_amount=amount))

        apply_again(WebhookEvent.objects.earliest("pk"))

        deposit.refresh_from_db()
        assert deposit.user_amount == Decimal("8.4")

    def test_one_that_somebody_else_applied_meanwhile_is_left_as_it_is(self, client, user):
        later = Deposit(order_id="later", transaction_id="7")
        post_notification(client, signed_notification(later, "in_hold", user_amount="12.6"))
        deposit = make_deposit(user=user, order_id="later", transaction_id="7")
        mine, theirs = WebhookEvent.objects.get(), WebhookEvent.objects.get()

        assert apply_again(theirs) == "applied"
        post_notification(client, signed_notification(later, "in_hold", user_amount="8.4"))
        assert apply_again(mine) == "repeat"

        deposit.refresh_from_db()
        assert deposit.user_amount == Decimal("8.4")
        assert WebhookEvent.objects.earliest("pk").outcome == "applied"

    def test_one_of_an_unknown_order_is_counted_and_not_stored_again(self, client, user):
        deposit = make_deposit(user=user)
        message = signed_notification(deposit)
        deposit.delete()

        for _ in range(3):
            assert post_notification(client, message).status_code == 200

        assert WebhookEvent.objects.count() == 1


class TestDeposits:
    def test_a_status_without_ids_is_about_the_order_that_was_asked_for(self, user, monkeypatch):
        deposit = make_deposit(user=user)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: DepositReport(status="fail"))

        assert deposits.refresh(deposit).status == "fail"

    @pytest.mark.parametrize("transaction_id", ["", "of-another"])
    def test_a_status_of_another_order_moves_neither(self, user, monkeypatch, transaction_id):
        asked, other = make_deposit(user=user), make_deposit(user=user, transaction_id="of-another")
        report = DepositReport(status="success", order_id=other.order_id, transaction_id=transaction_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: report)

        with pytest.raises(UnknownOutcome, match="another deposit"):
            deposits.refresh(asked)

        for deposit in (asked, other):
            deposit.refresh_from_db()
            assert (deposit.status, deposit.entries.count()) == ("pending", 0)

    @pytest.mark.parametrize("status", ["hold_approved", "success"])
    def test_a_credit_setting_that_makes_nothing_has_the_deposit_reviewed(self, client, user, settings, status):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.nothing"}
        deposit = make_deposit(user=user)

        assert post_notification(client, signed_notification(deposit, status)).status_code == 200

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("pending", True, 0)
        assert "CREDIT" in deposit.review_reason

        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}
        deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **PAID), "poll")
        assert deposit.entries.get().amount == 5

    def test_so_it_does_when_the_currency_is_told_later(self, user, settings):
        deposit = make_deposit(user=user)
        for currency in ("", "usd"):
            settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.nothing"}
            report = DepositReport(status="success", order_id=deposit.order_id, **{**PAID, "amount_currency": currency})
            assert deposits.record_report(report, "webhook").outcome == "withheld"

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("success", True, 0)
        assert "CREDIT" in deposit.review_reason


def nothing(_deposit):
    return Decimal(0), "usd"


class TestTheHoldPolicy:
    def test_sees_only_what_the_api_says_of_the_risk(self, client, user, settings, monkeypatch):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.remember"}
        seen.clear()
        deposit = make_deposit(user=user)
        post_notification(client, signed_notification(deposit, "in_hold", user_risk={"rollbacks": "0"}))
        held = {"order_id": deposit.order_id, "status": "in_hold", **PAID}
        monkeypatch.setattr(
            SkinsBackClient, "get_deposit", lambda *_args, **_ids: DepositReport(user_risk={"rollbacks": 9}, **held)
        )

        poll_deposits()

        assert seen == [{"rollbacks": 9}]

    @pytest.mark.parametrize("said", ["pending", "success"])
    def test_is_not_asked_unless_the_api_says_in_hold_too(self, client, user, settings, monkeypatch, said):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.remember"}
        seen.clear()
        deposit = make_deposit(user=user)
        post_notification(client, signed_notification(deposit, "in_hold", user_risk={"rollbacks": "0"}))
        report = DepositReport(status=said, order_id=deposit.order_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: report)

        assert poll_deposits().asked == 1

        assert seen == []

    def test_is_not_given_a_risk_the_api_does_not_tell(self, client, user, settings, monkeypatch):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.remember"}
        seen.clear()
        deposit = make_deposit(user=user)
        post_notification(client, signed_notification(deposit, "in_hold", user_risk={"rollbacks": "0"}))
        report = DepositReport(status="in_hold", order_id=deposit.order_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: report)

        poll_deposits()

        assert seen == [{}]


seen = []


def remember(deposit):
    seen.append(deposit.user_risk)


class TestPurchases:
    @pytest.mark.parametrize("name", ["AK-47\tRedline", "AK-47\n", "\x00", "", "x" * 10_000, 5])
    def test_a_name_that_cannot_be_sent_is_refused_before_anything_is_written(self, user, name):
        with pytest.raises(InvalidInput):
            purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name=name, max_price=5)

        assert not Purchase.objects.exists()

    def test_one_with_a_buy_id_and_a_word_nobody_knows_is_asked_for_and_not_sent_again(self, world):
        purchase = make_purchase(attempts=1)
        report = PurchaseReport(status="new_word", custom_id=purchase.custom_id, buy_id="77")
        purchases.record_report(report, "webhook")

        for _ in range(20):
            world.advance(minutes=3)
            poll_purchases()

        purchase.refresh_from_db()
        assert (purchase.attempts, purchase.needs_review) == (1, True)
        assert purchase.poll_count
        assert purchase.next_poll_at


class TestBalances:
    @pytest.fixture
    def told(self):
        heard = []

        def low(balance, **_kwargs):
            heard.append(balance)

        balance_low.connect(low)
        yield heard
        balance_low.disconnect(low)

    def event(self, usd):
        body = json.dumps({"event": "balance_change", "data": {"balance_value": usd}}).encode()
        signature = event_signature(body, conf.account().client_secret)
        headers = {"Content-Type": "application/json", "Signature": signature}
        return receive("event", "default", body, headers)

    def test_a_fall_told_by_an_event_is_told_once(self, settings, told, django_capture_on_commit_callbacks):
        settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(50)}
        balance.store_balance("default", Decimal(60))

        with django_capture_on_commit_callbacks(execute=True):
            assert self.event("40") == "applied"
            balance.store_balance("default", Decimal(40))
            assert self.event("39") == "applied"

        assert told == [40]
        assert BalanceSnapshot.objects.count() == 4

        with django_capture_on_commit_callbacks(execute=True):
            balance.store_balance("default", Decimal(60))
            self.event("45")
        assert told == [40, 45]
