"""The ledger as users and auditors read it."""

import json
from decimal import Decimal, localcontext

import pytest
from django.core.management import call_command

from django_skinsback import deposits, purchases
from django_skinsback.flows.ledger.audit import audit
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
from django_skinsback.templatetags.skinsback import price_text
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


def pay(user, *statuses, amount="12.6"):
    deposit = make_deposit(user=user)
    for status in statuses:
        report = DepositReport(
            order_id=deposit.order_id, status=status, user_amount=Decimal(amount), amount_currency="usd"
        )
        deposits.record_report(report, "webhook")
    return deposit


def buy(user, *statuses):
    purchase = purchases.buy(
        user=user, trade_url=TRADE_URL, market_hash_name="AK-47", max_price=5, charge="5.5", charge_currency="usd"
    )
    for status in statuses:
        purchases.record_report(
            PurchaseReport(custom_id=purchase.custom_id, buy_id=f"told-{purchase.pk}", status=status), "poll"
        )
    return purchase


@pytest.fixture
def rich(user):
    Wallet.objects.create(user=user, balance=100)
    return user


def test_the_balance_is_exact_and_each_currency_is_its_own(rich, django_user_model):
    for _ in range(3):
        pay(rich, "success", amount="0.1")
    pay(django_user_model.objects.create_user("bob"), "success", amount="99")

    assert LedgerEntry.objects.balance(rich, "usd") == Decimal("0.3")
    assert LedgerEntry.objects.balance(rich, "eur") == 0


def test_a_currency_may_be_written_in_capitals(rich):
    pay(rich, "success", amount="0.1")

    assert LedgerEntry.objects.balance(rich, "USD") == Decimal("0.1")
    assert [balance for _, balance in LedgerEntry.objects.statement(rich, "Usd")] == [Decimal("0.1")]


def test_a_statement_shows_the_balance_after_each_entry(rich):
    pay(rich, "hold_approved", "hold_returned")
    buy(rich, "timeout")

    lines = [(entry.kind, balance) for entry, balance in LedgerEntry.objects.statement(rich, "usd")]

    assert lines == [
        ("credit", Decimal("12.6")),
        ("reversal", 0),
        ("charge", Decimal("-5.5")),
        ("refund", 0),
    ]


def test_entries_and_balances_are_exact_if_the_process_has_a_small_decimal_precision(rich):
    with localcontext(prec=3):
        deposit = pay(rich, "hold_approved", "hold_returned", amount="1234.56")
        purchase = purchases.buy(
            user=rich,
            trade_url=TRADE_URL,
            market_hash_name="AK-47",
            max_price=5,
            charge="98.765",
            charge_currency="usd",
        )
        purchases.cancel(purchase)
        pay(rich, "success", amount="9876.54")
        pay(rich, "success", amount="0.01")
        pay(rich, "success", "success", amount="12345.678")
        balance = LedgerEntry.objects.balance(rich, "usd")
        text = price_text(balance, "usd")
        lines = [line for _, line in LedgerEntry.objects.statement(rich, "usd")]

    assert [entry.amount for entry in deposit.entries.order_by("pk")] == [Decimal("1234.56"), Decimal("-1234.56")]
    assert [entry.amount for entry in purchase.entries.order_by("pk")] == [Decimal("-98.765"), Decimal("98.765")]
    assert balance == Decimal("22222.228")
    assert text == "$22,222.228"
    assert lines == [*map(Decimal, ["1234.56", "0", "-98.765", "0", "9876.54", "9876.55", "22222.228"])]


def test_the_audit_is_exact_if_the_process_has_a_small_decimal_precision(rich):
    deposit = pay(rich, "success", amount="1234.56")
    StatusChange.objects.filter(deposit=deposit).exclude(credit_amount=None).update(credit_amount=Decimal("1234.55"))

    with localcontext(prec=3):
        (difference,) = audit()

    assert (difference.expected, difference.found) == (
        {"credit usd": "1234.550000"},
        {"credit usd": "1234.560000"},
    )


class TestAudit:
    @pytest.fixture
    def history(self, rich, operator):
        """A history with every correct kind of change."""
        pay(rich, "success")
        pay(rich, "in_hold", "hold_approved", "success")
        pay(rich, "hold_approved", "hold_returned")
        pay(rich, "in_hold", "fail")
        reversed_by_hand = pay(rich, "success")
        reversed_by_hand.refresh_from_db()
        deposits.settle(reversed_by_hand, "reverse", by=operator)
        buy(rich, "creating_trade", "accepted")
        buy(rich, "timeout")
        buy(rich, "accepted", "rollback_supplier")
        taken_back = buy(rich, "accepted", "rollback_user")
        taken_back.refresh_from_db()
        purchases.settle(taken_back, "refund", by=operator)
        make_purchase(status="timeout")

    def test_a_correct_history_has_no_differences(self, history, capsys):
        assert list(audit()) == []
        call_command("skinsback_audit")
        assert "agrees with the history" in capsys.readouterr().out

    def test_it_costs_the_same_queries_however_many_rows(self, history, rich, django_assert_num_queries):
        with django_assert_num_queries(10):
            list(audit())
        for _ in range(20):
            pay(rich, "success")
            buy(rich, "timeout")
        with django_assert_num_queries(10):
            list(audit())

    def test_an_entry_that_is_missing_is_found(self, history):
        LedgerEntry.objects.filter(kind="credit")[:1].get()
        first = LedgerEntry.objects.filter(kind="credit").earliest("pk")
        LedgerEntry.objects.filter(pk=first.pk)._raw_delete(LedgerEntry.objects.db)

        (difference,) = audit()

        assert (difference.row, difference.row_id) == ("deposit", first.deposit_id)
        assert (difference.expected, difference.found) == ({"credit usd": "12.600000"}, {})

    def test_an_entry_that_should_not_exist_is_found(self, rich):
        deposit = make_deposit(user=rich, status="in_hold")
        LedgerEntry.objects.create(user=rich, deposit=deposit, kind="credit", amount=5, currency="usd")

        (difference,) = audit()

        assert difference.found == {"credit usd": "5.000000"}

    def test_a_status_set_by_hand_is_found(self, rich):
        paid, failed = pay(rich, "pending"), buy(rich, "creating_trade")
        Deposit.objects.filter(pk=paid.pk).update(status="success")
        Purchase.objects.filter(pk=failed.pk).update(status="timeout")

        problems = [difference.problem for difference in audit()]

        assert problems == [
            "the deposit is paid, but the user does not have the money",
            "the purchase has failed, but the user was not refunded",
        ]

    def test_a_changed_amount_is_found(self, history):
        change = StatusChange.objects.exclude(credit_amount=None).earliest("pk")
        StatusChange.objects.filter(pk=change.pk).update(credit_amount=1)

        assert len(list(audit())) == 1

    def test_a_row_under_review_is_not_a_difference(self, rich):
        deposit = make_deposit(user=rich, status="success", needs_review=True)

        assert list(audit()) == []
        deposits.settle(deposit, "keep")
        assert list(audit()) == []

    def test_the_command_ends_with_3_and_prints_json(self, rich, capsys):
        make_deposit(user=rich, status="success", order_id="abc")

        with pytest.raises(SystemExit) as end:
            call_command("skinsback_audit", "--json")

        assert end.value.code == 3
        printed = json.loads(capsys.readouterr().out)
        assert (printed["row"], printed["reference"], printed["expected"]) == ("deposit", "abc", {})

    def test_one_account_alone_can_be_audited(self, rich):
        make_deposit(user=rich, status="success", account="second")

        assert list(audit("default")) == []
        assert len(list(audit("second"))) == 1
