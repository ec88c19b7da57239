"""Addresses of pictures, placeholders, and the origins of a Content-Security-Policy."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import requests
from django.contrib.staticfiles import finders

from django_skinsback.flows.players.inventory import get_inventory
from django_skinsback.models import SteamProfile
from django_skinsback.pictures import _WORDS, csp_sources, picture_url, placeholder
from django_skinsback.sandbox.simulation.market import BY_CLASS_ID
from django_skinsback.steam import GAMES

STEAM = "https://community.cloudflare.steamstatic.com/economy/image/"
ICON = "-9a81dlWLwJ2UUGcVs_nsVtzdOEdtWwKGZZLQHTxDZ7I56KU0Zwwo4NUX4oFJZEHLbXH5ApeO4YmlhxYQknCRvCo04DEVlxkKgpot7Hx"


def option(settings, **changed):
    settings.SKINSBACK = {**settings.SKINSBACK, **changed}


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ({"class_id": "3770669160"}, f"{STEAM}class/730/3770669160/256fx256f"),
        ({"class_id": "3770669160", "large": True}, f"{STEAM}class/730/3770669160/512fx512f"),
        ({"class_id": "1", "game": "dota2"}, f"{STEAM}class/570/1/256fx256f"),
        ({"class_id": "1", "game": "rust"}, f"{STEAM}class/252490/1/256fx256f"),
        ({"icon": ICON}, f"{STEAM}{ICON}/256fx256f"),
        ({"icon": ICON, "class_id": "1", "large": True}, f"{STEAM}{ICON}/512fx512f"),
        ({"icon": f"{STEAM}{ICON}"}, f"{STEAM}{ICON}/256fx256f"),
        ({"icon": f"{STEAM}{ICON}/62fx62f"}, f"{STEAM}{ICON}/256fx256f"),
    ],
)
def test_the_address_is_built_from_the_icon_or_the_class_id(arguments, url):
    assert picture_url(**arguments) == url


@pytest.mark.parametrize(
    "icon",
    [
        "",
        "https://evil.example/economy/image/abc",
        "http://community.cloudflare.steamstatic.com/economy/image/abc",
        "//evil.example/abc",
        f"{STEAM}../../evil",
        f"{STEAM}{ICON}/62fx62f/x",
        f"{STEAM}{ICON}?x=1",
        "javascript:alert(1)",
        'abc" onerror="alert(1)',
        "abc/../def",
        "a" * 513,
        "äbc",
        "abc\n",
    ],
)
def test_an_icon_of_another_site_is_not_used(icon):
    assert picture_url(icon=icon) == ""
    assert picture_url(icon=icon, class_id="5") == f"{STEAM}class/730/5/256fx256f"


@pytest.mark.parametrize("class_id", ["", "-1", "1/2", "12a", "١٢", "1" * 21, "1\n", " 1"])
def test_a_class_id_has_digits_only(class_id):
    assert picture_url(class_id=class_id) == ""


def test_an_unknown_game_has_no_pictures():
    assert picture_url(class_id="1", game="csgo") == ""


def test_the_site_chooses_host_and_sizes_or_no_pictures(settings):
    option(settings, PICTURE_URL="https://cdn.example/p/", PICTURE_SIZES=(96, 300))
    assert picture_url(icon="abc") == "https://cdn.example/p/abc/96fx96f"
    assert picture_url(class_id="7", large=True) == "https://cdn.example/p/class/730/7/300fx300f"
    assert picture_url(icon=f"{STEAM}abc") == ""
    option(settings, PICTURE_URL=None)
    assert picture_url(class_id="7", icon="abc") == ""


def test_the_policy_allows_the_origins_of_pictures_and_of_pay_pages(settings):
    assert csp_sources() == {
        "img-src": ("https://community.cloudflare.steamstatic.com",),
        "frame-src": ("https://skinsback.com",),
    }
    option(settings, PICTURE_URL=None, API_URL="http://127.0.0.1:8600/api.php")
    assert csp_sources() == {"img-src": (), "frame-src": ("http://127.0.0.1:8600",)}
    option(settings, API_URL="https://user:secret@skinsback.example:8443/api.php")
    assert csp_sources()["frame-src"] == ("https://skinsback.example:8443",)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("AK-47 | Redline (Field-Tested)", "rifle"),
        ("StatTrak™ M4A1-S | Hyper Beast (Minimal Wear)", "rifle"),
        ("Souvenir AWP | Dragon Lore (Factory New)", "sniper"),
        ("Desert Eagle | Blaze (Factory New)", "pistol"),
        ("P90 | Asiimov (Well-Worn)", "smg"),
        ("★ Karambit | Doppler (Factory New)", "blade"),
        ("★ StatTrak™ Flip Knife | Fade (Factory New)", "blade"),
        ("★ Sport Gloves | Vice (Minimal Wear)", "gloves"),
        ("★ Karambit", "blade"),
        ("Revolution Case", "box"),
        ("Sticker | Crown (Foil)", "gem"),
        ("Blade of the Hollow Pine", "sword"),
        ("Cape of the Goat Path", "top"),
        ("Metal Facemask", "helmet"),
        ("", "gem"),
        ("龍王", "gem"),
    ],
)
def test_a_placeholder_shows_the_kind_of_skin(name, shape):
    assert placeholder(name) == f"skinsback/skins/{shape}.svg"


def test_every_placeholder_is_a_static_file_without_scripts_and_addresses():
    for shape in [*_WORDS, "gem"]:
        path = finders.find(f"skinsback/skins/{shape}.svg")
        assert path, shape
        text = Path(path).read_text(encoding="utf-8")
        assert ET.fromstring(text).tag.endswith("svg")
        assert not re.search(r"script|href|url\(|style=", text)
        assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


@pytest.mark.django_db
def test_the_sandbox_serves_its_pictures_at_such_addresses(skinsback_sandbox, django_user_model):
    user = django_user_model.objects.create_user("anna")
    SteamProfile.objects.create(user=user, partner="90382795", token="i1ArBZey")
    for game in GAMES:
        class_id = next(class_id for class_id, design in BY_CLASS_ID.items() if design.game == game)
        by_class = requests.get(picture_url(class_id=class_id, game=game), timeout=10)
        assert by_class.headers["Content-Type"].startswith("image/svg+xml")
        other = "rust" if game != "rust" else "cs2"
        assert requests.get(picture_url(class_id=class_id, game=other), timeout=10).status_code == 404
    skin = get_inventory(user, "cs2").items[0]
    by_icon = requests.get(picture_url(icon=skin.icon_url, large=True), timeout=10)
    assert by_icon.text == requests.get(picture_url(class_id=skin.class_id), timeout=10).text
    assert by_icon.text.startswith("<svg")
    for path in ("unknown/256fx256f", f"{skin.icon_url}/large", "class/730/1/256fx256f"):
        assert requests.get(f"{skinsback_sandbox.picture_url}{path}", timeout=10).status_code == 404
