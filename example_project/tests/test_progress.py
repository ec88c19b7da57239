"""The page of a deposit or a purchase says what happened to the skins and to the money."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import User
from django.urls import reverse

from django_skinsback import deposits, purchases
from django_skinsback.models import Deposit, MarketItem, Purchase
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport
from example_project.tests.conftest import TRADE_URL
from example_project.wallet.models import Wallet

pytestmark = pytest.mark.django_db

CREDIT, REVERSAL = "+$13.08", "\N{MINUS SIGN}$13.08"


@pytest.fixture
def operator(db):
    return User.objects.create_superuser("operator")


@pytest.fixture
def show(shop):
    """Return the text of the page of a deposit or a purchase of bob's."""

    def show(row):
        kind = "deposit" if isinstance(row, Deposit) else "purchase"
        page = shop.get(reverse(f"shop:{kind}_page", args=[row.public_id])).text
        return page.partition("<main")[2]

    return show


@pytest.fixture
def history(shop):
    """The rows of bob's history."""
    return lambda: shop.get(reverse("shop:history")).text.partition("<main")[2]


def pay(user, *statuses, **values):
    """Make a deposit of 13.08 dollars and record reports with these statuses."""
    deposit = make_deposit(user=user, pay_url="https://skinsback.com/pay", **values)
    paid = {"amount": Decimal("10.9"), "user_amount": Decimal("13.08"), "amount_currency": "usd"}
    for status in statuses:
        deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **paid), "webhook")
    deposit.refresh_from_db()
    return deposit


def reviewed(deposit):
    Deposit.objects.filter(pk=deposit.pk).update(
        needs_review=True, review_reasons=[{"code": "unknown_status", "data": {"status": "gifted"}}]
    )
    deposit.refresh_from_db()
    return deposit


def order(user, **values):
    options = {"market_hash_name": "AWP | Chalk River (Field-Tested)", "game": "cs2", "max_price": 10, "charge": 11}
    return purchases.buy(user=user, trade_url=TRADE_URL, charge_currency="usd", **{**options, **values})


class TestDeposits:
    def test_a_credited_deposit_shows_what_was_added(self, bob, show):
        page = show(pay(bob, "in_hold", "hold_approved"))
        assert CREDIT in page
        assert REVERSAL not in page

    def test_a_returned_deposit_shows_what_left_the_wallet_and_no_green_amount(self, bob, show, history):
        page = show(pay(bob, "in_hold", "hold_approved", "hold_returned"))
        assert f'<p class="sum out">{REVERSAL}</p>' in page
        assert CREDIT not in page
        assert "has left your wallet" in page
        assert "New deposit" in page
        assert '<s class="quiet">$13.08</s>' in history()

    def test_a_hold_returned_before_approval_says_that_the_trade_was_taken_back(self, bob, show, history):
        page = show(pay(bob, "in_hold", "fail"))
        assert "The trade was taken back" in page
        assert "nothing was credited" in page
        assert "Deposit not completed" not in page
        assert "The trade was taken back" in history()

    def test_a_returned_deposit_that_was_never_credited_does_not_say_that_money_left_the_wallet(self, bob, show):
        assert "left your wallet" not in show(pay(bob, "in_hold", "hold_returned"))

    def test_a_deposit_that_never_opened_is_not_said_to_have_expired(self, bob, show, history):
        page = show(make_deposit(user=bob, status="abandoned", pay_url=""))
        assert "The deposit could not be opened" in page
        assert "expired" not in page
        assert "The deposit could not be opened" in history()

    def test_a_pay_page_that_was_not_used_in_time_has_expired(self, bob, show):
        assert "The pay page has expired" in show(pay(bob, status="abandoned"))

    def test_a_credit_that_an_operator_took_back_is_not_in_the_wallet(self, bob, operator, show):
        deposit = reviewed(pay(bob, "success"))
        deposits.settle(deposit, "reverse", by=operator)
        page = show(deposit)
        assert "The money is in your wallet." not in page
        assert CREDIT not in page
        assert "The credit was taken back" in page

    def test_a_failed_deposit_that_an_operator_credited_says_that_the_money_is_there(self, bob, operator, show):
        deposit = reviewed(pay(bob, "in_hold", "fail"))
        deposits.settle(deposit, "credit", by=operator)
        page = show(deposit)
        assert CREDIT in page
        assert "nothing was credited" not in page
        assert "Credited by our team" in page

    def test_a_success_whose_credit_is_withheld_does_not_say_that_the_money_is_there(self, bob, show):
        page = show(pay(bob, "success", currency="eur", min_amount=Decimal(100)))
        assert "The money is in your wallet." not in page
        assert "We are checking your deposit" in page
        assert Wallet.objects.get(user=bob).balance == 100


