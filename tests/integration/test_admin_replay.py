"""Applying stored deliveries again from the admin."""

import pytest

from django_skinsback.models import LedgerEntry, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from tests.integration.admin_staff import act, browser_of, list_url, messages_of

pytestmark = pytest.mark.django_db


def refuse(**_kwargs):
    raise RuntimeError("the wallet is closed")


@pytest.fixture
def failed(client, user):
    entry_posted.connect(refuse)
    try:
        post_notification(client, signed_notification(make_deposit(user=user)))
    finally:
        entry_posted.disconnect(refuse)
    return WebhookEvent.objects.get()


def test_chosen_deliveries_are_applied_and_counted(failed):
    browser = browser_of("view_webhookevent", "replay_webhookevent")

    response = act(browser, "replay", failed)

    assert any("1 delivery was applied again" in message for message in messages_of(browser, response))
    assert LedgerEntry.objects.count() == 1


def test_what_still_fails_is_told(failed):
    browser = browser_of("view_webhookevent", "replay_webhookevent")
    entry_posted.connect(refuse)
    try:
        response = act(browser, "replay", failed)
    finally:
        entry_posted.disconnect(refuse)

    assert any("RuntimeError" in message for message in messages_of(browser, response))
    assert not LedgerEntry.objects.exists()


def test_without_the_permission_there_is_no_such_action(failed):
    browser = browser_of("view_webhookevent")

    act(browser, "replay", failed)

    assert "Apply again" not in browser.get(list_url("webhookevent")).content.decode()
    assert not LedgerEntry.objects.exists()
