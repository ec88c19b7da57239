"""A decision is about what was seen: whatever of it has changed since, nothing moves and the row is named."""

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

SHOWN = {"code": "unknown_status", "data": {"status": "gifted"}}
NEW = {"code": "other_payer", "data": {"steam_id": "76561198827262007"}}
PAID = {"amount": Decimal("10.5"), "user_amount": Decimal("12.6"), "amount_currency": "usd"}


def other_user():
    return get_user_model().objects.get_or_create(username="other")[0]


def add_entry(row, kind, amount):
    LedgerEntry.objects.create(
        **{row._meta.model_name: row}, kind=kind, amount=amount, currency="usd", user_id=row.user_id
    )


def with_values(**values):
    def change(row):
        made = {name: value() if callable(value) else value for name, value in values.items()}
        type(row).objects.filter(pk=row.pk).update(**made)

    return change


SHARED_CHANGES = {
    "owner": with_values(user=other_user),
    "owner gone": with_values(user=None),
    "a new reason": with_values(review_reasons=[SHOWN, NEW]),
    "another value of a reason": with_values(review_reasons=[{**SHOWN, "data": {"status": "sold"}}]),
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


def each(changes):
    return pytest.mark.parametrize("change", changes.values(), ids=changes)


@pytest.fixture(autouse=True)
def wallets(user):
    for owner in (user, other_user()):
        Wallet.objects.create(user=owner, balance=100)


@pytest.fixture
def deposit(user):
    details = {"needs_review": True, "review_reasons": [SHOWN], "status": "in_hold", **PAID}
    return Deposit.objects.get(pk=make_deposit(user=user, **details).pk)


@pytest.fixture
def purchase(user):
    purchase = make_purchase(
        user=user, charge_amount=5, charge_currency="usd", needs_review=True, review_reasons=[SHOWN]
    )
    add_entry(purchase, EntryKind.CHARGE, -5)
    return Purchase.objects.get(pk=purchase.pk)


@pytest.fixture
def approvals(monkeypatch):
    """Order IDs of the holds that SkinsBack was asked to approve."""
    asked = []
    monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda *_args, order_id: asked.append(order_id))
    monkeypatch.setattr(
        SkinsBackClient,
        "get_deposit",
        lambda *_args, order_id: DepositReport(status="hold_approved", order_id=order_id, **PAID),
    )
    return asked


def state():
    """All that a decision could move."""
    return [
        list(model.objects.order_by("pk").values()) for model in (Deposit, Purchase, LedgerEntry, StatusChange, Wallet)
    ]


def confirm_later(action, row, change, **fields):
    """Open the page, let the row change, then send the form of the page; returns what is said then."""
    staff = browser_of(*VIEW_ALL, superuser=True)
    page = act(staff, action, row)
    seen = [f"{shown['row'].pk}:{shown['seen']}" for shown in page.context["rows"]]
    change(row)
    before = state()
    response = act(staff, action, row, confirmed="yes", seen=seen, **fields)
    return messages_of(staff, response), state() == before


def is_named(messages, row):
    return len(messages) == 1 and str(row) in messages[0]


class TestPages:
    @each(DEPOSIT_CHANGES)
    @pytest.mark.parametrize("decision", ["keep", "credit"])
    def test_an_old_page_settles_no_deposit(self, deposit, change, decision):
        messages, nothing_moved = confirm_later("settle", deposit, change, decision=decision)

        assert nothing_moved
        assert is_named(messages, deposit)
        assert "has changed since you looked at it" in messages[0]

    @each(PURCHASE_CHANGES)
    @pytest.mark.parametrize("decision", ["keep", "refund"])
    def test_an_old_page_settles_no_purchase(self, purchase, change, decision):
        messages, nothing_moved = confirm_later("settle", purchase, change, decision=decision)

        assert nothing_moved
        assert is_named(messages, purchase)
        assert "has changed since you looked at it" in messages[0]

    @each(PURCHASE_CHANGES)
    def test_an_old_page_cancels_no_purchase(self, purchase, change):
        messages, nothing_moved = confirm_later("cancel", purchase, change)

        assert nothing_moved
        assert is_named(messages, purchase)
        assert "has changed since you looked at it" in messages[0]

    @each(DEPOSIT_CHANGES)
    def test_an_old_page_approves_no_hold_and_skinsback_is_not_called(self, deposit, change, approvals):
        messages, nothing_moved = confirm_later("approve_hold", deposit, change)

        assert (nothing_moved, approvals) == (True, [])
        assert is_named(messages, deposit)
        assert "has changed since you looked at it" in messages[0]

    @pytest.mark.parametrize("seen", [[], ["{pk}:"], ["{pk}:0123456789abcdef0123456789abcdef"], ["abc"]])
    def test_a_form_without_what_the_page_showed_decides_nothing(self, deposit, seen, approvals):
        staff = browser_of(*VIEW_ALL, superuser=True)
        seen = [each.format(pk=deposit.pk) for each in seen]
        before = state()

        for action in ("settle", "approve_hold"):
            act(staff, action, deposit, confirmed="yes", decision="credit", seen=seen)

        assert (state(), approvals) == (before, [])

    @each(UNCHANGED_DEPOSIT)
    def test_a_page_is_not_old_because_a_deposit_was_asked_about(self, deposit, change, approvals):
        messages, nothing_moved = confirm_later("approve_hold", deposit, change)

        assert (nothing_moved, approvals) == (False, [deposit.order_id])
        assert "approved" in messages[0]

    @each(UNCHANGED_PURCHASE)
    @pytest.mark.parametrize(("action", "fields"), [("settle", {"decision": "refund"}), ("cancel", {})])
    def test_a_page_is_not_old_because_a_purchase_was_asked_about(self, purchase, change, action, fields):
        messages, nothing_moved = confirm_later(action, purchase, change, **fields)

        assert not nothing_moved
        assert "1 " in messages[0]


