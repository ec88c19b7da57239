"""What one report about a purchase does to the row and to the ledger."""

from datetime import timedelta
from decimal import Decimal

import pytest

from django_skinsback import purchases, schedule
from django_skinsback.exceptions import InvalidInput
from django_skinsback.flows.ledger.edit import Edit, Source
from django_skinsback.models import LedgerEntry, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.statuses import PURCHASE_FAILURES, EntryKind
from django_skinsback.testing import make_purchase
from django_skinsback.wire.types import PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def record_status(purchase, status, source="webhook", **fields):
    """Record one report about ``purchase`` and return the outcome."""
    report = {"custom_id": purchase.custom_id, "buy_id": purchase.buy_id or "9", "status": status}
    recorded = purchases.record_report(PurchaseReport(**{**report, **fields}), source, account=purchase.account)
    purchase.refresh_from_db()
    return recorded.outcome


def kinds(purchase):
    return list(LedgerEntry.objects.filter(purchase=purchase).order_by("pk").values_list("kind", flat=True))


@pytest.fixture
def purchase(user):
    """A purchase with a charge."""
    Wallet.objects.create(user=user, balance=5)
    row = make_purchase(user=user, charge_amount=Decimal(5), charge_currency="usd", attempts=1)
    edit = Edit(row, utc_now(), Source.FLOW)
    edit.note("", "requested")
    edit.post(EntryKind.CHARGE, Decimal(-5), "usd", user.pk)
    edit.save()
    return row


@pytest.mark.parametrize("failure", sorted(PURCHASE_FAILURES - {"refused"}))
@pytest.mark.parametrize("before", ["requested", "creating_trade", "waiting_accept"])
def test_every_failure_refunds_the_charge_once(purchase, user, failure, before):
    if before != "requested":
        record_status(purchase, before)

    assert record_status(purchase, failure) == "applied"
    assert record_status(purchase, failure) == "repeat"

    assert kinds(purchase) == ["charge", "refund"]
    assert Wallet.objects.get(user=user).balance == 5
    assert (purchase.token, purchase.next_poll_at) == ("", None)
    assert purchase.finished_at is not None


@pytest.mark.parametrize(
    "end_purchase", [lambda row: record_status(row, "timeout"), purchases.cancel], ids=["a failure", "cancel"]
)
def test_a_refund_has_the_user_the_amount_and_the_currency_of_the_charge(purchase, user, operator, end_purchase):
    """Since the charge, the purchase got another user, charge amount and currency."""
    Purchase.objects.update(user=operator, charge_amount=Decimal(4), charge_currency="eur", attempts=0)
    purchase.refresh_from_db()

    end_purchase(purchase)

    charge, refund = LedgerEntry.objects.order_by("pk").values_list("user", "amount", "currency")
    assert charge == (user.pk, -5, "usd")
    assert refund == (user.pk, 5, "usd")


def test_a_purchase_without_a_charge_posts_nothing():
    purchase = make_purchase(attempts=1)

    record_status(purchase, "timeout")

    assert kinds(purchase) == []


def test_an_accepted_trade_rolled_back_by_the_supplier_is_refunded(purchase):
    for status in ("creating_trade", "waiting_accept", "accepted", "rollback_supplier"):
        record_status(purchase, status)

    assert kinds(purchase) == ["charge", "refund"]


def test_a_rollback_by_the_user_is_refunded_only_by_an_operator(purchase, operator):
    record_status(purchase, "accepted")
    record_status(purchase, "rollback_user")

    assert (kinds(purchase), purchase.needs_review) == (["charge"], True)

    purchases.settle(purchase, "refund", by=operator, note="he asked first")
    purchase.refresh_from_db()
    assert (kinds(purchase), purchase.needs_review) == (["charge", "refund"], False)


def test_a_rollback_by_the_user_of_an_uncharged_purchase_is_not_flagged():
    purchase = make_purchase(status="accepted")

    assert record_status(purchase, "rollback_user") == "applied"

    assert (purchase.status, purchase.needs_review) == ("rollback_user", False)


