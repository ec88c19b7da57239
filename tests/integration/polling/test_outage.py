"""SkinsBack does not answer: what is still sent, what is sent again, and what is flagged."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import APIError, PurchaseNotFound, RequestNotSent, UnderMaintenance, UnknownOutcome
from django_skinsback.flows.monitoring.health import HealthStatus, health
from django_skinsback.flows.monitoring.sweeps import failing_sweeps
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.polling.sweep import LONGEST_SWEEP
from django_skinsback.models import Deposit, Purchase
from django_skinsback.signals import review_needed
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, Page, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
ODD = {"code": "unknown_status", "data": {"status": "odd"}}
DELAYED = "The purchase could not be sent for more than a day."
GONE = "SkinsBack does not know this purchase any more."


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def rich(user):
    return Wallet.objects.create(user=user, balance=1000).user


@pytest.fixture
def signals():
    flagged_rows = []

    def append(row, reason, **_kwargs):
        flagged_rows.append((row.pk, reason))

    review_needed.connect(append)
    yield flagged_rows
    review_needed.disconnect(append)


class FakeSkinsBack:
    """Answers ``known`` purchases; each method raises the error that stands for it in ``errors``."""

    def __init__(self, clock):
        self.clock = clock
        self.errors = {}
        self.takes = timedelta()
        self.sent = []
        self.asked_singly = []
        self.known = {}
        self.by_buy_id = {}
        self.meanwhile = lambda _custom_id: None

    def fail(self, error, *methods):
        self.errors = dict.fromkeys(methods or ("market_buy", "market_batch_buy", "market_getinfo", "balance"), error)

    def _answer(self, method):
        self.clock.shift(self.takes)
        if method in self.errors:
            raise self.errors[method]

    def call(self, method):
        self._answer(method)
        return {"balance": "758.930"}  # and no dollars

    def buy_skin(self, _trade_url, *, custom_id, **_skin):
        self.sent.append(custom_id)
        self.meanwhile(custom_id)
        self._answer("market_buy")
        return PurchaseReport(status="creating_trade", custom_id=custom_id, buy_id=f"b{len(self.sent)}")

    def buy_skins(self, _trade_url, items):
        self.sent.append([item["custom_id"] for item in items])
        self._answer("market_batch_buy")
        raise AssertionError("only its failures are wanted here")

    def get_purchases(self, *, custom_ids):
        self._answer("market_getinfo")
        return [self.known[each] for each in custom_ids if each in self.known]

    def get_purchase(self, *, buy_id):
        self.asked_singly.append(buy_id)
        self._answer("single")
        if buy_id not in self.by_buy_id:
            raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")
        return self.by_buy_id[buy_id]


@pytest.fixture
def skinsback(monkeypatch, clock):
    fake = FakeSkinsBack(clock)
    for name in ("call", "buy_skin", "buy_skins", "get_purchases", "get_purchase"):
        method = getattr(fake, name)
        monkeypatch.setattr(SkinsBackClient, name, lambda _client, *args, _method=method, **kw: _method(*args, **kw))
    return fake


def buy(user):
    charge = {"charge": 1, "charge_currency": "usd"}
    return purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="AK-47", max_price=1, **charge)


def fresh(row):
    return Purchase.objects.get(pk=row.pk)


def sweep(clock, times, **step):
    for _ in range(times):
        clock.shift(timedelta(**step))
        poll_purchases("default")


def market(code, message):
    return APIError.for_answer("market_buy", code, message)


class TestSend:
    @pytest.mark.parametrize("one_is_open", [False, True])
    def test_an_outage_makes_one_purchase_unknown_and_no_other(self, skinsback, clock, rich, one_is_open):
        rows = [buy(rich) for _ in range(30)]
        if one_is_open:
            make_purchase(status="waiting_accept")
        skinsback.fail(UnknownOutcome("502"))

        poll_purchases()

        mine = Purchase.objects.filter(user=rich)
        assert len(skinsback.sent) == (0 if one_is_open else 1)
        assert [fresh(row).attempts for row in rows] == [int(not one_is_open)] + [0] * 29

        skinsback.fail(market(5, "skin_unavailable"), "market_buy")
        sweep(clock, 60, minutes=1)
        assert mine.filter(status="refused").count() == 29 + one_is_open
        assert Wallet.objects.get().balance == 999 + one_is_open

    def test_if_only_buying_does_not_answer_a_sweep_makes_two_purchases_unknown(self, skinsback, clock):
        rows = [make_purchase() for _ in range(10)]
        skinsback.fail(UnknownOutcome("502"), "market_buy")

        poll_purchases()

        assert sorted(fresh(row).attempts for row in rows) == [0] * 8 + [1, 1]

    def test_small_batches_make_no_difference_to_that(self, skinsback, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "POLL_BATCH_SIZE": 1}
        rows = [make_purchase() for _ in range(5)]
        skinsback.fail(UnknownOutcome("502"), "market_buy")

        poll_purchases()

        assert sum(fresh(row).attempts for row in rows) == 2

    def test_an_answer_in_between_resets_the_count_of_unknown_purchases(self, skinsback):
        rows = [make_purchase() for _ in range(9)]
        odd = {row.custom_id for row in rows[::3]}

        def meanwhile(custom_id):
            skinsback.errors = {"market_buy": UnknownOutcome("odd")} if custom_id in odd else {}

        skinsback.meanwhile = meanwhile

        poll_purchases()

        assert [fresh(row).status for row in rows] == ["unknown", "creating_trade", "creating_trade"] * 3

    def test_the_rest_of_a_batch_with_an_unknown_outcome_is_not_sent(self, skinsback):
        items = [{"skin_id": str(number), "max_price": 1} for number in range(1, 61)]
        rows = purchases.buy_batch(trade_url=TRADE_URL, items=items)
        skinsback.fail(UnknownOutcome("502"))

        poll_purchases()

        assert [len(sent) for sent in skinsback.sent] == [50]
        assert [fresh(row).attempts for row in rows] == [1] * 50 + [0] * 10

    def test_slow_calls_end_with_the_time_of_the_sweep_and_the_rest_stays_due(self, skinsback, clock):
        rows = [make_purchase() for _ in range(10)]
        skinsback.takes = timedelta(seconds=20)
        start = timezone.now()

        assert poll_purchases("default").stopped_by == ""

        assert timezone.now() - start == LONGEST_SWEEP
        assert [fresh(row).status for row in rows] == ["creating_trade"] * 3 + ["requested"] * 7
        assert all(fresh(row).next_poll_at <= timezone.now() for row in rows[3:])

    def test_at_least_one_purchase_is_sent_however_long_polling_took(self, skinsback):
        for _ in range(3):
            make_purchase(status="waiting_accept")
        rows = [make_purchase() for _ in range(3)]
        skinsback.takes = LONGEST_SWEEP

        poll_purchases("default")

        assert [fresh(row).status for row in rows] == ["creating_trade", "requested", "requested"]
        assert all(fresh(row).next_poll_at <= timezone.now() for row in rows[1:])

    def test_slow_polls_of_deposits_end_with_the_time_of_the_sweep_and_the_rest_stays_due(self, clock, monkeypatch):
        rows = [make_deposit() for _ in range(10)]

        def get_deposit(_client, *, order_id):
            clock.shift(timedelta(seconds=20))
            return DepositReport(status="pending", order_id=order_id)

        monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
        poll_deposits("default")

        for row in rows:
            row.refresh_from_db()
        assert [row.poll_count for row in rows] == [1] * 3 + [0] * 7
        assert all(row.next_poll_at <= timezone.now() for row in rows[3:])

    def test_a_slow_list_leaves_time_to_poll_the_rows_that_it_does_not_decide(self, clock, monkeypatch):
        rows = [make_deposit() for _ in range(60)]
        listed = [DepositReport(status="pending", order_id=row.order_id) for row in rows]
        Deposit.objects.update(created_at=timezone.now() - timedelta(days=4))
        asked = []

        def list_deposits(_client, *_arguments):
            clock.shift(LONGEST_SWEEP)
            return Page(items=listed, has_more=False, total_count=60, start_from="")

        def get_deposit(_client, *, order_id):
            asked.append(order_id)
            clock.shift(timedelta(seconds=20))
            return DepositReport(status="pending", order_id=order_id)

        monkeypatch.setattr(SkinsBackClient, "list_deposits", list_deposits)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
        poll_deposits("default")

        assert len(asked) == 3
        assert Deposit.objects.filter(status="abandoned").count() == 3

    def test_an_unreadable_balance_counts_as_an_answer(self, skinsback, monkeypatch):
        rows = [make_purchase(status="waiting_accept") for _ in range(8)]
        odd, answer = rows[3], skinsback.get_purchases
        for row in rows:
            skinsback.known[row.custom_id] = PurchaseReport(status="accepted", custom_id=row.custom_id)

        def get_purchases(_client, *, custom_ids):
            if odd.custom_id in custom_ids:
                raise UnknownOutcome("odd")
            return answer(custom_ids=custom_ids)

        monkeypatch.setattr(SkinsBackClient, "get_purchases", get_purchases)

        assert poll_purchases("default").stopped_by == ""
        assert [fresh(row).status == "accepted" for row in rows] == [row is not odd for row in rows]

    def test_a_refused_balance_counts_as_an_answer(self, skinsback):
        rows = [make_purchase() for _ in range(3)]
        skinsback.errors = {"market_buy": UnknownOutcome("odd"), "balance": APIError("balance", 55, "no")}
        skinsback.meanwhile = lambda custom_id: custom_id != rows[0].custom_id and skinsback.errors.clear()

        assert poll_purchases("default").stopped_by == ""
        assert [fresh(row).status for row in rows] == ["unknown", "creating_trade", "creating_trade"]


class TestResend:
    @pytest.mark.parametrize("kept", [None, False, True], ids=["in time", "reviewed", "kept"])
    def test_a_purchase_that_waited_for_the_market_is_sent_again_and_then_flagged(
        self, skinsback, clock, operator, kept
    ):
        purchase = make_purchase()
        skinsback.fail(market(-6, "market_disabled"), "market_buy")
        if kept is not None:
            sweep(clock, 26, hours=1)
            assert fresh(purchase).review_reason == DELAYED
        if kept:
            purchases.settle(fresh(purchase), "keep", operator, "let it wait for the market")
        skinsback.sent.clear()
        skinsback.fail(UnknownOutcome("lost"), "market_buy")

        sweep(clock, 100, minutes=30)

        row = fresh(purchase)
        assert (len(skinsback.sent), row.attempts, row.status, row.needs_review) == (6, 6, "unknown", True)
        assert GONE in row.review_reason

    def test_after_an_operator_has_decided_it_is_not_flagged_again(self, skinsback, clock, operator):
        purchase = make_purchase(status="unknown")
        purchases.settle(purchase, "keep", operator, "it is lost")

        sweep(clock, 50, minutes=30)

        assert skinsback.sent == []
        assert not fresh(purchase).needs_review

    def test_an_operator_who_lets_it_wait_does_not_prevent_a_resend(self, skinsback, clock, operator):
        row = make_purchase(status="unknown", attempts=1, submitted_at=timezone.now(), next_poll_at=timezone.now())
        skinsback.fail(RequestNotSent("connection refused"), "market_buy")
        sweep(clock, 120, minutes=16)
        assert fresh(row).review_reason == DELAYED
        purchases.settle(fresh(row), "keep", operator, "until the market is back")

        skinsback.errors.clear()
        sweep(clock, 10, minutes=16)

        assert fresh(row).status == "creating_trade"

    def test_a_purchase_in_review_is_not_sent_again_and_its_absence_is_flagged(self, skinsback, clock):
        purchase = make_purchase(status="unknown", needs_review=True, review_reasons=[ODD])

        sweep(clock, 5, minutes=30)

        assert skinsback.sent == []
        assert fresh(purchase).review_reason == f"SkinsBack reported a status that is not known: “odd”.\n{GONE}"

    def test_a_decision_made_while_another_purchase_is_sent_stands(self, skinsback, clock, operator):
        first, second = make_purchase(status="unknown"), make_purchase(status="unknown")
        clock.shift(timedelta(minutes=5))
        skinsback.meanwhile = lambda _custom_id: purchases.settle(second, "keep", operator, "do not send it")

        poll_purchases()

        assert skinsback.sent == [first.custom_id]
        assert fresh(second).attempts == 1


class TestPurchasesKnownOnlyByBuyId:
    def test_are_polled_whatever_they_are_flagged_for(self, skinsback, clock):
        purchase = make_purchase(
            status="waiting_accept",
            needs_review=True,
            review_reasons=[{"code": "price_above_cap", "data": {"price": "6"}}],
        )
        skinsback.by_buy_id[purchase.buy_id] = PurchaseReport(status="timeout", buy_id=purchase.buy_id)

        poll_purchases()

        assert fresh(purchase).status == "timeout"

    @pytest.mark.parametrize("error", [UnknownOutcome("html"), APIError("market_getinfo", 99, "odd")], ids=str)
    def test_an_unreadable_answer_does_not_count_as_absence(self, skinsback, clock, error):
        purchase = make_purchase(status="waiting_accept")
        skinsback.fail(error, "single")

        poll_purchases()

        row = fresh(purchase)
        assert (row.needs_review, row.poll_count) == (False, 1)
        assert row.next_poll_at > timezone.now()

        skinsback.fail(error, "nothing")
        skinsback.by_buy_id[purchase.buy_id] = PurchaseReport(status="timeout", buy_id=purchase.buy_id)
        sweep(clock, 1, minutes=30)
        assert fresh(purchase).status == "timeout"

    def test_an_outage_while_they_are_polled_ends_the_sweep(self, skinsback):
        for _ in range(5):
            make_purchase(status="waiting_accept")
        skinsback.fail(UnknownOutcome("html"), "single", "balance")

        assert poll_purchases("default").stopped_by
        assert len(skinsback.asked_singly) == 1


class TestNotSentForADay:
    @pytest.mark.parametrize("one_is_open", [False, True])
    def test_is_flagged_although_no_sweep_reaches_it(self, skinsback, clock, signals, one_is_open):
        rows = [make_purchase() for _ in range(3)]
        if one_is_open:
            make_purchase(status="accepted", in_hold=True)
        away = UnderMaintenance("market_getinfo", -9, "under_maintenance")
        skinsback.fail(away, "market_buy", "market_getinfo")

        sweep(clock, 23, hours=1)
        assert not Purchase.objects.filter(needs_review=True).exists()
        sweep(clock, 8, hours=1)

        assert [fresh(row).review_reason for row in rows] == [DELAYED] * 3
        assert {fresh(row).status for row in rows} == {"requested"}

    def test_is_flagged_although_the_secret_is_missing(self, skinsback, clock, settings):
        purchase, other = make_purchase(), make_purchase(account="second")
        settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": ""}

        sweep(clock, 26, hours=1)

        assert fresh(purchase).review_reason == DELAYED
        assert not fresh(other).needs_review

    def test_a_purchase_that_an_operator_has_kept_is_not_flagged_again(self, skinsback, clock, operator):
        purchase = make_purchase()
        skinsback.fail(UnderMaintenance("market_buy", -9, "under_maintenance"), "market_buy")
        sweep(clock, 26, hours=1)
        purchases.settle(fresh(purchase), "keep", operator, "I know")

        sweep(clock, 20, hours=1)

        assert not fresh(purchase).needs_review

    @pytest.mark.django_db(transaction=True)
    def test_is_flagged_once_for_each_row_whatever_the_text_of_the_error(self, skinsback, clock, signals):
        rows = [make_purchase() for _ in range(5)]
        for number in range(40):
            held_back = f"held back by this site: paused for {240 - number} seconds more"
            skinsback.fail(market(-8, held_back), "market_buy")
            sweep(clock, 1, hours=1)

        assert sorted(signals) == [(row.pk, DELAYED) for row in rows]
        assert any(fresh(row).error_message.startswith("held back") for row in rows)


class TestHealth:
    @pytest.mark.parametrize("how", ["secret", "dns", "html"])
    def test_health_reports_sweeps_that_all_end_early(self, skinsback, clock, settings, how):
        make_purchase(status="accepted", in_hold=True)
        make_purchase()
        if how == "secret":
            settings.SKINSBACK = {**settings.SKINSBACK, "CLIENT_SECRET": ""}
        else:
            skinsback.fail(RequestNotSent("dns") if how == "dns" else UnknownOutcome("html"))

        sweep(clock, 4, minutes=1)
        assert health().reasons == ()
        start = timezone.now()
        sweep(clock, 90, minutes=1)

        found = health()
        assert (found.status, [reason.code for reason in found.reasons]) == (HealthStatus.DEGRADED, ["sweeps_failing"])
        assert "has failed for 9" in found.reasons[0].text
        assert found.accounts[0].failing_since < start
        assert found.accounts[0].last_error
        assert (found.accounts[1].failing_since, found.accounts[1].last_error) == (None, "")

    def test_a_complete_sweep_ends_it_and_a_sweep_without_work_does_not(self, skinsback, clock):
        make_purchase(status="accepted", in_hold=True)
        skinsback.fail(RequestNotSent("dns"))
        sweep(clock, 1, minutes=1)
        assert failing_sweeps("default") is not None

        sweep(clock, 1, seconds=1)
        assert failing_sweeps("default").error == "dns"

        skinsback.errors.clear()
        sweep(clock, 1, minutes=5)
        assert failing_sweeps("default") is None

    def test_a_failing_cache_prevents_no_sweep(self, skinsback, clock, monkeypatch):
        purchase = make_purchase()

        def broken():
            raise ConnectionError

        monkeypatch.setattr("django_skinsback.flows.monitoring.sweeps._cache", broken)

        poll_purchases()

        assert fresh(purchase).status == "creating_trade"
        assert failing_sweeps("default") is None


def approve(_deposit):
    return True


def test_a_hold_is_not_approved_on_a_report_about_another_deposit(settings, monkeypatch):
    settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.approve"}
    deposit, approved = make_deposit(status="in_hold", transaction_id="1"), []
    fields = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}
    report = DepositReport(status="in_hold", order_id=deposit.order_id, transaction_id="2", **fields)
    monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda _client, **_ids: report)
    monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda _client, **ids: approved.append(ids))

    poll_deposits("default")

    deposit.refresh_from_db()
    assert approved == []
    assert (deposit.status, deposit.needs_review) == ("in_hold", True)
    assert deposit.next_poll_at > timezone.now()
