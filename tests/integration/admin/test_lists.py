"""The lists of the admin: days, order, pages, sums, combinations of filters, and the number of queries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_skinsback.admin import display
from django_skinsback.admin.finding import pages
from django_skinsback.models import Deposit, LedgerEntry, StatusChange, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase

from ...support.admin_staff import browser_of, list_url

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)  # the next day in Moscow
MOST_QUERIES = 6


@pytest.fixture
def browser():
    return browser_of(superuser=True)


def rows_of(browser, model, **query):
    return list(browser.get(list_url(model), query).context["cl"].result_list)


def text_of(browser, model, **query):
    return browser.get(list_url(model), query).content.decode()


def column(browser, model, name):
    """Return the number of a column in the parameter of the order."""
    return browser.get(list_url(model)).context["cl"].list_display.index(name)


def create_deposit(created_at, **values):
    row = make_deposit(**values)
    Deposit.objects.filter(pk=row.pk).update(created_at=created_at)
    return row


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"created": "today"}, [0]),
        ({"created": "7"}, [0, 1, 2]),
        ({"created": "30"}, [0, 1, 2, 3]),
        ({}, [0, 1, 2, 3, 4]),
        ({"created_from": "2026-03-10"}, [0, 1]),
        ({"created_from": "2026-03-10", "created_to": "2026-03-10"}, [1]),
        ({"created_to": "2026-03-10", "created": "today"}, [1, 2, 3, 4]),
        ({"created_from": "", "created_to": ""}, [0, 1, 2, 3, 4]),
    ],
)
def test_a_day_is_a_day_of_the_sites_time_zone(browser, settings, query, numbers):
    settings.TIME_ZONE = "Europe/Moscow"
    midnight = datetime(2026, 3, 10, 21, tzinfo=UTC)
    times = [
        midnight,
        midnight - timedelta(seconds=1),
        midnight - timedelta(days=6),
        midnight - timedelta(days=29),
        midnight - timedelta(days=30),
    ]
    rows = [create_deposit(time) for time in times]
    with time_machine.travel(NOW, tick=False):
        found = rows_of(browser, "deposit", **query)
    assert found == [rows[number] for number in numbers]


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "0001-01-01", "2026-1", "\u0661"])
def test_a_text_that_is_no_day_shows_the_list_without_filters(browser, text):
    answer = browser.get(list_url("deposit"), {"created_from": text})
    assert (answer.status_code, answer.url) == (302, f"{list_url('deposit')}?e=1")


def test_the_form_of_the_days_keeps_the_other_filters(browser):
    page = text_of(browser, "deposit", status__exact="fail", created_from="2026-03-01", q="x", p="1")
    assert '<input type="hidden" name="status__exact" value="fail">' in page
    assert '<input type="hidden" name="q" value="x">' in page
    assert 'name="created_from" value="2026-03-01"' in page
    assert page.count('name="created_from"') == 2  # the form of the search keeps it too
    assert '<input type="hidden" name="p"' not in page


def test_deliveries_are_filtered_by_the_day_they_were_received(browser):
    old = WebhookEvent.objects.create(
        account="default", kind="event", digest="1" * 64, body=b"", received_at=NOW - timedelta(days=3)
    )
    new = WebhookEvent.objects.create(account="default", kind="event", digest="2" * 64, body=b"", received_at=NOW)
    with time_machine.travel(NOW, tick=False):
        assert rows_of(browser, "webhookevent", received="today") == [new]
        assert rows_of(browser, "webhookevent", received="7") == [new, old]


def test_lists_are_ordered_by_the_time_of_creation_in_both_directions(browser):
    first, last, same = create_deposit(NOW), create_deposit(NOW + timedelta(days=1)), create_deposit(NOW)
    number = column(browser, "deposit", "created_at")
    assert rows_of(browser, "deposit") == [last, same, first]
    assert rows_of(browser, "deposit", o=f"-{number}") == [last, same, first]
    assert rows_of(browser, "deposit", o=str(number)) == [first, same, last]


def test_the_order_of_the_end_leaves_out_unfinished_rows_and_says_so(browser):
    make_deposit(status="pending")
    early, late = make_deposit(finished_at=NOW), make_deposit(finished_at=NOW + timedelta(days=1))
    number = column(browser, "deposit", "finished_at")
    assert rows_of(browser, "deposit", o=f"-{number}") == [late, early]
    assert rows_of(browser, "deposit", o=str(number)) == [early, late]
    assert "Rows without “finished at” are not shown" in text_of(browser, "deposit", o=str(number))


@pytest.mark.parametrize(
    "filters", [{}, {"status__exact": "fail"}, {"status__exact": "fail", "game": "cs2"}, {"q": "alice"}]
)
def test_every_row_is_on_one_page(browser, user, filters, monkeypatch):
    monkeypatch.setattr("django_skinsback.admin.base.ReadOnlyAdmin.list_per_page", 2)
    rows = [make_deposit(status="fail", game="cs2", user=user) for _number in range(5)]
    found = [rows_of(browser, "deposit", p=page, **filters) for page in (1, 2, 3)]
    assert [*found[0], *found[1], *found[2]] == rows[::-1]
    assert [len(page) for page in found] == [2, 2, 1]
    assert browser.get(list_url("deposit"), {"p": 4, **filters}).status_code == 302
    assert rows_of(browser, "deposit", all="", **filters) == rows[::-1]


@pytest.mark.parametrize(
    "filters", [{}, {"status__exact": "fail"}, {"status__exact": "fail", "account": "second"}, {"account": "second"}]
)
def test_no_more_rows_than_the_bound_are_counted_or_reached(browser, filters, monkeypatch):
    monkeypatch.setattr(pages, "COUNTED_ROWS", 3)
    rows = [make_deposit(status="fail", account="second") for _number in range(5)]
    assert rows_of(browser, "deposit", **filters) == rows[:1:-1]
    assert "more rows than this list counts" in text_of(browser, "deposit", **filters)
    monkeypatch.setattr(pages, "COUNTED_ROWS", 5)
    assert rows_of(browser, "deposit", **filters) == rows[::-1]
    assert "more rows than this list counts" not in text_of(browser, "deposit", **filters)


def test_a_combination_looks_at_the_newest_matches_and_says_so(browser, monkeypatch):
    monkeypatch.setattr(pages, "ROWS_LOOKED_AT", 3)
    games = ["rust", "rust", "cs2", "rust", "cs2"]
    rows = [make_deposit(status="fail", game=game, account="second") for game in games]
    query = {"status__exact": "fail", "game": "rust", "account": "second"}
    assert rows_of(browser, "deposit", **query) == [rows[3]]
    assert "newest" in text_of(browser, "deposit", **query)


def test_a_combination_prefers_an_index_with_few_rows(browser, monkeypatch):
    monkeypatch.setattr(pages, "ROWS_LOOKED_AT", 3)
    wanted = make_deposit(status="fail", game="rust", needs_review=True)
    for _number in range(4):
        make_deposit(status="fail", game="cs2")
    query = {"status__exact": "fail", "game": "rust", "needs_review": "1"}
    assert rows_of(browser, "deposit", **query) == [wanted]
    assert "matches of one filter only" not in text_of(browser, "deposit", **query)


def test_a_queue_of_one_account_does_not_read_the_rows_of_the_account(browser, monkeypatch):
    monkeypatch.setattr(pages, "ROWS_LOOKED_AT", 3)
    wanted = make_deposit(account="second", needs_review=True)
    for _number in range(4):
        make_deposit(account="second")
    query = {"queue": "review", "account": "second"}

    with CaptureQueriesContext(connection) as queries:
        assert rows_of(browser, "deposit", **query) == [wanted]

    of_account = [sql["sql"] for sql in queries if "'second'" in sql["sql"]]
    assert of_account
    assert all("needs_review" in sql for sql in of_account), of_account


def test_sums_of_a_filtered_list_are_exact_and_never_mix_currencies(browser):
    for amount, currency in (("0.1", "usd"), ("0.2", "usd"), ("90071992.409931", "rub"), ("7", "eur")):
        make_deposit(status="success", amount=Decimal(amount), amount_currency=currency)
    make_deposit(status="fail", amount=Decimal(5), amount_currency="usd")
    page = browser.get(list_url("deposit"), {"status__exact": "success"})
    (label, amounts), *_others = page.context["cl"].sums
    assert label == "amount"
    assert [amount.split() for amount in amounts] == [["7.00", "EUR"], ["90,071,992.409931", "RUB"], ["0.30", "USD"]]
    assert browser.get(list_url("deposit")).context["cl"].sums == []


def test_sums_of_entries_are_split_by_their_kind(browser, user):
    for kind, amount in (("charge", -3), ("refund", 1)):
        LedgerEntry.objects.create(user=user, purchase=make_purchase(), kind=kind, amount=amount, currency="usd")
    found = browser.get(list_url("ledgerentry"), {"q": "alice"}).context["cl"].sums
    assert found == [("charge", [display.money(Decimal(-3))]), ("refund", [display.money(Decimal(1))])]


def test_an_incomplete_list_has_no_sums(browser, monkeypatch):
    monkeypatch.setattr(pages, "COUNTED_ROWS", 1)
    for _number in range(2):
        make_deposit(status="success", amount=Decimal(5), amount_currency="usd")
    page = browser.get(list_url("deposit"), {"status__exact": "success"})
    assert page.context["cl"].sums == []
    assert "so no sums are shown" in page.content.decode()


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("deposit", {}),
        ("deposit", {"status__exact": "fail", "account": "second"}),
        ("deposit", {"status__exact": "fail", "account": "second", "game": "cs2", "needs_review": "0", "created": "7"}),
        ("deposit", {"q": "alice", "status__exact": "fail"}),
        ("deposit", {"q": "alice@shop.example"}),
        ("purchase", {"q": "redline"}),
        ("ledgerentry", {"q": "alice", "kind__exact": "credit"}),
        ("webhookevent", {"q": "alice", "outcome__exact": "applied"}),
        ("statuschange", {"q": "alice"}),
        ("discrepancy", {"q": "alice", "state__exact": "open"}),
        ("discrepancy", {}),
        ("steamprofile", {"q": "alice"}),
    ],
)
def test_a_list_needs_few_queries(browser, user, model, query):
    for _number in range(3):
        deposit = make_deposit(user=user, status="fail", account="second", game="cs2")
        purchase = make_purchase(user=user)
        StatusChange.objects.create(deposit=deposit, from_status="a", to_status="b", source="poll")
        values = {"kind": "charge", "amount": Decimal(-5), "currency": "usd"}
        LedgerEntry.objects.create(user=user, purchase=purchase, **values)
    browser.get(list_url(model), query)
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(list_url(model), query).status_code == 200
    of_django = ("django_session", "SAVEPOINT", "RELEASE", "auth_permission")
    others = [each["sql"] for each in queries if not any(word in each["sql"] for word in of_django)]
    assert len(others) - 1 <= MOST_QUERIES, others  # one query reads the operator


@pytest.mark.parametrize("query", [{"status": "\x00"}, {"account": "\x00"}, {"game": "a\x00"}, {"user__exact": "\x00"}])
def test_a_filter_that_the_database_cannot_read_is_left_out(browser, query):
    response = browser.get(list_url("deposit"), query)
    assert (response.status_code, response.url) == (302, f"{list_url('deposit')}?e=1")
