"""A number may be sent in one format and signed in another. The value is the text that was signed."""

import hashlib
import hmac
import json
from decimal import Context, Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import BadSignature
from django_skinsback.wire.notifications import read_deposit_notification
from tests.samples import SECRET

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
FIELDS = {"status": "success", "order_id": "1", "transaction_id": "13", "amount_currency": "usd"}


def hmac_sha1(pairs):
    text = "".join(f"{key}:{value};" for key, value in sorted(pairs.items()))
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()


def in_json(sent, signed):
    """Return a body with the numbers of ``sent`` and the signature of the texts in ``signed``."""
    signature = hmac_sha1(FIELDS | signed)
    numbers = "".join(f', "{name}": {lexeme}' for name, lexeme in sent.items())
    return (json.dumps(FIELDS | {"sign": signature})[:-1] + numbers + "}").encode()


def in_form(sent, signed):
    return urlencode(FIELDS | sent | {"sign": hmac_sha1(FIELDS | signed)}).encode()


def read(body, content_type=JSON):
    return read_deposit_notification(body, content_type, secrets=(SECRET,))


def sent_by_php(number):
    """Return a float as ``json_encode`` writes it with ``serialize_precision=17``, and as PHP writes it as text."""
    binary = float(number)
    return f"{binary:.17g}", in_php_text(Decimal(binary))


def in_php_text(exact):
    """Fourteen significant digits; an exponent from 15 digits before the point and from four zeros behind it."""
    rounded = Context(prec=14).plus(exact).normalize()
    if -5 < rounded.adjusted() < 14:
        return f"{rounded:f}"
    digits = "".join(map(str, rounded.as_tuple().digits))
    return f"{digits[0]}.{digits[1:] or '0'}E{rounded.adjusted():+d}"


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("40.759999999999998", "40.76"),
        ("0.30000000000000004", "0.3"),
        ("869.9999999999999", "870"),
        ("8.0", "8"),
        ("10.50", "10.5"),
        ("10.50", "10.50"),
        ("40.759999999999998", "40.759999999999998"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("1234567890.1234567", "1234567890.1235"),
        ("1.0e-5", "1.0E-5"),
    ],
)
def test_the_text_that_was_signed_is_the_value(sent, signed):
    report = read(in_json({"amount": sent, "user_amount": sent}, {"amount": signed, "user_amount": signed}))

    exact = Decimal(signed).quantize(Decimal("0.000001"), rounding="ROUND_DOWN")
    assert (report.amount, report.user_amount) == (exact, exact)


@pytest.mark.parametrize("amount", ["0.3", "0.30000000000000004"])
@pytest.mark.parametrize("user_amount", ["40.76", "40.759999999999998"])
def test_each_number_may_have_been_signed_in_its_own_format(amount, user_amount):
    sent = {"amount": "0.30000000000000004", "user_amount": "40.759999999999998"}

    report = read(in_json(sent, {"amount": amount, "user_amount": user_amount}))

    assert (report.amount, report.user_amount) == (Decimal("0.3"), Decimal(user_amount[:9]))


def test_a_whole_number_of_seventeen_digits_beside_a_float_is_signed_digit_by_digit():
    sent = {"steam_id": "76561198827262007", "amount": "869.9999999999999", "user_amount": "1000000000000000"}

    report = read(in_json(sent, sent | {"amount": "870", "user_amount": "1.0E+15"}))

    assert (report.steam_id, report.amount, report.user_amount) == ("76561198827262007", 870, None)


def test_among_many_numbers_those_of_php_are_still_verified():
    sent = {f"n{number}": "0.30000000000000004" for number in range(100)} | {"user_amount": "40.759999999999998"}
    signed = dict.fromkeys(sent, "0.3") | {"user_amount": "40.76"}

    assert read(in_json(sent, signed)).user_amount == Decimal("40.76")


def test_a_form_is_what_was_signed():
    """PHP's ``http_build_query`` writes a float with the 14 digits that it signs."""
    spelled = {"amount": "40.76", "user_amount": "1.0E-5"}

    report = read(in_form(spelled, spelled), FORM)

    assert (report.amount, report.user_amount) == (Decimal("40.76"), Decimal("0.00001"))


def test_a_text_is_verified_only_as_it_was_sent():
    sent, signed = {"user_amount": "40.759999999999998"}, {"user_amount": "40.76"}
    with pytest.raises(BadSignature):
        read(in_form(sent, signed), FORM)
    with pytest.raises(BadSignature):
        read(json.dumps(FIELDS | sent | {"sign": hmac_sha1(FIELDS | signed)}).encode())


amounts = st.decimals("0", "99999999", places=2) | st.decimals("0", "99999999", places=6)
floats = (
    amounts.map(float)
    | st.floats(1e-90, 1e9)
    | st.lists(amounts, min_size=2, max_size=5).map(lambda parts: sum(map(float, parts)))
)


@given(floats, floats)
def test_row_71_whatever_float_php_sends_the_amount_is_the_one_that_it_signed(amount, user_amount):
    (sent, signed), (sent_to_user, signed_for_user) = map(sent_by_php, (amount, user_amount))
    spelled = {"amount": signed, "user_amount": signed_for_user}
    expected = [Decimal(text).quantize(Decimal("0.000001"), rounding="ROUND_DOWN") for text in spelled.values()]

    for body, content_type in (
        (in_json({"amount": sent, "user_amount": sent_to_user}, spelled), JSON),
        (in_json({"amount": repr(amount), "user_amount": repr(user_amount)}, spelled), JSON),
        (in_form(spelled, spelled), FORM),
    ):
        report = read(body, content_type)
        assert [report.amount, report.user_amount] == expected


@given(amounts)
def test_row_71_an_amount_of_up_to_six_decimals_never_loses_or_gains_a_millionth(amount):
    sent, signed = sent_by_php(amount)

    report = read(in_json({"user_amount": sent}, {"user_amount": signed}))

    assert report.user_amount == amount


@given(floats, st.integers(-(10**6), 10**6).filter(bool))
def test_row_71_no_amount_is_credited_that_was_not_signed(number, millionths):
    """The signed text is the value, even if someone changes the digits that PHP does not sign."""
    sent, signed = sent_by_php(number)
    changed = f"{Decimal(sent) + millionths * Decimal('1e-16'):f}"
    try:
        report = read(in_json({"user_amount": changed}, {"user_amount": signed}))
    except BadSignature:
        return
    assert report.user_amount == Decimal(signed).quantize(Decimal("0.000001"), rounding="ROUND_DOWN")