def test_a_rollback_by_the_user_is_refunded_if_the_setting_says_so(purchase, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "REFUND_USER_ROLLBACK": True}

    record_status(purchase, "accepted")
    record_status(purchase, "rollback_user")

    assert kinds(purchase) == ["charge", "refund"]


def test_a_rollback_after_a_refunded_failure_posts_no_second_refund(purchase):
    record_status(purchase, "timeout")
    record_status(purchase, "rollback_supplier")

    assert (purchase.status, kinds(purchase)) == ("rollback_supplier", ["charge", "refund"])


def test_accepted_after_a_refunded_failure_is_only_flagged(purchase):
    record_status(purchase, "timeout")

    assert record_status(purchase, "accepted", source="poll") == "conflict"
    assert (purchase.status, purchase.needs_review, kinds(purchase)) == ("timeout", True, ["charge", "refund"])
    data = {"first": "timeout", "second": "accepted"}
    assert purchase.review_reasons == [{"code": "contradiction", "data": data}]


@pytest.mark.parametrize("status", ["gifted", "refused", "requested", "success"])
def test_a_status_that_is_not_one_of_purchases_moves_no_money_and_is_flagged(purchase, status):
    assert record_status(purchase, status) == "unknown_status"

    assert (purchase.status, purchase.needs_review, kinds(purchase)) == ("requested", True, ["charge"])
    assert purchase.next_poll_at is not None


def test_a_price_above_the_cap_is_recorded_and_flagged(purchase):
    record_status(purchase, "creating_trade", price=Decimal(11), debited_amount=Decimal(11))

    assert (purchase.price, purchase.debited_amount) == (11, 11)
    assert "price cap" in purchase.review_reason


@pytest.mark.parametrize(
    ("price", "debited", "flagged"),
    [
        ("5", "9", True),
        ("9", "5", True),
        ("5", "5", False),
        ("5", "4.99", True),
        ("5", "4.999999", False),
        ("5", "0", False),
    ],
)
@pytest.mark.parametrize("price_first", [True, False])
def test_a_debited_amount_that_differs_from_the_price_is_flagged(
    purchase, operator, price, debited, flagged, price_first
):
    amounts = [{"price": Decimal(price)}, {"debited_amount": Decimal(debited)}]
    for status, reported in zip(
        ["creating_trade", "waiting_accept"], amounts[:: 1 if price_first else -1], strict=True
    ):
        record_status(purchase, status, **reported)

    assert (purchase.price, purchase.debited_amount) == (Decimal(price), Decimal(debited))
    assert purchase.review_reason == (
        f"SkinsBack took {debited} USD from the balance for a skin of {price} USD." if flagged else ""
    )
    purchases.settle(purchase, "keep", operator)
    record_status(purchase, "waiting_accept", price=Decimal(price), debited_amount=Decimal(debited))
    assert not purchase.needs_review


def test_another_receiver_is_flagged_and_not_stored(purchase):
    requested = purchase.steam_id

    record_status(purchase, "creating_trade", steam_id=requested)
    assert not purchase.needs_review
    for _ in range(2):
        record_status(purchase, "waiting_accept", steam_id="76561198000000001")

    assert purchase.steam_id == requested
    assert purchase.review_reason == "SkinsBack reported another receiver: the Steam account 76561198000000001."


def test_a_receiver_that_was_not_known_is_stored():
    purchase = make_purchase(attempts=1, steam_id="")

    record_status(purchase, "creating_trade", steam_id="76561198000000001")

    assert (purchase.steam_id, purchase.needs_review) == ("76561198000000001", False)


def test_another_skin_than_the_requested_one_is_recorded_and_flagged(purchase):
    record_status(purchase, "creating_trade", market_hash_name="Bayonet")

    assert purchase.market_hash_name == "Bayonet"
    assert "Bayonet" in purchase.review_reason


def test_another_buy_id_is_not_applied(purchase):
    record_status(purchase, "creating_trade", buy_id="9")

    assert record_status(purchase, "timeout", buy_id="10") == "mismatched"
    assert (purchase.status, purchase.buy_id) == ("creating_trade", "9")


def test_an_unknown_purchase_is_unmatched():
    report = PurchaseReport(status="accepted", custom_id="nobody", buy_id="5")

    assert purchases.record_report(report, "webhook").outcome == "unmatched"


