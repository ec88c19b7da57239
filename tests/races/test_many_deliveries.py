"""Many deposits, each delivered by many connections at once. ``PROVE_DEPOSITS`` is the number of deposits."""

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.test import Client

from django_skinsback import deposits
from django_skinsback.connection import get_client
from django_skinsback.exceptions import AlreadyDecided, RowChanged
from django_skinsback.flows.ledger import database
from django_skinsback.models import Deposit, LedgerEntry, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

DEPOSITS = int(os.environ.get("PROVE_DEPOSITS", "200"))
DELIVERIES = 8
BATCH = 50


@contextmanager
def connections_at_once(count):
    """Yield a function that runs calls on threads at once. Each thread keeps its own database connection."""
    barrier = threading.Barrier(count)

    def together(call):
        barrier.wait(timeout=60)
        return call()

    pool = ThreadPoolExecutor(count)

    def at_once(calls):
        assert len(calls) == count
        return [future.result(timeout=120) for future in [pool.submit(together, call) for call in calls]]

    try:
        yield at_once
    finally:
        # The barrier makes sure that each thread closes its own connection.
        at_once([close_connection] * count)
        pool.shutdown()


def close_connection():
    connection.close()


def deliver(message):
    return post_notification(Client(), message).status_code


def make_deposits(count, **values):
    """Save many deposits with one statement; there may be ten thousand."""
    now = utc_now()
    Deposit.objects.bulk_create(
        [
            Deposit(order_id=f"many{number}", transaction_id=str(number), status="pending", next_poll_at=now, **values)
            for number in range(count)
        ]
    )
    return list(Deposit.objects.order_by("pk"))


@pytest.mark.timeout(60 + DEPOSITS)
def test_many_deposits_each_delivered_eight_times_at_once_are_credited_once_without_an_error(user):
    Wallet.objects.create(user=user)
    answers: Counter[int] = Counter()
    with connections_at_once(DELIVERIES) as at_once:
        for deposit in make_deposits(DEPOSITS, user=user):
            answers.update(at_once([partial(deliver, signed_notification(deposit))] * DELIVERIES))

    assert answers == {200: DEPOSITS * DELIVERIES}
    assert LedgerEntry.objects.count() == DEPOSITS
    assert LedgerEntry.objects.values("deposit").distinct().count() == DEPOSITS
    assert Wallet.objects.get().balance == Decimal("12.6") * DEPOSITS
    assert set(WebhookEvent.objects.values_list("deliveries", flat=True)) == {DELIVERIES}


def test_sixteen_deliveries_at_once_with_equal_and_contradicting_statuses_leave_one_consistent_result(user):
    Wallet.objects.create(user=user)
    with connections_at_once(16) as at_once:
        for deposit in make_deposits(5, user=user):
            statuses = ["pending", "in_hold", "hold_approved", "success", "fail", "hold_returned", "success", "success"]
            messages = [signed_notification(deposit, status) for status in statuses]
            messages += [signed_notification(deposit, status, offer_date="1") for status in statuses]

            assert at_once([partial(deliver, message) for message in messages]) == [200] * 16

            deposit.refresh_from_db()
            kinds = Counter(deposit.entries.values_list("kind", flat=True))
            balance = sum(deposit.entries.values_list("amount", flat=True))
            assert max(kinds.values(), default=0) <= 1
            assert deposit.needs_review
            assert deposit.next_poll_at is not None
            assert balance == (Decimal("12.6") if deposit.status in {"success", "hold_approved"} else 0)
    balance = sum(LedgerEntry.objects.values_list("amount", flat=True))
    assert Wallet.objects.get().balance == balance


@pytest.fixture
def sandbox(settings):
    with Sandbox(manual=True, send=lambda *_message: 200) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url, "ACCOUNTS": {}}
        yield sandbox


def test_approving_and_returning_a_hold_at_once_leaves_the_balance_that_skinsbacks_status_requires(sandbox, user):
    Wallet.objects.create(user=user)
    with connections_at_once(4) as at_once:
        for number in range(5):
            deposit = deposits.create(user)
            real = sandbox.pay(deposit.order_id, held=True)
            deposits.refresh(deposit)
            deposit.refresh_from_db()
            approved, returned = (
                signed_notification(
                    deposit,
                    status,
                    amount=str(real.amount),
                    user_amount=str(real.user_amount),
                    offer_date=str(number),
                )
                for status in ("hold_approved", "hold_returned")
            )

            at_once(
                [
                    partial(approve, deposit),
                    partial(give_back_if_possible, sandbox, deposit.order_id),
                    partial(deliver, approved) if number % 2 else partial(deposits.refresh, deposit),
                    partial(deliver, returned) if number % 2 else partial(deposits.refresh, deposit),
                ]
            )
            fresh = deposits.refresh(deposit)

            balance = sum(fresh.entries.values_list("amount", flat=True))
            assert balance == (real.user_amount if fresh.status == "hold_approved" else 0)
            assert fresh.status == real.status or fresh.needs_review
    balance = sum(LedgerEntry.objects.values_list("amount", flat=True))
    assert Wallet.objects.get().balance == balance


def approve(deposit):
    """Approve the hold. If a message has changed the row meanwhile, call SkinsBack without the flow."""
    try:
        deposits.approve_hold(deposit)
    except RowChanged:
        with suppress(AlreadyDecided):
            get_client().approve_hold(order_id=deposit.order_id)


