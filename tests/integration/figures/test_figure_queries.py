"""The figures of days, counted from the stored rows: days of the time zone, exact sums, currencies, margins."""

from datetime import date, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_skinsback.flows.figures.queries import DAY, Key, count_figures, day_of, day_start
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.testing import make_deposit, make_purchase

from .shelf import at, charged_purchase, entry, paid_deposit

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOON = at("2026-03-10T12:00+00:00")
THE_DAY = date(2026, 3, 10)
SITE = "tests.integration.figures.shelf"


def figure(totals, kind, currency="", day=THE_DAY, game="cs2", account="default"):
    total = totals.get(Key(account, day, game, currency, kind))
    return None if total is None else (total.number, total.amount)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", "2026-03-29", 24),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("Asia/Beirut", "2026-03-29", 23),  # midnight does not exist
        ("America/Havana", "2026-11-01", 25),  # the hour after midnight happens twice
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Pacific/Apia", "2011-12-30", 0),  # the day was skipped
        ("Asia/Kathmandu", "2026-03-29", 24),
    ],
)
def test_a_day_is_as_long_as_the_clock_of_the_time_zone_says(settings, zone, day, hours):
    settings.TIME_ZONE = zone
    start, end = day_start(date.fromisoformat(day)), day_start(date.fromisoformat(day) + DAY)

    assert end - start == timedelta(hours=hours)
    if hours:
        for instant in (start, end - timedelta(microseconds=1)):
            assert day_of(instant) == date.fromisoformat(day)
    assert day_of(end) == date.fromisoformat(day) + DAY


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T00:00+01:00", "2026-03-29T23:59:59.999999+02:00", 23),
        ("Europe/Berlin", "2026-10-25T00:00+02:00", "2026-10-25T23:59:59.999999+01:00", 25),
        ("Asia/Tokyo", "2026-03-10T00:00+09:00", "2026-03-10T23:59:59.999999+09:00", 24),
    ],
)
def test_rows_count_on_the_day_of_the_time_zone(settings, user, use_tz, zone, first, last, hours):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
    start = at(first)
    for number in range(hours):
        paid_deposit(user, start + timedelta(hours=number, minutes=30))
    paid_deposit(user, start)
    paid_deposit(user, at(last))
    paid_deposit(user, start - timedelta(microseconds=1))
    paid_deposit(user, at(last) + timedelta(microseconds=1))

    totals = count_figures([start.date()])

    assert {key.day for key in totals} == {start.date()}
    assert figure(totals, "deposits", day=start.date()) == (hours + 2, 0)
    assert figure(totals, "credit", "usd", day=start.date()) == (hours + 2, 9 * (hours + 2))


def test_several_days_are_counted_with_the_same_three_queries(user, django_assert_num_queries):
    for number in (0, 1, 2, 5):
        for _ in range(number + 1):
            paid_deposit(user, NOON - timedelta(days=number))
            charged_purchase(user, NOON - timedelta(days=number))

    with django_assert_num_queries(3):
        totals = count_figures([THE_DAY, THE_DAY - DAY, THE_DAY - 5 * DAY])

    for number in (0, 1, 5):
        day = THE_DAY - number * DAY
        assert figure(totals, "deposits", day=day) == (number + 1, 0)
        assert figure(totals, "credit", "usd", day=day) == (number + 1, 9 * (number + 1))
        assert figure(totals, "charge", "usd", day=day) == (number + 1, -5 * (number + 1))
    assert {key.day for key in totals} == {THE_DAY, THE_DAY - DAY, THE_DAY - 5 * DAY}


def test_a_deposit_is_paid_while_it_is_credited_and_not_reversed(user):
    paid_deposit(user, NOON)
    reversed_one = paid_deposit(user, NOON)
    entry(user, reversed_one, "reversal", "-9", NOON)
    for status in ("created", "pending", "in_hold", "fail", "abandoned"):
        make_deposit(status=status, created_at=NOON)

    totals = count_figures([THE_DAY])

    assert figure(totals, "deposits") == (7, 0)
    assert figure(totals, "deposits_paid") == (1, 0)
    assert figure(totals, "credit", "usd") == (2, 18)
    assert figure(totals, "reversal", "usd") == (1, -9)
    assert figure(totals, "earned", "usd") == (1, 10)
    assert figure(totals, "credited", "usd") == (1, 9)


def test_a_reversal_counts_on_its_own_day_and_takes_the_margin_from_the_day_of_the_credit(user):
    row = paid_deposit(user, NOON - 3 * DAY)
    entry(user, row, "reversal", "-9", NOON)

    totals = count_figures([THE_DAY, THE_DAY - 3 * DAY])

    assert figure(totals, "reversal", "usd") == (1, -9)
    assert figure(totals, "credit", "usd", day=THE_DAY - 3 * DAY) == (1, 9)
    assert figure(totals, "credited", "usd", day=THE_DAY - 3 * DAY) is None
    assert figure(totals, "earned", "usd", day=THE_DAY - 3 * DAY) is None


def test_currencies_are_never_added_and_only_equal_ones_have_a_margin(user):
    paid_deposit(user, NOON)
    paid_deposit(user, NOON, credit="7", amount="8", currency="eur", amount_currency="eur")
    paid_deposit(user, NOON, credit="900", amount="10", currency="coins")
    paid_deposit(user, NOON, credit="3", amount=None)

    totals = count_figures([THE_DAY])

    assert figure(totals, "credit", "usd") == (2, 12)
    assert figure(totals, "credit", "eur") == (1, 7)
    assert figure(totals, "credit", "coins") == (1, 900)
    assert (figure(totals, "earned", "usd"), figure(totals, "credited", "usd")) == ((1, 10), (1, 9))
    assert (figure(totals, "earned", "eur"), figure(totals, "credited", "eur")) == ((1, 8), (1, 7))
    assert figure(totals, "credited", "coins") is None
    assert figure(totals, "earned_other", "usd") == (1, 10)
    assert figure(totals, "credited_other", "coins") == (1, 900)
    assert figure(totals, "credited_other", "usd") == (1, 3)  # its amount is not known, so it has no margin


