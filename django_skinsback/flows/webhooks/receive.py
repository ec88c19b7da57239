"""What SkinsBack delivers: verified, stored as it came, and applied, all or nothing.

A delivery and its effect are one database transaction. If applying it fails, the effect is undone and the delivery is
kept alone with the error, to be applied by its redelivery, by the sweep or by hand.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError
from django.db.models import F, QuerySet

from ... import conf
from ...exceptions import ConfigurationError, NoSecret, NotificationRefused, RolledBack, RowChanged
from ...models import Deposit, Purchase, WebhookEvent
from ...models.fields import utc_now
from ...wire.notifications import Event, parse_event, read_deposit_notification, read_event
from ...wire.readers import storable
from ...wire.types import DepositReport
from ..deposits import report as deposit_reports
from ..forget_user import RAW_DATA
from ..ledger.database import database, is_inside_transaction, run
from ..ledger.edit import Source
from ..ledger.record import Outcome, Weighed, record
from ..monitoring.balance import keep_balance
from ..polling.queue import is_due
from ..purchases import report as purchase_reports
from .rejections import refuse

logger = logging.getLogger("django_skinsback")

KEPT_HEADERS = ("Content-Type", "Content-Length", "User-Agent", "X-Forwarded-For")
"""Never ``X-SIGN``: whoever reads it once could sign as SkinsBack wherever it alone is believed."""

APPLY_AGAIN_FOR = timedelta(days=7)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=6)

WORTH_ANOTHER_TRY = (WebhookEvent.Outcome.UNKNOWN_STATUS, WebhookEvent.Outcome.MISMATCHED)
"""Outcomes of which a later version, or a row mended by then, may make something."""

Kind = WebhookEvent.Kind


def receive(
    kind: str, account: str, body: bytes, headers: Mapping[str, str], remote_addr: str = ""
) -> WebhookEvent.Outcome:
    """Take one delivery: ``deposit`` (``/docs/api/v1/callback``) or ``event`` (``/docs/api/v1/api_event_webhook``).

    Returns what became of it once that is committed; inside a database transaction of the caller's, who must not answer
    before he commits, once it is written. Raises NotificationRefused, before any query, if it is not SkinsBack's. Any
    other exception means that it could not be applied; it is kept as long as the database answers.
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
        content_type=storable(headers.get("Content-Type", ""))[:100],
        headers={name: storable(headers[name])[:500] for name in KEPT_HEADERS if name in headers},
        remote_addr=storable(remote_addr)[:64],
        received_at=utc_now(),
    )
    return _store_and_apply(event, message)


def is_processed(event: WebhookEvent) -> bool:
    """Whether a stored delivery was processed before, so that ``apply_again`` leaves it as it is."""
    return event.processed_at is not None and event.outcome not in WORTH_ANOTHER_TRY


def apply_again(event: WebhookEvent) -> WebhookEvent.Outcome:
    """Apply a stored delivery of which nothing could be made so far; any other is left as it is.

    Returns what became of it, or had become of it before. Raises as ``receive`` does.
    """
    if is_processed(event):
        return Outcome(event.outcome)
    if not event.body:  # it was applied, and its user was forgotten since
        return Outcome(event.outcome)
    body = bytes(event.body)
    message: DepositReport | Event
    try:
        if event.kind == Kind.DEPOSIT:
            message = _verify(event.kind, event.account, body, {"Content-Type": event.content_type})
        else:  # its signature was in a header, which is not kept
            _secrets(event.account)
            message = parse_event(body, event.content_type)
    except NotificationRefused as error:  # the secret it was signed with is gone
        _keep_failed(event, _cause(error))
        raise
    return _apply_stored(event, message)


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


