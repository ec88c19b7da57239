import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback import money
from django_skinsback.exceptions import InvalidAmount, InvalidInput
from django_skinsback.money import add_to, exact_sum, parse_amount, parse_currency, parse_number, wire_amount

READABLE = [
    ("0", "0"),
    ("8.28", "8.28"),
    ("008.280", "8.280"),
    ("10.50", "10.50"),
    ("758.930", "758.930"),
    ("1e2", "100"),
    ("1.0E+2", "100"),
    ("5e-05", "0.00005"),
    ("0.30000000000000004", "0.3"),
    ("869.9999999999999", "869.999999"),
    ("0.0000009", "0"),
    ("1e-99", "0"),
    ("99999999999999", "99999999999999"),
    ("123456789.123456", "123456789.123456"),
    (12, "12"),
    (Decimal("8.28"), "8.28"),
    (Decimal("1E+2"), "100"),
    (Decimal(1) / Decimal(3), "0.333333"),
]

UNREADABLE = [
    "",
    " 1",
    "1 ",
    "1\n",
    "1 000",
    "1,5",
    "1_000",
    "+1",
    "-5",
    "-0",
    "0x1",
    ".5",
    "5.",
    "1.2.3",
    "\uff11",
    "\u0663",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e",
    "1e100",
    "1e99",
    "1e4000000",
    "100000000000000",
    "1234567890.123456",
    "1" * 33,
    "1" * 4300,
    "0." + "1" * 40,
    "8.28 usd",
    "\x00",
    True,
    False,
    None,
    8.28,
    float("nan"),
    -1,
    10**14,
    10**5000,
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal("-1"),
    Decimal("1e4000000"),
    b"1",
    [],
    {},
]


@pytest.mark.parametrize(("written", "value"), READABLE)
def test_an_amount_is_read_exactly(written, value):
    assert parse_amount(written) == Decimal(value)


@pytest.mark.parametrize(
    "written", UNREADABLE, ids=lambda value: repr(value)[:20] if not isinstance(value, int) else ""
)
def test_anything_that_is_not_an_amount_is_refused(written):
    with pytest.raises(InvalidAmount):
        parse_amount(written)


@pytest.mark.parametrize("written", ["1e4000000", "9" * 100_000, 10**100_000], ids=["exponent", "digits", "int"])
def test_a_huge_number_is_refused_before_it_is_converted(written, monkeypatch):
    converted = []

    class RecordingDecimal(Decimal):
        def __new__(cls, value):
            converted.append(value)
            return super().__new__(cls, value)

    monkeypatch.setattr(money, "Decimal", RecordingDecimal)
    assert parse_amount("8.28") == Decimal("8.28")
    assert converted == ["8.28"]
    with pytest.raises(InvalidAmount):
        parse_amount(written)
    assert converted == ["8.28"]


@given(st.text())
def test_any_text_is_an_amount_or_is_refused(text):
    try:
        amount = parse_amount(text)
    except InvalidAmount:
        return
    assert text.isascii()
    assert 0 <= amount < 10**14


@given(st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False))
def test_decimals_are_cut_off_after_the_sixth(number):
    text = format(number, "f")[:32]
    try:
        amount = parse_amount(text)
    except InvalidAmount:
        return
    assert 0 <= Decimal(text.rstrip(".")) - amount < Decimal("0.000001")


@given(st.from_regex(r"[0-9]{1,8}\.[0-9]{1,6}", fullmatch=True))
def test_an_amount_is_the_same_after_it_was_sent_and_read(text):
    amount = parse_amount(text)
    sent = wire_amount(amount)
    assert "e" not in sent.lower()
    assert parse_amount(sent) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [("8.28", "8.28"), ("8.280000", "8.28"), ("100", "100"), ("1E+2", "100"), ("0.00001", "0.00001"), ("0.0", "0")],
)
def test_amounts_are_sent_as_plain_text(amount, text):
    assert wire_amount(Decimal(amount)) == text


@pytest.fixture
def small_precision():
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps[decimal.Inexact] = True
        yield


@pytest.mark.usefixtures("small_precision")
class TestPrecisionOfTheProcess:
    """The process's own decimal context changes neither amounts nor sums."""

    def test_an_amount_is_read_exactly(self):
        assert parse_amount("12345678.1234567") == Decimal("12345678.123456")

    def test_a_sum_is_exact(self):
        amounts = [Decimal("12345678.123456"), Decimal("0.000001"), Decimal("-0.5")]
        assert exact_sum(amounts) == Decimal("12345677.623457")
        assert exact_sum([]) == 0

    def test_an_amount_is_added_exactly_to_the_sum_of_its_key(self):
        sums = {"usd": Decimal("12345678.12")}
        add_to(sums, "usd", Decimal("0.000001"))
        add_to(sums, "eur", Decimal("-1.23"))
        assert sums == {"usd": Decimal("12345678.120001"), "eur": Decimal("-1.23")}


def test_a_rate_keeps_all_its_decimals():
    assert parse_number("0.0000123456") == Decimal("0.0000123456")


@pytest.mark.parametrize(("text", "code"), [("usd", "usd"), ("USD", "usd"), ("Rub", "rub"), ("usdt20", "usdt20")])
def test_currency_codes_are_lower_case(text, code):
    assert parse_currency(text) == code


@pytest.mark.parametrize(
    "text", ["", "u", "us dollar", "usd ", "dollarsss", "€ur", "\u212ard", "\u017fek", "us\n", None, 840]
)
def test_anything_that_is_not_a_currency_code_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_currency(text)
