"""Which amount is credited when reports differ in what they tell: that of one report, whole, or none."""

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


def tell(deposit, status, source="webhook", **fields):
    report = DepositReport(status=status, order_id=deposit.order_id, **{**PAID, **fields})
    outcome = deposits.record_report(report, source).outcome
    deposit.refresh_from_db()
    return outcome


def entries(deposit):
    return list(deposit.entries.order_by("pk").values_list("kind", "amount", "currency"))


class TestACurrencyThatIsMissing:
    def test_is_not_taken_from_an_earlier_report(self, deposit):
        tell(deposit, "in_hold")
        tell(deposit, "success", user_amount=Decimal(600), amount_currency="")

        assert (deposit.user_amount, deposit.amount_currency, entries(deposit)) == (600, "", [])

    def test_is_credited_once_it_is_told(self, deposit):
        tell(deposit, "in_hold")
        tell(deposit, "success", amount_currency="")

        assert tell(deposit, "success", "poll") == "applied"
        assert entries(deposit) == [("credit", 6, "usd")]

    def test_at_the_end_is_shown_though_an_operator_kept_it_during_the_hold(self, user, operator):
        deposit = make_deposit(user=user, currency="usd")
        for currency in ("eur", ""):
            tell(deposit, "hold_approved", amount_currency=currency)
            deposits.settle(deposit, "keep", operator, "wait for the end")

        assert tell(deposit, "success", amount_currency="eur") == "withheld"

        assert deposit.needs_review
        assert (
            deposit.review_reason
            == "SkinsBack reported “success” in the currency “eur” instead of “usd”. Nothing was credited."
        )

    def test_is_not_credited_where_the_site_has_ended_the_review_by_itself(self, deposit):
        tell(deposit, "success", amount_currency="")
        Deposit.objects.update(needs_review=False)

        assert tell(deposit, "success", "poll") == "repeat"
        assert entries(deposit) == []

    def test_is_the_one_asked_for_where_an_operator_credits(self, user, operator):
        deposit = make_deposit(user=user, currency="usd")
        tell(deposit, "in_hold")
        tell(deposit, "success", amount_currency="")

        deposits.settle(deposit, "credit", operator)

        assert entries(deposit) == [("credit", 6, "usd")]


def user_amount_in_points(deposit):
    return deposit.user_amount * 100, "points"


def remember_the_rate(deposit):
    deposit.metadata = {"rate": 100}
    deposit.save(update_fields=["metadata"])
    return deposit.user_amount * 100, "points"


def no_such_rate(deposit):
    return {}[deposit.amount_currency]


class TestAFunctionOfTheSites:
    @pytest.fixture(autouse=True)
    def _credit(self, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.user_amount_in_points"}

    def test_is_not_given_what_an_earlier_report_told(self, deposit):
        tell(deposit, "in_hold")

        assert tell(deposit, "success", user_amount=None) == "withheld"

        assert (deposit.status, deposit.needs_review, entries(deposit)) == ("in_hold", True, [])

    def test_is_not_asked_about_a_list_row_that_tells_less_than_it_may_need(self, deposit):
        tell(deposit, "in_hold")

        assert tell(deposit, "success", "list", user_amount=None) == "withheld"
        assert (deposit.status, deposit.needs_review, entries(deposit)) == ("in_hold", False, [])

        assert tell(deposit, "success", "poll") == "applied"
        assert (deposit.needs_review, entries(deposit)) == (False, [("credit", 600, "points")])

    def test_may_save_the_deposit_it_is_given(self, deposit, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.remember_the_rate"}

        assert tell(deposit, "success") == "applied"

        assert (deposit.metadata, entries(deposit)) == ({"rate": 100}, [("credit", 600, "points")])

    @pytest.mark.parametrize("field", ["amount", "user_amount"])
    def test_has_either_amount_compared_with_the_next_report(self, deposit, field):
        tell(deposit, "hold_approved")
        tell(deposit, "success", **{field: Decimal(99)})

        assert entries(deposit) == [("credit", 600, "points")]
        assert "another amount" in deposit.review_reason

    def test_that_fails_leaves_the_deposit_to_an_operator_and_is_asked_again(self, deposit, settings, caplog):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.no_such_rate"}

        assert tell(deposit, "success") == "withheld"

        assert (deposit.status, deposit.review_reason) == ("pending", "The CREDIT setting failed: KeyError.")
        assert deposit.next_poll_at <= deposit.updated_at
        assert [record.msg for record in caplog.records if record.exc_info] == ["skinsback.credit_setting_failed"]

        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.user_amount_in_points"}
        assert tell(deposit, "success", "poll") == "applied"
        assert entries(deposit) == [("credit", 600, "points")]


def test_an_amount_nothing_is_credited_by_stays_until_another_is_told(deposit, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": "amount"}
    tell(deposit, "in_hold")
    tell(deposit, "success", "list", amount=Decimal(7), user_amount=None)

    assert (deposit.user_amount, entries(deposit)) == (6, [("credit", 7, "usd")])


def test_a_list_row_takes_nothing_back_of_what_orderstatus_told(user):
    deposit = make_deposit(user=user, currency="usd")
    tell(deposit, "success", "poll", amount_currency="eur")

    assert tell(deposit, "success", "list", amount_currency="") == "repeat"

    assert deposit.amount_currency == "eur"


@pytest.mark.parametrize("needs_review", [False, True])
def test_one_that_was_paid_before_the_ledger_knew_it_is_left_to_an_operator(user, needs_review):
    deposit = make_deposit(user=user, status="success", needs_review=needs_review)

    assert tell(deposit, "success", "list") == "repeat"

    assert not LedgerEntry.objects.exists()


class TestReasons:
    @pytest.mark.parametrize("word", ["we\nird", "we\u2028ird", "we\x85ird"], ids=ascii)
    def test_with_a_line_break_are_one_line_and_told_once(self, deposit, word):
        for _ in range(3):
            tell(deposit, word, "poll")

        assert deposit.review_reason == "SkinsBack used a status that is not known: “we ird”."

    def test_stand_once_though_the_site_itself_ended_the_review(self, deposit):
        tell(deposit, "success", amount_currency="")
        reason = deposit.review_reason
        Deposit.objects.update(needs_review=False, status="pending")

        tell(deposit, "success", amount_currency="")

        assert (deposit.needs_review, deposit.review_reason) == (True, reason)


def test_a_word_that_differs_from_a_known_one_in_its_case_only_has_its_line(deposit):
    tell(deposit, "success")
    for _ in range(2):
        tell(deposit, "SUCCESS")

    assert list(deposit.changes.order_by("pk").values_list("to_status", flat=True)) == ["success", "SUCCESS"]
