"""The control API: programs change the sandbox, and wrong requests are refused."""

from urllib.parse import parse_qsl

import pytest

from django_skinsback.sandbox import CLIENT_SECRET
from django_skinsback.wire.signing import sign
from tests.unit.sandbox import KEYS


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/_sandbox/clock", {"days": "-1"}, 400),
        ("/_sandbox/clock", {"days": "many"}, 400),
        ("/_sandbox/faults", {"name": "earthquake"}, 400),
        ("/_sandbox/outcomes", {"outcome": "luck"}, 400),
        ("/_sandbox/deposits/nope/accept", {}, 404),
        ("/_sandbox/deposits/nope/dance", {}, 404),
        ("/_sandbox/purchases/1/accepted", {}, 404),
        ("/_sandbox/deliveries/1/send", {}, 404),
        ("/_sandbox/projects/nobody", {}, 404),
        ("/_sandbox/projects/sandbox", {"result_url": "nowhere"}, 400),
        ("/_sandbox/projects/sandbox", {"multiplier": "9"}, 400),
        ("/_sandbox/nothing", {}, 404),
    ],
)
def test_a_wrong_request_is_refused(browser, path, data, status):
    assert browser.post(path, data=data).status_code == status


def test_a_program_changes_a_deposit(browser, link, sandbox):
    link()
    assert browser.post("/_sandbox/deposits/1/choose", json={}).get_json()["trade_offer_id"]
    assert browser.post("/_sandbox/deposits/1/accept").get_json()["status"] == "success"
    assert browser.get("/_sandbox/deposits/1").get_json()["order_id"] == "1"
    assert [row["order_id"] for row in browser.get("/_sandbox/deposits").get_json()] == ["1"]


def test_several_skins_are_chosen_by_a_repeated_field_by_brackets_or_by_json(browser, link, sandbox):
    inventory = sandbox.inventory("76561198999000001")
    chosen = [asset.asset_id for asset in inventory if asset.game == "rust" and asset.tradable][:2]
    for order_id, body in {
        "1": {"data": {"asset_ids": chosen}},
        "2": {"data": {"asset_ids[0]": chosen[0], "asset_ids[1]": chosen[1]}},
        "3": {"json": {"asset_ids": chosen}},
    }.items():
        link(order_id=order_id)
        picked = browser.post(f"/_sandbox/deposits/{order_id}/choose", **body).get_json()
        assert [skin["asset_id"] for skin in picked["skins"]] == chosen


def notified(sandbox):
    """Fields of the newest notification."""
    return dict(parse_qsl(list(sandbox.state.deliveries.values())[-1].body.decode(), keep_blank_values=True))


@pytest.mark.parametrize("form", ["data", "json"])
def test_a_notification_takes_any_status_and_field_and_is_signed(browser, link, sandbox, form):
    sandbox.configure(result_url="https://shop.example/")
    link()
    changes = {"status": "frozen", "amount": "5.10", "amount_currency": "gbp", "world": "w", "deposit": "d", "x": "1"}
    answer = browser.post("/_sandbox/deposits/1/notify", **{form: changes})
    assert (answer.status_code, answer.get_json()["status"]) == (200, "pending")
    fields = notified(sandbox)
    assert changes.items() <= fields.items()
    assert fields["order_id"] == "1"
    signed = {name: value for name, value in fields.items() if name != "sign"}
    assert fields["sign"] == sign(signed, CLIENT_SECRET)


def test_a_notification_takes_numbers_and_nested_fields(browser, link, sandbox):
    sandbox.configure(result_url="https://shop.example/")
    link()
    skins = [{"name": "AK-47 | Redline (Field-Tested)", "price": 1.5}]
    browser.post("/_sandbox/deposits/1/notify", json={"amount": 5.25, "order_id": "other", "skins": skins})
    fields = notified(sandbox)
    assert (fields["status"], fields["amount"], fields["order_id"]) == ("pending", "5.25", "other")
    assert fields["skins[0][price]"] == "1.5"
    browser.post("/_sandbox/deposits/1/notify", data={"skins[0][name]": "AWP"})
    assert notified(sandbox)["skins[0][name]"] == "AWP"


def test_a_notification_without_a_result_url_is_refused(browser, link):
    link()
    answer = browser.post("/_sandbox/deposits/1/notify", data={"status": "fail"})
    assert answer.status_code == 409
    assert "Result URL" in answer.get_json()["error"]


