"""The figures on the desk: who sees what, in which words, and charts with a table of the same values."""

import re
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from django_skinsback.admin.desk import charts
from django_skinsback.admin.desk.charts import Plot, Series, bar_chart, line_chart
from django_skinsback.admin.desk.figure_tables import duration, percent
from django_skinsback.admin.desk.figures import figures_context
from django_skinsback.flows.figures.daily_figures import write_daily_figures
from django_skinsback.flows.figures.queries import DAY
from django_skinsback.models import BalanceSnapshot, DailyFigure
from django_skinsback.testing import make_deposit, make_purchase

from .shelf import at, charged_purchase, entry, paid_deposit

pytestmark = pytest.mark.django_db

NOW = at("2026-06-20T12:00+00:00")
TODAY = date(2026, 6, 20)
SHELF = "tests.integration.figures.shelf"
BOTH = ("default", "second")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(rf: RequestFactory):
    def render(user, accounts=BOTH):
        """Return the HTML of the figures, with single spaces."""
        request = rf.get("/")
        request.user = user
        html = render_to_string("admin/skinsback/desk/figures.html", figures_context(request, accounts), request)
        return " ".join(html.split())

    return render


@pytest.fixture
def staff(django_user_model):
    def make(*codenames):
        person = django_user_model.objects.create_user("-".join(codenames) or "nobody", is_staff=True)
        found = Permission.objects.filter(codename__in=codenames, content_type__app_label="skinsback")
        assert len(found) == len(codenames)
        person.user_permissions.set(found)
        return person

    return make


@pytest.fixture
def shop(user, site):
    """A site with rows of both kinds, a reversal, and liabilities."""
    site(LIABILITIES=f"{SHELF}.owed")
    for days in (0, 1, 9):
        paid_deposit(user, NOW - days * DAY)
        charged_purchase(user, NOW - days * DAY)
    make_deposit(created_at=NOW)
    make_purchase(created_at=NOW, status="timeout")
    entry(user, paid_deposit(user, NOW), "reversal", "-9", NOW)
    BalanceSnapshot.objects.create(account="default", balance=Decimal(50))
    BalanceSnapshot.objects.create(account="second", balance=Decimal(50))
    write_daily_figures()


