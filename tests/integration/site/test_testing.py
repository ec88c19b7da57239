"""``django_skinsback.testing``: the tools for a site's tests."""

import socket
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse

from django_skinsback import conf, deposits
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import Deposit, LedgerEntry, Purchase
from django_skinsback.sandbox import Sandbox
from django_skinsback.signals import entry_posted
from django_skinsback.statuses import DEPOSIT_FINAL, PURCHASE_FINAL, PURCHASE_OURS, DepositStatus, PurchaseStatus
from django_skinsback.steam import TradeURL, check_steam_id
from django_skinsback.testing import (
    DepositFactory,
    PurchaseFactory,
    make_deposit,
    make_purchase,
    post_notification,
    signed_notification,
)
from django_skinsback.wire.notifications import read_deposit_notification
from django_skinsback.wire.signing import verify_deposit_sign

pytestmark = pytest.mark.django_db


def test_ids_of_rows_made_in_a_second_process_are_others():
    """A counter would start again in the next process, which may use the same database."""
    for factory, status in ((DepositFactory, "success"), (PurchaseFactory, "accepted")):
        rows = []
        for _process in range(2):
            factory.reset_sequence()
            rows += factory.create_batch(3, status=status)
        assert len({getattr(row, "transaction_id", None) or row.buy_id for row in rows}) == 6


def test_notifications_of_deposits_that_skinsback_has_not_named_yet_do_not_collide(client, user):
    deposits = [make_deposit(user=user, status="created") for _ in range(2)]
    for deposit in deposits:
        assert post_notification(client, signed_notification(deposit)).status_code == 200
        assert post_notification(client, signed_notification(deposit, "hold_approved")).status_code == 200
    assert LedgerEntry.objects.count() == 2
    assert not Deposit.objects.filter(needs_review=True).exists()


@pytest.mark.parametrize("make", [make_deposit, make_purchase])
def test_rows_can_be_made_by_the_dozen(make):
    rows = [make() for _ in range(12)]
    assert len({str(row.public_id) for row in rows}) == 12
    assert type(rows[0]).objects.count() == 12


def test_a_made_deposit_is_pending_and_known_to_skinsback_by_default(user):
    deposit = make_deposit(user=user, amount=Decimal("10.5"))
    deposit.refresh_from_db()
    assert (deposit.status, deposit.user, deposit.amount, deposit.account) == (
        "pending",
        user,
        Decimal("10.5"),
        "default",
    )
    assert deposit.transaction_id
    assert deposit.next_poll_at


def test_a_made_purchase_is_requested_and_not_yet_known_by_default(user):
    purchase = make_purchase(user=user, charge_amount=Decimal(5), charge_currency="usd")
    purchase.refresh_from_db()
    assert (purchase.status, purchase.user, purchase.buy_id, purchase.attempts) == ("requested", user, None, 0)
    assert TradeURL(purchase.partner, purchase.token).steam_id == check_steam_id(purchase.steam_id)


@pytest.mark.parametrize("status", list(DepositStatus))
def test_a_deposit_of_any_status_looks_as_the_flows_leave_it(status):
    deposit = make_deposit(status=status)
    assert (deposit.transaction_id is None) is (status in {"created", "abandoned"})
    assert (deposit.finished_at is not None) is (status in DEPOSIT_FINAL)
    if status in DEPOSIT_FINAL | {"abandoned"}:
        assert deposit.next_poll_at is None
    else:
        assert deposit.next_poll_at is not None


@pytest.mark.parametrize("status", list(PurchaseStatus))
def test_a_purchase_of_any_status_has_skinsbacks_id_if_skinsback_knows_it(status):
    assert (make_purchase(status=status).buy_id is None) is (status in PURCHASE_OURS)


@pytest.mark.parametrize("status", list(PurchaseStatus))
def test_a_purchase_is_finished_and_not_due_if_its_status_is_final(status):
    purchase, final = make_purchase(status=status), status in PURCHASE_FINAL
    assert (purchase.finished_at is not None) is final
    assert (purchase.next_poll_at is None) is final
    assert (purchase.token == "") is final


@pytest.mark.parametrize("status", sorted(set(PurchaseStatus) - PURCHASE_FINAL - {"requested"}))
def test_a_purchase_that_was_sent_says_so(status):
    purchase = make_purchase(status=status)
    assert purchase.attempts == 1
    assert purchase.submitted_at is not None
    assert (purchase.accepted_at is not None) is (status == "accepted")


def test_given_values_are_used():
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    deposit = make_deposit(status="success", transaction_id="13", finished_at=moment, next_poll_at=moment)
    purchase = make_purchase(status="canceled", buy_id="65", next_poll_at=moment)
    assert (deposit.transaction_id, deposit.finished_at, deposit.next_poll_at) == ("13", moment, moment)
    assert (purchase.buy_id, purchase.next_poll_at) == ("65", moment)


@pytest.mark.parametrize("status", [status for status in DepositStatus if status not in {"created", "abandoned"}])
def test_a_signed_notification_is_accepted(client, user, status):
    deposit = make_deposit(user=user, status="created")
    message = signed_notification(deposit, status)
    assert verify_deposit_sign(message, message["sign"], ["123"])
    assert post_notification(client, message).status_code == 200
    deposit.refresh_from_db()
    assert deposit.status == status
    assert LedgerEntry.objects.filter(deposit=deposit).exists() is (status in {"success", "hold_approved"})


def test_a_notification_can_be_changed_and_added_to(client, user):
    deposit = make_deposit(user=user)
    message = signed_notification(deposit, amount="3", user_amount="4", reason="none", skins_send_date=1596999290)
    assert post_notification(client, message).status_code == 200
    deposit.refresh_from_db()
    assert (deposit.amount, deposit.user_amount) == (3, 4)
    assert LedgerEntry.objects.get().amount == 4


