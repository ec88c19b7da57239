"""The example shop in a real browser, as ``make demo`` starts it."""

import re
import signal

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import START_SECONDS, STOP_SECONDS, free_ports, pay_with_a_skin, start_demo

BOBS_TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=1038734274&token=bob-0002"

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("demo"), pytest.mark.timeout(300)]


def balance(page):
    return page.locator("[data-skinsback-balance]")


def order(page, name):
    """Search the market for a skin, ask for its price and confirm it."""
    page.get_by_role("link", name="Withdraw", exact=True).click()
    page.get_by_label("Search skins").last.fill(name)
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name=re.compile(f"Withdraw now.*{name}")).click()
    page.get_by_role("button", name="Withdraw for").click()


def save_trade_url(page, url):
    page.get_by_role("link", name="Trade URL", exact=True).click()
    page.get_by_label("Steam trade URL").fill(url)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your trade URL is saved.")).to_be_visible()


def test_a_deposit_on_skinsbacks_page_is_credited(visit):
    page = visit("alice")
    before = balance(page).text_content()
    page.get_by_role("link", name="Deposit", exact=True).click()
    page.get_by_label("Rust").check()
    page.get_by_role("button", name="Choose skins").click()
    worth = pay_with_a_skin(page)
    page.get_by_role("link", name="Back to").click()
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
    expect(page.get_by_text(f"+{worth}")).to_be_visible()
    expect(balance(page)).not_to_have_text(before)
    balance(page).click()
    expect(page.get_by_role("link", name="Deposit credited").filter(has_text=f"+{worth}")).to_be_visible()


def test_a_deposit_in_a_frame_is_credited_and_the_page_around_it_updates(visit):
    page = visit("operator")
    page.get_by_role("link", name="Deposit", exact=True).click()
    page.get_by_label("Dota 2").check()
    page.get_by_label("On SkinsBack's page, shown in this one").check()
    page.get_by_role("button", name="Choose skins").click()
    worth = pay_with_a_skin(page.frame_locator("iframe"))
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
    expect(page.get_by_text(f"+{worth}")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)


def test_a_skin_is_withdrawn_and_accepted(visit):
    page = visit("bob")
    order(page, "Copper Tide")
    expect(page.get_by_role("heading", name="Accepted, enjoy your skin")).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Withdrawn skins").click()
    expect(page.get_by_role("link", name="Copper Tide").first).to_contain_text("Accepted")


def test_a_declined_trade_offer_is_explained_and_refunded(visit):
    page = visit("bob")
    before = balance(page).text_content()
    save_trade_url(page, BOBS_TRADE_URL.replace("bob-0002", "DECLINED"))
    order(page, "Velvet Storm")
    expect(page.get_by_role("heading", name="You declined the trade offer")).to_be_visible()
    expect(balance(page)).to_have_text(before)
    save_trade_url(page, BOBS_TRADE_URL)


def test_an_operator_buys_a_skin_for_a_user_in_the_admin(visit):
    page = visit("operator")
    page.get_by_role("link", name="Admin").click()
    page.get_by_role("link", name="Market items").first.click()
    page.locator("#searchbar").fill("lantern moth")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("row", name="Lantern Moth").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("Buy…")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_role("heading", name="Cart: 1 skin")).to_be_visible()
    page.get_by_label("Trade URL:").fill(BOBS_TRADE_URL)
    page.get_by_label("User:", exact=True).fill("bob")
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Buy", exact=True).click()
    expect(page.get_by_text("All purchases are finished")).to_be_visible()
    page.get_by_role("link", name="Lantern Moth").click()
    expect(page.locator(".skinsback-status")).to_contain_text("accepted")


def test_the_demo_stops_cleanly_and_starts_again(tmp_path):
    ports = free_ports(2)
    for number in (signal.SIGINT, signal.SIGTERM):
        demo = start_demo(tmp_path, *ports)
        demo.wait_for("Ctrl-C stops everything.", START_SECONDS)
        assert demo.stop(number) == 0
        demo.process.stdout.close()


def test_a_second_demo_names_the_port_that_is_taken(demo, tmp_path):
    taken = int(demo.site.rsplit(":", 1)[1])
    second = start_demo(tmp_path, taken, *free_ports(1))
    second.wait_for(f"port {taken} is taken", STOP_SECONDS)
    assert second.process.wait(STOP_SECONDS) == 1
    second.process.stdout.close()
