"""Every page of the operator: read by axe, at two widths and in two colour schemes, and used by the keyboard."""

import pytest
from playwright.sync_api import expect

from django_skinsback.models import Deposit, Discrepancy, Purchase, WebhookEvent
from django_skinsback.sandbox import Sandbox
from tests.e2e import player_site
from tests.e2e.operator_site import DESK, check_admin_page, operator_site

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

ADMIN = "/admin/skinsback/"


@pytest.fixture(scope="module")
def browser(django_db_setup):
    with player_site.open_player_browser() as browser:
        yield browser


@pytest.fixture
def site(live_server, settings, browser):
    with Sandbox() as sandbox, operator_site(live_server, settings, sandbox, browser) as site:
        site.make_rows()
        yield site
        assert site.errors == []


def test_every_page_has_no_serious_fault_and_fits_its_window(site):
    hold, purchase = Deposit.objects.get(status="in_hold"), Purchase.objects.get()
    delivery, discrepancy = WebhookEvent.objects.get(outcome="failed"), Discrepancy.objects.get()
    customer = f"deposit/customer/{site.bob.pk}/"
    page = site.work()
    pages = {
        "desk": "desk/",
        "app": "",
        "queue-review": "purchase/?queue=review",
        "queue-holds": "deposit/?queue=holds",
        "queue-deliveries": "webhookevent/?queue=deliveries",
        "queue-discrepancies": "discrepancy/?queue=discrepancies",
        "holds": "deposit/holds/",
        "row-deposit": f"deposit/{hold.pk}/change/",
        "row-purchase": f"purchase/{purchase.pk}/change/",
        "row-delivery": f"webhookevent/{delivery.pk}/change/",
        "row-discrepancy": f"discrepancy/{discrepancy.pk}/change/",
        "customer": customer,
        "freeze": f"{customer}freeze/",
        "buy": "purchase/buy/",
        "list-deposits": "deposit/",
        "list-purchases": "purchase/",
        "list-entries": "ledgerentry/",
    }
    for name, address in pages.items():
        page.goto(ADMIN + address)
        check_admin_page(page, name)


@pytest.mark.parametrize(
    ("name", "address", "button"),
    [
        ("settle", "purchase/?queue=review", "Settle…"),
        ("approve", "deposit/holds/", "Approve…"),
        ("leave", "deposit/holds/", "Leave to run out…"),
        ("close", "discrepancy/?queue=discrepancies", "Close…"),
        ("dismiss", "webhookevent/?queue=deliveries", "Dismiss…"),
    ],
)
def test_each_page_that_asks_before_an_action_has_no_serious_fault(site, name, address, button):
    page = site.work(ADMIN + address)
    page.get_by_role("button", name=button).first.click()
    expect(page.locator("input[name=confirmed]")).to_be_attached()
    check_admin_page(page, f"ask-{name}")


def test_a_queue_is_worked_off_by_the_keyboard_alone(site):
    page = site.work()
    press_until(page, "1 delivery could not be applied")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}{ADMIN}webhookevent/?queue=deliveries")
    press_until(page, "Apply again")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 delivery was applied again.")).to_be_visible()
    assert page.url == site.url + DESK


def press_until(page, text):
    """Press the tabulator until the element with this text has the focus; fail after a hundred elements."""
    page.wait_for_load_state()
    for _ in range(100):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.innerText.replace(/\\s+/g, ' ').trim()")
        if focused == text:
            return
    pytest.fail(f"The tabulator does not reach {text!r}.")
