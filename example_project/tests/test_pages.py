import re
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse

from django_skinsback import players
from django_skinsback.models import Deposit, MarketItem, Purchase
from example_project.wallet.models import Wallet

pytestmark = pytest.mark.django_db

INLINE = re.compile(rb"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)
PAGES = ["deposit", "withdraw", "history", "trade_url"]
OTHER_TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=70070003&token=bob-0003"


def page_url(name, *args):
    return reverse(f"skinsback-pages:{name}", args=args)


def order(shop, item):
    """Ask for the price of a skin and confirm it."""
    confirmation = shop.post(page_url("quotes"), {"game": item.game, "name": item.market_hash_name}, follow=True)
    quote = re.search(r'name="quote" value="(\w+)"', confirmation.text)[1]
    return shop.post(page_url("confirm"), {"quote": quote}, follow=True)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_about_a_user_requires_a_login(client, name):
    assert client.get(page_url(name)).url.startswith(reverse("shop:login"))


def test_the_start_page_is_public_and_shows_the_shops_prices(client, item):
    page = client.get("/").text
    assert item.market_hash_name in page
    assert "$10.50" in page


def test_a_skin_of_the_start_page_leads_to_itself_on_the_market(shop, item):
    MarketItem.objects.create(game="cs2", market_hash_name="AWP | Paper Owl", price=1, count=1)
    address = re.search(r'href="([^"]+lantern[^"]+)"', shop.get("/").text, re.IGNORECASE)[1]
    market = shop.get(address.replace("&amp;", "&")).text
    assert "Paper Lantern" in market
    assert "Paper Owl" not in market


def test_no_page_has_inline_scripts_or_styles_and_all_have_a_strict_policy(shop, bob, item):
    deposit = Deposit.objects.create(user=bob, order_id="order", status="pending", pay_url="https://skinsback.com/pay/")
    purchase = Purchase.objects.create(user=bob, custom_id="custom", max_price=1, status="waiting_accept")
    addresses = [reverse("shop:start"), *map(page_url, PAGES)]
    addresses += [page_url("deposit_row", deposit.public_id), page_url("purchase", purchase.public_id)]
    for address in addresses:
        answer = shop.get(address)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert not INLINE.search(answer.content), address


def test_the_policy_allows_the_pay_page_and_the_pictures(client, settings):
    policy = client.get("/").headers["Content-Security-Policy"]
    for directive in ("img-src", "frame-src", "form-action"):
        assert f"{directive} 'self' {settings.SANDBOX_URL};" in policy


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_the_shops_header_and_no_second_menu(shop, name):
    page = shop.get(page_url(name)).text
    assert page.count("<nav") - page.count('class="skinsback-pages"') == 1
    assert page.count("data-skinsback-balance") == 1
    assert page.count("skinsback/pages.css") == 1
    assert 'aria-current="page"' in page.partition("</nav>")[0]
    assert "$100.00" in page.partition("</header>")[0]


def test_a_debt_is_explained_on_every_page(shop):
    assert "Your balance is below zero" not in shop.get("/").text
    Wallet.objects.update(millionths=-1_500_000)
    page = shop.get(page_url("history")).text
    assert "\N{MINUS SIGN}$1.50" in page
    assert "Your balance is below zero" in page


def test_a_confirmed_skin_is_ordered_and_charged_at_the_shops_price(shop, bob, item):
    page = order(shop, item)
    purchase = Purchase.objects.get()
    assert page.redirect_chain[-1][0] == page_url("purchase", purchase.public_id)
    assert purchase.charge_amount == Decimal("10.50")
    assert Wallet.objects.get(user=bob).balance == Decimal("89.5")


def test_a_balance_that_does_not_cover_is_explained_and_nothing_is_saved(shop, item):
    Wallet.objects.update(millionths=1)
    assert "Your balance does not cover this. Deposit some skins first." in order(shop, item).text
    assert not Purchase.objects.exists()
    assert Wallet.objects.get().millionths == 1


def test_the_rest_api_answers_the_user_who_is_logged_in(shop, client):
    balances = shop.get("/api/v1/balances/").json()
    assert "100.00" in str(balances)
    client.logout()
    assert client.get("/api/v1/balances/").status_code == 403


def test_seeding_twice_changes_nothing(settings):
    settings.DEMO_LOGINS = [{"username": "bob", "password": "bob-demo", "about": ""}]
    call_command("seed")
    wallet = Wallet.objects.get()
    Wallet.objects.update(millionths=7)
    players.set_trade_url(wallet.user, OTHER_TRADE_URL)
    call_command("seed")
    assert Wallet.objects.get().millionths == 7
    assert players.get_profile(wallet.user).trade_url == OTHER_TRADE_URL
