"""Polling open purchases: few calls, few statements, and only changes are written."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_skinsback import purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import MarketDisabled, PurchaseNotFound, UnderMaintenance, UnknownOutcome
from django_skinsback.flows.polling.claims import claim_due
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.polling.queue import due_rows
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire import arguments
from django_skinsback.wire.types import PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


@pytest.fixture
def skinsback(monkeypatch):
    return FakeSkinsBack(monkeypatch)


class FakeSkinsBack:
    """What ``market_getinfo`` says; every call is noted with its ids."""

    def __init__(self, monkeypatch):
        self.reports = {}
        self.by_buy_id = {}
        self.asked = []
        self.asked_singly = []
        self.meanwhile = lambda: None
        monkeypatch.setattr(SkinsBackClient, "get_purchases", lambda _, *, custom_ids: self.get_purchases(custom_ids))
        monkeypatch.setattr(SkinsBackClient, "get_purchase", lambda _, *, buy_id: self.get_purchase(buy_id))
        monkeypatch.setattr(SkinsBackClient, "call", lambda _, method: self.call(method))

    def say(self, row, status="", **fields):
        """Set its answer about a row: the stored values, or these."""
        stored = {name: getattr(row, name) for name in ("market_hash_name", "skin_id", "class_id", "steam_id", "price")}
        report = PurchaseReport(
            status=status or row.status, custom_id=row.custom_id, buy_id=row.buy_id or "", **{**stored, **fields}
        )
        self.reports[row.custom_id] = report
        return report

    def call(self, method):
        """Answer another method: ``balance`` shows that SkinsBack answers at all."""
        assert method == "balance"
        return {"balance": "758.930"}

    def get_purchases(self, custom_ids):
        self.asked.append(list(custom_ids))
        self.meanwhile()
        return [self.reports[each] for each in custom_ids if each in self.reports]

    def get_purchase(self, buy_id):
        self.asked_singly.append(buy_id)
        if buy_id not in self.by_buy_id:
            raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")
        return self.by_buy_id[buy_id]


def make_open(count, **values):
    """Purchases that are due, of a few kinds."""
    kinds = [{"status": "waiting_accept"}, {"status": "accepted", "in_hold": True}, {"status": "creating_trade"}]
    return [make_purchase(**{**kinds[number % 3], **values}) for number in range(count)]


def statements(queries):
    """Queries, without what opens and ends database transactions."""
    begin = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [query["sql"] for query in queries if not query["sql"].upper().startswith(begin)]


def fresh(row):
    return Purchase.objects.get(pk=row.pk)


class TestUnchanged:
    @pytest.mark.parametrize("count", [10, 90])
    def test_a_batch_costs_four_statements_whatever_its_size(self, skinsback, now, count):
        for row in make_open(count):
            skinsback.say(row)

        with CaptureQueriesContext(
            connection,
        ) as queries:
            counts = poll_purchases("default")

        assert len(statements(queries)) == 4
        assert (counts.asked, counts.changed, len(skinsback.asked)) == (count, 0, 1)

    @pytest.mark.parametrize("count", [10, 60])
    def test_each_further_batch_costs_three(self, skinsback, now, settings, count):
        settings.SKINSBACK = {**settings.SKINSBACK, "POLL_BATCH_SIZE": 5}
        for row in make_open(count):
            skinsback.say(row)

        with CaptureQueriesContext(connection) as queries:
            poll_purchases("default")

        assert len(skinsback.asked) == count // 5
        assert len(statements(queries)) == 1 + 3 * (count // 5)

    def test_only_the_next_poll_is_written(self, skinsback, now):
        row = make_open(1, poll_count=3)[0]
        skinsback.say(row)
        before = vars(fresh(row))

        poll_purchases()

        after = vars(fresh(row))
        differing = {name for name in after if after[name] != before[name]} - {"_state"}
        assert differing == {"next_poll_at", "poll_count"}
        assert after["poll_count"] == 4
        assert not StatusChange.objects.exists()

    def test_a_sweep_without_due_rows_costs_one_statement_for_each_account(self, now):
        make_purchase(next_poll_at=now + timedelta(seconds=1))
        with CaptureQueriesContext(connection) as queries:
            poll_purchases()
        assert len(statements(queries)) == 2

    @pytest.mark.parametrize(("chance", "part"), [(0, 0.9), (0.5, 1), (1, 1.1)])
    def test_the_next_poll_is_spread_by_a_tenth(self, skinsback, now, chance, part):
        rows = make_open(6, submitted_at=now - timedelta(hours=1))
        for row in rows:
            skinsback.say(row)

        poll_purchases(chance=lambda: chance)

        for row in rows:
            delay = schedule.next_purchase_poll(row.status, timedelta(hours=1), 1)
            assert fresh(row).next_poll_at == now + delay * part

    def test_the_next_poll_is_exactly_at_the_end_of_the_hold(self, skinsback, now):
        end = now + timedelta(hours=3)
        row = make_purchase(status="accepted", in_hold=True, in_hold_until=end - schedule.ROLLBACK_MARGIN)
        skinsback.say(row)

        poll_purchases(chance=lambda: 0)

        assert fresh(row).next_poll_at == end

    def test_an_accepted_purchase_whose_hold_is_over_is_finished(self, skinsback, now):
        row = make_purchase(status="accepted", in_hold=True, in_hold_until=now - timedelta(days=2))
        skinsback.say(row)

        poll_purchases()

        assert (fresh(row).next_poll_at, fresh(row).finished_at, fresh(row).token) == (None, now, "")

    def test_a_stale_report_is_not_recorded(self, skinsback, now):
        row = make_purchase(status="accepted")
        skinsback.say(row, "creating_trade")

        poll_purchases()

        assert (fresh(row).status, fresh(row).poll_count) == ("accepted", 1)


class TestChanged:
    def test_only_the_row_that_changed_is_recorded_and_costs_the_same_in_any_batch(self, skinsback, now):
        costs = []
        for count in (10, 60):
            rows = make_open(count)
            for row in rows:
                skinsback.say(row)
            skinsback.say(rows[0], "timeout")
            with CaptureQueriesContext(connection) as queries:
                assert poll_purchases("default").changed == 1
            costs.append(len(statements(queries)))
            assert {fresh(row).poll_count for row in rows[1:]} == {1}

        assert costs[0] == costs[1] <= 4 + 10

    def test_a_webhook_that_arrives_during_the_call_stands(self, skinsback, now):
        end = now + timedelta(days=8)
        row, other = make_open(2, status="waiting_accept")
        skinsback.say(row)
        skinsback.say(other)

        def webhook():
            report = PurchaseReport(status="accepted", custom_id=row.custom_id, in_hold=True, in_hold_until=end)
            purchases.record_report(report, "webhook")

        skinsback.meanwhile = webhook
        poll_purchases()

        assert (fresh(row).status, fresh(row).poll_count) == ("accepted", 0)
        assert fresh(row).next_poll_at == now + schedule.next_purchase_poll("accepted", timedelta(0), 0)
        assert fresh(other).poll_count == 1

    @pytest.mark.parametrize(
        "detail",
        [
            {"trade_offer_id": "77"},
            {"price": Decimal("3.5")},
            {"debited_amount": Decimal("3.5")},
            {"in_hold": True},
            {"error_reason": "user_cant_trade"},
            {"class_id": "12"},
        ],
        ids=lambda detail: next(iter(detail)),
    )
    def test_a_new_detail_is_stored(self, skinsback, now, detail):
        row = make_purchase(status="waiting_accept")
        skinsback.say(row, **detail)

        poll_purchases()

        (name, value) = next(iter(detail.items()))
        assert getattr(fresh(row), name) == value


class TestAnswerToABatch:
    """Row 46 of the fault model: one missing, one too many, another order, all refused because of one."""

    @pytest.fixture
    def rows(self, skinsback):
        rows = make_open(8, status="waiting_accept")
        for row in rows:
            skinsback.say(row, "accepted")
        return rows

    def accepted(self, rows):
        return [fresh(row).status == "accepted" for row in rows]

    def test_row_46_is_matched_by_id_in_any_order_and_other_rows_are_ignored(self, skinsback, rows, monkeypatch):
        stranger = make_purchase(status="waiting_accept", next_poll_at=timezone.now() + timedelta(hours=1))
        skinsback.say(stranger, "accepted")
        get = skinsback.get_purchases
        skinsback.get_purchases = lambda custom_ids: get([*reversed(custom_ids), stranger.custom_id])

        poll_purchases()

        assert all(self.accepted(rows))
        assert fresh(stranger).status == "waiting_accept"

    def test_row_46_a_missing_row_is_polled_by_skinsbacks_own_id(self, skinsback, rows):
        missing = rows[3]
        report = skinsback.reports.pop(missing.custom_id)
        skinsback.by_buy_id[missing.buy_id] = PurchaseReport(status=report.status, buy_id=missing.buy_id)

        poll_purchases()

        assert all(self.accepted(rows))
        assert (len(skinsback.asked), skinsback.asked_singly) == (1, [missing.buy_id])
        assert not fresh(missing).needs_review

    def test_row_46_an_answer_by_skinsbacks_id_about_another_purchase_is_ignored(self, skinsback, rows):
        missing = rows[3]
        del skinsback.reports[missing.custom_id]
        skinsback.by_buy_id[missing.buy_id] = skinsback.reports[rows[0].custom_id]

        poll_purchases()

        assert self.accepted(rows) == [row is not missing for row in rows]

    def test_row_46_a_row_missing_under_both_ids_is_flagged_once_and_polled_with_a_backoff(self, skinsback, rows):
        missing = rows[3]
        del skinsback.reports[missing.custom_id]

        poll_purchases(chance=lambda: 0.5)
        first = fresh(missing)
        Purchase.objects.filter(pk=missing.pk).update(next_poll_at=timezone.now())
        poll_purchases(chance=lambda: 0.5)

        assert self.accepted(rows) == [row is not missing for row in rows]
        assert fresh(missing).review_reason == "SkinsBack does not know this purchase any more."
        assert skinsback.asked_singly == [missing.buy_id] * 2
        assert fresh(missing).next_poll_at > first.next_poll_at

    def test_row_46_a_batch_refused_because_of_one_row_is_halved_until_that_row_is_alone(self, skinsback, rows):
        poison, get = rows[5], skinsback.get_purchases

        def refuse(custom_ids):
            if poison.custom_id in custom_ids:
                skinsback.asked.append(custom_ids)
                raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")
            return get(custom_ids)

        skinsback.get_purchases = refuse

        poll_purchases()

        assert self.accepted(rows) == [row is not poison for row in rows]
        assert len(skinsback.asked) == 1 + 2 * 3  # twice the logarithm of eight

    @pytest.mark.parametrize("name", ["custom_id", "buy_id"])
    def test_row_46_an_id_that_cannot_be_sent_delays_no_other_row(self, skinsback, rows, name, monkeypatch):
        poison = rows[5]
        Purchase.objects.filter(pk=poison.pk).update(**{name: "12/34"})
        del skinsback.reports[poison.custom_id]
        get, get_one = skinsback.get_purchases, skinsback.get_purchase
        skinsback.get_purchases = lambda custom_ids: get(arguments.identifiers("custom_ids", custom_ids))
        skinsback.get_purchase = lambda buy_id: get_one(arguments.identifier("buy_id", buy_id))

        assert poll_purchases().stopped_by == ""

        assert self.accepted(rows) == [row is not poison for row in rows]
        assert fresh(poison).next_poll_at > timezone.now()


def test_open_purchases_are_polled_although_buying_is_disabled(skinsback, now, monkeypatch):
    make_purchase()
    row = make_purchase(status="waiting_accept")
    skinsback.say(row, "accepted")

    def off(_client, *_skin, **_options):
        raise MarketDisabled("market_buy", -6, "market_disabled")

    monkeypatch.setattr(SkinsBackClient, "buy_skin", off)

    assert "market_disabled" in poll_purchases("default").stopped_by
    assert fresh(row).status == "accepted"


class TestAccountWideErrors:
    def test_after_an_account_wide_error_only_claimed_rows_wait_two_minutes(self, skinsback, now, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "POLL_BATCH_SIZE": 2}
        rows = make_open(4)

        def stop():
            raise UnderMaintenance("market_getinfo", -9, "under_maintenance")

        skinsback.meanwhile = stop
        counts = poll_purchases("default", chance=lambda: 0)

        assert (counts.asked, counts.changed) == (2, 0)
        assert "under_maintenance" in counts.stopped_by
        assert [fresh(row).next_poll_at for row in rows[:2]] == [now + schedule.ACCOUNT_ERROR_DELAY] * 2
        assert all(fresh(row).next_poll_at <= now for row in rows[2:])
        assert {fresh(row).poll_count for row in rows} == {0}

    @pytest.mark.parametrize("fault", ["rate_limited", "maintenance", "html_error"])
    def test_sweeps_every_ten_seconds_do_not_repeat_the_call(self, world, fault, monkeypatch):
        make_open(3)
        make_deposit()
        world.sandbox.faults.add(fault, times=None)
        asked = []
        ask = SkinsBackClient._answer
        monkeypatch.setattr(
            SkinsBackClient, "_answer", lambda *arguments: asked.append(arguments[1].method) or ask(*arguments)
        )

        for _ in range(12):
            poll_purchases()
            poll_deposits()
            world.advance(seconds=9)

        assert asked.count("orderstatus") <= 2  # once, and once more where the answer cannot be read
        assert asked.count("market_getinfo") <= 2


def claim(now, *, model=Purchase, size=10, keys=None):
    """Claim the due rows, or those of them that have these keys."""
    due = due_rows(model, "default", now)
    return list(claim_due(due, keys or list(due.order_by("pk").values_list("pk", flat=True)), size, now))


class TestClaims:
    def test_row_49_rows_that_a_killed_sweep_had_claimed_are_due_again_within_two_minutes(self, skinsback, now):
        rows = make_open(3, status="waiting_accept")
        for row in rows:
            skinsback.say(row, "timeout")
        [killed] = claim(now)  # its process is gone
        assert len(killed.rows) == 3
        assert poll_purchases().asked == 0

        with time_machine.travel(now + timedelta(minutes=2), tick=False):
            assert poll_purchases().changed == 3

    def test_rows_are_claimed_batch_by_batch_in_the_order_of_their_keys(self, now):
        rows = make_open(5)
        assert [[row.pk for row in each.rows] for each in claim(now, size=2)] == [
            [row.pk for row in rows[:2]],
            [row.pk for row in rows[2:4]],
            [rows[4].pk],
        ]

    def test_a_row_that_another_sweep_claimed_after_the_keys_were_read_is_skipped(self, now):
        rows = make_open(3)
        Purchase.objects.filter(pk=rows[1].pk).update(next_poll_at=now + timedelta(seconds=9))

        [mine] = claim(now, keys=[row.pk for row in rows])

        assert [row.pk for row in mine.rows] == [rows[0].pk, rows[2].pk]

    def test_rows_at_different_times_are_rescheduled_in_one_statement(self, now):
        rows = [*make_open(4), make_purchase()]
        [mine] = claim(now)
        times = {row.pk: now + timedelta(minutes=number // 2) for number, row in enumerate(rows)}
        Purchase.objects.filter(pk=rows[0].pk).update(next_poll_at=None)

        with CaptureQueriesContext(connection) as queries:
            mine.reschedule(times)

        assert len(statements(queries)) == 1
        assert fresh(rows[0]).next_poll_at is None
        assert [(fresh(row).next_poll_at, fresh(row).poll_count) for row in rows[1:]] == [
            (times[row.pk], 1) for row in rows[1:]
        ]

    @pytest.mark.parametrize("model", [Purchase, Deposit])
    def test_a_claim_lasts_two_minutes_and_is_extended_once_less_than_one_is_left(self, now, model):
        row = make_purchase(status="accepted") if model is Purchase else make_deposit()
        [mine] = claim(now, model=model)
        first = model.objects.get().next_poll_at
        assert now + timedelta(seconds=119) <= first <= now + timedelta(minutes=2)

        with time_machine.travel(now + timedelta(seconds=58), tick=False), CaptureQueriesContext(connection) as queries:
            mine.extend()
        assert not statements(queries)

        later = now + timedelta(seconds=61)
        with time_machine.travel(later, tick=False):
            mine.extend()
        second = model.objects.get().next_poll_at
        assert later + timedelta(seconds=119) <= second <= later + timedelta(minutes=2)

        mine.reschedule({row.pk: now + timedelta(days=1)})  # the extended claim is still this sweep's
        assert model.objects.get().next_poll_at == now + timedelta(days=1)

    def test_no_other_sweep_asks_about_rows_whose_claim_was_extended(self, skinsback, now):
        row = make_purchase(status="waiting_accept")
        skinsback.say(row, "timeout")
        [mine] = claim(now)
        with time_machine.travel(now + timedelta(seconds=90), tick=False):
            mine.extend()
        with time_machine.travel(now + timedelta(seconds=200), tick=False):
            assert poll_purchases().asked == 0
        with time_machine.travel(now + timedelta(seconds=211), tick=False):
            assert poll_purchases().changed == 1

    def test_a_row_that_another_sweep_has_claimed_or_rescheduled_is_not_extended(self, now):
        rest, other, done = make_open(3)
        [mine] = claim(now)
        elsewhere = now + timedelta(seconds=33)
        Purchase.objects.filter(pk=other.pk).update(next_poll_at=elsewhere)
        mine.reschedule({done.pk: elsewhere})

        with time_machine.travel(now + timedelta(seconds=90), tick=False):
            mine.extend()

        assert fresh(rest).next_poll_at > now + timedelta(minutes=3)
        assert [fresh(row).next_poll_at for row in (other, done)] == [elsewhere] * 2

    def test_a_call_longer_than_the_claim_costs_one_more_call_and_no_money(self, skinsback, user, now):
        """The call takes longer than the claim, and a second sweep asks about the same row meanwhile."""
        Wallet.objects.create(user=user, balance=10)
        row = purchases.buy(
            user=user, trade_url=TRADE_URL, skin_id="1", max_price=5, charge=Decimal(6), charge_currency="usd"
        )
        Purchase.objects.update(status="waiting_accept", attempts=1, submitted_at=now, buy_id="b")
        skinsback.say(fresh(row), "canceled")

        def outlive():
            skinsback.meanwhile = lambda: None
            with time_machine.travel(now + timedelta(minutes=3), tick=False):
                assert poll_purchases().changed == 1

        skinsback.meanwhile = outlive
        poll_purchases()

        assert len(skinsback.asked) == 2
        assert sorted(LedgerEntry.objects.values_list("kind", "amount")) == [("charge", -6), ("refund", 6)]
        assert Wallet.objects.get().balance == 10
        assert (fresh(row).status, fresh(row).next_poll_at) == ("canceled", None)

    def test_halving_a_failing_batch_ends_with_the_sweep_and_the_rest_stays_due(self, skinsback, monkeypatch):
        with time_machine.travel(timezone.now(), tick=False) as clock:
            rows = make_open(8, status="waiting_accept")

            def odd(custom_ids):
                skinsback.asked.append(custom_ids)
                clock.shift(timedelta(seconds=40))
                raise UnknownOutcome("odd")

            skinsback.get_purchases = odd
            poll_purchases("default")

            assert [len(ids) for ids in skinsback.asked] == [8, 4]
            now = timezone.now()
            assert all(fresh(row).next_poll_at > now for row in rows[:4])  # the odd one is among these
            assert all(fresh(row).next_poll_at <= now for row in rows[4:])

            for row in rows:
                skinsback.say(row, "timeout")
            del skinsback.get_purchases
            assert poll_purchases("default").changed == 4

    def test_polling_by_skinsbacks_id_ends_with_the_sweep_and_the_rest_stays_due(self, skinsback):
        with time_machine.travel(timezone.now(), tick=False) as clock:
            rows = make_open(6, status="waiting_accept")
            get = skinsback.get_purchase

            def slow(buy_id):
                clock.shift(timedelta(seconds=25))
                return get(buy_id)

            skinsback.get_purchase = slow
            poll_purchases("default")

            assert skinsback.asked_singly == [row.buy_id for row in rows[:3]]
            assert Purchase.objects.filter(next_poll_at__lte=timezone.now()).count() == 3
            assert not Purchase.objects.filter(pk__in=[row.pk for row in rows[3:]], needs_review=True).exists()


@pytest.mark.django_db(transaction=True)
def test_row_50_many_sweeps_at_once_poll_each_row_once(skinsback, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "POLL_BATCH_SIZE": 4}
    rows = make_open(40)
    for row in rows:
        skinsback.say(row)
    start, results = threading.Barrier(6), []

    def beat():
        try:
            start.wait(timeout=20)
            results.append(poll_purchases("default"))
        except Exception as error:  # noqa: BLE001 - handed to the test
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=beat) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert [getattr(result, "stopped_by", result) for result in results] == [""] * 6
    asked = [custom_id for ids in skinsback.asked for custom_id in ids]
    assert sorted(asked) == sorted(row.custom_id for row in rows)
    assert set(Purchase.objects.values_list("poll_count", flat=True)) == {1}


def test_row_50_a_doubled_message_costs_no_further_call(skinsback, now):
    for row in make_open(3):
        skinsback.say(row)
    for _ in range(5):
        poll_purchases()
    assert len(skinsback.asked) == 1


def test_after_an_unreadable_answer_a_single_row_is_polled_by_the_other_id(skinsback, now):
    row = make_purchase(status="waiting_accept")

    def odd():
        raise UnknownOutcome("odd")

    skinsback.meanwhile = odd
    skinsback.by_buy_id[row.buy_id] = PurchaseReport(status="accepted", buy_id=row.buy_id)

    poll_purchases()

    assert fresh(row).status == "accepted"


@pytest.mark.parametrize("known", [True, False])
def test_a_final_row_that_is_due_is_polled_once(skinsback, now, known):
    row = make_purchase(status="canceled", next_poll_at=timezone.now())
    if known:
        skinsback.say(row)

    poll_purchases()

    assert len(skinsback.asked) == 1
    assert (fresh(row).status, fresh(row).next_poll_at, fresh(row).needs_review) == ("canceled", None, False)
