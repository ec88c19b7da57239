"""A charge is not refunded while its purchase may still be sold, and a refunded purchase is never sent again."""

from datetime import timedelta

import pytest

from django_skinsback import purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import InvalidInput, PurchaseNotFound
from django_skinsback.flows.polling.purchases import poll_purchases
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
def charged(user):
    Wallet.objects.create(user=user, balance=100)

    def make(**values):
        details = {"charge_amount": 5, "charge_currency": "usd", "needs_review": True, **values}
        purchase = make_purchase(user=user, **details)
        LedgerEntry.objects.create(purchase=purchase, kind=EntryKind.CHARGE, amount=-5, currency="usd", user=user)
        return Purchase.objects.get(pk=purchase.pk)

    return make


@pytest.fixture
def sold(monkeypatch):
    """Custom IDs that were sent to SkinsBack, which knows no purchase."""
    sold = []

    def buy_skin(*_args, custom_id, **_options):
        sold.append(custom_id)
        return PurchaseReport(status="creating_trade", custom_id=custom_id)

    def buy_skins(_client, _receiver, items):
        sold.extend(item["custom_id"] for item in items)
        raise PurchaseNotFound("market_batch_buy", 2, "nothing")

    def unknown(*_args, **_ids):
        raise PurchaseNotFound("market_getinfo", 2, "offer_not_found")

    monkeypatch.setattr(SkinsBackClient, "buy_skin", buy_skin)
    monkeypatch.setattr(SkinsBackClient, "buy_skins", buy_skins)
    monkeypatch.setattr(SkinsBackClient, "get_purchases", unknown)
    return sold


def refunded(purchase):
    purchase.refresh_from_db()
    return purchase.entries.filter(kind="refund").exists()


@pytest.mark.parametrize("status", ["creating_trade", "waiting_accept"])
@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=2)])
def test_no_refund_while_the_user_may_accept_the_offer(charged, operator, status, age):
    purchase = charged(status=status, submitted_at=utc_now() - age)

    with pytest.raises(InvalidInput, match="may still accept"):
        purchases.settle(purchase, "refund", operator)

    assert not refunded(purchase)
    assert (purchase.status, purchase.needs_review) == (status, True)


@pytest.mark.parametrize("status", ["requested", "unknown"])
@pytest.mark.parametrize("age", [timedelta(0), schedule.RESEND_AFTER - SECOND, None], ids=["now", "almost", "no time"])
def test_no_refund_until_the_purchase_that_was_sent_had_its_time(charged, operator, status, age):
    submitted_at = None if age is None else utc_now() - age
    purchase = charged(status=status, attempts=1, submitted_at=submitted_at)

    with pytest.raises(InvalidInput, match="being sent"):
        purchases.settle(purchase, "refund", operator)

    assert not refunded(purchase)
    assert (purchase.status, purchase.needs_review) == (status, True)


@pytest.mark.parametrize("status", ["requested", "unknown"])
def test_no_refund_where_the_clock_was_ahead_when_it_was_sent(charged, operator, status):
    purchase = charged(status=status, attempts=1, submitted_at=utc_now() + timedelta(days=1))

    with pytest.raises(InvalidInput, match="being sent"):
        purchases.settle(purchase, "refund", operator)

    assert not refunded(purchase)


@pytest.mark.parametrize("status", ["creating_trade", "waiting_accept", "unknown"])
def test_keep_is_possible_all_the_same(charged, operator, status):
    purchase = charged(status=status)

    purchases.settle(purchase, "keep", operator)

    purchase.refresh_from_db()
    assert not purchase.needs_review


@pytest.mark.parametrize(
    "values",
    [
        {"status": "requested", "attempts": 0},
        {"status": "requested", "attempts": 1, "submitted_at": lambda: utc_now() - schedule.RESEND_AFTER},
        {"status": "unknown", "attempts": 1, "submitted_at": lambda: utc_now() - schedule.RESEND_AFTER},
        {"status": "unknown", "attempts": 3, "submitted_at": lambda: utc_now() - timedelta(days=1)},
    ],
    ids=["unsent", "sent and silent", "unknown", "unknown for long"],
)
def test_a_refunded_purchase_is_refused_and_never_sent_again(charged, operator, sold, values):
    values = {name: value() if callable(value) else value for name, value in values.items()}
    purchase = charged(**values, batch_id="b", skin_id="1")
    companion = charged(status="requested", batch_id="b", skin_id="2", needs_review=False)

    purchases.settle(purchase, "refund", operator)

    assert refunded(purchase)
    assert (purchase.status, purchase.next_poll_at, purchase.token) == ("refused", None, "")
    assert Wallet.objects.get().balance == 105
    purchases.submit(purchase)
    purchases.submit(companion)
    Purchase.objects.update(next_poll_at=utc_now() - SECOND)
    for _ in range(3):
        poll_purchases()
        Purchase.objects.update(next_poll_at=utc_now() - SECOND, submitted_at=utc_now() - timedelta(days=1))
    assert companion.custom_id in sold
    assert purchase.custom_id not in sold
    assert Wallet.objects.get().balance == 105


@pytest.mark.parametrize("status", ["creating_trade", "waiting_accept", "unknown"])
def test_the_page_says_why_there_is_no_refund_and_offers_none(charged, status):
    purchase = charged(status=status)
    staff = browser_of(*VIEW_ALL, "settle_purchase")

    page = act(staff, "settle", purchase)

    assert [name for name, _label in page.context["form"].fields["decision"].choices] == ["keep"]
    text = page.content.decode()
    assert "may still accept the trade offer" in text or "is being sent to SkinsBack" in text


def test_a_form_that_asks_for_it_all_the_same_is_refused_and_the_page_says_why(charged):
    purchase = charged(status="waiting_accept")
    staff = browser_of(*VIEW_ALL, "settle_purchase")
    seen = [f"{purchase.pk}:{purchases.seen(purchase)}"]

    response = act(staff, "settle", purchase, confirmed="yes", decision="refund", seen=seen)

    assert response.context["form"].errors
    assert "may still accept" in response.content.decode()
    assert str(purchase) in response.content.decode()
    assert not refunded(purchase)
