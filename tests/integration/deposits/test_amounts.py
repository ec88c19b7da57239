"""Which amount is credited when reports have different fields: all of one report, or nothing."""

from decimal import Decimal

import pytest

from django_skinsback import deposits
from django_skinsback.models import Deposit, LedgerEntry
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositReport

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}


@pytest.fixture
def deposit(user):
    return make_deposit(user=user)


def record_status(deposit, status, source="webhook", **fields):
    report = DepositReport(status=status, order_id=deposit.order_id, **{**PAID, **fields})
    outcome = deposits.record_report(report, source).outcome
    deposit.refresh_from_db()
    return outcome


def entries(deposit):
    return list(deposit.entries.order_by("pk").values_list("kind", "amount", "currency"))


class TestMissingCurrency:
    def test_a_missing_currency_is_not_taken_from_an_earlier_report(self, deposit):
        record_status(deposit, "in_hold")
        record_status(deposit, "success", user_amount=Decimal(600), amount_currency="")

        assert (deposit.user_amount, deposit.amount_currency, entries(deposit)) == (600, "", [])

    def test_a_deposit_is_credited_when_its_currency_is_reported(self, deposit):
        record_status(deposit, "in_hold")
        record_status(deposit, "success", amount_currency="")

        assert record_status(deposit, "success", "poll") == "applied"
        assert entries(deposit) == [("credit", 6, "usd")]

    def test_a_wrong_currency_at_success_is_flagged_although_it_was_kept_during_the_hold(self, user, operator):
        deposit = make_deposit(user=user, currency="usd")
        for currency in ("eur", ""):
            record_status(deposit, "hold_approved", amount_currency=currency)
            deposits.settle(deposit, "keep", operator, "wait for the end")

        assert record_status(deposit, "success", amount_currency="eur") == "withheld"

        assert deposit.needs_review
        assert (
            deposit.review_reason
            == "SkinsBack reported “success” in the currency “eur” instead of “usd”. Nothing was credited."
        )

    def test_a_later_currency_credits_nothing_if_the_site_ended_the_review_itself(self, deposit):
        record_status(deposit, "success", amount_currency="")
        Deposit.objects.update(needs_review=False)

        assert record_status(deposit, "success", "poll") == "repeat"
        assert entries(deposit) == []

    def test_an_operators_credit_without_a_reported_currency_has_the_requested_one(self, user, operator):
        deposit = make_deposit(user=user, currency="usd")
        record_status(deposit, "in_hold")
        record_status(deposit, "success", amount_currency="")

        deposits.settle(deposit, "credit", operator)

        assert entries(deposit) == [("credit", 6, "usd")]


def user_amount_in_points(deposit):
    return deposit.user_amount * 100, "points"


def save_the_rate(deposit):
    deposit.metadata = {"rate": 100}
    deposit.save(update_fields=["metadata"])
    return deposit.user_amount * 100, "points"


def fail_without_a_rate(deposit):
    return {}[deposit.amount_currency]


class TestCreditFunction:
    @pytest.fixture(autouse=True)
    def _credit(self, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.user_amount_in_points"}

    def test_a_credit_function_gets_no_amount_of_an_earlier_report(self, deposit):
        record_status(deposit, "in_hold")

        assert record_status(deposit, "success", user_amount=None) == "withheld"

        assert (deposit.status, deposit.needs_review, entries(deposit)) == ("in_hold", True, [])

    def test_a_credit_function_is_not_called_for_an_incomplete_list_row(self, deposit):
        record_status(deposit, "in_hold")

        assert record_status(deposit, "success", "list", user_amount=None) == "withheld"
        assert (deposit.status, deposit.needs_review, entries(deposit)) == ("in_hold", False, [])

        assert record_status(deposit, "success", "poll") == "applied"
        assert (deposit.needs_review, entries(deposit)) == (False, [("credit", 600, "points")])

    def test_a_credit_function_may_save_its_deposit(self, deposit, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.save_the_rate"}

        assert record_status(deposit, "success") == "applied"

        assert (deposit.metadata, entries(deposit)) == ({"rate": 100}, [("credit", 600, "points")])

    @pytest.mark.parametrize("field", ["amount", "user_amount"])
    def test_a_later_change_of_either_amount_is_flagged_if_a_credit_function_is_set(self, deposit, field):
        record_status(deposit, "hold_approved")
        record_status(deposit, "success", **{field: Decimal(99)})

        assert entries(deposit) == [("credit", 600, "points")]
        assert "another amount" in deposit.review_reason

    def test_a_credit_function_that_raises_flags_the_deposit_and_is_called_again(self, deposit, settings, caplog):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.fail_without_a_rate"}

        assert record_status(deposit, "success") == "withheld"

        assert (deposit.status, deposit.review_reason) == (
            "pending",
            "The CREDIT function raised an exception: KeyError. Nothing was credited.",
        )
        assert deposit.next_poll_at <= deposit.updated_at
        assert [record.msg for record in caplog.records if record.exc_info] == ["skinsback.credit_setting_failed"]

        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.user_amount_in_points"}
        assert record_status(deposit, "success", "poll") == "applied"
        assert entries(deposit) == [("credit", 600, "points")]


def test_an_amount_that_is_not_credited_stays_until_another_is_reported(deposit, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}
    record_status(deposit, "in_hold")
    record_status(deposit, "success", "list", amount=Decimal(7), user_amount=None)

    assert (deposit.user_amount, entries(deposit)) == (6, [("credit", 7, "usd")])


def test_a_list_row_without_a_currency_does_not_remove_the_stored_one(user):
    deposit = make_deposit(user=user, currency="usd")
    record_status(deposit, "success", "poll", amount_currency="eur")

    assert record_status(deposit, "success", "list", amount_currency="") == "repeat"

    assert deposit.amount_currency == "eur"


@pytest.mark.parametrize("needs_review", [False, True])
def test_a_paid_deposit_without_a_credit_is_not_credited_by_a_repeated_report(user, needs_review):
    deposit = make_deposit(user=user, status="success", needs_review=needs_review)

    assert record_status(deposit, "success", "list") == "repeat"

    assert not LedgerEntry.objects.exists()


class TestReasons:
    @pytest.mark.parametrize("status", ["we\nird", "we\u2028ird", "we\x85ird"], ids=ascii)
    def test_a_reason_with_a_line_break_is_one_line_and_stored_once(self, deposit, status):
        for _ in range(3):
            record_status(deposit, status, "poll")

        assert deposit.review_reason == "SkinsBack reported a status that is not known: “we ird”."

    def test_a_reason_is_stored_once_although_the_site_ended_the_review_itself(self, deposit):
        record_status(deposit, "success", amount_currency="")
        reason = deposit.review_reason
        Deposit.objects.update(needs_review=False, status="pending")

        record_status(deposit, "success", amount_currency="")

        assert (deposit.needs_review, deposit.review_reason) == (True, reason)


def test_a_status_that_differs_from_a_known_one_only_in_case_is_in_the_history(deposit):
    record_status(deposit, "success")
    for _ in range(2):
        record_status(deposit, "SUCCESS")

    assert list(deposit.changes.order_by("pk").values_list("to_status", flat=True)) == ["success", "SUCCESS"]
