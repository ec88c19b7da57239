"""Confirming quotes: every outcome of an order of one skin and of several skins."""

import re
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from django_skinsback import players
from django_skinsback.exceptions import IdempotencyConflict, PurchaseVetoed
from django_skinsback.models import LedgerEntry, MarketItem, Purchase, Quote, SteamProfile
from django_skinsback.models.fields import utc_now
from tests.integration.pages.shelf import (
    ADD,
    AK,
    CART,
    CONFIRM,
    GLOCK,
    KNIFE,
    MARKET,
    ORDER,
    QUOTES,
    charges,
    put_up,
    quote_ids,
    text_of,
)
from tests.wallet.models import Wallet

pytestmark = pytest.mark.django_db


def balance(user, currency):
    return Wallet.objects.get(user=user).balance


@pytest.fixture
def wallet(user):
    return Wallet.objects.create(user=user, balance=1000)


@pytest.fixture(autouse=True)
def shelf(wallet, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"BALANCE": f"{__name__}.balance"}
    put_up({AK: "10", GLOCK: "2", KNIFE: "500"})


def refuse_above(limit, message="Your balance does not cover it."):
    def refuse(entry):
        if -entry.amount > limit:
            raise PurchaseVetoed("insufficient_balance", message)

    return charges(refuse)


def quote(player, *names):
    """Put skins in the cart and make quotes. Return the address of the confirmation."""
    for name in names:
        player.post(ADD, {"game": "cs2", "name": name})
    return player.post(QUOTES)["Location"]


def confirm(player, url):
    """Confirm the quotes of an address. Return the address that follows."""
    answer = player.post(CONFIRM, {"quote": quote_ids(url)})
    assert answer.status_code == 302
    return answer["Location"]


def order(player, *names):
    return confirm(player, quote(player, *names))


def test_one_skin_goes_from_the_market_to_its_own_page(player, profile, wallet):
    url = player.post(QUOTES, {"game": "cs2", "name": AK})["Location"]
    page = text_of(player.read(url))
    assert f"{AK} Counter-Strike 2 $10.00" in page
    assert "Your balance afterwards $990.00" in page
    assert f"Steam account {profile.steam_id} {profile.trade_url}" in page
    assert "Withdraw for $10.00" in page
    assert not Purchase.objects.exists()

    location = confirm(player, url)

    purchase = Purchase.objects.get()
    assert location == f"{MARKET}{purchase.public_id}/"
    assert (purchase.market_hash_name, purchase.charge_amount, purchase.status) == (AK, Decimal(10), "requested")
    assert "Order placed" in text_of(player.read(location))
    wallet.refresh_from_db()
    assert wallet.balance == 990


def test_the_cart_is_ordered_at_once_and_followed_on_one_page(player, profile, wallet):
    url = quote(player, AK, GLOCK, AK)
    page = text_of(player.read(url))
    assert "Together $22.00" in page
    assert "Your balance afterwards $978.00" in page

    location = confirm(player, url)

    assert Purchase.objects.count() == 3
    page = player.read(location)
    assert "3 skins ordered" in text_of(page)
    assert page.count('data-skinsback-status="requested"') == 3
    assert "Your cart is empty" in text_of(player.read(CART))
    wallet.refresh_from_db()
    assert wallet.balance == 978


def test_two_of_three_are_ordered_and_the_third_says_why_not(player, profile, wallet):
    with refuse_above(100):
        location = order(player, AK, KNIFE, GLOCK)
    page = text_of(player.read(location))
    assert "2 of 3 skins ordered" in page
    assert (
        f"Not ordered You were not charged for this skin. {KNIFE} Your balance does not cover it. Deposit skins $500.00"
        in page
    )
    assert LedgerEntry.objects.count() == 2
    cart = player.read(CART)
    assert cart.count("skinsback-line-remove") == 1
    assert KNIFE in cart


