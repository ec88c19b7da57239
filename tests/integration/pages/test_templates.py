"""The base template of a site, the stylesheet and the scripts, and the template tags."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import RequestFactory

import django_skinsback
from django_skinsback.models import LedgerEntry
from django_skinsback.testing import make_deposit, make_purchase

pytestmark = pytest.mark.django_db

TEMPLATES = Path(django_skinsback.__file__).parent / "templates" / "skinsback"

SITE_BASE = "<title>{% block title %}Site{% endblock %} - Site</title><main>{% block content %}{% endblock %}</main>"
SITE_BASE_WITH_HEAD = f"<head>{{% block extra_head %}}<meta name=site>{{% endblock %}}</head>{SITE_BASE}"


@pytest.fixture
def site_base(settings):
    """``site_base(text)`` makes ``text`` the base template of the site."""

    def use(text):
        loaders = [
            ("django.template.loaders.locmem.Loader", {"site/base.html": text}),
            "django.template.loaders.app_directories.Loader",
        ]
        options = {**settings.TEMPLATES[0]["OPTIONS"], "loaders": loaders}
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": False, "OPTIONS": options}]
        settings.SKINSBACK = {**settings.SKINSBACK, "PAGES_BASE_TEMPLATE": "site/base.html"}

    return use


def render(text, user=None, **context):
    request = RequestFactory().get("/")
    request.user = user
    return Template("{% load skinsback %}" + text).render(Context({"request": request, **context}))


def test_a_base_with_a_head_gets_the_stylesheet_there_once(player, site_base):
    site_base(SITE_BASE_WITH_HEAD)
    text = player.read("/skins/history/")
    head = text.split("</head>")[0]
    assert "skinsback/pages.css" in head
    assert "<meta name=site>" in head
    assert text.count("skinsback/pages.css") == 1
    assert text.count("live.js") == 1
    assert "<title>History - Site</title>" in text


def test_a_base_without_a_block_in_its_head_has_the_stylesheet_too(player, site_base):
    site_base(SITE_BASE)
    text = player.read("/skins/history/")
    assert text.count("skinsback/pages.css") == 1
    assert "pages.css" in text.split("<main>")[1]


def test_the_standalone_base_has_language_viewport_and_landmarks(player):
    text = player.read("/skins/history/")
    assert '<html lang="en-us">' in text
    assert 'name="viewport"' in text
    assert text.count("<main") == 1
    assert text.count("<h1") == 1
    assert 'href="#skinsback-main"' in text


def test_the_current_page_is_marked_in_the_menu(player):
    assert re.search(r'href="/skins/history/" aria-current="page"', player.read("/skins/history/"))


def test_the_balance_is_shown_only_with_the_setting(player, settings):
    assert "data-skinsback-balance" not in player.read("/skins/history/")
    settings.SKINSBACK = {**settings.SKINSBACK, "BALANCE": "tests.integration.pages.test_templates.balance"}
    assert "\N{MINUS SIGN}$3.50" in player.read("/skins/history/")


def balance(_user, _currency):
    return Decimal("-3.5")


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_inline_code(template):
    text = template.read_text()
    assert "<style" not in text
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son\w+=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "|safe" not in text
    assert "autoescape" not in text


def test_every_static_file_of_the_templates_exists():
    names = {name for path in TEMPLATES.glob("*.html") for name in re.findall(r'{% static "([^"]+)"', path.read_text())}
    assert {name for name in names if finders.find(name) is None} == set()
    assert "skinsback/pages.css" in names


@pytest.mark.parametrize(
    ("amount", "currency", "signed", "text"),
    [
        ("12.5", "usd", False, "$12.50"),
        ("12.5", "EUR", False, "€12.50"),
        ("12.5", "uah", False, "12.50 UAH"),
        ("12.345678", "usd", False, "$12.345678"),
        ("-12.5", "usd", True, "\N{MINUS SIGN}$12.50"),
        ("12.5", "usd", True, "+$12.50"),
        ("0", "usd", True, "$0.00"),
        ("1234567", "usd", False, "$1,234,567.00"),
        ("1E+2", "usd", False, "$100.00"),
    ],
)
def test_a_price(amount, currency, signed, text):
    tag = "{% skinsback_price amount currency signed=signed %}"
    shown = render(tag, amount=Decimal(amount), currency=currency, signed=signed)
    assert shown == f'<span class="skinsback-price">{text}</span>'


def test_a_price_of_none_is_empty():
    assert render("{% skinsback_price None 'usd' %}") == ""


def test_a_currency_is_escaped():
    assert "<b>" not in render("{% skinsback_price 1 '<b>' %}")


def test_the_status_of_a_row(user):
    assert "Deposit not completed" in render("{% skinsback_status row %}", row=make_deposit(user=user, status="fail"))
    assert "expired" in render("{% skinsback_status row %}", row=make_purchase(user=user, status="timeout"))


def test_the_card_of_a_deposit(user):
    deposit = make_deposit(user=user, status="success")
    LedgerEntry.objects.create(user=user, deposit=deposit, kind="credit", amount=Decimal(5), currency="usd")
    text = render("{% skinsback_deposit deposit %}", user, deposit=deposit)
    assert "Deposit complete" in text
    assert "+$5.00" in text
    assert f'href="/skins/deposit/{deposit.public_id}/"' in text


def test_the_card_of_a_purchase(user):
    purchase = make_purchase(user=user, status="waiting_accept", trade_offer_id="77")
    text = render("{% skinsback_purchase purchase %}", user, purchase=purchase)
    assert "Accept the trade offer on Steam" in text
    assert "https://steamcommunity.com/tradeoffer/77/" in text
    assert f'href="/skins/withdraw/{purchase.public_id}/"' in text


def test_the_name_of_a_game():
    assert render("{{ 'cs2'|skinsback_game }}{{ 'x'|skinsback_game }}") == "Counter-Strike 2x"


def test_a_picture_is_lazy_and_has_a_placeholder(settings):
    text = render("{% skinsback_picture 'AK-47 | Redline (Field-Tested)' class_id='310776668' %}")
    assert text.count('loading="lazy"') == 2
    assert "skinsback/skins/rifle.svg" in text
    assert "310776668" in text
    settings.SKINSBACK = {**settings.SKINSBACK, "PICTURE_URL": None}
    assert "310776668" not in render("{% skinsback_picture 'AK-47' class_id='310776668' %}")