def apply_kept(now: datetime | None = None) -> int:
    """Try the deliveries that are still to be applied and due; returns how many were applied. Part of the sweep."""
    now, applied = now or utc_now(), 0
    for event, result in replay(WebhookEvent.objects.filter(is_due("next_try_at", now))):
        if isinstance(result, Exception):
            logger.warning("skinsback.notification_failed", extra={"event_id": event.pk}, exc_info=result)
        else:
            applied += result == Outcome.APPLIED
    return applied


def _next_try(event: WebhookEvent) -> datetime | None:
    """Ever later, as the delivery grows old, until it is left to an operator."""
    now = utc_now()
    age = now - event.received_at
    return None if age > APPLY_AGAIN_FOR else now + min(max(age, FIRST_PAUSE), LONGEST_PAUSE)


def _secrets(account: str) -> tuple[str, ...]:
    if account not in conf.accounts():
        raise NoSecret
    try:
        return conf.keys(account).secrets
    except ConfigurationError as error:
        raise NoSecret(str(error)) from None


def _verify(kind: str, account: str, body: bytes, headers: Mapping[str, str]) -> DepositReport | Event:
    secrets = _secrets(account)
    if kind == Kind.DEPOSIT:
        return read_deposit_notification(body, headers.get("Content-Type", ""), secrets=secrets)
    return read_event(body, headers, secrets=secrets)


