"""A report is weighed against the row as it was read, and written only while the row is still that one."""

import threading
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import takewhile

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback.flows.deposits import hold as deposits
from django_skinsback.flows.deposits import report as deposit_reports
from django_skinsback.flows.ledger.edit import Overtaken, Source
from django_skinsback.flows.ledger.record import change, claim
from django_skinsback.flows.purchases import buy as purchases
from django_skinsback.flows.purchases import report as purchase_reports
from django_skinsback.flows.webhooks import receive as notifications
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


def weigh(row, status="success", **fields):
    """What a report comes to, against the row as it is now and without a lock."""
    if isinstance(row, Deposit):
        report = DepositReport(status=status, order_id=row.order_id, **{**PAID, **fields})
        return deposit_reports.weigh_report(report, "poll", lock=False, account="default")
    report = PurchaseReport(status=status, custom_id=row.custom_id, **fields)
    return purchase_reports.weigh_report(report, "poll", lock=False, account="default")


@pytest.mark.parametrize("frozen", [False, True], ids=["by day", "with a clock that stands still"])
@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda edit: edit.move("in_hold"),
        lambda edit: edit.set(steam_id="76561198050648523"),
        lambda edit: edit.note("pending", "pending", note="looked at"),
        lambda edit: edit.flag("owner_gone"),
        lambda edit: edit.settle("keep", ""),
    ],
    ids=["moved", "set", "noted", "flagged", "settled"],
)
def test_a_row_that_was_changed_meanwhile_is_not_written(user, time_machine, meanwhile, frozen):
    deposit = make_deposit(user=user)
    if frozen:
        time_machine.move_to(deposit.updated_at, tick=False)
        change(Deposit, deposit.pk, Source.FLOW, lambda edit: edit.note("pending", "pending", note="first"))
    weighed = weigh(deposit)
    change(Deposit, deposit.pk, Source.FLOW, meanwhile)

    with pytest.raises(Overtaken), transaction.atomic():
        weighed.write()

    assert not LedgerEntry.objects.exists()


def test_a_purchase_that_was_changed_meanwhile_is_not_written():
    purchase = make_purchase(status="waiting_accept")
    weighed = weigh(purchase, "accepted")
    change(Purchase, purchase.pk, Source.FLOW, lambda edit: edit.set(error_reason="user_cant_trade"))

    with pytest.raises(Overtaken), transaction.atomic():
        weighed.write()


def test_what_is_only_locked_and_left_alone_stands_in_nobodys_way(user):
    deposit = make_deposit(user=user)
    weighed = weigh(deposit)
    change(Deposit, deposit.pk, Source.FLOW, lambda edit: None)

    weighed.write()

    assert LedgerEntry.objects.get().amount == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite locks the whole file, which other tests show")
def test_a_claim_locks_the_row():
    deposit = make_deposit()
    refused = []

    def other():
        try:
            with transaction.atomic():
                Deposit.objects.select_for_update(nowait=True).get(pk=deposit.pk)
        except OperationalError as error:
            refused.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        claim(Deposit, pk=deposit.pk)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=30)

    assert len(refused) == 1


class TestCreditedByAnOperator:
    """The unlocked weighing takes an unpaid row to have no entries; if it has, the locked one finds them."""

    @pytest.fixture
    def deposit(self, user, each_way_of_weighing):
        deposit = make_deposit(user=user, needs_review=True, **PAID)
        return deposits.settle(deposit, "credit")

    def tell(self, deposit, status="success", **fields):
        report = DepositReport(status=status, order_id=deposit.order_id, **{**PAID, **fields})
        outcome = deposits.record_report(report, "poll").outcome
        deposit.refresh_from_db()
        return outcome

    def test_success_posts_nothing_more_and_ends_it(self, deposit):
        assert self.tell(deposit) == "applied"

        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("success", False, 1)

    def test_success_without_an_amount_ends_it_too(self, deposit):
        assert self.tell(deposit, user_amount=None) == "applied"

        assert (deposit.status, deposit.needs_review, deposit.entries.count()) == ("success", False, 1)

    @pytest.mark.parametrize("status", ["success", "pending", "in_hold"])
    def test_the_amounts_that_were_credited_stay(self, deposit, status):
        self.tell(deposit, status, amount=Decimal(90), user_amount=Decimal(99), amount_currency="eur")

        assert (deposit.amount, deposit.user_amount, deposit.amount_currency) == (5, 6, "usd")
        assert "nothing was credited" not in deposit.review_reason

    def test_so_they_do_where_another_currency_was_asked_for(self, deposit):
        Deposit.objects.filter(pk=deposit.pk).update(currency="usd")

        self.tell(deposit, "success", user_amount=Decimal(99), amount_currency="eur")

        assert (deposit.user_amount, deposit.amount_currency, deposit.entries.count()) == (6, "usd", 1)
        assert "nothing was credited" not in deposit.review_reason


@pytest.mark.parametrize("status", ["success", "hold_returned"])
def test_a_repetition_with_other_amounts_leaves_those_that_were_credited(user, each_way_of_weighing, status):
    deposit = make_deposit(user=user)
    for said in ("hold_approved", status):
        deposits.record_report(DepositReport(status=said, order_id=deposit.order_id, **PAID), "poll")
    other = {"amount": Decimal(90), "user_amount": Decimal(99), "amount_currency": "eur"}

    deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **other), "poll")

    deposit.refresh_from_db()
    assert (deposit.amount, deposit.user_amount, deposit.amount_currency) == (5, 6, "usd")


