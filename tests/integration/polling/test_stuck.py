"""Row 69 of the fault model: a row that keeps failing or never ends is flagged for a person."""

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import InvalidInput, RowChanged, UnknownOutcome
from django_skinsback.flows.monitoring.health import health
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.webhooks.replay import apply_again, apply_kept, dismiss
from django_skinsback.models import Deposit, LedgerEntry, WebhookEvent
from django_skinsback.signals import entry_posted, review_needed
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@contextmanager
def broken_receiver():
    """A receiver of the site that always raises."""

    def raises(**_kwargs):
        raise RuntimeError("the wallet is closed")

    entry_posted.connect(raises)
    try:
        yield
    finally:
        entry_posted.disconnect(raises)


@pytest.fixture
def skinsback(monkeypatch):
    """What SkinsBack answers, by status; an exception is raised."""
    said = {"deposit": "pending", "purchase": "waiting_accept"}

    def get_deposit(_client, *, order_id):
        if isinstance(said["deposit"], Exception):
            raise said["deposit"]
        return DepositReport(status=said["deposit"], order_id=order_id, **PAID)

    def get_purchases(_client, *, custom_ids):
        return [PurchaseReport(status=said["purchase"], custom_id=custom_id) for custom_id in custom_ids]

    monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
    monkeypatch.setattr(SkinsBackClient, "get_purchases", get_purchases)
    monkeypatch.setattr(SkinsBackClient, "call", lambda *_args, **_fields: {})
    return said


def sweep(clock, hours):
    for _ in range(hours):
        clock.shift(timedelta(hours=1))
        poll_deposits()
        poll_purchases()


def codes(row):
    row.refresh_from_db()
    assert row.needs_review == bool(row.review_reasons)
    return [reason["code"] for reason in row.review_reasons]


class TestFailing:
    def test_row_69_a_deposit_whose_receiver_always_raises_is_flagged_after_a_day(self, user, skinsback, clock):
        deposit = make_deposit(user=user, next_poll_at=timezone.now())
        skinsback["deposit"] = "success"
        with broken_receiver():
            sweep(clock, 24)
            assert codes(deposit) == []
            assert deposit.failing_since is not None
            sweep(clock, 3)

        assert codes(deposit) == ["failing"]
        assert deposit.status == "pending"
        assert health().rows_to_review == 1
        assert health().status == "degraded"

    def test_the_time_counts_from_the_first_of_consecutive_failures(self, user, skinsback, clock):
        deposit = make_deposit(user=user, next_poll_at=timezone.now())
        skinsback["deposit"] = UnknownOutcome("html")
        sweep(clock, 20)
        skinsback["deposit"] = "pending"
        sweep(clock, 6)
        deposit.refresh_from_db()
        assert deposit.failing_since is None
        skinsback["deposit"] = UnknownOutcome("html")
        sweep(clock, 20)

        assert codes(deposit) == []

    def test_a_success_ends_the_failing_time(self, user, skinsback, clock):
        Wallet.objects.create(user=user)
        deposit = make_deposit(user=user, next_poll_at=timezone.now())
        skinsback["deposit"] = "success"
        with broken_receiver():
            sweep(clock, 5)
        sweep(clock, 1)

        deposit.refresh_from_db()
        assert (deposit.status, deposit.failing_since) == ("success", None)

    def test_a_row_that_fails_for_days_sends_review_needed_once(
        self, user, skinsback, clock, django_capture_on_commit_callbacks
    ):
        make_deposit(user=user, next_poll_at=timezone.now())
        skinsback["deposit"] = UnknownOutcome("html")
        sent = []

        def receive(code, **_kwargs):
            sent.append(code)

        review_needed.connect(receive)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                sweep(clock, 72)
        finally:
            review_needed.disconnect(receive)

        assert sent == ["failing"]

    def test_a_refund_whose_receiver_always_raises_is_flagged(self, user, skinsback, clock):
        Wallet.objects.create(user=user, balance=10)
        purchase = purchases.buy(
            user=user,
            trade_url="https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
            skin_id="1",
            max_price=5,
            charge=5,
            charge_currency="usd",
        )
        type(purchase).objects.update(status="waiting_accept", attempts=1, submitted_at=timezone.now())
        skinsback["purchase"] = "timeout"
        with broken_receiver():
            sweep(clock, 27)

        assert "failing" in codes(purchase)


