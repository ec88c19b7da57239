"""DailyFigure: closed days are written, written again while they change, and filled in if they are missing."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.flows.figures import daily_figures
from django_skinsback.flows.figures.daily_figures import write_daily_figures, write_day
from django_skinsback.flows.figures.queries import DAY, count_figures
from django_skinsback.models import BalanceSnapshot, DailyFigure, LedgerEntry
from django_skinsback.testing import make_deposit, make_purchase

from .shelf import at, charged_purchase, entry, paid_deposit

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = at("2026-06-20T12:00+00:00")
TODAY = date(2026, 6, 20)
SHELF = "tests.integration.figures.shelf"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def stored(day, kind, currency="usd", **key):
    rows = DailyFigure.objects.filter(day=day, kind=kind, currency=currency, **key)
    return [(row.count, row.amount) for row in rows]


def written_days():
    return set(DailyFigure.objects.filter(kind="written").values_list("day", flat=True))


def test_the_stored_figures_are_those_that_are_counted(user):
    yesterday = NOW - DAY
    paid_deposit(user, yesterday)
    paid_deposit(user, yesterday, account="second", game="rust", credit="0.1", currency="eur", amount_currency="eur")
    charged_purchase(user, yesterday, accepted_at=yesterday + timedelta(seconds=90))
    make_purchase(created_at=yesterday, status="timeout")

    write_daily_figures()

    rows = DailyFigure.objects.filter(day=TODAY - DAY).exclude(kind="written")
    found = {(row.account, row.day, row.game, row.currency, row.kind): (row.count, row.amount) for row in rows}
    assert found == {tuple(key): tuple(total) for key, total in count_figures([TODAY - DAY]).items()}
    assert len(found) == 17


def test_the_open_day_is_not_written(user):
    paid_deposit(user, NOW)

    write_daily_figures()

    assert not DailyFigure.objects.filter(day=TODAY).exists()
    assert max(written_days()) == TODAY - DAY


@pytest.mark.parametrize(
    ("zone", "closes"),
    [("UTC", "2026-06-20T00:00+00:00"), ("Asia/Tokyo", "2026-06-20T00:00+09:00")],
)
def test_a_day_is_written_one_hour_after_it_has_closed(settings, user, clock, zone, closes):
    settings.TIME_ZONE = zone
    paid_deposit(user, at(closes) - timedelta(minutes=1))

    clock.move_to(at(closes) + timedelta(minutes=59))
    write_daily_figures()
    assert TODAY - DAY not in written_days()

    clock.move_to(at(closes) + timedelta(hours=1))
    write_daily_figures()
    assert stored(TODAY - DAY, "credit") == [(1, 9)]


@pytest.mark.parametrize("use_tz", [True, False])
def test_days_on_which_the_clock_changes_are_complete(settings, user, clock, use_tz):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Europe/Berlin"
    clock.move_to(at("2026-10-27T12:00+01:00"))
    for minutes in range(0, 25 * 60, 30):
        make_deposit(created_at=at("2026-10-25T00:00+02:00") + timedelta(minutes=minutes))

    write_daily_figures()

    assert stored(date(2026, 10, 25), "deposits", "") == [(50, 0)]
    assert DailyFigure.objects.filter(kind="deposits").count() == 1


def test_a_second_run_replaces_the_figures_and_adds_nothing(user):
    paid_deposit(user, NOW - DAY)
    write_daily_figures()
    before = list(DailyFigure.objects.order_by("day", "kind").values_list("day", "kind", "currency", "count", "amount"))

    write_daily_figures()

    after = list(DailyFigure.objects.order_by("day", "kind").values_list("day", "kind", "currency", "count", "amount"))
    assert after == before


def test_a_figure_that_is_zero_now_is_removed(user):
    row = make_deposit(user=user, status="success", created_at=NOW - DAY)
    write_daily_figures()
    assert stored(TODAY - DAY, "deposits", "") == [(1, 0)]

    row.delete()
    write_daily_figures()

    assert stored(TODAY - DAY, "deposits", "") == []


def test_a_rollback_within_nine_days_changes_the_day_of_the_credit(user, clock):
    row = paid_deposit(user, NOW - DAY)
    write_daily_figures()
    assert stored(TODAY - DAY, "credited") == [(1, 9)]

    clock.move_to(NOW + 7 * DAY)
    entry(user, row, "reversal", "-9", NOW + 7 * DAY)
    write_daily_figures()

    assert stored(TODAY - DAY, "credited") == []
    assert stored(TODAY - DAY, "deposits_paid", "") == []
    assert stored(TODAY - DAY, "credit") == [(1, 9)]


def test_a_decision_after_weeks_changes_the_days_of_creation_and_of_the_credit(user, clock):
    created, credited = TODAY - 3 * DAY, TODAY - DAY
    row = make_deposit(user=user, status="success", created_at=NOW - 3 * DAY, amount=10, amount_currency="usd")
    entry(user, row, "credit", "9", NOW - DAY)
    bought = charged_purchase(user, NOW - 2 * DAY)
    write_daily_figures()

    clock.move_to(NOW + 30 * DAY)
    entry(user, row, "reversal", "-9", NOW + 30 * DAY)
    entry(user, bought, "refund", "5", NOW + 30 * DAY)
    write_daily_figures()

    assert stored(created, "deposits_paid", "") == []
    assert stored(credited, "credited") == stored(credited, "earned") == []
    assert stored(TODAY - 2 * DAY, "charged") == []


def test_an_old_day_that_was_written_since_the_decision_is_not_written_again(user, clock):
    row = paid_deposit(user, NOW)
    clock.move_to(NOW + 30 * DAY)
    entry(user, row, "reversal", "-9", NOW + 30 * DAY)
    write_daily_figures()
    clock.move_to(NOW + 30 * DAY + timedelta(hours=2))
    assert write_daily_figures().days == 9 + 1
    clock.move_to(NOW + 30 * DAY + timedelta(hours=4))
    assert write_daily_figures().days == 9


def test_missing_days_are_filled_in_a_few_at_a_time_the_newest_first(user):
    paid_deposit(user, NOW - 100 * DAY)
    steps = []

    first = write_daily_figures(on_progress=steps.append)

    assert first == (9 + 31, 100 - 9 - 31)
    assert steps == [1] * 40
    assert min(written_days()) == TODAY - 40 * DAY

    assert write_daily_figures().missing == 100 - 9 - 62
    assert write_daily_figures().missing == 0
    assert stored(TODAY - 100 * DAY, "credit") == [(1, 9)]
    assert write_daily_figures() == (9, 0)


def test_a_gap_is_filled_in(user):
    paid_deposit(user, NOW - 20 * DAY)
    write_daily_figures()
    DailyFigure.objects.filter(day=TODAY - 20 * DAY).delete()

    write_daily_figures()

    assert stored(TODAY - 20 * DAY, "credit") == [(1, 9)]


def test_a_run_that_is_stopped_has_written_whole_days(user):
    paid_deposit(user, NOW - 2 * DAY)

    def stop(_days):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_daily_figures(on_progress=stop)

    assert written_days() == {TODAY - DAY}
    write_daily_figures()
    assert stored(TODAY - 2 * DAY, "credit") == [(1, 9)]


def test_a_site_without_rows_writes_empty_days():
    assert write_daily_figures() == (31, 0)
    assert set(DailyFigure.objects.values_list("kind", flat=True)) == {"written"}


def test_older_figures_do_not_replace_newer_ones(user, monkeypatch, clock):
    """A slow run has counted before a rollback, and writes after a run that counted later."""
    paid_deposit(user, NOW - DAY)
    count = daily_figures.count_figures

    def slow(days):
        totals = count(days)
        clock.shift(timedelta(minutes=5))
        monkeypatch.setattr(daily_figures, "count_figures", count)
        paid_deposit(user, NOW - DAY)
        assert write_day(TODAY - DAY)
        return totals

    monkeypatch.setattr(daily_figures, "count_figures", slow)

    assert not write_day(TODAY - DAY)
    assert stored(TODAY - DAY, "credit") == [(2, 18)]


def test_figures_that_a_wrong_clock_dated_ahead_are_replaced(user):
    paid_deposit(user, NOW - DAY)
    write_day(TODAY - DAY)
    DailyFigure.objects.update(written_at=NOW + 300 * DAY)
    paid_deposit(user, NOW - DAY)

    assert write_day(TODAY - DAY)
    assert stored(TODAY - DAY, "credit") == [(2, 18)]


def test_an_interrupted_write_leaves_the_earlier_figures(user, monkeypatch):
    paid_deposit(user, NOW - DAY)
    write_day(TODAY - DAY)
    before = set(DailyFigure.objects.values_list("pk", flat=True))

    def fail(*_args, **_options):
        raise RuntimeError

    monkeypatch.setattr(type(DailyFigure.objects.all()), "bulk_create", fail)
    with pytest.raises(RuntimeError):
        write_day(TODAY - DAY)

    assert set(DailyFigure.objects.values_list("pk", flat=True)) == before


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(user):
    def queries():
        with CaptureQueriesContext(connection) as context:
            write_day(TODAY - DAY)
        return len(context)

    paid_deposit(user, NOW - DAY)
    charged_purchase(user, NOW - DAY)
    write_day(TODAY - DAY)
    before = queries()
    for _ in range(30):
        paid_deposit(user, NOW - DAY)
        charged_purchase(user, NOW - DAY)

    assert queries() == before


def test_the_solvency_of_a_day_is_the_last_that_was_measured(user, site, clock):
    site(LIABILITIES=f"{SHELF}.owed")
    BalanceSnapshot.objects.create(account="default", balance=Decimal("50.5"))
    make_purchase(status="requested", max_price=Decimal(7))
    held = make_deposit(status="hold_approved", user=user)
    entry(user, held, "credit", "3", NOW)

    write_daily_figures()
    BalanceSnapshot.objects.create(account="default", balance=Decimal("40.5"))
    write_daily_figures()

    assert stored(TODAY, "balance", account="default") == [(0, Decimal("40.5"))]
    assert stored(TODAY, "reserved") == [(0, 7)]
    assert stored(TODAY, "exposure") == [(0, 3)]
    assert stored(TODAY, "liabilities") == [(0, Decimal("12.34"))]

    clock.move_to(NOW + DAY)
    BalanceSnapshot.objects.create(account="default", balance=Decimal(1))
    write_daily_figures()

    assert stored(TODAY, "balance", account="default") == [(0, Decimal("40.5"))]
    assert stored(TODAY, "credit") == [(1, 3)]
    assert stored(TODAY + DAY, "balance", account="default") == [(0, 1)]


def test_without_liabilities_nothing_is_measured():
    BalanceSnapshot.objects.create(account="default", balance=Decimal(50))

    write_daily_figures()

    assert not DailyFigure.objects.exclude(kind="written").exists()


@pytest.mark.parametrize("hook", ["broken", "rubbish", "not_a_number", "missing", "almost_too_much", "many_digits"])
def test_liabilities_that_cannot_be_read_are_not_stored_and_the_rest_is(site, hook, caplog):
    site(LIABILITIES=f"{SHELF}.{hook}")
    BalanceSnapshot.objects.create(account="default", balance=Decimal(50))

    write_daily_figures()

    assert stored(TODAY, "balance", account="default") == [(0, 50)]
    assert not DailyFigure.objects.filter(kind="liabilities").exists()
    assert "skinsback.amount_unreadable" in [record.getMessage() for record in caplog.records]


def test_the_ledger_is_only_read(user):
    paid_deposit(user, NOW - DAY)
    before = list(LedgerEntry.objects.values())

    write_daily_figures()

    assert list(LedgerEntry.objects.values()) == before
