"""The websocket: clients receive the events of the event webhook."""

import json
from contextlib import contextmanager
from decimal import Decimal

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET, Options, Sandbox
from django_skinsback.wire.signing import client_digest

SECONDS = 10
SUCCESS, FAILED = {"event": "auth_success"}, {"event": "auth_failed"}


@pytest.fixture
def sandbox():
    with Sandbox(manual=True) as sandbox:
        yield sandbox


@contextmanager
def connected(sandbox, client_id=CLIENT_ID, secret=None, **options):
    secret = secret or sandbox.credentials(client_id)["CLIENT_SECRET"]
    url = f"{sandbox.websocket_url}?shopid={client_id}&signature={client_digest(client_id, secret)}"
    with connect(url, proxy=None, open_timeout=SECONDS, close_timeout=SECONDS, **options) as line:
        yield line


def received(line):
    return json.loads(line.recv(timeout=SECONDS))


def buy(sandbox, custom_id):
    item = next(item for item in sandbox.state.stock.values() if not item.sold and item.price < 10)
    data = {"method": "market_buy", "id": item.skin_id, "partner": "90382795", "token": "i1ArBZey"}
    headers = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}
    answer = requests.post(
        sandbox.api_url, data={**data, "custom_id": custom_id}, headers=headers, timeout=SECONDS
    ).json()
    assert answer["status"] == "success"


def change_balance(sandbox, client_id=CLIENT_ID):
    sandbox.change_balance(Decimal(1), client_id=client_id)


def test_every_status_of_a_purchase_is_sent_in_the_documented_format(sandbox):
    with connected(sandbox) as line:
        assert received(line) == SUCCESS
        buy(sandbox, "mine")
        told = [received(line), received(line)]
        sandbox.end_purchase("mine", "accepted")
        told += [received(line), received(line)]
    assert [event["event"] for event in told] == ["buy_item", "balance_change", "status_change", "status_change"]
    assert told[0]["data"].keys() == {"item", "buy_id", "offer_status", "balance_debited_sum", "custom_id"}
    assert told[2]["data"].keys() == {"item", "buy_id", "offer_status", "error_reason", "tradeofferid", "custom_id"}
    assert [event["data"]["offer_status"] for event in told[2:]] == ["waiting_accept", "accepted"]
    assert {event["data"]["custom_id"] for event in told[2:]} == {"mine"}
    scalars = [value for event in told for value in event["data"].values() if not isinstance(value, dict)]
    assert all(value is None or isinstance(value, str) for value in scalars)


def test_frames_are_the_bodies_of_the_event_webhook(sandbox):
    sandbox.configure(events_url="http://127.0.0.1:9/events/")
    with connected(sandbox) as line:
        received(line)
        change_balance(sandbox)
        frame = line.recv(timeout=SECONDS)
    assert [delivery.body.decode() for delivery in sandbox.state.deliveries.values()] == [frame]


def test_a_client_receives_the_events_of_its_own_project(sandbox):
    with connected(sandbox) as mine, connected(sandbox, "sandbox-2") as other:
        assert received(mine) == received(other) == SUCCESS
        change_balance(sandbox, "sandbox-2")
        change_balance(sandbox)
        assert received(mine)["data"] == {"balance_value": "1001"}
        assert received(other)["data"] == {"balance_value": "1001"}
        assert (sandbox.listeners(), sandbox.listeners("sandbox-2")) == (1, 1)


def test_no_event_is_sent_again_after_a_reconnect(sandbox):
    with connected(sandbox) as line:
        received(line)
    change_balance(sandbox)
    with connected(sandbox) as line:
        assert received(line) == SUCCESS
        change_balance(sandbox)
        assert received(line)["data"] == {"balance_value": "1002"}


@pytest.mark.parametrize(("client_id", "secret"), [(CLIENT_ID, "guessed"), ("nobody", "guessed"), (CLIENT_ID, "123")])
def test_wrong_keys_are_refused_and_receive_no_events(sandbox, client_id, secret):
    with connected(sandbox, client_id, secret) as line:
        assert received(line) == FAILED
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=SECONDS)
    assert sandbox.listeners(client_id) == 0


def test_every_text_frame_is_json_by_default_and_a_ping_is_not_answered(sandbox):
    with connected(sandbox) as line:
        line.send("ping")
        assert received(line) == SUCCESS
        line.send("ping")
        change_balance(sandbox)
        assert received(line)["event"] == "balance_change"
        with pytest.raises(TimeoutError):
            line.recv(timeout=0.3)