class TestFlows:
    @each(DEPOSIT_CHANGES)
    def test_a_token_of_before_decides_no_deposit(self, deposit, change, approvals):
        seen = deposits.seen(deposit)
        change(deposit)
        before, now = state(), Deposit.objects.get()

        for decision in ("keep", "credit", "reverse"):
            with pytest.raises(RowChanged):
                deposits.settle(now, decision, seen=seen)
        with pytest.raises(RowChanged):
            deposits.approve_hold(now, seen=seen)

        assert (state(), approvals) == (before, [])

    @each({name: change for name, change in DEPOSIT_CHANGES.items() if name != "entries"})
    def test_without_a_token_the_row_as_it_was_passed_is_what_was_seen(self, deposit, change, approvals):
        change(deposit)
        before = state()

        with pytest.raises(RowChanged):
            deposits.settle(deposit, "credit")
        with pytest.raises(RowChanged):
            deposits.approve_hold(deposit)

        assert (state(), approvals) == (before, [])

    @each(PURCHASE_CHANGES)
    def test_a_token_of_before_decides_no_purchase(self, purchase, change):
        seen = purchases.seen(purchase)
        change(purchase)
        before, now = state(), Purchase.objects.get()

        for decision in ("keep", "refund"):
            with pytest.raises(RowChanged):
                purchases.settle(now, decision, seen=seen)
        with pytest.raises(RowChanged):
            purchases.cancel(now, seen=seen)

        assert state() == before

    def test_a_token_covers_what_the_sites_credit_function_would_post(self, deposit, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_by_rate"}
        seen = deposits.seen(deposit)
        Rate.value = Decimal(2)
        try:
            with pytest.raises(RowChanged):
                deposits.settle(deposit, "credit", seen=seen)
        finally:
            Rate.value = Decimal(1)

        assert not LedgerEntry.objects.exists()

    def test_a_report_that_repeats_changes_no_token(self, deposit, purchase):
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
    """An approval carries no amount: what is credited is what SkinsBack says afterwards."""

    @pytest.fixture
    def held(self, user):
        return Deposit.objects.get(pk=make_deposit(user=user, status="in_hold", **PAID).pk)

    @pytest.fixture
    def told(self, held, monkeypatch):
        """What SkinsBack says once the hold is approved."""
        told = {}
        monkeypatch.setattr(SkinsBackClient, "approve_hold", lambda *_args, **_ids: told.get("first", lambda: None)())
        monkeypatch.setattr(
            SkinsBackClient,
            "get_deposit",
            lambda *_args, order_id: DepositReport(
                status="hold_approved", order_id=order_id, **{**PAID, **told.get("fields", {})}
            ),
        )
        return told

    OTHER = pytest.mark.parametrize(
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

    def test_what_was_shown_is_credited_without_review(self, held, told, operator):
        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == (Decimal("12.6"), "usd")
        assert self.flagged(held) == []

    @OTHER
    def test_another_amount_is_credited_and_flagged(self, held, told, operator, fields, credited):
        told["fields"] = fields

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == credited
        assert self.flagged(held) == ["differs_from_approval"]

    @OTHER
    def test_it_is_flagged_as_well_where_the_webhook_is_faster(self, held, told, operator, fields, credited):
        texts = {name: str(value) for name, value in fields.items()}
        told["fields"] = fields
        told["first"] = lambda: post_notification(Client(), signed_notification(held, "hold_approved", **texts))

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == credited
        assert self.flagged(held) == ["differs_from_approval"]

    @OTHER
    def test_it_is_flagged_as_well_where_the_hold_has_changed_between(self, held, told, operator, fields, credited):
        """SkinsBack says the new amount twice; the person who approved saw the old one."""
        texts = {name: str(value) for name, value in fields.items()}
        told["fields"] = fields
        told["first"] = lambda: post_notification(Client(), signed_notification(held, "in_hold", **texts))

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.values_list("amount", "currency").get() == credited
        assert self.flagged(held) == ["differs_from_approval"]

    def test_an_amount_that_credit_does_not_use_alone_is_compared_too(self, held, told, operator, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_by_rate"}
        told["fields"] = {"user_amount": Decimal(99)}
        told["first"] = lambda: post_notification(Client(), signed_notification(held, "in_hold", user_amount="99"))

        deposits.approve_hold(held, operator)

        assert LedgerEntry.objects.get().amount == 99
        assert self.flagged(held) == ["differs_from_approval"]

    def test_the_sweeps_own_approval_is_compared_too(self, held, told, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "HOLD_POLICY": f"{__name__}.trust"}
        amounts = iter([PAID, {**PAID, "user_amount": Decimal(99)}])

        def get_deposit(*_args, order_id):
            status = "hold_approved" if StatusChange.objects.exists() else "in_hold"
            return DepositReport(status=status, order_id=order_id, **next(amounts))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SkinsBackClient, "get_deposit", get_deposit)
            poll_deposits()

        assert LedgerEntry.objects.get().amount == 99
        assert self.flagged(held) == ["differs_from_approval"]


def trust(_deposit):
    return True
