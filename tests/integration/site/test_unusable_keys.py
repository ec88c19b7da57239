"""Keys that anybody knows, or that nothing was signed with, are refused where system checks never run."""

import subprocess
import sys
from pathlib import Path

import pytest

from django_skinsback import conf, deposits, purchases
from django_skinsback.connection import get_client
from django_skinsback.exceptions import ConfigurationError, NoSecret
from django_skinsback.flows import websocket as listening
from django_skinsback.flows.deposits import create as creation
from django_skinsback.flows.market import prices
from django_skinsback.flows.monitoring import balance
from django_skinsback.flows.polling.deposits import poll_deposits
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.flows.webhooks import rejections
from django_skinsback.flows.webhooks.replay import apply_again
from django_skinsback.models import BalanceSnapshot, Deposit, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.sandbox import CLIENT_ID, CLIENT_SECRET
from django_skinsback.testing import (
    allow_sandbox_secret,
    make_deposit,
    make_purchase,
    post_notification,
    signed_notification,
)
from django_skinsback.wire.signing import sign

ROOT = Path(__file__).parents[3]
GOOD = {"CLIENT_ID": "1", "CLIENT_SECRET": "123"}
LOOPBACK = "http://127.0.0.1:9/api.php"
TRADE_URL = "https://steamcommunity.com/tradeoffer/new/?partner=90382795&token=i1ArBZey"

UNUSABLE = {
    "the sandbox's": {"CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET},
    "the sandbox's before": {**GOOD, "PREVIOUS_SECRETS": [CLIENT_SECRET]},
    "its second": {"CLIENT_ID": "sandbox-2", "CLIENT_SECRET": "sandbox-2-secret-never-real"},
    "with a line break": {"CLIENT_ID": "1", "CLIENT_SECRET": "123\n"},
    "with a line break before": {**GOOD, "PREVIOUS_SECRETS": ["456\n"]},
    "blank": {"CLIENT_ID": "1", "CLIENT_SECRET": " "},
    "empty": {"CLIENT_ID": "1", "CLIENT_SECRET": ""},
    "empty, with one before": {"CLIENT_ID": "1", "CLIENT_SECRET": "", "PREVIOUS_SECRETS": ["123"]},
    "not set": {"CLIENT_ID": "1", "CLIENT_SECRET": None},
    "no text": {"CLIENT_ID": "1", "CLIENT_SECRET": b"123"},
}


@pytest.fixture(params=UNUSABLE)
def keys(request):
    return UNUSABLE[request.param]


@pytest.fixture(params=["default", "second"])
def account(request, settings, monkeypatch, keys):
    """The account that has these keys, of a site in production; the other one's are in order."""
    monkeypatch.setattr(conf, "sandbox_secret_allowed", False)
    settings.DEBUG = False
    others = {"API_URL": LOOPBACK, "SITE_URL": "https://shop.example", "BUY_MAX_PRICE": None}
    settings.SKINSBACK = {
        "default": {**keys, **others, "ACCOUNTS": {"second": {"CLIENT_ID": "2", "CLIENT_SECRET": "456"}}},
        "second": {**GOOD, **others, "ACCOUNTS": {"second": keys}},
    }[request.param]
    return request.param


def secrets_of(keys):
    given = [keys["CLIENT_SECRET"], *keys.get("PREVIOUS_SECRETS", [])]
    return [secret for secret in given if isinstance(secret, str) and secret]


@pytest.mark.django_db
def test_the_webhook_answers_503_and_believes_nothing(client, user, keys, account, caplog):
    deposit = make_deposit(user=user, account=account)
    for secret in [*secrets_of(keys), "123"]:
        message = signed_notification(deposit, secret=secret)
        assert post_notification(client, message, account).status_code == 503
    events = "/skinsback/events/" + ("" if account == "default" else "second/")
    assert client.post(events, b"{}", content_type="application/json").status_code == 503
    assert not LedgerEntry.objects.exists()
    assert not WebhookEvent.objects.exists()
    assert all(secret.strip() == "" or secret not in caplog.text for secret in secrets_of(keys))


@pytest.mark.django_db(transaction=True)
def test_every_flow_that_calls_skinsback_raises_before_it_writes(user, account):
    deposit = make_deposit(account=account, status="in_hold")
    purchase = make_purchase(account=account, attempts=1, status="unknown")
    trade = {"user": user, "account": account, "trade_url": TRADE_URL}
    flows = [
        lambda: creation.create(user, account=account),
        lambda: creation.create_from_inventory(**trade, item_asset_ids=["1"]),
        lambda: deposits.refresh(deposit),
        lambda: deposits.approve_hold(deposit),
        lambda: purchases.buy(**trade, market_hash_name="AK-47", max_price=1),
        lambda: purchases.buy_batch(**trade, items=[{"skin_id": "1", "max_price": 1}]),
        lambda: purchases.submit(purchase),
        lambda: purchases.refresh([purchase]),
        lambda: prices.sync_prices(account, "cs2"),
        lambda: balance.snapshot_balance(account),
        lambda: listening.address(account),
        lambda: get_client(account),
    ]
    for flow in flows:
        with pytest.raises(ConfigurationError, match=account):
            flow()
    assert (Deposit.objects.count(), Purchase.objects.count(), BalanceSnapshot.objects.count()) == (1, 1, 0)


@pytest.mark.django_db(transaction=True)
def test_every_sweep_of_the_account_stops_and_says_why(account):
    make_deposit(account=account)
    make_purchase(account=account)
    stops = [poll_deposits(account).stopped_by, poll_purchases(account).stopped_by]
    stops += [counts.stopped_by for counts in reconcile(account)]
    assert all(account in stop or "CLIENT_" in stop for stop in stops)
    assert Purchase.objects.get().attempts == 0


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["deposit", "event"])
def test_a_stored_delivery_is_not_applied(account, kind):
    stored = {"account": account, "kind": kind, "digest": "d", "outcome": "failed"}
    event = WebhookEvent.objects.create(
        **stored, body=b'{"event": "balance_change", "data": {"balance_value": "5"}}', content_type="application/json"
    )
    with pytest.raises(NoSecret):
        apply_again(event)
    assert not BalanceSnapshot.objects.exists()


