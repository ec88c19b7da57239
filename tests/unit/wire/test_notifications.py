import copy
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.exceptions import BadSignature, NoSecret, NotificationRefused, UnreadableNotification
from django_skinsback.steam import TradeURL
from django_skinsback.wire import requests
from django_skinsback.wire.notifications import Event, read_deposit_notification, read_event
from django_skinsback.wire.signing import client_digest, event_signature, sign
from tests.samples import CLIENT_ID, SECRET, load

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
SUCCESS = json.loads(load("notification_success").body)
MONEY = ("status", "order_id", "transaction_id", "amount", "amount_currency", "user_amount", "steam_id")


def read(body, content_type=JSON, secrets=(SECRET,)):
    return read_deposit_notification(body, content_type, secrets=secrets)


def signed(secret=SECRET, **fields):
    """A notification with these fields changed (None: left out), signed."""
    message = {name: value for name, value in (SUCCESS | fields).items() if value is not None and name != "sign"}
    return message | {"sign": sign(message, secret)}


def as_json(message):
    return json.dumps(message).encode()


def as_form(message):
    return urlencode([(name, value) for name, value in message.items() if isinstance(value, str)]).encode()


def money(report):
    return {name: getattr(report, name) for name in MONEY}


def test_a_notification_is_read():
    sample = load("notification_success")
    report = read(sample.body, sample.content_type)
    assert report.status == "success"
    assert report.order_id == "1"
    assert report.transaction_id == "13"
    assert report.steam_id == "76561198827262007"
    assert report.created_at == datetime(2020, 8, 9, 18, 53, 46, tzinfo=UTC)
    assert report.amount == Decimal("10.5")
    assert report.amount_currency == "usd"
    assert report.user_amount == Decimal("12.6")
    assert report.skins == [{"name": "AK-47 | Safari Mesh (Minimal Wear)", "price": "0.4"}]
    assert report.user_risk == {}


def test_form_and_json_result_in_the_same_report():
    form, text = load("notification_form"), load("notification_success")
    assert read(form.body, form.content_type) == read(text.body, text.content_type)


def test_the_risk_of_a_held_deposit_is_shown_with_exact_fractions():
    report = read(load("notification_in_hold").body)
    assert report.status == "in_hold"
    assert report.user_risk["total_deposits_count"] == 1
    assert report.user_risk["total_deposits_sum"] == "7.68"
    assert report.user_risk["user_inventory"]["dota2"]["sum"] == "2.00"
    json.dumps([report.skins, report.user_risk])


def test_a_number_that_php_signs_with_fewer_digits_is_verified_and_not_larger():
    report = read(load("notification_php_floats").body)
    assert report.amount == Decimal("0.3")
    assert report.user_amount == Decimal("870")
    assert report.transaction_id == "13"
    assert report.created_at is not None


def test_a_number_sent_larger_than_it_was_signed_is_not_used():
    genuine = signed(amount="1234567890.9")
    inflated = as_json(genuine).replace(b'"1234567890.9"', b"1234567890.90004")
    assert read(as_json(genuine)).amount == Decimal("1234567890.9")
    assert read(inflated).amount == Decimal("1234567890.9")


def test_ids_are_those_that_were_signed_however_they_are_written():
    body = as_json(signed(order_id="12345678901234")).replace(b'"12345678901234"', b"12345678901234.001")
    assert read(body).order_id == "12345678901234"


@pytest.mark.parametrize("amount", ["", "NaN", "-5", "1,5", "\uff11", "1e400", "ten", "9" * 40])
def test_an_unreadable_amount_is_none(amount):
    report = read(as_json(signed(amount=amount)))
    assert report.amount is None
    assert report.user_amount == Decimal("12.6")
    assert report.status == "success"


def test_a_missing_amount_is_none():
    report = read(load("notification_minimal").body)
    assert (report.amount, report.user_amount, report.amount_currency) == (None, None, "")


@pytest.mark.parametrize("value", [b"true", b"[]", b"{}", b"null", b'[["12.6"]]'])
def test_an_unsigned_amount_is_never_used(value):
    body = as_json(signed(amount=None)).replace(b'"status"', b'"amount": ' + value + b', "status"')
    with suppress(BadSignature):
        assert read(body).amount is None


