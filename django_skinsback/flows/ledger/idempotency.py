"""Idempotency keys: the same key of the same person returns the row that was made before."""

import hashlib
import json
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ...exceptions import IdempotencyConflict
from ...money import amount_text
from .database import current, database
from .edit import Row


def key_digest(account: str, person: Any, key: str, position: int = 0) -> str | None:
    """Return the digest for the column ``idempotency_digest``; None without a key.

    ``person`` is the user, or the operator if there is no user. ``position`` is the index of the skin in a batch.
    """
    if not key:
        return None
    owner = "" if person is None else str(person.pk)
    return digest([account, owner, key, position])


def request_digest(**parameters: Any) -> str:
    """Return the digest of a request's parameters. With the same key, another digest means another request."""
    return digest(parameters)


def find_earlier(model: type[Row], key: str | None, request: str, *, is_taken: bool = False) -> Row | None:
    """Return the row that was made with this key digest; None if there is none, or without a key.

    Pass ``is_taken=True`` after an insert has failed because the key exists. The row is then found even if the snapshot
    of the caller's transaction does not contain it. Before the insert nothing is locked, because a lock on a missing
    key would block the inserts of other processes.

    Raises IdempotencyConflict if that row was made with other parameters.
    """
    if key is None:
        return None
    rows = model._default_manager.using(database()).filter(idempotency_digest=key)
    row: Row | None = (newest(rows) if is_taken else rows).first()
    if row is not None and row.request_digest != request:
        raise IdempotencyConflict
    return row


def newest(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Return ``rows`` as a query that reads the newest version, even inside a transaction of the caller."""
    return current(rows) if transaction.get_connection(database()).in_atomic_block else rows


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON. Zeros at the end of an amount do not change the digest."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_text).encode()).hexdigest()


def _text(value: object) -> str:
    return amount_text(value) if isinstance(value, Decimal) else str(value)
