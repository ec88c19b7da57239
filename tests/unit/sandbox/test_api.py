"""The sandbox answers every method of the API in the documented shape."""

import hashlib
import hmac
import json
from decimal import Decimal

import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Options, Sandbox
from tests.documented_samples import signed_by_javascript, signed_by_php

START = 1_750_000_000
PARTNER, TOKEN = "90382795", "i1ArBZey"
STEAM_ID = "76561198827262007"
KEYS = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}


@pytest.fixture
def sandbox():
    return Sandbox(manual=True, start=START)


@pytest.fixture
def call(sandbox):
    client = Client(sandbox.app)

    def call(method, headers=KEYS, **params):
        return client.post("/api.php", data={"method": method, **params}, headers=headers).get_json()

    return call


def refused(code, message):
    return {"status": "error", "error_code": code, "error_message": message}


def skin(sandbox, game="cs2", at_least=0):
    return next(item for item in sandbox.state.stock.values() if item.game == game and item.price >= at_least)


def php_sign(params, secret):
    text = "".join(f"{key}:{params[key]};" for key in sorted(params) if "[" not in key)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()


# -- who may call -----------------------------------------------------------------------------------------------------


def test_a_get_is_refused(sandbox):
    answer = Client(sandbox.app).get("/api.php")
    assert (answer.status_code, answer.get_json()) == (200, refused(-1, "please_use_post_method"))


def test_an_unknown_client_id_is_refused(call):
    assert call("status", headers={"X-CLIENT-ID": "nobody"}) == refused(-2, "invalid_shopid")


def test_a_wrong_client_secret_is_refused(call):
    headers = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": "wrong"}
    assert call("status", headers=headers) == refused(-10, "invalid_client_secret")


def test_an_unknown_method_is_refused(call):
    assert call("market_sell") == refused(-5, "invalid_method")


def test_a_signature_over_the_scalars_is_accepted(call):
    params = {"method": "market_batch_buy", "shopid": CLIENT_ID, "partner": PARTNER, "token": TOKEN}
    params |= {"sign": php_sign(params, CLIENT_SECRET), "items[0][id]": "1"}
    del params["method"]
    answer = call("market_batch_buy", headers={}, **params)
    assert answer["unavailable"]["1"]["error_message"] == "skin_unavailable"


def test_a_signature_over_other_text_is_refused(call):
    sign = php_sign({"method": "balance", "shopid": CLIENT_ID}, CLIENT_SECRET)
    assert call("status", headers={}, shopid=CLIENT_ID, sign=sign) == refused(-3, "invalid_signature")


def test_a_json_body_is_read_like_a_form(sandbox):
    body = {"method": "create", "shopid": CLIENT_ID, "order_id": "1", "widget": True, "items": ["unsigned"]}
    signed = {"method": "create", "shopid": CLIENT_ID, "order_id": "1", "widget": "1"}
    answer = Client(sandbox.app).post("/api.php", json={**body, "sign": php_sign(signed, CLIENT_SECRET)}).get_json()
    assert answer["status"] == "success"
    assert sandbox.deposit("1").widget


JSON_VALUES = {
    "words": '"widget": "1", "order_id": "1"',
    "true": '"widget": true',
    "false": '"full": false',
    "null": '"start_from": null',
    "a short float": '"min_amount": 8.28',
    "a long float": '"min_amount": 0.30000000000000004',
    "a float as PHP may write it": '"min_amount": 40.759999999999998',
    "a small float": '"min_amount": 1e-7',
    "a large float": '"min_amount": 1e+25',
    "a whole float": '"min_amount": 5',
    "whole numbers": '"starting": 1750000000, "steam_id": 76561198827262000',
    "nested": '"items": [{"id": 1}], "more": {"id": 1}, "none": []',
    "all": '"widget": true, "full": false, "min_amount": 0.30000000000000004, "max_amount": 870.5, "game": null',
}


@pytest.mark.parametrize("sign", [signed_by_php, signed_by_javascript])
@pytest.mark.parametrize("values", JSON_VALUES.values(), ids=JSON_VALUES)
def test_a_json_call_may_be_signed_by_either_documented_sample(sandbox, sign, values):
    body = f'{{"method": "status", "shopid": "{CLIENT_ID}", {values}'
    signature = sign(json.loads(body + "}"), CLIENT_SECRET)

    body += f', "sign": "{signature}"}}'
    answer = Client(sandbox.app).post("/api.php", data=body, content_type="application/json")

    assert answer.get_json() == {"status": "success", "available": True}


