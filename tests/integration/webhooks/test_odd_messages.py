"""Unexpected values from SkinsBack, the site or its users: none of them loses or doubles money."""

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
    def test_a_text_that_is_longer_than_its_column_does_not_prevent_the_credit(self, client, user, field):
        deposit = make_deposit(user=user)

        answer = post_notification(client, signed_notification(deposit, **{field: "9" * 1000}))

        assert (answer.status_code, deposit.entries.count()) == (200, 1)

    def test_a_status_that_is_longer_than_its_column_is_truncated_and_flagged(self, client, user):
        deposit = make_deposit(user=user)

        assert post_notification(client, signed_notification(deposit, "x" * 200)).status_code == 200

        assert deposit.changes.get().to_status == "x" * 64
        deposit.refresh_from_db()
        assert deposit.needs_review

    def test_no_url_in_a_delivery_is_fetched(self, client, user, monkeypatch, django_capture_on_commit_callbacks):
        connections = []

        def refuse(*arguments, **_options):
            connections.append(arguments)
            raise AssertionError("something was fetched")

        for owner, name in [(socket.socket, "connect"), (socket, "getaddrinfo"), (requests.Session, "send")]:
            monkeypatch.setattr(owner, name, refuse)
        url = "http://169.254.169.254/latest/"
        deposit, purchase = make_deposit(user=user), make_purchase(status="creating_trade")
        names = ["reason", "trade_offer_id", "result_url", "success_url", "fail_url", "callback", "user_inventory"]
        skin = dict.fromkeys(["name", "image", "icon", "price", "inspect_link"], url)
        message = signed_notification(deposit, **dict.fromkeys(names, url))
        event_data = dict.fromkeys(["error_reason", "tradeofferid", "result_url", "webhook", "image"], url)
        ids = {"custom_id": purchase.custom_id, "buy_id": purchase.buy_id, "offer_status": "accepted"}
        event = {"event": "status_change", "url": url, "data": {**event_data, **ids, "item": {**skin, "id": url}}}
        body = json.dumps(event).encode()
        signature = {"Signature": event_signature(body, "123")}

        with django_capture_on_commit_callbacks(execute=True):
            answers = [
                post_notification(client, {**message, "skins": [skin], "user_risk": {"link": url}}),
                client.post("/skinsback/events/", body, content_type="application/json", headers=signature),
            ]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert (deposit.entries.count(), purchase.changes.get().to_status) == (1, "accepted")
        assert connections == []

    def test_replaying_an_applied_delivery_does_not_restore_an_older_amount(self, client, user):
        deposit = make_deposit(user=user)
        for amount in ("12.6", "8.4"):
            post_notification(client, signed_notification(deposit, "in_hold", user_amount=amount))

        apply_again(WebhookEvent.objects.earliest("pk"))

        deposit.refresh_from_db()
        assert deposit.user_amount == Decimal("8.4")

    def test_a_delivery_that_was_applied_meanwhile_is_not_applied_again(self, client, user):
        later = Deposit(order_id="later", transaction_id="7")
        post_notification(client, signed_notification(later, "in_hold", user_amount="12.6"))
        deposit = make_deposit(user=user, order_id="later", transaction_id="7")
        first_copy, second_copy = WebhookEvent.objects.get(), WebhookEvent.objects.get()

        assert apply_again(second_copy) == "applied"
        post_notification(client, signed_notification(later, "in_hold", user_amount="8.4"))
        assert apply_again(first_copy) == "repeat"

        deposit.refresh_from_db()
        assert deposit.user_amount == Decimal("8.4")
        assert WebhookEvent.objects.earliest("pk").outcome == "applied"

    def test_a_repeated_delivery_about_an_unknown_deposit_is_stored_once(self, client, user):
        deposit = make_deposit(user=user)
        message = signed_notification(deposit)
        deposit.delete()

        for _ in range(3):
            assert post_notification(client, message).status_code == 200

        assert WebhookEvent.objects.count() == 1


