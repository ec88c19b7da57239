"""Makes the idempotency keys of the deposit forms, and finds the deposit that was opened with a key."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet

from .. import conf
from ..flows.ledger.database import database
from ..flows.ledger.idempotency import key_digest
from ..models import Deposit
from ..models.fields import utc_now
from ..statuses import DepositStatus

OPEN_FOR = timedelta(minutes=30)
"""How long the form returns a deposit that is not paid. Later, the form opens another deposit."""

ANSWER_WITHIN = timedelta(minutes=2)
"""How long the form waits for SkinsBack's answer to a new deposit. Later, the form opens another deposit."""

_NAMESPACE = uuid.UUID("c7f0a3de-50c6-4d0f-9a6b-0d5a7f1b8e42")


def unpaid(user: Any) -> "QuerySet[Deposit]":
    """Return the deposits of the last 30 minutes that the user can still pay, or that are still being opened.

    The newest deposit is first.
    """
    now = utc_now()
    can_pay = Q(status=DepositStatus.PENDING) & (~Q(pay_url="") | Q(trade_offer_expires_at__gt=now))
    is_opening = Q(status=DepositStatus.CREATED, created_at__gt=now - ANSWER_WITHIN)
    deposits = Deposit.objects.using(database()).filter(user=user, created_at__gt=now - OPEN_FOR)
    return deposits.filter(can_pay | is_opening).order_by("-pk")


def form_key(user: Any) -> uuid.UUID:
    """Return the key of the deposit forms.

    The key stays the same until a deposit of the user is paid or cannot be paid any more. So after a reload or the
    browser's back button, the form returns the same deposit. Other users cannot use the key, because the flows combine
    the key with the user.
    """
    deposits = Deposit.objects.using(database()).filter(user=user)
    settled = deposits.exclude(pk__in=unpaid(user).order_by().values("pk")).order_by("-pk")
    newest = settled.values_list("public_id", flat=True).first()
    return uuid.uuid5(_NAMESPACE, f"{user.pk} {newest}")


def request_key(key: uuid.UUID, *choices: str) -> uuid.UUID:
    """Return the idempotency key for the choices in a form. Other choices in the same form give another key."""
    return uuid.uuid5(key, "\n".join(choices))


def find_deposit(user: Any, key: uuid.UUID) -> Deposit | None:
    """Return the deposit that the user opened with the key of a request. Return None if there is no such deposit."""
    digest = key_digest(conf.DEFAULT_ACCOUNT, user, str(key))
    return Deposit.objects.using(database()).filter(user=user, idempotency_digest=digest).first()
