from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import InvalidAmount, InvalidInput, InvalidSteamID, InvalidTradeURL
from django_skinsback.steam import TradeURL
from django_skinsback.wire import requests
from django_skinsback.wire.signing import sign

STEAM_ID = "76561198827262007"
TRADE_URL = TradeURL("90382795", "i1ArBZey")
INVENTORY = {"game": "cs2", "steam_id": STEAM_ID, "trade_token": "i1ArBZey", "item_asset_ids": ["1", "2"]}


def batch(*ids, **changes):
    return [{"skin_id": each, "max_price": "8.28", "custom_id": f"c{each}"} | changes for each in ids]


CALLS = [
    (requests.create_deposit("order-1"), {"method": "create", "order_id": "order-1"}),
    (
        requests.create_deposit(
            "1",
            steam_id=STEAM_ID,
            trade_token="i1ArBZey",
            result_url="https://example.com/result/",
            success_url="https://example.com/",
            fail_url="https://example.com/",
            currency="USD",
            min_amount="1",
            max_amount=Decimal("20.50"),
            widget=True,
            game="rust",
            custom_multiplier=Decimal("1.2"),
            custom_currency="GEM",
            custom_currency_rate="100",
        ),
        {
            "method": "create",
            "order_id": "1",
            "steam_id": STEAM_ID,
            "trade_token": "i1ArBZey",
            "result_url": "https://example.com/result/",
            "success_url": "https://example.com/",
            "fail_url": "https://example.com/",
            "currency": "usd",
            "min_amount": "1",
            "max_amount": "20.5",
            "widget": "1",
            "game": "rust",
            "custom_multiplier": "1.2",
            "custom_currency": "GEM",
            "custom_currency_rate": "100",
        },
    ),
    (
        requests.create_deposit_from_inventory("1", **INVENTORY, currency="rub", result_url="https://example.com/"),
        {
            "method": "create_from_user_inventory",
            "order_id": "1",
            "game": "cs2",
            "steam_id": STEAM_ID,
            "trade_token": "i1ArBZey",
            "item_asset_ids[0]": "1",
            "item_asset_ids[1]": "2",
            "currency": "rub",
            "result_url": "https://example.com/",
        },
    ),
    (requests.get_deposit("1", ""), {"method": "orderstatus", "order_id": "1"}),
    (requests.get_deposit("", "13"), {"method": "orderstatus", "transaction_id": "13"}),
    (requests.approve_hold("", "13"), {"method": "offer_approve", "transaction_id": "13"}),
    (requests.list_deposits(100, 200, None), {"method": "orders", "starting": "100", "ending": "200"}),
    (
        requests.list_deposits(datetime(2020, 8, 9, 18, 53, 46, 999999, tzinfo=UTC), 2**31, "50"),
        {"method": "orders", "starting": "1596999226", "ending": "2147483648", "start_from": "50"},
    ),
    (requests.list_failed_notifications(None), {"method": "callback_error_list"}),
    (requests.list_failed_notifications(0), {"method": "callback_error_list", "start_from": "0"}),
    (
        requests.get_inventory("cs2", STEAM_ID, "i1ArBZey", currency="eur", custom_multiplier="0.5"),
        {
            "method": "user_inventory",
            "game": "cs2",
            "steam_id": STEAM_ID,
            "trade_token": "i1ArBZey",
            "currency": "eur",
            "custom_multiplier": "0.5",
        },
    ),
    (requests.get_price_list("cs2", False), {"method": "market_pricelist", "game": "cs2"}),
    (requests.get_price_list("cs2", True), {"method": "market_pricelist", "game": "cs2", "full": "1"}),
    (
        requests.search_skins("cs2", "AK-47 | Redline", ()),
        {"method": "market_search", "game": "cs2", "name": "AK-47 | Redline"},
    ),
    (
        requests.search_skins("cs2", "", ["★ Bayonet", "Sabre; 'x'"]),
        {"method": "market_search", "game": "cs2", "names[0]": "★ Bayonet", "names[1]": "Sabre; 'x'"},
    ),
    (
        requests.buy_skin(TRADE_URL, "c1", skin_id="62696971", max_price=Decimal("8.280000")),
        {
            "method": "market_buy",
            "partner": "90382795",
            "token": "i1ArBZey",
            "id": "62696971",
            "max_price": "8.28",
            "custom_id": "c1",
        },
    ),
    (
        requests.buy_skin(TRADE_URL, "c1", market_hash_name="AK-47", game="cs2", max_price=8),
        {
            "method": "market_buy",
            "partner": "90382795",
            "token": "i1ArBZey",
            "name": "AK-47",
            "game": "cs2",
            "max_price": "8",
            "custom_id": "c1",
        },
    ),
    (
        requests.buy_skins(TRADE_URL, batch("5", "6")),
        {
            "method": "market_batch_buy",
            "partner": "90382795",
            "token": "i1ArBZey",
            "items[0][id]": "5",
            "items[0][max_price]": "8.28",
            "items[0][custom_id]": "c5",
            "items[1][id]": "6",
            "items[1][max_price]": "8.28",
            "items[1][custom_id]": "c6",
        },
    ),
    (requests.get_purchase("9"), {"method": "market_getinfo", "buy_id": "9"}),
    (
        requests.get_purchases((), ["c1", "c2"]),
        {"method": "market_getinfo", "custom_ids[0]": "c1", "custom_ids[1]": "c2"},
    ),
    (requests.get_purchases([9], ()), {"method": "market_getinfo", "buy_ids[0]": "9"}),
    (requests.list_purchases(1, 2, ""), {"method": "market_history", "starting": "1", "ending": "2"}),
    (requests.build("balance", {}), {"method": "balance"}),
    (
        requests.build(
            "new_method", {"a": True, "b": False, "c": None, "d": "", "e": 0, "f": Decimal("1E+1"), "g": {"h": [1]}}
        ),
        {"method": "new_method", "a": "1", "e": "0", "f": "10", "g[h][0]": "1"},
    ),
]


