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
from example_project.shop.progress import purchase_progress
from example_project.shop.status_texts import DEPOSIT_TEXTS, PURCHASE_TEXTS
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


def test_every_status_of_a_deposit_has_a_text():
    assert set(DEPOSIT_TEXTS) == set(DepositStatus)


def test_every_status_of_a_purchase_has_a_text():
    assert set(PURCHASE_TEXTS) == set(PurchaseStatus)


@pytest.mark.parametrize("word", REFUSALS_OF_BUYS + REASONS_OF_FAILED_TRADES)
def test_every_refusal_has_a_text(word):
    assert error_texts.error_text(word).endswith(".")
    assert word not in error_texts.error_text(word)


def test_an_unknown_refusal_has_a_general_text():
    purchase = Purchase(status="refused", error_message="some_new_reason")
    assert purchase_progress(purchase, refunded=False).text == str(error_texts.NOT_BOUGHT)


def test_the_reason_of_a_failed_trade_is_shown_instead_of_the_text_of_its_status():
    purchase = Purchase(status="user_not_tradable", error_reason="user_trade_ban")
    assert purchase_progress(purchase, refunded=True).text == "Your Steam account has a trade ban."


def test_users_are_not_told_that_the_shop_is_out_of_funds():
    assert "fund" not in error_texts.error_text("insufficient_funds")


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
def test_every_failure_to_create_a_deposit_has_a_text(error):
    assert error_texts.deposit_error_text(error).endswith(".")


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
def test_amounts_are_formatted_with_all_their_decimals(amount, currency, shown):
    assert money(Decimal(amount), currency) == shown


def test_a_positive_amount_has_a_plus_sign():
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
def test_skin_names_are_split_into_parts(name, parts):
    parsed = skin_names.parse(name)
    assert (parsed.kind, parsed.finish, parsed.wear) == parts


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
def test_a_range_of_shop_prices_is_converted_into_the_market_prices_that_give_them(millionths, lowest, highest):
    price = Decimal(millionths) / 10**6
    low, high = Decimal(lowest) / 100, Decimal(highest) / 100
    least, most = market_range(low, high)
    assert (least <= price) == (low <= with_markup(price))
    assert (price <= most) == (with_markup(price) <= high)


def test_a_range_may_be_open():
    assert market_range(None, None) == (None, None)
