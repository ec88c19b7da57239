"""The signal ``queue_entered`` is sent once each time a row enters a queue of the operator's desk."""

from datetime import timedelta
from decimal import Decimal

import pytest

from django_skinsback import deposits, purchases
from django_skinsback.flows.reconciliation.discrepancies import (
    DiscrepancyStore,
    FoundDiscrepancy,
    ListResult,
    close,
)
from django_skinsback.flows.webhooks.receive import keep_failed
from django_skinsback.models import Discrepancy, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.signals import queue_entered
from django_skinsback.statuses import Queue
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport

pytestmark = pytest.mark.django_db


@pytest.fixture
def entered(django_capture_on_commit_callbacks):
    """Return a function that runs another function, and returns (row, queue) of each signal that was sent."""

    def entered(function):
        sent = []

        def receive(row, queue, **_arguments):
            sent.append((row, queue))

        queue_entered.connect(receive)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                function()
        finally:
            queue_entered.disconnect(receive)
        return sent

    return entered


def report(deposit, status):
    amounts = {"amount": Decimal(1), "user_amount": Decimal(1), "amount_currency": "usd"}
    deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **amounts), "poll")


def test_a_flagged_deposit_enters_the_review_queue_once(entered):
    deposit = make_deposit()
    assert entered(lambda: report(deposit, "frozen")) == [(deposit, Queue.REVIEW)]
    assert entered(lambda: report(deposit, "frozen")) == []
    assert entered(lambda: report(deposit, "melted")) == []  # another reason, but the row is in the queue already


def test_a_flagged_purchase_enters_the_review_queue(entered):
    purchase = make_purchase(status="waiting_accept")
    unknown = PurchaseReport(status="frozen", custom_id=purchase.custom_id)
    assert entered(lambda: purchases.record_report(unknown, "poll")) == [(purchase, Queue.REVIEW)]


def test_a_credited_deposit_enters_no_queue(entered, user):
    deposit = make_deposit(user=user)
    assert entered(lambda: report(deposit, "success")) == []


def test_a_held_deposit_enters_the_queue_of_holds_once(entered):
    deposit = make_deposit()
    assert entered(lambda: report(deposit, "in_hold")) == [(deposit, Queue.HOLDS)]
    assert entered(lambda: report(deposit, "in_hold")) == []


def test_a_held_deposit_that_is_flagged_is_in_the_review_queue_until_it_is_settled(entered, user):
    deposit = make_deposit(needs_review=True, review_reasons=[{"code": "stuck", "data": {}}])
    assert entered(lambda: report(deposit, "in_hold")) == []
    deposit.refresh_from_db()
    assert entered(lambda: deposits.settle(deposit, "keep", by=user)) == [(deposit, Queue.HOLDS)]


def test_a_hold_that_a_function_decides_about_enters_no_queue(entered, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": "decimal.Decimal"}
    deposit = make_deposit()
    assert entered(lambda: report(deposit, "in_hold")) == []


def test_a_delivery_that_has_failed_for_too_long_enters_the_queue_of_deliveries_once(entered):
    def fail():
        event = WebhookEvent(account="default", kind="deposit", digest="d" * 64, body=b"{}")
        keep_failed(event, next(errors))

    errors = iter([ValueError(), KeyError(), TypeError()])
    assert entered(fail) == []
    WebhookEvent.objects.update(received_at=utc_now() - timedelta(days=2))
    ((row, queue),) = entered(fail)
    assert (row, queue) == (WebhookEvent.objects.get(), Queue.DELIVERIES)
    assert (row.needs_review, row.outcome, row.error) == (True, "failed", WebhookEvent.objects.get().error)
    assert entered(fail) == []


def find(status, *, repaired=False):
    store = DiscrepancyStore(ListResult("default", "orders"))
    store.add(
        FoundDiscrepancy(
            Discrepancy.Kind.DIFFERING, "o1", "t1", {"status": "fail"}, {"status": status}, repaired=repaired
        )
    )
    store.finish()


def test_a_discrepancy_enters_its_queue_when_it_is_found_and_when_it_opens_again(entered, user):
    assert entered(lambda: find("success")) == [(Discrepancy.objects.get(), Queue.DISCREPANCIES)]
    assert entered(lambda: find("success")) == []
    assert entered(lambda: find("pending")) == []  # still open, with other values
    close(Discrepancy.objects.get(), by=user, note="looked")
    assert entered(lambda: find("pending")) == []
    assert entered(lambda: find("in_hold")) == [(Discrepancy.objects.get(), Queue.DISCREPANCIES)]


def test_a_repaired_discrepancy_enters_no_queue(entered):
    assert entered(lambda: find("success", repaired=True)) == []
