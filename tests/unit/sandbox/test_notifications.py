"""What the sandbox tells a merchant is signed as SkinsBack signs it, and comes as unreliably."""

import hashlib
import hmac
import json
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl

import pytest
from werkzeug.test import Client

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Options, Sandbox
from django_skinsback.sandbox.api import php
from tests.documented_samples import signed_by_javascript, signed_by_php

KEYS = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}
X_SIGN = hashlib.md5((CLIENT_ID + CLIENT_SECRET).encode()).hexdigest()
RESULT_URL, EVENTS_URL = "https://shop.example/result/", "https://shop.example/events/"


class Merchant:
    """Keeps what it is sent and answers as it is told."""

    def __init__(self):
        self.received = []
        self.answers = []

    def __call__(self, url, body, headers):
        self.received.append((url, body, headers))
        return self.answers.pop(0) if self.answers else 200

    def deposits(self):
        return [
            dict(parse_qsl(body.decode(), keep_blank_values=True))
            for url, body, _ in self.received
            if url == RESULT_URL
        ]

    def events(self):
        return [json.loads(body) for url, body, _ in self.received if url == EVENTS_URL]


@pytest.fixture
def merchant():
    return Merchant()


def start(merchant, **options):
    sandbox = Sandbox(manual=True, send=merchant, result_url=RESULT_URL, options=Options(**options))
    call(sandbox, "create", order_id="1")
    return sandbox


@pytest.fixture
def sandbox(merchant):
    return start(merchant)


def call(sandbox, method, **params):
    return Client(sandbox.app).post("/api.php", data={"method": method, **params}, headers=KEYS).get_json()


def statuses(merchant):
    return [fields["status"] for fields in merchant.deposits()]


