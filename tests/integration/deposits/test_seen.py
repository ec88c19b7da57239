"""A decision about a row that has changed since the person saw it: nothing is changed, and the row is named."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db.models import F
from django.test import Client

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import RowChanged
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange
from django_skinsback.models.fields import utc_now
from django_skinsback.statuses import EntryKind
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

from ...support.admin_staff import VIEW_ALL, act, browser_of, messages_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SHOWN_REASON = {"code": "unknown_status", "data": {"status": "gifted"}}
NEW_REASON = {"code": "other_payer", "data": {"steam_id": "76561198827262007"}}
PAID = {"amount": Decimal("10.5"), "user_amount": Decimal("12.6"), "amount_currency": "usd"}


def other_user():
    return get_user_model().objects.get_or_create(username="other")[0]


def add_entry(row, kind, amount):
    LedgerEntry.objects.create(
        **{row._meta.model_name: row}, kind=kind, amount=amount, currency="usd", user_id=row.user_id
    )


def with_values(**values):
    def change(row):
        evaluated = {name: value() if callable(value) else value for name, value in values.items()}
        type(row).objects.filter(pk=row.pk).update(**evaluated)

    return change


SHARED_CHANGES = {
    "owner": with_values(user=other_user),
    "owner gone": with_values(user=None),
    "a new reason": with_values(review_reasons=[SHOWN_REASON, NEW_REASON]),
    "another value of a reason": with_values(review_reasons=[{**SHOWN_REASON, "data": {"status": "sold"}}]),
    "review ended": with_values(needs_review=False, review_reasons=[]),
    "Steam account": with_values(steam_id="76561198827262007"),
    "trade offer": with_values(trade_offer_id="77"),
}
DEPOSIT_CHANGES = {
    **SHARED_CHANGES,
    "amount": with_values(amount=99999),
    "amount of the user": with_values(user_amount=99999),
    "currency": with_values(amount_currency="rub"),
    "currency asked for": with_values(currency="rub"),
    "limits": with_values(max_amount=1),
    "entries": lambda row: add_entry(row, EntryKind.CREDIT, 1),
    "status": with_values(status="fail"),
    "user_risk": with_values(user_risk={"level": "high"}),
    "payer": with_values(payer_steam_id="76561198827262007"),
}
PURCHASE_CHANGES = {
    **SHARED_CHANGES,
    "charge": with_values(charge_amount=99999),
    "currency": with_values(charge_currency="rub"),
    "entries": lambda row: add_entry(row, EntryKind.REFUND, 5),
    "attempts": with_values(attempts=F("attempts") + 1),
    "status": with_values(status="accepted"),
    "buy ID": with_values(buy_id="7"),
    "price cap": with_values(max_price=99),
    "price": with_values(price=9),
    "error": with_values(error_message="skin_unavailable"),
}
UNCHANGED = {
    "updated_at": with_values(updated_at=utc_now() + timedelta(hours=1)),
    "metadata": with_values(metadata={"of": "the site"}),
}
UNCHANGED_DEPOSIT = {**UNCHANGED, "due": with_values(poll_count=9, next_poll_at=utc_now() + timedelta(hours=1))}
UNCHANGED_PURCHASE = {**UNCHANGED, "due": with_values(poll_count=9, next_poll_at=utc_now() + timedelta(hours=1))}


def with_each(changes):
    return pytest.mark.parametrize("change", changes.values(), ids=changes)


@pytest.fixture(autouse=True)
def wallets(user):
    for owner in (user, other_user()):
        Wallet.objects.create(user=owner, balance=100)


@pytest.fixture
def deposit(user):
    details = {"needs_review": True, "review_reasons": [SHOWN_REASON], "status": "in_hold", **PAID}
    return Deposit.objects.get(pk=make_deposit(user=user, **details).pk)


@pytest.fixture
def purchase(user):
    purchase = make_purchase(
        user=user, charge_amount=5, charge_currency="usd", needs_review=True, review_reasons=[SHOWN_REASON]
    )
    add_entry(purchase, EntryKind.CHARGE, -5)
    return Purchase.objects.get(pk=purchase.pk)


@pytest.fixture
def approved_order_ids(monkeypatch):
    """Order IDs of the holds that SkinsBack was asked to approve."""
    order_ids = []
    monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda *_args, order_id: order_ids.append(order_id))
    monkeypatch.setattr(
        SkinsBackClient,
        "get_deposit",
        lambda *_args, order_id: DepositReport(status="hold_approved", order_id=order_id, **PAID),
    )
    return order_ids


def state():
    """All rows that a decision could change."""
    return [
        list(model.objects.order_by("pk").values()) for model in (Deposit, Purchase, LedgerEntry, StatusChange, Wallet)
    ]


def confirm_after_change(action, row, change, **fields):
    """Open the page, change the row, then send the form. Return the messages and whether nothing was changed."""
    staff = browser_of(*VIEW_ALL, superuser=True)
    page = act(staff, action, row)
    seen = [f"{shown['row'].pk}:{shown['seen']}" for shown in page.context["rows"]]
    change(row)
    before = state()
    response = act(staff, action, row, confirmed="yes", seen=seen, **fields)
    return messages_of(staff, response), state() == before


def names_only(messages, row):
    return len(messages) == 1 and str(row) in messages[0]


class TestAdminPages:
    @with_each(DEPOSIT_CHANGES)
    @pytest.mark.parametrize("decision", ["keep", "credit"])
    def test_settling_from_an_outdated_page_changes_no_deposit(self, deposit, change, decision):
        messages, nothing_moved = confirm_after_change("settle", deposit, change, decision=decision)

        assert nothing_moved
        assert names_only(messages, deposit)
        assert "has changed since you looked at it" in messages[0]

    @with_each(PURCHASE_CHANGES)
    @pytest.mark.parametrize("decision", ["keep", "refund"])
    def test_settling_from_an_outdated_page_changes_no_purchase(self, purchase, change, decision):
        messages, nothing_moved = confirm_after_change("settle", purchase, change, decision=decision)

        assert nothing_moved
        assert names_only(messages, purchase)
        assert "has changed since you looked at it" in messages[0]

    @with_each(PURCHASE_CHANGES)
    def test_cancelling_from_an_outdated_page_changes_no_purchase(self, purchase, change):
        messages, nothing_moved = confirm_after_change("cancel", purchase, change)

        assert nothing_moved
        assert names_only(messages, purchase)
        assert "has changed since you looked at it" in messages[0]

    @with_each(DEPOSIT_CHANGES)
    def test_approving_from_an_outdated_page_changes_no_hold_and_does_not_call_skinsback(
        self, deposit, change, approved_order_ids
    ):
        messages, nothing_moved = confirm_after_change("approve_hold", deposit, change)

        assert (nothing_moved, approved_order_ids) == (True, [])
        assert names_only(messages, deposit)
        assert "has changed since you looked at it" in messages[0]

    @pytest.mark.parametrize("seen", [[], ["{pk}:"], ["{pk}:0123456789abcdef0123456789abcdef"], ["abc"]])
    def test_a_form_without_a_valid_token_of_the_page_changes_nothing(self, deposit, seen, approved_order_ids):
        staff = browser_of(*VIEW_ALL, superuser=True)
        seen = [token.format(pk=deposit.pk) for token in seen]
        before = state()

        for action in ("settle", "approve_hold"):
            act(staff, action, deposit, confirmed="yes", decision="credit", seen=seen)

        assert (state(), approved_order_ids) == (before, [])

    @with_each(UNCHANGED_DEPOSIT)
    def test_a_poll_without_a_change_does_not_outdate_the_page_of_a_deposit(self, deposit, change, approved_order_ids):
        messages, nothing_moved = confirm_after_change("approve_hold", deposit, change)

        assert (nothing_moved, approved_order_ids) == (False, [deposit.order_id])
        assert "approved" in messages[0]

    @with_each(UNCHANGED_PURCHASE)
    @pytest.mark.parametrize(("action", "fields"), [("settle", {"decision": "refund"}), ("cancel", {})])
    def test_a_poll_without_a_change_does_not_outdate_the_page_of_a_purchase(self, purchase, change, action, fields):
        messages, nothing_moved = confirm_after_change(action, purchase, change, **fields)

        assert not nothing_moved
        assert "1 " in messages[0]


class TestFlows:
    @with_each(DEPOSIT_CHANGES)
    def test_an_outdated_token_settles_no_deposit_and_approves_no_hold(self, deposit, change, approved_order_ids):
        seen = deposits.seen(deposit)
        change(deposit)
        before, now = state(), Deposit.objects.get()

        for decision in ("keep", "credit", "reverse"):
            with pytest.raises(RowChanged):
                deposits.settle(now, decision, seen=seen)
        with pytest.raises(RowChanged):
            deposits.approve_hold(now, seen=seen)

        assert (state(), approved_order_ids) == (before, [])

    @with_each({name: change for name, change in DEPOSIT_CHANGES.items() if name != "entries"})
    def test_without_a_token_the_passed_deposit_is_compared_with_the_stored_one(
        self, deposit, change, approved_order_ids
    ):
        change(deposit)
        before = state()

        with pytest.raises(RowChanged):
            deposits.settle(deposit, "credit")
        with pytest.raises(RowChanged):
            deposits.approve_hold(deposit)

        assert (state(), approved_order_ids) == (before, [])

    @with_each(PURCHASE_CHANGES)
    def test_an_outdated_token_settles_and_cancels_no_purchase(self, purchase, change):
        seen = purchases.seen(purchase)
        change(purchase)
        before, now = state(), Purchase.objects.get()

        for decision in ("keep", "refund"):
            with pytest.raises(RowChanged):
                purchases.settle(now, decision, seen=seen)
        with pytest.raises(RowChanged):
            purchases.cancel(now, seen=seen)

        assert state() == before

    def test_a_token_is_outdated_when_the_credit_function_returns_another_amount(self, deposit, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_by_rate"}
        seen = deposits.seen(deposit)
        Rate.value = Decimal(2)
        try:
            with pytest.raises(RowChanged):
                deposits.settle(deposit, "credit", seen=seen)
        finally:
            Rate.value = Decimal(1)

        assert not LedgerEntry.objects.exists()

    def test_a_repeated_report_changes_no_token(self, deposit, purchase):
        report = DepositReport(
            status="in_hold", order_id=deposit.order_id, transaction_id=deposit.transaction_id, **PAID
        )
        bought = make_purchase(user=purchase.user, status="waiting_accept")
        offered = PurchaseReport(
            status="waiting_accept", custom_id=bought.custom_id, buy_id=bought.buy_id, trade_offer_id="5"
        )
        deposits.record_report(report, "poll")
        purchases.record_report(offered, "poll")
        before = [deposits.seen(Deposit.objects.get()), *map(purchases.seen, Purchase.objects.order_by("pk"))]

        for source in ("webhook", "poll", "list", "answer"):
            deposits.record_report(report, source)
            purchases.record_report(offered, source)
        post_notification(Client(), signed_notification(deposit, "pending"))

        assert before == [deposits.seen(Deposit.objects.get()), *map(purchases.seen, Purchase.objects.order_by("pk"))]


class Rate:
    value = Decimal(1)


def credit_by_rate(deposit):
    return deposit.user_amount * Rate.value, "usd"


class TestApprovedHolds:
    """An approval has no amount. The amount that SkinsBack reports afterwards is credited."""

    @pytest.fixture
    def held(self, user):
        return Deposit.objects.get(pk=make_deposit(user=user, status="in_hold", **PAID).pk)

    @pytest.fixture
    def answer(self, held, monkeypatch):
        """What SkinsBack reports after the approval: its ``fields``; ``first`` runs before the approval is answered."""
        answer = {}
        monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda *_args, **_ids: answer.get("first", lambda: None)())
        monkeypatch.setattr(
            SkinsBackClient,
            "get_deposit",
            lambda *_args, order_id: DepositReport(
                status="hold_approved", order_id=order_id, **{**PAID, **answer.get("fields", {})}
            ),
        )
        return answer

    OTHER_AMOUNTS = pytest.mark.parametrize(
        ("fields", "credited"),
        [
            ({"user_amount": Decimal(99)}, (99, "usd")),
            ({"amount_currency": "rub"}, (Decimal("12.6"), "rub")),
            ({"user_amount": Decimal(1), "amount_currency": "rub"}, (1, "rub")),
        ],
    )

    def flagged(self, held):
        held.refresh_from_db()
        return [reason["code"] for reason in held.review_reasons] if held.needs_review else []

    def test_the_shown_amount_is_credited_without_review(self, held, answer, operator):
        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == (Decimal("12.6"), "usd")
        assert self.flagged(held) == []

    @OTHER_AMOUNTS
    def test_another_amount_after_the_approval_is_credited_and_flagged(self, held, answer, operator, fields, credited):
        answer["fields"] = fields

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == credited
        assert self.flagged(held) == ["differs_from_approval"]

    @OTHER_AMOUNTS
    def test_another_amount_is_flagged_if_the_webhook_arrives_before_the_answer(
        self, held, answer, operator, fields, credited
    ):
        texts = {name: str(value) for name, value in fields.items()}
        answer["fields"] = fields
        answer["first"] = lambda: post_notification(Client(), signed_notification(held, "hold_approved", **texts))

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == credited
        assert self.flagged(held) == ["differs_from_approval"]

    @OTHER_AMOUNTS
    def test_another_amount_is_flagged_if_the_hold_changed_before_the_approval(
        self, held, answer, operator, fields, credited
    ):
        """SkinsBack reports the new amount twice. The person who approved had seen the old one."""
        texts = {name: str(value) for name, value in fields.items()}
        answer["fields"] = fields
        answer["first"] = lambda: post_notification(Client(), signed_notification(held, "in_hold", **texts))

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == credited
        assert self.flagged(held) == ["differs_from_approval"]

    def test_another_amount_is_flagged_if_a_credit_function_uses_it(self, held, answer, operator, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_by_rate"}
        answer["fields"] = {"user_amount": Decimal(99)}
        answer["first"] = lambda: post_notification(Client(), signed_notification(held, "in_hold", user_amount="99"))

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.get().amount == 99
        assert self.flagged(held) == ["differs_from_approval"]

    def test_another_amount_after_the_approval_of_a_hold_that_is_still_open_is_flagged(
        self, held, operator, settings, monkeypatch
    ):
        """The approval stores ``amount``, which stays the same. The credit function uses ``user_amount``."""
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_by_rate"}
        still_held = DepositReport(status="in_hold", order_id=held.order_id, **PAID)
        monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda *_args, **_ids: None)
        monkeypatch.setattr(SkinsBackClient, "get_deposit", lambda *_args, order_id: still_held)

        deposits.approve_hold(held, operator)
        for status in ("in_hold", "hold_approved"):
            answer = post_notification(Client(), signed_notification(held, status, user_amount="99"))
            assert answer.status_code == 200

        assert LedgerEntry.objects.get().amount == 99
        assert self.flagged(held) == ["differs_from_approval"]

    @pytest.mark.parametrize(
        ("credit", "approved", "reported"),
        [("user_amount", "12.6 USD", "99 RUB"), (f"{__name__}.credit_by_rate", "10.5 USD", "10.5 / 99 RUB")],
        ids=["a column", "a function"],
    )
    def test_the_reason_has_the_approved_and_the_reported_amount(
        self, held, answer, operator, settings, credit, approved, reported
    ):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": credit}
        answer["fields"] = {"user_amount": Decimal(99), "amount_currency": "rub"}

        deposits.approve_hold(held, operator)

        held.refresh_from_db()
        data = {"approved": approved, "reported": reported}
        assert held.review_reasons == [{"code": "differs_from_approval", "data": data}]

    def test_the_reason_has_zero_if_the_hold_had_no_amount_when_it_was_approved(self, held, answer, operator):
        Deposit.objects.update(amount=None, user_amount=None, amount_currency="")
        held.refresh_from_db()

        deposits.approve_hold(held, operator)

        held.refresh_from_db()
        data = {"approved": "0", "reported": "12.6 USD"}
        assert held.review_reasons == [{"code": "differs_from_approval", "data": data}]

    def test_another_amount_after_an_approval_by_the_sweep_is_flagged(self, held, answer, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.approve_all"}
        amounts = iter([PAID, {**PAID, "user_amount": Decimal(99)}])

        def get_deposit(*_args, order_id):
            status = "hold_approved" if StatusChange.objects.exists() else "in_hold"
            return DepositReport(status=status, order_id=order_id, **next(amounts))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SkinsBackClient, "get_deposit", get_deposit)
            poll_deposits()

        assert LedgerEntry.objects.get().amount == 99
        assert self.flagged(held) == ["differs_from_approval"]


def approve_all(_deposit):
    return True
