"""Applying stored deliveries again from the admin."""

import pytest
from django.contrib.admin.models import LogEntry

from django_skinsback.models import LedgerEntry, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from tests.support.admin_staff import act, browser_of, list_url, messages_of, page_url, seen_on

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


def test_selected_deliveries_are_applied_and_counted(failed):
    browser = browser_of("view_webhookevent", "replay_webhookevent")

    response = act(browser, "replay", failed)

    assert any("1 delivery was applied again" in message for message in messages_of(browser, response))
    assert LedgerEntry.objects.count() == 1


def test_a_delivery_that_was_processed_before_is_counted_as_skipped(failed, client, user):
    browser = browser_of("view_webhookevent", "replay_webhookevent")
    post_notification(client, signed_notification(make_deposit(user=user)))

    response = act(browser, "replay", *WebhookEvent.objects.all())

    assert messages_of(browser, response) == [
        "1 delivery was applied again.",
        "1 delivery was processed before and was skipped.",
    ]


def test_a_delivery_that_is_not_applied_is_shown_with_its_outcome(client):
    browser = browser_of("view_webhookevent", "replay_webhookevent")
    deposit = make_deposit()
    post_notification(client, signed_notification(deposit, transaction_id="31337"))
    event = WebhookEvent.objects.get()

    response = act(browser, "replay", event)

    assert messages_of(browser, response) == [f"Delivery {event} was not applied: ids do not belong together."]


def test_a_delivery_that_fails_again_is_shown_with_its_error(failed):
    browser = browser_of("view_webhookevent", "replay_webhookevent")
    entry_posted.connect(refuse)
    try:
        response = act(browser, "replay", failed)
    finally:
        entry_posted.disconnect(refuse)

    assert messages_of(browser, response) == [f"Delivery {failed} could not be applied: RuntimeError."]
    assert not LedgerEntry.objects.exists()


def test_without_the_permission_there_is_no_such_action(failed):
    browser = browser_of("view_webhookevent")

    act(browser, "replay", failed)

    assert "Apply again" not in browser.get(list_url("webhookevent")).content.decode()
    assert not LedgerEntry.objects.exists()


class TestDismissing:
    @pytest.fixture
    def browser(self):
        return browser_of("view_webhookevent", "dismiss_webhookevent")

    def test_it_asks_for_a_note_and_then_dismisses_the_delivery(self, failed, browser):
        asked = act(browser, "dismiss", failed)
        assert "RuntimeError" in asked.content.decode()
        assert act(browser, "dismiss", failed, confirmed="yes", seen=seen_on(asked)).context["form"].errors

        answer = act(browser, "dismiss", failed, confirmed="yes", seen=seen_on(asked), note="credited by hand")

        assert messages_of(browser, answer) == ["1 delivery was dismissed."]
        failed.refresh_from_db()
        assert (failed.outcome, failed.next_try_at, failed.needs_review) == ("dismissed", None, False)
        assert "credited by hand" in LogEntry.objects.get().get_change_message()
        page = browser.get(page_url(failed)).content.decode()
        assert f"{browser.user}: Dismissed: credited by hand</p>" in page

    def test_a_delivery_that_was_applied_in_the_meantime_is_skipped(self, failed, browser):
        seen = seen_on(act(browser, "dismiss", failed))
        WebhookEvent.objects.update(error="another error")

        answer = act(browser, "dismiss", failed, confirmed="yes", seen=seen, note="credited by hand")

        assert str(failed) in messages_of(browser, answer)[0]
        failed.refresh_from_db()
        assert failed.outcome == "failed"

    def test_without_the_permission_there_is_no_such_action(self, failed):
        browser = browser_of("view_webhookevent", "replay_webhookevent")

        act(browser, "dismiss", failed, confirmed="yes", note="no")

        assert "Dismiss" not in browser.get(list_url("webhookevent")).content.decode()
        failed.refresh_from_db()
        assert failed.outcome == "failed"
