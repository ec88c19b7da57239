"""What the Result URL must do with any message, from any sender, any number of times."""

import json
from io import BytesIO
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_skinsback import views
from django_skinsback.models import Deposit, LedgerEntry, StatusChange, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.signals import entry_posted, notification_refused
from django_skinsback.testing import make_deposit, post_notification, signed_notification
from tests.wallet.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def deposit(user):
    return make_deposit(user=user)


def post(client, body, content_type=FORM, name="skinsback:result", **headers):
    return client.post(reverse(name), body, content_type=content_type, headers=headers)


def test_a_signed_success_credits_the_owner_once(client, deposit, user):
    response = post_notification(client, signed_notification(deposit))

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.user, entry.deposit, str(entry.amount), entry.currency) == (
        "credit",
        user,
        deposit,
        "12.600000",
        "usd",
    )
    assert Wallet.objects.get(user=user).balance == entry.amount
    deposit.refresh_from_db()
    assert (deposit.status, deposit.next_poll_at) == ("success", None)
    assert deposit.finished_at is not None


def test_the_same_delivery_five_times_is_one_credit_and_one_row(client, deposit):
    for _ in range(5):
        assert post_notification(client, signed_notification(deposit)).status_code == 200

    assert LedgerEntry.objects.count() == 1
    event = WebhookEvent.objects.get()
    assert (event.deliveries, event.outcome, event.deposit) == (5, "applied", deposit)


def test_a_credit_paid_with_cs2_skins_takes_at_most_eight_statements(client, deposit, user):
    """SQLite needs one statement more to lock the row. One statement is the receiver's, which changes the wallet."""
    Wallet.objects.create(user=user)
    Deposit.objects.update(game="dota2")
    skins = [{"name": "AK-47 | Safari Mesh (Minimal Wear)", "price": "0.4"}]
    message = json.dumps({**signed_notification(deposit), "skins": skins})

    with CaptureQueriesContext(connection) as queries:
        assert post(client, message, "application/json").status_code == 200

    statements = [query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(statements) <= (9 if connection.vendor == "sqlite" else 8)
    deposit.refresh_from_db()
    assert (deposit.status, deposit.skins, deposit.game) == ("success", skins, "cs2")


def test_a_repeat_of_an_applied_delivery_costs_three_statements_at_most(client, deposit):
    """The row is locked and read, and the delivery is counted; SQLite needs a statement more to lock."""
    post_notification(client, signed_notification(deposit))

    with CaptureQueriesContext(connection) as queries:
        post_notification(client, signed_notification(deposit))

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]  # a test is a transaction
    assert len(statements) <= 3


def test_json_and_form_say_the_same(client, user):
    in_form, in_json = make_deposit(user=user), make_deposit(user=user)

    post_notification(client, signed_notification(in_form))
    message = signed_notification(in_json)
    message["transaction_id"] = str(message["transaction_id"])
    assert post(client, json.dumps(message), "application/json").status_code == 200

    first, second = (entry.amount for entry in LedgerEntry.objects.order_by("pk"))
    assert first == second


def test_nested_form_keys_are_outside_the_signature_and_never_counted(client, deposit):
    nested = {
        "amount_in_currencies[usd]": "9999",
        "user_amount_in_currencies[usd]": "9999",
        "skins[0][name]": "AK-47 | Safari Mesh (Minimal Wear)",
        "skins[0][price]": "0.4",
    }
    body = urlencode({**signed_notification(deposit), **nested})

    assert post(client, body).status_code == 200

    assert str(LedgerEntry.objects.get().amount) == "12.600000"
    deposit.refresh_from_db()
    assert deposit.skins[0]["name"].startswith("AK-47")


@pytest.mark.parametrize(
    "sign",
    ["", "0", "0" * 40, "A" * 40, "ы" * 40, "x" * 100_000, "null"],
    ids=["empty", "short", "zeros", "upper", "non-ascii", "oversized", "null"],
)
def test_a_wrong_signature_is_403_without_a_query_or_a_row(client, deposit, sign, django_assert_num_queries):
    message = {**signed_notification(deposit), "sign": sign}

    with django_assert_num_queries(0):
        response = post_notification(client, message)

    assert (response.status_code, response.json()) == (403, {"status": "refused"})
    assert not WebhookEvent.objects.exists()
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("sign", [[], {}, 0, None, True, 1.5])
def test_a_signature_of_another_type_is_403(client, deposit, sign):
    message = {**signed_notification(deposit), "sign": sign}

    assert post(client, json.dumps(message), "application/json").status_code == 403


