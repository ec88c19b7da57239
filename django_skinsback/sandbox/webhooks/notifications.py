"""Queue Result URL notifications and events when a deposit, a purchase or a balance changes."""

from collections.abc import Callable
from typing import Any

from django_skinsback.wire.signing import event_signature

from ..api import php
from ..api.shapes import deposit_fields, item_with_text
from ..keys import SECRETS
from ..simulation.state import Deposit, Project, Purchase
from ..simulation.store import Observer, Store
from .deliveries import is_dropped, queue
from .result_url import JSON, notification_body


class Notifications(Observer):
    """Queues a delivery for every change. Events are also sent to websocket clients: ``send_event(client_id, body)``.

    If there is no Result URL, no deposit notification is queued. If there is no Webhook Events URL, no event is queued.
    """

    def __init__(self, store: Store, send_event: Callable[[str, str], object]) -> None:
        self.store = store
        self._send_event = send_event

    def deposit_changed(self, deposit: Deposit) -> None:
        """Queue a Result URL notification with the current status of the deposit."""
        self.notify_deposit(deposit)

    def notify_deposit(self, deposit: Deposit, /, *, status: str = "", **overrides: Any) -> None:
        """Queue a signed Result URL notification. ``status`` and ``overrides`` replace or add fields of it."""
        project = self.store.state.projects[deposit.client_id]
        url = deposit.result_url or project.result_url
        if not url or is_dropped(self.store, project, "deposit"):
            return
        fields = {**deposit_fields(self.store, deposit, status), **overrides}
        body, content_type = notification_body(self.store, project, fields)
        queue(
            self.store,
            project,
            kind="deposit",
            subject=deposit.order_id,
            summary=f"deposit {deposit.order_id}: {fields['status']}",
            url=url,
            body=body,
            headers={"Content-Type": content_type},
            transaction_id=deposit.transaction_id,
        )

    def purchase_created(self, purchase: Purchase) -> None:
        """Send the event ``buy_item`` to websocket clients, and queue the event for the Webhook Events URL."""
        self._send_purchase_event(
            purchase,
            "buy_item",
            {
                "item": item_with_text(purchase.skin),
                "buy_id": str(purchase.buy_id),
                "offer_status": purchase.status,
                "balance_debited_sum": php.plain_text(purchase.debited),
                "custom_id": purchase.custom_id or None,
            },
        )

    def purchase_changed(self, purchase: Purchase) -> None:
        """Send the event ``status_change`` to websocket clients, and queue the event for the Webhook Events URL."""
        self._send_purchase_event(
            purchase,
            "status_change",
            {
                "item": {"id": str(purchase.skin.skin_id)},
                "buy_id": str(purchase.buy_id),
                "offer_status": purchase.status,
                "error_reason": purchase.error_reason,
                "tradeofferid": purchase.trade_offer_id or None,
                "custom_id": purchase.custom_id or None,
            },
        )

    def _send_purchase_event(self, purchase: Purchase, name: str, data: dict[str, Any]) -> None:
        project = self.store.state.projects[purchase.client_id]
        subject = f"purchase {purchase.buy_id}"
        self._queue_event(project, name, data, subject=subject, summary=f"{name} {subject}: {purchase.status}")

    def balance_changed(self, project: Project) -> None:
        """Send the event ``balance_change`` to websocket clients, and queue the event for the Webhook Events URL."""
        data = {"balance_value": php.plain_text(project.balance)}
        self._queue_event(project, "balance_change", data, subject="balance", summary="balance_change balance")

    def _queue_event(self, project: Project, name: str, data: dict[str, Any], *, subject: str, summary: str) -> None:
        text = php.json_text({"event": name, "data": data})
        self._send_event(project.client_id, text)
        if not project.events_url or is_dropped(self.store, project, "event"):
            return
        body = text.encode()
        headers = {"Content-Type": JSON}
        consume = self.store.faults.consume
        if not consume("notify_no_sign", "event"):
            signature = event_signature(body, SECRETS[project.client_id])
            headers["Signature"] = signature[::-1] if consume("notify_bad_sign", "event") else signature
        queue(
            self.store,
            project,
            kind="event",
            subject=subject,
            summary=summary,
            url=project.events_url,
            body=body,
            headers=headers,
        )
