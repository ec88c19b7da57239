"""The API methods about the market, the balance and the status answer in the documented format."""

import json

import pytest
from werkzeug.test import Client

from tests.unit.sandbox import KEYS, PARTNER, START, TOKEN, refused, skin


def test_the_price_list_is_grouped_by_name(call, sandbox):
    answer = call("market_pricelist", game="rust")
    assert answer["last_update"].isdigit()
    assert {type(item["price"]) for item in answer["items"]} <= {int, float}
    names = [item["name"] for item in answer["items"]]
    assert len(names) == len(set(names)) == 40
    stock = [item for item in sandbox.state.stock.values() if item.game == "rust"]
    assert sum(item["count"] for item in answer["items"]) == len(stock)


def test_the_full_price_list_can_contain_one_id_twice(call, sandbox):
    items = call("market_pricelist", game="cs2", full=1)["items"]
    assert {type(item["id"]) for item in items} == {str}
    assert len(items) > len({item["id"] for item in items})
    extended = call("market_pricelist", game="cs2", full=1, extended=1)["items"]
    assert extended[0]["extra"]["exterior"] == "Field-Tested"


def test_a_search_finds_parts_of_names_and_returns_text(call):
    answer = call("market_search", game="cs2", name="paper lantern")
    assert answer["items"]
    assert {type(value) for item in answer["items"] for value in item.values()} == {str}
    assert call("market_search", game="cs2", **{"names[0]": "Paper Lantern"}) == answer
    assert call("market_search", game="cs2") == refused(1, "name_or_names_required")
    assert call("market_search", game="cs2", name="ab") == refused(2, "name_min_length_3")


def test_buying_by_id_returns_numbers_where_getinfo_returns_text(call, sandbox):
    item = skin(sandbox)
    bought = call("market_buy", id=item.skin_id, partner=PARTNER, token=TOKEN, custom_id="c1", max_price="500")
    price = float(item.price)
    assert bought == {
        "status": "success",
        "item": {
            "id": str(item.skin_id),
            "name": item.market_hash_name,
            "price": price,
            "classid": item.class_id,
            "instanceid": "0",
        },
        "buy_id": sandbox.purchase("c1").buy_id,
        "offer_status": "creating_trade",
        "balance_debited_sum": price,
        "custom_id": "c1",
    }
    assert call("market_getinfo", buy_id=bought["buy_id"]) == {
        "status": "success",
        "item": {
            "id": str(item.skin_id),
            "name": item.market_hash_name,
            "price": str(price),
            "classid": item.class_id,
        },
        "buy_id": str(bought["buy_id"]),
        "offer_status": "creating_trade",
        "error_reason": None,
        "steamid": "76561198050648523",
        "date": str(START),
        "balance_debited_sum": str(price),
        "custom_id": "c1",
    }


def test_buying_by_name_buys_the_cheapest(call, sandbox):
    name = "AK-47 | Dry Meadow (Well-Worn)"
    prices = sorted(item.price for item in sandbox.state.stock.values() if item.market_hash_name == name)
    bought = call("market_buy", name=name, game="cs2", partner=PARTNER, token=TOKEN, custom_id="c1")
    assert bought["item"]["price"] == float(prices[0])
    capped = call("market_buy", name=name, game="cs2", partner=PARTNER, token=TOKEN, max_price="1.00")
    assert capped == refused(6, "skins_not_found_at_specified_price")


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"id": ""}, 1, "name_or_id_required"),
        ({"id": "", "name": "AK"}, 2, "name_min_length_3"),
        ({"partner": ""}, 3, "partner_or_token_missing"),
        ({"max_price": "0.01"}, 6, "skins_not_found_at_specified_price"),
        ({"id": "1"}, 5, "skin_unavailable"),
        ({"partner": "abc"}, 8, "invalid_partner_value"),
        ({"token": "short"}, 9, "invalid_token_value"),
        ({"token": "BADTOKEN"}, 9, "invalid_token_value"),
        ({"token": "TOOMANY0"}, 10, "too_many_failed_attempts_for_user"),
    ],
)
def test_buying_with_invalid_parameters_is_refused_and_debits_nothing(call, sandbox, params, code, message):
    before = sandbox.balance()
    params = {"id": skin(sandbox).skin_id, "partner": PARTNER, "token": TOKEN, **params}
    assert call("market_buy", **params) == refused(code, message)
    assert (sandbox.balance(), sandbox.spent()) == (before, 0)


def test_buying_without_enough_balance_is_refused(call, sandbox):
    sandbox.configure(balance="0.01")
    answer = call("market_buy", id=skin(sandbox).skin_id, partner=PARTNER, token=TOKEN)
    assert answer == refused(4, "insufficient_funds")


