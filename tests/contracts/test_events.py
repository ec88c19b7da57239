"""What the Webhook Events URL must do whatever arrives."""

import json
from decimal import Decimal

import pytest
from django.urls import reverse

from django_skinsback.flows.webhooks.receive import LONGEST_RETRY_DELAY
from django_skinsback.flows.webhooks.replay import apply_kept
from django_skinsback.models import BalanceSnapshot, LedgerEntry, WebhookEvent
from django_skinsback.models.fields import utc_now
from django_skinsback.testing import make_purchase
from django_skinsback.wire.signing import event_signature

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def post(client, event, data, *, secret="123", header="Signature"):
    body = json.dumps({"event": event, "data": data}).encode()
    headers = {header: event_signature(body, secret)}
    return client.post(reverse("skinsback:events"), body, content_type="application/json", headers=headers)


def change(purchase, status, **more):
    return {
        "item": {"id": "2516"},
        "buy_id": purchase.buy_id or "65",
        "offer_status": status,
        "error_reason": None,
        "tradeofferid": "4176876858",
        "custom_id": purchase.custom_id,
        **more,
    }


@pytest.fixture
def purchase():
    return make_purchase(status="creating_trade")


@pytest.mark.parametrize("header", ["Signature", "Authorization"])
def test_a_signed_change_moves_the_purchase(client, purchase, header):
    response = post(client, "status_change", change(purchase, "waiting_accept"), header=header)

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    purchase.refresh_from_db()
    assert (purchase.status, purchase.trade_offer_id) == ("waiting_accept", "4176876858")
    event = WebhookEvent.objects.get()
    assert (event.kind, event.outcome, event.purchase) == ("event", "applied", purchase)
    assert "Signature" not in event.headers
    assert "Authorization" not in event.headers


def test_a_wrong_signature_is_403_without_a_query(client, purchase, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = post(client, "status_change", change(purchase, "accepted"), secret="guessed")

    assert response.status_code == 403


def test_a_missing_signature_is_403(client):
    response = client.post(reverse("skinsback:events"), b'{"event":"x","data":{}}', content_type="application/json")

    assert response.status_code == 403


def test_an_unknown_offer_status_is_kept_and_moves_nothing(client, purchase):
    assert post(client, "status_change", change(purchase, "gift_wrapped")).status_code == 200

    purchase.refresh_from_db()
    assert (purchase.status, purchase.needs_review) == ("creating_trade", True)
    assert purchase.next_poll_at is not None
    assert purchase.changes.get().to_status == "gift_wrapped"
    assert not LedgerEntry.objects.exists()


def test_an_unknown_purchase_is_kept_and_applied_when_its_row_appears(client):
    absent = make_purchase(custom_id="later", status="creating_trade", buy_id="65")
    data = change(absent, "accepted")
    absent.delete()
    assert post(client, "status_change", data).status_code == 200
    assert WebhookEvent.objects.get().outcome == "unmatched"

    row = make_purchase(custom_id="later", status="creating_trade", buy_id="65")
    assert apply_kept(now=utc_now() + LONGEST_RETRY_DELAY) == 1

    row.refresh_from_db()
    assert row.status == "accepted"


def test_a_late_event_does_not_move_a_purchase_back(client, purchase):
    post(client, "status_change", change(purchase, "accepted"))
    post(client, "status_change", change(purchase, "waiting_accept"))

    purchase.refresh_from_db()
    assert purchase.status == "accepted"
    assert WebhookEvent.objects.latest("pk").outcome == "stale"


@pytest.mark.parametrize("value", ["758.93", 758.93])
def test_a_balance_is_kept(client, value):
    assert post(client, "balance_change", {"balance_value": value}).status_code == 200

    assert BalanceSnapshot.objects.get().balance == Decimal("758.93")


@pytest.mark.parametrize(
    ("event", "data"),
    [("balance_change", {"item": {"id": "1"}}), ("festival", {"a": 1}), ("status_change", [])],
    ids=["no balance in it", "unknown event", "no data"],
)
def test_what_concerns_nothing_here_is_kept_and_answered_200(client, event, data):
    assert post(client, event, data).status_code == 200

    assert WebhookEvent.objects.get().outcome == "ignored"