class TestStuck:
    def test_row_69_a_trade_offer_that_never_ends_is_flagged(self, skinsback, clock):
        purchase = make_purchase(
            status="waiting_accept", attempts=1, submitted_at=timezone.now(), next_poll_at=timezone.now()
        )
        sweep(clock, 24)
        assert codes(purchase) == []
        sweep(clock, 2)

        assert codes(purchase) == ["stuck"]

    def test_row_69_a_hold_that_never_ends_is_flagged(self, user, skinsback, clock):
        deposit = make_deposit(user=user, next_poll_at=timezone.now())
        skinsback["deposit"] = "pending"
        sweep(clock, 48)  # paid two days after it was opened
        skinsback["deposit"] = "in_hold"
        sweep(clock, 9 * 24)
        assert codes(deposit) == []
        sweep(clock, 16)

        assert codes(deposit) == ["stuck"]

    def test_the_decision_keep_silences_the_reason_for_the_same_time_again(self, operator, skinsback, clock):
        purchase = make_purchase(
            status="waiting_accept", attempts=1, submitted_at=timezone.now(), next_poll_at=timezone.now()
        )
        sweep(clock, 26)
        purchase.refresh_from_db()
        purchases.settle(purchase, "keep", by=operator, note="asked support")

        sweep(clock, 24)
        assert codes(purchase) == []
        sweep(clock, 2)
        assert codes(purchase) == ["stuck"]

    def test_the_setting_decides_how_long(self, settings, skinsback, clock):
        settings.SKINSBACK = {**settings.SKINSBACK, "STUCK_AFTER_HOURS": 2}
        purchase = make_purchase(
            status="waiting_accept", attempts=1, submitted_at=timezone.now(), next_poll_at=timezone.now()
        )
        sweep(clock, 4)

        assert codes(purchase) == ["stuck"]


class TestDeliveries:
    @pytest.fixture
    def kept(self, client, user):
        with broken_receiver():
            assert post_notification(client, signed_notification(make_deposit(user=user))).status_code == 500
        return WebhookEvent.objects.get()

    def retry(self, clock, days):
        with broken_receiver():
            for _ in range(days * 4 + 1):
                clock.shift(timedelta(hours=6))
                apply_kept()

    def test_row_69_a_delivery_that_cannot_be_applied_for_a_day_is_flagged_and_still_retried(self, kept, clock):
        assert not kept.needs_review
        self.retry(clock, 1)

        kept.refresh_from_db()
        assert (kept.needs_review, kept.outcome) == (True, "failed")
        assert kept.next_try_at is not None

    def test_row_69_a_delivery_that_is_no_longer_retried_is_counted_by_health_until_a_person_handles_it(
        self, kept, operator, clock, settings
    ):
        settings.SKINSBACK = {**settings.SKINSBACK, "STUCK_AFTER_HOURS": 8760}
        Deposit.objects.update(next_poll_at=None)  # no sweep runs here, and a row that is due for days is a fault too
        self.retry(clock, 8)

        kept.refresh_from_db()
        assert (kept.needs_review, kept.next_try_at) == (True, None)
        assert (health().deliveries_to_review, health().status) == (1, "degraded")
        dismiss(kept, by=operator, note="credited by hand")
        assert health().deliveries_to_review == 0

    def test_a_delivery_that_is_applied_later_needs_no_review(self, kept, user, clock):
        Wallet.objects.create(user=user)
        self.retry(clock, 1)

        kept.refresh_from_db()
        assert apply_again(kept) == "applied"
        kept.refresh_from_db()
        assert not kept.needs_review

    def test_a_dismissed_delivery_is_not_applied_when_it_is_repeated(self, kept, client, operator):
        dismiss(kept, by=operator)

        body = bytes(kept.body)
        answer = client.post("/skinsback/result/", body, content_type=kept.content_type)

        assert answer.status_code == 200
        kept.refresh_from_db()
        assert (kept.outcome, kept.deliveries) == ("dismissed", 2)
        assert kept.deposit.status == "pending"
        assert not LedgerEntry.objects.exists()

    def test_a_delivery_that_was_applied_meanwhile_is_not_dismissed(self, kept, user, operator):
        Wallet.objects.create(user=user)
        apply_again(WebhookEvent.objects.get())

        with pytest.raises(RowChanged):
            dismiss(kept, by=operator)


class TestDeletedOwner:
    """Row 70: the user was deleted while money was owed."""

    @pytest.fixture
    def orphan(self, user):
        deposit = make_deposit(user=user)
        user.delete()
        deposit.refresh_from_db()
        assert (deposit.user, deposit.owner_id) != (None, "")
        return deposit

    def test_row_70_nothing_is_credited_and_the_row_is_flagged(self, orphan):
        report = DepositReport(status="success", order_id=orphan.order_id, **PAID)

        assert deposits.record_report(report, "webhook").outcome == "withheld"

        assert codes(orphan) == ["owner_gone"]
        assert not orphan.entries.exists()

    def test_row_70_a_person_cannot_credit_it_either_and_it_stays_flagged(self, orphan, operator):
        type(orphan).objects.update(**PAID)
        orphan.refresh_from_db()

        with pytest.raises(InvalidInput, match="was deleted"):
            deposits.settle(orphan, "credit", by=operator)

        assert codes(orphan) == ["owner_gone"]
        assert not orphan.entries.exists()

    def test_a_deposit_that_never_had_an_owner_is_credited(self):
        deposit = make_deposit(user=None)
        report = DepositReport(status="success", order_id=deposit.order_id, **PAID)

        assert deposits.record_report(report, "webhook").outcome == "applied"
        assert deposit.entries.get().user is None
