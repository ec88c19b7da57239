"""What is stored of a purchase before it is sent and after each kind of answer, and when it is due next."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone

from django_skinsback import purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import APIError, RequestNotSent, RowDeleted, UnknownOutcome
from django_skinsback.flows.purchases import send as sending
from django_skinsback.models import Purchase
from django_skinsback.testing import make_purchase
from django_skinsback.wire.types import PurchaseReport

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


@pytest.fixture
def sent(monkeypatch):
    """The custom IDs that were sent by ``market_buy``. Set ``sent.answer`` to a report or an error."""

    class Sent(list):
        answer = UnknownOutcome("The connection was lost.")

    ids = Sent()

    def buy_skin(_client, _trade_url, *, custom_id, **_options):
        ids.append(custom_id)
        if isinstance(ids.answer, Exception):
            raise ids.answer
        return ids.answer

    monkeypatch.setattr(SkinsBackClient, "buy_skin", buy_skin)
    return ids


def api_error(code, message="no_money"):
    return APIError.for_answer("market_buy", code, message)


def fresh(row):
    return Purchase.objects.get(pk=row.pk)


class TestBeforeTheCall:
    def test_the_attempt_and_the_time_of_the_next_one_are_stored_before_the_call(self, sent, now, monkeypatch):
        purchase, seen = make_purchase(), []
        monkeypatch.setattr(
            sending, "_call_skinsback", lambda _client, rows: seen.append(fresh(rows[0])) or [sent.answer]
        )

        purchases.submit(purchase)

        assert (seen[0].attempts, seen[0].submitted_at) == (1, now)
        assert seen[0].next_poll_at == now + schedule.RESEND_AFTER

    def test_sending_one_purchase_sends_no_other(self, sent):
        rows = [make_purchase() for _ in range(3)]

        purchases.submit(rows[1])

        assert sent == [rows[1].custom_id]
        assert [fresh(row).attempts for row in rows] == [0, 1, 0]

    def test_a_purchase_of_the_batch_that_another_worker_has_claimed_is_not_claimed_again(self, now):
        claimed, unsent = (make_purchase(batch_id="b") for _ in range(2))
        Purchase.objects.filter(pk=claimed.pk).update(attempts=1, submitted_at=now - timedelta(seconds=1))

        assert sending._claim_unsent([claimed.pk, unsent.pk], now) == [unsent]
        assert fresh(claimed).attempts == 1

    def test_sending_one_purchase_again_sends_no_other(self, sent):
        rows = [make_purchase(status="unknown") for _ in range(3)]

        sending.resend(rows[1])

        assert sent == [rows[1].custom_id]
        assert [fresh(row).attempts for row in rows] == [1, 2, 1]

    @pytest.mark.parametrize(
        "meanwhile",
        [{"status": "refused"}, {"status": "creating_trade"}, {"attempts": 2}, {"buy_id": "77"}],
        ids=["given up", "found", "sent by another worker", "bought"],
    )
    def test_a_purchase_that_changed_since_it_was_read_is_not_sent_again(self, sent, meanwhile):
        purchase = make_purchase(status="unknown")
        Purchase.objects.update(**meanwhile)

        assert sending.resend(purchase) is None

        assert sent == []
        assert fresh(purchase).attempts == meanwhile.get("attempts", 1)

    def test_dispatch_and_resend_return_only_account_wide_errors(self, sent):
        sent.answer = api_error(-7, "too_many_requests")
        assert sending.dispatch(make_purchase()) is sent.answer
        assert sending.resend(make_purchase(status="unknown")) is sent.answer

        sent.answer = api_error(4)
        assert sending.dispatch(make_purchase()) is None
        assert sending.resend(make_purchase(status="unknown")) is None


class TestAfterTheCall:
    @pytest.mark.parametrize(
        ("error", "code", "message"),
        [(RequestNotSent(), None, "RequestNotSent"), (api_error(-9, "under_maintenance"), -9, "under_maintenance")],
        ids=["not sent", "maintenance"],
    )
    def test_a_purchase_that_was_certainly_not_bought_is_requested_again(self, sent, now, error, code, message):
        purchase = make_purchase(poll_count=3, error_code=5)
        sent.answer = error

        row = purchases.submit(purchase)

        assert (row.status, row.attempts, row.submitted_at, row.poll_count) == ("requested", 0, None, 4)
        assert row.next_poll_at == now + schedule.backoff(3)
        assert (row.error_code, row.error_message) == (code, message)
        assert not row.needs_review

    def test_an_earlier_attempt_of_unknown_outcome_stays_counted(self, sent, now):
        purchase = make_purchase(status="unknown")
        sent.answer = RequestNotSent()

        sending.resend(purchase)

        row = fresh(purchase)
        assert (row.status, row.attempts, row.submitted_at) == ("unknown", 1, now)

    @pytest.mark.parametrize(("over_limit", "reviewed"), [(timedelta(0), False), (timedelta(seconds=1), True)])
    def test_a_purchase_that_could_not_be_sent_for_more_than_a_day_is_flagged(self, sent, now, over_limit, reviewed):
        purchase = make_purchase(created_at=now - schedule.REVIEW_AFTER - over_limit)
        Purchase.objects.update(created_at=now - schedule.REVIEW_AFTER - over_limit)
        sent.answer = api_error(-9, "under_maintenance")

        row = purchases.submit(purchase)

        assert row.needs_review is reviewed
        assert row.review_reason == ("The purchase could not be sent for more than a day." if reviewed else "")
        assert row.error_message == "under_maintenance"

    def test_a_refusal_is_stored_in_the_row_and_in_its_history(self, sent):
        sent.answer = api_error(4)

        row = purchases.submit(make_purchase())

        assert (row.status, row.error_code, row.error_message) == ("refused", 4, "no_money")
        assert row.changes.get().note == str(sent.answer)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_code_that_is_too_large_for_the_column_is_stored_with_the_message(self, sent, sign):
        largest = sign * (2**31 - 1)
        purchase, stored = make_purchase(error_code=5), []
        for code in (largest, largest + sign):
            sent.answer = api_error(code, "request_limit_reached")
            row = purchases.submit(purchase)
            stored.append((row.status, row.error_code, row.error_message))

        assert stored == [
            ("requested", largest, "request_limit_reached"),
            ("requested", None, f"{largest + sign} request_limit_reached"),
        ]

    def test_a_refusal_of_a_repeated_attempt_is_flagged_and_polled_with_a_backoff(self, sent, now):
        purchase = make_purchase(status="unknown", poll_count=3)
        sent.answer = api_error(4)

        sending.resend(purchase)

        row = fresh(purchase)
        assert (row.status, row.needs_review, row.poll_count) == ("unknown", True, 4)
        assert row.next_poll_at == now + schedule.backoff(3)
        assert "no_money" in row.review_reason

    @pytest.mark.parametrize(
        ("error", "due"),
        [
            (UnknownOutcome("The connection was lost."), schedule.RESEND_AFTER),
            (api_error(99, "new_word"), schedule.RESEND_AFTER),
            (api_error(7, "custom_id_already_exists"), timedelta(0)),
        ],
        ids=["no answer", "undocumented code", "bought by an earlier attempt"],
    )
    def test_a_purchase_that_may_have_been_bought_is_polled(self, sent, now, error, due):
        sent.answer = error

        row = purchases.submit(make_purchase())

        assert (row.status, row.attempts, row.next_poll_at) == ("unknown", 1, now + due)
        assert row.changes.get().note == str(error)

    def test_an_answer_about_another_purchase_is_not_recorded(self, sent, now):
        other = make_purchase(status="waiting_accept")
        sent.answer = PurchaseReport(status="accepted", custom_id=other.custom_id, buy_id=other.buy_id)

        row = purchases.submit(make_purchase())

        assert (row.status, row.buy_id, row.next_poll_at) == ("unknown", None, now)
        assert row.changes.get().note == "The answer was about another purchase."
        assert fresh(other).status == "waiting_accept"

    def test_an_answer_without_a_custom_id_is_recorded_for_the_sent_purchase(self, sent):
        sent.answer = PurchaseReport(status="creating_trade", buy_id="77", debited_amount=Decimal(5))

        row = purchases.submit(make_purchase())

        assert (row.status, row.buy_id, row.debited_amount) == ("creating_trade", "77", 5)

    @pytest.mark.parametrize(
        "error", [RequestNotSent(), api_error(4), UnknownOutcome()], ids=lambda e: type(e).__name__
    )
    def test_a_webhook_before_the_answer_is_not_overwritten(self, sent, error, monkeypatch):
        purchase = make_purchase()

        def call(_client, rows):
            report = PurchaseReport(status="waiting_accept", custom_id=rows[0].custom_id, buy_id="77")
            purchases.record_report(report, "webhook")
            return [error]

        monkeypatch.setattr(sending, "_call_skinsback", call)

        row = purchases.submit(purchase)

        assert (row.status, row.attempts, row.buy_id, row.error_message) == ("waiting_accept", 1, "77", "")


@pytest.mark.parametrize("attempts", [0, 1], ids=["never sent", "sent"])
@pytest.mark.parametrize("flow", [purchases.submit, lambda row: purchases.refresh([row])], ids=["submit", "refresh"])
def test_a_row_that_was_deleted_raises_row_deleted(sent, monkeypatch, flow, attempts):
    purchase = make_purchase(attempts=attempts)
    monkeypatch.setattr(SkinsBackClient, "get_purchases", lambda *_args, custom_ids: [])
    Purchase.objects.filter(pk=purchase.pk).delete()

    with pytest.raises(RowDeleted):
        flow(purchase)

    assert sent == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", [False, True], ids=["first attempt", "repeated attempt"])
def test_a_claim_is_repeated_after_a_deadlock(sent, again):
    purchase, deadlocks = make_purchase(status="unknown" if again else "requested"), []

    def deadlock_once(execute, sql, *arguments):
        if sql.startswith("UPDATE") and "attempts" in sql and not deadlocks:
            deadlocks.append(sql)
            raise OperationalError("database is locked")
        return execute(sql, *arguments)

    with connection.execute_wrapper(deadlock_once):
        sending.resend(purchase) if again else sending.dispatch(purchase)

    assert (len(deadlocks), sent) == (1, [purchase.custom_id])
    assert fresh(purchase).attempts == 1 + again
