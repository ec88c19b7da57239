import hashlib
import hmac
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import ConfigurationError
from django_skinsback.wire.fields import Number
from django_skinsback.wire.signing import (
    canonical_text,
    client_digest,
    event_signature,
    is_ambiguous,
    php_float,
    sign,
    verify_deposit_sign,
    verify_event,
)

ORDERSTATUS = {"method": "orderstatus", "order_id": "1", "shopid": "123"}
CREATE = {
    "currency": "usd",
    "method": "create",
    "order_id": "1",
    "shopid": "1",
    "steam_id": "76561198827262007",
    "trade_token": "i1ArBZey",
}
BATCH = {
    "method": "market_batch_buy",
    "shopid": "1",
    "partner": "90382795",
    "token": "i1ArBZey",
    "items": [{"id": "62696971", "max_price": "8.28", "custom_id": "10000"}],
}
NOTIFICATION = {
    "status": "success",
    "transaction_id": "13",
    "order_id": "1",
    "steam_id": "76561198827262007",
    "date": "1596999226",
    "amount": "10.5",
    "amount_currency": "usd",
    "amount_in_currencies": {"usd": "10.5", "rub": "945"},
    "user_amount": "12.6",
    "user_amount_in_currencies": {"usd": "12.6"},
    "offer_date": "1596999230",
    "skins_send_date": "1596999290",
    "skins": [{"name": "AK-47 | Safari Mesh (Minimal Wear)", "price": "0.4"}],
}
STATUS_CHANGE = (
    b'{"event":"status_change","data":{"item":{"id":"2516"},"buy_id":"65","offer_status":"waiting_accept",'
    b'"error_reason":null,"tradeofferid":"4176876858","custom_id":"123456"}}'
)

VECTORS = [
    (ORDERSTATUS, "123", "abee99d476c736102c3d6062807761b6e4d31dd8"),
    (CREATE, "123123123123213", "192b047ade515683d6bfdc45cf8b83bfe61d4860"),
    (BATCH, "123", "11190a6306386726f41c82bd01c249fb60931748"),
    (NOTIFICATION, "123", "470f42510bd2118338be31fd9adfb00bb188b01d"),
    (NOTIFICATION | {"status": "in_hold"}, "123", "e895f489bfbeecc2e1934f7539ec747f7c973001"),
]

# The texts that PHP and JavaScript sign for the same body, where they differ.
SPELLINGS = [
    ({"a": "1", "b": None, "method": "x"}, "fcf13aaa8dcfccbda15a0661d868eca7f54eb44d"),
    ({"a": "1", "b": None, "method": "x"}, "992ad42aec19ef1d6b8e9107610dd2866faca4ed"),
    (
        {"full": True, "game": "cs2", "method": "market_pricelist", "shopid": "123"},
        "504f0671bbb976f50fd37f6da43878441bd1c5c2",
    ),
    (
        {"full": True, "game": "cs2", "method": "market_pricelist", "shopid": "123"},
        "0c84a0a84cc97edc0c5ee9b2dc05120aae69b154",
    ),
]


def sha1(text: str, secret: str = "123") -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()


@pytest.mark.parametrize(("params", "secret", "signature"), VECTORS)
def test_requests_and_notifications_are_signed_as_documented(params, secret, signature):
    assert sign(params, secret) == signature
    assert sign({**params, "sign": "anything"}, secret) == signature


@pytest.mark.parametrize(("params", "secret", "signature"), VECTORS)
def test_documented_signatures_are_verified(params, secret, signature):
    assert verify_deposit_sign(params, signature, [secret])
    assert not verify_deposit_sign({**params, "shopid": "2"}, signature, [secret])


@pytest.mark.parametrize(("fields", "signature"), SPELLINGS)
def test_values_written_by_php_and_by_javascript_are_verified(fields, signature):
    assert verify_deposit_sign(fields, signature, ["123"])


def test_the_websocket_and_the_x_sign_header_share_one_digest():
    assert client_digest("1", "123") == "2cfd4560539f887a5e420412b370b361"


def test_events_are_signed_as_documented():
    signature = "aba3ce31e75c5931d77e00aa3921652783ce1861ce9b376d5a7a7ee3d5d2dfe6"
    assert event_signature(STATUS_CHANGE, "123") == signature
    assert verify_event(STATUS_CHANGE, signature, ["123"])
    assert not verify_event(STATUS_CHANGE + b" ", signature, ["123"])