def test_purchases_count_by_status_and_with_the_time_to_accept(user):
    make_purchase(created_at=NOON, status="accepted", accepted_at=NOON + timedelta(minutes=3))
    make_purchase(created_at=NOON, status="accepted", accepted_at=NOON + timedelta(seconds=30, microseconds=1))
    make_purchase(created_at=NOON, status="rollback_supplier", accepted_at=NOON + timedelta(minutes=1))
    for status in ("timeout", "timeout", "canceled", "waiting_accept", "unknown", "requested"):
        make_purchase(created_at=NOON, status=status)

    totals = count_figures([THE_DAY])

    assert figure(totals, "purchases") == (9, 0)
    assert figure(totals, "purchases_accepted") == (2, 0)
    assert figure(totals, "failed:timeout") == (2, 0)
    assert figure(totals, "failed:canceled") == (1, 0)
    assert figure(totals, "failed:rollback_supplier") == (1, 0)
    assert figure(totals, "accept_seconds") == (3, Decimal("270.000001"))


def test_the_margin_of_purchases_needs_an_accepted_charged_and_not_refunded_purchase(user):
    charged_purchase(user, NOON)
    refunded = charged_purchase(user, NOON)
    entry(user, refunded, "refund", "5", NOON)
    charged_purchase(user, NOON, status="waiting_accept")
    make_purchase(created_at=NOON, status="accepted", debited_amount=Decimal(3))  # was not charged

    totals = count_figures([THE_DAY])

    assert (figure(totals, "charged", "usd"), figure(totals, "debited", "usd")) == ((1, 5), (1, 4))
    assert figure(totals, "charge", "usd") == (3, -15)
    assert figure(totals, "refund", "usd") == (1, 5)


def test_a_charge_in_another_currency_is_converted_or_stays_beside_the_debit(user, site):
    charged_purchase(user, NOON)
    charged_purchase(user, NOON, charge="20", currency="eur")

    totals = count_figures([THE_DAY])

    assert (figure(totals, "charged", "usd"), figure(totals, "debited", "usd")) == ((1, 5), (1, 4))
    assert figure(totals, "charged_other", "eur") == (1, 20)
    assert figure(totals, "debited_other", "usd") == (1, 4)

    site(TO_USD=f"{SITE}.half")
    totals = count_figures([THE_DAY])

    assert (figure(totals, "charged", "usd"), figure(totals, "debited", "usd")) == ((2, 15), (2, 8))
    assert figure(totals, "charged_other", "eur") is None


@pytest.mark.parametrize("hook", ["broken", "rubbish", "not_a_number", "missing"])
def test_a_conversion_that_fails_is_logged_and_leaves_both_sums_side_by_side(user, site, hook, caplog):
    charged_purchase(user, NOON, charge="20", currency="eur")
    site(TO_USD=f"{SITE}.{hook}")

    totals = count_figures([THE_DAY])

    assert figure(totals, "charged_other", "eur") == (1, 20)
    assert [(record.getMessage(), record.setting) for record in caplog.records] == [
        ("skinsback.amount_unreadable", "TO_USD")
    ]


def test_accounts_and_games_are_apart(user):
    paid_deposit(user, NOON)
    paid_deposit(user, NOON, account="second", game="rust", credit="2")
    charged_purchase(user, NOON, account="second", game="dota2")

    totals = count_figures([THE_DAY])

    assert figure(totals, "credit", "usd") == (1, 9)
    assert figure(totals, "credit", "usd", account="second", game="rust") == (1, 2)
    assert figure(totals, "charge", "usd", account="second", game="dota2") == (1, -5)
    assert figure(totals, "deposits", account="second", game="rust") == (1, 0)


amounts = st.decimals(Decimal("0.000001"), Decimal("99999999.999999"), places=6)


@given(
    rows=st.lists(st.tuples(amounts, amounts, st.sampled_from(["usd", "eur"]), st.booleans()), max_size=25),
    precision=st.sampled_from([3, 28]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_exact(user, rows, precision):
    """SQLite alone would add the amounts as floats. The precision of the process does not matter."""
    LedgerEntry.objects.all()._raw_delete("default")
    Deposit.objects.all().delete()
    Purchase.objects.all().delete()
    expected = {}
    for credit, amount, currency, is_reversed in rows:
        row = paid_deposit(user, NOON, credit=credit, amount=amount, currency=currency, amount_currency=currency)
        charged_purchase(user, NOON, charge=credit, debited=amount)
        kinds = {"credit": credit, **({} if is_reversed else {"earned": amount, "credited": credit})}
        if is_reversed:
            entry(user, row, "reversal", -credit, NOON, currency)
            kinds["reversal"] = -credit
        for kind, value in (("charge", -credit), ("charged", credit), ("debited", amount)):
            expected[kind, "usd"] = expected.get((kind, "usd"), 0) + value
        for kind, value in kinds.items():
            expected[kind, currency] = expected.get((kind, currency), 0) + value

    with localcontext() as context:
        context.prec = precision
        totals = count_figures([THE_DAY])

    found = {(key.kind, key.currency): total.amount for key, total in totals.items() if key.currency}
    assert found == expected
