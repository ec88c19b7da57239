"""Several workers write the figures of the desk at once. Each figure is stored once."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from django_skinsback.flows.figures.daily_figures import FiguresWritten, write_daily_figures, write_day
from django_skinsback.flows.figures.owing import OwingFound, find_owing_users
from django_skinsback.flows.figures.queries import count_figures, day_of
from django_skinsback.flows.figures.solvency import keep_solvency
from django_skinsback.models import BalanceSnapshot, DailyFigure, OwingUser
from tests.integration.figures.shelf import charged_purchase, entry, paid_deposit

from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

SHELF = "tests.integration.figures.shelf"
AGE = timedelta(days=2)
"""A day is not closed until some time after its end, so shortly after midnight yesterday is open."""


@pytest.fixture
def site(settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "LIABILITIES": f"{SHELF}.owed", "BALANCE": f"{SHELF}.owes"}


def rows(user):
    for game in ("cs2", "rust"):
        paid_deposit(user, timezone.now() - AGE, game=game)
        charged_purchase(user, timezone.now() - AGE, game=game)
    return day_of(timezone.now() - AGE)


def assert_written_once(day):
    found = DailyFigure.objects.filter(day=day).exclude(kind="written")
    assert {(row.account, row.day, row.game, row.currency, row.kind): (row.count, row.amount) for row in found} == {
        tuple(key): tuple(total) for key, total in count_figures([day]).items()
    }
    assert DailyFigure.objects.filter(day=day, kind="written").count() == 1


def test_the_first_figures_of_a_day_are_written_by_several_workers_at_once(user):
    day = rows(user)
    for _ in range(5):
        DailyFigure.objects.all().delete()

        results = at_once(*[partial(write_day, day)] * 4)

        assert all(isinstance(result, bool) for result in results), results
        assert True in results
        assert_written_once(day)


def test_figures_are_replaced_by_several_workers_at_once(user):
    day = rows(user)
    write_day(day)
    for _ in range(5):
        paid_deposit(user, timezone.now() - AGE)

        results = at_once(*[partial(write_day, day)] * 4)

        assert all(isinstance(result, bool) for result in results), results
        assert_written_once(day)


def test_two_whole_runs_at_once(user, site):
    day = rows(user)

    results = at_once(write_daily_figures, write_daily_figures)

    assert all(isinstance(result, FiguresWritten) for result in results), results
    assert_written_once(day)


def test_the_solvency_is_kept_once_by_several_workers_at_once(site):
    BalanceSnapshot.objects.create(account="default", balance=Decimal(50))
    for _ in range(5):
        results = at_once(*[keep_solvency] * 4)

        assert results == [None] * 4
        assert DailyFigure.objects.get(kind="liabilities").amount == Decimal("12.34")
        assert DailyFigure.objects.get(kind="balance").amount == 50


def test_users_who_owe_are_kept_once_by_several_workers_at_once(user, site, django_user_model):
    for name in ("bob", "carol", "dave"):
        debtor = django_user_model.objects.create_user(name)
        entry(debtor, paid_deposit(debtor, timezone.now()), "reversal", "-9", timezone.now())
    for _ in range(5):
        results = at_once(*[find_owing_users] * 4)

        assert all(isinstance(result, OwingFound) for result in results), results
        assert OwingUser.objects.count() == 3