def test_what_was_not_ordered_can_be_tried_again(player, profile):
    with refuse_above(100):
        location = order(player, AK, KNIFE)
    refused = quote_ids(player.read(location))
    again = player.post(QUOTES, {"quote": refused})["Location"]
    assert KNIFE in player.read(again)
    assert AK not in player.read(again)
    assert f"{KNIFE} Your balance does not cover it." in text_of(player.read(location))
    confirm(player, again)
    assert Purchase.objects.count() == 2
    assert "Your cart is empty" in text_of(player.read(CART))
    assert "2 skins ordered" in text_of(player.read(location)), "the earlier address shows the second try too"


def test_a_quote_that_has_bought_is_not_quoted_again(player, profile):
    url = quote(player, AK, GLOCK)
    confirm(player, url)
    made = Quote.objects.count()
    assert player.post(QUOTES, {"quote": quote_ids(url)})["Location"].startswith(ORDER)
    assert Quote.objects.count() == made


def test_a_site_that_refuses_everything_charges_nothing(player, profile, wallet):
    with refuse_above(0, "Withdrawals are closed <today>."):
        location = order(player, AK)
    page = player.read(location)
    assert "Nothing was ordered yet" in text_of(page)
    assert "Withdrawals are closed &lt;today&gt;." in page
    assert not Purchase.objects.exists()
    wallet.refresh_from_db()
    assert wallet.balance == 1000


def test_a_risen_price_is_offered_and_accepted(player, profile):
    url = quote(player, AK, GLOCK)
    put_up({AK: "10.20"})
    location = confirm(player, url)
    page = player.read(location)
    assert "1 of 2 skins ordered" in text_of(page)
    assert f"{AK} now $10.20 instead of $10.00" in text_of(page)
    assert Purchase.objects.count() == 1

    fields = form_fields(page, CONFIRM)
    answer = player.post(CONFIRM, fields)

    page = text_of(player.read(answer["Location"]))
    assert "2 skins ordered" in page
    assert Purchase.objects.get(market_hash_name=AK).charge_amount == Decimal("10.20")
    assert "2 skins ordered" in text_of(player.read(location)), "the earlier address shows the accepted price too"
    assert "Your cart is empty" in text_of(player.read(CART))


def form_fields(page, action):
    """Return the hidden fields of the form with this address."""
    form = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', page, re.DOTALL).group()
    fields = {}
    for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)
    return fields


def test_a_fallen_price_buys_without_a_question(player, profile):
    url = quote(player, AK)
    put_up({AK: "9"})
    confirm(player, url)
    assert Purchase.objects.get().charge_amount == 10


def test_an_expired_quote_is_offered_anew(player, profile):
    url = quote(player, AK)
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        put_up({})
        page = player.read(url)
        assert "The price has expired. Nothing was ordered." in text_of(page)
        assert f'action="{CONFIRM}"' not in page
        location = confirm(player, url)
        assert not Purchase.objects.exists()
        assert f"{AK} still $10.00" in text_of(player.read(location))
        again = player.post(QUOTES, form_fields(page, QUOTES))["Location"]
        confirm(player, again)
        assert Purchase.objects.count() == 1
        assert "Your cart is empty" in text_of(player.read(CART))
        assert player.get(url)["Location"].startswith(ORDER)
        assert "1 skin ordered" in text_of(player.read(location))


def to_eur(amount):
    return amount * 2


def to_usd(amount, currency):
    return amount / 2


def test_a_quote_in_the_currency_of_before_is_offered_anew(player, profile, settings):
    url = quote(player, AK)
    settings.SKINSBACK = settings.SKINSBACK | {
        "QUOTE_CURRENCY": "eur",
        "TO_SITE_CURRENCY": f"{__name__}.to_eur",
        "TO_USD": f"{__name__}.to_usd",
    }
    page = player.read(url)
    assert f'action="{CONFIRM}"' not in page
    again = player.post(QUOTES, form_fields(page, QUOTES))["Location"]
    assert "Withdraw for €20.00" in text_of(player.read(again))


def test_a_skin_that_was_sold_meanwhile_is_told(player, profile):
    url = quote(player, AK, GLOCK)
    MarketItem.objects.filter(market_hash_name=AK).update(available=False)
    page = text_of(player.read(confirm(player, url)))
    assert "1 of 2 skins ordered" in page
    assert f"{AK} This skin cannot be bought at the moment. Choose another one. Choose another skin" in page


