"""Texts on the page of a row: the explanation of its status, its hold, and decisions of operators."""

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases
from django_skinsback.admin import display, labels
from django_skinsback.models import Deposit, Purchase, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, browser_of, list_url, page_url
from .test_discrepancies import make_discrepancy

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def page_of(row):
    return re.sub(r"\s+", " ", browser_of(*VIEW_ALL).get(page_url(row)).content.decode())


def status_of(row):
    """Return the line that explains the row's status."""
    return page_of(row).partition('class="skinsback-status">')[2].partition("</p>")[0]


def hold_of(row):
    return (
        page_of(row)
        .partition("fieldBox field-shown_hold")[2]
        .partition('<div class="readonly">')[2]
        .partition("</div>")[0]
    )


def report(deposit, status):
    paid = {"amount": Decimal("10.9"), "user_amount": Decimal("13.08"), "amount_currency": "usd"}
    deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **paid), "webhook")
    deposit.refresh_from_db()
    return deposit


class TestHold:
    @pytest.mark.parametrize(
        ("values", "shown"),
        [
            ({"game": "cs2"}, "the trade can be rolled back until about May 9, 2026, noon"),
            ({"game": "cs2", "in_hold": True}, "the trade can be rolled back until about May 9, 2026, noon"),
            (
                {"game": "cs2", "in_hold": True, "in_hold_until": datetime(2026, 5, 8, 7, tzinfo=UTC)},
                "the trade can be rolled back until May 8, 2026, 7 a.m.",
            ),
            ({"game": "cs2", "in_hold": False}, "no hold: the trade cannot be rolled back"),
            ({"game": "rust"}, "no hold: the trade cannot be rolled back"),
            (
                {"game": "cs2", "accepted_at": datetime(2026, 4, 20, 12, tzinfo=UTC)},
                "ended on April 28, 2026, noon",
            ),
            ({"game": "cs2", "status": "waiting_accept"}, display.NOTHING),
        ],
    )
    def test_the_hold_of_a_purchase_is_explained(self, values, shown):
        with time_machine.travel("2026-05-01T12:00Z", tick=False):
            assert hold_of(make_purchase(**{"status": "accepted", **values})) == shown

    def test_a_purchase_accepted_by_webhook_shows_the_end_of_its_hold(self):
        with time_machine.travel("2026-05-01T12:00Z", tick=False):
            purchase = make_purchase(status="waiting_accept", game="cs2")
            purchases.record_report(PurchaseReport(status="accepted", custom_id=purchase.custom_id), "webhook")
            assert hold_of(purchase) == "the trade can be rolled back until about May 9, 2026, noon"

    @pytest.mark.parametrize(
        ("values", "explanation"),
        [
            ({"game": "cs2"}, labels.PURCHASE_EXPLANATIONS["accepted"]),
            ({"game": "rust"}, labels.PURCHASE_ACCEPTED_FINALLY),
            ({"game": "cs2", "accepted_at": timezone.now() - 9 * DAY}, labels.PURCHASE_ACCEPTED_FINALLY),
        ],
    )
    def test_the_hold_is_mentioned_only_while_it_lasts(self, values, explanation):
        status = status_of(make_purchase(status="accepted", **values))
        assert status.endswith(str(explanation).replace("'", "&#x27;"))


class TestCancelled:
    def test_a_cancelled_purchase_is_not_shown_as_refused(self, operator):
        purchase = purchases.cancel(make_purchase(), by=operator)

        status, listed = status_of(purchase), browser_of(*VIEW_ALL).get(list_url("purchase")).content.decode()

        for shown in (status, listed.partition("result_list")[2].partition("</table>")[0]):
            assert "cancelled by an operator" in shown
            assert "refused" not in shown.lower()
            assert "skinsback-badge skinsback-bad" not in shown
        assert str(labels.PURCHASE_CANCELLED) in status
        history = page_of(purchase).partition('id="skinsback-history"')[2].partition("</fieldset>")[0]
        assert "cancelled by an operator" in history
        assert "refused" not in history

    def test_a_purchase_refunded_before_it_was_sent_is_shown_as_cancelled(self, user, operator):
        Wallet.objects.create(user=user, balance=10)
        url = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
        charge = {"charge": "9", "charge_currency": "usd"}
        purchase = purchases.buy(user=user, trade_url=url, skin_id="1", game="rust", max_price="9", **charge)
        Purchase.objects.update(needs_review=True, review_reasons=[{"code": "not_sent", "data": {}}])

        purchase.refresh_from_db()
        purchases.settle(purchase, "refund", by=operator)

        purchase.refresh_from_db()
        assert "cancelled by an operator" in status_of(purchase)

    def test_a_refusal_of_skinsback_is_shown_as_refused(self):
        status = status_of(make_purchase(status="refused", error_message="skin_unavailable"))
        assert "refused" in status
        assert "operator" not in status


