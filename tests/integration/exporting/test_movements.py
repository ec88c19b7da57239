"""The daily movements through SkinsBack: the page, its CSV file, and the sums."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from django_skinsback.admin.exporting import movements as page
from django_skinsback.flows.exporting.movements import days_between, read_movements, today, written_days
from django_skinsback.flows.figures.daily_figures import write_day
from django_skinsback.models import DailyFigure, LedgerEntry

from ...support.admin_staff import browser_of, list_url
from .rows import exporter, make_entry, read_csv

pytestmark = pytest.mark.django_db

DAY = date(2026, 5, 1)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAGE, FILE = "admin:skinsback_ledgerentry_movements", "admin:skinsback_ledgerentry_movements_export"


def read(browser, name, first=DAY, last=DAY):
    return browser.get(reverse(name), {"first_day": first.isoformat(), "last_day": last.isoformat()})


def sums(*days, **options):
    """Return the exported values of these days as text."""
    return [[str(value) for value in each.values()] for day in read_movements(days, **options) for each in day]


def make_a_day():
    for kind, amount in (("credit", "5.1"), ("credit", "0.2"), ("reversal", "-5.1"), ("charge", "-7"), ("refund", "3")):
        make_entry(kind, amount=amount, created_at=NOON)
    make_entry("charge", amount="-0.000001", currency="eur", created_at=NOON)
    make_entry("credit", amount="2", account="second", created_at=NOON)
    make_entry("credit", amount="100", created_at=NOON + timedelta(days=1))


EXPECTED = [
    ["2026-05-01", "default", "eur", "0", "0", "-0.000001", "0", "-0.000001"],
    ["2026-05-01", "default", "usd", "5.3", "-5.1", "-7", "3", "-3.8"],
    ["2026-05-01", "second", "usd", "2", "0", "0", "0", "2"],
]


def plain(rows):
    return [[*row[:3], *(f"{Decimal(value).normalize():f}" for value in row[3:])] for row in rows]


def test_the_sums_of_a_day_are_exact_by_account_and_currency():
    make_a_day()
    assert plain(sums(DAY)) == EXPECTED
    assert plain(sums(DAY, account="second")) == EXPECTED[2:]


def test_written_and_counted_days_have_the_same_sums():
    make_a_day()
    counted = plain(sums(DAY))
    write_day(DAY)
    assert written_days([DAY, DAY + timedelta(days=1)]) == {DAY}
    assert plain(sums(DAY)) == counted == EXPECTED


def test_a_written_day_is_not_counted_again():
    make_a_day()
    write_day(DAY)
    DailyFigure.objects.filter(kind="credit", account="second").update(amount=3)
    assert plain(sums(DAY))[-1] == ["2026-05-01", "second", "usd", "3", "0", "0", "0", "3"]


def test_each_movement_has_the_sum_of_all_ledger_entries():
    make_a_day()
    days = days_between(DAY, DAY + timedelta(days=1))
    net = sum(each.net for day in read_movements(days) for each in day)
    assert net == sum(LedgerEntry.objects.values_list("amount", flat=True))


@pytest.mark.parametrize("use_tz", [True, False], ids=["USE_TZ", "no USE_TZ"])
def test_a_day_is_a_day_of_the_site_s_time_zone(settings, use_tz):
    settings.TIME_ZONE, settings.USE_TZ = "Asia/Tokyo", use_tz
    make_entry(created_at=datetime(2026, 4, 30, 15, tzinfo=UTC))
    make_entry(created_at=datetime(2026, 5, 1, 15, tzinfo=UTC))
    assert [row[3] for row in plain(sums(DAY))] == ["5"]


def test_days_after_today_are_left_out():
    assert days_between(today(), today() + timedelta(days=5)) == [today()]
    assert days_between(today() + timedelta(days=1), today() + timedelta(days=5)) == []


def test_the_page_shows_the_sums_and_says_that_they_are_no_liabilities():
    make_a_day()
    browser = exporter()
    text = read(browser, PAGE).content.decode()
    assert "They are not your liabilities" in text
    assert "-3.80" in text
    assert read(browser, PAGE)["Cache-Control"].count("no-store") == 1
    assert reverse(PAGE) in browser.get(list_url("ledgerentry")).content.decode()


def test_the_file_has_the_same_sums_and_is_logged():
    make_a_day()
    browser = exporter()
    response = read(browser, FILE)
    assert [[*row.values()] for row in read_csv(response)] == EXPECTED
    assert "movements-not-liabilities" in response["Content-Disposition"]
    (entry,) = LogEntry.objects.all()
    expected = "Exported 3 rows. Filters: movements from 2026-05-01 to 2026-05-01"
    assert (entry.user_id, entry.get_change_message()) == (browser.user.pk, expected)


@pytest.mark.parametrize("name", [PAGE, FILE])
def test_the_movements_need_the_permission_to_export_and_to_view(name):
    for permissions in (["view_ledgerentry"], ["export_ledgerentry"], ["view_ledgerentry", "export_deposit"]):
        assert read(browser_of(*permissions), name).status_code == 403
    browser = browser_of("view_ledgerentry", "export_ledgerentry")
    assert read(browser, name).status_code == 200
    assert browser.post(reverse(name)).status_code == 405


@pytest.mark.parametrize("name", [PAGE, FILE])
@pytest.mark.parametrize(
    "days", [("x", ""), ("2026-05-02", "2026-05-01"), ("0001-01-01", "2026-05-01"), ("", "9999-12-31")]
)
def test_wrong_days_are_explained_and_export_nothing(name, days):
    response = exporter().get(reverse(name), dict(zip(("first_day", "last_day"), days, strict=True)))
    assert (response.status_code, "errorlist" in response.content.decode()) == (200, True)
    assert not LogEntry.objects.exists()


def test_too_many_days_or_too_many_days_to_count_name_the_command(monkeypatch):
    browser = exporter()
    command = "skinsback_export movements --from 2026-05-01 --to 2026-05-03"
    monkeypatch.setattr(page, "COUNTED_DAYS", 2)
    last = DAY + timedelta(days=2)
    for name in (PAGE, FILE):
        assert command in read(browser, name, last=last).content.decode()
    write_day(DAY)
    assert command not in read(browser, PAGE, last=last).content.decode()
    monkeypatch.setattr(page, "DAYS_AT_MOST", 2)
    assert command in read(browser, PAGE, last=last).content.decode()
    assert not LogEntry.objects.exists()
