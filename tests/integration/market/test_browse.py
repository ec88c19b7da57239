"""Pages of the market: filters, orders, cursors, and how the database reads them."""

import base64
import random
import re
from decimal import Decimal
from itertools import pairwise, product

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_skinsback.exceptions import ConfigurationError, InvalidAmount, InvalidInput
from django_skinsback.flows.market import page_query, price_rows
from django_skinsback.flows.market.browse import PAGE_SIZE, search_market
from django_skinsback.flows.market.cursors import Cursor
from django_skinsback.flows.market.quotes import charge_for
from django_skinsback.models import MarketItem
from django_skinsback.models.fields import utc_now
from django_skinsback.models.market import PRICE_BANDS, WEAR_LABELS, Quality
from django_skinsback.wire.types import PriceListItem

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ENDINGS = ["", " (Factory New)", " (Field-Tested)", " (Battle-Scarred)"]
BEGINNINGS = ["", "StatTrak™ ", "Souvenir "]
PRICES = [
    "0.03",
    "0.03",
    "0.07",
    "0.08",
    "0.5",
    "1.28",
    "5",
    "5",
    "5.11",
    "5.12",
    "20.47",
    "20.48",
    "90",
    "400",
    "1500",
]


def add(*rows, game="cs2"):
    """Insert rows as the import does."""
    items = [PriceListItem(market_hash_name=name, price=Decimal(price), count=1) for name, price in rows]
    with transaction.atomic():
        price_rows.insert_rows(game, items, utc_now())


@pytest.fixture
def market():
    """180 items of CS2: many with the same price, some not available; 30 of Rust."""
    chance = random.Random(7)
    pairs = [*product(BEGINNINGS, ENDINGS)]
    add(*((f"{start}Gun {n:03}{end}", chance.choice(PRICES)) for n in range(15) for start, end in pairs))
    add(*((f"Hat {n}", "1.28") for n in range(30)), game="rust")
    MarketItem.objects.filter(game="cs2", market_hash_name__contains="Gun 004").update(available=False)


def names(items):
    return [item.market_hash_name for item in items]


def all_pages(**filters):
    """Follow ``next`` to the end and ``previous`` back, and return the items in order."""
    forward, cursor = [], ""
    while True:
        page = search_market(cursor=cursor, **filters)
        assert len(page.items) <= PAGE_SIZE
        assert bool(page.previous) == bool(forward)
        forward.append(page)
        if not (cursor := page.next):
            break
        assert len(page.items) == PAGE_SIZE
    page = forward[-1]
    for earlier in reversed(forward[:-1]):
        page = search_market(cursor=page.previous, **filters)
        assert names(page.items) == names(earlier.items)
        assert page.next
    return [item for page in forward for item in page.items]


SORT_KEYS = {
    "price": lambda item: (item.price, item.pk),
    "-price": lambda item: (-item.price, -item.pk),
}


@pytest.mark.parametrize(("sort", "few"), [("price", 500), ("-price", 500), ("name", 500), ("name", 3)])
def test_the_pages_of_every_combination_of_filters_contain_each_item_once(market, sort, few, monkeypatch):
    monkeypatch.setattr(page_query, "_FEW", few)
    available = MarketItem.objects.available().for_game("cs2")
    for wears, qualities, (lowest, highest), search in product(
        [(), ("factory_new",), ("field_tested", "battle_scarred"), ("well_worn",)],
        [(), ("stattrak",), ("normal", "souvenir")],
        [(None, None), ("0.05", None), ("0.08", "20.48"), ("5", "5.11"), ("9", "2")],
        ["", "gun 00"],
    ):
        wanted = available.priced(lowest and Decimal(lowest), highest and Decimal(highest)).search(search)
        wanted = wanted.filter(wear__in=wears) if wears else wanted
        wanted = wanted.filter(quality__in=qualities) if qualities else wanted
        expected = wanted.order_by("market_hash_name") if sort == "name" else sorted(wanted, key=SORT_KEYS[sort])
        found = all_pages(
            game="cs2",
            search=search,
            lowest=lowest and Decimal(lowest),
            highest=highest and Decimal(highest),
            wears=wears,
            qualities=qualities,
            sort=sort,
        )
        assert names(found) == names(expected), (wears, qualities, lowest, highest, search)