@pytest.mark.parametrize(("request_", "fields"), CALLS)
def test_the_parameters_of_a_call_become_text(request_, fields):
    assert request_.fields == fields
    assert request_.method == fields["method"]
    assert all(type(value) is str for value in request_.fields.values())


def test_all_methods_are_covered_and_those_with_an_effect_are_known():
    methods = {request.method for request, _ in CALLS} - {"new_method"}
    effects = {"create", "create_from_user_inventory", "offer_approve", "market_buy", "market_batch_buy"}
    assert methods - requests.READS == effects
    assert requests.READS - methods == {"currencies", "status"}


@pytest.mark.parametrize("request_", [request for request, _ in CALLS], ids=lambda request: request.method)
def test_every_request_can_be_signed(request_):
    assert len(sign({**request_.fields, "shopid": "1"}, "123")) == 40


@pytest.mark.parametrize("request_", [request for request, _ in CALLS], ids=lambda request: request.method)
def test_a_request_shows_no_parameters(request_):
    assert repr(request_) == f"Request(method={request_.method!r})"


WRONG = [
    lambda: requests.create_deposit(""),
    lambda: requests.create_deposit("a b"),
    lambda: requests.create_deposit("a;b:c"),
    lambda: requests.create_deposit("é"),
    lambda: requests.create_deposit("1\n"),
    lambda: requests.create_deposit("x" * 65),
    lambda: requests.create_deposit(None),
    lambda: requests.create_deposit(True),
    lambda: requests.create_deposit("1", min_amount="1"),
    lambda: requests.create_deposit("1", max_amount="1"),
    lambda: requests.create_deposit("1", currency="usd", min_amount="2", max_amount="2"),
    lambda: requests.create_deposit("1", currency="$"),
    lambda: requests.create_deposit("1", game="csgo"),
    lambda: requests.create_deposit("1", result_url="example.com"),
    lambda: requests.create_deposit("1", success_url="javascript:alert(1)"),
    lambda: requests.create_deposit("1", fail_url="https://example.com/\nx"),
    lambda: requests.create_deposit("1", custom_multiplier="0.49"),
    lambda: requests.create_deposit("1", custom_multiplier="2.01"),
    lambda: requests.create_deposit("1", custom_currency="GEM"),
    lambda: requests.create_deposit("1", custom_currency_rate="1"),
    lambda: requests.create_deposit("1", custom_currency="JEWEL", custom_currency_rate="1"),
    lambda: requests.create_deposit("1", custom_currency="GEM", custom_currency_rate="0.05"),
    lambda: requests.create_deposit_from_inventory("1", **INVENTORY | {"item_asset_ids": []}),
    lambda: requests.create_deposit_from_inventory("1", **INVENTORY | {"item_asset_ids": "12"}),
    lambda: requests.get_deposit("", ""),
    lambda: requests.get_deposit("1", "13"),
    lambda: requests.approve_hold("1", "13"),
    lambda: requests.list_deposits(datetime.fromisoformat("2020-08-09"), 5, None),
    lambda: requests.list_deposits(1.5, 5, None),
    lambda: requests.list_deposits(True, 5, None),
    lambda: requests.list_deposits(1, 5, "a b"),
    lambda: requests.search_skins("cs2", "", ()),
    lambda: requests.search_skins("cs2", "x", ["y"]),
    lambda: requests.search_skins("cs2", "", "name"),
    lambda: requests.search_skins("cs2", "a\x00b", ()),
    lambda: requests.search_skins("cs2", "\ud800", ()),
    lambda: requests.buy_skin(TRADE_URL, "c1", max_price="1"),
    lambda: requests.buy_skin(TRADE_URL, "c1", skin_id="1", market_hash_name="x", max_price="1"),
    lambda: requests.buy_skin(TRADE_URL, "c1", market_hash_name="x", max_price="1"),
    lambda: requests.buy_skin(TRADE_URL, "", skin_id="1", max_price="1"),
    lambda: requests.buy_skin(TRADE_URL, "c1", skin_id="1", max_price="0"),
    lambda: requests.buy_skin(TRADE_URL, "c1", skin_id="1", max_price="0.0000001"),
    lambda: requests.buy_skin(TRADE_URL, "c1", skin_id="1", max_price=None),
    lambda: requests.buy_skins(TRADE_URL, [{"skin_id": "5", "custom_id": "c5"}]),
    lambda: requests.buy_skins(TRADE_URL, [{"max_price": "5", "custom_id": "c5"}]),
    lambda: requests.buy_skins(TRADE_URL, []),
    lambda: requests.buy_skins(TRADE_URL, batch(*map(str, range(51)))),
    lambda: requests.buy_skins(TRADE_URL, batch("5", "5")),
    lambda: requests.buy_skins(TRADE_URL, batch("5", "6", custom_id="same")),
    lambda: requests.get_purchases((), ()),
    lambda: requests.get_purchases(["1"], ["2"]),
    lambda: requests.get_purchases("123", ()),
    lambda: requests.get_purchases((), ["x;"]),
    lambda: requests.build("", {}),
    lambda: requests.build("Create", {}),
    lambda: requests.build("balance", {"sign": "x"}),
    lambda: requests.build("balance", {"shopid": "x"}),
    lambda: requests.build("balance", {"method": "create"}),
    lambda: requests.build("balance", {"x": 1.5}),
    lambda: requests.build("balance", {"x": b"y"}),
    lambda: requests.build("balance", {"x": [1.5]}),
]


