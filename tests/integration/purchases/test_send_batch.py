"""Sending a batch: one call for all skins, one outcome for each skin, and the effect of each error code."""

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
    with time_machine.travel(timezone.now(), tick=False) as time_travel:
        yield time_travel


@pytest.fixture
def funded_user(user):
    return Wallet.objects.create(user=user, balance=1000).user


class Market:
    """Stores the calls of the buying methods. ``batch`` makes the result of a batch from its custom IDs by skin ID."""

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


def buy(user, **options):
    options = {"max_price": 5, "charge": 5, "charge_currency": "usd", **options}
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
    def test_a_batch_of_two_skins_is_sent_in_one_call(self, market, funded_user):
        rows = buy_batch(funded_user, 2)

        purchases.submit(rows[1])

        assert market.calls == [("market_batch_buy", [row.custom_id for row in rows])]
        assert [fresh(row).status for row in rows] == ["creating_trade"] * 2

    def test_sending_one_batch_does_not_send_another(self, market, funded_user):
        rows, others = buy_batch(funded_user, 2), buy_batch(funded_user, 2)

        purchases.submit(rows[0])

        assert market.calls == [("market_batch_buy", [row.custom_id for row in rows])]
        assert [fresh(row).attempts for row in others] == [0, 0]

    def test_a_batch_that_is_being_sent_is_not_sent_again(self, market, funded_user):
        rows = buy_batch(funded_user, 2)
        send, market.batch = market.batch, lambda ids: purchases.submit(fresh(rows[1])) and send(ids)

        purchases.submit(rows[0])

        assert len(market.calls) == 1
        assert [fresh(row).attempts for row in rows] == [1, 1]

    def test_a_purchase_of_another_account_is_sent_and_recorded(self, market, funded_user):
        row = buy(funded_user, account="second")

        purchases.submit(row)

        assert (fresh(row).status, fresh(row).buy_id) == ("creating_trade", row.custom_id)

    def test_the_sweep_sends_a_batch_in_one_call(self, market, funded_user):
        rows = buy_batch(funded_user, 3)

        assert poll_purchases("default").changed == 3

        assert market.calls == [("market_batch_buy", [row.custom_id for row in rows])]

    def test_the_last_purchase_of_a_cancelled_batch_is_bought_alone(self, market, funded_user):
        rows = buy_batch(funded_user, 3)
        for row in rows[:2]:
            purchases.cancel(row)

        purchases.submit(rows[2])

        assert market.calls == [("market_buy", [rows[2].custom_id])]
        assert fresh(rows[2]).status == "creating_trade"

    def test_a_skin_that_is_missing_in_the_answer_is_unknown_and_not_refunded(self, market, funded_user):
        rows = buy_batch(funded_user, 3)
        refusal = APIError.for_answer("market_batch_buy", 5, "skin_unavailable")

        def answer(ids):
            return BatchResult(purchased=[market.single(ids["1"])], unavailable={"2": refusal})

        market.batch = answer
        purchases.submit(rows[0])

        assert [fresh(row).status for row in rows] == ["creating_trade", "refused", "unknown"]
        assert [kinds(row) for row in rows] == [["charge"], ["charge", "refund"], ["charge"]]
        assert (fresh(rows[2]).attempts, fresh(rows[2]).needs_review) == (1, False)
        assert rows[2].changes.latest("pk").note == "The answer does not mention this skin."
        assert fresh(rows[2]).next_poll_at == timezone.now() + schedule.RESEND_AFTER

    @pytest.mark.parametrize("named", ["custom_id", "skin_id"])
    def test_answers_are_matched_by_either_id_in_any_order(self, market, funded_user, named):
        rows = buy_batch(funded_user, 3)

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
    def test_a_batch_above_the_limit_is_sent_in_several_calls(self, market, funded_user, chosen):
        rows = buy_batch(funded_user, 120)

        row = purchases.submit(rows[chosen])

        assert row.status == "creating_trade"
        assert [len(ids) for _, ids in market.calls] == [50, 50, 20]
        assert sorted(custom_id for _, ids in market.calls for custom_id in ids) == sorted(
            row.custom_id for row in rows
        )
        assert set(Purchase.objects.values_list("attempts", "status")) == {(1, "creating_trade")}

    @pytest.mark.parametrize("code", [-7, -9])
    def test_an_account_wide_error_in_the_first_call_stops_the_other_calls(self, market, funded_user, code):
        rows = buy_batch(funded_user, 60)
        refuse(market, code)

        purchases.submit(rows[55])

        assert len(market.calls) == 1
        assert set(Purchase.objects.values_list("attempts", "status")) == {(0, "requested")}

    def test_a_part_of_a_batch_that_could_not_be_sent_is_not_retried_in_the_same_call(self, market, funded_user):
        rows = buy_batch(funded_user, 60)

        def answer(_ids):
            raise InvalidInput("odd")

        market.batch = answer
        purchases.submit(rows[0])

        assert [len(ids) for _, ids in market.calls] == [50, 10]
        assert set(Purchase.objects.values_list("attempts", "status")) == {(0, "requested")}


