"""A report that changes nothing by the rule changes nothing by ``record_report``, except the next poll."""

import random
from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases, schedule
from django_skinsback.flows.polling.changes import changes_deposit, changes_purchase
from django_skinsback.flows.purchases.report import next_poll_at
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
from django_skinsback.statuses import DepositStatus, PurchaseStatus
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport

pytestmark = pytest.mark.django_db

SEEDS = range(40)


@pytest.fixture
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


def state(model, pk):
    row = dict(vars(model.objects.get(pk=pk)))
    for name in ("_state", "updated_at", "next_poll_at", "poll_count", "next_poll_at", "poll_count"):
        row.pop(name, None)
    return row, StatusChange.objects.count(), LedgerEntry.objects.count()  # of all rows: no other process writes


def purchase_case(seed, now):
    chance = random.Random(seed)
    pick = chance.choice
    values = {
        "skin_id": pick(["", "1"]),
        "market_hash_name": pick(["", "AK-47"]),
        "class_id": pick(["", "9"]),
        "price": pick([None, Decimal(5), Decimal(11)]),
        "debited_amount": pick([None, Decimal(5)]),
        "steam_id": pick(["", "76561198050648523"]),
        "trade_offer_id": pick(["", "7"]),
        "in_hold": pick([None, True, False]),
        "in_hold_until": pick([None, now + timedelta(days=3)]),
        "error_reason": pick(["", "user_cant_trade"]),
    }
    row = {**values, "needs_review": pick([False, False, True]), "max_price": Decimal(10)}
    fields = {**values, "buy_id": pick(["", "same", "same", "other"])}
    for name in chance.sample(sorted(values), pick([0, 0, 1, 2])):
        fields[name] = pick([None if "amount" in name or "price" in name else "", fields[name]])
    if pick([True, False]):
        fields["trade_offer_id"] = pick(["", "7", "8"])
    fields = {
        name: None if name.startswith(("in_hold", "price", "debited")) and value == "" else value
        for name, value in fields.items()
    }
    return row, fields


@pytest.mark.parametrize("status", [status for status in PurchaseStatus if status != "refused"])
def test_recording_a_report_without_a_change_leaves_the_purchase_as_it_is(now, status):
    quiet = 0
    for reported, seed in product([*PurchaseStatus, "no_such_word"], SEEDS[:12]):
        values, fields = purchase_case(f"{status}{reported}{seed}", now)
        row = make_purchase(status=status, **values)
        fields["buy_id"] = {"same": row.buy_id or ""}.get(fields["buy_id"], fields["buy_id"])
        report = PurchaseReport(status=reported, custom_id=row.custom_id, **fields)
        row.refresh_from_db()
        due = next_poll_at(row, now, row.poll_count + 1) if row.next_poll_at else None
        if due is None or changes_purchase(row, report):
            continue
        quiet += 1
        before = state(Purchase, row.pk)
        purchases.record_report(report, "poll")
        assert state(Purchase, row.pk) == before
        row.refresh_from_db()
        assert row.next_poll_at == due
    assert quiet or status in {"requested", "unknown"} or row.next_poll_at is None


def deposit_case(seed):
    chance = random.Random(seed)
    pick = chance.choice
    values = {
        "amount": pick([None, Decimal(5)]),
        "user_amount": pick([None, Decimal(6)]),
        "amount_currency": pick(["", "usd"]),
        "trade_offer_id": pick(["", "7"]),
        "skins": pick([[], [{"name": "AK-47", "price": "1.5"}]]),
        "user_risk": pick([{}, {"total_deposits_count": 1}]),
    }
    row = {**values, "payer_steam_id": pick(["", "76561198050648523"]), "needs_review": pick([False, False, True])}
    fields = {**values, "steam_id": row["payer_steam_id"], "transaction_id": pick(["", "same", "same", "other"])}
    changes = {
        "amount": [None, Decimal(4)],
        "user_amount": [None, Decimal(4)],
        "amount_currency": ["", "eur"],
        "trade_offer_id": ["", "8"],
        "skins": [[], [{"name": "M4"}]],
        "user_risk": [{}, {"total_deposits_count": 2}],
        "steam_id": ["", "76561198827262007"],
    }
    for name in chance.sample(sorted(changes), pick([0, 0, 1, 1, 2])):
        fields[name] = pick(changes[name])
    return row, fields


@pytest.mark.parametrize("source", ["poll", "list"])
@pytest.mark.parametrize("status", ["created", "pending", "in_hold", "hold_approved"])
def test_recording_a_report_without_a_change_leaves_the_deposit_as_it_is(now, user, status, source):
    quiet = 0
    for reported, seed in product([*DepositStatus, "no_such_word"], SEEDS):
        values, fields = deposit_case(f"{status}{reported}{source}{seed}")
        row = make_deposit(status=status, user=user, **values)
        fields["transaction_id"] = {"same": row.transaction_id or ""}.get(
            fields["transaction_id"], fields["transaction_id"]
        )
        if status == "hold_approved" and row.user_amount:
            LedgerEntry.objects.create(deposit=row, user=user, kind="credit", amount=row.user_amount, currency="usd")
        row.refresh_from_db()
        report = DepositReport(status=reported, order_id=row.order_id, **fields)
        if not changes_deposit(row, report, decisive=source == "poll"):
            quiet += 1
            before = state(Deposit, row.pk)
            deposits.record_report(report, source)
            assert state(Deposit, row.pk) == before, (reported, fields, values)
            row.refresh_from_db()
            if source == "poll":
                assert row.next_poll_at == now + schedule.next_deposit_poll(status, now - row.created_at, 1)
    assert quiet or status == "created"
