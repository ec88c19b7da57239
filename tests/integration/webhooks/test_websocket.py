"""Websocket events are recorded like any other report, and purchases are polled after each connect."""

import asyncio
import json
import queue
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connections

from django_skinsback import purchases, realtime
from django_skinsback.exceptions import ConfigurationError
from django_skinsback.flows import websocket as listening
from django_skinsback.flows.monitoring.balance import store_balance
from django_skinsback.flows.purchases.report import record_report
from django_skinsback.flows.websocket import catch_up, listen, record_event
from django_skinsback.flows.websocket_thread import MAX_WAITING_EVENTS
from django_skinsback.models import BalanceSnapshot, LedgerEntry, Purchase, StatusChange
from django_skinsback.models.fields import utc_now
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_purchase
from django_skinsback.wire.notifications import Event
from django_skinsback.wire.types import PurchaseReport
from tests.wallet.models import Wallet

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
SECONDS = 30


def status_event(purchase, status, **fields):
    data = {"custom_id": purchase.custom_id, "buy_id": purchase.buy_id, "offer_status": status, **fields}
    return Event(name="status_change", purchase=PurchaseReport.from_wire(data))


@contextmanager
def closed_wallet():
    def refuse(**_kwargs):
        raise RuntimeError("the wallet is closed")

    entry_posted.connect(refuse)
    yield
    entry_posted.disconnect(refuse)


@pytest.mark.django_db
@pytest.mark.database
class TestRecordEvent:
    def test_an_event_changes_the_status_and_its_source_is_recorded(self):
        purchase = make_purchase(status="creating_trade")
        recorded = record_event("default", status_event(purchase, "waiting_accept", tradeofferid="4176876858"))
        purchase.refresh_from_db()
        assert (purchase.status, purchase.trade_offer_id) == ("waiting_accept", "4176876858")
        assert (recorded.outcome, recorded.purchase, purchase.changes.get().source) == ("applied", purchase, "socket")

    def test_an_event_may_arrive_before_the_answer_of_the_buying_call(self):
        """Row 17."""
        purchase = make_purchase(status="requested", attempts=1, buy_id=None)
        bought = PurchaseReport.from_wire(
            {"custom_id": purchase.custom_id, "buy_id": "65", "offer_status": "creating_trade"}
        )
        assert record_event("default", Event(name="buy_item", purchase=bought)).outcome == "applied"
        assert record_report(bought, "answer").outcome == "repeat"
        purchase.refresh_from_db()
        assert (purchase.status, purchase.buy_id, purchase.attempts) == ("creating_trade", "65", 1)

    def test_repeated_and_late_frames_change_nothing(self):
        """Rows 7 and 11."""
        purchase = make_purchase(status="creating_trade")
        outcomes = [
            record_event("default", status_event(purchase, status)).outcome
            for status in ("accepted", "accepted", "waiting_accept", "creating_trade")
        ]
        purchase.refresh_from_db()
        assert (purchase.status, purchase.changes.count()) == ("accepted", 1)
        assert outcomes == ["applied", "repeat", "stale", "stale"]

    def test_a_failure_is_refunded_once_however_often_it_is_reported(self, user):
        Wallet.objects.create(user=user, balance=10)
        purchase = purchases.buy(
            user=user, trade_url=TRADE_URL, skin_id="1", max_price=5, charge=Decimal(6), charge_currency="usd"
        )
        for _ in range(3):
            record_event("default", status_event(purchase, "canceled", buy_id="65"))
        assert sorted(LedgerEntry.objects.values_list("kind", "amount")) == [("charge", -6), ("refund", 6)]
        assert Wallet.objects.get(user=user).balance == 10

    def test_an_unknown_status_changes_nothing_and_is_flagged(self):
        """Row 20."""
        purchase = make_purchase(status="waiting_accept")
        assert record_event("default", status_event(purchase, "half_accepted")).outcome == "unknown_status"
        purchase.refresh_from_db()
        assert (purchase.status, purchase.needs_review) == ("waiting_accept", True)

    def test_a_purchase_of_another_environment_or_account_is_unmatched(self):
        """Rows 16 and 19."""
        purchase = make_purchase(status="waiting_accept", account="second")
        recorded = record_event("default", status_event(purchase, "accepted"))
        purchase.refresh_from_db()
        assert (recorded.outcome, recorded.purchase, purchase.status) == ("unmatched", None, "waiting_accept")

    def test_a_balance_is_stored(self):
        record_event("second", Event(name="balance_change", balance=Decimal("758.93")))
        snapshot = BalanceSnapshot.objects.get()
        assert (snapshot.account, snapshot.balance) == ("second", Decimal("758.93"))

    def test_other_events_are_ignored_and_their_names_are_not_passed_on(self):
        recorded = record_event("default", Event(name="<script>"))
        assert (recorded.name, recorded.outcome) == ("other", "ignored")

    @pytest.mark.parametrize("status", ["waiting_accept", "accepted"])
    def test_a_receiver_that_raises_leaves_the_purchase_due_now(self, user, caplog, status):
        """Row 32."""
        later = utc_now() + timedelta(hours=5)
        purchase = make_purchase(
            status=status, user=user, charge_amount=6, charge_currency="usd", next_poll_at=later, token="Secr3t_t"
        )
        LedgerEntry.objects.create(purchase=purchase, kind="charge", amount=-6, currency="usd", user=user)
        ending = "canceled" if status == "waiting_accept" else "rollback_supplier"
        with closed_wallet():
            assert record_event("default", status_event(purchase, ending)).outcome == "failed"
        purchase.refresh_from_db()
        assert (purchase.status, LedgerEntry.objects.count()) == (status, 1)
        assert purchase.next_poll_at <= utc_now()
        assert "skinsback.event_failed" in caplog.text
        assert "Secr3t_t" not in caplog.text

    def test_a_final_purchase_is_not_made_due_by_an_event_that_fails(self, monkeypatch):
        purchase = make_purchase(status="canceled")

        def fail(*_args, **_kwargs):
            raise RuntimeError

        monkeypatch.setattr("django_skinsback.flows.websocket.record_report", fail)
        assert record_event("default", status_event(purchase, "canceled")).outcome == "failed"
        purchase.refresh_from_db()
        assert purchase.next_poll_at is None

    def test_a_failing_database_raises_nothing(self, monkeypatch, caplog):
        """Row 58."""

        def fail(*_args, **_kwargs):
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(listening, "record_report", fail)
        monkeypatch.setattr(listening, "change", fail)
        event = status_event(make_purchase(status="waiting_accept"), "accepted")
        assert record_event("default", event).outcome == "failed"
        assert "skinsback.event_lost" in caplog.text