def test_only_skins_with_a_price_reach_the_confirmation(player, profile):
    for name in (AK, GLOCK):
        player.post(ADD, {"game": "cs2", "name": name})
    MarketItem.objects.filter(market_hash_name=AK).update(available=False)
    url = player.post(QUOTES)["Location"]
    page = text_of(player.read(url))
    assert f"{AK} : This skin cannot be bought at the moment" in page
    assert "Withdraw for $2.00" in page


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"PURCHASE_GAMES": ()}, "Skins of this game cannot be traded here at the moment"),
        ({"LIMITS": {"purchases": {"count": 0}}}, "You can buy 0 skins a day"),
    ],
)
def test_a_rule_of_the_site_stops_the_quote_and_the_order(player, profile, settings, change, text):
    url = quote(player, AK)
    settings.SKINSBACK = settings.SKINSBACK | change
    assert text in text_of(player.read(confirm(player, url)))
    answer = player.post(QUOTES, {"game": "cs2", "name": AK})
    assert answer["Location"] == MARKET
    assert text in text_of(player.read(MARKET))
    assert not Purchase.objects.exists()


def test_a_reason_that_concerns_every_skin_is_told_once(player, profile, user):
    for name in (AK, GLOCK, AK):
        player.post(ADD, {"game": "cs2", "name": name})
    players.freeze(user, None, "a reason")
    assert player.post(QUOTES)["Location"] == CART
    page = player.read(CART)
    assert page.count("Your account cannot start deposits or withdrawals") == 1
    assert f"{AK}, {GLOCK} : Your account" in text_of(page)


def test_a_frozen_user_orders_nothing(player, profile, user, operator):
    url = quote(player, AK)
    players.freeze(user, operator, "a reason for operators")
    page = text_of(player.read(confirm(player, url)))
    assert "Your account cannot start deposits or withdrawals" in page
    assert "a reason for operators" not in page
    assert not Purchase.objects.exists()


def test_without_a_trade_url_the_confirmation_leads_to_its_page_and_back(player):
    url = quote(player, AK)
    page = player.read(url)
    assert "No trade URL yet" in text_of(page)
    assert f'action="{CONFIRM}"' not in page
    assert re.search(r'href="/skins/trade-url/\?next=%2Fskins%2Fwithdraw%2Fconfirm%2F%3Fquote%3D[0-9a-f]{32}"', page)
    assert "Enter your Steam trade URL first." in text_of(player.read(confirm(player, url)))
    assert not Purchase.objects.exists()


def test_a_broken_trade_url_is_told(player, profile):
    SteamProfile.objects.update(broken_at=utc_now(), broken_reason="invalid_trade_token")
    page = player.read(quote(player, AK))
    assert "Your Steam trade URL does not work any more" in text_of(page)
    assert f'action="{CONFIRM}"' not in page


def test_a_trade_url_that_was_changed_a_moment_ago_is_told(player, profile, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"TRADE_URL_COOLDOWN_HOURS": 24}
    SteamProfile.objects.update(trade_url_changed_at=utc_now())
    url = quote(player, AK)
    page = player.read(url)
    assert 'data-skinsback-problem="trade_url_changed_recently"' in page
    assert f'action="{CONFIRM}"' not in page
    confirm(player, url)
    assert not Purchase.objects.exists()


def test_a_balance_that_is_too_low_is_said_before_the_order(player, profile, wallet):
    Wallet.objects.update(balance=5)
    page = player.read(quote(player, AK, GLOCK))
    assert "The skins are ordered from top to bottom." in text_of(page)
    assert 'href="/skins/deposit/"' in page


def test_an_error_of_the_site_is_raised_if_nothing_was_bought(player, profile):
    url = quote(player, AK)
    with charges(boom), pytest.raises(ZeroDivisionError):
        player.post(CONFIRM, {"quote": quote_ids(url)})
    assert not Purchase.objects.exists()


def rounded_down(price):
    return price.quantize(Decimal("0.01"), rounding=ROUND_DOWN)


