"""Functions that receive a webhook delivery: verify it, store its bytes, and apply it.

A delivery and its effect are stored in one database transaction. If applying the delivery fails, the effect is rolled
back, and only the delivery is stored, with the error. It is applied later: when SkinsBack sends it again, by the sweep,
or by an operator.
"""

import copy
import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError
from django.db.models import F, QuerySet

from ... import conf
from ...exceptions import ConfigurationError, NoSecret, NotificationRefused, RolledBack
from ...models import Deposit, Purchase, WebhookEvent
from ...models.fields import utc_now
from ...statuses import Queue
from ...wire.notifications import Event, read_deposit_notification, read_event
from ...wire.readers import storable
from ...wire.types import DepositReport
from ..deposits import report as deposits
from ..forget_user import RAW_DATA
from ..ledger.database import database, look, run
from ..ledger.edit import Source
from ..ledger.queues import announce_queue_entered
from ..ledger.record import Outcome, PendingChange
from ..monitoring.balance import store_balance
from ..purchases import report as purchases
from .rejections import refuse

logger = logging.getLogger("django_skinsback")

KEPT_HEADERS = ("Content-Type", "Content-Length", "User-Agent", "X-Forwarded-For")
"""The headers that are stored. ``X-SIGN`` must not be stored.

``X-SIGN`` is the same in every delivery, so anyone who can read the table could forge deliveries for a site that
accepts it.
"""

RETRY_FOR = timedelta(days=7)
FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY = timedelta(seconds=10), timedelta(hours=6)

REPEATABLE_OUTCOMES = (WebhookEvent.Outcome.UNKNOWN_STATUS, WebhookEvent.Outcome.MISMATCHED)
"""Outcomes after which a delivery may be applied again.

The outcome may be another one after an upgrade of the package, or after the row was repaired.
"""

Kind = WebhookEvent.Kind


def receive(
    kind: str, account: str, body: bytes, headers: Mapping[str, str], remote_addr: str = ""
) -> WebhookEvent.Outcome:
    """Verify, store and apply one delivery. Return its outcome after the commit.

    ``kind`` is ``deposit`` (``/docs/api/v1/callback``) or ``event`` (``/docs/api/v1/api_event_webhook``). If the caller
    has opened a database transaction, the outcome is returned before the commit. Then the caller must commit before it
    answers SkinsBack.

    Raises NotificationRefused if the signature is not valid. In this case no query is sent. Raises any other exception
    if the delivery could not be applied. Then the delivery is stored with the error, unless the database is down.
    """
    try:
        message = verify(kind, account, body, headers)
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


