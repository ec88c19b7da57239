"""An operator's decision stands: no second credit, no second sending, and no repeated review."""

from decimal import Decimal

import pytest

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.connection import get_client
from django_skinsback.exceptions import InvalidInput
from django_skinsback.flows.ledger.edit import Source
from django_skinsback.flows.ledger.record import change
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.purchases.report import refund
from django_skinsback.flows.webhooks.replay import apply_again
from django_skinsback.models import Purchase, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


def deposit_report(deposit, status, **fields):
    return DepositReport(
        status=status, order_id=deposit.order_id, transaction_id=deposit.transaction_id, **{**PAID, **fields}
    )


def record_status(row, status, source="poll", **fields):
    """Record one report about a deposit or a purchase and return the outcome."""
    if hasattr(row, "order_id"):
        recorded = deposits.record_report(deposit_report(row, status, **fields), source)
    else:
        report = PurchaseReport(status=status, custom_id=row.custom_id, buy_id=row.buy_id or "", **fields)
        recorded = purchases.record_report(report, source)
    row.refresh_from_db()
    return recorded.outcome


def kinds(row):
    return list(row.entries.order_by("pk").values_list("kind", flat=True))


class TestDeposits:
    @pytest.fixture
    def deposit(self, user):
        return make_deposit(user=user, steam_id="76561198050648523")

    @pytest.fixture
    def disputed(self, client, user):
        """A failed deposit that a later webhook reports as paid."""
        deposit = make_deposit(user=user, status="fail")
        post_notification(client, signed_notification(deposit))
        deposit.refresh_from_db()
        assert deposit.needs_review
        return deposit

    def test_a_credit_given_during_the_hold_is_not_given_again(self, deposit, operator):
        record_status(deposit, "in_hold")
        deposits.settle(deposit, "credit", operator, "a regular")

        assert record_status(deposit, "hold_approved") == "applied"
        assert record_status(deposit, "success") == "applied"

        assert kinds(deposit) == ["credit"]
        assert not deposit.needs_review

    def test_a_failure_after_an_operators_credit_is_flagged_and_takes_nothing_back(self, deposit, operator, user):
        record_status(deposit, "in_hold")
        deposits.settle(deposit, "credit", operator, "a regular")

        assert record_status(deposit, "fail") == "applied"

        assert (deposit.status, kinds(deposit)) == ("fail", ["credit"])
        assert deposit.review_reason == "The deposit failed after an operator had credited it."
        assert Wallet.objects.get(user=user).balance == 6

    def test_a_failure_after_an_operators_reversal_is_not_flagged(self, deposit, operator):
        record_status(deposit, "hold_approved")
        deposits.settle(deposit, "reverse", operator, "a thief")

        assert record_status(deposit, "hold_returned") == "applied"

        assert kinds(deposit) == ["credit", "reversal"]
        assert not deposit.needs_review

    def test_a_reversed_deposit_is_not_credited_again_by_its_success(self, deposit, operator):
        record_status(deposit, "hold_approved")
        deposits.settle(deposit, "reverse", operator, "a thief")

        record_status(deposit, "success")

        assert (deposit.status, kinds(deposit)) == ("success", ["credit", "reversal"])

    def test_a_dispute_that_was_kept_is_not_reopened_by_the_same_status(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        assert record_status(disputed, "success", source="webhook") == "conflict"
        assert (disputed.status, disputed.needs_review, kinds(disputed)) == ("fail", False, [])

    def test_a_dispute_that_was_kept_is_not_changed_by_the_sweep(self, disputed, operator, monkeypatch):
        """The poll was due before the operator decided."""
        deposits.settle(disputed, "keep", operator, "no credit")
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: deposit_report(disputed, "success"))

        assert poll_deposits().asked == 1

        disputed.refresh_from_db()
        assert (disputed.status, disputed.needs_review, kinds(disputed)) == ("fail", False, [])
        assert disputed.next_poll_at is None

    def test_a_dispute_that_was_kept_is_not_reopened_by_a_replayed_delivery(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        assert apply_again(WebhookEvent.objects.get()) == "conflict"

        disputed.refresh_from_db()
        assert not disputed.needs_review

    def test_a_new_contradiction_after_a_keep_is_flagged(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        record_status(disputed, "hold_returned", source="webhook")

        assert disputed.needs_review
        assert "hold_returned" in disputed.review_reason

    def test_another_payer_that_was_kept_is_not_flagged_by_the_next_report(self, deposit, operator):
        record_status(deposit, "hold_approved", steam_id="76561198827262007")
        assert "another Steam account" in deposit.review_reason
        deposits.settle(deposit, "keep", operator, "his brother")

        record_status(deposit, "success", steam_id="76561198827262007")
        record_status(deposit, "success", steam_id="76561198827262007")

        assert (deposit.status, deposit.needs_review, kinds(deposit)) == ("success", False, ["credit"])

    @pytest.mark.parametrize("kept_during", ["in_hold", "success"])
    def test_a_keep_after_success_prevents_the_credit_when_the_currency_is_reported_later(
        self, deposit, operator, kept_during
    ):
        for status in ("in_hold", "success"):
            record_status(deposit, status, amount_currency="", steam_id="another")
            if status == kept_during:
                deposits.settle(deposit, "keep", operator)
        record_status(deposit, "a new word")
        assert deposit.needs_review

        outcome = record_status(deposit, "success")

        assert (outcome, kinds(deposit)) == (("repeat", []) if kept_during == "success" else ("applied", ["credit"]))

    def test_the_history_stores_the_operator_the_decision_and_the_reason(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        line = disputed.changes.get(source="operator")
        assert (line.by, line.from_status, line.to_status) == (operator, "fail", "fail")
        assert (line.decision, line.note) == ("keep", "no credit")
        assert line.text.splitlines() == [
            "kept as it is",
            "no credit",
            "SkinsBack reported “fail” and then the contradictory status “success”.",
        ]

    def test_the_history_stores_the_amount_of_a_credit(self, deposit, operator):
        record_status(deposit, "in_hold")
        deposits.settle(deposit, "credit", operator)

        line = deposit.changes.get(source="operator")
        assert (line.credit_amount, line.credit_currency, line.decision) == (6, "usd", "credit")
        assert deposit.entries.get().user == deposit.user

    def test_a_credit_function_that_returns_zero_leaves_the_review_open(self, disputed, operator, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_zero"}

        with pytest.raises(InvalidInput, match="above zero"):
            deposits.settle(disputed, "credit", operator)

        disputed.refresh_from_db()
        assert (disputed.needs_review, disputed.changes.filter(source="operator").count()) == (True, 0)


def credit_zero(_deposit):
    return Decimal(0), "usd"


class TestPurchases:
    @pytest.fixture
    def funded_user(self, user):
        return Wallet.objects.create(user=user, balance=1000).user

    @pytest.fixture
    def unknown_purchase(self, world, funded_user):
        """A purchase sent without an answer and then refused: the first attempt may have bought the skin."""
        skin = min(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)
        purchase = purchases.buy(
            user=funded_user,
            trade_url=TRADE_URL,
            skin_id=skin.skin_id,
            game="rust",
            max_price=skin.price,
            charge=5,
            charge_currency="usd",
        )
        world.sandbox.faults.add("html_error", "market_buy")
        purchases.submit(purchase)
        world.sandbox.faults.add("error", "market_buy", value="4 insufficient_funds")
        world.advance(minutes=3)
        poll_purchases()
        purchase.refresh_from_db()
        assert (purchase.status, purchase.needs_review, purchase.attempts) == ("unknown", True, 2)
        return purchase

    @pytest.fixture
    def waiting_purchase(self, funded_user):
        """A purchase that is charged, bought and offered to its user."""
        purchase = purchases.buy(
            user=funded_user,
            trade_url=TRADE_URL,
            market_hash_name="AK-47",
            max_price=5,
            charge=5,
            charge_currency="usd",
        )
        type(purchase).objects.filter(pk=purchase.pk).update(attempts=1, buy_id="7")
        purchase.refresh_from_db()
        record_status(purchase, "waiting_accept")
        return purchase

    def sweep(self, world, purchase):
        for _ in range(20):
            world.advance(minutes=3)
            poll_purchases()
        purchase.refresh_from_db()

    @pytest.mark.parametrize(
        ("outcome", "status", "ledger"),
        [("keep", "unknown", ["charge"]), ("refund", "refused", ["charge", "refund"])],
    )
    def test_an_unknown_purchase_that_was_settled_is_neither_sent_nor_flagged_again(
        self, world, unknown_purchase, operator, outcome, status, ledger
    ):
        world.advance(minutes=5)
        purchases.settle(unknown_purchase, outcome, operator, "decided")

        self.sweep(world, unknown_purchase)

        assert (unknown_purchase.attempts, unknown_purchase.needs_review) == (2, False)
        assert (unknown_purchase.status, kinds(unknown_purchase)) == (status, ledger)
        assert world.sandbox.sold(unknown_purchase.custom_id) == 0

    def test_a_price_above_the_cap_that_was_kept_is_not_flagged_again(self, operator):
        purchase = make_purchase(status="waiting_accept", max_price=Decimal(5))
        record_status(purchase, "waiting_accept", price=Decimal(6))
        assert purchase.needs_review
        purchases.settle(purchase, "keep", operator, "fine")

        record_status(purchase, "waiting_accept", price=Decimal(6))

        assert not purchase.needs_review

    def test_an_unknown_status_that_was_kept_is_not_flagged_again(self, operator):
        purchase = make_purchase(status="waiting_accept")
        record_status(purchase, "gifted")
        purchases.settle(purchase, "keep", operator, "asked support")

        record_status(purchase, "gifted")
        assert (purchase.needs_review, purchase.changes.filter(to_status="gifted").count()) == (False, 1)

        record_status(purchase, "lent")
        assert purchase.needs_review

    @pytest.fixture
    def refunded(self, waiting_purchase, operator):
        """A purchase refunded while its trade offer was open, as earlier versions allowed."""

        def refund_live_offer(edit):
            edit.by = operator
            edit.settle("refund", "he complained")
            refund(edit)

        change(Purchase, waiting_purchase.pk, Source.OPERATOR, refund_live_offer)
        waiting_purchase.refresh_from_db()
        return waiting_purchase

    def test_a_skin_accepted_after_an_operators_refund_is_flagged(self, refunded):
        waiting_purchase = refunded

        assert record_status(waiting_purchase, "accepted") == "applied"

        assert (waiting_purchase.status, kinds(waiting_purchase)) == ("accepted", ["charge", "refund"])
        assert waiting_purchase.review_reason == "The user accepted the skin after an operator had refunded the charge."

    @pytest.mark.parametrize("status", ["timeout", "rollback_supplier", "rollback_user"])
    def test_a_failure_after_an_operators_refund_posts_no_second_refund(self, refunded, status):
        waiting_purchase = refunded

        record_status(waiting_purchase, status)

        assert (waiting_purchase.status, waiting_purchase.needs_review, kinds(waiting_purchase)) == (
            status,
            False,
            ["charge", "refund"],
        )
        assert Wallet.objects.get().balance == 1000

    def test_a_bought_skin_is_not_refunded_while_its_offer_can_be_accepted(self, waiting_purchase, operator):
        with pytest.raises(InvalidInput, match="may still accept"):
            purchases.settle(waiting_purchase, "refund", operator, "he complained")

        waiting_purchase.refresh_from_db()
        assert (waiting_purchase.status, kinds(waiting_purchase)) == ("waiting_accept", ["charge"])
        assert waiting_purchase.next_poll_at is not None

    def test_an_unknown_decision_is_refused_and_nothing_is_settled(self, waiting_purchase, operator):
        with pytest.raises(InvalidInput, match="keep, refund"):
            purchases.settle(waiting_purchase, "credit", operator)

        assert not waiting_purchase.changes.filter(source="operator").exists()

    def test_the_history_of_a_cancelled_purchase_has_the_operator_and_the_note(self, funded_user, operator):
        options = {"user": funded_user, "trade_url": TRADE_URL, "market_hash_name": "AK-47", "max_price": 5}
        purchase, without_note = purchases.buy(**options), purchases.buy(**options)

        purchases.cancel(purchase, by=operator, note="changed his mind")
        purchases.cancel(without_note)

        purchase.refresh_from_db()
        line = purchase.changes.get(to_status="refused")
        assert (line.by, line.source, line.note) == (operator, "operator", "changed his mind")
        assert purchase.error_message == "cancelled"
        assert without_note.changes.get(to_status="refused").text == "cancelled before it was sent"

    def test_a_deleted_purchase_cannot_be_settled_or_cancelled(self, operator):
        purchase = make_purchase()
        purchase.delete()
        purchase.pk = 10**9

        for decide in (purchases.cancel, lambda row: purchases.settle(row, "keep", operator)):
            with pytest.raises(InvalidInput, match="was deleted"):
                decide(purchase)
