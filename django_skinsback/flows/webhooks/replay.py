"""Functions for stored deliveries. The sweep or an operator applies them again. An operator can also dismiss them."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from ...exceptions import NotificationRefused, RowChanged
from ...models import WebhookEvent
from ...models.fields import utc_now
from ...wire.notifications import Event, parse_event
from ...wire.types import DepositReport
from ..ledger.database import database
from ..ledger.record import Outcome
from ..polling.queue import is_due
from .receive import REPEATABLE_OUTCOMES, Kind, apply_stored, keep_failed, secrets_of, verify

logger = logging.getLogger("django_skinsback")


def is_processed(event: WebhookEvent) -> bool:
    """Return whether a stored delivery was processed. ``apply_again`` does nothing for a processed delivery."""
    return event.processed_at is not None and event.outcome not in REPEATABLE_OUTCOMES


def apply_again(event: WebhookEvent) -> WebhookEvent.Outcome:
    """Apply a stored delivery and return its outcome. Raises the same errors as ``receive``.

    If the delivery was processed before, or if its body was removed, apply nothing and return the stored outcome.
    """
    if is_processed(event):
        return Outcome(event.outcome)
    if not event.body:  # the delivery was applied, and then the data of its user was removed
        return Outcome(event.outcome)
    body = bytes(event.body)
    message: DepositReport | Event
    try:
        if event.kind == Kind.DEPOSIT:
            message = verify(event.kind, event.account, body, {"Content-Type": event.content_type})
        else:  # verified on receipt; its signature is in a header that is not stored
            secrets_of(event.account)
            message = parse_event(body, event.content_type)
    except NotificationRefused as error:  # for example, the secret was removed from the settings
        keep_failed(event, error)
        raise
    return apply_stored(event, message)


def replay(events: QuerySet[WebhookEvent]) -> Iterator[tuple[WebhookEvent, WebhookEvent.Outcome | Exception]]:
    """Apply stored deliveries again, oldest first. Yield each delivery with its outcome or with the exception."""
    last = 0
    chosen = events.using(database()).order_by("pk")
    while event := chosen.filter(pk__gt=last).first():
        last = event.pk
        result: WebhookEvent.Outcome | Exception
        try:
            result = apply_again(event)
        except Exception as error:  # noqa: BLE001 - a receiver of the site may raise anything; continue with the others
            result = error
        yield event, result


def apply_kept(now: datetime | None = None) -> int:
    """Apply the failed and unmatched deliveries that are due, and return how many were applied.

    The sweep of deposits calls this function.
    """
    now, applied = now or utc_now(), 0
    for event, result in replay(WebhookEvent.objects.filter(is_due("next_try_at", now))):
        if isinstance(result, Exception):
            logger.warning("skinsback.notification_failed", extra={"event_id": event.pk}, exc_info=result)
        else:
            applied += result == Outcome.APPLIED
    return applied


def dismiss(event: WebhookEvent, by: Any = None, note: str = "") -> WebhookEvent:
    """Dismiss a delivery that could not be applied, and return it. A dismissed delivery is not applied again.

    If SkinsBack sends a dismissed delivery again, it is only counted. Raises RowChanged if the delivery was applied or
    dismissed since ``event`` was read, or if it has failed with another error since then.
    """
    waiting = WebhookEvent.objects.using(database()).filter(pk=event.pk, outcome=Outcome.FAILED, error=event.error)
    dismissed = {"outcome": Outcome.DISMISSED, "processed_at": utc_now(), "next_try_at": None, "needs_review": False}
    if not waiting.filter(processed_at=None).update(**dismissed):
        raise RowChanged
    about = {"account": event.account, "event_id": event.pk, "by": getattr(by, "pk", None), "note": note}
    logger.warning("skinsback.delivery_dismissed", extra=about)
    event.refresh_from_db(using=database(), fields=list(dismissed))
    return event