@pytest.mark.django_db
def test_the_reason_is_in_the_log_and_no_secret_is(client, settings, monkeypatch, caplog):
    monkeypatch.setattr(conf, "sandbox_secret_allowed", False)
    monkeypatch.setattr(rejections, "rejections", rejections.Rejections())  # nothing was logged in the last minute
    settings.SKINSBACK = UNUSABLE["the sandbox's"]
    post_notification(client, signed_notification(make_deposit(), secret=CLIENT_SECRET))
    (record,) = [record for record in caplog.records if record.message == "skinsback.notification_refused"]
    assert "public secret although DEBUG is off" in record.error
    assert CLIENT_SECRET not in record.error


@pytest.mark.django_db
def test_the_sandboxes_secret_is_believed_with_debug_and_where_testing_has_allowed_it(
    client, user, settings, monkeypatch
):
    monkeypatch.setattr(conf, "sandbox_secret_allowed", False)
    settings.SKINSBACK = UNUSABLE["the sandbox's"]
    settings.DEBUG = True
    assert post_notification(client, signed_notification(make_deposit(user=user))).status_code == 200
    settings.DEBUG = False
    with pytest.raises(ConfigurationError, match="allow_sandbox_secret"):
        signed_notification(make_deposit())
    allow_sandbox_secret()
    assert post_notification(client, signed_notification(make_deposit(user=user))).status_code == 200
    assert LedgerEntry.objects.count() == 2


WSGI_SITE = """
import io, sys
from urllib.parse import urlencode
from django.conf import settings
settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["shop.example"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_skinsback"],
    DATABASES={"default": {"ENGINE": "django.db.backends.dummy"}},  # whoever asks it makes the answer a 500
    SECRET_KEY="tests",
    ROOT_URLCONF="django_skinsback.urls",
    SKINSBACK=eval(sys.argv[1]),
)
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
body = sys.argv[2].encode()
environ = {
    "REQUEST_METHOD": "POST", "PATH_INFO": "/result/", "SERVER_NAME": "shop.example", "SERVER_PORT": "443",
    "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)),
    "CONTENT_TYPE": "application/x-www-form-urlencoded",
}
answer = application(environ, lambda status, headers: print(status.split()[0]))
"""


def wsgi_answer(skinsback, secret):
    """The status that a WSGI process, in which no system check ever ran, gives to a message signed with ``secret``."""
    message = {"status": "success", "order_id": "1", "transaction_id": "1", "amount": "500", "amount_currency": "usd"}
    body = "&".join(f"{name}={value}" for name, value in {**message, "sign": sign(message, secret)}.items())
    done = subprocess.run(
        [sys.executable, "-c", WSGI_SITE, repr(skinsback), body],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_wsgi_process_with_debug_off_refuses_what_the_sandboxes_public_secret_has_signed():
    keys = UNUSABLE["the sandbox's"]
    assert wsgi_answer(keys, CLIENT_SECRET) == 503
    assert wsgi_answer({**keys, "API_URL": "http://127.0.0.1:8600/api.php"}, CLIENT_SECRET) == 503
    assert wsgi_answer(UNUSABLE["the sandbox's before"], CLIENT_SECRET) == 503


def test_a_wsgi_process_refuses_everything_rather_than_genuine_messages_while_its_secret_has_a_line_break():
    keys = UNUSABLE["with a line break"]
    assert wsgi_answer(keys, "123") == wsgi_answer(keys, "123\n") == 503


def test_a_wsgi_process_with_a_secret_of_its_own_believes_it():
    """The next thing it asks is the database, which is none."""
    assert wsgi_answer(GOOD, "123") == 500
