"""For the tests of a site: rows in any state, notifications signed as SkinsBack signs them, a sandbox.

``pytest_plugins = ["django_skinsback.testing"]`` in your ``conftest.py`` gives the fixture ``skinsback_sandbox``.
"""

import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import factory
import pytest
from django.utils import timezone

from . import conf
from .models import Deposit, Purchase
from .sandbox import Sandbox
from .statuses import DEPOSIT_FINAL, DEPOSIT_OURS, PURCHASE_OURS
from .wire.signing import sign


class DepositFactory(factory.django.DjangoModelFactory[Deposit]):
    class Meta:
        model = Deposit

    order_id = factory.LazyFunction(lambda: uuid.uuid4().hex)
    status = "pending"
    transaction_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.status not in DEPOSIT_OURS), factory.Sequence(str), None
    )
    game = "cs2"
    finished_at = factory.LazyAttribute(lambda row: timezone.now() if row.status in DEPOSIT_FINAL else None)
    next_check_at = factory.LazyAttribute(lambda row: None if row.status in DEPOSIT_FINAL else timezone.now())


class PurchaseFactory(factory.django.DjangoModelFactory[Purchase]):
    class Meta:
        model = Purchase

    custom_id = factory.LazyFunction(lambda: uuid.uuid4().hex)
    status = "requested"
    buy_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.status not in PURCHASE_OURS), factory.Sequence(str), None
    )
    partner = "90382795"
    token = "i1ArBZey"  # noqa: S105 - the token of the API's own examples
    steam_id = "76561198050648523"
    game = "cs2"
    market_hash_name = "AK-47 | Safari Mesh (Minimal Wear)"
    max_price = Decimal(10)
    next_poll_at = factory.LazyFunction(timezone.now)


def make_deposit(**values: Any) -> Deposit:
    """A saved deposit, ``pending`` unless told otherwise; whatever is not given is filled in."""
    return DepositFactory.create(**values)


def make_purchase(**values: Any) -> Purchase:
    """A saved purchase, ``requested`` unless told otherwise; whatever is not given is filled in."""
    return PurchaseFactory.create(**values)


def signed_notification(
    deposit: Deposit, status: str = "success", *, secret: str | None = None, **fields: Any
) -> dict[str, Any]:
    """What SkinsBack would POST about ``deposit``, signed; ``fields`` add to it, replace, or drop by None."""
    message: dict[str, Any] = {
        "status": status,
        "transaction_id": deposit.transaction_id or "1",
        "order_id": deposit.order_id,
        "steam_id": deposit.steam_id or "76561198827262007",
        "date": "1596999226",
    }
    if status in {"success", "in_hold", "hold_approved"}:
        message |= {"amount": "10.5", "amount_currency": "usd", "user_amount": "12.6"}
    message = {name: value for name, value in {**message, **fields}.items() if value is not None}
    return {**message, "sign": sign(message, secret or conf.account(deposit.account).client_secret)}


def post_notification(client: Any, message: Mapping[str, Any], account: str = conf.DEFAULT_ACCOUNT) -> Any:
    """POST ``message`` form-encoded to the site's Result URL with Django's test client."""
    from django.urls import reverse

    arguments = {} if account == conf.DEFAULT_ACCOUNT else {"account": account}
    return client.post(
        reverse("skinsback:result", kwargs=arguments),
        urlencode(message),
        content_type="application/x-www-form-urlencoded",
    )


@pytest.fixture
def skinsback_sandbox(settings: Any) -> Iterator[Sandbox]:
    """A running sandbox, with ``SKINSBACK`` set to talk to it."""
    with Sandbox() as sandbox:
        settings.SKINSBACK = {
            **settings.SKINSBACK,
            **sandbox.credentials("sandbox"),
            "API_URL": sandbox.api_url,
            "ACCOUNTS": {"second": sandbox.credentials("sandbox-2")},
        }
        yield sandbox
