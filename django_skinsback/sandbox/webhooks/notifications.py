"""What SkinsBack tells the merchant unasked: Result URL notifications and event webhooks, signed and queued."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django_skinsback.wire.signing import client_digest, event_signature, sign

from ..api import php
from ..api.shapes import as_text, deposit_fields, item_with_text
from ..keys import SECRETS
from ..options import MINUTE
from ..simulation.state import Delivery, Deposit, Project, Purchase
from ..simulation.store import World

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
REORDER_SECONDS = MINUTE
_LARGEST_EXACT = 2**53
"""Beyond that JavaScript rounds a whole number."""


def deposit_changed(world: World, deposit: Deposit, /, *, status: str = "", **overrides: Any) -> None:
    """Queue a notification of the deposit's status, or of any other ``status`` with any fields changed or added."""
    project = world.state.projects[deposit.client_id]
    url = deposit.result_url or project.result_url
    if not url or _is_dropped(world, project, "deposit"):
        return
    fields = {**deposit_fields(world, deposit, status), **overrides}
    body, content_type = _deposit_body(world, project, fields)
    _queue(
        world,
        project,
        kind="deposit",
        subject=deposit.order_id,
        summary=f"deposit {deposit.order_id}: {fields['status']}",
        url=url,
        body=body,
        headers={"Content-Type": content_type},
        transaction_id=deposit.transaction_id,
    )


def _deposit_body(world: World, project: Project, fields: dict[str, Any]) -> tuple[bytes, str]:
    fields = {name: _unmistakable(value) for name, value in fields.items() if value is not None}
    if world.options.notification_format != "json-numbers":
        fields = as_text(fields)
    else:
        noisy = {key: _noisy(value) if isinstance(value, Decimal) else value for key, value in fields.items()}
        if noisy != fields and world.faults.take("notify_float_noise", "deposit"):
            fields = noisy
    signature = sign(php.scalars(fields), SECRETS[project.client_id])
    if not world.faults.take("notify_no_sign", "deposit"):
        wrong = world.faults.take("notify_bad_sign", "deposit")
        fields = {**fields, "sign": signature[::-1] if wrong else signature}
    if world.options.notification_format == "form":
        return urlencode(list(php.form_pairs(fields))).encode(), FORM
    return php.json_text(fields).encode(), JSON


def _unmistakable(value: Any) -> Any:
    """A field that PHP and JavaScript turn into the same text, so that both documented samples verify what is sent.

    Null is left out elsewhere: PHP signs it as empty text and a form drops it, JavaScript does not sign it.
    """
    match value:
        case bool():
            return int(value)
        case int() if abs(value) > _LARGEST_EXACT:
            return str(value)
        case Decimal() if php.float_text(value) != php.plain_text(value):
            return php.plain_text(value)
        case _:
            return value


def _noisy(number: Decimal) -> Decimal:
    """The number as PHP sends its float with ``serialize_precision=17``: 40.759999999999998 for 40.76."""
    return Decimal(f"{float(number):.17g}")


def purchase_bought(world: World, purchase: Purchase) -> None:
    """Queue the event ``buy_item``."""
    _queue_event(
        world,
        purchase.client_id,
        "buy_item",
        {
            "item": item_with_text(purchase.skin),
            "buy_id": str(purchase.buy_id),
            "offer_status": purchase.status,
            "balance_debited_sum": php.plain_text(purchase.debited),
            "custom_id": purchase.custom_id or None,
        },
        subject=f"purchase {purchase.buy_id}",
    )


def purchase_changed(world: World, purchase: Purchase) -> None:
    """Queue the event ``status_change``."""
    _queue_event(
        world,
        purchase.client_id,
        "status_change",
        {
            "item": {"id": str(purchase.skin.skin_id)},
            "buy_id": str(purchase.buy_id),
            "offer_status": purchase.status,
            "error_reason": purchase.error_reason,
            "tradeofferid": purchase.trade_offer_id or None,
            "custom_id": purchase.custom_id or None,
        },
        subject=f"purchase {purchase.buy_id}",
    )


def change_balance(world: World, client_id: str, amount_usd: Decimal) -> None:
    """Move the project's money and queue the event ``balance_change``."""
    project = world.state.projects[client_id]
    project.balance += amount_usd
    world.touch()
    _queue_event(
        world,
        client_id,
        "balance_change",
        {"balance_value": php.plain_text(project.balance)},
        subject="balance",
    )


def _queue_event(world: World, client_id: str, name: str, data: dict[str, Any], *, subject: str) -> None:
    project = world.state.projects[client_id]
    text = php.json_text({"event": name, "data": data})
    world.on_event(client_id, text)
    if not project.events_url or _is_dropped(world, project, "event"):
        return
    body = text.encode()
    signature = event_signature(body, SECRETS[client_id])
    headers = {"Content-Type": JSON}
    if not world.faults.take("notify_no_sign", "event"):
        wrong = world.faults.take("notify_bad_sign", "event")
        headers["Signature"] = signature[::-1] if wrong else signature
    status = f": {data['offer_status']}" if "offer_status" in data else ""
    summary = f"{name} {subject}{status}"
    _queue(
        world,
        project,
        kind="event",
        subject=subject,
        summary=summary,
        url=project.events_url,
        body=body,
        headers=headers,
    )


def _queue(world: World, project: Project, *, kind: str, headers: dict[str, str], **fields: Any) -> None:
    now = world.now()
    late = world.faults.take("notify_delay", kind)
    held_back = world.faults.take("notify_reorder", kind) is not None
    delay = late.seconds(MINUTE) if late else REORDER_SECONDS if held_back else 0
    headers["X-SIGN"] = client_digest(project.client_id, SECRETS[project.client_id])
    copies = 2 if world.faults.take("notify_twice", kind) else 1
    for copy in range(copies):
        delivery = Delivery(
            delivery_id=world.new_delivery_id(),
            client_id=project.client_id,
            kind=kind,
            headers=headers,
            created_at=now,
            due_at=now + delay,
            held_back=held_back,
            **fields,
        )
        if copy:
            delivery.subject += " again"
        world.enqueue(delivery)


def _is_dropped(world: World, project: Project, kind: str) -> bool:
    """Whether a new notification is never sent. It still lets those go that waited to be overtaken."""
    _release_held_back(world, project, kind)
    return world.faults.take("notify_drop", kind) is not None


def _release_held_back(world: World, project: Project, kind: str) -> None:
    """What waited to be overtaken goes out right behind the notification that is being queued."""
    for delivery in list(world.state.deliveries.values()):
        waits = delivery.held_back and delivery.due_at is not None
        if waits and delivery.client_id == project.client_id and delivery.kind == kind:
            delivery.due_at = world.now()
