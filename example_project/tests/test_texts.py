from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback import exceptions
from django_skinsback.models import Purchase
from django_skinsback.statuses import DepositStatus, PurchaseStatus
from example_project.shop import error_texts, skin_names
from example_project.shop.pictures import picture, shape_of
from example_project.shop.prices import market_range, with_markup
from example_project.shop.progress import purchase_story
from example_project.shop.status_texts import DEPOSIT_CHAPTERS, PURCHASE_CHAPTERS
from example_project.shop.templatetags.shop import money, signed_money

REFUSALS_OF_BUYS = [
    "insufficient_funds",
    "skin_unavailable",
    "skins_not_found_at_specified_price",
    "custom_id_already_exists",
    "invalid_partner_value",
    "invalid_token_value",
    "too_many_failed_attempts_for_user",
]
REASONS_OF_FAILED_TRADES = [
    "user_cant_trade",
    "private_inventory",
    "user_trade_ban",
    "user_inventory_is_full",
    "too_many_failed_attempts",
    "skin_unavailable",
]


def test_every_status_of_a_deposit_has_a_chapter():
    assert set(DEPOSIT_CHAPTERS) == set(DepositStatus)


def test_every_status_of_a_purchase_has_a_chapter():
    assert set(PURCHASE_CHAPTERS) == set(PurchaseStatus)


@pytest.mark.parametrize("word", REFUSALS_OF_BUYS + REASONS_OF_FAILED_TRADES)
def test_every_refusal_has_a_sentence(word):
    assert error_texts.why(word).endswith(".")
    assert word not in error_texts.why(word)


def test_a_refusal_never_heard_of_has_a_sentence():
    purchase = Purchase(status="refused", error_message="moon_in_wrong_phase")
    assert purchase_story(purchase, refunded=False).text == str(error_texts.FALLBACK)


def test_the_reason_of_a_failed_trade_says_more_than_its_status():
    purchase = Purchase(status="user_not_tradable", error_reason="user_trade_ban")
    assert purchase_story(purchase, refunded=True).text == "Your Steam account has a trade ban."


def test_users_are_not_told_that_the_shop_is_out_of_funds():
    assert "fund" not in error_texts.why("insufficient_funds")


@pytest.mark.parametrize(
    "error",
    [
        exceptions.UnknownOutcome(),
        exceptions.RequestNotSent(),
        exceptions.APIError.for_answer("create", -9, "under_maintenance"),
        exceptions.APIError.for_answer("create", 7, "invalid_max_value"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_failure_to_open_a_deposit_has_a_sentence(error):
    assert error_texts.of_deposit(error).endswith(".")


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("12.5", "usd", "$12.50"),
        ("0", "usd", "$0.00"),
        ("-3.4", "usd", "\N{MINUS SIGN}$3.40"),
        ("1234567.890000", "usd", "$1,234,567.89"),
        ("0.000001", "eur", "€0.000001"),
        ("100", "rub", "100.00 RUB"),
    ],
)
def test_money_is_shown_whole(amount, currency, shown):
    assert money(Decimal(amount), currency) == shown


def test_what_was_given_has_a_plus():
    assert signed_money(Decimal(1), "usd") == "+$1.00"


def test_the_markup_is_rounded_in_the_shops_favour():
    assert with_markup(Decimal("0.11")) == Decimal("0.12")
    assert with_markup(Decimal(10)) == Decimal("10.50")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("AK-47 | Night Ferry (Field-Tested)", ("AK-47", "Night Ferry", "Field-Tested")),
        ("Tin Roof Pants", ("", "Tin Roof Pants", "")),
        ("", ("", "", "")),
        ("Sticker | Team (Holo) | Town 2020", ("Sticker", "Team (Holo) | Town 2020", "")),
    ],
)
def test_names_are_read_in_parts(name, parts):
    read = skin_names.read(name)
    assert (read.kind, read.finish, read.wear) == parts


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("AWP | Chalk River (Field-Tested)", "sniper"),
        ("★ Navaja Knife | Ember Grove (Field-Tested)", "blade"),
        ("Harbour Crew Hoodie", "top"),
        ("Mantle of the Drowned Bell", "top"),
        ("Winter Orchard Bolt Rifle", "sniper"),
        ("Never Seen Before", "gem"),
        ("", "gem"),
    ],
)
def test_a_picture_shows_what_a_skin_is(name, shape):
    assert shape_of(name) == shape


def test_a_picture_is_well_formed_whatever_the_name():
    assert ElementTree.fromstring(picture('"><script>')).tag.endswith("svg")  # noqa: S314 - a text of ours


@given(st.integers(1, 10**7), st.integers(0, 10**5), st.integers(0, 10**5))
def test_a_range_of_the_shops_prices_holds_the_market_prices_that_become_one_of_them(millionths, lowest, highest):
    price = Decimal(millionths) / 10**6
    low, high = Decimal(lowest) / 100, Decimal(highest) / 100
    least, most = market_range(low, high)
    assert (least <= price) == (low <= with_markup(price))
    assert (price <= most) == (with_markup(price) <= high)


def test_a_range_may_be_open():
    assert market_range(None, None) == (None, None)
