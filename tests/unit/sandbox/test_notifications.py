"""Notifications and events have the documented format and signature."""

import hashlib
import hmac
import json
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET
from django_skinsback.sandbox.api import php
from tests.support.documented_signatures import signed_by_javascript, signed_by_php
from tests.unit.sandbox import call
from tests.unit.sandbox.merchant import EVENTS_URL, RESULT_URL, hmac_sha1, start

X_SIGN = hashlib.md5((CLIENT_ID + CLIENT_SECRET).encode()).hexdigest()


@pytest.fixture
def sandbox(merchant):
    return start(merchant)


def buy(sandbox):
    sandbox.configure(events_url=EVENTS_URL)
    item = next(iter(sandbox.state.stock.values()))
    params = {"id": item.skin_id, "partner": "90382795", "token": "i1ArBZey", "custom_id": "c1"}
    return call(sandbox, "market_buy", **params)


def test_a_form_is_signed_over_its_scalars(sandbox, merchant):
    deposit = sandbox.pay("1", held=True)
    sandbox.deliver_pending()
    url, body, headers = merchant.received[-1]
    assert (url, headers["Content-Type"]) == (RESULT_URL, "application/x-www-form-urlencoded")
    assert headers["X-SIGN"] == X_SIGN
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    fields = dict(pairs)
    assert fields["sign"] == hmac_sha1(pairs)
    assert fields["status"] == "in_hold"
    assert Decimal(fields["amount"]) == deposit.amount
    assert fields["skins[0][name]"] == deposit.skins[0].market_hash_name
    assert fields["user_risk[total_deposits_count]"] == "1"


def test_a_json_notification_contains_text(merchant):
    sandbox = start(merchant, notification_format="json")
    sandbox.pay("1")
    sandbox.deliver_pending()
    _, body, headers = merchant.received[-1]
    fields = json.loads(body)
    assert headers["Content-Type"] == "application/json"
    assert fields["sign"] == hmac_sha1([(key, value) for key, value in fields.items() if isinstance(value, str)])
    assert {type(fields[key]) for key in ("amount", "date", "transaction_id")} == {str}


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("40.76", "40.759999999999998"),
        ("9.03", "9.0299999999999994"),
        ("0.3", "0.29999999999999999"),
        ("0.1", "0.10000000000000001"),
        ("1.1", "1.1000000000000001"),
        ("12.6", "12.6"),
        ("10.5", "10.5"),
        ("870.00", "870"),
    ],
)
def test_json_numbers_are_signed_with_fourteen_digits_and_sent_with_the_seventeen_of_their_float(
    merchant, amount, written
):
    sandbox = start(merchant, notification_format="json-numbers")
    sandbox.faults.add("notify_float_noise")
    sandbox.notify("1", status="success", amount=Decimal(amount))
    sandbox.deliver_pending()
    fields = json.loads(merchant.received[-1][1], parse_float=str, parse_int=str)
    assert fields["amount"] == written
    signed = {key: value for key, value in fields.items() if isinstance(value, str)}
    assert fields["sign"] == hmac_sha1((signed | {"amount": php.plain_text(Decimal(amount))}).items())


