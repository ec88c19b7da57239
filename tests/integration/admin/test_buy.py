"""The confirmation page and what it buys: distinct skins within the caps, once, for a charge only if one is given."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from django_skinsback import purchases
from django_skinsback.admin.buying import orders
from django_skinsback.connection import get_client
from django_skinsback.exceptions import ConfigurationError, PurchaseVetoed
from django_skinsback.models import LedgerEntry, MarketItem, Purchase
from django_skinsback.sandbox import Sandbox
from django_skinsback.signals import entry_posted
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, browser_of, messages_of
from ...support.buy_pages import (
    STEAM_ID,
    TOKEN,
    TRADE_URL,
    buy_url,
    buyer,
    cart_of,
    change_line,
    confirm,
    press,
    put_into_cart,
    result_url,
    review,
    search,
    wanted_skins,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return buyer()


@pytest.fixture
def rich_user(user):
    """A user who can pay: the wallet of the site refuses a charge above its balance."""
    Wallet.objects.create(user=user, balance=1000)
    return user


@pytest.fixture
def veto():
    """A receiver of the site that refuses each charge."""

    def refuse(sender, **_details):
        raise PurchaseVetoed("insufficient_balance", "alice has only 2.00.")

    entry_posted.connect(refuse)
    yield
    entry_posted.disconnect(refuse)


def several_of_one_name(client, least=3):
    """Put a name into the cart of which at least so many skins are for sale. Return them, the cheapest first."""
    found = next(skin for skin in search(client, "the", "live") if skin.count >= least)
    put_into_cart(client, found)
    offers = get_client().search_skins(found.game, found.market_hash_name)
    return sorted(offers, key=lambda skin: (skin.price, skin.skin_id))


class TestConfirmation:
    def test_search_choose_review_and_buy(self, world, client, user):
        (found,) = wanted_skins(client)
        asked = review(client, username="alice")
        text = asked.content.decode()
        assert found.market_hash_name in text
        assert STEAM_ID in text
        assert "1,000.00" in text
        assert "The user is not charged." in text
        assert TOKEN not in text
        assert not Purchase.objects.exists()
        assert not world.sandbox.spent()

        response = confirm(client, asked)
        purchase = Purchase.objects.get()
        assert response.url == result_url(purchase=purchase.public_id)
        assert purchase.status == "creating_trade"
        assert (purchase.user, purchase.by) == (user, client.user)
        assert purchase.market_hash_name == found.market_hash_name
        assert world.sandbox.spent() == found.price
        assert not LedgerEntry.objects.exists()

    def test_a_quantity_becomes_distinct_skins_the_cheapest_first(self, world, client):
        offers = several_of_one_name(client)
        asked = review(client, **change_line(client, quantity=2, cap="900"))
        assert [row["skin"].skin_id for row in asked.context["chosen"]] == [skin.skin_id for skin in offers[:2]]
        confirm(client, asked)
        assert {row.skin_id for row in Purchase.objects.all()} == {skin.skin_id for skin in offers[:2]}
        assert world.sandbox.spent() == sum(skin.price for skin in offers[:2])

    def test_two_games_are_one_batch_with_one_call_and_one_search_for_each_game(self, world, client, monkeypatch):
        found = search(client, "lan", "live")
        by_game = {game: [skin for skin in found if skin.game == game][:2] for game in ("cs2", "rust")}
        put_into_cart(client, *by_game["cs2"], *by_game["rust"])
        client.get(buy_url())
        calls = []
        ask = type(get_client())._ask
        monkeypatch.setattr(
            type(get_client()), "_ask", lambda self, request, read: calls.append(request) or ask(self, request, read)
        )
        asked = client.post(buy_url(), {"action": "review", "trade_url": TRADE_URL})
        assert [call.method for call in calls] == ["market_search", "market_search", "balance"]
        confirm(client, asked)
        bought = Purchase.objects.all()
        assert {(row.game, row.market_hash_name) for row in bought} == {
            (game, skin.market_hash_name) for game, skins in by_game.items() for skin in skins
        }
        assert len({row.batch_id for row in bought}) == 1
        assert [call.method for call in calls].count("market_batch_buy") == 1
        assert world.sandbox.spent() == sum(skin.price for skins in by_game.values() for skin in skins)

    def test_what_cannot_be_bought_is_said_and_the_rest_is_bought(self, world, client):
        offers = several_of_one_name(client)
        item = MarketItem(game="rust", market_hash_name="Sold Out Hoodie", price=Decimal(1))
        put_into_cart(client, item)
        put_into_cart(client, *wanted_skins(client, "AK-47"))
        fields = {**change_line(client, 0, quantity=9, cap="900"), **change_line(client, 2, cap="0.01")}
        asked = review(client, **fields)
        missing = {row["name"]: " ".join(row["reasons"]) for row in asked.context["missing"]}
        assert next(iter(missing.values())) == f"Only {len(offers)} are for sale."
        assert missing["Sold Out Hoodie"] == "Not for sale at the moment."
        assert "too expensive" in list(missing.values())[2]
        text = asked.content.decode()
        assert all(reason in text for reason in missing.values())
        confirm(client, asked)
        assert Purchase.objects.count() == len(offers)

    def test_if_nothing_can_be_bought_there_is_no_button(self, world, client):
        wanted_skins(client)
        asked = review(client, **change_line(client, cap="0.01"))
        assert asked.context["order"] == ""
        assert 'name="order"' not in asked.content.decode()
        assert "None of these skins" in asked.content.decode()

    def test_names_that_are_too_short_for_skinsback_do_not_stop_the_others(self, world, client):
        put_into_cart(client, MarketItem(game="cs2", market_hash_name="XY", price=Decimal(1)))
        wanted_skins(client)
        asked = review(client)
        assert [row["name"] for row in asked.context["missing"]] == ["XY"]
        assert len(asked.context["chosen"]) == 1

    def test_the_caps_of_the_order_are_not_above_the_cap_in_all(self, world, client):
        wanted_skins(client, count=3)
        caps = [Decimal(line[3]) for line in cart_of(client)]
        asked = review(client, total_cap=str(sum(caps) - Decimal("0.01")))
        confirm(client, asked)
        assert sum(row.max_price for row in Purchase.objects.all()) < sum(caps)
        assert Purchase.objects.count() == 2
        assert "because of the price cap in all" in asked.content.decode()

    def test_each_purchase_has_the_price_cap_of_its_line(self, world, client):
        names = [skin.market_hash_name for skin in wanted_skins(client, count=2)]
        confirm(client, review(client, **change_line(client, 0, cap="900"), **change_line(client, 1, cap="901.5")))
        caps = {row.market_hash_name: row.max_price for row in Purchase.objects.all()}
        assert caps == dict(zip(names, [Decimal(900), Decimal("901.5")], strict=True))

    def test_the_balance_before_and_after_is_shown(self, world, client):
        (found,) = wanted_skins(client)
        cap = Decimal(cart_of(client)[0][3])
        asked = review(client)
        before = world.sandbox.balance()
        assert asked.context["balance"] == before
        for value, expected in (("balance_after", before - found.price), ("balance_at_least", before - cap)):
            assert asked.context[value].replace(",", "").startswith(str(expected.normalize()))
        confirm(client, asked)
        assert world.sandbox.balance() == before - found.price

    def test_a_price_that_rises_above_the_cap_after_the_review_buys_nothing(self, world, client):
        (found,) = wanted_skins(client)
        asked = review(client, **change_line(client, cap=str(found.price)))
        for item in world.sandbox.state.stock.values():
            item.price += 1
        confirm(client, asked)
        assert Purchase.objects.get().status == "refused"
        assert not world.sandbox.spent()

    def test_changing_the_cart_shows_the_typed_fields_again(self, world, client, user):
        wanted_skins(client)
        typed = {
            "username": "alice",
            "trade_url": TRADE_URL,
            "charge": "5",
            "charge_currency": "eur",
            "total_cap": "90",
        }
        asked = review(client, **typed)
        page = client.post(buy_url(), {"order": asked.context["order"], "action": "change"})
        assert {name: str(page.context["page"].recipient[name].value()) for name in typed} == typed
        assert not Purchase.objects.exists()

    def test_the_other_account_is_searched_and_pays(self, world, client):
        wanted_skins(client)
        confirm(client, review(client, account="second"))
        purchase = Purchase.objects.get()
        assert purchase.account == "second"
        assert world.sandbox.spent(client_id="sandbox-2") == purchase.debited_amount
        assert not world.sandbox.spent()

    def test_an_account_that_does_not_exist_is_refused(self, world, client):
        wanted_skins(client)
        assert review(client, account="third").context["page"].search.errors["account"]

    def test_it_works_under_atomic_requests(self, world, client, monkeypatch):
        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        wanted_skins(client)
        confirm(client, review(client))
        assert Purchase.objects.get().buy_id

    def test_each_purchase_has_an_entry_in_the_log_of_the_admin(self, world, client, rich_user):
        wanted_skins(client, count=2)
        confirm(client, review(client, username="alice", charge="5", charge_currency="eur"))
        entries = LogEntry.objects.order_by("object_id")
        assert [entry.object_id for entry in entries] == [str(row.pk) for row in Purchase.objects.order_by("pk")]
        assert all("The user is charged" in entry.get_change_message() for entry in entries)

    def test_the_cart_keeps_what_was_not_bought(self, world, client):
        offers = several_of_one_name(client)
        wanted_skins(client)
        confirm(client, review(client, **change_line(client, 0, quantity=len(offers) + 2, cap="900")))
        assert [(line[1], line[2]) for line in cart_of(client)] == [(offers[0].market_hash_name, 2)]


class TestCharge:
    def test_the_charge_is_divided_exactly_in_proportion_to_the_prices(self, world, client, rich_user):
        wanted_skins(client, count=3)
        asked = review(client, username="alice", charge="100", charge_currency="EUR")
        confirm(client, asked)
        rows = Purchase.objects.order_by("charge_amount")
        assert sum(row.charge_amount for row in rows) == 100
        assert [row.debited_amount for row in rows] == sorted(row.debited_amount for row in rows)
        entries = LedgerEntry.objects.all()
        assert {(entry.kind, entry.currency, entry.user) for entry in entries} == {("charge", "eur", rich_user)}
        assert sum(entry.amount for entry in entries) == -100
        assert "100.00\N{NO-BREAK SPACE}EUR" in asked.content.decode()

    def test_a_part_of_the_charge_is_refunded_if_a_purchase_is_refused(self, world, client, rich_user):
        wanted_skins(client, count=2)
        asked = review(client, username="alice", charge="100", charge_currency="eur")
        del world.sandbox.state.stock[int(asked.context["chosen"][0]["skin"].skin_id)]
        response = confirm(client, asked)
        refused, bought = Purchase.objects.order_by("-status")
        assert (refused.status, bought.status) == ("refused", "creating_trade")
        assert sum(entry.amount for entry in LedgerEntry.objects.all()) == -bought.charge_amount
        assert "refunded" in client.get(response.url).content.decode()

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"charge": "5", "username": ""}, "username"),
            ({"charge": "5", "charge_currency": ""}, "charge_currency"),
            ({"charge": "5", "charge_currency": "€"}, "charge_currency"),
            ({"charge": "0"}, "charge"),
            ({"charge": "-5"}, "charge"),
            ({"charge": "1,000"}, "charge"),
            ({"charge": "five"}, "charge"),
            ({"total_cap": "x"}, "total_cap"),
        ],
    )
    def test_a_charge_that_is_none_is_refused(self, fields, field, world, client, rich_user):
        wanted_skins(client)
        page = review(client, **{"username": "alice", "charge_currency": "usd", **fields})
        assert field in page.context["page"].recipient.errors
        assert "order" not in page.context

    def test_a_currency_without_an_amount_charges_nothing(self, world, client, rich_user):
        wanted_skins(client)
        confirm(client, review(client, username="alice", charge_currency="usd", charge=" "))
        assert Purchase.objects.get().charge_amount is None
        assert not LedgerEntry.objects.exists()

    def test_a_charge_for_skins_that_cannot_all_be_bought_is_warned_of(self, world, client, rich_user):
        wanted_skins(client, count=2)
        fields = {"username": "alice", "charge": "5", "charge_currency": "usd"}
        asked = review(client, **fields, **change_line(client, 1, cap="0.01"))
        assert "1 skin cannot be bought, but the user would be charged the whole 5.00" in asked.content.decode()

    def test_a_veto_of_the_site_is_shown_and_nothing_is_bought(self, world, client, rich_user, veto):
        wanted_skins(client, count=2)
        asked = review(client, username="alice", charge="5", charge_currency="usd")
        response = confirm(client, asked)
        assert response.url == buy_url(user=rich_user.pk)
        assert messages_of(client, response) == ["Nothing was bought and nobody was charged: alice has only 2.00."]
        assert not Purchase.objects.exists()
        assert not LedgerEntry.objects.exists()
        assert not world.sandbox.state.purchases
        assert not LogEntry.objects.exists()
        assert len(cart_of(client)) == 2

    def test_any_exception_of_the_sites_receiver_is_a_veto(self, world, client, user):
        Wallet.objects.create(user=user, balance=1)
        wanted_skins(client)
        asked = review(client, username="alice", charge="5", charge_currency="usd")
        (message,) = messages_of(client, confirm(client, asked))
        assert message == (
            "Nothing was bought and nobody was charged: the site's own code refused the charge (NotEnoughMoney)."
        )
        assert not Purchase.objects.exists()
        assert Wallet.objects.get().balance == 1

    def test_a_vetoed_order_can_be_sent_again_and_then_buys_once(self, world, client, rich_user):
        wanted_skins(client)
        asked = review(client, username="alice", charge="5", charge_currency="usd")
        refused = []

        def refuse_once(sender, **_details):
            if not refused:
                refused.append(1)
                raise PurchaseVetoed("later", "Later.")

        entry_posted.connect(refuse_once)
        try:
            for _ in range(3):
                confirm(client, asked)
        finally:
            entry_posted.disconnect(refuse_once)
        assert Purchase.objects.count() == len(world.sandbox.state.purchases) == 1
        assert sum(entry.amount for entry in LedgerEntry.objects.all()) == -5


class TestOnce:
    @pytest.mark.parametrize("count", [1, 3])
    def test_a_form_that_is_sent_twice_buys_once(self, count, world, client):
        wanted_skins(client, count=count)
        asked = review(client)
        first, second = confirm(client, asked), confirm(client, asked)
        assert first.url == second.url
        assert "Nothing was bought a second time" in messages_of(client, second)[-1]
        assert Purchase.objects.count() == len(world.sandbox.state.purchases) == count
        assert LogEntry.objects.count() == count

    def test_two_orders_with_the_same_skins_and_prices_are_two_purchases(self, world, client):
        pages = []
        for _ in range(2):
            wanted_skins(client)
            pages.append(review(client))
        first, second = (confirm(client, page) for page in pages)
        assert first.url != second.url
        assert sorted(Purchase.objects.values_list("status", flat=True)) == ["creating_trade", "refused"]  # sold out
        assert len(set(Purchase.objects.values_list("skin_id"))) == 1

    def test_a_form_that_is_sent_twice_does_not_empty_the_next_cart(self, world, client):
        wanted_skins(client)
        asked = review(client)
        confirm(client, asked)
        wanted_skins(client)
        confirm(client, asked)
        assert len(cart_of(client)) == 1

    def test_the_key_of_the_form_is_the_idempotency_key_and_the_metadata_stays_empty(self, world, client):
        wanted_skins(client)
        confirm(client, review(client))
        purchase = Purchase.objects.get()
        assert purchase.idempotency_digest
        assert purchase.metadata == {}

    def test_a_form_expires_after_a_day(self, world, client):
        wanted_skins(client)
        asked = review(client)
        with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
            client.force_login(client.user)
            assert "expired" in messages_of(client, confirm(client, asked))[0]
        assert not Purchase.objects.exists()

    def test_a_form_that_was_changed_buys_nothing(self, world, client):
        wanted_skins(client)
        order = review(client).context["order"]
        for forged in ("", "x", order[:-2], order.replace(":", "", 1), f"A{order}"):
            assert "expired" in messages_of(client, client.post(buy_url(), {"order": forged}))[0]
        assert not Purchase.objects.exists()

    def test_another_operator_cannot_send_the_form(self, world, client):
        wanted_skins(client)
        asked = review(client)
        other = buyer()
        assert "expired" in messages_of(other, confirm(other, asked))[0]
        assert not Purchase.objects.exists()
        confirm(client, asked)
        assert "expired" in messages_of(other, confirm(other, asked))[0]
        assert Purchase.objects.count() == 1

    def test_an_operator_whose_permission_was_removed_meanwhile_buys_nothing(self, world, client):
        wanted_skins(client)
        asked = review(client)
        client.user.user_permissions.clear()
        assert confirm(client, asked).status_code == 403
        assert not Purchase.objects.exists()

    def test_a_form_whose_user_was_deleted_buys_nothing(self, world, client, user):
        wanted_skins(client)
        asked = review(client, username="alice")
        user.delete()
        assert "Nothing was bought now" in messages_of(client, confirm(client, asked))[0]
        assert not Purchase.objects.exists()


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [1, 3])
def test_forms_sent_at_the_same_moment_buy_once(count, settings, rich_user):
    with Sandbox(manual=True) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url}
        first = buyer()
        wanted_skins(first, count=count)
        asked = review(first, username="alice", charge="7", charge_currency="usd")
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
        assert Purchase.objects.count() == len(sandbox.state.purchases) == count
        assert sum(entry.amount for entry in LedgerEntry.objects.all()) == -7
        assert len(urls) == len(browsers)
        assert len(set(urls)) == 1
        assert LogEntry.objects.count() == count


class TestProblems:
    def test_a_refusal_of_skinsback_is_shown_and_stored(self, world, client):
        wanted_skins(client)
        world.sandbox.configure(balance="0.01")
        asked = review(client)
        assert asked.context["not_enough"]
        page = client.get(confirm(client, asked).url).content.decode()
        assert "SkinsBack refused the purchase" in page
        assert "insufficient_funds" in page
        assert Purchase.objects.get().status == "refused"

    @pytest.mark.parametrize(("count", "method"), [(1, "market_buy"), (2, "market_batch_buy")])
    def test_a_lost_answer_leaves_the_purchases_unknown(self, count, method, world, client):
        wanted_skins(client, count=count)
        asked = review(client)
        world.sandbox.lose_answer(method)
        page = client.get(confirm(client, asked).url).content.decode()
        assert page.count("Do not buy it again") >= count
        assert {row.status for row in Purchase.objects.all()} == {"unknown"}

    def test_a_market_that_cannot_be_searched_is_said_for_each_name(self, world, client):
        wanted_skins(client, count=2)
        world.sandbox.faults.add("drop_request", "market_search", times=9)
        get_client()._sleep = lambda _seconds: None
        asked = review(client)
        assert len(asked.context["missing"]) == 2
        assert asked.context["order"] == ""

    def test_a_purchase_that_cannot_be_sent_now_stays_due(self, world, client, monkeypatch):
        wanted_skins(client)
        asked = review(client)

        def fail(_purchase):
            raise ConfigurationError("The client secret is missing.")

        monkeypatch.setattr(purchases, "submit", fail)
        assert "client secret is missing" in messages_of(client, confirm(client, asked))[0]
        purchase = Purchase.objects.get()
        assert (purchase.status, purchase.attempts) == ("requested", 0)
        assert purchase.next_poll_at is not None

    def test_an_error_of_the_sites_code_before_the_purchases_are_saved_is_raised(self, world, client, monkeypatch):
        wanted_skins(client)
        asked = review(client)

        def fail(**_options):
            raise RuntimeError

        monkeypatch.setattr(purchases, "buy", fail)
        with pytest.raises(RuntimeError):
            confirm(client, asked)
        assert not Purchase.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_an_error_of_the_sites_code_after_the_purchases_are_saved_does_not_hide_them(
        self, world, client, rich_user
    ):
        wanted_skins(client)
        asked = review(client, username="alice", charge="5", charge_currency="usd")

        def fail():
            raise RuntimeError

        def hook(sender, **_details):
            transaction.on_commit(fail)

        entry_posted.connect(hook)
        try:
            response = confirm(client, asked)
        finally:
            entry_posted.disconnect(hook)
        assert "The order was saved and continues" in messages_of(client, response)[0]
        assert Purchase.objects.get().status == "creating_trade"
        assert LogEntry.objects.count() == 1

    def test_a_lowered_limit_of_the_settings_refuses_an_older_order(self, world, client, settings):
        wanted_skins(client)
        asked = review(client)
        settings.SKINSBACK = {**settings.SKINSBACK, "BUY_MAX_PRICE": Decimal("0.01")}
        assert "BUY_MAX_PRICE" in messages_of(client, confirm(client, asked))[0]
        assert not Purchase.objects.exists()

    def test_an_operator_who_may_buy_but_not_view_sees_the_result(self, world):
        client = browser_of("buy_skins")
        wanted_skins(client)
        page = client.get(confirm(client, review(client)).url)
        assert "The skin was bought" in page.content.decode()
        assert press(client, "update").status_code == 200


def test_the_signature_of_an_order_is_not_one_of_another_purpose(world, client):
    wanted_skins(client)
    order = review(client).context["order"]
    assert orders.signing.loads(order, salt=orders.SALT)
    with pytest.raises(orders.signing.BadSignature):
        orders.signing.loads(order)
    assert browser_of(*VIEW_ALL).post(buy_url(), {"order": order}).status_code == 403


class TestOldPages:
    @pytest.mark.parametrize("fields", [{}, {"username": "alice"}])
    def test_a_second_tab_with_the_same_cart_buys_nothing_after_the_first(self, fields, world, client, user):
        wanted_skins(client)
        first, second = review(client), review(client, **fields)
        confirm(client, first)
        text = "cart has changed" if fields else "Nothing was bought a second time"
        assert text in messages_of(client, confirm(client, second))[-1]
        assert Purchase.objects.count() == len(world.sandbox.state.purchases) == 1

    def test_a_second_tab_buys_nothing_while_the_first_order_is_being_sent(self, world, client, user, monkeypatch):
        wanted_skins(client)
        first, second = review(client), review(client, username="alice")
        other_tab, send = Client(), orders.send
        other_tab.cookies = client.cookies

        def send_while_the_other_tab_buys(request, bought):
            monkeypatch.setattr(orders, "send", send)
            confirm(other_tab, second)
            send(request, bought)

        monkeypatch.setattr(orders, "send", send_while_the_other_tab_buys)
        confirm(client, first)
        assert Purchase.objects.count() == len(world.sandbox.state.purchases) == 1
        assert not cart_of(client)

    def test_a_page_from_before_a_change_of_the_cart_buys_nothing(self, world, client):
        several_of_one_name(client)
        old = review(client, **change_line(client, quantity=3, cap="900"))
        asked = review(client, **change_line(client, quantity=1))
        assert "cart has changed" in messages_of(client, confirm(client, old))[-1]
        assert not Purchase.objects.exists()
        confirm(client, asked)
        assert Purchase.objects.count() == 1