def hmac_sha1(pairs):
    text = "".join(f"{key}:{value};" for key, value in sorted(pairs) if "[" not in key and key != "sign")
    return hmac.new(CLIENT_SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()


def buy(sandbox):
    sandbox.configure(events_url=EVENTS_URL)
    item = next(iter(sandbox.state.stock.values()))
    params = {"id": item.skin_id, "partner": "90382795", "token": "i1ArBZey", "custom_id": "c1"}
    return call(sandbox, "market_buy", **params)


# -- form and sign --------------------------------------------------------------------------------------------------


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


def test_a_json_notification_holds_text(merchant):
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


def test_a_notification_may_say_anything_and_is_still_signed(sandbox, merchant):
    sandbox.notify("1", status="frozen", amount=Decimal("5"))
    sandbox.deliver_pending()
    fields = merchant.deposits()[-1]
    assert (fields["status"], fields["amount"]) == ("frozen", "5")
    assert fields["sign"] == hmac_sha1(fields.items())


def test_the_deposits_own_result_url_wins(sandbox, merchant):
    call(sandbox, "create", order_id="2", result_url="https://other.example/")
    sandbox.pay("2")
    sandbox.deliver_pending()
    assert {url for url, _, _ in merchant.received} == {"https://other.example/"}


def test_the_whole_life_of_a_deposit_is_told(sandbox, merchant):
    sandbox.pay("1", held=True)
    call(sandbox, "offer_approve", order_id="1")
    sandbox.clock.advance(days=8)
    assert merchant.received == []
    assert sandbox.deliver_pending() == 4
    assert statuses(merchant) == ["pending", "in_hold", "hold_approved", "success"]
    assert ["amount" in fields for fields in merchant.deposits()] == [False, True, True, True]


def test_pending_may_be_left_unsaid(merchant):
    sandbox = start(merchant, notify_pending=False)
    sandbox.pay("1")
    sandbox.deliver_pending()
    assert statuses(merchant) == ["success"]


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


# -- delivery -------------------------------------------------------------------------------------------------------


def test_a_notification_that_is_not_taken_comes_again_on_the_clock(sandbox, merchant):
    merchant.answers = [500, 302, 0, 404]
    sandbox.notify("1")
    sent = []
    for seconds in (0, 9, 1, 60, 600, 10**6):
        sandbox.clock.advance(seconds=seconds)
        sent.append(sandbox.deliver_pending())
    assert sent == [1, 0, 1, 1, 1, 0]
    assert call(sandbox, "callback_error_list")["items"][0]["http_code"] == "404"


def test_a_failure_stays_listed_after_a_later_success(sandbox, merchant):
    merchant.answers = [500]
    sandbox.notify("1")
    sandbox.deliver_pending()
    sandbox.clock.advance(seconds=10)
    assert sandbox.deliver_pending() == 1
    assert call(sandbox, "callback_error_list")["total_count"] == 1


def test_notifications_of_one_deposit_keep_their_order(sandbox, merchant):
    merchant.answers = [500]
    sandbox.pay("1")
    sandbox.deliver_pending()
    assert statuses(merchant) == ["pending", "success"]


def test_a_notification_can_be_dropped(sandbox, merchant):
    sandbox.faults.add("notify_drop", "deposit")
    sandbox.notify("1")
    assert sandbox.deliver_pending() == 0
    assert call(sandbox, "callback_error_list")["items"] == []


def test_a_notification_can_come_twice(sandbox, merchant):
    sandbox.faults.add("notify_twice")
    sandbox.notify("1")
    assert sandbox.deliver_pending() == 2
    assert merchant.received[0] == merchant.received[1]


def test_a_notification_can_come_late(sandbox, merchant):
    sandbox.faults.add("notify_delay", value=90)
    sandbox.notify("1")
    sandbox.clock.advance(seconds=89)
    assert sandbox.deliver_pending() == 0
    sandbox.clock.advance(seconds=1)
    assert sandbox.deliver_pending() == 1


def test_notifications_can_overtake_each_other(sandbox, merchant):
    sandbox.choose("1")
    sandbox.deliver_pending()
    sandbox.faults.add("notify_reorder")
    sandbox.pay("1", held=True)
    assert sandbox.deliver_pending() == 0
    call(sandbox, "offer_approve", order_id="1")
    sandbox.deliver_pending()
    assert statuses(merchant) == ["pending", "hold_approved", "in_hold"]


@pytest.mark.parametrize("fault", ["notify_bad_sign", "notify_no_sign"])
def test_a_notification_can_be_signed_wrongly(sandbox, merchant, fault):
    sandbox.faults.add(fault, "deposit")
    sandbox.notify("1")
    sandbox.deliver_pending()
    fields = merchant.deposits()[-1]
    assert fields.get("sign") != hmac_sha1(fields.items())


@pytest.mark.parametrize("kind", ["deposit", "event"])
def test_a_fault_is_not_used_up_by_a_notification_that_is_dropped(sandbox, merchant, kind):
    sandbox.configure(events_url=EVENTS_URL)
    for fault in ("notify_bad_sign", "notify_no_sign", "notify_twice", "notify_delay", "notify_reorder", "notify_drop"):
        sandbox.faults.add(fault, kind)
    if kind == "deposit":
        sandbox.notify("1")
    else:
        sandbox.change_balance(Decimal(1))
    assert {fault.name for fault in sandbox.faults.active()} == {
        "notify_bad_sign",
        "notify_no_sign",
        "notify_twice",
        "notify_delay",
        "notify_reorder",
    }


@pytest.mark.parametrize("kind", ["deposit", "event"])
def test_a_wrong_signature_is_not_used_up_by_a_notification_without_one(sandbox, merchant, kind):
    sandbox.configure(events_url=EVENTS_URL)
    sandbox.faults.add("notify_bad_sign", kind)
    sandbox.faults.add("notify_no_sign", kind)
    if kind == "deposit":
        sandbox.notify("1")
    else:
        sandbox.change_balance(Decimal(1))
    assert [fault.name for fault in sandbox.faults.active()] == ["notify_bad_sign"]


def test_float_noise_is_not_used_up_by_a_notification_without_amounts(merchant):
    sandbox = start(merchant, notification_format="json-numbers")
    sandbox.faults.add("notify_float_noise")
    sandbox.choose("1")
    assert [fault.name for fault in sandbox.faults.active()] == ["notify_float_noise"]
    sandbox.pay("1")
    assert sandbox.faults.active() == []


def test_nothing_is_sent_without_an_address(merchant):
    sandbox = start(merchant)
    sandbox.configure(result_url="")
    sandbox.pay("1")
    assert sandbox.deliver_pending() == 0


def test_the_merchant_may_call_back_while_it_is_being_notified():
    answers = []

    def ask(*_):
        def calling_back():
            answers.append(call(sandbox, "orderstatus", order_id="1")["status"])

        thread = threading.Thread(target=calling_back)
        thread.start()
        thread.join(timeout=2)
        finished.append(not thread.is_alive())
        return 200

    finished = []
    sandbox = start(ask)
    sandbox.pay("1")
    sandbox.deliver_pending()
    assert finished == [True, True]
    assert answers == ["success", "success"]


def test_notifications_leave_by_themselves_over_http():
    arrived = threading.Event()
    bodies = []

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *args):
            pass

    shop = HTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        with Sandbox(result_url=f"http://127.0.0.1:{shop.server_port}/") as sandbox:
            call(sandbox, "create", order_id="1")
            sandbox.notify("1")
            assert arrived.wait(5)
    finally:
        shop.shutdown()
        shop.server_close()
    assert dict(parse_qsl(bodies[0].decode()))["order_id"] == "1"