class TestPollingOfAcceptedPurchases:
    def accept(self, purchase, **fields):
        record_status(purchase, "accepted", source="poll", **fields)

    def next_poll_after(self, purchase):
        return purchase.next_poll_at - purchase.accepted_at

    def test_an_accepted_skin_without_hold_is_polled_after_a_day(self, user):
        purchase = make_purchase(game="rust", attempts=1)

        self.accept(purchase)

        assert self.next_poll_after(purchase) == timedelta(days=1)

    def test_an_accepted_skin_in_hold_is_polled_until_a_day_after_its_hold(self, purchase, time_machine):
        start = utc_now()
        time_machine.move_to(start, tick=False)
        self.accept(purchase, in_hold=True, in_hold_until=start + timedelta(days=8))
        assert self.next_poll_after(purchase) == timedelta(hours=6)

        time_machine.move_to(start + timedelta(days=8, hours=23), tick=False)
        self.accept(purchase)
        assert purchase.next_poll_at == start + timedelta(days=9)
        assert purchase.token

        time_machine.move_to(start + timedelta(days=9), tick=False)
        self.accept(purchase)
        assert (purchase.next_poll_at, purchase.token) == (None, "")
        assert purchase.finished_at == utc_now()

    @pytest.mark.parametrize(("in_hold", "days"), [(None, 9), (True, 9), (False, 1)])
    def test_an_accepted_cs2_skin_without_dates_is_polled_as_if_it_were_in_hold(
        self, purchase, time_machine, in_hold, days
    ):
        start = utc_now()
        time_machine.move_to(start, tick=False)
        self.accept(purchase, in_hold=in_hold)

        time_machine.move_to(start + timedelta(days=days) - timedelta(minutes=1), tick=False)
        self.accept(purchase)
        assert purchase.finished_at is None
        time_machine.move_to(start + timedelta(days=days), tick=False)
        self.accept(purchase)
        assert purchase.finished_at is not None


class TestCancelling:
    def test_an_unsent_purchase_is_cancelled_and_refunded(self, purchase, operator):
        Purchase.objects.update(attempts=0)
        purchase.refresh_from_db()

        purchases.cancel(purchase, by=operator, note="changed his mind")

        purchase.refresh_from_db()
        assert (purchase.status, kinds(purchase)) == ("refused", ["charge", "refund"])

    def test_a_sent_purchase_cannot_be_cancelled(self, purchase):
        with pytest.raises(InvalidInput, match="not sent yet"):
            purchases.cancel(purchase)

        assert kinds(purchase) == ["charge"]


class TestSettling:
    def test_keep_ends_the_review_and_posts_nothing(self, purchase, operator):
        record_status(purchase, "rollback_user")

        purchases.settle(purchase, "keep", by=operator)

        purchase.refresh_from_db()
        assert (kinds(purchase), purchase.needs_review) == (["charge"], False)

    def test_a_second_refund_is_refused(self, purchase, operator):
        record_status(purchase, "rollback_user")
        purchases.settle(purchase, "refund", by=operator)

        purchase.refresh_from_db()
        with pytest.raises(InvalidInput, match="no charge"):
            purchases.settle(purchase, "refund", by=operator)
        assert kinds(purchase) == ["charge", "refund"]

    def test_an_unknown_purchase_that_is_refunded_is_refused_and_not_due(self, purchase, operator):
        Purchase.objects.update(status="unknown", submitted_at=utc_now() - schedule.REFUND_AFTER)
        purchase.refresh_from_db()

        purchases.settle(purchase, "refund", by=operator)

        purchase.refresh_from_db()
        assert (purchase.status, purchase.next_poll_at, kinds(purchase)) == ("refused", None, ["charge", "refund"])


@pytest.mark.parametrize("source", ["webhook", "poll"])
@pytest.mark.parametrize("reported", ["canceled", "accepted", "creating_trade", "gifted"])
def test_a_failed_purchase_is_never_due_whatever_is_reported(source, reported):
    purchase = make_purchase(status="canceled", next_poll_at=utc_now())

    record_status(purchase, reported, source=source)

    assert (purchase.status, purchase.next_poll_at) == ("canceled", None)
