"""Queries of a shop's pages on the price list."""

from decimal import Decimal

import pytest
from django.db import connection, transaction

from django_skinsback.exceptions import ConfigurationError
from django_skinsback.flows.market import price_rows
from django_skinsback.models import MarketItem
from django_skinsback.models.fields import utc_now
from django_skinsback.wire.types import PriceListItem

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def add(name, price="1", game="cs2", **columns):
    return MarketItem.objects.create(game=game, market_hash_name=name, price=Decimal(price), **columns)


def names(items):
    return [item.market_hash_name for item in items]


def test_queries_can_be_chained():
    add("AK-47 | Redline", "10")
    add("AWP | Redline", "4")
    add("AK-47 | Vulcan", "5")
    add("AK-47 | Red Laminate", "7", available=False)
    add("Redline Cape", "6", game="rust")
    items = MarketItem.objects.available().for_game("cs2").search("red").priced(Decimal(4), Decimal(10))
    assert names(items.cheapest_first()) == ["AWP | Redline", "AK-47 | Redline"]
    assert names(items.dearest_first()) == ["AK-47 | Redline", "AWP | Redline"]
    assert names(items.by_name()) == ["AK-47 | Redline", "AWP | Redline"]


@pytest.mark.parametrize(
    ("lowest", "highest", "found"),
    [
        (None, None, ["0.03", "1", "1.01", "5"]),
        (Decimal(1), None, ["1", "1.01", "5"]),
        (None, Decimal(1), ["0.03", "1"]),
        (Decimal("1.01"), Decimal("1.01"), ["1.01"]),
        (Decimal(0), Decimal(0), []),
        (Decimal(5), Decimal(1), []),
    ],
)
def test_both_limits_belong_to_a_range(lowest, highest, found):
    for price in ("0.03", "1", "1.01", "5"):
        add(price, price)
    assert names(MarketItem.objects.priced(lowest, highest).cheapest_first()) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("redline", ["AK-47 | Redline"]),
        ("LINE ak-47", ["AK-47 | Redline"]),
        ("redline awp", []),
        ("★", ["★ Karambit"]),
        ("100%", ["100% Off"]),
        ("_", []),
        ("\\", []),
        ("'; drop", []),
        ("  ", ["100% Off", "AK-47 | Redline", "★ Karambit"]),
    ],
)
def test_every_word_of_a_search_must_be_somewhere_in_the_name(words, found):
    for name in ("AK-47 | Redline", "★ Karambit", "100% Off"):
        add(name)
    assert sorted(names(MarketItem.objects.search(words))) == found


@pytest.mark.parametrize("order", ["cheapest_first", "dearest_first", "by_name"])
def test_page_after_page_shows_every_item_once(order):
    for number in range(25):
        add(f"item {number * 7 % 25:02}", str(number % 3 + 1))
    items = MarketItem.objects.available().for_game("cs2")
    seen, last = [], None
    while page := list(getattr(items, order)(last)[:4]):
        seen += page
        last = page[-1]
    assert seen == list(getattr(items, order)())
    assert len(set(seen)) == 25


def seed(game, count):
    """Rows with many prices, and thousands with the same price."""
    items = [
        PriceListItem(
            market_hash_name=f"Gun {number % 61} | Finish {number}",
            price=Decimal("0.03") if number % 5 == 0 else Decimal(number * 7919 % 99991) / 100,
            count=1,
        )
        for number in range(count)
    ]
    with transaction.atomic():
        price_rows.insert_rows(game, items, utc_now())
    MarketItem.objects.filter(game=game, market_hash_name__endswith="7").update(available=False)


def reads_everything(items):
    """Whether the database scans or sorts the table instead of reading an index."""
    plan = items.explain()
    signs = {
        "sqlite": ("SCAN", "TEMP B-TREE"),
        "postgresql": ("Seq Scan", "Sort"),
        "mysql": (" ALL ", "filesort"),
    }[connection.vendor]
    return any(sign in plan for sign in signs)


@pytest.mark.django_db(transaction=True)
def test_a_page_of_a_game_is_read_from_an_index_in_its_order():
    for game in ("cs2", "dota2"):
        seed(game, 20_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE skinsback_marketitem" if connection.vendor == "mysql" else "ANALYZE")
    items = MarketItem.objects.available().for_game("cs2")
    middle, cheap = items.cheapest_first()[9_000], items.cheapest_first()[2_000]
    assert cheap.price == Decimal("0.03")
    ranged = items.priced(Decimal(100), Decimal(200))
    for page in (
        items.cheapest_first(),
        items.dearest_first(),
        items.by_name(),
        ranged.cheapest_first(),
        ranged.dearest_first(),
        items.cheapest_first(middle),
        items.cheapest_first(cheap),
        items.dearest_first(middle),
        items.by_name(middle),
        ranged.cheapest_first(middle),
    ):
        assert not reads_everything(page[:24]), page[:24].explain()
    assert reads_everything(items.order_by("count")[:24])


def half_more(price):
    return price * Decimal("1.5")


ANSWERS = {
    "a float": 1.5,
    "a text": "1.5",
    "nothing": None,
    "zero": Decimal(0),
    "too little": Decimal("0.0000001"),
    "below zero": Decimal(-1),
    "no number": Decimal("NaN"),
    "endless": Decimal("Infinity"),
    "too much": Decimal("1e80"),
}


def odd(price):
    return ANSWERS[odd.answer]


def third(price):
    return price / 3


@pytest.fixture
def markup(settings):
    def choose(function):
        settings.SKINSBACK = {**settings.SKINSBACK, "PRICE_MARKUP": f"{__name__}.{function.__name__}"}

    return choose


def test_without_a_markup_the_sites_price_is_the_market_price():
    assert add("AK-47", "1.31").site_price == Decimal("1.31")


def test_the_sites_price_is_what_the_markup_returns(markup):
    markup(half_more)
    assert add("AK-47", "8.28").site_price == Decimal("12.42")


def test_the_sites_price_has_six_decimals_at_most(markup):
    markup(third)
    price = add("AK-47", "1").site_price
    assert str(price) == "0.333333"


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_markup_that_returns_no_price_raises_with_advice(markup, answer):
    markup(odd)
    odd.answer = answer
    with pytest.raises(ConfigurationError, match=r"PRICE_MARKUP.*1\.31.*Decimal above zero"):
        _ = add("AK-47", "1.31").site_price
