"""HOLD_APPROVE_MAX limits the open credits of approved holds. Each approval reserves its credit before the call."""

import re
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal, localcontext

import pytest
import time_machine
from django.utils import timezone, translation

from django_skinsback import deposits, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import (
    HoldLimitReached,
    InvalidInput,
    RateLimited,
    RowChanged,
    TransactionNotFound,
    UnknownOutcome,
)
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit, HoldGuard, LedgerEntry
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit
from django_skinsback.wire.types import DepositReport

pytestmark = pytest.mark.django_db

PAID = {"amount": Decimal(8), "user_amount": Decimal(10), "amount_currency": "usd"}


@pytest.fixture(autouse=True)
def traveller():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def skinsback(monkeypatch):
    """SkinsBack: the statuses that ``orderstatus`` reports, the next errors, and the approved order IDs."""

    class SkinsBack:
        approved: list[str] = []
        statuses: dict[str, str] = {}
        approval: Exception | None = None
        answer: Exception | None = None
        approval_is_late = False
        paid = PAID

    SkinsBack.approved, SkinsBack.statuses = [], {}

    def approve_hold(_client, *, order_id):
        SkinsBack.approved.append(order_id)
        if not isinstance(SkinsBack.approval, RateLimited) and not SkinsBack.approval_is_late:
            SkinsBack.statuses[order_id] = "hold_approved"
        if SkinsBack.approval is not None:
            raise SkinsBack.approval

    def get_deposit(_client, *, order_id):
        if SkinsBack.answer is not None:
            raise SkinsBack.answer
        status = SkinsBack.statuses.get(order_id, "in_hold")
        return DepositReport(status=status, order_id=order_id, **SkinsBack.paid)

    monkeypatch.setattr(SkinsBackClient, "approve_hold", approve_hold)
    monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
    return SkinsBack


@pytest.fixture
def limit(settings):
    def limit(*amounts, currency="usd", **more):
        limits = {currency: tuple(map(Decimal, amounts))} if amounts else {}
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_APPROVE_MAX": limits, "ACCOUNTS": {}, **more}

    return limit


def held(user, **values):
    return make_deposit(
        user=user, **{"status": "in_hold", "next_poll_at": utc_now() + timedelta(hours=6), **PAID, **values}
    )


def report(deposit, status, source="webhook", **values):
    said = DepositReport(status=status, order_id=deposit.order_id, **{**PAID, **values})
    deposits.record_report(said, source)
    deposit.refresh_from_db()


def reservation(deposit):
    deposit.refresh_from_db()
    return (deposit.hold_decision, deposit.reserved_amount, deposit.reserved_currency)


NONE = ("approve", None, "")
UNDER_WAY = ("approve", Decimal(10), "usd")


