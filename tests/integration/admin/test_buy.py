import re
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_skinsback import purchases
from django_skinsback.admin import forms
from django_skinsback.connection import get_client
from django_skinsback.exceptions import ConfigurationError, InvalidInput
from django_skinsback.models import LedgerEntry, MarketItem, Purchase
from django_skinsback.sandbox import Sandbox

from ...support.admin_staff import VIEW_ALL, browser_of, list_url, messages_of, page_url

pytestmark = pytest.mark.django_db

TOKEN = "i1ArBZey"
STEAM_ID = "76561198050648523"
TRADE_URL = f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={TOKEN}"
SEARCH = {"game": "cs2", "name": "AK-47"}


@pytest.fixture
def client():
    return browser_of(*VIEW_ALL, "buy_skins")


def buy_url(**query):
    return f"{reverse('admin:skinsback_purchase_buy')}?{'&'.join(f'{key}={value}' for key, value in query.items())}"


def found(client):
    """Return the skins on the page, the cheapest first."""
    return list(client.get(buy_url(**SEARCH)).context["form"].skins.values())


def review(client, *skins, **fields):
    """Select skins and open the review page."""
    caps = {f"max_price-{skin.skin_id}": str(skin.price) for skin in skins}
    data = {"skin": [skin.skin_id for skin in skins], "trade_url": TRADE_URL, **caps, **fields}
    return client.post(buy_url(**SEARCH), data)


def confirm(client, asked):
    """Press the button of the review page."""
    return client.post(buy_url(**SEARCH), {"order": asked.context["order"]})


class TestWhoMayBuy:
    def test_only_holders_of_the_permission(self, world):
        for client, status in (
            (browser_of(superuser=True), 200),
            (browser_of("buy_skins"), 200),
            (browser_of(*VIEW_ALL, "settle_purchase", "refresh_purchase"), 403),
            (browser_of(), 403),
        ):
            assert client.get(buy_url()).status_code == status
            assert client.post(buy_url(), {"order": "x"}).status_code == (302 if status == 200 else 403)
        assert Client().get(buy_url()).status_code == 302

    @pytest.mark.parametrize("model", ["purchase", "marketitem"])
    def test_only_they_see_the_button(self, model, client):
        assert reverse("admin:skinsback_purchase_buy") in client.get(list_url(model)).content.decode()
        assert (
            reverse("admin:skinsback_purchase_buy") not in browser_of(*VIEW_ALL).get(list_url(model)).content.decode()
        )

    def test_another_operator_cannot_send_the_form(self, world, client):
        asked = review(client, found(client)[0])
        other = browser_of(*VIEW_ALL, "buy_skins")
        assert "expired" in messages_of(other, confirm(other, asked))[0]
        assert not Purchase.objects.exists()
        confirm(client, asked)
        assert "expired" in messages_of(other, confirm(other, asked))[0]