def test_a_skin_whose_price_the_markup_rounds_to_zero_does_not_stop_the_others(player, profile, settings, caplog):
    settings.SKINSBACK = settings.SKINSBACK | {"PRICE_MARKUP": f"{__name__}.rounded_down"}
    for name in (AK, GLOCK):
        player.post(ADD, {"game": "cs2", "name": name})
    MarketItem.objects.filter(market_hash_name=GLOCK).update(price=Decimal("0.004"))
    page = text_of(player.read(player.post(QUOTES)["Location"]))
    assert f"{GLOCK} : This is not available at the moment." in page
    assert "Withdraw for $10.00" in page
    assert [record.message for record in caplog.records if record.exc_info] == ["skinsback.order_failed"]


def boom(_entry):
    raise ZeroDivisionError


def test_an_error_of_the_site_after_a_purchase_is_logged_and_told(player, profile, caplog):
    def refuse(entry):
        if entry.amount == -2:
            raise ZeroDivisionError

    with charges(refuse):
        page = text_of(player.read(order(player, AK, GLOCK)))
    assert "1 of 2 skins ordered" in page
    assert f"{GLOCK} An error on this site stopped this order." in page
    assert [record.message for record in caplog.records if record.exc_info] == ["skinsback.order_failed"]


def test_an_error_after_the_purchase_was_saved_does_not_hide_the_purchase(player, profile, monkeypatch, caplog):
    buy_quote = players.buy_quote

    def buy_and_fail(user, public_id):
        buy_quote(user, public_id)
        raise ZeroDivisionError  # as a hook of the site that runs after the commit

    monkeypatch.setattr(players, "buy_quote", buy_and_fail)
    page = text_of(player.read(order(player, AK, GLOCK)))
    assert "2 skins ordered" in page
    assert [record.message for record in caplog.records if record.exc_info] == ["skinsback.order_failed"] * 2


def test_a_conflict_of_keys_is_told(player, profile, monkeypatch):
    url = quote(player, AK)

    def conflict(user, public_id):
        raise IdempotencyConflict

    monkeypatch.setattr(players, "buy_quote", conflict)
    assert "This request was already sent with other values" in text_of(player.read(confirm(player, url)))


def test_more_skins_than_the_cart_holds_are_not_ordered_at_once(player, profile, settings):
    url = quote(player, AK, GLOCK)
    settings.SKINSBACK = settings.SKINSBACK | {"LIMITS": {"cart": 1}}
    location = confirm(player, url)
    assert "You cannot order so many skins at once" in text_of(player.read(location))
    assert not Purchase.objects.exists()


def test_purchases_stay_with_atomic_requests_although_the_request_fails_after_them(player, profile, monkeypatch):
    def fail(*_arguments):
        raise ZeroDivisionError

    url = quote(player, AK, GLOCK)
    monkeypatch.setattr("django_skinsback.pages.ordering.keep_problems", fail)
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = True
    try:
        with pytest.raises(ZeroDivisionError):
            confirm(player, url)
    finally:
        connections["default"].settings_dict["ATOMIC_REQUESTS"] = False
    assert Purchase.objects.count() == 2


def test_the_confirmation_sent_twice_buys_once_and_shows_the_purchase(player, profile, wallet):
    url = quote(player, AK)
    first = confirm(player, url)
    with time_machine.travel(timezone.now() + timedelta(hours=5)):
        assert confirm(player, url) == first
    assert Purchase.objects.count() == 1
    wallet.refresh_from_db()
    assert wallet.balance == 990


def test_a_quote_named_twice_buys_once(player, profile):
    one = quote_ids(quote(player, AK))[0]
    player.post(CONFIRM, {"quote": [one, one]})
    assert Purchase.objects.count() == 1


def test_the_back_button_shows_the_order_and_no_second_confirmation(player, profile):
    url = quote(player, AK)
    confirm(player, url)
    answer = player.get(url)
    assert answer["Location"].startswith(ORDER)
    assert "1 skin ordered" in text_of(player.read(answer["Location"]))


def test_a_lost_session_shows_what_was_bought_and_what_was_not(player, profile, user):
    with refuse_above(100):
        location = order(player, AK, KNIFE)
    player.logout()
    player.force_login(user)
    page = text_of(player.read(location))
    assert "1 of 2 skins ordered" in page
    assert f"{KNIFE} You have not confirmed this skin." in page


