"""The pages at a site that is served below a prefix, with the setting ``FORCE_SCRIPT_NAME``."""

import re

import pytest
from django.urls import clear_script_prefix, set_script_prefix

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def below_a_prefix(settings):
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")  # a server's handler does this, the test client does not
    yield
    clear_script_prefix()


@pytest.mark.parametrize("page", ["deposit", "deposit/inventory", "withdraw", "withdraw/cart", "history", "trade-url"])
def test_every_link_and_form_of_a_page_begins_with_the_prefix(player, profile, page):
    text = player.read(f"/skins/{page}/")

    addresses = re.findall(r'(?:href|action|src)="(/[^"]*)"', text)
    assert addresses
    assert [address for address in addresses if not address.startswith(("/shop/", "/static/"))] == []


def test_a_saved_trade_url_leads_to_a_page_below_the_prefix(player):
    trade_url = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
    answer = player.post("/skins/trade-url/?next=/shop/skins/deposit/", {"trade_url": trade_url})

    assert answer.status_code == 302
    assert answer.url.startswith("/shop/skins/")
