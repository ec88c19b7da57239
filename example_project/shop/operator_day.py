"""Rows for the operator's desk: one under review, one in hold, one failed delivery and one discrepancy.

The rows exist at the sandbox too, so that an operator can decide each of them. ``make_rows`` needs a running sandbox.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from django_skinsback import deposits, players, purchases
from django_skinsback.connection import get_client
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry, Purchase, WebhookEvent
from django_skinsback.signals import entry_posted
from django_skinsback.testing import post_notification, signed_notification

ORDER_OF_ANOTHER_PROGRAM = "made-by-another-program"
"""Order ID of a deposit that exists at SkinsBack and not here."""
PRICE, CHARGE = Decimal(20), Decimal("12.50")
"""The price cap of the purchase in US dollars, and the charge of its user in the shop's currency."""
CURRENCY = "usd"


class ShopError(Exception):
    """The shop refuses a ledger entry. Then the delivery that posts the entry fails."""


def make_rows(depositor: AbstractBaseUser, buyer: AbstractBaseUser, sandbox_url: str) -> None:
    """Make one row of each queue of the desk.

    Both users need a trade URL, and ``buyer`` needs a balance of at least ``CHARGE``.
    """
    sandbox = SandboxControl(sandbox_url)
    make_discrepancy(depositor, sandbox)
    make_hold(depositor, sandbox)
    make_review(buyer, sandbox)
    make_failed_delivery(depositor, sandbox)


def make_discrepancy(user: AbstractBaseUser, sandbox: "SandboxControl") -> Discrepancy:
    """Let a user pay a deposit that was made without this site, and let the reconciliation find it."""
    profile = players.get_profile(user)
    get_client().create_deposit(ORDER_OF_ANOTHER_PROGRAM, steam_id=profile.steam_id if profile else "", game="rust")
    sandbox.post(f"deposits/{ORDER_OF_ANOTHER_PROGRAM}/choose")
    sandbox.post(f"deposits/{ORDER_OF_ANOTHER_PROGRAM}/accept")
    since = timezone.now() - timedelta(hours=1)
    with suppress(SystemExit):  # exit code 3: a discrepancy needs a person
        call_command("skinsback_reconcile", lists=["orders"], since=since, stdout=StringIO())
    return Discrepancy.objects.get(our_id=ORDER_OF_ANOTHER_PROGRAM)


def make_hold(user: AbstractBaseUser, sandbox: "SandboxControl") -> Deposit:
    """Let a user pay with a CS2 skin that Steam protects, so that the deposit is held for eight days."""
    deposit = deposits.create(user, game="cs2")
    sandbox.post(f"deposits/{deposit.order_id}/choose")
    sandbox.post(f"deposits/{deposit.order_id}/accept", held="1")
    deposits.refresh(deposit)
    return deposit


def make_review(user: AbstractBaseUser, sandbox: "SandboxControl") -> Purchase:
    """Buy a skin for a user who accepts the trade and undoes it later. SkinsBack does not say who has the money."""
    purchase = purchases.buy(
        user=user,
        game="rust",
        market_hash_name=_skin(),
        max_price=PRICE,
        charge=CHARGE,
        charge_currency=CURRENCY,
    )
    purchase = purchases.submit(purchase)
    sandbox.post(f"purchases/{purchase.buy_id}/accepted")
    purchases.refresh([purchase])
    sandbox.post(f"purchases/{purchase.buy_id}/rollback_user")
    return purchases.refresh([purchase])[0]


def make_failed_delivery(user: AbstractBaseUser, sandbox: "SandboxControl") -> WebhookEvent:
    """Let a user pay, and let the shop refuse the credit that the delivery posts, for longer than ``STUCK_AFTER``."""
    deposit = deposits.create(user, game="rust")
    sandbox.post("faults", name="notify_drop", method="deposit", times="always")  # only the failed delivery arrives
    sandbox.post(f"deposits/{deposit.order_id}/choose")
    sandbox.post(f"deposits/{deposit.order_id}/accept")
    sandbox.post("deliveries/send")
    sandbox.post("faults/clear", name="notify_drop")
    report = get_client().get_deposit(order_id=deposit.order_id)
    fields = {
        "transaction_id": report.transaction_id,
        "steam_id": report.steam_id,
        "amount": str(report.amount),
        "amount_currency": report.amount_currency,
        "user_amount": str(report.user_amount),
    }
    entry_posted.connect(_refuse, sender=LedgerEntry)
    try:
        site = Client(raise_request_exception=False, headers={"host": settings.ALLOWED_HOSTS[0]})
        post_notification(site, signed_notification(deposit, **fields))
    finally:
        entry_posted.disconnect(_refuse, sender=LedgerEntry)
    event = WebhookEvent.objects.get(outcome=WebhookEvent.Outcome.FAILED)
    event.received_at -= timedelta(days=2)
    event.needs_review, event.next_try_at = True, None
    event.save(update_fields=["received_at", "needs_review", "next_try_at"])
    return event


def _skin() -> str:
    """Return the name of a skin of Rust that is for sale below ``PRICE``."""
    cheap = [row for row in get_client().get_price_list("rust").items if row.price <= PRICE]
    return max(cheap, key=lambda row: row.price).market_hash_name


def _refuse(**_options: Any) -> None:
    raise ShopError("The shop was being repaired.")


class SandboxControl:
    """The control API of a sandbox at this address."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener = build_opener(ProxyHandler({}))

    def post(self, path: str, **fields: object) -> Mapping[str, Any]:
        body = json.dumps(fields).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self._url}/_sandbox/{path}", body, headers, method="POST")  # noqa: S310 - http, to the sandbox
        with self._opener.open(request, timeout=10) as answer:
            found: Mapping[str, Any] = json.load(answer)
        return found
