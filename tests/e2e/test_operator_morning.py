"""An operator's morning: from the login to a desk on which nothing waits, with few clicks."""

import pytest
from playwright.sync_api import expect

from django_skinsback.flows.monitoring.queues import count_queue
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.sandbox import Sandbox
from django_skinsback.statuses import Queue
from tests.e2e import player_site
from tests.e2e.operator_site import DESK, PASSWORD, operator_site

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

MOST_CLICKS = 14


@pytest.fixture(scope="module")
def browser(django_db_setup):
    with player_site.open_player_browser() as browser:
        yield browser


@pytest.fixture
def site(live_server, settings, browser):
    with Sandbox() as sandbox, operator_site(live_server, settings, sandbox, browser) as site:
        yield site
        assert site.errors == []


class Hand:
    """The operator's hand. It counts clicks: each one on a link, a button, or a choice of a form."""

    def __init__(self, page):
        self._page, self.clicks = page, []

    def click(self, role, name, **options):
        self.clicks.append(name)
        self._page.get_by_role(role, name=name, **options).click()

    def write(self, label, text):
        self._page.get_by_label(label).fill(text)


def test_a_morning_with_one_row_in_each_queue_takes_few_clicks(site):
    site.make_rows()
    assert [count_queue(queue) for queue in Queue] == [1, 1, 1, 1]
    page = site.visit_as_stranger("/admin/skinsback/desk/")
    hand = Hand(page)

    hand.write("Username:", "operator")
    hand.write("Password:", PASSWORD)
    hand.click("button", "Log in")
    expect(page.get_by_role("heading", name="What needs me")).to_be_visible()

    hand.click("link", "1 purchase needs review")
    hand.click("button", "Settle…")
    hand.click("radio", "Refund the charge")
    hand.write("Note:", "The skin went back to SkinsBack.")
    hand.click("button", "Settle")
    expect(page.get_by_text("1 row was settled.")).to_be_visible()

    hand.click("link", "1 hold waits for a decision")
    hand.click("button", "Approve…")
    hand.click("button", "Approve")
    expect(page.get_by_text("1 hold was approved.")).to_be_visible()

    hand.click("link", "1 delivery could not be applied")
    hand.click("button", "Apply again")
    expect(page.get_by_text("1 delivery was applied again.")).to_be_visible()

    hand.click("link", "1 discrepancy is open")
    hand.click("button", "Close…")
    hand.write("Note:", "Made by the shop's old program.")
    hand.click("button", "Close")

    expect(page.get_by_text("Nothing needs me.")).to_be_visible()
    assert page.url == site.url + DESK
    assert len(hand.clicks) <= MOST_CLICKS, hand.clicks
    assert [count_queue(queue) for queue in Queue] == [0, 0, 0, 0]
    posted = LedgerEntry.objects.values_list("kind", "user__username").order_by("kind", "pk")
    assert list(posted) == [("charge", "bob"), ("credit", "alice"), ("credit", "alice"), ("refund", "bob")]
    assert not Purchase.objects.get().needs_review
    assert set(Deposit.objects.values_list("status", flat=True)) == {"hold_approved", "success"}
    assert not WebhookEvent.objects.filter(outcome="failed").exists()
    assert Discrepancy.objects.get().state == "closed"
