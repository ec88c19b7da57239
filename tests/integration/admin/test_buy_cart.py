"""The page of the cart: who sees it, the searches, and what is kept in the session."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from django_skinsback.admin.buying.cart import SKINS_AT_ONCE, default_cap
from django_skinsback.connection import get_client
from django_skinsback.models import MarketItem

from ...support.admin_staff import VIEW_ALL, browser_of, list_url, messages_of
from ...support.buy_pages import (
    TOKEN,
    TRADE_URL,
    buy_url,
    buyer,
    cart_of,
    change_line,
    fields_of,
    press,
    put_into_cart,
    review,
    search,
    wanted_skins,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return buyer()


@pytest.fixture
def price_list():
    """Two skins of two games with a common word, and one other."""
    rows = (("cs2", "AK-47 | Night Ferry (Field-Tested)", "6.40"), ("rust", "Night Hoodie", "2"), ("dota2", "Axe", "1"))
    return [
        MarketItem.objects.create(game=game, market_hash_name=name, price=Decimal(price), count=3, class_id="12345")
        for game, name, price in rows
    ]


class TestWhoSeesIt:
    def test_only_holders_of_the_permission(self, world):
        for client, status in (
            (browser_of(superuser=True), 200),
            (browser_of("buy_skins"), 200),
            (browser_of(*VIEW_ALL, "settle_purchase", "refresh_purchase"), 403),
            (browser_of(), 403),
        ):
            assert client.get(buy_url()).status_code == status
            assert client.post(buy_url(), {"action": "live", "q": "AK-47"}).status_code == status
            assert client.post(buy_url(), {"order": "x"}).status_code == (302 if status == 200 else 403)
        assert Client().get(buy_url()).status_code == 302

    @pytest.mark.parametrize("model", ["purchase", "marketitem"])
    def test_only_they_see_the_button(self, model, client):
        url = reverse("admin:skinsback_purchase_buy")
        assert url in client.get(list_url(model)).content.decode()
        assert url not in browser_of(*VIEW_ALL).get(list_url(model)).content.decode()

    def test_a_post_without_a_csrf_token_is_refused(self, world, client):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(client.user)
        assert strict.post(buy_url(), {"action": "clear"}).status_code == 403


class TestSearch:
    def test_two_letters_find_names_of_all_games_in_the_price_list(self, world, client, price_list):
        assert {skin.market_hash_name for skin in search(client, "ni")} == {
            "AK-47 | Night Ferry (Field-Tested)",
            "Night Hoodie",
        }
        assert [skin.game for skin in search(client, "ni", game="rust")] == ["rust"]

    def test_a_link_can_contain_the_search(self, world, client, price_list):
        page = client.get(buy_url(q="night"))
        assert [row["skin"].game for row in page.context["found"]] == ["rust", "cs2"]

    @pytest.mark.parametrize(("kind", "words", "least"), [("search", "n", 2), ("live", "ni", 3), ("live", "", 3)])
    def test_too_few_letters_are_refused(self, kind, words, least, world, client, price_list):
        page = press(client, kind, q=words)
        assert page.context["page"].search.errors["q"] == [f"Enter at least {least} letters."]
        assert not page.context["found"]

    def test_a_live_search_shows_each_name_with_the_number_for_sale_and_the_lowest_price(self, world, client):
        found = search(client, "AK-47", "live")
        for skin in found:
            offers = get_client().search_skins("cs2", skin.market_hash_name)
            assert (skin.count, skin.price) == (len(offers), min(each.price for each in offers))
        assert len(found) == len({skin.market_hash_name for skin in found}) >= 4
        assert [skin.price for skin in found] == sorted(skin.price for skin in found)

    def test_a_live_search_asks_for_all_games(self, world, client):
        assert {skin.game for skin in search(client, "lan", "live")} == {"cs2", "dota2", "rust"}

    def test_one_game_that_does_not_answer_does_not_hide_the_others(self, world, client):
        world.sandbox.faults.add("drop_request", "market_search", times=3)
        get_client()._sleep = lambda _seconds: None
        page = press(client, "live", q="lan")
        assert page.context["result"].problems
        assert "Counter-Strike 2" in page.context["result"].problems[0]

    def test_pictures_are_shown_where_there_are_some(self, world, client, price_list, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "PICTURE_URL": "https://pictures.example/"}
        text = press(client, "search", q="night").content.decode()
        assert "https://pictures.example/class/730/12345/" in text
        assert "skinsback/skins/rifle.svg" in text

    def test_a_search_without_results_says_so(self, world, client):
        assert "price list has no skin" in press(client, "search", q="zzzzzz").content.decode()
        assert "No skin with this name" in press(client, "live", q="zzzzzz").content.decode()

    def test_a_skin_above_the_limit_of_the_settings_cannot_be_added(self, world, client, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": Decimal("0.01")}
        page = press(client, "live", q="AK-47", game="cs2").content.decode()
        assert 'name="add"' not in page
        assert "above the limit of 0.01" in page

    def test_the_page_works_while_skinsback_does_not_answer(self, client, settings, price_list):
        settings.SKINSBACK = {**settings.SKINSBACK, "API_URL": "http://127.0.0.1:9/api.php", "TIMEOUT": (0.2, 0.2)}
        get_client()._sleep = lambda _seconds: None
        page = press(client, "live", q="AK-47", game="cs2").content.decode()
        assert page.count("could not be reached") == 2
        assert "balance could not be read" in page

    def test_missing_keys_are_shown(self, client, settings):
        settings.SKINSBACK = {}
        assert "settings are not complete" in client.get(buy_url()).content.decode()

    def test_the_market_of_the_other_account_is_searched(self, world, client, monkeypatch):
        world.sandbox.configure("sandbox-2", balance="77")
        page = press(client, "live", q="AK-47", game="cs2", account="second")
        assert page.context["balance"] == 77
        assert page.context["found"]


class TestCart:
    def test_skins_of_two_games_are_in_one_cart_with_the_default_cap(self, world, client, price_list):
        put_into_cart(client, *search(client, "ni"))
        assert cart_of(client) == [
            ("rust", "Night Hoodie", 1, "2.06"),
            ("cs2", "AK-47 | Night Ferry (Field-Tested)", 1, "6.59"),
        ]

    def test_the_default_cap_is_never_above_the_limit_of_the_settings(self, world, client, price_list, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": Decimal("2.01")}
        put_into_cart(client, *search(client, "hoodie"))
        assert cart_of(client)[0][3] == "2.01"

    def test_an_addition_that_is_sent_twice_adds_one_skin(self, world, client, price_list):
        (found,) = search(client, "hoodie")
        put_into_cart(client, found, found)
        assert [line[2] for line in cart_of(client)] == [1]

    @pytest.mark.parametrize(
        "value",
        ["", "[]", "x", '["cs3", "x", "1", ""]', '["cs2", "x", "-1", ""]', '["cs2", "", "1", ""]', "[1, 2, 3, 4]"],
    )
    def test_an_addition_that_no_page_has_sent_adds_nothing(self, value, world, client):
        assert press(client, "", add=value).status_code == 200
        assert cart_of(client) == []

    def test_every_button_keeps_what_was_typed(self, world, client, price_list):
        put_into_cart(client, *search(client, "ni"))
        typed = {"trade_url": TRADE_URL, "username": "alice", "charge": "5", "total_cap": "9", "q": "axe"}
        page = press(client, "search", **change_line(client, quantity=4), **typed)
        for name in ("trade_url", "username", "charge", "total_cap"):
            assert page.context["page"].recipient[name].value() == typed[name]
        assert [line[2] for line in cart_of(client)] == [4, 1]

    def test_a_line_is_removed_and_the_cart_is_emptied(self, world, client, price_list):
        put_into_cart(client, *search(client, "ni"))
        press(client, "", remove=client.get(buy_url()).context["page"].cart.lines[0].key)
        assert [line[0] for line in cart_of(client)] == ["cs2"]
        press(client, "clear")
        assert cart_of(client) == []

    @pytest.mark.parametrize("quantity", ["0", "-1", "51", "two", ""])
    def test_a_quantity_is_a_number_from_1_to_50(self, quantity, world, client):
        wanted_skins(client)
        page = review(client, **change_line(client, quantity=quantity))
        assert "order" not in page.context
        assert page.context["lines"][0]["form"].errors["quantity"]
        assert cart_of(client)[0][2] == 1

    @pytest.mark.parametrize("cap", ["", "0", "-1", "1e9999", "NaN", "eight", "1000.01", "1,000", "1,000.00"])
    def test_a_price_cap_is_a_number_the_settings_allow(self, cap, world, client):
        wanted_skins(client)
        page = review(client, **change_line(client, cap=cap))
        assert "order" not in page.context
        assert page.context["lines"][0]["form"].errors["cap"]

    def test_a_decimal_comma_is_understood(self, world, client):
        wanted_skins(client)
        press(client, "update", **change_line(client, cap="7,5"))
        assert cart_of(client)[0][3] == "7.50"

    def test_an_order_has_at_most_50_skins(self, world, client):
        wanted_skins(client, count=2)
        page = review(client, **change_line(client, 0, quantity=SKINS_AT_ONCE), **change_line(client, 1, quantity=1))
        assert "The cart has 51 skins" in page.context["cart_problem"]
        assert "order" not in page.context

    def test_a_full_cart_takes_no_more_skins(self, world, client, price_list):
        put_into_cart(client, *search(client, "hoodie"))
        press(client, "update", **change_line(client, quantity=SKINS_AT_ONCE))
        page = put_into_cart(client, *search(client, "axe"))
        assert "at most 50" in messages_of(client, page)[0]
        assert len(cart_of(client)) == 1

    def test_an_empty_cart_cannot_be_reviewed(self, world, client):
        page = review(client)
        assert "The cart is empty" in page.context["cart_problem"]

    def test_the_session_keeps_the_cart_and_no_trade_url(self, world, client):
        wanted_skins(client)
        assert "order" in review(client).context
        assert "AK-47" in str(dict(client.session))
        assert all(TOKEN not in str(session.get_decoded()) for session in Session.objects.all())

    def test_each_operator_has_an_own_cart(self, world, client):
        wanted_skins(client)
        assert cart_of(buyer()) == []


class TestMarketItems:
    def test_selected_items_of_several_games_are_put_into_the_cart(self, world, client, price_list):
        data = {"action": "buy", "_selected_action": [item.pk for item in price_list]}
        page = client.post(list_url("marketitem"), data, follow=True)
        assert page.redirect_chain[0][0] == buy_url()
        assert [line[1] for line in cart_of(client)] == [item.market_hash_name for item in price_list]

    def test_too_many_items_are_refused(self, world, client):
        items = MarketItem.objects.bulk_create(
            MarketItem(game="cs2", market_hash_name=f"skin {number}", price=1) for number in range(SKINS_AT_ONCE + 1)
        )
        keys = [item.pk for item in items]
        response = client.post(list_url("marketitem"), {"action": "buy", "_selected_action": keys})
        assert "at most 50 items" in messages_of(client, response)[0]
        client.post(list_url("marketitem"), {"action": "buy", "_selected_action": keys[:30]})
        response = client.post(list_url("marketitem"), {"action": "buy", "_selected_action": keys[20:]})
        assert "Not added to the cart: skin 50" in messages_of(client, response)[0]
        assert len(cart_of(client)) == SKINS_AT_ONCE

    def test_the_present_price_of_the_list_is_shown(self, world, client, price_list):
        put_into_cart(client, *search(client, "hoodie"))
        MarketItem.objects.filter(game="rust").update(
            price=Decimal("2.50"), updated_at=price_list[0].updated_at + timedelta(1)
        )
        page = client.get(buy_url())
        assert page.context["lines"][0]["price"].startswith("2.50")
        assert list(fields_of(page).values()) == ["1", "2.06"]


@pytest.mark.parametrize(
    ("price", "limit", "cap"),
    [
        ("3.33", None, "3.43"),
        ("6.40", None, "6.59"),
        ("0.03", None, "0.03"),
        ("0.0045", None, "0.0045"),
        ("3.33", "3.40", "3.40"),
        ("3.33", "2.00", "2.00"),
    ],
)
def test_the_default_cap_is_in_whole_cents_and_not_below_the_price(price, limit, cap, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": limit and Decimal(limit)}
    assert default_cap(Decimal(price)) == Decimal(cap)
