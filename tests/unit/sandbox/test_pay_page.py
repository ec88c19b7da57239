"""The pay page: a user chooses skins, accepts or declines the trade, and returns to the site."""

import re


def asset_ids(page):
    boxes = re.findall(r"<input type=\"checkbox\"[^>]*>", page.text)
    return [re.search(r'value="(\d+)"', box)[1] for box in boxes if "disabled" not in box]


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


def test_a_user_declines_and_is_sent_to_the_fail_url(browser, link, sandbox):
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


def test_every_address_redirects_to_the_step_of_the_deposits_status(browser, link, sandbox):
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


def test_the_pay_page_shows_limits_in_both_currencies(browser, link):
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


def test_the_pay_page_without_limits_shows_how_prices_are_multiplied(browser, link):
    assert "1.2 USD for each 1 USD" in browser.get(link()).text


def test_the_pay_page_without_a_multiplier_shows_the_limits_once(browser, link):
    text = browser.get(link(currency="usd", min_amount="5", max_amount="20", custom_multiplier="1")).text
    assert "skins worth 5.00 USD to 20.00 USD" in text
    assert "for each" not in text


def test_another_account_can_pay(browser, link, sandbox):
    url = link(steam_id="76561198827262007", game="rust")
    other = "76561198999000003"
    page = browser.get(f"{url}?steam_id={other}&game=rust")
    browser.post(f"{url}offer", data={"steam_id": other, "game": "rust", "asset_id": asset_ids(page)[0]})
    assert sandbox.deposit("1").steam_id == other


def test_a_protected_skin_is_marked_and_held(browser, link, sandbox):
    url = link(steam_id="76561198999000002")
    inventory = sandbox.inventory("76561198999000002")
    protected = next(asset for asset in inventory if asset.trade_protected and asset.tradable and asset.price > 1)
    browser.post(f"{url}offer", data={"asset_id": protected.asset_id})
    assert "eight days" in browser.get(f"{url}trade").text
    browser.post(f"{url}decide", data={"decision": "accept"})
    assert "Deposit on hold" in browser.get(f"{url}finished").text


def test_only_a_widget_can_be_framed(browser, link):
    plain, widget = browser.get(link()), browser.get(link(order_id="2", widget="1"))
    assert "frame-ancestors 'none'" in plain.headers["Content-Security-Policy"]
    assert "frame-ancestors *" in widget.headers["Content-Security-Policy"]


def test_an_unknown_pay_link_is_not_found(browser):
    assert browser.get("/_/pay/0123456789abcdef/").status_code == 404


def test_a_pay_link_without_its_slash_redirects_to_the_pay_page(browser, link):
    url = link()
    answer = browser.get(url.rstrip("/"))
    assert (answer.status_code, answer.headers["Location"]) == (308, f"http://localhost{url}")
