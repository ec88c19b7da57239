"""An operator buys skins in the admin, in a browser with the strictest Content-Security-Policy."""

import re

import pytest
from playwright.sync_api import expect

from django_skinsback import players
from django_skinsback.flows.market.prices import sync_prices
from django_skinsback.models import Purchase
from django_skinsback.sandbox import Sandbox
from django_skinsback.steam import GAMES
from tests.e2e.player_site import PHONE, check_page, make_player, open_player_browser, player_site
from tests.support.admin_staff import VIEW_ALL, browser_of
from tests.support.buy_pages import OTHER_TRADE_URL, TRADE_URL, buy_url
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser(transactional_db):
    with open_player_browser() as browser:
        yield browser


@pytest.fixture
def site(live_server, settings, browser):
    with Sandbox() as sandbox, player_site(live_server, settings, sandbox, browser) as site:
        sandbox.configure(events_url=f"{live_server.url}/skinsback/events/")
        for game in GAMES:
            sync_prices(game=game)
        yield site
        assert site.errors == []


@pytest.fixture
def operator():
    return browser_of(*VIEW_ALL, "buy_skins").user


@pytest.fixture
def alice():
    alice = make_player("alice")
    Wallet.objects.create(user=alice, balance=1000)
    players.set_trade_url(alice, TRADE_URL)
    return alice


def fill_cart(page):
    """Put a skin of each game into the cart: two from the price list and one from SkinsBack's market."""
    page.get_by_label("Skin:").fill("lan")
    page.get_by_role("button", name="Search the price list").click()
    page.get_by_role("button", name=re.compile(r"^Add AK-47 \| Paper Lantern")).click()
    page.get_by_role("button", name=re.compile("^Add ")).first.click()
    page.get_by_label("Skin:").fill("tide")
    page.get_by_role("button", name="Search SkinsBack's market now").click()
    page.get_by_role("button", name=re.compile("^Add ")).first.click()
    expect(page.get_by_role("heading", name="Cart: 3 skins")).to_be_visible()


def test_an_operator_buys_skins_of_several_games_for_a_user(site, operator, alice):
    page = site.visit(operator, buy_url(user=alice.pk))
    check_page(page, "buy-empty")
    fill_cart(page)
    page.get_by_label(re.compile("Quantity of")).first.fill("2")
    page.get_by_label(re.compile("Price cap of")).first.fill("900")
    page.get_by_label("Total charge of the user").fill("150")
    page.get_by_label("Skin:").fill("lan")
    page.get_by_role("button", name="Search the price list").click()
    check_page(page, "buy-cart")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("alice is charged")).to_be_visible()
    check_page(page, "buy-confirm")
    page.get_by_role("button", name="Buy, and charge").click()
    expect(page.get_by_role("heading", name="Result of the order")).to_be_visible()
    check_page(page, "buy-result")
    expect(page.get_by_text("All purchases are finished")).to_be_visible()  # the page reloads itself
    assert {row.status for row in Purchase.objects.all()} == {"accepted"}
    check_page(page, "buy-result-end")
    page.get_by_role("link", name="AK-47 | Paper Lantern").first.click()
    expect(page.locator(".skinsback-status")).to_contain_text("accepted")


def test_warnings_and_reasons_are_shown(site, operator, alice):
    page = site.visit(operator, buy_url(user=alice.pk))
    fill_cart(page)
    page.get_by_label(re.compile("Quantity of")).first.fill("40")
    page.get_by_label(re.compile("Price cap of")).last.fill("0.01")
    page.get_by_label("Trade URL:").fill(OTHER_TRADE_URL)
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("belongs to another Steam account")).to_be_visible()
    check_page(page, "buy-warning")
    page.get_by_label("Total charge of the user").fill("150")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("too expensive").first).to_be_visible()
    check_page(page, "buy-reasons")
    page.get_by_role("button", name="Change the cart").click()
    expect(page.get_by_label("Total charge of the user")).to_have_value("150")
    page.get_by_label("Trade URL:").fill("x")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("This is not a Steam trade URL").first).to_be_visible()
    check_page(page, "buy-errors")


def test_skins_are_bought_with_the_keyboard_alone(site, operator, alice):
    page = site.visit(operator, buy_url(user=alice.pk), viewport=PHONE)
    keys = page.keyboard
    page.get_by_label("Skin:").focus()
    keys.type("paper lantern")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="In the price list")).to_be_visible()

    def tab_to(name):
        for _ in range(80):
            keys.press("Tab")
            if page.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
            ).startswith(name):
                return
        pytest.fail(f"The Tab key does not reach {name}.")

    tab_to("Add AK-47")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Cart: 1 skin")).to_be_visible()
    tab_to("Review")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Buy these skins?")).to_be_visible()
    tab_to("Buy")
    if page.evaluate("document.activeElement.tagName") != "BUTTON":
        tab_to("Buy")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Result of the order")).to_be_visible()
    assert Purchase.objects.count() == 1


def test_skins_are_bought_without_javascript(site, operator, alice):
    page = site.visit(operator, buy_url(user=alice.pk), javascript=False)
    fill_cart(page)
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Buy", exact=True).click()
    expect(page.get_by_role("link", name="Reload now")).to_be_visible()
    expect(page.get_by_text("purchases are still open")).to_be_visible()
    assert Purchase.objects.count() == 3


def test_a_double_click_buys_once(site, operator, alice):
    page = site.visit(operator, buy_url(user=alice.pk))
    fill_cart(page)
    page.get_by_role("button", name="Review").click()
    order = page.locator("[name=order]").first.input_value()
    page.get_by_role("button", name="Buy", exact=True).dblclick()
    expect(page.get_by_role("heading", name="Result of the order")).to_be_visible()
    page.goto(buy_url())
    page.evaluate(
        """(order) => {
            const [form] = document.querySelectorAll("#content form");
            const field = Object.assign(document.createElement("input"), {name: "order", value: order});
            form.append(field);
            form.submit();
        }""",
        order,
    )
    expect(page.get_by_text("Nothing was bought a second time")).to_be_visible()
    assert Purchase.objects.count() == len(site.sandbox.state.purchases) == 3
