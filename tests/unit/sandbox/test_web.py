"""The sandbox's pages: a user pays, a developer turns the knobs, strangers stay outside."""

import re
import sys
from decimal import Decimal
from html import unescape
from urllib.parse import parse_qsl

import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox
from django_skinsback.sandbox.simulation.faults import FAULTS
from django_skinsback.sandbox.simulation.market import BY_CLASS_ID, DESIGNS
from django_skinsback.sandbox.web.control_routes import ROUTES
from django_skinsback.sandbox.web.pictures import draw
from django_skinsback.sandbox.web.rendering import _environment
from django_skinsback.wire.signing import sign

KEYS = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}
BROWSER = {"Accept": "text/html,*/*"}


@pytest.fixture
def sandbox():
    return Sandbox(manual=True, send=lambda *_: 200)


@pytest.fixture
def browser(sandbox):
    return Client(sandbox.app)


@pytest.fixture
def link(browser):
    def link(**params):
        data = {"method": "create", "order_id": "1", **params}
        return browser.post("/api.php", data=data, headers=KEYS).get_json()["url"].removeprefix("http://localhost")

    return link


def asset_ids(page):
    boxes = re.findall(r"<input type=\"checkbox\"[^>]*>", page.text)
    return [re.search(r'value="(\d+)"', box)[1] for box in boxes if "disabled" not in box]


# -- pay page -------------------------------------------------------------------------------------------------------


def test_a_user_pays_without_javascript(browser, link, sandbox):
    url = link(success_url="https://shop.example/thanks?a=1&b=2", game="dota2")
    choice = browser.get(url)
    assert "Sandbox Skins" in choice.text
    offered = browser.post(f"{url}offer", data={"asset_id": asset_ids(choice)[:2]})
    assert offered.status_code == 303
    trade = browser.get(f"{url}trade")
    assert trade.text.count('class="skin ') == 2
    decided = browser.post(f"{url}decide", data={"decision": "accept"})
    assert decided.status_code == 303
    finished = browser.get(f"{url}finished")
    assert sandbox.deposit("1").status == "success"
    assert 'href="https://shop.example/thanks?a=1&amp;b=2" target="_top"' in finished.text
    assert 'http-equiv="refresh"' in finished.text


def test_a_user_declines_and_is_led_to_the_fail_url(browser, link, sandbox):
    url = link(fail_url="https://shop.example/pity", success_url="https://shop.example/thanks")
    sandbox.choose("1")
    browser.post(f"{url}decide", data={"decision": "decline"})
    finished = browser.get(f"{url}finished").text
    assert sandbox.deposit("1").status == "fail"
    assert "https://shop.example/pity" in finished
    assert "thanks" not in finished


def test_a_second_click_changes_nothing(browser, link, sandbox):
    url = link()
    sandbox.choose("1")
    for decision in ("accept", "decline", "accept"):
        assert browser.post(f"{url}decide", data={"decision": decision}).status_code == 303
    assert [status for status, _ in sandbox.deposit("1").history] == ["pending", "success"]


def test_every_step_leads_to_where_the_deposit_stands(browser, link, sandbox):
    url = link()
    assert browser.get(f"{url}trade").headers["Location"] == "./"
    assert browser.get(f"{url}finished").headers["Location"] == "./"
    sandbox.choose("1")
    assert browser.get(url).headers["Location"] == "trade"
    sandbox.pay("1")
    assert browser.get(url).headers["Location"] == "finished"
    assert browser.get(f"{url}trade").headers["Location"] == "finished"


def test_a_wrong_choice_is_explained(browser, link, sandbox):
    url = link(currency="usd", min_amount="5000")
    page = browser.post(f"{url}offer", data={"asset_id": asset_ids(browser.get(url))[:1]})
    assert page.status_code == 422
    assert "minimum" in page.text
    assert "6,000.00 USD" in page.text
    assert browser.post(f"{url}offer", data={}).status_code == 422
    assert sandbox.deposit("1").trade_offer_id == ""


def test_the_pay_page_says_that_limits_and_prices_are_shown_multiplied(browser, link):
    text = browser.get(link(currency="usd", min_amount="5", max_amount="20")).text
    assert "skins worth 5.00 USD to 20.00 USD" in text
    assert "1.2 USD for each 1 USD" in text
    assert "6.00 USD to 24.00 USD" in text
    only_least = browser.get(link(order_id="2", currency="eur", min_amount="5")).text
    assert "skins worth at least 5.00 EUR" in only_least
    assert "at least 6.00 EUR" in only_least
    coins = {"custom_currency": "coin", "custom_currency_rate": "100"}
    coin = browser.get(link(order_id="3", currency="usd", min_amount="5", max_amount="20", **coins)).text
    assert "skins worth 5.00 USD to 20.00 USD" in coin
    assert "120 coin for each 1 USD" in coin
    assert "600.00 coin to 2,400.00 coin" in coin