class TestPurchases:
    def test_an_order_that_an_operator_cancelled_does_not_look_refused(self, bob, operator, show, history):
        purchase = purchases.cancel(order(bob), by=operator)
        page = show(purchase)
        assert "Your order was cancelled" in page
        assert "did not accept" not in page
        assert "could not be bought" not in page
        assert "Your money is back in your wallet." in page
        assert "Your order was cancelled" in history()
        assert '<s class="quiet">$11.00</s>' in history()

    def test_an_order_just_placed_takes_a_moment(self, bob, show):
        assert "This takes a moment." in show(order(bob))

    def test_an_order_that_waits_longer_than_a_moment_says_so(self, bob, show):
        with time_machine.travel(datetime(2026, 5, 1, tzinfo=UTC), tick=False) as traveller:
            purchase = order(bob)
            traveller.shift(timedelta(seconds=12))
            page = show(purchase)
        assert "This takes a moment." not in page
        assert "The market does not answer at the moment." in page

    def test_an_order_that_could_not_be_sent_says_so_at_once(self, bob, sandbox, show):
        purchase = order(bob)
        sandbox.stop()
        purchases.submit(purchase)
        assert "The market does not answer at the moment." in show(purchase)

    def test_the_end_of_the_hold_is_estimated_if_skinsback_does_not_give_it(self, bob, show):
        with time_machine.travel("2026-05-01T12:00Z", tick=False):
            purchase = order(bob)
            Purchase.objects.update(status="waiting_accept", attempts=1)
            purchases.record_report(PurchaseReport(status="accepted", custom_id=purchase.custom_id), "webhook")
            assert "lasts 8 days: until about May 9, 2026 the trade can be taken back" in show(purchase)

    @pytest.mark.parametrize(
        ("values", "note"),
        [
            ({"in_hold": True, "in_hold_until": datetime(2026, 5, 8, tzinfo=UTC)}, "until May 8, 2026 the trade"),
            ({"in_hold": False}, ""),
            ({"game": "rust"}, ""),
            ({"accepted_at": datetime(2026, 4, 20, tzinfo=UTC)}, ""),
        ],
    )
    def test_the_hold_is_shown_only_if_there_is_one(self, bob, show, values, note):
        with time_machine.travel("2026-05-01T12:00Z", tick=False):
            page = show(make_purchase(user=bob, status="accepted", **values))
        assert (note in page) if note else ("Trade Protection" not in page)

    def test_the_hold_of_eight_days_is_shown_before_a_cs2_skin_is_ordered(self, shop, item):
        assert "for 8 days after you accept" in shop.get(reverse("shop:withdraw", args=[item.pk])).text
        MarketItem.objects.update(game="rust")
        assert "8 days" not in shop.get(reverse("shop:withdraw", args=[item.pk])).text


def test_the_admin_shows_a_wallets_balance_and_no_millionths(client, bob, operator):
    client.force_login(operator)
    page = client.get(reverse("admin:wallet_wallet_change", args=[bob.wallets.get().pk])).text
    assert "illionths" not in page
    assert ">100<" in page
