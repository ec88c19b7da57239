"""Rows and signed events for dj-stripe's webhook view, which does its usual work without network access.

The event is ``payment_intent.succeeded``, the counterpart of a paid deposit. The payment intent, its customer and its
payment method are stored already, so dj-stripe syncs one row and fetches no other object. Its one call, which fetches
the payment intent again, is answered from memory.

A receiver of the site adds the amount to the wallet of the customer's user, as it does for the package.
"""

import hashlib
import hmac
import json
import time
import uuid
from decimal import Decimal
from typing import Any

import stripe
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from djstripe import models
from djstripe.event_handlers import djstripe_receiver

from benchmarks.deliveries import JSON, Delivery
from tests.wallet.models import Wallet

SECRET = "whsec_benchmark"
ACCOUNT = "acct_benchmark"
CUSTOMERS = 1000


class _NoNetwork(stripe.HTTPClient):
    def request(self, method: str, url: str, *_args: Any, **_options: Any) -> Any:
        raise AssertionError(f"dj-stripe called {method} {url}.")

    request_with_retries = request


def block_network() -> None:
    """Answer the call for a payment intent from memory; every other call raises AssertionError."""
    stripe.default_http_client = _NoNetwork()

    def retrieve(id: str, **_options: Any) -> stripe.StripeObject:  # noqa: A002 - Stripe's own name
        return stripe.PaymentIntent.construct_from(payment_intent(id), settings.STRIPE_TEST_SECRET_KEY)

    stripe.PaymentIntent.retrieve = retrieve


def payment_intent(key: str, status: str = "succeeded") -> dict[str, Any]:
    """Return a payment intent as Stripe's API does. Its ID ends with the number of its customer."""
    number = int(key.rpartition("_")[2])
    return {
        "id": key,
        "object": "payment_intent",
        "amount": 1050,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 1050,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{key}_secret",
        "confirmation_method": "automatic",
        "created": 1596999226,
        "currency": "usd",
        "customer": f"cus_{number}",
        "description": None,
        "last_payment_error": None,
        "latest_charge": f"ch_{number}",
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": f"pm_{number}",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }


@djstripe_receiver("payment_intent.succeeded")
def move_money(event: models.Event, **_arguments: Any) -> None:
    """The site's receiver. dj-stripe calls it once per event, in the database transaction that stores the event."""
    intent = event.data["object"]
    if not intent["metadata"].get("credits"):
        return
    user_id = models.Customer.objects.get(id=intent["customer"]).subscriber_id
    amount = Decimal(intent["amount_received"]) / 100
    if not Wallet.objects.filter(user_id=user_id).update(balance=F("balance") + amount):
        Wallet.objects.create(user_id=user_id, balance=amount)


def make_endpoint(users: list[int]) -> models.WebhookEndpoint:
    """Create the account with its key, customers with a card each, and the endpoint; return the endpoint."""
    account = models.Account.objects.create(id=ACCOUNT, livemode=False)
    owned = {"djstripe_owner_account": account, "livemode": False}
    models.APIKey.objects.create(type="secret", secret=settings.STRIPE_TEST_SECRET_KEY, **owned)
    numbers = range(CUSTOMERS)
    models.Customer.objects.bulk_create(
        [models.Customer(id=f"cus_{n}", subscriber_id=users[n % len(users)], **owned) for n in numbers]
    )
    customers = list(models.Customer.objects.order_by("pk"))
    models.PaymentMethod.objects.bulk_create(
        [models.PaymentMethod(id=f"pm_{number}", customer=customers[number], **owned) for number in numbers]
    )
    return models.WebhookEndpoint.objects.create(
        id="we_benchmark",
        url="https://shop.example/stripe/webhook/",
        secret=SECRET,
        enabled_events=["*"],
        status="enabled",
        **owned,
    )


def make_payment_intents(count: int) -> list[str]:
    """Create payment intents with the status ``processing`` and return their IDs."""
    account = models.Account.objects.get(id=ACCOUNT)
    keys = [f"pi_{uuid.uuid4().hex}_{number % CUSTOMERS}" for number in range(count)]
    models.PaymentIntent.objects.bulk_create(
        [
            models.PaymentIntent(
                id=key,
                customer_id=f"cus_{key.rpartition('_')[2]}",
                payment_method_id=f"pm_{key.rpartition('_')[2]}",
                djstripe_owner_account=account,
                livemode=False,
                created=timezone.now(),
                stripe_data=payment_intent(key, "processing"),
            )
            for key in keys
        ],
        batch_size=500,
    )
    return keys


def succeeded(key: str, endpoint: models.WebhookEndpoint, *, moves_money: bool = True) -> Delivery:
    """Return a signed ``succeeded`` event; with ``moves_money`` the site's receiver changes the wallet."""
    paid = payment_intent(key)
    paid["metadata"] = {"credits": "yes"} if moves_money else {}
    event = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "api_version": stripe.api_version,
        "created": int(time.time()),
        "data": {"object": paid},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "payment_intent.succeeded",
    }
    body, now = json.dumps(event).encode(), int(time.time())
    digest = hmac.new(SECRET.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={now},v1={digest}"}
    return Delivery(f"/stripe/webhook/{endpoint.djstripe_uuid}/", body, JSON, headers)


def paid() -> Decimal:
    """Return the sum that dj-stripe's processed events have moved."""
    moving = {"event__data__object__metadata__credits": "yes"}
    return models.WebhookEventTrigger.objects.filter(processed=True, **moving).count() * Decimal("10.5")
