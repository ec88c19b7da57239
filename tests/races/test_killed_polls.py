"""Row 49 of the fault model: a worker is killed or interrupted while it polls a batch, and no status is lost."""

import random
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from django_skinsback.client import SkinsBackClient
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import LedgerEntry, Purchase, StatusChange
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_purchase
from django_skinsback.wire.types import PurchaseReport
from tests.simulator.crashes import Crashes

from .test_killed import kill

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

CLAIM_SECONDS = 120
"""A claim ends after this time, even if the worker that made it is dead."""

POINTS = [
    "before the claim of due rows",
    "between claim of due rows and call",
    "between answer and record",
    "between record and commit",
    "between record and reschedule",
]


@pytest.fixture
def sandbox(settings):
    with Sandbox(manual=True, send=lambda *_message: 200) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}
        yield sandbox


@pytest.mark.parametrize("point", POINTS)
def test_row_49_two_minutes_after_a_worker_was_killed_all_due_rows_are_polled(sandbox, user, point):
    from django_skinsback import purchases
    from django_skinsback.connection import get_client
    from tests.wallet.models import Wallet

    Wallet.objects.create(user=user, balance=9)
    skins = sorted(get_client().get_price_list("rust", full=True).items, key=lambda item: item.price)[:3]
    rows = [
        purchases.buy(
            user=user,
            trade_url="https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
            skin_id=skin.skin_id,
            game="rust",
            max_price=skin.price,
            charge=3,
            charge_currency="usd",
        )
        for skin in skins
    ]
    for row in rows:
        purchases.submit(row)
    for row in rows[:2]:
        sandbox.end_purchase(row.custom_id, "canceled")
    Purchase.objects.update(next_poll_at=timezone.now())

    kill("poll", point)
    killed_at = timezone.now()
    with time_machine.travel(killed_at + timedelta(seconds=CLAIM_SECONDS), tick=False):
        poll_purchases()

    assert list(Purchase.objects.order_by("pk").values_list("status", flat=True)[:2]) == ["canceled"] * 2
    assert LedgerEntry.objects.filter(kind="refund").count() == 2
    assert Wallet.objects.get().balance == 6
    assert Purchase.objects.get(pk=rows[2].pk).next_poll_at is not None


def test_row_49_after_interruptions_at_any_point_no_row_is_left_unscheduled(monkeypatch, settings, user):
    """The interruption is an exception that no flow catches, so the process goes on."""
    settings.SKINSBACK = {**settings.SKINSBACK, "POLL_BATCH_SIZE": 3, "ACCOUNTS": {}}
    statuses, crashes, times = {}, Crashes(), 100 if connection.vendor == "sqlite" else 25

    def get_purchases(_client, *, custom_ids):
        crashes.pass_point()
        reports = [PurchaseReport(status=statuses[each], custom_id=each) for each in custom_ids]
        crashes.pass_point()
        return reports

    monkeypatch.setattr(SkinsBackClient, "get_purchases", get_purchases)
    with time_machine.travel(timezone.now(), tick=False) as traveller, crashes.watching():
        for seed in range(times):
            chance = random.Random(seed)
            rows = [make_purchase(status="waiting_accept", next_poll_at=timezone.now()) for _ in range(8)]
            for row in rows:
                statuses[row.custom_id] = chance.choice(["waiting_accept", "timeout"])
            with crashes.at(chance.randrange(25)):
                poll_purchases()

            mine = Purchase.objects.filter(pk__in=[row.pk for row in rows])
            assert not mine.filter(status="waiting_accept", next_poll_at=None).exists(), seed
            traveller.shift(CLAIM_SECONDS)
            poll_purchases()
            for row in rows:
                row.refresh_from_db()
                assert row.status == statuses[row.custom_id], seed
                assert StatusChange.objects.filter(purchase=row).count() == (row.status == "timeout")
            mine.update(next_poll_at=None)
    assert crashes.happened > times / 2