def test_a_field_of_a_notification_can_be_left_out(client, user):
    deposit = make_deposit(user=user)
    message = signed_notification(deposit, user_amount=None)
    assert "user_amount" not in message
    assert post_notification(client, message).status_code == 200
    assert not LedgerEntry.objects.exists()


def test_a_notification_may_carry_skins_and_the_users_risk(client, user):
    deposit = make_deposit(user=user)
    skins = [{"name": "AK-47 | Safari Mesh (Minimal Wear)", "price": "0.4"}]
    message = signed_notification(deposit, "in_hold", skins=skins, user_risk={"total_deposits_count": 1})
    assert post_notification(client, message).status_code == 200
    deposit.refresh_from_db()
    assert deposit.skins == skins


def test_a_notification_signed_with_another_secret_is_refused(client):
    assert post_notification(client, signed_notification(make_deposit(), secret="456")).status_code == 403


def test_each_account_signs_with_its_own_secret(client, user):
    deposit = make_deposit(user=user, account="second")
    message = signed_notification(deposit)
    assert post_notification(client, message).status_code == 403
    assert post_notification(client, message, account="second").status_code == 200
    assert LedgerEntry.objects.get().deposit == deposit


def test_the_payer_is_the_one_the_deposit_expects():
    expected = make_deposit(steam_id="76561198050648523")
    assert signed_notification(expected)["steam_id"] == "76561198050648523"
    assert check_steam_id(signed_notification(make_deposit())["steam_id"])


def test_a_notification_is_readable_by_itself():
    message = signed_notification(make_deposit())
    body = urlencode(message).encode()
    report = read_deposit_notification(body, "application/x-www-form-urlencoded", secrets=["123"])
    assert (report.status, report.user_amount, report.amount_currency) == ("success", Decimal("12.6"), "usd")


def test_the_sandbox_runs_on_this_machine_and_the_settings_use_it(skinsback_sandbox):
    assert isinstance(skinsback_sandbox, Sandbox)
    assert conf.api_url() == skinsback_sandbox.api_url
    assert skinsback_sandbox.url.startswith("http://127.0.0.1:")
    assert conf.account().client_id == "sandbox"
    assert conf.account("second").client_id == "sandbox-2"


def test_a_refused_notification_fails_the_test_that_delivers_it(skinsback_sandbox, user):
    def fail(**_kwargs):
        raise RuntimeError("the wallet is broken")

    deposit = deposits.create(user)
    skinsback_sandbox.pay(deposit.order_id)
    entry_posted.connect(fail)
    try:
        with pytest.raises(AssertionError, match=r"The site answered 500 .* to a notification to /skinsback/result/\."):
            skinsback_sandbox.deliver_pending()
    finally:
        entry_posted.disconnect(fail)
    skinsback_sandbox.clock.advance(minutes=1)
    assert skinsback_sandbox.deliver_pending() == 1
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("status", [301, 404, 503])
def test_an_answer_of_something_in_front_of_the_views_takes_no_notification(skinsback_sandbox, user, settings, status):
    deposit = deposits.create(user)
    skinsback_sandbox.pay(deposit.order_id)
    settings.MIDDLEWARE = ["tests.integration.site.test_testing.answering_middleware"]
    answering_middleware.status = status
    with pytest.raises(AssertionError, match=f"The site answered {status} "):
        skinsback_sandbox.deliver_pending()


def answering_middleware(_get_response):
    return lambda _request: HttpResponse("in the way", status=answering_middleware.status)


def test_an_exception_of_the_sites_middleware_fails_the_test_that_delivers(skinsback_sandbox, user, settings):
    deposit = deposits.create(user)
    skinsback_sandbox.pay(deposit.order_id)
    settings.MIDDLEWARE = ["tests.integration.site.test_testing.broken_middleware"]
    with pytest.raises(AssertionError, match=r"The site raised RuntimeError\('broken'\)"):
        skinsback_sandbox.deliver_pending()


def broken_middleware(_get_response):
    def middleware(_request):
        raise RuntimeError("broken")

    return middleware


def test_the_sandbox_keeps_the_sites_other_settings(skinsback_sandbox):
    assert conf.get("BUY_MAX_PRICE") == Decimal(1000)


def test_a_deposit_can_be_made_and_paid_in_the_sandbox(skinsback_sandbox, user, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "SITE_URL": None}
    deposit = deposits.create(user, currency="usd", min_amount="1")
    assert deposit.status == "pending"
    assert deposit.pay_url.startswith(skinsback_sandbox.url)
    skinsback_sandbox.pay(deposit.order_id)
    Deposit.objects.update(next_poll_at=deposit.created_at)
    poll_deposits()
    deposit.refresh_from_db()
    assert deposit.status == "success"
    assert LedgerEntry.objects.get().user == user


def test_a_made_purchase_of_each_open_status_can_be_polled_in_the_sandbox(skinsback_sandbox):
    for status in set(PurchaseStatus) - PURCHASE_FINAL - {"requested"}:
        make_purchase(status=status, attempts=1)
    counts = poll_purchases("default")
    assert counts.stopped_by == ""
    assert counts.asked == Purchase.objects.count()


def test_the_sandbox_of_a_test_never_calls_the_real_site(skinsback_sandbox, user, monkeypatch):
    called = set()
    resolve = socket.getaddrinfo

    def watch(host, *args, **options):
        called.add(host)
        if host not in {"127.0.0.1", "localhost"}:
            raise OSError("a test must not leave this machine")
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watch)
    deposit = deposits.create(user)
    skinsback_sandbox.pay(deposit.order_id)
    skinsback_sandbox.deliver_pending()
    assert called <= {"127.0.0.1", "localhost"}
