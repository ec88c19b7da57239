"""Polling one row: 304 without a change, at the cost of one query."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import translation

from django_skinsback import deposits, purchases
from django_skinsback.models import Deposit, LedgerEntry
from django_skinsback.testing import make_deposit, make_purchase

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def clock():
    with time_machine.travel(datetime(2026, 6, 1, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def tag(caller, row):
    return caller.get(path(row)).headers["ETag"]


def path(row):
    return f"{type(row).__name__.lower()}s/{row.public_id}/"


@pytest.fixture(params=["deposit", "purchase"])
def row(request, user):
    make = make_deposit if request.param == "deposit" else make_purchase
    return make(user=user, status="in_hold" if request.param == "deposit" else "accepted")


def test_a_poll_without_a_change_is_304_with_one_query(row, caller, django_assert_num_queries):
    current = tag(caller, row)
    with django_assert_num_queries(3):  # two of them are the session and the user
        answer = caller.get(path(row), **{"If-None-Match": current})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", current)
    assert "private" in answer.headers["Cache-Control"]
    assert "Cookie" in answer.headers["Vary"]


@pytest.mark.parametrize("given", ['"other"', "", "garbage", '"a", "b"'])
def test_another_tag_gets_the_row(given, row, caller):
    assert caller.get(path(row), **{"If-None-Match": given}).status_code == 200


@pytest.mark.parametrize("given", ['"a", {}', "W/{}", "*"])
def test_the_tag_may_be_one_of_several_and_weak(given, row, caller):
    assert caller.get(path(row), **{"If-None-Match": given.format(tag(caller, row))}).status_code == 304


def test_a_change_of_the_row_changes_the_tag(row, caller):
    before = tag(caller, row)
    row.save()
    assert tag(caller, row) != before


def test_a_ledger_entry_changes_the_tag(row, user, caller):
    before = tag(caller, row)
    name = type(row).__name__.lower()
    kind = "credit" if name == "deposit" else "refund"
    LedgerEntry.objects.create(user=user, **{name: row}, kind=kind, amount=1, currency="usd")
    assert tag(caller, row) != before


def test_the_language_changes_the_tag(row, caller):
    before = tag(caller, row)
    with translation.override("de"):
        assert tag(caller, row) != before


def test_the_rest_of_a_hold_changes_the_tag_once_a_day(user, caller, clock):
    row = make_deposit(user=user, status="in_hold")
    row.changes.create(from_status="pending", to_status="in_hold", source="webhook")
    tags = []
    for _hour in range(0, 9 * 24, 4):
        answer = caller.get(path(row))
        tags.append((answer.headers["ETag"], answer.json()["hold_days_left"]))
        clock.shift(timedelta(hours=4))
    assert len(set(tags)) == len({seen for seen, _days in tags}) == len({days for _seen, days in tags}) == 9


@pytest.mark.parametrize("status", ["waiting_accept", "requested"])
def test_a_text_that_changes_with_the_time_changes_the_tag(status, user, caller, clock):
    row = make_purchase(user=user, status=status)
    first = caller.get(path(row))
    clock.shift(timedelta(minutes=11))
    second = caller.get(path(row))
    assert first.json()["status_text"] != second.json()["status_text"]
    assert first.headers["ETag"] != second.headers["ETag"]


def test_the_end_of_a_trade_offer_changes_the_tag(user, caller, clock):
    row = make_deposit(user=user, trade_offer_id="1", trade_offer_expires_at=datetime.now(UTC) + timedelta(minutes=10))
    before = tag(caller, row)
    clock.shift(timedelta(minutes=10))
    assert tag(caller, row) != before


def test_every_report_changes_the_tag(caller, rich, sandbox, item):
    quote = caller.post("quotes/", {"game": "cs2", "market_hash_name": item.market_hash_name}).json()
    caller.post("purchases/", {"quote": quote["id"]})
    row = rich.skinsback_purchases.get()
    tags = [tag(caller, row)]
    row = purchases.submit(row)
    tags.append(tag(caller, row))
    sandbox.end_purchase(row.custom_id, "timeout")
    purchases.refresh([row])
    tags.append(tag(caller, row))
    assert len(set(tags)) == 3


def test_a_tag_says_nothing_about_the_row_of_another_user(row, caller, other):
    assert other.get(path(row), **{"If-None-Match": tag(caller, row)}).status_code == 404


def test_head_has_the_tag_and_no_body(row, caller):
    answer = caller.http.head(f"/api/v1/{path(row)}")
    assert (answer.content, answer.headers["ETag"]) == (b"", tag(caller, row))


def test_a_deposit_that_has_not_changed_is_polled_until_it_has(caller, sandbox):
    opened = caller.post("deposits/").json()
    row = Deposit.objects.get()
    current = tag(caller, row)
    assert caller.get(path(row), **{"If-None-Match": current}).status_code == 304
    sandbox.pay(row.order_id, held=False)
    deposits.refresh(row)
    answer = caller.get(path(row), **{"If-None-Match": current})
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (200, opened["id"], "success")