def text(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


PARTS = {
    "view_deposit": "A deposit is counted on the day on which it was created.",
    "view_purchase": "Failed purchases by reason",
    "view_ledgerentry": "Money given to and taken from users",
    "view_balancesnapshot": "Balance at SkinsBack",
}


@pytest.mark.parametrize("codename", PARTS)
def test_each_part_is_shown_only_to_who_may_view_its_model(shop, desk, staff, codename):
    html = desk(staff(codename))

    assert {name for name, words in PARTS.items() if words in html} == {codename}


def test_who_may_view_nothing_sees_nothing_and_nothing_is_counted(shop, rf, staff, django_assert_num_queries):
    request = rf.get("/")
    request.user = staff("view_desk")
    request.user.get_all_permissions()

    with django_assert_num_queries(0):
        assert figures_context(request, BOTH) == {}


@pytest.mark.parametrize(
    ("codenames", "deposits", "purchases"),
    [
        (["view_ledgerentry"], False, False),
        (["view_deposit", "view_purchase"], False, False),
        (["view_ledgerentry", "view_deposit"], True, False),
        (["view_ledgerentry", "view_purchase"], False, True),
    ],
)
def test_a_margin_needs_the_permission_for_the_entries_and_for_the_rows(
    shop, desk, staff, codenames, deposits, purchases
):
    html = desk(staff(*codenames))

    assert ("Deposits: margin" in html, "Purchases: margin" in html) == (deposits, purchases)


def test_the_numbers_of_the_three_periods_stand_side_by_side(shop, desk, operator):
    words = text(desk(operator))

    assert "Created 3 4 5" in words
    assert "Paid 1 2 3" in words
    assert "Conversion so far 33.3 % 50.0 % 60.0 %" in words
    assert "Started 2 3 4" in words
    assert "Not accepted in time 1 1 1" in words
    assert "Credits, USD 18.00 27.00 36.00" in words
    assert "Reversals, USD 9.00 9.00 9.00" in words
    assert "Charges, USD 5.00 10.00 15.00" in words
    assert "Deposits: margin, USD 1.00 2.00 3.00" in words
    assert "Purchases: margin, USD 1.00 2.00 3.00" in words


def test_a_fold_shows_each_game(shop, desk, operator, user):
    paid_deposit(user, NOW, game="rust")

    words = text(desk(operator))

    assert "Deposits: by game" in words
    assert "Created Counter-Strike 2 3 4 5 Rust 1 1 1" in words
    assert "Started Counter-Strike 2 2 3 4 Accepted" in words


def test_the_only_game_is_named_in_the_heading(shop, desk, operator):
    assert "Deposits (Counter-Strike 2)" in text(desk(operator))


def test_without_a_common_currency_both_sums_stand_side_by_side(desk, operator, user):
    paid_deposit(user, NOW, credit="900", currency="coins")
    charged_purchase(user, NOW, charge="20", currency="eur")

    words = text(desk(operator))

    assert "Deposits credited in another currency: earned, USD 10.00 10.00 10.00" in words
    assert "Deposits credited in another currency: credited, COINS 900.00 900.00 900.00" in words
    assert "Purchases charged in another currency: charged, EUR 20.00 20.00 20.00" in words
    assert "Purchases charged in another currency: debited, USD 4.00 4.00 4.00" in words
    assert ": margin" not in words


def test_a_shortage_is_said_in_words_and_marked(shop, desk, operator):
    assert "skinsback-short" not in desk(operator)
    assert "Covered: the balance minus what is reserved is enough" in desk(operator)

    BalanceSnapshot.objects.create(account="default", balance=Decimal(-50))
    html = desk(operator)

    assert "skinsback-short" in html
    assert "Short by 12.34 USD: the balance minus what is reserved is smaller" in html


@pytest.mark.parametrize("hook", ["broken", "rubbish", "not_a_number", "missing"])
def test_liabilities_that_cannot_be_read_are_named_and_the_desk_is_shown(shop, desk, operator, site, hook, caplog):
    site(LIABILITIES=f"{SHELF}.{hook}")

    words = text(desk(operator))

    assert "Liabilities, USD could not be read" in words
    assert "It is not known whether the balance covers what the site owes its users." in words
    assert "LIABILITIES could not be read for USD." in words
    assert "Created 3 4 5" in words
    assert "skinsback.amount_unreadable" in [record.getMessage() for record in caplog.records]


def test_a_conversion_that_cannot_be_read_is_named(shop, desk, operator, site, user):
    site(TO_USD=f"{SHELF}.broken")
    paid_deposit(user, NOW, currency="eur")

    assert "EUR cannot be compared with the balance in USD" in text(desk(operator))


def test_without_liabilities_there_is_no_solvency(shop, desk, operator, site):
    site(LIABILITIES=None)

    assert "Solvency" not in desk(operator)


def test_users_with_reversals_are_listed_where_their_balance_cannot_be_asked(shop, desk, operator, staff, site):
    assert "1 user had a credit reversed in the last 90 days." in desk(operator)
    assert "alice: 1 reversal" in desk(operator)
    assert "alice" not in desk(staff("view_deposit", "view_purchase", "view_balancesnapshot"))

    site(BALANCE=f"{SHELF}.owes")

    assert "alice" not in desk(operator)


def test_days_that_are_not_counted_yet_are_named(desk, operator, user):
    paid_deposit(user, NOW)

    words = text(desk(operator))

    assert "27 days (May 22 to June 17) are not counted yet." in words
    write_daily_figures()
    assert "not counted yet" not in text(desk(operator))


def test_figures_of_one_account_are_its_own(shop, desk, operator, user):
    paid_deposit(user, NOW, account="second")

    assert "Created 1 1 1" in text(desk(operator, ["second"]))


@pytest.mark.parametrize("rows", [1, 25])
def test_the_figures_take_eight_queries_for_any_number_of_rows_and_accounts(
    shop, rf, operator, user, site, settings, rows
):
    site(ACCOUNTS={name: {"CLIENT_ID": "2", "CLIENT_SECRET": "4"} for name in ("second", "third", "fourth")})
    for _ in range(rows):
        paid_deposit(user, NOW, account="third")
    request = rf.get("/")
    request.user = operator

    with CaptureQueriesContext(connection) as queries:
        figures_context(request, ("default", "second", "third", "fourth"))

    assert len(queries) == 8


def test_names_from_users_are_escaped(desk, operator, django_user_model):
    user = django_user_model.objects.create_user("<script>alert(1)</script>")
    entry(user, paid_deposit(user, NOW, game="<b>"), "reversal", "-9", NOW)

    html = desk(operator)

    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_no_style_and_no_script_is_inline(shop, desk, operator):
    html = desk(operator)

    assert "<svg" in html
    assert not re.search(r"\sstyle=|<style|<script|\son\w+=", html)


def test_every_id_is_unique_and_every_reference_exists(shop, desk, operator, user):
    paid_deposit(user, NOW, currency="eur", game="rust")
    html = desk(operator)
    ids = re.findall(r'\sid="([^"]+)"', html)

    assert len(ids) == len(set(ids))
    for attribute in re.findall(r'aria-labelledby="([^"]+)"', html):
        assert set(attribute.split()) <= set(ids)


class TestCharts:
    LABELS = ("Mon", "Tue", "Wed")

    def plot(self, *values, **options):
        series = [Series(f"series {number}", list(each)) for number, each in enumerate(values, 1)]
        return Plot("example", "A <title>", "It shows & says", self.LABELS, series, **options)

    def svg(self, chart):
        return ElementTree.fromstring(chart.svg)

    def test_a_bar_is_as_high_as_its_value(self):
        chart = bar_chart(self.plot([4, 2, 0], [Decimal(1), Decimal("0.5"), Decimal(0)]))

        bars = [(rect.get("class"), int(rect.get("height"))) for rect in self.svg(chart).iter("rect")]
        assert bars == [
            ("skinsback-series-1", charts.HEIGHT),
            ("skinsback-series-1", charts.HEIGHT // 2),
            ("skinsback-series-2", charts.HEIGHT // 4),
            ("skinsback-series-2", charts.HEIGHT // 8),
        ]

    def test_a_value_below_zero_hangs_below_the_axis(self):
        chart = bar_chart(self.plot([3, -1, 0]))

        up, down = self.svg(chart).iter("rect")
        assert int(up.get("height")) == charts.HEIGHT * 3 // 4 == int(down.get("y"))
        assert int(down.get("height")) == charts.HEIGHT // 4

    def test_a_small_value_is_still_seen(self):
        chart = bar_chart(self.plot([10**9, 1, 0]))

        assert [int(rect.get("height")) for rect in self.svg(chart).iter("rect")] == [charts.HEIGHT, 1]

    def test_a_line_has_a_gap_where_a_value_is_not_known(self):
        chart = line_chart(self.plot([1, None, 2]))

        assert [line.get("points") for line in self.svg(chart).iter("polyline")] == ["250,500 750,500", "2250,0 2750,0"]

    @pytest.mark.parametrize("make", [bar_chart, line_chart])
    def test_a_chart_without_values_is_drawn(self, make):
        for values in ([0, 0, 0], [None, None, None]):
            assert self.svg(make(self.plot(values))).get("role") == "img"

    @pytest.mark.parametrize("make", [bar_chart, line_chart])
    def test_a_chart_has_a_title_a_description_and_a_table_of_the_same_values(self, make):
        chart = make(self.plot([4, 2, 1], [3, 2, 0], text=lambda value: f"{value} pieces"))

        svg = self.svg(chart)
        assert (svg.find("title").text, svg.find("desc").text) == ("A <title>", "It shows & says")
        assert svg.get("aria-labelledby").split() == [svg.find("title").get("id"), svg.find("desc").get("id")]
        assert chart.rows == [
            ["Mon", "4 pieces", "3 pieces"],
            ["Tue", "2 pieces", "2 pieces"],
            ["Wed", "1 pieces", "0 pieces"],
        ]
        assert chart.legend == [(1, "series 1"), (2, "series 2")]
        assert (chart.highest, chart.first_label, chart.last_label) == ("4 pieces", "Mon", "Wed")


def test_the_chart_of_the_solvency_shows_the_kept_days(shop, desk, operator, clock):
    html = desk(operator)
    assert "Solvency per day, USD" in html
    assert "June 20 100.00" in text(html).replace("\N{NO-BREAK SPACE}", " ")

    DailyFigure.objects.all().delete()
    assert "Solvency per day, USD" not in desk(operator)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "\N{EN DASH}"), (0, "0 s"), (59, "59 s"), (125, "2 min 5 s"), (7260, "2 h 1 min")]
)
def test_a_duration_is_short(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "\N{EN DASH}"), ("0", "0.0 %"), ("0.6666666", "66.7 %"), ("1", "100.0 %")]
)
def test_a_share_is_a_percentage(share, shown):
    assert percent(share and Decimal(share)) == shown
