"""What purchases may still cost, what waits in holds, and what approved holds risk."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from django_skinsback.flows.ledger.database import database
from django_skinsback.flows.monitoring.exposure import Reserved, holds_by_account, holds_summary, reserved
from django_skinsback.models.fields import utc_now
from django_skinsback.statuses import PurchaseStatus
from django_skinsback.testing import make_deposit, make_purchase

from .rows import make_credit

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def held(amount="10", currency="usd", **values):
    return make_deposit(
        **{"status": "in_hold", "user_amount": Decimal(amount), "amount": Decimal(1), "amount_currency": currency}
        | values
    )


def test_only_requested_and_unknown_purchases_reserve_their_price_cap():
    for number, status in enumerate(PurchaseStatus):
        make_purchase(status=status, max_price=Decimal(10) ** 3 + number)

    expected = sum(1000 + n for n, status in enumerate(PurchaseStatus) if status in {"requested", "unknown"})
    assert reserved("default") == Reserved(Decimal(expected), is_minimum=True)


def test_the_free_amount_is_exact_without_an_unknown_outcome():
    make_purchase(status="requested", max_price=Decimal("0.1"))
    make_purchase(status="requested", max_price=Decimal("0.2"))

    assert reserved("default") == Reserved(Decimal("0.3"), is_minimum=False)
    assert reserved("second") == Reserved(Decimal(0), is_minimum=False)


class ExactSumsTest(TestCase):
    databases = {database()}

    # `make mutants` runs a test several times in one process, each time with another instance of this class
    @settings(max_examples=25, suppress_health_check=[HealthCheck.differing_executors])
    @given(st.lists(st.decimals("0.000001", "999999.999999", places=6), min_size=1, max_size=30))
    def test_sums_in_the_database_are_exact(self, prices):
        for price in prices:
            make_purchase(status="requested", max_price=price)

        assert reserved("default").amount == sum(prices)

    def test_sums_of_amounts_with_fifteen_digits_are_exact(self):
        prices = [
            "99999999999999",
            "9999999999.99999",
            "1000000000.1",
            "999999999.999999",
            "12345678901.0001",
            "0.000001",
        ]
        for price in prices:
            make_purchase(status="requested", max_price=Decimal(price))

        assert reserved("default").amount == sum(map(Decimal, prices))


def test_waiting_holds_are_summed_per_currency(user):
    held("10.5")
    held("0.000001")
    held("7", "eur")
    credited = held("100", user=user)
    make_credit(credited, "100")
    make_deposit(status="pending", user_amount=Decimal(5), amount_currency="usd")

    found = holds_summary("default")

    assert found.waiting == {"usd": Decimal("10.500001"), "eur": Decimal(7)}
    assert found.waiting_count == 3
    assert found.exposure == {}


def test_the_credit_setting_selects_the_waiting_amount(settings):
    held("10.5")
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}

    assert holds_summary("default").waiting == {"usd": Decimal(1)}


def test_the_exposure_is_the_credits_of_approved_holds_that_were_not_reversed(user):
    approved = held("10", status="hold_approved", user=user)
    make_credit(approved, "9.5", "eur")
    reversed_ = held("20", status="hold_approved", user=user)
    make_credit(reversed_, "20")
    make_credit(reversed_, "20", kind="reversal")
    held("30", status="hold_approved")
    done = held("40", status="success", user=user)
    make_credit(done, "40")

    found = holds_summary("default")

    assert found.exposure == {"eur": Decimal("9.5")}
    assert found.exposure_count == 1
    assert found.waiting_count == 0


def test_the_next_release_is_eight_days_after_the_first_hold_began():
    now = utc_now()
    held(held_since=now - timedelta(days=2))
    held(held_since=now - timedelta(days=5), currency="eur")
    held(held_since=None)

    assert holds_summary("default").next_release_at == now + timedelta(days=3)


def test_without_a_waiting_hold_no_release_is_next():
    held(status="hold_approved", held_since=utc_now())

    assert holds_summary("default").next_release_at is None


def test_a_held_deposit_without_an_amount_is_counted_and_adds_nothing():
    make_deposit(status="in_hold")

    found = holds_summary("default")

    assert (found.waiting, found.waiting_count) == ({}, 1)


def test_accounts_are_not_mixed_and_take_one_query():
    held("1")
    held("2", account="second")

    with CaptureQueriesContext(connection) as captured:
        found = holds_by_account(["default", "second"])

    assert len(captured) == 1
    assert [found[alias].waiting for alias in found] == [{"usd": Decimal(1)}, {"usd": Decimal(2)}]
