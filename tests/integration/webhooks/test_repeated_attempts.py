"""A temporary database error makes a delivery's database transaction run again. The first attempt leaves nothing."""

from contextlib import contextmanager
from functools import partial

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError

from django_skinsback.flows.webhooks import receive
from django_skinsback.flows.webhooks.replay import apply_again
from django_skinsback.models import LedgerEntry, StatusChange, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, post_notification, signed_notification

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@contextmanager
def failing_once(error, between=lambda: None):
    """A receiver of the site raises at its first call. ``between`` runs between the attempts."""
    calls = []

    def fail(**_arguments):
        calls.append(1)
        if len(calls) == 1:
            raise error

    patch = pytest.MonkeyPatch()
    patch.setattr(receive, "run", partial(receive.run, sleep=lambda _seconds: between()))
    entry_posted.connect(fail)
    try:
        yield calls
    finally:
        patch.undo()
        entry_posted.disconnect(fail)


def test_the_history_of_a_second_attempt_refers_to_its_own_delivery(client):
    """Between the attempts another delivery gets the primary key that the first attempt had."""
    user = get_user_model().objects.create(username="user")
    deposit, other = make_deposit(user=user), make_deposit(user=user)

    def deliver_another():
        assert post_notification(client, signed_notification(other, "fail")).status_code == 200

    with failing_once(OperationalError("database is locked"), deliver_another) as calls:
        assert post_notification(client, signed_notification(deposit)).status_code == 200

    assert len(calls) == 2
    assert StatusChange.objects.filter(deposit=other, to_status="fail").exists()
    change = StatusChange.objects.get(deposit=deposit, to_status="success")
    assert change.webhook_event.deposit == deposit
    assert LedgerEntry.objects.get().deposit == deposit


def test_a_failed_delivery_about_a_forgotten_user_keeps_its_body_until_it_is_applied(client):
    """Its raw data is removed when it is applied, not before: the sweep applies it from the stored bytes."""
    user = get_user_model().objects.create(username="user")
    deposit = make_deposit(user=user, status="abandoned", next_poll_at=None, forgotten_at=utc_now())
    client.raise_request_exception = False

    with failing_once(ValueError("no wallet")):
        assert post_notification(client, signed_notification(deposit)).status_code == 500
    event = WebhookEvent.objects.get()
    assert (event.outcome, bool(event.body)) == ("failed", True)

    assert apply_again(event) == "applied"
    assert LedgerEntry.objects.get().deposit == deposit
    assert not WebhookEvent.objects.get().body
