"""Code of the site swallows a database error in a transaction of ours: what was rolled back is no success."""

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


def swallow_unique(**_arguments):
    """A receiver whose own row has a unique key, and takes the IntegrityError for "was done before"."""
    with suppress(IntegrityError):
        get_user_model().objects.create(username="taken")


def swallow_raw(**_arguments):
    """The same with a raw cursor, of whose errors Django is not aware."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
    except DatabaseError:
        pass


def swallow_in_savepoint(**_arguments):
    """The receiver as it should be."""
    try:
        with transaction.atomic():
            get_user_model().objects.create(username="taken")
    except IntegrityError:
        pass


def credit_that_swallows(deposit):
    swallow_unique()
    return deposit.user_amount, "usd"


# A failed statement of a raw cursor ends the database transaction on PostgreSQL alone.
SWALLOWING = [swallow_unique, *([swallow_raw] if connection.vendor == "postgresql" else [])]


@contextmanager
def receiving(receiver, signal=entry_posted, **options):
    signal.connect(receiver, **options)
    try:
        yield
    finally:
        signal.disconnect(receiver, **options)


@pytest.fixture(autouse=True)
def taken(user):
    get_user_model().objects.create(username="taken")
    Wallet.objects.create(user=user, balance=100)


@pytest.fixture
def announced():
    """Every signal that says a row has changed."""
    heard = []

    def hear(change, **_arguments):
        heard.append((change.from_status, change.to_status))

    with receiving(hear, deposit_changed), receiving(hear, purchase_changed):
        yield heard


@pytest.fixture(params=SWALLOWING)
def swallowing(request):
    """A receiver of entry_posted that swallows an error."""
    with receiving(request.param):
        yield


def balance():
    return Wallet.objects.get().balance


def answers(monkeypatch, **methods):
    for name, answer in methods.items():
        monkeypatch.setattr(SkinsBackClient, name, lambda *_args, answer=answer, **_options: answer)


def paid(deposit, status="success"):
    return DepositReport(
        status=status,
        order_id=deposit.order_id,
        transaction_id=deposit.transaction_id,
        amount=Decimal(5),
        user_amount=Decimal(6),
        amount_currency="usd",
    )


def nothing_happened(row):
    status = row.status
    row.refresh_from_db()
    return (row.status, StatusChange.objects.count(), balance()) == (status, 0, 100)


class TestWebhook:
    def test_it_is_500_kept_with_cause_and_cure_and_applied_once_the_receiver_is_right(
        self, user, announced, swallowing
    ):
        deposit = make_deposit(user=user)
        message = signed_notification(deposit)

        assert post_notification(Client(), message).status_code == 500

        event = WebhookEvent.objects.get()
        assert (event.outcome, event.processed_at, LedgerEntry.objects.count()) == ("failed", None, 0)
        assert "caught a database error" in event.error
        assert "transaction.atomic()" in event.error
        assert announced == []
        assert nothing_happened(deposit)

        for receiver in SWALLOWING:
            entry_posted.disconnect(receiver)
        with receiving(swallow_in_savepoint):
            assert apply_again(event) == "applied"
        assert announced == [("pending", "success")]
        assert balance() == Decimal("112.6")

    def test_a_redelivery_is_500_too_and_applies_nothing(self, user, announced, swallowing):
        message = signed_notification(make_deposit(user=user))

        assert [post_notification(Client(), message).status_code for _ in range(3)] == [500] * 3

        assert (WebhookEvent.objects.count(), LedgerEntry.objects.count(), announced) == (1, 0, [])

    def test_a_right_receiver_is_no_error(self, user, announced):
        deposit = make_deposit(user=user)

        with receiving(swallow_in_savepoint):
            assert post_notification(Client(), signed_notification(deposit)).status_code == 200

        assert (LedgerEntry.objects.count(), announced) == (1, [("pending", "success")])

    @pytest.mark.skipif(connection.vendor == "postgresql", reason="there it ends the transaction")
    def test_a_raw_error_that_ends_no_transaction_is_no_error(self, user, announced):
        deposit = make_deposit(user=user)

        with receiving(swallow_raw):
            assert post_notification(Client(), signed_notification(deposit)).status_code == 200

        assert (balance(), announced) == (Decimal("112.6"), [("pending", "success")])

    @pytest.mark.parametrize("model", [StatusChange, LedgerEntry, WebhookEvent])
    @pytest.mark.parametrize("swallow", SWALLOWING)
    def test_a_post_save_receiver_of_our_models_that_swallows_is_no_success(self, user, announced, model, swallow):
        deposit = make_deposit(user=user)

        with receiving(swallow, post_save, sender=model):
            assert post_notification(Client(), signed_notification(deposit)).status_code == 500

        assert (LedgerEntry.objects.count(), announced) == (0, [])
        assert nothing_happened(deposit)

    @pytest.mark.parametrize("swallow", SWALLOWING)
    def test_a_delivery_that_moves_nothing_is_not_lost(self, swallow):
        """Its row is not here, so the delivery itself is all that is written."""
        message = signed_notification(Deposit(order_id="elsewhere", account="default"))

        with receiving(swallow, post_save, sender=WebhookEvent):
            assert post_notification(Client(), message).status_code == 500

    def test_a_credit_function_that_swallows_is_no_success(self, user, announced, settings):
        settings.SKINSBACK = {**settings.SKINSBACK, "CREDIT": f"{__name__}.credit_that_swallows"}
        deposit = make_deposit(user=user)

        assert post_notification(Client(), signed_notification(deposit)).status_code == 500

        assert "transaction.atomic()" in WebhookEvent.objects.get().error
        assert (LedgerEntry.objects.count(), announced) == (0, [])
        assert nothing_happened(deposit)


class TestFlows:
    def test_refresh_raises_and_the_passed_row_is_not_what_is_stored(self, user, announced, swallowing, monkeypatch):
        deposit = make_deposit(user=user)
        answers(monkeypatch, get_deposit=paid(deposit))

        with pytest.raises(RolledBack, match=r"transaction\.atomic"):
            deposits.refresh(deposit)

        assert (LedgerEntry.objects.count(), announced) == (0, [])
        assert nothing_happened(Deposit.objects.get())

    def test_record_report_raises(self, user, announced, swallowing):
        deposit = make_deposit(user=user)

        with pytest.raises(RolledBack):
            deposits.record_report(paid(deposit), "poll")

        assert (LedgerEntry.objects.count(), announced) == (0, [])
        assert nothing_happened(deposit)

    def test_buy_raises_and_leaves_no_row(self, user, announced, swallowing):
        with pytest.raises(RolledBack):
            purchases.buy(
                user=user, trade_url=TRADE_URL, market_hash_name="AK-47", max_price=5, charge=5, charge_currency="usd"
            )

        assert (Purchase.objects.count(), LedgerEntry.objects.count(), balance()) == (0, 0, 100)

    def test_buy_without_a_charge_raises_where_a_receiver_of_post_save_swallows(self, user):
        for model in (Purchase, StatusChange):
            with receiving(swallow_unique, post_save, sender=model), pytest.raises(RolledBack):
                purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="AK-47", max_price=5)

        assert Purchase.objects.count() == 0

    @pytest.mark.parametrize("at", [0, 1, 2])
    def test_buy_batch_raises_and_leaves_no_row_whichever_charge_swallows(self, user, at):
        seen = []

        def swallow(entry, **_arguments):
            seen.append(entry)
            if len(seen) - 1 == at:
                swallow_unique()

        items = [{"skin_id": str(n), "max_price": 5, "charge": 5, "charge_currency": "usd"} for n in range(3)]
        with receiving(swallow), pytest.raises(RolledBack):
            purchases.buy_batch(user=user, trade_url=TRADE_URL, items=items)

        assert (Purchase.objects.count(), LedgerEntry.objects.count(), balance()) == (0, 0, 100)

    def test_settle_raises_and_the_review_stays_open(self, user, operator, swallowing):
        deposit = make_deposit(user=user, status="fail", needs_review=True, user_amount=6, amount_currency="usd")
        deposit.refresh_from_db()

        with pytest.raises(RolledBack):
            deposits.settle(deposit, "credit", operator)

        assert nothing_happened(deposit)
        assert deposit.needs_review

    def test_keep_raises_where_a_receiver_of_its_history_swallows(self, user, operator):
        deposit = make_deposit(user=user, needs_review=True)

        with receiving(swallow_unique, post_save, sender=StatusChange), pytest.raises(RolledBack):
            deposits.settle(deposit, "keep", operator)

        assert nothing_happened(deposit)
        assert deposit.needs_review

    def test_cancel_and_refund_raise_and_move_nothing(self, user, operator, swallowing):
        purchase = make_purchase(user=user, charge_amount=5, charge_currency="usd", needs_review=True)
        LedgerEntry.objects.create(purchase=purchase, kind=EntryKind.CHARGE, amount=-5, currency="usd", user=user)
        purchase.refresh_from_db()

        with pytest.raises(RolledBack):
            purchases.cancel(purchase, operator)
        with pytest.raises(RolledBack):
            purchases.settle(purchase, "refund", operator)

        assert nothing_happened(purchase)
        assert (purchase.entries.count(), purchase.needs_review) == (1, True)

    def test_a_sweep_counts_no_change_and_puts_the_row_off(self, user, announced, swallowing, monkeypatch):
        deposit = make_deposit(user=user)
        due = deposit.next_poll_at
        answers(monkeypatch, get_deposit=paid(deposit))

        counts = poll_deposits()

        assert (counts.asked, counts.changed) == (1, 0)
        assert nothing_happened(deposit)
        assert deposit.next_poll_at > due
        assert announced == []

    def test_a_sweep_of_purchases_counts_no_change_and_puts_the_row_off(self, user, announced, swallowing, monkeypatch):
        purchase = make_purchase(user=user, status="waiting_accept", charge_amount=5, charge_currency="usd")
        LedgerEntry.objects.create(purchase=purchase, kind=EntryKind.CHARGE, amount=-5, currency="usd", user=user)
        due = purchase.next_poll_at
        report = PurchaseReport(status="canceled", custom_id=purchase.custom_id, buy_id=purchase.buy_id)
        answers(monkeypatch, get_purchases=[report])

        counts = poll_purchases()

        assert (counts.asked, counts.changed) == (1, 0)
        assert nothing_happened(purchase)
        assert purchase.next_poll_at > due
        assert (purchase.entries.count(), announced) == (1, [])

    def test_the_admins_settle_names_the_row_and_settles_nothing(self, user, swallowing):
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
        assert nothing_happened(deposit)
        assert deposit.needs_review

    def test_a_receiver_that_saves_the_row_itself_is_no_rollback(self, user):
        def mark(entry, **_arguments):
            fresh = Deposit.objects.get(pk=entry.deposit_id)
            fresh.metadata = {"paid": True}
            fresh.save()

        deposit = make_deposit(user=user)
        with receiving(mark):
            assert deposits.record_report(paid(deposit), "poll").outcome == "applied"

        deposit.refresh_from_db()
        assert (deposit.status, deposit.metadata) == ("success", {"paid": True})


class TestInsideTheCallersTransaction:
    def test_it_raises_there_and_the_callers_savepoint_stays_usable(self, user, announced, swallowing):
        deposit = make_deposit(user=user)

        with transaction.atomic():
            get_user_model().objects.create(username="before")
            with pytest.raises(RolledBack):
                deposits.record_report(paid(deposit), "poll")
            with pytest.raises(RolledBack):
                purchases.buy(
                    user=user, trade_url=TRADE_URL, market_hash_name="AK", max_price=5, charge=5, charge_currency="usd"
                )
            get_user_model().objects.create(username="after")

        assert get_user_model().objects.filter(username__in=["before", "after"]).count() == 2
        assert (LedgerEntry.objects.count(), Purchase.objects.count(), announced) == (0, 0, [])
        assert nothing_happened(deposit)
