"""The sandbox's websocket: SkinsBack's events, as they happen, to whoever listens."""

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
def listening(sandbox, client_id=CLIENT_ID, secret=None, **options):
    secret = secret or sandbox.credentials(client_id)["CLIENT_SECRET"]
    url = f"{sandbox.websocket_url}?shopid={client_id}&signature={client_digest(client_id, secret)}"
    with connect(url, proxy=None, open_timeout=SECONDS, close_timeout=SECONDS, **options) as line:
        yield line


def heard(line):
    return json.loads(line.recv(timeout=SECONDS))


def buy(sandbox, custom_id):
    item = next(item for item in sandbox.state.stock.values() if not item.sold and item.price < 10)
    data = {"method": "market_buy", "id": item.skin_id, "partner": "90382795", "token": "i1ArBZey"}
    headers = {"X-CLIENT-ID": CLIENT_ID, "X-CLIENT-SECRET": CLIENT_SECRET}
    answer = requests.post(
        sandbox.api_url, data={**data, "custom_id": custom_id}, headers=headers, timeout=SECONDS
    ).json()
    assert answer["status"] == "success"


def move_balance(sandbox, client_id=CLIENT_ID):
    sandbox.change_balance(Decimal(1), client_id=client_id)


def test_a_purchase_is_told_from_beginning_to_end_in_the_documented_shapes(sandbox):
    with listening(sandbox) as line:
        assert heard(line) == SUCCESS
        buy(sandbox, "mine")
        told = [heard(line), heard(line)]
        sandbox.end_purchase("mine", "accepted")
        told += [heard(line), heard(line)]
    assert [event["event"] for event in told] == ["buy_item", "balance_change", "status_change", "status_change"]
    assert told[0]["data"].keys() == {"item", "buy_id", "offer_status", "balance_debited_sum", "custom_id"}
    assert told[2]["data"].keys() == {"item", "buy_id", "offer_status", "error_reason", "tradeofferid", "custom_id"}
    assert [event["data"]["offer_status"] for event in told[2:]] == ["waiting_accept", "accepted"]
    assert {event["data"]["custom_id"] for event in told[2:]} == {"mine"}
    scalars = [value for event in told for value in event["data"].values() if not isinstance(value, dict)]
    assert all(value is None or isinstance(value, str) for value in scalars)


def test_frames_are_the_bodies_of_the_event_webhook(sandbox):
    sandbox.configure(events_url="http://127.0.0.1:9/events/")
    with listening(sandbox) as line:
        heard(line)
        move_balance(sandbox)
        frame = line.recv(timeout=SECONDS)
    assert [delivery.body.decode() for delivery in sandbox.state.deliveries.values()] == [frame]


def test_a_project_hears_its_own_events_and_no_others(sandbox):
    with listening(sandbox) as mine, listening(sandbox, "sandbox-2") as other:
        assert heard(mine) == heard(other) == SUCCESS
        move_balance(sandbox, "sandbox-2")
        move_balance(sandbox)
        assert heard(mine)["data"] == {"balance_value": "1001"}
        assert heard(other)["data"] == {"balance_value": "1001"}
        assert (sandbox.listeners(), sandbox.listeners("sandbox-2")) == (1, 1)


def test_nothing_is_told_again_after_a_reconnect(sandbox):
    with listening(sandbox) as line:
        heard(line)
    move_balance(sandbox)
    with listening(sandbox) as line:
        assert heard(line) == SUCCESS
        move_balance(sandbox)
        assert heard(line)["data"] == {"balance_value": "1002"}


@pytest.mark.parametrize(("client_id", "secret"), [(CLIENT_ID, "guessed"), ("nobody", "guessed"), (CLIENT_ID, "123")])
def test_wrong_keys_are_told_so_and_hear_nothing(sandbox, client_id, secret):
    with listening(sandbox, client_id, secret) as line:
        assert heard(line) == FAILED
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=SECONDS)
    assert sandbox.listeners(client_id) == 0


def test_every_text_frame_is_json_by_default_and_a_ping_is_not_answered(sandbox):
    with listening(sandbox) as line:
        line.send("ping")
        assert heard(line) == SUCCESS
        line.send("ping")
        move_balance(sandbox)
        assert heard(line)["event"] == "balance_change"
        with pytest.raises(TimeoutError):
            line.recv(timeout=0.3)


