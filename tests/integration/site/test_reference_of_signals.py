"""Signals are sent with the sender and the arguments that ``docs/reference.md`` lists."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from django_skinsback import deposits, models, players, purchases, signals
from django_skinsback.flows.monitoring.balance import store_balance
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parents[3] / "docs/reference.md"


def documented():
    """Signal -> its documented senders and the names of its other arguments."""
    section = PAGE.read_text().partition("## `signals`")[2].partition("\n## ")[0]
    found = {}
    for name, arguments in re.findall(r"^\| `(\w+)` \| (.*?) \|", section, flags=re.MULTILINE):
        senders, others = re.fullmatch(r"`sender` \((.*?)\), (.*)", arguments).groups()
        found[name] = set(re.findall(r"`(\w+)`", senders)), set(re.findall(r"`(\w+)`(?:,| \(|$)", others))
    return found


def credit_a_deposit(client, user):
    deposit = make_deposit(user=user)
    amounts = {"amount": Decimal(1), "user_amount": Decimal(1), "amount_currency": "usd"}
    deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **amounts), "poll")


def accept_a_purchase(client, user):
    purchase = make_purchase(status="waiting_accept")
    purchases.record_report(PurchaseReport(status="accepted", custom_id=purchase.custom_id), "poll")


def report_an_unknown_status(client, user):
    deposits.record_report(DepositReport(status="frozen", order_id=make_deposit().order_id), "poll")


def refuse_a_notification(client, user):
    message = signed_notification(make_deposit()) | {"sign": "0" * 40}
    assert post_notification(client, message).status_code == 403


def fall_below_low_balance(client, user):
    store_balance("default", Decimal(1))


def replace_a_trade_url(client, user):
    for token in ("i1ArBZey", "j2BsCAfz"):
        players.set_trade_url(user, f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={token}")


CAUSES = {
    "entry_posted": credit_a_deposit,
    "deposit_changed": credit_a_deposit,
    "purchase_changed": accept_a_purchase,
    "review_needed": report_an_unknown_status,
    "queue_entered": report_an_unknown_status,
    "notification_refused": refuse_a_notification,
    "balance_low": fall_below_low_balance,
    "trade_url_changed": replace_a_trade_url,
}


def test_every_signal_has_a_cause_here():
    assert set(CAUSES) == set(signals.__all__)


@pytest.mark.parametrize("name", CAUSES)
def test_the_reference_lists_sender_and_arguments_of(name, client, user, settings, django_capture_on_commit_callbacks):
    settings.SKINSBACK = {**settings.SKINSBACK, "LOW_BALANCE": Decimal(5)}
    calls = []

    def receiver(signal, **arguments):
        calls.append(arguments)

    getattr(signals, name).connect(receiver)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            CAUSES[name](client, user)
    finally:
        getattr(signals, name).disconnect(receiver)

    [arguments] = calls
    senders, others = documented()[name]
    assert arguments.pop("sender") in {getattr(models, each) for each in senders}
    assert set(arguments) == others
