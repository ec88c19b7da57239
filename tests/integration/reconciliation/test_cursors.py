"""How far the lists are read: windows, interrupted runs, pages in a circle, concurrent runs, number of queries."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback import deposits
from django_skinsback.exceptions import APIError, RateLimited, UnderMaintenance, UnknownOutcome
from django_skinsback.flows.reconciliation.cursors import (
    CLAIM_TIME,
    FIRST_WINDOW,
    LOOK_BACK,
    LOOK_BACK_EVERY,
    OVERLAP,
    ListClaim,
)
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, ListCursor
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit
from django_skinsback.wire import arguments
from django_skinsback.wire.types import DepositReport

from ...support.fake_lists import PAID, FakeLists

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def lists(monkeypatch):
    return FakeLists(monkeypatch)


def run(name="orders", **options):
    [result] = reconcile("default", lists=(name,), **options)
    return result


def maintenance():
    return UnderMaintenance("orders", -9, "under_maintenance")


class TestWindows:
    def test_the_first_run_looks_far_back_and_the_next_begins_where_it_ended(self, lists, clock):
        first = timezone.now()
        run()
        clock.shift(timedelta(hours=5))
        run()

        assert lists.windows == [(first - FIRST_WINDOW, first), (first - OVERLAP, first + timedelta(hours=5))]

    def test_once_a_day_a_whole_hold_is_read_again(self, lists, clock):
        first = timezone.now()
        run()
        clock.shift(LOOK_BACK_EVERY)
        run()
        clock.shift(timedelta(hours=1))
        run()

        second = first + LOOK_BACK_EVERY
        assert lists.windows[1:] == [
            (first - LOOK_BACK, second),
            (second - OVERLAP, second + timedelta(hours=1)),
        ]

    @pytest.mark.parametrize("mark", ["complete_until", "looked_back_at"])
    def test_a_cursor_stored_with_a_fast_clock_gives_a_valid_window(self, lists, clock, mark):
        run()
        now = timezone.now()
        ListCursor.objects.update(**{"looked_back_at": now, mark: now + timedelta(days=300)})
        run()
        clock.shift(timedelta(hours=1))
        run()

        assert lists.windows[1:] == [(now - LOOK_BACK, now), (now - OVERLAP, now + timedelta(hours=1))]

    def test_a_claim_made_with_a_fast_clock_is_replaced_unless_it_is_only_minutes_ahead(self, lists, clock):
        clock.shift(timedelta(days=300))
        ListClaim.acquire("default", "orders", utc_now)
        clock.shift(-timedelta(days=300))
        assert run().stopped_by == ""

        clock.shift(timedelta(minutes=1))  # two machines may differ by this much
        ListClaim.acquire("default", "orders", utc_now)
        clock.shift(-timedelta(minutes=1))
        assert "Another run" in run().stopped_by

    def test_each_account_and_list_has_its_own_cursor(self, lists):
        reconcile()

        assert ListCursor.objects.count() == 6


class TestInterruptedRuns:
    """Pages read before an error are recorded, and the next run resumes with the page that failed."""

    @pytest.fixture(autouse=True)
    def rows(self, lists, user):
        lists.size = 2
        self.deposits = [make_deposit(user=user) for _ in range(6)]
        for deposit in self.deposits:
            lists.list(deposit, "success", **PAID)

    @pytest.mark.parametrize(
        "error", [maintenance(), RateLimited("orders", -7, "request_limit_reached"), UnknownOutcome()]
    )
    def test_the_next_run_resumes_with_the_page_that_failed(self, lists, clock, error):
        began = timezone.now()
        lists.errors = {3: error}

        result = run()

        assert (result.pages, result.repaired) == (2, 4)
        assert str(error) in result.stopped_by
        clock.shift(timedelta(hours=1))
        result = run()

        assert result.stopped_by == ""
        assert lists.start_froms == [None, "2", "4", None, "2", "4"]
        assert [until for _since, until in lists.windows] == [began] * 4 + [timezone.now()] * 3
        assert LedgerEntry.objects.count() == 6
        assert ListCursor.objects.get().complete_until == timezone.now()

    def test_a_run_interrupted_days_ago_is_not_resumed(self, lists, clock):
        lists.errors = {3: maintenance()}
        run()
        clock.shift(timedelta(days=2))
        run()

        assert lists.start_froms[2:] == [None, "2", "4"]

    def test_a_start_from_that_skinsback_refuses_is_dropped(self, lists):
        lists.errors = {3: maintenance(), 4: APIError("orders", 3, "invalid_start_from")}
        run()

        assert "invalid_start_from" in run().stopped_by
        assert run().stopped_by == ""
        assert lists.start_froms == [None, "2", None, "2", "4"]

    def test_a_window_that_cannot_be_resumed_is_read_once_from_its_start(self, lists, monkeypatch):
        lists.errors = {3: maintenance()}
        run()
        ListCursor.objects.update(start_from="6")
        original, asked = lists._page, []

        def empty_page_once(rows, start_from):
            asked.append(start_from)
            page = original(rows, start_from)
            return page if len(asked) > 1 else type(page)(items=[], has_more=True, start_from="8")

        monkeypatch.setattr(lists, "_page", empty_page_once)
        result = run()

        assert (result.stopped_by, result.repaired) == ("", 2)
        assert len(result.notes) == 1
        assert asked == ["6", None, "2", "4", None, "2", "4"]

    def test_a_list_that_shrinks_is_read_once_more_and_nothing_is_repaired_twice(self, lists, monkeypatch):
        original, totals = lists._page, iter([6, 5, 5, 6, 6, 6])

        def shrinking(rows, start_from):
            page = original(rows, start_from)
            return type(page)(
                items=page.items, has_more=page.has_more, start_from=page.start_from, total_count=next(totals)
            )

        monkeypatch.setattr(lists, "_page", shrinking)
        result = run()

        assert (result.pages, result.repaired, result.stopped_by) == (6, 6, "")
        assert "shrank" in result.notes[0]
        assert LedgerEntry.objects.count() == 6

    @pytest.mark.parametrize("next_page", ["", "0", "2", "not to be sent back", "x" * 200])
    def test_pages_in_a_circle_end_the_run_and_clear_the_cursor(self, lists, monkeypatch, next_page):
        original = lists._page

        def point_back(rows, start_from):
            page = original(rows, None if start_from in {None, "0"} else start_from)
            return type(page)(items=page.items, has_more=True, start_from=next_page, total_count=6)

        def list_deposits(_client, since, until, start_from=None):
            return point_back(lists.orders, arguments.cursor(start_from) or None)

        monkeypatch.setattr("django_skinsback.client.SkinsBackClient.list_deposits", list_deposits)
        result = run()

        assert result.stopped_by
        assert result.pages <= 2
        cursor = ListCursor.objects.get()
        assert (cursor.start_from, cursor.complete_until, cursor.claim_token) == ("", None, "")
        assert cursor.stopped_by == result.stopped_by

    def test_an_account_wide_error_ends_this_account_only(self, lists):
        lists.errors = {1: maintenance()}

        results = reconcile()

        assert [(result.account, result.name) for result in results] == [
            ("default", "callback_error_list"),
            ("second", "callback_error_list"),
            ("second", "orders"),
            ("second", "market_history"),
        ]

    def test_another_error_ends_this_list_only(self, lists):
        lists.errors = {1: UnknownOutcome()}

        assert [bool(result.stopped_by) for result in reconcile("default")] == [True, False, False]
        assert LedgerEntry.objects.count() == 6


class TestConcurrentRuns:
    def test_a_second_run_stops_without_a_call(self, lists):
        claim = ListClaim.acquire("default", "orders", utc_now)

        result = run()

        assert "Another run" in result.stopped_by
        assert not lists.calls
        claim.release()
        assert run().stopped_by == ""

    def test_an_expired_claim_is_replaced(self, lists, clock):
        ListClaim.acquire("default", "orders", utc_now)
        clock.shift(CLAIM_TIME)

        assert run().stopped_by == ""

    def test_a_long_run_extends_its_claim_and_saves_its_cursor(self, lists, clock, user):
        lists.size = 1
        lists.orders.extend(DepositReport(status="pending", order_id=f"x{n}", transaction_id=str(n)) for n in range(4))
        began, saved = timezone.now(), []

        def on_progress(_rows):
            clock.shift(CLAIM_TIME * 0.6)
            saved.append(ListCursor.objects.get().start_from)

        assert run(on_progress=on_progress).stopped_by == ""
        assert saved == ["", "", "1", "2"]
        assert timezone.now() - began > CLAIM_TIME
        assert ListCursor.objects.get().claim_token == ""

    def test_a_run_whose_claim_was_replaced_stops(self, lists, clock):
        lists.size = 1
        lists.orders.extend(DepositReport(status="pending", order_id=f"x{n}", transaction_id=str(n)) for n in range(4))

        def on_progress(_rows):
            clock.shift(CLAIM_TIME)
            ListClaim.acquire("default", "orders", utc_now)

        result = run(on_progress=on_progress)

        assert "claimed this list" in result.stopped_by
        assert result.pages == 1
        assert ListCursor.objects.get().claim_token  # the other's


@pytest.mark.django_db(transaction=True)
def test_concurrent_runs_credit_each_deposit_once(lists, user):
    rows = [make_deposit(user=user) for _ in range(4)]
    for deposit in rows:
        lists.list(deposit, "success", **PAID)
    results, gate = [], threading.Barrier(4)

    def go():
        gate.wait()
        try:
            results.append(run())
        finally:
            connection.close()

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 4
    assert sum(result.repaired for result in results) == 4
    assert LedgerEntry.objects.count() == 4
    assert ListCursor.objects.get().claim_token == ""


def test_open_discrepancies_are_loaded_before_closed_ones(lists, user, monkeypatch):
    monkeypatch.setattr("django_skinsback.flows.reconciliation.discrepancies.MAX_LOADED", 2)
    deposit = make_deposit(user=user, status="success", transaction_id="1", **PAID)
    fields = {"account": "default", "found_in": "orders", "our_id": deposit.order_id, "their_id": "1"}
    Discrepancy.objects.create(kind="differing", digest="open", theirs={"status": "fail"}, **fields)
    for number in range(2):
        Discrepancy.objects.create(kind="differing", digest=str(number), state="closed", **{**fields, "our_id": "x"})
    lists.list(deposit)

    run()

    assert Discrepancy.objects.get(digest="open").state == "resolved"


class TestStatements:
    """One query for a page of any length, and the statements of the recorded path for each missed report."""

    def count(self, lists, function):
        with CaptureQueriesContext(connection) as queries:
            function()
        statements = [each["sql"] for each in queries.captured_queries]
        return [sql for sql in statements if "SAVEPOINT" not in sql and sql not in {"BEGIN", "COMMIT"}]

    @pytest.mark.parametrize("size", [10, 1000])
    def test_a_page_of_rows_that_agree_costs_one_query_at_any_size(self, lists, user, size):
        rows = Deposit.objects.bulk_create(
            Deposit(user=user, order_id=f"o{n}", transaction_id=str(n), status="success", finished_at=utc_now(), **PAID)
            for n in range(size * 3)
        )
        for deposit in rows:
            lists.list(deposit)
        lists.size = size
        run()

        queries = self.count(lists, run)

        pages = [sql for sql in queries if "order_id" in sql]
        assert len(pages) == 3
        assert len(queries) - len(pages) <= 6

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("count", [1, 10])
    def test_a_missed_report_costs_as_much_as_recording_it(self, lists, count):
        rows = [make_deposit() for _ in range(count)]
        for deposit in rows:
            lists.list(deposit, "success", **PAID)
        alone = make_deposit()
        report = lists.list(alone, "success", **PAID)
        lists.orders.pop()
        recording = len(self.count(lists, lambda: deposits.record_report(report, "list")))

        queries = self.count(lists, run)

        # lock (on SQLite an UPDATE before the SELECT), entries, row, history, entry, verification
        assert recording == (6 if connection.features.has_select_for_update else 7)
        assert len(queries) <= recording * count + 12
