"""What holds for every page: addresses, escaping, security headers, static files and host names."""

import re
import subprocess
import sys
from decimal import Decimal

import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import Sandbox
from django_skinsback.sandbox.simulation.market import BY_CLASS_ID, DESIGNS
from django_skinsback.sandbox.web.pictures import draw
from django_skinsback.sandbox.web.rendering import _environment
from tests.unit.sandbox import KEYS


@pytest.mark.parametrize("path", ["/api.php/status", "/api.php/", "/api", "/api/v1/status"])
def test_a_wrong_api_address_is_a_404_with_the_right_one(browser, path):
    answer = browser.post(path, data={"method": "status"}, headers=KEYS)
    assert answer.status_code == 404
    assert "POST /api.php" in answer.text
    assert "method" in answer.text


def test_pages_contain_no_inline_scripts_or_styles_and_load_nothing_from_other_hosts(browser, link, sandbox):
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


def test_jinja2_is_not_imported_before_a_page_is_shown():
    code = "import sys; from django_skinsback.sandbox import Sandbox; Sandbox(); assert 'jinja2' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


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
def test_pages_of_other_sites_cannot_post(browser, sandbox, path, origin):
    before = sandbox.clock.now()
    assert browser.post(path, data={"days": "8"}, headers={"Origin": origin, **KEYS}).status_code == 403
    assert sandbox.clock.now() == before
    assert browser.post("/_sandbox/clock", data={}, headers={"Origin": "http://localhost"}).status_code == 200
