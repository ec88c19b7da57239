"""Two rows with one ID in one answer or list page: identical rows are recorded once, differing rows not at all."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import APIError, ContradictoryAnswer
from django_skinsback.flows.ledger.edit import Source
from django_skinsback.flows.polling import deposits as checking
from django_skinsback.flows.polling import purchases as polling
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.purchases.ask import ask
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, Purchase
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import BatchResult, DepositReport, PurchaseReport
from tests.wallet.models import Wallet

from ...support.fake_lists import PAID, FakeLists
from ..polling.test_backlog import Lists
from ..polling.test_poll_purchases import FakeSkinsBack

pytestmark = [pytest.mark.django_db, pytest.mark.database]

REASON = "SkinsBack's answer contained this ID twice with different content. Nothing was applied."
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def assert_nothing_was_recorded(row, status):
    row = fresh(row)
    assert (row.status, row.needs_review, row.review_reason) == (status, True, REASON)
    assert not row.changes.exclude(to_status=status).exists()


class TestPolledPurchases:
    @pytest.fixture
    def skinsback(self, monkeypatch):
        return FakeSkinsBack(monkeypatch)

    @pytest.fixture
    def rows(self, skinsback):
        rows = [make_purchase(status="waiting_accept") for _ in range(3)]
        for row in rows:
            skinsback.say(row, "accepted")
        return rows

    def report_twice(self, skinsback, row, **fields):
        first, get = skinsback.reports[row.custom_id], skinsback.get_purchases
        second = skinsback.say(row, **fields)
        skinsback.reports[row.custom_id] = first
        skinsback.get_purchases = lambda ids: get(ids) + [second] * (row.custom_id in ids)

    @pytest.mark.parametrize("reversed_order", [False, True])
    def test_row_46_differing_rows_are_not_recorded_and_the_purchase_is_flagged_and_due_again(
        self, skinsback, rows, now, reversed_order
    ):
        self.report_twice(skinsback, rows[1], status="canceled")
        if reversed_order:
            get = skinsback.get_purchases
            skinsback.get_purchases = lambda ids: get(ids)[::-1]

        counts = poll_purchases("default")

        assert (counts.asked, counts.changed, len(skinsback.asked)) == (3, 2, 1)
        assert_nothing_was_recorded(rows[1], "waiting_accept")
        assert now < fresh(rows[1]).next_poll_at <= now + timedelta(minutes=2)
        assert [fresh(row).status for row in (rows[0], rows[2])] == ["accepted"] * 2
        assert skinsback.asked_singly == []

    def test_identical_rows_are_recorded_once(self, skinsback, rows):
        self.report_twice(skinsback, rows[1], status="accepted")

        assert poll_purchases("default").changed == 3

        assert not Purchase.objects.to_review().exists()

    def test_rows_with_the_same_custom_id_and_different_buy_ids_are_not_recorded(self, skinsback, rows):
        first, get = skinsback.reports[rows[1].custom_id], skinsback.get_purchases
        other = PurchaseReport(status="accepted", custom_id=first.custom_id, buy_id="another")
        skinsback.get_purchases = lambda ids: [*get(ids), other]

        poll_purchases("default")

        assert_nothing_was_recorded(rows[1], "waiting_accept")

    def test_differing_rows_raise_when_a_purchase_is_polled_by_hand_and_it_is_flagged(self, skinsback, rows):
        self.report_twice(skinsback, rows[1], status="canceled")

        with pytest.raises(ContradictoryAnswer):
            ask("default", rows, Source.POLL)

        assert_nothing_was_recorded(rows[1], "waiting_accept")
        assert fresh(rows[0]).status == "accepted"

    def test_differing_rows_for_one_buy_id_are_not_recorded(self, skinsback, rows, monkeypatch):
        missing = rows[1]
        del skinsback.reports[missing.custom_id]

        def contradict(buy_id):
            raise ContradictoryAnswer

        skinsback.get_purchase = contradict
        poll_purchases("default")

        assert_nothing_was_recorded(missing, "waiting_accept")

    def test_a_later_answer_without_duplicates_is_recorded(self, skinsback, rows, now):
        get_plain = skinsback.get_purchases
        self.report_twice(skinsback, rows[1], status="canceled")
        poll_purchases("default")
        skinsback.get_purchases = get_plain

        with time_machine.travel(now + timedelta(minutes=2), tick=False):
            poll_purchases("default")

        assert fresh(rows[1]).status == "accepted"


@pytest.mark.parametrize("statuses", [("accepted", "canceled"), ("canceled", "accepted")])
def test_the_client_raises_if_two_rows_of_one_purchase_differ(monkeypatch, statuses):
    answer = [PurchaseReport(status=status, buy_id="7", custom_id="a") for status in statuses]
    monkeypatch.setattr(SkinsBackClient, "_ask", lambda *_: answer)
    with SkinsBackClient("1", "123") as client:
        for ids in ({"buy_id": "7"}, {"custom_id": "a"}):
            with pytest.raises(ContradictoryAnswer):
                client.get_purchase(**ids)
        answer[1] = answer[0]
        assert client.get_purchase(buy_id="7") == answer[0]


class TestBatches:
    @pytest.fixture
    def rows(self, user):
        Wallet.objects.create(user=user, balance=1000)
        items = [{"skin_id": str(number), "max_price": 5, "charge": 6, "charge_currency": "usd"} for number in range(3)]
        return purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items)

    def answer(self, monkeypatch, reports):
        monkeypatch.setattr(SkinsBackClient, "buy_skins", lambda *_: BatchResult(purchased=reports))

    def bought(self, row, **fields):
        return PurchaseReport(
            **{"status": "creating_trade", "custom_id": row.custom_id, "buy_id": f"b{row.pk}", **fields}
        )

    def test_row_43_differing_rows_leave_the_purchase_unknown_and_charged(self, rows, monkeypatch, now):
        reports = [self.bought(row) for row in rows]
        self.answer(monkeypatch, [*reports, self.bought(rows[1], buy_id="another")])

        purchases.submit(rows[0])

        row = fresh(rows[1])
        assert (row.status, row.buy_id, row.review_reason) == ("unknown", None, REASON)
        assert row.next_poll_at is not None
        assert [fresh(other).status for other in (rows[0], rows[2])] == ["creating_trade"] * 2
        assert LedgerEntry.objects.filter(kind="refund").count() == 0

    def test_row_43_identical_rows_are_recorded_once(self, rows, monkeypatch):
        reports = [self.bought(row) for row in rows]
        self.answer(monkeypatch, reports + reports)

        purchases.submit(rows[0])

        assert [fresh(row).status for row in rows] == ["creating_trade"] * 3
        assert not Purchase.objects.to_review().exists()


class TestListsInASweep:
    @pytest.fixture
    def skinsback(self, monkeypatch):
        return Lists(monkeypatch)

    def test_a_purchase_with_differing_list_rows_is_flagged_and_polled_singly(self, skinsback, monkeypatch, settings):
        monkeypatch.setattr(polling.PurchaseSweep, "list_from", 20)
        settings.SKINSBACK = {**settings.SKINSBACK, "POLL_BATCH_SIZE": 4}
        skinsback.size = 50
        rows = [make_purchase(status="waiting_accept") for _ in range(20)]
        skinsback.rows = [skinsback.say(row) for row in rows]
        skinsback.rows += [skinsback.say(rows[3], "canceled"), skinsback.say(rows[5], "waiting_accept")]
        skinsback.get_purchases = lambda ids: [PurchaseReport(status="accepted", custom_id=each) for each in ids]

        poll_purchases("default")

        row = fresh(rows[3])
        assert (row.status, row.review_reason) == ("accepted", REASON)  # as the single answer says
        assert list(row.changes.values_list("to_status", "source")) == [("accepted", "poll")]
        assert {fresh(other).status for other in rows if other != rows[3]} == {"waiting_accept"}
        assert Purchase.objects.to_review().count() == 1

    def test_a_deposit_with_differing_list_rows_is_flagged_and_polled_singly(self, skinsback, user, monkeypatch):
        monkeypatch.setattr(checking.DepositSweep, "list_from", 20)
        skinsback.size = 50
        rows = [make_deposit(user=user) for _ in range(20)]
        skinsback.rows = [DepositReport(status="pending", order_id=row.order_id) for row in rows]
        other_amounts = {**PAID, "user_amount": Decimal(600)}
        skinsback.rows[3] = DepositReport(status="success", order_id=rows[3].order_id, **PAID)
        skinsback.rows.append(DepositReport(status="success", order_id=rows[3].order_id, **other_amounts))
        skinsback.states = {
            row.order_id: DepositReport(status="success", order_id=row.order_id, **PAID) for row in rows
        }

        checking.poll_deposits("default")

        entry = LedgerEntry.objects.get()
        assert (entry.deposit, entry.amount) == (rows[3], 6)
        assert fresh(rows[3]).review_reason == REASON
        assert skinsback.calls.count("get_deposit") == 1


class TestReconciledLists:
    @pytest.fixture
    def lists(self, monkeypatch):
        return FakeLists(monkeypatch)

    def run(self, name):
        [counts] = reconcile("default", lists=(name,))
        return counts

    @pytest.mark.parametrize("reversed_order", [False, True])
    def test_a_deposit_listed_with_two_amounts_is_not_credited_but_flagged_and_due(
        self, lists, user, now, reversed_order
    ):
        deposit = make_deposit(user=user, next_poll_at=now + timedelta(hours=1))
        lists.list(deposit, "success", **PAID)
        lists.list(deposit, "success", **{**PAID, "user_amount": Decimal(600)})
        if reversed_order:
            lists.orders.reverse()

        counts = self.run("orders")

        assert not LedgerEntry.objects.exists()
        assert_nothing_was_recorded(deposit, "pending")
        assert fresh(deposit).next_poll_at == now
        assert (counts.missed, counts.repaired, counts.duplicate) == (0, 0, 2)
        assert set(Discrepancy.objects.values_list("kind", "state")) == {("duplicate", "open")}

    def test_a_purchase_listed_as_accepted_and_canceled_is_not_refunded_but_flagged_and_due(self, lists, user, now):
        Wallet.objects.create(user=user, balance=10)
        row = purchases.buy(
            user=user, trade_url=TRADE_URL, skin_id="1", max_price=5, charge=Decimal(6), charge_currency="usd"
        )
        Purchase.objects.update(
            status="waiting_accept", attempts=1, submitted_at=now, next_poll_at=now + timedelta(hours=1)
        )
        row.refresh_from_db()
        for status in ("canceled", "accepted"):
            lists.list_purchase(row, status)

        self.run("market_history")

        assert list(LedgerEntry.objects.values_list("kind", flat=True)) == ["charge"]
        assert fresh(row).status == "waiting_accept"
        assert fresh(row).review_reason == REASON
        assert fresh(row).next_poll_at == now

    def test_differing_rows_that_name_one_purchase_by_different_ids_are_not_recorded(self, lists):
        row = make_purchase(status="waiting_accept")
        lists.list_purchase(row, "accepted")
        lists.list_purchase(row, "canceled", custom_id="")

        self.run("market_history")

        assert_nothing_was_recorded(row, "waiting_accept")

    def test_identical_rows_are_recorded_once(self, lists, user):
        deposit = make_deposit(user=user)
        for _ in range(2):
            lists.list(deposit, "success", **PAID)

        counts = self.run("orders")

        assert (counts.missed, counts.repaired, counts.duplicate) == (1, 1, 0)
        assert LedgerEntry.objects.get().amount == 6
        assert not Deposit.objects.to_review().exists()

    def test_a_duplicate_that_an_operator_has_kept_is_not_flagged_again(self, lists, user, operator):
        deposit = make_deposit(user=user)
        for amount in (6, 600):
            lists.list(deposit, "success", **{**PAID, "user_amount": Decimal(amount)})
        self.run("orders")
        deposits.settle(fresh(deposit), "keep", by=operator)

        self.run("orders")

        assert not fresh(deposit).needs_review
        assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("code", [2**31, -(2**31) - 1, 10**17])
def test_an_error_code_that_does_not_fit_its_column_is_not_stored_there(user, monkeypatch, code):
    Wallet.objects.create(user=user, balance=10)
    row = purchases.buy(
        user=user, trade_url=TRADE_URL, skin_id="1", max_price=5, charge=Decimal(6), charge_currency="usd"
    )

    def refuse(*_args, **_options):
        raise APIError.for_answer("market_buy", code, "x" * 300)

    monkeypatch.setattr(SkinsBackClient, "buy_skin", refuse)
    purchases.submit(row)

    row = fresh(row)
    assert (row.status, row.error_code) == ("unknown", None)


@pytest.mark.parametrize("code", [2**31 - 1, 2**31, -(2**31) - 1, 10**17])
def test_an_account_wide_error_with_a_code_that_does_not_fit_its_column_leaves_the_purchase_requested(
    user, monkeypatch, code
):
    Wallet.objects.create(user=user, balance=10)
    row = purchases.buy(
        user=user, trade_url=TRADE_URL, skin_id="1", max_price=5, charge=Decimal(6), charge_currency="usd"
    )

    def refuse(*_args, **_options):
        raise APIError.for_answer("market_buy", code, "under_maintenance")

    monkeypatch.setattr(SkinsBackClient, "buy_skin", refuse)
    purchases.submit(row)

    row = fresh(row)
    fits = code == 2**31 - 1
    stored = (code, "under_maintenance") if fits else (None, f"{code} under_maintenance")
    assert (row.status, row.attempts, row.error_code, row.error_message) == ("requested", 0, *stored)
