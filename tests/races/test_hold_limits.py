"""Operators approve holds at the same moment. Together they never exceed HOLD_APPROVE_MAX."""

import time
from collections import Counter
from decimal import Decimal
from functools import partial

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_skinsback import deposits, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import HoldLimitReached, RowChanged
from django_skinsback.flows.deposits.hold_limits import open_credits
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit, LedgerEntry
from django_skinsback.sandbox import Sandbox
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositReport
from tests.wallet.models import Wallet

from .test_killed import kill
from .test_parallel import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

PAID = {"amount": Decimal(8), "user_amount": Decimal(10), "amount_currency": "usd"}


@pytest.fixture
def approved(monkeypatch):
    """The order IDs whose approval SkinsBack has accepted. Each call takes a while, as on the network."""
    order_ids = []

    def approve_hold(_client, *, order_id):
        time.sleep(0.05)
        order_ids.append(order_id)

    def get_deposit(_client, *, order_id):
        status = "hold_approved" if order_id in order_ids else "in_hold"
        return DepositReport(status=status, order_id=order_id, **PAID)

    monkeypatch.setattr(SkinsBackClient, "approve_hold", approve_hold)
    monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
    return order_ids


@pytest.fixture
def limit(settings):
    def limit(*amounts, **more):
        limits = {"usd": tuple(map(Decimal, amounts))}
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_APPROVE_MAX": limits, "ACCOUNTS": {}, **more}

    return limit


def held(user):
    return make_deposit(user=user, status="in_hold", **PAID)


def make_users(count):
    already = get_user_model().objects.count()
    users = [get_user_model().objects.create_user(f"user {already + number}") for number in range(count)]
    Wallet.objects.bulk_create([Wallet(user=user) for user in users])
    return users


def names(results):
    return Counter(type(result).__name__ for result in results)


def credited():
    """Return the sum of the credits of holds that are approved and not over."""
    entries = LedgerEntry.objects.filter(deposit__status="hold_approved")
    return sum(entries.values_list("amount", flat=True), Decimal(0))


@pytest.mark.parametrize("operators", [2, 8])
def test_operators_who_approve_at_once_never_exceed_the_limit_of_all_users(approved, limit, operators):
    limit(1000, 10 * (operators // 2))
    for _ in range(6):
        Deposit.objects.update(status="success")
        approved.clear()
        rows = [held(user) for user in make_users(operators)]

        results = at_once(*[partial(deposits.approve_hold, row) for row in rows])

        assert names(results) == {"Deposit": operators // 2, "HoldLimitReached": operators // 2}, results
        assert len(approved) == operators // 2
        assert credited() == 10 * (operators // 2)


@pytest.mark.parametrize("operators", [2, 8])
def test_operators_who_approve_at_once_never_exceed_the_limit_of_a_user(approved, limit, user, operators):
    Wallet.objects.create(user=user)
    limit(10 * (operators // 2), 1000)
    rows = [held(user) for _ in range(operators)]

    results = at_once(*[partial(deposits.approve_hold, row) for row in rows])

    assert names(results) == {"Deposit": operators // 2, "HoldLimitReached": operators // 2}, results
    assert len(approved) == operators // 2
    assert credited() == 10 * (operators // 2)


def test_a_hold_approved_by_eight_operators_at_once_is_approved_by_one(approved, limit, user):
    Wallet.objects.create(user=user)
    limit(10, 10)
    row = held(user)

    results = at_once(*[partial(deposits.approve_hold, row)] * 8)

    assert names(results) == {"Deposit": 1, "RowChanged": 7}, results
    assert approved == [row.order_id]


def test_approving_and_leaving_one_hold_at_once_has_one_result(approved, limit, user):
    Wallet.objects.create(user=user)
    limit(1000, 1000)
    for _ in range(8):
        row = held(user)
        approve, leave = at_once(partial(deposits.approve_hold, row), partial(deposits.leave_hold, row))

        row.refresh_from_db()
        assert {type(approve), type(leave)} == {Deposit, RowChanged}
        expected = ("in_hold", "leave") if isinstance(leave, Deposit) else ("hold_approved", "approve")
        assert (row.status, row.hold_decision) == expected
        assert (row.order_id in approved) is isinstance(approve, Deposit)


def test_an_approval_and_a_webhook_that_posts_a_reserved_credit_at_once_never_exceed_the_limit(
    approved, limit, monkeypatch
):
    """The credit of an approval under way is posted while another approval sums the open credits."""
    limit(1000, 10)
    for _ in range(10):
        Deposit.objects.update(status="success")
        first, second = [held(user) for user in make_users(2)]
        values = {"hold_decision": "approve", "reserved_amount": 10, "reserved_currency": "usd"}
        Deposit.objects.filter(pk=first.pk).update(reserved_at=timezone.now(), **values)
        report = DepositReport(status="hold_approved", order_id=first.order_id, **PAID)

        recorded, result = at_once(
            partial(deposits.record_report, report, "webhook"), partial(deposits.approve_hold, second)
        )

        assert recorded.outcome == "applied"
        assert isinstance(result, HoldLimitReached), result
        assert credited() == 10


@pytest.fixture
def traveller():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize(
    "point",
    ["before the reservation is committed", "between intent and approval", "between approval and status"],
)
def test_after_a_process_is_killed_while_approving_the_limit_still_holds(settings, traveller, user, limit, point):
    Wallet.objects.create(user=user)
    with Sandbox(manual=True, send=lambda *_message: 200) as sandbox:
        settings.SKINSBACK = {**settings.SKINSBACK, **sandbox.credentials(), "API_URL": sandbox.api_url}
        rows = [deposits.create(user) for _ in range(2)]
        for row in rows:
            sandbox.pay(row.order_id, held=True)
        poll_deposits(now=timezone.now() + schedule.ACCOUNT_ERROR_DELAY)
        first, second = Deposit.objects.filter(status="in_hold").order_by("pk")
        largest = max(first.user_amount, second.user_amount)
        limit(largest, largest)

        kill("approve", point, first.pk)

        first.refresh_from_db()
        assert bool(first.reserved_at) is (point != "before the reservation is committed")
        if first.reserved_at:
            with pytest.raises(HoldLimitReached):
                deposits.approve_hold(second)

        for _ in range((schedule.ACCOUNT_ERROR_DELAY + schedule.APPROVAL) // schedule.MINUTE + 2):
            traveller.shift(60)
            sandbox.clock.advance(minutes=1)
            poll_deposits()

        first.refresh_from_db()
        assert (first.reserved_at, first.reserved_amount, first.reserved_currency) == (None, None, "")
        second.refresh_from_db()
        if point == "between approval and status":
            assert (first.status, first.hold_decision) == ("hold_approved", "approve")
            with pytest.raises(HoldLimitReached):
                deposits.approve_hold(second)
        else:
            assert (first.status, first.hold_decision) == ("in_hold", "")
            assert deposits.approve_hold(second).status == "hold_approved"
        opened = first if first.status == "hold_approved" else second
        assert [(pk, each.amount) for pk, each in open_credits("default").items()] == [(opened.pk, opened.user_amount)]
