"""The list of failed webhooks: how much of it is read, how often, and which deposits are asked about."""

from datetime import timedelta

import pytest
import time_machine
from django.db.models import QuerySet
from django.utils import timezone

from django_skinsback import deposits
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import RateLimited, TransactionNotFound, UnknownOutcome
from django_skinsback.flows.reconciliation import failed_webhooks
from django_skinsback.flows.reconciliation.cursors import CLAIM_TIME, ListClaim
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, ListCursor
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositReport, FailedNotification

from ...support.fake_lists import PAID, FakeLists

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def lists(monkeypatch):
    return FakeLists(monkeypatch)


def run(**options):
    """Read this list, asked for by name."""
    [result] = reconcile("default", lists=("callback_error_list",), **options)
    return result


def run_regularly():
    """Run as the hourly task does, and return the result of this list."""
    return reconcile("default")[0]


def make_deposits(user, count, status="success"):
    return [make_deposit(user=user, status=status) for _ in range(count)]


def paid(deposit):
    return DepositReport(
        status="success", order_id=deposit.order_id, transaction_id=deposit.transaction_id or "", **PAID
    )


class TestWhichDepositsAreAskedAbout:
    def test_row_36_a_deposit_that_is_final_here_costs_no_call_and_is_not_credited_again(self, lists, user):
        deposit = make_deposit(user=user)
        deposits.record_report(paid(deposit), "webhook")
        for each in [deposit, *make_deposits(user, 3)]:
            lists.fail_notification(each)

        result = run()

        assert (result.rows, result.asked, result.missed) == (4, 0, 0)
        assert LedgerEntry.objects.count() == 1
        assert not Discrepancy.objects.exists()

    def test_row_36_a_deposit_that_is_not_final_here_is_asked_about_once_and_repaired(self, lists, user):
        deposit, waiting = make_deposits(user, 2, "pending")
        lists.statuses = {
            deposit.order_id: paid(deposit),
            waiting.order_id: DepositReport(status="pending", order_id=waiting.order_id),
        }
        for each in (deposit, waiting, deposit):
            lists.fail_notification(each)

        result = run()

        assert (result.asked, result.missed, result.repaired) == (2, 1, 1)
        assert LedgerEntry.objects.get().deposit == deposit
        row = Discrepancy.objects.get()
        assert (row.kind, row.state, row.theirs["status"], row.theirs["http_code"]) == (
            "missed",
            "repaired",
            "success",
            "500",
        )
        assert deposit.changes.get().source == "poll"

    def test_a_deposit_with_an_unreadable_answer_is_shown_and_the_next_is_asked_about(self, lists, user, monkeypatch):
        odd, good = make_deposits(user, 2, "pending")
        lists.statuses = {odd.order_id: UnknownOutcome("odd"), good.order_id: paid(good)}
        for deposit in (odd, good):
            lists.fail_notification(deposit)
        monkeypatch.setattr(SkinsBackClient, "get_balance", lambda _client: None)

        result = run()

        assert (result.missed, result.repaired, result.stopped_by) == (2, 1, "")
        assert Discrepancy.objects.open().get().deposit == odd

    def test_a_deposit_unknown_to_skinsback_is_shown_and_the_next_is_asked_about(self, lists, user):
        odd, good = make_deposits(user, 2, "pending")
        lists.statuses = {
            odd.order_id: TransactionNotFound("orderstatus", 4, "transaction_not_found"),
            good.order_id: paid(good),
        }
        for deposit in (odd, good):
            lists.fail_notification(deposit)

        result = run()

        assert (result.missed, result.repaired) == (2, 1)
        row = Discrepancy.objects.open().get()
        assert row.deposit == odd
        assert "transaction_not_found" in row.note

        Deposit.objects.filter(pk=odd.pk).update(status="fail")
        run()
        row.refresh_from_db()
        assert row.state == "resolved"

    def test_a_deposit_unknown_here_is_shown_and_not_asked_about(self, lists, user):
        lists.fail_notification(Deposit(order_id="elsewhere", transaction_id="1"))

        result = run()

        assert (result.unknown, result.asked, lists.calls) == (1, 0, 1)

    @pytest.mark.parametrize("known_by", ["order_id", "transaction_id"])
    def test_each_column_of_our_rows_is_selected_once(self, lists, user, known_by, monkeypatch):
        """Django 5.2.0 reads the wrong columns if one is selected twice."""
        selected = []
        original = QuerySet.values_list

        def values_list(rows, *columns, **options):
            selected.append(columns)
            return original(rows, *columns, **options)

        monkeypatch.setattr(QuerySet, "values_list", values_list)
        deposit = make_deposit(user=user, status="pending", transaction_id="17")
        lists.failed.append(FailedNotification(**{known_by: getattr(deposit, known_by), "http_code": "500"}))
        lists.statuses = {deposit.order_id: paid(deposit)}

        result = run()

        assert (result.unknown, result.asked, result.repaired) == (0, 1, 1)
        assert [columns for columns in selected if len(set(columns)) < len(columns)] == []


