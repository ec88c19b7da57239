"""What SkinsBack delivers: verified, stored as it came, and applied, all or nothing.

A delivery and its effect are one database transaction. If applying it fails, the effect is undone and the delivery is
kept alone with the error, to be applied by its redelivery, by the sweep or by hand.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models import F

from ... import conf
from ...exceptions import ConfigurationError, NoSecret, NotificationRefused, RolledBack
from ...models import Deposit, Purchase, WebhookEvent
from ...models.fields import utc_now
from ...wire.notifications import Event, read_deposit_notification, read_event
from ...wire.readers import storable
from ...wire.types import DepositReport
from ..deposits import report as deposits
from ..forget_user import RAW_DATA
from ..ledger.database import database, run
from ..ledger.edit import Source
from ..ledger.record import Decision, Outcome
from ..monitoring.balance import store_balance
from ..purchases import report as purchases
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
    """Store a delivery with its effect, in one database transaction. A copy of one that was applied is only counted."""

    def block() -> WebhookEvent.Outcome:
        event.pk, event._state.adding = None, True  # as it was before an attempt that was rolled back
        decision = _decide(event, message)
        if decision.outcome != Outcome.APPLIED and _count_repeat(event):
            return Outcome.REPEAT
        for name, value in _result(event, decision, utc_now()).items():
            setattr(event, name, value)
        event.save(using=database(), force_insert=True)
        _apply(event, message, decision)
        return decision.outcome

    try:
        return run(block, repeat_after_integrity_error=False)
    except IntegrityError:
        stored = _stored(event)
        if stored is None:  # not the delivery but an ID of its row was taken meanwhile, or a receiver's veto
            return _keep_if_it_fails(event, block)
    except Exception as error:
        keep_failed(event, error)
        raise
    if _count_repeat(event):
        return Outcome.REPEAT
    WebhookEvent.objects.using(database()).filter(pk=stored.pk).update(deliveries=F("deliveries") + 1)
    return apply_stored(stored, message)


def apply_stored(event: WebhookEvent, message: DepositReport | Event) -> WebhookEvent.Outcome:
    """Apply a delivery that is stored already. Its row is locked before it is marked processed: it is applied once."""

    def block() -> WebhookEvent.Outcome:
        decision = _decide(event, message)
        same = WebhookEvent.objects.using(database()).filter(pk=event.pk, processed_at=event.processed_at)
        if not same.update(**{"error": "", **_result(event, decision, utc_now())}):
            return Outcome.REPEAT
        _apply(event, message, decision)
        return decision.outcome

    return _keep_if_it_fails(event, block)


def _keep_if_it_fails(event: WebhookEvent, block: Callable[[], WebhookEvent.Outcome]) -> WebhookEvent.Outcome:
    try:
        return run(block)
    except Exception as error:
        keep_failed(event, error)
        raise


def _decide(event: WebhookEvent, message: DepositReport | Event) -> Decision[Any]:
    """Lock the row that a delivery is about and decide what the delivery means."""
    if isinstance(message, DepositReport):
        return deposits.decide(message, Source.WEBHOOK, account=event.account, event=event)
    if message.purchase is not None:
        return purchases.decide(message.purchase, Source.WEBHOOK, account=event.account, event=event)
    return Decision(Outcome.IGNORED if message.balance is None else Outcome.APPLIED)


def _apply(event: WebhookEvent, message: DepositReport | Event, decision: Decision[Any]) -> None:
    """Write the effect of a delivery that is stored, and verify that both are saved."""
    decision.save()
    if isinstance(message, Event) and message.balance is not None:
        store_balance(event.account, message.balance)
    is_verified = decision.edit is not None and decision.edit.changed  # together with the row
    if not is_verified and not WebhookEvent.objects.using(database()).filter(pk=event.pk).exists():
        raise RolledBack


def _result(event: WebhookEvent, decision: Decision[Any], now: datetime) -> dict[str, Any]:
    """What is noted on a delivery once it is known what becomes of it."""
    row, unmatched = decision.row, decision.outcome == Outcome.UNMATCHED
    return {
        "outcome": decision.outcome,
        "processed_at": None if unmatched else now,
        "next_try_at": _next_try(event) if unmatched else None,
        "needs_review": False,
        "deposit": row if isinstance(row, Deposit) else None,
        "purchase": row if isinstance(row, Purchase) else None,
        **(RAW_DATA if row is not None and row.forgotten_at is not None else {}),
    }


def _next_try(event: WebhookEvent) -> datetime | None:
    """Ever later, as the delivery grows old, until it is left to an operator."""
    now = utc_now()
    age = now - event.received_at
    return None if age > APPLY_AGAIN_FOR else now + min(max(age, FIRST_PAUSE), LONGEST_PAUSE)


def _stored(event: WebhookEvent) -> WebhookEvent | None:
    same = WebhookEvent.objects.using(database()).filter(account=event.account, kind=event.kind, digest=event.digest)
    return same.first()


def _count_repeat(event: WebhookEvent) -> bool:
    """Whether the very same delivery was made use of before; if so it is only counted."""
    same = WebhookEvent.objects.using(database()).filter(
        account=event.account, kind=event.kind, digest=event.digest, processed_at__isnull=False
    )
    return bool(same.exclude(outcome__in=WORTH_ANOTHER_TRY).update(deliveries=F("deliveries") + 1))


def keep_failed(event: WebhookEvent, error: Exception) -> None:
    """Keep the delivery alone, in a database transaction of its own; the effect has been undone."""

    def block() -> None:
        same = WebhookEvent.objects.using(database()).filter(
            account=event.account, kind=event.kind, digest=event.digest
        )
        first = same.first() or event  # a copy is as old as the delivery that is kept already
        next_try_at = _next_try(first)
        too_old = next_try_at is None or utc_now() - first.received_at > conf.stuck_after()
        kept = {"error": _cause(error), "outcome": Outcome.FAILED, "next_try_at": next_try_at, "needs_review": too_old}
        # Applied after all: the answer of its commit was lost, or another process did it meanwhile.
        if same.filter(processed_at=None).update(**kept) or same.exists():
            return
        event.pk, event._state.adding = None, True
        event.processed_at, event.outcome, event.error = None, Outcome.FAILED, _cause(error)
        event.next_try_at, event.needs_review = next_try_at, too_old
        event.deposit = event.purchase = None
        event.save(using=database())

    run(block)


def _cause(error: Exception) -> str:
    """The error as it is kept: the whole text of RolledBack, which says what to do, else only the name of its class."""
    return str(error) if isinstance(error, RolledBack) else type(error).__name__


def secrets_of(account: str) -> tuple[str, ...]:
    """The secrets that deliveries of an account may be signed with. Raises NoSecret if there is none."""
    if account not in conf.accounts():
        raise NoSecret
    try:
        return conf.keys(account).secrets
    except ConfigurationError as error:
        raise NoSecret(str(error)) from None


def verify(kind: str, account: str, body: bytes, headers: Mapping[str, str]) -> DepositReport | Event:
    """Parse a delivery and check its signature. Raises NotificationRefused."""
    secrets = secrets_of(account)
    if kind == Kind.DEPOSIT:
        return read_deposit_notification(body, headers.get("Content-Type", ""), secrets=secrets)
    return read_event(body, headers, secrets=secrets)