class TestPages:
    def test_search_select_review_and_buy(self, world, client, user):
        skin = found(client)[0]
        asked = review(client, skin, username="alice")
        text = asked.content.decode()
        assert skin.market_hash_name.replace("'", "&#x27;") in text
        assert STEAM_ID in text
        assert "1,000.00" in text
        assert TOKEN not in text
        assert not Purchase.objects.exists()
        assert not world.sandbox.spent()

        response = confirm(client, asked)
        purchase = Purchase.objects.get()
        assert response.url == page_url(purchase)
        assert purchase.status == "creating_trade"
        assert (purchase.user, purchase.by) == (user, client.user)
        assert purchase.skin_id == skin.skin_id
        assert world.sandbox.spent() == skin.price
        assert not LedgerEntry.objects.exists()
        page = client.get(response.url).content.decode()
        assert TOKEN not in page
        assert "data-skinsback-auto-reload" in page

    def test_several_skins_become_one_batch(self, world, client):
        skins = found(client)[:3]
        response = confirm(client, review(client, *skins))
        bought = Purchase.objects.all()
        assert {row.skin_id for row in bought} == {skin.skin_id for skin in skins}
        assert len({row.batch_id for row in bought}) == 1
        assert client.get(response.url).context["cl"].result_count == 3
        assert world.sandbox.spent() == sum(skin.price for skin in skins)

    def test_the_other_account_is_searched_and_pays(self, world, client):
        query = {**SEARCH, "account": "second"}
        skin = next(iter(client.get(buy_url(**query)).context["form"].skins.values()))
        data = {"skin": skin.skin_id, "trade_url": TRADE_URL, f"max_price-{skin.skin_id}": skin.price}
        asked = client.post(buy_url(**query), data)
        confirm(client, asked)
        assert Purchase.objects.get().account == "second"
        assert world.sandbox.spent(client_id="sandbox-2") == skin.price
        assert not world.sandbox.spent()

    def test_items_of_the_price_list_are_looked_up(self, world, client):
        names = sorted({skin.market_hash_name for skin in found(client)})[:2]
        items = [MarketItem.objects.create(game="cs2", market_hash_name=name, price=1) for name in names]
        data = {"action": "buy", "_selected_action": [item.pk for item in items]}
        page = client.post(list_url("marketitem"), data, follow=True)
        assert {skin.market_hash_name for skin in page.context["form"].skins.values()} == set(names)

    def test_items_of_two_games_are_refused(self, client):
        items = [MarketItem.objects.create(game=game, market_hash_name="x", price=1) for game in ("cs2", "rust")]
        response = client.post(
            list_url("marketitem"), {"action": "buy", "_selected_action": [item.pk for item in items]}
        )
        assert "all of one game" in messages_of(client, response)[0]

    def test_it_works_under_atomic_requests(self, world, client, monkeypatch):
        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        confirm(client, review(client, found(client)[0]))
        assert Purchase.objects.get().buy_id

    def test_an_operator_who_may_buy_but_not_view_stays_on_the_page(self, world):
        client = browser_of("buy_skins")
        response = confirm(client, review(client, found(client)[0]))
        assert response.url == reverse("admin:skinsback_purchase_buy")
        assert "The skin was bought" in messages_of(client, response)[0]


class TestOnce:
    def test_a_form_that_is_sent_twice_buys_once(self, world, client):
        asked = review(client, found(client)[0])
        first, second = confirm(client, asked), confirm(client, asked)
        assert first.url == second.url
        assert "Nothing was bought a second time" in messages_of(client, second)[-1]
        assert Purchase.objects.count() == 1
        assert len(world.sandbox.state.purchases) == 1

    def test_a_batch_that_is_sent_twice_is_bought_once(self, world, client):
        asked = review(client, *found(client)[:3])
        first, second = confirm(client, asked), confirm(client, asked)
        assert first.url == second.url
        assert Purchase.objects.count() == len(world.sandbox.state.purchases) == 3

    def test_the_key_of_the_form_is_the_idempotency_key_and_the_metadata_stays_empty(self, world, client):
        confirm(client, review(client, found(client)[0]))
        purchase = Purchase.objects.get()
        assert purchase.idempotency_digest
        assert purchase.metadata == {}

    def test_the_session_stores_nothing(self, world, client):
        before = dict(client.session)
        confirm(client, review(client, found(client)[0]))
        assert TOKEN not in str(dict(client.session))
        assert dict(client.session) == before

    def test_a_form_expires_after_a_day(self, world, client):
        asked = review(client, found(client)[0])
        with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
            client.force_login(client.user)
            assert "expired" in messages_of(client, confirm(client, asked))[0]
        assert not Purchase.objects.exists()

    def test_a_form_whose_user_was_deleted_buys_nothing(self, world, client, user):
        asked = review(client, found(client)[0], username="alice")
        user.delete()
        assert "nothing was bought now" in messages_of(client, confirm(client, asked))[0]
        assert not Purchase.objects.exists()


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_forms_sent_at_the_same_moment_buy_once(settings):
    with Sandbox(manual=True) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url}
        first = browser_of(*VIEW_ALL, "buy_skins")
        asked = review(first, found(first)[0])
        browsers = []
        for _ in range(4):
            browser = Client()
            browser.cookies = first.cookies
            browsers.append(browser)
        barrier, urls = threading.Barrier(len(browsers)), []

        def send(browser):
            barrier.wait()
            try:
                urls.append(confirm(browser, asked).url)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=send, args=(browser,)) for browser in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Purchase.objects.count() == 1
        assert urls == [page_url(Purchase.objects.get())] * len(browsers)
        assert len(sandbox.state.purchases) == 1


