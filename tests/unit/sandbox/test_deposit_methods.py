"""The API methods about deposits answer in the documented format."""

import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import Options, Sandbox
from tests.unit.sandbox import KEYS, START, STEAM_ID, TOKEN, refused


def test_create_returns_an_address_and_a_number(call, sandbox):
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
def test_create_refuses_invalid_parameters(call, params, code, message):
    assert call("create", **{"order_id": "1", **params}) == refused(code, message)
    assert call("orderstatus", order_id="1") == refused(4, "transaction_not_found")


def test_an_order_id_can_be_used_once(call):
    call("create", order_id="1")
    assert call("create", order_id="1") == refused(5, "order_id_already_exists")


def test_orderstatus_returns_the_deposits_status_in_place_of_success(call, sandbox):
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


def test_orders_returns_pages():
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


def test_user_inventory_returns_data_with_tradable_as_a_number(call):
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