@pytest.mark.parametrize("sign", [signed_by_php, signed_by_javascript])
def test_a_json_call_is_refused_where_a_value_was_changed_after_signing(sandbox, sign):
    body = {"method": "status", "shopid": CLIENT_ID, "widget": True, "min_amount": 0.1 + 0.2, "game": None}
    signature = sign(body, CLIENT_SECRET)
    for changed in ({"widget": False}, {"min_amount": 0.31}, {"game": "cs2"}, {"more": ""}, {"method": "balance"}):
        answer = Client(sandbox.app).post("/api.php", json={**body, **changed, "sign": signature})
        assert answer.get_json() == refused(-3, "invalid_signature")


def test_a_json_call_is_understood_as_php_understands_it(sandbox):
    body = {"method": "create", "order_id": "1", "currency": "usd", "widget": True, "game": None}
    body |= {"min_amount": 40.76 - 7e-15, "max_amount": 869.9999999999999}
    assert json.dumps(body["min_amount"]) == "40.75999999999999"

    answer = Client(sandbox.app).post("/api.php", json=body, headers=KEYS).get_json()

    assert answer["status"] == "success"
    deposit = sandbox.deposit("1")
    assert (deposit.widget, deposit.min_amount, deposit.max_amount) == (True, Decimal("40.76"), Decimal(870))


def test_the_text_of_a_form_is_signed_as_it_stands(call):
    params = {"method": "status", "shopid": CLIENT_ID, "min_amount": "10.50", "widget": "true", "game": ""}
    signature = signed_by_javascript(params, CLIENT_SECRET)
    assert call(headers={}, sign=signature, **params)["status"] == "success"
    assert call(headers={}, sign=signature, **{**params, "min_amount": "10.5"}) == refused(-3, "invalid_signature")


@pytest.mark.parametrize("body", [b"[1]", b"{", b"[" * 100_000, b'"\xff"', b"1e999999"])
def test_an_unreadable_json_body_is_an_unknown_client(sandbox, body):
    answer = Client(sandbox.app).post("/api.php", data=body, content_type="application/json")
    assert answer.get_json() == refused(-2, "invalid_shopid")


def test_the_second_project_sees_nothing_of_the_first(call, sandbox):
    call("create", order_id="1")
    second = {"X-CLIENT-ID": "sandbox-2", "X-CLIENT-SECRET": "sandbox-2-secret-never-real"}
    assert call("orderstatus", headers=second, order_id="1") == refused(4, "transaction_not_found")
    assert call("create", headers=second, order_id="1")["status"] == "success"


def test_more_calls_than_allowed_are_refused_until_a_minute_has_passed():
    sandbox = Sandbox(manual=True, options=Options(rate_limit=2))
    client = Client(sandbox.app)

    def code():
        return client.post("/api.php", data={"method": "status"}, headers=KEYS).get_json().get("error_code")

    assert [code(), code(), code()] == [None, None, -7]
    sandbox.clock.advance(seconds=59)
    assert code() == -7
    sandbox.clock.advance(seconds=1)
    assert code() is None


# -- deposits -------------------------------------------------------------------------------------------------------


def test_create_answers_an_address_and_a_number(call, sandbox):
    answer = call("create", order_id="1")
    assert answer == {
        "status": "success",
        "url": f"http://localhost/_/pay/{sandbox.deposit('1').pay_hash}/",
        "transaction_id": sandbox.deposit("1").transaction_id,
    }
    assert isinstance(answer["transaction_id"], int)
    assert answer["transaction_id"] > START


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"order_id": ""}, 1, "invalid_order_id"),
        ({"steam_id": "123"}, 2, "invalid_steam_id"),
        ({"min_amount": "5"}, 8, "invalid_currency"),
        ({"min_amount": "5", "max_amount": "5", "currency": "usd"}, 7, "invalid_max_value"),
        ({"currency": "xyz"}, 8, "invalid_currency"),
        ({"result_url": "ftp://x"}, 9, "invalid_result_url"),
        ({"success_url": "javascript:alert(1)"}, 10, "invalid_success_url"),
        ({"fail_url": "//x"}, 11, "invalid_fail_url"),
        ({"custom_currency": "coins", "custom_currency_rate": "1"}, 12, "invalid_custom_currency"),
        ({"custom_currency": "coin", "custom_currency_rate": "0.01"}, 13, "invalid_custom_currency_rate"),
        ({"custom_multiplier": "2.1"}, 14, "invalid_custom_multiplier"),
        ({"game": "chess"}, 15, "invalid_game"),
    ],
)
def test_create_refuses_what_is_wrong(call, params, code, message):
    assert call("create", **{"order_id": "1", **params}) == refused(code, message)
    assert call("orderstatus", order_id="1") == refused(4, "transaction_not_found")


def test_an_order_id_is_used_once(call):
    call("create", order_id="1")
    assert call("create", order_id="1") == refused(5, "order_id_already_exists")


