"""A charge is not refunded while its skin may still be bought, and a refunded purchase is never sent again."""

from datetime import timedelta

import pytest
import time_machine

from django_skinsback import purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import InvalidInput, PurchaseNotFound
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.purchases import send as sending
from django_skinsback.flows.purchases.settle import refund_obstacle
from django_skinsback.models import LedgerEntry, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.statuses import EntryKind
from django_skinsback.testing import make_purchase
from django_skinsback.wire.types import PurchaseReport
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, act, browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SECOND = timedelta(seconds=1)


@pytest.fixture
def make_charged_purchase(user):
    Wallet.objects.create(user=user, balance=100)

    def make(**values):
        details = {"charge_amount": 5, "charge_currency": "usd", "needs_review": True, **values}
        purchase = make_purchase(user=user, **details)
        LedgerEntry.objects.create(purchase=purchase, kind=EntryKind.CHARGE, amount=-5, currency="usd", user=user)
        return Purchase.objects.get(pk=purchase.pk)

    return make


@pytest.fixture
def sent_ids(monkeypatch):
    """Custom IDs that were sent to SkinsBack. It answers every poll with "not found"."""
    sent_ids = []

    def buy_skin(*_args, custom_id, **_options):
        sent_ids.append(custom_id)
        return PurchaseReport(status="creating_trade", custom_id=custom_id)

    def buy_skins(_client, _receiver, items):
        sent_ids.extend(item["custom_id"] for item in items)
        raise PurchaseNotFound("market_batch_buy", 2, "nothing")

    def not_found(*_args, **_ids):
        raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")

    monkeypatch.setattr(SkinsBackClient, "buy_skin", buy_skin)
    monkeypatch.setattr(SkinsBackClient, "buy_skins", buy_skins)
    monkeypatch.setattr(SkinsBackClient, "get_purchases", not_found)
    return sent_ids


def is_refunded(purchase):
    purchase.refresh_from_db()
    return purchase.entries.filter(kind="refund").exists()


@pytest.mark.parametrize("status", ["creating_trade", "waiting_accept"])
@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=2)])
def test_a_refund_is_refused_while_the_user_may_accept_the_trade_offer(make_charged_purchase, operator, status, age):
    purchase = make_charged_purchase(status=status, submitted_at=utc_now() - age)

    with pytest.raises(InvalidInput, match="may still accept"):
        purchases.settle(purchase, "refund", operator)

    assert not is_refunded(purchase)
    assert (purchase.status, purchase.needs_review) == (status, True)


@pytest.mark.parametrize("status", ["requested", "unknown"])
@pytest.mark.parametrize("age", [timedelta(0), schedule.REFUND_AFTER - SECOND, None], ids=["now", "almost", "no time"])
def test_a_refund_is_refused_while_the_purchase_may_still_be_in_flight(make_charged_purchase, operator, status, age):
    submitted_at = None if age is None else utc_now() - age
    purchase = make_charged_purchase(status=status, attempts=1, submitted_at=submitted_at)

    with pytest.raises(InvalidInput, match="being sent"):
        purchases.settle(purchase, "refund", operator)

    assert not is_refunded(purchase)
    assert (purchase.status, purchase.needs_review) == (status, True)


@pytest.mark.parametrize("status", ["requested", "unknown"])
def test_a_refund_is_refused_if_the_time_of_sending_is_in_the_future(make_charged_purchase, operator, status):
    purchase = make_charged_purchase(status=status, attempts=1, submitted_at=utc_now() + timedelta(days=1))

    with pytest.raises(InvalidInput, match="being sent"):
        purchases.settle(purchase, "refund", operator)

    assert not is_refunded(purchase)


def test_a_refund_is_possible_when_the_call_has_ended_also_if_this_clock_is_ahead(make_charged_purchase):
    sent_at = utc_now()
    purchase = make_charged_purchase(status="unknown", attempts=1, submitted_at=sent_at)

    assert refund_obstacle(purchase, sent_at + schedule.REFUND_AFTER - schedule.REFUND_AFTER.resolution)
    assert refund_obstacle(purchase, sent_at + schedule.REFUND_AFTER) == ""


