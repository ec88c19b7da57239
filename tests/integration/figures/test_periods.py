"""Today, 7 and 30 days: stored figures of closed days, and counted figures of the open day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine

from django_skinsback.flows.figures.daily_figures import write_daily_figures, write_day
from django_skinsback.flows.figures.periods import read_periods, solvency_currencies
from django_skinsback.flows.figures.queries import DAY, Part
from django_skinsback.models import DailyFigure
from django_skinsback.testing import make_deposit, make_purchase

from .shelf import at, charged_purchase, entry, paid_deposit

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = at("2026-06-20T12:00+00:00")
TODAY = date(2026, 6, 20)
SHELF = "tests.integration.figures.shelf"
BOTH = ("default", "second")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def written(periods):
    return {code: period.total for code, period in periods.periods.items()}


def test_each_period_ends_today(user):
    for days in (0, 1, 6, 7, 29, 30):
        paid_deposit(user, NOW - days * DAY)
    write_daily_figures()

    periods = read_periods(BOTH)

    assert [total.deposits for total in written(periods).values()] == [1, 3, 5]
    assert [total.credits for total in written(periods).values()] == [{"usd": 9}, {"usd": 27}, {"usd": 45}]
    assert periods.periods["month"].first_day == TODAY - 29 * DAY
    assert [day for day, figures in periods.days.items() if figures.deposits] == [
        TODAY - days * DAY for days in (29, 7, 6, 1, 0)
    ]
    assert periods.uncounted == ()


def test_the_open_day_is_counted_when_it_is_read(user, django_assert_num_queries):
    write_daily_figures()
    assert read_periods(BOTH).periods["today"].total.deposits == 0

    paid_deposit(user, NOW)
    with django_assert_num_queries(4):
        assert read_periods(BOTH).periods["today"].total.deposits == 1


def test_stored_days_are_not_counted_again(user):
    paid_deposit(user, NOW - DAY)
    write_daily_figures()
    paid_deposit(user, NOW - DAY)

    assert read_periods(BOTH).periods["week"].total.deposits == 1


def test_closed_days_without_figures_are_counted_and_the_others_are_named(user):
    for days in range(6):
        paid_deposit(user, NOW - days * DAY)

    periods = read_periods(BOTH)

    assert periods.periods["week"].total.deposits == 3
    assert periods.uncounted == tuple(TODAY - days * DAY for days in range(29, 2, -1))


def test_a_gap_of_one_day_is_counted(user):
    paid_deposit(user, NOW - 4 * DAY)
    write_daily_figures()
    DailyFigure.objects.filter(day=TODAY - 4 * DAY).delete()

    periods = read_periods(BOTH)

    assert (periods.periods["week"].total.deposits, periods.uncounted) == (1, ())


def test_the_open_day_is_a_day_of_the_time_zone(settings, user, clock):
    settings.TIME_ZONE = "Asia/Tokyo"
    clock.move_to(at("2026-06-20T00:30+09:00"))
    paid_deposit(user, at("2026-06-20T00:10+09:00"))
    paid_deposit(user, at("2026-06-19T23:50+09:00"))

    periods = read_periods(BOTH)

    assert periods.periods["today"].last_day == TODAY
    assert periods.periods["today"].total.deposits == 1
    assert periods.days[TODAY - DAY].deposits == 1  # it is not closed for an hour, so it is counted


@pytest.mark.parametrize("is_stored", [True, False])
def test_games_accounts_and_currencies_are_apart(user, is_stored):
    time = NOW - DAY
    paid_deposit(user, time)
    paid_deposit(user, time, game="rust", credit="7", amount="8", currency="eur", amount_currency="eur")
    paid_deposit(user, time, account="second", credit="100", currency="coins")
    charged_purchase(user, time, game="rust", charge="20", currency="eur")
    charged_purchase(user, time)
    if is_stored:
        write_daily_figures()

    week = read_periods(BOTH).periods["week"]

    assert week.total.credits == {"usd": 9, "eur": 7, "coins": 100}
    assert week.games["rust"].credits == {"eur": 7}
    assert week.total.deposit_margin == {"usd": 1, "eur": 1}
    assert (week.total.earned_other, week.total.credited_other) == ({"usd": 10}, {"coins": 100})
    assert week.total.purchase_margin == {"usd": 1}
    assert (week.total.charged_other, week.total.debited_other) == ({"eur": 20}, {"usd": 4})
    assert read_periods(["default"]).periods["week"].total.credits == {"usd": 9, "eur": 7}
    assert read_periods(["second"]).periods["week"].total.credits == {"coins": 100}


def test_shares_and_averages_are_made_of_the_sums_and_not_of_the_days(user):
    for number, paid in ((0, 1), (1, 1)):
        for _ in range(paid):
            paid_deposit(user, NOW - number * DAY)
    for _ in range(6):
        make_deposit(created_at=NOW - DAY)
    make_purchase(created_at=NOW, status="accepted", accepted_at=NOW + timedelta(seconds=10))
    for _ in range(3):
        make_purchase(created_at=NOW - DAY, status="accepted", accepted_at=NOW - DAY + timedelta(seconds=90))
    write_daily_figures()

    total = read_periods(BOTH).periods["week"].total

    assert total.conversion == Decimal(2) / 8
    assert total.seconds_to_accept == 70


def test_without_rows_there_is_no_share_and_no_average():
    total = read_periods(BOTH).periods["month"].total

    assert (total.conversion, total.seconds_to_accept, total.deposit_margin) == (None, None, {})


def test_the_conversion_of_a_day_is_final_after_eight_days():
    periods = read_periods(BOTH)

    assert [day for day in periods.days if periods.is_so_far(day)] == [TODAY - days * DAY for days in range(7, -1, -1)]


def test_a_late_reversal_is_seen_in_the_period_of_the_credit(user, clock):
    row = paid_deposit(user, NOW)
    clock.move_to(NOW + 20 * DAY)
    entry(user, row, "reversal", "-9", NOW + 20 * DAY)
    write_daily_figures()

    month = read_periods(BOTH).periods["month"].total

    assert (month.credits, month.reversals) == ({"usd": 9}, {"usd": -9})
    assert (month.deposit_margin, month.deposits_paid) == ({}, 0)


def test_parts_that_are_not_wanted_are_not_counted(user, django_assert_num_queries):
    paid_deposit(user, NOW)

    with django_assert_num_queries(2):
        today = read_periods(BOTH, [Part.DEPOSITS]).periods["today"].total

    assert (today.deposits, today.credits) == (1, {})


def test_a_figure_of_an_unknown_kind_is_left_out():
    write_day(TODAY - DAY)
    DailyFigure.objects.create(account="default", day=TODAY - DAY, kind="of a later version", count=5, amount=5)

    assert read_periods(BOTH).periods["week"].total.deposits == 0


def test_liabilities_are_asked_in_the_currencies_of_the_entries_and_of_quotes(user, site):
    site(QUOTE_CURRENCY="EUR")
    paid_deposit(user, NOW, currency="coins")

    assert solvency_currencies(read_periods(BOTH)) == {"eur", "coins"}


def test_the_kept_solvency_is_read_by_day(site, clock):
    site(LIABILITIES=f"{SHELF}.owed")
    write_daily_figures()
    clock.move_to(NOW + DAY)
    write_daily_figures()

    measured = read_periods(["default"]).measured

    assert [(each.day, each.amounts["liabilities", "usd"]) for each in measured] == [
        (TODAY, Decimal("12.34")),
        (TODAY + DAY, Decimal("12.34")),
    ]