def test_a_custom_id_can_be_used_once(call, sandbox):
    first, second = list(sandbox.state.stock.values())[:2]
    before = sandbox.balance()
    call("market_buy", id=first.skin_id, partner=PARTNER, token=TOKEN, custom_id="c1")
    again = call("market_buy", id=second.skin_id, partner=PARTNER, token=TOKEN, custom_id="c1")
    assert again == refused(7, "custom_id_already_exists")
    assert sandbox.sold("c1") == 1
    assert sandbox.balance() == before - first.price
    assert sandbox.spent("c1") == first.price


def test_a_batch_can_succeed_in_part(call, sandbox):
    first, second = list(sandbox.state.stock.values())[:2]
    params = {
        "items[0][id]": first.skin_id,
        "items[0][custom_id]": "c1",
        "items[1][id]": second.skin_id,
        "items[1][max_price]": "0.01",
        "items[2][id]": first.skin_id,
        "items[2][custom_id]": "c2",
    }
    answer = call("market_batch_buy", partner=PARTNER, token=TOKEN, **params)
    purchased = answer["purchased"][str(first.skin_id)]
    assert (type(purchased["buy_id"]), purchased["date"]) == (int, str(START))
    assert answer["unavailable"] == {
        str(second.skin_id): {"error_code": 6, "error_message": "skins_not_found_at_specified_price"},
        str(first.skin_id): {"error_code": 5, "error_message": "skin_unavailable"},
    }
    assert (sandbox.sold("c1"), sandbox.sold("c2")) == (1, 0)


@pytest.mark.parametrize(
    ("receiver", "code", "message"),
    [
        ({"token": TOKEN}, 8, "invalid_partner_value"),
        ({"partner": "", "token": TOKEN}, 8, "invalid_partner_value"),
        ({"partner": PARTNER}, 9, "invalid_token_value"),
        ({"partner": PARTNER, "token": ""}, 9, "invalid_token_value"),
        ({}, 8, "invalid_partner_value"),
        ({"partner": PARTNER, "token": "TOOMANY0"}, 10, "too_many_failed_attempts_for_user"),
    ],
)
def test_a_batch_without_a_partner_or_token_is_refused_with_its_documented_codes(
    call, sandbox, receiver, code, message
):
    item = skin(sandbox)
    assert call("market_batch_buy", **receiver, **{"items[0][id]": item.skin_id}) == refused(code, message)
    assert sandbox.spent() == 0


def test_an_empty_object_is_returned_as_an_empty_list(call):
    answer = call("market_batch_buy", partner=PARTNER, token=TOKEN, **{"items[0][id]": "1"})
    assert answer["status"] == "success"
    assert answer["purchased"] == []


def test_getinfo_leaves_unknown_ids_out_of_a_list_and_refuses_a_single_one(call, sandbox):
    call("market_buy", id=skin(sandbox).skin_id, partner=PARTNER, token=TOKEN, custom_id="c1")
    listed = call("market_getinfo", **{"custom_ids[0]": "nope", "custom_ids[1]": "c1"})["items"]
    assert [item["custom_id"] for item in listed] == ["c1"]
    assert call("market_getinfo", **{"buy_ids[0]": listed[0]["buy_id"]})["items"] == listed
    assert call("market_getinfo", **{"buy_ids[]": "9" * 5000})["items"] == []
    assert call("market_getinfo", buy_id="1") == refused(2, "offer_not_found")
    assert call("market_getinfo") == refused(1, "missing_one_of_required_params")


def test_purchases_are_listed_by_their_date(call, sandbox):
    call("market_buy", id=skin(sandbox).skin_id, partner=PARTNER, token=TOKEN, custom_id="c1")
    answer = call("market_history", starting=START, ending=START)
    assert (answer["total_count"], answer["items"][0]["custom_id"]) == (1, "c1")
    assert call("market_history", starting=START + 1, ending=START + 9)["items"] == []


def test_the_balance_is_text(call):
    answer = call("balance")
    assert answer["balance"] == answer["balance_in_currencies"]["usd"] == "1000.000"
    assert answer["withdraw_sum_in_currencies"] == []


def test_currencies_are_text(call):
    items = call("currencies")["items"]
    assert {"code": "usd", "name": "US dollar", "rate": "1"} in items


def test_the_status_says_why_skinsback_is_unavailable(call, sandbox):
    assert call("status") == {"status": "success", "available": True}
    sandbox.faults.add("no_bots")
    assert call("status") == {"status": "success", "available": False, "reason": "no_bots"}


def test_answers_are_json_as_php_writes_it(sandbox):
    data = {"method": "market_search", "name": "Falchion", "game": "cs2"}
    body = Client(sandbox.app).post("/api.php", data=data, headers=KEYS).get_data(as_text=True)
    assert body.isascii()
    assert "\\u2605" in body
    assert json.loads(body)["items"][0]["name"].startswith("★")