def test_flattened_parameters_are_signed_as_the_nested_ones_are_not():
    flat = {name: value for name, value in BATCH.items() if name != "items"} | {"items[0][id]": "62696971"}
    assert sign(flat, "123") == sign(BATCH, "123")


@pytest.mark.parametrize("value", [True, False, None, 1.5, Decimal("1.5"), b"1"])
def test_values_that_languages_spell_differently_are_not_signed(value):
    with pytest.raises(TypeError, match="price"):
        sign({"price": value}, "123")


def test_an_empty_secret_signs_nothing_and_verifies_nothing():
    empty = hmac.new(b"", canonical_text(ORDERSTATUS.items()).encode(), hashlib.sha1).hexdigest()
    with pytest.raises(ConfigurationError):
        sign(ORDERSTATUS, "")
    assert not verify_deposit_sign(ORDERSTATUS, empty, [""])
    assert not verify_deposit_sign(ORDERSTATUS, empty, [])
    assert not verify_event(b"x", hmac.new(b"", b"x", hashlib.sha256).hexdigest(), ["", ""])


@pytest.mark.parametrize("secrets", [["123"], ["new", "123"], ("", "123", "older")])
def test_every_secret_is_tried(secrets):
    assert verify_deposit_sign(ORDERSTATUS, VECTORS[0][2], secrets)
    assert verify_event(b"x", event_signature(b"x", "123"), secrets)


def test_a_single_text_is_one_secret():
    forged = sign(ORDERSTATUS, "1")
    assert not verify_deposit_sign(ORDERSTATUS, forged, "123")
    assert verify_deposit_sign(ORDERSTATUS, VECTORS[0][2], "123")
    assert not verify_event(b"x", event_signature(b"x", "1"), "123")


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        [],
        {},
        0,
        True,
        Number("0"),
        b"abee99d476c736102c3d6062807761b6e4d31dd8",
        "ABEE99D476C736102C3D6062807761B6E4D31DD8",
        " abee99d476c736102c3d6062807761b6e4d31dd8",
        "abee99d476c736102c3d6062807761b6e4d31dd",
        "é" * 40,
        "\ud800" * 40,
        "\x00" * 40,
        "2cfd4560539f887a5e420412b370b361",
    ],
)
def test_any_other_signature_is_refused_without_an_exception(signature):
    assert not verify_deposit_sign(ORDERSTATUS, signature, ["123"])
    assert not verify_event(b"x", signature, ["123"])


@pytest.mark.parametrize(
    ("lexeme", "spelling"),
    [
        ("0.30000000000000004", "0.3"),
        ("869.9999999999999", "870"),
        ("10.50", "10.5"),
        ("8.0", "8"),
        ("1e15", "1.0E+15"),
        ("1000000000000000", "1.0E+15"),
        ("100000000000000", "1.0E+14"),
        ("10000000000000", "10000000000000"),
        ("1.5e+20", "1.5E+20"),
        ("0.0001", "0.0001"),
        ("0.00001", "1.0E-5"),
        ("-0.0", "-0"),
        ("123456789.123456789", "123456789.12346"),
    ],
)
def test_floats_are_written_as_php_writes_them(lexeme, spelling):
    assert php_float(lexeme) == spelling


@pytest.mark.parametrize(
    ("fields", "signed"),
    [
        ({"amount": Number("0.30000000000000004")}, "amount:0.30000000000000004;"),
        ({"amount": Number("0.30000000000000004")}, "amount:0.3;"),
        ({"amount": Number("10.50")}, "amount:10.5;"),
        ({"amount": Number("1e15")}, "amount:1.0E+15;"),
        ({"amount": Number("1000000000000000")}, "amount:1.0E+15;"),
        (
            {"amount": Number("869.9999999999999"), "id": Number("123456789012345678")},
            "amount:870;id:123456789012345678;",
        ),
        (
            {name: Number(text) for name, text in zip("abc", ["1.50", "2.50", "3.50"], strict=True)},
            "a:1.50;b:2.5;c:3.50;",
        ),
        (
            {
                "a": Number("1.50"),
                "b": Number("2.50"),
                "c": Number("3.50"),
                "d": Number("4.50"),
                "id": Number("123456789012345678"),
            },
            "a:1.5;b:2.5;c:3.5;d:4.5;id:123456789012345678;",
        ),
        ({"ok": True}, "ok:1;"),
        ({"ok": False}, "ok:;"),
        ({"ok": False}, "ok:false;"),
        ({"amount": Number("0.30000000000000004"), "reason": None}, "amount:0.3;reason:;"),
        ({"amount": Number("0.30000000000000004"), "reason": None}, "amount:0.3;"),
        ({"10": "b", "9": "a", "a": "c", "Z": "d"}, "9:a;10:b;Z:d;a:c;"),
        ({"имя": "я"}, "имя:я;"),
    ],
)
def test_every_text_that_may_have_been_signed_is_tried(fields, signed):
    assert verify_deposit_sign(fields, sha1(signed), ["123"])


