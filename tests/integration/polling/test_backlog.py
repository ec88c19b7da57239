"""If many rows are due, SkinsBack's list is read first; rows that it does not decide are polled."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback import schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import RateLimited, UnknownOutcome
from django_skinsback.flows.polling import deposits as checking
from django_skinsback.flows.polling import purchases as polling
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire import arguments
from django_skinsback.wire.types import DepositReport, Page, PurchaseReport
from tests.wallet.models import Wallet

from .test_poll_purchases import FakeSkinsBack, fresh, statements

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


@pytest.fixture
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


class Lists(FakeSkinsBack):
    """Both lists as well, ``size`` rows to a page."""

    def __init__(self, monkeypatch):
        super().__init__(monkeypatch)
        self.size = 10
        self.rows = []
        self.calls = []
        self.windows = set()
        self.states = {}
        self.page = self.honest_page
        for name in ("list_purchases", "list_deposits"):
            monkeypatch.setattr(SkinsBackClient, name, self.lister(name))
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda _, *, order_id: self.get_deposit(order_id))

    def lister(self, name):
        def answer(_client, starting, ending, start_from=None):
            self.calls.append(name)
            self.windows.add((starting, ending))
            return self.page(start_from)

        return answer

    def honest_page(self, start_from):
        begin = int(start_from or 0)
        end = begin + self.size
        return Page(
            items=self.rows[begin:end],
            total_count=len(self.rows),
            has_more=end < len(self.rows),
            start_from=str(end),
        )

    def get_purchases(self, custom_ids):
        self.calls.append("get_purchases")
        return super().get_purchases(custom_ids)

    def get_deposit(self, order_id):
        self.calls.append("get_deposit")
        return self.states[order_id]


@pytest.fixture
def skinsback(monkeypatch):
    cache.clear()
    return Lists(monkeypatch)


class TestPurchases:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch, settings):
        monkeypatch.setattr(polling.PurchaseSweep, "list_from", 20)
        settings.SKINSBACK = {**settings.SKINSBACK, "POLL_BATCH_SIZE": 4}

    def backlog(self, skinsback, count, **values):
        rows = [make_purchase(**{"status": "waiting_accept", **values}) for _ in range(count)]
        skinsback.rows += [skinsback.say(row) for row in rows]
        return rows

    @pytest.mark.parametrize("count", [20, 60])
    def test_a_page_without_a_change_costs_two_statements(self, skinsback, now, count):
        self.backlog(skinsback, count)

        with CaptureQueriesContext(connection) as queries:
            counts = poll_purchases("default")

        assert skinsback.calls == ["list_purchases"] * (count // 10)
        assert (counts.asked, counts.changed) == (count, 0)
        # first: keys, what is sent at once, the range of time; last: what is left
        assert len(statements(queries)) == 3 + 2 * (count // 10) + 1
        assert set(Purchase.objects.values_list("poll_count", flat=True)) == {1}
        assert not Purchase.objects.filter(next_poll_at__lte=now).exists()
        assert not StatusChange.objects.exists()

    def test_the_time_range_covers_all_due_rows(self, skinsback, now):
        sent = [now - timedelta(hours=5), now - timedelta(minutes=1)]
        for moment in sent:
            self.backlog(skinsback, 10, submitted_at=moment)

        poll_purchases("default")

        assert skinsback.windows == {(sent[0] - timedelta(hours=1), sent[1] + timedelta(hours=1))}

    def test_a_change_is_recorded_with_the_list_as_its_source(self, skinsback, now):
        rows = self.backlog(skinsback, 20)
        skinsback.rows[3] = skinsback.say(rows[3], "accepted")

        counts = poll_purchases("default")

        assert counts.changed == 1
        assert [(change.purchase_id, change.to_status, change.source) for change in StatusChange.objects.all()] == [
            (rows[3].pk, "accepted", "list")
        ]

    def test_purchases_that_the_list_leaves_out_are_polled(self, skinsback, now):
        rows = self.backlog(skinsback, 23)
        del skinsback.rows[5:8]

        poll_purchases("default")

        assert Counter(skinsback.calls) == {"list_purchases": 2, "get_purchases": 1}
        assert sorted(skinsback.asked[0]) == sorted(row.custom_id for row in rows[5:8])
        assert set(Purchase.objects.values_list("poll_count", flat=True)) == {1}

    def test_a_purchase_whose_hold_is_over_is_polled_once_more_and_finished(self, skinsback, now):
        row = self.backlog(skinsback, 1, status="accepted", in_hold=True, in_hold_until=now - timedelta(days=2))[0]
        self.backlog(skinsback, 29)

        poll_purchases("default")

        assert skinsback.asked == [[row.custom_id]]
        assert fresh(row).finished_at == now

    def test_reading_ends_with_a_page_that_names_fewer_rows_than_a_batch(self, skinsback, now):
        skinsback.rows = [PurchaseReport(status="timeout", custom_id=f"old{number}") for number in range(500)]
        self.backlog(skinsback, 20)

        poll_purchases("default")

        assert Counter(skinsback.calls) == {"list_purchases": 1, "get_purchases": 5}

    @pytest.mark.parametrize("start_from", ["", "10", "0"])
    def test_reading_ends_when_a_page_repeats(self, skinsback, now, start_from):
        self.backlog(skinsback, 24)
        skinsback.page = lambda _start_from: Page(
            items=skinsback.rows[:10], has_more=True, start_from=start_from, total_count=24
        )

        poll_purchases("default")

        assert skinsback.calls.count("list_purchases") <= 2
        assert not Purchase.objects.filter(next_poll_at__lte=now).exists()

    def test_an_unreadable_list_is_skipped(self, skinsback, now, caplog):
        self.backlog(skinsback, 20)

        def break_down(_start_from):
            raise UnknownOutcome("odd")

        skinsback.page = break_down

        assert poll_purchases("default").stopped_by == ""
        assert Counter(skinsback.calls) == {"list_purchases": 1, "get_purchases": 5}
        assert "skinsback.list_not_read" in caplog.messages

    def test_an_account_wide_error_ends_the_sweep(self, skinsback, now):
        self.backlog(skinsback, 20)

        def refuse(_start_from):
            raise RateLimited("market_history", -7, "request_limit_reached")

        skinsback.page = refuse

        assert "request_limit_reached" in poll_purchases("default").stopped_by
        assert skinsback.calls == ["list_purchases"]

    def test_a_second_sweep_that_reads_the_same_list_costs_only_calls(self, skinsback, now):
        rows = self.backlog(skinsback, 20)
        skinsback.rows[3] = skinsback.say(rows[3], "accepted")
        others = []
        page = skinsback.page

        def page_while_another_sweep_reads(start_from):
            skinsback.page = page
            others.append(poll_purchases("default"))
            return page(start_from)

        skinsback.page = page_while_another_sweep_reads

        counts = poll_purchases("default")

        assert [(each.asked, each.changed) for each in (counts, *others)] == [(0, 0), (20, 1)]
        assert skinsback.calls == ["list_purchases"] * 3
        assert StatusChange.objects.count() == 1
        assert set(Purchase.objects.exclude(pk=rows[3].pk).values_list("poll_count", flat=True)) == {1}

    def test_the_list_is_read_while_the_cache_is_down(self, skinsback, now, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CACHE": "nowhere"}
        self.backlog(skinsback, 20)
        assert poll_purchases("default").asked == 20

    def test_a_cursor_that_cannot_be_sent_back_ends_the_list_and_not_the_sweep(self, skinsback, now, caplog):
        self.backlog(skinsback, 20)

        def page(start_from):
            arguments.cursor(start_from)
            return Page(items=skinsback.rows[:10], total_count=20, has_more=True, start_from="MTIz/==")

        skinsback.page = page

        counts = poll_purchases("default")

        assert (counts.asked, counts.stopped_by) == (20, "")
        assert Counter(skinsback.calls) == {"list_purchases": 2, "get_purchases": 3}
        assert "skinsback.list_not_read" in caplog.messages

    def test_ids_that_differ_only_in_case_are_different_ids(self, skinsback, now):
        self.backlog(skinsback, 20)
        lower, upper = (self.backlog(skinsback, 1, custom_id=name)[0] for name in ("abcd1", "ABCD2"))
        skinsback.rows[-2:] = [PurchaseReport(status="timeout", custom_id="ABCD1"), skinsback.reports["ABCD2"]]

        poll_purchases("default")

        assert (fresh(lower).status, fresh(upper).status) == ("waiting_accept", "waiting_accept")

    def test_unsent_purchases_do_not_wait_for_the_list(self, skinsback, now, monkeypatch):
        unsent = make_purchase()
        self.backlog(skinsback, 20)
        monkeypatch.setattr(
            SkinsBackClient,
            "buy_skin",
            lambda *_, **__: skinsback.calls.append("buy_skin") or skinsback.say(unsent, "creating_trade"),
        )

        poll_purchases("default")

        assert skinsback.calls[0] == "buy_skin"
        assert fresh(unsent).status == "creating_trade"


class TestDeposits:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(checking.DepositSweep, "list_from", 20)

    def backlog(self, skinsback, count, listed="", user=None, status="pending", **fields):
        rows = [make_deposit(status=status, user=user) for _ in range(count)]
        for row in rows:
            report = DepositReport(
                status=listed or status, order_id=row.order_id, transaction_id=row.transaction_id, **fields
            )
            skinsback.rows.append(report)
            skinsback.states[row.order_id] = report
        return rows

    def statuses(self):
        return Counter(Deposit.objects.values_list("status", flat=True))

    @pytest.mark.parametrize("count", [20, 60])
    def test_a_page_without_a_change_costs_two_statements(self, skinsback, now, count):
        self.backlog(skinsback, count)

        with CaptureQueriesContext(connection) as queries:
            counts = checking.poll_deposits("default", chance=lambda: 1)

        assert skinsback.calls == ["list_deposits"] * (count // 10)
        assert (counts.asked, counts.changed) == (count, 0)
        assert len(statements(queries)) == 2 + 2 * (count // 10) + 1
        delay = schedule.next_deposit_poll("pending", timedelta(0), 1)
        assert set(Deposit.objects.values_list("next_poll_at", "poll_count")) == {(now + delay * 1.1, 1)}

    def test_without_any_webhook_the_list_leads_to_the_same_ledger(self, skinsback, user, now):
        Wallet.objects.create(user=user)
        self.backlog(skinsback, 25, "success", user, **PAID)
        self.backlog(skinsback, 5, "fail", user)
        self.backlog(skinsback, 10, user=user)

        counts = checking.poll_deposits("default")

        assert skinsback.calls == ["list_deposits"] * 4
        assert counts.changed == 30
        assert self.statuses() == {"success": 25, "fail": 5, "pending": 10}
        assert LedgerEntry.objects.count() == 25
        assert Wallet.objects.get().balance == 25 * 6

    def test_a_deposit_that_cannot_be_credited_from_the_list_is_polled(self, skinsback, user, now):
        rows = self.backlog(skinsback, 20, "success", user, **PAID)
        bare = DepositReport(status="success", order_id=rows[0].order_id)
        skinsback.rows[0] = bare

        for seconds in (0, 1):
            with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
                checking.poll_deposits("default")

        assert Counter(skinsback.calls) == {"list_deposits": 2, "get_deposit": 1}
        assert self.statuses() == {"success": 20}
        assert LedgerEntry.objects.count() == 20

    def test_a_contradiction_in_the_list_is_decided_by_a_poll(self, skinsback, user, now):
        row = self.backlog(skinsback, 1, "success", user, "fail", **PAID)[0]
        Deposit.objects.filter(pk=row.pk).update(next_poll_at=now)
        self.backlog(skinsback, 19)

        for seconds in (0, 1):
            with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
                checking.poll_deposits("default")

        changes = StatusChange.objects.filter(deposit=row).values_list("to_status", "source")
        assert list(changes) == [("success", "poll")]
        assert LedgerEntry.objects.get().deposit_id == row.pk

    def test_deposits_that_the_list_leaves_out_are_polled_one_by_one(self, skinsback, now):
        rows = self.backlog(skinsback, 20)
        del skinsback.rows[4:6]

        checking.poll_deposits("default")

        assert Counter(skinsback.calls) == {"list_deposits": 2, "get_deposit": 2}
        assert {row.poll_count for row in Deposit.objects.filter(pk__in=[row.pk for row in rows])} == {1}

    def test_holds_under_a_policy_are_polled_one_by_one(self, skinsback, now, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.never"}
        self.backlog(skinsback, 3, status="in_hold")
        self.backlog(skinsback, 17)

        checking.poll_deposits("default")

        assert Counter(skinsback.calls) == {"list_deposits": 2, "get_deposit": 3}

    def test_a_receiver_that_raises_delays_no_other_deposit(self, skinsback, user, now, monkeypatch):
        rows = self.backlog(skinsback, 20, "success", user, **PAID)
        record = checking.record_report

        def refuse_one(report, *arguments, **options):
            if report.order_id == rows[0].order_id:
                raise RuntimeError("the wallet is closed")
            return record(report, *arguments, **options)

        monkeypatch.setattr(checking, "record_report", refuse_one)

        checking.poll_deposits("default")

        assert self.statuses() == {"success": 19, "pending": 1}
        rows[0].refresh_from_db()
        assert rows[0].next_poll_at > now


def never(_deposit):
    return False


class TestListsWithoutAmounts:
    """A list need not tell all that orderstatus does; then each deposit is asked about, however many are due."""

    PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}

    @pytest.fixture
    def asked(self, monkeypatch):
        asked = []

        def get_deposit(_client, *, order_id):
            asked.append(order_id)
            return DepositReport(status="success", order_id=order_id, **self.PAID)

        monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
        return asked

    def listed(self, monkeypatch, reports):
        monkeypatch.setattr(SkinsBackClient, "list_deposits", lambda *_args, **_named: Page(items=reports))

    @pytest.mark.parametrize("missing", ["user_amount", "amount_currency"])
    def test_paid_deposits_are_credited_without_a_review(self, user, monkeypatch, asked, missing):
        rows = [make_deposit(user=user) for _ in range(checking.DepositSweep.list_from + 5)]
        fields = {name: value for name, value in self.PAID.items() if name != missing}
        self.listed(monkeypatch, [DepositReport(status="success", order_id=row.order_id, **fields) for row in rows])

        checking.poll_deposits("default")

        assert sorted(asked) == sorted(row.order_id for row in rows)
        assert LedgerEntry.objects.count() == len(rows)
        assert not Deposit.objects.to_review().exists()

    def test_a_contradiction_is_polled_although_many_others_are_due(self, user, monkeypatch, asked):
        others = [make_deposit() for _ in range(checking.DepositSweep.list_from + 5)]
        row = make_deposit(user=user, status="fail", next_poll_at=timezone.now())
        pending = [DepositReport(status="pending", order_id=other.order_id) for other in others]
        self.listed(monkeypatch, [*pending, DepositReport(status="success", order_id=row.order_id, **self.PAID)])

        checking.poll_deposits("default")

        assert asked == [row.order_id]
        assert LedgerEntry.objects.get().deposit == row
