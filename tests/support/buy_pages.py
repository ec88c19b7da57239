"""The steps of an operator on the admin pages that buy skins."""

import json

from django.urls import reverse

from django_skinsback.steam import TradeURL

from .admin_staff import VIEW_ALL, browser_of

TOKEN = "i1ArBZey"
STEAM_ID = "76561198050648523"
TRADE_URL = f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={TOKEN}"
OTHER_TRADE_URL = TradeURL("90382796", "otherTok").url


def buyer():
    """Return the test client of an operator who may view everything and buy."""
    return browser_of(*VIEW_ALL, "buy_skins")


def buy_url(**query):
    return reverse("admin:skinsback_purchase_buy", query=query)


def result_url(**query):
    return reverse("admin:skinsback_purchase_buy_result", query=query)


def press(client, action="", **fields):
    """Press a button of the cart's page, with the fields of the cart as they are shown."""
    return client.post(buy_url(), {**fields_of(client.get(buy_url())), "action": action, **fields})


def fields_of(page):
    """Return the quantities and caps on a page of the cart: name of the field -> value."""
    fields = {}
    for row in page.context["lines"]:
        for name in ("quantity", "cap"):
            bound = row["form"][name]
            fields[bound.html_name] = str(bound.value())
    return fields


def search(client, words, kind="search", **fields):
    """Search, and return the names that were found, the cheapest first."""
    return [row["skin"] for row in press(client, kind, q=words, **fields).context["found"]]


def put_into_cart(client, *found, **fields):
    """Press the button "Add" of each found skin. ``fields`` are sent with each of them."""
    page = None
    for skin in found:
        value = json.dumps([skin.game, skin.market_hash_name, str(skin.price), skin.class_id])
        page = press(client, "", add=value, **fields)
    return page


def cart_of(client):
    """Return the lines of the cart: (game, name, quantity, cap)."""
    lines = client.get(buy_url()).context["page"].cart.lines
    return [(line.game, line.market_hash_name, line.quantity, line.cap) for line in lines]


def change_line(client, position=0, **values):
    """Return the form fields that change one line of the cart: ``quantity`` or ``cap``."""
    line = client.get(buy_url()).context["page"].cart.lines[position]
    return {f"{line.key}-{name}": value for name, value in values.items()}


def review(client, **fields):
    """Press "Review" and return the page."""
    return press(client, "review", **{"trade_url": TRADE_URL, **fields})


def confirm(client, asked):
    """Press the button of the confirmation page."""
    return client.post(buy_url(), {"order": asked.context["order"]})


def wanted_skins(client, words="AK-47", count=1):
    """Search SkinsBack's market for words, put the cheapest names into the cart, and return them."""
    found = search(client, words, "live", game="cs2")[:count]
    put_into_cart(client, *found)
    return found