def test_the_pay_page_says_how_prices_are_multiplied_where_there_are_no_limits(browser, link):
    assert "1.2 USD for each 1 USD" in browser.get(link()).text


def test_the_pay_page_names_the_limits_once_where_nothing_is_multiplied(browser, link):
    text = browser.get(link(currency="usd", min_amount="5", max_amount="20", custom_multiplier="1")).text
    assert "skins worth 5.00 USD to 20.00 USD" in text
    assert "for each" not in text


def test_the_payer_may_be_another_account(browser, link, sandbox):
    url = link(steam_id="76561198827262007", game="rust")
    other = "76561198999000003"
    page = browser.get(f"{url}?steam_id={other}&game=rust")
    browser.post(f"{url}offer", data={"steam_id": other, "game": "rust", "asset_id": asset_ids(page)[0]})
    assert sandbox.deposit("1").steam_id == other


def test_a_protected_skin_is_announced_and_held(browser, link, sandbox):
    url = link(steam_id="76561198999000002")
    inventory = sandbox.inventory("76561198999000002")
    protected = next(asset for asset in inventory if asset.trade_protected and asset.tradable and asset.price > 1)
    browser.post(f"{url}offer", data={"asset_id": protected.asset_id})
    assert "eight days" in browser.get(f"{url}trade").text
    browser.post(f"{url}decide", data={"decision": "accept"})
    assert "Deposit on hold" in browser.get(f"{url}finished").text


def test_only_a_widget_may_be_framed(browser, link):
    plain, widget = browser.get(link()), browser.get(link(order_id="2", widget="1"))
    assert "frame-ancestors 'none'" in plain.headers["Content-Security-Policy"]
    assert "frame-ancestors *" in widget.headers["Content-Security-Policy"]


def test_an_unknown_pay_link_is_not_found(browser):
    assert browser.get("/_/pay/0123456789abcdef/").status_code == 404


def test_a_pay_link_without_its_slash_leads_to_the_pay_page(browser, link):
    url = link()
    answer = browser.get(url.rstrip("/"))
    assert (answer.status_code, answer.headers["Location"]) == (308, f"http://localhost{url}")


@pytest.mark.parametrize("path", ["/api.php/status", "/api.php/", "/api", "/api/v1/status"])
def test_a_wrong_api_address_is_a_404_that_names_the_right_one(browser, path):
    answer = browser.post(path, data={"method": "status"}, headers=KEYS)
    assert answer.status_code == 404
    assert "POST /api.php" in answer.text
    assert "method" in answer.text


# -- all pages ------------------------------------------------------------------------------------------------------


