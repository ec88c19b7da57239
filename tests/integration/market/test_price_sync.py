"""Importing a price list: what is read and written, and in how many statements."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.exceptions import UnknownOutcome
from django_skinsback.flows.market import prices
from django_skinsback.flows.market.prices import price_list_age, sync_prices
from django_skinsback.models import MarketItem, PriceListImport
from django_skinsback.ratelimit.limiter import in_background
from django_skinsback.wire.pricelist import PriceListReader
from tests.races.test_parallel import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.database]


class Market:
    """Answers with a list in the wire format."""

    def __init__(self):
        self.rows, self.cut, self.in_background = [], None, None

    def offer(self, *names, price="1.5", count=1, class_id="5"):
        self.rows += [{"name": name, "price": price, "count": count, "classid": class_id} for name in names]

    def get_price_list(self, game):
        self.in_background = in_background.get()
        body = json.dumps({"status": "success", "items": self.rows}, ensure_ascii=False).encode()[: self.cut]
        return PriceListReader([body[:1000], body[1000:]]).read()


@pytest.fixture
def market(monkeypatch):
    market = Market()
    monkeypatch.setattr(prices, "get_client", lambda account: market)
    return market


def rows(**wanted):
    return {
        item.market_hash_name: (item.price, item.count, item.class_id) for item in MarketItem.objects.filter(**wanted)
    }


def statements(call):
    """Counts the reads and the writes of a call."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        call()
    words = [query["sql"].split(None, 1)[0].upper() for query in captured]
    reads = [word for word in words if word in {"SELECT", "DECLARE"}]  # PostgreSQL reads through a cursor
    return len(reads), len(words) - len(reads)


@pytest.mark.parametrize("size", [10, 5000])
def test_an_unchanged_list_of_any_length_costs_two_reads_and_the_time_of_the_import(market, size):
    market.offer(*(f"AK-47 {number}" for number in range(size)), price=0.1)
    sync_prices(game="cs2")
    assert statements(lambda: sync_prices(game="cs2")) == (2, 1)


def test_some_changes_in_a_long_list_are_few_statements(market):
    market.offer(*(f"AK-47 {number}" for number in range(3000)))
    sync_prices(game="cs2")
    for row in market.rows[:100]:
        row["price"] = "2.25"
    gone = [market.rows.pop() for _ in range(100)]
    market.offer(*(f"M4A4 {number}" for number in range(100)))
    synced = []
    reads, writes = statements(lambda: synced.append(sync_prices(game="cs2")))
    assert (synced[0].items, synced[0].written, synced[0].gone) == (3000, 200, 100)
    assert reads <= 3
    assert writes <= 12  # three database transactions, and an update in as many parts as SQLite takes parameters
    assert rows(available=False).keys() == {row["name"] for row in gone}
    assert {name for name, (price, *_) in rows().items() if price == Decimal("2.25")} == {
        row["name"] for row in market.rows[:100]
    }


def facets_of(name):
    return MarketItem.objects.values_list("wear", "quality", "price_band").get(market_hash_name=name)


def test_wear_quality_and_price_band_are_filled_when_a_row_is_inserted_or_updated(market):
    market.offer("AK-47 | Redline (Field-Tested)", "★ StatTrak™ Karambit | Fade (Factory New)", price="300")
    sync_prices(game="cs2")
    assert facets_of("AK-47 | Redline (Field-Tested)") == ("field_tested", "normal", 6)
    assert facets_of("★ StatTrak™ Karambit | Fade (Factory New)") == ("factory_new", "stattrak", 6)
    MarketItem.objects.update(wear="", quality="souvenir")
    for row in market.rows:
        row["price"] = "2"
    sync_prices(game="cs2")
    assert facets_of("AK-47 | Redline (Field-Tested)") == ("field_tested", "normal", 3)
    assert facets_of("★ StatTrak™ Karambit | Fade (Factory New)") == ("factory_new", "stattrak", 3)


def test_skins_of_other_games_have_no_wear(market):
    market.offer("Souvenir Hat (Factory New)")
    sync_prices(game="rust")
    assert facets_of("Souvenir Hat (Factory New)") == ("", "normal", 3)


def test_the_time_of_an_import_is_kept_for_each_game_even_if_nothing_has_changed(market, time_machine):
    assert price_list_age("cs2") is None
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    market.offer("AK-47")
    sync_prices(game="cs2")
    time_machine.shift(60)
    assert price_list_age("cs2") == timedelta(minutes=1)
    assert price_list_age("rust") is None
    sync_prices(game="cs2")
    assert price_list_age("cs2") == timedelta(0)
    assert PriceListImport.objects.count() == 1


def test_a_failed_import_does_not_count(market, time_machine, monkeypatch):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    market.offer("AK-47")
    sync_prices(game="cs2")
    time_machine.shift(60)
    market.rows[0]["price"] = "9"

    def fail(*_):
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(prices.price_rows, "update_rows", fail)
        with pytest.raises(OSError):  # noqa: PT011 - raised two lines above
            sync_prices(game="cs2")
    market.cut = -40
    with pytest.raises(UnknownOutcome):
        sync_prices(game="cs2")
    assert price_list_age("cs2") == timedelta(minutes=1)