@pytest.mark.parametrize(
    "content_type",
    ["", JSON, FORM, "text/plain", "application/json; charset=utf-8", 'application/json;charset="UTF-8"', "x", ";;"],
)
@pytest.mark.parametrize("encode", [as_json, as_form])
def test_any_content_type_is_tolerated(content_type, encode):
    assert read(encode(signed()), content_type).amount == Decimal("10.5")


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        f"{FORM}; charset=cp1251",
        "application/json; charset=utf-16",
        "Multipart/Mixed",
    ],
)
def test_other_charsets_and_multipart_are_unreadable(content_type):
    with pytest.raises(UnreadableNotification):
        read(as_form(signed()), content_type)


UNREADABLE = {
    "not UTF-8": b'{"status":"\xff"}',
    "UTF-16": '{"status":"success"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + as_json(signed()),
    "cut JSON": as_json(signed())[:-1],
    "rest after JSON": as_json(signed()) + b"x",
    "list": b"[]",
    "NaN": b'{"amount":NaN}',
    "Infinity": b'{"amount":-Infinity}',
    "number no JSON": b'{"amount":+1}',
    "lone surrogate": b'{"status":"\\ud800"}',
    "NUL": b'{"status":"\\u0000"}',
    "NUL in a name": b'{"status\\u0000":"x"}',
    "NUL in nested text": b'{"skins":[{"name":"\\u0000"}]}',
    "control character": b'{"status":"\x00"}',
    "NUL in a form": b"status=%00",
    "form not UTF-8": b"status=%ff",
    "raw form not UTF-8": b"status=\xff",
    "double field": b'{"status":"fail","status":"success"}',
    "double nested field": b'{"skins":[{"a":1,"a":2}]}',
    "double form field": b"status=fail&status=success",
    "double after PHP": b'{"order_id":"1","order.id":"2"}',
    "double form field after PHP": b"order_id=1&order+id=2",
    "scalar and nested form field": b"status=success&status[x]=fail",
    "deep list": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    "bottomless list": b"[" * 100_000,
    "bottomless object": b'{"a":' * 50_000,
    "deep form field": b"a" + b"[x]" * 100 + b"=1",
    "many fields": json.dumps(dict.fromkeys(map(str, range(10**5)), "")).encode(),
    "many form fields": b"&".join(b"%d=x" % number for number in range(10**5)),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("content_type", ["", FORM])
def test_an_ambiguous_body_is_unreadable(body, content_type):
    started = time.perf_counter()
    with pytest.raises(UnreadableNotification) as refused:
        read(body, content_type)
    assert refused.value.http_status == 400
    assert time.perf_counter() - started < 2


def test_something_declared_as_json_that_is_not_is_unreadable():
    for body in (b"", b"hello", b'"text"', b"13"):
        with pytest.raises(UnreadableNotification):
            read(body, JSON)


@pytest.mark.parametrize("value", [None, "", "0" * 40, [], {}, 0, True, "é" * 40, SUCCESS["sign"].upper()])
def test_a_missing_or_wrong_sign_is_a_bad_signature(value):
    message = {**SUCCESS, "sign": value}
    with pytest.raises(BadSignature) as refused:
        read(as_json(message))
    assert refused.value.http_status == 403
    with pytest.raises(BadSignature):
        read(as_json({name: each for name, each in message.items() if name != "sign"}))


@pytest.mark.parametrize("body", [b"", b"hello", b"{}", b"&&&", b"=", b"x[y]=1"])
def test_a_body_without_fields_is_not_signed(body):
    with pytest.raises(BadSignature):
        read(body, FORM)


def test_the_constant_x_sign_never_stands_for_a_signature():
    digest = client_digest(CLIENT_ID, SECRET)
    with pytest.raises(BadSignature):
        read(as_json({**SUCCESS, "sign": digest}))


@pytest.mark.parametrize("name", ["status", "order_id", "amount", "amount_currency", "user_amount", "transaction_id"])
def test_every_change_of_a_signed_field_breaks_the_signature(name):
    for changed in ({**SUCCESS, name: "7"}, {k: v for k, v in SUCCESS.items() if k != name}):
        with pytest.raises(BadSignature):
            read(as_json(changed))
        with pytest.raises(BadSignature):
            read(as_form(changed))


@pytest.mark.parametrize("secrets", [(), ("",), [None], ["", ""]])
def test_without_a_secret_nothing_is_verified(secrets):
    with pytest.raises(NoSecret) as refused:
        read(as_json(signed()), secrets=secrets)
    assert refused.value.http_status == 503


def test_a_previous_secret_still_verifies():
    assert read(as_json(signed(secret="old")), secrets=("new", "old")).amount == Decimal("10.5")
    with pytest.raises(BadSignature):
        read(as_json(signed(secret="older")), secrets=("new", "old"))


def test_a_message_whose_signed_text_has_two_meanings_is_unreadable():
    shifted = signed(order_id="1;status:success")
    for body in (as_json(shifted), as_form(shifted)):
        with pytest.raises(UnreadableNotification):
            read(body)


@pytest.mark.parametrize("missing", ["status", "order_id", "transaction_id"])
def test_a_signed_message_that_names_no_deposit_is_unreadable(missing):
    with pytest.raises(UnreadableNotification, match=missing):
        read(as_json(signed(**{missing: None})))
    with pytest.raises(UnreadableNotification):
        read(as_json(signed(**{missing: "x" * 1000})))


STEAM_ID = "76561198827262007"
TRADE_URL = TradeURL("90382795", "i1ArBZey")
REQUESTS = [
    requests.create_deposit("1", steam_id=STEAM_ID),
    requests.create_deposit_from_inventory(
        "1", game="cs2", steam_id=STEAM_ID, trade_token="i1ArBZey", item_asset_ids=["1"]
    ),
    requests.get_deposit("1", ""),
    requests.approve_hold("", "13"),
    requests.list_deposits(1, 2, None),
    requests.list_failed_notifications(5),
    requests.get_inventory("cs2", STEAM_ID, "i1ArBZey"),
    requests.get_price_list("cs2", True),
    requests.search_skins("cs2", "AK-47", ()),
    requests.buy_skin(TRADE_URL, "c1", skin_id="5", max_price="1"),
    requests.buy_skins(TRADE_URL, [{"skin_id": "5", "max_price": "1", "custom_id": "c1"}]),
    requests.get_purchase("9"),
    requests.list_purchases(1, 2, None),
    requests.build("balance", {}),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.method)
def test_a_signed_request_of_ours_is_no_notification(request_):
    fields = request_.fields | {"shopid": "1"}
    body = urlencode(fields | {"sign": sign(fields, SECRET)}).encode()
    with pytest.raises(UnreadableNotification):
        read(body, FORM)


def test_a_signed_body_with_a_method_is_no_notification():
    with pytest.raises(UnreadableNotification):
        read(as_json(signed(method="create")))


def test_a_refusal_contains_nothing_that_was_sent():
    for body in (b'{"status": "secret-text', b"\xffsecret-text", as_json(signed(order_id="secret-text;a:b"))):
        with pytest.raises(NotificationRefused) as refused:
            read(body)
        assert "secret-text" not in str(refused.value)
        assert refused.value.__context__ is None
        assert refused.value.__cause__ is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("abc10.;:"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)
containers = st.lists(values, max_size=3) | st.dictionaries(st.text("abc"), values, max_size=3)


@given(st.dictionaries(st.sampled_from(["skins", "skins_info", "user_risk", "amount_in_currencies", "x"]), containers))
def test_nothing_nested_changes_the_money(nested):
    original = read(as_json(SUCCESS))
    changed = copy.deepcopy(SUCCESS) | nested
    assert money(read(as_json(changed))) == money(original)
    form = as_form(SUCCESS) + b"".join(b"&" + urlencode({f"{name}[x][]": "7"}).encode() for name in nested)
    assert money(read(form, FORM)) == money(original)


@given(st.binary(max_size=300), st.text(max_size=50))
def test_any_bytes_are_refused_without_another_exception(body, content_type):
    with pytest.raises(NotificationRefused):
        read(body, content_type)


@given(
    st.recursive(values, lambda inner: st.dictionaries(st.sampled_from(list(SUCCESS)), inner)),
    st.sampled_from(["", JSON, FORM]),
)
def test_any_json_is_refused_without_another_exception(message, content_type):
    with pytest.raises(NotificationRefused):
        read(as_json(message), content_type)


@given(
    st.dictionaries(
        st.sampled_from(["status", "order_id", "transaction_id", "amount", "user_amount", "date", "reason"]), st.text()
    )
)
def test_any_signed_text_gives_a_report_or_a_refusal(fields):
    message = signed(**fields)
    try:
        report = read(as_json(message))
    except UnreadableNotification:
        return
    assert report.status
    for amount, text in ((report.amount, message["amount"]), (report.user_amount, message["user_amount"])):
        assert amount is None or amount <= Decimal(text)
    assert read(as_form(message), FORM) == msgspec.structs.replace(report, skins=[], user_risk={})


def test_the_form_of_a_sample_holds_the_same_pairs():
    pairs = dict(parse_qsl(load("notification_form").body.decode()))
    assert {name: value for name, value in pairs.items() if "[" not in name} == {
        name: value for name, value in SUCCESS.items() if isinstance(value, str)
    }


# Events


def test_a_status_change_is_read():
    sample = load("event_status_change")
    event = read_event(sample.body, sample.headers, secrets=(SECRET,))
    assert event.name == "status_change"
    assert event.balance is None
    assert event.purchase is not None
    assert event.purchase.status == "waiting_accept"
    assert event.purchase.buy_id == "65"
    assert event.purchase.custom_id == "123456"
    assert event.purchase.skin_id == "2516"
    assert event.purchase.trade_offer_id == "4176876858"
    assert event.purchase.error_reason == ""


def test_a_purchase_is_read():
    sample = load("event_buy_item")
    event = read_event(sample.body, sample.headers, secrets=(SECRET,))
    assert event.purchase is not None
    assert event.purchase.price == Decimal("0.4")
    assert event.purchase.debited_amount == Decimal("29.93")


def event(body, secrets=(SECRET,), **headers):
    return read_event(body, headers or {"Signature": event_signature(body, SECRET)}, secrets=secrets)


@pytest.mark.parametrize(
    ("written", "balance"),
    [(b'"758.93"', "758.93"), (b"758.93", "758.93"), (b'"-3.5"', "-3.5"), (b"null", None), (b"[]", None)],
)
def test_a_change_of_balance_is_read(written, balance):
    body = b'{"event":"balance_change","data":{"balance_value":' + written + b"}}"
    assert event(body) == Event(name="balance_change", balance=balance and Decimal(balance))


def test_an_event_of_another_name_is_kept_without_data():
    assert event(b'{"event":"something_new","data":{"buy_id":"1"}}') == Event(name="something_new")


@pytest.mark.parametrize("data", [b"[]", b"null", b'"x"', b'{"buy_id":"1"}', b'{"offer_status":"accepted"}'])
def test_an_event_that_names_no_purchase_has_none(data):
    assert event(b'{"event":"status_change","data":' + data + b"}") == Event(name="status_change")


@pytest.mark.parametrize("header", ["Signature", "signature", "SIGNATURE", "Authorization", "authorization"])
def test_the_signature_of_an_event_is_found_in_either_header(header):
    body = load("event_status_change").body
    assert event(body, **{header: event_signature(body, SECRET)}).name == "status_change"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-SIGN": client_digest(CLIENT_ID, SECRET)},
        {"Signature": client_digest(CLIENT_ID, SECRET)},
        {"Signature": "é"},
        {"Signature": ""},
        {"Authorization": "Bearer " + event_signature(load("event_status_change").body, SECRET)},
    ],
)
def test_an_event_without_a_good_signature_is_refused(headers):
    with pytest.raises(BadSignature):
        event(load("event_status_change").body, **headers)


def test_a_changed_event_is_refused():
    sample = load("event_status_change")
    with pytest.raises(BadSignature):
        read_event(sample.body.replace(b"waiting_accept", b"accepted"), sample.headers, secrets=(SECRET,))


def test_an_event_without_a_secret_is_refused():
    with pytest.raises(NoSecret):
        event(b"{}", secrets=("",))


@pytest.mark.parametrize("body", [b"", b"x", b"{", b"[]", b"{}", b'{"event":""}', b'{"event":{}}', b'{"event":NaN}'])
def test_a_signed_event_that_cannot_be_read_is_unreadable(body):
    with pytest.raises(UnreadableNotification):
        event(body)


@given(st.binary() | values.map(as_json))
def test_any_signed_event_is_read_or_refused(body):
    with suppress(UnreadableNotification):
        assert event(body).name


@pytest.mark.parametrize(("written", "signed_as"), [(b"1e999", "INF"), (b"true", "1"), (b"123456", "123456")])
def test_a_currency_is_a_text(written, signed_as):
    genuine = as_json(signed(amount_currency=signed_as))

    body = genuine.replace(f'"amount_currency": "{signed_as}"'.encode(), b'"amount_currency": ' + written)

    assert body != genuine
    assert read(body).amount_currency == ""