def test_a_page_has_24_items_of_one_game(market):
    page = search_market(game="rust")
    assert len(page.items) == 24
    assert {item.game for item in page.items} == {"rust"}
    assert len(search_market(game="rust", cursor=page.next).items) == 6
    assert search_market(game="dota2").items == []


def test_a_page_of_a_list_that_fits_has_no_cursors():
    add(*((f"Gun {n:02}", "1") for n in range(24)))
    page = search_market(game="cs2", sort="name")
    assert (len(page.items), page.next, page.previous) == (24, "", "")


def half_more(price):
    return price * Decimal("1.5")


def test_the_price_range_is_in_the_prices_that_users_see(settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "PRICE_MARKUP": f"{__name__}.half_more"}
    add(*((f"Gun {price}", price) for price in ("0.99", "1", "1.01", "2", "2.01")))
    found = search_market(game="cs2", lowest=Decimal("1.5"), highest=Decimal(3)).items
    assert names(found) == ["Gun 1", "Gun 1.01", "Gun 2"]
    assert [charge_for(item.price) for item in found] == [Decimal("1.5"), Decimal("1.52"), Decimal(3)]


def broken(price):
    return 1.5


def test_an_error_of_the_markup_is_raised(settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "PRICE_MARKUP": f"{__name__}.broken"}
    add(("Gun", "1"))
    assert search_market(game="cs2").items
    with pytest.raises(ConfigurationError):
        charge_for(Decimal(1))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("hölle", ["Nova | Wurst Hölle"]),
        ("WURST NOVA", ["Nova | Wurst Hölle"]),
        ("%", ["100% Wool_Hat"]),
        ("_", ["100% Wool_Hat"]),
        ("\\", ["Back\\slash"]),
        ("😀", ["Em😀ji"]),
        ("'", []),
    ],
)
def test_every_character_of_a_word_stands_for_itself(words, found):
    add(*((name, "1") for name in ("Nova | Wurst Hölle", "100% Wool_Hat", "Back\\slash", "Em😀ji")))
    for sort in ("price", "-price", "name"):
        assert names(search_market(game="cs2", search=words, sort=sort).items) == found


# Cursors


def test_rows_that_came_or_went_since_do_not_break_a_cursor():
    add(*((f"Gun {n:02}", "1") for n in range(60)))
    first = search_market(game="cs2", sort="name")
    second = search_market(game="cs2", sort="name", cursor=first.next)
    MarketItem.objects.filter(market_hash_name__in=[first.items[-1], second.items[0]]).update(available=False)
    again = search_market(game="cs2", sort="name", cursor=first.next)
    assert names(again.items)[0] == "Gun 25"
    back = search_market(game="cs2", sort="name", cursor=second.previous)
    assert names(back.items) == [f"Gun {n:02}" for n in [*range(23), 25]], "the first page, filled up"
    assert back.previous == ""
    MarketItem.objects.filter(market_hash_name__gt="Gun 10").update(available=False)
    last = search_market(game="cs2", sort="name", cursor=second.next)
    assert names(last.items) == [f"Gun {n:02}" for n in range(11)], "the last page"
    assert last.next == ""
    assert last.previous == ""
    MarketItem.objects.update(available=False)
    assert search_market(game="cs2", sort="name", cursor=second.next).items == []


def test_a_cursor_is_text_for_a_url(market):
    for sort in ("price", "-price", "name"):
        cursor = search_market(game="cs2", sort=sort).next
        assert cursor.isascii()
        assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("sort", ["price", "-price", "name"])
