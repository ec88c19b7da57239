"""Databases that cannot hold the names of skins: said by a check, and never written over in silence."""

import re
from pathlib import Path

import pytest
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

import django_skinsback
from django_skinsback.flows.market import prices
from django_skinsback.flows.reconciliation.cursors import ListClaim
from django_skinsback.flows.reconciliation.discrepancies import DiscrepancyStore, FoundDiscrepancy, ListResult
from django_skinsback.models import Discrepancy, ListCursor, ListName, MarketItem
from django_skinsback.models.fields import utc_now
from django_skinsback.wire.types import PriceList, PriceListItem

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

STAR = "★ Karambit | Doppler"
on_mysql = pytest.mark.skipif(connection.vendor != "mysql", reason="a matter of MySQL and MariaDB")


def found(**options):
    options = {"databases": ["default"]} | options
    return [message for message in django_checks.run_checks(**options) if message.id == "skinsback.E008"]


def run_sql(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def latin1():
    """The table of prices as it is made in a database whose default is latin1."""
    run_sql("ALTER TABLE skinsback_marketitem CONVERT TO CHARACTER SET latin1")
    yield
    MarketItem.objects.all().delete()
    run_sql("ALTER TABLE skinsback_marketitem CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")


@pytest.fixture
def market(monkeypatch):
    """Have the names offered that are given."""

    def offer(*names):
        items = [PriceListItem(market_hash_name=name, price=1, class_id="5", count=1, skin_id="") for name in names]
        client = type("Client", (), {"get_price_list": lambda self, game: PriceList(last_update=None, items=items)})
        monkeypatch.setattr(prices, "get_client", lambda account: client())

    return offer


def test_a_database_that_holds_every_text_is_in_order():
    assert found() == []
    assert found(databases=None) == []


@on_mysql
def test_row_78_tables_in_another_character_set_are_named(latin1):
    (message,) = found()
    assert "skinsback_marketitem" in message.msg
    assert "latin1" in message.msg
    assert "ALTER TABLE skinsback_marketitem CONVERT TO CHARACTER SET utf8mb4" in message.hint
    with pytest.raises(SystemCheckError, match=r"skinsback\.E008"):
        call_command("check", databases=["default"])


@on_mysql
def test_row_78_a_database_whose_new_tables_would_be_in_another_character_set_is_named():
    name = connection.settings_dict["NAME"]
    run_sql(f"ALTER DATABASE `{name}` CHARACTER SET utf8mb3")
    try:
        (message,) = found()
    finally:
        run_sql(f"ALTER DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    assert "utf8mb3" in message.msg
    assert "ALTER DATABASE" in message.hint


@on_mysql
def test_row_78_a_connection_in_another_character_set_is_named():
    run_sql("SET NAMES latin1")
    try:
        (message,) = found()
    finally:
        run_sql("SET NAMES utf8mb4")
    assert "latin1" in message.msg
    assert "'charset': 'utf8mb4'" in message.hint


@on_mysql
def test_row_78_a_name_that_the_table_cannot_hold_is_an_error_and_nothing_is_kept_of_it(latin1, market):
    market("AK-47", STAR)
    with pytest.raises(DatabaseError):
        prices.sync_prices(game="cs2")
    assert not MarketItem.objects.exists()


def test_row_78_nothing_is_written_that_the_database_may_ignore(market):
    market("AK-47", STAR)
    with CaptureQueriesContext(connection) as captured:
        prices.sync_prices(game="cs2")
        ListClaim.acquire("default", ListName.ORDERS, utc_now)
        store = DiscrepancyStore(ListResult("default", ListName.ORDERS))
        store.add(FoundDiscrepancy(Discrepancy.Kind.UNKNOWN, our_id="1", their_id="2"))
        store.finish()
    written = [query["sql"] for query in captured if re.match(r"(\d+ times: )?\s*INSERT", query["sql"], re.IGNORECASE)]
    assert len(written) >= 3
    assert not [sql for sql in written if re.search(r"\bIGNORE\b|ON CONFLICT\b.*DO NOTHING", sql, re.IGNORECASE)]


def test_no_module_asks_for_rows_to_be_ignored():
    package = Path(django_skinsback.__file__).parent
    found = [
        path.name for path in package.rglob("*.py") if re.search("ignore_conflicts|OnConflict.IGNORE", path.read_text())
    ]
    assert found == []


def test_rows_that_another_import_has_written_meanwhile_are_left_and_the_others_written(market, monkeypatch):
    names = [f"AK-47 {number}" for number in range(40)]
    market(*names)
    real = prices.run

    def overtaken(block):
        for name in names[::2]:
            MarketItem.objects.create(game="cs2", market_hash_name=name, price=7, count=1, class_id="5")
        return real(block)

    monkeypatch.setattr(prices, "run", overtaken)
    prices.sync_prices(game="cs2")
    assert MarketItem.objects.count() == 40
    assert set(MarketItem.objects.filter(price=7).values_list("market_hash_name", flat=True)) == set(names[::2])


def test_a_whole_list_that_another_import_has_written_meanwhile_costs_few_statements(market, monkeypatch):
    names = [f"AK-47 {number}" for number in range(2000)]
    market(*names)
    real = prices.run

    def overtaken(block):
        MarketItem.objects.bulk_create(
            MarketItem(game="cs2", market_hash_name=name, price=7, count=1, class_id="5") for name in names
        )
        with CaptureQueriesContext(connection) as captured:
            real(block)
        # An insert for each row is a statement of its own on SQLite; it ends with the first that is there.
        assert len(captured) < 20

    monkeypatch.setattr(prices, "run", overtaken)
    prices.sync_prices(game="cs2")
    assert MarketItem.objects.filter(price=7).count() == 2000


def test_a_cursor_that_another_run_has_made_meanwhile_is_taken_over(monkeypatch):
    exists = type(ListCursor.objects.all()).exists

    def made_meanwhile(rows):
        there = exists(rows)
        if rows.model is ListCursor and not there:
            ListCursor.objects.create(account="default", name=ListName.ORDERS)
        return there

    monkeypatch.setattr(type(ListCursor.objects.all()), "exists", made_meanwhile)
    assert ListClaim.acquire("default", ListName.ORDERS, utc_now) is not None
    assert ListCursor.objects.count() == 1


def test_a_discrepancy_that_another_run_has_written_meanwhile_is_one_row(monkeypatch):
    found_discrepancy = FoundDiscrepancy(Discrepancy.Kind.UNKNOWN, our_id="1", their_id="2")
    first, second = (DiscrepancyStore(ListResult("default", ListName.ORDERS)) for _ in range(2))
    first.add(found_discrepancy)
    second.add(found_discrepancy)
    make = DiscrepancyStore._make_row

    def made_meanwhile(store, *values):
        if store is second:
            first.finish()
        return make(store, *values)

    monkeypatch.setattr(DiscrepancyStore, "_make_row", made_meanwhile)
    second.finish()
    assert Discrepancy.objects.get().times_seen == 2