def test_orderstatus_puts_the_deposits_status_where_the_envelope_would_be(call, sandbox):
    transaction_id = call("create", order_id="1", steam_id=STEAM_ID)["transaction_id"]
    pending = {
        "status": "pending",
        "transaction_id": str(transaction_id),
        "order_id": "1",
        "steam_id": STEAM_ID,
        "date": START,
    }
    assert call("orderstatus", order_id="1") == pending
    assert call("orderstatus", transaction_id=transaction_id) == pending
    paid = sandbox.pay("1")
    answer = call("orderstatus", order_id="1")
    assert answer["status"] == "success"
    assert answer["amount"] == float(paid.amount)
    assert answer["amount_currency"] == "usd"
    assert answer["skins"][0]["name"] == paid.skins[0].market_hash_name


@pytest.mark.parametrize("method", ["orderstatus", "offer_approve"])
def test_a_deposit_that_cannot_be_found_says_why(call, method):
    assert call(method) == refused(1, "order_id_or_transaction_id_missing")
    assert call(method, order_id="x" * 65) == refused(2, "invalid_order_id")
    assert call(method, transaction_id="x") == refused(3, "invalid_transaction_id")
    assert call(method, order_id="nope") == refused(4, "transaction_not_found")


def test_orders_come_in_pages():
    sandbox = Sandbox(manual=True, start=START, options=Options(page_size=2))
    client = Client(sandbox.app)

    def page(**params):
        data = {"method": "orders", "starting": START, "ending": START, **params}
        return client.post("/api.php", data=data, headers=KEYS).get_json()

    for order_id in "abc":
        client.post("/api.php", data={"method": "create", "order_id": order_id}, headers=KEYS)
    first = page()
    assert (first["total_count"], first["has_more"]) == (3, True)
    rest = page(start_from=first["start_from"])
    assert [item["order_id"] for item in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert (rest["has_more"], rest["start_from"]) == (False, 0)
    sandbox.clock.advance(seconds=1)
    assert page(starting=START + 1, ending=START + 9)["items"] == []
    assert page(starting="") == refused(1, "missing_starting_or_ending")


def test_a_held_deposit_is_approved_once(call, sandbox):
    call("create", order_id="1")
    assert call("offer_approve", order_id="1") == refused(5, "offer_already_approved_or_canceled")
    sandbox.pay("1", held=True)
    assert call("offer_approve", order_id="1") == {"status": "success"}
    assert call("orderstatus", order_id="1")["status"] == "hold_approved"
    assert call("offer_approve", order_id="1") == refused(5, "offer_already_approved_or_canceled")


def test_a_held_deposit_shows_the_payers_risk(call, sandbox):
    call("create", order_id="1")
    sandbox.pay("1", held=True)
    risk = call("orderstatus", order_id="1")["user_risk"]
    assert (risk["total_deposits_count"], risk["total_rollback_deposits_count"]) == (1, 0)
    assert set(risk["user_inventory"]) == {"cs2", "dota2", "rust"}


def test_an_inventory_is_wrapped_in_data_and_says_tradable_with_a_number(call):
    answer = call("user_inventory", game="cs2", steam_id=STEAM_ID, trade_token=TOKEN, currency="rub")
    items = answer["data"]["items"]
    assert answer["data"]["currency_local"] == "rub"
    assert {type(item["item"]["tradable"]) for item in items} == {int}
    assert all(item["disabled"] == (not item["item"]["tradable"]) for item in items)
    assert items[0]["price_local"] == pytest.approx(items[0]["price"] * 90.5, abs=0.01)
    assert items[0]["multiplied_price_local"] == pytest.approx(items[0]["price_local"] * 1.2, abs=0.01)


def test_skins_can_be_deposited_without_the_pay_page(call, sandbox):
    params = {"game": "cs2", "steam_id": STEAM_ID, "trade_token": TOKEN}
    items = call("user_inventory", **params)["data"]["items"]
    asset = next(item for item in items if item["item"]["tradable"] and item["price"] > 1)
    params |= {"order_id": "1", "item_asset_ids[0]": asset["item"]["asset_id"]}
    data = call("create_from_user_inventory", **params)["data"]
    assert data["transaction_id"] == sandbox.deposit("1").transaction_id
    assert data["sum"] == asset["price"]
    assert data["trade_offer_id"] == sandbox.deposit("1").trade_offer_id
    assert data["trade_offer_expiry_at"].endswith(".000000Z")
    assert call("create_from_user_inventory", **params) == refused(7, "order_id_already_exists")
    assert sandbox.pay("1").status in ("success", "in_hold")


def test_a_deposit_under_the_minimum_is_refused(call, sandbox):
    cheap = min(sandbox.inventory(STEAM_ID), key=lambda asset: (not asset.tradable, asset.price))
    answer = call(
        "create_from_user_inventory",
        game=cheap.game,
        steam_id=STEAM_ID,
        trade_token=TOKEN,
        order_id="1",
        **{"item_asset_ids[]": cheap.asset_id},
    )
    assert answer["error_message"] == "deposit_amount_less_minimum"


def test_notifications_that_failed_are_listed(call):
    sandbox = Sandbox(manual=True, start=START, result_url="http://x/", send=lambda *_: 500)
    client = Client(sandbox.app)
    client.post("/api.php", data={"method": "create", "order_id": "1"}, headers=KEYS)
    sandbox.notify("1")
    sandbox.deliver_pending()
    answer = client.post("/api.php", data={"method": "callback_error_list"}, headers=KEYS).get_json()
    assert answer == {
        "status": "success",
        "total_count": 1,
        "has_more": False,
        "start_from": 0,
        "items": [{"transaction_id": sandbox.deposit("1").transaction_id, "order_id": "1", "http_code": "500"}],
    }


# -- market ---------------------------------------------------------------------------------------------------------


def test_the_price_list_is_grouped_by_name(call, sandbox):
    answer = call("market_pricelist", game="rust")
    assert answer["last_update"].isdigit()
    assert {type(item["price"]) for item in answer["items"]} <= {int, float}
    names = [item["name"] for item in answer["items"]]
    assert len(names) == len(set(names)) == 40
    stock = [item for item in sandbox.state.stock.values() if item.game == "rust"]
    assert sum(item["count"] for item in answer["items"]) == len(stock)


def test_the_full_price_list_may_name_one_id_twice(call, sandbox):
    items = call("market_pricelist", game="cs2", full=1)["items"]
    assert {type(item["id"]) for item in items} == {str}
    assert len(items) > len({item["id"] for item in items})
    extended = call("market_pricelist", game="cs2", full=1, extended=1)["items"]
    assert extended[0]["extra"]["exterior"] == "Field-Tested"


def test_a_search_finds_parts_of_names_and_answers_text(call):
    answer = call("market_search", game="cs2", name="paper lantern")
    assert answer["items"]
    assert {type(value) for item in answer["items"] for value in item.values()} == {str}
    assert call("market_search", game="cs2", **{"names[0]": "Paper Lantern"}) == answer
    assert call("market_search", game="cs2") == refused(1, "name_or_names_required")
    assert call("market_search", game="cs2", name="ab") == refused(2, "name_min_length_3")


def test_buying_by_id_answers_numbers_where_getinfo_answers_text(call, sandbox):
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


def test_buying_by_name_takes_the_cheapest(call, sandbox):
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
def test_buying_refuses_what_is_wrong_and_debits_nothing(call, sandbox, params, code, message):
    before = sandbox.balance()
    params = {"id": skin(sandbox).skin_id, "partner": PARTNER, "token": TOKEN, **params}
    assert call("market_buy", **params) == refused(code, message)
    assert (sandbox.balance(), sandbox.spent()) == (before, 0)


def test_buying_needs_money(call, sandbox):
    sandbox.configure(balance="0.01")
    answer = call("market_buy", id=skin(sandbox).skin_id, partner=PARTNER, token=TOKEN)
    assert answer == refused(4, "insufficient_funds")


def test_a_custom_id_buys_once(call, sandbox):
    first, second = list(sandbox.state.stock.values())[:2]
    before = sandbox.balance()
    call("market_buy", id=first.skin_id, partner=PARTNER, token=TOKEN, custom_id="c1")
    again = call("market_buy", id=second.skin_id, partner=PARTNER, token=TOKEN, custom_id="c1")
    assert again == refused(7, "custom_id_already_exists")
    assert sandbox.sold("c1") == 1
    assert sandbox.balance() == before - first.price
    assert sandbox.spent("c1") == first.price


def test_a_batch_succeeds_in_part(call, sandbox):
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


def test_an_empty_object_comes_as_an_empty_list(call):
    answer = call("market_batch_buy", partner=PARTNER, token=TOKEN, **{"items[0][id]": "1"})
    assert answer["status"] == "success"
    assert answer["purchased"] == []


def test_unknown_ids_are_left_out_of_a_list_and_refused_alone(call, sandbox):
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


def test_the_status_says_why_skinsback_does_not_work(call, sandbox):
    assert call("status") == {"status": "success", "available": True}
    sandbox.faults.add("no_bots")
    assert call("status") == {"status": "success", "available": False, "reason": "no_bots"}


def test_answers_are_written_as_php_writes_json(sandbox):
    data = {"method": "market_search", "name": "Falchion", "game": "cs2"}
    body = Client(sandbox.app).post("/api.php", data=data, headers=KEYS).get_data(as_text=True)
    assert body.isascii()
    assert "\\u2605" in body
    assert json.loads(body)["items"][0]["name"].startswith("★")