def statements(function, table="deposit"):
    """The statements of a function on that table, in their order: SELECT or UPDATE."""
    with CaptureQueriesContext(connection) as queries:
        function()
    return [query["sql"].split()[0] for query in queries if f"skinsback_{table}" in query["sql"].split("WHERE")[0]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "attempts"),
    [(OperationalError("database is locked"), 5), (OperationalError("disk is full"), 1), (IntegrityError("veto"), 2)],
    ids=str,
)
def test_what_may_pass_is_tried_again_and_a_veto_only_with_the_row_locked(user, error, attempts):
    deposit, asked = make_deposit(user=user), []

    def refuse(**_arguments):
        asked.append(error)
        raise error

    entry_posted.connect(refuse)
    try:
        with pytest.raises(type(error)):
            tell_paid(deposit)
    finally:
        entry_posted.disconnect(refuse)

    assert len(asked) == attempts
    assert not StatusChange.objects.exists()


def tell_paid(deposit):
    return deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **PAID), "poll")


def test_in_a_database_transaction_of_the_sites_the_row_is_locked_at_once(user):
    deposit = make_deposit(user=user)

    assert statements(lambda: tell_paid(deposit))[:2] == ["UPDATE", "SELECT"]


def test_so_is_a_purchase():
    purchase = make_purchase(status="waiting_accept")
    report = PurchaseReport(status="accepted", custom_id=purchase.custom_id)

    assert statements(lambda: purchases.record_report(report, "poll"), "purchase")[:2] == ["UPDATE", "SELECT"]


@pytest.mark.django_db(transaction=True)
def test_elsewhere_it_is_read_and_written_once(user):
    deposit = make_deposit(user=user)

    assert statements(lambda: tell_paid(deposit)) == ["SELECT", "UPDATE", "SELECT"]  # the last verifies what is saved


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "told", "looked"),
    [
        ("pending", {}, 0),
        ("pending", {"currency": ""}, 0),
        ("in_hold", {}, 0),
        ("hold_approved", {}, 1),
        ("pending", {"user_amount": None}, 1),
        ("pending", {"amount_currency": ""}, 1),
        ("pending", {"amount_currency": "eur"}, 1),
    ],
    ids=str,
)
def test_entries_are_looked_for_unless_a_credit_is_all_that_can_follow(user, status, told, looked):
    told = dict(told)
    deposit = make_deposit(user=user, status=status, currency=told.pop("currency", "usd"))

    report = DepositReport(status="success", order_id=deposit.order_id, **{**PAID, **told})
    with CaptureQueriesContext(connection) as queries:
        deposits.record_report(report, "webhook")

    before_writing = [query["sql"] for query in takewhile(lambda query: "UPDATE" not in query["sql"], queries)]
    reads = [sql for sql in before_writing if sql.startswith("SELECT") and "ledgerentry" in sql]
    assert min(len(reads), 1) == looked


@pytest.mark.django_db(transaction=True)
def test_where_the_site_has_a_say_in_the_credit_it_is_locked_at_once(user, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_that_locks"}
    deposit = make_deposit(user=user)

    assert statements(lambda: tell_paid(deposit))[:2] == ["UPDATE", "SELECT"]


def test_an_entry_is_as_old_as_what_was_recorded(user):
    deposit, then = make_deposit(user=user), timezone.now() - timedelta(hours=1)

    report = DepositReport(status="success", order_id=deposit.order_id, **PAID)
    deposits.record_report(report, "poll", now=then)

    assert LedgerEntry.objects.get().created_at == then


def test_another_account_may_have_the_same_transaction_id(user):
    make_deposit(account="second", transaction_id="13")
    deposit = make_deposit(user=user, transaction_id=None)

    report = DepositReport(status="success", order_id=deposit.order_id, transaction_id="13", **PAID)
    assert deposits.record_report(report, "poll").outcome == "applied"

    deposit.refresh_from_db()
    assert (deposit.transaction_id, deposit.needs_review) == ("13", False)


def credit_that_locks(deposit):
    """A site's CREDIT, which may lock and write: it is called where that can be undone."""
    Wallet.objects.select_for_update().get_or_create(user=deposit.user)
    return deposit.user_amount, deposit.amount_currency


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_webhook", [True, False])
def test_a_credit_setting_may_lock_rows_of_the_sites_own(client, settings, user, by_webhook):
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
def test_a_listeners_own_constraint_is_a_veto_and_is_asked_once(user):
    Wallet.objects.create(user=user, balance=10)
    asked = []

    def overdrawn(entry, **_kwargs):
        asked.append(entry.kind)
        raise IntegrityError("balance below zero")

    entry_posted.connect(overdrawn)
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
        entry_posted.disconnect(overdrawn)

    assert asked == ["charge"]
    assert not Purchase.objects.exists()


def test_a_kept_delivery_whose_secret_is_gone_is_tried_ever_later(client, settings, user):
    deposit = make_deposit(user=user)
    listener = partial(_raise, RuntimeError("not now"))
    entry_posted.connect(listener)
    try:
        assert post_notification(client, signed_notification(deposit)).status_code == 500
    finally:
        entry_posted.disconnect(listener)
    settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": "another"}
    due = WebhookEvent.objects.get().next_try_at

    notifications.apply_kept(now=due)

    event = WebhookEvent.objects.get()
    assert (event.error, event.processed_at) == ("BadSignature", None)
    assert event.next_try_at not in {None, due}


def _raise(error, **_kwargs):
    raise error


def test_a_site_that_saves_one_column_moves_the_rows_time_too(user):
    deposit = make_deposit(user=user)
    weighed = weigh(deposit)
    Deposit.objects.get(pk=deposit.pk).save(update_fields=["metadata"])

    with pytest.raises(Overtaken), transaction.atomic():
        weighed.write()

    assert not StatusChange.objects.exists()
