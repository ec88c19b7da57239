"""``balance_low`` is sent once when the balance falls below ``LOW_BALANCE``, even if many processes see it at once."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from django_skinsback import conf
from django_skinsback.flows.monitoring.balance import store_balance
from django_skinsback.models import BalanceSnapshot
from django_skinsback.signals import balance_low
from django_skinsback.wire.signing import event_signature

from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def low_balances(settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(50)}
    received = []

    def low(balance, **_kwargs):
        received.append(balance)

    balance_low.connect(low)
    yield received
    balance_low.disconnect(low)


def keep(usd):
    return lambda: store_balance("default", Decimal(usd))


def event(usd):
    """Return a function that delivers the event of this balance, as SkinsBack does."""
    body = json.dumps({"event": "balance_change", "data": {"balance_value": usd}}).encode()
    headers = {"Signature": event_signature(body, conf.account().client_secret)}
    return lambda: (
        Client().post("/skinsback/events/", body, content_type="application/json", headers=headers).status_code
    )


def test_many_snapshots_at_once_send_the_signal_once(low_balances):
    for turn in range(10):
        store_balance("default", Decimal(60))

        kept = at_once(*[keep(f"40.{turn}{thread}") for thread in range(8)])

        assert all(isinstance(snapshot, BalanceSnapshot) for snapshot in kept), kept
        assert len(low_balances) == turn + 1
    assert BalanceSnapshot.objects.count() == 10 * (1 + 8)


def test_events_and_the_task_at_once_send_the_signal_once(low_balances):
    for turn in range(10):
        store_balance("default", Decimal(60))

        answers = at_once(
            *[event(f"39.{turn}{thread}") for thread in range(4)], *[keep(f"38.{turn}{thread}") for thread in range(4)]
        )

        assert answers[:4] == [200] * 4
        assert len(low_balances) == turn + 1


def test_the_signal_is_sent_while_others_store_the_earlier_balance(low_balances):
    """Storing an unchanged balance moves the time of the row with which the signal is claimed."""
    for turn in range(10):
        for _ in range(3):
            store_balance("default", Decimal(60))

        kept = at_once(keep("60"), keep("60"), keep("40"), keep("60"), keep("60"))

        assert all(isinstance(snapshot, BalanceSnapshot) for snapshot in kept), kept
        assert len(low_balances) == turn + 1
        store_balance("default", Decimal(70 + turn))


def test_each_account_sends_a_signal_of_its_own(low_balances):
    store_balance("default", Decimal(60))
    store_balance("second", Decimal(60))
    at_once(keep("40"), lambda: store_balance("second", Decimal(41)))
    assert sorted(low_balances) == [40, 41]


def test_a_balance_that_stays_the_same_takes_two_rows(low_balances):
    before = timezone.now() - timedelta(seconds=1)
    for _ in range(5):
        store_balance("default", Decimal("60.5"))

    first, last = BalanceSnapshot.objects.order_by("pk")

    assert before < first.taken_at < last.taken_at
    store_balance("default", Decimal("60.4"))
    assert BalanceSnapshot.objects.count() == 3
    assert low_balances == []