@pytest.fixture
def bought(user, skinsback_sandbox, transactional_db):
    """A purchase that was sent to the sandbox and is not final."""
    item = next(item for item in skinsback_sandbox.state.stock.values() if not item.sold and item.price < 10)
    purchase = purchases.buy(user=user, trade_url=TRADE_URL, skin_id=str(item.skin_id), max_price=20)
    return purchases.submit(purchase)


def postpone_poll(purchase, hours=5, **values):
    Purchase.objects.filter(pk=purchase.pk).update(next_poll_at=utc_now() + timedelta(hours=hours), **values)


@pytest.mark.database
class TestCatchUp:
    def test_catching_up_finds_a_change_although_the_row_was_not_due(self, skinsback_sandbox, bought):
        skinsback_sandbox.end_purchase(bought.custom_id, "timeout")
        postpone_poll(bought)
        counts = catch_up("default")
        bought.refresh_from_db()
        assert (counts.asked, counts.changed, bought.status) == (1, 1, "timeout")

    @pytest.mark.parametrize(
        "values",
        [{"status": "accepted"}, {"status": "requested", "attempts": 1}, {"status": "canceled"}, {"account": "second"}],
        ids=str,
    )
    def test_rows_that_cannot_have_changed_are_not_polled(self, skinsback_sandbox, bought, values):
        postpone_poll(bought, **values)
        postponed_until = Purchase.objects.get().next_poll_at
        assert catch_up("default").asked == 0
        assert Purchase.objects.get().next_poll_at == postponed_until

    def test_an_outage_is_returned_and_the_rows_are_polled_later(self, skinsback_sandbox, bought):
        skinsback_sandbox.faults.add("maintenance", times=None)
        postpone_poll(bought)
        assert "under_maintenance" in catch_up("default").stopped_by
        bought.refresh_from_db()
        assert bought.next_poll_at <= utc_now() + timedelta(minutes=10)


class Listener:
    """Listens in a thread, as the command does in its main thread, until it is stopped."""

    def __init__(self, *accounts, connect=None, begin=lambda: None):
        self.updates, self.result = [], None
        self._queue = queue.Queue()
        self._accounts, self._connect, self._begin = accounts, connect, begin
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        self._begin()
        self.result = listen(self._accounts, self._queue.put, stopped=self._stop.is_set, connect=self._connect)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        while not self._queue.empty():
            self.updates.append(self._queue.get())

    def wait_for(self, what, **details):
        """The next update of this kind."""
        while True:
            update = self._queue.get(timeout=SECONDS)
            self.updates.append(update)
            if update.kind == what and details.items() <= update.details.items():
                return update


