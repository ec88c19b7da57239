"""Comparing SkinsBack's lists with our rows: what is recorded, and which discrepancies an operator sees."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from django_skinsback import deposits
from django_skinsback.exceptions import InsideDatabaseTransaction, InvalidInput, RowChanged
from django_skinsback.flows.reconciliation import discrepancies
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, ListCursor, Purchase, StatusChange
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport

from ...support.fake_lists import PAID, FakeLists

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAYER = "76561198050648523"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def lists(monkeypatch):
    return FakeLists(monkeypatch)


@pytest.fixture
def paid(user):
    """A deposit that was credited three hours before the lists are read."""
    with time_machine.travel(timezone.now() - timedelta(hours=3), tick=False):
        deposit = make_deposit(user=user)
        ids = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id}
        deposits.record_report(DepositReport(status="success", steam_id=PAYER, **ids, **PAID), "poll")
    deposit.refresh_from_db()
    return deposit


def run(**options):
    """Compare the list of deposits and return the result."""
    [result] = reconcile("default", lists=("orders",), **options)
    return result


def found():
    return [(each.kind, each.state) for each in Discrepancy.objects.order_by("pk")]


def test_rows_that_agree_change_nothing(lists, paid):
    pending, abandoned = make_deposit(), make_deposit(status="abandoned", transaction_id="77")
    lists.list(paid)
    lists.list(pending)
    lists.list(abandoned, "pending")
    before = (StatusChange.objects.count(), LedgerEntry.objects.count(), list(Deposit.objects.values()))

    result = run()

    assert (result.pages, result.rows, result.stopped_by, result.notes) == (1, 3, "", [])
    assert not Discrepancy.objects.exists()
    assert (StatusChange.objects.count(), LedgerEntry.objects.count(), list(Deposit.objects.values())) == before


class TestMissed:
    def test_a_missed_payment_is_credited_once_and_stored_as_repaired(self, lists, user):
        deposit = make_deposit(user=user)
        lists.list(deposit, "success", **PAID)

        result = run()

        assert (result.missed, result.repaired) == (1, 1)
        row = Discrepancy.objects.get()
        assert (row.kind, row.state, row.outcome, row.deposit) == ("missed", "repaired", "applied", deposit)
        assert (row.ours["status"], row.theirs["status"], row.theirs["user_amount"]) == ("pending", "success", "6")
        assert "pending → success" in row.note
        assert row.closed_at is not None
        assert [entry.amount for entry in LedgerEntry.objects.all()] == [6]
        assert deposit.changes.get().source == "list"

        run()

        assert LedgerEntry.objects.count() == 1
        assert found() == [("missed", "repaired")]

    def test_a_missed_rollback_is_reversed(self, lists, user):
        deposit = make_deposit(user=user)
        ids = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id}
        deposits.record_report(DepositReport(status="hold_approved", **ids, **PAID), "poll")
        lists.list(deposit, "hold_returned", amount=None, user_amount=None, amount_currency="")

        run()

        assert sorted(entry.amount for entry in LedgerEntry.objects.all()) == [-6, 6]

    def test_an_abandoned_deposit_that_was_paid_late_is_credited(self, lists, user):
        deposit = make_deposit(user=user, status="abandoned", transaction_id="5")
        lists.list(deposit, "success", **PAID)

        assert run().repaired == 1
        assert LedgerEntry.objects.get().amount == 6

    def test_an_unusable_amount_is_not_credited_and_stays_open(self, lists, user):
        deposit = make_deposit(user=user)
        lists.list(deposit, "success", amount=Decimal(5))

        result = run()

        assert (result.missed, result.repaired) == (1, 0)
        assert found() == [("missed", "open")]
        assert Discrepancy.objects.get().outcome == "withheld"
        assert not LedgerEntry.objects.exists()

    def test_a_missing_currency_is_taken_from_the_list(self, lists, user):
        deposit = make_deposit(user=user)
        ids = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id}
        without = {**PAID, "amount_currency": ""}
        deposits.record_report(DepositReport(status="success", **ids, **without), "poll")
        assert not LedgerEntry.objects.exists()
        deposit.refresh_from_db()
        lists.list(deposit, **PAID)

        assert run().repaired == 1
        assert LedgerEntry.objects.get().currency == "usd"

    def test_a_receiver_that_raises_does_not_delay_other_rows(self, lists, user):
        bad, good = make_deposit(user=user, order_id="bad"), make_deposit(user=user)
        for deposit in (bad, good):
            lists.list(deposit, "success", **PAID)

        def refuse(entry, **_kwargs):
            if entry.deposit.order_id == "bad":
                raise RuntimeError("the wallet is closed")

        entry_posted.connect(refuse)
        try:
            result = run()
        finally:
            entry_posted.disconnect(refuse)

        assert (result.missed, result.repaired) == (2, 1)
        failed = Discrepancy.objects.open().get()
        assert (failed.our_id, failed.outcome) == ("bad", "failed")
        assert "RuntimeError" in failed.note

        assert run().repaired == 1
        assert LedgerEntry.objects.count() == 2
        assert not Discrepancy.objects.open().exists()

    def test_a_purchase_whose_answer_was_lost_is_found_in_the_history(self, lists):
        purchase = make_purchase(status="unknown")
        lists.list_purchase(purchase, "waiting_accept", buy_id="99", price=Decimal(5), debited_amount=Decimal(5))

        [result] = reconcile("default", lists=("market_history",))

        assert result.repaired == 1
        row = Purchase.objects.get()
        assert (row.status, row.buy_id, row.debited_amount) == ("waiting_accept", "99", 5)


class TestUnknown:
    def test_a_listed_row_unknown_here_is_shown_and_creates_nothing(self, lists):
        lists.orders.append(DepositReport(status="success", order_id="elsewhere", transaction_id="1", **PAID))
        lists.orders.append(DepositReport(status="success", transaction_id="2", **PAID))

        result = run()

        assert result.unknown == 2
        assert {(row.our_id, row.their_id) for row in Discrepancy.objects.all()} == {("elsewhere", "1"), ("", "2")}
        assert not Deposit.objects.exists()
        assert not LedgerEntry.objects.exists()

    def test_a_row_of_another_account_is_unknown(self, lists, user):
        deposit = make_deposit(user=user, account="second")
        lists.list(deposit, "success", **PAID)

        assert run().unknown == 1
        deposit.refresh_from_db()
        assert deposit.status == "pending"

    def test_ids_are_compared_exactly_whatever_the_collation(self, lists, user):
        deposit = make_deposit(user=user, order_id="abc")
        lists.list(deposit, "success", order_id="ABC", **PAID)
        lists.list(deposit, "success", order_id="Abc", **PAID)

        result = run()

        assert (result.unknown, result.missed) == (2, 0)
        assert Discrepancy.objects.count() == 2
        assert not LedgerEntry.objects.exists()

    def test_a_listed_row_without_our_id_is_found_by_skinsbacks_id(self, lists, user):
        deposit = make_deposit(user=user)
        lists.list(deposit, "success", order_id="", **PAID)

        assert (run().repaired, LedgerEntry.objects.count()) == (1, 1)

    def test_a_listed_row_with_another_order_id_is_not_found_by_skinsbacks_id(self, lists, user):
        deposit = make_deposit(user=user)
        lists.list(deposit)
        lists.list(deposit, "success", order_id="another", **PAID)
        lists.list(make_deposit(user=user), order_id="")

        result = run()

        assert (result.unknown, result.missed) == (1, 0)
        assert not LedgerEntry.objects.exists()

    def test_it_is_resolved_once_the_row_exists_here(self, lists, user):
        lists.orders.append(DepositReport(status="pending", order_id="late", transaction_id="1"))
        run()
        make_deposit(user=user, order_id="late", transaction_id="1")

        run()

        assert found() == [("unknown", "resolved")]


class TestDiffering:
    def test_another_amount_is_shown_and_flagged_and_the_first_one_stays(self, lists, paid):
        lists.list(paid, user_amount=Decimal(7))

        result = run()

        assert result.differing == 1
        row = Discrepancy.objects.get()
        assert (row.kind, row.state, row.ours["user_amount"], row.theirs["user_amount"]) == (
            "differing",
            "open",
            "6",
            "7",
        )
        paid.refresh_from_db()
        assert paid.needs_review
        assert (paid.user_amount, LedgerEntry.objects.get().amount) == (6, 6)

    @pytest.mark.parametrize("field", [{"steam_id": "76561198827262007"}, {"amount_currency": "eur"}])
    def test_another_payer_or_currency_is_shown(self, lists, paid, field):
        lists.list(paid, **field)

        assert run().differing == 1
        assert LedgerEntry.objects.count() == 1

    def test_another_transaction_id_is_not_stored(self, lists, paid):
        lists.list(paid, transaction_id="other")

        assert run().differing == 1
        assert Discrepancy.objects.get().outcome == "mismatched"
        paid.refresh_from_db()
        assert paid.transaction_id != "other"

    def test_a_contradicted_final_row_is_flagged_and_moves_no_money(self, lists, paid):
        lists.list(paid, "fail", amount=None, user_amount=None, amount_currency="")

        assert run().differing == 1
        assert Discrepancy.objects.get().outcome == "conflict"
        paid.refresh_from_db()
        assert (paid.status, paid.needs_review) == ("success", True)
        assert LedgerEntry.objects.count() == 1

    def test_a_list_that_is_behind_a_credit_for_long_is_a_mismatch(self, lists, paid):
        lists.list(paid, "pending", amount=None, user_amount=None, amount_currency="")

        assert run().differing == 1
        assert Discrepancy.objects.get().theirs["status"] == "pending"

    def test_a_list_that_is_behind_for_a_moment_is_no_mismatch(self, lists, user):
        deposit = make_deposit(user=user)
        lists.list(deposit)
        deposits.record_report(
            DepositReport(status="success", order_id=deposit.order_id, transaction_id=deposit.transaction_id, **PAID),
            "webhook",
        )

        assert run().differing == 0
        assert not Discrepancy.objects.exists()

    @pytest.mark.parametrize("status", ["paid_in_full", ""])
    def test_an_unknown_status_is_shown_and_moves_no_money(self, lists, user, status):
        deposit = make_deposit(user=user)
        lists.orders.append(
            DepositReport(status=status, order_id=deposit.order_id, transaction_id=deposit.transaction_id, **PAID)
        )

        assert run().differing == 1
        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review) == ("pending", bool(status))
        assert not LedgerEntry.objects.exists()

    def test_a_purchase_refused_here_and_accepted_there_is_shown(self, lists):
        purchase = make_purchase(status="refused")
        lists.list_purchase(purchase, "accepted", buy_id="9")

        [result] = reconcile("default", lists=("market_history",))

        assert result.differing == 1
        purchase.refresh_from_db()
        assert (purchase.status, purchase.needs_review) == ("refused", True)

    def test_a_purchase_with_another_debited_amount_is_shown_with_both_amounts(self, lists):
        purchase = make_purchase(status="accepted", price=Decimal(5), debited_amount=Decimal(5))
        lists.list_purchase(purchase, debited_amount=Decimal(6))

        reconcile("default", lists=("market_history",))
        reconcile("default", lists=("market_history",))

        row = Discrepancy.objects.get()
        assert (row.state, row.ours["debited_amount"], row.theirs["debited_amount"]) == ("open", "5", "6")

    def test_it_is_resolved_once_both_sides_agree(self, lists, user):
        deposit = make_deposit(user=user, status="fail")
        lists.list(deposit, "success", **PAID)
        run()
        assert found() == [("differing", "open")]
        ids = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id}
        deposits.record_report(DepositReport(status="success", **ids, **PAID), "poll")

        run()

        assert found() == [("differing", "resolved")]
        assert LedgerEntry.objects.count() == 1


class TestDuplicate:
    @pytest.mark.parametrize("turned", [False, True])
    def test_one_order_id_with_two_transaction_ids_is_shown_in_either_order(self, lists, paid, turned):
        lists.list(paid)
        lists.list(paid, transaction_id="other")
        if turned:
            lists.orders.reverse()

        result = run()

        assert (result.duplicate, result.differing) == (1, 0)
        row = Discrepancy.objects.get()
        assert (row.kind, row.their_id) == ("duplicate", "other")
        assert LedgerEntry.objects.count() == 1

    def test_the_same_ids_with_another_amount_are_shown(self, lists, paid):
        lists.list(paid)
        lists.list(paid, user_amount=Decimal(60))

        assert run().duplicate == 1
        assert LedgerEntry.objects.count() == 1

    def test_the_second_of_two_unknown_rows_with_one_order_id_is_a_duplicate(self, lists):
        for number in "12":
            lists.orders.append(DepositReport(status="success", order_id="x", transaction_id=number, **PAID))

        result = run()

        assert (result.unknown, result.duplicate) == (1, 1)

    def test_overlapping_pages_are_no_duplicates(self, lists, paid, user):
        missed = make_deposit(user=user)
        for _ in range(2):
            lists.list(paid)
            lists.list(missed, "success", **PAID)
            lists.orders.append(DepositReport(status="success", order_id="x", transaction_id="1", **PAID))
        lists.orders[3:] = [DepositReport(status="pending", order_id="y", transaction_id="3"), *lists.orders[3:]]
        lists.size = 4

        result = run()

        assert (result.pages, result.duplicate, result.missed, result.unknown) == (2, 0, 1, 2)

    def test_an_older_status_of_a_row_that_agrees_is_no_duplicate(self, lists, paid):
        lists.list(paid)
        lists.list(paid, "in_hold")

        assert run().duplicate == 0
        assert not Discrepancy.objects.exists()

    def test_two_statuses_of_one_deposit_on_one_page_are_flagged_and_not_recorded(self, lists, user):
        deposit = make_deposit(user=user)
        for status in ("success", "in_hold"):
            lists.list(deposit, status, **PAID)

        run()

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review) == ("pending", True)
        assert found() == [("duplicate", "open")]
        assert not LedgerEntry.objects.exists()


class TestAbsent:
    def test_a_paid_row_that_is_not_listed_is_shown(self, lists, paid):
        result = run()

        assert result.absent == 1
        row = Discrepancy.objects.get()
        assert (row.kind, row.our_id, row.their_id, row.theirs) == (
            "absent",
            paid.order_id,
            paid.transaction_id,
            {},
        )

    def test_it_is_resolved_once_the_row_is_listed(self, lists, paid):
        run()
        lists.list(paid)

        run(since=timezone.now() - timedelta(days=1))
        run()

        assert found() == [("absent", "resolved")]

    def test_unpaid_rows_and_rows_near_the_ends_of_the_window_are_not_absent(self, lists, user, clock):
        make_deposit(user=user, created_at=timezone.now() - timedelta(hours=3))
        make_deposit(user=user, status="success", created_at=timezone.now() - timedelta(minutes=30))
        make_deposit(user=user, status="success", created_at=timezone.now() - timedelta(days=40))

        assert run().absent == 0

    def test_no_row_is_absent_from_a_list_that_was_not_read_completely(self, lists, paid, user, monkeypatch):
        for _ in range(3):
            lists.list(make_deposit(user=user))
        lists.size = 2
        original = lists._page

        def shrinking(rows, start_from):
            page = original(rows, start_from)
            return type(page)(items=page.items, start_from=page.start_from, has_more=page.has_more, total_count=9)

        monkeypatch.setattr(lists, "_page", shrinking)

        assert run().absent == 0

    def test_a_listed_row_that_could_not_be_recorded_is_not_absent(self, lists, user):
        with time_machine.travel(timezone.now() - timedelta(hours=3), tick=False):
            deposit = make_deposit(user=user)
            ids = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id}
            deposits.record_report(DepositReport(status="hold_approved", **ids, **PAID), "poll")
        lists.list(deposit, "hold_returned")

        def refuse(entry, **_kwargs):
            raise RuntimeError("the wallet is closed")

        entry_posted.connect(refuse)
        try:
            result = run()
        finally:
            entry_posted.disconnect(refuse)

        assert (result.missed, result.absent) == (1, 0)

    def test_a_purchase_can_be_absent_too(self, lists):
        with time_machine.travel(timezone.now() - timedelta(hours=3), tick=False):
            purchase = make_purchase(status="accepted", price=Decimal(5))

        [result] = reconcile("default", lists=("market_history",))

        assert result.absent == 1
        assert Discrepancy.objects.get().purchase == purchase


class TestOperators:
    def test_a_closed_discrepancy_stays_closed_while_its_content_is_the_same(self, lists, paid, operator):
        lists.list(paid, user_amount=Decimal(7))
        run()
        row = Discrepancy.objects.get()

        discrepancies.close(row, by=operator, note="their rounding")
        with pytest.raises(RowChanged):
            discrepancies.close(row, by=operator, note="again")
        run()

        row.refresh_from_db()
        assert (row.state, row.closed_by, row.note, row.times_seen) == ("closed", operator, "their rounding", 2)

    @pytest.mark.parametrize("note", ["", " "])
    def test_closing_needs_a_note(self, lists, paid, operator, note):
        lists.list(paid, user_amount=Decimal(7))
        run()

        with pytest.raises(InvalidInput, match="note"):
            discrepancies.close(Discrepancy.objects.all(), by=operator, note=note)

        assert Discrepancy.objects.open().exists()

    def test_a_closed_discrepancy_opens_again_when_its_content_changes(self, lists, paid, operator):
        lists.list(paid, user_amount=Decimal(7))
        run()
        discrepancies.close(Discrepancy.objects.get(), by=operator, note="their rounding")
        lists.orders.clear()
        lists.list(paid, user_amount=Decimal(8))

        run()

        row = Discrepancy.objects.get()
        assert (row.state, row.closed_by, row.theirs["user_amount"]) == ("open", None, "8")
        assert row.note == "their rounding"

    def test_a_list_never_overrides_a_decision(self, lists, user, operator):
        deposit = make_deposit(user=user, status="fail")
        lists.list(deposit, "success", **PAID)
        run()
        deposit.refresh_from_db()
        deposits.settle(deposit, "keep", operator, "paid in cash")

        for _ in range(3):
            run()

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review) == ("fail", False)
        assert not LedgerEntry.objects.exists()

    def test_a_currency_listed_after_a_decision_to_keep_is_not_credited(self, lists, user, operator):
        deposit = make_deposit(user=user)
        ids = {"order_id": deposit.order_id, "transaction_id": deposit.transaction_id}
        deposits.record_report(DepositReport(status="success", **ids, **{**PAID, "amount_currency": ""}), "poll")
        deposit.refresh_from_db()
        deposit.refresh_from_db()
        deposits.settle(deposit, "keep", operator, "paid in cash")
        lists.list(deposit, **PAID)

        result = run()

        assert (result.missed, result.repaired) == (1, 0)
        assert not LedgerEntry.objects.exists()

    def test_a_closed_contradiction_is_not_recorded_again(self, lists, paid, operator, monkeypatch):
        lists.list(paid, "fail", amount=None, user_amount=None, amount_currency="")
        run()
        discrepancies.close(Discrepancy.objects.get(), by=operator, note="asked support")
        Deposit.objects.update(next_poll_at=None)

        run()

        assert Deposit.objects.get().next_poll_at is None


class TestArguments:
    def test_it_does_not_run_inside_a_database_transaction(self, lists, monkeypatch):
        refused = InsideDatabaseTransaction()

        def refuse(_flow):
            raise refused

        monkeypatch.setattr("django_skinsback.flows.reconciliation.run.refuse_inside_transaction", refuse)
        with pytest.raises(InsideDatabaseTransaction), transaction.atomic():
            run()
        assert not lists.calls

    def test_an_impossible_range_is_refused(self, lists):
        now = timezone.now()
        with pytest.raises(InvalidInput):
            run(since=now, until=now)
        with pytest.raises(InvalidInput):
            run(until=now)

    def test_a_requested_range_does_not_move_the_cursor(self, lists, paid):
        lists.list(paid)
        since = timezone.now() - timedelta(days=90)

        run(since=since)

        assert lists.windows == [(since, timezone.now())]
        assert ListCursor.objects.get().complete_until is None

    def test_callbacks_get_each_discrepancy_and_the_rows_of_each_page(self, lists, paid):
        lists.list(paid, user_amount=Decimal(7))
        stored, rows = [], []

        run(on_discrepancy=stored.append, on_progress=rows.append)

        assert ([each.kind for each in stored], rows) == (["differing"], [1])


def test_all_lists_of_all_acresult_are_read(lists):
    results = reconcile()

    assert [(result.account, result.name) for result in results] == [
        (account, name)
        for account in ("default", "second")
        for name in ("callback_error_list", "orders", "market_history")
    ]


def test_a_listed_row_is_recorded_like_any_report(lists, user):
    """The history has the source ``list``, and the entry of the status is posted."""
    deposit = make_deposit(user=user)
    lists.list(deposit, "in_hold", **PAID)
    run()
    lists.orders.clear()
    lists.list(deposit, "success", **PAID)
    run()

    assert list(deposit.changes.order_by("pk").values_list("to_status", "source")) == [
        ("in_hold", "list"),
        ("success", "list"),
    ]
    assert LedgerEntry.objects.get().amount == 6
    assert Discrepancy.objects.get().times_seen == 2


def test_a_listed_purchase_without_our_id_is_found_by_skinsbacks_id(lists):
    purchase = make_purchase(status="waiting_accept")
    lists.history.append(PurchaseReport(status="accepted", buy_id=purchase.buy_id))

    [result] = reconcile("default", lists=("market_history",))

    assert result.repaired == 1
