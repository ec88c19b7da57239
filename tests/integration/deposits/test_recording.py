"""Recording a report: the row is locked, read, decided, written and verified."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback import deposits, purchases
from django_skinsback.flows.ledger.database import lock, read_back, update
from django_skinsback.flows.webhooks.replay import apply_kept
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite locks the whole file; other tests cover that")
def test_lock_locks_the_row():
    deposit = make_deposit()
    lock_errors = []

    def lock_in_other_thread():
        try:
            with transaction.atomic():
                Deposit.objects.select_for_update(nowait=True).get(pk=deposit.pk)
        except OperationalError as error:
            lock_errors.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        lock(Deposit, pk=deposit.pk)
        thread = threading.Thread(target=lock_in_other_thread)
        thread.start()
        thread.join(timeout=30)

    assert len(lock_errors) == 1


@pytest.mark.django_db(transaction=True)
def test_a_lock_outside_a_database_transaction_is_refused():
    deposit = make_deposit()

    with pytest.raises(transaction.TransactionManagementError):
        lock(Deposit, pk=deposit.pk)


SAMPLES = {
    "BooleanField": [True, False],
    "CharField": ["a'b%s", ""],
    "DateTimeField": [datetime(2026, 10, 25, 0, 30, 0, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)],
    "DecimalField": [Decimal("12345678901234.5"), Decimal("-0.000001")],
    "IntegerField": [0, -7],
    "JSONField": [[{"name": "★ M9 | Doppler", "price": "0.4"}], []],
    "PositiveIntegerField": [0, 7],
    "TextField": ["two\nlines", ""],
    "UUIDField": [UUID(int=7)],
    "URLField": ["https://skinsback.com/pay", ""],
}
"""Type of a column -> values to write. In Berlin, the two times are the same hour of the clock."""


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("make", [make_deposit, make_purchase])
def test_update_stores_the_same_as_a_query_set(make, use_tz, settings):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Europe/Berlin"
    row = make()
    model = type(row)
    columns = [column for column in model._meta.concrete_fields if not (column.primary_key or column.is_relation)]
    assert len(columns) > 25
    for column in columns:
        for value in [*SAMPLES[column.get_internal_type()], *([None] if column.null else [])]:
            assert update(model, {column.name: value}, pk=row.pk)
            ours = _as_stored(row, column.column)
            model.objects.filter(pk=row.pk).update(**{column.name: value})
            assert ours == _as_stored(row, column.column), (column.name, value)


def _as_stored(row, column):
    with connection.cursor() as cursor:
        quote = connection.ops.quote_name
        cursor.execute(f"SELECT {quote(column)} FROM {quote(row._meta.db_table)} WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


def test_update_changes_only_the_row_that_has_all_values():
    changed, other = make_deposit(), make_deposit()
    since = changed.updated_at

    assert update(Deposit, {"game": "dota2", "poll_count": 5}, pk=changed.pk, updated_at=since)
    assert not update(Deposit, {"game": "rust"}, pk=changed.pk, updated_at=since + timedelta(microseconds=1))

    assert list(Deposit.objects.order_by("pk").values_list("game", "poll_count")) == [
        ("dota2", 5),
        (other.game, other.poll_count),
    ]


def test_read_back_returns_each_row_with_each_of_its_entries():
    without, paid, returned, unasked = make_deposit(), make_deposit(), make_deposit(), make_deposit()
    for deposit in (paid, returned, unasked):
        deposits.record_report(DepositReport(order_id=deposit.order_id, status="hold_approved", **PAID), "poll")
    deposits.record_report(DepositReport(order_id=returned.order_id, status="hold_returned", **PAID), "poll")

    stored = read_back(Deposit, [without.pk, paid.pk, returned.pk])

    times = dict(Deposit.objects.values_list("pk", "updated_at"))
    assert sorted(stored, key=lambda line: (line[0], line[2])) == [
        (without.pk, times[without.pk], None),
        *((entry.deposit_id, times[entry.deposit_id], entry.pk) for entry in _entries(paid, returned)),
    ]


def _entries(*of):
    return LedgerEntry.objects.filter(deposit__in=of).order_by("deposit", "pk")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL distinguishes the two locks")
def test_an_insert_that_refers_to_a_locked_row_does_not_wait():
    """Rows of the site may refer to a deposit. With FOR UPDATE two such transactions would deadlock."""
    deposit, insert_errors = make_deposit(), []

    def insert_in_other_thread():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '5s'")
                StatusChange.objects.create(deposit=deposit, from_status="x", to_status="y", source="flow")
        except OperationalError as error:
            insert_errors.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        lock(Deposit, pk=deposit.pk)
        thread = threading.Thread(target=insert_in_other_thread)
        thread.start()
        thread.join(timeout=30)

    assert insert_errors == []


class TestOperatorCredit:
    """An operator credited a deposit that is not paid. Later reports find that credit."""

    @pytest.fixture
    def deposit(self, user):
        deposit = make_deposit(user=user, needs_review=True, **PAID)
        return deposits.settle(deposit, "credit")

    def record_status(self, deposit, status="success", **fields):
        report = DepositReport(status=status, order_id=deposit.order_id, **{**PAID, **fields})
        outcome = deposits.record_report(report, "poll").outcome
        deposit.refresh_from_db()
        return outcome

    def test_success_after_an_operators_credit_posts_nothing_and_ends_the_review(self, deposit):
        assert self.record_status(deposit) == "applied"

        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("success", False, 1)

    def test_success_without_an_amount_after_an_operators_credit_ends_the_review(self, deposit):
        assert self.record_status(deposit, user_amount=None) == "applied"

        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("success", False, 1)

    @pytest.mark.parametrize("status", ["success", "pending", "in_hold"])
    def test_a_later_report_does_not_replace_the_credited_amounts(self, deposit, status):
        self.record_status(deposit, status, amount=Decimal(90), user_amount=Decimal(99), amount_currency="eur")

        assert (deposit.amount, deposit.user_amount, deposit.amount_currency) == (5, 6, "usd")
        assert "Nothing was credited" not in deposit.review_reason

    def test_a_later_report_in_another_currency_does_not_replace_the_credited_amounts(self, deposit):
        Deposit.objects.filter(pk=deposit.pk).update(currency="usd")

        self.record_status(deposit, "success", user_amount=Decimal(99), amount_currency="eur")

        assert (deposit.user_amount, deposit.amount_currency, deposit.entries.count()) == (6, "usd", 1)
        assert "Nothing was credited" not in deposit.review_reason


@pytest.mark.parametrize("status", ["success", "hold_returned"])
def test_a_repeated_status_with_other_amounts_does_not_replace_the_credited_amounts(user, status):
    deposit = make_deposit(user=user)
    for reported in ("hold_approved", status):
        deposits.record_report(DepositReport(status=reported, order_id=deposit.order_id, **PAID), "poll")
    other_amounts = {"amount": Decimal(90), "user_amount": Decimal(99), "amount_currency": "eur"}

    deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **other_amounts), "poll")

    deposit.refresh_from_db()
    assert (deposit.amount, deposit.user_amount, deposit.amount_currency) == (5, 6, "usd")


def statements(function, table="deposit"):
    """The kinds of the statements that a function runs on that table, in order: SELECT or UPDATE."""
    with CaptureQueriesContext(connection) as queries:
        function()
    return [query["sql"].split()[0] for query in queries if f"skinsback_{table}" in query["sql"].split("WHERE")[0]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "attempts"),
    [(OperationalError("database is locked"), 4), (OperationalError("disk is full"), 1), (IntegrityError("taken"), 4)],
    ids=str,
)
def test_a_temporary_database_error_is_retried_at_most_three_times(user, error, attempts):
    deposit, calls = make_deposit(user=user), []

    def refuse(**_arguments):
        calls.append(error)
        raise error

    entry_posted.connect(refuse)
    try:
        with pytest.raises(type(error)):
            record_success(deposit)
    finally:
        entry_posted.disconnect(refuse)

    assert len(calls) == attempts
    assert not StatusChange.objects.exists()


def test_inside_the_callers_database_transaction_nothing_is_retried(user):
    deposit, calls = make_deposit(user=user), []

    def refuse(**_arguments):
        calls.append(1)
        raise OperationalError("database is locked")

    entry_posted.connect(refuse)
    try:
        with transaction.atomic(), pytest.raises(OperationalError):
            record_success(deposit)
    finally:
        entry_posted.disconnect(refuse)

    assert calls == [1]


def record_success(deposit):
    return deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **PAID), "poll")


LOCK_STATEMENTS = ["UPDATE", "SELECT"] if connection.vendor == "sqlite" else ["SELECT"]
"""How a row is locked and read: SQLite has no SELECT … FOR UPDATE."""


@pytest.mark.django_db(transaction=True)
def test_a_deposit_is_locked_read_written_and_verified(user):
    deposit = make_deposit(user=user)

    assert statements(lambda: record_success(deposit)) == [*LOCK_STATEMENTS, "UPDATE", "SELECT"]


@pytest.mark.django_db(transaction=True)
def test_a_purchase_is_locked_read_written_and_verified():
    purchase = make_purchase(status="waiting_accept")
    report = PurchaseReport(status="accepted", custom_id=purchase.custom_id)

    assert statements(lambda: purchases.record_report(report, "poll"), "purchase") == [
        *LOCK_STATEMENTS,
        "UPDATE",
        "SELECT",
    ]


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one level of isolation")
def test_the_row_and_its_entries_are_read_with_a_lock(user):
    deposit = make_deposit(user=user)

    with CaptureQueriesContext(connection) as queries:
        record_success(deposit)

    reads = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    assert reads[0].endswith("UPDATE")
    assert any("ledgerentry" in sql.split("WHERE")[0] and sql.endswith("UPDATE") for sql in reads)


def test_a_locked_row_has_the_same_values_as_a_row_that_django_reads(user):
    """The row is read with plain SQL: every column is converted as Django does."""
    deposit = make_deposit(
        user=user,
        transaction_id="13",
        skins=[{"name": "★ Karambit", "price": "0.4"}],
        metadata={"a": None},
        needs_review=True,
        review_reasons=[{"code": "stuck", "data": {}}],
        next_poll_at=timezone.now(),
        **PAID,
    )
    expected = values_and_types(Deposit.objects.get(pk=deposit.pk))

    for ids in ({"pk": deposit.pk}, {"account": "default", "order_id": deposit.order_id}, {"transaction_id": "13"}):
        assert values_and_types(lock(Deposit, **ids)) == expected
    assert lock(Deposit, account="default", order_id=deposit.order_id.upper()) is None


def values_and_types(row):
    """The value of every column that was read, and its type."""
    loaded = [field.attname for field in row._meta.concrete_fields if field.attname in row.__dict__]
    return {name: (getattr(row, name), type(getattr(row, name))) for name in loaded}


def test_an_entry_has_the_time_of_the_recorded_report(user):
    deposit, reported_at = make_deposit(user=user), timezone.now() - timedelta(hours=1)

    report = DepositReport(status="success", order_id=deposit.order_id, **PAID)
    deposits.record_report(report, "poll", now=reported_at)

    assert LedgerEntry.objects.get().created_at == reported_at


def test_another_account_may_have_the_same_transaction_id(user):
    make_deposit(account="second", transaction_id="13")
    deposit = make_deposit(user=user, transaction_id=None)

    report = DepositReport(status="success", order_id=deposit.order_id, transaction_id="13", **PAID)
    assert deposits.record_report(report, "poll").outcome == "applied"

    deposit.refresh_from_db()
    assert (deposit.transaction_id, deposit.needs_review) == ("13", False)


def credit_that_locks(deposit):
    """A CREDIT function that locks and writes. It is called where its writes can be rolled back."""
    Wallet.objects.select_for_update().get_or_create(user=deposit.user)
    return deposit.user_amount, deposit.amount_currency


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_webhook", [True, False])
def test_a_credit_function_may_lock_rows_of_the_site(client, settings, user, by_webhook):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_that_locks"}
    deposit = make_deposit(user=user)

    if by_webhook:
        assert post_notification(client, signed_notification(deposit)).status_code == 200
        assert post_notification(client, signed_notification(deposit)).status_code == 200
    else:
        deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **PAID), "poll")

    assert LedgerEntry.objects.count() == 1
    assert WebhookEvent.objects.count() == by_webhook


@pytest.mark.django_db(transaction=True)
def test_an_integrity_error_of_a_receiver_vetoes_the_purchase_and_is_not_retried(user):
    Wallet.objects.create(user=user, balance=10)
    calls = []

    def reject(entry, **_kwargs):
        calls.append(entry.kind)
        raise IntegrityError("balance below zero")

    entry_posted.connect(reject)
    try:
        with pytest.raises(IntegrityError):
            purchases.buy(
                user=user,
                trade_url="https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey",
                skin_id="1",
                max_price=1,
                charge=1,
                charge_currency="usd",
            )
    finally:
        entry_posted.disconnect(reject)

    assert calls == ["charge"]
    assert not Purchase.objects.exists()


def test_a_stored_delivery_whose_secret_was_replaced_is_retried_later(client, settings, user):
    deposit = make_deposit(user=user)
    listener = partial(_raise, RuntimeError("not now"))
    entry_posted.connect(listener)
    try:
        assert post_notification(client, signed_notification(deposit)).status_code == 500
    finally:
        entry_posted.disconnect(listener)
    settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": "another"}
    due = WebhookEvent.objects.get().next_try_at

    apply_kept(now=due)

    event = WebhookEvent.objects.get()
    assert (event.error, event.processed_at) == ("BadSignature", None)
    assert event.next_try_at not in {None, due}


def _raise(error, **_kwargs):
    raise error


def test_saving_one_column_also_updates_updated_at(user):
    deposit = make_deposit(user=user)

    Deposit.objects.get(pk=deposit.pk).save(update_fields=["metadata"])

    assert Deposit.objects.get(pk=deposit.pk).updated_at > deposit.updated_at
