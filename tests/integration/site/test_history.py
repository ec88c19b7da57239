"""The history of rows: who did what, when, and what SkinsBack reported."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from django_skinsback import deposits, purchases, schedule
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import AlreadyDecided, RateLimited, TransactionNotFound, UnknownOutcome
from django_skinsback.models import Deposit, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.signals import review_needed
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = pytest.mark.django_db

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"
PAID = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": "usd"}
ASKED_FOR = "approval of the hold requested"


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


@pytest.fixture
def skinsback(monkeypatch):
    """What SkinsBack answers to ``orderstatus`` and ``offer_approve``: a status or an error."""

    class SkinsBack:
        status: str | Exception = "hold_approved"
        approval: Exception | None = None
        paid = PAID

    def get_deposit(_client, *, order_id):
        if isinstance(SkinsBack.status, Exception):
            raise SkinsBack.status
        return DepositReport(status=SkinsBack.status, order_id=order_id, **SkinsBack.paid)

    def approve_hold(_client, *, order_id):
        if SkinsBack.approval is not None:
            raise SkinsBack.approval

    monkeypatch.setattr(SkinsBackClient, "get_deposit", get_deposit)
    monkeypatch.setattr(SkinsBackClient, "approve_hold", approve_hold)
    return SkinsBack


def lines(row):
    changes = row.changes.select_related("by").order_by("pk")
    return [(each.to_status, each.source, each.by and each.by.username, each.text) for each in changes]


class TestApprovals:
    @pytest.fixture
    def held(self, user):
        return make_deposit(user=user, status="in_hold")

    def test_an_approval_leaves_its_trace_and_its_result_with_who_asked_for_it(self, skinsback, held, operator):
        row = deposits.approve_hold(held, by=operator)

        assert (row.status, row.entries.get().amount) == ("hold_approved", 6)
        assert lines(held) == [
            ("in_hold", "flow", "operator", ASKED_FOR),
            ("hold_approved", "answer", "operator", ""),
        ]

    def test_its_trace_is_there_before_skinsback_is_called(self, skinsback, held, monkeypatch, now):
        seen = []

        def approve_hold(_client, *, order_id):
            held.refresh_from_db()
            seen.append((lines(held), held.next_poll_at))

        monkeypatch.setattr(SkinsBackClient, "approve_hold", approve_hold)

        deposits.approve_hold(held)

        assert seen == [([("in_hold", "flow", None, ASKED_FOR)], now + schedule.ACCOUNT_ERROR_DELAY)]

    def test_the_sweeps_repeated_attempts_are_one_line_and_each_operators_is_his_own(self, skinsback, held, operator):
        skinsback.approval = RateLimited("offer_approve", -7, "too_many_requests")

        for by in (None, None, None, operator, operator):
            held.refresh_from_db()
            with pytest.raises(RateLimited):
                deposits.approve_hold(held, by=by)

        assert [by for _, _, by, note in lines(held) if note == ASKED_FOR] == [None, "operator", "operator"]

    def test_another_line_since_then_makes_it_worth_a_new_one(self, skinsback, held, operator):
        skinsback.approval = RateLimited("offer_approve", -7, "too_many_requests")
        for _ in range(2):
            with pytest.raises(RateLimited):
                deposits.approve_hold(held)
            held.refresh_from_db()
            deposits.settle(held, "keep", operator)

        assert [note for *_, note in lines(held)] == [ASKED_FOR, "kept as it is", ASKED_FOR, "kept as it is"]

    def test_what_is_answered_after_it_is_the_newest_there_is(self, skinsback, held, now):
        skinsback.paid = {**PAID, "amount_currency": ""}

        row = deposits.approve_hold(held)

        assert (row.status, row.needs_review) == ("hold_approved", True)
        assert row.next_poll_at > now

    def test_one_that_failed_is_asked_about_at_once(self, skinsback, held, now, operator):
        skinsback.approval = RateLimited("offer_approve", -7, "too_many_requests")

        with pytest.raises(RateLimited):
            deposits.approve_hold(held, by=operator)

        held.refresh_from_db()
        assert (held.status, held.next_poll_at) == ("in_hold", now)

    @pytest.mark.parametrize(
        "answer",
        [AlreadyDecided("offer_approve", 5, "already_decided"), UnknownOutcome()],
        ids=["decided before", "no answer"],
    )
    def test_an_approval_that_was_given_before_or_not_answered_is_read_from_the_status(self, skinsback, held, answer):
        skinsback.approval = answer

        assert deposits.approve_hold(held).status == "hold_approved"

    def test_a_hold_the_user_ended_before_is_not_credited(self, skinsback, held):
        skinsback.approval = AlreadyDecided("offer_approve", 5, "already_decided")
        skinsback.status = "hold_returned"

        row = deposits.approve_hold(held)

        assert (row.status, row.entries.count()) == ("hold_returned", 0)


class TestRefreshing:
    def test_a_deposit_keeps_who_asked_and_is_of_its_own_account(self, skinsback, user, operator):
        skinsback.status = "success"
        mine, theirs = (
            make_deposit(user=user, order_id="same", account=account, transaction_id=None)
            for account in ("default", "second")
        )

        row = deposits.refresh(theirs, by=operator)

        assert (row.pk, row.status, lines(row)) == (theirs.pk, "success", [("success", "answer", "operator", "")])
        mine.refresh_from_db()
        assert mine.status == "pending"

    def test_an_unknown_deposit_raises_and_changes_nothing(self, skinsback, user):
        deposit = make_deposit(user=user)
        skinsback.status = TransactionNotFound("orderstatus", 3, "transaction_not_found")

        with pytest.raises(TransactionNotFound):
            deposits.refresh(deposit)

        assert lines(deposit) == []

    def test_purchases_of_several_accounts_keep_who_asked_and_no_other_is_returned(self, monkeypatch, operator):
        rows = [make_purchase(status="waiting_accept", account=account) for account in ("default", "second", "default")]
        unsent, _other = make_purchase(), make_purchase(status="waiting_accept")

        def get_purchases(_client, *, custom_ids):
            assert unsent.custom_id not in custom_ids
            return [
                PurchaseReport(status="accepted", custom_id=row.custom_id, buy_id=row.buy_id)
                for row in rows
                if row.custom_id in custom_ids
            ]

        monkeypatch.setattr(SkinsBackClient, "get_purchases", get_purchases)

        fresh = purchases.refresh([unsent, *rows], by=operator)

        assert [row.pk for row in fresh] == [unsent.pk, *(row.pk for row in rows)]
        assert [row.status for row in fresh] == ["requested"] + ["accepted"] * 3
        assert all(lines(row) == [("accepted", "answer", "operator", "")] for row in fresh[1:])

        assert purchases.refresh([rows[0]])[0].pk == rows[0].pk


class TestBuying:
    def test_who_asked_for_it_is_kept_apart_from_who_receives_it(self, user, operator):
        options = {"user": user, "trade_url": TRADE_URL, "by": operator}
        one = purchases.buy(**options, market_hash_name="AK-47", max_price=5, metadata={"prize": 7})
        two, three = purchases.buy_batch(
            **options, items=[{"skin_id": "1", "max_price": 5, "metadata": {"prize": 8}}, {"skin_id": "2"}]
        )

        for row, metadata in [(one, {"prize": 7}), (two, {"prize": 8}), (three, {})]:
            row.refresh_from_db()
            assert (row.user, row.by, row.metadata) == (user, operator, metadata)
            assert lines(row) == [("requested", "flow", "operator", "")]
        assert (one.batch_id, two.batch_id) == ("", three.batch_id)

    def test_a_batch_has_a_game_and_an_item_may_have_another(self, user, settings):
        items = [{"skin_id": "1"}, {"skin_id": "2", "game": "dota2"}]

        rows = purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items, game="rust")
        default = purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items[:1])

        assert [row.game for row in [*rows, *default]] == ["rust", "dota2", "cs2"]

    def test_a_batch_is_bought_by_the_account_it_names(self, user):
        rows = purchases.buy_batch(user=user, trade_url=TRADE_URL, items=[{"skin_id": "1"}], account="second")

        assert rows[0].account == "second"

    def test_the_cap_itself_is_a_price_and_a_name_may_be_as_long_as_its_column(self, user):
        row = purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="x" * 255, max_price=1000)

        assert Purchase.objects.get(pk=row.pk).max_price == 1000

    def test_a_charge_is_kept_as_it_was_taken(self, user):
        Wallet.objects.create(user=user, balance=10)

        row = purchases.buy(
            user=user, trade_url=TRADE_URL, market_hash_name="x", max_price=5, charge="7.5", charge_currency="USD"
        )

        line, entry = row.changes.get(), row.entries.get()
        assert (row.charge_amount, row.charge_currency) == (Decimal("7.5"), "usd")
        assert (entry.amount, entry.currency, entry.user) == (Decimal("-7.5"), "usd", user)
        assert (line.credit_amount, line.credit_currency) == (Decimal("-7.5"), "usd")


class TestDecisions:
    def test_a_purchases_says_who_decided_what_about_it(self, user, operator):
        purchase = make_purchase(status="accepted", user=user)
        LedgerEntry.objects.create(purchase=purchase, user=user, kind="charge", amount=-5, currency="usd")
        purchases.record_report(
            PurchaseReport(status="rollback_user", custom_id=purchase.custom_id, buy_id=purchase.buy_id), "poll"
        )

        purchase.refresh_from_db()
        purchases.settle(purchase, "keep", operator, "his own fault")

        note = "kept as it is\nhis own fault\nThe user rolled the trade back. Decide whether to refund the charge."
        assert lines(purchase)[-1] == ("rollback_user", "operator", "operator", note)

    def test_without_a_note_the_outcome_stands_alone(self):
        purchase = make_purchase(status="accepted")

        purchases.settle(purchase, "keep")

        assert lines(purchase) == [("accepted", "operator", None, "kept as it is")]


class TestReviews:
    @pytest.fixture
    def reported(self):
        heard = []

        def listen(sender, row, reason, **_kwargs):
            heard.append((sender, row.pk, reason))

        review_needed.connect(listen)
        yield heard
        review_needed.disconnect(listen)

    def test_reasons_add_up_and_each_is_sent_once(self, reported, django_capture_on_commit_callbacks):
        purchase = make_purchase(status="waiting_accept", skin_id="5", max_price=Decimal(5))
        with django_capture_on_commit_callbacks(execute=True):
            for fields in ({"price": Decimal(6)}, {"price": Decimal(6)}, {"skin_id": "6", "price": Decimal(6)}):
                say(purchase, "waiting_accept", **fields)

        purchase.refresh_from_db()
        reasons = [
            "The skin was bought for 6 USD, which is above the price cap.",
            "SkinsBack bought another skin than the requested one: 6.",
        ]
        assert purchase.review_reason.splitlines() == reasons
        assert reported == [(Purchase, purchase.pk, reason) for reason in reasons]


def say(purchase, status, source="poll", **fields):
    """One report about a purchase."""
    report = PurchaseReport(status=status, custom_id=purchase.custom_id, buy_id=purchase.buy_id or "", **fields)
    recorded = purchases.record_report(report, source)
    purchase.refresh_from_db()
    return recorded


class TestWhatWasBought:
    """Bought by ID, the ID must match; bought by name, the name. A missing value is not a mismatch."""

    @pytest.mark.parametrize(
        ("asked", "reported", "reason"),
        [
            ({"skin_id": "5"}, {"skin_id": "5"}, ""),
            ({"skin_id": "5"}, {}, ""),
            ({"skin_id": "5"}, {"skin_id": "6"}, "another skin"),
            ({"skin_id": "5", "market_hash_name": "A"}, {"skin_id": "5", "market_hash_name": "B"}, ""),
            ({"market_hash_name": "A"}, {"market_hash_name": "A", "skin_id": "6"}, ""),
            ({"market_hash_name": "A"}, {"skin_id": "6"}, ""),
            ({"market_hash_name": "A"}, {"market_hash_name": "B", "skin_id": "6"}, "“B”"),
            ({"skin_id": "5", "class_id": "1"}, {"skin_id": "6"}, ""),
        ],
    )
    def test_is_compared_with_what_was_asked_for(self, asked, reported, reason):
        purchase = make_purchase(**{"market_hash_name": "", **asked})

        say(purchase, "creating_trade", **reported)

        assert purchase.needs_review is bool(reason)
        assert reason in purchase.review_reason


class TestReports:
    def test_a_purchase_is_found_by_skinsbacks_id_too_and_in_its_own_account_only(self):
        mine, theirs = (make_purchase(status="waiting_accept", buy_id="7", account=a) for a in ("default", "second"))

        for ids in ({"buy_id": "7"}, {"custom_id": theirs.custom_id}):
            report = PurchaseReport(status="accepted", **ids)
            assert purchases.record_report(report, "poll", account="second").row == theirs

        assert purchases.record_report(report, "poll").outcome == "unmatched"
        for row, status in [(mine, "waiting_accept"), (theirs, "accepted")]:
            row.refresh_from_db()
            assert row.status == status

    def test_what_a_later_report_does_not_repeat_stays(self, user):
        deposit = make_deposit(user=user)
        details = {"trade_offer_id": "8", "steam_id": "76561198050648523", "skins": [{"name": "AK-47"}]}
        for report in (
            DepositReport(status="in_hold", order_id=deposit.order_id, **PAID, **details),
            DepositReport(status="fail", order_id=deposit.order_id),
        ):
            deposits.record_report(report, "poll")

        deposit.refresh_from_db()
        assert (deposit.amount, deposit.user_amount, deposit.amount_currency) == (5, 6, "usd")
        assert (deposit.trade_offer_id, deposit.payer_steam_id) == ("8", "76561198050648523")
        assert deposit.skins == [{"name": "AK-47"}]

    def test_a_repetition_without_a_currency_is_no_other_amount(self, user):
        deposit = make_deposit(user=user)
        for currency in ("usd", "", "eur"):
            assert not deposit.needs_review
            reported = {**PAID, "amount_currency": currency}
            deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **reported), "poll")
            deposit.refresh_from_db()

        assert "another amount" in deposit.review_reason

    def test_an_unsigned_risk_is_replaced_by_the_apis_and_never_back(self, user):
        deposit, seen = make_deposit(user=user), []
        for source, risk in [("webhook", 1), ("poll", 2), ("webhook", 3), ("answer", 4)]:
            report = DepositReport(status="in_hold", order_id=deposit.order_id, user_risk={"rollbacks": risk}, **PAID)
            deposits.record_report(report, source)
            deposit.refresh_from_db()
            seen.append(deposit.user_risk["rollbacks"])

        assert seen == [1, 2, 2, 4]

    def test_a_deposit_is_found_by_skinsbacks_id_too_and_in_its_own_account_only(self, user):
        mine, theirs = (make_deposit(user=user, transaction_id="7", account=a) for a in ("default", "second"))

        deposits.record_report(DepositReport(status="success", transaction_id="7", **PAID), "poll", account="second")

        report = DepositReport(status="success", order_id=theirs.order_id, **PAID)
        assert deposits.record_report(report, "poll").outcome == "unmatched"
        for row, status in [(mine, "pending"), (theirs, "success")]:
            row.refresh_from_db()
            assert row.status == status

    @pytest.mark.parametrize("make", [make_deposit, make_purchase])
    def test_keep_who_asked_by_which_delivery_and_when(self, make, operator, now):
        event = WebhookEvent.objects.create(account="default", kind="deposit", digest="0", body=b"", received_at=now)
        then = now - timedelta(hours=1)
        if make is make_deposit:
            row = make()
            Deposit.objects.update(updated_at=then - timedelta(hours=1))
            record, report = deposits.record_report, DepositReport(status="success", order_id=row.order_id, **PAID)
        else:
            row = make()
            Purchase.objects.update(updated_at=then - timedelta(hours=1))
            record, report = purchases.record_report, PurchaseReport(status="timeout", custom_id=row.custom_id)

        record(report, "webhook", event=event, by=operator, now=then)

        line = row.changes.get()
        assert (line.webhook_event, line.by, line.created_at) == (event, operator, then)
        row.refresh_from_db()
        assert (row.finished_at, row.updated_at) == (then, then)

    def test_a_credit_that_waited_for_its_currency_goes_to_the_owner_and_says_why(self, user):
        deposit = make_deposit(user=user)
        for currency in ("", "usd"):
            reported = {**PAID, "amount_currency": currency}
            deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **reported), "poll")

        line = deposit.changes.latest("pk")
        assert (line.note, line.amount, line.currency) == (
            "The deposit was credited after the currency was reported.",
            5,
            "usd",
        )
        assert (deposit.entries.get().user, line.credit_amount) == (user, 6)

    @pytest.mark.parametrize("make", [make_deposit, make_purchase])
    def test_an_unknown_status_is_recorded_with_a_reason(self, make):
        row = make(status="pending" if make is make_deposit else "waiting_accept")
        if make is make_deposit:
            deposits.record_report(DepositReport(status="blessed", order_id=row.order_id), "webhook")
        else:
            purchases.record_report(PurchaseReport(status="blessed", custom_id=row.custom_id), "webhook")

        row.refresh_from_db()
        assert lines(row) == [("blessed", "webhook", None, "This version of the package does not know the status.")]
        assert row.review_reason == "SkinsBack reported a status that is not known: “blessed”."

    @pytest.mark.parametrize(("setting", "amount"), [("amount", 5), ("user_amount", 6)])
    def test_only_the_amount_that_was_credited_is_compared_with_the_next(self, user, settings, setting, amount):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": setting}
        deposit = make_deposit(user=user)
        other = {"amount": "user_amount", "user_amount": "amount"}[setting]
        first = {setting: Decimal(amount), other: Decimal(1), "amount_currency": "usd"}

        for status, reported in [("hold_approved", first), ("success", {**first, other: Decimal(9)})]:
            deposits.record_report(DepositReport(status=status, order_id=deposit.order_id, **reported), "poll")

        deposit.refresh_from_db()
        assert (deposit.status, deposit.needs_review, deposit.entries.get().amount) == ("success", False, amount)

        deposits.record_report(DepositReport(status="success", order_id=deposit.order_id, **{setting: 9}), "poll")
        deposit.refresh_from_db()
        assert "another amount" in deposit.review_reason

    @pytest.mark.parametrize("again", ["eur", ""])
    def test_a_credit_withheld_for_another_currency_is_not_given_by_its_repetition(self, user, now, again):
        deposit = make_deposit(user=user, currency="usd")
        for currency in ("eur", again, again):
            reported = {"amount": Decimal(5), "user_amount": Decimal(6), "amount_currency": currency}
            recorded = deposits.record_report(
                DepositReport(status="success", order_id=deposit.order_id, **reported), "webhook"
            )

        assert recorded.outcome == "withheld"
        deposit.refresh_from_db()
        assert deposit.review_reason.count("eur") == 1
        assert deposit.next_poll_at - now < timedelta(minutes=1)
