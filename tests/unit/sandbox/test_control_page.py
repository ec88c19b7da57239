"""The control page: what it shows, and what its buttons send."""

import re
from html import unescape

from django_skinsback.sandbox.simulation.faults import FAULTS
from django_skinsback.sandbox.web.control_routes import ROUTES
from tests.unit.sandbox import KEYS

BROWSER = {"Accept": "text/html,*/*"}


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


def test_a_button_redirects_to_the_page_and_a_program_gets_json(browser, sandbox):
    before = sandbox.clock.now()
    pressed = browser.post("/_sandbox/clock", data={"minutes": "10"}, headers=BROWSER)
    assert (pressed.status_code, pressed.headers["Location"]) == (303, "/")
    assert browser.post("/_sandbox/clock", json={"hours": 1}).get_json()["now"] == before + 4200


def test_an_impossible_button_says_why(browser, link):
    link()
    pressed = browser.post("/_sandbox/deposits/1/accept", headers=BROWSER)
    assert pressed.status_code == 409
    assert "There is no open trade offer." in pressed.text
    assert browser.post("/_sandbox/deposits/1/accept").get_json() == {"error": "There is no open trade offer."}


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


def test_a_button_sends_a_notification_again(browser, link, sandbox):
    sandbox.configure(result_url="https://shop.example/")
    link()
    sandbox.notify("1")
    assert browser.post("/_sandbox/deliveries/send").get_json() == {"sent": 1}
    assert browser.post("/_sandbox/deliveries/1/send").get_json()["delivery_id"] == 1
    assert browser.post("/_sandbox/deliveries/send").get_json() == {"sent": 1}
    assert browser.get("/_sandbox/deliveries").get_json()[0]["attempts"] == 2
