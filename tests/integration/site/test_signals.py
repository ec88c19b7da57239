"""The signals after a change, and the history of a purchase."""

from decimal import Decimal

import pytest

from django_skinsback import deposits, purchases
from django_skinsback.models import Deposit, Purchase
from django_skinsback.signals import deposit_changed, purchase_changed
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


@pytest.fixture
def heard(django_capture_on_commit_callbacks):
    """Return the arguments that receivers of one model's signal get while a function runs."""

    def heard(signal, model, function):
        sent = []

        def listen(**arguments):
            sent.append(arguments)

        signal.connect(listen, sender=model)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                function()
        finally:
            signal.disconnect(listen, sender=model)
        return sent

    return heard


def test_deposit_changed_has_the_row_and_its_change(heard):
    deposit = make_deposit()
    report = DepositReport(status="fail", order_id=deposit.order_id)

    [sent] = heard(deposit_changed, Deposit, lambda: deposits.record_report(report, "poll"))

    assert (sent["deposit"], sent["deposit"].status) == (deposit, "fail")
    assert sent["change"] == deposit.changes.get()


def test_purchase_changed_has_the_row_and_its_change(heard):
    purchase = make_purchase(status="waiting_accept")
    report = PurchaseReport(status="accepted", custom_id=purchase.custom_id)

    [sent] = heard(purchase_changed, Purchase, lambda: purchases.record_report(report, "poll"))

    assert (sent["purchase"], sent["purchase"].status) == (purchase, "accepted")
    assert sent["change"] == purchase.changes.get()


@pytest.mark.parametrize(("debited", "currency"), [(Decimal("8.28"), "usd"), (None, "")])
def test_the_history_of_a_purchase_keeps_what_was_debited(debited, currency):
    purchase = make_purchase(status="creating_trade", max_price=10)
    report = PurchaseReport(status="accepted", custom_id=purchase.custom_id, debited_amount=debited)

    purchases.record_report(report, "poll")

    line = purchase.changes.get()
    assert (line.amount, line.currency) == (debited, currency)


def test_it_begins_with_the_request(user):
    purchase = purchases.buy(user=user, trade_url=TRADE_URL, skin_id="1", max_price=1)

    line = purchase.changes.get()
    assert (line.from_status, line.to_status, line.created_at) == ("", "requested", purchase.created_at)
