"""Every decision that moves money, followed by every report that may come after it."""

from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connection, transaction

from django_skinsback import deposits, purchases
from django_skinsback.exceptions import InvalidInput
from django_skinsback.flows.ledger.audit import audit
from django_skinsback.models import Deposit, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.schedule import DAY
from django_skinsback.statuses import DepositStatus, PurchaseStatus
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = ("hold_approved", "success")
UNPAID = ("fail", "hold_returned")
FAILED = ("canceled", "timeout", "invalid_trade_token", "user_not_tradable", "trade_create_error")
ROLLED_BACK = ("rollback_user", "rollback_supplier")

CONTRADICTIONS = {
    # Of deposits
    "success": {"fail", "hold_returned"},
    "fail": {"success", "hold_approved", "hold_returned"},
    "hold_returned": {"success", "fail"},
    "hold_approved": {"fail"},
    # Of purchases
    "accepted": set(FAILED),
    "refused": {"creating_trade", "waiting_accept", "accepted", *FAILED},
    "rollback_supplier": {"rollback_user"},
    **{failure: {"accepted", *FAILED} - {failure} for failure in FAILED},
}
"""Stored status -> later reports that contradict it, whatever a person decided."""


@pytest.fixture(autouse=True)
def wallet(user):
    return Wallet.objects.create(user=user, balance=1000)


def sources(*names):
    """Return all of the sources on SQLite and the first one on a server: for a server a source is a text to store."""
    return names if connection.vendor == "sqlite" else names[:1]


@contextmanager
def rolled_back(row):
    """Undo what the block writes, so that each case begins with the same decided row without deciding it again."""
    row.refresh_from_db()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_the_wallet_agrees(wallet, row):
    wallet.refresh_from_db()
    assert wallet.balance == 1000 + sum(entry.amount for entry in row.entries.all())


def kinds(row):
    return list(row.entries.order_by("pk").values_list("kind", flat=True))


def report_deposit(deposit, status, source="webhook"):
    report = DepositReport(
        status=status,
        order_id=deposit.order_id,
        transaction_id=deposit.transaction_id or "",
        amount=Decimal("10.5"),
        user_amount=Decimal("12.6"),
        amount_currency="usd",
    )
    deposits.record_report(report, source)
    deposit.refresh_from_db()


def report_purchase(purchase, status, source="webhook"):
    report = PurchaseReport(status=status, custom_id=purchase.custom_id, buy_id=f"b{purchase.pk}")
    purchases.record_report(report, source)
    purchase.refresh_from_db()


def decided_deposit(user, operator, start, decision):
    """A deposit brought to a status by reports and then settled by a person. None if the decision is refused."""
    deposit = make_deposit(user=user, status="abandoned" if start == "abandoned" else "pending")
    for status in {"hold_returned": ["in_hold", "hold_returned"]}.get(start, [start]):
        if status not in {"pending", "abandoned"}:
            report_deposit(deposit, status)
    Deposit.objects.filter(pk=deposit.pk).update(amount=10.5, user_amount=12.6, amount_currency="usd")
    deposit.refresh_from_db()
    try:
        if decision == "credit and reverse":
            deposits.settle(deposit, "credit", operator)
            deposit.refresh_from_db()
            deposits.settle(deposit, "reverse", operator)
        elif decision != "none":
            deposits.settle(deposit, decision, operator)
    except InvalidInput:
        return None
    deposit.refresh_from_db()
    return deposit


def must_flag_deposit(start, before, later):
    """Whether the report contradicts the status or the entries that the decision left."""
    has_money = "credit" in before and "reversal" not in before
    if later in CONTRADICTIONS.get(start, set()):
        return True
    is_later = later != start and start not in UNPAID and not (start == "success" or later in {"pending", "in_hold"})
    if is_later and later in PAID and "reversal" in before:
        return True
    return is_later and later == "fail" and has_money  # hold_returned takes the credit back by itself


@pytest.mark.parametrize("decision", ["none", "keep", "credit", "reverse", "credit and reverse"])
@pytest.mark.parametrize("start", sorted(set(DepositStatus) - {"created"}))
def test_a_later_report_about_a_deposit_is_flagged_if_it_contradicts_and_posts_nothing_twice(
    user, operator, wallet, start, decision
):
    deposit = decided_deposit(user, operator, start, decision)
    if deposit is None:
        return
    before = kinds(deposit)
    for source in sources("webhook", "poll", "list", "answer"):
        for later in sorted({*PAID, *UNPAID, "in_hold", "pending"}):
            case = (start, decision, source, later)
            with rolled_back(deposit):
                report_deposit(deposit, later, source)

                assert deposit.needs_review is must_flag_deposit(start, before, later), case
                after = kinds(deposit)
                assert after[: len(before)] == before, case
                assert after in ([], ["credit"], ["credit", "reversal"]), case
                if decision in {"credit", "reverse", "credit and reverse"} and later in PAID:
                    assert after == before, case
                report_deposit(deposit, later, source)
                report_deposit(deposit, later, "webhook")
                assert kinds(deposit) == after, case
                assert_the_wallet_agrees(wallet, deposit)


