"""Replaces ``django_skinsback.testing`` where its extra is not installed, so that the tests of the core can make rows.

No factory-boy and no sandbox: a test that needs the sandbox is skipped.
"""

import itertools
import sys
import uuid
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from django_skinsback import conf
from django_skinsback.models import Deposit, Purchase
from django_skinsback.models.fields import utc_now
from django_skinsback.statuses import DEPOSIT_FINAL, DEPOSIT_OPEN, DEPOSIT_OURS, PURCHASE_FINAL, PURCHASE_OURS
from django_skinsback.wire.signing import sign

sys.modules["django_skinsback.testing"] = sys.modules[__name__]
numbers = map(str, itertools.count())


def allow_sandbox_secret():
    conf.sandbox_secret_allowed = True


allow_sandbox_secret()  # as the pytest plugin does


def make_deposit(*, status="pending", **values):
    now = utc_now()
    usual = {
        "order_id": uuid.uuid4().hex,
        "transaction_id": None if status in DEPOSIT_OURS else next(numbers),
        "game": "cs2",
        "finished_at": now if status in DEPOSIT_FINAL else None,
        "next_poll_at": now if status in DEPOSIT_OPEN else None,
    }
    return Deposit.objects.create(status=status, **{**usual, **values})


def make_purchase(*, status="requested", **values):
    now = utc_now()
    final = status in PURCHASE_FINAL
    usual = {
        "custom_id": uuid.uuid4().hex,
        "buy_id": None if status in PURCHASE_OURS else next(numbers),
        "partner": "90382795",
        "token": "" if final else "i1ArBZey",
        "steam_id": "76561198050648523",
        "game": "cs2",
        "market_hash_name": "AK-47 | Safari Mesh (Minimal Wear)",
        "max_price": Decimal(10),
        "attempts": 0 if status == "requested" else 1,
        "submitted_at": None if status == "requested" else now,
        "accepted_at": now if status == "accepted" else None,
        "finished_at": now if final else None,
        "next_poll_at": None if final else now,
    }
    return Purchase.objects.create(status=status, **{**usual, **values})


def signed_notification(deposit, status="success", *, secret=None, **fields):
    message = {
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


def post_notification(client, message, account=conf.DEFAULT_ACCOUNT):
    arguments = {} if account == conf.DEFAULT_ACCOUNT else {"account": account}
    return client.post(
        reverse("skinsback:result", kwargs=arguments),
        urlencode(_flat(message)),
        content_type="application/x-www-form-urlencoded",
    )


def _flat(value, name=""):
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return [(name, value)]
    return [pair for key, item in pairs for pair in _flat(item, f"{name}[{key}]" if name else str(key))]


@pytest.fixture
def skinsback_sandbox():
    pytest.skip("needs the extra [testing]")