class TestDeposits:
    def test_an_answer_of_orderstatus_without_ids_is_recorded_for_the_polled_deposit(self, user, monkeypatch):
        deposit = make_deposit(user=user)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: DepositReport(status="fail"))

        assert deposits.refresh(deposit).status == "fail"

    @pytest.mark.parametrize("transaction_id", ["", "of-another"])
    def test_an_answer_of_orderstatus_about_another_deposit_changes_neither(self, user, monkeypatch, transaction_id):
        polled, other = make_deposit(user=user), make_deposit(user=user, transaction_id="of-another")
        report = DepositReport(status="success", order_id=other.order_id, transaction_id=transaction_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: report)

        with pytest.raises(UnknownOutcome, match="another deposit"):
            deposits.refresh(polled)

        for deposit in (polled, other):
            deposit.refresh_from_db()
            assert (deposit.status, deposit.entries.count()) == ("pending", 0)

    @pytest.mark.parametrize("status", ["hold_approved", "success"])
    def test_a_credit_function_that_returns_zero_flags_the_deposit(self, client, user, settings, status):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_zero"}
        deposit = make_deposit(user=user)

        assert post_notification(client, signed_notification(deposit, status)).status_code == 200

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("pending", True, 0)
        assert "CREDIT" in deposit.review_reason

        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}
        deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **PAID), "poll")
        assert deposit.entries.get().amount == 5

    def test_a_credit_function_that_returns_zero_flags_the_deposit_when_its_currency_is_reported_later(
        self, user, settings
    ):
        deposit = make_deposit(user=user)
        for currency in ("", "usd"):
            settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_zero"}
            report = DepositReport(status="success", order_id=deposit.order_id, **{**PAID, "amount_currency": currency})
            assert deposits.record_report(report, "webhook").outcome == "withheld"

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("success", True, 0)
        assert "CREDIT" in deposit.review_reason


def credit_zero(_deposit):
    return Decimal(0), "usd"


class TestHoldPolicy:
    def test_the_hold_policy_gets_the_risk_of_the_api_and_not_of_the_webhook(self, client, user, settings, monkeypatch):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.store_risk"}
        seen_risks.clear()
        deposit = make_deposit(user=user)
        post_notification(client, signed_notification(deposit, "in_hold", user_risk={"rollbacks": "0"}))
        held = {"order_id": deposit.order_id, "status": "in_hold", **PAID}
        monkeypatch.setattr(
            SkinsBackClient, "get_deposit", lambda *_args, **_ids: DepositReport(user_risk={"rollbacks": 9}, **held)
        )

        poll_deposits()

        assert seen_risks == [{"rollbacks": 9}]

    @pytest.mark.parametrize("status_at_skinsback", ["pending", "success"])
    def test_the_hold_policy_is_not_called_unless_the_api_confirms_in_hold(
        self, client, user, settings, monkeypatch, status_at_skinsback
    ):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.store_risk"}
        seen_risks.clear()
        deposit = make_deposit(user=user)
        post_notification(client, signed_notification(deposit, "in_hold", user_risk={"rollbacks": "0"}))
        report = DepositReport(status=status_at_skinsback, order_id=deposit.order_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: report)

        assert poll_deposits().asked == 1

        assert seen_risks == []

    def test_the_hold_policy_gets_no_risk_if_the_api_sends_none(self, client, user, settings, monkeypatch):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.store_risk"}
        seen_risks.clear()
        deposit = make_deposit(user=user)
        post_notification(client, signed_notification(deposit, "in_hold", user_risk={"rollbacks": "0"}))
        report = DepositReport(status="in_hold", order_id=deposit.order_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: report)

        poll_deposits()

        assert seen_risks == [{}]


seen_risks = []


def store_risk(deposit):
    seen_risks.append(deposit.user_risk)


class TestPurchases:
    @pytest.mark.parametrize("name", ["AK-47\tRedline", "AK-47\n", "\x00", "", "x" * 10_000, 5])
    def test_a_name_that_cannot_be_sent_is_refused_before_anything_is_written(self, user, name):
        with pytest.raises(InvalidInput):
            purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name=name, max_price=5)

        assert not Purchase.objects.exists()

    def test_a_purchase_with_a_buy_id_and_an_unknown_status_is_polled_and_not_sent_again(self, world):
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
    def low_balances(self):
        received = []

        def low(balance, **_kwargs):
            received.append(balance)

        balance_low.connect(low)
        yield received
        balance_low.disconnect(low)

    def event(self, usd):
        body = json.dumps({"event": "balance_change", "data": {"balance_value": usd}}).encode()
        signature = event_signature(body, conf.account().client_secret)
        headers = {"Content-Type": "application/json", "Signature": signature}
        return receive("event", "default", body, headers)

    def test_a_low_balance_that_an_event_reports_is_signalled_once(
        self, settings, low_balances, django_capture_on_commit_callbacks
    ):
        settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(50)}
        balance.store_balance("default", Decimal(60))

        with django_capture_on_commit_callbacks(execute=True):
            assert self.event("40") == "applied"
            balance.store_balance("default", Decimal(40))
            assert self.event("39") == "applied"

        assert low_balances == [40]
        assert BalanceSnapshot.objects.count() == 4

        with django_capture_on_commit_callbacks(execute=True):
            balance.store_balance("default", Decimal(60))
            self.event("45")
        assert low_balances == [40, 45]
