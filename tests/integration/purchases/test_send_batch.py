"""A batch goes by one call, each of its skins has its own answer, and what each refusal means."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import APIError, InvalidInput
from django_skinsback.flows.ledger import edit as edits
from django_skinsback.flows.ledger import record as records
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.purchases import send as sending
from django_skinsback.models import Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_purchase
from django_skinsback.wire.types import BatchResult, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def rich(user):
    return Wallet.objects.create(user=user, balance=1000).user


class Market:
    """Notes calls of the two buying methods; ``answers`` makes a result of the custom ids, by skin, of a batch."""

    def __init__(self):
        self.calls = []
        self.single = lambda custom_id: PurchaseReport(status="creating_trade", custom_id=custom_id, buy_id=custom_id)
        self.batch = lambda ids: BatchResult(purchased=[self.single(custom_id) for custom_id in ids.values()])

    def buy_skin(self, _trade_url, *, custom_id, **_skin):
        self.calls.append(("market_buy", [custom_id]))
        return self.single(custom_id)

    def buy_skins(self, _trade_url, items):
        self.calls.append(("market_batch_buy", [item["custom_id"] for item in items]))
        return self.batch({item["skin_id"]: item["custom_id"] for item in items})


@pytest.fixture
def market(monkeypatch):
    fake = Market()
    monkeypatch.setattr(SkinsBackClient, "buy_skin", lambda _, *args, **options: fake.buy_skin(*args, **options))
    monkeypatch.setattr(SkinsBackClient, "buy_skins", lambda _, *args: fake.buy_skins(*args))
    monkeypatch.setattr(SkinsBackClient, "call", lambda _, _method: {})
    return fake


def buy(user, **more):
    options = {"max_price": 5, "charge": 5, "charge_currency": "usd", **more}
    return purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="AK-47", **options)


def buy_batch(user, count):
    items = [
        {"skin_id": str(number), "max_price": 5, "charge": 5, "charge_currency": "usd"}
        for number in range(1, count + 1)
    ]
    return purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items)


def fresh(row):
    return Purchase.objects.get(pk=row.pk)


def kinds(row):
    return list(row.entries.order_by("pk").values_list("kind", flat=True))


def refuse(market, code, message="no"):
    def answer(*_arguments):
        raise APIError.for_answer("market_buy", code, message)

    market.single = market.batch = answer


class TestBatches:
    def test_two_skins_go_by_one_call(self, market, rich):
        rows = buy_batch(rich, 2)

        purchases.submit(rows[1])

        assert market.calls == [("market_batch_buy", [row.custom_id for row in rows])]
        assert [fresh(row).status for row in rows] == ["creating_trade"] * 2

    def test_another_batch_is_left_for_a_call_of_its_own(self, market, rich):
        rows, others = buy_batch(rich, 2), buy_batch(rich, 2)

        purchases.submit(rows[0])

        assert market.calls == [("market_batch_buy", [row.custom_id for row in rows])]
        assert [fresh(row).attempts for row in others] == [0, 0]

    def test_what_is_being_sent_is_not_sent_once_more(self, market, rich):
        rows = buy_batch(rich, 2)
        send, market.batch = market.batch, lambda ids: purchases.submit(fresh(rows[1])) and send(ids)

        purchases.submit(rows[0])

        assert len(market.calls) == 1
        assert [fresh(row).attempts for row in rows] == [1, 1]

    def test_another_accounts_are_recorded_as_its_own(self, market, rich):
        row = buy(rich, account="second")

        purchases.submit(row)

        assert (fresh(row).status, fresh(row).buy_id) == ("creating_trade", row.custom_id)

    def test_the_sweep_sends_them_by_one_call_too(self, market, rich):
        rows = buy_batch(rich, 3)

        assert poll_purchases("default").changed == 3

        assert market.calls == [("market_batch_buy", [row.custom_id for row in rows])]

    def test_the_one_that_is_left_of_a_batch_is_bought_alone(self, market, rich):
        rows = buy_batch(rich, 3)
        for row in rows[:2]:
            purchases.cancel(row)

        purchases.submit(rows[2])

        assert market.calls == [("market_buy", [rows[2].custom_id])]
        assert fresh(rows[2]).status == "creating_trade"

    def test_a_skin_the_answer_does_not_mention_is_in_doubt_and_not_refunded(self, market, rich):
        rows = buy_batch(rich, 3)
        refusal = APIError.for_answer("market_batch_buy", 5, "skin_unavailable")

        def answer(ids):
            return BatchResult(purchased=[market.single(ids["1"])], unavailable={"2": refusal})

        market.batch = answer
        purchases.submit(rows[0])

        assert [fresh(row).status for row in rows] == ["creating_trade", "refused", "unknown"]
        assert [kinds(row) for row in rows] == [["charge"], ["charge", "refund"], ["charge"]]
        assert (fresh(rows[2]).attempts, fresh(rows[2]).needs_review) == (1, False)
        assert fresh(rows[2]).next_poll_at == timezone.now() + schedule.RESEND_AFTER

    @pytest.mark.parametrize("named", ["custom_id", "skin_id"])
    def test_an_answer_is_found_by_either_id_in_any_order(self, market, rich, named):
        rows = buy_batch(rich, 3)

        def answer(ids):
            names = [{"custom_id": ids[skin], "skin_id": skin} for skin in reversed(ids)]
            reports = [
                PurchaseReport(status="creating_trade", buy_id=f"b{name['skin_id']}", **{named: name[named]})
                for name in names
            ]
            return BatchResult(purchased=reports)

        market.batch = answer
        purchases.submit(rows[0])

        assert [(fresh(row).status, fresh(row).buy_id) for row in rows] == [
            ("creating_trade", f"b{row.skin_id}") for row in rows
        ]

    @pytest.mark.parametrize("chosen", [0, 55])
    def test_more_than_one_call_takes_go_by_several(self, market, rich, chosen):
        rows = buy_batch(rich, 120)

        row = purchases.submit(rows[chosen])

        assert row.status == "creating_trade"
        assert [len(ids) for _, ids in market.calls] == [50, 50, 20]
        assert sorted(custom_id for _, ids in market.calls for custom_id in ids) == sorted(
            row.custom_id for row in rows
        )
        assert set(Purchase.objects.values_list("attempts", "status")) == {(1, "creating_trade")}

    @pytest.mark.parametrize("code", [-7, -9])
    def test_what_stops_the_first_call_stops_the_others(self, market, rich, code):
        rows = buy_batch(rich, 60)
        refuse(market, code)

        purchases.submit(rows[55])

        assert len(market.calls) == 1
        assert set(Purchase.objects.values_list("attempts", "status")) == {(0, "requested")}

    def test_what_goes_back_to_waiting_is_tried_once(self, market, rich):
        rows = buy_batch(rich, 60)

        def answer(_ids):
            raise InvalidInput("odd")

        market.batch = answer
        purchases.submit(rows[0])

        assert [len(ids) for _, ids in market.calls] == [50, 10]
        assert set(Purchase.objects.values_list("attempts", "status")) == {(0, "requested")}


class TestCodes:
    @pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 9, 10])
    @pytest.mark.parametrize("many", [False, True], ids=["alone", "in a batch"])
    def test_a_refusal_is_refunded(self, market, rich, code, many):
        rows = buy_batch(rich, 2) if many else [buy(rich)]
        refuse(market, code)

        purchases.submit(rows[0])

        assert [(fresh(row).status, fresh(row).error_code, kinds(row)) for row in rows] == [
            ("refused", code, ["charge", "refund"])
        ] * len(rows)
        assert Wallet.objects.get().balance == 1000

    @pytest.mark.parametrize("code", [0, 7, 11, 99, -4_000])
    def test_anything_else_may_have_been_bought(self, market, rich, code):
        purchase = buy(rich)
        refuse(market, code)

        row = purchases.submit(purchase)

        assert (row.status, row.attempts, kinds(row)) == ("unknown", 1, ["charge"])
        assert Wallet.objects.get().balance == 995

    @pytest.mark.parametrize("code", [-1, -2, -3, -4, -5, -6, -7, -8, -9, -10])
    @pytest.mark.parametrize("many", [False, True], ids=["alone", "in a batch"])
    def test_what_may_pass_leaves_it_requested_and_due_later(self, market, rich, code, many):
        rows = buy_batch(rich, 2) if many else [buy(rich)]
        refuse(market, code)

        purchases.submit(rows[0])

        for row in map(fresh, rows):
            assert (row.status, row.attempts, row.submitted_at, kinds(row)) == ("requested", 0, None, ["charge"])
            assert row.next_poll_at == timezone.now() + schedule.backoff(0)
            assert (row.error_code, row.needs_review) == (code, False)


@pytest.mark.database
class TestWhatWasDecidedBefore:
    """A row that is sent moves forward in time, so that whatever was decided about it before is decided anew."""

    @pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), timedelta(days=-1)])
    def test_the_first_sending_moves_it_forward(self, market, clock, late):
        purchase = make_purchase()
        before = fresh(purchase).updated_at
        clock.shift(late)

        assert sending._claim_unsent([purchase.pk], timezone.now())

        assert fresh(purchase).updated_at == max(timezone.now(), before + timedelta(microseconds=1))

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_it_moves_forward_wherever_the_site_keeps_its_time(self, market, clock, settings, use_tz):
        settings.TIME_ZONE = "Asia/Kathmandu"
        settings.USE_TZ = use_tz
        purchase = make_purchase()
        before = fresh(purchase).updated_at
        clock.shift(timedelta(seconds=1))

        sending._claim_unsent([purchase.pk], utc_now())

        assert fresh(purchase).updated_at == before + timedelta(seconds=1)
        sending.resend(fresh(purchase))
        assert fresh(purchase).updated_at > before + timedelta(seconds=1)

    def test_it_is_not_sent_again_if_anything_was_written_since_it_was_read(self, market):
        purchase = make_purchase(status="unknown")
        stale = fresh(purchase)
        records.change(Purchase, purchase.pk, edits.Source.FLOW, lambda edit: edit.set(error_reason="news"))

        assert sending.resend(stale) is None
        assert market.calls == []

    def test_the_answer_is_recorded_all_the_same(self, market, rich):
        row = purchases.submit(buy(rich))
        assert (row.status, row.attempts) == ("creating_trade", 1)

        market.single = lambda custom_id: PurchaseReport(status="accepted", custom_id=custom_id, buy_id=custom_id)
        doubtful = make_purchase(status="unknown")
        sending.resend(doubtful)
        assert fresh(doubtful).status == "accepted"