def decided_purchase(user, operator, start, decision):
    purchase = purchases.buy(
        user=user,
        trade_url="https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
        market_hash_name="AK-47",
        max_price=5,
        charge=5,
        charge_currency="usd",
    )
    sent = {"attempts": 1, "submitted_at": utc_now() - DAY, "buy_id": f"b{purchase.pk}"}
    if start == "unknown":
        Purchase.objects.filter(pk=purchase.pk).update(status="unknown", attempts=1, submitted_at=utc_now() - DAY)
    elif start != "requested":
        Purchase.objects.filter(pk=purchase.pk).update(**sent)
        purchase.refresh_from_db()
        report_purchase(purchase, start)
    Purchase.objects.filter(pk=purchase.pk).update(needs_review=False, review_reasons=[])
    purchase.refresh_from_db()
    try:
        if decision != "none":
            purchases.settle(purchase, decision, operator)
    except InvalidInput:
        return None
    purchase.refresh_from_db()
    return purchase


@pytest.mark.parametrize("decision", ["none", "keep", "refund"])
@pytest.mark.parametrize("start", sorted(set(PurchaseStatus) - {"refused"}))
def test_a_later_report_about_a_purchase_is_flagged_if_it_contradicts_and_posts_nothing_twice(
    user, operator, wallet, start, decision
):
    purchase = decided_purchase(user, operator, start, decision)
    if purchase is None:
        return
    before, status = kinds(purchase), purchase.status
    for source in sources("webhook", "poll"):
        for later in sorted(set(PurchaseStatus) - {"requested", "unknown", "refused"}):
            case = (start, decision, source, later)
            with rolled_back(purchase):
                report_purchase(purchase, later, source)

                contradicts = later in CONTRADICTIONS.get(status, set())
                # After rollback_user a person decides about the refund, unless the charge was refunded before.
                undecided = purchase.status == later == "rollback_user" != status and "refund" not in before
                assert purchase.needs_review is (contradicts or undecided), case
                after = kinds(purchase)
                assert after in (["charge"], ["charge", "refund"]), case
                report_purchase(purchase, later, source)
                report_purchase(purchase, later, "webhook")
                assert kinds(purchase) == after, case
                assert_the_wallet_agrees(wallet, purchase)


def test_success_after_a_reversal_changes_the_status_posts_nothing_and_is_flagged(user, operator):
    deposit = decided_deposit(user, operator, "hold_approved", "reverse")

    report_deposit(deposit, "success")

    assert (deposit.status, kinds(deposit)) == ("success", ["credit", "reversal"])
    assert (
        deposit.review_reason
        == "SkinsBack reported “success” after the credit was reversed. Nothing was credited again."
    )


class TestAudit:
    @pytest.fixture
    def refunded_and_accepted(self, user, operator, monkeypatch):
        """A purchase refunded while its trade offer was open, as earlier versions allowed, and then accepted."""
        purchase = decided_purchase(user, operator, "waiting_accept", "none")
        with monkeypatch.context() as patch:
            patch.setattr("django_skinsback.flows.purchases.settle.refund_obstacle", lambda *_args: "")
            purchases.settle(purchase, "refund", operator)
        purchase.refresh_from_db()
        report_purchase(purchase, "accepted")
        assert (purchase.status, purchase.needs_review) == ("accepted", True)
        return purchase

    def problems(self):
        return [difference.problem for difference in audit()]

    def test_the_audit_does_not_report_a_purchase_in_review(self, refunded_and_accepted):
        assert self.problems() == []

    def test_the_audit_reports_a_purchase_that_was_refunded_and_then_accepted_without_a_decision(
        self, refunded_and_accepted
    ):
        Purchase.objects.update(needs_review=False)

        assert self.problems() == ["the purchase has not failed, but the user was refunded"]

    def test_the_audit_accepts_a_decision_after_refund_and_acceptance(self, refunded_and_accepted, operator):
        purchases.settle(refunded_and_accepted, "keep", operator)

        assert self.problems() == []

    def test_the_audit_accepts_an_operators_refund_of_an_accepted_purchase(self, user, operator):
        purchase = decided_purchase(user, operator, "accepted", "refund")

        assert kinds(purchase) == ["charge", "refund"]
        assert self.problems() == []

    def test_the_audit_ignores_a_decision_before_the_skin_was_accepted(self, user, operator, monkeypatch):
        """A keep while the trade offer was open does not cover a later acceptance."""
        purchase = decided_purchase(user, operator, "waiting_accept", "none")
        monkeypatch.setattr("django_skinsback.flows.purchases.settle.refund_obstacle", lambda *_args: "")
        for decision in ("refund", "keep"):
            purchase = purchases.settle(purchase, decision, operator)
        report_purchase(purchase, "accepted")
        Purchase.objects.update(needs_review=False)

        assert self.problems() == ["the purchase has not failed, but the user was refunded"]

    def test_the_audit_reports_only_the_wrong_row_among_many(
        self, user, operator, refunded_and_accepted, django_assert_max_num_queries
    ):
        Purchase.objects.update(needs_review=False)
        others = [("accepted", "refund"), ("accepted", "none"), ("canceled", "none"), ("unknown", "refund")]
        for start, decision in others:
            decided_purchase(user, operator, start, decision)

        with django_assert_max_num_queries(20):
            assert [difference.row_id for difference in audit()] == [refunded_and_accepted.pk]
