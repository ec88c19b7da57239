"""Functions that queue deliveries. Faults drop, delay, duplicate or reorder the deliveries."""

from typing import Any

from django_skinsback.wire.signing import client_digest

from ..keys import SECRETS
from ..options import MINUTE
from ..simulation.state import Delivery, Project
from ..simulation.store import Store

_NOTIFICATION_DELAY_SECONDS = MINUTE
_LONGEST_HOLD_BACK_SECONDS = MINUTE


def queue(store: Store, project: Project, *, kind: str, headers: dict[str, str], **fields: Any) -> None:
    """Queue a delivery that is due now. ``fields`` are fields of ``Delivery``.

    The faults ``notify_delay`` and ``notify_reorder`` delay the delivery. With the fault ``notify_twice``, the delivery
    is queued twice.
    """
    now, consume = store.now(), store.faults.consume
    delayed = consume("notify_delay", kind)
    held_back = consume("notify_reorder", kind) is not None
    delay = delayed.seconds(_NOTIFICATION_DELAY_SECONDS) if delayed else _LONGEST_HOLD_BACK_SECONDS if held_back else 0
    headers["X-SIGN"] = client_digest(project.client_id, SECRETS[project.client_id])
    copies = 2 if consume("notify_twice", kind) else 1
    for copy in range(copies):
        delivery = Delivery(
            delivery_id=store.new_delivery_id(),
            client_id=project.client_id,
            kind=kind,
            headers=headers,
            created_at=now,
            due_at=now + delay,
            held_back=held_back,
            **fields,
        )
        if copy:
            delivery.subject += " again"  # with different subjects, both copies can be sent at the same time
        store.enqueue(delivery)


def is_dropped(store: Store, project: Project, kind: str) -> bool:
    """Return whether the fault ``notify_drop`` drops the new delivery.

    Earlier deliveries that the fault ``notify_reorder`` holds back become due now, even if the new delivery is dropped.
    They are sent after the new delivery.
    """
    for delivery in list(store.state.deliveries.values()):
        waits = delivery.held_back and delivery.due_at is not None
        if waits and delivery.client_id == project.client_id and delivery.kind == kind:
            delivery.due_at = store.now()
    return store.faults.consume("notify_drop", kind) is not None