def test_pages_hold_no_scripts_or_styles_and_load_nothing_from_elsewhere(browser, link, sandbox):
    url = link()
    texts = [browser.get("/").text, browser.get(url).text]
    sandbox.choose("1")
    texts.append(browser.get(f"{url}trade").text)
    for text in texts:
        assert not re.search(r"<style|style=|<script>|\son\w+=", text)
        assert not re.search(r'(?:src|<link[^>]*href)="(?!/)', text)
        for source in set(re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', text)):
            assert browser.get(source).status_code == 200


def test_html_in_urls_and_names_of_skins_is_escaped(browser, link, sandbox):
    sandbox.configure(result_url='http://x/?a="><script>alert(1)</script>')
    asset = next(asset for asset in sandbox.inventory("76561198999000001") if asset.tradable and asset.game == "cs2")
    asset.market_hash_name, asset.price = "<script>alert(2)</script>&\"'", Decimal(99)
    item = next(iter(sandbox.state.stock.values()))
    item.market_hash_name = asset.market_hash_name
    url = link(steam_id="76561198999000001")
    choose = browser.get(url).text
    sandbox.choose("1", [asset.asset_id])
    buy = {"method": "market_buy", "id": item.skin_id, "partner": 1, "token": "abcdefgh"}
    assert browser.post("/api.php", data=buy, headers=KEYS).get_json()["status"] == "success"
    trade, control = browser.get(url + "trade").text, browser.get("/").text
    for page in (choose, trade, control):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(2)&lt;/script&gt;&amp;&#34;&#39;" in page
    assert "&#34;&gt;&lt;script&gt;alert(1)" in control


@pytest.mark.parametrize("path", ["/", "/_sandbox/skin/3000000000.svg"])
def test_a_page_without_jinja2_says_what_to_install(browser, sandbox, path, monkeypatch):
    _environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    draw.cache_clear()
    answer = browser.get(path.replace("3000000000", next(iter(BY_CLASS_ID))))
    assert answer.status_code == 503
    assert "Jinja2 is missing: pip install 'django-skinsback[sandbox]'" in answer.text
    assert browser.get("/_sandbox/clock").status_code == 200


def test_every_design_has_its_own_picture(browser):
    assert sum(len(designs) for designs in DESIGNS.values()) == len(BY_CLASS_ID) == 121
    pictures = {draw(class_id) for class_id in BY_CLASS_ID}
    assert len(pictures) == 121
    answer = browser.get(f"/_sandbox/skin/{next(iter(BY_CLASS_ID))}.svg")
    assert answer.mimetype == "image/svg+xml"
    assert browser.get("/_sandbox/skin/1.svg").status_code == 404


def test_only_known_files_are_served(browser):
    assert browser.get("/_sandbox/static/pay.css").mimetype == "text/css"
    assert browser.get("/_sandbox/static/pay.html").status_code == 404
    assert browser.get("/_sandbox/static/..%2fapi.py").status_code == 404


@pytest.mark.parametrize("path", ["/", "/api.php", "/_sandbox/state"])
def test_a_foreign_host_name_is_refused(browser, path):
    assert browser.get(path, headers={"Host": "evil.example"}).status_code == 421
    assert browser.get(path, headers={"Host": "127.0.0.1:8600"}).status_code == 200


def test_a_host_name_can_be_allowed():
    browser = Client(Sandbox(manual=True, allowed_hosts=["skinsback.internal"]).app)
    assert browser.get("/", headers={"Host": "skinsback.internal:8600"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:8000", "null"])
@pytest.mark.parametrize("path", ["/_sandbox/clock", "/api.php"])
def test_another_sites_page_may_not_post(browser, sandbox, path, origin):
    before = sandbox.clock.now()
    assert browser.post(path, data={"days": "8"}, headers={"Origin": origin, **KEYS}).status_code == 403
    assert sandbox.clock.now() == before
    assert browser.post("/_sandbox/clock", data={}, headers={"Origin": "http://localhost"}).status_code == 200


# -- control --------------------------------------------------------------------------------------------------------


def test_the_control_page_shows_how_to_connect_and_all_names(browser):
    text = browser.get("/").text
    assert '"CLIENT_SECRET": "sandbox-secret-never-real"' in unescape(text)
    assert all(f"<code>{name}</code>" in text for name in FAULTS)
    assert all(route.path.replace("<", "&lt;").replace(">", "&gt;") in text for route in ROUTES)


def test_the_control_page_shows_rows_with_their_buttons(browser, link, sandbox):
    link()
    sandbox.pay("1", held=True)
    item = next(iter(sandbox.state.stock.values()))
    data = {"method": "market_buy", "id": item.skin_id, "partner": "7", "token": "i1ArBZey", "custom_id": "c1"}
    browser.post("/api.php", data=data, headers=KEYS)
    text = browser.get("/").text
    assert 'action="/_sandbox/deposits/1/return"' in text
    assert f'action="/_sandbox/purchases/{sandbox.purchase("c1").buy_id}/canceled"' in text


def test_a_button_leads_back_to_the_page_and_a_program_gets_json(browser, sandbox):
    before = sandbox.clock.now()
    pressed = browser.post("/_sandbox/clock", data={"minutes": "10"}, headers=BROWSER)
    assert (pressed.status_code, pressed.headers["Location"]) == (303, "/")
    assert browser.post("/_sandbox/clock", json={"hours": 1}).get_json()["now"] == before + 4200


def test_a_button_that_cannot_be_pressed_says_why(browser, link):
    link()
    pressed = browser.post("/_sandbox/deposits/1/accept", headers=BROWSER)
    assert pressed.status_code == 409
    assert "There is no open trade offer." in pressed.text
    assert browser.post("/_sandbox/deposits/1/accept").get_json() == {"error": "There is no open trade offer."}


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
def test_a_wrong_order_is_refused(browser, path, data, status):
    assert browser.post(path, data=data).status_code == status


def test_a_deposit_is_worked_from_outside(browser, link, sandbox):
    link()
    assert browser.post("/_sandbox/deposits/1/choose", json={}).get_json()["trade_offer_id"]
    assert browser.post("/_sandbox/deposits/1/accept").get_json()["status"] == "success"
    assert browser.get("/_sandbox/deposits/1").get_json()["order_id"] == "1"
    assert [row["order_id"] for row in browser.get("/_sandbox/deposits").get_json()] == ["1"]


def test_several_skins_are_chosen_by_a_repeated_field_or_by_brackets_or_by_json(browser, link, sandbox):
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
def test_a_notification_from_outside_takes_any_status_and_field_and_is_signed(browser, link, sandbox, form):
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


def test_a_notification_from_outside_takes_numbers_and_nested_fields(browser, link, sandbox):
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
        ("/_sandbox/deposits/1/accept", {"held": "1"}, "project"),
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
def test_what_the_control_api_does_not_know_is_an_error_that_names_the_known(browser, link, sandbox, path, data, known):
    link()
    answer = browser.get(path) if data is None else browser.post(path, data=data)
    assert answer.status_code in (400, 404, 409)
    assert known in answer.get_json()["error"]
    assert sandbox.faults.active() == []
    assert sandbox.store.planned_outcomes.active() == []
    assert sandbox.deposit("1").trade_offer_id == ""


def test_json_that_is_nested_too_deeply_is_refused(browser):
    body = '{"days":' + "[" * 20_000 + "]" * 20_000 + "}"
    assert browser.post("/_sandbox/clock", data=body, content_type="application/json").status_code == 400


def test_every_button_and_form_of_the_control_page_sends_known_fields_only(browser, link, sandbox):
    sandbox.configure(result_url="https://shop.example/", events_url="https://shop.example/events/")
    link()
    sandbox.choose("1")
    link(order_id="2")
    item = next(iter(sandbox.state.stock.values()))
    data = {"method": "market_buy", "id": item.skin_id, "partner": "7", "token": "i1ArBZey", "custom_id": "c1"}
    browser.post("/api.php", data=data, headers=KEYS)
    sandbox.faults.add("lose_answer")
    forms = re.findall(r'<form method="post" action="([^"]+)".*?</form>', browser.get("/").text, flags=re.DOTALL)
    bodies = re.findall(r'<form method="post" action="[^"]+"(.*?)</form>', browser.get("/").text, flags=re.DOTALL)
    assert len(forms) == len(bodies) > 10
    for action, body in zip(forms, bodies, strict=True):
        names = dict.fromkeys(re.findall(r'name="(\w+)"', body), "")
        answer = browser.post(unescape(action), data={**names, "project": "sandbox"} if "project" in names else names)
        assert "Unknown field" not in answer.text
        assert "no fields" not in answer.text


def test_a_purchase_is_worked_from_outside(browser, sandbox):
    item = next(iter(sandbox.state.stock.values()))
    data = {"method": "market_buy", "id": item.skin_id, "partner": "7", "token": "i1ArBZey", "custom_id": "c1"}
    browser.post("/_sandbox/outcomes", data={"outcome": "timeout", "partner": "7"})
    buy_id = browser.post("/api.php", data=data, headers=KEYS).get_json()["buy_id"]
    assert browser.get(f"/_sandbox/purchases/{buy_id}").get_json()["outcome"] == "timeout"
    reason = {"error_reason": "user_trade_ban"}
    ended = browser.post(f"/_sandbox/purchases/{buy_id}/canceled", data=reason).get_json()
    assert (ended["refunded"], ended["error_reason"]) == (True, "user_trade_ban")
    assert len(browser.get("/_sandbox/purchases").get_json()) == 1


def test_a_notification_is_sent_again_at_the_push_of_a_button(browser, link, sandbox):
    sandbox.configure(result_url="https://shop.example/")
    link()
    sandbox.notify("1")
    assert browser.post("/_sandbox/deliveries/send").get_json() == {"sent": 1}
    assert browser.post("/_sandbox/deliveries/1/send").get_json()["delivery_id"] == 1
    assert browser.post("/_sandbox/deliveries/send").get_json() == {"sent": 1}
    assert browser.get("/_sandbox/deliveries").get_json()[0]["attempts"] == 2


def test_faults_are_switched_from_outside(browser, sandbox):
    browser.post("/_sandbox/faults", data={"name": "lose_answer", "method": "market_buy", "times": "always"})
    assert browser.get("/_sandbox/faults").get_json() == [
        {"name": "lose_answer", "method": "market_buy", "times": None, "value": ""}
    ]
    assert "lose_answer" in browser.get("/").text
    assert browser.delete("/_sandbox/faults").get_json() == []


def test_project_settings_and_the_market_are_changed_from_outside(browser, sandbox):
    settings = {"result_url": "https://shop.example/", "multiplier": "1.5", "balance": "7"}
    browser.post("/_sandbox/projects/sandbox-2", json=settings)
    project = sandbox.state.projects["sandbox-2"]
    assert (project.result_url, str(project.multiplier), str(project.balance)) == ("https://shop.example/", "1.5", "7")
    before = len(sandbox.state.stock)
    assert browser.post("/_sandbox/stock/refill").get_json()["skins_for_sale"] == 2 * before
    assert all(key == item.skin_id for key, item in sandbox.state.stock.items())


def test_the_whole_state_holds_no_secret(browser, link):
    link()
    state = browser.get("/_sandbox/state")
    assert state.get_json()["deposits"][0]["order_id"] == "1"
    assert CLIENT_SECRET not in state.text
