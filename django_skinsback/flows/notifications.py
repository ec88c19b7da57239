"""What SkinsBack delivers: verified, stored as it came, and applied, all or nothing.

A delivery and its effect are one database transaction. If applying it fails, the effect is undone and the delivery is
kept alone with the error, to be applied by its redelivery, by the sweep or by hand.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError
from django.db.models import F, QuerySet

from .. import conf
from ..exceptions import ConfigurationError, NoSecret, NotificationRefused
from ..models import BalanceSnapshot, WebhookEvent
from ..models.fields import utc_now
from ..wire.notifications import Event, parse_event, read_deposit_notification, read_event
from ..wire.types import DepositReport
from . import deposits, purchase_reports
from .database import database, run
from .records import Outcome, Source
from .refusals import refuse

logger = logging.getLogger("django_skinsback")

KEPT_HEADERS = ("Content-Type", "Content-Length", "User-Agent", "X-Forwarded-For")
"""Never ``X-SIGN``: whoever reads it once could sign as SkinsBack wherever it alone is believed."""

APPLY_AGAIN_FOR = timedelta(days=7)

Kind = WebhookEvent.Kind


def receive(
    kind: str, account: str, body: bytes, headers: Mapping[str, str], remote_addr: str = ""
) -> WebhookEvent.Outcome:
    """Take one delivery: ``deposit`` (``/docs/api/v1/callback``) or ``event`` (``/docs/api/v1/api_event_webhook``).

    Returns what became of it once that is committed. Raises NotificationRefused, before any query, if it is not
    SkinsBack's; any other exception means it is kept but could not be applied.
    """
    try:
        message = _verify(kind, account, body, headers)
    except NotificationRefused as error:
        refuse(account, kind, error, remote_addr)
        raise
    event = WebhookEvent(
        account=account,
        kind=kind,
        digest=hashlib.sha256(body).hexdigest(),
        body=body,
        content_type=headers.get("Content-Type", "")[:100],
        headers={name: headers[name][:500] for name in KEPT_HEADERS if name in headers},
        remote_addr=remote_addr[:64],
        received_at=utc_now(),
    )
    return _store_and_apply(event, message)


def apply_again(event: WebhookEvent) -> WebhookEvent.Outcome:
    """Apply a stored delivery: for the first time if it never was, else once more.

    The second time changes nothing, unless the first could not make anything of it and this version can: what it was
    then stays its outcome. Raises as ``receive`` does.
    """
    body = bytes(event.body)
    message: DepositReport | Event
    if event.kind == Kind.DEPOSIT:
        message = _verify(event.kind, event.account, body, {"Content-Type": event.content_type})
    else:  # its signature was in a header, which is not kept
        message = parse_event(body, event.content_type)
    if event.processed_at is None:
        return _apply_stored(event, message)
    outcome: WebhookEvent.Outcome = run(partial(_apply_once_more, event, message))
    return outcome


def replay(events: QuerySet[WebhookEvent]) -> Iterator[tuple[WebhookEvent, WebhookEvent.Outcome | Exception]]:
    """Apply stored deliveries again, in the order in which they came; yields each with what became of it."""
    last = 0
    chosen = events.using(database()).order_by("pk")
    while event := chosen.filter(pk__gt=last).first():
        last = event.pk
        result: WebhookEvent.Outcome | Exception
        try:
            result = apply_again(event)
        except Exception as error:  # noqa: BLE001 - a site's listener may raise anything; the others must not wait
            result = error
        yield event, result


def _apply_once_more(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    # A balance is a moment's: taken once more it would be a wrong one.
    if isinstance(message, Event) and message.purchase is None:
        return Outcome(event.outcome)
    outcome, rows = _record(event, message)
    if outcome == Outcome.APPLIED:
        WebhookEvent.objects.using(database()).filter(pk=event.pk).update(outcome=outcome, **rows)
    return outcome


def apply_kept(now: datetime | None = None) -> int:
    """Try every delivery that is still to be applied; returns how many were. Part of the sweep."""
    now, applied = now or utc_now(), 0
    for event, result in replay(WebhookEvent.objects.filter(processed_at=None, received_at__gte=now - APPLY_AGAIN_FOR)):
        if isinstance(result, Exception):
            logger.warning("skinsback.notification_failed", extra={"event_id": event.pk}, exc_info=result)
        else:
            applied += result != Outcome.UNMATCHED
    return applied


def _verify(kind: str, account: str, body: bytes, headers: Mapping[str, str]) -> DepositReport | Event:
    try:
        secrets = conf.account(account).secrets
    except ConfigurationError:
        raise NoSecret from None
    if kind == Kind.DEPOSIT:
        return read_deposit_notification(body, headers.get("Content-Type", ""), secrets=secrets)
    return read_event(body, headers, secrets=secrets)


def _store_and_apply(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    if _count_repeat(event):
        return Outcome.REPEAT

    def block() -> WebhookEvent.Outcome:
        event.pk, event._state.adding = None, True
        event.processed_at, event.outcome = utc_now(), Outcome.FAILED
        event.save(using=database())
        return _apply(event, message)

    try:
        return run(block)
    except IntegrityError:
        stored = _stored(event)
        if stored is None:
            _keep_failed(event, "IntegrityError")
            raise
    except Exception as error:
        _keep_failed(event, type(error).__name__)
        raise
    return Outcome.REPEAT if _count_repeat(event) else _apply_stored(stored, message)


def _stored(event: WebhookEvent) -> WebhookEvent | None:
    same = WebhookEvent.objects.using(database()).filter(account=event.account, kind=event.kind, digest=event.digest)
    return same.first()


def _count_repeat(event: WebhookEvent) -> bool:
    """Whether the very same delivery was applied before; if so it is only counted."""
    same = WebhookEvent.objects.using(database()).filter(
        account=event.account, kind=event.kind, digest=event.digest, processed_at__isnull=False
    )
    return bool(same.update(deliveries=F("deliveries") + 1))


def _apply_stored(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    """Apply a delivery that is in the table already; whoever marks it processed first does it, once."""

    def block() -> WebhookEvent.Outcome:
        mine = WebhookEvent.objects.using(database()).filter(pk=event.pk, processed_at=None)
        if not mine.update(processed_at=utc_now(), error=""):
            return Outcome.REPEAT
        event.processed_at = utc_now()
        return _apply(event, message)

    try:
        return run(block)
    except Exception as error:
        _keep_failed(event, type(error).__name__)
        raise


def _keep_failed(event: WebhookEvent, error: str) -> None:
    """Keep the delivery alone, in a database transaction of its own; the effect has been undone."""

    def block() -> None:
        same = WebhookEvent.objects.using(database()).filter(
            account=event.account, kind=event.kind, digest=event.digest
        )
        if same.update(error=error):
            return
        event.pk, event._state.adding = None, True
        event.processed_at, event.outcome, event.error = None, Outcome.FAILED, error
        event.deposit = event.purchase = None
        event.save(using=database())

    run(block)


def _apply(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    """Record what the delivery says, and on the delivery what became of it."""
    outcome, rows = _record(event, message)
    waiting = outcome == Outcome.UNMATCHED
    changes = {"outcome": outcome, "processed_at": None if waiting else event.processed_at, **rows}
    WebhookEvent.objects.using(database()).filter(pk=event.pk).update(**changes)
    return outcome


def _record(event: WebhookEvent, message: DepositReport | Event) -> tuple[WebhookEvent.Outcome, dict[str, object]]:
    if isinstance(message, DepositReport):
        deposit = deposits.apply_report(message, Source.WEBHOOK, account=event.account, event=event)
        return deposit.outcome, {"deposit": deposit.row}
    if message.purchase is not None:
        purchase = purchase_reports.apply_report(message.purchase, Source.WEBHOOK, account=event.account, event=event)
        return purchase.outcome, {"purchase": purchase.row}
    if message.balance is not None:
        BalanceSnapshot.objects.using(database()).create(
            account=event.account, balance=message.balance, taken_at=event.received_at
        )
        return Outcome.APPLIED, {}
    return Outcome.IGNORED, {}