@pytest.mark.parametrize(("pause", "sent"), [(schedule.CALL_START, True), (schedule.CALL_START + SECOND, False)])
@pytest.mark.parametrize("again", [False, True], ids=["first attempt", "repeated attempt"])
def test_a_worker_that_was_stopped_between_claim_and_call_does_not_send(
    make_charged_purchase, sent_ids, monkeypatch, pause, sent, again
):
    purchase = make_charged_purchase(status="unknown" if again else "requested", attempts=int(again))
    send_rows = sending._send_rows
    with time_machine.travel(utc_now(), tick=False) as clock:

        def send_after_a_pause(*arguments):
            clock.shift(pause)
            return send_rows(*arguments)

        monkeypatch.setattr(sending, "_send_rows", send_after_a_pause)
        sending.resend(purchase) if again else sending.dispatch(purchase)

    purchase.refresh_from_db()
    assert bool(sent_ids) is sent
    assert purchase.attempts == int(again) + int(sent)
    if not sent:
        assert (purchase.status, purchase.error_message) == ("unknown" if again else "requested", "RequestNotSent")
        assert purchase.next_poll_at is not None


def test_a_purchase_that_was_refunded_while_its_worker_was_stopped_is_not_sent(
    make_charged_purchase, operator, sent_ids, monkeypatch
):
    purchase = make_charged_purchase(status="requested", attempts=0)
    send_rows = sending._send_rows
    with time_machine.travel(utc_now(), tick=False) as clock:

        def refund_meanwhile(*arguments):
            clock.shift(schedule.REFUND_AFTER)
            purchases.settle(Purchase.objects.get(), "refund", operator)
            return send_rows(*arguments)

        monkeypatch.setattr(sending, "_send_rows", refund_meanwhile)
        purchases.submit(purchase)

    assert is_refunded(purchase)
    assert (sent_ids, purchase.status, purchase.attempts) == ([], "refused", 1)


@pytest.mark.parametrize("status", ["creating_trade", "waiting_accept", "unknown"])
def test_keep_is_allowed_while_a_refund_is_refused(make_charged_purchase, operator, status):
    purchase = make_charged_purchase(status=status)

    purchases.settle(purchase, "keep", operator)

    purchase.refresh_from_db()
    assert not purchase.needs_review


@pytest.mark.parametrize(
    "values",
    [
        {"status": "requested", "attempts": 0},
        {"status": "requested", "attempts": 1, "submitted_at": lambda: utc_now() - schedule.REFUND_AFTER},
        {"status": "unknown", "attempts": 1, "submitted_at": lambda: utc_now() - schedule.REFUND_AFTER},
        {"status": "unknown", "attempts": 3, "submitted_at": lambda: utc_now() - timedelta(days=1)},
    ],
    ids=["unsent", "sent and silent", "unknown", "unknown for long"],
)
def test_a_refunded_purchase_is_refused_and_never_sent_again(make_charged_purchase, operator, sent_ids, values):
    values = {name: value() if callable(value) else value for name, value in values.items()}
    purchase = make_charged_purchase(**values, batch_id="b", skin_id="1")
    other_of_batch = make_charged_purchase(status="requested", batch_id="b", skin_id="2", needs_review=False)

    purchases.settle(purchase, "refund", operator)

    assert is_refunded(purchase)
    assert (purchase.status, purchase.next_poll_at, purchase.token) == ("refused", None, "")
    assert Wallet.objects.get().balance == 105
    purchases.submit(purchase)
    purchases.submit(other_of_batch)
    Purchase.objects.update(next_poll_at=utc_now() - SECOND)
    for _ in range(3):
        poll_purchases()
        Purchase.objects.update(next_poll_at=utc_now() - SECOND, submitted_at=utc_now() - timedelta(days=1))
    assert other_of_batch.custom_id in sent_ids
    assert purchase.custom_id not in sent_ids
    assert Wallet.objects.get().balance == 105


@pytest.mark.parametrize("status", ["creating_trade", "waiting_accept", "unknown"])
def test_the_page_explains_why_a_refund_is_refused_and_does_not_offer_it(make_charged_purchase, status):
    purchase = make_charged_purchase(status=status)
    staff = browser_of(*VIEW_ALL, "settle_purchase")

    page = act(staff, "settle", purchase)

    assert [name for name, _label in page.context["form"].fields["decision"].choices] == ["keep"]
    text = page.content.decode()
    assert "may still accept the trade offer" in text or "is being sent to SkinsBack" in text


def test_a_form_that_sends_a_refused_refund_shows_the_reason_and_posts_nothing(make_charged_purchase):
    purchase = make_charged_purchase(status="waiting_accept")
    staff = browser_of(*VIEW_ALL, "settle_purchase")
    seen = [f"{purchase.pk}:{purchases.seen(purchase)}"]

    response = act(staff, "settle", purchase, confirmed="yes", decision="refund", seen=seen)

    assert response.context["form"].errors
    assert "may still accept" in response.content.decode()
    assert str(purchase) in response.content.decode()
    assert not is_refunded(purchase)