def test_a_missing_signature_is_403_even_with_a_right_x_sign(client, deposit):
    from django_skinsback.wire.signing import client_digest

    message = signed_notification(deposit)
    del message["sign"]

    assert post(client, urlencode(message), **{"X-SIGN": client_digest("1", "123")}).status_code == 403
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("field", ["amount", "user_amount", "status", "order_id", "amount_currency", "steam_id"])
def test_changing_a_signed_field_breaks_the_signature(client, deposit, field):
    message = {**signed_notification(deposit, "in_hold"), field: "success"}

    assert post_notification(client, message).status_code == 403


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"sign": NaN}', "application/json"),
        (b'{"a": 1, "a": 2, "sign": ""}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"a=%ff", FORM),
        (b"", FORM),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ],
    ids=["cut", "list", "nan", "doubled key", "deep", "bad utf-8", "bad escape", "empty", "multipart"],
)
def test_an_unreadable_body_is_refused_without_a_query(client, body, content_type, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = post(client, body, content_type)

    assert response.status_code == (403 if body == b"" else 400)
    assert not WebhookEvent.objects.exists()


def test_a_large_body_is_413(client, settings):
    settings.SKINSBACK = {**settings.SKINSBACK, "WEBHOOK_MAX_BYTES": 1000}

    assert post(client, b"x" * 1001).status_code == 413
    assert not WebhookEvent.objects.exists()


def test_an_incomplete_body_is_refused_even_if_the_received_part_is_signed(deposit, django_assert_num_queries):
    body = urlencode(signed_notification(deposit))
    request = RequestFactory().post(reverse("skinsback:result"), body, content_type=FORM)
    request.META["CONTENT_LENGTH"] = str(len(body) + 10)
    request._stream = BytesIO(body.encode())

    with django_assert_num_queries(0):
        assert views.result(request).status_code == 400


def test_without_a_secret_nothing_is_accepted(client, deposit, settings):
    message = signed_notification(deposit)
    settings.SKINSBACK = {"CLIENT_ID": "1", "CLIENT_SECRET": ""}

    assert post_notification(client, message).status_code == 503


def test_an_account_that_is_not_in_the_settings_is_404(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.post("/skinsback/result/nobody/", {"a": "b"}).status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
@pytest.mark.parametrize("name", ["skinsback:result", "skinsback:events"])
def test_only_post_is_allowed(client, method, name):
    assert getattr(client, method)(reverse(name)).status_code == 405


@pytest.mark.parametrize("path", ["/skinsback/result", "/skinsback/events", "/skinsback/result/second"])
def test_the_address_without_its_slash_answers_too(client, path):
    assert client.post(path, b"{}", content_type="application/json").status_code in {400, 403}


def test_no_csrf_token_and_no_login_is_asked_for(deposit, settings):
    from django.test import Client

    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]

    assert post_notification(Client(enforce_csrf_checks=True), signed_notification(deposit)).status_code == 200


def test_an_unknown_status_is_kept_and_moves_no_money(client, deposit):
    assert post_notification(client, signed_notification(deposit, "blessed")).status_code == 200

    deposit.refresh_from_db()
    assert (deposit.status, deposit.needs_review) == ("pending", True)
    assert "blessed" in deposit.review_reason
    assert deposit.next_poll_at is not None
    assert StatusChange.objects.get().to_status == "blessed"
    assert WebhookEvent.objects.get().outcome == "unknown_status"
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("word", ["created", "abandoned", "requested", "accepted", "unknown"])
def test_a_status_that_skinsback_does_not_use_for_deposits_changes_nothing(client, deposit, word):
    assert post_notification(client, signed_notification(deposit, word)).status_code == 200

    deposit.refresh_from_db()
    assert deposit.status == "pending"
    assert WebhookEvent.objects.get().outcome == "unknown_status"


def test_an_unknown_order_is_kept_and_applied_when_its_row_appears(client, user):
    from django_skinsback.flows.webhooks.receive import LONGEST_RETRY_DELAY
    from django_skinsback.flows.webhooks.replay import apply_kept

    absent = Deposit(order_id="of-another-day", transaction_id="77")
    assert post_notification(client, signed_notification(absent)).status_code == 200
    event = WebhookEvent.objects.get()
    assert (event.outcome, event.processed_at) == ("unmatched", None)
    assert apply_kept(now=utc_now() + LONGEST_RETRY_DELAY) == 0

    make_deposit(user=user, order_id="of-another-day", transaction_id="77")
    assert apply_kept(now=utc_now() + LONGEST_RETRY_DELAY) == 1

    assert LedgerEntry.objects.get().user == user
    event.refresh_from_db()
    assert event.outcome == "applied"
    assert apply_kept(now=utc_now() + LONGEST_RETRY_DELAY) == 0


def test_another_transaction_id_is_answered_200_and_kept_and_moves_nothing(client, deposit):
    response = post_notification(client, signed_notification(deposit, transaction_id="999999"))

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert WebhookEvent.objects.get().outcome == "mismatched"
    deposit.refresh_from_db()
    assert (deposit.status, deposit.needs_review) == ("pending", True)
    assert not LedgerEntry.objects.exists()


def test_an_exception_of_a_receiver_undoes_everything_and_the_delivery_is_kept(client, deposit):
    from django_skinsback.flows.webhooks.receive import LONGEST_RETRY_DELAY
    from django_skinsback.flows.webhooks.replay import apply_kept

    def refuse(**_kwargs):
        raise RuntimeError("the wallet is closed")

    entry_posted.connect(refuse)
    try:
        response = post_notification(client, signed_notification(deposit))
        assert (response.status_code, response.json()) == (500, {"status": "failed"})
        deposit.refresh_from_db()
        assert deposit.status == "pending"
        assert not LedgerEntry.objects.exists()
        assert not Wallet.objects.exists()
        event = WebhookEvent.objects.get()
        assert (event.outcome, event.error, event.processed_at) == ("failed", "RuntimeError", None)
        assert apply_kept(now=utc_now() + LONGEST_RETRY_DELAY) == 0
        assert post_notification(client, signed_notification(deposit)).status_code == 500
        assert WebhookEvent.objects.count() == 1
    finally:
        entry_posted.disconnect(refuse)

    assert post_notification(client, signed_notification(deposit)).status_code == 200
    assert LedgerEntry.objects.count() == 1
    event.refresh_from_db()
    assert (event.outcome, event.error) == ("applied", "")


def test_a_previous_secret_is_still_accepted(client, deposit, settings):
    message = signed_notification(deposit)
    settings.SKINSBACK = {"CLIENT_ID": "1", "CLIENT_SECRET": "new", "PREVIOUS_SECRETS": ["123"]}

    assert post_notification(client, message).status_code == 200


def test_one_account_cannot_touch_the_rows_of_another(client, deposit):
    message = signed_notification(deposit, secret="456")

    assert post_notification(client, message).status_code == 403
    assert post_notification(client, message, account="second").status_code == 200

    deposit.refresh_from_db()
    assert deposit.status == "pending"
    assert WebhookEvent.objects.get().outcome == "unmatched"


def test_a_refusal_sends_a_signal_to_the_site(client, deposit):
    heard = []

    def listen(**kwargs):
        heard.append((kwargs["account"], str(kwargs["kind"]), type(kwargs["error"]).__name__))

    notification_refused.connect(listen)
    try:
        post_notification(client, {**signed_notification(deposit), "sign": "no"})
    finally:
        notification_refused.disconnect(listen)

    assert heard == [("default", "deposit", "BadSignature")]


def test_credentials_in_headers_are_not_stored(client, deposit):
    body = urlencode(signed_notification(deposit))

    post(client, body, **{"X-SIGN": "constant", "Cookie": "session=1", "User-Agent": "SkinsBack"})

    assert set(WebhookEvent.objects.get().headers) <= {"Content-Type", "Content-Length", "User-Agent"}


def test_ids_are_compared_exactly_whatever_the_collation(client, user):
    make_deposit(user=user, order_id="abc")

    post_notification(client, signed_notification(Deposit(order_id="ABC", transaction_id="9")))

    assert WebhookEvent.objects.get().outcome == "unmatched"
    assert not LedgerEntry.objects.exists()
