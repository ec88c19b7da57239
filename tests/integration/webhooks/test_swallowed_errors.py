"""Code of the site swallows a database error in our transaction: what was rolled back is not reported as success."""

from contextlib import contextmanager, suppress
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.test import Client

from django_skinsback import deposits, purchases
from django_skinsback.client import SkinsBackClient
from django_skinsback.exceptions import RolledBack
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.webhooks.replay import apply_again
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent
from django_skinsback.signals import deposit_changed, entry_posted, purchase_changed
from django_skinsback.statuses import EntryKind
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.support.admin_staff import act, browser_of, messages_of
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"


def swallow_integrity_error(**_arguments):
    """A receiver that inserts a row with a unique key and ignores the IntegrityError of an existing one."""
    with suppress(IntegrityError):
        get_user_model().objects.create(username="taken")


def swallow_raw_error(**_arguments):
    """A receiver that ignores an error of a raw cursor. Django does not notice such errors."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
    except DatabaseError:
        pass


def swallow_in_savepoint(**_arguments):
    """A correct receiver: the insert runs in a savepoint, and the error is caught outside it."""
    try:
        with transaction.atomic():
            get_user_model().objects.create(username="taken")
    except IntegrityError:
        pass


def credit_that_swallows(deposit):
    swallow_integrity_error()
    return deposit.user_amount, "usd"


# A failed statement of a raw cursor aborts the database transaction only on PostgreSQL.
SWALLOWING = [swallow_integrity_error, *([swallow_raw_error] if connection.vendor == "postgresql" else [])]


@contextmanager
def receiving(receiver, signal=entry_posted, **options):
    signal.connect(receiver, **options)
    try:
        yield
    finally:
        signal.disconnect(receiver, **options)


@pytest.fixture(autouse=True)
def taken_username(user):
    get_user_model().objects.create(username="taken")
    Wallet.objects.create(user=user, balance=100)


@pytest.fixture
def change_signals():
    """The status changes of all deposit_changed and purchase_changed signals."""
    received = []

    def receive_change(change, **_arguments):
        received.append((change.from_status, change.to_status))

    with receiving(receive_change, deposit_changed), receiving(receive_change, purchase_changed):
        yield received


@pytest.fixture(params=SWALLOWING)
def swallowing_receiver(request):
    """A receiver of entry_posted that swallows an error."""
    with receiving(request.param):
        yield


def balance():
    return Wallet.objects.get().balance


def set_answers(monkeypatch, **methods):
    for name, answer in methods.items():
        monkeypatch.setattr(SkinsBackClient, name, lambda *_args, answer=answer, **_options: answer)


def paid_report(deposit, status="success"):
    return DepositReport(
        status=status,
        order_id=deposit.order_id,
        transaction_id=deposit.transaction_id,
        amount=Decimal(5),
        user_amount=Decimal(6),
        amount_currency="usd",
    )


def is_unchanged(row):
    status = row.status
    row.refresh_from_db()
    return (row.status, StatusChange.objects.count(), balance()) == (status, 0, 100)


class TestWebhook:
    def test_the_delivery_is_answered_500_stored_with_cause_and_remedy_and_applied_when_the_receiver_is_fixed(
        self, user, change_signals, swallowing_receiver
    ):
        deposit = make_deposit(user=user)
        message = signed_notification(deposit)

        assert post_notification(Client(), message).status_code == 500

        event = WebhookEvent.objects.get()
        assert (event.outcome, event.processed_at, LedgerEntry.objects.count()) == ("failed", None, 0)
        assert "caught a database error" in event.error
        assert "transaction.atomic()" in event.error
        assert change_signals == []
        assert is_unchanged(deposit)

        for receiver in SWALLOWING:
            entry_posted.disconnect(receiver)
        with receiving(swallow_in_savepoint):
            assert apply_again(event) == "applied"
        assert change_signals == [("pending", "success")]
        assert balance() == Decimal("112.6")

    def test_a_redelivery_is_answered_500_and_applies_nothing(self, user, change_signals, swallowing_receiver):
        message = signed_notification(make_deposit(user=user))

        assert [post_notification(Client(), message).status_code for _ in range(3)] == [500] * 3

        assert (WebhookEvent.objects.count(), LedgerEntry.objects.count(), change_signals) == (1, 0, [])

    def test_a_receiver_that_uses_a_savepoint_is_accepted(self, user, change_signals):
        deposit = make_deposit(user=user)

        with receiving(swallow_in_savepoint):
            assert post_notification(Client(), signed_notification(deposit)).status_code == 200

        assert (LedgerEntry.objects.count(), change_signals) == (1, [("pending", "success")])

    @pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL aborts the transaction")
    def test_a_raw_error_that_does_not_abort_the_transaction_is_accepted(self, user, change_signals):
        deposit = make_deposit(user=user)

        with receiving(swallow_raw_error):
            assert post_notification(Client(), signed_notification(deposit)).status_code == 200

        assert (balance(), change_signals) == (Decimal("112.6"), [("pending", "success")])

    @pytest.mark.parametrize("model", [StatusChange, LedgerEntry, WebhookEvent])
    @pytest.mark.parametrize("swallow", SWALLOWING)
    def test_a_post_save_receiver_that_swallows_an_error_makes_the_delivery_fail(
        self, user, change_signals, model, swallow
    ):
        deposit = make_deposit(user=user)

        with receiving(swallow, post_save, sender=model):
            assert post_notification(Client(), signed_notification(deposit)).status_code == 500

        assert (LedgerEntry.objects.count(), change_signals) == (0, [])
        assert is_unchanged(deposit)

    @pytest.mark.parametrize("swallow", SWALLOWING)
    def test_an_unmatched_delivery_that_was_rolled_back_is_answered_500(self, swallow):
        """There is no such deposit here, so only the delivery itself is written."""
        message = signed_notification(Deposit(order_id="elsewhere", account="default"))

        with receiving(swallow, post_save, sender=WebhookEvent):
            assert post_notification(Client(), message).status_code == 500

    def test_a_credit_function_that_swallows_an_error_makes_the_delivery_fail(self, user, change_signals, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_that_swallows"}
        deposit = make_deposit(user=user)

        assert post_notification(Client(), signed_notification(deposit)).status_code == 500

        assert "transaction.atomic()" in WebhookEvent.objects.get().error
        assert (LedgerEntry.objects.count(), change_signals) == (0, [])
        assert is_unchanged(deposit)


class TestFlows:
    def test_refresh_raises_and_stores_nothing(self, user, change_signals, swallowing_receiver, monkeypatch):
        deposit = make_deposit(user=user)
        set_answers(monkeypatch, get_deposit=paid_report(deposit))

        with pytest.raises(RolledBack, match=r"transaction\.atomic"):
            deposits.refresh(deposit)

        assert (LedgerEntry.objects.count(), change_signals) == (0, [])
        assert is_unchanged(Deposit.objects.get())

    def test_record_report_raises_and_stores_nothing(self, user, change_signals, swallowing_receiver):
        deposit = make_deposit(user=user)

        with pytest.raises(RolledBack):
            deposits.record_report(paid_report(deposit), "poll")

        assert (LedgerEntry.objects.count(), change_signals) == (0, [])
        assert is_unchanged(deposit)

    def test_buy_raises_and_stores_no_purchase(self, user, change_signals, swallowing_receiver):
        with pytest.raises(RolledBack):
            purchases.buy(
                user=user, trade_url=TRADE_URL, market_hash_name="AK-47", max_price=5, charge=5, charge_currency="usd"
            )

        assert (Purchase.objects.count(), LedgerEntry.objects.count(), balance()) == (0, 0, 100)

    def test_buy_without_a_charge_raises_if_a_post_save_receiver_swallows_an_error(self, user):
        for model in (Purchase, StatusChange):
            with receiving(swallow_integrity_error, post_save, sender=model), pytest.raises(RolledBack):
                purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="AK-47", max_price=5)

        assert Purchase.objects.count() == 0

    @pytest.mark.parametrize("position", [0, 1, 2])
    def test_buy_batch_raises_and_stores_no_purchase_whichever_charge_is_rolled_back(self, user, position):
        entries = []

        def swallow(entry, **_arguments):
            entries.append(entry)
            if len(entries) - 1 == position:
                swallow_integrity_error()

        items = [{"skin_id": str(n), "max_price": 5, "charge": 5, "charge_currency": "usd"} for n in range(3)]
        with receiving(swallow), pytest.raises(RolledBack):
            purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items)

        assert (Purchase.objects.count(), LedgerEntry.objects.count(), balance()) == (0, 0, 100)

    def test_settle_raises_and_the_review_stays_open(self, user, operator, swallowing_receiver):
        deposit = make_deposit(user=user, status="fail", needs_review=True, user_amount=6, amount_currency="usd")
        deposit.refresh_from_db()

        with pytest.raises(RolledBack):
            deposits.settle(deposit, "credit", operator)

        assert is_unchanged(deposit)
        assert deposit.needs_review

    def test_keep_raises_if_a_receiver_of_its_history_swallows_an_error(self, user, operator):
        deposit = make_deposit(user=user, needs_review=True)

        with receiving(swallow_integrity_error, post_save, sender=StatusChange), pytest.raises(RolledBack):
            deposits.settle(deposit, "keep", operator)

        assert is_unchanged(deposit)
        assert deposit.needs_review

    def test_cancel_and_refund_raise_and_change_nothing(self, user, operator, swallowing_receiver):
        purchase = make_purchase(user=user, charge_amount=5, charge_currency="usd", needs_review=True)
        LedgerEntry.objects.create(purchase=purchase, kind=EntryKind.CHARGE, amount=-5, currency="usd", user=user)
        purchase.refresh_from_db()

        with pytest.raises(RolledBack):
            purchases.cancel(purchase, operator)
        with pytest.raises(RolledBack):
            purchases.settle(purchase, "refund", operator)

        assert is_unchanged(purchase)
        assert (purchase.entries.count(), purchase.needs_review) == (1, True)

    def test_a_sweep_of_deposits_counts_no_change_and_postpones_the_row(
        self, user, change_signals, swallowing_receiver, monkeypatch
    ):
        deposit = make_deposit(user=user)
        due = deposit.next_poll_at
        set_answers(monkeypatch, get_deposit=paid_report(deposit))

        counts = poll_deposits()

        assert (counts.asked, counts.changed) == (1, 0)
        assert is_unchanged(deposit)
        assert deposit.next_poll_at > due
        assert change_signals == []

    def test_a_sweep_of_purchases_counts_no_change_and_postpones_the_row(
        self, user, change_signals, swallowing_receiver, monkeypatch
    ):
        purchase = make_purchase(user=user, status="waiting_accept", charge_amount=5, charge_currency="usd")
        LedgerEntry.objects.create(purchase=purchase, kind=EntryKind.CHARGE, amount=-5, currency="usd", user=user)
        due = purchase.next_poll_at
        report = PurchaseReport(status="canceled", custom_id=purchase.custom_id, buy_id=purchase.buy_id)
        set_answers(monkeypatch, get_purchases=[report])

        counts = poll_purchases()

        assert (counts.asked, counts.changed) == (1, 0)
        assert is_unchanged(purchase)
        assert purchase.next_poll_at > due
        assert (purchase.entries.count(), change_signals) == (1, [])

    def test_settling_in_the_admin_names_the_row_and_changes_nothing(self, user, swallowing_receiver):
        staff = browser_of("view_deposit", "settle_deposit")
        deposit = make_deposit(user=user, status="fail", needs_review=True, user_amount=6, amount_currency="usd")
        deposit.refresh_from_db()

        response = act(
            staff,
            "settle",
            deposit,
            confirmed="yes",
            decision="credit",
            seen=[f"{deposit.pk}:{deposits.seen(deposit)}"],
        )

        [message] = messages_of(staff, response)
        assert "Nothing was saved" in message
        assert str(deposit) in message
        assert is_unchanged(deposit)
        assert deposit.needs_review

    def test_a_receiver_that_saves_the_row_itself_is_accepted(self, user):
        def save_metadata(entry, **_arguments):
            fresh = Deposit.objects.get(pk=entry.deposit_id)
            fresh.metadata = {"paid": True}
            fresh.save()

        deposit = make_deposit(user=user)
        with receiving(save_metadata):
            assert deposits.record_report(paid_report(deposit), "poll").outcome == "applied"

        deposit.refresh_from_db()
        assert (deposit.status, deposit.metadata) == ("success", {"paid": True})


class TestInsideATransactionOfTheCaller:
    def test_flows_raise_rolled_back_and_the_callers_transaction_stays_usable(
        self, user, change_signals, swallowing_receiver
    ):
        deposit = make_deposit(user=user)

        with transaction.atomic():
            get_user_model().objects.create(username="before")
            with pytest.raises(RolledBack):
                deposits.record_report(paid_report(deposit), "poll")
            with pytest.raises(RolledBack):
                purchases.buy(
                    user=user, trade_url=TRADE_URL, market_hash_name="AK", max_price=5, charge=5, charge_currency="usd"
                )
            get_user_model().objects.create(username="after")

        assert get_user_model().objects.filter(username__in=["before", "after"]).count() == 2
        assert (LedgerEntry.objects.count(), Purchase.objects.count(), change_signals) == (0, 0, [])
        assert is_unchanged(deposit)
