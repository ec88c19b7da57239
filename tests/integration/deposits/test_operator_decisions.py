"""What an operator has decided stands: no second credit, no second sending, no review without an end."""

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


def tell(row, status, source="poll", **fields):
    """One report about a deposit or a purchase; returns what became of it."""
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
        """One that failed, and that a webhook calls paid."""
        deposit = make_deposit(user=user, status="fail")
        post_notification(client, signed_notification(deposit))
        deposit.refresh_from_db()
        assert deposit.needs_review
        return deposit

    def test_a_credit_given_during_the_hold_is_not_given_again(self, deposit, operator):
        tell(deposit, "in_hold")
        deposits.settle(deposit, "credit", operator, "a regular")

        assert tell(deposit, "hold_approved") == "applied"
        assert tell(deposit, "success") == "applied"

        assert kinds(deposit) == ["credit"]
        assert not deposit.needs_review

    def test_a_failure_after_an_operators_credit_is_flagged_and_takes_nothing_back(self, deposit, operator, user):
        tell(deposit, "in_hold")
        deposits.settle(deposit, "credit", operator, "a regular")

        assert tell(deposit, "fail") == "applied"

        assert (deposit.status, kinds(deposit)) == ("fail", ["credit"])
        assert deposit.review_reason == "The deposit failed after an operator had credited it."
        assert Wallet.objects.get(user=user).balance == 6

    def test_a_failure_after_an_operators_reversal_is_nobodys_matter(self, deposit, operator):
        tell(deposit, "hold_approved")
        deposits.settle(deposit, "reverse", operator, "a thief")

        assert tell(deposit, "hold_returned") == "applied"

        assert kinds(deposit) == ["credit", "reversal"]
        assert not deposit.needs_review

    def test_a_reversed_deposit_is_not_credited_again_by_its_success(self, deposit, operator):
        tell(deposit, "hold_approved")
        deposits.settle(deposit, "reverse", operator, "a thief")

        tell(deposit, "success")

        assert (deposit.status, kinds(deposit)) == ("success", ["credit", "reversal"])

    def test_a_dispute_that_was_kept_is_not_reopened_by_the_same_words(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        assert tell(disputed, "success", source="webhook") == "conflict"
        assert (disputed.status, disputed.needs_review, kinds(disputed)) == ("fail", False, [])

    def test_a_dispute_that_was_kept_is_not_decided_otherwise_by_the_sweep(self, disputed, operator, monkeypatch):
        """The sweep's question was due when the operator decided."""
        deposits.settle(disputed, "keep", operator, "no credit")
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, **_ids: deposit_report(disputed, "success"))

        assert poll_deposits().asked == 1

        disputed.refresh_from_db()
        assert (disputed.status, disputed.needs_review, kinds(disputed)) == ("fail", False, [])
        assert disputed.next_poll_at is None

    def test_a_delivery_applied_again_by_hand_does_not_reopen_it(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        assert apply_again(WebhookEvent.objects.get()) == "conflict"

        disputed.refresh_from_db()
        assert not disputed.needs_review

    def test_a_new_contradiction_is_flagged(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        tell(disputed, "hold_returned", source="webhook")

        assert disputed.needs_review
        assert "hold_returned" in disputed.review_reason

    def test_an_oddity_that_was_kept_is_not_flagged_by_the_next_report(self, deposit, operator):
        tell(deposit, "hold_approved", steam_id="76561198827262007")
        assert "another Steam account" in deposit.review_reason
        deposits.settle(deposit, "keep", operator, "his brother")

        tell(deposit, "success", steam_id="76561198827262007")
        tell(deposit, "success", steam_id="76561198827262007")

        assert (deposit.status, deposit.needs_review, kinds(deposit)) == ("success", False, ["credit"])

    @pytest.mark.parametrize("kept_during", ["in_hold", "success"])
    def test_a_credit_that_he_withheld_is_not_given_when_its_currency_is_told_though_it_was_flagged_again(
        self, deposit, operator, kept_during
    ):
        for status in ("in_hold", "success"):
            tell(deposit, status, amount_currency="", steam_id="another")
            if status == kept_during:
                deposits.settle(deposit, "keep", operator)
        tell(deposit, "a new word")
        assert deposit.needs_review

        outcome = tell(deposit, "success")

        assert (outcome, kinds(deposit)) == (("repeat", []) if kept_during == "success" else ("applied", ["credit"]))

    def test_the_history_says_who_decided_what_and_about_what(self, disputed, operator):
        deposits.settle(disputed, "keep", operator, "no credit")

        line = disputed.changes.get(source="operator")
        assert (line.by, line.from_status, line.to_status) == (operator, "fail", "fail")
        assert (line.decision, line.note) == ("keep", "no credit")
        assert line.text.splitlines() == ["kept as it is", "no credit", "SkinsBack said “fail” and then “success”."]

    def test_a_credit_keeps_its_amount_in_the_history(self, deposit, operator):
        tell(deposit, "in_hold")
        deposits.settle(deposit, "credit", operator)

        line = deposit.changes.get(source="operator")
        assert (line.credit_amount, line.credit_currency, line.decision) == (6, "usd", "credit")
        assert deposit.entries.get().user == deposit.user

    def test_a_credit_the_site_refuses_leaves_the_review_open(self, disputed, operator, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.nothing"}

        with pytest.raises(InvalidInput, match="above zero"):
            deposits.settle(disputed, "credit", operator)

        disputed.refresh_from_db()
        assert (disputed.needs_review, disputed.changes.filter(source="operator").count()) == (True, 0)


def nothing(_deposit):
    return Decimal(0), "usd"


class TestPurchases:
    @pytest.fixture
    def rich(self, user):
        return Wallet.objects.create(user=user, balance=1000).user

    @pytest.fixture
    def doubtful(self, world, rich):
        """Sent once without an answer and then refused: the first attempt may have bought the skin."""
        skin = min(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)
        purchase = purchases.buy(
            user=rich,
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
    def waiting(self, rich):
        """Charged, bought, and offered to its user."""
        purchase = purchases.buy(
            user=rich,
            trade_url=TRADE_URL,
            market_hash_name="AK-47",
            max_price=5,
            charge=5,
            charge_currency="usd",
        )
        type(purchase).objects.filter(pk=purchase.pk).update(attempts=1, buy_id="7")
        purchase.refresh_from_db()
        tell(purchase, "waiting_accept")
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
    def test_a_doubtful_one_is_neither_sent_nor_reviewed_again(
        self, world, doubtful, operator, outcome, status, ledger
    ):
        world.advance(minutes=3)
        purchases.settle(doubtful, outcome, operator, "decided")

        self.sweep(world, doubtful)

        assert (doubtful.attempts, doubtful.needs_review) == (2, False)
        assert (doubtful.status, kinds(doubtful)) == (status, ledger)
        assert world.sandbox.sold(doubtful.custom_id) == 0

    def test_a_price_above_the_cap_that_was_kept_is_not_flagged_by_each_poll(self, operator):
        purchase = make_purchase(status="waiting_accept", max_price=Decimal(5))
        tell(purchase, "waiting_accept", price=Decimal(6))
        assert purchase.needs_review
        purchases.settle(purchase, "keep", operator, "fine")

        tell(purchase, "waiting_accept", price=Decimal(6))

        assert not purchase.needs_review

    def test_an_unknown_word_that_was_kept_is_not_flagged_by_each_poll(self, operator):
        purchase = make_purchase(status="waiting_accept")
        tell(purchase, "gifted")
        purchases.settle(purchase, "keep", operator, "asked support")

        tell(purchase, "gifted")
        assert (purchase.needs_review, purchase.changes.filter(to_status="gifted").count()) == (False, 1)

        tell(purchase, "lent")
        assert purchase.needs_review

    @pytest.fixture
    def refunded(self, waiting, operator):
        """Refunded while its offer was live, as versions before this one allowed."""

        def act(edit):
            edit.settle("refund", "he complained")
            refund(edit)

        change(Purchase, waiting.pk, Source.OPERATOR, act, by=operator)
        waiting.refresh_from_db()
        return waiting

    def test_a_skin_accepted_after_an_operators_refund_is_flagged(self, refunded):
        waiting = refunded

        assert tell(waiting, "accepted") == "applied"

        assert (waiting.status, kinds(waiting)) == ("accepted", ["charge", "refund"])
        assert waiting.review_reason == "The user accepted the skin after an operator had refunded the charge."

    @pytest.mark.parametrize("status", ["timeout", "rollback_supplier", "rollback_user"])
    def test_a_failure_after_an_operators_refund_gives_nothing_twice(self, refunded, status):
        waiting = refunded

        tell(waiting, status)

        assert (waiting.status, waiting.needs_review, kinds(waiting)) == (status, False, ["charge", "refund"])
        assert Wallet.objects.get().balance == 1000

    def test_a_bought_skin_is_not_refunded_while_its_offer_can_be_accepted(self, waiting, operator):
        with pytest.raises(InvalidInput, match="may still accept"):
            purchases.settle(waiting, "refund", operator, "he complained")

        waiting.refresh_from_db()
        assert (waiting.status, kinds(waiting)) == ("waiting_accept", ["charge"])
        assert waiting.next_poll_at is not None

    def test_another_word_is_refused_and_nothing_is_settled(self, waiting, operator):
        with pytest.raises(InvalidInput, match="keep, refund"):
            purchases.settle(waiting, "credit", operator)

        assert not waiting.changes.filter(source="operator").exists()

    def test_a_cancelled_purchase_says_by_whom_and_why(self, rich, operator):
        options = {"user": rich, "trade_url": TRADE_URL, "market_hash_name": "AK-47", "max_price": 5}
        purchase, silent = purchases.buy(**options), purchases.buy(**options)

        purchases.cancel(purchase, by=operator, note="changed his mind")
        purchases.cancel(silent)

        purchase.refresh_from_db()
        line = purchase.changes.get(to_status="refused")
        assert (line.by, line.source, line.note) == (operator, "operator", "changed his mind")
        assert purchase.error_message == "cancelled"
        assert silent.changes.get(to_status="refused").text == "cancelled before it was sent"

    def test_a_row_that_is_gone_cannot_be_decided(self, operator):
        purchase = make_purchase()
        purchase.delete()
        purchase.pk = 10**9

        for decide in (purchases.cancel, lambda row: purchases.settle(row, "keep", operator)):
            with pytest.raises(InvalidInput, match="does not exist"):
                decide(purchase)
