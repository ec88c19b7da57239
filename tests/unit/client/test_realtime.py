"""The websocket's protocol without sockets: what frames mean, when to ping, when to reconnect."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import pytest

from django_skinsback.exceptions import ConfigurationError
from django_skinsback.realtime import Address, ConnectionLost, Conversation, Stage, State, listen, pause_seconds
from django_skinsback.wire.signing import client_digest
from tests import samples
from tests.support.virtual_loop import run

GREETING = json.dumps({"event": "auth_success"})
REFUSAL = json.dumps({"event": "auth_failed"})
BALANCE = json.dumps({"event": "balance_change", "data": {"balance_value": "758.93"}})
SECRET = "an-own-5ecret"
DIGEST = client_digest("1", SECRET)


class TestConversation:
    def test_the_first_frame_says_whether_the_keys_were_accepted(self):
        for frame, stage in ((GREETING, Stage.LISTENING), (REFUSAL, Stage.REFUSED)):
            conversation = Conversation(0)
            assert conversation.stage is Stage.GREETING
            assert conversation.receive(frame) is None
            assert conversation.stage is stage

    def test_the_documented_example_is_a_purchase(self):
        event = Conversation(0).receive(samples.load("event_status_change").body)
        assert (event.purchase.custom_id, event.purchase.status) == ("123456", "waiting_accept")

    @pytest.mark.parametrize("frame", [BALANCE, BALANCE.encode(), " " + BALANCE, BALANCE.replace('"758.93"', "758.93")])
    def test_a_balance_is_read_from_text_and_bytes_as_string_and_number(self, frame):
        assert Conversation(0).receive(frame).balance == Decimal("758.93")

    @pytest.mark.parametrize(
        "frame",
        [
            "pong",
            "",
            " ",
            "{",
            "[]",
            "null",
            "1",
            "event=auth_failed",
            "{}",
            '{"event":5.5e9}',
            '{"event":{}}',
            b"\xff\xfe",
            '{"event":"a","event":"auth_failed"}',
            '{"event":"\ud800"}',
            "{" * 100_000,
            '{"a":' * 5000,
            '{"event":NaN}',
        ],
        ids=lambda frame: repr(frame[:20]),
    )
    def test_frames_without_an_event_are_ignored_without_an_exception(self, frame):
        conversation = Conversation(0)
        heard = conversation.receive(frame)
        assert heard is None or heard.purchase is heard.balance is None
        assert conversation.stage is not Stage.REFUSED

    def test_an_event_with_an_unknown_name_has_no_data(self):
        event = Conversation(0).receive('{"event":"maintenance_soon","data":[]}')
        assert (event.name, event.purchase, event.balance) == ("maintenance_soon", None, None)

    def test_an_event_before_any_greeting_means_that_the_keys_were_accepted(self):
        conversation = Conversation(0)
        conversation.receive(BALANCE)
        assert conversation.stage is Stage.LISTENING

    def test_keys_can_be_refused_later_too(self):
        conversation = Conversation(0)
        conversation.receive(GREETING)
        conversation.receive(REFUSAL)
        assert conversation.stage is Stage.REFUSED

    def test_a_ping_is_sent_every_25_seconds_and_missed_ones_are_not_repeated(self):
        conversation = Conversation(1000)
        conversation.receive(GREETING)
        said = [(now, conversation.frames_to_send(now)) for now in (1000, 1024.9, 1025, 1026, 1050, 1200, 1201, 1225)]
        assert [now for now, texts in said if texts == ["ping"]] == [1025, 1050, 1200, 1225]
        assert conversation.next_action_at() == 1250

    def test_a_missing_greeting_is_overdue_after_20_seconds(self):
        conversation = Conversation(0)
        assert conversation.next_action_at() == 20
        assert not conversation.is_greeting_overdue(19.9)
        assert conversation.is_greeting_overdue(20)
        conversation.receive(GREETING)
        assert not conversation.is_greeting_overdue(10_000)


class TestPause:
    def test_the_pause_doubles_from_one_second_to_one_minute(self):
        shortest = [pause_seconds(vain, lambda least, _most: least) for vain in range(8)]
        longest = [pause_seconds(vain, lambda _least, most: most) for vain in range(8)]
        assert shortest == [1, 2, 4, 8, 16, 30, 30, 30]
        assert longest == [2, 4, 8, 16, 32, 60, 60, 60]
        assert pause_seconds(10**9, lambda _least, most: most) == 60

    def test_listeners_disconnected_together_reconnect_at_different_times(self):
        assert len({pause_seconds(3) for _ in range(20)}) > 10


class TestAddress:
    def test_it_is_the_documented_one(self):
        address = Address("wss://skinsback.com/ws/", "1", "123")
        assert address.url == "wss://skinsback.com/ws/?shopid=1&signature=2cfd4560539f887a5e420412b370b361"

    def test_a_query_of_its_own_stays(self):
        assert Address("wss://x/ws?a=b", "1", "123").url.startswith("wss://x/ws?a=b&shopid=1&signature=")

    @pytest.mark.parametrize("url", ["ws://127.0.0.1:8600/ws/", "ws://localhost/ws", "ws://[::1]:1/"])
    def test_plain_text_is_for_this_machine(self, url):
        assert Address(url, "1", "123").shown == url

    @pytest.mark.parametrize(
        "url",
        [
            "ws://skinsback.com/ws/",
            "ws://127.0.0.1.example/",
            "https://skinsback.com/ws/",
            "wss://",
            "wss:///ws",
            "",
            "wss://user:password@x/",
            "wss://x:99999/",
            "wss://x:0/",
            "wss://[::1/",
            f"wss://{'a' * 64}.com/",
        ],
    )
    def test_any_other_is_refused(self, url):
        with pytest.raises(ConfigurationError, match="wss://"):
            Address(url, "1", "123")

    def test_plain_text_elsewhere_has_to_be_allowed(self):
        assert Address("ws://skinsback.com/ws/", "1", "123", allow_plain=True).shown == "ws://skinsback.com/ws/"

    def test_its_repr_does_not_show_the_key(self):
        address = Address("wss://x/?token=abc", "1", SECRET)
        assert not [text for text in (repr(address), str(address), f"{address}") if DIGEST in text or "abc" in text]
        assert DIGEST in address.url


class Line:
    """A scripted connection: a text is a frame, a number is a wait in seconds, ConnectionLost ends it."""

    def __init__(self, *script):
        self.script = list(script)
        self.said = []
        self.opened = self.closed = None

    async def recv(self):
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, str):
                return step
            await asyncio.sleep(step)
        return await asyncio.get_running_loop().create_future()

    async def send(self, text):
        self.said.append((now(), text))


def now():
    return asyncio.get_running_loop().time()


def connecting(*lines):
    """A ``connect`` that opens one line after the other, or raises a ConnectionLost that stands in a line's place."""
    waiting = list(lines)

    @asynccontextmanager
    async def connect(_url):
        line = waiting.pop(0)
        if isinstance(line, Exception):
            raise line
        line.opened = now()
        try:
            yield line
        finally:
            line.closed = now()

    return connect