class TestLimits:
    def test_approvals_up_to_the_limit_of_a_user_are_allowed_and_no_more(self, skinsback, limit, user):
        limit(20, 1000)
        rows = [held(user) for _ in range(3)]

        deposits.approve_hold(rows[0])
        deposits.approve_hold(rows[1])
        with pytest.raises(HoldLimitReached) as refused:
            deposits.approve_hold(rows[2])

        assert str(refused.value) == (
            "The open credits of this user's approved holds add up to 20 USD. With this hold of 10 USD they would "
            "exceed the limit per user, 20 USD (HOLD_APPROVE_MAX). The hold was not approved."
        )
        assert refused.value.credit == (10, "usd")
        assert skinsback.approved == [row.order_id for row in rows[:2]]
        rows[2].refresh_from_db()
        assert (rows[2].status, rows[2].hold_decision, rows[2].changes.count()) == ("in_hold", "", 0)

    def test_approvals_of_all_users_together_are_limited_too(self, skinsback, limit, user, django_user_model):
        limit(20, 20)
        others = [django_user_model.objects.create_user(f"user {number}") for number in range(2)]
        for other in others:
            deposits.approve_hold(held(other))

        with pytest.raises(HoldLimitReached) as refused:
            deposits.approve_hold(held(user))

        assert str(refused.value) == (
            "The open credits of all approved holds add up to 20 USD. With this hold of 10 USD they would exceed the "
            "limit of all users, 20 USD (HOLD_APPROVE_MAX). The hold was not approved."
        )
        assert refused.value.credit == (10, "usd")
        assert LedgerEntry.objects.count() == 2

    def test_another_user_another_account_and_another_currency_have_their_own_sums(self, skinsback, limit, user):
        limit(10, 10)
        make_deposit(user=user, status="hold_approved", account="second")
        for account, currency in [("second", "usd"), ("default", "eur")]:
            row = held(user, account=account, status="hold_approved")
            LedgerEntry.objects.create(deposit=row, user=user, kind="credit", amount=10, currency=currency)

        assert deposits.approve_hold(held(user)).status == "hold_approved"

    @pytest.mark.parametrize("listed", [(), ("eur",)])
    def test_a_currency_that_is_not_listed_is_refused(self, skinsback, limit, user, listed):
        limit(*[100, 100] * len(listed), currency="eur")

        with pytest.raises(HoldLimitReached) as refused:
            deposits.approve_hold(held(user))

        assert str(refused.value) == (
            "HOLD_APPROVE_MAX does not contain USD, so no hold with this currency can be approved."
        )
        assert refused.value.credit == (10, "usd")
        assert not skinsback.approved

    def test_none_is_no_limit_and_locks_no_guard(self, skinsback, settings, user):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_APPROVE_MAX": None}

        assert deposits.approve_hold(held(user, user_amount=10**6)).status == "hold_approved"
        assert not HoldGuard.objects.exists()

    def test_the_guard_of_the_credits_currency_is_locked(self, skinsback, limit, user):
        limit(100, 100)

        deposits.approve_hold(held(user))

        assert list(HoldGuard.objects.values_list("account", "currency")) == [("default", "usd")]

    def test_an_older_instance_whose_credit_was_in_another_currency_is_refused(self, skinsback, limit, user):
        limit(100, 100)
        older = held(user, amount_currency="eur")
        Deposit.objects.update(amount_currency="usd")

        with pytest.raises(RowChanged):
            deposits.approve_hold(older, seen=deposits.seen(Deposit.objects.get()))

        assert (skinsback.approved, reservation(older)) == ([], ("", None, ""))

    def test_a_deposit_whose_credit_is_not_known_is_refused_if_there_is_a_limit(self, skinsback, limit, user):
        limit(100, 100)

        text = (
            "It is not known what would be credited for this deposit, so HOLD_APPROVE_MAX cannot be checked. Refresh "
            "the deposit from SkinsBack, then approve the hold."
        )
        with pytest.raises(HoldLimitReached, match=f"^{re.escape(text)}$"):
            deposits.approve_hold(held(user, user_amount=None))

        assert not skinsback.approved

    def test_the_credit_function_decides_about_the_compared_amount(self, skinsback, limit, user):
        limit(5, 5, currency="eur", CREDIT=f"{__name__}.half_in_euro")

        deposits.approve_hold(held(user))
        with pytest.raises(HoldLimitReached, match="add up to 5 EUR"):
            deposits.approve_hold(held(user))

    def test_reversed_and_finished_holds_are_not_open(self, skinsback, limit, user):
        limit(10, 10)
        for end in ("hold_returned", "success"):
            row = held(user)
            deposits.approve_hold(row)
            report(row, end)

        assert deposits.approve_hold(held(user)).status == "hold_approved"

    def test_a_credit_that_an_operator_reversed_is_not_open(self, skinsback, limit, user, operator):
        limit(10, 10)
        row = deposits.approve_hold(held(user))
        deposits.settle(row, "reverse", operator)

        assert deposits.approve_hold(held(user)).status == "hold_approved"
        with pytest.raises(HoldLimitReached, match="add up to 10 USD"):
            deposits.approve_hold(held(user))

    def test_a_hold_whose_credit_an_operator_reversed_before_has_nothing_at_risk(
        self, skinsback, limit, user, operator
    ):
        limit(10, 10)
        deposits.approve_hold(held(user))
        row = held(user, needs_review=True)
        deposits.settle(row, "credit", operator)
        row.refresh_from_db()
        deposits.settle(row, "reverse", operator)
        row.refresh_from_db()
        assert row.status == "in_hold"

        assert deposits.approve_hold(row).status == "hold_approved"
        assert sum(entry.amount for entry in row.entries.all()) == 0

    def test_a_hold_that_an_operator_credited_before_counts_with_this_credit(self, skinsback, limit, user, operator):
        limit(15, 15)
        row = held(user, needs_review=True)
        deposits.settle(row, "credit", operator)
        row.refresh_from_db()
        assert deposits.approve_hold(row).status == "hold_approved"

        with pytest.raises(HoldLimitReached, match="add up to 10 USD"):
            deposits.approve_hold(held(user))

    @pytest.mark.parametrize("limits", [(1000, 9000), (9000, 1000)], ids=["of the user", "of all users"])
    def test_sums_are_exact_if_the_process_has_a_small_decimal_precision(self, skinsback, limit, user, limits):
        limit(*limits)
        skinsback.paid = {**PAID, "user_amount": Decimal("999.99")}
        with localcontext(prec=3):
            deposits.approve_hold(held(user, user_amount=Decimal("999.99")))

            with pytest.raises(HoldLimitReached, match=r"add up to 999\.99 USD. With this hold of 0\.02 USD"):
                deposits.approve_hold(held(user, user_amount=Decimal("0.02")))

            skinsback.paid = {**PAID, "user_amount": Decimal("0.01")}
            assert deposits.approve_hold(held(user, user_amount=Decimal("0.01"))).status == "hold_approved"

    def test_the_message_is_translated(self, skinsback, limit, user):
        limit(1, 1)

        with translation.override("en"), pytest.raises(HoldLimitReached, match="limit per user, 1 USD"):
            deposits.approve_hold(held(user))


