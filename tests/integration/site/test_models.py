"""Constraints, deletion rules, querysets and times of the tables."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ProtectedError
from django.utils import timezone as django_timezone

from django_skinsback.models import (
    BalanceSnapshot,
    Deposit,
    LedgerEntry,
    MarketItem,
    Purchase,
    StatusChange,
    WebhookEvent,
)
from django_skinsback.models.deposit import DEPOSIT_STATUS_LABELS
from django_skinsback.models.fields import UTCDateTimeField
from django_skinsback.models.ledger import ENTRY_KIND_LABELS
from django_skinsback.models.purchase import PURCHASE_STATUS_LABELS
from django_skinsback.statuses import (
    DEPOSIT_OPEN,
    PURCHASE_FINAL,
    DepositStatus,
    EntryKind,
    PurchaseStatus,
)
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TEN = Decimal(10)
OURS = apps.get_app_config("skinsback")


def entry(**values):
    return LedgerEntry.objects.create(**{"kind": "credit", "amount": TEN, "currency": "usd"} | values)


def refused(make, *args, **values):
    """Whether the database refuses to make the row."""
    try:
        with transaction.atomic():
            make(*args, **values)
    except IntegrityError:
        return True
    return False


# The shape of the tables.


def test_the_migrations_are_up_to_date():
    out = StringIO()
    call_command("makemigrations", "skinsback", check=True, dry_run=True, stdout=out)
    assert "No changes" in out.getvalue()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (DEPOSIT_STATUS_LABELS, DepositStatus),
        (PURCHASE_STATUS_LABELS, PurchaseStatus),
        (ENTRY_KIND_LABELS, EntryKind),
    ],
    ids=["deposit", "purchase", "entry"],
)
def test_every_status_and_kind_has_its_own_label(labels, words):
    assert list(labels) == list(words)
    assert len({str(label) for label in labels.values()}) == len(words)


@pytest.mark.parametrize(
    ("model", "column", "words"),
    [
        (Deposit, "status", DepositStatus),
        (Purchase, "status", PurchaseStatus),
        (LedgerEntry, "kind", EntryKind),
    ],
)
def test_the_choices_of_a_column_are_those_of_the_rules(model, column, words):
    field = model._meta.get_field(column)
    assert [value for value, _ in field.choices] == list(words)
    assert max(map(len, words)) <= field.max_length


@pytest.mark.parametrize("status", list(DepositStatus))
def test_a_deposits_status_is_stored_unchanged(status):
    deposit = Deposit.objects.get(pk=make_deposit(status=status).pk)
    assert deposit.status == status == str(deposit.status)
    assert deposit.get_status_display() == str(DEPOSIT_STATUS_LABELS[status])


@pytest.mark.parametrize("status", list(PurchaseStatus))
def test_a_purchases_status_is_stored_unchanged(status):
    purchase = Purchase.objects.get(pk=make_purchase(status=status).pk)
    assert purchase.status == status == str(purchase.status)
    assert purchase.get_status_display() == str(PURCHASE_STATUS_LABELS[status])


def test_the_app_label_is_skinsback_and_keys_are_big_integers():
    assert OURS.name == "django_skinsback"
    assert all(isinstance(model._meta.pk, models.BigAutoField) for model in OURS.get_models())


def test_every_amount_is_a_decimal_of_twenty_digits_with_six_places():
    amounts = [field for model in OURS.get_models() for field in model._meta.fields if "amount" in field.name]
    amounts += [model._meta.get_field(name) for model, name in ((MarketItem, "price"), (BalanceSnapshot, "balance"))]
    decimals = [field for field in amounts if not field.name.endswith("_currency")]
    assert len(decimals) > 10
    assert all((field.max_digits, field.decimal_places) == (20, 6) for field in decimals)
    assert not any(isinstance(f, models.FloatField) for model in OURS.get_models() for f in model._meta.fields)


def test_every_time_column_is_utc():
    moments = [f for model in OURS.get_models() for f in model._meta.fields if isinstance(f, models.DateTimeField)]
    assert moments
    assert all(isinstance(field, UTCDateTimeField) for field in moments)


@pytest.mark.parametrize("amount", ["0.000001", "0.1", "123456789.123456", "99999999999999", "869.999999"])
def test_an_amount_of_up_to_fifteen_digits_is_kept_exactly(amount):
    deposit = make_deposit(amount=Decimal(amount), user_amount=Decimal(amount))
    deposit.refresh_from_db()
    assert deposit.amount == deposit.user_amount == Decimal(amount)


def test_texts_in_every_alphabet_are_stored_unchanged():
    item = MarketItem.objects.create(game="cs2", market_hash_name="★ Karambit | Доплер 龍 💎", price=TEN)
    item.refresh_from_db()
    assert item.market_hash_name == "★ Karambit | Доплер 龍 💎"


def test_the_text_of_a_row_is_its_id(user):
    deposit, purchase = make_deposit(order_id="order-1"), make_purchase(custom_id="c1", market_hash_name="")
    change = StatusChange(deposit=deposit, from_status="pending", to_status="success")
    shown = [
        str(deposit),
        str(purchase),
        str(make_purchase()),
        str(entry(deposit=deposit)),
        str(change),
        str(WebhookEvent(digest="0123456789abcdef")),
        str(MarketItem(market_hash_name="AK-47")),
        str(BalanceSnapshot(balance=TEN)),
    ]
    assert shown == [
        "order-1",
        "c1",
        "AK-47 | Safari Mesh (Minimal Wear)",
        "credit 10 usd",
        "pending → success",
        "0123456789ab",
        "AK-47",
        "10 USD",
    ]


# Unique entries with the right sign.


@pytest.mark.parametrize(
    ("kind", "amount", "right"),
    [
        ("credit", "0.000001", True),
        ("credit", "0", False),
        ("credit", "-1", False),
        ("reversal", "-0.000001", True),
        ("reversal", "0", False),
        ("reversal", "1", False),
        ("charge", "-1", True),
        ("charge", "0", False),
        ("charge", "1", False),
        ("refund", "1", True),
        ("refund", "0", False),
        ("refund", "-1", False),
    ],
)
def test_the_sign_of_an_entry_is_that_of_its_kind(kind, amount, right):
    source = {"deposit": make_deposit()} if kind in {"credit", "reversal"} else {"purchase": make_purchase()}
    assert refused(entry, kind=kind, amount=Decimal(amount), **source) is not right


@pytest.mark.parametrize("kind", [*EntryKind, "bonus"])
def test_an_entry_comes_from_one_row_of_the_kind_that_makes_it(kind):
    amount = -TEN if kind in {"reversal", "charge"} else TEN
    deposit, purchase = make_deposit(), make_purchase()
    assert refused(entry, kind=kind, amount=amount)
    assert refused(entry, kind=kind, amount=amount, deposit=deposit, purchase=purchase)
    assert refused(entry, kind=kind, amount=amount, deposit=deposit) is (kind not in {"credit", "reversal"})
    assert refused(entry, kind=kind, amount=amount, purchase=purchase) is (kind not in {"charge", "refund"})


def test_a_row_has_one_entry_of_each_kind_and_another_row_its_own():
    deposit, purchase = make_deposit(), make_purchase()
    entry(deposit=deposit)
    entry(deposit=deposit, kind="reversal", amount=-TEN)
    entry(purchase=purchase, kind="charge", amount=-TEN)
    entry(purchase=purchase, kind="refund")
    assert refused(entry, deposit=deposit)
    assert refused(entry, deposit=deposit, amount=Decimal(3), currency="eur")
    assert refused(entry, deposit=deposit, kind="reversal", amount=-TEN)
    assert refused(entry, purchase=purchase, kind="charge", amount=-TEN)
    assert refused(entry, purchase=purchase, kind="refund")
    assert not refused(entry, deposit=make_deposit())


@pytest.mark.parametrize(
    ("make", "ours", "theirs"),
    [
        (make_deposit, "order_id", "transaction_id"),
        (make_purchase, "custom_id", "buy_id"),
    ],
)
def test_ids_are_unique_within_an_account(make, ours, theirs):
    make(**{ours: "a1", theirs: "13"})
    assert refused(make, **{ours: "a1", theirs: "14"})
    assert refused(make, **{ours: "a2", theirs: "13"})
    assert not refused(make, account="second", **{ours: "a1", theirs: "13"})


@pytest.mark.parametrize(("make", "theirs"), [(make_deposit, "transaction_id"), (make_purchase, "buy_id")])
def test_any_number_of_rows_may_wait_for_skinsbacks_id(make, theirs):
    make(**{theirs: None})
    assert not refused(make, **{theirs: None})


def test_a_delivery_is_kept_once_by_account_and_kind():
    def keep(**values):
        WebhookEvent.objects.create(
            **{"account": "default", "kind": "deposit", "digest": "d" * 64, "body": b"{}", "outcome": "applied"}
            | values
        )

    keep()
    assert refused(keep)
    assert refused(keep, outcome="failed", body=b"other")
    assert not refused(keep, account="second")
    assert not refused(keep, kind="event")
    assert not refused(keep, digest="e" * 64)


def test_a_body_is_kept_byte_for_byte():
    body = bytes(range(256)) * 4
    event = WebhookEvent.objects.create(account="default", kind="event", digest="d", body=body, outcome="ignored")
    event.refresh_from_db()
    assert bytes(event.body) == body


def test_a_change_is_of_one_row():
    deposit, purchase = make_deposit(), make_purchase()

    def change(**values):
        StatusChange.objects.create(from_status="pending", to_status="success", source="webhook", **values)

    assert refused(change)
    assert refused(change, deposit=deposit, purchase=purchase)
    assert not refused(change, deposit=deposit)
    assert not refused(change, purchase=purchase)


def test_a_name_is_unique_in_each_game():
    MarketItem.objects.create(game="cs2", market_hash_name="AK-47", price=TEN)
    assert refused(MarketItem.objects.create, game="cs2", market_hash_name="AK-47", price=TEN)
    assert not refused(MarketItem.objects.create, game="rust", market_hash_name="AK-47", price=TEN)


# Append-only entries.


def test_an_entry_is_never_changed():
    posted = entry(deposit=make_deposit())
    posted.amount = Decimal(20)
    for attempt in (
        posted.save,
        lambda: posted.save(update_fields=["amount"]),
        LedgerEntry.objects.get().save,
        lambda: LedgerEntry.objects.update(amount=20),
        lambda: LedgerEntry.objects.filter(pk=posted.pk).update(amount=20),
        lambda: LedgerEntry.objects.bulk_update([posted], ["amount"]),
        lambda: LedgerEntry.objects.update_or_create(pk=posted.pk, defaults={"amount": 20}),
    ):
        with transaction.atomic(), pytest.raises(TypeError, match="never changed"):
            attempt()
    assert LedgerEntry.objects.get().amount == TEN


def test_an_entry_is_never_deleted():
    posted = entry(deposit=make_deposit())
    for attempt in (posted.delete, LedgerEntry.objects.all().delete, LedgerEntry.objects.filter(pk=posted.pk).delete):
        with pytest.raises(TypeError, match="never deleted"):
            attempt()
    assert LedgerEntry.objects.count() == 1


def test_an_entry_that_is_read_may_be_shown_and_related():
    posted = entry(deposit=make_deposit())
    assert list(posted.deposit.entries.all()) == [posted]
    assert LedgerEntry.objects.select_related("deposit", "purchase", "user").get() == posted


def test_a_balance_is_the_exact_sum_of_one_user_in_one_currency(user, operator):
    for amount in ("0.1", "0.2", "99999999.123456"):
        entry(deposit=make_deposit(), user=user, amount=Decimal(amount))
    entry(purchase=make_purchase(), user=user, kind="charge", amount=Decimal("-0.3"))
    entry(deposit=make_deposit(), user=user, currency="eur")
    entry(deposit=make_deposit(), user=operator)
    assert LedgerEntry.objects.balance(user, "usd") == Decimal("99999999.123456")
    assert LedgerEntry.objects.balance(user, "eur") == TEN
    assert LedgerEntry.objects.balance(user, "gbp") == 0


# Deletion.


def test_a_user_with_an_entry_cannot_be_deleted(user):
    entry(deposit=make_deposit(user=user), user=user)
    with pytest.raises(ProtectedError):
        user.delete()
    assert Deposit.objects.get().user == user


def test_rows_outlive_a_user_who_never_moved_money(user, operator):
    deposit = make_deposit(user=user)
    purchase = make_purchase(user=user, by=operator)
    change = StatusChange.objects.create(
        deposit=deposit, from_status="pending", to_status="fail", source="operator", by=operator
    )
    user.delete()
    operator.delete()
    for row in (deposit, purchase, change):
        row.refresh_from_db()
    assert deposit.user is purchase.user is purchase.by is change.by is None


def test_a_row_with_an_entry_cannot_be_deleted():
    deposit, purchase = make_deposit(), make_purchase()
    entry(deposit=deposit)
    entry(purchase=purchase, kind="charge", amount=-TEN)
    for row in (deposit, purchase):
        with pytest.raises(ProtectedError):
            row.delete()


def test_a_row_without_entries_takes_its_history_with_it_and_leaves_the_delivery():
    deposit = make_deposit()
    event = WebhookEvent.objects.create(
        account="default", kind="deposit", digest="d", body=b"", outcome="applied", deposit=deposit
    )
    StatusChange.objects.create(
        deposit=deposit, from_status="pending", to_status="fail", source="webhook", webhook_event=event
    )
    deposit.delete()
    event.refresh_from_db()
    assert event.deposit is None
    assert not StatusChange.objects.exists()


def test_history_outlives_the_delivery_that_made_it():
    event = WebhookEvent.objects.create(account="default", kind="deposit", digest="d", body=b"", outcome="applied")
    change = StatusChange.objects.create(
        deposit=make_deposit(), from_status="pending", to_status="fail", source="webhook", webhook_event=event
    )
    event.delete()
    change.refresh_from_db()
    assert change.webhook_event is None


def test_only_the_ledger_protects_a_user(user):
    rules = {
        (model.__name__, field.name): field.remote_field.on_delete
        for model in OURS.get_models()
        for field in model._meta.fields
        if field.is_relation and field.related_model is type(user)
    }
    assert rules == {
        ("Deposit", "user"): models.SET_NULL,
        ("Purchase", "user"): models.SET_NULL,
        ("Purchase", "by"): models.SET_NULL,
        ("StatusChange", "by"): models.SET_NULL,
        ("Discrepancy", "closed_by"): models.SET_NULL,
        ("LedgerEntry", "user"): models.PROTECT,
        ("Freeze", "by"): models.SET_NULL,
        # Data about the user that no row about money needs goes with the user.
        ("Freeze", "user"): models.CASCADE,
        ("Quote", "user"): models.CASCADE,
        ("SteamProfile", "user"): models.CASCADE,
        ("UserGuard", "user"): models.CASCADE,
        ("OwingUser", "user"): models.CASCADE,
    }


# Queues.


@pytest.mark.parametrize(
    ("model", "make", "column"),
    [
        (Deposit, make_deposit, "next_poll_at"),
        (Purchase, make_purchase, "next_poll_at"),
    ],
)
def test_due_rows_are_those_whose_next_poll_has_come_ordered_by_key(model, make, column):
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    late, exact = make(**{column: now}), make(**{column: now - timedelta(days=1)})
    make(**{column: now + timedelta(seconds=1)})
    make(**{column: None})
    assert list(model.objects.due(now)) == [late, exact]


def test_open_rows_are_those_that_may_still_change_by_themselves():
    for status in DepositStatus:
        make_deposit(status=status)
    for status in PurchaseStatus:
        make_purchase(status=status)
    assert {row.status for row in Deposit.objects.open()} == DEPOSIT_OPEN
    assert {row.status for row in Purchase.objects.open()} == set(PurchaseStatus) - PURCHASE_FINAL


def test_rows_to_review_are_those_that_were_flagged():
    make_deposit()
    make_purchase()
    deposit, purchase = make_deposit(needs_review=True), make_purchase(needs_review=True)
    assert [*Deposit.objects.to_review(), *Purchase.objects.to_review()] == [deposit, purchase]


def test_saving_a_row_updates_its_time():
    deposit, purchase = make_deposit(), make_purchase()
    for row in (deposit, purchase):
        before = row.updated_at
        row.save()
        assert row.updated_at > before


# Time.

SUMMER = datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=UTC)
ABROAD = SUMMER.astimezone(timezone(timedelta(hours=-7)))


@pytest.fixture(params=[True, False], ids=["USE_TZ", "no USE_TZ"])
def use_tz(request, settings):
    """Both values of ``USE_TZ``, in a time zone other than UTC."""
    settings.TIME_ZONE = "Asia/Kathmandu"
    settings.USE_TZ = request.param
    return request.param


@pytest.mark.parametrize("moment", [SUMMER, ABROAD], ids=["utc", "abroad"])
def test_a_time_is_read_aware_and_equal(use_tz, moment):
    deposit = make_deposit(next_poll_at=moment, created_at=moment)
    deposit.refresh_from_db()
    assert deposit.next_poll_at.tzinfo is not None
    assert deposit.next_poll_at == deposit.created_at == SUMMER
    assert Deposit.objects.filter(next_poll_at=moment).get() == deposit
    assert Deposit.objects.filter(next_poll_at__lt=moment + timedelta(microseconds=1)).exists()
    assert not Deposit.objects.filter(next_poll_at__lt=moment).exists()
    assert Deposit.objects.values_list("next_poll_at", flat=True).get() == SUMMER
    assert Deposit.objects.aggregate(last=models.Max("next_poll_at"))["last"] == SUMMER


def test_an_empty_time_is_read_as_none(use_tz):
    deposit = make_deposit(next_poll_at=None)
    deposit.refresh_from_db()
    assert deposit.next_poll_at is None


def test_a_time_can_be_updated(use_tz):
    deposit = make_deposit()
    Deposit.objects.filter(pk=deposit.pk).update(next_poll_at=ABROAD)
    deposit.refresh_from_db()
    assert deposit.next_poll_at == SUMMER


def test_a_new_row_has_an_aware_time(use_tz):
    deposit = Deposit(order_id="1")
    assert deposit.created_at.tzinfo is not None
    deposit.save()
    assert abs(datetime.now(UTC) - deposit.updated_at) < timedelta(minutes=1)
    deposit.refresh_from_db()
    assert abs(datetime.now(UTC) - deposit.created_at) < timedelta(minutes=1)


def test_without_use_tz_the_database_keeps_local_time(settings):
    settings.TIME_ZONE = "Asia/Kathmandu"
    settings.USE_TZ = False
    make_deposit(next_poll_at=SUMMER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT next_poll_at FROM skinsback_deposit")
        (kept,) = cursor.fetchone()
    assert "18:15:15" in str(kept)


def test_a_deposit_is_credited_whatever_use_tz_says(use_tz, client, user):
    deposit = make_deposit(user=user, created_at=SUMMER)
    assert post_notification(client, signed_notification(deposit)).status_code == 200
    deposit.refresh_from_db()
    assert deposit.status == "success"
    assert abs(datetime.now(UTC) - deposit.finished_at) < timedelta(minutes=1)


@pytest.mark.parametrize("status", ["in_hold", "pending"])
def test_a_deposit_is_scheduled_whatever_use_tz_says(use_tz, client, user, status):
    deposit = make_deposit(user=user, status="created", transaction_id="1", created_at=django_timezone.now())
    assert post_notification(client, signed_notification(deposit, status)).status_code == 200
    deposit.refresh_from_db()
    assert deposit.status == status
    assert deposit.next_poll_at > datetime.now(UTC)