class TestRefused:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"trade_url": "https://example.com/tradeoffer/new/?partner=1&token=abcdefgh"}, "trade URL"),
            ({"trade_url": ""}, "required"),
            ({"username": "nobody"}, "no user with this name"),
            ({"skin": "123456"}, "not for sale any more"),
        ],
    )
    def test_the_form_shows_its_errors(self, fields, words, world, client):
        page = review(client, found(client)[0], **{"username": "", **fields})
        assert "order" not in page.context
        assert any(words in str(error) for errors in page.context["form"].errors.values() for error in errors)
        assert not Purchase.objects.exists()

    @pytest.mark.parametrize("cap", ["", "0", "-1", "1e9999", "NaN", "eight", "1000.01"])
    def test_a_price_cap_is_a_number_the_settings_allow(self, cap, world, client):
        skin = found(client)[0]
        page = review(client, skin, **{f"max_price-{skin.skin_id}": cap})
        assert f"max_price-{skin.skin_id}" in page.context["form"].errors

    def test_skins_above_the_allowed_price_cannot_be_chosen(self, world, client, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": Decimal("0.01")}
        page = client.get(buy_url(**SEARCH)).content.decode()
        boxes = re.findall(r'<input type="checkbox" name="skin"[^>]*>', page)
        assert boxes
        assert all("disabled" in box for box in boxes)

    def test_a_search_without_results_says_so(self, world, client):
        assert "No skin with this name" in client.get(buy_url(game="cs2", name="zzzzzz")).content.decode()

    def test_a_refusal_of_skinsback_is_shown_and_stored(self, world, client):
        skin = found(client)[0]
        world.sandbox.configure(balance="0.01")
        asked = review(client, skin)
        assert asked.context["not_enough"]
        shown = messages_of(client, confirm(client, asked))
        assert "refused" in shown[0]
        assert Purchase.objects.get().status == "refused"

    def test_a_lost_answer_leaves_the_purchase_unknown(self, world, client):
        asked = review(client, found(client)[0])
        world.sandbox.lose_answer("market_buy")
        shown = messages_of(client, confirm(client, asked))
        assert "Do not buy it again" in shown[0]
        assert Purchase.objects.get().status == "unknown"

    def test_the_page_works_while_skinsback_does_not_answer(self, client, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "API_URL": "http://127.0.0.1:9/api.php", "TIMEOUT": (0.2, 0.2)}
        get_client()._sleep = lambda _seconds: None
        page = client.get(buy_url(**SEARCH)).content.decode()
        assert page.count("could not be reached") == 2
        assert "balance could not be read" in page

    def test_missing_keys_are_shown(self, client, settings):
        settings.SKINSBACK = {}
        assert "settings are not complete" in client.get(buy_url()).content.decode()

    def test_a_purchase_that_cannot_be_sent_now_stays_due(self, world, client, monkeypatch):
        asked = review(client, found(client)[0])

        def fail(_purchase):
            raise ConfigurationError("The client secret is missing.")

        monkeypatch.setattr(purchases, "submit", fail)
        assert "client secret is missing" in messages_of(client, confirm(client, asked))[0]
        purchase = Purchase.objects.get()
        assert (purchase.status, purchase.attempts) == ("requested", 0)
        assert purchase.next_poll_at is not None

    def test_the_number_of_skins_is_limited(self, world, client, monkeypatch):
        monkeypatch.setattr(forms, "SKINS_AT_ONCE", 1)
        page = review(client, *found(client)[:2])
        assert "Select at most 1 skins." in page.context["form"].errors["skin"]

    def test_an_error_of_the_flow_is_shown(self, world, client, monkeypatch):
        asked = review(client, found(client)[0])

        def veto(**_options):
            raise InvalidInput("No more today.")

        monkeypatch.setattr(purchases, "buy", veto)
        assert messages_of(client, confirm(client, asked)) == ["No more today."]
        assert not Purchase.objects.exists()


def test_the_user_is_found_by_the_login_field(world, client, monkeypatch):
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    wanted = get_user_model().objects.create_user("alice", email="alice@example.com")
    asked = review(client, found(client)[0], username="alice@example.com")
    assert asked.context["receiving_user"] == wanted
