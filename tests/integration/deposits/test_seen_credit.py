"""CREDIT is called to show a deposit and to compare a decision. What it writes there is rolled back."""

from decimal import Decimal

import pytest
from django.db import connection

from django_skinsback import deposits
from django_skinsback.exceptions import RowChanged
from django_skinsback.models import Deposit, LedgerEntry
from django_skinsback.testing import make_deposit
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, act, browser_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

REASON = {"code": "unknown_status", "data": {"status": "gifted"}}
PAID = {"amount": Decimal("10.5"), "user_amount": Decimal("12.6"), "amount_currency": "usd"}


def credit_that_saves(deposit):
    """A CREDIT function that saves the deposit it receives, as the documentation allows."""
    deposit.metadata = {**deposit.metadata, "rate": "2"}
    deposit.save()
    return deposit.user_amount * 2, "points"


def credit_that_locks(deposit):
    Wallet.objects.select_for_update().get_or_create(user=deposit.user)
    return deposit.user_amount, deposit.amount_currency


RATES: list[int] = []


def credit_that_grows(deposit):
    RATES.append(len(RATES) + 1)
    return deposit.user_amount * RATES[-1], "points"


@pytest.fixture
def set_credit(settings):
    def change_setting(function):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.{function.__name__}"}

    return change_setting


@pytest.fixture
def withheld(user):
    return make_deposit(user=user, needs_review=True, review_reasons=[REASON], **PAID)


def test_a_stale_instance_that_a_credit_function_saves_does_not_overwrite_a_later_report(
    withheld, set_credit, operator
):
    set_credit(credit_that_saves)
    Deposit.objects.filter(pk=withheld.pk).update(status="fail", amount=Decimal(3), user_amount=Decimal(4))

    with pytest.raises(RowChanged):
        deposits.settle(withheld, "credit", by=operator)

    stored = Deposit.objects.get()
    assert (stored.status, stored.user_amount, stored.metadata) == ("fail", Decimal(4), {})
    assert not LedgerEntry.objects.exists()


def test_showing_the_credit_saves_nothing_of_the_credit_function(withheld, set_credit):
    set_credit(credit_that_saves)
    before = Deposit.objects.values().get()

    deposits.seen(withheld)
    page = act(browser_of(*VIEW_ALL, superuser=True), "settle", withheld)

    assert "25.2" in page.content.decode()
    assert Deposit.objects.values().get() == before
    assert withheld.metadata == {}


def test_what_the_credit_function_saves_is_stored_with_the_credit(withheld, set_credit, operator):
    set_credit(credit_that_saves)

    deposits.settle(Deposit.objects.get(), "credit", by=operator)

    entry = LedgerEntry.objects.get()
    assert (entry.amount, entry.currency) == (Decimal("25.2"), "points")
    assert Deposit.objects.get().metadata == {"rate": "2"}


def test_a_credit_function_that_locks_can_be_shown_and_settled(withheld, set_credit, operator):
    set_credit(credit_that_locks)

    page = act(browser_of(*VIEW_ALL, superuser=True), "settle", withheld)
    assert page.status_code == 200
    assert not Wallet.objects.exists()
    deposits.settle(withheld, "credit", by=operator)

    assert LedgerEntry.objects.get().amount == Decimal("12.6")


def test_a_credit_other_than_the_compared_one_is_not_posted(withheld, set_credit, operator):
    """CREDIT returns the same amount for the comparison, and another one for the credit."""
    set_credit(credit_that_grows)
    RATES.clear()
    seen = deposits.seen(withheld)
    RATES.clear()

    with pytest.raises(RowChanged):
        deposits.settle(withheld, "credit", by=operator, seen=seen)

    assert not LedgerEntry.objects.exists()
    assert Deposit.objects.get().needs_review


def test_a_credited_deposit_can_be_settled_although_the_credit_function_returns_another_amount(
    withheld, set_credit, operator
):
    set_credit(credit_that_grows)
    LedgerEntry.objects.create(
        deposit=withheld, kind="credit", amount=Decimal("12.6"), currency="usd", user_id=withheld.user_id
    )
    seen = deposits.seen(withheld)

    deposits.settle(withheld, "keep", by=operator, seen=seen)

    assert not Deposit.objects.get().needs_review
    assert connection.in_atomic_block is False
