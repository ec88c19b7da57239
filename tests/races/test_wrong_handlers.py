"""Wrong handlers as many sites have them credit twice; the package's own flow, at the same points, credits once.

Two deliveries wait for each other between reading and writing. The larger race tests have no such waits.
"""

import itertools
import threading
from contextlib import suppress
from decimal import Decimal
from functools import partial

import pytest
from django.db import OperationalError, connection  # noqa: F401 - the conditions of skipif name it

from django_skinsback import deposits
from django_skinsback.exceptions import RolledBack
from django_skinsback.models import WebhookEvent
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport
from tests.wallet.models import Wallet

from . import wrong_handlers
from .test_parallel import at_once, deliver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

SQLITE = "connection.vendor == 'sqlite'"


def make_wait(parties=2, timeout_seconds=20):
    """Return a function in which both connections wait for each other; it returns after a timeout too."""
    meetings = []
    barrier = threading.Barrier(parties, action=lambda: meetings.append(parties))

    def wait():
        with suppress(threading.BrokenBarrierError):
            barrier.wait(timeout=timeout_seconds)

    wait.meetings = meetings
    return wait


@pytest.fixture
def deposit(user):
    Wallet.objects.create(user=user)
    return make_deposit(user=user)


def race(handler, deposit):
    """Run the handler twice at once for the same status. Returns what each run returned or raised."""
    wait = make_wait()
    return at_once(*[partial(handler, deposit, "success", wait)] * 2)


def test_reading_and_then_crediting_credits_twice(deposit):
    assert race(wrong_handlers.get_check_credit, deposit) == [None, None]

    assert Wallet.objects.get().balance == 2 * wrong_handlers.AMOUNT


@pytest.fixture
def distinct_digests(monkeypatch):
    """Give each stored delivery a digest of its own: the wrong handlers have no unique constraint."""
    numbers = itertools.count()
    save = WebhookEvent.save

    def save_with_number(event, *args, **options):
        event.digest = f"digest {next(numbers)}"
        save(event, *args, **options)

    monkeypatch.setattr(WebhookEvent, "save", save_with_number)


IN_A_TRANSACTION = [wrong_handlers.get_check_credit_in_atomic, wrong_handlers.check_event_table_first]


@pytest.mark.skipif(SQLITE, reason="SQLite lets only one of two readers write; see the next test")
@pytest.mark.parametrize("handler", IN_A_TRANSACTION)
def test_reading_first_in_a_database_transaction_credits_twice(deposit, distinct_digests, handler):
    assert race(handler, deposit) == [None, None]

    assert Wallet.objects.get().balance == 2 * wrong_handlers.AMOUNT


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite locks the whole file")
@pytest.mark.parametrize("handler", IN_A_TRANSACTION)
def test_reading_first_in_a_database_transaction_raises_on_sqlite(deposit, distinct_digests, handler):
    """After two connections have read, only one can write. SQLite raises for the other at once, without waiting."""
    results = race(handler, deposit)

    assert results.count(None) == 1
    assert [str(result) for result in results if isinstance(result, OperationalError)] == ["database is locked"]
    assert Wallet.objects.get().balance == wrong_handlers.AMOUNT


def test_a_row_lock_alone_credits_twice_when_a_hold_is_approved_and_ends(deposit):
    for status in ("hold_approved", "success", "success"):
        wrong_handlers.row_lock_alone(deposit, status, make_wait(1))

    assert Wallet.objects.get().balance == 2 * wrong_handlers.AMOUNT


def opposite_reports(deposit):
    common = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id, "amount_currency": "usd"}
    return [
        DepositReport(status="success", amount=Decimal("10.5"), user_amount=wrong_handlers.AMOUNT, **common),
        DepositReport(status="fail", **common),
    ]


@pytest.mark.skipif(SQLITE, reason="SQLite lets only one of two readers write")
def test_without_the_lock_one_of_two_opposite_reports_at_once_is_rolled_back(deposit):
    """Neither report sees the other. The write is made only if the row is as it was read, so one of them fails."""
    with wrong_handlers.waiting_at_the_lock(make_wait(), locked=False):
        results = at_once(*(partial(deposits.record_report, report, "poll") for report in opposite_reports(deposit)))
    assert [type(result) for result in results if isinstance(result, Exception)] == [RolledBack]

    deposit.refresh_from_db()
    assert list(deposit.changes.values_list("to_status", flat=True)) == [deposit.status]
    assert Wallet.objects.get().balance == sum(deposit.entries.values_list("amount", flat=True))


@pytest.mark.parametrize("second", [{}, {"offer_date": "1"}], ids=["the same bytes", "other bytes"])
def test_two_deliveries_that_meet_at_the_lock_credit_once(deposit, second):
    messages = signed_notification(deposit), signed_notification(deposit, **second)
    wait = make_wait()
    with wrong_handlers.waiting_at_the_lock(wait):
        assert at_once(*map(deliver, messages)) == [200, 200]

    assert wait.meetings == [2]
    assert Wallet.objects.get().balance == wrong_handlers.AMOUNT


def test_a_hold_that_is_approved_and_ends_credits_once(client, deposit):
    for status in ("hold_approved", "success", "success"):
        assert post_notification(client, signed_notification(deposit, status)).status_code == 200

    assert Wallet.objects.get().balance == wrong_handlers.AMOUNT


def test_of_opposite_reports_that_meet_at_the_lock_one_is_applied(deposit):
    with wrong_handlers.waiting_at_the_lock(make_wait()):
        results = at_once(*(partial(deposits.record_report, report, "poll") for report in opposite_reports(deposit)))
    assert not [result for result in results if isinstance(result, Exception)]

    deposit.refresh_from_db()
    assert len(set(deposit.changes.values_list("from_status", flat=True))) == deposit.changes.count()
    assert Wallet.objects.get().balance == (wrong_handlers.AMOUNT if deposit.status == "success" else 0)
