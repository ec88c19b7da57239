"""Secrets, signs and tokens are in no log, no mail and no repr; and a stranger cannot have mails sent."""

import logging
import traceback
from contextlib import contextmanager
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.utils.log import AdminEmailHandler

from django_skinsback import conf, deposits, purchases
from django_skinsback.connection import get_client
from django_skinsback.exceptions import UnknownOutcome
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.models import LedgerEntry, Purchase, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import make_deposit, signed_notification
from django_skinsback.wire.signing import client_digest, event_signature

pytestmark = [pytest.mark.django_db]

TOKEN = "i1ArBZey"
TRADE_URL = f"https://steamcommunity.com/tradeoffer/new/?partner=90382795&token={TOKEN}"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def distinctive_keys(settings):
    """Keys that no other text contains by chance."""
    settings.SKINSBACK = {
        **settings.SKINSBACK,
        "CLIENT_SECRET": "1-own-5ecret",
        "PREVIOUS_SECRETS": ("0-own-5ecret",),
        "ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": "2-own-5ecret"}},
    }


def guarded():
    """What must never be shown: the keys of all accounts, and the tokens of users."""
    keys = [conf.account(alias) for alias in conf.accounts()]
    digests = [client_digest(key.client_id, key.client_secret) for key in keys]
    return [TOKEN, *digests, *(secret for key in keys for secret in key.secrets)]


def told(records):
    """All that a handler could write of these records, their extra fields and tracebacks included."""
    return "\n".join(
        f"{record.getMessage()} {vars(record)} {''.join(traceback.format_exception(record.exc_info[1]))}"
        if record.exc_info
        else f"{record.getMessage()} {vars(record)}"
        for record in records
    )


@contextmanager
def broken_wallet():
    def refuse(**_kwargs):
        raise RuntimeError("the wallet is closed")

    entry_posted.connect(refuse)
    try:
        yield
    finally:
        entry_posted.disconnect(refuse)


def test_a_broken_wallet_is_mended_when_its_test_fails():
    entry = LedgerEntry(kind="credit", amount=Decimal(1))
    with pytest.raises(RuntimeError) as failure, broken_wallet():
        entry_posted.send(LedgerEntry, entry=entry)

    entry_posted.send(LedgerEntry, entry=entry)
    assert failure.tb  # pytest keeps a failure until the end of the run, and its frames keep the receiver alive


@pytest.fixture
def mails_everything(admins):
    """A site whose administrators get every warning by mail, as the page one would see with DEBUG."""
    handler = AdminEmailHandler(include_html=True)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


def mails():
    return "\n".join(
        "\n".join([message.subject, message.body, *(part[0] for part in message.alternatives)])
        for message in mail.outbox
    )


class TestLogs:
    @pytest.mark.parametrize("authentication", ["headers", "signature"])
    def test_a_whole_life_at_the_lowest_level_shows_no_secret(self, world, user, settings, caplog, authentication):
        settings.SKINSBACK = {**settings.SKINSBACK, "AUTHENTICATION": authentication}
        caplog.set_level(logging.DEBUG)
        for fault in ("html_error", "garbage", "redirect"):
            world.sandbox.faults.add(fault, "market_buy")
            purchases.submit(
                purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="x", game="rust", max_price=5)
            )
        deposit = deposits.create(user, trade_url=TRADE_URL)
        with broken_wallet():
            world.sandbox.pay(deposit.order_id)
            with pytest.raises(AssertionError, match="answered 500"):
                world.deliver()
        for _ in range(10):
            world.advance(minutes=3)
            poll_purchases()
            poll_deposits()

        deposit.refresh_from_db()
        assert deposit.status == "success"
        logged = told(caplog.records)
        assert "skinsback.notification_failed" in logged
        assert not [secret for secret in guarded() if secret in logged]

    @pytest.mark.parametrize("status", [200, 403, 500])
    def test_a_deliverys_sign_and_header_are_not_logged(self, client, user, caplog, status):
        caplog.set_level(logging.DEBUG)
        message = signed_notification(make_deposit(user=user), secret="another" if status == 403 else None)
        with broken_wallet() if status == 500 else caplog.at_level(logging.DEBUG):
            answer = client.post(
                "/skinsback/result/", urlencode(message), content_type=FORM, headers={"X-SIGN": "c0ffee5ecret"}
            )

        assert answer.status_code == status
        assert message["sign"] not in told(caplog.records)
        assert "c0ffee5ecret" not in told(caplog.records)

    def test_an_events_signature_is_not_logged(self, client, caplog):
        caplog.set_level(logging.DEBUG)
        body = b'{"event": "nonsense", "data": {}}'
        signature = event_signature(body, conf.account().client_secret)

        client.post("/skinsback/events/", body, content_type="application/json", headers={"Signature": signature})
        client.post("/skinsback/events/", b"{}", content_type="application/json", headers={"Signature": signature})

        assert signature not in told(caplog.records)