class TestDeposits:
    def test_a_hold_returned_before_approval_is_not_shown_as_unpaid(self):
        deposit = report(report(make_deposit(), "in_hold"), "fail")
        status = status_of(deposit)
        assert str(labels.DEPOSIT_RETURNED_UNAPPROVED) in status
        assert "Not paid" not in status

    def test_a_deposit_that_failed_without_a_hold_is_shown_as_unpaid(self):
        assert str(labels.DEPOSIT_EXPLANATIONS["fail"]) in status_of(report(make_deposit(), "fail"))

    def test_a_deposit_that_was_never_opened_is_explained(self):
        status = status_of(make_deposit(status="abandoned", pay_url=""))
        assert str(labels.DEPOSIT_NEVER_OPENED) in status

    def test_an_abandoned_deposit_is_explained(self):
        status = status_of(make_deposit(status="abandoned", pay_url="https://skinsback.com/pay", transaction_id="7"))
        assert str(labels.DEPOSIT_EXPLANATIONS["abandoned"]) in status

    @pytest.mark.parametrize("status", ["success", "hold_approved"])
    def test_a_credit_that_an_operator_reversed_is_not_shown_as_final(self, status, user, operator):
        Wallet.objects.create(user=user)
        deposit = report(make_deposit(user=user), status)
        Deposit.objects.update(needs_review=True)
        deposit = deposits.settle(Deposit.objects.get(), "reverse", by=operator)
        assert str(labels.DEPOSIT_REVERSED_BY_OPERATOR) in html.unescape(status_of(deposit))
        assert "This status is final" not in status_of(deposit)

    def test_a_failed_deposit_that_an_operator_credited_is_shown_as_credited(self, user, operator):
        Wallet.objects.create(user=user)
        money = {"user_amount": Decimal("12.6"), "amount": Decimal("10.5"), "amount_currency": "usd"}
        deposit = make_deposit(user=user, status="fail", needs_review=True, **money)
        status = status_of(deposits.settle(deposit, "credit", by=operator))
        assert str(labels.DEPOSIT_CREDITED_BY_OPERATOR) in status
        assert "was not credited" not in status


def test_the_history_shows_decision_note_and_review_reasons(operator):
    reason = {"code": "contradiction", "data": {"first": "success", "second": "fail"}}
    deposit = make_deposit(status="success", needs_review=True, review_reasons=[reason])
    page = page_of(deposits.settle(deposit, "keep", by=operator, note="The user confirmed it."))
    assert "<p>kept as it is</p> <p>The user confirmed it.</p>" in page
    assert "Reviewed: SkinsBack reported “success” and then the contradictory status “fail”." in page


def test_a_scrolling_table_is_accessible(user):
    make_purchase(user=user)
    customer = browser_of(*VIEW_ALL).get(f"/admin/skinsback/deposit/customer/{user.pk}/").content.decode()
    pages = [customer, page_of(make_discrepancy())]

    for page in pages:
        tags = re.findall(r'<div class="skinsback-scroll[^>]*>', page)
        assert tags
        assert all('tabindex="0" role="region" aria-label' in tag for tag in tags)


def test_a_scrolling_text_is_accessible():
    event = WebhookEvent.objects.create(
        account="default",
        kind="deposit",
        digest="d" * 64,
        body=b"{}",
        headers={"User-Agent": "SkinsBack"},
        outcome="applied",
    )
    page = browser_of(superuser=True).get(page_url(event)).content.decode()
    tags = re.findall(r"<pre[^>]*>", page)
    assert len(tags) == 2
    assert all('tabindex="0"' in tag and 'role="region"' in tag for tag in tags)
    assert [re.search(r'aria-label="([^"]+)"', tag)[1] for tag in tags] == ["Headers", "Body"]