def longest_pause(_least, most):
    return most


class Listener:
    """Listens for some virtual seconds and stores the events and changes it gets, with their times."""

    def __init__(self, handle=None):
        self.changes, self.events, self._handle = [], [], handle

    async def listen(self, *lines, seconds):
        address = Address("wss://x/", "1", SECRET)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await listen(address, self.handle, self.on_change, connect=connecting(*lines), uniform=longest_pause)

    async def handle(self, event):
        self.events.append((now(), event.name))
        if self._handle:
            await self._handle(event)

    def on_change(self, change):
        self.changes.append((now(), change))

    def states(self):
        return [change.state for _, change in self.changes]


class TestListening:
    def test_pings_go_out_while_an_event_is_being_handled_for_minutes(self):
        line, listener = Line(GREETING, BALANCE, BALANCE), Listener(lambda _event: asyncio.sleep(90))
        run(listener.listen(line, seconds=185))
        assert line.said == [(pytest.approx(25 * n, abs=0.1), "ping") for n in range(1, 8)]
        assert [round(at) for at, _ in listener.events] == [0, 90]

    def test_events_are_handled_one_after_the_other_in_their_order(self):
        frames = [json.dumps({"event": f"e{n}"}) for n in range(5)]
        listener = Listener(lambda _event: asyncio.sleep(1))
        run(listener.listen(Line(GREETING, *frames), seconds=60))
        assert [(round(at), name) for at, name in listener.events] == [(n, f"e{n}") for n in range(5)]

    def test_the_pauses_grow_while_the_server_cannot_be_reached(self):
        listener = Listener()
        run(listener.listen(*[ConnectionLost("connection refused")] * 20, seconds=400))
        tries = [round(at) for at, change in listener.changes if change.state is State.CONNECTING]
        assert tries == [0, 2, 6, 14, 30, 62, 122, 182, 242, 302, 362]
        reasons = {change.reason for _, change in listener.changes if change.state is State.DISCONNECTED}
        assert reasons == {"connection refused"}

    def test_the_pauses_are_short_again_after_a_stable_connection(self):
        refused, short = ConnectionLost("x"), [Line(GREETING, 5, ConnectionLost("y"))]
        listener = Listener()
        run(
            listener.listen(
                refused, refused, *short, Line(GREETING, 61, ConnectionLost("z")), refused, Line(GREETING), seconds=300
            )
        )
        pauses = [change.pause_seconds for _, change in listener.changes if change.state is State.DISCONNECTED]
        assert pauses == [2, 4, 8, 2, 2]

    def test_refused_keys_end_it_without_a_reconnect(self):
        line, listener = Line(REFUSAL), Listener()
        run(listener.listen(line, AssertionError("knocked again"), seconds=1000))
        assert listener.states() == [State.CONNECTING, State.REFUSED]
        assert line.closed == pytest.approx(0, abs=0.1)

    def test_keys_refused_in_the_middle_end_it_too(self):
        listener = Listener()
        run(listener.listen(Line(GREETING, BALANCE, 30, REFUSAL), AssertionError("knocked again"), seconds=1000))
        assert listener.states() == [State.CONNECTING, State.CONNECTED, State.REFUSED]

    def test_a_server_that_sends_nothing_is_disconnected_after_20_seconds(self):
        mute, listener = Line(), Listener()
        run(listener.listen(mute, Line(GREETING), seconds=60))
        assert mute.closed == pytest.approx(20, abs=0.1)
        assert State.CONNECTED in listener.states()
        assert listener.changes[1][1].reason == "SkinsBack sent no first frame"

    def test_stopping_closes_the_connection_and_is_reported(self):
        line, listener = Line(GREETING), Listener()
        run(listener.listen(line, seconds=40))
        assert line.closed == pytest.approx(40, abs=0.1)
        assert listener.states() == [State.CONNECTING, State.CONNECTED, State.STOPPED]

    def test_it_can_be_stopped_while_it_waits_for_the_next_try(self):
        listener = Listener()
        run(listener.listen(ConnectionLost("x"), seconds=1))
        assert listener.states() == [State.CONNECTING, State.DISCONNECTED, State.STOPPED]

    def test_a_connection_lost_while_an_event_is_handled_does_not_interrupt_the_handler(self):
        done = []

        async def handle(_event):
            await asyncio.sleep(30)
            done.append(now())

        listener = Listener(handle)
        run(listener.listen(Line(GREETING, BALANCE, ConnectionLost("x")), Line(GREETING), seconds=60))
        assert [round(at) for at in done] == [30]
        assert listener.states().count(State.CONNECTED) == 2
