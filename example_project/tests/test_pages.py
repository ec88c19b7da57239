import re
import uuid
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse

from django_skinsback import purchases
from django_skinsback.models import Deposit, MarketItem, Purchase
from django_skinsback.wire.types import PurchaseReport
from example_project.shop import error_texts
from example_project.shop.models import Profile
from example_project.wallet.models import Wallet

pytestmark = pytest.mark.django_db

INLINE = re.compile(rb"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)


def confirm(shop, item, *, price="10.50", key=None):
    answer = {"key": key or uuid.uuid4(), "price": price}
    return shop.post(reverse("shop:withdraw", args=[item.pk]), answer, follow=True)


def balance(user):
    return Wallet.objects.get(user=user).balance


@pytest.mark.parametrize("name", ["wallet", "history", "account", "deposit", "deposit_back", "deposit_done"])
def test_a_page_about_a_user_requires_a_login(client, name):
    assert client.get(reverse(f"shop:{name}")).url.startswith(reverse("shop:login"))


def test_the_market_is_public_and_withdrawing_requires_a_login(client, item):
    assert item.market_hash_name.split(" | ")[0] in client.get("/").text
    assert client.get(reverse("shop:picture", args=[item.pk])).headers["Content-Type"] == "image/svg+xml"
    assert client.get(reverse("shop:withdraw", args=[item.pk])).status_code == 302


@pytest.mark.parametrize("page", ["deposit_page", "deposit_status"])
def test_a_deposit_of_another_user_is_not_found(shop, alice, page):
    deposit = Deposit.objects.create(user=alice, order_id="order")
    assert shop.get(reverse(f"shop:{page}", args=[deposit.public_id])).status_code == 404


@pytest.mark.parametrize("page", ["purchase_page", "purchase_status"])
def test_a_purchase_of_another_user_is_not_found(shop, alice, page):
    purchase = Purchase.objects.create(user=alice, custom_id="custom", max_price=1)
    assert shop.get(reverse(f"shop:{page}", args=[purchase.public_id])).status_code == 404


def test_no_page_has_inline_scripts_or_styles(shop, bob, item):
    deposit = Deposit.objects.create(user=bob, order_id="order", status="pending", metadata={"framed": True})
    purchase = Purchase.objects.create(user=bob, custom_id="custom", max_price=1, status="waiting_accept")
    plain = ["market", "login", "account", "wallet", "history", "deposit", "deposit_done"]
    addresses = [reverse(f"shop:{name}") for name in plain]
    addresses.append(reverse("shop:withdraw", args=[item.pk]))
    addresses.append(reverse("shop:deposit_page", args=[deposit.public_id]))
    addresses.append(reverse("shop:purchase_page", args=[purchase.public_id]))
    for address in addresses:
        answer = shop.get(address)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert not INLINE.search(answer.content), address


def test_every_word_of_a_search_must_be_in_the_name(client, item):
    MarketItem.objects.create(game="dota2", market_hash_name="Paper Owl", price=1, count=1)
    assert "Owl" not in client.get("/", {"q": "lantern paper"}).text
    assert "Owl" in client.get("/", {"q": "paper", "game": "dota2"}).text
    assert "No skins found" in client.get("/", {"q": "no such skin"}).text


def test_an_unavailable_skin_is_not_on_the_market(client, item):
    MarketItem.objects.update(available=False)
    assert "Paper Lantern" not in client.get("/").text


def test_a_confirmed_skin_is_ordered_and_charged(shop, bob, item):
    answer = confirm(shop, item)
    purchase = Purchase.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("shop:purchase_page", args=[purchase.public_id])
    assert "Order placed" in answer.text
    assert purchase.max_price == 10
    assert balance(bob) == Decimal("89.5")


def test_pressing_twice_orders_once(shop, bob, item):
    key = uuid.uuid4()
    first, second = confirm(shop, item, key=key), confirm(shop, item, key=key)
    assert first.redirect_chain[-1] == second.redirect_chain[-1]
    assert Purchase.objects.count() == 1
    assert balance(bob) == Decimal("89.5")


def test_the_same_key_of_another_user_is_an_order_of_his_own(shop, client, alice, bob, item):
    key = uuid.uuid4()
    confirm(shop, item, key=key)
    Profile.objects.create(user=alice, trade_url=Profile.objects.get().trade_url)
    Wallet.objects.create(user=alice, currency="usd", millionths=10**9)
    client.force_login(alice)
    confirm(client, item, key=key)
    assert {purchase.user for purchase in Purchase.objects.all()} == {alice, bob}
    assert balance(bob) == Decimal("89.5")


def test_confirming_a_page_again_after_the_price_fell_orders_nothing_and_names_the_first_order(shop, bob, item):
    key = uuid.uuid4()
    confirm(shop, item, key=key)
    MarketItem.objects.update(price=Decimal(9))
    assert "Your order is in your history." in confirm(shop, item, key=key).text
    assert Purchase.objects.count() == 1
    assert balance(bob) == Decimal("89.5")


def test_a_price_that_has_risen_is_shown_and_nothing_is_ordered(shop, item):
    answer = confirm(shop, item, price="10.49")
    assert str(error_texts.TEXTS["skins_not_found_at_specified_price"]) in answer.text
    assert not Purchase.objects.exists()


def test_a_sold_skin_is_not_ordered(shop, item):
    MarketItem.objects.update(available=False)
    assert str(error_texts.SOLD) in confirm(shop, item).text
    assert not Purchase.objects.exists()


def test_a_balance_that_does_not_cover_is_explained(shop, bob, item):
    Wallet.objects.update(millionths=1)
    assert "Your balance does not cover this skin. Deposit some skins first." in confirm(shop, item).text
    assert not Purchase.objects.exists()


def test_a_skin_above_the_shops_limit_is_explained(shop, item, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": Decimal(9)}
    assert "more than our limit" in confirm(shop, item).text
    assert not Purchase.objects.exists()


def test_without_a_trade_url_the_user_is_sent_to_his_account(shop, item):
    Profile.objects.update(trade_url="")
    assert reverse("shop:account") in shop.get(reverse("shop:withdraw", args=[item.pk])).text
    assert "Enter your Steam trade URL first." in confirm(shop, item).text


def test_a_refused_order_is_explained_and_refunded(shop, bob, item, sandbox):
    confirm(shop, item)  # the sandbox's price is above 10 dollars
    purchases.submit(Purchase.objects.get())
    page = shop.get(reverse("shop:purchase_page", args=[Purchase.objects.get().public_id]))
    assert str(error_texts.TEXTS["skins_not_found_at_specified_price"]) in page.text
    assert "Your money is back in your wallet." in page.text
    assert balance(bob) == 100


def test_a_page_asks_again_only_while_the_status_may_change(shop, item):
    confirm(shop, item)
    purchase = Purchase.objects.get()
    address = reverse("shop:purchase_status", args=[purchase.public_id])
    assert shop.get(address).json()["refresh_seconds"] == 2
    purchases.record_report(PurchaseReport(status="canceled", custom_id=purchase.custom_id), "webhook")
    answer = shop.get(address).json()
    assert answer["refresh_seconds"] is None
    assert answer["balance"] == "$100.00"
    assert "You declined the trade offer" in answer["html"]


def test_a_deposit_opens_and_sends_the_user_to_pay(shop, bob, sandbox):
    answer = shop.post(reverse("shop:deposit"), {"game": "rust", "min_amount": "5", "where": "redirect"})
    deposit = Deposit.objects.get()
    assert answer.url == deposit.pay_url
    assert answer.url.startswith(sandbox.url)
    assert (deposit.user, deposit.game, deposit.currency, deposit.min_amount) == (bob, "rust", "usd", 5)
    assert shop.get(reverse("shop:deposit_back")).url == reverse("shop:deposit_page", args=[deposit.public_id])


def test_a_deposit_can_be_paid_in_a_frame(shop, sandbox):
    page = shop.post(reverse("shop:deposit"), {"game": "cs2", "where": "widget"}, follow=True)
    assert f'<iframe src="{Deposit.objects.get().pay_url}"' in page.text
    assert shop.get(reverse("shop:deposit_done")).headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_deposit_that_cannot_be_opened_is_explained(shop, sandbox):
    sandbox.faults.add("maintenance", "create")
    page = shop.post(reverse("shop:deposit"), {"game": "cs2", "where": "redirect"})
    assert str(error_texts.TRY_LATER) in page.text


def test_an_upper_limit_below_the_lower_one_is_refused(shop):
    limits = {"game": "cs2", "where": "redirect", "min_amount": "5", "max_amount": "5"}
    page = shop.post(reverse("shop:deposit"), limits)
    assert page.status_code == 400
    assert "The upper limit must be above the lower one." in page.text
    assert not Deposit.objects.exists()


def test_a_return_from_the_pay_page_without_a_deposit_leads_to_a_new_one(shop):
    assert shop.get(reverse("shop:deposit_back")).url == reverse("shop:deposit")


@pytest.mark.parametrize(
    "url", ["https://example.com/", "https://steamcommunity.com/tradeoffer/new/?partner=1", "not a URL"]
)
def test_an_invalid_trade_url_is_not_saved(shop, bob, url):
    page = shop.post(reverse("shop:account"), {"trade_url": url})
    assert page.status_code == 400
    assert Profile.objects.get(user=bob).trade_url.endswith("token=bob-0002")


def test_a_trade_url_is_saved_in_steams_own_form(shop, bob):
    pasted = "https://steamcommunity.com/tradeoffer/new/?token=abcdEFGH&partner=5&more=1"
    shop.post(reverse("shop:account"), {"trade_url": pasted})
    saved = "https://steamcommunity.com/tradeoffer/new/?partner=5&token=abcdEFGH"
    assert Profile.objects.get(user=bob).trade_url == saved


def test_a_debt_is_explained_in_the_wallet(shop):
    Wallet.objects.update(millionths=-1_500_000)
    page = shop.get(reverse("shop:wallet")).text
    assert "\N{MINUS SIGN}$1.50" in page
    assert "Your balance is below zero" in page


def test_the_amount_on_hold_is_shown_beside_the_balance(shop, bob):
    for number in range(2):
        Deposit.objects.create(
            user=bob, order_id=str(number), status="in_hold", user_amount=Decimal("12.6"), amount_currency="usd"
        )
    Deposit.objects.create(user=bob, order_id="unknown", status="in_hold", amount_currency="usd")
    page = shop.get(reverse("shop:wallet")).text
    assert "$25.20 more is on hold" in page
    assert "$100.00" in page


def test_seeding_twice_changes_nothing(settings):
    settings.DEMO_LOGINS = [{"username": "bob", "password": "bob-demo", "about": ""}]
    call_command("seed")
    Wallet.objects.update(millionths=7)
    Profile.objects.update(trade_url="")
    call_command("seed")
    assert Wallet.objects.get().millionths == 7
    assert Profile.objects.get().trade_url == ""


def add_skins(count, game="cs2", first_price=1):
    return MarketItem.objects.bulk_create(
        MarketItem(game=game, market_hash_name=f"{game} {number:03}", price=Decimal(first_price + number), count=1)
        for number in range(count)
    )


def names_on(page):
    return re.findall(r'class="finish">([^<]+)<', page.text)


@pytest.mark.parametrize("order", ["price", "-price", "name"])
@pytest.mark.parametrize("game", ["cs2", ""])
def test_page_after_page_shows_every_skin_once(client, order, game):
    add_skins(30)
    add_skins(30, "rust")
    seen, address = [], f"/?game={game}&order={order}"
    while address:
        page = client.get(address)
        seen += names_on(page)
        next_link = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = next_link and f"/{next_link[1]}".replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == (30 if game else 60)


def test_a_page_of_the_market_costs_the_same_wherever_it_is(client, django_assert_max_num_queries):
    skins = add_skins(100)
    for query in ({"game": "cs2"}, {"game": "cs2", "order": "price", "after": skins[60].pk}):
        with django_assert_max_num_queries(3):
            assert len(names_on(client.get("/", query))) == 24


def test_skins_are_counted_up_to_a_limit(client, monkeypatch):
    monkeypatch.setattr("example_project.shop.views.market.COUNT_LIMIT", 50)
    add_skins(60)
    assert "More than 50 skins" in client.get("/", {"game": "cs2"}).text
    assert "10 skins" in client.get("/", {"game": "cs2", "max": "10.50"}).text


@pytest.mark.parametrize(
    "query", ["min=x", "max=-1", "after=x", "after=99", "after=9999999999999999999", "game=csgo", "order=?"]
)
def test_invalid_filters_are_ignored(client, item, query):
    assert names_on(client.get(f"/?{query}")) == ["Paper Lantern"]


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        ({"min": "10.50", "max": "10.50"}, True),
        ({"min": "10.51"}, False),
        ({"max": "10.49"}, False),
        ({"min": "0", "max": "10.50"}, True),
        ({"min": "11", "max": "10"}, False),
    ],
)
def test_price_limits_are_those_of_the_shop(client, item, limits, shown):
    assert bool(names_on(client.get("/", limits))) == shown