def test_a_client_without_pings_is_disconnected_and_one_with_pings_is_not():
    sandbox = Sandbox(manual=True, options=Options(ping_within=0.2))
    sandbox.faults.add("ws_pong", times=None)
    with sandbox, connected(sandbox) as quiet, connected(sandbox) as lively:
        assert received(quiet) == received(lively) == SUCCESS
        while sandbox.listeners() == 2:
            lively.send("ping")
            assert lively.recv(timeout=SECONDS) == "pong"
        with pytest.raises(ConnectionClosed):
            quiet.recv(timeout=SECONDS)
        assert quiet.close_code == 1008
        lively.send("ping")
        assert lively.recv(timeout=SECONDS) == "pong"


def test_a_sandbox_that_stops_sends_a_close_frame(sandbox):
    with connected(sandbox) as line:
        received(line)
        sandbox.stop()
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=SECONDS)
        assert line.close_code == 1001


def test_pages_of_other_sites_cannot_connect(sandbox):
    with pytest.raises(InvalidStatus, match="403"), connected(sandbox, origin="http://evil.example"):
        pass


def test_a_plain_request_to_the_websocket_is_refused(sandbox):
    answer = requests.get(f"{sandbox.url}/ws/", timeout=SECONDS)
    assert answer.status_code == 400
    assert "websocket" in answer.text


@pytest.mark.parametrize("path", ["/ws", "/ws?shopid=sandbox", "/ws/events", "/websocket/"])
def test_a_wrong_websocket_address_is_a_404_with_the_right_one(sandbox, path):
    answer = requests.get(f"{sandbox.url}{path}", timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 404
    assert "/ws/" in answer.text
    with (
        pytest.raises(InvalidStatus, match="404"),
        connect(f"ws{sandbox.url.removeprefix('http')}{path}", proxy=None, open_timeout=SECONDS),
    ):
        pass


class TestFaults:
    def test_ws_drop_closes_the_connection_after_the_next_event(self, sandbox):
        with connected(sandbox) as line:
            received(line)
            sandbox.faults.add("ws_drop")
            change_balance(sandbox)
            assert received(line)["event"] == "balance_change"
            with pytest.raises(ConnectionClosed):
                line.recv(timeout=SECONDS)
            assert line.close_code == 1006

    def test_ws_silent_drops_events_or_the_answer_to_the_keys(self, sandbox):
        sandbox.faults.add("ws_silent", "auth")
        with connected(sandbox) as line:
            sandbox.faults.add("ws_silent", "event")
            while not sandbox.listeners():
                pass
            change_balance(sandbox)
            change_balance(sandbox)
            assert received(line)["data"] == {"balance_value": "1002"}

    def test_ws_garbage_is_sent_before_the_next_frame(self, sandbox):
        with connected(sandbox) as line:
            received(line)
            sandbox.faults.add("ws_garbage")
            change_balance(sandbox)
            assert not line.recv(timeout=SECONDS).startswith("{")
            assert received(line)["event"] == "balance_change"

    def test_ws_twice_sends_an_event_twice(self, sandbox):
        with connected(sandbox) as line:
            received(line)
            sandbox.faults.add("ws_twice")
            change_balance(sandbox)
            assert received(line) == received(line)

    def test_ws_auth_failed_refuses_valid_keys_once(self, sandbox):
        sandbox.faults.add("ws_auth_failed")
        with connected(sandbox) as line:
            assert received(line) == FAILED
        with connected(sandbox) as line:
            assert received(line) == SUCCESS

    def test_ws_pong_answers_a_ping_with_text_that_is_not_json(self, sandbox):
        with connected(sandbox) as line:
            received(line)
            sandbox.faults.add("ws_pong")
            line.send("ping")
            assert line.recv(timeout=SECONDS) == "pong"
        assert sandbox.faults.active() == []

    def test_a_fault_is_not_used_up_by_a_frame_that_is_not_sent(self, sandbox):
        with connected(sandbox) as line:
            received(line)
            sandbox.faults.add("ws_silent")
            sandbox.faults.add("ws_twice")
            change_balance(sandbox)
            assert [fault.name for fault in sandbox.faults.active()] == ["ws_twice"]
            change_balance(sandbox)
            assert received(line) == received(line)

    def test_a_fault_is_not_used_up_without_a_client(self, sandbox):
        sandbox.faults.add("ws_drop")
        change_balance(sandbox)
        assert [fault.name for fault in sandbox.faults.active()] == ["ws_drop"]
