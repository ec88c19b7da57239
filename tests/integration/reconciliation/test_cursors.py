"""How far the lists are read: windows, runs that break off, lists that lead nowhere, two runs at once."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback import deposits
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import APIError, RateLimited, TransactionNotFound, UnderMaintenance, UnknownOutcome
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
from django_skinsback.wire.types import DepositReport, FailedNotification, Page

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
    [counts] = reconcile("default", lists=(name,), **options)
    return counts


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
    def test_a_mark_made_by_a_clock_that_was_ahead_gives_no_window_that_ends_before_it_begins(self, lists, clock, mark):
        run()
        now = timezone.now()
        ListCursor.objects.update(**{"looked_back_at": now, mark: now + timedelta(days=300)})
        run()
        clock.shift(timedelta(hours=1))
        run()

        assert lists.windows[1:] == [(now - LOOK_BACK, now), (now - OVERLAP, now + timedelta(hours=1))]

    def test_a_lease_taken_by_a_clock_that_was_ahead_keeps_nobody_out_for_long(self, lists, clock):
        clock.shift(timedelta(days=300))
        ListClaim.acquire("default", "orders", utc_now)
        clock.shift(-timedelta(days=300))
        assert run().stopped_by == ""

        clock.shift(timedelta(minutes=1))  # as far as two machines may differ
        ListClaim.acquire("default", "orders", utc_now)
        clock.shift(-timedelta(minutes=1))
        assert "Another run" in run().stopped_by

    def test_accounts_and_lists_have_places_of_their_own(self, lists):
        reconcile()

        assert ListCursor.objects.count() == 6


class TestBreakingOff:
    """Errors midway: what was read is done, and the next run goes on with the page that was not."""

    @pytest.fixture(autouse=True)
    def rows(self, lists, user):
        lists.size = 2
        self.deposits = [make_deposit(user=user) for _ in range(6)]
        for deposit in self.deposits:
            lists.list(deposit, "success", **PAID)

    @pytest.mark.parametrize(
        "error", [maintenance(), RateLimited("orders", -7, "request_limit_reached"), UnknownOutcome()]
    )
    def test_the_next_run_goes_on_with_the_page_that_did_not_come(self, lists, clock, error):
        began = timezone.now()
        lists.errors = {3: error}

        counts = run()

        assert (counts.pages, counts.repaired) == (2, 4)
        assert str(error) in counts.stopped_by
        clock.shift(timedelta(hours=1))
        counts = run()

        assert counts.stopped_by == ""
        assert lists.places == [None, "2", "4", None, "2", "4"]
        assert [until for _since, until in lists.windows] == [began] * 4 + [timezone.now()] * 3
        assert LedgerEntry.objects.count() == 6
        assert ListCursor.objects.get().complete_until == timezone.now()

    def test_one_that_broke_off_long_ago_is_begun_anew(self, lists, clock):
        lists.errors = {3: maintenance()}
        run()
        clock.shift(timedelta(days=2))
        run()

        assert lists.places[2:] == [None, "2", "4"]

    def test_a_place_that_skinsback_does_not_take_back_is_forgotten(self, lists):
        lists.errors = {3: maintenance(), 4: APIError("orders", 3, "invalid_start_from")}
        run()

        assert "invalid_start_from" in run().stopped_by
        assert run().stopped_by == ""
        assert lists.places == [None, "2", None, "2", "4"]

    def test_pages_that_lead_nowhere_after_a_resumption_are_read_once_from_the_start(self, lists, monkeypatch):
        lists.errors = {3: maintenance()}
        run()
        ListCursor.objects.update(start_from="6")
        honest, asked = lists._page, []

        def odd(rows, start_from):
            asked.append(start_from)
            page = honest(rows, start_from)
            return page if len(asked) > 1 else type(page)(items=[], has_more=True, start_from="8")

        monkeypatch.setattr(lists, "_page", odd)
        counts = run()

        assert (counts.stopped_by, counts.repaired) == ("", 2)
        assert len(counts.notes) == 1
        assert asked == ["6", None, "2", "4", None, "2", "4"]

    def test_a_list_that_shrinks_is_read_once_more_and_nothing_is_repaired_twice(self, lists, monkeypatch):
        honest, totals = lists._page, iter([6, 5, 5, 6, 6, 6])

        def shrinking(rows, start_from):
            page = honest(rows, start_from)
            return type(page)(
                items=page.items, has_more=page.has_more, start_from=page.start_from, total_count=next(totals)
            )

        monkeypatch.setattr(lists, "_page", shrinking)
        counts = run()

        assert (counts.pages, counts.repaired, counts.stopped_by) == (6, 6, "")
        assert "shrank" in counts.notes[0]
        assert LedgerEntry.objects.count() == 6

    @pytest.mark.parametrize("start_from", ["", "0", "2", "not to be sent back", "x" * 200])
    def test_a_list_that_goes_in_circles_is_left_and_its_place_not_kept(self, lists, monkeypatch, start_from):
        honest = lists._page

        def circling(rows, place):
            page = honest(rows, None if place in {None, "0"} else place)
            return type(page)(items=page.items, has_more=True, start_from=start_from, total_count=6)

        def check(_client, since, until, place=None):
            return circling(lists.orders, arguments.cursor(place) or None)

        monkeypatch.setattr("django_skinsback.client.SkinsBackClient.list_deposits", check)
        counts = run()

        assert counts.stopped_by
        assert counts.pages <= 2
        cursor = ListCursor.objects.get()
        assert (cursor.start_from, cursor.complete_until, cursor.claim_token) == ("", None, "")
        assert cursor.stopped_by == counts.stopped_by

    def test_what_every_call_would_meet_ends_the_account_and_no_other(self, lists):
        lists.errors = {1: maintenance()}

        results = reconcile()

        assert [(counts.account, counts.name) for counts in results] == [
            ("default", "callback_error_list"),
            ("second", "callback_error_list"),
            ("second", "orders"),
            ("second", "market_history"),
        ]

    def test_what_only_one_list_meets_leaves_the_others(self, lists):
        lists.errors = {1: UnknownOutcome()}

        assert [bool(counts.stopped_by) for counts in reconcile("default")] == [True, False, False]
        assert LedgerEntry.objects.count() == 6


class TestTwoAtOnce:
    def test_the_second_says_that_one_is_running_and_does_nothing(self, lists):
        claim = ListClaim.acquire("default", "orders", utc_now)

        counts = run()

        assert "Another run" in counts.stopped_by
        assert not lists.calls
        claim.release()
        assert run().stopped_by == ""

    def test_one_that_died_is_followed_by_the_next_when_its_lease_is_over(self, lists, clock):
        ListClaim.acquire("default", "orders", utc_now)
        clock.shift(CLAIM_TIME)

        assert run().stopped_by == ""

    def test_a_long_run_says_that_it_is_alive_and_how_far_it_is(self, lists, clock, user):
        lists.size = 1
        lists.orders.extend(DepositReport(status="pending", order_id=f"x{n}", transaction_id=str(n)) for n in range(4))
        began, places = timezone.now(), []

        def on_progress(_rows):
            clock.shift(CLAIM_TIME * 0.6)
            places.append(ListCursor.objects.get().start_from)

        assert run(on_progress=on_progress).stopped_by == ""
        assert places == ["", "", "1", "2"]
        assert timezone.now() - began > CLAIM_TIME
        assert ListCursor.objects.get().claim_token == ""

    def test_one_whose_list_was_taken_over_stops(self, lists, clock):
        lists.size = 1
        lists.orders.extend(DepositReport(status="pending", order_id=f"x{n}", transaction_id=str(n)) for n in range(4))

        def on_progress(_rows):
            clock.shift(CLAIM_TIME)
            ListClaim.acquire("default", "orders", utc_now)

        counts = run(on_progress=on_progress)

        assert "taken this list over" in counts.stopped_by
        assert counts.pages == 1
        assert ListCursor.objects.get().claim_token  # the other's


@pytest.mark.django_db(transaction=True)
def test_runs_at_the_same_time_credit_once_and_one_of_them_reads(lists, user):
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
    assert sum(counts.repaired for counts in results) == 4
    assert LedgerEntry.objects.count() == 4
    assert ListCursor.objects.get().claim_token == ""


class TestFailedNotifications:
    """Row 36 of the fault model: the list names what is fine here, or grows for ever."""

    def rows(self, user, count, status="success"):
        return [make_deposit(user=user, status=status) for _ in range(count)]

    def paid(self, deposit, status="success"):
        return DepositReport(status=status, order_id=deposit.order_id, transaction_id=deposit.transaction_id, **PAID)

    def test_row_36_what_is_finished_here_costs_no_call_and_is_not_credited_again(self, lists, user):
        deposit = make_deposit(user=user)
        deposits.record_report(self.paid(deposit), "webhook")
        for each in [deposit, *self.rows(user, 3)]:
            lists.fail_notification(each)

        counts = run("callback_error_list")

        assert (counts.rows, counts.asked, counts.missed) == (4, 0, 0)
        assert LedgerEntry.objects.count() == 1
        assert not Discrepancy.objects.exists()

    def test_row_36_what_is_not_finished_here_is_asked_about_once_and_repaired(self, lists, user):
        deposit, waiting = self.rows(user, 2, "pending")
        lists.statuses = {
            deposit.order_id: self.paid(deposit),
            waiting.order_id: DepositReport(status="pending", order_id=waiting.order_id),
        }
        for each in (deposit, waiting, deposit):
            lists.fail_notification(each)

        counts = run("callback_error_list")

        assert (counts.asked, counts.missed, counts.repaired) == (2, 1, 1)
        assert LedgerEntry.objects.get().deposit == deposit
        row = Discrepancy.objects.get()
        assert (row.kind, row.state, row.theirs["status"], row.theirs["http_code"]) == (
            "missed",
            "repaired",
            "success",
            "500",
        )
        assert deposit.changes.get().source == "poll"

    def test_row_36_a_list_that_grows_for_ever_is_not_read_from_its_start(self, lists, user):
        lists.size = 3
        for deposit in self.rows(user, 7):
            lists.fail_notification(deposit)
        run("callback_error_list")
        assert lists.places == [None, "3", "6"]
        lists.places.clear()

        counts = run("callback_error_list")
        assert (lists.places, counts.rows) == (["6"], 0)

        for deposit in self.rows(user, 3):
            lists.fail_notification(deposit)
        late = make_deposit(user=user)
        lists.fail_notification(late)
        lists.statuses[late.order_id] = self.paid(late)
        lists.places.clear()
        counts = run("callback_error_list")

        assert (lists.places, counts.rows, counts.repaired, counts.notes) == (["6", "9"], 4, 1, [])

    def test_row_36_rows_that_were_dealt_with_are_not_asked_about_again(self, lists, user):
        [waiting] = self.rows(user, 1, "pending")
        lists.statuses[waiting.order_id] = DepositReport(status="pending", order_id=waiting.order_id)
        lists.fail_notification(waiting)

        for _ in range(3):
            run("callback_error_list")

        assert lists.asked == [waiting.order_id]

    @pytest.mark.parametrize("turn", ["emptied", "shrunk", "turned round", "grown at its front"])
    def test_row_36_a_list_that_is_not_the_one_it_was_is_read_once_from_its_start(self, lists, user, turn):
        lists.size = 2
        for deposit in self.rows(user, 5):
            lists.fail_notification(deposit)
        run("callback_error_list")
        late = make_deposit(user=user)
        lists.statuses[late.order_id] = self.paid(late)
        if turn == "emptied":
            lists.failed.clear()
        elif turn == "shrunk":
            del lists.failed[:2]
        elif turn == "turned round":
            lists.failed.reverse()
        lists.fail_notification(late)
        if turn == "grown at its front":
            lists.failed.insert(0, lists.failed.pop())
        lists.places.clear()

        counts = run("callback_error_list")

        assert (counts.repaired, counts.stopped_by) == (1, "")
        assert "read again from its start" in counts.notes[0]
        assert lists.places[:2] == ["4", None]
        assert LedgerEntry.objects.count() == 1

    def test_row_36_a_list_that_gives_its_newest_rows_first_is_read_from_its_start_when_it_grew(
        self, lists, user, monkeypatch
    ):
        """Its last page looks the same for ever; only the total tells that something came."""

        def newest_first(_rows, start_from):
            lists.places.append(start_from)
            end = int(start_from or len(lists.failed))
            begin = max(end - 2, 0)
            return Page(
                items=lists.failed[begin:end][::-1],
                start_from=str(begin),
                has_more=begin > 0,
                total_count=len(lists.failed),
            )

        monkeypatch.setattr(lists, "_page", newest_first)
        for deposit in self.rows(user, 4):
            lists.fail_notification(deposit)
        run("callback_error_list")
        late = make_deposit(user=user)
        lists.statuses[late.order_id] = self.paid(late)
        lists.fail_notification(late)
        lists.places.clear()

        counts = run("callback_error_list")

        assert (counts.repaired, lists.places[:2]) == (1, ["2", None])
        assert counts.notes

    def test_an_error_midway_leaves_the_place_at_the_row_that_was_not_answered(self, lists, user):
        rows = self.rows(user, 4, "pending")
        for deposit in rows:
            lists.statuses[deposit.order_id] = self.paid(deposit)
            lists.fail_notification(deposit)
        lists.errors = {4: RateLimited("orderstatus", -7, "request_limit_reached")}

        counts = run("callback_error_list")
        assert (counts.repaired, bool(counts.stopped_by)) == (2, True)

        counts = run("callback_error_list")
        assert (counts.asked, counts.repaired, counts.stopped_by) == (2, 2, "")
        assert lists.asked == [row.order_id for row in rows]

    def test_an_outage_leaves_the_place_at_the_row_that_was_not_answered(self, lists, user, monkeypatch):
        rows = self.rows(user, 3, "pending")
        for deposit in rows:
            lists.statuses[deposit.order_id] = UnknownOutcome("502")
            lists.fail_notification(deposit)

        def no_answer(_client):
            raise UnknownOutcome("502")

        monkeypatch.setattr(SkinsBackClient, "get_balance", no_answer)
        counts = run("callback_error_list")
        assert (counts.missed, bool(counts.stopped_by)) == (0, True)
        assert lists.asked == [rows[0].order_id]

        lists.statuses = {deposit.order_id: self.paid(deposit) for deposit in rows}
        counts = run("callback_error_list")
        assert (counts.repaired, counts.stopped_by) == (3, "")

    def test_an_odd_answer_about_one_is_shown_and_keeps_no_other_waiting(self, lists, user, monkeypatch):
        odd, good = self.rows(user, 2, "pending")
        lists.statuses = {odd.order_id: UnknownOutcome("odd"), good.order_id: self.paid(good)}
        for deposit in (odd, good):
            lists.fail_notification(deposit)
        monkeypatch.setattr(SkinsBackClient, "get_balance", lambda _client: None)

        counts = run("callback_error_list")

        assert (counts.missed, counts.repaired, counts.stopped_by) == (2, 1, "")
        assert Discrepancy.objects.open().get().deposit == odd

    def test_one_that_skinsback_does_not_know_is_shown_and_keeps_no_other_waiting(self, lists, user):
        odd, good = self.rows(user, 2, "pending")
        lists.statuses = {
            odd.order_id: TransactionNotFound("orderstatus", 4, "transaction_not_found"),
            good.order_id: self.paid(good),
        }
        for deposit in (odd, good):
            lists.fail_notification(deposit)

        counts = run("callback_error_list")

        assert (counts.missed, counts.repaired) == (2, 1)
        row = Discrepancy.objects.open().get()
        assert row.deposit == odd
        assert "transaction_not_found" in row.note

        Deposit.objects.filter(pk=odd.pk).update(status="fail")
        run("callback_error_list")
        row.refresh_from_db()
        assert row.state == "resolved"

    def test_one_that_is_not_ours_is_shown_and_not_asked_about(self, lists, user):
        lists.fail_notification(Deposit(order_id="elsewhere", transaction_id="1"))

        counts = run("callback_error_list")

        assert (counts.unknown, counts.asked, lists.calls) == (1, 0, 1)

    @pytest.mark.parametrize("known_by", ["order_id", "transaction_id"])
    def test_our_rows_are_read_with_each_column_once(self, lists, user, known_by, monkeypatch):
        """Django 5.2.0 reads the wrong columns where one is named twice."""
        asked = []
        honest = QuerySet.values_list

        def values_list(rows, *columns, **options):
            asked.append(columns)
            return honest(rows, *columns, **options)

        monkeypatch.setattr(QuerySet, "values_list", values_list)
        deposit = make_deposit(user=user, status="pending", transaction_id="17")
        lists.failed.append(FailedNotification(**{known_by: getattr(deposit, known_by), "http_code": "500"}))
        lists.statuses = {deposit.order_id: self.paid(deposit)}

        counts = run("callback_error_list")

        assert (counts.unknown, counts.asked, counts.repaired) == (0, 1, 1)
        assert [columns for columns in asked if len(set(columns)) < len(columns)] == []

    def test_pages_that_lead_nowhere_end_it(self, lists, user, monkeypatch):
        for deposit in self.rows(user, 2):
            lists.fail_notification(deposit)
        honest = lists._page

        def circling(rows, place):
            page = honest(rows, None)
            return type(page)(items=page.items, has_more=True, start_from="1", total_count=2)

        monkeypatch.setattr(lists, "_page", circling)
        for _ in range(2):
            counts = run("callback_error_list")
            assert "same rows twice" in counts.stopped_by
            assert counts.pages <= 4


def test_discrepancies_that_operators_closed_do_not_crowd_out_older_open_ones(lists, user, monkeypatch):
    monkeypatch.setattr("django_skinsback.flows.reconciliation.discrepancies.MAX_LOADED", 2)
    deposit = make_deposit(user=user, status="success", transaction_id="1", **PAID)
    fields = {"account": "default", "found_in": "orders", "our_id": deposit.order_id, "their_id": "1"}
    Discrepancy.objects.create(kind="differing", digest="open", theirs={"status": "fail"}, **fields)
    for number in range(2):
        Discrepancy.objects.create(kind="differing", digest=str(number), state="closed", **{**fields, "our_id": "x"})
    lists.list(deposit)

    run()

    assert Discrepancy.objects.get(digest="open").state == "resolved"


class TestQueries:
    """One query for a page, however long, and a few for each difference."""

    def count(self, lists, function):
        with CaptureQueriesContext(connection) as queries:
            function()
        statements = [each["sql"] for each in queries.captured_queries]
        return [sql for sql in statements if "SAVEPOINT" not in sql and sql not in {"BEGIN", "COMMIT"}]

    @pytest.mark.parametrize("size", [10, 1000])
    def test_a_page_of_rows_that_agree_is_one_query_at_any_size(self, lists, user, size):
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
    def test_a_difference_costs_what_recording_it_does_and_a_few_for_all(self, lists, count):
        rows = [make_deposit() for _ in range(count)]
        for deposit in rows:
            lists.list(deposit, "success", **PAID)
        alone = make_deposit()
        report = lists.list(alone, "success", **PAID)
        lists.orders.pop()
        recording = len(self.count(lists, lambda: deposits.record_report(report, "list")))

        queries = self.count(lists, run)

        assert recording <= 5
        assert len(queries) <= recording * count + 12
