"""How a listed row compares with ours, as a table."""

from decimal import Decimal

import pytest

from django_skinsback.flows.reconciliation.compare import DEPOSITS, PURCHASES, Comparison, compare, required_for_credit
from django_skinsback.statuses import DepositStatus, PurchaseStatus, is_theirs

FIVE, SIX = Decimal("5.000000"), Decimal(6)
PAYER = "76561198050648523"


def deposit(status, their_id="9", amount=FIVE, user_amount=SIX, currency="usd", payer=PAYER):
    return (their_id, status, amount, user_amount, currency, payer)


def bare(status, their_id="9"):
    return (their_id, status, None, None, "", "")


@pytest.mark.parametrize(
    ("ours", "theirs", "comparison"),
    [
        (deposit("success"), deposit("success", amount=Decimal(5)), None),
        (bare("pending"), bare("pending"), None),
        (bare("pending"), (*bare("pending")[:5], PAYER), None),
        (deposit("success"), bare("success"), None),
        (bare("pending"), deposit("success"), Comparison.AHEAD),
        (bare("created", None), bare("pending"), Comparison.AHEAD),
        (deposit("in_hold"), bare("fail"), Comparison.AHEAD),
        (bare("abandoned"), bare("pending"), None),
        (bare("abandoned"), deposit("success"), Comparison.AHEAD),
        (deposit("success"), bare("pending"), Comparison.BEHIND),
        (deposit("hold_approved"), deposit("in_hold"), Comparison.BEHIND),
        (deposit("success"), bare("fail"), Comparison.DIFFERING),
        (bare("fail"), deposit("success"), Comparison.DIFFERING),
        (deposit("success"), deposit("success", amount=Decimal("5.01")), Comparison.DIFFERING),
        (deposit("success"), deposit("success", currency="eur"), Comparison.DIFFERING),
        (deposit("success"), deposit("success", payer="76561198827262007"), Comparison.DIFFERING),
        (deposit("success"), deposit("success", their_id="10"), Comparison.DIFFERING),
        (bare("pending"), deposit("success", their_id="10"), Comparison.DIFFERING),
        (bare("pending", None), bare("pending"), Comparison.AHEAD),
        (deposit("success", currency=""), deposit("success"), Comparison.AHEAD),
        (deposit("in_hold", user_amount=None), deposit("in_hold"), Comparison.AHEAD),
        (deposit("success", amount=None), deposit("success"), None),
        (bare("pending"), bare("paid_in_full"), Comparison.DIFFERING),
        (bare("pending"), bare(""), Comparison.DIFFERING),
        (bare("pending"), bare("abandoned"), Comparison.DIFFERING),
        (deposit("fail"), deposit("fail", amount=Decimal(1)), None),
    ],
)
def test_a_listed_deposit_is_compared_with_ours(ours, theirs, comparison):
    assert compare(ours, theirs, required=required_for_credit(DEPOSITS, "user_amount")) is comparison


def purchase(status, buy_id="7", price=FIVE, debited=FIVE, steam_id=PAYER, skin_id="1"):
    return (buy_id, status, price, debited, steam_id, skin_id)


@pytest.mark.parametrize(
    ("ours", "theirs", "comparison"),
    [
        (purchase("accepted"), purchase("accepted"), None),
        (purchase("requested", None), purchase("waiting_accept"), Comparison.AHEAD),
        (purchase("unknown", None), purchase("accepted"), Comparison.AHEAD),
        (purchase("accepted"), purchase("rollback_supplier"), Comparison.AHEAD),
        (purchase("refused", None), purchase("accepted"), Comparison.DIFFERING),
        (purchase("timeout"), purchase("accepted"), Comparison.DIFFERING),
        (purchase("accepted"), purchase("waiting_accept"), Comparison.BEHIND),
        (purchase("accepted"), purchase("accepted", debited=SIX), Comparison.DIFFERING),
        (purchase("accepted"), purchase("accepted", skin_id="2"), Comparison.DIFFERING),
        (purchase("accepted", price=None, skin_id=""), purchase("accepted"), None),
    ],
)
def test_a_listed_purchase_is_compared_with_ours(ours, theirs, comparison):
    assert compare(ours, theirs, required=required_for_credit(PURCHASES, "user_amount")) is comparison


@pytest.mark.parametrize("credit", ["user_amount", "amount", "shop.credit"])
def test_the_values_of_a_credit_are_required(credit):
    names = [DEPOSITS.columns[position] for position in required_for_credit(DEPOSITS, credit)]

    assert names == ["user_amount" if credit == "user_amount" else "amount", "amount_currency"]


@pytest.mark.parametrize("statuses", [DepositStatus, PurchaseStatus])
def test_equal_rows_agree_in_every_status(statuses):
    for status in filter(is_theirs, statuses):
        assert compare(deposit(status), deposit(status)) is None


def test_columns_and_report_fields_have_the_same_order():
    for spec in (DEPOSITS, PURCHASES):
        assert len(spec.columns) == len(spec.report_fields)
        assert spec.columns[:2] == (spec.their_id, "status") == spec.report_fields[:2]


def test_values_as_text_are_exact_and_without_empty_ones():
    assert DEPOSITS.as_text(deposit("success")) == {
        "transaction_id": "9",
        "status": "success",
        "amount": "5",
        "user_amount": "6",
        "amount_currency": "usd",
        "payer_steam_id": PAYER,
    }
    assert DEPOSITS.as_text(bare("pending")) == {"transaction_id": "9", "status": "pending"}