def half_in_euro(deposit):
    return deposit.user_amount / 2, "eur"


class TestReservation:
    def test_is_committed_before_the_call_and_released_when_the_credit_is_posted(
        self, skinsback, limit, user, monkeypatch
    ):
        limit(10, 10)
        row, during = held(user), []
        monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda _client, order_id: during.append(reservation(row)))
        skinsback.statuses[row.order_id] = "hold_approved"

        deposits.approve_hold(row)

        assert during == [UNDER_WAY]
        assert reservation(row) == NONE

    def test_counts_for_other_approvals(self, skinsback, limit, user):
        limit(15, 15)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(held(user))

        with pytest.raises(HoldLimitReached):
            deposits.approve_hold(held(user))

        assert len(skinsback.approved) == 1

    def test_is_kept_while_orderstatus_has_no_readable_answer(self, skinsback, limit, user, traveller):
        limit(10, 10)
        row = held(user)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(row)

        for _ in range(3):
            traveller.shift(schedule.APPROVAL)
            poll_deposits()
            assert reservation(row) == UNDER_WAY

        skinsback.answer = None
        traveller.shift(timedelta(hours=1))
        poll_deposits()
        assert reservation(row) == NONE
        assert row.entries.get().amount == 10

    def test_is_kept_if_orderstatus_reports_the_hold_right_after_the_approval(self, skinsback, limit, user, traveller):
        limit(10, 10)
        row = held(user)
        skinsback.approval_is_late = True

        deposits.approve_hold(row)
        assert reservation(row) == UNDER_WAY
        deposits.refresh(row)
        assert reservation(row) == UNDER_WAY
        with pytest.raises(HoldLimitReached):
            deposits.approve_hold(held(user))

        skinsback.statuses[row.order_id] = "hold_approved"
        traveller.shift(schedule.APPROVAL)
        poll_deposits()
        assert (reservation(row), row.status) == (NONE, "hold_approved")

    def test_is_kept_while_the_approval_may_be_under_way_if_the_clock_of_the_polling_server_is_ahead(
        self, skinsback, limit, user, traveller
    ):
        limit(10, 10)
        row = held(user)
        skinsback.approval_is_late = True
        deposits.approve_hold(row)

        traveller.shift(schedule.CLOCK_SKEW + schedule.CALL_START)
        row.refresh_from_db()
        deposits.refresh(row)

        assert reservation(row) == UNDER_WAY
        with pytest.raises(HoldLimitReached):
            deposits.approve_hold(held(user))

    def test_of_a_refused_approval_is_released_by_the_next_poll_and_the_hold_is_undecided_again(
        self, skinsback, limit, user, traveller
    ):
        limit(10, 10)
        row = held(user)
        skinsback.approval = RateLimited("offer_approve", -7, "request_limit_reached")
        with pytest.raises(RateLimited):
            deposits.approve_hold(row)
        assert reservation(row) == UNDER_WAY

        skinsback.approval = None
        poll_deposits()
        assert reservation(row) == UNDER_WAY, "an answer this early may be older than the approval"
        traveller.shift(schedule.APPROVAL)
        poll_deposits()

        assert reservation(row) == ("", None, "")
        assert deposits.approve_hold(held(user)).status == "hold_approved"

    def test_is_not_released_by_an_answer_to_a_question_from_before_the_reservation(
        self, skinsback, limit, user, traveller
    ):
        limit(10, 10)
        asked = held(user)
        row = Deposit.objects.get(pk=asked.pk)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(row)
        traveller.shift(schedule.APPROVAL * 2)

        said = DepositReport(status="in_hold", order_id=row.order_id, **PAID)
        deposits.record_report(said, "webhook")
        assert reservation(row) == UNDER_WAY
        from django_skinsback.flows.deposits.report import record_report

        record_report(said, "poll", asked=asked)
        assert reservation(row) == UNDER_WAY

    @pytest.mark.parametrize("ask", [deposits.refresh, lambda row: poll_deposits()], ids=["refresh", "poll"])
    def test_is_not_released_by_an_early_answer_that_is_recorded_late(
        self, skinsback, limit, user, traveller, monkeypatch, ask
    ):
        limit(10, 10)
        row = held(user)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(row)
        skinsback.answer = None
        skinsback.statuses[row.order_id] = "in_hold"
        traveller.shift(schedule.CALL_START)
        answer = SkinsBackClient.get_deposit

        def answer_slowly(client, **ids):
            said = answer(client, **ids)
            traveller.shift(schedule.APPROVAL)  # this process is stopped for so long
            return said

        Deposit.objects.filter(pk=row.pk).update(next_poll_at=utc_now())
        with monkeypatch.context() as patched:
            patched.setattr(SkinsBackClient, "get_deposit", answer_slowly)
            ask(Deposit.objects.get(pk=row.pk))

        assert reservation(row) == UNDER_WAY
        deposits.refresh(row)
        assert reservation(row) == ("", None, "")

    def test_counts_for_the_limit_of_its_user(self, skinsback, limit, user, django_user_model):
        limit(10, 1000)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(held(user))

        with pytest.raises(HoldLimitReached, match="the limit per user, 10 USD"):
            deposits.approve_hold(held(user))
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(held(django_user_model.objects.create_user("bob")))

    def test_is_kept_if_orderstatus_reports_an_unknown_status(self, skinsback, limit, user, traveller):
        limit(10, 10)
        row = held(user)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(row)
        traveller.shift(schedule.APPROVAL * 2)

        report(row, "frozen", "poll")
        assert reservation(row) == UNDER_WAY
        skinsback.answer = None
        skinsback.statuses[row.order_id] = "frozen"
        deposits.refresh(row)

        assert reservation(row) == UNDER_WAY

    @pytest.mark.parametrize("status", ["hold_approved", "success", "fail", "hold_returned"])
    def test_is_released_if_a_webhook_ends_the_hold_first(self, skinsback, limit, user, status):
        limit(10, 10)
        row = held(user)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(row)

        report(row, status)

        assert reservation(row) == NONE

    def test_is_kept_while_the_credit_of_the_approved_hold_is_withheld(self, skinsback, limit, user):
        limit(10, 10)
        row = held(user)
        skinsback.paid = {**PAID, "amount_currency": ""}

        deposits.approve_hold(row)

        assert (reservation(row), row.status, row.needs_review) == (UNDER_WAY, "hold_approved", True)
        with pytest.raises(HoldLimitReached):
            deposits.approve_hold(held(user))

    def test_does_not_count_beside_the_entries_of_an_operator(self, skinsback, limit, user, operator):
        limit(10, 10)
        row = held(user, currency="usd")
        skinsback.paid = {**PAID, "amount_currency": ""}
        row = deposits.approve_hold(row)
        row = deposits.settle(row, "credit", operator)
        skinsback.paid = PAID
        with pytest.raises(HoldLimitReached, match="add up to 10 USD"):
            deposits.approve_hold(held(user))

        deposits.settle(row, "reverse", operator)

        assert deposits.approve_hold(held(user)).status == "hold_approved"

    def test_of_a_deposit_that_skinsback_does_not_know_counts_until_a_person_settles_the_review(
        self, skinsback, limit, user, traveller
    ):
        limit(10, 10)
        row = held(user)
        skinsback.answer = TransactionNotFound("orderstatus", 4, "transaction_not_found")
        with pytest.raises(TransactionNotFound):
            deposits.approve_hold(row)

        traveller.shift(schedule.HOLD + schedule.ROLLBACK_MARGIN)
        poll_deposits()
        assert reservation(row) == UNDER_WAY
        assert "does not know this deposit" in row.review_reason
        with pytest.raises(HoldLimitReached):
            deposits.approve_hold(held(user))

        deposits.settle(row, "keep")
        skinsback.answer = None
        assert reservation(row) == NONE
        assert deposits.approve_hold(held(user)).status == "hold_approved"

    def test_is_kept_if_a_person_settles_another_review(self, skinsback, limit, user):
        limit(10, 10)
        row = held(user)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(row)
        report(row, "frozen")

        deposits.settle(row, "keep")

        assert reservation(row) == UNDER_WAY

    def test_of_the_same_deposit_is_replaced_and_not_counted_twice(self, skinsback, limit, user):
        limit(10, 10)
        row = held(user)
        skinsback.approval = RateLimited("offer_approve", -7, "request_limit_reached")
        with pytest.raises(RateLimited):
            deposits.approve_hold(row)
        skinsback.approval = None

        row.refresh_from_db()
        assert deposits.approve_hold(row).status == "hold_approved"

    def test_a_process_that_was_stopped_after_the_reservation_sends_no_approval(
        self, skinsback, limit, user, traveller, monkeypatch
    ):
        from django_skinsback.flows.deposits import hold

        limit(10, 10)
        row = held(user)
        run = hold.run

        def stop(block):
            result = run(block)
            traveller.shift(schedule.CALL_START + timedelta(seconds=1))
            return result

        monkeypatch.setattr(hold, "run", stop)

        with pytest.raises(RowChanged):
            deposits.approve_hold(row)

        assert not skinsback.approved