class Flood:
    """A connection that never runs out of events."""

    def __init__(self, events=10**9):
        self.events, self.received, self.sent = events, 0, []

    @asynccontextmanager
    async def connect(self, _url):
        yield self

    async def recv(self):
        while self.received > self.events:
            await asyncio.sleep(0.01)
        self.received += 1
        if self.received == 1:
            return json.dumps({"event": "auth_success"})
        return json.dumps({"event": "balance_change", "data": {"balance_value": str(self.received)}})

    async def send(self, text):
        self.sent.append(text)


@pytest.fixture
def short_pauses(monkeypatch):
    monkeypatch.setattr(realtime, "pause_seconds", lambda *_args: 0.01)


@pytest.mark.django_db(transaction=True)
class TestListen:
    def test_a_change_is_recorded_at_once_and_the_listener_stops_cleanly(self, skinsback_sandbox, bought):
        with Listener("default") as listener:
            listener.wait_for("caught_up")
            skinsback_sandbox.end_purchase(bought.custom_id, "accepted")
            listener.wait_for("event", status="accepted", outcome="applied")
            bought.refresh_from_db()
            assert (bought.status, bought.changes.last().source) == ("accepted", "socket")
        assert listener.result is True
        assert listener.updates[-1].kind == "stopped"
        assert listener.updates[-1].details["outcomes"]["applied"] == 2
        assert skinsback_sandbox.listeners() == 0

    def test_changes_during_a_lost_connection_are_polled(self, skinsback_sandbox, bought, short_pauses):
        with Listener("default") as listener:
            listener.wait_for("caught_up")
            skinsback_sandbox.faults.add("ws_silent", times=2)
            skinsback_sandbox.end_purchase(bought.custom_id, "accepted")
            skinsback_sandbox.faults.add("ws_drop")
            skinsback_sandbox.change_balance(Decimal(1))
            listener.wait_for("disconnected", reason="the connection broke off")
            assert listener.wait_for("caught_up").details["changed"] == 1
        bought.refresh_from_db()
        assert (bought.status, bought.changes.last().source) == ("accepted", "poll")

    @pytest.mark.parametrize("fault", ["ws_twice", "ws_garbage"])
    def test_repeated_and_unreadable_frames_change_nothing(self, skinsback_sandbox, bought, fault):
        with Listener("default") as listener:
            listener.wait_for("caught_up")
            skinsback_sandbox.faults.add(fault, times=None)
            skinsback_sandbox.end_purchase(bought.custom_id, "accepted")
            listener.wait_for("event", status="accepted")
        bought.refresh_from_db()
        assert list(bought.changes.order_by("pk").values_list("to_status", flat=True)) == [
            "requested",
            "creating_trade",
            "waiting_accept",
            "accepted",
        ]

    def test_a_receiver_that_raises_does_not_end_the_listener(self, skinsback_sandbox, bought, user):
        LedgerEntry.objects.create(purchase=bought, kind="charge", amount=-6, currency="usd", user=user)
        with Listener("default") as listener:
            listener.wait_for("caught_up")
            with closed_wallet():
                skinsback_sandbox.end_purchase(bought.custom_id, "canceled")
                listener.wait_for("event", outcome="failed")
                listener.wait_for("event", event="balance_change")
            catch_up("default")
        bought.refresh_from_db()
        assert (bought.status, LedgerEntry.objects.filter(kind="refund").count()) == ("canceled", 1)

    def test_an_account_whose_keys_are_refused_ends_and_the_others_go_on(
        self, skinsback_sandbox, settings, caplog, short_pauses
    ):
        wrong = {"CLIENT_ID": "sandbox-2", "CLIENT_SECRET": "guessed"}
        settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {"second": wrong}}
        with Listener("default", "second") as listener:
            assert listener.wait_for("refused").account == "second"
            while not skinsback_sandbox.listeners():
                listener.wait_for("connected")
            skinsback_sandbox.change_balance(Decimal(1))
            listener.wait_for("event", event="balance_change")
        assert listener.result is False
        assert [update.kind for update in listener.updates if update.account == "second"] == ["connecting", "refused"]
        assert "skinsback.listener_refused" in caplog.text

    def test_the_listener_ends_when_all_accounts_are_refused(self, skinsback_sandbox):
        skinsback_sandbox.faults.add("ws_auth_failed")
        with Listener("default") as listener:
            listener.wait_for("refused")
            listener._thread.join(SECONDS)
            assert listener.result is False

    def test_a_slow_database_delays_no_ping_and_the_number_of_waiting_events_is_limited(self, monkeypatch):
        entered, finish = threading.Event(), threading.Event()

        def block(*_args):
            entered.set()
            assert finish.wait(SECONDS)

        monkeypatch.setattr(listening, "store_balance", block)
        monkeypatch.setattr(realtime, "PING_SECONDS", 0.01)
        socket = Flood()
        with Listener("default", connect=socket.connect) as listener:
            assert entered.wait(SECONDS)
            while len(socket.sent) < 20:
                time.sleep(0.01)
            received = socket.received
            while len(socket.sent) < 40:
                time.sleep(0.01)
            assert MAX_WAITING_EVENTS <= received == socket.received <= MAX_WAITING_EVENTS + 3
            finish.set()
            for _ in range(MAX_WAITING_EVENTS + 10):  # all waiting events are then recorded
                listener.wait_for("event", outcome="applied")

    def test_a_long_catch_up_delays_no_event_and_ends_when_the_listener_is_stopped(self, monkeypatch):
        socket, batches = Flood(events=1), []

        def poll_endlessly(_account, *, on_progress):
            while True:
                batches.append(1)
                time.sleep(0.01)
                on_progress(1)

        monkeypatch.setattr(listening, "catch_up", poll_endlessly)
        with Listener("default", connect=socket.connect) as listener:
            listener.wait_for("connected")
            while not batches:
                time.sleep(0.01)
            socket.events += 1
            listener.wait_for("event", outcome="applied")
            listener.wait_for("event", outcome="applied")
        assert listener.result is True

    def test_no_database_connection_outlives_its_event(self, skinsback_sandbox, monkeypatch):
        """Row 58: the next event starts with a working connection."""
        used_connections = []

        def store_and_record(account, usd):
            used_connections.append(connections["default"])
            store_balance(account, usd)
            assert used_connections[-1].connection is not None

        monkeypatch.setattr(listening, "store_balance", store_and_record)
        with Listener("default") as listener:
            listener.wait_for("caught_up")
            skinsback_sandbox.change_balance(Decimal(1))
            listener.wait_for("event", outcome="applied")
        assert [connection.connection for connection in used_connections] == [None]

    def test_a_catch_up_that_fails_is_logged_and_the_listener_goes_on(self, skinsback_sandbox, monkeypatch, caplog):
        def fail(_account, **_options):
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(listening, "catch_up", fail)
        with Listener("default") as listener:
            listener.wait_for("catch_up_failed")
            skinsback_sandbox.change_balance(Decimal(1))
            listener.wait_for("event", event="balance_change")
        assert "skinsback.catch_up_failed" in caplog.text

    def test_unknown_purchases_are_logged_once_and_counted(self, skinsback_sandbox, bought, caplog):
        caplog.set_level("INFO", logger="django_skinsback")
        StatusChange.objects.all().delete()
        bought.delete()
        with Listener("default") as listener:
            listener.wait_for("caught_up")
            skinsback_sandbox.end_purchase(bought.custom_id, "accepted")
            listener.wait_for("event")
            listener.wait_for("event")
        assert listener.updates[-1].details == {"outcomes": {"unmatched": 2}}
        logged = [record for record in caplog.records if record.message == "skinsback.event_recorded"]
        assert len([record for record in logged if record.levelname == "INFO"]) == 1