def test_on_progress_is_called_with_the_rows_of_each_batch(market, monkeypatch):
    monkeypatch.setattr(prices, "_BATCH", 20)
    batches = []
    market.offer(*(f"AK-47 {number}" for number in range(45)))
    sync_prices(game="cs2", on_progress=batches.append)
    assert batches == [20, 20, 5]
    sync_prices(game="cs2", on_progress=batches.append)
    assert batches == [20, 20, 5]


def test_a_list_that_breaks_off_changes_nothing(market):
    """Row 55: a name that is missing in an incomplete list is still available."""
    market.offer("AK-47", "M4A4")
    sync_prices(game="cs2")
    before = rows(available=True)
    market.rows[0]["price"] = "9"
    market.rows.insert(1, {"name": "AWP", "price": 3})
    market.cut = -40
    with pytest.raises(UnknownOutcome):
        sync_prices(game="cs2")
    assert rows(available=True) == before


def test_a_name_listed_twice_is_one_row_at_the_lower_price_with_both_counts(market):
    for price, count, class_id in (("3", 2, "dear"), ("1.25", 4, "cheap"), ("2", None, "between")):
        market.offer("Doppler", price=price, count=count, class_id=class_id)
    synced = sync_prices(game="cs2")
    assert (synced.items, synced.written) == (1, 1)
    assert rows() == {"Doppler": (Decimal("1.25"), 6, "cheap")}
    assert sync_prices(game="cs2").written == 0


def test_the_sum_of_two_counts_is_limited_to_what_the_database_can_store(market):
    market.offer("Case", "Case", count=2**31 - 1)
    sync_prices(game="cs2")
    assert rows()["Case"][1] == 2**31 - 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("AK-47 | Redline", "ak-47 | redline"),
        ("AK-47 | Redline", "AK-47 | Redline "),
        ("Café Racer", "Cafe Racer"),
        ("Sticker | \U0001f600", "Sticker | \U0001f601"),
    ],
)
def test_names_that_the_database_treats_as_equal_are_skipped_and_not_written_again(market, first, second):
    market.offer(first, "AWP", second, "Zeus")
    sync_prices(game="cs2")
    stored = rows(available=True)
    assert {first, "AWP", "Zeus"} <= stored.keys()
    assert connection.vendor == "mysql" or second in stored
    assert statements(lambda: sync_prices(game="cs2"))[1] == 1  # the time of the import
    assert rows(available=True) == stored
    market.rows[0]["price"] = "7"
    market.offer("Glock-18")
    sync_prices(game="cs2")
    assert rows(available=True)[first][0] == 7
    assert "Glock-18" in rows(available=True)


def test_names_are_stored_unchanged(market):
    names = [
        "★ Karambit | Doppler",
        "StatTrak™ M4A1-S",
        "龍王",
        "Sticker | \U0001f600",
        'The "Doctor"',
        "back\\slash",
        "50%_",
    ]
    market.offer(*names)
    assert sync_prices(game="cs2").written == len(names)
    assert rows().keys() == set(names)
    assert sync_prices(game="cs2").written == 0


def test_prices_are_exact_in_every_notation(market):
    written = {"a": 0.1, "b": "0.10", "c": 8, "d": "99999999.999999", "e": "0.000001", "f": 123456789.01, "g": "0"}
    for name, price in written.items():
        market.offer(name, price=price)
    sync_prices(game="cs2")
    assert {name: price for name, (price, *_) in rows().items()} == {
        name: Decimal(str(price)) for name, price in written.items()
    }
    assert sync_prices(game="cs2").written == 0
    market.rows[3]["price"] = "99999999.999998"
    assert sync_prices(game="cs2").written == 1


def test_a_row_that_the_database_cannot_store_does_not_stop_the_others(market):
    market.offer("AK-47", count=2**31, class_id="5" * 65)
    market.offer("n" * 256, "nul\0", "M4A4")
    sync_prices(game="cs2")
    assert rows() == {"AK-47": (Decimal("1.5"), 0, ""), "M4A4": (Decimal("1.5"), 1, "5")}


def test_its_calls_are_background_calls(market):
    """Row 52."""
    sync_prices(game="cs2")
    assert market.in_background is True


@pytest.mark.django_db(transaction=True)
def test_imports_at_the_same_time_store_the_list(market):
    """Row 50: beat may run twice."""
    market.offer(*(f"AK-47 {number}" for number in range(600)))
    results = at_once(*[lambda: sync_prices(game="cs2")] * 3)
    assert all(result.items == 600 for result in results)
    for row in market.rows[:300]:
        row["price"] = "4"
    del market.rows[500:]
    results = at_once(*[lambda: sync_prices(game="cs2")] * 3)
    assert all(result.items == 500 for result in results)
    assert rows(available=True) == {
        row["name"]: (Decimal(row["price"]), row["count"], row["classid"]) for row in market.rows
    }
    assert MarketItem.objects.count() == 600
