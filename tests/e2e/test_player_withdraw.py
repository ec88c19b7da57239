"""Withdrawals in a browser, on the pages for users and against the sandbox, with and without JavaScript."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from django_skinsback import players, purchases
from django_skinsback.exceptions import PurchaseVetoed
from django_skinsback.flows.market.prices import sync_prices
from django_skinsback.models import MarketItem, PriceListImport, Purchase, Quote
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_purchase
from tests.e2e import player_site
from tests.e2e.player_site import PHONE, amounts_in, check_page, make_player, wait_for
from tests.integration.pages.shelf import charges
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
MARKET = "/skins/withdraw/"


@pytest.fixture(scope="module")
def browser(django_db_setup):
    with player_site.open_player_browser() as browser:
        yield browser


@pytest.fixture
def site(live_server, settings, browser):
    with Sandbox() as sandbox, player_site.player_site(live_server, settings, sandbox, browser) as site:
        sandbox.configure(events_url=f"{live_server.url}/skinsback/events/")
        for game in ("cs2", "rust"):
            sync_prices(game=game)
        yield site
        assert site.errors == []


@pytest.fixture
def user(site):
    user = make_player()
    Wallet.objects.create(user=user, balance=200)
    return user


def work(count):
    """Wait until ``count`` purchases were ordered, and send them to SkinsBack as a worker does."""
    wait_for(lambda: Purchase.objects.count() >= count, "the order")
    for purchase in Purchase.objects.filter(status="requested"):
        purchases.submit(purchase)


def wait_until_all_are(status):
    """Refresh the purchases until all have this status. The sandbox answers each trade offer by itself."""

    def are_all():
        others = list(Purchase.objects.exclude(status=status))
        if others:
            purchases.refresh(others)
        return not others

    wait_for(are_all, f"the status {status}")


def cards(page):
    return page.locator("article.skinsback-skin")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_cart_of_two_goes_from_the_market_to_accepted(site, user, javascript):
    page = site.visit(user, MARKET, javascript=javascript)
    page.get_by_label("Search skins").fill("copper tide")
    page.get_by_role("button", name="Show").click()
    expect(cards(page)).to_have_count(1)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("In your cart:")).to_be_visible()
    expect(page.get_by_label("Search skins")).to_have_value("copper tide")
    page.get_by_role("link", name="Rust").click()
    cards(page).first.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name=re.compile("^Cart 2 skins")).click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("No trade URL yet")).to_be_visible()
    page.get_by_role("link", name="Enter your trade URL").click()
    page.get_by_label("Steam trade URL").fill(TRADE_URL)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Confirm your order")).to_be_visible()
    expect(page.get_by_text(TRADE_URL)).to_be_visible()
    button = page.get_by_role("button", name="Withdraw for")
    total = amounts_in(button.text_content())[0]
    if javascript:
        expect(page.locator("[data-skinsback-countdown]")).to_have_text(re.compile(r"^[01]:\d\d$"))
    button.click()
    expect(page.get_by_role("heading", name="2 skins ordered")).to_be_visible()
    expect(page.get_by_text("Order placed")).to_have_count(2)
    work(2)
    wait_until_all_are("accepted")
    if not javascript:
        page.get_by_role("link", name="Check again").click()
    expect(page.locator("[data-skinsback-status=accepted]")).to_have_count(2)
    if javascript:
        expect(page.get_by_role("status").first).to_have_text("Accepted, enjoy your skin: 2.")
    page.get_by_role("link", name="Copper Tide").click()
    expect(page.get_by_role("heading", name="Accepted, enjoy your skin")).to_be_visible()
    expect(page.locator("[data-skinsback-balance]")).to_contain_text(f"{200 - total:.2f}")
    assert Wallet.objects.get().balance == 200 - total
    assert Purchase.objects.count() == 2


def test_one_skin_is_withdrawn_on_a_phone_in_the_dark(site, user):
    players.set_trade_url(user, TRADE_URL)
    site.sandbox.next_outcome("canceled")
    page = site.visit(user, f"{MARKET}?search=copper+tide", dark=True, viewport=PHONE)
    page.get_by_role("button", name="Withdraw now").click()
    page.get_by_role("button", name="Withdraw for").click()
    expect(page.get_by_role("heading", name="Order placed")).to_be_visible()
    before = page.locator("[data-skinsback-balance]").text_content()
    work(1)
    wait_until_all_are("canceled")
    expect(page.get_by_role("heading", name="You declined the trade offer")).to_be_visible()
    expect(page.get_by_text("Your money is back on your balance.")).to_be_visible()
    expect(page.locator("[data-skinsback-balance]")).not_to_have_text(before)
    assert Wallet.objects.get().balance == 200


def test_a_double_click_and_the_back_button_buy_once(site, user):
    players.set_trade_url(user, TRADE_URL)
    page = site.visit(user, f"{MARKET}?search=copper+tide")
    page.get_by_role("button", name="Withdraw now").click()
    page.get_by_role("button", name="Withdraw for").dblclick()
    expect(page.get_by_role("heading", name=re.compile("Order placed|Waiting for the market"))).to_be_visible()
    page.reload()
    page.go_back()
    again = page.get_by_role("button", name="Withdraw for")
    if again.is_visible():  # the browser may show the confirmation from its memory
        again.click()
    expect(page.get_by_text(re.compile("Order placed|Waiting for the market")).first).to_be_visible()
    assert Purchase.objects.count() == 1


def test_a_lost_answer_to_the_confirmation_buys_once(site, user):
    players.set_trade_url(user, TRADE_URL)
    page = site.visit(user, f"{MARKET}?search=copper+tide")
    page.get_by_role("button", name="Withdraw now").click()
    confirmation = page.url

    def lose(route):
        route.fetch(max_redirects=0)
        route.abort()

    page.route("**/withdraw/confirm/", lose)
    with page.expect_event("requestfailed", lambda request: "/withdraw/confirm/" in request.url):
        page.get_by_role("button", name="Withdraw for").click()
    page.wait_for_url("chrome-error://**")
    page.unroute("**/withdraw/confirm/")
    assert Purchase.objects.count() == 1
    page.goto(confirmation)
    expect(page.get_by_role("heading", name="1 skin ordered")).to_be_visible()
    assert Purchase.objects.count() == 1
    site.errors[:] = [error for error in site.errors if "ERR_FAILED" not in error]


def test_a_new_price_is_accepted(site, user):
    players.set_trade_url(user, TRADE_URL)
    page = site.visit(user, f"{MARKET}?search=copper+tide")
    page.get_by_role("button", name="Withdraw now").click()
    item = MarketItem.objects.get(market_hash_name=Quote.objects.get().market_hash_name)
    MarketItem.objects.filter(pk=item.pk).update(price=item.price + 1)
    page.get_by_role("button", name="Withdraw for").click()
    expect(page.get_by_text(f"now ${item.price + 1:.2f} instead of ${item.price:.2f}")).to_be_visible()
    assert not Purchase.objects.exists()
    page.get_by_role("button", name="Accept and withdraw").click()
    expect(page.get_by_role("heading", name=re.compile("Order placed"))).to_be_visible()
    assert Purchase.objects.get().charge_amount == item.price + 1


def test_every_page_and_state_is_accessible_and_fits_a_phone(site, user):
    """axe finds no serious fault, nothing is cut off, no console error, in both colour schemes."""
    page = site.visit(user, MARKET)
    check_page(page, "market")
    page.goto(f"{MARKET}?game=cs2&wear=minimal_wear&quality=normal&sort=-price")
    check_page(page, "market-filters")
    page.goto(f"{MARKET}?search=nothing")
    check_page(page, "market-nothing-found")
    page.goto(f"{MARKET}?game=dota2")
    check_page(page, "market-no-prices")
    page.goto(f"{MARKET}cart/")
    check_page(page, "cart-empty")
    page.goto(MARKET)
    for number in (0, 1, 2):
        cards(page).nth(number).get_by_role("button", name="Add to cart").click()
    check_page(page, "market-added")
    page.goto(f"{MARKET}cart/")
    check_page(page, "cart")
    page.get_by_role("button", name="Continue").click()
    check_page(page, "confirm-no-trade-url")
    players.set_trade_url(user, TRADE_URL)
    page.reload()
    check_page(page, "confirm")
    Wallet.objects.update(balance=Decimal("0.20"))
    page.reload()
    expect(page.get_by_text("Your balance does not cover all skins.")).to_be_visible()
    check_page(page, "confirm-low-balance")
    Wallet.objects.update(balance=200)
    quotes = list(Quote.objects.order_by("pk"))
    MarketItem.objects.filter(market_hash_name=quotes[1].market_hash_name).update(price=Decimal("150"))

    def refuse(entry):
        if entry.purchase.market_hash_name == quotes[2].market_hash_name:
            raise PurchaseVetoed("insufficient_balance", "Your balance does not cover this skin.")

    with charges(refuse):
        page.get_by_role("button", name="Withdraw for").click()
        expect(page.get_by_role("heading", name="1 of 3 skins ordered")).to_be_visible()
    check_page(page, "order-partial")
    page.goto("about:blank")  # the order's page asks for news, and would not find it after the next lines
    Quote.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    Quote.objects.update(purchase=None)
    page.goto(f"{MARKET}confirm/?quote={quotes[0].public_id.hex}")
    check_page(page, "confirm-expired")
    for name, values in {
        "purchase-requested": {"status": "requested"},
        "purchase-waiting": {"status": "waiting_accept", "trade_offer_id": "6828703963"},
        "purchase-hold": {
            "status": "accepted",
            "in_hold": True,
            "in_hold_until": timezone.now() + timedelta(days=7),
            "market_hash_name": "★ StatTrak™ Butterfly Knife | Crimson Web (Minimal Wear)",
        },
        "purchase-timeout": {"status": "timeout"},
        "purchase-dearer": {
            "status": "refused",
            "error_code": 6,
            "error_message": "skins_not_found_at_specified_price",
        },
        "purchase-bad-url": {"status": "invalid_trade_token"},
    }.items():
        purchase = make_purchase(user=user, charge_amount=Decimal("10.20"), charge_currency="usd", **values)
        page.goto(f"{MARKET}{purchase.public_id}/")
        check_page(page, name)
    lines = [
        players.make_quote(user, quote.game, quote.market_hash_name)
        for quote in Quote.objects.filter(market_hash_name=quotes[0].market_hash_name)[:1]
        for _ in range(4)
    ]
    for quote, status in zip(lines, ("requested", "waiting_accept", "accepted", "timeout"), strict=True):
        quote.purchase = make_purchase(
            user=user,
            charge_amount=quote.charge,
            charge_currency="usd",
            status=status,
            trade_offer_id="6828703963",
            market_hash_name=quote.market_hash_name,
        )
        quote.save()
    page.goto(f"{MARKET}order/?" + "&".join(f"quote={quote.public_id.hex}" for quote in lines))
    check_page(page, "order-progress")
    PriceListImport.objects.update(imported_at=timezone.now() - timedelta(days=1))
    page.goto(MARKET)
    check_page(page, "market-old-prices")
