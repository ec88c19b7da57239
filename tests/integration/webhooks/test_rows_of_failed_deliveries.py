"""A delivery that could not be applied is stored with the deposit or purchase that it names, and is handled alone."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import IntegrityError

from django_skinsback import conf
from django_skinsback.exceptions import RowChanged
from django_skinsback.flows.webhooks.receive import keep_failed
from django_skinsback.flows.webhooks.replay import apply_again, dismiss
from django_skinsback.models import LedgerEntry, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.signals import entry_posted, queue_entered
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.notifications import Event
from django_skinsback.wire.types import DepositReport, PurchaseReport

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def refuse(**_options):
    raise RuntimeError("the wallet is closed")


@contextmanager
def receiver(function):
    entry_posted.connect(function)
    try:
        yield
    finally:
        entry_posted.disconnect(function)


@pytest.fixture
def two_failed(client, user):
    """Two stored deliveries about different deposits, which failed with the same error."""
    client.raise_request_exception = False
    with receiver(refuse):
        for _ in range(2):
            assert post_notification(client, signed_notification(make_deposit(user=user))).status_code == 500
    return WebhookEvent.objects.order_by("pk")


def keep(message, **values):
    details = {"account": "default", "kind": "event", "digest": "d" * 64, "body": b"{}"}
    keep_failed(WebhookEvent(**{**details, **values}), RuntimeError(), message)
    return WebhookEvent.objects.get()


def event_about(**ids):
    return Event(name="status_change", purchase=PurchaseReport(status="accepted", **ids))


def test_a_failed_notification_names_its_deposit_and_still_does_after_it_was_applied(client, user):
    deposit = make_deposit(user=user)
    client.raise_request_exception = False
    with receiver(refuse):
        assert post_notification(client, signed_notification(deposit)).status_code == 500
    event = WebhookEvent.objects.get()
    assert (event.outcome, event.deposit, event.processed_at) == ("failed", deposit, None)

    post_notification(client, signed_notification(deposit))

    event.refresh_from_db()
    assert (event.outcome, event.deposit) == ("applied", deposit)


def test_a_failed_event_names_its_purchase_by_either_id():
    purchase = make_purchase(status="waiting_accept", buy_id="77")
    assert keep(event_about(custom_id=purchase.custom_id)).purchase == purchase
    WebhookEvent.objects.all().delete()
    assert keep(event_about(buy_id="77")).purchase == purchase


def test_a_stored_copy_without_a_row_gets_the_row_when_it_fails_again():
    purchase = make_purchase(status="waiting_accept")
    assert keep(None).purchase is None
    assert keep(event_about(custom_id=purchase.custom_id)).purchase == purchase


@pytest.mark.parametrize("account", ["second", "default"])
def test_the_row_of_another_account_or_with_another_id_is_not_named(account):
    purchase = make_purchase(status="waiting_accept", custom_id="abc")
    custom_id = purchase.custom_id if account == "second" else "ABC"
    assert keep(event_about(custom_id=custom_id), account=account).purchase is None


def test_a_message_about_no_row_names_none():
    event = keep(Event(name="other"))
    assert (event.deposit, event.purchase) == (None, None)


def test_a_notification_of_another_account_names_no_deposit():
    deposit = make_deposit()
    report = DepositReport(status="success", order_id=deposit.order_id)
    assert keep(report, kind="deposit", account="second").deposit is None
    WebhookEvent.objects.all().delete()
    assert keep(report, kind="deposit").deposit == deposit


def test_applying_one_delivery_again_applies_no_other(two_failed):
    first, second = two_failed

    assert apply_again(first) == "applied"

    second.refresh_from_db()
    assert (second.outcome, second.processed_at) == ("failed", None)
    assert LedgerEntry.objects.get().deposit == first.deposit


def test_dismissing_one_delivery_dismisses_no_other(two_failed):
    first, second = two_failed

    assert dismiss(first).outcome == "dismissed"

    second.refresh_from_db()
    assert (second.outcome, second.processed_at) == ("failed", None)


@pytest.mark.parametrize(
    "meanwhile",
    [{"error": "DatabaseError"}, {"outcome": "unmatched"}, {"processed_at": utc_now()}],
    ids=["another error", "another outcome", "processed"],
)
def test_a_delivery_that_changed_since_it_was_read_is_not_dismissed(two_failed, meanwhile):
    first, _second = two_failed
    WebhookEvent.objects.filter(pk=first.pk).update(**meanwhile)

    with pytest.raises(RowChanged):
        dismiss(first)

    assert not WebhookEvent.objects.filter(outcome="dismissed").exists()


def test_a_delivery_that_fails_again_is_stored_with_the_new_error_and_its_deposit(two_failed):
    def refuse_otherwise(**_options):
        raise LookupError

    first, _second = two_failed
    WebhookEvent.objects.update(deposit=None)
    with receiver(refuse_otherwise), pytest.raises(LookupError):
        apply_again(first)

    deposit = first.deposit
    first.refresh_from_db()
    assert (first.outcome, first.error, first.deposit) == ("failed", "LookupError", deposit)
    assert first.next_try_at > utc_now()


@pytest.mark.parametrize(("failures", "status", "outcome"), [(1, 200, "applied"), (99, 500, "failed")])
def test_a_delivery_whose_receiver_raises_an_integrity_error_is_tried_again(client, user, failures, status, outcome):
    deposit, calls = make_deposit(user=user), []

    def insert(**_options):
        calls.append(1)
        if len(calls) <= failures:
            raise IntegrityError

    client.raise_request_exception = False
    with receiver(insert):
        assert post_notification(client, signed_notification(deposit)).status_code == status

    event = WebhookEvent.objects.get()
    assert (event.outcome, event.deposit) == (outcome, deposit)
    assert event.error == ("IntegrityError" if outcome == "failed" else "")
    assert LedgerEntry.objects.count() == (outcome == "applied")


def test_a_delivery_that_is_stored_too_late_enters_the_queue(django_capture_on_commit_callbacks):
    announced = []

    def listen(row, queue, **_options):
        announced.append((row, queue))

    queue_entered.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            event = keep(None, received_at=utc_now() - conf.stuck_after() - timedelta(seconds=1))
    finally:
        queue_entered.disconnect(listen)

    assert event.needs_review
    assert announced == [(event, "deliveries")]
