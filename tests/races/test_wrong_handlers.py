"""Handlers as many sites have them go wrong each time, most where two deliveries meet between reading and writing.

Ours is put through the same meeting. The larger races, in which nobody waits for anybody, are not run with these.
"""

import itertools
import threading
from contextlib import suppress
from decimal import Decimal
from functools import partial

import pytest
from django.db import OperationalError, connection  # noqa: F401 - the conditions of skipif name it

from django_skinsback import deposits
from django_skinsback.models import WebhookEvent
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport
from tests.wallet.models import Wallet

from . import wrong_handlers
from .test_parallel import at_once, deliver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

SQLITE = "connection.vendor == 'sqlite'"


def meeting(parties=2, patience_seconds=20):
    """A place where both wait for each other; whoever waits there in vain, since the other is locked out, goes on."""
    meetings = []
    barrier = threading.Barrier(parties, action=lambda: meetings.append(parties))

    def meet():
        with suppress(threading.BrokenBarrierError):
            barrier.wait(timeout=patience_seconds)

    meet.meetings = meetings
    return meet


@pytest.fixture
def deposit(user):
    Wallet.objects.create(user=user)
    return make_deposit(user=user)


def race(mutant, deposit):
    """Two deliveries of the same news at once; what each came to."""
    meet = meeting()
    return at_once(*[partial(mutant, deposit, "success", meet)] * 2)


def test_read_then_credit_doubles(deposit):
    assert race(wrong_handlers.get_check_credit, deposit) == [None, None]

    assert Wallet.objects.get().balance == 2 * wrong_handlers.AMOUNT


@pytest.fixture
def distinct_digests(monkeypatch):
    """The mutant's table has nothing unique in it: ours gets a digest that never comes twice."""
    numbers = itertools.count()
    save = WebhookEvent.save

    def save_with_number(event, *args, **options):
        event.digest = f"mutant {next(numbers)}"
        save(event, *args, **options)

    monkeypatch.setattr(WebhookEvent, "save", save_with_number)


IN_A_TRANSACTION = [wrong_handlers.get_check_credit_in_atomic, wrong_handlers.event_table_asked_first]


@pytest.mark.skipif(SQLITE, reason="SQLite lets only one of two readers write; see the next test")
@pytest.mark.parametrize("mutant", IN_A_TRANSACTION)
def test_reading_first_in_a_database_transaction_doubles(deposit, distinct_digests, mutant):
    assert race(mutant, deposit) == [None, None]

    assert Wallet.objects.get().balance == 2 * wrong_handlers.AMOUNT


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite locks the whole file")
@pytest.mark.parametrize("mutant", IN_A_TRANSACTION)
def test_reading_first_in_a_database_transaction_is_an_error_to_the_sender_on_sqlite(deposit, distinct_digests, mutant):
    """Two that have read cannot both write: SQLite tells one of them at once, and waits for neither."""
    results = race(mutant, deposit)

    assert results.count(None) == 1
    assert [str(result) for result in results if isinstance(result, OperationalError)] == ["database is locked"]
    assert Wallet.objects.get().balance == wrong_handlers.AMOUNT


def test_a_row_lock_alone_doubles_when_a_hold_is_approved_and_ends(deposit):
    for status in ("hold_approved", "success", "success"):
        wrong_handlers.row_lock_alone(deposit, status, meeting(1))

    assert Wallet.objects.get().balance == 2 * wrong_handlers.AMOUNT


def opposite_news(deposit):
    said = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id, "amount_currency": "usd"}
    return [
        DepositReport(status="success", amount=Decimal("10.5"), user_amount=wrong_handlers.AMOUNT, **said),
        DepositReport(status="fail", **said),
    ]


@pytest.mark.skipif(SQLITE, reason="SQLite lets only one of two readers write")
def test_without_the_lock_opposite_reports_at_once_are_both_believed(deposit):
    """The unique entry still keeps the credit single, but the two do not see each other and both are believed."""
    with wrong_handlers.meeting_at_the_lock(meeting(), locked=False):
        results = at_once(*(partial(deposits.record_report, news, "poll") for news in opposite_news(deposit)))
    assert not [result for result in results if isinstance(result, Exception)]

    deposit.refresh_from_db()
    assert list(deposit.changes.values_list("from_status", flat=True)) == ["pending", "pending"]
    assert Wallet.objects.get().balance == sum(deposit.entries.values_list("amount", flat=True))


@pytest.mark.parametrize("second", [{}, {"offer_date": "1"}], ids=["the same bytes", "other bytes"])
def test_ours_gives_once_where_two_deliveries_meet_at_the_lock(deposit, second):
    news = signed_notification(deposit), signed_notification(deposit, **second)
    met = meeting()
    with wrong_handlers.meeting_at_the_lock(met):
        assert at_once(*map(deliver, news)) == [200, 200]

    assert met.meetings == [2]
    assert Wallet.objects.get().balance == wrong_handlers.AMOUNT


def test_ours_gives_once_when_a_hold_is_approved_and_ends(client, deposit):
    for status in ("hold_approved", "success", "success"):
        assert post_notification(client, signed_notification(deposit, status)).status_code == 200

    assert Wallet.objects.get().balance == wrong_handlers.AMOUNT


def test_ours_believes_one_of_opposite_reports_that_meet_at_the_lock(deposit):
    with wrong_handlers.meeting_at_the_lock(meeting()):
        results = at_once(*(partial(deposits.record_report, news, "poll") for news in opposite_news(deposit)))
    assert not [result for result in results if isinstance(result, Exception)]

    deposit.refresh_from_db()
    assert len(set(deposit.changes.values_list("from_status", flat=True))) == deposit.changes.count()
    assert Wallet.objects.get().balance == (wrong_handlers.AMOUNT if deposit.status == "success" else 0)
