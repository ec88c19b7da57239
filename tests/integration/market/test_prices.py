"""Importing a price list into rows, and storing the balance."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from django_skinsback.exceptions import InvalidInput, SkinsBackError, UnderMaintenance
from django_skinsback.flows.market import prices
from django_skinsback.flows.market.prices import sync_prices
from django_skinsback.flows.monitoring import balance
from django_skinsback.flows.monitoring.balance import snapshot_balance
from django_skinsback.models import BalanceSnapshot, MarketItem
from django_skinsback.signals import balance_low
from django_skinsback.wire.types import Balance, PriceList, PriceListItem

pytestmark = [pytest.mark.django_db, pytest.mark.database]


class Market:
    """A client with one price list and one balance."""

    def __init__(self):
        self.items, self.asked, self.error, self.usd = {}, [], None, Decimal("758.93")

    def offer(self, name, price="1.5", count=1, class_id="5"):
        self.items[name] = PriceListItem(
            market_hash_name=name, price=Decimal(price), class_id=class_id, count=count, skin_id=""
        )

    def get_price_list(self, game):
        self.asked.append(game)
        if self.error:
            raise self.error
        return PriceList(last_update=timezone.now(), items=list(self.items.values()))

    def get_balance(self):
        if self.error:
            raise self.error
        return Balance(usd=self.usd)


@pytest.fixture
def market(monkeypatch):
    market = Market()
    market.accounts = []

    def get_client(account):
        market.accounts.append(account)
        return market

    monkeypatch.setattr(prices, "get_client", get_client)
    monkeypatch.setattr(balance, "get_client", get_client)
    return market


def figures(counts):
    return counts.items, counts.written, counts.gone


def rows(**wanted):
    columns = ("market_hash_name", "price", "count", "class_id", "available")
    return sorted(MarketItem.objects.filter(**wanted).values_list(*columns))


def test_the_first_sync_writes_what_is_listed(market):
    market.offer("AK-47", "1.31", 7)
    market.offer("M4A4", "0.03", 1, "")
    assert figures(sync_prices(game="cs2")) == (2, 2, 0)
    assert rows(game="cs2") == [
        ("AK-47", Decimal("1.31"), 7, "5", True),
        ("M4A4", Decimal("0.03"), 1, "", True),
    ]


def test_an_unchanged_list_writes_nothing(market, django_assert_max_num_queries):
    for number in range(30):
        market.offer(f"AK-47 {number}", "8.280001", number)
    sync_prices(game="cs2")
    before = dict(MarketItem.objects.values_list("pk", "updated_at"))
    with django_assert_max_num_queries(3):
        assert figures(sync_prices(game="cs2")) == (30, 0, 0)
    assert dict(MarketItem.objects.values_list("pk", "updated_at")) == before


@pytest.mark.parametrize("change", [{"price": "1.6"}, {"count": 2}, {"class_id": "6"}, {"price": "1.500001"}])
def test_only_rows_that_changed_are_written(market, change):
    market.offer("AK-47")
    market.offer("M4A4")
    sync_prices(game="cs2")
    long_ago = timezone.now() - timedelta(days=1)
    MarketItem.objects.update(updated_at=long_ago)
    market.offer("AK-47", **change)
    assert figures(sync_prices(game="cs2")) == (2, 1, 0)
    changed, same = MarketItem.objects.get(market_hash_name="AK-47"), MarketItem.objects.get(market_hash_name="M4A4")
    assert changed.updated_at > long_ago
    assert same.updated_at == long_ago
    assert {str(getattr(changed, column)).rstrip("0") for column in change} == {
        str(value).rstrip("0") for value in change.values()
    }


def test_a_name_that_is_not_listed_any_more_becomes_unavailable_and_can_return(market):
    market.offer("AK-47")
    market.offer("M4A4")
    sync_prices(game="cs2")
    key = MarketItem.objects.get(market_hash_name="AK-47").pk

    gone = market.items.pop("AK-47")
    assert figures(sync_prices(game="cs2")) == (1, 0, 1)
    assert rows(available=False) == [("AK-47", Decimal("1.5"), 1, "5", False)]
    assert [item.market_hash_name for item in MarketItem.objects.available()] == ["M4A4"]
    assert figures(sync_prices(game="cs2")) == (1, 0, 0)

    market.items["AK-47"] = gone
    assert figures(sync_prices(game="cs2")) == (2, 1, 0)
    assert MarketItem.objects.get(market_hash_name="AK-47", available=True).pk == key


def test_an_empty_list_makes_everything_unavailable_and_deletes_nothing(market):
    market.offer("AK-47")
    sync_prices(game="cs2")
    market.items.clear()
    assert figures(sync_prices(game="cs2")) == (0, 0, 1)
    assert MarketItem.objects.count() == 1


def test_each_game_has_its_own_rows(market):
    market.offer("AK-47")
    sync_prices(game="cs2")
    market.items.clear()
    market.offer("AK-47", "99")
    assert figures(sync_prices(game="rust")) == (1, 1, 0)
    assert rows(game="cs2", available=True) == [("AK-47", Decimal("1.5"), 1, "5", True)]
    assert rows(game="rust", available=True) == [("AK-47", Decimal(99), 1, "5", True)]


def test_the_default_game_is_used_without_a_game(market, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "DEFAULT_GAME": "dota2"}
    sync_prices("second")
    assert (market.asked, market.accounts) == (["dota2"], ["second"])


def test_an_unknown_game_is_refused_before_the_call(market):
    with pytest.raises(InvalidInput):
        sync_prices(game="csgo")
    assert market.asked == []


def test_a_failed_call_changes_nothing(market):
    market.offer("AK-47")
    sync_prices(game="cs2")
    before = rows()
    market.error = UnderMaintenance("market_pricelist", -9, "under_maintenance")
    with pytest.raises(UnderMaintenance):
        sync_prices(game="cs2")
    assert rows() == before


def test_a_name_without_a_readable_count_does_not_stop_the_others(market):
    market.offer("AK-47", count=None)
    market.offer("M4A4")
    sync_prices(game="cs2")
    assert MarketItem.objects.filter(market_hash_name="M4A4").exists()


def test_names_that_a_collation_treats_as_equal_do_not_stop_the_others(market):
    for name in ("Café Racer", "Cafe Racer", "cafe racer", "cafe racer ", "AK-47"):
        market.offer(name)
    sync_prices(game="cs2")
    assert MarketItem.objects.filter(market_hash_name="AK-47").exists()
    assert MarketItem.objects.filter(market_hash_name__startswith="Caf").exists()


def test_a_list_longer_than_one_batch_is_imported_completely(market, monkeypatch):
    monkeypatch.setattr(prices, "_BATCH", 3)
    for number in range(8):
        market.offer(f"AK-47 {number}")
    assert figures(sync_prices(game="cs2")) == (8, 8, 0)
    for number in range(8):
        market.offer(f"AK-47 {number}", "2")
    assert figures(sync_prices(game="cs2")) == (8, 8, 0)
    market.items.clear()
    assert figures(sync_prices(game="cs2")) == (0, 0, 8)
    assert not MarketItem.objects.available().exists()


@pytest.mark.django_db(transaction=True)
def test_a_name_that_another_import_inserted_meanwhile_is_skipped(market, monkeypatch):
    market.offer("AK-47")
    market.offer("M4A4", "7")
    run = prices.run

    def run_after_another_import(block):
        MarketItem.objects.create(game="cs2", market_hash_name="AK-47", price=Decimal("1.5"), count=1, class_id="5")
        return run(block)

    monkeypatch.setattr(prices, "run", run_after_another_import)
    sync_prices(game="cs2")
    assert [(name, price) for name, price, *_ in rows(available=True)] == [
        ("AK-47", Decimal("1.5")),
        ("M4A4", Decimal(7)),
    ]


def test_the_price_list_of_the_sandbox_can_be_imported(skinsback_sandbox):
    for game in ("cs2", "dota2", "rust"):
        synced = sync_prices(game=game)
        assert synced.items == synced.written == MarketItem.objects.filter(game=game, available=True).count() > 0
    assert not MarketItem.objects.filter(price__lte=0).exists()
    again = sync_prices(game="cs2")
    assert (again.written, again.gone) == (0, 0)


@pytest.fixture
def sent_signals():
    """The arguments of each ``balance_low``."""
    received = []

    def listen(sender, **arguments):
        received.append((sender, arguments["account"], arguments["balance"]))

    balance_low.connect(listen)
    yield received
    balance_low.disconnect(listen)


@pytest.fixture
def limit(settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(100)}


def test_a_balance_is_stored_with_its_account_and_time(market):
    before = timezone.now()
    snapshot = snapshot_balance("second")
    snapshot.refresh_from_db()
    assert (snapshot.account, snapshot.balance) == ("second", Decimal("758.93"))
    assert before <= snapshot.taken_at <= timezone.now()
    assert market.accounts == ["second"]
    assert BalanceSnapshot.objects.latest() == snapshot


@pytest.mark.django_db(transaction=True)
def test_a_balance_that_falls_below_the_limit_sends_one_signal(market, sent_signals, limit):
    for usd in ("100", "99.999999", "50", "200", "1"):
        market.usd = Decimal(usd)
        snapshot_balance()
    assert sent_signals == [
        (BalanceSnapshot, "default", Decimal("99.999999")),
        (BalanceSnapshot, "default", Decimal(1)),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_first_balance_below_the_limit_sends_a_signal(market, sent_signals, limit):
    market.usd = Decimal(5)
    snapshot_balance()
    snapshot_balance("second")
    assert [account for _, account, _ in sent_signals] == ["default", "second"]


@pytest.mark.django_db(transaction=True)
def test_without_a_limit_no_balance_is_low(market, sent_signals):
    market.usd = Decimal(0)
    snapshot_balance()
    assert sent_signals == []


def test_a_receiver_that_raises_does_not_lose_the_snapshot(market, limit):
    def fail(**_arguments):
        raise ValueError

    market.usd = Decimal(5)
    balance_low.connect(fail)
    try:
        snapshot_balance()
    finally:
        balance_low.disconnect(fail)
    assert BalanceSnapshot.objects.count() == 1


def test_a_failed_call_stores_no_snapshot(market):
    market.error = UnderMaintenance("balance", -9, "under_maintenance")
    with pytest.raises(SkinsBackError):
        snapshot_balance()
    assert not BalanceSnapshot.objects.exists()
