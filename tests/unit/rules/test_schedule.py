"""When a row is polled again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_skinsback.schedule import (
    ACCEPT_WITHIN,
    CREATE_UNANSWERED,
    HOLD,
    MAX_RESENDS,
    PAY_LINK_LIFETIME,
    RESEND_AFTER,
    REVIEW_AFTER,
    ROLLBACK_MARGIN,
    accepted_until,
    backoff,
    next_deposit_poll,
    next_purchase_poll,
    spread,
)
from django_skinsback.statuses import DEPOSIT_FINAL, DEPOSIT_OPEN, PURCHASE_FINAL, DepositStatus, PurchaseStatus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

ages = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))
attempts = st.integers(min_value=0, max_value=100_000)


def test_the_constants_are_as_documented():
    assert CREATE_UNANSWERED == 10 * MINUTE
    assert HOLD == 8 * DAY
    assert ROLLBACK_MARGIN == DAY
    assert ACCEPT_WITHIN == 10 * MINUTE
    assert RESEND_AFTER == 2 * MINUTE
    assert MAX_RESENDS == 5
    assert REVIEW_AFTER == DAY
    assert PAY_LINK_LIFETIME == 3 * DAY


@pytest.mark.parametrize(
    ("status", "age", "tries", "wait"),
    [
        ("created", timedelta(0), 0, MINUTE),
        ("created", 2 * DAY, 40, MINUTE),
        ("pending", timedelta(0), 0, 2 * MINUTE),
        ("pending", 10 * MINUTE - SECOND, 5, 2 * MINUTE),
        ("pending", 10 * MINUTE, 5, 10 * MINUTE),
        ("pending", HOUR - SECOND, 10, 10 * MINUTE),
        ("pending", HOUR, 10, HOUR),
        ("pending", DAY - SECOND, 30, HOUR),
        ("pending", DAY, 30, 6 * HOUR),
        ("in_hold", timedelta(0), 0, 6 * HOUR),
        ("in_hold", 8 * DAY - SECOND, 30, 6 * HOUR),
        ("in_hold", 8 * DAY, 0, 30 * MINUTE),
        ("hold_approved", 8 * DAY, 2, 2 * HOUR),
        ("hold_approved", 8 * DAY, 30, 6 * HOUR),
        ("success", timedelta(0), 0, None),
        ("fail", timedelta(0), 0, None),
        ("hold_returned", timedelta(0), 0, None),
        ("abandoned", timedelta(0), 0, None),
    ],
)
def test_a_deposit_is_polled_by_its_status_and_age(status, age, tries, wait):
    assert next_deposit_poll(status, age, tries) == wait


@pytest.mark.parametrize(
    ("status", "age", "tries", "wait"),
    [
        ("requested", timedelta(0), 0, MINUTE),
        ("requested", timedelta(0), 3, 8 * MINUTE),
        ("requested", DAY, 50, 15 * MINUTE),
        ("unknown", timedelta(0), 0, 30 * SECOND),
        ("unknown", timedelta(0), 1, MINUTE),
        ("unknown", DAY, 50, 15 * MINUTE),
        ("creating_trade", timedelta(0), 0, 10 * SECOND),
        ("waiting_accept", 12 * MINUTE - SECOND, 60, 10 * SECOND),
        ("waiting_accept", 12 * MINUTE, 0, MINUTE),
        ("waiting_accept", DAY, 60, HOUR),
        ("accepted", timedelta(0), 0, 6 * HOUR),
        ("accepted", 9 * DAY, 36, 6 * HOUR),
        *((status, timedelta(0), 0, None) for status in sorted(PURCHASE_FINAL)),
    ],
)
def test_a_purchase_is_polled_by_its_status_and_age(status, age, tries, wait):
    assert next_purchase_poll(status, age, tries) == wait


@given(st.sampled_from(list(DepositStatus)), ages, attempts)
def test_an_open_deposit_is_always_polled_again_and_a_final_one_never(status, age, tries):
    wait = next_deposit_poll(status, age, tries)
    assert (wait is not None) is (status in DEPOSIT_OPEN)
    if status in DEPOSIT_FINAL:
        assert wait is None
    else:
        assert wait is None or MINUTE <= wait <= 6 * HOUR


@given(st.sampled_from(list(PurchaseStatus)), ages, attempts)
def test_an_open_purchase_is_always_polled_again_and_a_final_one_never(status, age, tries):
    wait = next_purchase_poll(status, age, tries)
    assert (wait is None) is (status in PURCHASE_FINAL)
    assert wait is None or 10 * SECOND <= wait <= 6 * HOUR


@given(st.text(), ages, attempts)
def test_an_unknown_status_is_polled_too(word, age, tries):
    if word not in {*DepositStatus, *PurchaseStatus}:
        assert next_deposit_poll(word, age, tries)
        assert next_purchase_poll(word, age, tries)


@given(ages, st.floats(min_value=0, max_value=1))
def test_a_wait_is_spread_by_a_tenth_to_either_side(delay, chance):
    assert 0.899 * delay <= spread(delay, chance) <= 1.101 * delay
    assert spread(delay, 0.5) == delay


@given(attempts)
def test_backoff_doubles_until_it_is_long_enough(tries):
    here, next_one = backoff(tries), backoff(tries + 1)
    assert MINUTE <= here <= next_one <= 15 * MINUTE
    assert next_one in {2 * here, 15 * MINUTE}


@pytest.mark.parametrize("tries", [-1, -(10**9), 10**9])
def test_backoff_takes_any_count(tries):
    assert MINUTE <= backoff(tries) <= 15 * MINUTE


@pytest.mark.parametrize(
    ("game", "in_hold", "in_hold_until", "until"),
    [
        ("cs2", True, NOW + 5 * DAY, NOW + 6 * DAY),
        ("cs2", None, NOW + 5 * DAY, NOW + 6 * DAY),
        ("rust", True, NOW + 5 * DAY, NOW + 6 * DAY),
        ("cs2", True, None, NOW + 9 * DAY),
        ("dota2", True, None, NOW + 9 * DAY),
        ("cs2", None, None, NOW + 9 * DAY),
        ("cs2", False, None, NOW + DAY),
        ("dota2", None, None, NOW + DAY),
        ("rust", False, None, NOW + DAY),
    ],
)
def test_an_accepted_purchase_is_over_a_day_after_its_hold(game, in_hold, in_hold_until, until):
    assert accepted_until(game, in_hold, in_hold_until, NOW) == until
