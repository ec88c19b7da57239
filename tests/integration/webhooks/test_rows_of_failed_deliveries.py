"""A delivery that could not be applied is stored with the deposit or purchase that it names."""

import pytest

from django_skinsback.flows.webhooks.receive import keep_failed
from django_skinsback.models import WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.notifications import Event
from django_skinsback.wire.types import PurchaseReport

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def refuse(**_options):
    raise RuntimeError("the wallet is closed")


def keep(message, **values):
    details = {"account": "default", "kind": "event", "digest": "d" * 64, "body": b"{}"}
    keep_failed(WebhookEvent(**{**details, **values}), RuntimeError(), message)
    return WebhookEvent.objects.get()


def event_about(**ids):
    return Event(name="status_change", purchase=PurchaseReport(status="accepted", **ids))


def test_a_failed_notification_names_its_deposit_and_still_does_after_it_was_applied(client, user):
    deposit = make_deposit(user=user)
    client.raise_request_exception = False
    entry_posted.connect(refuse)
    try:
        assert post_notification(client, signed_notification(deposit)).status_code == 500
    finally:
        entry_posted.disconnect(refuse)
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