class TestDecisions:
    def test_an_approval_keeps_its_note_and_who_gave_it(self, skinsback, user, operator):
        row = deposits.approve_hold(held(user), by=operator, note="a regular customer")

        change = row.changes.order_by("pk").first()
        assert (change.decision, change.note, change.by) == ("approve", "a regular customer", operator)

    def test_a_hold_left_to_run_out_moves_no_money_and_is_in_the_history(self, skinsback, user, operator):
        row = deposits.leave_hold(held(user), operator, "too new")

        assert (row.status, row.hold_decision, skinsback.approved) == ("in_hold", "leave", [])
        change = row.changes.get()
        assert (change.decision, change.text, change.by) == ("leave", "hold left to run out\ntoo new", operator)
        assert (change.from_status, change.to_status) == ("in_hold", "in_hold")

    def test_leaving_twice_is_one_line_of_history(self, user):
        row = deposits.leave_hold(held(user))
        deposits.leave_hold(row)

        assert row.changes.get().note == ""

    def test_repeated_approvals_without_a_person_are_in_the_history_once_for_each_amount_and_note(
        self, skinsback, user
    ):
        row = held(user)
        skinsback.approval = RateLimited("offer_approve", -7, "request_limit_reached")

        def approve(note=""):
            row.refresh_from_db()
            with pytest.raises(RateLimited):
                deposits.approve_hold(row, note=note)
            return list(row.changes.order_by("pk").values_list("amount", "note"))

        assert approve() == approve() == [(10, "")]
        assert approve("large") == [(10, ""), (10, "large")]
        Deposit.objects.update(user_amount=12)
        assert approve() == approve() == [(10, ""), (10, "large"), (12, "")]

    def test_a_hold_left_to_run_out_can_still_be_approved(self, skinsback, user):
        row = deposits.leave_hold(held(user))

        assert deposits.approve_hold(row).status == "hold_approved"

    @pytest.mark.parametrize("decide", [deposits.approve_hold, deposits.leave_hold])
    @pytest.mark.parametrize("first", [deposits.approve_hold, deposits.leave_hold])
    def test_a_decision_from_a_page_shown_before_another_decision_is_refused(self, skinsback, user, first, decide):
        row = held(user)
        seen = deposits.seen(row)
        skinsback.answer = UnknownOutcome()
        with suppress(UnknownOutcome):
            first(Deposit.objects.get(pk=row.pk))

        with pytest.raises(RowChanged):
            decide(Deposit.objects.get(pk=row.pk), seen=seen)

        assert len(skinsback.approved) == (first is deposits.approve_hold)

    def test_only_a_deposit_in_hold_can_be_left(self, user):
        with pytest.raises(InvalidInput, match="in hold"):
            deposits.leave_hold(make_deposit(user=user))

    def test_a_hold_cannot_be_left_while_its_approval_is_under_way(self, skinsback, user):
        row = held(user)
        skinsback.answer = UnknownOutcome()
        with pytest.raises(UnknownOutcome):
            deposits.approve_hold(row)
        row.refresh_from_db()

        with pytest.raises(InvalidInput, match="under way"):
            deposits.leave_hold(row)

        assert reservation(row) == UNDER_WAY