def test_an_outage_is_logged_as_a_warning_once(caplog, short_pauses):
    caplog.set_level("INFO", logger="django_skinsback")
    update_kinds = []

    @asynccontextmanager
    async def refused(_url):
        raise realtime.ConnectionLost("connection refused")
        yield

    def stopped():
        return update_kinds.count("disconnected") == 20

    assert (
        listen(["default"], lambda update: update_kinds.append(update.kind), stopped=stopped, connect=refused) is True
    )
    logged = [record for record in caplog.records if record.message == "skinsback.listener_disconnected"]
    assert [record.attempts for record in logged if record.levelname == "WARNING"] == [5]
    assert len(logged) >= 20


def test_an_unexpected_error_in_the_websocket_thread_is_raised_where_listen_was_called():
    @asynccontextmanager
    async def broken(_url):
        raise RuntimeError("a bug")
        yield

    kinds = []
    with pytest.raises(RuntimeError, match="a bug"):
        listen(["default"], lambda update: kinds.append(update.kind), stopped=lambda: False, connect=broken)
    assert kinds == ["connecting"]


class TestAddress:
    def test_an_unencrypted_url_of_another_machine_needs_debug(self, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "WEBSOCKET_URL": "ws://sandbox.lan/ws/"}
        with pytest.raises(ConfigurationError):
            listening.address("default")
        settings.DEBUG = True
        assert listening.address("default").shown == "ws://sandbox.lan/ws/"

    def test_an_account_without_keys_is_a_configuration_error(self, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": ""}
        with pytest.raises(ConfigurationError, match="CLIENT_SECRET"):
            listening.address("default")