class TestErrorCodes:
    @pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 9, 10])
    @pytest.mark.parametrize("in_batch", [False, True], ids=["alone", "in a batch"])
    def test_a_refused_purchase_is_refunded(self, market, funded_user, code, in_batch):
        rows = buy_batch(funded_user, 2) if in_batch else [buy(funded_user)]
        refuse(market, code)

        purchases.submit(rows[0])

        assert [(fresh(row).status, fresh(row).error_code, kinds(row)) for row in rows] == [
            ("refused", code, ["charge", "refund"])
        ] * len(rows)
        assert Wallet.objects.get().balance == 1000

    @pytest.mark.parametrize("code", [0, 7, 11, 99, -4_000])
    def test_an_undocumented_error_code_leaves_the_purchase_unknown_and_charged(self, market, funded_user, code):
        purchase = buy(funded_user)
        refuse(market, code)

        row = purchases.submit(purchase)

        assert (row.status, row.attempts, kinds(row)) == ("unknown", 1, ["charge"])
        assert Wallet.objects.get().balance == 995

    @pytest.mark.parametrize("code", [-1, -2, -3, -4, -5, -6, -7, -8, -9, -10])
    @pytest.mark.parametrize("in_batch", [False, True], ids=["alone", "in a batch"])
    def test_an_account_wide_error_leaves_the_purchase_requested_and_due_later(
        self, market, funded_user, code, in_batch
    ):
        rows = buy_batch(funded_user, 2) if in_batch else [buy(funded_user)]
        refuse(market, code)

        purchases.submit(rows[0])

        for row in map(fresh, rows):
            assert (row.status, row.attempts, row.submitted_at, kinds(row)) == ("requested", 0, None, ["charge"])
            assert row.next_poll_at == timezone.now() + schedule.backoff(0)
            assert (row.error_code, row.needs_review) == (code, False)


@pytest.mark.database
class TestUpdatedAt:
    """A claim increases updated_at, so that a decision about the row as it was before is refused."""

    @pytest.mark.parametrize("elapsed", [timedelta(0), timedelta(seconds=1), timedelta(days=-1)])
    def test_the_first_claim_increases_updated_at(self, market, clock, elapsed):
        purchase = make_purchase()
        before = fresh(purchase).updated_at
        clock.shift(elapsed)

        assert sending._claim_unsent([purchase.pk], timezone.now())

        assert fresh(purchase).updated_at == max(timezone.now(), before + timedelta(microseconds=1))

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_each_claim_increases_updated_at_in_any_time_zone_setting(self, market, clock, settings, use_tz):
        settings.TIME_ZONE = "Asia/Kathmandu"
        settings.USE_TZ = use_tz
        purchase = make_purchase()
        before = fresh(purchase).updated_at
        clock.shift(timedelta(seconds=1))

        sending._claim_unsent([purchase.pk], utc_now())

        assert fresh(purchase).updated_at == before + timedelta(seconds=1)
        sending.resend(fresh(purchase))
        assert fresh(purchase).updated_at > before + timedelta(seconds=1)

    def test_a_purchase_that_was_written_since_it_was_read_is_not_sent_again(self, market):
        purchase = make_purchase(status="unknown")
        stale = fresh(purchase)
        records.change(Purchase, purchase.pk, edits.Source.FLOW, lambda edit: edit.set(error_reason="news"))

        assert sending.resend(stale) is None
        assert market.calls == []

    def test_the_answer_of_a_sent_purchase_is_recorded(self, market, funded_user):
        row = purchases.submit(buy(funded_user))
        assert (row.status, row.attempts) == ("creating_trade", 1)

        market.single = lambda custom_id: PurchaseReport(status="accepted", custom_id=custom_id, buy_id=custom_id)
        unknown_purchase = make_purchase(status="unknown")
        sending.resend(unknown_purchase)
        assert fresh(unknown_purchase).status == "accepted"
