"""What a listed row means for ours, as a table."""

from decimal import Decimal

import pytest

from django_skinsback.flows.reconciliation.compare import DEPOSITS, PURCHASES, Finding, compare, needed_to_credit
from django_skinsback.statuses import DepositStatus, PurchaseStatus, is_theirs

FIVE, SIX = Decimal("5.000000"), Decimal(6)
PAYER = "76561198050648523"


def deposit(status, their_id="9", amount=FIVE, user_amount=SIX, currency="usd", payer=PAYER):
    return (their_id, status, amount, user_amount, currency, payer)


def bare(status, their_id="9"):
    return (their_id, status, None, None, "", "")


@pytest.mark.parametrize(
    ("ours", "theirs", "finding"),
    [
        (deposit("success"), deposit("success", amount=Decimal(5)), None),
        (bare("pending"), bare("pending"), None),
        (bare("pending"), (*bare("pending")[:5], PAYER), None),
        (deposit("success"), bare("success"), None),
        (bare("pending"), deposit("success"), Finding.MISSED),
        (bare("created", None), bare("pending"), Finding.MISSED),
        (deposit("in_hold"), bare("fail"), Finding.MISSED),
        (bare("abandoned"), bare("pending"), None),
        (bare("abandoned"), deposit("success"), Finding.MISSED),
        (deposit("success"), bare("pending"), Finding.BEHIND),
        (deposit("hold_approved"), deposit("in_hold"), Finding.BEHIND),
        (deposit("success"), bare("fail"), Finding.DIFFERING),
        (bare("fail"), deposit("success"), Finding.DIFFERING),
        (deposit("success"), deposit("success", amount=Decimal("5.01")), Finding.DIFFERING),
        (deposit("success"), deposit("success", currency="eur"), Finding.DIFFERING),
        (deposit("success"), deposit("success", payer="76561198827262007"), Finding.DIFFERING),
        (deposit("success"), deposit("success", their_id="10"), Finding.DIFFERING),
        (bare("pending"), deposit("success", their_id="10"), Finding.DIFFERING),
        (bare("pending", None), bare("pending"), Finding.MISSED),
        (deposit("success", currency=""), deposit("success"), Finding.MISSED),
        (deposit("in_hold", user_amount=None), deposit("in_hold"), Finding.MISSED),
        (deposit("success", amount=None), deposit("success"), None),
        (bare("pending"), bare("paid_in_full"), Finding.DIFFERING),
        (bare("pending"), bare(""), Finding.DIFFERING),
        (bare("pending"), bare("abandoned"), Finding.DIFFERING),
        (deposit("fail"), deposit("fail", amount=Decimal(1)), None),
    ],
)
def test_how_a_listed_deposit_stands_to_ours(ours, theirs, finding):
    assert compare(ours, theirs, needed=needed_to_credit(DEPOSITS, "user_amount")) is finding


def purchase(status, buy_id="7", price=FIVE, debited=FIVE, steam_id=PAYER, skin_id="1"):
    return (buy_id, status, price, debited, steam_id, skin_id)


@pytest.mark.parametrize(
    ("ours", "theirs", "finding"),
    [
        (purchase("accepted"), purchase("accepted"), None),
        (purchase("requested", None), purchase("waiting_accept"), Finding.MISSED),
        (purchase("unknown", None), purchase("accepted"), Finding.MISSED),
        (purchase("accepted"), purchase("rollback_supplier"), Finding.MISSED),
        (purchase("refused", None), purchase("accepted"), Finding.DIFFERING),
        (purchase("timeout"), purchase("accepted"), Finding.DIFFERING),
        (purchase("accepted"), purchase("waiting_accept"), Finding.BEHIND),
        (purchase("accepted"), purchase("accepted", debited=SIX), Finding.DIFFERING),
        (purchase("accepted"), purchase("accepted", skin_id="2"), Finding.DIFFERING),
        (purchase("accepted", price=None, skin_id=""), purchase("accepted"), None),
    ],
)
def test_how_a_listed_purchase_stands_to_ours(ours, theirs, finding):
    assert compare(ours, theirs, needed=needed_to_credit(PURCHASES, "user_amount")) is finding


@pytest.mark.parametrize("credit", ["user_amount", "amount", "shop.credit"])
def test_what_a_credit_is_made_from_is_what_is_needed(credit):
    names = [DEPOSITS.columns[place] for place in needed_to_credit(DEPOSITS, credit)]

    assert names == ["user_amount" if credit == "user_amount" else "amount", "amount_currency"]


@pytest.mark.parametrize("words", [DepositStatus, PurchaseStatus])
def test_equal_rows_agree_whatever_their_status(words):
    for status in filter(is_theirs, words):
        assert compare(deposit(status), deposit(status)) is None


def test_columns_and_fields_stand_in_the_same_order():
    for subject in (DEPOSITS, PURCHASES):
        assert len(subject.columns) == len(subject.fields)
        assert subject.columns[:2] == (subject.their_id, "status") == subject.fields[:2]


def test_what_an_operator_is_shown_is_short_and_exact():
    assert DEPOSITS.shown(deposit("success")) == {
        "transaction_id": "9",
        "status": "success",
        "amount": "5",
        "user_amount": "6",
        "amount_currency": "usd",
        "payer_steam_id": PAYER,
    }
    assert DEPOSITS.shown(bare("pending")) == {"transaction_id": "9", "status": "pending"}