def test_who_does_not_ping_is_cut_off_and_who_does_is_not():
    sandbox = Sandbox(manual=True, options=Options(ping_within=0.2))
    sandbox.faults.add("ws_pong", times=None)
    with sandbox, listening(sandbox) as quiet, listening(sandbox) as lively:
        assert heard(quiet) == heard(lively) == SUCCESS
        while sandbox.listeners() == 2:
            lively.send("ping")
            assert lively.recv(timeout=SECONDS) == "pong"
        with pytest.raises(ConnectionClosed):
            quiet.recv(timeout=SECONDS)
        assert quiet.close_code == 1008
        lively.send("ping")
        assert lively.recv(timeout=SECONDS) == "pong"


def test_the_sandbox_says_goodbye_when_it_stops(sandbox):
    with listening(sandbox) as line:
        heard(line)
        sandbox.stop()
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=SECONDS)
        assert line.close_code == 1001


def test_other_sites_pages_cannot_listen(sandbox):
    with pytest.raises(InvalidStatus, match="403"), listening(sandbox, origin="http://evil.example"):
        pass


def test_a_browser_that_opens_the_address_is_told_off(sandbox):
    answer = requests.get(f"{sandbox.url}/ws/", timeout=SECONDS)
    assert answer.status_code == 400
    assert "websocket" in answer.text


@pytest.mark.parametrize("path", ["/ws", "/ws?shopid=sandbox", "/ws/events", "/websocket/"])
def test_a_wrong_websocket_address_is_a_404_that_names_the_right_one(sandbox, path):
    answer = requests.get(f"{sandbox.url}{path}", timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 404
    assert "/ws/" in answer.text
    with (
        pytest.raises(InvalidStatus, match="404"),
        connect(f"ws{sandbox.url.removeprefix('http')}{path}", proxy=None, open_timeout=SECONDS),
    ):
        pass


class TestFaults:
    def test_ws_drop_breaks_off_after_the_next_event(self, sandbox):
        with listening(sandbox) as line:
            heard(line)
            sandbox.faults.add("ws_drop")
            move_balance(sandbox)
            assert heard(line)["event"] == "balance_change"
            with pytest.raises(ConnectionClosed):
                line.recv(timeout=SECONDS)
            assert line.close_code == 1006

    def test_ws_silent_swallows_events_or_the_greeting(self, sandbox):
        sandbox.faults.add("ws_silent", "auth")
        with listening(sandbox) as line:
            sandbox.faults.add("ws_silent", "event")
            while not sandbox.listeners():
                pass
            move_balance(sandbox)
            move_balance(sandbox)
            assert heard(line)["data"] == {"balance_value": "1002"}

    def test_ws_garbage_comes_before_the_next_frame(self, sandbox):
        with listening(sandbox) as line:
            heard(line)
            sandbox.faults.add("ws_garbage")
            move_balance(sandbox)
            assert not line.recv(timeout=SECONDS).startswith("{")
            assert heard(line)["event"] == "balance_change"

    def test_ws_twice_tells_an_event_twice(self, sandbox):
        with listening(sandbox) as line:
            heard(line)
            sandbox.faults.add("ws_twice")
            move_balance(sandbox)
            assert heard(line) == heard(line)

    def test_ws_auth_failed_refuses_good_keys_once(self, sandbox):
        sandbox.faults.add("ws_auth_failed")
        with listening(sandbox) as line:
            assert heard(line) == FAILED
        with listening(sandbox) as line:
            assert heard(line) == SUCCESS

    def test_ws_pong_answers_a_ping_with_a_text_that_is_no_json(self, sandbox):
        with listening(sandbox) as line:
            heard(line)
            sandbox.faults.add("ws_pong")
            line.send("ping")
            assert line.recv(timeout=SECONDS) == "pong"
        assert sandbox.faults.active() == []

    def test_a_fault_is_not_used_up_by_a_frame_that_is_not_sent(self, sandbox):
        with listening(sandbox) as line:
            heard(line)
            sandbox.faults.add("ws_silent")
            sandbox.faults.add("ws_twice")
            move_balance(sandbox)
            assert [fault.name for fault in sandbox.faults.active()] == ["ws_twice"]
            move_balance(sandbox)
            assert heard(line) == heard(line)

    def test_a_fault_waits_for_somebody_who_listens(self, sandbox):
        sandbox.faults.add("ws_drop")
        move_balance(sandbox)
        assert [fault.name for fault in sandbox.faults.active()] == ["ws_drop"]
