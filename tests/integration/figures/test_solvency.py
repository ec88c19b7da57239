"""Solvency: liabilities beside the balance, what is reserved and the exposure. A failing hook breaks nothing."""

from decimal import Decimal

import pytest

from django_skinsback.flows.figures.solvency import read_solvency
from django_skinsback.models import BalanceSnapshot
from django_skinsback.testing import make_deposit, make_purchase

from .shelf import at, entry

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SHELF = "tests.integration.figures.shelf"


@pytest.fixture
def balances():
    for amount in (1, 8):
        BalanceSnapshot.objects.create(account="default", balance=Decimal(amount))
    BalanceSnapshot.objects.create(account="second", balance=Decimal("4.34"))


def test_without_liabilities_there_is_no_solvency(balances):
    assert read_solvency(["usd"]) is None


def test_the_newest_balances_of_all_accounts_are_compared_with_the_liabilities(
    site, balances, user, django_assert_num_queries
):
    site(LIABILITIES=f"{SHELF}.owed")
    with django_assert_num_queries(3):
        found = read_solvency(["usd"])
    assert (found.balance, found.missing, found.is_short, found.is_complete) == (Decimal("12.34"), 0, False, True)

    make_purchase(max_price=Decimal("0.5"))
    make_purchase(max_price=Decimal("0.25"), status="unknown", account="second")
    make_purchase(max_price=Decimal(9), status="waiting_accept")
    held = make_deposit(status="hold_approved", user=user)
    entry(user, held, "credit", "3", at("2026-06-20T12:00+00:00"), "eur")
    found = read_solvency(["usd"])

    assert (found.reserved, found.reserved_is_minimum) == (Decimal("0.75"), True)
    assert (found.free, found.missing, found.is_short) == (Decimal("11.59"), Decimal("0.75"), True)
    assert found.exposure == {"eur": 3}


def test_another_currency_is_converted(site, balances):
    site(LIABILITIES=f"{SHELF}.owed", TO_USD=f"{SHELF}.half")

    found = read_solvency(["usd", "eur"])

    assert [(each.currency, each.amount, each.usd) for each in found.liabilities] == [
        ("eur", Decimal("12.34"), Decimal("6.17")),
        ("usd", Decimal("12.34"), Decimal("12.34")),
    ]
    assert found.missing == Decimal("6.17")


def test_a_currency_that_cannot_be_converted_is_not_compared(site, balances):
    site(LIABILITIES=f"{SHELF}.owed")

    found = read_solvency(["usd", "eur"])

    assert (found.not_comparable, found.unreadable, found.missing) == (("eur",), (), 0)
    assert not found.is_complete


def test_an_unknown_balance_is_not_zero(site):
    site(LIABILITIES=f"{SHELF}.owed")
    BalanceSnapshot.objects.create(account="default", balance=Decimal(8))

    found = read_solvency(["usd"])

    assert (found.unknown_balances, found.missing, found.is_short, found.is_complete) == (
        ("second",),
        None,
        False,
        False,
    )


@pytest.mark.parametrize("hook", ["broken", "rubbish", "not_a_number", "too_much", "a_float", "truth", "missing"])
def test_liabilities_that_cannot_be_read_are_unknown_and_logged(site, balances, caplog, hook):
    site(LIABILITIES=f"{SHELF}.{hook}")

    found = read_solvency(["usd"])

    assert (found.unreadable, found.missing, found.is_short, found.is_complete) == (("usd",), None, False, False)
    assert [(record.getMessage(), record.setting) for record in caplog.records] == [
        ("skinsback.amount_unreadable", "LIABILITIES")
    ]


def test_a_value_that_is_no_path_is_unknown(site, balances):
    site(LIABILITIES="owed")

    assert read_solvency(["usd"]).unreadable == ("usd",)
