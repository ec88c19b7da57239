"""Limits of numbers and keys: one character more or less changes the result."""

from decimal import Decimal

import pytest

from django_skinsback.exceptions import InvalidAmount
from django_skinsback.money import parse_amount, parse_number
from django_skinsback.wire.fields import Number
from django_skinsback.wire.signing import canonical_text, php_float, sign, verify_deposit_sign, verify_event


@pytest.mark.parametrize(("text", "value"), [("0" * 31 + "7", 7), ("1e-99", Decimal("1e-99")), ("1E+13", 10**13)])
def test_a_number_may_be_as_long_as_this(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["0" * 32 + "7", "1e-100", "1E+14"])
def test_a_number_may_not_be_longer_or_larger(text):
    with pytest.raises(InvalidAmount):
        parse_number(text)


@pytest.mark.parametrize("text", ["10000000000000.000000", "0.000001", "99999999.9999999"])
def test_zeros_around_an_amount_are_no_significant_digits(text):
    assert parse_amount(text) <= Decimal(text)


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        (["a", "10", "9"], ["9", "10", "a"]),
        (["0", "-5", "9"], ["-5", "0", "9"]),
        (["!", "0"], ["0", "!"]),
        (["!", "-5"], ["-5", "!"]),
        (["007", "9"], ["9", "007"]),
        (["!", "1" * 18], ["1" * 18, "!"]),
    ],
    ids=" ".join,
)
def test_keys_that_php_turns_into_integers_come_first_and_by_value(keys, order):
    assert canonical_text((key, "x") for key in keys) == "".join(f"{key}:x;" for key in order)


def test_a_long_negative_integer_is_signed_digit_by_digit():
    number = "-123456789012345678"

    signature = sign({"amount": number}, "123")

    assert verify_deposit_sign({"amount": Number(number)}, signature, ["123"])


def test_a_number_longer_than_any_float_is_left_as_it_is():
    longest = "0." + "1" * 62

    assert php_float(longest) == "0.11111111111111"
    assert php_float(longest + "1") == longest + "1"


@pytest.mark.parametrize(("lexeme", "spelled"), [("1e15", "1.0E+15"), ("1.5e-7", "1.5E-7"), ("1e100", "1.0E+100")])
def test_exponents_lose_their_leading_zeros_only(lexeme, spelled):
    assert php_float(lexeme) == spelled


def test_a_signature_that_is_not_ascii_is_refused_without_an_exception():
    assert not verify_event(b"{}", "\ud800é", ["123"])
    assert not verify_deposit_sign({"a": "b"}, "\ud800é", ["123"])


def test_half_a_character_in_a_signature_is_refused_without_an_exception():
    assert not verify_deposit_sign({"a": "\ud800"}, "0" * 40, ["123"])
    assert not verify_deposit_sign({"a": "b"}, "0" * 40, ["\udfff"])
    assert not verify_event(b"{}", "0" * 64, ["\udfff"])


@pytest.mark.parametrize("nested", [["x"], ("x",), {"x": "y"}], ids=lambda value: type(value).__name__)
def test_nested_fields_are_not_signed(nested):
    assert sign({"a": "b", "nested": nested}, "123") == sign({"a": "b"}, "123")