class TestHowMuchIsRead:
    @pytest.fixture(autouse=True)
    def three_pages_of_two(self, lists, monkeypatch):
        lists.size = 2
        monkeypatch.setattr(failed_webhooks, "MAX_PAGES", 3)

    def test_row_36_of_a_list_that_grows_without_end_the_first_pages_are_read_and_the_rest_is_named(self, lists, user):
        for deposit in make_deposits(user, 9):
            lists.fail_notification(deposit)

        for _ in range(2):
            lists.start_froms.clear()
            result = run()

            assert (lists.start_froms, result.rows, result.stopped_by) == ([None, "2", "4"], 6, "")
            assert "Only the first 3 pages" in result.notes[0]
            assert "list_failed_notifications('6')" in result.notes[0]

    def test_row_36_a_payment_behind_the_last_page_that_is_read_is_found_in_the_list_of_deposits(self, lists, user):
        for deposit in make_deposits(user, 6):
            lists.fail_notification(deposit)
        late = make_deposit(user=user)
        lists.fail_notification(late)
        lists.list(late, "success", **PAID)

        _failed, orders, _purchases = reconcile("default")

        assert orders.repaired == 1
        assert LedgerEntry.objects.get().deposit == late
        assert not lists.asked

    def test_a_list_as_long_as_may_be_read_is_read_to_its_end(self, lists, user):
        for deposit in make_deposits(user, 6):
            lists.fail_notification(deposit)

        result = run()

        assert (result.rows, result.notes, result.stopped_by) == (6, [], "")

    def test_pages_that_repeat_their_rows_end_it(self, lists, user, monkeypatch):
        for deposit in make_deposits(user, 2):
            lists.fail_notification(deposit)
        original = lists._page

        def repeat(rows, _start_from):
            page = original(rows, None)
            return type(page)(items=page.items, has_more=True, start_from="1", total_count=2)

        monkeypatch.setattr(lists, "_page", repeat)
        for _ in range(2):
            result = run()
            assert "same rows" in result.stopped_by
            assert result.pages <= 2


class TestWhenItIsRead:
    @pytest.fixture
    def waiting(self, lists, user):
        [deposit] = make_deposits(user, 1, "pending")
        lists.statuses[deposit.order_id] = DepositReport(status="pending", order_id=deposit.order_id)
        lists.fail_notification(deposit)
        return deposit

    def test_row_36_regular_runs_read_it_once_a_day(self, lists, waiting, clock):
        results = []
        for _hour in range(25):
            results.append(run_regularly())
            clock.shift(timedelta(hours=1))

        assert [hour for hour, result in enumerate(results) if not result.skipped] == [0, 24]
        assert lists.asked == [waiting.order_id] * 2

    def test_accounts_are_read_independently(self, lists):
        reconcile("default")

        skipped = {result.account: result.skipped for result in reconcile() if result.name == "callback_error_list"}

        assert skipped == {"default": True, "second": False}

    @pytest.mark.parametrize("since", [None, timedelta(days=1)])
    def test_a_run_that_names_it_or_a_range_reads_it_at_once(self, lists, waiting, since):
        run_regularly()
        options = {"since": timezone.now() - since} if since else {"lists": ("callback_error_list",)}

        result = reconcile("default", **options)[0]

        assert (result.skipped, result.asked) == (False, 1)

    def test_a_run_with_a_range_does_not_count_as_the_reading_of_the_day(self, lists, waiting):
        run(since=timezone.now() - timedelta(days=1))

        assert not run_regularly().skipped

    def test_a_time_in_the_future_is_taken_for_a_wrong_clock(self, lists, waiting, clock):
        clock.shift(timedelta(days=300))
        run_regularly()
        clock.shift(-timedelta(days=300))

        assert not run_regularly().skipped
        assert run_regularly().skipped

    def test_after_an_account_wide_error_the_next_run_reads_it_again(self, lists, user):
        rows = make_deposits(user, 4, "pending")
        for deposit in rows:
            lists.statuses[deposit.order_id] = paid(deposit)
            lists.fail_notification(deposit)
        lists.errors = {4: RateLimited("orderstatus", -7, "request_limit_reached")}

        result = run_regularly()
        assert (result.repaired, bool(result.stopped_by)) == (2, True)

        result = run_regularly()
        assert (result.asked, result.repaired, result.stopped_by) == (2, 2, "")
        assert lists.asked == [row.order_id for row in rows]

    def test_an_outage_ends_the_run_and_the_next_one_reads_it_again(self, lists, user, monkeypatch):
        rows = make_deposits(user, 3, "pending")
        for deposit in rows:
            lists.statuses[deposit.order_id] = UnknownOutcome("502")
            lists.fail_notification(deposit)

        def fail(_client):
            raise UnknownOutcome("502")

        monkeypatch.setattr(SkinsBackClient, "get_balance", fail)
        result = run_regularly()
        assert (result.missed, bool(result.stopped_by)) == (0, True)
        assert lists.asked == [rows[0].order_id]

        lists.statuses = {deposit.order_id: paid(deposit) for deposit in rows}
        result = run_regularly()
        assert (result.repaired, result.stopped_by) == (3, "")

    def test_a_run_whose_claim_was_replaced_stops_and_is_not_the_reading_of_the_day(self, lists, user, clock):
        rows = make_deposits(user, 3, "pending")
        for deposit in rows:
            lists.statuses[deposit.order_id] = DepositReport(status="pending", order_id=deposit.order_id)
            lists.fail_notification(deposit)
        original = lists._status

        def answer_late(order_id):
            clock.shift(CLAIM_TIME)
            ListClaim.acquire("default", "callback_error_list", utc_now)
            return original(order_id)

        lists._status = answer_late
        result = run()

        assert "Another run has claimed this list" in result.stopped_by
        assert result.asked == 1
        assert ListCursor.objects.get().complete_until is None