def test_a_damaged_cursor_is_refused(market, sort):
    cursor = search_market(game="cs2", sort=sort).next
    for place in range(len(cursor)):
        for character in "Aa0_":
            damaged = cursor[:place] + character + cursor[place + 1 :]
            if damaged != cursor:
                with pytest.raises(InvalidInput):
                    search_market(game="cs2", sort=sort, cursor=damaged)
    others = [cursor[:-1], cursor + "A", cursor + "=", cursor * 50, "-", "ä", "\0", " " + cursor, "x" * 5000]
    for other in others:
        with pytest.raises(InvalidInput):
            search_market(game="cs2", sort=sort, cursor=other)
    with pytest.raises(InvalidInput):
        search_market(game="cs2", sort="price" if sort == "name" else "name", cursor=cursor)


def test_a_cursor_does_not_show_the_market_price():
    item = MarketItem(pk=7, price=Decimal("12.345678"), market_hash_name="AWP")
    cursor = Cursor.at(item, "price", backward=False)
    packed = base64.urlsafe_b64decode(cursor.text + "=" * (-len(cursor.text) % 4))
    assert b"12.345678" not in packed
    item.price = Decimal(3)
    assert Cursor.at(item, "price", backward=False).text == cursor.text


def test_a_page_begins_after_the_present_price_of_the_last_item(market):
    page = search_market(game="cs2")
    last = page.items[-1]
    MarketItem.objects.filter(pk=last.pk).update(price=Decimal(400))

    later = search_market(game="cs2", cursor=page.next)

    assert {(item.price, item.pk) > (Decimal(400), last.pk) for item in later.items} == {True}
    MarketItem.objects.filter(pk=last.pk).delete()
    assert search_market(game="cs2", cursor=page.next).previous == ""


def test_a_cursor_of_another_secret_key_is_refused(settings):
    text = Cursor("price", backward=False, pk=1).text
    settings.SECRET_KEY = "another"
    with pytest.raises(InvalidInput):
        Cursor.from_text(text, "price")


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor("price", backward=False, pk=1 << 63),
        Cursor("price", backward=False, pk=-1),
        Cursor("price", backward=False, name="a\0"),
        Cursor("price", backward=False, name="a" * 256),
    ],
)
def test_a_cursor_with_impossible_values_is_refused(cursor):
    with pytest.raises(InvalidInput):
        search_market(game="cs2", cursor=cursor.text)


def test_a_cursor_with_other_content_is_refused():
    text = base64.urlsafe_b64encode(b"\0\0\0\0{}").decode().rstrip("=")
    with pytest.raises(InvalidInput):
        search_market(game="cs2", cursor=text)


# Arguments


@pytest.mark.parametrize(
    "arguments",
    [
        {"game": "csgo"},
        {"sort": "count"},
        {"wears": ["new"]},
        {"wears": [""]},
        {"qualities": ["gold"]},
        {"search": "a" * 256},
        {"search": "a\0b"},
        {"lowest": Decimal(-1)},
        {"highest": Decimal("NaN")},
        {"lowest": 1.5},
        {"highest": Decimal("1e30")},
    ],
)
def test_wrong_arguments_are_refused(arguments, django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(InvalidInput):
        search_market(**{"game": "cs2", **arguments})


def test_a_limit_of_the_range_must_be_an_amount():
    with pytest.raises(InvalidAmount):
        search_market(game="cs2", highest=Decimal(-1))


# Words


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("redline", ["AK-47 | Redline"]),
        ("LINE ak-47 line", ["AK-47 | Redline"]),
        ("redline awp", []),
        ("★", ["★ Karambit"]),
        ("100%", ["100% Off"]),
        ("_", []),
        ("\\", []),
        ("'; drop", []),
        ("  ", ["100% Off", "AK-47 | Redline", "★ Karambit"]),
    ],
)
def test_every_word_must_be_somewhere_in_the_name(words, found):
    add(*((name, "1") for name in ("AK-47 | Redline", "★ Karambit", "100% Off")))
    assert sorted(names(search_market(game="cs2", search=words).items)) == found


# How the database reads