@pytest.mark.parametrize(
    ("path", "data", "known"),
    [
        ("/_sandbox/clock", {"day": "8"}, "days"),
        ("/_sandbox/faults", {"fault": "lose_answer"}, "name"),
        ("/_sandbox/faults", {"name": "loose_answer"}, "lose_answer"),
        ("/_sandbox/faults", {"name": "lose_answer", "method": "market_by"}, "market_buy"),
        ("/_sandbox/faults/clear", {"name": "loose_answer"}, "lose_answer"),
        ("/_sandbox/outcomes", {"outcome": "timeout", "reason": "user_cant_trade"}, "error_reason"),
        ("/_sandbox/outcomes", {"outcome": "time_out"}, "timeout"),
        ("/_sandbox/outcomes", {"outcome": "timeout", "error_reason": "rain"}, "user_cant_trade"),
        ("/_sandbox/outcomes", {"outcome": "timeout", "partner": "wren"}, "digits"),
        ("/_sandbox/deposits/1/accept", {"hold": "1"}, "project"),
        ("/_sandbox/deposits/1/accept", {"project": "shop"}, "sandbox-2"),
        ("/_sandbox/deposits/1/choose", {"skins": "1"}, "asset_ids"),
        ("/_sandbox/deposits/1/choose", {"steam_id": "76561198000000001"}, "76561198999000001"),
        ("/_sandbox/deposits/1/dance", {}, "finish-hold"),
        ("/_sandbox/deposits/1/dance", {}, "notify"),
        ("/_sandbox/deliveries/send", {"all": "1"}, "no fields"),
        ("/_sandbox/projects/sandbox", {"resulturl": "https://x.example/"}, "result_url"),
        ("/_sandbox/projects/shop", {}, "sandbox-2"),
        ("/_sandbox/state?page=2", None, "no fields"),
        ("/_sandbox/fault", {}, "/_sandbox/faults"),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(browser, link, sandbox, path, data, known):
    link()
    answer = browser.get(path) if data is None else browser.post(path, data=data)
    assert answer.status_code in (400, 404, 409)
    assert known in answer.get_json()["error"]
    assert sandbox.faults.active() == []
    assert sandbox.store.planned_outcomes.active() == []
    assert sandbox.deposit("1").trade_offer_id == ""


def test_a_trade_can_be_accepted_with_a_hold(browser, link):
    link()
    browser.post("/_sandbox/deposits/1/choose")
    assert browser.post("/_sandbox/deposits/1/accept", data={"held": "1"}).get_json()["status"] == "in_hold"


def test_json_nested_too_deeply_is_refused(browser):
    body = '{"days":' + "[" * 20_000 + "]" * 20_000 + "}"
    assert browser.post("/_sandbox/clock", data=body, content_type="application/json").status_code == 400


def test_a_program_changes_a_purchase(browser, sandbox):
    item = next(iter(sandbox.state.stock.values()))
    data = {"method": "market_buy", "id": item.skin_id, "partner": "7", "token": "i1ArBZey", "custom_id": "c1"}
    browser.post("/_sandbox/outcomes", data={"outcome": "timeout", "partner": "7"})
    buy_id = browser.post("/api.php", data=data, headers=KEYS).get_json()["buy_id"]
    assert browser.get(f"/_sandbox/purchases/{buy_id}").get_json()["outcome"] == "timeout"
    reason = {"error_reason": "user_trade_ban"}
    ended = browser.post(f"/_sandbox/purchases/{buy_id}/canceled", data=reason).get_json()
    assert (ended["refunded"], ended["error_reason"]) == (True, "user_trade_ban")
    assert len(browser.get("/_sandbox/purchases").get_json()) == 1


def test_a_program_switches_faults(browser, sandbox):
    browser.post("/_sandbox/faults", data={"name": "lose_answer", "method": "market_buy", "times": "always"})
    assert browser.get("/_sandbox/faults").get_json() == [
        {"name": "lose_answer", "method": "market_buy", "times": None, "value": ""}
    ]
    assert "lose_answer" in browser.get("/").text
    assert browser.delete("/_sandbox/faults").get_json() == []


def test_a_program_changes_project_settings_and_the_market(browser, sandbox):
    settings = {"result_url": "https://shop.example/", "multiplier": "1.5", "balance": "7"}
    browser.post("/_sandbox/projects/sandbox-2", json=settings)
    project = sandbox.state.projects["sandbox-2"]
    assert (project.result_url, str(project.multiplier), str(project.balance)) == ("https://shop.example/", "1.5", "7")
    before = len(sandbox.state.stock)
    assert browser.post("/_sandbox/stock/refill").get_json()["skins_for_sale"] == 2 * before
    assert all(key == item.skin_id for key, item in sandbox.state.stock.items())


def test_the_state_contains_no_secret(browser, link):
    link()
    state = browser.get("/_sandbox/state")
    assert state.get_json()["deposits"][0]["order_id"] == "1"
    assert CLIENT_SECRET not in state.text
