"""An operator decides about rows that change at the same moment. If the row changed first, RowChanged is raised."""

import random
import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import PurchaseNotFound, SkinsBackError, UnknownOutcome
from django_skinsback.flows.ledger.audit import audit
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.statuses import EntryKind
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

ROWS = 60
LONG_AGO = timedelta(minutes=5)


def run_in_parallel(rows, first, second):
    """Call both functions for each row at once, each on its own connection. Returns what each returned or raised."""
    barrier, results = threading.Barrier(2), ([], [])

    def run(call, outcomes):
        try:
            for row in rows:
                barrier.wait(timeout=30)
                time.sleep(random.random() / 200)
                try:
                    outcomes.append(call(row))
                except SkinsBackError as error:
                    outcomes.append(error)
        finally:
            barrier.abort()
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in zip((first, second), results, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert [len(outcomes) for outcomes in results] == [len(rows)] * 2
    return results


def names(results):
    return [type(result).__name__ for result in results]


def is_row_changed(result):
    return type(result).__name__ == "RowChanged"


@pytest.fixture(autouse=True)
def wallet(user):
    return Wallet.objects.create(user=user, balance=10_000)


def paid_report(deposit, status, **fields):
    values = {"amount": Decimal("10.5"), "user_amount": Decimal("12.6"), "amount_currency": "usd", **fields}
    return DepositReport(status=status, order_id=deposit.order_id, transaction_id=deposit.transaction_id, **values)


def charged(user, **values):
    purchase = make_purchase(user=user, charge_amount=5, charge_currency="usd", needs_review=True, **values)
    LedgerEntry.objects.create(purchase=purchase, kind=EntryKind.CHARGE, amount=-5, currency="usd", user=user)
    purchase.changes.create(
        from_status="", to_status="requested", source="flow", credit_amount=-5, credit_currency="usd"
    )
    return Purchase.objects.get(pk=purchase.pk)


def kinds(row):
    return set(row.entries.values_list("kind", flat=True))


def test_keep_and_a_failure_at_once_never_close_a_credited_row(user, operator):
    rows = [make_deposit(user=user, steam_id="76561198050648523") for _ in range(ROWS)]
    for row in rows:
        deposits.record_report(paid_report(row, "hold_approved", steam_id="76561198827262007"), "webhook")
    shown = list(Deposit.objects.filter(needs_review=True).order_by("pk"))
    assert len(shown) == ROWS

    decided, answers = run_in_parallel(
        shown,
        lambda row: deposits.settle(row, "keep", operator),
        lambda row: post_notification(Client(), signed_notification(row, "fail")).status_code,
    )

    assert answers == [200] * ROWS
    rows = list(Deposit.objects.order_by("pk"))
    assert [row.pk for row in rows if "reversal" not in kinds(row) and not row.needs_review] == []
    assert set(names(decided)) <= {"Deposit", "RowChanged"}
    for row, result in zip(rows, decided, strict=True):
        assert row.changes.filter(source="operator").exists() is not is_row_changed(result), (
            "a refused decision is in the history"
        )


def test_a_refund_and_accepted_at_once_never_leave_a_delivered_row_refunded_without_review(user, operator):
    rows = [charged(user, status="unknown", submitted_at=utc_now() - LONG_AGO) for _ in range(ROWS)]

    def accept(row):
        return purchases.record_report(
            PurchaseReport(status="accepted", custom_id=row.custom_id, buy_id=f"b{row.pk}"), "webhook"
        ).outcome

    decided, _ = run_in_parallel(rows, lambda row: purchases.settle(row, "refund", operator), accept)

    rows = list(Purchase.objects.order_by("pk"))
    assert [row.pk for row in rows if "refund" in kinds(row) and not row.needs_review] == []
    assert [row.pk for row in rows if "refund" in kinds(row) and row.status == "accepted"] == []
    assert set(names(decided)) <= {"Purchase", "RowChanged"}
    assert [is_row_changed(result) for result in decided] == ["refund" not in kinds(row) for row in rows]
    assert not list(audit())


@pytest.mark.parametrize("change", [{"user_amount": "99999"}, {"amount_currency": "rub"}], ids=["amount", "currency"])
def test_a_credit_decision_and_a_report_of_another_amount_at_once_credit_only_the_shown_amount(user, operator, change):
    rows = [make_deposit(user=user) for _ in range(ROWS // 3)]
    for row in rows:
        deposits.record_report(paid_report(row, "in_hold"), "webhook")
    Deposit.objects.update(needs_review=True)
    shown = list(Deposit.objects.order_by("pk"))

    decided, _ = run_in_parallel(
        shown,
        lambda row: deposits.settle(row, "credit", operator),
        lambda row: post_notification(Client(), signed_notification(row, "in_hold", **change)).status_code,
    )

    credited = LedgerEntry.objects.values_list("amount", "currency")
    assert set(credited) <= {(Decimal("12.6"), "usd")}
    assert len(credited) == len([result for result in decided if not is_row_changed(result)])


@pytest.mark.parametrize(
    "change", [{"user_amount": Decimal(99999)}, {"amount_currency": "rub"}], ids=["amount", "currency"]
)
def test_a_hold_approved_while_a_report_changes_its_amount_is_credited_as_shown_or_flagged(
    user, operator, change, monkeypatch
):
    rows = [make_deposit(user=user) for _ in range(ROWS)]
    for row in rows:
        deposits.record_report(paid_report(row, "in_hold"), "webhook")
    approved = []
    monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda *_args, order_id: approved.append(order_id))
    monkeypatch.setattr(
        SkinsBackClient,
        "get_deposit",
        lambda _client, order_id: paid_report(Deposit.objects.get(order_id=order_id), "hold_approved", **change),
    )
    shown = list(Deposit.objects.order_by("pk"))

    decided, _ = run_in_parallel(
        shown,
        lambda row: deposits.approve_hold(row, by=operator),
        lambda row: deposits.record_report(paid_report(row, "in_hold", **change), "webhook"),
    )

    assert set(names(decided)) <= {"Deposit", "RowChanged"}
    for row, result in zip(Deposit.objects.order_by("pk"), decided, strict=True):
        assert (row.order_id in approved) is not is_row_changed(result)
        assert (row.status, bool(kinds(row))) == (
            ("in_hold", False) if is_row_changed(result) else ("hold_approved", True)
        )
        assert row.needs_review is not is_row_changed(result), "credited another amount than was shown without a flag"


@pytest.fixture(params=["answered", "answer lost"])
def sold(request, monkeypatch):
    """The custom IDs that SkinsBack has sold. SkinsBack answers, or its answer is lost."""
    sold = []

    def buy_skin(*_args, custom_id, **_options):
        sold.append(custom_id)
        if request.param == "answer lost":
            raise UnknownOutcome
        return PurchaseReport(status="creating_trade", custom_id=custom_id, buy_id=f"b{custom_id[:20]}")

    monkeypatch.setattr(SkinsBackClient, "buy_skin", buy_skin)
    return sold


def check_refunded_or_sold(sold):
    """Check that each row was either refunded, and is not sent again, or sold."""
    assert len(sold) == len(set(sold))
    for row in Purchase.objects.all():
        assert ("refund" in kinds(row)) is not (row.custom_id in sold) or row.needs_review
        assert ("refund" in kinds(row)) <= (row.status == "refused")
    Purchase.objects.update(next_poll_at=utc_now() - LONG_AGO)
    refunded = {row.custom_id for row in Purchase.objects.all() if "refund" in kinds(row)}
    poll_purchases()
    assert refunded.isdisjoint(sold)


def test_a_refund_and_the_first_sending_at_once_never_both_happen(user, operator, sold, monkeypatch):
    monkeypatch.setattr(SkinsBackClient, "get_purchases", lambda *_args, **_ids: [])
    rows = [charged(user) for _ in range(ROWS // 2)]

    decided, sent = run_in_parallel(rows, lambda row: purchases.settle(row, "refund", operator), purchases.submit)

    assert set(names(decided)) <= {"Purchase", "RowChanged"}
    assert set(names(sent)) == {"Purchase"}
    check_refunded_or_sold(sold)


def test_a_refund_and_a_repeated_sending_at_once_never_both_happen(user, operator, sold, monkeypatch):
    def unknown(*_args, **_ids):
        raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")

    monkeypatch.setattr(SkinsBackClient, "get_purchases", unknown)
    monkeypatch.setattr(SkinsBackClient, "call", lambda *_args, **_fields: {})
    rows = [charged(user, status="unknown", submitted_at=utc_now() - LONG_AGO) for _ in range(ROWS // 2)]
    Purchase.objects.update(needs_review=False, next_poll_at=None)
    rows = list(Purchase.objects.order_by("pk"))

    def poll(row):
        Purchase.objects.filter(pk=row.pk, status="unknown").update(next_poll_at=utc_now() - LONG_AGO)
        poll_purchases()

    decided, _ = run_in_parallel(rows, lambda row: purchases.settle(row, "refund", operator), poll)

    assert set(names(decided)) <= {"Purchase", "RowChanged", "InvalidInput"}
    check_refunded_or_sold(sold)