@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_argument_is_refused_before_anything_is_sent(call):
    with pytest.raises(InvalidInput) as refused:
        call()
    assert str(refused.value)


@pytest.mark.parametrize("max_price", [8.28, True, "NaN", "-1", Decimal("NaN"), "8,28"])
def test_a_price_is_never_a_float(max_price):
    with pytest.raises(InvalidAmount):
        requests.buy_skin(TRADE_URL, "c1", skin_id="1", max_price=max_price)
    with pytest.raises(InvalidAmount):
        requests.buy_skins(TRADE_URL, batch("5", max_price=max_price))


def test_steam_ids_and_trade_tokens_are_checked():
    with pytest.raises(InvalidSteamID):
        requests.create_deposit("1", steam_id="1")
    with pytest.raises(InvalidTradeURL) as refused:
        requests.get_inventory("cs2", STEAM_ID, "too-long-token")
    assert "too-long" not in str(refused.value)
    with pytest.raises(InvalidTradeURL):
        requests.get_inventory("cs2", STEAM_ID, "")


@pytest.mark.parametrize(
    "call",
    [
        lambda: requests.create_deposit("1", curency="usd"),
        lambda: requests.create_deposit_from_inventory("1", game="cs2"),
        lambda: requests.get_inventory("cs2", STEAM_ID, "i1ArBZey", multiplier="1"),
        lambda: requests.buy_skin(TRADE_URL, "c1", skin_id="1"),
    ],
)
def test_a_misspelt_or_missing_parameter_is_a_type_error(call):
    with pytest.raises(TypeError):
        call()


@given(st.decimals(min_value=Decimal("0.01"), max_value=10**8, places=2))
def test_a_price_arrives_as_it_was_given(price):
    assert Decimal(requests.buy_skin(TRADE_URL, "c", skin_id="1", max_price=price).fields["max_price"]) == price