def give_back_if_possible(sandbox, order_id):
    from django_skinsback.sandbox import Impossible

    try:
        sandbox.give_back(order_id)
    except Impossible:
        return False
    return True


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_delivery_waits_while_the_sqlite_file_is_locked_and_is_answered_200(user):
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user)
    locked, writing, refused, answered = threading.Event(), threading.Event(), [], []

    def write(execute, sql, *arguments):
        if sql.startswith(("INSERT", "UPDATE")):
            writing.set()
        try:
            return execute(sql, *arguments)
        except OperationalError as error:
            refused.append(error)
            raise

    def send():
        locked.wait(timeout=20)
        with connection.execute_wrapper(write):
            answered.append(deliver(signed_notification(deposit)))
        connection.close()

    sender = threading.Thread(target=send)
    sender.start()
    with transaction.atomic():
        Wallet.objects.update(balance=F("balance") + 0)
        locked.set()
        assert writing.wait(timeout=20)
        assert not answered
    sender.join(timeout=30)

    assert (answered, refused) == ([200], [])
    assert LedgerEntry.objects.count() == 1


class DriverError(Exception):
    """An error of a database driver, which Django sets as the cause."""

    def __init__(self, sqlstate):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def failure(*arguments, sqlstate=None):
    error = OperationalError(*arguments)
    if sqlstate:
        error.__cause__ = DriverError(sqlstate)
    return error


TEMPORARY_ERRORS = {
    "PostgreSQL's serialization failure": lambda: failure("could not serialize access", sqlstate="40001"),
    "PostgreSQL's deadlock": lambda: failure("deadlock detected", sqlstate="40P01"),
    "MariaDB's deadlock": lambda: failure(1213, "Deadlock found when trying to get lock"),
    "MariaDB's lock wait timeout": lambda: failure(1205, "Lock wait timeout exceeded"),
    "MariaDB's change since the read": lambda: failure(1020, "Record has changed since last read"),
    "SQLite's lock": lambda: failure("database is locked"),
}


@pytest.fixture
def no_pauses(monkeypatch):
    """Repeat without a pause."""
    monkeypatch.setattr(database, "_LONGEST_PAUSE_SECONDS", 0)


@pytest.mark.parametrize("make_error", TEMPORARY_ERRORS.values(), ids=TEMPORARY_ERRORS)
@pytest.mark.parametrize("place", ["at the first statement", "at the commit"])
def test_after_a_temporary_failure_a_delivery_is_rolled_back_and_applied_again(
    user, no_pauses, monkeypatch, make_error, place
):
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user)
    failures = [make_error(), make_error(), make_error()]
    if place == "at the commit":
        commit = connection.commit

        def fail_or_commit():
            if failures:
                raise failures.pop()
            commit()

        monkeypatch.setattr(connection._connections[connection._alias], "commit", fail_or_commit)
        answer = deliver(signed_notification(deposit))
    else:

        def fail_or_execute(execute, sql, params, many, context):
            if failures and context["connection"].in_atomic_block and sql.startswith("INSERT"):
                raise failures.pop()
            return execute(sql, params, many, context)

        with connection.execute_wrapper(fail_or_execute):
            answer = deliver(signed_notification(deposit))

    assert (answer, failures) == (200, [])
    assert LedgerEntry.objects.count() == 1
    assert Wallet.objects.get().balance == Decimal("12.6")


def test_a_lasting_failure_is_answered_500_and_the_next_delivery_is_applied(user, no_pauses):
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user)

    def fail(execute, sql, params, many, context):
        if context["connection"].in_atomic_block and sql.startswith("INSERT"):
            raise TEMPORARY_ERRORS["PostgreSQL's deadlock"]()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        assert deliver(signed_notification(deposit)) == 500
    assert not LedgerEntry.objects.exists()

    assert deliver(signed_notification(deposit)) == 200
    assert Wallet.objects.get().balance == Decimal("12.6")


@pytest.mark.parametrize("error", [failure("no such table"), failure(1146, "Table does not exist")])
def test_a_permanent_error_is_raised_at_once(error):
    tries = []

    def block():
        tries.append(1)
        raise error

    with pytest.raises(OperationalError):
        database.run(block, sleep=lambda _seconds: None)
    assert len(tries) == 1


def test_nothing_is_repeated_inside_a_database_transaction_of_the_site():
    tries = []

    def block():
        tries.append(1)
        raise TEMPORARY_ERRORS["SQLite's lock"]()

    with pytest.raises(OperationalError), transaction.atomic():
        database.run(block, sleep=lambda _seconds: None)
    assert len(tries) == 1


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one lock and so no deadlock")
def test_after_a_deadlock_one_of_two_blocks_is_repeated_and_both_succeed(user, operator):
    """Each block holds the row that the other needs. The server rolls one back, and it runs again."""
    first, second = (Wallet.objects.create(user=each) for each in (user, operator))
    both_locked = threading.Barrier(2)
    tries: Counter[str] = Counter()

    def give(name, one, other):
        def block():
            tries[name] += 1
            Wallet.objects.filter(pk=one.pk).update(balance=F("balance") + 1)
            if tries[name] == 1:
                both_locked.wait(timeout=20)
            Wallet.objects.filter(pk=other.pk).update(balance=F("balance") + 1)

        database.run(block, sleep=lambda _seconds: None)

    with connections_at_once(2) as at_once:
        at_once([partial(give, "forwards", first, second), partial(give, "backwards", second, first)])

    assert tries.total() >= 3
    assert set(Wallet.objects.values_list("balance", flat=True)) == {2}