class TestHeldSince:
    def test_is_the_time_of_the_first_report_of_the_hold_and_stays(self, user, traveller):
        row, began = make_deposit(user=user), utc_now()
        report(row, "pending")
        assert row.held_since is None
        for status in ("in_hold", "in_hold", "hold_approved", "success"):
            report(row, status, "poll")
            assert row.held_since == began
            traveller.shift(60)

    def test_is_stored_without_a_further_statement(self, user, django_assert_num_queries):
        def count(status):
            from django.db import connection
            from django.test.utils import CaptureQueriesContext

            row = make_deposit(user=user)
            with CaptureQueriesContext(connection) as queries:
                report(row, status)
            return len(queries)

        assert count("in_hold") == count("fail")


def accept(_deposit):
    accept.called += 1
    return True


class TestPolicy:
    @pytest.fixture(autouse=True)
    def policy(self, limit):
        accept.called = 0
        limit(5, 5, HOLD_POLICY=f"{__name__}.accept")

    def sweep(self, traveller, times=3):
        for _ in range(times):
            traveller.shift(timedelta(hours=7))
            poll_deposits()

    def test_a_hold_above_the_limit_is_left_to_a_person_once(self, skinsback, user, traveller):
        row = held(user)

        self.sweep(traveller)

        row.refresh_from_db()
        assert (row.status, row.needs_review, accept.called, skinsback.approved) == ("in_hold", True, 1, [])
        assert "HOLD_APPROVE_MAX did not allow the approval (credit: 10 USD)" in row.review_reason
        assert row.changes.count() == 0

    def test_after_the_review_the_policy_is_asked_again_and_flags_no_more(self, skinsback, user, traveller, limit):
        row = held(user)
        self.sweep(traveller)
        row.refresh_from_db()
        deposits.settle(row, "keep")

        self.sweep(traveller)
        row.refresh_from_db()
        assert (row.status, row.needs_review, row.changes.count()) == ("in_hold", False, 1)

        limit(10, 10, HOLD_POLICY=f"{__name__}.accept")
        self.sweep(traveller)
        row.refresh_from_db()
        assert row.status == "hold_approved"

    @pytest.mark.parametrize("decide", [deposits.approve_hold, deposits.leave_hold])
    def test_a_persons_decision_about_the_hold_ends_the_review(
        self, skinsback, user, traveller, operator, limit, decide
    ):
        row = held(user)
        self.sweep(traveller, times=1)
        row.refresh_from_db()
        limit(10, 10)

        decide(row, by=operator)

        row.refresh_from_db()
        assert (row.needs_review, row.review_reasons) == (False, [])
        assert [reason["code"] for reason in row.changes.first().settled_reasons] == ["hold_limit_reached"]

    def test_the_review_cannot_credit_the_hold_that_the_limit_did_not_allow(self, skinsback, user, traveller, operator):
        row = held(user)
        self.sweep(traveller, times=1)
        row.refresh_from_db()
        with pytest.raises(InvalidInput, match="approve the hold later"):
            deposits.settle(row, "credit", operator)

        row.refresh_from_db()
        assert (row.needs_review, LedgerEntry.objects.exists()) == (True, False)
        assert deposits.settle(row, "keep", operator).needs_review is False

    def test_other_reasons_stay_in_review(self, skinsback, user, traveller, operator):
        row = held(user)
        report(row, "frozen")
        self.sweep(traveller, times=1)
        row.refresh_from_db()
        assert len(row.review_reasons) == 2

        row = deposits.leave_hold(row, operator)

        assert (row.needs_review, [reason["code"] for reason in row.review_reasons]) == (True, ["unknown_status"])

    def test_the_policy_is_not_asked_about_a_hold_that_a_person_left_to_run_out(
        self, skinsback, user, traveller, limit
    ):
        limit(100, 100, HOLD_POLICY=f"{__name__}.accept")
        row = held(user)
        deposits.leave_hold(row)

        self.sweep(traveller)

        row.refresh_from_db()
        assert (row.status, accept.called) == ("in_hold", 0)