@pytest.mark.parametrize("noise", [False, True], ids=["as it is", "with the noise of floats"])
@pytest.mark.parametrize("notification_format", ["form", "json", "json-numbers"])
@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"status": "pending", "amount": None, "reason": None},
        {"status": "fail", "reason": None},
        {"status": "success", "amount": Decimal("40.76"), "user_amount": Decimal("0.3"), "trade_offer_id": None},
        {"in_hold": True, "tradable": False},
        {"steam_id": 76561198827262007, "date": 1_750_000_000, "more": {"a": None}, "list": [None, True]},
        {"a": Decimal("0.30000000000000004"), "b": Decimal("1e15"), "c": Decimal("0.00001"), "d": Decimal("1e25")},
    ],
    ids=["none", "nulls", "a failure", "amounts", "booleans", "whole numbers and nested fields", "odd numbers"],
)
def test_every_notification_is_verified_by_both_documented_samples(merchant, notification_format, overrides, noise):
    sandbox = start(merchant, notification_format=notification_format)
    sandbox.pay("1", held=True)
    sandbox.deliver_pending()
    merchant.received.clear()
    if noise:
        sandbox.faults.add("notify_float_noise", times=None)
    for status in ("pending", "success", "fail", "in_hold", "hold_approved", "hold_returned", "frozen"):
        sandbox.notify("1", **{"status": status, **overrides})
    sandbox.deliver_pending()

    for _, body, _ in merchant.received:
        if notification_format == "form":
            values = {
                name: value for name, value in parse_qsl(body.decode(), keep_blank_values=True) if "[" not in name
            }
        else:
            values = json.loads(body)
        assert values["sign"] == signed_by_php(values, CLIENT_SECRET) == signed_by_javascript(values, CLIENT_SECRET)
        assert not {name for name, value in overrides.items() if value is None} & set(values)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.30000000000000004", "0.3"),
        ("869.9999999999999", "870"),
        ("10.50", "10.5"),
        ("8.0", "8"),
        ("0", "0"),
        ("1e15", "1.0E+15"),
        ("123456789012345678", "1.2345678901235E+17"),
        ("99999999999999", "99999999999999"),
        ("0.0001", "0.0001"),
        ("0.00001", "1.0E-5"),
    ],
)
def test_a_float_becomes_text_as_in_php(number, text):
    assert php.float_text(Decimal(number)) == text


def test_a_notification_with_any_fields_is_signed(sandbox, merchant):
    sandbox.notify("1", status="frozen", amount=Decimal("5"))
    sandbox.deliver_pending()
    fields = merchant.deposits()[-1]
    assert (fields["status"], fields["amount"]) == ("frozen", "5")
    assert fields["sign"] == hmac_sha1(fields.items())


def test_the_deposits_own_result_url_is_used_first(sandbox, merchant):
    call(sandbox, "create", order_id="2", result_url="https://other.example/")
    sandbox.pay("2")
    sandbox.deliver_pending()
    assert {url for url, _, _ in merchant.received} == {"https://other.example/"}


def test_every_status_of_a_deposit_is_notified(sandbox, merchant):
    sandbox.pay("1", held=True)
    call(sandbox, "offer_approve", order_id="1")
    sandbox.clock.advance(days=8)
    assert merchant.received == []
    assert sandbox.deliver_pending() == 4
    assert merchant.statuses() == ["pending", "in_hold", "hold_approved", "success"]
    assert ["amount" in fields for fields in merchant.deposits()] == [False, True, True, True]


def test_the_notification_of_pending_can_be_switched_off(merchant):
    sandbox = start(merchant, notify_pending=False)
    sandbox.pay("1")
    sandbox.deliver_pending()
    assert merchant.statuses() == ["success"]


def test_events_are_signed_over_their_bytes(sandbox, merchant):
    bought = buy(sandbox)
    sandbox.clock.advance(seconds=10)
    sandbox.deliver_pending()
    names = [(event["event"], event["data"].get("offer_status")) for event in merchant.events()]
    assert names == [
        ("buy_item", "creating_trade"),
        ("balance_change", None),
        ("status_change", "waiting_accept"),
        ("status_change", "accepted"),
    ]
    first, balance, offered, _ = (event["data"] for event in merchant.events())
    assert first["buy_id"] == str(bought["buy_id"])
    assert balance == {"balance_value": php.plain_text(sandbox.balance())}
    assert offered["tradeofferid"] == sandbox.purchase("c1").trade_offer_id
    for _, body, headers in merchant.received:
        assert headers["Signature"] == hmac.new(CLIENT_SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-SIGN"] == X_SIGN
