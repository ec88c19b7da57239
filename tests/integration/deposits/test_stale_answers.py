"""Somebody else was faster, or an answer is older than what is known: nothing is decided by what was overtaken."""

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


class TestAnAnswerOlderThanTheNews:
    """A webhook comes in while SkinsBack's answer is under way."""

    @pytest.fixture
    def answer(self, monkeypatch):
        def answer(deposit, status, *, meanwhile):
            news = iter([meanwhile])

            def get_deposit(_client, **_ids):
                for word in news:
                    deposits.record_report(report_of(deposit, word), "webhook")
                return report_of(deposit, status)

            monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)

        return answer

    def ask(self, deposit, by_sweep):
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
    def test_decides_nothing_and_skinsback_is_asked_once_more(
        self, user, answer, answered, meanwhile, posted, by_sweep
    ):
        deposit = make_deposit(user=user)
        answer(deposit, answered, meanwhile=meanwhile)

        self.ask(deposit, by_sweep)

        assert (deposit.status, deposit.needs_review, kinds(deposit)) == (meanwhile, True, posted)
        assert deposit.next_poll_at <= deposit.updated_at

        self.ask(deposit, by_sweep)

        assert (deposit.status, deposit.next_poll_at) == (answered, None)
        assert kinds(deposit) == ["credit", *(["reversal"] if posted else [])]

    def test_moves_the_row_on_where_there_is_no_contradiction(self, user, answer):
        deposit = make_deposit(user=user)
        answer(deposit, "success", meanwhile="in_hold")

        self.ask(deposit, by_sweep=True)

        assert (deposit.status, deposit.needs_review, kinds(deposit)) == ("success", False, ["credit"])


class TestARowThatIsNoLongerWhatWasRead:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one level of isolation")
    @pytest.mark.parametrize("act", ["report", "cancel"])
    def test_moves_no_money_in_a_database_transaction_that_reads_repeatably(self, user, act):
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
            # MariaDB reads the newest version under the lock, so the report is decided by it: a contradiction.
            decided = connection.vendor == "mysql" and act == "report"
            with nullcontext() if decided else pytest.raises((OperationalError, RowChanged)):
                transaction.atomic(in_one_transaction)()
        finally:
            connection.close()

        deposit.refresh_from_db()
        assert (deposit.status, kinds(deposit)) == ("success", ["credit"])
        assert Purchase.objects.get().changes.count() == 1

    def test_credits_the_owner_it_has_by_then(self, user, operator):
        deposit = make_deposit(user=user)
        Deposit.objects.filter(user=user).update(user=operator)

        deposits.record_report(report_of(deposit, "success"), "poll", asked=deposit)

        assert LedgerEntry.objects.get().user == operator

    def test_that_a_stale_save_put_back_is_found_by_the_audit(self, user):
        stale = make_deposit(user=user)
        deposits.record_report(report_of(stale, "success"), "poll")

        stale.save()

        assert [difference.problem for difference in audit()] == ["not paid yet, but its money was moved"]


@pytest.mark.django_db(transaction=True)
class TestAHookOfTheSitesThatFailsAfterTheCommit:
    """It is the site's own error, told as such: what was committed is not done again."""

    @pytest.fixture(autouse=True)
    def _hook(self):
        def fail():
            raise OperationalError("database is locked")

        def listen(**_arguments):
            transaction.on_commit(fail)

        entry_posted.connect(listen)
        yield
        entry_posted.disconnect(listen)

    def test_a_report(self, user):
        deposit = make_deposit(user=user)

        with pytest.raises(OperationalError):
            deposits.record_report(report_of(deposit, "success"), "poll")

        assert (kinds(deposit), deposit.changes.count()) == (["credit"], 1)

    def test_a_decision(self, user, operator):
        deposit = make_deposit(user=user, **PAID)

        with pytest.raises(OperationalError):
            deposits.settle(deposit, "credit", operator)

        assert (kinds(deposit), deposit.changes.count()) == (["credit"], 1)

    def test_a_purchase(self, user):
        Wallet.objects.create(user=user, balance=1)

        with pytest.raises(OperationalError):
            purchases.buy(user=user, trade_url=TRADE_URL, skin_id="1", max_price=1, charge=1, charge_currency="usd")

        assert kinds(Purchase.objects.get()) == ["charge"]
