"""Users who owe: ``BALANCE`` is asked about users with a reversal, and balances below zero are kept."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from django_skinsback.flows.figures import owing
from django_skinsback.flows.figures.owing import find_owing_users, users_with_reversals
from django_skinsback.models import OwingUser

from .shelf import entry, paid_deposit

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SHELF = "tests.integration.figures.shelf"

balances, asked = {}, []


def balance(user, currency):
    """The ``BALANCE`` of these tests."""
    asked.append((user.get_username(), currency))
    amount = balances.get((user.get_username(), currency), Decimal(5))
    if isinstance(amount, Exception):
        raise amount
    return amount


@pytest.fixture(autouse=True)
def wallet(site):
    balances.clear()
    asked.clear()
    site(BALANCE=f"{__name__}.balance")
    return balances


@pytest.fixture
def people(django_user_model):
    return {name: django_user_model.objects.create_user(name) for name in ("bob", "carol", "dave")}


def reverse(user, currency="usd", days=0):
    time = timezone.now() - timedelta(days=days)
    entry(user, paid_deposit(user, time, currency=currency), "reversal", "-9", time, currency)


def kept():
    return {(row.user.get_username(), row.currency): row.balance for row in OwingUser.objects.all()}


def test_only_users_with_a_reversal_in_90_days_are_asked_and_only_those_below_zero_are_kept(people, wallet):
    reverse(people["bob"])
    reverse(people["bob"], "eur")
    reverse(people["carol"], days=91)
    reverse(people["dave"], days=89)
    paid_deposit(people["carol"], timezone.now())
    wallet.update({("bob", "usd"): Decimal("-3.5"), ("bob", "eur"): Decimal(0), ("carol", "usd"): Decimal(-1)})

    found = find_owing_users()

    assert sorted(asked) == [("bob", "eur"), ("bob", "usd"), ("dave", "usd")]
    assert kept() == {("bob", "usd"): Decimal("-3.5")}
    assert found == (3, 1, 0)


def test_a_user_who_paid_is_removed_and_another_balance_is_updated(people, wallet):
    for user in people.values():
        reverse(user)
    wallet.update({("bob", "usd"): Decimal(-1), ("carol", "usd"): Decimal(-2)})
    find_owing_users()

    wallet.update({("bob", "usd"): Decimal(1), ("carol", "usd"): Decimal(-7)})
    find_owing_users()

    assert kept() == {("carol", "usd"): Decimal(-7)}


def test_a_balance_that_cannot_be_read_stays_as_it_was(people, wallet, caplog):
    for user in people.values():
        reverse(user)
    wallet.update({("bob", "usd"): Decimal(-1), ("carol", "usd"): Decimal(-2)})
    find_owing_users()

    wallet.update({("bob", "usd"): RuntimeError("down"), ("carol", "usd"): Decimal(1), ("dave", "usd"): "-3"})
    found = find_owing_users()

    assert kept() == {("bob", "usd"): Decimal(-1)}
    assert found == (3, 1, 2)
    assert [record.getMessage() for record in caplog.records].count("skinsback.amount_unreadable") == 2


def test_a_wallet_that_is_down_is_not_asked_for_ever(people, wallet, monkeypatch, caplog):
    monkeypatch.setattr(owing, "FAILURES_AT_MOST", 2)
    for user in people.values():
        reverse(user)
        wallet[user.get_username(), "usd"] = Decimal(-1)
    find_owing_users()
    asked.clear()

    for name in people:
        wallet[name, "usd"] = RuntimeError("down")
    find_owing_users()

    assert len(asked) == 2
    assert len(kept()) == 3


def test_the_lowest_balances_are_kept(people, wallet, monkeypatch):
    monkeypatch.setattr(owing, "KEPT", 2)
    for number, user in enumerate(people.values(), 1):
        reverse(user)
        wallet[user.get_username(), "usd"] = Decimal(-number)

    find_owing_users()

    assert kept() == {("carol", "usd"): Decimal(-2), ("dave", "usd"): Decimal(-3)}


def test_all_reversals_are_found_page_by_page(people, monkeypatch):
    monkeypatch.setattr(owing, "_PAGE", 2)
    time = timezone.now()
    for _ in range(3):
        for user in people.values():
            entry(user, paid_deposit(user, time), "reversal", "-9", time)
    steps = []

    find_owing_users(on_progress=steps.append)

    assert sorted(name for name, _ in asked) == sorted(people)
    assert steps == [2, 1]


def test_a_user_stays_kept_for_as_long_as_the_last_reversal_is_new(people, wallet):
    reverse(people["bob"], days=80)
    wallet["bob", "usd"] = Decimal(-1)
    find_owing_users()
    assert len(kept()) == 1

    find_owing_users(now=timezone.now() + timedelta(days=20))

    assert kept() == {}


def test_without_balance_nobody_is_kept_and_users_with_reversals_are_counted(
    people, wallet, site, django_assert_num_queries
):
    for user in (people["bob"], people["bob"], people["carol"]):
        reverse(user)
    wallet["bob", "usd"] = Decimal(-1)
    find_owing_users()
    asked.clear()

    site(BALANCE=None)
    find_owing_users()

    assert (kept(), asked) == ({}, [])
    with django_assert_num_queries(1):
        found = users_with_reversals()
    assert [(each.user.get_username(), each.count) for each in found] == [("bob", 2), ("carol", 1)]