def test_the_band_follows_the_price():
    edges = [each for band in PRICE_BANDS for each in (band - Decimal("0.000001"), band)]
    add(*((f"Gun {number}", price) for number, price in enumerate([Decimal("0.03"), *edges, Decimal(99999)])))
    found = list(MarketItem.objects.order_by("price").values_list("price_band", flat=True))
    assert found == sorted([*range(9), *range(9)])
    MarketItem.objects.filter(market_hash_name="Gun 0").update(price=6)
    assert MarketItem.objects.get(market_hash_name="Gun 0").price_band == 4


def seed(count):
    """Names in the order of their prices: the dearest are the last ones, as knives are."""
    chance, pairs = random.Random(3), [*product(BEGINNINGS, ENDINGS)]
    rows = []
    for number in range(count):
        start, end = chance.choice(pairs)
        price = "0.03" if number % 5 == 0 else f"{0.05 * 1.0006**number:.2f}"
        rows.append((f"{start}Gun {number:06}{end}", price))
    add(*rows)
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE TABLE skinsback_marketitem"
            if connection.vendor == "mysql"
            else "VACUUM ANALYZE"
            if connection.vendor == "postgresql"
            else "ANALYZE"
        )


FILTERS = [
    {},
    {"wears": ["factory_new"]},
    {"qualities": ["souvenir", "stattrak"]},
    {"wears": [*WEAR_LABELS], "qualities": Quality.values},
    {"lowest": Decimal(200)},
    {"highest": Decimal("0.03")},
    {"lowest": Decimal(7), "highest": Decimal(90)},
    {"lowest": Decimal(7), "highest": Decimal(90), "wears": ["factory_new", "field_tested"]},
    {"lowest": Decimal(10**6)},
    {"lowest": Decimal(10**6), "qualities": ["souvenir"]},
]


@pytest.mark.django_db(transaction=True)
def test_a_page_takes_three_queries_at_most_and_each_reads_an_index():
    seed(20_000)
    signs = {"sqlite": ("SCAN skinsback",), "postgresql": ("Seq Scan",), "mysql": ("marketitem | ALL |",)}[
        connection.vendor
    ]
    for sort, filters in product(["price", "-price", "name"], FILTERS):
        page, cursors = search_market(game="cs2", sort=sort, **filters), [""]
        cursors += [
            cursor
            for cursor in (page.next, search_market(game="cs2", sort=sort, cursor=page.next, **filters).previous)
            if cursor
        ]
        for cursor in cursors:
            with CaptureQueriesContext(connection) as captured:
                search_market(game="cs2", sort=sort, cursor=cursor, **filters)
            assert 0 < len(captured) <= 3
            for query in captured:
                plan = explain(query["sql"])
                assert not any(sign in plan for sign in signs), (sort, filters, plan)
                assert read_rows(plan) < 5_000, (sort, filters, plan)


def explain(sql):
    command = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN (ANALYZE, TIMING OFF)", "mysql": "EXPLAIN"}
    with connection.cursor() as cursor:
        cursor.execute(f"{command[connection.vendor]} {sql}")
        return "\n".join(" | ".join(map(str, row)) for row in cursor.fetchall())


def read_rows(plan):
    """The rows that PostgreSQL read and did not use; 0 for other databases, whose plans do not say it."""
    return sum(int(line.split(":")[1]) for line in plan.splitlines() if "Rows Removed by Filter" in line)


def test_prices_of_pages_are_in_order(market):
    found = all_pages(game="cs2", sort="-price")
    assert all(a.price >= b.price for a, b in pairwise(found))


def test_the_rows_that_are_found_by_their_keys_are_read_before_they_are_sorted(market):
    """Without a limit inside, PostgreSQL reads all names in their order until it meets the keys."""
    with CaptureQueriesContext(connection) as queries:
        page = search_market(game="cs2", lowest=Decimal("5.11"), highest=Decimal("5.12"), sort="name")

    assert page.items
    (by_keys,) = [query["sql"] for query in queries if '"id" IN (' in query["sql"] or "`id` IN (" in query["sql"]]
    assert re.search(r"IN \([^)]*\) LIMIT 500\)", by_keys)
