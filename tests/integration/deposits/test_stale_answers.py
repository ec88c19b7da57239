"""A row that changed since it was read, or an answer that is older than a webhook, decides nothing."""

import threading
from contextlib import nullcontext
from decimal import Decimal

import pytest
from django.db import OperationalError, connection, transaction

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import RowChanged
from django_skinsback.flows.ledger.audit import audit
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


def report_of(deposit, status):
    return DepositReport(status=status, order_id=deposit.order_id, **PAID)


def kinds(row):
    return list(row.entries.order_by("pk").values_list("kind", flat=True))


class TestAnswerOlderThanAWebhook:
    """A webhook is recorded while SkinsBack answers a poll."""

    @pytest.fixture
    def answer(self, monkeypatch):
        def answer(deposit, status, *, meanwhile):
            webhook_statuses = iter([meanwhile])

            def get_deposit(_client, **_ids):
                for webhook_status in webhook_statuses:
                    deposits.record_report(report_of(deposit, webhook_status), "webhook")
                return report_of(deposit, status)

            monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)

        return answer

    def poll(self, deposit, by_sweep):
        if by_sweep:
            Deposit.objects.update(next_poll_at=deposit.created_at)
            poll_deposits()
        else:
            deposits.refresh(deposit)
        deposit.refresh_from_db()

    @pytest.mark.parametrize("by_sweep", [True, False])
    @pytest.mark.parametrize(
        ("answered", "meanwhile", "posted"), [("success", "fail", []), ("fail", "success", ["credit"])]
    )
    def test_an_answer_that_contradicts_a_newer_webhook_is_not_applied_and_the_deposit_is_polled_again(
        self, user, answer, answered, meanwhile, posted, by_sweep
    ):
        deposit = make_deposit(user=user)
        answer(deposit, answered, meanwhile=meanwhile)

        self.poll(deposit, by_sweep)

        assert (deposit.status, deposit.needs_review, kinds(deposit)) == (meanwhile, True, posted)
        assert deposit.next_poll_at <= deposit.updated_at

        self.poll(deposit, by_sweep)

        assert (deposit.status, deposit.next_poll_at) == (answered, None)
        assert kinds(deposit) == ["credit", *(["reversal"] if posted else [])]

    def test_an_answer_that_does_not_contradict_a_newer_webhook_is_applied(self, user, answer):
        deposit = make_deposit(user=user)
        answer(deposit, "success", meanwhile="in_hold")

        self.poll(deposit, by_sweep=True)

        assert (deposit.status, deposit.needs_review, kinds(deposit)) == ("success", False, ["credit"])


class TestStaleRow:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one level of isolation")
    @pytest.mark.parametrize("act", ["report", "cancel"])
    def test_a_stale_row_in_a_repeatable_read_transaction_moves_no_money(self, user, act):
        level = "TRANSACTION ISOLATION LEVEL"
        session = "SET SESSION CHARACTERISTICS AS" if connection.vendor == "postgresql" else "SET SESSION"
        deposit, purchase = make_deposit(user=user), make_purchase(status="requested", attempts=0)

        def meanwhile():
            deposits.record_report(report_of(deposit, "success"), "webhook")
            purchases.cancel(purchase)
            connection.close()

        def in_one_transaction():
            stale = Deposit.objects.get()
            assert stale.status == "pending"
            thread = threading.Thread(target=meanwhile)
            thread.start()
            thread.join()
            if act == "report":
                deposits.record_report(report_of(deposit, "fail"), "poll", asked=stale)
            else:
                purchases.cancel(purchase)

        with connection.cursor() as cursor:
            cursor.execute(f"{session} {level} REPEATABLE READ")
        try:
            # MariaDB reads the newest version under the lock. The report is compared with it: a contradiction.
            decided = connection.vendor == "mysql" and act == "report"
            with nullcontext() if decided else pytest.raises((OperationalError, RowChanged)):
                transaction.atomic(in_one_transaction)()
        finally:
            connection.close()

        deposit.refresh_from_db()
        assert (deposit.status, kinds(deposit)) == ("success", ["credit"])
        assert Purchase.objects.get().changes.count() == 1

    def test_the_credit_goes_to_the_owner_at_the_time_of_the_report(self, user, operator):
        deposit = make_deposit(user=user)
        Deposit.objects.filter(user=user).update(user=operator)

        deposits.record_report(report_of(deposit, "success"), "poll", asked=deposit)

        assert LedgerEntry.objects.get().user == operator

    def test_the_audit_finds_a_status_that_a_stale_save_reset(self, user):
        stale = make_deposit(user=user)
        deposits.record_report(report_of(stale, "success"), "poll")

        stale.save()

        assert [difference.problem for difference in audit()] == [
            "the deposit is not paid yet, but a ledger entry was posted"
        ]


@pytest.mark.django_db(transaction=True)
class TestOnCommitCallbackThatFails:
    """A callback of the site raises after the commit: the error is raised, and the transaction is not run again."""

    @pytest.fixture(autouse=True)
    def _failing_callback(self):
        def fail():
            raise OperationalError("database is locked")

        def add_callback(**_arguments):
            transaction.on_commit(fail)

        entry_posted.connect(add_callback)
        yield
        entry_posted.disconnect(add_callback)

    def test_a_report_is_committed_once_and_the_error_is_raised(self, user):
        deposit = make_deposit(user=user)

        with pytest.raises(OperationalError):
            deposits.record_report(report_of(deposit, "success"), "poll")

        assert (kinds(deposit), deposit.changes.count()) == (["credit"], 1)

    def test_a_decision_is_committed_once_and_the_error_is_raised(self, user, operator):
        deposit = make_deposit(user=user, **PAID)

        with pytest.raises(OperationalError):
            deposits.settle(deposit, "credit", operator)

        assert (kinds(deposit), deposit.changes.count()) == (["credit"], 1)

    def test_a_purchase_is_committed_once_and_the_error_is_raised(self, user):
        Wallet.objects.create(user=user, balance=1)

        with pytest.raises(OperationalError):
            purchases.buy(user=user, trade_url=TRADE_URL, skin_id="1", max_price=1, charge=1, charge_currency="usd")

        assert kinds(Purchase.objects.get()) == ["charge"]
