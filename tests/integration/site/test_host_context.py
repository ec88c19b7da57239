"""The site's context, such as a tenant in a ContextVar: a new thread does not have it, so none touches the database."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from contextvars import ContextVar
from decimal import Decimal

import pytest
from django.utils import timezone

from django_skinsback import purchases
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.flows.websocket import listen
from django_skinsback.models import BalanceSnapshot, Deposit, ListCursor, Purchase

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
SECONDS = 30

tenant = ContextVar("tenant")
"""The database of this request or command. A new thread has none."""


class TenantRouter:
    """Sends every query to the database of the tenant; LookupError where there is none."""

    def db_for_read(self, _model, **_hints):
        return tenant.get()

    db_for_write = db_for_read

    def allow_relation(self, *_objects, **_hints):
        return True


@pytest.fixture(autouse=True)
def routed(settings):
    settings.DATABASE_ROUTERS = [f"{__name__}.TenantRouter"]
    token = tenant.set("default")
    yield
    tenant.reset(token)


@pytest.fixture
def started(monkeypatch):
    """The names of the threads that are started."""
    names, start = [], threading.Thread.start

    def note(thread):
        names.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", note)
    return names


@pytest.fixture
def bought(user, skinsback_sandbox):
    item = next(item for item in skinsback_sandbox.state.stock.values() if not item.sold and item.price < 10)
    purchase = purchases.submit(purchases.buy(user=user, trade_url=TRADE_URL, skin_id=str(item.skin_id), max_price=20))
    skinsback_sandbox.end_purchase(purchase.custom_id, "accepted")
    Purchase.objects.update(next_poll_at=timezone.now())
    return purchase


def ours(names):
    """Without the threads of the sandbox and its server."""
    return [name for name in names if "sandbox" not in name and "process_request_thread" not in name]


def test_row_72_sweeps_ask_and_record_in_the_thread_that_calls_them(bought, started):
    assert poll_purchases().changed == 1
    assert poll_deposits().asked == Deposit.objects.count()

    assert Purchase.objects.get().status == "accepted"
    assert ours(started) == []


def test_row_72_lists_are_compared_in_the_thread_that_calls_it(bought, started):
    assert all(counts.stopped_by == "" for counts in reconcile("default"))

    assert ListCursor.objects.count() == 3
    assert ours(started) == []


class Socket:
    """A connection that receives one event."""

    def __init__(self, event):
        self._frames = [json.dumps({"event": "auth_success"}), json.dumps(event)]

    @asynccontextmanager
    async def connect(self, _url):
        yield self

    async def recv(self):
        while not self._frames:
            await asyncio.sleep(1)
        return self._frames.pop(0)

    async def send(self, _text):
        pass


@pytest.mark.parametrize("name", ["purchase", "balance"])
def test_row_72_the_listener_records_events_and_catches_up_in_the_thread_that_calls_it(bought, started, name):
    data = {"custom_id": bought.custom_id, "buy_id": bought.buy_id, "offer_status": "accepted"}
    events = {
        "purchase": {"event": "status_change", "data": data},
        "balance": {"event": "balance_change", "data": {"balance_value": "758.93"}},
    }
    heard = []

    def stopped():
        return {"event", "caught_up"} <= {news.kind for news in heard}

    assert listen(["default"], heard.append, stopped=stopped, connect=Socket(events[name]).connect)

    [outcome] = [news.details["outcome"] for news in heard if news.kind == "event"]
    assert outcome in {"applied", "repeat"}  # the latter if the catch-up was first
    assert not [news for news in heard if news.kind == "catch_up_failed"]
    assert Purchase.objects.get().status == "accepted"
    assert BalanceSnapshot.objects.filter(balance=Decimal("758.93")).exists() is (name == "balance")
    assert ours(started) == ["skinsback-websocket"]  # it has no tenant, so a query of its own would have failed