def test_a_bought_skin_leaves_the_cart_although_the_answer_was_lost(player, profile, user):
    url = quote(player, AK, GLOCK)
    players.buy_quote(user, quote_ids(url)[0])  # bought by a request whose session was not saved
    again = player.post(QUOTES)["Location"]
    assert len(quote_ids(again)) == 1
    page = text_of(player.read(again))
    assert "The skins that you have already ordered were removed from your cart." in page
    confirm(player, again)
    assert sorted(Purchase.objects.values_list("market_hash_name", flat=True)) == [AK, GLOCK]


def test_the_same_skin_stays_in_the_cart_for_each_line_that_was_not_bought(player, profile):
    url = quote(player, AK, AK)
    player.post(CONFIRM, {"quote": quote_ids(url)[:1]})
    assert player.read(CART).count("skinsback-line-remove") == 1


@pytest.mark.parametrize("path", [CONFIRM, ORDER])
def test_without_quotes_the_cart_is_shown(player, path):
    assert player.get(path)["Location"] == CART


def test_quotes_of_another_user_are_not_found(player, stranger, profile):
    url = quote(player, AK)
    query = url.split("?")[1]
    for path in (CONFIRM, ORDER, f"{ORDER}status/"):
        assert stranger.get(f"{path}?{query}").status_code == 404
    for path in (CONFIRM, QUOTES):
        assert stranger.post(path, {"quote": quote_ids(url)}).status_code == 404
    own = quote_ids(quote(stranger, GLOCK))
    assert stranger.post(CONFIRM, {"quote": [*own, *quote_ids(url)]}).status_code == 404
    assert stranger.post(CONFIRM, {"quote": own, "show": quote_ids(url)}).status_code == 404
    assert not Purchase.objects.exists()


@pytest.mark.parametrize("text", ["", "x", "\0", "0" * 32, "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_quote_is_not_found(player, text):
    assert player.get(CONFIRM, {"quote": text}).status_code == 404
    assert player.post(CONFIRM, {"quote": text}).status_code == 404
    assert player.get(ORDER, {"quote": text}).status_code == 404
    assert player.post(QUOTES, {"quote": text}).status_code == 404


def test_too_many_quotes_are_not_found(player):
    assert player.post(CONFIRM, {"quote": ["0" * 32] * 500}).status_code == 404


def test_the_progress_of_an_order_answers_304_until_something_changes(player, profile, django_assert_num_queries):
    location = order(player, AK, GLOCK)
    page = player.read(location)
    status_url = re.search(r'data-skinsback-live="([^"]+)"', page).group(1).replace("&amp;", "&")
    tag = re.search(r'data-skinsback-tag="([^"]+)"', page).group(1).replace("&quot;", '"')
    with django_assert_num_queries(2 + 1):
        answer = player.get(status_url, headers={"If-None-Match": tag})
    assert answer.status_code == 304
    Purchase.objects.filter(market_hash_name=GLOCK).update(
        status="waiting_accept", trade_offer_id="77", updated_at=utc_now()
    )
    answer = player.get(status_url, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    fragment = answer.content.decode()
    assert "https://steamcommunity.com/tradeoffer/77/" in fragment
    assert 'data-skinsback-title="Order placed: 1. Accept the trade offer on Steam: 1."' in fragment
    assert 'data-skinsback-refresh="2"' in fragment
    Purchase.objects.update(status="canceled", updated_at=utc_now())
    fragment = player.read(status_url)
    assert 'data-skinsback-refresh=""' in fragment


def test_what_the_site_pays_is_shown_nowhere(player, profile, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"PRICE_MARKUP": f"{__name__}.markup"}
    put_up({AK: "7.31"})
    url = quote(player, AK)
    confirmation, location = player.read(url), confirm(player, url)
    for page in (
        player.read(MARKET),
        player.read(CART),
        confirmation,
        player.read(location),
        player.read(url_order(url)),
    ):
        assert "7.31" not in page
        assert "7.53" not in page, "the price cap"


def markup(price):
    return price * 2


def url_order(url):
    return url.replace(CONFIRM, ORDER)