def test_text_is_never_changed_for_the_signature():
    assert not verify_deposit_sign({"amount": "10.50"}, sha1("amount:10.5;"), ["123"])


@pytest.mark.parametrize("other", [True, None, Number("10.5")])
def test_text_beside_numbers_is_not_changed_for_the_signature(other):
    fields = {"name": "AK-47", "z": other}
    spelled = "" if other is None else str(other).lower()

    assert verify_deposit_sign(fields, sha1(f"name:AK-47;z:{spelled};"), ["123"])
    assert not verify_deposit_sign(fields, sha1(f"name:ak-47;z:{spelled};"), ["123"])


@pytest.mark.parametrize(
    ("fields", "ambiguous"),
    [
        ({"order_id": "1;status:success"}, True),
        ({"order_id": "1;;x:y"}, True),
        ({"a:b": "c"}, True),
        ({"a;b": "c"}, True),
        ({"reason": "later; try again"}, False),
        ({"reason": "12:30"}, False),
        ({"reason": "time: 12:30; bye"}, False),
        ({"skins": [{"a;b": "c;d:e"}], "sign": "a;b:c"}, False),
        ({"reason": None, "ok": True, "amount": Number("1.5")}, False),
    ],
)
def test_text_that_could_be_read_in_two_ways_is_ambiguous(fields, ambiguous):
    assert is_ambiguous(fields) is ambiguous
    text = canonical_text((k, str(v)) for k, v in fields.items() if isinstance(v, str) and k != "sign")
    if ambiguous:
        assert not verify_deposit_sign(fields, sha1(text), ["123"])


scalars = st.text() | st.integers().map(str).map(Number) | st.booleans() | st.none()
nested = st.lists(st.text()) | st.dictionaries(st.text(), st.text())


@given(st.dictionaries(st.text(), st.text()), st.text(min_size=1))
def test_what_is_signed_is_verified(params, secret):
    signature = sign(params, secret)
    flat = {name: value for name, value in params.items() if "[" not in name}
    assert verify_deposit_sign(flat, signature, [secret]) is not is_ambiguous(flat)
    assert not verify_deposit_sign(flat, signature, [secret + "x"])


@given(st.dictionaries(st.text(alphabet="ab;:["), st.text(alphabet="ab;:")))
def test_the_text_of_an_unambiguous_message_reads_back_as_that_message(fields):
    if is_ambiguous(fields):
        return
    fields.pop("sign", None)
    back: dict[str, str] = {}
    name = None
    for piece in canonical_text(fields.items()).split(";")[:-1]:
        if ":" in piece:
            name, _, value = piece.partition(":")
            back[name] = value
        else:
            back[name] += ";" + piece
    assert back == fields


@given(st.dictionaries(st.text(), scalars | nested), st.text() | scalars | nested, st.lists(st.text()))
def test_verification_never_raises(fields, signature, secrets):
    assert verify_deposit_sign(fields, signature, secrets) is False


@given(st.binary(), st.text() | st.none() | st.binary(), st.lists(st.text()))
def test_verification_of_events_never_raises(body, header, secrets):
    assert verify_event(body, header, secrets) is False


@given(st.binary(), st.text(min_size=1))
def test_a_signed_event_is_verified(body, secret):
    assert verify_event(body, event_signature(body, secret), ["other", secret])


def test_signatures_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or False)
    verify_deposit_sign(ORDERSTATUS, "x", ["123", "456"])
    assert len(compared) == 2  # one text for a string
    verify_deposit_sign({**ORDERSTATUS, "amount": Number("10.50")}, "x", ["123", "456"])
    assert len(compared) == 2 + 4  # and two texts for this number
    verify_event(b"x", "x", ["123", "456"])
    assert len(compared) == 2 + 4 + 2
    assert all(isinstance(side, bytes) for pair in compared for side in pair)
