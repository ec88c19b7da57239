"""A plain Django view that applies a delivery, and two that only verify it.

``result`` is what a careful developer writes without the package: signature first, one database transaction, a stored
delivery that is unique by its digest, the deposit locked, its status checked, history, a ledger entry that is unique,
the wallet, and the delivery marked as processed. It writes the same tables, so that the same rows can be compared.
"""

import hashlib
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from benchmarks.plain.signing import LIMIT, Unreadable, is_signed, read
from django_skinsback.exceptions import BadSignature, UnreadableNotification
from django_skinsback.models import Deposit, LedgerEntry, StatusChange, WebhookEvent
from django_skinsback.wire.notifications import read_deposit_notification
from tests.wallet.receivers import move_money

MAY_FOLLOW = {
    "created": {"pending", "in_hold", "hold_approved", "success", "fail", "hold_returned"},
    "pending": {"in_hold", "hold_approved", "success", "fail", "hold_returned"},
    "in_hold": {"hold_approved", "success", "fail", "hold_returned"},
    "hold_approved": {"success", "hold_returned"},
}
FINAL = {"success", "fail", "hold_returned"}
CREDITS = {"success", "hold_approved"}
STORED_HEADERS = ("Content-Type", "Content-Length", "User-Agent", "X-Forwarded-For")


@csrf_exempt
@require_POST
def verify(request: HttpRequest) -> JsonResponse:
    """Parse the body and check the signature."""
    try:
        _body, fields = read(request)
    except Unreadable:
        return JsonResponse({"status": "refused"}, status=400)
    status = 200 if is_signed(fields) else 403
    return JsonResponse({"status": "refused"}, status=status)


@csrf_exempt
@require_POST
def verify_as_the_package(request: HttpRequest) -> JsonResponse:
    """The same with the package's verification, which tries every spelling of numbers and refuses ambiguous bodies."""
    secrets = [settings.SKINSBACK["CLIENT_SECRET"]]
    try:
        read_deposit_notification(request.read(LIMIT + 1), request.META.get("CONTENT_TYPE", ""), secrets=secrets)
    except UnreadableNotification:
        return JsonResponse({"status": "refused"}, status=400)
    except BadSignature:
        return JsonResponse({"status": "refused"}, status=403)
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_POST
def result(request: HttpRequest) -> JsonResponse:
    """Store and apply a delivery about a deposit."""
    try:
        body, fields = read(request)
    except Unreadable:
        return JsonResponse({"status": "refused"}, status=400)
    if not is_signed(fields):
        return JsonResponse({"status": "refused"}, status=403)
    with transaction.atomic():
        event, is_new = WebhookEvent.objects.get_or_create(
            account="default",
            kind="deposit",
            digest=hashlib.sha256(body).hexdigest(),
            defaults={
                "body": body,
                "content_type": request.headers.get("Content-Type", ""),
                "headers": {name: request.headers[name] for name in STORED_HEADERS if name in request.headers},
                "remote_addr": request.META.get("REMOTE_ADDR", ""),
            },
        )
        if is_new:
            apply(event, fields)
        else:
            WebhookEvent.objects.filter(pk=event.pk).update(deliveries=F("deliveries") + 1)
    return JsonResponse({"status": "ok"})


def apply(event: WebhookEvent, fields: dict[str, Any]) -> None:
    """Apply a new delivery to its deposit."""
    now, status = timezone.now(), fields["status"]
    deposit = Deposit.objects.select_for_update().get(account="default", order_id=fields["order_id"])
    event.deposit, event.processed_at = deposit, now
    if status not in MAY_FOLLOW.get(deposit.status, ()):
        event.outcome = "stale"
        event.save()
        return
    before, deposit.status = deposit.status, status
    deposit.amount = Decimal(fields["amount"])
    deposit.user_amount = Decimal(fields["user_amount"])
    deposit.amount_currency = fields["amount_currency"]
    deposit.payer_steam_id = fields["steam_id"]
    deposit.skins = fields.get("skins", [])
    deposit.finished_at = now if status in FINAL else None
    deposit.next_poll_at, deposit.poll_count = None, 0
    deposit.save()
    change = StatusChange(
        deposit=deposit,
        from_status=before,
        to_status=status,
        source="webhook",
        webhook_event=event,
        amount=deposit.amount,
        currency=deposit.amount_currency,
    )
    if status in CREDITS:
        change.credit_amount, change.credit_currency = deposit.user_amount, deposit.amount_currency
        entry, is_new = LedgerEntry.objects.get_or_create(
            deposit=deposit,
            kind="credit",
            defaults={
                "user_id": deposit.user_id,
                "amount": deposit.user_amount,
                "currency": deposit.amount_currency,
            },
        )
        if is_new:
            move_money(entry=entry)
    change.save()
    event.outcome = "applied"
    event.save()