def _store_and_apply(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    """Store a new delivery and its effect in one database transaction. Return the outcome.

    If the same bytes were received and processed before, only count the delivery.
    """
    store = partial(_apply, event, message, is_stored=False)
    try:
        return run(store, repeat_after_integrity_error=False)
    except IntegrityError:
        stored = _copies(event).first()
        if stored is None:  # no copy is stored, so another row has got the reported ID, or a receiver raised the error
            return _run_or_keep(event, store, message)
    except Exception as error:
        keep_failed(event, error, message)
        raise
    if _count_repeat(event):
        return Outcome.REPEAT
    WebhookEvent.objects.using(database()).filter(pk=stored.pk).update(deliveries=F("deliveries") + 1)
    return apply_stored(stored, message)


def apply_stored(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    """Apply a stored delivery and return its outcome.

    If another process has applied the delivery since it was read, apply nothing and return REPEAT.
    """
    return _run_or_keep(event, partial(_apply, event, message, is_stored=True), message)


def _run_or_keep(
    event: WebhookEvent, apply: Callable[[], WebhookEvent.Outcome], message: DepositReport | Event
) -> WebhookEvent.Outcome:
    try:
        return run(apply)
    except Exception as error:
        keep_failed(event, error, message)
        raise


def _apply(event: WebhookEvent, message: DepositReport | Event, *, is_stored: bool) -> WebhookEvent.Outcome:
    """Lock the deposit or purchase, decide, store the delivery, write its effect, and return the outcome.

    Raise RolledBack if the delivery or its effect is not saved.
    """
    event = event if is_stored else copy.copy(event)  # a rolled back attempt must not change the caller's object
    pending: PendingChange[Any]
    about: dict[str, Any] = {"account": event.account, "event": event}
    if isinstance(message, DepositReport):
        pending = deposits.decide(message, Source.WEBHOOK, **about)
    elif message.purchase is not None:
        pending = purchases.decide(message.purchase, Source.WEBHOOK, **about)
    else:
        pending = PendingChange(Outcome.IGNORED if message.balance is None else Outcome.APPLIED)
    outcome, edit = pending
    deliveries = WebhookEvent.objects.using(database())
    if is_stored:
        result = _result(event, pending, utc_now())
        if not deliveries.filter(pk=event.pk, processed_at=event.processed_at).update(**result, error=""):
            return Outcome.REPEAT
    elif outcome != Outcome.APPLIED and _count_repeat(event):
        return Outcome.REPEAT
    else:
        for name, value in _result(event, pending, utc_now()).items():
            setattr(event, name, value)
        event.save(using=database(), force_insert=True)
    if edit is not None:
        edit.save()
    if isinstance(message, Event) and message.balance is not None:
        store_balance(event.account, message.balance)
    is_verified = edit is not None and edit.changed  # edit.save() has verified this database transaction
    if not is_verified and not deliveries.filter(pk=event.pk).exists():
        raise RolledBack
    return outcome


def _result(event: WebhookEvent, pending: PendingChange[Any], now: datetime) -> dict[str, Any]:
    """Return the values of the delivery's columns that store the result of applying it."""
    row = pending.edit.row if pending.edit is not None else None
    unmatched = pending.outcome == Outcome.UNMATCHED
    return {
        "outcome": pending.outcome,
        "processed_at": None if unmatched else now,
        "next_try_at": _next_try_at(event) if unmatched else None,
        "needs_review": False,
        "deposit": row if isinstance(row, Deposit) else None,
        "purchase": row if isinstance(row, Purchase) else None,
        **(RAW_DATA if row is not None and row.forgotten_at is not None else {}),
    }


def _next_try_at(event: WebhookEvent) -> datetime | None:
    """Return the time at which a delivery is applied again. The delays grow. Return None after ``RETRY_FOR``."""
    now = utc_now()
    age = now - event.received_at
    return None if age > RETRY_FOR else now + min(max(age, FIRST_RETRY_DELAY), LONGEST_RETRY_DELAY)


def _copies(event: WebhookEvent) -> QuerySet[WebhookEvent]:
    """Return a query of the stored delivery with the same account, kind and bytes. It finds at most one row."""
    deliveries = WebhookEvent.objects.using(database())
    return deliveries.filter(account=event.account, kind=event.kind, digest=event.digest)


def _count_repeat(event: WebhookEvent) -> bool:
    """Count this copy if the delivery was processed before, and return True. Return False if it was not processed."""
    processed = _copies(event).filter(processed_at__isnull=False)
    return bool(processed.exclude(outcome__in=REPEATABLE_OUTCOMES).update(deliveries=F("deliveries") + 1))


def keep_failed(event: WebhookEvent, error: Exception, message: DepositReport | Event | None = None) -> None:
    """Store a failed delivery with its error in a new database transaction. Its effect was rolled back before.

    The deposit or purchase that ``message`` names is stored too, so that the page of this row shows the delivery.
    ``message`` is None if the delivery could not be read.
    """

    def block() -> None:
        same = _copies(event)
        same.update(deliveries=F("deliveries"))  # begins with a write: on SQLite, a write after a read may fail
        first = same.first() or event  # the age counts from the time when the first copy was received
        next_try_at = _next_try_at(first)
        too_old = next_try_at is None or utc_now() - first.received_at > conf.stuck_after()
        failed = {
            "error": _error_text(error),
            "outcome": Outcome.FAILED,
            "next_try_at": next_try_at,
            "needs_review": too_old,
        }
        enters_queue = too_old and not first.needs_review
        named = _named_row(event.account, message)
        # The stored delivery may be processed already: by another process, or by a commit whose answer was lost.
        if same.filter(processed_at=None).update(**failed, **named):
            if enters_queue:
                first.refresh_from_db(using=database(), fields=list(failed))
                announce_queue_entered(first, Queue.DELIVERIES)
            return
        if same.exists():
            return
        event.pk, event._state.adding = None, True
        event.processed_at, event.outcome, event.error = None, Outcome.FAILED, _error_text(error)
        event.next_try_at, event.needs_review = next_try_at, too_old
        event.deposit, event.purchase = named.get("deposit"), named.get("purchase")
        event.save(using=database())
        if enters_queue:
            announce_queue_entered(event, Queue.DELIVERIES)

    run(block)


def _named_row(account: str, message: DepositReport | Event | None) -> dict[str, Any]:
    """Return the row that a message names, as the value of a delivery's column. Return {} if there is no such row."""
    row: Deposit | Purchase | None = None
    if isinstance(message, DepositReport):
        row = look(Deposit, account=account, **deposits.ids_of(message))
    elif message is not None and message.purchase is not None:
        row = look(Purchase, account=account, **purchases.ids_of(message.purchase))
    return {} if row is None else {str(row._meta.model_name): row}


def _error_text(error: Exception) -> str:
    """Return the text to store about an error.

    For RolledBack this is the message, which says what to do. For any other error this is the name of the class.
    """
    return str(error) if isinstance(error, RolledBack) else type(error).__name__


def secrets_of(account: str) -> tuple[str, ...]:
    """Return the secrets with which SkinsBack may sign deliveries of the account. Raise NoSecret if there is none."""
    try:
        return conf.keys(account).secrets
    except ConfigurationError as error:
        raise NoSecret(str(error)) from None


def verify(kind: str, account: str, body: bytes, headers: Mapping[str, str]) -> DepositReport | Event:
    """Check the signature of a delivery, and return its report or event.

    Raise NotificationRefused if the signature is not valid or the body cannot be read.
    """
    secrets = secrets_of(account)
    if kind == Kind.DEPOSIT:
        return read_deposit_notification(body, headers.get("Content-Type", ""), secrets=secrets)
    return read_event(body, headers, secrets=secrets)
