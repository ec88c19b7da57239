"""Deliveries: retries, order, and the faults that drop, delay, duplicate or spoil them."""

import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl

import pytest

from django_skinsback.sandbox import Sandbox
from tests.unit.sandbox import call
from tests.unit.sandbox.merchant import EVENTS_URL, hmac_sha1, start


@pytest.fixture
def sandbox(merchant):
    return start(merchant)


def test_a_failed_notification_is_retried_on_the_clock(sandbox, merchant):
    merchant.answers = [500, 302, 0, 404]
    sandbox.notify("1")
    sent = []
    for seconds in (0, 9, 1, 60, 600, 10**6):
        sandbox.clock.advance(seconds=seconds)
        sent.append(sandbox.deliver_pending())
    assert sent == [1, 0, 1, 1, 1, 0]
    assert call(sandbox, "callback_error_list")["items"][0]["http_code"] == "404"


def test_a_failed_notification_stays_listed_after_a_later_success(sandbox, merchant):
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
    assert merchant.statuses() == ["pending", "success"]


def test_a_notification_can_be_dropped(sandbox, merchant):
    sandbox.faults.add("notify_drop", "deposit")
    sandbox.notify("1")
    assert sandbox.deliver_pending() == 0
    assert call(sandbox, "callback_error_list")["items"] == []


def test_a_notification_can_be_sent_twice(sandbox, merchant):
    sandbox.faults.add("notify_twice")
    sandbox.notify("1")
    assert sandbox.deliver_pending() == 2
    assert merchant.received[0] == merchant.received[1]


def test_a_notification_can_be_delayed(sandbox, merchant):
    sandbox.faults.add("notify_delay", value=90)
    sandbox.notify("1")
    sandbox.clock.advance(seconds=89)
    assert sandbox.deliver_pending() == 0
    sandbox.clock.advance(seconds=1)
    assert sandbox.deliver_pending() == 1


def test_notifications_can_be_reordered(sandbox, merchant):
    sandbox.choose("1")
    sandbox.deliver_pending()
    sandbox.faults.add("notify_reorder")
    sandbox.pay("1", held=True)
    assert sandbox.deliver_pending() == 0
    call(sandbox, "offer_approve", order_id="1")
    sandbox.deliver_pending()
    assert merchant.statuses() == ["pending", "hold_approved", "in_hold"]


@pytest.mark.parametrize("fault", ["notify_bad_sign", "notify_no_sign"])
def test_a_notification_can_have_a_wrong_signature(sandbox, merchant, fault):
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


def test_nothing_is_sent_without_a_result_url(merchant):
    sandbox = start(merchant)
    sandbox.configure(result_url="")
    sandbox.pay("1")
    assert sandbox.deliver_pending() == 0


def test_the_merchant_can_call_the_api_while_it_is_notified():
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


def test_notifications_are_sent_over_http_in_the_background():
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
