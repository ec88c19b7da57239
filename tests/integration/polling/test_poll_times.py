"""The next poll is computed when the status changes or SkinsBack has answered, and by nothing else."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import InvalidInput, PurchaseNotFound, TransactionNotFound
from django_skinsback.flows.polling import deposits as checking
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport

pytestmark = pytest.mark.django_db

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


class TestPurchases:
    def tell(self, purchase, status, source, **fields):
        report = PurchaseReport(status=status, custom_id=purchase.custom_id, buy_id=purchase.buy_id, **fields)
        purchases.record_report(report, source)
        purchase.refresh_from_db()

    @pytest.fixture
    def purchase(self, now):
        return make_purchase(
            status="waiting_accept", poll_count=4, next_poll_at=now, submitted_at=now - timedelta(hours=1)
        )

    @pytest.mark.parametrize("status", ["waiting_accept", "creating_trade", "new_word"])
    def test_a_report_without_a_change_leaves_the_next_poll(self, purchase, now, status):
        self.tell(purchase, status, "webhook")

        assert (purchase.poll_count, purchase.next_poll_at) == (4, now)

    @pytest.mark.parametrize("status", ["waiting_accept", "creating_trade", "new_word"])
    @pytest.mark.parametrize("source", ["poll", "answer"])
    def test_a_poll_without_a_change_is_counted(self, purchase, now, status, source):
        self.tell(purchase, status, source)

        assert purchase.poll_count == 5
        assert purchase.next_poll_at == now + schedule.next_purchase_poll("waiting_accept", timedelta(hours=1), 5)

    @pytest.mark.parametrize("source", ["webhook", "poll"])
    def test_a_status_change_resets_the_poll_count(self, purchase, now, source):
        self.tell(purchase, "accepted", source, in_hold=True, in_hold_until=now + timedelta(days=8))

        assert purchase.poll_count == 0
        assert purchase.next_poll_at == now + schedule.next_purchase_poll("accepted", timedelta(hours=1), 0)

    def test_an_accepted_purchase_whose_time_of_acceptance_is_not_known_is_polled(self, now):
        purchase = make_purchase(status="accepted", accepted_at=None)

        self.tell(purchase, "accepted", "poll")

        assert purchase.next_poll_at == now + timedelta(hours=6)

    def test_polling_ends_a_day_after_the_reported_end_of_the_hold(self, purchase, now):
        end = now + timedelta(hours=3)
        self.tell(purchase, "accepted", "poll", in_hold=True, in_hold_until=end)

        with time_machine.travel(end + timedelta(days=1), tick=False):
            self.tell(purchase, "accepted", "poll")

        assert (purchase.next_poll_at, purchase.finished_at) == (None, end + timedelta(days=1))

    def test_a_rollback_after_the_end_is_not_polled(self, purchase):
        self.tell(purchase, "accepted", "poll")
        self.tell(purchase, "rollback_supplier", "poll")

        assert (purchase.next_poll_at, purchase.poll_count) == (None, 0)

    def test_the_age_of_an_unsent_purchase_counts_from_its_creation(self, now):
        purchase = make_purchase(status="waiting_accept", submitted_at=None)
        type(purchase).objects.update(created_at=now - timedelta(hours=2), poll_count=9)

        self.tell(purchase, "waiting_accept", "poll")

        assert purchase.next_poll_at == now + schedule.next_purchase_poll("waiting_accept", timedelta(hours=2), 10)

    def test_a_final_row_is_never_polled_whatever_is_reported(self):
        purchase = make_purchase(status="timeout")

        self.tell(purchase, "accepted", "poll")

        assert (purchase.next_poll_at, purchase.poll_count) == (None, 0)


class TestDeposits:
    def tell(self, deposit, status, source, **fields):
        deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **fields), source)
        deposit.refresh_from_db()

    @pytest.fixture
    def deposit(self, user, now):
        return make_deposit(user=user, status="in_hold", poll_count=4, next_poll_at=now)

    @pytest.mark.parametrize("status", ["in_hold", "pending", "new_word"])
    def test_a_report_without_a_change_leaves_the_next_poll(self, deposit, now, status):
        self.tell(deposit, status, "webhook")

        assert (deposit.poll_count, deposit.next_poll_at) == (4, now)

    @pytest.mark.parametrize("status", ["in_hold", "pending"])
    def test_a_poll_without_a_change_is_counted(self, deposit, now, status):
        self.tell(deposit, status, "poll")

        assert deposit.poll_count == 5
        assert deposit.next_poll_at == now + schedule.next_deposit_poll("in_hold", now - deposit.created_at, 5)

    def test_a_status_change_resets_the_poll_count(self, deposit, now):
        self.tell(deposit, "hold_approved", "webhook", **PAID)

        assert deposit.poll_count == 0
        assert deposit.next_poll_at == now + schedule.next_deposit_poll("hold_approved", now - deposit.created_at, 0)

    def test_a_withheld_credit_is_polled_with_a_backoff(self, user, now):
        deposit = make_deposit(user=user)
        pauses = []
        while not pauses or deposit.next_poll_at:
            self.tell(deposit, "success", "poll", **{**PAID, "amount_currency": ""})
            pauses.append(deposit.next_poll_at and deposit.next_poll_at - now)

        assert pauses == [*(schedule.backoff(attempts) for attempts in range(schedule.WITHHELD_POLLS)), None]

    def test_a_hold_longer_than_the_maximum_is_polled_with_a_backoff(self, deposit, now):
        type(deposit).objects.update(created_at=now - timedelta(days=9))

        self.tell(deposit, "in_hold", "poll")

        assert deposit.next_poll_at == now + schedule.next_deposit_poll("in_hold", timedelta(days=9), 5)
        assert deposit.next_poll_at != now + schedule.next_deposit_poll("in_hold", timedelta(days=9), 0)

    @pytest.mark.parametrize(("status", "at_once"), [("in_hold", True), ("pending", False), ("success", False)])
    def test_a_hold_policy_makes_only_a_new_hold_due_at_once(self, user, settings, now, status, at_once):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.approve"}
        deposit = make_deposit(user=user, status="created", next_poll_at=now + timedelta(days=1))

        self.tell(deposit, status, "webhook", **PAID)

        assert (deposit.next_poll_at == now) is at_once

    @pytest.mark.parametrize("ago", [timedelta(minutes=5), timedelta(0), timedelta(minutes=-5)], ids=str)
    @pytest.mark.parametrize("source", ["list", "webhook"])
    def test_a_deposit_that_a_list_does_not_decide_is_polled_by_the_same_sweep(self, user, now, ago, source):
        deposit = make_deposit(user=user, next_poll_at=now - ago)

        self.tell(deposit, "success", source, amount=Decimal(5), amount_currency="usd")

        assert deposit.next_poll_at == (min(now, now - ago) if source == "list" else now)


def approve(_deposit):
    return True


class TestNotFound:
    """What SkinsBack does not know any more is asked about ever more rarely, and in the end not at all."""

    @pytest.fixture
    def asked(self, monkeypatch):
        asked = []

        def refuse(error):
            def call(_client, **_ids):
                asked.append(error.method)
                raise error

            return call

        absent = PurchaseNotFound("market_getinfo", 2, "offer_not_found")
        unknown = TransactionNotFound("orderstatus", 4, "transaction_not_found")
        monkeypatch.setattr(SkinsBackClient, "get_deposit", refuse(unknown))
        monkeypatch.setattr(SkinsBackClient, "get_purchases", refuse(absent))
        monkeypatch.setattr(SkinsBackClient, "get_purchase", refuse(absent))
        return asked

    def live(self, row, due, sweep, until):
        """Sweep whenever the row is due, until it is no more or that time has come. Returns the pauses."""
        pauses = []
        while (time := getattr(row, due)) is not None and time < until:
            with time_machine.travel(time, tick=False):
                sweep("default", chance=lambda: 0.5)
                row.refresh_from_db()
                pauses.append(getattr(row, due) and getattr(row, due) - time)
        return pauses

    @pytest.mark.parametrize("status", ["fail", "abandoned", "success"])
    def test_a_finished_deposit_that_skinsback_does_not_know_is_flagged_in_the_end(self, now, asked, status):
        row = make_deposit(status=status, next_poll_at=now)

        pauses = self.live(row, "next_poll_at", checking.poll_deposits, now + timedelta(days=30))

        assert pauses == [*(schedule.backoff(attempts) for attempts in range(schedule.WITHHELD_POLLS)), None]
        assert asked == ["orderstatus"] * len(pauses)
        assert (row.needs_review, row.review_reason) == (True, "SkinsBack does not know this deposit any more.")

    @pytest.mark.parametrize("status", ["in_hold", "hold_approved"])
    def test_a_hold_that_skinsback_does_not_know_is_flagged_at_once_and_still_polled(self, now, asked, status):
        row = make_deposit(status=status, next_poll_at=now)

        pauses = self.live(row, "next_poll_at", checking.poll_deposits, now + timedelta(hours=5))

        assert pauses == [schedule.next_deposit_poll(status, timedelta(0), 1)]
        assert row.review_reason == "SkinsBack does not know this deposit any more."

    def test_an_unpaid_deposit_is_abandoned_without_a_review(self, now, asked):
        row = make_deposit(status="pending", next_poll_at=now)

        self.live(row, "next_poll_at", checking.poll_deposits, now + timedelta(days=30))

        assert (row.status, row.needs_review, row.poll_count) == ("abandoned", False, 0)

    def test_an_accepted_purchase_that_skinsback_does_not_know_is_polled_until_its_hold_is_over(self, now, asked):
        row = make_purchase(
            status="accepted", in_hold=True, in_hold_until=now + timedelta(days=2), submitted_at=now, next_poll_at=now
        )

        pauses = self.live(row, "next_poll_at", poll_purchases, now + timedelta(days=30))

        over = now + timedelta(days=2) + schedule.ROLLBACK_MARGIN
        assert sum(filter(None, pauses), timedelta(0)) == over - now
        assert set(pauses[:-2]) == {timedelta(hours=6)}
        assert (row.status, row.token, row.finished_at, row.poll_count) == ("accepted", "", over, len(pauses))
        assert row.review_reason == "SkinsBack does not know this purchase any more."


class TestLimits:
    @pytest.mark.parametrize(
        ("amount", "flagged"), [("4.99", True), ("5", False), ("10", False), ("10.01", True)], ids=str
    )
    @pytest.mark.parametrize("field", ["amount", "user_amount"])
    def test_an_amount_may_be_the_limit_itself(self, user, settings, field, amount, flagged):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": field}
        deposit = make_deposit(user=user, currency="usd", min_amount=5, max_amount=10)
        report = DepositReport(
            status="success", order_id=deposit.order_id, amount_currency="usd", **{field: Decimal(amount)}
        )

        deposits.record_report(report, "poll")

        deposit.refresh_from_db()
        assert deposit.needs_review is flagged
        assert deposit.entries.get().amount == Decimal(amount)

    @pytest.mark.parametrize("field", ["price", "debited_amount"])
    @pytest.mark.parametrize(("paid", "flagged"), [("10", False), ("10.000001", True)])
    def test_a_price_may_be_the_cap_itself(self, field, paid, flagged):
        purchase = make_purchase(status="creating_trade", max_price=Decimal(10))
        report = PurchaseReport(status="waiting_accept", custom_id=purchase.custom_id, **{field: Decimal(paid)})

        purchases.record_report(report, "poll")

        purchase.refresh_from_db()
        assert purchase.needs_review is flagged

    @pytest.mark.parametrize(
        "known", [{"amount_currency": "usd"}, {"user_amount": 6}], ids=["no amount", "no currency"]
    )
    def test_an_incomplete_amount_cannot_be_credited_by_hand(self, user, known):
        deposit = make_deposit(user=user, **known)
        deposit.refresh_from_db()

        with pytest.raises(InvalidInput, match="no amount"):
            deposits.settle(deposit, "credit")
