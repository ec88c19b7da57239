"""Sends one delivery to a webhook and checks the invariants that hold for any content."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote_from_bytes

from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import override_settings

from django_skinsback.exceptions import UnreadableNotification
from django_skinsback.models import BalanceSnapshot, Deposit, LedgerEntry, StatusChange, WebhookEvent
from django_skinsback.testing import make_deposit, make_purchase
from django_skinsback.wire.fields import Number, parse_fields
from django_skinsback.wire.signing import canonical_text, event_signature, php_float

SECRET = "123"
ANSWERS = {200, 400, 403, 405, 413, 503}
RESULT, EVENTS = "/skinsback/result/", "/skinsback/events/"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

ORDER_ID, TRANSACTION_ID, CUSTOM_ID, BUY_ID = "1", "13", "123456", "65"
"""IDs in the samples; the rows of a test have the same ones."""


@dataclass(frozen=True)
class Delivery:
    """One HTTP request."""

    body: bytes
    content_type: str = JSON
    path: str = RESULT
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()


def send(delivery: Delivery) -> tuple[int, int]:
    """Send a delivery. Returns the status of the answer and the number of queries."""
    client = Client(raise_request_exception=False)
    queries = 0

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    with connection.execute_wrapper(count):  # a query log would grow without limit in a long run
        response = client.generic(
            delivery.method,
            delivery.path,
            delivery.body,
            content_type=delivery.content_type,
            headers=dict(delivery.headers),
        )
    assert response.status_code in ANSWERS, (response.status_code, delivery)
    assert len(response.content) < 64, "an answer is constant and echoes nothing"
    return response.status_code, queries


def deliver_unsigned(delivery: Delivery) -> int:
    """Send an unsigned delivery and check that it is refused without a query."""
    keys = {**settings.SKINSBACK, "CLIENT_SECRET": "another secret than that of the samples"}
    with override_settings(SKINSBACK=keys):
        status, queries = send(delivery)
    assert status != 200, delivery
    assert queries == 0, delivery
    return status


def deliver_signed(delivery: Delivery, user: Any) -> int:
    """Send a signed delivery; check that it credits at most the signed amount, and once. Then roll back."""
    with transaction.atomic():
        rows = {"user": user, "order_id": ORDER_ID, "transaction_id": TRANSACTION_ID}
        deposit, other = make_deposit(**rows), make_deposit(user=user, transaction_id="another")
        make_purchase(custom_id=CUSTOM_ID, buy_id=BUY_ID, status="creating_trade", user=user)
        status, queries = send(delivery)
        entries = list(LedgerEntry.objects.all())
        if status == 200:
            assert WebhookEvent.objects.count() == 1
            again, _ = send(delivery)
            assert (again, LedgerEntry.objects.count()) == (200, len(entries))
        else:
            assert queries == 0, delivery
            assert not WebhookEvent.objects.exists()
            assert not StatusChange.objects.exists()
            assert not BalanceSnapshot.objects.exists()
        _credits_at_most_what_is_signed(delivery, entries, deposit, other)
        transaction.set_rollback(True)
    return status


def _credits_at_most_what_is_signed(
    delivery: Delivery, entries: list[LedgerEntry], deposit: Deposit, other: Deposit
) -> None:
    assert len(entries) <= 1, delivery
    for entry in entries:
        fields = signed_fields(parse_fields(delivery.body, delivery.content_type))
        assert delivery.path == RESULT
        assert entry.kind == "credit"
        assert entry.deposit_id == deposit.pk != other.pk
        assert fields["order_id"] == deposit.order_id
        assert fields["status"] in {"success", "hold_approved"}
        assert 0 < entry.amount <= _number(fields["user_amount"])
        assert entry.currency == fields["amount_currency"].lower()


def signed_fields(fields: dict[str, Any]) -> dict[str, str]:
    """Return the scalar fields with the spelling that matches their signature."""
    for spell in (_as_written, _as_php):
        pairs = _spelled(fields, spell)
        if _signature(pairs) == fields["sign"]:
            return pairs
    raise AssertionError(fields)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(-1)


def signed(body: bytes, content_type: str, *, as_php: bool = False) -> bytes | None:
    """Return the body with a valid ``sign``; None if the body has no readable fields."""
    try:
        fields = parse_fields(body, content_type)
    except UnreadableNotification:
        return None
    signature = _signature(_spelled(fields, _as_php if as_php else _as_written))
    if body.lstrip()[:1] == b"{":
        start = body.index(b"{") + 1
        return body[:start] + b'"sign":"' + signature.encode() + (b'",' if fields else b'"') + body[start:]
    return body + b"&sign=" + signature.encode()


def signed_event(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return the signature header for this body."""
    return (("Signature", event_signature(body, SECRET)),)


def in_form(fields: list[tuple[bytes, bytes]]) -> bytes:
    """Encode fields as a form, escaped byte by byte."""
    return b"&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}".encode() for name, value in fields)


def _spelled(fields: dict[str, Any], spell: Callable[[object], str]) -> dict[str, str]:
    return {key: spell(value) for key, value in fields.items() if key != "sign" and not isinstance(value, dict | list)}


def _signature(pairs: dict[str, str]) -> str:
    # Names with brackets or colons are signed too, as verification reads them.
    text = canonical_text(pairs.items()).encode("utf-8", "surrogatepass")
    return hmac.new(SECRET.encode(), text, hashlib.sha1).hexdigest()


def _as_written(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_php(value: object) -> str:
    return php_float(value) if isinstance(value, Number) else _as_written(value)