def read_headers(get_response):
    """Middleware that looks at the headers before the view takes one of them away."""

    def middleware(request):
        assert request.headers is not None
        return get_response(request)

    return middleware


class TestMails:
    @pytest.mark.parametrize(
        "middleware",
        [
            [],
            [f"{__name__}.read_headers"],
        ],
        ids=["", "headers read before"],
    )
    def test_what_cannot_be_applied_is_mailed_without_keys_and_headers(
        self, client, user, settings, mails_everything, middleware
    ):
        settings.MIDDLEWARE = settings.MIDDLEWARE + middleware
        message = signed_notification(make_deposit(user=user))

        with broken_wallet():
            answer = client.post(
                "/skinsback/result/", urlencode(message), content_type=FORM, headers={"X-SIGN": "c0ffee5ecret"}
            )

        assert answer.status_code == 500
        assert "skinsback.notification_failed" in mails()
        assert "c0ffee5ecret" not in mails()
        assert not [secret for secret in guarded() if secret in mails()]

    def test_settings_that_cannot_be_read_are_mailed_without_the_header(self, client, mails_everything, monkeypatch):
        def broken():
            raise RuntimeError("the settings are broken")

        client.raise_request_exception = False
        monkeypatch.setattr(conf, "accounts", broken)

        answer = client.post("/skinsback/result/", "a=b", content_type=FORM, headers={"X-SIGN": "c0ffee5ecret"})

        monkeypatch.undo()
        assert answer.status_code == 500
        assert "the settings are broken" in mails()
        assert "c0ffee5ecret" not in mails()

    @pytest.mark.parametrize(
        ("path", "body", "content_type", "status"),
        [
            ("result/nobody/", "a=b", FORM, 404),
            ("events/nobody/", "{}", "application/json", 404),
            ("result/", "status=success&sign=0", FORM, 403),
            ("events/", "{}", "application/json", 403),
            ("result/", "{", "application/json", 400),
            ("result/", "a=" + "x" * 300_000, FORM, 413),
            ("result/second/", "status=success&sign=0", FORM, 503),
        ],
    )
    def test_a_stranger_has_none_sent(self, client, admins, mailoutbox, settings, path, body, content_type, status):
        settings.SKINSBACK = {**settings.SKINSBACK, "ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": ""}}}

        answer = client.post(f"/skinsback/{path}", body, content_type=content_type)

        assert (answer.status_code, mailoutbox) == (status, [])

    def test_a_wrong_method_has_none_sent(self, client, admins, mailoutbox):
        assert client.get("/skinsback/result/").status_code == 405
        assert mailoutbox == []

    @pytest.mark.parametrize("size", [300_000, 262_145], ids=["far too large", "one byte too large"])
    def test_what_is_too_large_is_counted_and_logged_once(self, client, caplog, size):
        from django_skinsback.flows.webhooks.rejections import rejections

        rejections._logged.clear()
        before = rejections.counts["default", "deposit", "NotificationTooLarge"]

        for _ in range(3):
            assert client.post("/skinsback/result/", b"x" * size, content_type=FORM).status_code == 413

        assert rejections.counts["default", "deposit", "NotificationTooLarge"] == before + 3
        assert caplog.messages.count("skinsback.notification_refused") == 1
        assert not WebhookEvent.objects.exists()


class TestRepr:
    def test_of_rows_settings_and_clients(self, user):
        purchase = purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="x", max_price=5)

        shown = f"{purchase!r} {purchase} {conf.account()!r} {conf.accounts()!r} {get_client()!r}"

        assert not [secret for secret in guarded() if secret in shown]

    @pytest.mark.parametrize("fault", ["html_error", "garbage", "redirect", "lose_answer"])
    @pytest.mark.parametrize("authentication", ["headers", "signature"])
    def test_of_errors_and_of_all_that_led_to_them(self, world, settings, user, fault, authentication):
        settings.SKINSBACK = {**settings.SKINSBACK, "AUTHENTICATION": authentication}
        world.sandbox.faults.add(fault, "create")

        with pytest.raises(UnknownOutcome) as caught:
            deposits.create(user, trade_url=TRADE_URL)

        shown = ""
        error: BaseException | None = caught.value
        while error is not None:
            shown += f"{error!r} {error} {vars(error)}"
            error = error.__cause__ or error.__context__
        assert not [secret for secret in guarded() if secret in shown]

    def test_of_what_a_row_keeps_of_a_refusal(self, world, user):
        world.sandbox.faults.add("error", "market_buy", value="8 invalid_partner_value")

        purchases.submit(purchases.buy(user=user, trade_url=TRADE_URL, market_hash_name="x", game="rust", max_price=5))

        purchase = Purchase.objects.get()
        kept = f"{purchase.error_message} {list(purchase.changes.values())} {purchase.metadata}"
        assert not [secret for secret in guarded() if secret in kept]
