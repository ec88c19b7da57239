"""Forgetting a user removes Steam data and keeps the ledger. Row 70 of the fault model."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db.models import ProtectedError

from django_skinsback import deposits, players, purchases
from django_skinsback.exceptions import IdempotencyConflict, InvalidInput
from django_skinsback.flows.forget_user import forget_user
from django_skinsback.flows.retention import prune
from django_skinsback.models import Deposit, LedgerEntry, Purchase, Quote, StatusChange, SteamProfile, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_deposit, make_purchase, post_notification, signed_notification
from django_skinsback.wire.types import DepositReport, PurchaseReport
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STEAM_ID, OTHER = "76561198050648523", "76561198827262007"
TOKEN = "SeCr3tTk"


@pytest.fixture
def finished_rows(client, user, operator):
    """A paid deposit with a settled review, and a finished purchase."""
    Wallet.objects.create(user=user)
    deposit = make_deposit(user=user, steam_id=STEAM_ID, skins=[{"name": "Karambit"}])
    post_notification(client, signed_notification(deposit, steam_id=OTHER))
    deposit.refresh_from_db()
    deposits.settle(deposit, "keep", by=operator, note="second account")
    deposit.refresh_from_db()
    purchase = make_purchase(user=user, status="timeout", steam_id=STEAM_ID, partner="90382795", token=TOKEN)
    return deposit, purchase


def stored_text():
    """Everything that is stored about deposits, purchases and deliveries."""
    tables = (Deposit, Purchase, StatusChange, WebhookEvent)
    return "\n".join(str(row) for model in tables for row in model.objects.values())


def test_row_70_steam_data_is_removed_and_ledger_entries_stay(finished_rows, user):
    before = list(LedgerEntry.objects.values())
    digests = list(WebhookEvent.objects.values_list("digest", flat=True))
    assert all(text in stored_text() for text in (STEAM_ID, OTHER, TOKEN, "90382795", "Karambit"))

    forgotten = forget_user(user)

    assert (forgotten.rows, forgotten.deliveries) == (2, 1)
    assert not [text for text in (STEAM_ID, OTHER, TOKEN, "90382795", "Karambit") if text in stored_text()]
    assert list(LedgerEntry.objects.values()) == before != []
    assert list(WebhookEvent.objects.values_list("digest", flat=True)) == digests
    assert Deposit.objects.get().amount == Decimal("10.5")


def test_row_70_the_digest_of_a_trade_token_is_removed_and_its_idempotency_key_is_refused(user):
    """A token has eight characters. A digest of it and known parameters could be found by trying all tokens."""
    trade_url = f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={TOKEN}"
    request = {"user": user, "trade_url": trade_url, "skin_id": "1", "max_price": 4, "idempotency_key": "cart-7"}
    purchases.cancel(purchases.buy(**request))

    forget_user(user)

    assert Purchase.objects.get().request_digest == ""
    with pytest.raises(IdempotencyConflict):
        purchases.buy(**request)
    assert Purchase.objects.count() == 1


def test_row_70_later_reports_store_no_steam_data_and_still_post_entries(finished_rows, client, user):
    deposit, purchase = finished_rows
    forget_user(user)

    report = DepositReport(status="success", order_id=deposit.order_id, steam_id=OTHER, skins=[{"name": "Karambit"}])
    deposits.record_report(report, "poll")
    purchases.record_report(
        PurchaseReport(status="rollback_user", custom_id=purchase.custom_id, steam_id=OTHER, trade_offer_id="5"), "poll"
    )
    body = signed_notification(deposit, status="hold_returned", steam_id=OTHER)
    assert post_notification(client, body).status_code == 200

    assert not [text for text in (STEAM_ID, OTHER, "Karambit") if text in stored_text()]
    assert Purchase.objects.get().status == "rollback_user"
    assert Purchase.objects.get().trade_offer_id == ""
    assert WebhookEvent.objects.filter(body=b"").count() == 2


def test_forgetting_a_user_again_changes_nothing(finished_rows, user):
    forget_user(user)
    changes = StatusChange.objects.count()

    assert forget_user(user).deliveries == 0

    assert StatusChange.objects.count() == changes


@pytest.mark.parametrize(
    "open_row",
    [
        lambda user: make_deposit(user=user, status="in_hold"),
        lambda user: make_deposit(user=user, status="success", needs_review=True),
        lambda user: make_purchase(user=user, status="waiting_accept"),
        lambda user: make_purchase(user=user, status="accepted"),
    ],
    ids=["a hold", "a review", "a trade offer", "a purchase that can be rolled back"],
)
def test_forgetting_is_refused_while_a_row_is_open(finished_rows, user, open_row):
    open_row(user)

    with pytest.raises(InvalidInput, match="are open or need review"):
        forget_user(user)

    assert STEAM_ID in stored_text()


def test_the_exit_code_is_4_while_a_row_is_open_and_2_for_an_unknown_user(finished_rows, user):
    make_deposit(user=user, status="in_hold")

    for name, code in ((user.get_username(), 4), ("bob", 2)):
        with pytest.raises(CommandError) as refused:
            call_command("skinsback_forget_user", name)
        assert refused.value.returncode == code


def test_rows_of_a_deleted_user_are_found_by_the_owner_id(user):
    deposit = make_deposit(user=user, status="fail", steam_id=STEAM_ID)
    key = user.pk
    user.delete()
    user.pk = key

    assert forget_user(user).rows == 1
    deposit.refresh_from_db()
    assert (deposit.steam_id, deposit.owner_id) == ("", str(key))


def test_the_steam_profile_and_the_quotes_of_the_user_are_deleted_and_a_freeze_stays(user, operator):
    for each in (user, operator):
        players.set_trade_url(each, f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={TOKEN}")
        make_quote(each)
    players.freeze(user, operator, "chargeback")

    forget_user(user, account="second")
    assert (SteamProfile.objects.count(), Quote.objects.count()) == (2, 2)
    forget_user(user)

    assert SteamProfile.objects.get().user == Quote.objects.get().user == operator
    assert players.is_frozen(user)


def make_quote(user, **values):
    given = {
        "game": "cs2",
        "market_hash_name": "Knife",
        "market_price": 4,
        "max_price": 4,
        "charge": 5,
        "currency": "usd",
        "expires_at": utc_now(),
    }
    return Quote.objects.create(user=user, **{**given, **values})


def test_quotes_that_were_not_used_are_pruned_a_day_after_they_have_expired(user):
    now = utc_now()
    used = make_quote(user, expires_at=now - timedelta(days=900), purchase=make_purchase(user=user))
    kept = make_quote(user, expires_at=now - timedelta(hours=23, minutes=59))
    make_quote(user, expires_at=now - timedelta(hours=24, minutes=1))

    assert prune(account="second", now=now).quotes == 0
    assert prune(days=900, now=now) == (0, 0, 0, 1)

    assert set(Quote.objects.all()) == {used, kept}


def test_a_user_with_ledger_entries_cannot_be_deleted(finished_rows, user):
    with pytest.raises(ProtectedError):
        user.delete()


def test_the_command_prints_the_counts_and_names_an_unknown_user(finished_rows, user, capsys):
    call_command("skinsback_forget_user", user.get_username())
    assert "removed from 2 deposits and purchases, raw bodies from 1 deliveries" in capsys.readouterr().out

    with pytest.raises(CommandError, match="There is no user 'bob'"):
        call_command("skinsback_forget_user", "bob")
