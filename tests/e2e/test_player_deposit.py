"""Deposits in a browser, on the pages for users and against the sandbox, with and without JavaScript."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from django_skinsback import players
from django_skinsback.models import Deposit, LedgerEntry, SteamProfile
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_deposit
from tests.e2e import player_site
from tests.e2e.conftest import pay_with_a_skin
from tests.e2e.player_site import PHONE, amounts_in, check_page, make_player, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
STEAM_ID = "76561198050648523"
LONG_NAME = "★ StatTrak™ Butterfly Knife | Crimson Web (Minimal Wear)"
INVENTORY = "/skins/deposit/inventory/?game=rust"


@pytest.fixture(scope="module")
def browser(django_db_setup):
    with player_site.open_player_browser() as browser:
        yield browser


@pytest.fixture
def site(live_server, settings, browser):
    with Sandbox() as sandbox, player_site.player_site(live_server, settings, sandbox, browser) as site:
        yield site
        assert site.errors == []


@pytest.fixture
def user(site):
    return make_player()


def start(page, game="Rust", way="then come back"):
    page.get_by_label(game).check()
    page.get_by_label(way).check()
    page.get_by_role("button", name="Choose skins").click()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_deposit_on_skinsbacks_page_comes_back_and_is_credited(site, user, javascript):
    page = site.visit(user, javascript=javascript)
    start(page)
    if not javascript:
        site.sandbox.pay(Deposit.objects.get().order_id)  # the sandbox's pay page needs JavaScript
        page.goto("/skins/deposit/back/")
        expect(page.get_by_role("heading", level=2)).to_be_visible()
        wait_for(LedgerEntry.objects.exists, "the credit")
        if page.get_by_role("link", name="Check again").is_visible():
            page.get_by_role("link", name="Check again").click()
    else:
        pay_with_a_skin(page)
        page.get_by_role("link", name="Back to").click()
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
    credit = LedgerEntry.objects.get()
    expect(page.locator(".skinsback-sum")).to_have_text(f"+${credit.amount.normalize():.2f}")
    expect(page.locator("[data-skinsback-balance]")).to_contain_text(f"{credit.amount.normalize():.2f}")
    assert page.url == f"{site.url}/skins/deposit/{credit.deposit.public_id}/"


def test_a_deposit_in_a_frame_updates_the_page_around_it(site, user):
    page = site.visit(user)
    start(page, way="shown in this one")
    expect(page.locator("iframe")).to_be_visible()
    expect(page.get_by_role("link", name="Open the pay page", exact=True)).to_be_hidden()
    pay_with_a_skin(page.frame_locator("iframe"))
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    expect(page.locator("[data-skinsback-balance]")).not_to_have_text("$0.00")
    expect(page.get_by_role("status")).to_have_text("Deposit complete")
    expect(page.get_by_role("link", name="Check again")).to_have_count(0)


@pytest.mark.parametrize("javascript", [True, False])
def test_a_deposit_from_the_own_inventory(site, user, javascript):
    page = site.visit(user, INVENTORY, javascript=javascript)
    page.get_by_role("link", name="Enter your trade URL").click()
    page.get_by_label("Steam trade URL").fill(TRADE_URL)
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(f"{site.url}{INVENTORY}")
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).check()
    prices = [amounts_in(text)[0] for text in page.locator("label.skinsback-skin").all_text_contents()[:2]]
    if javascript:
        expect(page.locator("[data-skinsback-total]")).to_have_text(re.compile(rf"Chosen: 2 · \${sum(prices)}$"))
    else:
        expect(page.locator("[data-skinsback-total]")).to_be_hidden()
    page.get_by_role("button", name="Deposit the chosen skins").click()
    expect(page.get_by_role("heading", name="Accept the trade offer on Steam")).to_be_visible()
    deposit = Deposit.objects.get()
    offer = page.get_by_role("link", name="Open the trade offer on Steam")
    expect(offer).to_have_attribute("href", f"https://steamcommunity.com/tradeoffer/{deposit.trade_offer_id}/")
    expect(page.get_by_text(deposit.bot_steam_id)).to_be_visible()
    countdown = page.locator("[data-skinsback-countdown]")
    expect(countdown).to_have_text(re.compile(r"^9:\d\d left$" if javascript else r"^9 minutes left$"))
    if javascript:
        first = countdown.text_content()
        expect(countdown).not_to_have_text(first)
    site.sandbox.pay(deposit.order_id)
    wait_for(LedgerEntry.objects.exists, "the credit")
    if not javascript:
        page.get_by_role("link", name="Check again").click()
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
    expect(page.locator(".skinsback-sum")).to_have_text(f"+${LedgerEntry.objects.get().amount.normalize():.2f}")
    assert LedgerEntry.objects.get().amount == sum(prices)


def test_the_inventory_is_searched_and_ordered_without_losing_the_choice(site, user):
    players.set_trade_url(user, TRADE_URL)
    page = site.visit(user, INVENTORY)
    boxes = page.get_by_role("checkbox")
    count = boxes.count()
    boxes.first.check()
    name = page.locator("li[data-skinsback-name]").first.get_attribute("data-skinsback-name")
    page.get_by_label("Search your skins").fill(name.split()[-1].upper())
    assert 0 < page.locator("li[data-skinsback-name]:visible").count() < count
    page.get_by_label("Search your skins").fill("nothing at all")
    expect(page.get_by_text("None of your skins matches.")).to_be_visible()
    page.get_by_label("Search your skins").fill("")
    page.get_by_label("Order").select_option("Lowest value")
    shown = [amounts_in(text)[0] for text in page.locator("label.skinsback-skin").all_text_contents()]
    assert shown == sorted(shown)
    expect(page.locator("[data-skinsback-count]")).to_have_text("1")
    assert page.url == f"{site.url}{INVENTORY}"


def test_a_double_click_opens_one_deposit(site, user):
    page = site.visit(user)
    page.get_by_label("Rust").check()
    page.get_by_role("button", name="Choose skins").dblclick()
    page.wait_for_url(re.compile("/_/pay/"))
    page.go_back()
    page.get_by_label("Rust").check()
    page.get_by_role("button", name="Choose skins").click()
    page.wait_for_url(re.compile("/_/pay/"))
    assert Deposit.objects.count() == 1


def test_a_poll_that_fails_says_so_and_goes_on(site, user):
    deposit = make_deposit(user=user, pay_url="https://pay.example/1", transaction_id="7")
    page = site.visit(user, f"/skins/deposit/{deposit.public_id}/")
    page.route("**/status/", lambda route: route.abort())
    problem = page.get_by_text("The status could not be updated.")
    expect(problem).to_be_visible()
    page.unroute("**/status/")
    expect(problem).to_be_hidden()
    Deposit.objects.update(status="fail")
    expect(page.get_by_role("heading", name="Deposit not completed")).to_be_visible()
    site.errors[:] = [error for error in site.errors if "ERR_FAILED" not in error]


def test_the_page_is_not_polled_while_it_is_hidden_and_most_answers_are_empty(site, user):
    deposit = make_deposit(user=user, pay_url="https://pay.example/1")
    page = site.visit(user, f"/skins/deposit/{deposit.public_id}/")
    polls = []  # requests, because an answer may take long
    page.on("request", lambda request: polls.append(request.url) if "/status/" in request.url else None)
    with page.expect_response("**/status/") as answer:
        page.wait_for_timeout(6000)
    assert answer.value.status == 304
    assert 1 <= len(polls) <= 3
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.isAway, configurable: true})")
    page.evaluate("window.isAway = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    polls.clear()
    page.wait_for_timeout(8000)
    assert polls == []
    with page.expect_response("**/status/") as answer:
        page.evaluate("window.isAway = false; document.dispatchEvent(new Event('visibilitychange'))")
    assert answer.value.status == 304
    assert len(polls) == 1


def test_a_page_that_is_polled_after_the_logout_leads_to_the_login(site, user):
    from django.contrib.sessions.models import Session

    deposit = make_deposit(user=user, pay_url="https://pay.example/1")
    page = site.visit(user, f"/skins/deposit/{deposit.public_id}/")
    Session.objects.all().delete()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_trade_url_is_checked_at_once(site, user):
    page = site.visit(user, "/skins/trade-url/")
    field = page.get_by_label("Steam trade URL")
    field.fill(TRADE_URL[:-1])
    field.blur()
    expect(page.get_by_text("This is not a complete trade URL.")).to_be_visible()
    field.fill(TRADE_URL)
    field.blur()
    expect(page.get_by_text("This looks like a trade URL.")).to_be_visible()


def test_every_page_and_state_is_accessible_and_fits_a_phone(site, user):
    """axe finds no serious fault, nothing is cut off, no console error, in both colour schemes."""
    page = site.visit(user)
    check_page(page, "deposit-form")
    page.goto("/skins/history/")
    check_page(page, "history-empty")
    page.goto(INVENTORY)
    check_page(page, "inventory-no-trade-url")
    page.goto("/skins/trade-url/")
    check_page(page, "trade-url-empty")
    page.get_by_label("Steam trade URL").fill("https://steamcommunity.com/id/me")
    page.get_by_role("button", name="Save").click()
    check_page(page, "trade-url-error")
    players.set_trade_url(user, TRADE_URL)
    skins = site.sandbox.inventory(STEAM_ID)
    skins[0].tradable = False
    page.goto(INVENTORY)
    page.get_by_role("checkbox").first.check()
    check_page(page, "inventory")
    page.goto(f"{INVENTORY}&q=nothing")
    check_page(page, "inventory-no-match")
    page.goto(INVENTORY.replace("rust", "dota2"))
    check_page(page, "inventory-busy")
    for name, values in {
        "row-created": {"status": "created"},
        "row-pay-page": {"status": "pending", "pay_url": "https://pay.example/1"},
        "row-trade": {
            "status": "pending",
            "trade_offer_id": "6828703963",
            "trade_offer_expires_at": timezone.now() + timedelta(minutes=10),
            "bot_name": "Dragonfly",
            "bot_steam_id": "76561199390042107",
        },
        "row-hold": {
            "status": "in_hold",
            "skins": [{"name": "★ StatTrak™ Butterfly Knife | Crimson Web (Minimal Wear)"}],
        },
        "row-failed": {"status": "fail"},
        "row-expired": {"status": "abandoned", "pay_url": "https://pay.example/1"},
        "row-credited": {"status": "success"},
        "row-taken-back": {"status": "hold_returned"},
    }.items():
        deposit = make_deposit(user=user, **values)
        if name in {"row-credited", "row-taken-back"}:
            credit(user, deposit, "credit", "12.60")
        if name == "row-taken-back":
            credit(user, deposit, "reversal", "-12.60")
        page.goto(f"/skins/deposit/{deposit.public_id}/")
        check_page(page, name)
    page.goto("/skins/history/")
    check_page(page, "history-deposits")
    page.goto("/skins/history/?show=entries")
    check_page(page, "history-entries")
    SteamProfile.objects.update(broken_at=timezone.now(), broken_reason="invalid_token_value")
    page.goto("/skins/trade-url/")
    check_page(page, "trade-url-broken")
    players.freeze(user, None, "chargebacks")
    page.goto("/skins/deposit/")
    start(page)
    check_page(page, "deposit-frozen")


def credit(user, deposit, kind, amount):
    LedgerEntry.objects.create(user=user, deposit=deposit, kind=kind, amount=Decimal(amount), currency="usd")


def test_the_whole_walk_works_on_a_phone_in_the_dark(site, user):
    players.set_trade_url(user, TRADE_URL)
    page = site.visit(user, dark=True, viewport=PHONE)
    start(page, way="from my Steam inventory")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Deposit the chosen skins").click()
    site.sandbox.pay(Deposit.objects.get().order_id)
    expect(page.get_by_role("heading", name="Deposit complete")).to_be_visible()
