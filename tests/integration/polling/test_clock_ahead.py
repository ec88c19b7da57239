"""A clock was ahead and is right again: the times it wrote delay no row and refund nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback import deposits, purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import MarketDisabled, PurchaseNotFound, TransactionNotFound, UnknownOutcome
from django_skinsback.flows.monitoring import sweeps
from django_skinsback.flows.polling import deposits as checking
from django_skinsback.flows.polling.claims import claim_due
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.polling.queue import due_rows, is_due
from django_skinsback.flows.purchases.report import next_poll_at
from django_skinsback.flows.webhooks.receive import LONGEST_RETRY_DELAY
from django_skinsback.flows.webhooks.replay import apply_kept
from django_skinsback.models import Deposit, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.statuses import DepositStatus, PurchaseStatus
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

ODD = {"code": "unknown_status", "data": {"status": "odd"}}

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AHEAD = [timedelta(hours=26), timedelta(days=3), timedelta(days=400)]


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


class FakeSkinsBack:
    """Knows what is in ``known``, by our id; ``sent`` are the purchases that were sent."""

    def __init__(self, monkeypatch):
        self.known, self.sent, self.error, self.error_of_list = {}, [], None, None
        for name in ("get_deposit", "get_purchases", "get_purchase", "buy_skin", "call"):
            method = getattr(self, name)
            monkeypatch.setattr(SkinsBackClient, name, lambda _, *args, _method=method, **more: _method(*args, **more))

    def call(self, _method):
        return {}

    def get_deposit(self, *, order_id):
        if order_id not in self.known:
            raise TransactionNotFound("orderstatus", 4, "transaction_not_found")
        return self.known[order_id]

    def get_purchases(self, *, custom_ids):
        if self.error_of_list is not None:
            raise self.error_of_list
        return [self.known[each] for each in custom_ids if each in self.known]

    def get_purchase(self, *, buy_id):
        raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")

    def buy_skin(self, _trade_url, *, custom_id, **_skin):
        self.sent.append(custom_id)
        if self.error is not None:
            raise self.error
        return PurchaseReport(status="creating_trade", custom_id=custom_id, buy_id=custom_id)

    def say(self, row, status):
        ours = "order_id" if isinstance(row, Deposit) else "custom_id"
        report = DepositReport if isinstance(row, Deposit) else PurchaseReport
        self.known[getattr(row, ours)] = report(status=status, **{ours: getattr(row, ours)})


@pytest.fixture
def skinsback(monkeypatch):
    return FakeSkinsBack(monkeypatch)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def buy(user):
    Wallet.objects.create(user=user, balance=10)
    return purchases.buy(
        user=user, trade_url=TRADE_URL, skin_id="1", max_price=5, charge=Decimal(6), charge_currency="usd"
    )


class TestDueTimes:
    @pytest.mark.parametrize("ahead", AHEAD, ids=str)
    def test_row_77_a_row_polled_while_the_clock_was_ahead_is_polled_when_it_is_right(self, skinsback, clock, ahead):
        deposit, purchase = make_deposit(), make_purchase(status="waiting_accept")
        skinsback.say(deposit, "pending")
        skinsback.say(purchase, "waiting_accept")
        clock.shift(ahead)
        Deposit.objects.update(created_at=timezone.now())
        Purchase.objects.update(submitted_at=timezone.now())
        checking.poll_deposits()
        poll_purchases()
        clock.shift(-ahead)
        skinsback.say(deposit, "fail")
        skinsback.say(purchase, "timeout")

        assert checking.poll_deposits().changed == 1
        assert poll_purchases().changed == 1

        assert (fresh(deposit).status, fresh(purchase).status) == ("fail", "timeout")

    @pytest.mark.parametrize("ahead", AHEAD, ids=str)
    def test_a_claim_of_a_killed_sweep_whose_clock_was_ahead_does_not_hold(self, skinsback, clock, ahead):
        row = make_purchase(status="waiting_accept")
        skinsback.say(row, "timeout")
        Purchase.objects.update(next_poll_at=timezone.now() + ahead + schedule.CLAIM)

        assert poll_purchases().changed == 1
        assert poll_purchases().asked == 0

    @pytest.mark.parametrize("model", [Deposit, Purchase])
    def test_a_due_time_within_the_longest_wait_is_waited_for(self, model):
        row = make_deposit() if model is Deposit else make_purchase(status="accepted")
        now = timezone.now()
        for wait, due in ((schedule.LONGEST_WAIT, False), (schedule.LONGEST_WAIT + timedelta(seconds=1), True)):
            model.objects.update(next_poll_at=now + wait)
            assert (list(due_rows(model, "default", now)) == [row]) is due

    def test_a_row_without_a_next_poll_is_not_due(self):
        make_deposit(status="success", next_poll_at=None)
        make_purchase(status="canceled", next_poll_at=None)
        assert checking.poll_deposits().asked == poll_purchases().asked == 0

    def test_a_row_that_another_process_has_claimed_is_not_claimed_again(self):
        """Its due time was too far ahead when the keys were read; the claim has moved it."""
        row = make_deposit()
        Deposit.objects.update(next_poll_at=timezone.now() + timedelta(days=30))
        due = due_rows(Deposit, "default", timezone.now())
        [claim] = claim_due(due, [row.pk], 10, timezone.now())
        assert [each.pk for each in claim.rows] == [row.pk]
        assert not list(claim_due(due, [row.pk], 10, timezone.now()))

    @pytest.mark.parametrize("ahead", AHEAD, ids=str)
    def test_a_stored_delivery_is_tried_again_when_the_clock_is_right(self, ahead):
        event = WebhookEvent.objects.create(
            account="default", kind="event", digest="a", body=b'{"event":"x"}', content_type="application/json",
            outcome="failed", next_try_at=timezone.now() + ahead,
        )  # fmt: skip

        apply_kept()

        event.refresh_from_db()
        assert (event.outcome, event.next_try_at) == ("ignored", None)

    @pytest.mark.parametrize("model", [Deposit, Purchase, WebhookEvent])
    def test_the_index_of_the_due_time_is_used(self, model):
        if connection.vendor != "sqlite":
            pytest.skip("the other servers choose by the size of the table")
        column = {Deposit: "next_poll_at", Purchase: "next_poll_at", WebhookEvent: "next_try_at"}[model]
        plan = model.objects.filter(is_due(column, timezone.now())).values("pk").explain()
        assert (plan.count(f"({column}<?)"), plan.count(f"({column}>?)")) == (1, 1), plan
        assert "SCAN" not in plan, plan


class TestLongestWait:
    @given(
        status=st.sampled_from(list(PurchaseStatus)),
        age=st.timedeltas(timedelta(days=-900), timedelta(days=900)),
        hold=st.none() | st.timedeltas(timedelta(days=-900), timedelta(days=900)),
        count=st.integers(0, 1000),
        chance=st.floats(0, 1),
    )
    def test_no_purchase_waits_longer(self, status, age, hold, count, chance):
        row = Purchase(status=status, submitted_at=NOW - age, accepted_at=NOW - age, game="cs2")
        row.in_hold_until = None if hold is None else NOW + hold
        due = next_poll_at(row, NOW, count, chance)
        assert due is None or due - NOW <= schedule.LONGEST_WAIT

    @given(
        status=st.sampled_from(list(DepositStatus)),
        age=st.timedeltas(timedelta(0), timedelta(days=900)),
        count=st.integers(0, 1000),
    )
    def test_no_deposit_waits_longer(self, status, age, count):
        delay = schedule.next_deposit_poll(status, age, count)
        assert delay is None or schedule.spread(delay, 1) <= schedule.LONGEST_WAIT

    def test_no_stored_delivery_waits_longer(self):
        assert LONGEST_RETRY_DELAY <= schedule.LONGEST_WAIT


@pytest.mark.parametrize(
    ("ahead", "age"),
    [
        (timedelta(hours=-5), timedelta(hours=5)),
        (timedelta(0), timedelta(0)),
        (schedule.CLOCK_SKEW, timedelta(0)),  # another server's clock
        (schedule.CLOCK_SKEW + timedelta(seconds=1), schedule.LONG_AGO),
        (timedelta(days=400), schedule.LONG_AGO),
    ],
)
def test_a_past_event_that_lies_ahead_counts_as_long_ago(ahead, age):
    assert schedule.age_for_waiting(NOW + ahead, NOW) == age


def test_long_ago_is_longer_than_anything_is_waited_for():
    waits = (
        schedule.CREATE_UNANSWERED,
        schedule.PAY_LINK_LIFETIME,
        schedule.RESEND_AFTER,
        schedule.REVIEW_AFTER,
        schedule.HOLD + schedule.ROLLBACK_MARGIN,
    )
    assert max(waits) < schedule.LONG_AGO


@pytest.mark.parametrize("ahead", [timedelta(hours=1), *AHEAD], ids=str)
class TestPastEvents:
    def test_a_purchase_sent_by_a_clock_that_was_ahead_is_sent_again_with_its_id_and_not_refunded(
        self, skinsback, clock, user, ahead
    ):
        row = buy(user)
        skinsback.error = UnknownOutcome("lost")
        clock.shift(ahead)
        purchases.submit(row)
        clock.shift(-ahead)
        skinsback.error = None
        assert fresh(row).submitted_at > timezone.now()
        Purchase.objects.update(next_poll_at=timezone.now())

        poll_purchases()

        assert skinsback.sent == [row.custom_id] * 2
        assert fresh(row).status == "creating_trade"
        assert list(LedgerEntry.objects.values_list("kind", flat=True)) == ["charge"]

    def test_an_unknown_purchase_is_never_refunded_for_its_age(self, skinsback, clock, user, ahead):
        row = buy(user)
        skinsback.error = UnknownOutcome("lost")
        Purchase.objects.update(status="unknown", attempts=9, submitted_at=timezone.now() + ahead)

        for _ in range(3):
            Purchase.objects.update(next_poll_at=timezone.now())
            poll_purchases()

        assert (fresh(row).status, fresh(row).needs_review) == ("unknown", True)
        assert list(LedgerEntry.objects.values_list("kind", flat=True)) == ["charge"]

    def test_a_decision_counts_although_a_wrong_clock_dated_the_sending_later(
        self, skinsback, clock, user, operator, ahead
    ):
        row = buy(user)
        Purchase.objects.update(
            status="unknown", attempts=1, submitted_at=timezone.now() + ahead, needs_review=True, review_reasons=[ODD]
        )
        purchases.settle(fresh(row), "keep", by=operator)

        poll_purchases()

        assert skinsback.sent == []

    def test_a_deposit_that_was_never_opened_is_abandoned(self, skinsback, ahead):
        row = make_deposit(status="created", created_at=timezone.now() + ahead)

        checking.poll_deposits()

        assert fresh(row).status == "abandoned"

    def test_an_unpaid_deposit_is_abandoned_and_a_late_payment_counts(self, skinsback, user, ahead):
        row = make_deposit(user=user, created_at=timezone.now() + ahead)
        skinsback.say(row, "pending")

        checking.poll_deposits()
        assert fresh(row).status == "abandoned"

        paid = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}
        deposits.record_report(DepositReport(status="success", order_id=row.order_id, **paid), "webhook")
        assert LedgerEntry.objects.get().amount == 6

    @pytest.mark.parametrize("status", ["in_hold", "pending"])
    def test_a_deposit_is_polled_as_rarely_as_an_old_one(self, skinsback, ahead, status):
        row = make_deposit(status=status, created_at=timezone.now() + ahead)
        deposits.record_report(DepositReport(status=status, order_id=row.order_id), "poll")

        wait = fresh(row).next_poll_at - timezone.now()
        assert wait == schedule.next_deposit_poll(status, schedule.LONG_AGO, 1)

    def test_an_accepted_purchase_without_a_known_hold_is_over(self, skinsback, ahead):
        row = make_purchase(status="accepted", accepted_at=timezone.now() + ahead, game="cs2")
        skinsback.say(row, "accepted")

        poll_purchases()

        assert (fresh(row).next_poll_at, fresh(row).finished_at) == (None, timezone.now())

    def test_polling_goes_on_until_the_reported_end_of_the_hold(self, skinsback, ahead):
        end = timezone.now() + timedelta(days=8)
        row = make_purchase(
            status="accepted", accepted_at=timezone.now() + ahead, game="cs2", in_hold=True, in_hold_until=end
        )
        skinsback.say(row, "accepted")

        poll_purchases()

        assert fresh(row).next_poll_at is not None

    def test_an_open_trade_is_polled_as_rarely_as_an_old_one(self, skinsback, ahead):
        row = make_purchase(status="waiting_accept", submitted_at=timezone.now() + ahead)
        skinsback.say(row, "waiting_accept")

        poll_purchases(chance=lambda: 0.5)

        assert fresh(row).next_poll_at - timezone.now() == schedule.next_purchase_poll(
            "waiting_accept", schedule.LONG_AGO, 1
        )

    @pytest.mark.parametrize("reached", [True, False])
    def test_an_unsendable_purchase_is_flagged_although_no_sweep_reaches_it(self, skinsback, user, ahead, reached):
        row = buy(user)
        Purchase.objects.update(created_at=timezone.now() + ahead)
        skinsback.error = MarketDisabled("market_buy", -6, "market_disabled")
        if not reached:
            make_purchase(status="waiting_accept")
            skinsback.error_of_list = skinsback.error

        poll_purchases()

        assert skinsback.sent == [row.custom_id] * reached
        assert fresh(row).review_reason == "The purchase could not be sent for more than a day."

    def test_a_note_that_was_dated_ahead_is_dated_now(self, ahead, clock):
        clock.shift(ahead)
        sweeps.note_failed("Deposit", "default", "maintenance")
        kept = sweeps._cache().get_many([sweeps._key("Deposit", "default")])
        clock.shift(-ahead)
        for key, value in kept.items():
            sweeps._cache().set(key, value, 1000)
        sweeps.note_failed("Deposit", "default", "maintenance")

        assert sweeps.failing_sweeps("default").since == timezone.now()


def test_the_condition_of_due_rows_is_two_ranges_of_one_column():
    now = timezone.now()
    assert is_due("next_poll_at", now) == Q(next_poll_at__lte=now) | Q(next_poll_at__gt=now + schedule.LONGEST_WAIT)
