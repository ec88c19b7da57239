"""Estimates of how long the balance lasts, and the storage of balances."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.flows.monitoring.balance import days_left, days_left_text, estimate_days_left, store_balance
from django_skinsback.flows.retention import prune
from django_skinsback.models import BalanceSnapshot

START = datetime(2026, 5, 1, tzinfo=UTC)


def balances_of(*balances, hours=24):
    """(time, balance) for each balance, ``hours`` apart."""
    return [(START + timedelta(hours=hours) * number, Decimal(usd)) for number, usd in enumerate(balances)]


class TestDaysLeft:
    def test_it_uses_the_average_spending_of_a_day(self):
        assert days_left(balances_of(100, 90, 80)) == Decimal("8.0")

    def test_top_ups_are_ignored(self):
        assert days_left(balances_of(100, 90, 1090, 1080)) == Decimal("162.0")
        assert days_left(balances_of(1000, 990)) == Decimal("99.0")

    def test_hours_without_a_purchase_count(self):
        assert days_left(balances_of(100, 90, 90, 90, 90)) == Decimal("36.0")

    @pytest.mark.parametrize(
        "balances",
        [
            balances_of(),
            balances_of(100),
            balances_of(100, 100, 100),
            balances_of(100, 200, 300),
            balances_of(100, 90, hours=23),
        ],
        ids=["none", "one", "unchanged", "only top-ups", "less than a day"],
    )
    def test_it_is_none_without_enough_data(self, balances):
        assert days_left(balances) is None

    def test_an_empty_balance_lasts_zero_days(self):
        assert days_left(balances_of(100, 50, 0)) == 0

    def test_it_does_not_depend_on_the_decimal_precision_of_the_site(self):
        with localcontext() as context:
            context.prec = 3
            assert days_left(balances_of("10000000000000", "9999999999999.999999")) is not None

    @given(st.lists(st.integers(0, 10**9), min_size=2, max_size=30))
    def test_it_is_the_balance_divided_by_the_spending_of_a_day(self, cents):
        balances = balances_of(*[Decimal(value).scaleb(-2) for value in cents])
        spent = sum(max(a - b, 0) for a, b in pairwise(cents))
        found = days_left(balances)
        if not spent:
            assert found is None
        else:
            assert abs(found - Decimal(cents[-1]) * (len(cents) - 1) / spent) <= Decimal("0.05")


class TestEstimate:
    pytestmark = [pytest.mark.django_db, pytest.mark.database]

    def keep(self, days_ago, usd, account="default"):
        taken_at = timezone.now() - timedelta(days=days_ago)
        return BalanceSnapshot.objects.create(account=account, balance=Decimal(usd), taken_at=taken_at)

    def test_it_uses_the_last_seven_days_of_the_account(self):
        for days_ago, usd in ((30, 9000), (6, 700), (4, 500), (0, 100)):
            self.keep(days_ago, usd)
            self.keep(days_ago, 5, account="second")
        assert estimate_days_left() == Decimal("1.0")
        assert estimate_days_left("second") is None
        assert estimate_days_left("third") is None

    def test_it_takes_one_query_however_many_there_are(self, django_assert_num_queries, monkeypatch):
        from django_skinsback.flows.monitoring import balance

        monkeypatch.setattr(balance, "MAX_SNAPSHOTS_READ", 3)
        for days_ago in (6, 5, 4, 2, 0):
            self.keep(days_ago, 100 * days_ago)
        with django_assert_num_queries(1):
            assert estimate_days_left() == 0

    def test_a_busy_site_needs_only_an_hour_of_data(self, monkeypatch):
        from django_skinsback.flows.monitoring import balance

        monkeypatch.setattr(balance, "MAX_SNAPSHOTS_READ", 3)
        for hours_ago, usd in ((3, 100), (2, 99), (0, 98)):
            self.keep(hours_ago / 24, usd)
        assert estimate_days_left() == Decimal("6.1")
        monkeypatch.setattr(balance, "MAX_SNAPSHOTS_READ", 4)
        assert estimate_days_left() is None

    def test_its_text(self):
        assert days_left_text(None) == ""
        assert days_left_text(Decimal("2.5")) == "lasts for about 2.5 days"
        assert days_left_text(Decimal(366)) == "lasts for more than a year"


@pytest.mark.django_db
class TestKeeping:
    def test_an_unchanged_balance_costs_two_statements(self, django_assert_num_queries):
        for _ in range(2):
            store_balance("default", Decimal(5))
        with django_assert_num_queries(2):
            store_balance("default", Decimal("5.000000"))
        assert BalanceSnapshot.objects.count() == 2

    def test_a_changed_balance_costs_two_and_a_fall_below_the_limit_seven(self, django_assert_num_queries, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(5)}
        store_balance("default", Decimal(7))
        with django_assert_num_queries(2):
            store_balance("default", Decimal(6))
        with django_assert_num_queries(7):
            store_balance("default", Decimal(4))
        with django_assert_num_queries(5):  # low as before
            store_balance("default", Decimal(3))

    def test_two_rows_for_an_unchanged_balance_give_the_same_estimate(self):
        """The rows are the first and the newest report of the balance."""
        all_of_them = balances_of(*[100] * 10, *[90] * 10, hours=8)
        ends = [all_of_them[index] for index in (0, 9, 10, 19)]
        assert days_left(ends) == days_left(all_of_them)

    @pytest.mark.database
    def test_old_balances_are_deleted_except_the_newest_of_each_account(self):
        now = timezone.now()
        for days_ago in (100, 95, 91, 10):
            BalanceSnapshot.objects.create(account="default", balance=days_ago, taken_at=now - timedelta(days=days_ago))
        for days_ago in (200, 150):
            BalanceSnapshot.objects.create(account="gone", balance=days_ago, taken_at=now - timedelta(days=days_ago))

        assert prune(account="default").balances == 3
        assert prune() == (0, 1, 0, 0)

        assert sorted(BalanceSnapshot.objects.values_list("account", "balance")) == [("default", 10), ("gone", 150)]


@pytest.mark.django_db
def test_the_admin_list_shows_the_balance_and_how_long_it_lasts(admin_client):
    for days, usd in ((4, 1200), (0, 1000)):
        taken_at = timezone.now() - timedelta(days=days)
        BalanceSnapshot.objects.create(account="default", balance=Decimal(usd), taken_at=taken_at)
    page = admin_client.get("/admin/skinsback/balancesnapshot/")
    assert page.context["subtitle"] == "default: 1,000.00\N{NO-BREAK SPACE}USD, lasts for about 20.0 days"
    assert "lasts for about 20.0 days" in page.content.decode()