def _store_and_apply(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    def weigh(*, lock: bool) -> Weighed[Any]:
        event.pk, event._state.adding = None, True  # as it was before an attempt that was undone
        return _weigh(event, message, lock=lock)

    try:
        locks_at_once = conf.callable_setting("CREDIT") or is_inside_transaction()
        weighed = None if locks_at_once else weigh(lock=False)
        brings_news = weighed is not None and weighed.row is not None and weighed.outcome == Outcome.APPLIED
        if not brings_news and _count_repeat(event):
            return Outcome.REPEAT
        return record(weigh, partial(_store, event, message), weighed=weighed).outcome
    except IntegrityError:
        stored = _stored(event)
        if stored is None:
            _keep_failed(event, "IntegrityError")
            raise
    except Exception as error:
        _keep_failed(event, _cause(error))
        raise
    if _count_repeat(event):
        return Outcome.REPEAT
    WebhookEvent.objects.using(database()).filter(pk=stored.pk).update(deliveries=F("deliveries") + 1)
    return _apply_stored(stored, message)


def _stored(event: WebhookEvent) -> WebhookEvent | None:
    same = WebhookEvent.objects.using(database()).filter(account=event.account, kind=event.kind, digest=event.digest)
    return same.first()


def _count_repeat(event: WebhookEvent) -> bool:
    """Whether the very same delivery was made use of before; if so it is only counted."""
    same = WebhookEvent.objects.using(database()).filter(
        account=event.account, kind=event.kind, digest=event.digest, processed_at__isnull=False
    )
    return bool(same.exclude(outcome__in=WORTH_ANOTHER_TRY).update(deliveries=F("deliveries") + 1))


def _apply_stored(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    """Apply a delivery that is in the table already; whoever marks it processed first does it, once."""

    def block() -> WebhookEvent.Outcome:
        now = utc_now()
        mine = WebhookEvent.objects.using(database()).filter(pk=event.pk, processed_at=event.processed_at)
        if not mine.update(processed_at=now, error="", next_try_at=None):
            return Outcome.REPEAT
        weighed = _weigh(event, message, lock=True)
        WebhookEvent.objects.using(database()).filter(pk=event.pk).update(**_result(event, weighed, now))
        weighed.write()
        _keep_balance(event, message)
        return weighed.outcome

    try:
        return run(block)
    except Exception as error:
        _keep_failed(event, _cause(error))
        raise


def _keep_failed(event: WebhookEvent, error: str) -> None:
    """Keep the delivery alone, in a database transaction of its own; the effect has been undone."""

    def block() -> None:
        same = WebhookEvent.objects.using(database()).filter(
            account=event.account, kind=event.kind, digest=event.digest
        )
        first = same.first() or event  # a copy is as old as the delivery that is kept already
        next_try_at = _next_try(first)
        too_old = next_try_at is None or utc_now() - first.received_at > conf.stuck_after()
        kept = {"error": error, "outcome": Outcome.FAILED, "next_try_at": next_try_at, "needs_review": too_old}
        # Applied after all: the answer of its commit was lost, or another process did it meanwhile.
        if same.filter(processed_at=None).update(**kept) or same.exists():
            return
        event.pk, event._state.adding = None, True
        event.processed_at, event.outcome, event.error = None, Outcome.FAILED, error
        event.next_try_at, event.needs_review = next_try_at, too_old
        event.deposit = event.purchase = None
        event.save(using=database())

    run(block)


def _cause(error: Exception) -> str:
    """The error as it is kept: the whole text of RolledBack, which says what to do, else only the name of its class."""
    return str(error) if isinstance(error, RolledBack) else type(error).__name__


def dismiss(event: WebhookEvent, by: Any = None, note: str = "") -> WebhookEvent:
    """Give up a delivery that could not be applied; it is not tried again, and a copy of it is only counted.

    Raises RowChanged if it was applied, dismissed, or failed in another way since ``event`` was read.
    """
    waiting = WebhookEvent.objects.using(database()).filter(pk=event.pk, outcome=Outcome.FAILED, error=event.error)
    dismissed = {"outcome": Outcome.DISMISSED, "processed_at": utc_now(), "next_try_at": None, "needs_review": False}
    if not waiting.filter(processed_at=None).update(**dismissed):
        raise RowChanged
    about = {"account": event.account, "event_id": event.pk, "by": getattr(by, "pk", None), "note": note}
    logger.warning("skinsback.delivery_dismissed", extra=about)
    event.refresh_from_db(using=database(), fields=list(dismissed))
    return event


def _result(event: WebhookEvent, weighed: Weighed[Any], now: datetime) -> dict[str, Any]:
    """What is noted on a delivery once it is known what becomes of it."""
    row, unmatched = weighed.row, weighed.outcome == Outcome.UNMATCHED
    return {
        "outcome": weighed.outcome,
        "processed_at": None if unmatched else now,
        "next_try_at": _next_try(event) if unmatched else None,
        "needs_review": False,
        "deposit": row if isinstance(row, Deposit) else None,
        "purchase": row if isinstance(row, Purchase) else None,
        **(RAW_DATA if row is not None and row.forgotten_at is not None else {}),
    }


def _weigh(event: WebhookEvent, message: DepositReport | Event, *, lock: bool) -> Weighed[Any]:
    about: dict[str, Any] = {"lock": lock, "account": event.account, "event": event}
    if isinstance(message, DepositReport):
        return deposit_reports.weigh_report(message, Source.WEBHOOK, **about)
    if message.purchase is not None:
        return purchase_reports.weigh_report(message.purchase, Source.WEBHOOK, **about)
    return Weighed(Outcome.IGNORED if message.balance is None else Outcome.APPLIED)


def _store(event: WebhookEvent, message: DepositReport | Event, weighed: Weighed[Any]) -> None:
    """Keep a delivery together with its effect; the row first, as everywhere, so that no two wait for each other."""
    if weighed.edit is not None:
        weighed.edit.save_row()
    for name, value in _result(event, weighed, utc_now()).items():
        setattr(event, name, value)
    event.save(using=database(), force_insert=True)
    if weighed.edit is not None:
        weighed.edit.save_news()
    _keep_balance(event, message)
    is_verified = weighed.edit is not None and weighed.edit.changed  # with the row
    if not is_verified and not WebhookEvent.objects.using(database()).filter(pk=event.pk).exists():
        raise RolledBack


def _keep_balance(event: WebhookEvent, message: DepositReport | Event) -> None:
    if isinstance(message, Event) and message.balance is not None:
        keep_balance(event.account, message.balance)
