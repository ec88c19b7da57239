"""For the tests of a site: rows in any state, notifications signed as SkinsBack signs them, a sandbox.

``pytest_plugins = ["django_skinsback.testing"]`` in your ``conftest.py`` gives the fixture ``skinsback_sandbox``.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import factory
import pytest

from . import conf
from .models import Deposit, Purchase
from .models.fields import utc_now
from .sandbox import Sandbox
from .statuses import DEPOSIT_FINAL, DEPOSIT_OPEN, DEPOSIT_OURS, PURCHASE_FINAL, PURCHASE_OURS
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
    finished_at = factory.LazyAttribute(lambda row: utc_now() if row.status in DEPOSIT_FINAL else None)
    next_check_at = factory.LazyAttribute(lambda row: utc_now() if row.status in DEPOSIT_OPEN else None)


class PurchaseFactory(factory.django.DjangoModelFactory[Purchase]):
    class Meta:
        model = Purchase

    custom_id = factory.LazyFunction(lambda: uuid.uuid4().hex)
    status = "requested"
    buy_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.status not in PURCHASE_OURS), factory.Sequence(str), None
    )
    partner = "90382795"
    token = factory.LazyAttribute(lambda row: "" if row.status in PURCHASE_FINAL else "i1ArBZey")
    steam_id = "76561198050648523"
    game = "cs2"
    market_hash_name = "AK-47 | Safari Mesh (Minimal Wear)"
    max_price = Decimal(10)
    attempts = factory.LazyAttribute(lambda row: 0 if row.status == "requested" else 1)
    submitted_at = factory.LazyAttribute(lambda row: utc_now() if row.attempts else None)
    accepted_at = factory.LazyAttribute(lambda row: utc_now() if row.status == "accepted" else None)
    finished_at = factory.LazyAttribute(lambda row: utc_now() if row.status in PURCHASE_FINAL else None)
    next_poll_at = factory.LazyAttribute(lambda row: None if row.status in PURCHASE_FINAL else utc_now())


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
        urlencode(_flat(message)),
        content_type="application/x-www-form-urlencoded",
    )


def _flat(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Nested values under keys with brackets, as PHP writes and reads them."""
    if isinstance(value, Mapping):
        pairs: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return [(name, value)]
    return [pair for key, item in pairs for pair in _flat(item, f"{name}[{key}]" if name else str(key))]


@pytest.fixture
def skinsback_sandbox(settings: Any) -> Iterator[Sandbox]:
    """A running sandbox, with ``SKINSBACK`` set to talk to it.

    Its notifications go to this site's views without a socket, when the test calls ``deliver_pending()``; its clock
    moves when the test calls ``clock.advance()``.
    """
    from django.test import Client

    site = Client()

    def send(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        sent = {name: value for name, value in headers.items() if name != "Content-Type"}
        answer = site.post(urlsplit(url).path, body, content_type=headers.get("Content-Type", ""), headers=sent)
        return answer.status_code

    with Sandbox(manual=True, send=send) as sandbox:
        settings.SKINSBACK = {
            **settings.SKINSBACK,
            **sandbox.credentials("sandbox"),
            "API_URL": sandbox.api_url,
            "WEBSOCKET_URL": sandbox.websocket_url,
            "REQUESTS_PER_MINUTE": None,
            "ACCOUNTS": {"second": sandbox.credentials("sandbox-2")},
        }
        yield sandbox
