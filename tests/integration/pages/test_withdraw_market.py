"""The market page and the cart."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from django_skinsback.models import MarketItem, Purchase, Quote
from tests.integration.pages.shelf import ADD, AK, CART, GLOCK, KNIFE, MARKET, QUOTES, REMOVE, put_up, text_of

pytestmark = pytest.mark.django_db


def markup(price):
    return price * Decimal("1.10")


def to_eur(amount):
    return amount * 2


def to_usd(amount, currency):
    assert currency == "eur"
    return amount / 2


def balance(user, currency):
    return Decimal(20)


@pytest.fixture
def shelf():
    put_up({AK: "10", GLOCK: "2", KNIFE: "500"})


def names(page):
    return [name for name in (AK, GLOCK, KNIFE) if f'value="{name}"' in page]


def test_the_page_shows_what_a_user_pays_and_in_which_currency(player, shelf, settings):
    settings.SKINSBACK = settings.SKINSBACK | {
        "PRICE_MARKUP": f"{__name__}.markup",
        "QUOTE_CURRENCY": "eur",
        "TO_SITE_CURRENCY": f"{__name__}.to_eur",
        "TO_USD": f"{__name__}.to_usd",
    }
    page = text_of(player.read(MARKET))
    assert f"{AK} €22.00" in page
    assert "From EUR" in page
    assert "3 for sale" in page


def test_the_balance_says_what_is_affordable(player, shelf, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"BALANCE": f"{__name__}.balance"}
    page = text_of(player.read(MARKET))
    assert f"{AK} $10.00 3 for sale Your balance covers it" in page
    assert f"{KNIFE} $500.00 3 for sale Above your balance" in page


def test_without_the_setting_balance_no_skin_is_marked(player, shelf):
    page = text_of(player.read(MARKET))
    assert "balance" not in page.lower()


def test_a_skin_above_the_price_cap_cannot_be_chosen(player, shelf, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"BUY_MAX_PRICE": Decimal(100)}
    page = player.read(MARKET)
    assert names(page) == [AK, GLOCK]
    assert f"{KNIFE} Not available here" in text_of(page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [AK, GLOCK, KNIFE]),
        ({"search": "tide copper"}, [AK]),
        ({"min": "3"}, [AK, KNIFE]),
        ({"min": "3", "max": "10"}, [AK]),
        ({"min": "a lot"}, [AK, GLOCK, KNIFE]),
        ({"max": "1"}, []),
        ({"game": "cs2", "cursor": "damaged"}, [AK, GLOCK, KNIFE]),
        ({"sort": "nonsense"}, [AK, GLOCK, KNIFE]),
        ({"wear": "nonsense"}, [AK, GLOCK, KNIFE]),
        ({"search": "\0"}, [AK, GLOCK, KNIFE]),
        ({"search": "%"}, []),
        ({"search": "|"}, [AK, GLOCK, KNIFE]),
        ({"search": "x" * 101}, [AK, GLOCK, KNIFE]),
        ({"min": "9999999999.99"}, []),
        ({"min": "99999999999999999999"}, [AK, GLOCK, KNIFE]),
        ({"min": "-1"}, [AK, GLOCK, KNIFE]),
        ({"min": "1e3"}, []),
        ({"min": "-0"}, [AK, GLOCK, KNIFE]),
        ({"max": "0E+9999"}, []),
        ({"min": "NaN"}, [AK, GLOCK, KNIFE]),
        ({"min": "0", "max": "0"}, []),
        ({"min": "10", "max": "1"}, []),
    ],
)
def test_filters(player, shelf, query, found):
    assert names(player.read(f"{MARKET}?{urlencode(query)}")) == found


def test_wear_and_quality_are_filters_of_cs2_alone(player, shelf):
    MarketItem.objects.filter(market_hash_name=AK).update(wear="minimal_wear", quality="stattrak")
    put_up({"Metal Door": "5"}, game="rust")
    page = player.read(f"{MARKET}?wear=minimal_wear&quality=stattrak&quality=souvenir")
    assert names(page) == [AK]
    assert page.count("checked") == 3
    assert names(player.read(f"{MARKET}?wear=factory_new")) == []
    rust = player.read(f"{MARKET}?game=rust&wear=factory_new")
    assert "Metal Door" in rust
    assert 'name="wear"' not in rust


def test_pages_lead_forward_and_back(player):
    put_up({f"Skin {number:02}": number for number in range(1, 31)})
    first = player.read(f"{MARKET}?sort=name")
    assert "Skin 24" in first
    assert "Skin 25" not in first
    assert 'rel="prev"' not in first
    second = player.read(link(first, "next"))
    assert "Skin 25" in second
    assert "Skin 24" not in second
    assert 'rel="next"' not in second
    assert "Skin 24" in player.read(link(second, "prev"))


def link(page, rel):
    return MARKET + page.split(f'rel="{rel}" href="')[1].split('"')[0].replace("&amp;", "&")


def test_another_game_is_a_tab_and_a_game_that_is_off_is_not(player, shelf, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"PURCHASE_GAMES": ("rust", "cs2")}
    put_up({"Metal Door": "5"}, game="rust")
    page = text_of(player.read(MARKET))
    assert "Metal Door" in page
    assert AK not in page
    assert "Dota 2" not in page


@pytest.mark.parametrize(
    ("change", "query", "text"),
    [
        ({"PURCHASE_GAMES": ()}, "", "Withdrawals are switched off"),
        ({"PURCHASE_GAMES": ("rust",)}, "?game=cs2", "Skins of this game cannot be withdrawn here"),
        ({}, "?game=poker", "Skins of this game cannot be withdrawn here"),
        ({}, "?game=rust", "The prices are not loaded yet"),
        ({"PRICES_MAX_AGE": 0}, "", "The prices are being updated"),
        ({}, "?search=nothing", "No skin matches"),
    ],
)
def test_an_empty_page_says_why(player, shelf, settings, change, query, text):
    settings.SKINSBACK = settings.SKINSBACK | change
    page = player.read(MARKET + query)
    assert text in text_of(page)
    assert names(page) == []


def test_empty_fields_of_the_form_are_no_filter(player):
    put_up({})
    assert "The market has no skins of this game" in text_of(player.read(f"{MARKET}?search=&min=&max="))


def test_the_pages_need_no_context_processor(player, settings):
    put_up({f"Skin {number:02}": number for number in range(1, 31)})
    engine = settings.TEMPLATES[0]
    settings.TEMPLATES = [{**engine, "OPTIONS": {"context_processors": []}}]
    page = player.read(f"{MARKET}?sort=name")
    assert "Skin 25" in player.read(link(page, "next"))
    empty = player.read(f"{MARKET}?game=rust&search=x")
    assert 'href="/skins/withdraw/?game=rust&amp;search=x">Try again' in empty


def test_a_game_without_skins_says_so(player):
    put_up({})
    assert "The market has no skins of this game" in text_of(player.read(MARKET))


def test_the_page_says_that_the_market_does_not_answer(player, shelf, monkeypatch):
    monkeypatch.setattr("django_skinsback.ratelimit.pause_until", lambda: 1)
    page = player.read(MARKET)
    assert "The market does not answer at the moment" in text_of(page)
    assert names(page) == [AK, GLOCK, KNIFE]


def test_the_page_takes_three_queries_beyond_session_and_user(player, shelf, settings, django_assert_max_num_queries):
    settings.SKINSBACK = settings.SKINSBACK | {"BALANCE": f"{__name__}.balance"}
    for query in ("", "?search=tide&min=1", "?wear=minimal_wear&quality=stattrak&sort=-price"):
        with django_assert_max_num_queries(2 + 3):
            player.read(MARKET + query)


def test_looking_makes_no_quote(player, shelf):
    player.read(MARKET)
    player.read(CART)
    assert not Quote.objects.exists()
    assert player.get(QUOTES).status_code == 405


def test_a_skin_is_added_to_the_cart_and_the_market_page_is_shown_again(player, shelf):
    query = "game=cs2&search=tide&min=1"
    answer = player.post(ADD, {"game": "cs2", "name": AK, "query": query})
    item = MarketItem.objects.get(market_hash_name=AK)
    assert answer["Location"] == f"{MARKET}?{query}#skin-{item.pk}"
    page = text_of(player.read(answer["Location"]))
    assert f"In your cart: {AK} ." in page
    assert "Cart 1 skin" in page
    assert "1 in your cart" in page
    assert "In your cart" not in text_of(player.read(MARKET))
    assert AK in player.read(CART)


@pytest.mark.parametrize("query", ["//evil.example", "\r\nX: 1", "a=1&b=%0d%0a", "?" * 5000])
def test_the_way_back_stays_on_the_site(player, shelf, query):
    answer = player.post(ADD, {"game": "cs2", "name": AK, "query": query})
    assert answer["Location"].startswith(f"{MARKET}?")


@pytest.mark.database
@pytest.mark.parametrize(
    ("game", "name"),
    [
        ("cs2", "Nothing"),
        ("rust", AK),
        ("poker", AK),
        ("", ""),
        ("cs2", AK.lower()),
        ("cs2", "\0"),
        ("cs2", "x" * 9000),
    ],
)
def test_only_skins_that_are_for_sale_get_into_the_cart(player, shelf, game, name):
    answer = player.post(ADD, {"game": game, "name": name})
    assert "This skin is not for sale any more" in text_of(player.read(answer["Location"]))
    assert "Your cart is empty" in text_of(player.read(CART))


def test_the_cart_has_a_limit(player, shelf, settings):
    settings.SKINSBACK = settings.SKINSBACK | {"LIMITS": {"cart": 2}}
    for _ in range(3):
        answer = player.post(ADD, {"game": "cs2", "name": AK})
    assert "Your cart is full" in text_of(player.read(answer["Location"]))
    page = player.read(CART)
    assert page.count("skinsback-line-remove") == 2
    assert "Together $20.00" in text_of(page)


def test_one_line_is_removed_from_the_cart(player, shelf):
    for name in (AK, GLOCK, AK):
        player.post(ADD, {"game": "cs2", "name": name})
    page = player.read(CART)
    first = page.split('name="line" value="')[1].split('"')[0]
    player.post(REMOVE, {"line": first})
    player.post(REMOVE, {"line": first})
    page = player.read(CART)
    assert page.count("skinsback-line-remove") == 2
    assert page.index(GLOCK) < page.index(AK)


def test_a_skin_that_was_sold_meanwhile_stays_in_the_cart_without_a_price(player, shelf):
    player.post(ADD, {"game": "cs2", "name": AK})
    MarketItem.objects.update(available=False)
    assert f"{AK} Counter-Strike 2 Not for sale now" in text_of(player.read(CART))


@pytest.mark.database
@pytest.mark.parametrize(("game", "name"), [("cs2", "\0"), ("cs2", "x" * 9000), ("\0", AK), ("", "")])
def test_only_skins_of_the_market_are_quoted(player, shelf, game, name):
    answer = player.post(QUOTES, {"game": game, "name": name})
    assert answer["Location"] == MARKET
    assert "data-skinsback-problem" in player.read(MARKET)
    assert not Quote.objects.exists()


def test_each_user_has_a_cart(player, stranger, shelf):
    player.post(ADD, {"game": "cs2", "name": AK})
    assert AK not in stranger.read(CART)


def test_an_old_list_in_the_cart_is_told_when_quotes_are_made(player, shelf):
    player.post(ADD, {"game": "cs2", "name": AK})
    put_up({}, age=timedelta(days=1))
    answer = player.post(QUOTES)
    assert answer["Location"] == CART
    assert f"{AK} : This skin cannot be bought at the moment" in text_of(player.read(CART))
    assert not Purchase.objects.exists()
